//! Repositories of a project: surface 3.3, where members pull issues and alerts when
//! webhooks are silent.

use jiff::Timestamp;
use pullcord_forge::{Behaviour, Fault, Repository};
use serde_json::{Value, json};

use crate::world::{Answer, Session, Tenant, World, fresh};

pub mod confirming;
pub mod operations;
pub mod syncing;

/// A repository of the forge that nobody else knows, with a source of it in a project.
struct Given<'w> {
    tenant: Tenant<'w>,
    /// A member, who asks.
    mia: Session<'w>,
    repository: Repository,
    /// Where the forge lists its issues and its alerts; what faults are scripted on.
    issues: String,
    alerts: String,
    project: String,
    source: String,
    /// A credential of its own, and with it a quota of its own.
    token: String,
}

/// A source of issues and alerts. Its native syncs cool down, as they do unless an
/// admin says otherwise.
async fn given(world: &World) -> Given<'_> {
    given_with(world, &["issues", "alerts"]).await
}

async fn given_with<'w>(world: &'w World, streams: &[&str]) -> Given<'w> {
    let tenant = world.tenant().await;
    let (mia, project) = (tenant.join("mia", "member").await, project(&tenant).await);
    let (name, token) = (format!("acme/{}", fresh("web")), fresh("token-of"));
    let repository = world.forge.repository(&name);
    repository.enable_alerts();
    let more = json!({"project": project, "streams": streams, "credential": {"token": token}});
    let source = tenant.repository_with(&name, more).await;
    let listing = |list: &str| format!("/repos/{name}/{list}");
    Given { issues: listing("issues"), alerts: listing("dependabot/alerts"), tenant, mia, repository, project, source, token }
}

/// A project without a folder; its id.
async fn project(tenant: &Tenant<'_>) -> String {
    let id = fresh("plan");
    tenant.admin().post(&format!("/v1/workspaces/{}/projects", tenant.slug), json!({"id": id, "name": "A plan"})).await.is(201);
    id
}

/// Where the sync of a project's repository is asked for.
fn address(project: &str, source: &str) -> String {
    format!("/api/projects/{project}/repositories/{source}/sync")
}

impl Given<'_> {
    fn path(&self) -> String {
        address(&self.project, &self.source)
    }

    /// Where an operation can be seen.
    fn path_of(&self, operation: &Value) -> String {
        format!("{}/{}", self.path(), id(operation))
    }

    async fn sync(&self, body: Value) -> Answer {
        self.mia.post(&self.path(), body).await
    }

    /// Asks for a sync and waits for its end.
    async fn synced(&self, mut body: Value) -> Value {
        body["mode"] = json!("sync");
        self.sync(body).await.is(200)
    }

    /// An operation whose forge is silent until it is released.
    async fn held(&self, mut body: Value) -> Value {
        let forge = &self.tenant.world.forge;
        let before = forge.requests_to(&self.issues).len();
        forge.script(Fault::on(&self.issues, Behaviour::Hang));
        body["mode"] = json!("async");
        let operation = self.sync(body).await.is(202);
        forge.wait_for(&self.issues, before + 1).await;
        operation
    }

    /// Lets a held operation come to its end.
    async fn let_go(&self, operation: &Value) -> Value {
        self.tenant.world.forge.release();
        self.ended(operation).await
    }

    async fn operation(&self, operation: &Value) -> Value {
        self.mia.get(&self.path_of(operation)).await.is(200)
    }

    /// The operation, once it has ended.
    async fn ended(&self, operation: &Value) -> Value {
        self.mia.ended(id(operation)).await;
        self.operation(operation).await
    }

    /// The source, as the native surface shows it.
    async fn look(&self) -> Value {
        self.mia.get(&format!("/v1/sources/{}", self.source)).await.is(200)
    }

    /// How many runs there are of its source.
    async fn runs(&self) -> usize {
        let listed = self.mia.get(&format!("/v1/sources/{}/runs", self.source)).await.is(200);
        listed["runs"].as_array().unwrap().len()
    }

    /// How often the forge was asked for issues, and how often for alerts.
    fn asked(&self) -> [usize; 2] {
        [&self.issues, &self.alerts].map(|listing| self.tenant.world.forge.requests_to(listing).len())
    }
}

fn id(operation: &Value) -> &str {
    operation["operationId"].as_str().unwrap()
}

/// Created, updated, skipped and failed: of the issues, and of the alerts.
fn counts(answer: &Value) -> [[u64; 4]; 2] {
    let results = &answer["results"];
    [results, &results["securityAdvisories"]].map(|of| ["created", "updated", "skipped", "failed"].map(|name| of[name].as_u64().unwrap()))
}

fn now(world: &World) -> Timestamp {
    Timestamp::from_millisecond(world.clock.now().0).unwrap()
}

fn at(time: &Value) -> Timestamp {
    let text = time.as_str().unwrap();
    assert!(text.ends_with('Z'), "{text}");
    text.parse().unwrap()
}
