//! A remote has bad days: the job says so, the source says so, and the next sync finds
//! the way back.

use serde_json::{Value, json};

use super::{FILES, Given, counts, given, given_with, id, passes};
use crate::git_remote::GitRemote;
use crate::world::World;

crate::scenarios![
    what_the_remote_refuses_fails_the_job,
    a_remote_that_is_down_is_given_up_visibly,
    a_remote_that_is_away_is_found_again,
    a_hiccup_is_tried_again,
    a_failed_full_reindex_leaves_what_was_there,
    what_is_no_repository_is_told_so,
];

/// What is to be told of a failed job, wherever one looks.
async fn assert_failed(given: &Given<'_>, job: &Value, words: &str) {
    assert_eq!(job["status"], "failed", "{job:#}");
    assert!(!job["error"].is_null() && !job["error"].to_string().contains("INTERNAL"), "{job:#}");
    assert!(job["error"].to_string().to_lowercase().contains(words), "{job:#}");
    let repository = given.look().await;
    assert_eq!((repository["status"].as_str(), &repository["current_job"]), (Some("error"), &Value::Null), "{repository:#}");
    assert!(repository["sync_error"].as_str().is_some_and(|told| told.len() > 5), "{repository:#}");
    let run = given.admin.get(&format!("/v1/runs/{}", id(job))).await.is(200);
    assert_eq!((run["status"].as_str(), run["error"]["code"].is_string()), (Some("failed"), true), "{run:#}");
}

/// After it recovered, all is well, and nobody has to clear anything.
async fn assert_recovers(given: &Given<'_>, expected: [u64; 4]) {
    let job = given.indexed(json!({})).await;
    assert_eq!(counts(&job), expected, "{job:#}");
    let repository = given.look().await;
    assert_eq!((repository["status"].as_str(), &repository["sync_error"]), (Some("synced"), &Value::Null), "{repository:#}");
}

/// S1.52: no such repository, and none for us. What was indexed is still found.
async fn what_the_remote_refuses_fails_the_job(world: &World) {
    for status in [404, 403] {
        let given = given(world, &FILES).await;
        given.indexed(json!({})).await;
        given.remote.commit("main", &[("src/whale.rs", Some("/// Counts the whales.\n"))], "A whale");
        given.remote.fails_with(status);

        let job = given.sync(json!({})).await;

        assert_failed(&given, &job, "").await;
        assert_eq!(given.paths("open the umbrella when it rains").await[0], "src/umbrella.rs", "{status}");
        given.remote.recovers();
        assert_recovers(&given, [1, 0, 0, 3]).await;
    }
}

/// S1.52: a server that answers with an error, again and again. It may be tried again
/// for a while; where time cannot be turned, nobody waits for that.
async fn a_remote_that_is_down_is_given_up_visibly(world: &World) {
    let given = given(world, &FILES).await;
    given.remote.fails_with(500);
    let accepted = given.accepted(json!({})).await;

    if let Some(job) = given_up(world, &given, &accepted).await {
        assert_failed(&given, &job, "500").await;
    }

    given.remote.recovers();
    assert_recovers(&given, [3, 0, 0, 0]).await;
}

/// S1.52: nobody listens there; then somebody does again.
async fn a_remote_that_is_away_is_found_again(world: &World) {
    let mut given = given(world, &FILES).await;
    given.indexed(json!({})).await;
    given.remote.goes_away().await;
    let accepted = given.accepted(json!({})).await;

    if let Some(job) = given_up(world, &given, &accepted).await {
        assert_failed(&given, &job, "").await;
    }

    assert_eq!(given.paths("open the umbrella when it rains").await[0], "src/umbrella.rs");
    given.remote.comes_back().await;
    assert_recovers(&given, [0, 0, 0, 3]).await;
}

/// The job once it was given up. Between two tries it is paused: time is turned where
/// it can be, and elsewhere the job is cancelled.
async fn given_up(world: &World, given: &Given<'_>, accepted: &Value) -> Option<Value> {
    for _ in 0..20 {
        let settled = |run: &Value| ["failed", "paused"].contains(&run["status"].as_str().unwrap());
        let run = given.admin.until(id(accepted), settled).await;
        if run["status"] == "failed" {
            return Some(given.job(id(accepted)).await);
        }
        let paused = given.job(id(accepted)).await;
        if run["version"] == given.admin.get(&format!("/v1/runs/{}", id(accepted))).await.is(200)["version"] {
            assert_eq!((paused["status"].as_str(), paused["resumes_at"].is_string()), (Some("running"), true), "{paused:#}");
        }
        if !world.is_local() {
            given.admin.delete(&format!("{}/{}", given.trigger(), id(accepted))).await.is(202);
            assert_eq!(given.admin.ended(id(accepted)).await["status"], "cancelled");
            return None;
        }
        passes(world, 20).await;
        given.admin.until(id(accepted), |after| after["version"] != run["version"]).await;
    }
    panic!("the job was never given up");
}

/// S1.52: what is over at the next try costs nothing but a try.
async fn a_hiccup_is_tried_again(world: &World) {
    let given = given(world, &FILES).await;
    given.remote.fails_once(502);

    let accepted = given.accepted(json!({})).await;
    let run = given.admin.until(id(&accepted), |run| ["completed", "failed", "paused"].contains(&run["status"].as_str().unwrap())).await;
    if run["status"] == "paused" {
        if !world.is_local() {
            given.admin.delete(&format!("{}/{}", given.trigger(), id(&accepted))).await.is(202);
            return;
        }
        passes(world, 5).await;
    }

    let job = given.ended(id(&accepted)).await;
    assert_eq!((job["status"].as_str(), counts(&job)), (Some("completed"), [3, 0, 0, 0]), "{job:#}");
}

/// S1.14, S1.52: nothing is cleared before there is something to put in its place.
async fn a_failed_full_reindex_leaves_what_was_there(world: &World) {
    let given = given(world, &FILES).await;
    given.indexed(json!({})).await;
    let stood = given.stands("main").await;
    given.remote.fails_with(404);

    let job = given.sync(json!({"full_reindex": true})).await;

    assert_failed(&given, &job, "").await;
    assert_eq!(given.stands("main").await, stood);
    assert_eq!(given.paths("open the umbrella when it rains").await[0], "src/umbrella.rs");
    given.remote.recovers();
    assert_recovers(&given, [0, 0, 0, 3]).await;
}

/// S1.52: an address at which there is something else.
async fn what_is_no_repository_is_told_so(world: &World) {
    let remote = GitRemote::with(&FILES).await;
    let elsewhere = json!({"git": {"url": format!("{}/info/attributes", remote.url())}});
    let given = given_with(world, remote, elsewhere).await;

    let job = given.sync(json!({})).await;

    assert_failed(&given, &job, "").await;
}
