//! What a trigger answers: a run, what is fresh enough, what would be, or the first
//! reason against it.

use jiff::Timestamp;
use pullcord_forge::{Behaviour, Fault, Quota};
use serde_json::{Value, json};

use super::{held, id, ids, keyed, let_go};
use crate::scenarios::issues::{cooling, given};
use crate::world::{World, fresh};

crate::scenarios![
    a_trigger_answers_with_the_run,
    an_answer_is_held_until_the_run_ends,
    fresh_enough_starts_nothing,
    a_fresh_source_is_fresh_while_it_is_synced_again,
    a_dry_run_changes_nothing,
    a_dry_run_says_what_would_be_refused,
    checks_come_in_their_order,
    a_deleted_source_is_gone_for_everyone,
];

/// S0.29, S0.37, S1.4–S1.8: the answer is the run, in its one shape.
async fn a_trigger_answers_with_the_run(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    world.forge.script(Fault::on(&given.issues, Behaviour::Hang));

    let run = given.admin.press(&given.trigger()).await.is(202);

    let expected = json!({"outcome": "accepted", "workspace": given.tenant.slug, "source": given.source, "kind": "repository",
        "status": "queued", "status_reason": "waits for a worker", "trigger": "manual", "triggered_by": given.tenant.name("admin"), "epoch": 0,
        "started_at": null, "finished_at": null, "last_progress_at": null, "resumes_at": null, "lease_until": null,
        "progress": {"percentage": null, "processed": 0, "total": null, "unit": "items", "stage": null, "current": null, "page": 0},
        "results": {"created": 0, "updated": 0, "skipped": 0, "deleted": 0, "held_deletions": 0, "failed": 0},
        "calls": {"made": 0, "not_modified": 0, "by": {}}, "error": null, "warnings": []});
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(run.get(field), Some(value), "{field}");
    }
    assert!(run["created_at"].as_str().unwrap().ends_with('Z') && run["created_at"].as_str().unwrap().parse::<Timestamp>().is_ok());
    assert!(run.get("estimated_completion").is_some() && run["version"].is_u64(), "{run:#}");
    assert!(id(&run).len() == 36 && id(&run).as_bytes()[14] == b'7', "{run:#}");
    let source = given.look().await;
    assert_eq!((source["status"].as_str(), &source["current_run"]), (Some("syncing"), &run["id"]));

    world.forge.wait_for(&given.issues, 1).await;
    let running = given.admin.get(&format!("/v1/runs/{}", id(&run))).await.is(200);
    assert_eq!((running["status"].as_str(), running["epoch"].as_u64()), (Some("running"), Some(1)));
    assert!(running["started_at"].is_string() && running["lease_until"].is_string(), "{running:#}");

    let ended = let_go(world, &given, &run).await;
    assert_eq!((ended["status"].as_str(), ended["results"]["created"].as_u64()), (Some("completed"), Some(3)));
    assert!(ended["finished_at"].is_string() && ended["last_progress_at"].is_string() && ended["lease_until"].is_null(), "{ended:#}");
}

/// S0.39: `wait` holds the answer until the run ends, however it ends.
async fn an_answer_is_held_until_the_run_ends(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let path = format!("{}?wait=PT20S", given.trigger());

    let run = given.admin.press(&path).await.is(200);
    assert_eq!((run["status"].as_str(), run["results"]["created"].as_u64()), (Some("completed"), Some(3)));

    world.forge.script(Fault::on(&given.issues, Behaviour::status(404)));
    let run = given.admin.post(&given.trigger(), json!({"wait": "PT20S"})).await.is(200);
    assert_eq!((run["status"].as_str(), run["error"]["code"].as_str()), (Some("failed"), Some("REPOSITORY_NOT_FOUND")));

    world.forge.script(Fault::on(&given.issues, Behaviour::Hang));
    let run = given.admin.post(&given.trigger(), json!({"wait": "PT1S"})).await.is(202);
    assert!(run["finished_at"].is_null(), "{run:#}");
    world.forge.wait_for(&given.issues, 3).await;
    let_go(world, &given, &run).await;

    for wrong in ["PT26S", "20", "", "-PT1S"] {
        given.admin.post(&given.trigger(), json!({"wait": wrong})).await.problem(400, "VALIDATION_FAILED");
    }
}

