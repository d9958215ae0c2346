//! What lies in repositories beside code: it stops nothing, and it is not found as if
//! it were code.

use serde_json::{Value, json};

use super::{FILES, Given, count, counts, given, given_with};
use crate::git_remote::{Change, GitRemote, LARGE_FILE_POINTER};
use crate::world::World;

crate::scenarios![
    what_is_no_text_is_left_out,
    a_link_is_not_followed,
    a_submodule_is_another_repository,
    what_is_too_long_is_left_out_and_told,
    a_pointer_to_a_large_file_is_not_the_file,
    odd_names_are_names,
    odd_texts_are_texts,
];

/// A repository with the three files, and these things beside them.
async fn given_besides<'w>(world: &'w World, changes: &[Change<'_>]) -> Given<'w> {
    let remote = GitRemote::with(&FILES).await;
    remote.record("main", changes, "Odd things");
    given_with(world, remote, json!({})).await
}

/// The three files are there, and nothing of the others.
async fn assert_only_code(given: &Given<'_>, job: &Value, query: &str) {
    assert_eq!(given.paths("open the umbrella when it rains").await[0], "src/umbrella.rs", "{job:#}");
    let known = FILES.map(|(path, _)| path.to_owned());
    for path in given.paths(query).await {
        assert!(known.contains(&path), "{path} is found: {job:#}");
    }
}

/// Pictures, programs and the like have no words to be found by. Becoming one is being
/// removed.
async fn what_is_no_text_is_left_out(world: &World) {
    let picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR the giraffe stands in the savannah \0\0\x01\xff";
    let given =
        given_besides(world, &[Change::Put("giraffe.png", picture), Change::Put("bin/giraffe", &[0, 159, 146, 150, 0, 1, 2])]).await;

    let job = given.indexed(json!({})).await;

    assert_only_code(&given, &job, "the giraffe stands in the savannah").await;
    given.remote.record("main", &[Change::Put("src/umbrella.rs", picture)], "A picture of it");
    given.indexed(json!({})).await;
    assert!(!given.paths("open the umbrella when it rains").await.contains(&"src/umbrella.rs".to_owned()));
}

/// Neither what it leads to in the repository, nor on the machine that indexes.
async fn a_link_is_not_followed(world: &World) {
    let links = [
        Change::Link("src/link.rs", "umbrella.rs"),
        Change::Link("machine", "/etc/passwd"),
        Change::Link("up", "../../../../../../etc/hostname"),
        Change::Link("round", "round"),
        Change::Link("folder", "src"),
    ];
    let given = given_besides(world, &links).await;

    let job = given.indexed(json!({})).await;

    assert_only_code(&given, &job, "open the umbrella when it rains").await;
    for result in given.search("root daemon nologin home", "&limit=50").await {
        assert!(!result["snippet"].as_str().unwrap().contains("root:"), "{result:#}");
    }
}

/// What it stands at is not in this repository; nobody goes and gets it.
async fn a_submodule_is_another_repository(world: &World) {
    let other = GitRemote::with(&[("lib.rs", "/// Measures the giraffe.\n")]).await;
    let settings = format!("[submodule \"vendored\"]\n\tpath = vendored\n\turl = {}\n", other.url());
    let at = other.head("main");
    let changes = [Change::Put(".gitmodules", settings.as_bytes()), Change::Module("vendored", &at)];
    let given = given_besides(world, &changes).await;

    let job = given.indexed(json!({})).await;

    assert!(!given.paths("measure the giraffe").await.iter().any(|path| path.starts_with("vendored")), "{job:#}");
    assert_eq!(other.asked().len(), 0);
    let next = other.commit("main", &[("more.rs", Some("/// Feeds the pelican.\n"))], "More");
    given.remote.record("main", &[Change::Module("vendored", &next)], "The newer one");
    let job = given.indexed(json!({})).await;
    assert_eq!((counts(&job)[..3].to_vec(), other.asked().len()), (vec![0, 0, 0], 0), "{job:#}");
}

/// What nobody wrote by hand is not indexed. Whoever misses it is told.
async fn what_is_too_long_is_left_out_and_told(world: &World) {
    let long = "The giraffe stands in the savannah.\n".repeat(600_000);
    let given = given_besides(world, &[Change::Put("data/giraffes.txt", long.as_bytes())]).await;

    let job = given.indexed(json!({})).await;

    assert_only_code(&given, &job, "the giraffe stands in the savannah").await;
    assert!(job["warnings"].to_string().contains("data/giraffes.txt"), "{job:#}");
}

/// S1.74: what stands there in place of the file says nothing about it.
async fn a_pointer_to_a_large_file_is_not_the_file(world: &World) {
    let given = given_besides(world, &[Change::Put("model.bin", LARGE_FILE_POINTER.as_bytes())]).await;

    let job = given.indexed(json!({})).await;

    assert!(given.paths("git-lfs spec oid sha256 size").await.contains(&"model.bin".to_owned()), "what is there is found: {job:#}");
    assert!(job["warnings"].to_string().contains("model.bin"), "{job:#}");
}

/// S1.74: whatever a file system lets a file be called.
async fn odd_names_are_names(world: &World) {
    let names = [
        "src/with spaces and more.rs",
        "src/ünïcode/größe.rs",
        "src/日本語.rs",
        "src/quote\"d.rs",
        "src/it's.rs",
        "src/back\\slash.rs",
        "src/#hash?query&more=1%20.rs",
        "src/tab\tbed.rs",
        "src/[brackets]{braces}*.rs",
        "-dash.rs",
        ".hidden/.config.rs",
        "src/CASE.rs",
        "src/case.rs",
    ];
    let given = given(world, &FILES).await;
    let texts: Vec<String> = (0..names.len()).map(crate::git_remote::many_contents).collect();
    let changes: Vec<Change<'_>> = names.iter().zip(&texts).map(|(name, text)| Change::Put(name, text.as_bytes())).collect();
    given.remote.record("main", &changes, "Odd names");

    let job = given.indexed(json!({})).await;

    assert_eq!(counts(&job), [16, 0, 0, 0], "{job:#}");
    for (number, name) in names.iter().enumerate() {
        assert_eq!(given.paths(&crate::git_remote::word(number)).await[0], *name);
    }
    let removals: Vec<Change<'_>> = names.iter().map(|name| Change::Remove(name)).collect();
    given.remote.record("main", &removals, "No odd names");
    assert_eq!(counts(&given.indexed(json!({})).await), [0, 0, 13, 3]);
    assert!(!given.paths(&crate::git_remote::word(2)).await.contains(&names[2].to_owned()));
}

/// S1.74: empty files, files without an end of line, with other ends of lines, with one
/// long line, and in another alphabet.
async fn odd_texts_are_texts(world: &World) {
    let long_line = format!("var giraffe = [{}];", "\"savannah\", ".repeat(5_000));
    let many_lines = (0..3_000).map(|number| format!("let pelican_{number} = {number};\n")).collect::<Vec<_>>().concat();
    let remote = GitRemote::with(&[
        ("empty.rs", ""),
        ("blank.rs", "\n\n   \n"),
        ("no_end.rs", "/// Opens the umbrella without an end"),
        ("windows.rs", "/// Counts the whales.\r\npub fn count() {}\r\n"),
        ("greek.md", "# Η ομπρέλα\n\nΒρέχει στο λιμάνι.\n"),
        ("long_line.js", &long_line),
        ("many_lines.rs", &many_lines),
    ])
    .await;
    remote.record("main", &[Change::Put("latin1.txt", b"Der Gro\xdfe B\xe4r steht am Himmel.\n")], "Not in UTF-8");
    let given = given_with(world, remote, json!({})).await;

    let job = given.indexed(json!({})).await;

    assert_eq!(given.paths("open the umbrella without an end").await[0], "no_end.rs", "{job:#}");
    assert_eq!(given.paths("count the whales").await[0], "windows.rs");
    assert_eq!(given.paths("βρέχει στο λιμάνι").await[0], "greek.md");
    assert_eq!(given.paths("pelican_2999").await[0], "many_lines.rs");
    assert!(count(&job, "chunks_embedded") > 6, "{job:#}");
    for result in given.search("pelican_2999", "&limit=50").await {
        let (start, end) = (result["start_line"].as_u64().unwrap(), result["end_line"].as_u64().unwrap());
        assert!(1 <= start && start <= end && end <= 3_000, "{result:#}");
    }
    let again = given.indexed(json!({})).await;
    assert_eq!((counts(&again)[..3].to_vec(), count(&again, "chunks_embedded")), (vec![0, 0, 0], 0), "{again:#}");
}
