//! The lists of issues and of merge requests, by page or by cursor, and one of either.

use std::borrow::Cow;

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Call,
    listing::Listing,
    query::{Order, Query, Scope},
    refusals, reply,
    shapes::{self, Site},
};
use crate::{
    door::Answer,
    index::{self, Row},
    issue::Issue,
    record::Record,
};

const BASE64: GeneralPurpose =
    GeneralPurpose::new(&base64::alphabet::URL_SAFE, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// How a cursor writes a moment.
const MOMENT: &str = "%Y-%m-%d %H:%M:%S.%9f %z";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Issue,
    MergeRequest,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::MergeRequest => "merge_request",
        }
    }
}

/// A deleted issue was never there, and neither are those of a project that has them switched off.
pub(super) fn one(call: &Call<'_>, record: &Record, kind: Kind, number: u64) -> Answer {
    let found = record.issue(number).filter(|issue| issue.pull_request == (kind == Kind::MergeRequest));
    let site = Site::of(record, &call.asked.base);
    match (kind, found) {
        (Kind::Issue, Some(issue)) if record.has_issues => reply(StatusCode::OK, &site.issue(issue, true)),
        (Kind::MergeRequest, Some(issue)) => reply(StatusCode::OK, &site.merge_request(issue)),
        _ => refusals::not_found(),
    }
}

pub(super) fn list(call: &Call<'_>, record: &Record, kind: Kind, query: &Query) -> Answer {
    let ordered = Ordered::of(call, record, kind, query);
    if query.keyset { by_cursor(call, record, kind, query, &ordered) } else { by_page(call, record, kind, query, &ordered) }
}

fn by_page(call: &Call<'_>, record: &Record, kind: Kind, query: &Query, ordered: &Ordered<'_>) -> Answer {
    let total = ordered.listing.len();
    let start = usize::try_from((query.page - 1).saturating_mul(query.size)).unwrap_or(usize::MAX).min(total);
    let end = start + query.size as usize;
    let rows = ordered.listing.between(start, end);
    let counted = (total as u64 <= record.large_above).then_some(total);
    query.page_headers(render(call, record, kind, &rows), counted, !rows.is_empty(), end < total)
}

/// A page that begins or ends at a row. Only the way on is linked; the cursors of both ways are told.
fn by_cursor(call: &Call<'_>, record: &Record, kind: Kind, query: &Query, ordered: &Ordered<'_>) -> Answer {
    let Some(cursor) = query.cursor.as_deref().map_or(Some(Cursor::default()), |text| ordered.read(text, query.order)) else {
        return refusals::broken();
    };
    let (listing, size) = (&ordered.listing, query.size as usize);
    let (start, end) = match (cursor.row, cursor.backward) {
        (None, false) => (0, size),
        (None, true) => (listing.len().saturating_sub(size), listing.len()),
        (Some(row), false) => (listing.upto(row), listing.upto(row) + size),
        (Some(row), true) => (listing.before(row).saturating_sub(size), listing.before(row)),
    };
    // One who came from somewhere can go back there, whether anything is left of it or not.
    let has_next = end < listing.len() || (cursor.backward && cursor.row.is_some());
    let has_previous = start > 0 || (!cursor.backward && cursor.row.is_some());
    let rows = listing.between(start, end);
    let mut answer = render(call, record, kind, &rows);
    if let Some(first) = rows.first().filter(|_| has_previous) {
        answer = answer.with("x-prev-cursor", &write(record, first.1, query.order, 'p'));
    }
    if let Some(last) = rows.last().filter(|_| has_next) {
        let next = write(record, last.1, query.order, 'n');
        let link = format!("<{}>; rel=\"next\"", query.href(&[("cursor", next.clone())]));
        answer = answer.with("x-next-cursor", &next).with("link", &link);
    }
    answer
}

fn render(call: &Call<'_>, record: &Record, kind: Kind, rows: &[Row]) -> Answer {
    let site = Site::of(record, &call.asked.base);
    let issues = rows.iter().filter_map(|row| record.issue(row.1));
    match kind {
        Kind::Issue => reply(StatusCode::OK, &issues.map(|issue| site.issue(issue, false)).collect::<Vec<_>>()),
        Kind::MergeRequest => reply(StatusCode::OK, &issues.map(|issue| site.merge_request(issue)).collect::<Vec<_>>()),
    }
}

#[derive(Default)]
struct Cursor {
    row: Option<Row>,
    backward: bool,
}