/// `maxAge`: what is fresher than asked for needs no run.
async fn fresh_enough_starts_nothing(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    // What was never synced is not fresh.
    let first = given.admin.post(&given.trigger(), json!({"maxAge": "PT1H", "wait": "PT20S"})).await.is(200);
    assert_eq!(first["status"], "completed");

    let answers = [
        given.admin.post(&given.trigger(), json!({"maxAge": "PT1H"})).await.is(200),
        given.admin.press(&format!("{}?maxAge=PT1H", given.trigger())).await.is(200),
    ];

    for answer in answers {
        assert_eq!((answer["status"].as_str(), answer["outcome"].as_str()), (Some("fresh"), Some("fresh")), "{answer:#}");
        assert!(answer.get("id").is_none(), "{answer:#}");
    }
    assert_eq!(ids(&given.admin.get(&format!("/v1/sources/{}/runs", given.source)).await.is(200)), [id(&first)]);
    assert_eq!(given.sync(json!({"maxAge": "PT0S"})).await["status"], "completed");
    given.admin.post(&given.trigger(), json!({"maxAge": "an hour"})).await.problem(400, "VALIDATION_FAILED");
    // A source in error is not fresh, whatever it was before.
    world.forge.script(Fault::on(&given.issues, Behaviour::status(404)));
    given.sync(json!({})).await;
    assert_eq!(given.sync(json!({"maxAge": "PT1H"})).await["status"], "completed");
}

/// The order of checks: fresh is judged before running.
async fn a_fresh_source_is_fresh_while_it_is_synced_again(world: &World) {
    let given = given(world).await;
    given.sync(json!({})).await;
    let run = held(world, &given, json!({})).await;

    let answer = given.admin.post(&given.trigger(), json!({"maxAge": "PT1H"})).await;
    let_go(world, &given, &run).await;

    assert_eq!(answer.is(200)["status"], "fresh");
}

/// `dryRun` answers what would happen and leaves no trace.
async fn a_dry_run_changes_nothing(world: &World) {
    let given = cooling(world).await;
    given.old(world, 3);
    let path = format!("/v1/workspaces/{}/audit", given.tenant.slug);
    let (before, audit) = (given.look().await, given.admin.get(&path).await.is(200));

    let answers = [
        given.admin.post(&given.trigger(), json!({"dryRun": true})).await,
        given.admin.press(&format!("{}?dryRun=true", given.trigger())).await,
        keyed(&given.admin, &given.trigger(), "dry", &json!({"dryRun": true})).await,
    ];

    for answer in answers {
        assert_eq!(answer.is(200)["outcome"], "would_accept");
    }
    assert_eq!(given.look().await, before);
    assert_eq!(given.admin.get(&path).await.is(200), audit);
    assert!(given.requests(world).is_empty());
    assert_eq!(ids(&given.admin.get(&format!("/v1/sources/{}/runs", given.source)).await.is(200)), [""; 0]);
    // Its key is free, and its cooldown never began.
    assert_eq!(keyed(&given.admin, &given.trigger(), "dry", &json!({"wait": "PT20S"})).await.is(200)["status"], "completed");
}

