//! Several branches of one repository: each has its own commit, its own files and its
//! own results.

use serde_json::json;

use super::{FILES, Given, counts, given_with, names};
use crate::git_remote::GitRemote;
use crate::world::World;

crate::scenarios![
    several_branches_are_indexed_side_by_side,
    current_is_where_head_points,
    a_sync_of_one_branch_leaves_the_others,
    an_unknown_branch_is_named,
    a_branch_that_is_gone_is_named_and_the_others_go_on,
    a_name_with_slashes_is_a_name,
    what_is_alike_on_two_branches_is_found_on_each,
];

/// A whale on develop, and what was there before on both.
async fn two_branches(world: &World) -> Given<'_> {
    let remote = GitRemote::with(&FILES).await;
    remote.branch("develop", "main");
    remote.commit("develop", &[("src/whale.rs", Some("/// Counts the whales.\npub fn count() {}\n"))], "A whale");
    given_with(world, remote, json!({"branches": ["main", "develop"]})).await
}

/// S1.13, S1.31: what is on one of them only is found on that one only.
async fn several_branches_are_indexed_side_by_side(world: &World) {
    let given = two_branches(world).await;

    let job = given.indexed(json!({"branches": ["main", "develop"]})).await;

    assert_eq!(names(&job["result"]["branches"]), ["develop", "main"], "{job:#}");
    assert_eq!(counts(&job), [7, 0, 0, 0], "{job:#}");
    assert_eq!(given.stands("main").await, (given.remote.head("main"), 3));
    assert_eq!(given.stands("develop").await, (given.remote.head("develop"), 4));
    assert!(given.paths_of("count the whales", "develop").await.contains("src/whale.rs"));
    assert!(!given.paths_of("count the whales", "main").await.contains("src/whale.rs"));
}

/// S1.31: whichever branch that is when the job runs.
async fn current_is_where_head_points(world: &World) {
    let given = two_branches(world).await;
    given.remote.set_head("develop");

    for body in [json!({"branches": ["current"]}), json!({"branch": "current"})] {
        let job = given.indexed(body).await;
        assert_eq!(names(&job["result"]["branches"]), ["develop"], "{job:#}");
        assert_eq!(given.stands("develop").await, (given.remote.head("develop"), 4));
    }
    assert!(given.look().await["indexed_commit"]["main"].is_null());
    given.remote.set_head("main");
    assert_eq!(names(&given.indexed(json!({"branches": ["current"]})).await["result"]["branches"]), ["main"]);
}

/// S1.15, S1.19: what was not asked for is not touched, though its remote went on.
async fn a_sync_of_one_branch_leaves_the_others(world: &World) {
    let given = two_branches(world).await;
    let both = json!({"branches": ["main", "develop"]});
    given.indexed(both.clone()).await;
    let before = given.stands("develop").await;
    for branch in ["main", "develop"] {
        given.remote.commit(branch, &[("src/giraffe.rs", Some("/// Measures the giraffe.\npub fn measure() {}\n"))], "A giraffe");
    }

    for body in [json!({"branch": "main"}), json!({"branch": "main", "full_reindex": true})] {
        let job = given.indexed(body.clone()).await;
        assert_eq!(names(&job["result"]["branches"]), ["main"], "{body}: {job:#}");
        assert_eq!(given.stands("main").await, (given.remote.head("main"), 4));
        assert_eq!(given.stands("develop").await, before, "{body}");
        assert!(given.paths_of("measure the giraffe", "main").await.contains("src/giraffe.rs"));
        let found = given.paths_of("count the whales", "develop").await;
        assert!(found.contains("src/whale.rs") && !found.contains("src/giraffe.rs"), "{body}: {found:?}");
    }
    assert_eq!(counts(&given.indexed(both).await), [1, 0, 0, 8]);
}

/// S1.52: the job fails, says which branch is not there, and what was indexed stays.
async fn an_unknown_branch_is_named(world: &World) {
    let given = two_branches(world).await;
    given.indexed(json!({"branch": "main"})).await;

    for body in [json!({"branch": "no-such-branch"}), json!({"branches": ["no-such-branch"], "full_reindex": true})] {
        let job = given.sync(body).await;

        assert_eq!(job["status"], "failed", "{job:#}");
        assert!(job["error"].to_string().contains("no-such-branch"), "{job:#}");
        let repository = given.look().await;
        assert_eq!(repository["status"], "error");
        assert!(repository["sync_error"].as_str().unwrap().contains("no-such-branch"), "{repository:#}");
        assert_eq!(given.stands("main").await, (given.remote.head("main"), 3));
        assert_eq!(given.paths("open the umbrella when it rains").await[0], "src/umbrella.rs");
    }
    let job = given.indexed(json!({"branch": "main"})).await;
    assert_eq!((counts(&job), &given.look().await["sync_error"]), ([0, 0, 0, 3], &json!(null)));
}

/// S1.21: nobody has to guess why a branch is not new any more.
async fn a_branch_that_is_gone_is_named_and_the_others_go_on(world: &World) {
    let given = two_branches(world).await;
    given.indexed(json!({"branches": ["main", "develop"]})).await;
    given.remote.delete_branch("develop");
    given.remote.commit("main", &[("src/giraffe.rs", Some("/// Measures the giraffe.\n"))], "A giraffe");

    let job = given.sync(json!({"branch": "develop"})).await;

    assert_eq!(job["status"], "failed", "{job:#}");
    assert!(job["error"].to_string().contains("develop"), "{job:#}");
    let job = given.indexed(json!({"branch": "main"})).await;
    assert_eq!(counts(&job), [1, 0, 0, 3], "{job:#}");
    assert_eq!(given.look().await["status"], "synced");
    assert!(given.paths_of("measure the giraffe", "main").await.contains("src/giraffe.rs"));
}

/// S1.34: as people call their branches.
async fn a_name_with_slashes_is_a_name(world: &World) {
    let given = two_branches(world).await;
    let name = "feature/ünïcode-#7+more";
    given.remote.branch(name, "develop");

    let job = given.indexed(json!({"branch": name})).await;

    assert_eq!(names(&job["result"]["branches"]), [name], "{job:#}");
    let query: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    assert!(given.paths_of("count the whales", &query).await.contains("src/whale.rs"));
    assert_eq!(given.stands(name).await, (given.remote.head("develop"), 4));
}

/// S1.15, S1.21: a file that two branches share leaves one of them only.
async fn what_is_alike_on_two_branches_is_found_on_each(world: &World) {
    let given = two_branches(world).await;
    given.indexed(json!({"branches": ["main", "develop"]})).await;
    given.remote.commit("main", &[("src/umbrella.rs", None)], "Not on main");

    let job = given.indexed(json!({"branches": ["main", "develop"]})).await;

    assert_eq!(counts(&job), [0, 0, 1, 6], "{job:#}");
    assert!(!given.paths_of("open the umbrella when it rains", "main").await.contains("src/umbrella.rs"));
    assert!(given.paths_of("open the umbrella when it rains", "develop").await.contains("src/umbrella.rs"));
}
