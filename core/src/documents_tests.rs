//! What a folder shows of itself, and what it cannot make us do.

use std::fs;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::*;
use crate::digest::sha256_hex;

/// A folder on disk, and where it really is.
struct Folder {
    path: PathBuf,
    /// Deletes it in the end.
    _keep: TempDir,
}

impl Folder {
    fn new() -> Self {
        let keep = tempfile::tempdir().expect("a folder for the test");
        Self { path: keep.path().canonicalize().expect("it is there"), _keep: keep }
    }

    fn with(files: &[&str]) -> Self {
        let folder = Self::new();
        for file in files {
            folder.write(file, "text");
        }
        folder
    }

    fn at(&self, path: &str) -> PathBuf {
        self.path.join(path)
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let full = self.at(path);
        fs::create_dir_all(full.parent().expect("it is in the folder")).expect("folders can be made");
        fs::write(full, bytes).expect("files can be written");
    }

    #[cfg(unix)]
    fn link(&self, path: &str, target: impl AsRef<Path>) {
        std::os::unix::fs::symlink(target, self.at(path)).expect("links can be made");
    }

    fn resolve(&self, path: &str, roots: &[&str]) -> Result<PathBuf, Unusable> {
        let roots: Vec<PathBuf> = roots.iter().map(|root| self.at(root)).collect();
        resolve(self.at(path).to_str().expect("plain names"), &roots)
    }

    fn list(&self, texts: &[&str]) -> Listing {
        list(&self.path, &compiled(texts).expect("good patterns"))
    }

    /// The document that a file of these bytes becomes.
    fn document(&self, path: &str, bytes: impl AsRef<[u8]>) -> Document {
        self.write(path, bytes);
        read(&self.path, path).expect("it can be read").expect("it is there")
    }
}