/// And it names the rule that would refuse.
async fn a_dry_run_says_what_would_be_refused(world: &World) {
    let given = cooling(world).await;
    let would = async |body: Value| {
        let answer = given.admin.post(&given.trigger(), body).await.is(200);
        assert_eq!(answer["outcome"], "would_refuse", "{answer:#}");
        answer
    };
    let confirmation = would(json!({"dryRun": true, "includeClosed": true})).await;
    assert_eq!(confirmation["reason"], "CONFIRMATION_REQUIRED");

    let run = held(world, &given, json!({})).await;
    let running = would(json!({"dryRun": true})).await;
    let attached = given.admin.post(&given.trigger(), json!({"dryRun": true, "onConflict": "attach"})).await.is(200);
    let forced = given.admin.post(&given.trigger(), json!({"dryRun": true, "force": true})).await.is(200);
    assert_eq!(given.admin.get(&format!("/v1/runs/{}", id(&run))).await.is(200)["status"], "running");
    let_go(world, &given, &run).await;
    assert_eq!(running["reason"], "SYNC_IN_PROGRESS");
    assert_eq!([&attached["outcome"], &forced["outcome"]], ["would_accept"; 2]);

    let cooling = would(json!({"dryRun": true})).await;
    assert_eq!(cooling["reason"], "COOLDOWN_ACTIVE");
    assert_eq!(cooling["next_allowed_at"], given.look().await["cooldown_until"]);
}

/// Token, shape, exists, role, key, age, confirmation, running, cooldown, quota:
/// of everything that is wrong the first in this order is what the answer says.
async fn checks_come_in_their_order(world: &World) {
    let given = cooling(world).await;
    let path = given.trigger();
    let (wrong, unconfirmed) = (json!({"fulll": true}), json!({"includeClosed": true}));
    let stranger = world.user(&fresh("stranger"));
    let nowhere = format!("/v1/sources/{}/sync", fresh("nowhere"));

    world.nobody().post(&nowhere, wrong.clone()).await.problem(401, "UNAUTHENTICATED");
    let errors = stranger.post(&nowhere, wrong).await.problem(400, "VALIDATION_FAILED")["errors"].clone();
    assert!(errors[0]["at"] == "fulll" && errors[0]["why"].is_string(), "{errors:#}");
    let viewer = given.tenant.join("viewer", "viewer").await;
    viewer.post(&nowhere, json!({})).await.problem(404, "NOT_FOUND");
    stranger.post(&path, json!({})).await.problem(404, "NOT_FOUND");

    let mia = given.tenant.join("mia", "member").await;
    keyed(&mia, &path, "key", &json!({"wait": "PT20S"})).await.is(200);
    given.tenant.join("mia", "viewer").await;
    let otherwise = json!({"maxAge": "PT1H"});
    keyed(&mia, &path, "key", &otherwise).await.problem(403, "FORBIDDEN");
    given.tenant.join("mia", "member").await;
    keyed(&mia, &path, "key", &otherwise).await.problem(422, "IDEMPOTENCY_MISMATCH");

    let recent = given.admin.post(&path, json!({"maxAge": "PT1H", "includeClosed": true})).await.is(200);
    assert_eq!(recent["status"], "fresh");
    let quota = world.forge.quota(Some(&given.token));
    world.forge.set_quota(Some(&given.token), Quota { remaining: 50, ..quota });
    let over = json!({"overrideCooldown": {"reason": "the order of checks"}});
    let run = held(world, &given, over.clone()).await;
    given.admin.post(&path, unconfirmed).await.problem(409, "CONFIRMATION_REQUIRED");
    given.admin.post(&path, json!({})).await.problem(409, "SYNC_IN_PROGRESS");
    let_go(world, &given, &run).await;
    given.admin.post(&path, json!({})).await.problem(429, "COOLDOWN_ACTIVE");
    given.admin.post(&path, over).await.problem(429, "RATE_LIMIT_LOW");
}

/// A source that is deleted does not exist, before anyone's role is looked at.
async fn a_deleted_source_is_gone_for_everyone(world: &World) {
    let given = given(world).await;
    let viewer = given.tenant.join("viewer", "viewer").await;
    given.admin.delete(&format!("/v1/sources/{}", given.source)).await.is(202);

    given.admin.press(&given.trigger()).await.problem(404, "NOT_FOUND");
    viewer.press(&given.trigger()).await.problem(404, "NOT_FOUND");
}
