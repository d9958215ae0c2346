//! How far a job is, while it is under way and after.

use std::time::Duration;

use serde_json::{Value, json};

use super::{FILES, Given, at, given, given_with, id, made};
use crate::git_remote::GitRemote;
use crate::world::{World, fresh};

crate::scenarios![
    progress_only_grows,
    what_is_known_before_is_told_at_once,
    the_answer_does_not_wait_for_the_remote,
    repositories_do_not_wait_for_each_other,
    jobs_are_on_record,
    times_are_those_of_the_job,
];

/// A new index of so many files, and what its job said at every change until its end.
async fn followed(given: &Given<'_>) -> Vec<Value> {
    let accepted = given.accepted(json!({})).await;
    let (mut seen, mut after) = (vec![accepted.clone()], 0);
    loop {
        let run = given.admin.get(&format!("/v1/runs/{}?wait=PT20S&after={after}", id(&accepted))).await.is(200);
        after = run["version"].as_u64().unwrap();
        let job = given.job(id(&accepted)).await;
        let ended = ["completed", "failed", "cancelled"].contains(&job["status"].as_str().unwrap());
        seen.push(job);
        if ended {
            return seen;
        }
    }
}

/// S1.12, S1.40–S1.43, S1.56, S1.62, S1.73, S1.81, S1.85: neither the share nor the
/// count goes back, and what is being read is named while there is something to read.
async fn progress_only_grows(world: &World) {
    let remote = GitRemote::start().await;
    remote.many("main", 2_000);
    let given = given_with(world, remote, json!({})).await;

    let seen = followed(&given).await;

    let numbers = |name: &str| seen.iter().map(|job| job["progress"][name].as_u64().unwrap_or_default()).collect::<Vec<_>>();
    for name in ["percentage", "files_processed"] {
        assert!(numbers(name).is_sorted(), "{name}: {:?}", numbers(name));
    }
    assert!(numbers("percentage").iter().all(|percentage| *percentage <= 100));
    let statuses: Vec<&str> = seen.iter().map(|job| job["status"].as_str().unwrap()).collect();
    let order = ["queued", "running", "completed"];
    let places: Vec<_> = statuses.iter().map(|status| order.iter().position(|known| known == status)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{statuses:?}");
    for job in &seen {
        let (processed, total) = (&job["progress"]["files_processed"], &job["progress"]["files_total"]);
        assert!(total.is_null() || processed.as_u64() <= total.as_u64(), "{job:#}");
        assert!(at(&job["estimated_completion"]) >= at(&job["created_at"]), "{job:#}");
    }
    let end = &seen.last().unwrap()["progress"];
    assert_eq!((&end["percentage"], &end["files_processed"], &end["files_total"]), (&json!(100), &json!(2_000), &json!(2_000)), "{end:#}");
    assert_eq!(end["current_file"], Value::Null);
    // Two thousand are more than a worker does between two looks.
    assert!(numbers("files_processed").iter().any(|count| (1..2_000).contains(count)), "{:?}", numbers("files_processed"));
    let read = seen.iter().filter_map(|job| job["progress"]["current_file"].as_str()).collect::<Vec<_>>();
    assert!(!read.is_empty() && read.iter().all(|path| path.starts_with("src/part_")), "{read:?}");
}

/// S1.42: how many files there are is known from the last time, by the trigger and by
/// whoever is refused.
async fn what_is_known_before_is_told_at_once(world: &World) {
    let given = given(world, &FILES).await;
    given.indexed(json!({})).await;

    let running = given.held(json!({})).await;
    let refused = given.ask(json!({})).await.problem(409, "SYNC_IN_PROGRESS");
    let during = given.job(id(&running)).await;

    for told in [&running, &refused, &during] {
        assert!(told["progress"]["files_total"].is_u64(), "{told:#}");
        assert_eq!((&told["progress"]["percentage"], &told["progress"]["files_processed"]), (&json!(0), &json!(0)), "{told:#}");
        assert!(told["progress"].get("current_file").is_some_and(Value::is_null), "{told:#}");
    }
    assert_eq!(given.let_go(&running).await["status"], "completed");
}

/// S1.59: it is the worker that waits. Most answers come in half a second, though
/// others use this machine, too.
async fn the_answer_does_not_wait_for_the_remote(world: &World) {
    let given = given(world, &FILES).await;
    given.remote.hold();
    let mut took = Vec::new();
    for _ in 0..5 {
        let began = world.clock.now();
        given.accepted(json!({"force": true})).await;
        took.push(world.clock.now().since(began));
    }
    given.remote.release();
    took.sort_unstable();
    // An emulator has no functions that are warm.
    assert!(!world.is_local() || took[2] < Duration::from_millis(500), "{took:?}");
    let last = given.look().await["current_job"].clone();
    let last = last["job_id"].as_str().or(last.as_str()).map(str::to_owned);
    if let Some(last) = last {
        given.ended(&last).await;
    }
}

/// S1.63: while one remote is silent, another repository is indexed.
async fn repositories_do_not_wait_for_each_other(world: &World) {
    let one = given(world, &FILES).await;
    let held = one.held(json!({})).await;
    let other = GitRemote::with(&FILES).await;
    let beside = made(&one.tenant, &other, json!({})).await;

    let accepted = one.admin.press(&format!("/api/repositories/{beside}/sync")).await.is(202);

    assert_eq!(one.admin.ended(id(&accepted)).await["status"], "completed");
    assert_eq!(one.job(id(&held)).await["status"], "running");
    assert_eq!(one.let_go(&held).await["status"], "completed");
}

/// S1.64: who asked for a job and how it ended is there afterwards.
async fn jobs_are_on_record(world: &World) {
    let given = given(world, &FILES).await;
    let maintainer = given.tenant.join("mia", "maintainer").await;
    let accepted = maintainer.press(&given.trigger()).await.is(202);
    let job = given.ended(id(&accepted)).await;

    let run = given.admin.get(&format!("/v1/runs/{}", id(&job))).await.is(200);
    assert_eq!((run["trigger"].as_str(), &run["triggered_by"]), (Some("manual"), &json!(given.tenant.name("mia"))));
    let audit = given.admin.get(&format!("/v1/runs/{}/audit", id(&job))).await.is(200);
    assert!(audit.to_string().contains(&given.tenant.name("mia")), "{audit:#}");
    let listed = given.admin.get(&format!("/v1/sources/{}/runs", given.source)).await.is(200);
    assert_eq!(listed["runs"][0]["id"], job["job_id"]);
}

/// S1.38, S1.39: what is told does not change afterwards, and a look is no sync.
async fn times_are_those_of_the_job(world: &World) {
    let given = given(world, &FILES).await;
    let accepted = given.accepted(json!({})).await;
    let job = given.ended(id(&accepted)).await;

    assert_eq!(accepted["created_at"], job["created_at"]);
    assert_eq!(given.job(id(&job)).await, job);
    let before = given.look().await;
    given.search("umbrella", "").await;
    given.admin.get(&format!("/api/repositories/{}/sync/{}", fresh("nothing"), id(&job))).await.problem(404, "NOT_FOUND");
    assert_eq!(given.look().await, before);
}
