//! A repository is synced: what the answer says, how long it is waited for, and what
//! is asked of the forge.

use std::time::Duration;

use pullcord_forge::{AlertSeverity, Behaviour, Fault};
use serde_json::{Value, json};

use super::{Given, at, counts, given, given_with, id, now};
use crate::scenarios::issues::open;
use crate::world::{Answer, World};

crate::scenarios![
    a_small_repository_is_answered_with_what_was_done,
    a_hundred_issues_are_still_waited_for,
    more_than_a_hundred_issues_are_followed_instead,
    what_was_much_the_last_time_is_not_waited_for,
    whoever_says_that_they_wait_is_made_to_wait,
    a_sync_type_names_what_is_asked_for,
    what_a_source_does_not_read_cannot_be_asked_for,
    this_surface_knows_no_cooldown,
    the_options_of_a_trigger_hold_here_too,
    a_repeated_request_is_the_same_operation,
];

/// S2.22, S2.33, S2.43, S2.57, S2.108: what is done soon is told at once,
/// and counted exactly, the alerts apart.
async fn a_small_repository_is_answered_with_what_was_done(world: &World) {
    let given = given(world).await;
    for _ in 0..3 {
        given.repository.add_issue(|_| {});
    }
    for _ in 0..2 {
        given.repository.add_alert(|_| {});
    }
    let began = now(world);

    let first = given.sync(json!({})).await.is(200);

    assert_eq!((first["status"].as_str(), counts(&first)), (Some("completed"), [[3, 0, 0, 0], [2, 0, 0, 0]]), "{first:#}");
    assert_eq!(first["results"]["errors"], json!([]));
    assert!((began..=now(world)).contains(&at(&first["lastSyncAt"])), "{first:#}");
    let run = given.mia.get(&format!("/v1/runs/{}", id(&first))).await.is(200);
    assert_eq!((&run["trigger"], &run["triggered_by"]), (&json!("manual"), &json!(given.tenant.name("mia"))));

    given.repository.edit_issue(1, |issue| issue.title = "Another title".into());
    given.repository.add_issue(|issue| issue.title = "A new one".into());
    given.repository.edit_alert(1, |alert| alert.severity = AlertSeverity::Critical);
    let second = given.sync(json!({})).await.is(200);

    assert_eq!(counts(&second), [[1, 1, 2, 0], [0, 1, 1, 0]], "{second:#}");
}

/// S2.45: a hundred are not more than a hundred, also while alerts are yet to come.
async fn a_hundred_issues_are_still_waited_for(world: &World) {
    let given = given(world).await;
    given.repository.seed(&open(100));
    world.forge.script(Fault::on(&given.alerts, Behaviour::delay(Duration::from_secs(1))));

    let synced = given.sync(json!({})).await.is(200);

    assert_eq!((synced["status"].as_str(), counts(&synced)), (Some("completed"), [[100, 0, 0, 0], [0; 4]]), "{synced:#}");
}

/// Whether it has yet to come to its end.
fn goes_on(operation: &Value) -> bool {
    ["pending", "in_progress"].contains(&operation["status"].as_str().unwrap())
}

/// S2.42, S2.44, S2.45, S2.105, S2.109: as soon as it is known that there are more
/// than a hundred, the answer says where the operation can be followed to its end.
async fn more_than_a_hundred_issues_are_followed_instead(world: &World) {
    let given = given(world).await;
    given.repository.seed(&open(101));
    world.forge.script(Fault::on(&given.issues, Behaviour::Hang).nth(2));
    let asked = world.clock.now();

    let answer = given.sync(json!({})).await;

    assert!(world.clock.now().since(asked) < Duration::from_secs(8), "the answer was held");
    let location = answer.header("location").to_owned();
    let accepted = answer.is(202);
    assert_eq!((&location, &accepted["location"]), (&given.path_of(&accepted), &json!(location)));
    assert!(goes_on(&accepted), "{accepted:#}");
    world.forge.wait_for(&given.issues, 2).await;
    let during = given.mia.get(&location).await.is(200);
    assert_eq!((&during["operationId"], &during["status"]), (&accepted["operationId"], &json!("in_progress")));

    world.forge.release();
    given.mia.ended(id(&accepted)).await;
    let ended = given.mia.get(&location).await.is(200);
    assert_eq!((ended["status"].as_str(), counts(&ended)), (Some("completed"), [[101, 0, 0, 0], [0; 4]]), "{ended:#}");
}

