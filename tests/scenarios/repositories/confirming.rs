//! What has to be confirmed before a repository is synced, and what refuses its sync
//! altogether.

use std::collections::BTreeSet;

use jiff::Timestamp;
use pullcord_forge::{Behaviour, Fault, IssueState, Quota};
use serde_json::{Value, json};

use super::{address, given, given_with, id, now, project};
use crate::world::{Answer, World, fresh};

crate::scenarios![
    what_is_closed_comes_once_it_is_confirmed,
    an_active_webhook_has_to_be_confirmed,
    a_repository_is_synced_once_at_a_time,
    a_low_quota_refuses_a_sync,
    members_sync_and_viewers_look,
    a_repository_of_another_project_is_not_found,
    everything_wrong_with_a_request_is_named,
];

/// S2.40, S2.41, S2.97, S2.110, S2.115: open issues by default; closed ones once it
/// is confirmed that they are wanted.
async fn what_is_closed_comes_once_it_is_confirmed(world: &World) {
    let given = given(world).await;
    given.repository.add_issue(|_| {});
    given.repository.add_issue(|issue| issue.state = IssueState::Closed);
    assert_eq!(given.synced(json!({})).await["results"]["created"], 1);

    for unconfirmed in [json!({"includeClosed": true}), json!({"includeClosed": true, "confirmed": false, "mode": "async"})] {
        let refused = given.sync(unconfirmed).await.problem(409, "CONFIRMATION_REQUIRED");
        assert_eq!((&refused["requiresConfirmation"], &refused["reasons"]), (&json!(true), &json!(["INCLUDE_CLOSED"])));
        assert!(refused["error"].as_str().is_some_and(|text| !text.is_empty()), "{refused:#}");
    }
    assert_eq!((given.runs().await, given.mia.items(&given.source).await.len()), (1, 1));

    let confirmed = given.synced(json!({"includeClosed": true, "confirmed": true})).await;
    assert_eq!((&confirmed["status"], &confirmed["results"]["created"]), (&json!("completed"), &json!(1)), "{confirmed:#}");
    assert_eq!(given.operation(&confirmed).await["includeClosed"], true);
    assert_eq!(given.mia.items(&given.source).await.len(), 2);
}

/// S2.38, S2.98, S2.110: where webhooks work, a sync by hand has to be meant, each
/// time. All reasons are named at once.
async fn an_active_webhook_has_to_be_confirmed(world: &World) {
    let given = given(world).await;
    let set = async |active: Value| {
        let path = format!("/v1/sources/{}", given.source);
        given.tenant.admin().patch(&path, json!({"webhook": {"active": active}})).await.is(200);
    };
    let reasons = async |body: Value| {
        let refused = given.sync(body).await.problem(409, "CONFIRMATION_REQUIRED");
        assert_eq!(refused["requiresConfirmation"], true);
        refused["reasons"].clone()
    };
    set(json!(true)).await;

    assert_eq!(reasons(json!({})).await, json!(["WEBHOOK_ACTIVE"]));
    assert_eq!(reasons(json!({"includeClosed": true})).await, json!(["WEBHOOK_ACTIVE", "INCLUDE_CLOSED"]));
    assert_eq!((given.runs().await, given.asked()), (0, [0, 0]));
    assert_eq!(given.synced(json!({"includeClosed": true, "confirmed": true})).await["status"], "completed");
    assert_eq!(reasons(json!({"syncType": "securityOnly"})).await, json!(["WEBHOOK_ACTIVE"]));

    // Silent, or never heard of.
    for silent in [json!(false), Value::Null] {
        set(silent).await;
        assert_eq!(given.synced(json!({})).await["status"], "completed");
    }
}

/// S2.37, S2.103, S2.111: of many at once one is accepted, and the others are told
/// which; the native surface meets the same sync. Confirmation is asked for before.
async fn a_repository_is_synced_once_at_a_time(world: &World) {
    const UNDER_WAY: &str = "A sync operation is already in progress for this repository";
    let given = given(world).await;
    let native = format!("/v1/sources/{}/sync", given.source);
    world.forge.script(Fault::on(&given.issues, Behaviour::Hang));

    let answers = futures::future::join_all((0..20).map(|_| given.sync(json!({"mode": "async"})))).await;

    let (mut accepted, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 202);
    assert_eq!((accepted.len(), refused.len()), (1, 19));
    let operation = accepted.remove(0).is(202);
    for answer in refused {
        let problem = answer.problem(409, "SYNC_IN_PROGRESS");
        assert_eq!((&problem["error"], &problem["operationId"]), (&json!(UNDER_WAY), &operation["operationId"]));
    }
    world.forge.wait_for(&given.issues, 1).await;
    given.sync(json!({"includeClosed": true})).await.problem(409, "CONFIRMATION_REQUIRED");
    given.sync(json!({"includeClosed": true, "confirmed": true})).await.problem(409, "SYNC_IN_PROGRESS");
    assert_eq!(given.mia.press(&native).await.problem(409, "SYNC_IN_PROGRESS")["run_id"], operation["operationId"]);
    assert_eq!(given.let_go(&operation).await["status"], "completed");

    world.forge.script(Fault::on(&given.issues, Behaviour::Hang));
    let run = given.mia.press(&native).await.is(202);
    let refused = given.sync(json!({})).await.problem(409, "SYNC_IN_PROGRESS");
    assert_eq!((&refused["error"], &refused["operationId"]), (&json!(UNDER_WAY), &run["id"]));
    world.forge.wait_for(&given.issues, 2).await;
    world.forge.release();
    given.mia.ended(run["id"].as_str().unwrap()).await;
}

