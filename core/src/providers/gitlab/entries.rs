//! Issues and merge requests: two lists of one make, read with the oldest change
//! first, because what changes during the run then moves to the end, where it is
//! met again.

use serde::Deserialize;
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::{Shown, external_id, moment, parameter, project};
use crate::clock::Moment;
use crate::model::{Item, ItemType, Source, Stream};
use crate::providers::{Page, PageRequest, Rejected, Reply, Unreadable, next_link};

#[derive(Deserialize)]
struct Entry {
    iid: u64,
    title: String,
    description: Option<String>,
    state: State,
    #[serde(default)]
    labels: Vec<Label>,
    #[serde(default)]
    assignees: Vec<User>,
    author: Option<User>,
    web_url: Option<String>,
    references: Option<References>,
    created_at: Option<String>,
    updated_at: Option<String>,
}

/// A state that is not among these is not understood, rather than taken for one of
/// them. Locked is what a merge request is while it is being merged.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Opened,
    Locked,
    Closed,
    Merged,
}

/// A label is a text, and an object where its details are shown.
#[derive(Deserialize)]
#[serde(untagged)]
enum Label {
    Text(String),
    Named { name: String },
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Deserialize)]
struct References {
    /// `group/project#17`, with the project's path as it is now.
    full: Option<String>,
}

/// What GitLab calls the entries of a stream: in addresses, and before numbers.
fn words(stream: Stream) -> (&'static str, char) {
    if stream == Stream::PullRequests { ("merge_requests", '!') } else { ("issues", '#') }
}

/// The first page's address. A server that has no cursors for a list does not mind
/// being asked for them; merge requests have them nowhere.
pub(super) fn list(source: &Source, stream: Stream, every_state: bool, since: Option<Moment>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if stream == Stream::Issues {
        query.append_pair("pagination", "keyset");
    }
    let state = if every_state { "all" } else { "opened" };
    query.extend_pairs([("order_by", "updated_at"), ("sort", "asc"), ("per_page", "100"), ("scope", "all"), ("state", state)]);
    query.extend_pairs(since.map(|since| ("updated_after", since.rfc3339())));
    format!("{}/{}?{}", project(source), words(stream).0, query.finish())
}

pub(super) fn alone(source: &Source, stream: Stream, id: &str) -> String {
    format!("{}/{}/{id}", project(source), words(stream).0)
}

pub(super) fn read(source: &Source, asked: &PageRequest, reply: &Reply) -> Result<Page, Unreadable> {
    let (list, sign) = words(asked.stream);
    let unreadable = |why: &dyn std::fmt::Display| Unreadable(format!("not a list of {}: {why}", list.replace('_', " ")));
    let entries = match serde_json::from_slice(&reply.body).map_err(|why| unreadable(&why))? {
        Value::Array(entries) => entries,
        one @ Value::Object(_) if asked.single => vec![one],
        _ => return Err(unreadable(&"it is something else")),
    };
    let next = if asked.single { None } else { next_page(asked, reply, &entries)? };
    // Later pages may be first ones of a shorter list, and count that.
    let total = reply.header("x-total").filter(|_| asked.number == 1 && !asked.single).and_then(|total| total.trim().parse().ok());
    let mut page = Page { next, total, ..Page::default() };
    for (position, entry) in entries.into_iter().enumerate() {
        let id = entry.get("iid").filter(|iid| iid.is_u64()).map(ToString::to_string);
        let which = entry
            .get("iid")
            .filter(|iid| iid.is_u64() || iid.is_string())
            .map_or_else(|| format!("entry {position}"), |iid| format!("{sign}{iid}"));
        match serde_json::from_value::<Entry>(entry) {
            Ok(entry) if was_read(asked, &entry) => {}
            Ok(entry) => page.items.push(item(source, asked.stream, entry)),
            Err(why) => page.rejected.push(Rejected { id, which, why: why.to_string() }),
        }
    }
    Ok(page)
}

