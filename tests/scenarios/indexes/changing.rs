//! Between two syncs a repository changes, or it does not: what is touched is what
//! changed.

use serde_json::json;

use super::{FILES, count, counts, given};
use crate::git_remote::Change;
use crate::world::World;

crate::scenarios![
    nothing_changed_is_nothing_done,
    a_renamed_file_is_found_by_its_new_name_only,
    a_removed_file_is_not_found_any_more,
    a_changed_file_is_found_by_what_it_says_now,
    a_folder_that_becomes_a_file_is_a_file,
    a_history_that_was_rewritten_is_indexed_as_it_is,
    a_commit_that_was_taken_back_is_as_if_it_never_was,
    an_empty_repository_is_no_failure_of_ours,
    a_repository_that_lost_every_file_has_none,
];

/// S1.19, S1.55: completed, with nothing to tell.
async fn nothing_changed_is_nothing_done(world: &World) {
    let given = given(world, &FILES).await;
    given.indexed(json!({})).await;
    let before = given.stands("main").await;

    for body in [json!({}), json!({"pull_remote": true}), json!({"incremental": false})] {
        let job = given.indexed(body.clone()).await;
        assert_eq!(counts(&job), [0, 0, 0, 3], "{body}: {job:#}");
        assert_eq!((count(&job, "chunks_embedded"), count(&job, "chunks_cleared")), (0, 0), "{body}: {job:#}");
        assert_eq!(job["progress"]["percentage"], 100, "{body}: {job:#}");
    }
    assert_eq!(given.stands("main").await, before);
    // A commit that changes no file is a commit all the same.
    given.remote.commit("main", &[], "Nothing at all");
    assert_eq!(counts(&given.indexed(json!({})).await), [0, 0, 0, 3]);
    assert_eq!(given.stands("main").await, (given.remote.head("main"), 3));
}

/// S1.21: one file gone and one new, whatever git would call it.
async fn a_renamed_file_is_found_by_its_new_name_only(world: &World) {
    let given = given(world, &FILES).await;
    given.indexed(json!({})).await;
    given.remote.rename("main", "src/umbrella.rs", "lib/weather/umbrella.rs");

    let job = given.indexed(json!({})).await;

    assert_eq!(counts(&job), [1, 0, 1, 2], "{job:#}");
    let found = given.paths("open the umbrella when it rains").await;
    assert!(found[0] == "lib/weather/umbrella.rs" && !found.contains(&"src/umbrella.rs".to_owned()), "{found:?}");
}

/// S1.21: what is gone is not found, and what is like it stays.
async fn a_removed_file_is_not_found_any_more(world: &World) {
    let given = given(world, &FILES).await;
    given.remote.commit("main", &[("src/copy.rs", Some(FILES[0].1))], "The same once more");
    given.indexed(json!({})).await;
    given.remote.commit("main", &[("src/umbrella.rs", None)], "One of them");

    let job = given.indexed(json!({})).await;

    assert_eq!(counts(&job), [0, 0, 1, 3], "{job:#}");
    let found = given.paths("open the umbrella when it rains").await;
    assert!(found[0] == "src/copy.rs" && !found.contains(&"src/umbrella.rs".to_owned()), "{found:?}");
}

/// S1.18, S1.19: the old text is not shown any more; the other files are as they were.
async fn a_changed_file_is_found_by_what_it_says_now(world: &World) {
    let given = given(world, &FILES).await;
    given.indexed(json!({})).await;
    given.remote.commit("main", &[("src/umbrella.rs", Some("/// Feeds the pelican at noon.\npub fn feed() {}\n"))], "Otherwise");

    let job = given.indexed(json!({})).await;

    assert_eq!(counts(&job), [0, 1, 0, 2], "{job:#}");
    assert!(count(&job, "chunks_embedded") >= 1 && count(&job, "chunks_kept") >= 2, "{job:#}");
    let best = &given.search("feed the pelican at noon", "").await[0];
    assert_eq!(best["path"], "src/umbrella.rs");
    assert!(best["snippet"].as_str().unwrap().contains("pelican"), "{best:#}");
    for result in given.search("open the umbrella when it rains", "&limit=50").await {
        assert!(!result["snippet"].as_str().unwrap().contains("Bergen"), "{result:#}");
    }
}

