//! What one file says of itself, and what is not read at all.

use super::*;

/// Code and comments hold no headings, whatever they look like.
#[test]
fn a_title_is_read_as_markdown_means_it() {
    for (text, expected) in [
        ("# C#\n", Some("C#")),
        ("````md\n```\n# not this\n```\n````\n# This\n", Some("This")),
        ("```\n# not this\n```rust\n# nor this\n```\n# This\n", Some("This")),
        ("    # indented code\n\n## This `one`\n", Some("This one")),
        ("<!--\n# not this\n-->\n\n# This\n", Some("This")),
        ("#\n\nText\n", None),
    ] {
        assert_eq!(title(text).as_deref(), expected, "{text:?}");
    }
}

/// What is read must lie in the folder even if a folder on its way became a link
/// after the listing.
#[cfg(unix)]
#[test]
fn a_folder_that_became_a_link_is_not_followed() {
    let (inside, outside) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("another"));
    let inside = inside.path().canonicalize().expect("it is there");
    std::fs::write(outside.path().join("secret.md"), "# Secret").expect("a file");
    std::os::unix::fs::symlink(outside.path(), inside.join("sub")).expect("a link");
    assert!(read(&inside, "sub/secret.md").expect("no error").is_none());
    std::fs::write(inside.join("plain"), "text").expect("a file");
    assert!(read(&inside, "plain/was-a-folder.md").expect("no error").is_none());
}