/// The request for the next page, if there is one.
///
/// A link with a cursor is followed as it is. One with a page number counts rows,
/// and rows move while they are counted: an entry that is changed or closed leaves
/// its place, all later ones move up, and the first of the next page slips into the
/// page that was read. So instead of the second page, the first one is asked for of
/// what changed since the last entry. Only if that is no progress, because a whole
/// page changed in one instant, or is not in order, is the next page asked for by
/// its number all the same.
fn next_page(asked: &PageRequest, reply: &Reply, entries: &[Value]) -> Result<Option<PageRequest>, Unreadable> {
    let address = |text: &str| Url::parse(text).map_err(|why| Unreadable(format!("the next page's address cannot be read: {why}")));
    let link = reply.header("link").and_then(next_link);
    let linked = link.map(address).transpose()?;
    let by_number = linked.as_ref().filter(|linked| parameter(linked, "cursor").is_none()).and_then(|linked| parameter(linked, "page"));
    if let (Some(link), None) = (link, &by_number) {
        return Ok(Some(asked.followed_by(link.to_owned())));
    }
    let by_header = || reply.header("x-next-page").map(str::trim).filter(|page| !page.is_empty()).map(str::to_owned);
    let Some(number) = by_number.or_else(by_header) else { return Ok(None) };
    let here = address(&asked.url)?;
    let since = parameter(&here, "updated_after").as_deref().and_then(Moment::parse);
    let times: Vec<Moment> = entries.iter().filter_map(changed).collect();
    let last = times.last().copied().filter(|last| times.is_sorted() && since.is_none_or(|since| *last > since));
    let dropped = if last.is_some() { "updated_after" } else { "page" };
    let kept: Vec<(String, String)> = here.query_pairs().into_owned().filter(|(name, _)| name != "page" && name != dropped).collect();
    // What was asked is written more exactly than the link repeats it; where the link
    // leads is for the engine to judge.
    let mut url = linked.unwrap_or_else(|| here.clone());
    let further = last.map_or(("page", number), |last| ("updated_after", last.rfc3339()));
    url.query_pairs_mut().clear().extend_pairs(kept).append_pair(further.0, &further.1);
    let is_last = |entry: &&Value| last.is_some() && changed(entry) == last;
    let overlap = entries.iter().filter(is_last).filter_map(|entry| Some((entry["iid"].to_string(), last?))).collect();
    Ok(Some(PageRequest { overlap, ..asked.followed_by(url.into()) }))
}

fn changed(entry: &Value) -> Option<Moment> {
    moment(entry["updated_at"].as_str())
}

/// Whether the page before this one showed the entry as it is here.
fn was_read(asked: &PageRequest, entry: &Entry) -> bool {
    let changed = moment(entry.updated_at.as_deref());
    asked.overlap.iter().any(|(iid, at)| *iid == entry.iid.to_string() && changed == Some(*at))
}

/// Whatever the type of an issue, and whoever may see it, it is an issue.
fn item(source: &Source, stream: Stream, entry: Entry) -> Item {
    let kind = if stream == Stream::PullRequests { ItemType::PullRequest } else { ItemType::Issue };
    let reference = entry.references.as_ref().and_then(|references| references.full.as_deref());
    let full_path = reference.and_then(|full| full.rsplit_once(words(stream).1)).map(|(path, _)| path);
    let shown = Shown { web_url: entry.web_url.as_deref(), full_path };
    let external_id = external_id(source, kind, &entry.iid.to_string(), shown);
    let state = match entry.state {
        State::Opened | State::Locked => "open",
        State::Closed => "closed",
        State::Merged => "merged",
    };
    let name = |label| match label {
        Label::Text(name) | Label::Named { name } => name,
    };
    Item {
        body: entry.description.filter(|description| !description.is_empty()),
        labels: entry.labels.into_iter().map(name).collect(),
        assignees: entry.assignees.into_iter().map(|user| user.username).collect(),
        author: entry.author.map(|user| user.username),
        created_at: moment(entry.created_at.as_deref()),
        updated_at: moment(entry.updated_at.as_deref()),
        url: entry.web_url,
        ..Item::new(kind, external_id, entry.title, state.to_owned())
    }
}

#[cfg(test)]
#[path = "entries_tests.rs"]
mod tests;
