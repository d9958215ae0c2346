//! What a provider still answers is shared by whoever shares its limit, and kept
//! for those who come first.

use jiff::{SignedDuration, Timestamp};
use pullcord_forge::{Quota, Seed};
use serde_json::{Value, json};

use crate::world::{Session, Tenant, World, fresh};

pub mod apps;
pub mod credentials;
pub mod sharing;
pub mod waiting;

/// The floor that a workspace has unless it says otherwise.
const FLOOR: u64 = 100;

/// A workspace whose sources need not wait for each other, and a token.
struct Given<'w> {
    world: &'w World,
    tenant: Tenant<'w>,
    admin: Session<'w>,
    token: String,
}

async fn given(world: &World) -> Given<'_> {
    let tenant = world.tenant().await;
    let admin = tenant.admin();
    let settings = json!({"cooldowns": {"repository": "PT0S"}});
    admin.patch(&format!("/v1/workspaces/{}", tenant.slug), settings).await.is(200);
    Given { world, tenant, admin, token: fresh("token-of") }
}

impl Given<'_> {
    /// A source of a repository of its own that was seeded so, with this token.
    async fn source(&self, seed: &Seed) -> String {
        self.source_with(seed, json!({})).await
    }

    async fn source_with(&self, seed: &Seed, more: Value) -> String {
        let name = format!("acme/{}", fresh("shares"));
        let repository = self.world.forge.repository(&name);
        repository.seed(seed);
        // So that a page is a request.
        repository.set_links_by_cursor(true);
        let mut all = json!({"credential": {"token": self.token}});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.tenant.repository_with(&name, all).await
    }

    async fn look(&self, source: &str) -> Value {
        self.admin.get(&format!("/v1/sources/{source}")).await.is(200)
    }

    /// So much is left to the token, for half an hour.
    fn leave(&self, remaining: u64) -> Timestamp {
        let resets_at = in_minutes(self.world, 30);
        self.world.forge.set_quota(Some(&self.token), Quota { limit: 5_000, remaining, resets_at });
        resets_at
    }

    fn left(&self) -> u64 {
        self.world.forge.quota(Some(&self.token)).remaining
    }

    /// Lets the window end, where time can be turned. Elsewhere what waits for that
    /// is cancelled, which ends it at once.
    async fn window_ends(&self, waiting: &[Value]) -> bool {
        if self.world.is_local() {
            self.world.clock.turn(SignedDuration::from_mins(35));
            self.world.tick().await;
            return true;
        }
        for run in waiting {
            self.admin.press(&format!("/v1/runs/{}/cancel", id(run))).await;
        }
        false
    }
}

fn in_minutes(world: &World, minutes: i64) -> Timestamp {
    Timestamp::from_second(world.clock.now().0 / 1000 + 60 * minutes).unwrap()
}

fn id(run: &Value) -> &str {
    run["id"].as_str().unwrap()
}

/// Whether a run is where it stays for now.
fn is_still(run: &Value) -> bool {
    ["paused", "completed", "failed", "cancelled"].iter().any(|status| run["status"] == *status)
}

/// A list of so many pages in which there is nothing to take in.
fn pages(count: u64) -> Seed {
    Seed { closed_percent: 0, pull_request_percent: 100, ..Seed::of(100 * count) }
}