fn compiled(texts: &[&str]) -> Result<GlobSet, String> {
    patterns(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
}

fn skipped(listing: &Listing) -> Vec<(&str, &str)> {
    let mut all: Vec<_> = listing.skipped.iter().map(|skipped| (skipped.path.as_str(), skipped.why.as_str())).collect();
    all.sort_unstable();
    all
}

/// S4.24: a folder that is not there is told apart from one that is not allowed.
#[test]
fn a_path_resolves_only_to_a_folder_under_a_root() {
    let disk = Folder::with(&["docs/sub/a.md", "docs/file.md", "docs-old/a.md", "other/a.md"]);
    for (path, expected) in [
        ("docs", Ok("docs")),
        ("docs/", Ok("docs")),
        ("docs/sub", Ok("docs/sub")),
        ("docs/sub/../sub/.", Ok("docs/sub")),
        ("other/../docs/sub", Ok("docs/sub")),
        ("docs/none", Err(Unusable::NotFound)),
        ("docs/none/deeper", Err(Unusable::NotFound)),
        ("docs/file.md", Err(Unusable::NotFound)),
        ("docs/file.md/none", Err(Unusable::NotFound)),
        ("docs-old", Err(Unusable::NotAllowed)),
        ("other", Err(Unusable::NotAllowed)),
        ("other/a.md", Err(Unusable::NotAllowed)),
        ("other/none", Err(Unusable::NotAllowed)),
        ("docs/..", Err(Unusable::NotAllowed)),
        ("docs/../other", Err(Unusable::NotAllowed)),
        ("docs/sub/../../other", Err(Unusable::NotAllowed)),
        ("docs/../none", Err(Unusable::NotAllowed)),
        ("docs/none/../../other", Err(Unusable::NotAllowed)),
    ] {
        assert_eq!(disk.resolve(path, &["docs"]), expected.map(|found| disk.at(found)), "{path}");
        assert_eq!(disk.resolve(path, &[]), Err(Unusable::NotAllowed), "{path}: without roots nothing is allowed");
    }
    assert_eq!(disk.resolve("other", &["docs", "other"]), Ok(disk.at("other")), "any of several roots will do");
    assert_eq!(disk.resolve("gone/sub", &["gone", "docs"]), Err(Unusable::NotFound), "a root may come yet");
    assert_eq!(resolve("", &[disk.at("docs")]), Err(Unusable::NotAllowed));
}

#[cfg(unix)]
#[test]
fn links_are_judged_by_where_they_lead() {
    let disk = Folder::with(&["docs/sub/a.md", "other/a.md"]);
    disk.link("docs/inner", disk.at("docs/sub"));
    disk.link("docs/outer", disk.at("other"));
    disk.link("docs/climbing", "../other");
    disk.link("docs/dangling", disk.at("docs/none"));
    disk.link("docs/endless", disk.at("docs/endless"));
    disk.link("way-in", disk.at("docs/sub"));
    disk.link("root", disk.at("docs"));
    for (path, expected) in [
        ("docs/inner", Ok("docs/sub")),
        ("way-in", Ok("docs/sub")),
        ("root", Ok("docs")),
        ("root/sub", Ok("docs/sub")),
        ("docs/outer", Err(Unusable::NotAllowed)),
        ("docs/outer/..", Err(Unusable::NotAllowed)),
        ("docs/climbing", Err(Unusable::NotAllowed)),
        ("root/outer", Err(Unusable::NotAllowed)),
        ("docs/dangling", Err(Unusable::NotFound)),
        ("docs/endless", Err(Unusable::NotFound)),
    ] {
        for root in ["docs", "root"] {
            let expected = expected.clone().map(|found| disk.at(found));
            assert_eq!(disk.resolve(path, &[root]), expected, "{path} under {root}");
        }
    }
    for path in ["root/none", "docs/none"] {
        assert_eq!(disk.resolve(path, &["root"]), Err(Unusable::NotFound), "{path}: a root has the name it was given and its real one");
    }
}

#[test]
fn patterns_choose_files_by_their_whole_path() {
    let files = ["a.md", "b.MD", "c.txt", "sub/d.md", "sub/deep/e.md", ".hidden/f.md", "g[1].md"];
    let disk = Folder::with(&files);
    for (texts, expected) in [
        (&[][..], &[".hidden/f.md", "a.md", "g[1].md", "sub/d.md", "sub/deep/e.md"][..]),
        (&["*.md"], &["a.md", "g[1].md"]),
        (&["sub/*.md"], &["sub/d.md"]),
        (&["sub/**/*.md"], &["sub/d.md", "sub/deep/e.md"]),
        (&["*.txt", "sub/deep/*"], &["c.txt", "sub/deep/e.md"]),
        (&["*.{txt,MD}"], &["b.MD", "c.txt"]),
        (&["[ab].*"], &["a.md", "b.MD"]),
        (&["g[[]1].md"], &["g[1].md"]),
        (&["?.md"], &["a.md"]),
        (&["none/*"], &[]),
    ] {
        let listing = disk.list(texts);
        assert_eq!(listing.paths, expected, "{texts:?}");
        assert!(listing.unread.is_empty() && listing.skipped.is_empty(), "{listing:?}");
    }
}

#[test]
fn a_pattern_that_means_nothing_is_named() {
    for bad in ["[", "a[b", "a[z-a].md", "{a", "a}", "a\\", "[]"] {
        let why = compiled(&["*.md", bad]).expect_err(bad);
        assert!(why.starts_with(&format!("\"{bad}\" is not a pattern: ")) && why.len() > bad.len() + 22, "{why}");
    }
}

#[test]
fn names_are_listed_in_the_order_of_their_bytes() {
    let disk = Folder::with(&["b.md", "a.md", "B.md", "a/z.md", "a-b.md", "a b.md", "é.md", "a/a/1.md", "10.md", "9.md"]);
    fs::create_dir(disk.at("folder.md")).expect("folders can be made");
    let listing = disk.list(&[]);
    assert_eq!(listing.paths, ["10.md", "9.md", "B.md", "a b.md", "a-b.md", "a.md", "a/a/1.md", "a/z.md", "b.md", "é.md"]);
    assert!(listing.skipped.is_empty(), "a folder is not a file, whatever its name");
}

/// S4.28: an empty folder is a complete listing of nothing.
#[test]
fn an_empty_folder_lists_nothing_and_leaves_nothing_unread() {
    let listing = Folder::new().list(&[]);
    assert!(listing.paths.is_empty() && listing.unread.is_empty() && listing.skipped.is_empty());
}

#[cfg(unix)]
#[test]
fn links_are_left_out_and_named_if_they_would_have_matched() {
    let disk = Folder::with(&["a.md", "sub/b.md"]);
    let outside = Folder::with(&["c.md"]);
    disk.link("inner.md", disk.at("a.md"));
    disk.link("outer.md", outside.at("c.md"));
    disk.link("dangling.md", disk.at("none.md"));
    disk.link("folder.md", &outside.path);
    disk.link("folder", &outside.path);
    disk.link("endless", &disk.path);
    disk.link("other.txt", disk.at("a.md"));
    let listing = disk.list(&[]);
    assert_eq!(listing.paths, ["a.md", "sub/b.md"]);
    let why = "is a link, and links are not followed";
    assert_eq!(skipped(&listing), [("dangling.md", why), ("folder.md", why), ("inner.md", why), ("outer.md", why)]);
    assert!(listing.unread.is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf_8_are_left_out_and_named() {
    use std::os::unix::ffi::OsStrExt;
    let disk = Folder::with(&["a.md"]);
    for name in [&b"\xff.md"[..], b"\xff.txt"] {
        fs::write(disk.path.join(std::ffi::OsStr::from_bytes(name)), "text").expect("Linux takes any bytes");
    }
    let listing = disk.list(&[]);
    assert_eq!(listing.paths, ["a.md"]);
    assert_eq!(skipped(&listing), [("\u{fffd}.md", "has a name that is not UTF-8")]);
    assert!(listing.unread.is_empty());
}

/// A folder that went away says nothing of what was in it.
#[test]
fn a_folder_that_is_gone_is_not_an_empty_one() {
    let listing = list(&Folder::new().at("gone"), &compiled(&[]).expect("the defaults are good"));
    assert_eq!((listing.paths.len(), listing.unread.len()), (0, 1));
    assert!(!listing.unread[0].why.is_empty());
}

/// What could not be looked at is not known to be gone. A path longer than the
/// system takes cannot be opened, not even by root; it comes about when a deep
/// folder is moved into another.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_opened_makes_the_listing_incomplete() {
    let disk = Folder::with(&["a.md", "zz/b.md"]);
    let deep = vec!["d".repeat(200); 12].join("/");
    fs::create_dir_all(disk.at("one").join(&deep)).expect("half as deep can be made");
    fs::create_dir_all(disk.at("two").join(&deep)).expect("half as deep can be made");
    fs::rename(disk.at("two"), disk.at("one").join(&deep).join("two")).expect("it can be moved");
    let listing = disk.list(&[]);
    assert_eq!(listing.paths, ["a.md", "zz/b.md"], "the rest is listed all the same");
    assert_eq!(listing.unread.len(), 1, "one folder too deep to open");
    let Skipped { path, why } = &listing.unread[0];
    assert!(path.starts_with("one/ddd") && !why.is_empty(), "{path} {why}");
}

#[test]
fn a_title_is_the_first_heading_that_is_one() {
    let long = format!("# {}", "é".repeat(400));
    let cut = "é".repeat(300);
    for (text, expected) in [
        ("# One\n# Two", Some("One")),
        ("text\n\n## Two ##\n", Some("Two")),
        ("###### Six", Some("Six")),
        ("#\tTab", Some("Tab")),
        ("  # Indented", Some("Indented")),
        ("# A #1 thing", Some("A #1 thing")),
        ("#hashtag\n\n# Title", Some("Title")),
        ("####### Seven\n\n# Title", Some("Title")),
        ("#\n\n# Title", Some("Title")),
        ("Title\n=====\ntext", Some("Title")),
        ("text\n\nTitle\n---\n", Some("Title")),
        ("text\n\n---\n\n# Title", Some("Title")),
        ("| a |\n| --- |\n\n# Title", Some("Title")),
        ("```sh\n# a comment\n```\n# Title", Some("Title")),
        ("~~~\n# a comment\n```\n# another\n~~~\n# Title", Some("Title")),
        ("text\n```\n===\n```\n# Title", Some("Title")),
        ("```\n# never closed", None),
        ("---\ntitle: x\n# a comment\n---\n# Title", Some("Title")),
        ("---\ntags: x\n---\ntext", None),
        ("\u{feff}# Title", Some("Title")),
        ("\u{feff}---\r\ntags: x\r\n---\r\n# Title\r\n", Some("Title")),
        ("Title\r\n=====\r\n", Some("Title")),
        ("```\r\n# a comment\r\n```\r\n# Title\r\n", Some("Title")),
        (&long, Some(&cut)),
        ("text without a heading", None),
        ("", None),
    ] {
        assert_eq!(title(text).as_deref(), expected, "{text:?}");
    }
}

#[test]
fn a_document_is_named_by_its_heading_or_else_by_its_file() {
    let disk = Folder::new();
    let stem = |path: &str, text: &[u8]| disk.document(path, text).item.title;
    assert_eq!(stem("sub/guide.md", b"text\n\n# Guide to all\n"), "Guide to all");
    assert_eq!(stem("sub/read.me.md", b"no heading"), "read.me");
    assert_eq!(stem("empty.md", b""), "empty");
    assert_eq!(stem(".md", b""), ".md");
    let late = format!("{}\n# Late\n", "x".repeat(TITLE_BYTES));
    assert_eq!(stem("late.md", late.as_bytes()), "late", "only the beginning is looked at");
}

#[test]
fn a_document_is_an_item_that_knows_its_content() {
    let disk = Folder::new();
    disk.write("sub/a.md", "# Title\n");
    let changed = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
    File::options().write(true).open(disk.at("sub/a.md")).and_then(|file| file.set_modified(changed)).expect("a time can be set");
    let document = read(&disk.path, "sub/a.md").expect("it can be read").expect("it is there");
    let item = document.item;
    assert_eq!((item.kind, item.external_id.as_str(), item.state.as_str()), (ItemType::Document, "document:sub/a.md", "open"));
    assert_eq!((item.path.as_deref(), item.updated_at), (Some("sub/a.md"), Some(Moment(1_700_000_000_250))));
    assert_eq!((item.body, item.created_at, document.oddity), (None, None, None));
}

#[test]
fn size_and_sha_256_are_those_of_the_bytes() {
    let disk = Folder::new();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    for (bytes, sha256) in [(&b""[..], empty), (b"abc", abc)] {
        let item = disk.document("a.md", bytes).item;
        assert_eq!((item.size, item.sha256.as_deref()), (Some(bytes.len() as u64), Some(sha256)));
    }
    for length in [65_535, 65_536, 65_537, 200_000] {
        let bytes: Vec<u8> = (0..length).map(|position: usize| (position % 251) as u8).collect();
        let item = disk.document("a.md", &bytes).item;
        assert_eq!((item.size, item.sha256), (Some(length as u64), Some(sha256_hex(&bytes))), "{length} bytes, text or not");
    }
}

#[test]
fn text_may_be_cut_anywhere_and_is_still_text() {
    let text = "aé€😀z".as_bytes();
    let whole = |pieces: &[&[u8]]| {
        let mut seen = Utf8::default();
        for piece in pieces {
            seen.push(piece);
        }
        seen.is_whole()
    };
    for one in 0..=text.len() {
        for two in one..=text.len() {
            assert!(whole(&[&text[..one], &text[one..two], &text[two..]]), "cut at {one} and {two}");
        }
        let cut_short = std::str::from_utf8(&text[..one]).is_err();
        assert_eq!(whole(&[&text[..one]]), !cut_short, "nothing after {one}");
        assert!(!whole(&[&text[..one], b"\xff", &text[one..]]), "a wrong byte at {one}");
    }
    for bad in [&b"\xc0\xaf"[..], b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x80"] {
        assert!(!whole(&[bad]), "{bad:?}");
    }
}

#[test]
fn a_file_is_odd_if_it_is_not_text_wherever_the_buffer_ends() {
    let disk = Folder::new();
    for before in 65_530..=65_540 {
        let text = format!("# Title\n{}", "x".repeat(before - 8));
        let good = disk.document("good.md", format!("{text}😀 and more"));
        assert_eq!((good.item.title.as_str(), good.oddity), ("Title", None), "{before}");
        for tail in [&b"\xf0\x9f\x98"[..], b"\xff and more"] {
            let bad = disk.document("bad.md", [text.as_bytes(), tail].concat());
            assert_eq!(bad.item.title, "bad", "{before}: its own words cannot be trusted");
            assert!(bad.oddity.is_some_and(|oddity| oddity.contains("UTF-8")), "{before}");
        }
    }
}

#[test]
fn a_file_that_is_no_file_any_more_is_gone() {
    let disk = Folder::with(&["gone.md", "folder.md"]);
    let listed = disk.list(&[]).paths;
    assert_eq!(listed, ["folder.md", "gone.md"]);
    for path in &listed {
        fs::remove_file(disk.at(path)).expect("it is there");
    }
    fs::create_dir(disk.at("folder.md")).expect("folders can be made");
    for path in listed.iter().map(String::as_str).chain(["no/such/folder.md"]) {
        assert!(read(&disk.path, path).expect("it is no error").is_none(), "{path}");
    }
}

/// What a link leads to may lie outside every root.
#[cfg(unix)]
#[test]
fn a_file_that_became_a_link_is_not_read_through_it() {
    let (disk, outside) = (Folder::with(&["a.md", "b.md", "c.md", "real.md"]), Folder::with(&["secret.md"]));
    assert_eq!(disk.list(&[]).paths.len(), 4);
    for (path, target) in [("a.md", outside.at("secret.md")), ("b.md", disk.at("real.md")), ("c.md", disk.at("none"))] {
        fs::remove_file(disk.at(path)).expect("it is there");
        disk.link(path, target);
        assert!(read(&disk.path, path).expect("it is no error").is_none(), "{path}");
    }
}
