//! What a business system is configured with, and what no one can be configured with.

use serde_json::{Value, json};

use super::{Vendor, assert_done, given};
use crate::world::{World, fresh};

crate::scenarios![
    all_faults_are_told_at_once,
    an_entity_has_a_plain_name,
    a_workspace_has_one_integration_of_a_type,
    the_entities_of_an_integration_can_be_changed,
    a_company_of_business_central_is_named,
];

/// Where complaints of an answer are, with what they say.
fn complaints(problem: &Value) -> Vec<(&str, &str)> {
    problem["errors"].as_array().unwrap().iter().map(|error| (error["at"].as_str().unwrap(), error["why"].as_str().unwrap())).collect()
}

/// S3.45: everything that is wrong with a new integration is said at once.
async fn all_faults_are_told_at_once(world: &World) {
    let tenant = world.tenant().await;
    let sources = format!("/v1/workspaces/{}/sources", tenant.slug);
    let body = json!({"id": "Not An Id", "kind": "integration", "provider": "github", "integration_type": "X Ledger", "base_url": "no address",
        "entities": ["projects", "projects", "a-b", ""], "repository": "acme/web", "streams": ["issues"], "path": "/srv",
        "webhook": {"secret": "s"}, "credential": {"token": "with space"}});

    let problem = tenant.admin().post(&sources, body).await.problem(400, "VALIDATION_FAILED");

    let mut at: Vec<&str> = complaints(&problem).into_iter().map(|(at, _)| at).collect();
    at.sort_unstable();
    let expected = [
        "base_url",
        "credential.token",
        "entities[1]",
        "entities[2]",
        "entities[3]",
        "id",
        "integration_type",
        "path",
        "provider",
        "repository",
        "streams",
        "webhook.secret",
    ];
    assert_eq!(at, expected, "{problem}");
    let why = complaints(&problem).into_iter().find(|(at, _)| *at == "provider").unwrap().1;
    assert!(why.contains("xledger") && why.contains("dynamics") && !why.contains("github"), "{why}");
    let lacking = json!({"id": fresh("source"), "kind": "integration", "provider": "dynamics"});
    let problem = tenant.admin().post(&sources, lacking).await.problem(400, "VALIDATION_FAILED");
    assert_eq!(complaints(&problem).into_iter().map(|(at, _)| at).collect::<Vec<_>>(), ["base_url", "entities"], "{problem}");
    // A forge has no entities, and nothing that is no integration has a type.
    let forge = json!({"id": fresh("source"), "kind": "repository", "provider": "xledger", "repository": "acme/web", "entities": ["projects"],
        "integration_type": "xledger"});
    let problem = tenant.admin().post(&sources, forge).await.problem(400, "VALIDATION_FAILED");
    let at: Vec<&str> = complaints(&problem).into_iter().map(|(at, _)| at).collect();
    assert!(["provider", "entities", "integration_type"].iter().all(|name| at.contains(name)), "{problem}");
}

/// S3.45: a name that GraphQL or OData would take for something else is none.
async fn an_entity_has_a_plain_name(world: &World) {
    let given = given(world, Vendor::Xledger).await;
    let many: Vec<String> = (0..21).map(|number| format!("entity{number}")).collect();
    for name in
        ["projects{dbId}", "projects(first:1)", "projects/$count", "projects?$top=1", "../users", "$metadata", "__schema", "pro jects", "é"]
    {
        let problem = given.admin.patch(&given.path(), json!({"entities": ["customers", name]})).await.problem(400, "VALIDATION_FAILED");
        assert_eq!(complaints(&problem)[0].0, "entities[1]", "{name}");
    }
    for wrong in [json!([]), json!(many)] {
        let problem = given.admin.patch(&given.path(), json!({"entities": wrong})).await.problem(400, "VALIDATION_FAILED");
        assert_eq!(complaints(&problem)[0].0, "entities");
    }
    assert_eq!(given.look().await["entities"], json!(["projects", "customers"]));
}

/// S3.45: a workspace has one integration of a type; once it is gone, another may be it.
async fn a_workspace_has_one_integration_of_a_type(world: &World) {
    let given = given(world, Vendor::Xledger).await;
    let another = |kind: Option<&str>| {
        let mut body = json!({"id": fresh("integration"), "kind": "integration", "provider": "xledger", "base_url": given.base_url,
            "entities": ["projects"]});
        if let Some(kind) = kind {
            body["integration_type"] = kind.into();
        }
        body
    };

    let problem = given.admin.post(&given.sources(), another(None)).await.problem(409, "CONFLICT");
    assert!(problem["detail"].as_str().unwrap().contains("of type xledger"), "{problem}");
    given.admin.post(&given.sources(), another(Some("xledger"))).await.problem(409, "CONFLICT");
    let second = given.admin.post(&given.sources(), another(Some("xledger-uk"))).await.is(201);
    assert_eq!(second["integration_type"], "xledger-uk");

    let deleted = given.admin.delete(&given.path()).await.is(202);
    given.admin.ended(deleted["id"].as_str().unwrap()).await;
    given.admin.post(&given.sources(), another(None)).await.is(201);
}

/// S3.45: what is taken no more stays as it is; when it is taken again, all of it is.
async fn the_entities_of_an_integration_can_be_changed(world: &World) {
    let given = given(world, Vendor::Dataverse).await;
    given.old("accounts", 3);
    given.old("contacts", 4);
    given.old("opportunities", 2);
    assert_done(&given.sync(json!({})).await, 7, 0, 0);

    let changed = given.admin.patch(&given.path(), json!({"entities": ["contacts", "opportunities"]})).await.is(200);
    assert_eq!(changed["entities"], json!(["contacts", "opportunities"]));
    given.rename("accounts", 1);
    assert_done(&given.sync(json!({})).await, 2, 0, 0);
    assert_eq!(given.records("accounts").await.len(), 3);

    given.admin.patch(&given.path(), json!({"entities": ["accounts"]})).await.is(200);
    let run = given.sync(json!({})).await;
    assert_done(&run, 0, 1, 0);
    assert_eq!(run["results"]["skipped"], 2, "{run:#}");
    for (at, change) in [("repository", json!({"repository": "acme/web"})), ("streams", json!({"streams": ["issues"]}))] {
        let problem = given.admin.patch(&given.path(), change).await.problem(400, "VALIDATION_FAILED");
        assert_eq!(complaints(&problem)[0].0, at);
    }
}

/// S3.45: the address of Business Central leads to a company.
async fn a_company_of_business_central_is_named(world: &World) {
    let tenant = world.tenant().await;
    let sources = format!("/v1/workspaces/{}/sources", tenant.slug);
    let base_url = "https://api.businesscentral.dynamics.com/v2.0/production/api/v2.0";
    let body =
        json!({"id": fresh("source"), "kind": "integration", "provider": "dynamics", "base_url": base_url, "entities": ["customers"]});

    let problem = tenant.admin().post(&sources, body).await.problem(400, "VALIDATION_FAILED");

    assert!(complaints(&problem)[0].1.contains("companies({id})"), "{problem}");
}
