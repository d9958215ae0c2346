//! Every stream of every forge: what is promised of GitHub's issues holds for all of
//! them, in each forge's own way.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use pullcord_forge::{AlertSeverity, AlertState, Entry, Forge, Repository, Severity, VulnerabilityState};
use serde_json::{Value, json};

use self::Provider::{Bitbucket, GitHub, GitLab};
use self::Stream::{Alerts, Issues, PullRequests};
use super::issues::number;
use crate::world::{Session, World, fresh};

pub mod alerts;
pub mod hiccups;
pub mod limits;
pub mod mistakes;
pub mod moves;
pub mod refusals;
pub mod removing;
pub mod removing_doubts;
pub mod streams;
pub mod taking;

/// Who is asked. The simulated forge is all of them at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Provider {
    GitHub,
    GitLab,
    Bitbucket,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Issues,
    Alerts,
    PullRequests,
}

/// Every stream of every provider.
const EVERY: [(Provider, Stream); 8] = [
    (GitHub, Issues),
    (GitHub, Alerts),
    (GitHub, PullRequests),
    (GitLab, Issues),
    (GitLab, Alerts),
    (GitLab, PullRequests),
    (Bitbucket, PullRequests),
    (Bitbucket, Issues),
];

impl Provider {
    const ALL: [Self; 3] = [GitHub, GitLab, Bitbucket];

    fn name(self) -> &'static str {
        match self {
            GitHub => "github",
            GitLab => "gitlab",
            Bitbucket => "bitbucket",
        }
    }

    /// The first is that of a source that names none.
    fn streams(self) -> &'static [Stream] {
        match self {
            GitHub | GitLab => &[Issues, Alerts, PullRequests],
            Bitbucket => &[PullRequests, Issues],
        }
    }

    fn base_url(self, forge: &Forge) -> String {
        let prefix = match self {
            GitHub => "",
            GitLab => "/api/v4",
            Bitbucket => "/2.0",
        };
        format!("{}{prefix}", forge.base_url())
    }

    /// Where a stream of a repository is listed. GitLab has one door for the alerts
    /// of all its projects.
    fn listing(self, name: &str, stream: Stream) -> String {
        let project = format!("/api/v4/projects/{}", name.replace('/', "%2F"));
        match (self, stream) {
            (GitHub, Issues) => format!("/repos/{name}/issues"),
            (GitHub, Alerts) => format!("/repos/{name}/dependabot/alerts"),
            (GitHub, PullRequests) => format!("/repos/{name}/pulls"),
            (GitLab, Issues) => format!("{project}/issues"),
            (GitLab, Alerts) => "/api/graphql".to_owned(),
            (GitLab, PullRequests) => format!("{project}/merge_requests"),
            (Bitbucket, PullRequests) => format!("/2.0/repositories/{name}/pullrequests"),
            (Bitbucket, _) => format!("/2.0/repositories/{name}/issues"),
        }
    }
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Issues => "issues",
            Alerts => "alerts",
            PullRequests => "pull_requests",
        }
    }

    /// The type of its items.
    fn item(self) -> &'static str {
        self.name().trim_end_matches('s')
    }

    /// The state of what [`Given::close`] closed.
    fn over(self) -> &'static str {
        if self == PullRequests { "merged" } else { "closed" }
    }
}

/// A repository that nobody else knows, with a source of it whose syncs need not
/// wait for each other.
struct Given<'w> {
    admin: Session<'w>,
    forge: Forge,
    provider: Provider,
    repository: Repository,
    /// owner/name
    name: String,
    source: String,
    /// A credential of its own, and with it a quota of its own.
    token: String,
}

/// What befalls a source, or its repository.
type Mishap = fn(&Given<'_>);

/// A source that reads these streams of the world's forge.
async fn given<'w>(world: &'w World, provider: Provider, streams: &[Stream]) -> Given<'w> {
    // No such name is the beginning of another one.
    let name = format!("acme/{}-web", fresh("the"));
    given_at(world, &world.forge, provider, &name, streams).await
}

/// A source of a forge that no other source knows.
async fn alone<'w>(world: &'w World, provider: Provider, streams: &[Stream]) -> Given<'w> {
    let forge = crate::world::forge(&world.clock).await;
    given_at(world, &forge, provider, "acme/web", streams).await
}

async fn given_at<'w>(world: &'w World, forge: &Forge, provider: Provider, name: &str, streams: &[Stream]) -> Given<'w> {
    let tenant = world.tenant().await;
    let settings = json!({"cooldowns": {"repository": "PT0S"}});
    tenant.admin().patch(&format!("/v1/workspaces/{}", tenant.slug), settings).await.is(200);
    let token = fresh("token-of");
    let repository = forge.repository(name);
    let streams: Vec<&str> = streams.iter().map(|stream| stream.name()).collect();
    let more =
        json!({"provider": provider.name(), "base_url": provider.base_url(forge), "streams": streams, "credential": {"token": token}});
    let source = tenant.repository_with(name, more).await;
    Given { admin: tenant.admin(), forge: forge.clone(), provider, repository, name: name.to_owned(), source, token }
}

