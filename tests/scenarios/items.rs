//! What a project's repository holds: listed, made by hand, and linked to what the
//! forge has.

use std::collections::BTreeMap;

use pullcord_forge::Repository;
use serde_json::{Value, json};

use crate::world::{Answer, Session, Tenant, World, fresh};

pub mod linking;
pub mod listing;
pub mod making;
pub mod matching;

/// A repository of the forge that nobody else knows, with a source of it in a project.
struct Given<'w> {
    tenant: Tenant<'w>,
    /// A member, who does what members may.
    mia: Session<'w>,
    repository: Repository,
    /// owner/name
    name: String,
    project: String,
    source: String,
}

/// A repository of GitHub, with its issues and alerts.
async fn given(world: &World) -> Given<'_> {
    given_at(world, "github", "", &["issues", "alerts"]).await
}

/// A source whose syncs need not wait for each other, at a forge whose API is under
/// this path.
async fn given_at<'w>(world: &'w World, provider: &str, prefix: &str, streams: &[&str]) -> Given<'w> {
    let tenant = world.tenant().await;
    let settings = json!({"cooldowns": {"repository": "PT0S"}});
    tenant.admin().patch(&format!("/v1/workspaces/{}", tenant.slug), settings).await.is(200);
    let mia = tenant.join("mia", "member").await;
    let project = fresh("plan");
    tenant.admin().post(&format!("/v1/workspaces/{}/projects", tenant.slug), json!({"id": project, "name": "A plan"})).await.is(201);
    let name = format!("acme/{}", fresh("web"));
    let repository = world.forge.repository(&name);
    repository.enable_alerts();
    let more = json!({"project": project, "provider": provider, "streams": streams, "credential": {"token": fresh("token-of")},
        "base_url": format!("{}{prefix}", world.forge.base_url())});
    let source = tenant.repository_with(&name, more).await;
    Given { tenant, mia, repository, name, project, source }
}

impl Given<'_> {
    fn path(&self) -> String {
        format!("/api/projects/{}/repositories/{}/issues", self.project, self.source)
    }

    /// An issue of the forge with this title; its number.
    fn issue(&self, title: &str) -> u64 {
        self.repository.add_issue(|issue| title.clone_into(&mut issue.title))
    }

    /// How an issue is called outside.
    fn external(&self, number: u64) -> String {
        format!("github:https://github.com/{}:issue:{number}", self.name)
    }

    /// An item made by hand; its id.
    async fn made(&self, title: &str) -> String {
        let made = self.mia.post(&self.path(), json!({"title": title})).await.is(201);
        made["id"].as_str().unwrap().to_owned()
    }

    async fn link(&self, id: &str, external_id: &str) -> Answer {
        self.mia.post(&format!("{}/{id}/link-external", self.path()), json!({"externalId": external_id})).await
    }

    /// One item, by its id.
    async fn item(&self, id: &str) -> Value {
        self.mia.get(&format!("{}/{id}", self.path())).await.is(200)
    }

    /// Everything there is, by id.
    async fn items(&self) -> BTreeMap<String, Value> {
        let items = self.mia.items(&self.source).await;
        let count = items.len();
        let by_id: BTreeMap<String, Value> = items.into_iter().map(|item| (item["id"].as_str().unwrap().to_owned(), item)).collect();
        assert_eq!(by_id.len(), count, "an id is there twice");
        by_id
    }

    /// Syncs; created, updated and skipped.
    async fn sync(&self) -> [u64; 3] {
        self.sync_with(json!({})).await
    }

    async fn sync_with(&self, body: Value) -> [u64; 3] {
        let run = self.mia.sync(&self.source, body).await;
        assert_eq!((&run["status"], &run["results"]["failed"]), (&json!("completed"), &json!(0)), "{run:#}");
        ["created", "updated", "skipped"].map(|name| run["results"][name].as_u64().unwrap())
    }
}
