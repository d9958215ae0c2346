//! A trigger that comes at a bad time is parked: it runs by itself when its time comes.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pullcord_core::clock::Moment;
use pullcord_forge::{IssueState, Quota};
use serde_json::{Value, json};

use super::{held, id, ids, keyed, let_go, settled};
use crate::scenarios::issues::{Given, cooling, given};
use crate::world::World;

crate::scenarios![
    what_cools_is_parked_and_runs_by_itself,
    whoever_parks_gets_the_run_that_is_parked,
    a_low_quota_parks_until_its_window_ends,
    a_parked_run_keeps_nobody_out,
    a_parked_run_follows_who_is_there_at_its_time,
    a_new_cooldown_moves_the_time_of_a_parked_run,
    a_parked_run_can_be_taken_back,
    what_has_to_be_confirmed_is_not_parked,
    a_busy_source_makes_a_follow_up_of_it,
    operators_park_and_follow_too,
];

/// A source that was synced just now. It cools, though not for longer than one
/// can wait.
async fn resting(world: &World) -> Given<'_> {
    let given = cooling(world).await;
    cool_for(&given, "PT20S").await;
    given.old(world, 3);
    given.sync(json!({})).await;
    given
}

async fn cool_for(given: &Given<'_>, span: &str) {
    let settings = json!({"cooldowns": {"repository": span}});
    given.admin.patch(&format!("/v1/workspaces/{}", given.tenant.slug), settings).await.is(200);
}

async fn parked(given: &Given<'_>) -> Value {
    let parked = given.admin.post(&given.trigger(), json!({"onBlocked": "park"})).await.is(202);
    assert_eq!([&parked["outcome"], &parked["status"]], ["parked"; 2], "{parked:#}");
    parked
}

async fn look_at(given: &Given<'_>, run: &Value) -> Value {
    given.admin.get(&format!("/v1/runs/{}", id(run))).await.is(200)
}

/// The moment has come, and with it a tick. Time is turned where it can be, and
/// passes elsewhere.
async fn comes(world: &World, moment: &Value) {
    let left = at(moment).since(world.clock.now()) + Duration::from_secs(1);
    if world.is_local() {
        world.clock.turn(SignedDuration::try_from(left).unwrap());
    } else {
        world.clock.sleep(left).await;
    }
    world.tick().await;
}

pub(super) fn at(time: &Value) -> Moment {
    Moment::parse(time.as_str().unwrap()).unwrap()
}

/// What is parked says until when and why, and leaves its source alone. When the
/// cooldown ends it runs by itself, and starts one like any other.
async fn what_cools_is_parked_and_runs_by_itself(world: &World) {
    let given = resting(world).await;
    let before = given.look().await;

    let parked = parked(&given).await;

    assert_eq!((parked["trigger"].as_str(), &parked["resumes_at"]), (Some("parked"), &before["cooldown_until"]));
    assert!(parked["status_reason"].as_str().unwrap().contains(' '), "{parked:#}");
    world.tick().await;
    assert_eq!(look_at(&given, &parked).await["status"], "parked", "it ran too early");
    let during = given.look().await;
    for field in ["status", "current_run", "cooldown_until", "last_synced_at"] {
        assert_eq!(during[field], before[field], "{field}");
    }
    assert_eq!(given.requests(world).len(), 1);

    comes(world, &parked["resumes_at"]).await;
    let ended = given.admin.ended(id(&parked)).await;
    assert_eq!((ended["status"].as_str(), ended["trigger"].as_str()), (Some("completed"), Some("parked")));
    assert!(ended["resumes_at"].is_null() && ended["status_reason"].is_null(), "{ended:#}");
    assert!(at(&ended["started_at"]) >= at(&parked["resumes_at"]), "{ended:#}");
    assert_eq!(given.requests(world).len(), 2);
    let refused = given.admin.press(&given.trigger()).await.problem(429, "COOLDOWN_ACTIVE");
    assert!(at(&refused["next_allowed_at"]) > at(&parked["resumes_at"]), "{refused:#}");
}