/// S1.21: a path that was a folder, and one that was a file, are other things now.
async fn a_folder_that_becomes_a_file_is_a_file(world: &World) {
    let given = given(world, &[("a/b.rs", "/// Opens the umbrella.\n"), ("c", "The giraffe stands in the savannah.\n")]).await;
    given.indexed(json!({})).await;
    let changes = [
        Change::Remove("a/b.rs"),
        Change::Remove("c"),
        Change::Put("a", b"The pelican is fed at noon.\n"),
        Change::Put("c/d.rs", b"/// Counts the whales.\n"),
    ];
    given.remote.record("main", &changes, "The other way round");

    let job = given.indexed(json!({})).await;

    assert_eq!(counts(&job), [2, 0, 2, 0], "{job:#}");
    assert_eq!(given.paths("the pelican is fed").await[0], "a");
    assert_eq!(given.paths("count the whales").await[0], "c/d.rs");
    assert_eq!(given.stands("main").await.1, 2);
}

/// S1.21: the commit that was indexed may not be there any more.
async fn a_history_that_was_rewritten_is_indexed_as_it_is(world: &World) {
    let given = given(world, &FILES).await;
    given.indexed(json!({})).await;
    let [(umbrella, text), ..] = FILES;
    let commit = given.remote.force_push("main", &[(umbrella, text), ("src/whale.rs", "/// Counts the whales.\n")], "As if it began so");

    let job = given.indexed(json!({"pull_remote": true})).await;

    assert_eq!(counts(&job), [1, 0, 2, 1], "{job:#}");
    assert_eq!(given.stands("main").await, (commit, 2));
    assert_eq!(given.paths("count the whales").await[0], "src/whale.rs");
    let found = given.paths("ships moor at the quay").await;
    assert!(!found.contains(&"docs/harbour.md".to_owned()), "{found:?}");
}

/// S1.21: a branch may go back to where it was.
async fn a_commit_that_was_taken_back_is_as_if_it_never_was(world: &World) {
    let given = given(world, &FILES).await;
    let before = given.remote.head("main");
    given.remote.commit("main", &[("src/whale.rs", Some("/// Counts the whales.\n")), ("docs/harbour.md", None)], "Too early");
    given.indexed(json!({})).await;
    given.remote.reset("main", &before);

    let job = given.indexed(json!({})).await;

    assert_eq!(counts(&job), [1, 0, 1, 2], "{job:#}");
    assert_eq!(given.stands("main").await, (before, 3));
    assert_eq!(given.paths("ships moor at the quay").await[0], "docs/harbour.md");
}

/// A repository in which nothing was committed yet has no branch: the job says so, and
/// the first commit is taken in.
async fn an_empty_repository_is_no_failure_of_ours(world: &World) {
    let given = super::given_with(world, crate::git_remote::GitRemote::start().await, json!({})).await;

    let job = given.sync(json!({})).await;

    assert!(["completed", "failed"].contains(&job["status"].as_str().unwrap()), "{job:#}");
    assert!(!job.to_string().contains("INTERNAL"), "{job:#}");
    given.remote.commit("main", &[("a.rs", Some("/// Opens the umbrella.\n"))], "At last");
    assert_eq!(counts(&given.indexed(json!({})).await), [1, 0, 0, 0]);
    assert_eq!(given.paths("open the umbrella").await, ["a.rs"]);
}

/// S1.21: a commit is a complete listing, so that what it lacks is gone, however much
/// that is.
async fn a_repository_that_lost_every_file_has_none(world: &World) {
    let given = given(world, &FILES).await;
    given.remote.many("main", 60);
    given.indexed(json!({})).await;
    let listed = given.remote.git(&["ls-tree", "-r", "--name-only", "main"]);
    let changes: Vec<(&str, Option<&str>)> = listed.lines().map(|path| (path, None)).collect();
    given.remote.commit("main", &changes, "All of it");

    let job = given.indexed(json!({})).await;

    assert_eq!(counts(&job), [0, 0, 63, 0], "{job:#}");
    assert_eq!(given.paths("open the umbrella when it rains").await, Vec::<String>::new());
    assert_eq!(given.stands("main").await, (given.remote.head("main"), 0));
}
