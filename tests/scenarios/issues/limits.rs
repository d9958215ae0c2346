//! A provider's limits are waited for, and its quota is left for others.

use jiff::{SignedDuration, Timestamp};
use pullcord_forge::{Behaviour, Fault, Quota};
use serde_json::json;

use super::{Given, counts, given, now};
use crate::world::World;

crate::scenarios![
    a_short_limit_is_waited_for,
    a_limit_of_unknown_length_pauses_the_run,
    a_used_up_quota_pauses_the_run_until_its_reset,
    a_low_quota_refuses_manual_triggers,
];

/// S2.13, S2.78: a limit that says it lasts a second is waited for, whichever
/// status it comes with.
async fn a_short_limit_is_waited_for(world: &World) {
    let stories = [403, 429].map(async |status| {
        let given = given(world).await;
        given.old(world, 3);
        world.forge.script(Fault::on(&given.issues, Behaviour::SecondaryLimit { status, retry_after: Some(1) }));

        let run = given.sync(json!({})).await;

        assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed"), [3, 0, 0, 0]));
        let at: Vec<Timestamp> = given.requests(world).iter().map(|entry| entry.at).collect();
        assert!(at.len() == 2 && at[1].duration_since(at[0]) >= SignedDuration::from_secs(1), "{at:?}");
    });
    futures::future::join_all(stories).await;
}

/// S2.13, S2.79, S2.117: a limit that does not say how long it lasts is given a
/// minute at least. The run says why it waits and keeps its source.
async fn a_limit_of_unknown_length_pauses_the_run(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    world.forge.script(Fault::on(&given.issues, Behaviour::SecondaryLimit { status: 403, retry_after: None }));
    let began = now(world);
    let accepted = given.admin.press(&given.trigger()).await.is(202);
    let id = accepted["id"].as_str().unwrap();

    let paused = given.admin.until(id, |run| run["status"] == "paused").await;

    let resumes_at: Timestamp = paused["resumes_at"].as_str().unwrap().parse().unwrap();
    assert!(resumes_at >= began + SignedDuration::from_mins(1), "{paused:#}");
    assert!(paused["status_reason"].as_str().unwrap().contains("secondary rate limit"), "{paused:#}");
    assert!(paused["finished_at"].is_null() && paused["lease_until"].is_null(), "{paused:#}");
    let source = given.look().await;
    assert_eq!((source["status"].as_str(), &source["current_run"]), (Some("syncing"), &accepted["id"]));
    assert_eq!(given.admin.press(&given.trigger()).await.problem(409, "SYNC_IN_PROGRESS")["run_id"], accepted["id"]);
    resume(world, &given, id, 3).await;
}

/// S2.13: a used-up quota says when it is full again, and until then
/// nothing is asked.
async fn a_used_up_quota_pauses_the_run_until_its_reset(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let resets_at = Timestamp::from_second(now(world).as_second() + 600).unwrap();
    world.forge.set_quota(Some(&given.token), Quota { limit: 5_000, remaining: 0, resets_at });
    let accepted = given.admin.press(&given.trigger()).await.is(202);
    let id = accepted["id"].as_str().unwrap();

    let paused = given.admin.until(id, |run| run["status"] == "paused").await;

    let resumes_at: Timestamp = paused["resumes_at"].as_str().unwrap().parse().unwrap();
    assert!(resumes_at >= resets_at && resumes_at < resets_at + SignedDuration::from_mins(1), "{paused:#}");
    assert!(paused["status_reason"].as_str().unwrap().contains("API rate limit exceeded"), "{paused:#}");
    let quota = &given.look().await["quota"];
    assert_eq!((&quota["remaining"], &quota["resets_at"]), (&json!(0), &json!(resets_at.to_string())));
    assert_eq!(given.requests(world).len(), 1);
    resume(world, &given, id, 3).await;
}

/// Where time can be turned, the paused run goes on by itself; elsewhere it is
/// cancelled, which ends it at once.
async fn resume(world: &World, given: &Given<'_>, id: &str, issues: u64) {
    if world.is_local() {
        world.clock.turn(SignedDuration::from_mins(20));
        world.tick().await;
        let run = given.admin.ended(id).await;
        assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed"), [issues, 0, 0, 0]));
        assert!(run["status_reason"].is_null() && run["resumes_at"].is_null(), "{run:#}");
        assert_eq!(given.look().await["status"], "synced");
    } else {
        assert_eq!(given.admin.press(&format!("/v1/runs/{id}/cancel")).await.is(202)["status"], "cancelled");
        assert_eq!(given.look().await["status"], "never_synced");
    }
}

/// S0.25, S0.26: with a hundred requests left a manual sync is accepted,
/// with ninety-nine it is refused.
async fn a_low_quota_refuses_manual_triggers(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let resets_at = Timestamp::from_second(now(world).as_second() + 1_800).unwrap();
    world.forge.set_quota(Some(&given.token), Quota { limit: 5_000, remaining: 101, resets_at });

    given.sync(json!({})).await;
    assert_eq!(given.look().await["quota"]["remaining"], 100);
    given.sync(json!({})).await;
    let answer = given.admin.press(&given.trigger()).await;

    let wait: i64 = answer.header("retry-after").parse().unwrap();
    assert!((1_700..=1_801).contains(&wait), "{wait}");
    let refused = answer.problem(429, "RATE_LIMIT_LOW");
    assert_eq!(refused["quota"], json!({"remaining": 99, "limit": 5_000, "resetAt": resets_at.to_string()}));
    assert_eq!(refused["next_allowed_at"], json!(resets_at.to_string()));
    let would = given.admin.post(&given.trigger(), json!({"dryRun": true})).await.is(200);
    assert_eq!((would["outcome"].as_str(), would["reason"].as_str()), (Some("would_refuse"), Some("RATE_LIMIT_LOW")));
    assert_eq!(given.requests(world).len(), 2);
    if world.is_local() {
        // A window that has reset counts as full.
        world.clock.turn(SignedDuration::from_mins(31));
        assert_eq!(given.sync(json!({})).await["status"], "completed");
    }
}
