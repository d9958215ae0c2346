//! What Bitbucket is asked for, page by page.
//!
//! Where the next page is stands in the body, and nothing else does reliably.

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::clock::Moment;
use crate::model::Stream;
use crate::providers::{PageRequest, Reply, Unreadable};

/// A page. How many entries the whole list has is stated or not, as Bitbucket
/// pleases.
#[derive(Deserialize)]
pub(super) struct Listing {
    pub(super) values: Vec<Value>,
    next: Option<String>,
    #[serde(default)]
    pub(super) size: Value,
}

impl Listing {
    pub(super) fn of(asked: &PageRequest, reply: &Reply) -> Result<Self, Unreadable> {
        let what = asked.stream.as_str().replace('_', " ");
        let unreadable = |why| Unreadable(format!("not a page of {what}: {why}"));
        if asked.single {
            let entry = serde_json::from_slice(&reply.body).map_err(unreadable)?;
            return Ok(Self { values: vec![Value::Object(entry)], next: None, size: Value::Null });
        }
        serde_json::from_slice(&reply.body).map_err(unreadable)
    }
}

/// A page of pull requests has 50 entries at most, whatever the documents say: more
/// are answered with an empty page or a refusal.
pub(super) fn size(stream: Stream) -> &'static str {
    if stream == Stream::PullRequests { "50" } else { "100" }
}

/// The condition for the states that are wanted. Every issue is listed without
/// one; whether every pull request would be is not said anywhere.
pub(super) fn states(stream: Stream, every_state: bool) -> &'static str {
    match (stream, every_state) {
        (Stream::PullRequests, true) => r#"(state="OPEN" OR state="MERGED" OR state="DECLINED" OR state="SUPERSEDED")"#,
        (Stream::PullRequests, false) => r#"state="OPEN""#,
        (Stream::Issues | Stream::Alerts | Stream::Entity(_), true) => "",
        (Stream::Issues | Stream::Alerts | Stream::Entity(_), false) => r#"(state="new" OR state="open" OR state="on hold")"#,
    }
}

/// What stands before the moment in a filter.
const SINCE: &str = "updated_on>=\"";

/// The filter for states and for what changed since a moment, if there is any.
///
/// Bitbucket's times have microseconds. A moment here has milliseconds, cut off and
/// never rounded up, so that with `>=` nothing is missed: at most what changed in
/// the same millisecond is shown once more.
pub(super) fn filter(states: &str, since: Option<Moment>) -> Option<String> {
    let since = since.map(|since| format!("{SINCE}{}+00:00\"", since.rfc3339().trim_end_matches('Z')));
    match (states, since) {
        ("", since) => since,
        (states, None) => Some(states.to_owned()),
        (states, Some(since)) => Some(format!("{states} AND {since}")),
    }
}

/// The states and the moment of a filter that was made here.
fn parts(filter: &str) -> (&str, Option<Moment>) {
    match filter.split_once(SINCE) {
        Some((before, since)) => (before.trim_end_matches(" AND "), Moment::parse(since.trim_end_matches('"'))),
        None => (filter, None),
    }
}

/// The request for the next page, if there is one.
///
/// An address that says nothing to a reader is followed as it is. One with a page
/// number counts rows, and rows move while they are counted: what is changed or
/// closed leaves its place, all later ones move up, and the first of the next page
/// slips into the page that was read. So instead of the second page, the first one
/// is asked for of what changed since the last entry. The address is followed all
/// the same if that would be the same request again, because a whole page changed
/// in one millisecond, and if the entries are not in the order that was asked for.
pub(super) fn next(asked: &PageRequest, listing: &Listing) -> Result<Option<PageRequest>, Unreadable> {
    let Some(link) = listing.next.as_deref().filter(|link| !link.is_empty()) else { return Ok(None) };
    let linked = Url::parse(link).map_err(|why| Unreadable(format!("the next page's address cannot be read: {why}")))?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let counts_rows = linked.query_pairs().any(|(name, value)| name == "page" && is_number(&value));
    let asked_before = linked.query_pairs().find(|(name, _)| name == "q").map(|(_, filter)| filter.into_owned()).unwrap_or_default();
    let (states, since) = parts(&asked_before);
    let times: Vec<Moment> = listing.values.iter().filter_map(changed).collect();
    let newest = times.last().copied().filter(|newest| since.is_none_or(|since| *newest > since));
    let Some(newest) = newest.filter(|_| counts_rows && times.is_sorted()) else {
        return Ok(Some(asked.followed_by(link.to_owned())));
    };
    let kept: Vec<(String, String)> = linked.query_pairs().into_owned().filter(|(name, _)| name != "page" && name != "q").collect();
    let mut url = linked.clone();
    url.query_pairs_mut().clear().extend_pairs(kept).extend_pairs(filter(states, Some(newest)).map(|filter| ("q", filter)));
    let shown_again = listing.values.iter().filter(|entry| changed(entry) == Some(newest));
    let overlap = shown_again.map(|entry| (mark(entry), newest)).collect();
    Ok(Some(PageRequest { overlap, ..asked.followed_by(url.into()) }))
}

/// Whether the page before this one showed an entry as it is here.
pub(super) fn was_read(asked: &PageRequest, entry: &Value) -> bool {
    asked.overlap.iter().any(|(shown, _)| *shown == mark(entry))
}

fn changed(entry: &Value) -> Option<Moment> {
    entry["updated_on"].as_str().and_then(Moment::parse)
}

/// What tells an entry in one state from itself in another. The time stands in it
/// as it was written, to the microsecond: what changed twice in one millisecond is
/// read twice.
fn mark(entry: &Value) -> String {
    format!("{} {}", entry["id"], entry["updated_on"].as_str().unwrap_or_default())
}
