//! GitHub's issues, oldest change first: what changes during the run moves to the
//! end, where it is met again.

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{Label, State, User, changed, external_id, logins, moment, names};
use crate::clock::Moment;
use crate::model::{Item, ItemType, Source};
use crate::providers::entries::read_each;
use crate::providers::{Page, PageRequest, Reply, Unreadable, next_link};

#[derive(Deserialize)]
struct Issue {
    number: u64,
    title: String,
    body: Option<String>,
    state: State,
    #[serde(default)]
    labels: Vec<Label>,
    #[serde(default)]
    assignees: Vec<User>,
    user: Option<User>,
    html_url: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
    /// Where the pull request is, if the entry is one: GitHub lists them among issues.
    /// Older servers say of issues too, in nulls, that it is nowhere.
    pull_request: Option<Value>,
}

pub(super) fn list(every_state: bool, since: Option<Moment>) -> String {
    let state = if every_state { "all" } else { "open" };
    let since = since.map(|since| format!("&since={}", since.rfc3339())).unwrap_or_default();
    format!("issues?state={state}&sort=updated&direction=asc&per_page=100{since}")
}

/// Whether an address is that of one issue.
pub(super) fn is_one(address: &str) -> bool {
    let path = Url::parse(address).map(|address| address.path().to_owned()).unwrap_or_default();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    path.rsplit_once("/issues/").is_some_and(|(_, number)| is_number(number))
}

pub(super) fn read(source: &Source, asked: &PageRequest, reply: &Reply, entries: Vec<Value>) -> Result<Page, Unreadable> {
    let next = next_page(asked, reply, &entries)?;
    let is_new = |issue: &Issue| !issue.pull_request.as_ref().is_some_and(is_somewhere) && !was_read(asked, issue);
    let page = read_each(entries, "number", |issue| Some(issue).filter(is_new).map(|issue| item(source, issue)));
    Ok(Page { next, ..page })
}

/// The request for the next page, if there is one.
///
/// A link with a cursor is followed as it is. A link with a page number counts
/// rows, and rows move while they are counted: an issue that is changed or closed
/// leaves its place, all later ones move up, and the first of the next page slips
/// into the page that was read. So instead of the second page, the first one is
/// asked for of what changed since the last entry. Only if a whole page changed in
/// one second is the link followed all the same.
fn next_page(asked: &PageRequest, reply: &Reply, entries: &[Value]) -> Result<Option<PageRequest>, Unreadable> {
    let Some(link) = reply.header("link").and_then(next_link) else { return Ok(None) };
    let unreadable = |why: &dyn std::fmt::Display| Unreadable(format!("the next page's address cannot be read: {why}"));
    let linked = Url::parse(link).map_err(|why| unreadable(&why))?;
    let counts_rows = !linked.query_pairs().any(|(name, _)| name == "after");
    let newest = entries.iter().filter_map(changed).max();
    let since = linked.query_pairs().find(|(name, _)| name == "since").and_then(|(_, since)| Moment::parse(&since));
    let Some(newest) = newest.filter(|newest| counts_rows && since.is_none_or(|since| *newest > since)) else {
        return Ok(Some(asked.followed_by(link.to_owned())));
    };
    let mut url = linked.clone();
    let kept: Vec<(String, String)> = linked.query_pairs().into_owned().filter(|(name, _)| name != "page" && name != "since").collect();
    url.query_pairs_mut().clear().extend_pairs(kept).append_pair("since", &newest.rfc3339());
    let overlap =
        entries.iter().filter(|entry| changed(entry) == Some(newest)).map(|entry| (entry["number"].to_string(), newest)).collect();
    Ok(Some(PageRequest { overlap, ..asked.followed_by(url.into()) }))
}

fn is_somewhere(links: &Value) -> bool {
    links.as_object().is_none_or(|links| links.is_empty() || links.values().any(|link| !link.is_null()))
}

/// Whether the page before this one showed the issue as it is here.
fn was_read(asked: &PageRequest, issue: &Issue) -> bool {
    let changed = moment(issue.updated_at.as_deref());
    asked.overlap.iter().any(|(number, at)| *number == issue.number.to_string() && changed == Some(*at))
}

fn item(source: &Source, issue: Issue) -> Item {
    let external_id = external_id(source, "issue", issue.number, issue.html_url.as_deref());
    Item {
        body: issue.body.filter(|body| !body.is_empty()),
        labels: names(issue.labels),
        assignees: logins(issue.assignees),
        author: issue.user.map(|user| user.login),
        url: issue.html_url,
        created_at: moment(issue.created_at.as_deref()),
        updated_at: moment(issue.updated_at.as_deref()),
        ..Item::new(ItemType::Issue, external_id, issue.title, issue.state.as_str().to_owned())
    }
}
