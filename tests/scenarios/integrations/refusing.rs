//! Who may not run an integration, and what cannot be asked for: each is told in the words
//! that PostgREST's clients understand.

use std::collections::BTreeSet;

use serde_json::json;

use super::triggering::{RPC, ready, refused, run_of};
use crate::world::{Answer, Session, World, fresh};

crate::scenarios![
    coordinators_and_admins_run_integrations_and_nobody_else,
    who_asks_is_in_the_token_alone,
    an_organisation_of_others_looks_like_none,
    a_type_that_is_not_set_up_is_unknown,
    what_is_asked_wrongly_is_said_in_the_clients_words,
];

/// S3.5, S3.13, S3.25, S3.26: by the table of roles, for people and for API tokens.
async fn coordinators_and_admins_run_integrations_and_nobody_else(world: &World) {
    let given = ready(world).await;
    for (role, may) in [("viewer", false), ("member", false), ("maintainer", false), ("coordinator", true), ("admin", true)] {
        let body = json!({"name": role, "role": role});
        let made = given.admin.post(&format!("/v1/workspaces/{}/tokens", given.workspace), body).await.is(201);
        let by_token = world.session(made["token"].as_str().unwrap());
        for session in [given.joins(role, role).await, by_token] {
            if may {
                given.admin.ended(&given.pressed(&session).await).await;
                given.admin.ended(&run_of(&session.press(&given.with_options()).await.is(202))).await;
            } else {
                refused(&session.post(RPC, given.named()).await, 403, "insufficient_permissions");
                session.press(&given.with_options()).await.problem(403, "FORBIDDEN");
            }
        }
    }
    assert_eq!(given.runs().await, 8);
}

/// S3.4: neither a parameter nor another header says who asks; nobody who did not sign
/// in does.
async fn who_asks_is_in_the_token_alone(world: &World) {
    let given = ready(world).await;
    let viewer = given.joins("vic", "viewer").await;
    for (name, value) in [("role", "admin"), ("user_id", "admin"), ("triggered_by_user_id", "admin"), ("p_role", "service_role")] {
        let mut body = given.named();
        body[name] = json!(value);
        let details = refused(&viewer.post(RPC, body.clone()).await, 400, "validation_failed");
        assert!(details.contains(name) && details.contains("integration_type, org_id"), "{details}");
        refused(&viewer.post(&format!("{RPC}?{name}={value}"), given.named()).await, 400, "validation_failed");
    }
    let admin_key = crate::world::token(&given.name("admin"), world.clock.now().0 / 1000 + 600);
    let keyed = |session: &Session<'_>, key: &str| {
        session.request("POST", RPC).header("apikey", key).header("content-type", "application/json").body(given.named().to_string())
    };
    refused(&Answer::of("POST", RPC, keyed(&viewer, &admin_key)).await, 403, "insufficient_permissions");
    // What the stock client sends while nobody is signed in.
    for anonymous in ["anon-key", "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.c2ln"] {
        let answer = Answer::of("POST", RPC, keyed(&world.session(anonymous), anonymous)).await;
        refused(&answer, 401, "unauthenticated");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer:?}");
    }
    refused(&Answer::of("POST", RPC, keyed(&world.nobody(), &admin_key)).await, 401, "unauthenticated");
    refused(&world.nobody().get("/rest/v1/sync_run_log").await, 401, "unauthenticated");
    assert_eq!(given.runs().await, 0);
}

/// S3.14, S3.27: an organisation of others, one that is not there, what could be none,
/// and one's own without the right: the same to the byte.
async fn an_organisation_of_others_looks_like_none(world: &World) {
    let (given, other) = (ready(world).await, ready(world).await);
    let coordinator = given.joins("cora", "coordinator").await;
    let viewer = other.joins("vic", "viewer").await;
    let asked = |org: &str| json!({"org_id": org, "integration_type": "xledger"});
    let mut texts = BTreeSet::new();
    for (session, org) in [
        (&coordinator, other.workspace.clone()),
        (&coordinator, fresh("nowhere")),
        (&coordinator, "*".to_owned()),
        (&coordinator, "No Such Thing".to_owned()),
        (&coordinator, String::new()),
        (&viewer, other.workspace.clone()),
        (&world.operator(), fresh("nowhere")),
    ] {
        let answer = session.post(RPC, asked(&org)).await;
        refused(&answer, 403, "insufficient_permissions");
        texts.insert((answer.text, answer.headers.len()));
        // The type is not looked at before.
        let answer = session.post(RPC, json!({"org_id": org, "integration_type": "nothing"})).await;
        texts.insert((answer.text, answer.headers.len()));
        if !org.is_empty() && !org.contains(' ') {
            let problem = session.press(&format!("/api/orgs/{org}/integrations/xledger/sync")).await.problem(403, "FORBIDDEN");
            assert_eq!(problem["error"], "insufficient_permissions");
        }
    }
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert_eq!(other.runs().await, 0);
}

/// S3.15, S3.29: also a type that exists, and is not set up or not any more.
async fn a_type_that_is_not_set_up_is_unknown(world: &World) {
    let given = ready(world).await;
    let long = "x".repeat(2_000);
    for kind in ["dynamics", "nothing", "XLEDGER", "", "a#b", "github", long.as_str()] {
        let answer = given.admin.post(RPC, json!({"org_id": given.workspace, "integration_type": kind})).await;
        refused(&answer, 400, "unknown_integration_type");
    }
    let problem = given.admin.press(&format!("/api/orgs/{}/integrations/dynamics/sync", given.workspace)).await;
    let problem = problem.problem(400, "VALIDATION_FAILED");
    assert_eq!((&problem["error"], &problem["errors"][0]["at"]), (&json!("unknown_integration_type"), &json!("integration_type")));

    let gone = given.admin.delete(&given.path()).await.is(202);
    refused(&given.admin.post(RPC, given.named()).await, 400, "unknown_integration_type");
    given.admin.get(&format!("/v1/runs/{}?wait=PT20S", gone["id"].as_str().unwrap())).await.is(200);
    refused(&given.admin.post(RPC, given.named()).await, 400, "unknown_integration_type");
}

/// S3.23: whatever goes wrong under this path is told as PostgREST would.
async fn what_is_asked_wrongly_is_said_in_the_clients_words(world: &World) {
    let given = ready(world).await;
    for (body, at) in [
        (json!({}), "org_id is missing, and 1 more"),
        (json!({"org_id": given.workspace}), "integration_type is missing"),
        (json!({"org_id": 7, "integration_type": "xledger"}), "org_id must be a string"),
        (json!([1]), "must be an object"),
    ] {
        let details = refused(&given.admin.post(RPC, body).await, 400, "validation_failed");
        assert!(details.contains(at), "{details}");
    }
    let text = given.admin.request("POST", RPC).header("content-type", "application/json").body("{");
    refused(&Answer::of("POST", RPC, text).await, 400, "validation_failed");
    refused(&Answer::of("POST", RPC, given.admin.request("POST", RPC).body("org_id=acme")).await, 415, "unsupported_media_type");
    refused(&given.admin.post(RPC, json!({"org_id": "x".repeat(300_000)})).await, 413, "payload_too_large");
    refused(&given.admin.get(RPC).await, 405, "method_not_allowed");
    refused(&given.admin.post("/rest/v1/sync_run_log", json!({})).await, 405, "method_not_allowed");
    refused(&given.admin.get("/rest/v1/users").await, 404, "not_found");
    assert_eq!(given.runs().await, 0);
}
