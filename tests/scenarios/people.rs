//! Who may do what: tokens, roles, workspaces, settings, the record and secrets.

use serde_json::{Value, json};

use super::operations::{Names, operations, perform};
use crate::world::{Answer, Session, Tenant, World};

pub mod operators;
pub mod record;
pub mod roles;
pub mod secrets;
pub mod settings;
pub mod strangers;
pub mod tokens;

/// Whatever `who` asks about what these names mean is answered as if they meant
/// nothing.
async fn sees_nothing_of(world: &World, who: &Session<'_>, names: &Names) {
    let unknown = Names::unknown();
    for operation in operations(world).await.iter().filter(|operation| operation.guarded && operation.path.contains('{')) {
        let what = format!("{} {}", operation.method, operation.path);
        let there = perform(who, operation, &names.fill(&operation.path)).await;
        let nowhere = perform(who, operation, &unknown.fill(&operation.path)).await;
        assert_eq!(there.status, nowhere.status, "{what}: {} {}", there.text, nowhere.text);
        let told = |answer: &Answer, names: &Names| {
            let mut body = answer.body.clone();
            body.as_object_mut().map(|body| body.remove("request_id"));
            names.hide(&body.to_string())
        };
        assert_eq!(told(&there, names), told(&nowhere, &unknown), "{what}");
        let dialect = ["/rest/", "/api/orgs/"].iter().any(|start| operation.path.starts_with(start));
        match there.status {
            403 if dialect => {}
            // A body that this test does not know how to write.
            400 if operation.method != "GET" => {}
            _ => drop(there.problem(404, "NOT_FOUND")),
        }
    }
}

/// Every line of a tenant's audit, newest first.
pub(super) async fn audit(tenant: &Tenant<'_>) -> Vec<Value> {
    let (mut lines, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = tenant.admin().get(&format!("/v1/workspaces/{}/audit?limit=100{cursor}", tenant.slug)).await.is(200);
        lines.extend(page["audit"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return lines,
        }
    }
}

/// A project that cools for an hour, since its admin has just synced it.
async fn cooling(world: &World, tenant: &Tenant<'_>) -> String {
    let project = tenant.project(&world.folder(&[("a.md", "# A")])).await;
    settings(tenant, json!({"cooldowns": {"documents": "PT1H"}})).await;
    tenant.admin().sync(&project, json!({})).await;
    project
}

async fn settings(tenant: &Tenant<'_>, change: Value) -> Value {
    tenant.admin().patch(&format!("/v1/workspaces/{}", tenant.slug), change).await.is(200)
}

/// Asks for a source's sync on the native surface.
async fn sync(who: &Session<'_>, source: &str, body: Value) -> Answer {
    who.post(&format!("/v1/sources/{source}/sync"), body).await
}