/// There is at most one parked run to a source, whoever asks, however often, and
/// in the body or the query. Who does not want to park is refused as ever.
async fn whoever_parks_gets_the_run_that_is_parked(world: &World) {
    let given = resting(world).await;
    let mia = given.tenant.join("mia", "member").await;
    let (path, park) = (given.trigger(), json!({"onBlocked": "park"}));

    let mut answers = futures::future::join_all((0..10).map(|_| mia.post(&path, park.clone()))).await;
    answers.push(given.admin.press(&format!("{path}?onBlocked=park")).await);
    answers.push(keyed(&given.admin, &path, "later", &park).await);
    answers.push(keyed(&given.admin, &path, "later", &park).await);

    let named: BTreeSet<String> = answers.into_iter().map(|answer| id(&answer.is(202)).to_owned()).collect();
    assert_eq!(named.len(), 1, "{named:?}");
    given.admin.press(&path).await.problem(429, "COOLDOWN_ACTIVE");
    given.admin.post(&path, json!({"onBlocked": "reject"})).await.problem(429, "COOLDOWN_ACTIVE");
    given.admin.post(&path, json!({"onConflict": "attach"})).await.problem(429, "COOLDOWN_ACTIVE");
    let listed = given.admin.get(&format!("/v1/sources/{}/runs", given.source)).await.is(200);
    assert_eq!((ids(&listed).len(), listed["runs"][0]["status"].as_str()), (2, Some("parked")), "{listed:#}");
    assert_eq!(listed["runs"][0]["triggered_by"], json!(given.tenant.name("mia")));
}

/// A quota that is nearly used up is waited for until it is full again.
async fn a_low_quota_parks_until_its_window_ends(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let resets_at = Timestamp::from_second(world.clock.now().0 / 1000 + 1_800).unwrap();
    world.forge.set_quota(Some(&given.token), Quota { limit: 5_000, remaining: 100, resets_at });
    given.sync(json!({})).await;
    given.admin.press(&given.trigger()).await.problem(429, "RATE_LIMIT_LOW");

    let parked = parked(&given).await;

    assert_eq!(parked["resumes_at"], json!(resets_at.to_string()));
    assert_eq!(given.look().await["status"], "synced");
    if world.is_local() {
        comes(world, &parked["resumes_at"]).await;
        assert_eq!(given.admin.ended(id(&parked)).await["status"], "completed");
        assert_eq!(given.requests(world).len(), 2);
    } else {
        assert_eq!(given.admin.press(&format!("/v1/runs/{}/cancel", id(&parked))).await.is(202)["status"], "cancelled");
    }
}

/// A parked run holds nothing: who obeys no cooldown syncs meanwhile, and the
/// parked run keeps its time.
async fn a_parked_run_keeps_nobody_out(world: &World) {
    let tenant = world.tenant().await;
    let (admin, project) = (tenant.admin(), tenant.project(&world.folder(&[("a.md", "# A")])).await);
    let settings = json!({"cooldowns": {"documents": "PT20S"}});
    admin.patch(&format!("/v1/workspaces/{}", tenant.slug), settings).await.is(200);
    admin.sync(&project, json!({})).await;
    let parked = admin.post(&format!("/v1/sources/{project}/sync"), json!({"onBlocked": "park"})).await.is(202);

    admin.press(&format!("/api/v1/projects/{project}/sync")).await.is(202);
    assert_eq!(admin.settled(&project).await["sync_status"], "synced");

    let waiting = admin.get(&format!("/v1/runs/{}", id(&parked))).await.is(200);
    assert_eq!((waiting["status"].as_str(), &waiting["resumes_at"]), (Some("parked"), &parked["resumes_at"]));
    comes(world, &parked["resumes_at"]).await;
    assert_eq!(admin.ended(id(&parked)).await["status"], "completed");
    assert_eq!(ids(&admin.get(&format!("/v1/sources/{project}/runs")).await.is(200)).len(), 3);
}