/// S2.45, S2.109: where the last sync of its kind listed more than a hundred, nobody
/// waits to hear that there is much.
async fn what_was_much_the_last_time_is_not_waited_for(world: &World) {
    let given = given(world).await;
    given.repository.seed(&open(101));
    // What has just changed is listed once more.
    for _ in 0..2 {
        assert_eq!(given.synced(json!({"syncType": "issuesOnly"})).await["status"], "completed");
    }
    let asked = given.asked()[0];
    world.forge.script(Fault::on(&given.issues, Behaviour::Hang));

    let accepted = given.sync(json!({"syncType": "issuesOnly"})).await.is(202);

    assert!(goes_on(&accepted), "{accepted:#}");
    world.forge.wait_for(&given.issues, asked + 1).await;
    assert_eq!(given.let_go(&accepted).await["status"], "completed");
}

/// S2.43, S2.44: `sync`, and a `wait`, hold the answer however much there is;
/// `async` never does, however little.
async fn whoever_says_that_they_wait_is_made_to_wait(world: &World) {
    for patient in [json!({"mode": "sync"}), json!({"wait": "PT20S"})] {
        let given = given(world).await;
        given.repository.seed(&open(101));

        let waited = given.sync(patient).await.is(200);
        let accepted = given.sync(json!({"mode": "async"})).await.is(202);

        assert_eq!((waited["status"].as_str(), counts(&waited)), (Some("completed"), [[101, 0, 0, 0], [0; 4]]), "{waited:#}");
        assert!(goes_on(&accepted) && accepted.get("results").is_none(), "{accepted:#}");
        assert_eq!(accepted["location"], given.path_of(&accepted));
        assert_eq!(given.ended(&accepted).await["status"], "completed");
    }
}

/// S2.39, S2.104: issues, alerts or both, which is what is meant if nothing is said.
async fn a_sync_type_names_what_is_asked_for(world: &World) {
    let given = given(world).await;
    let table = [
        (json!({"syncType": "issuesOnly"}), "issuesOnly", [1, 0]),
        (json!({"syncType": "securityOnly"}), "securityOnly", [1, 1]),
        (json!({"syncType": "full"}), "full", [2, 2]),
        (json!({}), "full", [3, 3]),
    ];
    for (body, kind, asked) in table {
        let synced = given.synced(body).await;

        assert_eq!((synced["status"].as_str(), given.asked()), (Some("completed"), asked), "{kind}: {synced:#}");
        assert_eq!(given.operation(&synced).await["syncType"], kind);
    }
}

/// S2.46, S2.104: a source that reads no alerts is not silently synced without them.
async fn what_a_source_does_not_read_cannot_be_asked_for(world: &World) {
    let given = given_with(world, &["issues"]).await;

    let refused = given.sync(json!({"syncType": "securityOnly"})).await.problem(400, "VALIDATION_FAILED");

    assert_eq!(refused["errors"][0]["at"], "syncType", "{refused:#}");
    assert!(refused["errors"][0]["why"].as_str().unwrap().contains("alerts"), "{refused:#}");
    assert_eq!((given.runs().await, given.asked()), (0, [0, 0]));
    given.synced(json!({"syncType": "issuesOnly"})).await;
    given.synced(json!({"syncType": "full"})).await;
    assert_eq!(given.asked(), [2, 0]);
}

