//! Sources that sync by themselves: when, how often, and when not.

use jiff::{SignedDuration, Timestamp};
use pullcord_forge::Seed;
use serde_json::Value;

use crate::world::{Session, Tenant, World, fresh};

pub mod beginning;
pub mod setting;
pub mod windows;

/// A workspace with a source of which a page is a request.
struct Given<'w> {
    world: &'w World,
    tenant: Tenant<'w>,
    admin: Session<'w>,
    source: String,
    repository: String,
}

async fn given(world: &World) -> Given<'_> {
    let tenant = world.tenant().await;
    let admin = tenant.admin();
    let repository = format!("acme/{}", fresh("clock"));
    world.forge.repository(&repository).seed(&Seed { closed_percent: 0, pull_request_percent: 0, ..Seed::of(3) });
    let source = tenant.repository(&repository).await;
    Given { world, tenant, admin, source, repository }
}

impl Given<'_> {
    fn path(&self) -> String {
        format!("/v1/sources/{}/schedule", self.source)
    }

    async fn set(&self, schedule: Value) -> Value {
        self.admin.put(&self.path(), schedule).await.is(200)
    }

    async fn look(&self) -> Value {
        self.admin.get(&format!("/v1/sources/{}", self.source)).await.is(200)
    }

    /// Every run of the source, newest first.
    async fn runs(&self) -> Vec<Value> {
        let listed = self.admin.get(&format!("/v1/sources/{}/runs", self.source)).await.is(200);
        listed["runs"].as_array().unwrap().clone()
    }

    /// Lines of the workspace's audit about this source.
    async fn audit(&self, what: &str) -> Vec<Value> {
        let listed = self.admin.get(&format!("/v1/workspaces/{}/audit?limit=100", self.tenant.slug)).await.is(200);
        let is_it = |line: &&Value| line["what"] == what && line["source"] == self.source.as_str();
        listed["audit"].as_array().unwrap().iter().filter(is_it).cloned().collect()
    }

    /// Turns the clock, and lets it tick.
    async fn minutes_pass(&self, minutes: i64) -> Value {
        self.world.clock.turn(SignedDuration::from_mins(minutes));
        self.world.tick().await
    }
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap_or_else(|| panic!("{value} is no time")).parse().unwrap()
}