/// Whoever syncs at its time is not disturbed: the parked run says whom it waits
/// for, and is next.
async fn a_parked_run_follows_who_is_there_at_its_time(world: &World) {
    let given = resting(world).await;
    let parked = parked(&given).await;
    // So that the run in its way starts no cooldown of its own.
    cool_for(&given, "PT0S").await;
    let running = held(world, &given, json!({"overrideCooldown": {"reason": "it cannot wait"}})).await;

    comes(world, &parked["resumes_at"]).await;

    let waiting = look_at(&given, &parked).await;
    assert_eq!(waiting["status"], "queued", "{waiting:#}");
    assert!(waiting["status_reason"].as_str().unwrap().contains(id(&running)), "{waiting:#}");
    assert_eq!(look_at(&given, &running).await["status"], "running");
    world.tick().await;
    assert_eq!(given.requests(world).len(), 2, "two runs of one source at once");
    let before = let_go(world, &given, &running).await;
    let ended = given.admin.ended(id(&parked)).await;
    assert_eq!([&before["status"], &ended["status"]], ["completed"; 2]);
    assert!(at(&ended["started_at"]) >= at(&before["finished_at"]), "{ended:#}");
}

/// A cooldown that began since is obeyed too: it stays parked, until the new time.
async fn a_new_cooldown_moves_the_time_of_a_parked_run(world: &World) {
    let given = resting(world).await;
    let parked = parked(&given).await;
    cool_for(&given, "PT30S").await;
    given.sync(json!({"overrideCooldown": {"reason": "it cannot wait"}})).await;
    let until = given.look().await["cooldown_until"].clone();
    assert!(at(&until) > at(&parked["resumes_at"]));

    comes(world, &parked["resumes_at"]).await;

    let waiting = look_at(&given, &parked).await;
    assert_eq!((waiting["status"].as_str(), &waiting["resumes_at"]), (Some("parked"), &until), "{waiting:#}");
    comes(world, &until).await;
    assert_eq!(given.admin.ended(id(&parked)).await["status"], "completed");
    assert_eq!(given.requests(world).len(), 3);
}

/// Cancelled, it never runs, its source is as it was, and another can be parked.
async fn a_parked_run_can_be_taken_back(world: &World) {
    let given = resting(world).await;
    let before = settled(&given).await;
    let taken_back = parked(&given).await;
    let cancel = format!("/v1/runs/{}/cancel", id(&taken_back));
    given.tenant.join("viewer", "viewer").await.press(&cancel).await.problem(403, "FORBIDDEN");

    let cancelled = given.admin.press(&cancel).await.is(202);

    assert_eq!((cancelled["status"].as_str(), cancelled["finished_at"].is_string()), (Some("cancelled"), true));
    assert_eq!(settled(&given).await, before);
    let parked = parked(&given).await;
    assert_ne!(parked["id"], taken_back["id"]);
    comes(world, &parked["resumes_at"]).await;
    assert_eq!(given.admin.ended(id(&parked)).await["status"], "completed");
    assert_eq!(look_at(&given, &taken_back).await["status"], "cancelled");
    assert_eq!(given.requests(world).len(), 2);
}

/// Time confirms nothing, and gives no rights. What was confirmed is parked with
/// all that was wished for.
async fn what_has_to_be_confirmed_is_not_parked(world: &World) {
    let given = resting(world).await;
    let path = given.trigger();
    let closed = json!({"includeClosed": true, "onBlocked": "park"});
    given.admin.post(&path, closed).await.problem(409, "CONFIRMATION_REQUIRED");
    let viewer = given.tenant.join("viewer", "viewer").await;
    viewer.post(&path, json!({"onBlocked": "park"})).await.problem(403, "FORBIDDEN");
    for wrong in [json!("wait"), json!(""), json!(true)] {
        given.admin.post(&path, json!({"onBlocked": wrong})).await.problem(400, "VALIDATION_FAILED");
    }
    given.admin.press(&format!("{path}?onBlocked=wait")).await.problem(400, "VALIDATION_FAILED");

    let wish = json!({"includeClosed": true, "confirmed": true, "onBlocked": "park"});
    let parked = given.admin.post(&path, wish).await.is(202);
    assert_eq!(parked["outcome"], "parked", "{parked:#}");
    given.repository.add_issue(|issue| issue.state = IssueState::Closed);
    comes(world, &parked["resumes_at"]).await;

    let ended = given.admin.ended(id(&parked)).await;
    assert_eq!((ended["status"].as_str(), &ended["results"]["created"]), (Some("completed"), &json!(1)), "{ended:#}");
    assert_eq!(ids(&given.admin.get(&format!("/v1/sources/{}/runs", given.source)).await.is(200)).len(), 2);
}

