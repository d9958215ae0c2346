//! An operation is followed, cancelled, and looked back at.

use jiff::SignedDuration;
use pullcord_forge::{Behaviour, Fault, IssueState};
use serde_json::{Value, json};

use super::{address, at, counts, given, id, now};
use crate::scenarios::issues::open;
use crate::world::{World, fresh};

crate::scenarios![
    an_operation_says_what_it_is,
    progress_never_goes_back,
    an_operation_is_cancelled,
    a_paused_operation_says_until_when,
    a_failed_operation_says_why,
    what_was_left_out_is_named,
    what_a_forge_does_not_have_is_a_warning,
    an_operation_belongs_to_its_repository,
    an_operation_can_be_asked_for_for_a_week,
];

/// S2.118: after that its run is found among the runs of its source.
async fn an_operation_can_be_asked_for_for_a_week(world: &World) {
    if !world.is_local() {
        return;
    }
    let given = given(world).await;
    given.repository.seed(&open(3));
    let accepted = given.sync(json!({"mode": "async"})).await.is(202);
    let run = given.tenant.admin().ended(id(&accepted)).await;
    assert_eq!(run["status"], "completed", "{run:#}");

    world.clock.turn(SignedDuration::from_hours(7 * 24) - SignedDuration::from_mins(1));
    assert_eq!(given.tenant.admin().get(&given.path_of(&accepted)).await.is(200)["status"], "completed");
    world.clock.turn(SignedDuration::from_mins(2));
    given.tenant.admin().get(&given.path_of(&accepted)).await.is(404);
    assert_eq!(given.tenant.admin().get(&format!("/v1/runs/{}", id(&accepted))).await.is(200)["status"], "completed");
}

/// S2.59–S2.72, S2.75, S2.105: who asked for what, how far it is, and when it
/// came to what.
async fn an_operation_says_what_it_is(world: &World) {
    let given = given(world).await;
    given.repository.add_issue(|issue| issue.state = IssueState::Closed);
    let accepted = given.held(json!({"syncType": "issuesOnly", "includeClosed": true, "confirmed": true})).await;

    let during = given.operation(&accepted).await;
    let ended = given.let_go(&accepted).await;

    assert_eq!(id(&accepted).len(), 36);
    for (shown, status, created) in [(&during, "in_progress", 0), (&ended, "completed", 1)] {
        let expected = json!({"id": id(&accepted), "operationId": id(&accepted), "repositoryConnectionId": given.source,
            "projectId": given.project, "userId": given.tenant.name("mia"), "status": status, "syncType": "issuesOnly",
            "includeClosed": true, "error": null});
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(shown.get(field), Some(value), "{field}");
        }
        assert_eq!((counts(shown), &shown["results"]["errors"]), ([[created, 0, 0, 0], [0; 4]], &json!([])));
        assert!(at(&shown["createdAt"]) <= at(&shown["startedAt"]) && at(&shown["startedAt"]) <= at(&shown["updatedAt"]), "{shown:#}");
    }
    assert_eq!(during["progress"], json!({"percentage": null, "processed": 0, "total": null, "currentPage": 0}));
    assert_eq!((during.get("completedAt"), ended.get("stage")), (Some(&Value::Null), Some(&Value::Null)));
    assert!(at(&during["updatedAt"]) <= at(&ended["completedAt"]) && at(&ended["completedAt"]) <= at(&ended["updatedAt"]), "{ended:#}");
}

/// S2.25, S2.26, S2.66, S2.100, S2.107: what is processed and the page only grow,
/// from stream to stream too; of what nobody knows the total there is no percentage.
async fn progress_never_goes_back(world: &World) {
    let given = given(world).await;
    given.repository.seed(&open(150));
    given.repository.add_alert(|_| {});
    world.forge.script(Fault::on(&given.issues, Behaviour::Hang).nth(2));
    world.forge.script(Fault::on(&given.alerts, Behaviour::Hang));
    let accepted = given.sync(json!({"mode": "async"})).await.is(202);

    let mut seen = Vec::new();
    for (listing, requests, processed) in [(&given.issues, 2, 100), (&given.alerts, 1, 150)] {
        world.forge.wait_for(listing, requests).await;
        given.mia.until(id(&accepted), |run| run["progress"]["processed"] == processed).await;
        seen.push(given.operation(&accepted).await);
        world.forge.release();
    }
    seen.push(given.ended(&accepted).await);

    let progress = seen.iter().map(|shown| ["processed", "currentPage"].map(|name| shown["progress"][name].as_u64().unwrap()));
    assert_eq!(progress.collect::<Vec<_>>(), [[100, 1], [150, 2], [151, 3]]);
    let created = seen.iter().map(|shown| counts(shown).map(|[created, ..]| created));
    assert_eq!(created.collect::<Vec<_>>(), [[100, 0], [150, 0], [150, 1]]);
    for during in &seen[..2] {
        assert!(during["progress"]["total"].is_null() && during["progress"]["percentage"].is_null(), "{during:#}");
        assert!(["fetching", "matching", "creating", "updating"].contains(&during["stage"].as_str().unwrap()), "{during:#}");
    }
    assert_eq!((&seen[2]["status"], &seen[2]["progress"]["percentage"]), (&json!("completed"), &json!(100)));
}

