//! Business systems: what is taken of them, how changes are asked for, and what becomes
//! of their limits, refusals and surprises.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use pullcord_forge::{Books, Entry, Forge};
use serde_json::{Value, json};

use self::Vendor::{BusinessCentral, Dataverse, Xledger};
use crate::world::{Session, World, fresh};

pub mod limits;
pub mod links;
pub mod looking;
pub mod mistakes;
pub mod refusals;
pub mod refusing;
pub mod run_log;
pub mod taking;
pub mod triggering;

/// Who is asked. The simulated forge is all of them at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vendor {
    Xledger,
    Dataverse,
    BusinessCentral,
}

/// A company of Business Central.
const COMPANY: &str = "companies(00000000-0000-4000-8000-00000000c0de)";

impl Vendor {
    const ALL: [Self; 3] = [Xledger, Dataverse, BusinessCentral];

    fn provider(self) -> &'static str {
        match self {
            Xledger => "xledger",
            Dataverse | BusinessCentral => "dynamics",
        }
    }

    fn base_url(self, forge: &Forge, customer: &str) -> String {
        let rest = match self {
            Xledger => format!("xledger/{customer}"),
            Dataverse => format!("dataverse/{customer}"),
            BusinessCentral => format!("businesscentral/{customer}/api/v2.0/{COMPANY}"),
        };
        format!("{}/{rest}", forge.base_url())
    }

    /// Two entities that it has.
    fn entities(self) -> [&'static str; 2] {
        match self {
            Xledger => ["projects", "customers"],
            Dataverse => ["accounts", "contacts"],
            BusinessCentral => ["customers", "items"],
        }
    }
}

/// A customer that nobody else knows, with an integration of it whose syncs need not
/// wait for each other.
struct Given<'w> {
    world: &'w World,
    admin: Session<'w>,
    workspace: String,
    forge: Forge,
    vendor: Vendor,
    customer: String,
    books: Books,
    source: String,
    base_url: String,
    /// A credential of its own, and with it a quota of its own.
    token: String,
}

/// An integration that takes two entities.
async fn given(world: &World, vendor: Vendor) -> Given<'_> {
    given_of(world, vendor, &vendor.entities()).await
}

async fn given_of<'w>(world: &'w World, vendor: Vendor, entities: &[&str]) -> Given<'w> {
    let tenant = world.tenant().await;
    let settings = json!({"cooldowns": {"integration": "PT0S"}});
    let admin = tenant.admin();
    admin.patch(&format!("/v1/workspaces/{}", tenant.slug), settings).await.is(200);
    let (customer, token, source) = (fresh("customer"), fresh("token-of"), fresh("integration"));
    let base_url = vendor.base_url(&world.forge, &customer);
    let body = json!({"id": source, "kind": "integration", "provider": vendor.provider(), "base_url": base_url, "entities": entities,
        "credential": {"token": token}});
    admin.post(&format!("/v1/workspaces/{}/sources", tenant.slug), body).await.is(201);
    admin.looked_at(&source).await;
    let (forge, books) = (world.forge.clone(), world.forge.books(&customer));
    Given { world, admin, workspace: tenant.slug, forge, vendor, customer, books, source, base_url, token }
}

impl Given<'_> {
    fn sources(&self) -> String {
        format!("/v1/workspaces/{}/sources", self.workspace)
    }

    fn path(&self) -> String {
        format!("/v1/sources/{}", self.source)
    }

    async fn sync(&self, body: Value) -> Value {
        self.admin.sync(&self.source, body).await
    }

    async fn look(&self) -> Value {
        self.admin.get(&self.path()).await.is(200)
    }

    /// The records of an entity by their vendor's ids.
    async fn records(&self, entity: &str) -> BTreeMap<String, Value> {
        let items = self.admin.items(&self.source).await.into_iter().filter(|item| item["entity"] == entity);
        let by_id = items.map(|item| {
            let external_id = item["externalId"].as_str().unwrap().to_owned();
            assert_eq!(item["type"], "record");
            let id = external_id.strip_prefix(&format!("{}:{}:{entity}:", self.vendor.provider(), self.base_url)).unwrap().to_owned();
            (id, item)
        });
        by_id.collect()
    }

    /// Records as they were made days ago, so that no overlap of increments meets them.
    fn old(&self, entity: &str, count: u64) -> Vec<u64> {
        let at = |place: u64| now(self.world) - SignedDuration::from_hours(48 + i64::try_from(count - place).unwrap());
        (0..count).map(|place| self.books.add(entity, |row| (row.created_at, row.updated_at) = (at(place), at(place)))).collect()
    }

    fn rename(&self, entity: &str, number: u64) {
        assert!(self.books.edit(entity, number, |row| row.name.push_str(", renamed")), "there is no {number}");
    }

    /// What the vendor calls a record.
    fn id(&self, number: u64) -> String {
        match self.vendor {
            Xledger => number.to_string(),
            Dataverse | BusinessCentral => format!("00000000-0000-4000-8000-{number:012x}"),
        }
    }

    /// Where faults of an entity are scripted on. Xledger has one door for all.
    fn listing(&self, entity: &str) -> String {
        let customer = &self.customer;
        match self.vendor {
            Xledger => format!("/xledger/{customer}/graphql"),
            Dataverse => format!("/dataverse/{customer}/api/data/v9.2/{entity}"),
            BusinessCentral => format!("/businesscentral/{customer}/api/v2.0/{COMPANY}/{entity}"),
        }
    }

    /// What was asked of an entity; the look at the credential is none of it.
    fn requests(&self, entity: &str) -> Vec<Entry> {
        let mut requests = self.forge.requests_to(&self.listing(entity));
        requests.retain(|entry| self.vendor != Xledger || entry.body.as_ref().is_some_and(|body| body.contains(&format!(" {entity}("))));
        requests
    }
}

fn now(world: &World) -> Timestamp {
    Timestamp::from_millisecond(world.clock.now().0).unwrap()
}

/// A run did its work without a warning, and created, updated and deleted so many.
#[track_caller]
fn assert_done(run: &Value, created: u64, updated: u64, deleted: u64) {
    assert_eq!(run["status"], "completed", "{run:#}");
    assert_counts(run, created, updated, deleted);
}

#[track_caller]
fn assert_counts(run: &Value, created: u64, updated: u64, deleted: u64) {
    let counts = ["created", "updated", "deleted", "failed"].map(|name| run["results"][name].as_u64().unwrap());
    assert_eq!(counts, [created, updated, deleted, 0], "{run:#}");
}

/// The warnings of a run of this code, by what they are about.
fn warned<'r>(run: &'r Value, code: &str) -> BTreeMap<&'r str, &'r str> {
    let of_it = run["warnings"].as_array().unwrap().iter().filter(|warning| warning["code"] == code);
    of_it.map(|warning| (warning["where"].as_str().unwrap(), warning["message"].as_str().unwrap())).collect()
}