impl Given<'_> {
    fn trigger(&self) -> String {
        format!("/v1/sources/{}/sync", self.source)
    }

    async fn sync(&self, body: Value) -> Value {
        self.admin.sync(&self.source, body).await
    }

    async fn look(&self) -> Value {
        self.admin.get(&format!("/v1/sources/{}", self.source)).await.is(200)
    }

    /// The items of a stream by number. GitLab counts alerts over all projects; the
    /// simulated one leaves each project a million.
    async fn items(&self, stream: Stream) -> BTreeMap<u64, Value> {
        let items: Vec<Value> = self.admin.items(&self.source).await.into_iter().filter(|item| item["type"] == stream.item()).collect();
        let count = items.len();
        let by_number: BTreeMap<u64, Value> = items.into_iter().map(|item| (number(&item) % 1_000_000, item)).collect();
        assert_eq!(by_number.len(), count, "an item is there twice");
        by_number
    }

    /// What faults of a stream are scripted on.
    fn listing(&self, stream: Stream) -> String {
        self.provider.listing(&self.name, stream)
    }

    /// Where the repository is by the name that the source was made with.
    fn root(&self) -> String {
        let stream = self.provider.streams().iter().find(|stream| **stream != Alerts).copied().unwrap_or(Issues);
        let listing = self.listing(stream);
        listing.rsplit_once('/').map(|(root, _)| root.to_owned()).unwrap()
    }

    /// What was asked of this repository.
    fn requests(&self, stream: Stream) -> Vec<Entry> {
        let mut requests = self.forge.requests_to(&self.listing(stream));
        requests.retain(|entry| entry.path != "/api/graphql" || entry.body.as_ref().is_some_and(|body| body.contains(&self.name)));
        requests
    }

    /// Makes an open entry; its number.
    fn add(&self, stream: Stream, at: Timestamp) -> u64 {
        match (stream, self.provider) {
            (Alerts, GitLab) => self.repository.add_vulnerability(|found| (found.detected_at, found.updated_at) = (at, at)),
            (Alerts, _) => self.repository.add_alert(|alert| (alert.created_at, alert.updated_at) = (at, at)),
            _ => self.repository.add_issue(|issue| {
                issue.pull_request = stream == PullRequests;
                (issue.created_at, issue.updated_at) = (at, at);
            }),
        }
    }

    /// Open entries as they were made days ago, so that no overlap of increments
    /// meets them; their numbers.
    fn old(&self, world: &World, stream: Stream, count: u64) -> Vec<u64> {
        let at = |place: u64| now(world) - SignedDuration::from_hours(48 + i64::try_from(count - place).unwrap());
        (0..count).map(|place| self.add(stream, at(place))).collect()
    }

    /// Changes an entry in a way that its item shows.
    fn change(&self, stream: Stream, number: u64) {
        let is_there = match (stream, self.provider) {
            (Alerts, GitLab) => self.repository.edit_vulnerability(number, |found| found.severity = Severity::Critical),
            (Alerts, _) => self.repository.edit_alert(number, |alert| alert.severity = AlertSeverity::Critical),
            _ => self.repository.edit_issue(number, |issue| issue.title.push_str(", edited")),
        };
        assert!(is_there, "there is no {number}");
    }

    /// Entries are no more.
    fn remove(&self, stream: Stream, numbers: &[u64]) {
        for number in numbers {
            let was_there = match (stream, self.provider) {
                (Alerts, GitLab) => self.repository.remove_vulnerability(*number),
                (Alerts, _) => self.repository.remove_alert(*number),
                _ => self.repository.delete_issue(*number),
            };
            assert!(was_there, "there is no {number}");
        }
    }

    /// Closes an issue, merges a pull request, has an alert fixed.
    fn close(&self, stream: Stream, number: u64) {
        let is_there = match (stream, self.provider) {
            (Alerts, GitLab) => self.repository.edit_vulnerability(number, |found| found.state = VulnerabilityState::Resolved),
            (Alerts, _) => self.repository.edit_alert(number, |alert| alert.state = AlertState::Fixed),
            _ => self.repository.close_issue(number),
        };
        assert!(is_there, "there is no {number}");
    }
}

fn now(world: &World) -> Timestamp {
    Timestamp::from_millisecond(world.clock.now().0).unwrap()
}

fn id(run: &Value) -> &str {
    run["id"].as_str().unwrap()
}

/// How many requests a run made.
fn made(run: &Value) -> u64 {
    run["calls"]["made"].as_u64().unwrap()
}

/// A run did its work, created and updated so many items, and failed at none.
#[track_caller]
fn assert_done(run: &Value, created: usize, updated: usize) {
    assert_eq!(run["status"], "completed", "{run:#}");
    assert_counts(run, created, updated);
}

#[track_caller]
fn assert_counts(run: &Value, created: usize, updated: usize) {
    let counts = ["created", "updated", "failed"].map(|name| run["results"][name].as_u64().unwrap());
    assert_eq!(counts, [created as u64, updated as u64, 0], "{run:#}");
}

/// A run failed with this code and these of its forge's words, and kept the
/// credential to itself.
#[track_caller]
fn assert_failed(given: &Given<'_>, run: &Value, code: &str, words: &str) {
    assert_eq!((run["status"].as_str(), run["error"]["code"].as_str()), (Some("failed"), Some(code)), "{run:#}");
    assert!(run["error"]["message"].as_str().unwrap().contains(words), "{run:#}");
    assert!(!run.to_string().contains(&given.token), "{run:#}");
}
