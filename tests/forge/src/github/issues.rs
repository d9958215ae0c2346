//! The routes that answer with data: a repository, its issues page by page, and one issue.

use http::StatusCode;
use jiff::Timestamp;
use url::form_urlencoded;

use super::{
    Call, links, refusals,
    shapes::{self, ISSUE_STEP},
};
use crate::{
    credentials::fingerprint,
    door::{Answer, Asked},
    index::{Order, Row, Which},
    paging::{Place, Window, read_cursor, window, write_cursor},
    record::Record,
    state::World,
};

pub(super) fn whole_repository(world: &World, call: &Call<'_>, record: &Record) -> Answer {
    let open = record.index.rows(Which::Open, Order::Created).len() as u64;
    let shape = shapes::Repository::of(record, open, &call.asked.base, &world.html_base);
    let answer = Answer::json(StatusCode::OK, &shape);
    let tag = tag(call, record, answer.body.iter().copied());
    answer.with("etag", &tag)
}

pub(super) fn one(world: &World, call: &Call<'_>, record: &Record, number: &str) -> Answer {
    let Ok(number) = number.parse() else {
        return refusals::not_found();
    };
    match record.issue(number) {
        Some(issue) => {
            let tag = tag(call, record, issue.revision.to_be_bytes());
            let site = shapes::Site::of(record, &call.asked.base, &world.html_base);
            Answer::json(StatusCode::OK, &site.issue(issue, call.version)).with("etag", &tag)
        }
        None if record.is_deleted(number) => refusals::issue_deleted(),
        None => refusals::not_found(),
    }
}

pub(super) fn list(world: &World, call: &Call<'_>, record: &Record) -> Answer {
    let query = match Query::read(call.asked) {
        Ok(query) => query,
        Err(field) => return refusals::invalid(field),
    };
    let reach = query.page.saturating_mul(query.size);
    if matches!(query.place, Place::Page(2..)) && reach > record.large_above {
        return refusals::too_far();
    }
    let rows = record.index.select(query.which, query.order, query.since, |number| record.issue(number));
    let window = window(&rows, query.descending, query.place, query.size);
    let link = link(call.asked, record, &query, &window);
    let issues = || window.rows.iter().filter_map(|row| record.issue(row.1));
    let marks = issues().flat_map(|issue| issue.revision.to_be_bytes().into_iter().chain(issue.number.to_be_bytes()));
    let tag = tag(call, record, marks.chain(link.bytes()));
    let site = shapes::Site::of(record, &call.asked.base, &world.html_base);
    let page: Vec<_> = issues().map(|issue| site.issue(issue, call.version)).collect();
    let answer = Answer::json(StatusCode::OK, &page).with("etag", &tag);
    if link.is_empty() { answer } else { answer.with("link", &link) }
}

/// The list's parameters as the provider reads them: sizes are clamped, unknown words refused.
struct Query {
    which: Which,
    order: Order,
    descending: bool,
    since: Option<i64>,
    size: u64,
    page: u64,
    place: Place,
}

impl Query {
    /// The error is the name of the field.
    fn read(asked: &Asked) -> Result<Self, &'static str> {
        let number = |name| asked.parameter(name).and_then(|value| value.parse::<u64>().ok()).filter(|value| *value > 0);
        let cursor = |name: &'static str| match asked.parameter(name) {
            None => Ok(None),
            Some(text) => read_cursor(&text).map(|(key, id)| Some((key, id % ISSUE_STEP))).ok_or(name),
        };
        let page = number("page").unwrap_or(1);
        Ok(Self {
            which: match asked.parameter("state").as_deref() {
                None | Some("open") => Which::Open,
                Some("closed") => Which::Closed,
                Some("all") => Which::All,
                Some(_) => return Err("state"),
            },
            order: match asked.parameter("sort").as_deref() {
                None | Some("created") => Order::Created,
                Some("updated") => Order::Updated,
                Some("comments") => Order::Comments,
                Some(_) => return Err("sort"),
            },
            descending: match asked.parameter("direction").as_deref() {
                None | Some("desc") => true,
                Some("asc") => false,
                Some(_) => return Err("direction"),
            },
            since: match asked.parameter("since") {
                None => None,
                Some(text) => Some(text.parse::<Timestamp>().map_err(|_| "since")?.as_millisecond()),
            },
            size: number("per_page").unwrap_or(30).min(100),
            page,
            place: match (cursor("after")?, cursor("before")?) {
                (Some(row), _) => Place::After(row),
                (None, Some(row)) => Place::Before(row),
                (None, None) => Place::Page(page),
            },
        })
    }
}

/// Links name the repository by number and keep the caller's parameters. A walk that began with cursors goes on with
/// them; those links count pages along, but the cursor decides. They know no first and last page.
fn link(asked: &Asked, record: &Record, query: &Query, window: &Window) -> String {
    let url = |page: u64, cursor: Option<(&str, Row)>| {
        let mut parameters = form_urlencoded::Serializer::new(String::new());
        let kept = asked.parameters().filter(|(name, _)| !matches!(name.as_ref(), "page" | "after" | "before"));
        parameters.extend_pairs(kept);
        parameters.append_pair("page", &page.to_string());
        if let Some((name, (key, number))) = cursor {
            parameters.append_pair(name, &write_cursor((key, shapes::issue_id(record, number))));
        }
        format!("{}/repositories/{}/issues?{}", asked.base, record.id, parameters.finish())
    };
    let begun_by_cursor = !matches!(query.place, Place::Page(_));
    if begun_by_cursor || record.links_by_cursor || window.total > record.large_above {
        links::by_cursor(window, |name, row| {
            let page = if name == "after" { query.page + 1 } else { (query.page - 1).max(1) };
            url(page, Some((name, row)))
        })
    } else {
        links::by_page(window, query.page, query.size, |page| url(page, None))
    }
}

/// Weak, and another one for each credential: the real one varies by `Authorization`, so a new token finds nothing
/// unchanged.
pub(super) fn tag(call: &Call<'_>, record: &Record, content: impl IntoIterator<Item = u8>) -> String {
    let asked = call.asked;
    let context =
        format!("{:?} {:?} {} {} {:?} {}", call.caller.token(), call.version, asked.base, asked.path, asked.query, record.full_name());
    let context = fingerprint(context.bytes());
    let content = fingerprint(context.to_be_bytes().into_iter().chain(content));
    format!("W/\"{context:016x}{content:016x}{:016x}\"", context.rotate_left(17) ^ content)
}