/// S2.85, S2.99: with a hundred requests left a sync is accepted, with
/// ninety-nine it is refused, or parked until the quota is full again.
async fn a_low_quota_refuses_a_sync(world: &World) {
    let given = given_with(world, &["issues"]).await;
    given.repository.add_issue(|_| {});
    let resets_at = Timestamp::from_second(now(world).as_second() + 1_800).unwrap();
    world.forge.set_quota(Some(&given.token), Quota { limit: 5_000, remaining: 101, resets_at });
    for left in [100, 99] {
        assert_eq!(given.synced(json!({})).await["status"], "completed");
        assert_eq!(given.look().await["quota"]["remaining"], left);
    }

    let answer = given.sync(json!({})).await;
    let parked = given.sync(json!({"onBlocked": "park"})).await.is(202);

    let wait: i64 = answer.header("retry-after").parse().unwrap();
    assert!((1_700..=1_801).contains(&wait), "{wait}");
    answer.problem(429, "RATE_LIMIT_LOW");
    assert_eq!([&parked["outcome"], &parked["status"]], ["parked", "pending"], "{parked:#}");
    assert_eq!(parked["resumesAt"], json!(resets_at.to_string()));
    assert_eq!(given.asked(), [2, 0]);
    assert_eq!(given.mia.delete(&given.path_of(&parked)).await.is(202)["status"], "cancelled");
}

/// S2.34, S2.35, S2.82, S2.102: every role but that of viewers may sync and cancel;
/// viewers may look, and to strangers there is nothing.
async fn members_sync_and_viewers_look(world: &World) {
    let given = given(world).await;
    let (viewer, stranger) = (given.tenant.join("viv", "viewer").await, world.user(&fresh("stranger")));
    for role in ["admin", "maintainer", "coordinator", "member"] {
        let name = format!("a-{role}");
        let person = given.tenant.join(&name, role).await;
        let synced = person.post(&given.path(), json!({"mode": "sync"})).await.is(200);
        let path = given.path_of(&synced);
        assert_eq!(person.delete(&path).await.is(202)["status"], "completed", "{role}");

        assert_eq!(viewer.get(&path).await.is(200)["userId"], given.tenant.name(&name));
        viewer.post(&given.path(), json!({})).await.problem(403, "FORBIDDEN");
        viewer.delete(&path).await.problem(403, "FORBIDDEN");
        for (who, status, code) in [(&stranger, 404, "NOT_FOUND"), (&world.nobody(), 401, "UNAUTHENTICATED")] {
            who.post(&given.path(), json!({})).await.problem(status, code);
            who.get(&path).await.problem(status, code);
            who.delete(&path).await.problem(status, code);
        }
    }
    assert_eq!(given.runs().await, 4);
}

/// S2.36: a repository is found in its own project only, whoever asks, and a folder
/// of documents is no repository.
async fn a_repository_of_another_project_is_not_found(world: &World) {
    let (given, elsewhere) = (given(world).await, given(world).await);
    let operation = given.held(json!({})).await;
    let (sibling, nowhere) = (project(&given.tenant).await, fresh("none"));
    let lone = given.tenant.repository(&format!("acme/{}", fresh("lone"))).await;
    let documents = given.tenant.project(&world.folder(&[("a.md", "# A")])).await;
    let run = given.tenant.admin().sync(&documents, json!({})).await;
    let table = [
        (&sibling, &given.source, id(&operation)),
        (&nowhere, &given.source, id(&operation)),
        (&elsewhere.project, &given.source, id(&operation)),
        (&given.project, &elsewhere.source, id(&operation)),
        (&given.project, &nowhere, id(&operation)),
        (&given.project, &lone, id(&operation)),
        (&documents, &documents, run["id"].as_str().unwrap()),
    ];

    for (project, source, operation) in table {
        let path = address(project, source);
        for who in [given.tenant.admin(), world.operator()] {
            who.post(&path, json!({"mode": "async"})).await.problem(404, "NOT_FOUND");
            who.get(&format!("{path}/{operation}")).await.problem(404, "NOT_FOUND");
            who.delete(&format!("{path}/{operation}")).await.problem(404, "NOT_FOUND");
        }
    }

    assert_eq!(given.let_go(&operation).await["status"], "completed", "it was cancelled from elsewhere");
    assert_eq!((given.runs().await, elsewhere.runs().await), (1, 0));
}

/// Where a request is not valid.
#[track_caller]
fn wrong(answer: Answer) -> Vec<String> {
    let problem = answer.problem(400, "VALIDATION_FAILED");
    let places: BTreeSet<&str> = problem["errors"].as_array().unwrap().iter().map(|error| error["at"].as_str().unwrap()).collect();
    places.into_iter().map(str::to_owned).collect()
}

/// S2.46, S2.84: unknown fields, unknown words and wrong types, all at once; what
/// the native surface knows is not known here.
async fn everything_wrong_with_a_request_is_named(world: &World) {
    let given = given(world).await;
    let shape = json!({"syncTyp": "full", "full": true, "streams": ["issues"], "syncType": "everything", "mode": "later",
        "includeClosed": "yes", "confirmed": 1, "onConflict": "shout"});
    let expected = ["confirmed", "full", "includeClosed", "mode", "onConflict", "streams", "syncTyp", "syncType"];

    assert_eq!(wrong(given.sync(shape).await), expected);
    assert_eq!(wrong(given.sync(json!({"wait": "soon", "maxAge": "old"})).await), ["maxAge", "wait"]);
    for words in ["colour=red", "syncType=full"] {
        given.mia.press(&format!("{}?{words}", given.path())).await.problem(400, "VALIDATION_FAILED");
    }

    assert_eq!((given.runs().await, given.asked()), (0, [0, 0]));
}
