//! Issues of a forge: what is taken in, what stays out, and how a run meets a
//! provider's bad days.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use pullcord_forge::{Behaviour, Entry, Issue, Repository, Seed};
use serde_json::{Value, json};

use crate::world::{Session, Tenant, World, fresh};

pub mod backfill;
pub mod items;
pub mod limits;
pub mod pages;
pub mod refusals;
pub mod taking;

/// A repository of the forge that nobody else knows, with a source of it.
pub(super) struct Given<'w> {
    pub(super) tenant: Tenant<'w>,
    pub(super) admin: Session<'w>,
    pub(super) repository: Repository,
    /// owner/name
    pub(super) name: String,
    /// Where the forge lists its issues; what faults are scripted on.
    pub(super) issues: String,
    pub(super) source: String,
    /// A credential of its own, and with it a quota of its own.
    pub(super) token: String,
}

/// Syncs of this source need not wait for each other.
pub(super) async fn given(world: &World) -> Given<'_> {
    let given = cooling(world).await;
    let settings = json!({"cooldowns": {"repository": "PT0S"}});
    given.admin.patch(&format!("/v1/workspaces/{}", given.tenant.slug), settings).await.is(200);
    given
}

/// A manual sync of this source cools down, as it does unless an admin says otherwise.
pub(super) async fn cooling(world: &World) -> Given<'_> {
    let tenant = world.tenant().await;
    let name = format!("acme/{}", fresh("web"));
    let token = fresh("token-of");
    let repository = world.forge.repository(&name);
    let source = tenant.repository_with(&name, json!({"credential": {"token": token}})).await;
    Given { admin: tenant.admin(), issues: format!("/repos/{name}/issues"), tenant, repository, name, source, token }
}

impl Given<'_> {
    /// Issues as they were made days ago, so that no overlap of increments meets
    /// them.
    pub(super) fn old(&self, world: &World, count: u64) {
        for place in 0..count {
            let at = past(world, SignedDuration::from_hours(48 + i64::try_from(count - place).unwrap()));
            self.repository.add_issue(|issue| (issue.created_at, issue.updated_at) = (at, at));
        }
    }

    pub(super) fn trigger(&self) -> String {
        format!("/v1/sources/{}/sync", self.source)
    }

    pub(super) async fn sync(&self, body: Value) -> Value {
        self.admin.sync(&self.source, body).await
    }

    pub(super) async fn look(&self) -> Value {
        self.admin.get(&format!("/v1/sources/{}", self.source)).await.is(200)
    }

    /// The items by number.
    pub(super) async fn items(&self) -> BTreeMap<u64, Value> {
        let items = self.admin.items(&self.source).await;
        let count = items.len();
        let by_number: BTreeMap<u64, Value> = items.into_iter().map(|item| (number(&item), item)).collect();
        assert_eq!(by_number.len(), count, "an item is there twice");
        by_number
    }

    pub(super) fn requests(&self, world: &World) -> Vec<Entry> {
        world.forge.requests_to(&self.issues)
    }
}

/// What the provider calls an item.
pub(super) fn number(item: &Value) -> u64 {
    item["externalId"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap()
}

/// Nothing but open issues.
pub(super) fn open(count: u64) -> Seed {
    Seed { closed_percent: 0, ..Seed::of(count) }
}

fn now(world: &World) -> Timestamp {
    Timestamp::from_millisecond(world.clock.now().0).unwrap()
}

fn past(world: &World, ago: SignedDuration) -> Timestamp {
    now(world) - ago
}

/// Created, updated, skipped and failed.
fn counts(run: &Value) -> [u64; 4] {
    ["created", "updated", "skipped", "failed"].map(|name| run["results"][name].as_u64().unwrap())
}

/// One parameter of a request's query, as it was sent.
fn parameter<'entry>(entry: &'entry Entry, name: &str) -> Option<&'entry str> {
    let pairs = entry.query.as_deref().unwrap_or_default().split('&');
    pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// A page of the forge as the test wants it.
fn page(entries: &Value, next: Option<&str>) -> Behaviour {
    let mut headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
    headers.extend(next.map(|next| ("link".to_owned(), format!("<{next}>; rel=\"next\""))));
    Behaviour::Reply { status: 200, headers, body: entries.to_string() }
}

/// An issue as GitHub shows it, with no more than has to be there.
fn entry(name: &str, number: u64) -> Value {
    json!({"number": number, "title": format!("Made up {number}"), "body": null, "state": "open", "labels": [], "assignees": [],
        "user": {"login": "octo-demo"}, "html_url": format!("https://github.com/{name}/issues/{number}"),
        "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z"})
}

/// An issue of the forge as a list of GitHub's shows it, as far as anyone here looks.
pub(super) fn shown(name: &str, issue: &Issue) -> Value {
    json!({"number": issue.number, "title": issue.title, "body": issue.body, "state": issue.state, "labels": issue.labels,
        "assignees": issue.assignees.iter().map(|login| json!({"login": login})).collect::<Vec<_>>(), "user": {"login": issue.author},
        "html_url": format!("https://github.com/{name}/issues/{}", issue.number), "created_at": issue.created_at, "updated_at": issue.updated_at})
}

/// What an issue of the forge must look like here.
fn as_item(issue: &Issue, name: &str) -> Value {
    let (url, number) = (format!("https://github.com/{name}"), issue.number);
    json!({"type": "issue", "externalId": format!("github:{url}:issue:{number}"), "customFields": {"externalId": format!("github:{url}:{number}")},
        "title": issue.title, "body": issue.body, "state": issue.state, "labels": issue.labels, "assignees": issue.assignees,
        "author": issue.author, "url": format!("{url}/issues/{number}"), "severity": null, "priority": null,
        "createdAt": issue.created_at.to_string(), "updatedAt": issue.updated_at.to_string()})
}

/// An item must be what is expected, in every field that is.
#[track_caller]
fn assert_item(item: &Value, issue: &Issue, name: &str) {
    let expected = as_item(issue, name);
    let shown: serde_json::Map<String, Value> =
        expected.as_object().unwrap().keys().map(|field| (field.clone(), item[field].clone())).collect();
    assert_eq!(Value::Object(shown), expected);
    assert!(item["id"].is_string() && item["syncedAt"].as_str().unwrap().parse::<Timestamp>().is_ok(), "{item:#}");
}
