//! A run is cancelled, or asked for again.

use pullcord_forge::{Behaviour, Fault, Seed};
use serde_json::{Value, json};

use super::{held, id, let_go};
use crate::scenarios::issues::given;
use crate::world::{World, fresh};

crate::scenarios![
    a_cancelled_run_keeps_what_it_did,
    a_source_is_after_a_cancelled_run_what_it_was_before,
    cancelling_what_has_ended_changes_nothing,
    who_may_sync_may_cancel,
    a_failed_run_is_asked_for_again,
];

/// S0.34, S1.57, S1.58, S1.77: a running run stops at its next page, and what it
/// had done stays.
async fn a_cancelled_run_keeps_what_it_did(world: &World) {
    let given = given(world).await;
    given.old(world, 150);
    world.forge.script(Fault::on(&given.issues, Behaviour::Hang).nth(2));
    let run = given.admin.press(&given.trigger()).await.is(202);
    world.forge.wait_for(&given.issues, 2).await;
    let halfway = given.admin.until(id(&run), |run| run["progress"]["processed"] == 100).await;
    assert_eq!((halfway["status"].as_str(), given.requests(world).len()), (Some("running"), 2));

    let cancel = format!("/v1/runs/{}/cancel", id(&run));
    assert_eq!(given.admin.press(&cancel).await.is(202)["status"], "cancelling");
    let source = given.look().await;
    assert_eq!((source["status"].as_str(), &source["current_run"]), (Some("syncing"), &run["id"]));
    given.admin.post(&given.trigger(), json!({})).await.problem(409, "SYNC_IN_PROGRESS");
    let cancelled = let_go(world, &given, &run).await;

    assert_eq!((cancelled["status"].as_str(), cancelled["results"]["created"].as_u64()), (Some("cancelled"), Some(100)));
    assert!(cancelled["error"].is_null() && cancelled["finished_at"].is_string(), "{cancelled:#}");
    assert_eq!(given.items().await.len(), 100);
    let source = given.look().await;
    assert_eq!(
        (source["status"].as_str(), &source["current_run"], &source["sync_error"]),
        (Some("never_synced"), &Value::Null, &Value::Null)
    );
}

/// A source that was synced, or in error, is so again.
async fn a_source_is_after_a_cancelled_run_what_it_was_before(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    for status in ["never_synced", "synced", "error"] {
        match status {
            "synced" => drop(given.sync(json!({})).await),
            "error" => {
                world.forge.script(Fault::on(&given.issues, Behaviour::status(404)));
                given.sync(json!({})).await;
            }
            _ => {}
        }
        let before = given.look().await;
        assert_eq!(before["status"], status);

        let run = held(world, &given, json!({})).await;
        given.admin.press(&format!("/v1/runs/{}/cancel", id(&run))).await.is(202);
        assert_eq!(let_go(world, &given, &run).await["status"], "cancelled");

        let after = given.look().await;
        for field in ["status", "sync_error", "last_synced_at", "current_run"] {
            assert_eq!(after[field], before[field], "{status}: {field}");
        }
    }
}

/// Nothing changes a run that has come to its end.
async fn cancelling_what_has_ended_changes_nothing(world: &World) {
    let given = given(world).await;
    let completed = given.sync(json!({})).await;
    world.forge.script(Fault::on(&given.issues, Behaviour::status(404)));
    let failed = given.sync(json!({})).await;

    for run in [completed, failed] {
        let path = format!("/v1/runs/{}", id(&run));
        let answer = given.admin.press(&format!("{path}/cancel")).await;
        assert!([200, 202].contains(&answer.status), "{}", answer.text);
        assert_eq!((&answer.body["status"], &answer.body["version"]), (&run["status"], &run["version"]));
        assert_eq!(given.admin.get(&path).await.is(200), run);
    }
    let nobody_knows = "/v1/runs/01890a5d-ac96-774b-bcce-b302099a8057/cancel";
    given.admin.press(nobody_knows).await.problem(404, "NOT_FOUND");
    given.admin.press("/v1/runs/seven/cancel").await.problem(404, "NOT_FOUND");
}

/// Cancelling and retrying need the right that triggering needs.
async fn who_may_sync_may_cancel(world: &World) {
    let given = given(world).await;
    let (viewer, stranger) = (given.tenant.join("viewer", "viewer").await, world.user(&fresh("stranger")));
    for role in ["admin", "maintainer", "coordinator", "member"] {
        let person = given.tenant.join(&format!("a-{role}"), role).await;
        assert_eq!(person.post(&given.trigger(), json!({"dryRun": true})).await.is(200)["outcome"], "would_accept", "{role}");
        let run = held(world, &given, json!({})).await;
        let path = format!("/v1/runs/{}/cancel", id(&run));

        viewer.press(&path).await.problem(403, "FORBIDDEN");
        stranger.press(&path).await.problem(404, "NOT_FOUND");
        world.nobody().press(&path).await.problem(401, "UNAUTHENTICATED");
        assert_eq!(person.press(&path).await.is(202)["status"], "cancelling", "{role}");

        let cancelled = let_go(world, &given, &run).await;
        assert_eq!(cancelled["status"], "cancelled");
        let path = format!("/v1/runs/{}/retry", id(&run));
        viewer.press(&path).await.problem(403, "FORBIDDEN");
        stranger.press(&path).await.problem(404, "NOT_FOUND");
        let again = person.press(&path).await.is(202);
        assert_eq!(given.admin.ended(id(&again)).await["status"], "completed", "{role}");
    }
    viewer.press(&given.trigger()).await.problem(403, "FORBIDDEN");
}

/// S4.25: a retry is a new run with the wishes of the old one.
async fn a_failed_run_is_asked_for_again(world: &World) {
    let given = given(world).await;
    given.repository.seed(&Seed::of(20));
    world.forge.script(Fault::on(&given.issues, Behaviour::status(404)));
    let failed = given.sync(json!({"includeClosed": true, "confirmed": true})).await;
    assert_eq!(failed["status"], "failed");
    let path = format!("/v1/runs/{}", id(&failed));

    let again = given.admin.press(&format!("{path}/retry")).await.is(202);

    assert!(again["id"] != failed["id"] && again["outcome"] == "accepted" && again["trigger"] == "manual", "{again:#}");
    let ended = given.admin.ended(id(&again)).await;
    assert_eq!((ended["status"].as_str(), ended["results"]["created"].as_u64()), (Some("completed"), Some(20)));
    assert_eq!(given.admin.get(&path).await.is(200), failed);

    // What still runs is not asked for again.
    let run = held(world, &given, json!({})).await;
    assert_eq!(given.admin.press(&format!("/v1/runs/{}/retry", id(&run))).await.status, 409);
    let_go(world, &given, &run).await;
}