/// S2.106: it stops at its next page, what was done before stays, and the next sync
/// does the rest.
async fn an_operation_is_cancelled(world: &World) {
    let given = given(world).await;
    given.repository.seed(&open(101));
    world.forge.script(Fault::on(&given.issues, Behaviour::Hang).nth(2));
    let accepted = given.sync(json!({"mode": "async"})).await.is(202);
    world.forge.wait_for(&given.issues, 2).await;
    given.mia.until(id(&accepted), |run| run["progress"]["processed"] == 100).await;
    let path = given.path_of(&accepted);

    assert_eq!(given.mia.delete(&path).await.is(202)["status"], "in_progress");
    given.sync(json!({})).await.problem(409, "SYNC_IN_PROGRESS");
    let cancelled = given.let_go(&accepted).await;

    assert_eq!((cancelled["status"].as_str(), counts(&cancelled)), (Some("cancelled"), [[100, 0, 0, 0], [0; 4]]), "{cancelled:#}");
    assert!(cancelled["completedAt"].is_string() && cancelled["error"].is_null(), "{cancelled:#}");
    assert_eq!(given.mia.delete(&path).await.is(202)["status"], "cancelled");
    assert_eq!(given.synced(json!({})).await["results"]["created"], 1);
}

/// S2.13, S2.99: a limit of the forge is no failure. While it is waited for the
/// repository is taken, and whoever does not want to wait cancels.
async fn a_paused_operation_says_until_when(world: &World) {
    let given = given(world).await;
    world.forge.script(Fault::on(&given.issues, Behaviour::SecondaryLimit { status: 403, retry_after: None }));
    let began = now(world);
    let accepted = given.sync(json!({"mode": "async"})).await.is(202);
    given.mia.until(id(&accepted), |run| run["status"] == "paused").await;

    let paused = given.operation(&accepted).await;

    assert_eq!((paused["status"].as_str(), &paused["error"], &paused["completedAt"]), (Some("paused"), &Value::Null, &Value::Null));
    assert!(at(&paused["resumesAt"]) >= began + SignedDuration::from_mins(1), "{paused:#}");
    assert_eq!(given.sync(json!({})).await.problem(409, "SYNC_IN_PROGRESS")["operationId"], accepted["operationId"]);
    assert_eq!(given.mia.delete(&given.path_of(&accepted)).await.is(202)["status"], "cancelled");
    assert_eq!(given.synced(json!({})).await["status"], "completed");
}

/// S2.68, S2.80, S2.123: the answer that was held, the operation and the source say
/// the same of a failure; nothing stands in the way of the next sync.
async fn a_failed_operation_says_why(world: &World) {
    let given = given(world).await;
    for body in [json!({}), json!({"mode": "sync"})] {
        world.forge.script(Fault::on(&given.issues, Behaviour::status(404)));

        let failed = given.sync(body).await.is(200);

        let (shown, source) = (given.operation(&failed).await, given.look().await);
        for answer in [&failed, &shown] {
            assert_eq!((&answer["status"], &answer["error"]), (&json!("failed"), &source["sync_error"]), "{answer:#}");
        }
        assert!(shown["error"].is_string() && shown["completedAt"].is_string(), "{shown:#}");
        assert!(!shown.to_string().contains(&given.token), "{shown:#}");
    }
    assert_eq!(given.synced(json!({})).await["status"], "completed");
}

/// S2.108: an entry that cannot be read is counted where it belongs, and named.
async fn what_was_left_out_is_named(world: &World) {
    let given = given(world).await;
    for (listing, number) in [(&given.issues, 7), (&given.alerts, 9)] {
        world.forge.script(Fault::on(listing, Behaviour::json(200, &json!([{"number": number, "title": null}]))));
    }

    let synced = given.synced(json!({})).await;

    assert_eq!((synced["status"].as_str(), counts(&synced)), (Some("completed"), [[0, 0, 0, 1]; 2]), "{synced:#}");
    for shown in [&synced, &given.operation(&synced).await] {
        let errors: Vec<&str> = shown["results"]["errors"].as_array().unwrap().iter().map(|error| error.as_str().unwrap()).collect();
        assert!(errors.len() == 2 && errors[0].contains("#7") && errors[1].contains("#9"), "{errors:?}");
        assert_eq!(shown["warnings"].as_array().map(Vec::len), Some(2), "{shown:#}");
    }
}

/// S2.123: alerts that are switched off are not no alerts: the sync did its
/// work, and says with the forge's own reason what it could not read.
async fn what_a_forge_does_not_have_is_a_warning(world: &World) {
    let given = given(world).await;
    given.repository.add_issue(|_| {});
    given.repository.disable_alerts();

    for (kind, created) in [("full", 1), ("securityOnly", 0)] {
        let synced = given.synced(json!({"syncType": kind})).await;

        assert_eq!((synced["status"].as_str(), counts(&synced)), (Some("completed"), [[created, 0, 0, 0], [0; 4]]), "{synced:#}");
        for shown in [&synced, &given.operation(&synced).await] {
            assert_eq!(shown["warnings"][0]["code"], "STREAM_NOT_AVAILABLE", "{shown:#}");
            let message = shown["warnings"][0]["message"].as_str().unwrap();
            assert!(message.contains("Dependabot alerts are disabled for this repository"), "{message}");
        }
    }
}

/// S2.36, S2.60, S2.61: beside another repository of its project it is not found, nor
/// is an id that is nobody's.
async fn an_operation_belongs_to_its_repository(world: &World) {
    let given = given(world).await;
    let name = format!("acme/{}", fresh("second"));
    world.forge.repository(&name);
    let second = given.tenant.repository_with(&name, json!({"project": given.project})).await;
    let accepted = given.held(json!({})).await;

    let beside = format!("{}/{}", address(&given.project, &second), id(&accepted));
    let unknown = ["seven", "01890a5d-ac96-774b-bcce-b302099a8057"].map(|id| format!("{}/{id}", given.path()));
    for path in unknown.iter().chain([&beside]) {
        given.mia.get(path).await.problem(404, "NOT_FOUND");
        given.mia.delete(path).await.problem(404, "NOT_FOUND");
    }

    assert_eq!(given.let_go(&accepted).await["status"], "completed", "it was cancelled from beside");
}
