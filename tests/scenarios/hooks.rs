//! Webhooks: what a forge delivers starts a run, if the sender proves to be who it
//! should be.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pullcord_forge::{Delivery, Happening, Repository, Sender};
use serde_json::{Value, json};

use crate::world::{Answer, Session, Tenant, World, fresh};

pub mod activity;
pub mod bursts;
pub mod refusals;
pub mod secrets;
pub mod taking;

/// A repository that nobody else knows, and a source of it whose webhook has a
/// secret. Nothing cools down.
struct Given<'w> {
    world: &'w World,
    tenant: Tenant<'w>,
    sender: Sender,
    repository: Repository,
    /// owner/name
    name: String,
    source: String,
    secret: String,
    /// A credential of its own, and with it a quota of its own.
    token: String,
}

/// A source that reads GitHub's issues.
async fn given(world: &World) -> Given<'_> {
    given_of(world, Sender::GitHub, &["issues"]).await
}

async fn given_of<'w>(world: &'w World, sender: Sender, streams: &[&str]) -> Given<'w> {
    given_with(world, sender, streams, "PT0S", &format!("a secret of {}", fresh("hook"))).await
}

async fn given_with<'w>(world: &'w World, sender: Sender, streams: &[&str], cooldown: &str, secret: &str) -> Given<'w> {
    let tenant = world.tenant().await;
    let settings = json!({"cooldowns": {"repository": cooldown}});
    tenant.admin().patch(&format!("/v1/workspaces/{}", tenant.slug), settings).await.is(200);
    let (name, token) = (format!("acme/{}", fresh("hooked")), fresh("token-of"));
    let repository = world.forge.repository(&name);
    let (provider, path) = match sender {
        Sender::GitHub => ("github", ""),
        Sender::GitLab => ("gitlab", "/api/v4"),
        Sender::Bitbucket => ("bitbucket", "/2.0"),
    };
    let more = json!({"provider": provider, "base_url": format!("{}{path}", world.forge.base_url()), "streams": streams,
        "credential": {"token": token}, "webhook": {"secret": secret}});
    let source = tenant.repository_with(&name, more).await;
    Given { world, tenant, sender, repository, name, source, secret: secret.to_owned(), token }
}

impl<'w> Given<'w> {
    /// Signed in anew, since some stories last for days.
    fn admin(&self) -> Session<'w> {
        self.tenant.admin()
    }

    fn delivery(&self, happening: Happening) -> Delivery {
        self.repository.delivery(self.sender, happening, Some(&self.secret))
    }

    /// Sends what happened, signed as it should be.
    async fn tell(&self, happening: Happening) -> Answer {
        self.send(&self.delivery(happening)).await
    }

    async fn send(&self, delivery: &Delivery) -> Answer {
        send(self.world, &self.source, delivery).await
    }

    /// Opens an issue; its number.
    fn open_issue(&self) -> u64 {
        self.repository.add_issue(|_| {})
    }

    async fn look(&self) -> Value {
        self.admin().get(&format!("/v1/sources/{}", self.source)).await.is(200)
    }

    async fn runs(&self) -> Vec<Value> {
        let listed = self.admin().get(&format!("/v1/sources/{}/runs", self.source)).await.is(200);
        listed["runs"].as_array().unwrap().clone()
    }

    fn trigger(&self) -> String {
        format!("/v1/sources/{}/sync", self.source)
    }

    /// Where the forge lists GitHub's issues of it.
    fn issues(&self) -> String {
        format!("/repos/{}/issues", self.name)
    }
}

/// Sends a delivery as it is. Nobody signs in for that.
async fn send(world: &World, source: &str, delivery: &Delivery) -> Answer {
    let path = format!("/v1/hooks/{source}");
    let mut request = world.nobody().request("POST", &path);
    for (name, value) in &delivery.headers {
        request = request.header(name, value);
    }
    Answer::of("POST", &path, request.body(delivery.body.clone())).await
}

/// The run of an answer that says what became of a delivery.
#[track_caller]
fn run_of(answer: &Value) -> &str {
    answer["run_id"].as_str().unwrap_or_else(|| panic!("no run: {answer:#}"))
}

/// Time passes, where it can be made to.
fn turn(world: &World, span: Duration) {
    world.clock.turn(SignedDuration::try_from(span).unwrap());
}

fn now(world: &World) -> Timestamp {
    Timestamp::from_millisecond(world.clock.now().0).unwrap()
}
