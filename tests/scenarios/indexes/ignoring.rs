//! What is not to be indexed: patterns as git reads them, of the source and of a
//! request.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Given, given, given_with};
use crate::git_remote::GitRemote;
use crate::world::World;

crate::scenarios![
    patterns_of_the_source_mean_what_they_mean_to_git,
    patterns_of_a_request_come_on_top,
    a_pattern_that_is_new_takes_away_what_it_names,
    what_changes_and_is_ignored_is_not_touched,
];

/// One text everywhere, so that a search finds every file that is there.
const TEXT: &str = "/// Opens the umbrella when it rains.\npub fn open() {}\n";

const PATHS: [&str; 12] = [
    "main.py",
    "main.pyc",
    "deep/down/more.pyc",
    "build/made.rs",
    "src/build/kept.rs",
    "docs/guide.md",
    "docs/keep.md",
    "src/generated/code.rs",
    "src/generated.rs",
    "a/x/z.txt",
    "a/x/y/z.txt",
    "# odd",
];

fn files() -> Vec<(&'static str, &'static str)> {
    PATHS.iter().map(|path| (*path, TEXT)).collect()
}

/// What of the files is found.
async fn there(given: &Given<'_>) -> BTreeSet<String> {
    given.paths("open the umbrella when it rains").await.into_iter().collect()
}

/// All the files but these.
fn but(gone: &[&str]) -> BTreeSet<String> {
    PATHS.iter().filter(|path| !gone.contains(path)).map(|path| (*path).to_owned()).collect()
}

/// S1.32: anywhere or from the root, files and folders, and what an exception takes
/// back; the last that matches decides.
async fn patterns_of_the_source_mean_what_they_mean_to_git(world: &World) {
    let table: [(Value, &[&str]); 10] = [
        (json!([]), &[]),
        (json!(["*.pyc"]), &["main.pyc", "deep/down/more.pyc"]),
        (json!(["/*.pyc"]), &["main.pyc"]),
        (json!(["build/"]), &["build/made.rs", "src/build/kept.rs"]),
        (json!(["/build/"]), &["build/made.rs"]),
        (json!(["docs/*", "!docs/keep.md"]), &["docs/guide.md"]),
        (json!(["!docs/keep.md", "docs/*"]), &["docs/guide.md", "docs/keep.md"]),
        (json!(["generated"]), &["src/generated/code.rs"]),
        (json!(["a/**/z.txt", "# odd", "", "main.p?"]), &["a/x/z.txt", "a/x/y/z.txt", "main.py"]),
        (json!(["\\# odd", "a/*/z.txt"]), &["# odd", "a/x/z.txt"]),
    ];
    let stories = table.map(async |(patterns, gone)| {
        let remote = GitRemote::with(&files()).await;
        let given = given_with(world, remote, json!({"ignore_patterns": patterns})).await;
        let job = given.indexed(json!({})).await;
        assert_eq!(there(&given).await, but(gone), "{patterns}: {job:#}");
        assert_eq!(given.stands("main").await.1 as usize, PATHS.len() - gone.len(), "{patterns}");
    });
    for story in stories {
        story.await;
    }
}

/// S1.32, S1.44: what the source ignores stays ignored; a request may add to it.
async fn patterns_of_a_request_come_on_top(world: &World) {
    let remote = GitRemote::with(&files()).await;
    let given = given_with(world, remote, json!({"ignore_patterns": ["*.pyc"]})).await;

    given.indexed(json!({"full_reindex": true, "ignore_patterns": ["docs/", "!main.pyc"]})).await;

    let found = there(&given).await;
    assert!(!found.contains("docs/guide.md") && !found.contains("docs/keep.md"), "{found:?}");
    assert!(found.contains("main.py") && !found.contains("deep/down/more.pyc"), "{found:?}");
}

/// S1.21, S1.32: who ignores what was indexed wants it gone, and who no longer ignores
/// it wants it back.
async fn a_pattern_that_is_new_takes_away_what_it_names(world: &World) {
    let given = given(world, &files()).await;
    given.indexed(json!({})).await;
    assert_eq!(there(&given).await, but(&[]));
    let source = format!("/v1/sources/{}", given.source);

    given.admin.patch(&source, json!({"ignore_patterns": ["*.pyc"]})).await.is(200);
    given.indexed(json!({})).await;
    assert_eq!(there(&given).await, but(&["main.pyc", "deep/down/more.pyc"]));

    given.admin.patch(&source, json!({"ignore_patterns": []})).await.is(200);
    given.indexed(json!({})).await;
    assert_eq!(there(&given).await, but(&[]));
}

/// S1.18, S1.32: a change of what is ignored is none.
async fn what_changes_and_is_ignored_is_not_touched(world: &World) {
    let remote = GitRemote::with(&files()).await;
    let given = given_with(world, remote, json!({"ignore_patterns": ["*.pyc"]})).await;
    given.indexed(json!({})).await;
    given.remote.commit("main", &[("main.pyc", Some("other")), ("new.pyc", Some(TEXT)), ("main.py", Some(TEXT))], "Compiled");

    let job = given.indexed(json!({})).await;

    assert_eq!(super::counts(&job), [0, 0, 0, 10], "{job:#}");
    assert_eq!(there(&given).await, but(&["main.pyc", "deep/down/more.pyc"]));
}
