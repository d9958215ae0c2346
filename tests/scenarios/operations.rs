//! Every operation that the API publishes, with names to fill into its path: some
//! promises hold for all of them, those still to be written too.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::world::{Answer, Session, Tenant, World, fresh};

/// An operation that the API publishes.
pub(super) struct Operation {
    pub(super) method: String,
    pub(super) path: String,
    /// Whether it asks for a bearer token.
    pub(super) guarded: bool,
    /// The names of its query's parameters.
    pub(super) query: BTreeSet<String>,
}

/// Every operation that the API publishes.
pub(super) async fn operations(world: &World) -> Vec<Operation> {
    let description = world.nobody().get("/openapi.json").await.is(200);
    let mut operations = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let query = parameters.filter(|one| one["in"] == "query").map(|one| one["name"].as_str().unwrap().to_owned());
            operations.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                guarded: operation.get("security").is_none(),
                query: query.collect(),
            });
        }
    }
    assert!(operations.len() > 20, "{}", operations.len());
    operations
}

/// What can be named in a path.
#[derive(Clone)]
pub(super) struct Names {
    pub(super) workspace: String,
    pub(super) project: String,
    pub(super) source: String,
    pub(super) run: String,
    pub(super) item: String,
    pub(super) user: String,
}

impl Names {
    /// Of a tenant that has a bit of everything.
    pub(super) async fn of(tenant: &Tenant<'_>) -> Self {
        let project = tenant.project(&tenant.world.folder(&[("a.md", "# A")])).await;
        let run = tenant.admin().sync(&project, json!({})).await["id"].as_str().unwrap().to_owned();
        let source = tenant.repository_with(&format!("acme/{}", fresh("named")), json!({"project": project})).await;
        let items = format!("/api/projects/{project}/repositories/{source}/issues");
        let item = tenant.admin().post(&items, json!({"title": "By hand"})).await.is(201)["id"].as_str().unwrap().to_owned();
        Self { workspace: tenant.slug.clone(), project, source, run, item, user: tenant.name("admin") }
    }

    /// Names of nothing.
    pub(super) fn unknown() -> Self {
        let run = "01890a5d-ac96-774b-bcce-b302099a8057".to_owned();
        let item = "01890a5dac96774bbcceb302099a8057".to_owned();
        Self { workspace: fresh("none"), project: fresh("none"), source: fresh("none"), run, item, user: fresh("none") }
    }

    /// An operation's path with these names in it.
    pub(super) fn fill(&self, template: &str) -> String {
        let parts = template.split('/').map(|part| match part {
            "{workspace}" | "{org_id}" => &self.workspace,
            "{slug}" if template.starts_with("/api/workspaces/") => &self.workspace,
            "{slug}" | "{projectId}" => &self.project,
            "{source}" | "{repositoryId}" | "{repo_id}" => &self.source,
            "{run}" | "{job_id}" | "{operationId}" => &self.run,
            "{itemId}" => &self.item,
            "{user}" => &self.user,
            other => other,
        });
        parts.collect::<Vec<_>>().join("/").replace(['{', '}'], "")
    }

    /// A text without them.
    pub(super) fn hide(&self, text: &str) -> String {
        [&self.workspace, &self.project, &self.source, &self.run, &self.item, &self.user]
            .iter()
            .fold(text.to_owned(), |text, name| text.replace(*name, "…"))
    }
}

/// A body that is well formed for an operation.
fn body(operation: &Operation) -> Option<Value> {
    let path = operation.path.as_str();
    match operation.method.as_str() {
        "GET" | "DELETE" => None,
        "POST" if path == "/v1/workspaces" => Some(json!({"slug": fresh("ws"), "name": "A workspace"})),
        "POST" if path.ends_with("/projects") => Some(json!({"id": fresh("plan"), "name": "A plan"})),
        "POST" if path.ends_with("/sources") => {
            Some(json!({"id": fresh("repo"), "kind": "repository", "provider": "github", "repository": "acme/web"}))
        }
        "POST" if path.ends_with("/tokens") => Some(json!({"name": "A script", "role": "viewer"})),
        "POST" if path.ends_with("/sync/trigger") => Some(json!({"scope": "WORKSPACE"})),
        "POST" if path.ends_with("/sync/reset-backfill") && path.starts_with("/api/") => Some(json!({"repositoryId": "acme/web"})),
        "POST" if path.ends_with("/issues") => Some(json!({"title": "By hand"})),
        "POST" if path.ends_with("/link-external") => Some(json!({"externalId": "github:https://github.com/acme/web:issue:17"})),
        "POST" if path.ends_with("/held-deletions") => Some(json!({"decision": "discard"})),
        "PUT" if path.ends_with("/members/{user}") => Some(json!({"role": "viewer"})),
        _ => Some(json!({})),
    }
}

/// Does an operation on something.
pub(super) async fn perform(who: &Session<'_>, operation: &Operation, path: &str) -> Answer {
    let request = who.request(&operation.method, path);
    let request = match body(operation) {
        Some(body) => request.header("content-type", "application/json").body(body.to_string()),
        None => request,
    };
    Answer::of(&operation.method, path, request).await
}

/// All that an admin sees of what a tenant has, the audit apart.
pub(super) async fn seen(tenant: &Tenant<'_>) -> Vec<Value> {
    let mut seen = Vec::new();
    for list in ["", "/members", "/tokens", "/sources", "/projects", "/runs"] {
        seen.push(tenant.admin().get(&format!("/v1/workspaces/{}{list}", tenant.slug)).await.is(200));
    }
    seen
}