/// Where a run is in the way, nothing has to be parked: one more follows it. Who
/// wishes to join it joins it.
async fn a_busy_source_makes_a_follow_up_of_it(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let running = held(world, &given, json!({})).await;

    let next = given.admin.post(&given.trigger(), json!({"onBlocked": "park"})).await.is(202);
    let joined = given.admin.post(&given.trigger(), json!({"onBlocked": "park", "onConflict": "attach"})).await.is(200);

    assert_eq!([&next["outcome"], &next["status"]], ["follow_up", "queued"], "{next:#}");
    assert_eq!((&joined["id"], joined["outcome"].as_str()), (&running["id"], Some("attached")));
    assert!(next["id"] != running["id"] && next["resumes_at"].is_null(), "{next:#}");
    let before = let_go(world, &given, &running).await;
    let ended = given.admin.ended(id(&next)).await;
    assert_eq!([&before["status"], &ended["status"]], ["completed"; 2]);
    assert!(at(&ended["started_at"]) >= at(&before["finished_at"]), "{ended:#}");

    // Where a cooldown is in the way as well, it is obeyed first.
    let given = cooling(world).await;
    given.old(world, 3);
    let running = held(world, &given, json!({})).await;
    let waits = parked(&given).await;
    assert_eq!(waits["resumes_at"], given.look().await["cooldown_until"], "{waits:#}");
    let_go(world, &given, &running).await;
    given.admin.press(&format!("/v1/runs/{}/cancel", id(&waits))).await.is(202);
}

/// The operators' door knows the same words.
async fn operators_park_and_follow_too(world: &World) {
    let given = resting(world).await;
    let ask = |more: Value| {
        let mut event = json!({"op": "trigger", "source": given.source});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.ops(event)
    };
    assert_eq!(ask(json!({"maxAge": "PT10M"})).await["outcome"], "fresh");
    let parked = ask(json!({"onBlocked": "park"})).await;
    assert_eq!([&parked["outcome"], &parked["run"]["status"]], ["parked"; 2], "{parked:#}");
    comes(world, &parked["run"]["resumes_at"]).await;
    assert_eq!(given.admin.ended(id(&parked["run"])).await["status"], "completed");

    let over = json!({"reason": "it cannot wait"});
    let waited = ask(json!({"overrideCooldown": over, "wait": "PT20S"})).await;
    assert_eq!([&waited["outcome"], &waited["run"]["status"]], ["accepted", "completed"], "{waited:#}");

    let running = held(world, &given, json!({"overrideCooldown": over})).await;
    let both = json!({"onConflict": "followUp", "onBlocked": "park"});
    let [first, second] = [ask(json!({"onConflict": "followUp"})).await, ask(both).await];
    assert_eq!([&first["outcome"], &second["outcome"]], ["follow_up"; 2], "{first:#}");
    assert_eq!(first["run"]["id"], second["run"]["id"]);
    let_go(world, &given, &running).await;
    assert_eq!(given.admin.ended(id(&first["run"])).await["status"], "completed");

    for wrong in [json!({"onBlocked": "wait"}), json!({"onConflict": "shout"}), json!({"maxAge": "soon"}), json!({"wait": "PT26S"})] {
        assert_eq!(ask(wrong.clone()).await["error"]["code"], "VALIDATION_FAILED", "{wrong}");
    }
}
