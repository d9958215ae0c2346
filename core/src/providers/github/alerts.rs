//! Dependabot's alerts: what is known to be unsafe in what a repository depends on.
//!
//! The list knows no `since`, so it is read from the newest change backwards, until
//! it comes to where the run before this one has looked. Its pages are found by
//! cursor only: an alert that changes leaves its place, and no other slips by.

use serde::Deserialize;
use serde_json::Value;

use super::{User, changed, external_id, logins, moment};
use crate::model::{Item, ItemType, Source};
use crate::providers::entries::read_each;
use crate::providers::paging::cut_at;
use crate::providers::{Page, PageRequest, Reply, next_link};

#[derive(Deserialize)]
struct Alert {
    number: u64,
    state: State,
    dependency: Option<Dependency>,
    security_advisory: Advisory,
    security_vulnerability: Option<Vulnerability>,
    #[serde(default)]
    assignees: Vec<User>,
    html_url: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
}

/// An alert in a state that is not among these is not understood, rather than
/// taken for a closed one.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Open,
    Dismissed,
    Fixed,
    AutoDismissed,
}

#[derive(Deserialize)]
struct Dependency {
    package: Option<Package>,
}

#[derive(Deserialize)]
struct Package {
    ecosystem: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Advisory {
    summary: String,
    description: Option<String>,
    severity: Option<String>,
    ghsa_id: Option<String>,
    cve_id: Option<String>,
}

#[derive(Deserialize)]
struct Vulnerability {
    package: Option<Package>,
    severity: Option<String>,
}

/// No state named is every state.
pub(super) fn list(every_state: bool) -> String {
    let state = if every_state { "" } else { "&state=open" };
    format!("dependabot/alerts?per_page=100&sort=updated&direction=desc{state}")
}

pub(super) fn read(source: &Source, asked: &PageRequest, reply: &Reply, mut entries: Vec<Value>) -> Page {
    let is_over = cut_at(asked.back_to, &mut entries, changed);
    let link = reply.header("link").and_then(next_link).filter(|_| !is_over);
    let page = read_each(entries, "number", |alert| Some(item(source, alert)));
    Page { next: link.map(|link| asked.followed_by(link.to_owned())), ..page }
}

fn item(source: &Source, alert: Alert) -> Item {
    let external_id = external_id(source, "alert", alert.number, alert.html_url.as_deref());
    let state = if alert.state == State::Open { "open" } else { "closed" };
    let (advisory, vulnerability) = (alert.security_advisory, alert.security_vulnerability);
    let (vulnerable, rated) = vulnerability.map_or((None, None), |one| (one.package, one.severity));
    let package = alert.dependency.and_then(|dependency| dependency.package).or(vulnerable);
    let (ecosystem, name) = package.map_or((None, None), |package| (package.ecosystem, package.name));
    let severity = advisory.severity.or(rated);
    let is_priority = |severity: &String| ["critical", "high", "medium", "low"].contains(&severity.as_str());
    Item {
        body: advisory.description.filter(|description| !description.is_empty()),
        labels: [ecosystem, name, advisory.ghsa_id, advisory.cve_id].into_iter().flatten().collect(),
        assignees: logins(alert.assignees),
        url: alert.html_url,
        priority: severity.clone().filter(is_priority),
        severity,
        created_at: moment(alert.created_at.as_deref()),
        updated_at: moment(alert.updated_at.as_deref()),
        ..Item::new(ItemType::Alert, external_id, advisory.summary, state.to_owned())
    }
}