/// The rows a query means, in its order.
struct Ordered<'a> {
    listing: Listing<'a>,
    /// Each title once, sorted, where the rows are ordered by title: a row's key is twice its title's place there, which
    /// leaves room for titles that are no more.
    titles: Vec<String>,
    record: &'a Record,
}

impl<'a> Ordered<'a> {
    fn of(call: &Call<'_>, record: &'a Record, kind: Kind, query: &Query) -> Self {
        let index = record.index_of(kind == Kind::MergeRequest);
        let (since, until) = query.updated;
        let order = if query.order == Order::CreatedAt { index::Order::Created } else { index::Order::Updated };
        let mut rows = index.select(query.which, order, since, |number| record.issue(number));
        let mut keep = |wanted: &dyn Fn(&Issue) -> bool| {
            rows.to_mut().retain(|row| record.issue(row.1).is_some_and(wanted));
        };
        if let Some(until) = until {
            keep(&|issue| issue.updated_at.as_millisecond() <= until);
        }
        if let Some(merged) = query.merged {
            keep(&|issue| issue.is_merged() == merged);
        }
        let login = call.caller.login();
        match query.scope {
            Scope::All => {}
            Scope::Created => keep(&|issue| login == Some(issue.author.as_str())),
            Scope::Assigned => keep(&|issue| issue.assignees.iter().any(|assignee| login == Some(assignee.as_str()))),
        }
        if kind == Kind::Issue && !record.has_issues {
            rows = Cow::Borrowed(&[]);
        }
        let mut ordered = Self { listing: Listing { rows, descending: query.descending }, titles: Vec::new(), record };
        match query.order {
            Order::CreatedAt | Order::UpdatedAt => {}
            Order::Nothing(_) => ordered.order_by(|_| 0),
            Order::Title => ordered.order_by_title(),
        }
        ordered
    }

    fn order_by(&mut self, key: impl Fn(&Issue) -> i64) {
        let record = self.record;
        let rows = self.listing.rows.to_mut();
        for row in rows.iter_mut() {
            row.0 = record.issue(row.1).map_or(0, &key);
        }
        rows.sort_unstable();
    }

    fn order_by_title(&mut self) {
        let titles = self.listing.rows.iter().filter_map(|row| self.record.issue(row.1)).map(|issue| issue.title.to_lowercase());
        let mut titles: Vec<String> = titles.collect();
        titles.sort_unstable();
        titles.dedup();
        self.order_by(|issue| title_key(&titles, &issue.title));
        self.titles = titles;
    }

    /// A cursor without values is that of the first or the last page. One with too few, or with those of another order,
    /// is none.
    fn read(&self, text: &str, order: Order) -> Option<Cursor> {
        let mut values: Map<String, Value> = serde_json::from_slice(&BASE64.decode(text).ok()?).ok()?;
        let backward = values.remove("_kd")? == "p";
        if values.is_empty() {
            return Some(Cursor { row: None, backward });
        }
        let value = values.remove(order.column()?)?;
        let identity: u64 = values.remove("id")?.as_str()?.parse().ok()?;
        let key = match order {
            Order::CreatedAt | Order::UpdatedAt => Timestamp::strptime(MOMENT, value.as_str()?).ok()?.as_millisecond(),
            Order::Title => title_key(&self.titles, value.as_str()?),
            Order::Nothing(_) => 0,
        };
        values.is_empty().then_some(Cursor { row: Some((key, shapes::number_of(identity))), backward })
    }
}

/// A cursor says the last row's values, not its place, so that it holds while rows come and go.
fn write(record: &Record, number: u64, order: Order, direction: char) -> String {
    let issue = record.issue(number);
    let value = match order {
        Order::CreatedAt => json!(issue.map(|issue| issue.created_at.strftime(MOMENT).to_string())),
        Order::UpdatedAt => json!(issue.map(|issue| issue.updated_at.strftime(MOMENT).to_string())),
        Order::Title => json!(issue.map(|issue| issue.title.to_lowercase())),
        Order::Nothing(_) => Value::Null,
    };
    let mut values = Map::new();
    values.insert(order.column().unwrap_or_default().to_owned(), value);
    values.insert("id".to_owned(), json!(shapes::identity(record, number).to_string()));
    values.insert("_kd".to_owned(), json!(direction));
    BASE64.encode(Value::Object(values).to_string())
}

fn title_key(titles: &[String], title: &str) -> i64 {
    match titles.binary_search(&title.to_lowercase()) {
        Ok(place) => 2 * place as i64,
        Err(place) => 2 * place as i64 - 1,
    }
}