/// Cooldowns: a sync here starts none, so that the native surface may follow at
/// once; and obeys none, so that it may follow the native surface.
async fn this_surface_knows_no_cooldown(world: &World) {
    let given = given(world).await;
    let native = format!("/v1/sources/{}/sync", given.source);

    given.synced(json!({})).await;
    assert!(given.look().await["cooldown_until"].is_null());
    given.mia.sync(&given.source, json!({})).await;
    let until = given.look().await["cooldown_until"].clone();
    given.mia.press(&native).await.problem(429, "COOLDOWN_ACTIVE");

    assert_eq!(given.synced(json!({})).await["status"], "completed");
    assert_eq!((until.is_string(), &given.look().await["cooldown_until"]), (true, &until));
    given.mia.press(&native).await.problem(429, "COOLDOWN_ACTIVE");
}

/// The options of every trigger, in the body or the query: the answers are in the
/// words of this surface, with the outcome.
async fn the_options_of_a_trigger_hold_here_too(world: &World) {
    let given = given(world).await;
    let would = given.sync(json!({"dryRun": true})).await.is(200);
    let refused = given.sync(json!({"dryRun": true, "includeClosed": true})).await.is(200);
    assert_eq!([&would["outcome"], &refused["outcome"]], ["would_accept", "would_refuse"]);
    assert!(refused.to_string().contains("CONFIRMATION_REQUIRED"), "{refused:#}");
    assert_eq!((given.runs().await, given.asked()), (0, [0, 0]));

    given.synced(json!({})).await;
    let recent = given.sync(json!({"maxAge": "PT1H"})).await.is(200);
    assert_eq!((&recent["outcome"], &recent["lastSyncAt"]), (&json!("fresh"), &given.look().await["last_synced_at"]));

    let running = given.held(json!({})).await;
    let attached = given.sync(json!({"onConflict": "attach", "mode": "async"})).await.is(200);
    let next = given.mia.post(&format!("{}?onConflict=followUp", given.path()), json!({"mode": "async"})).await.is(202);
    assert_eq!([&attached["outcome"], &attached["status"]], ["attached", "in_progress"]);
    assert_eq!([&next["outcome"], &next["status"]], ["follow_up", "pending"]);
    assert!(attached["operationId"] == running["operationId"] && next["operationId"] != running["operationId"], "{next:#}");

    let ended = [given.let_go(&running).await, given.ended(&next).await];
    assert_eq!([&ended[0]["status"], &ended[1]["status"]], ["completed"; 2]);
    assert_eq!(given.runs().await, 3);
    for answer in [would, refused, recent, attached, next] {
        assert!(answer.as_object().unwrap().keys().all(|name| !name.contains('_')), "{answer:#}");
    }
}

/// A request with an idempotency key.
async fn keyed(given: &Given<'_>, key: &str, body: Value) -> Answer {
    let path = given.path();
    let request = given.mia.request("POST", &path).header("idempotency-key", key).header("content-type", "application/json");
    Answer::of("POST", &path, request.body(body.to_string())).await
}

/// What is sent again with its key is no second sync; with another body it is
/// a mistake.
async fn a_repeated_request_is_the_same_operation(world: &World) {
    let given = given(world).await;
    given.repository.add_issue(|_| {});

    let first = keyed(&given, "monday", json!({"mode": "sync"})).await.is(200);
    let again = keyed(&given, "monday", json!({"mode": "sync"})).await.is(200);
    let patient = keyed(&given, "monday", json!({"mode": "sync", "wait": "PT20S"})).await.is(200);
    let tuesday = keyed(&given, "tuesday", json!({"mode": "sync"})).await.is(200);

    assert_eq!(counts(&first), [[1, 0, 0, 0], [0; 4]]);
    for answer in [again, patient] {
        assert_eq!((&answer["operationId"], &answer["results"]), (&first["operationId"], &first["results"]));
    }
    assert_ne!(tuesday["operationId"], first["operationId"]);
    keyed(&given, "monday", json!({"mode": "sync", "syncType": "issuesOnly"})).await.problem(422, "IDEMPOTENCY_MISMATCH");
    assert_eq!((given.runs().await, given.asked()), (2, [2, 2]));
}
