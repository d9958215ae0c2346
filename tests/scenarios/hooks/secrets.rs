//! The secret of a webhook goes in and does not come out.

use pullcord_forge::Happening;
use serde_json::{Value, json};

use super::{given, run_of};
use crate::scenarios::operations::{Names, operations, perform};
use crate::scenarios::people::audit;
use crate::world::{World, fresh};

crate::scenarios![a_secret_is_never_seen_again, only_admins_set_a_secret, what_cannot_be_a_secret_is_refused,];

/// S2.83: not by an admin, not by a viewer, not in what is on record.
async fn a_secret_is_never_seen_again(world: &World) {
    let given = given(world).await;
    let canary = format!("{}-of-a-webhook", fresh("canary"));
    let path = format!("/v1/sources/{}", given.source);
    let changed = given.admin().patch(&path, json!({"webhook": {"secret": canary}})).await;
    let mut texts = vec![changed.text.clone()];
    assert_eq!(changed.is(200)["webhook"]["secret_set"], true);
    let number = given.open_issue();
    given.tell(Happening::IssueOpened(number)).await.problem(404, "NOT_FOUND");
    let delivery = given.repository.delivery(given.sender, Happening::IssueOpened(number), Some(&canary));
    let answer = given.send(&delivery).await;
    texts.push(answer.text.clone());
    let mut names = Names::of(&given.tenant).await;
    let run = answer.is(202);
    (names.source, names.run) = (given.source.clone(), run_of(&run).to_owned());
    given.admin().ended(&names.run).await;

    let viewer = given.tenant.join("viewer", "viewer").await;
    for who in [given.admin(), viewer] {
        for operation in operations(world).await.iter().filter(|operation| operation.method == "GET") {
            texts.push(perform(&who, operation, &names.fill(&operation.path)).await.text);
        }
    }
    texts.push(json!(audit(&given.tenant).await).to_string());
    texts.push(world.ops(json!({"op": "status", "source": names.source})).await.to_string());
    let told: Vec<&String> = texts.iter().filter(|text| text.contains(&canary)).collect();
    assert!(told.is_empty(), "{told:#?}");
}

/// And nobody else sees more than whether there is one.
async fn only_admins_set_a_secret(world: &World) {
    let given = given(world).await;
    let path = format!("/v1/sources/{}", given.source);
    for role in ["viewer", "member", "coordinator", "maintainer"] {
        let who = given.tenant.join(role, role).await;
        who.patch(&path, json!({"webhook": {"secret": "mine"}})).await.problem(403, "FORBIDDEN");
        let webhook = who.get(&path).await.is(200)["webhook"].clone();
        assert_eq!((&webhook["secret_set"], webhook.get("secret")), (&json!(true), None), "{role}");
    }
    given.tell(Happening::Ping).await.is(200);
    // What is not named stays.
    given.admin().patch(&path, json!({"webhook": {"active": null}, "name": "Another name"})).await.is(200);
    given.admin().patch(&path, json!({"webhook": {}})).await.is(200);
    given.tell(Happening::Ping).await.is(200);
}

/// Forges take nearly anything; what no header can carry is told at once.
async fn what_cannot_be_a_secret_is_refused(world: &World) {
    let given = given(world).await;
    let path = format!("/v1/sources/{}", given.source);
    for wrong in [json!(""), json!(" around "), json!("two\nlines"), json!("x".repeat(1_025)), json!(7), json!({"token": "x"})] {
        let answer = given.admin().patch(&path, json!({"webhook": {"secret": wrong}})).await.problem(400, "VALIDATION_FAILED");
        assert_eq!(answer["errors"][0]["at"], "webhook.secret", "{answer:#}");
    }
    given.tell(Happening::Ping).await.is(200);
    for secret in ["It's a Secret to Everybody", "ein Geheimnis für uns", "x"] {
        given.admin().patch(&path, json!({"webhook": {"secret": secret}})).await.is(200);
        given.send(&given.repository.delivery(given.sender, Happening::Ping, Some(secret))).await.is(200);
    }
    let documents = given.tenant.project(&world.folder(&[("a.md", "# A")])).await;
    let answer = given.admin().patch(&format!("/v1/sources/{documents}"), json!({"webhook": {"secret": "x"}})).await;
    assert_eq!(answer.problem(400, "VALIDATION_FAILED")["errors"][0]["at"], "webhook.secret");
    let new = json!({"id": fresh("docs"), "kind": "documents", "path": "/nowhere", "webhook": {"secret": "x"}});
    let answer = given.admin().post(&format!("/v1/workspaces/{}/sources", given.tenant.slug), new).await.problem(400, "VALIDATION_FAILED");
    assert!(answer["errors"].as_array().unwrap().iter().any(|error: &Value| error["at"] == "webhook.secret"), "{answer:#}");
}
