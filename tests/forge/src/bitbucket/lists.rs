//! The lists, page by page, and one issue. The pages are in the body, and the only promise among their addresses is
//! `next`.

use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use url::form_urlencoded;

use super::{
    query::{Expression, Field, ISSUE_FIELDS, PULL_REQUEST_FIELDS},
    refusals,
    shapes::Site,
    vocabulary::pull_request_state,
};
use crate::{
    door::{Answer, Asked},
    index::{Order, Row, Which},
    issue::Issue,
    paging::{Place, Window, read_cursor, window, write_cursor},
    record::Record,
};

const STATES: [&str; 4] = ["OPEN", "MERGED", "DECLINED", "SUPERSEDED"];

/// Pages of pull requests end at 50 whatever the documents say.
const MOST_ISSUES: u64 = 100;
const MOST_PULL_REQUESTS: u64 = 50;

pub(super) fn issue(site: &Site<'_>, record: &Record, text: &str) -> Answer {
    let number = text.parse().unwrap_or_default();
    match record.issue(number).filter(|issue| !issue.pull_request) {
        Some(issue) => Answer::json(StatusCode::OK, &site.issue(record, issue)),
        None if record.is_deleted(number) => refusals::issue_deleted(),
        None => refusals::no_issue(text),
    }
}

pub(super) fn issues(site: &Site<'_>, asked: &Asked, record: &Record) -> Answer {
    let query = match Query::read(asked, ISSUE_FIELDS, MOST_ISSUES) {
        Ok(query) => query,
        Err(sentence) => return refusals::invalid(&sentence),
    };
    page(asked, record, &query, |issue| !issue.pull_request && query.takes(issue), |issue| site.issue(record, issue))
}

pub(super) fn pull_request(site: &Site<'_>, record: &Record, text: &str) -> Answer {
    match text.parse().ok().and_then(|number| record.issue(number)).filter(|issue| issue.pull_request) {
        Some(pull) => Answer::json(StatusCode::OK, &site.pull_request(record, pull)),
        None => refusals::no_pull_request(text),
    }
}

/// Only open ones, unless states are named; and those that are named are passed over where there is a `q`.
pub(super) fn pull_requests(site: &Site<'_>, asked: &Asked, record: &Record) -> Answer {
    let query = match Query::read(asked, PULL_REQUEST_FIELDS, MOST_PULL_REQUESTS) {
        Ok(query) => query,
        Err(sentence) => return refusals::invalid(&sentence),
    };
    let mut states: Vec<String> = asked.parameters().filter(|(name, _)| name == "state").map(|(_, state)| state.into_owned()).collect();
    if let Some(unknown) = states.iter().find(|state| !STATES.contains(&state.as_str())) {
        return refusals::invalid(&format!("Invalid state: {unknown}"));
    }
    if states.is_empty() {
        states.push("OPEN".to_owned());
    }
    let in_state = |pull: &Issue| query.filter.is_some() || states.iter().any(|state| state == pull_request_state(pull));
    let takes = |pull: &Issue| pull.pull_request && in_state(pull) && query.takes(pull);
    page(asked, record, &query, takes, |pull| site.pull_request(record, pull))
}

#[derive(Clone, Copy)]
enum Sort {
    Number,
    Time(Order),
}

struct Query {
    filter: Option<Expression>,
    sort: Sort,
    descending: bool,
    size: u64,
    place: Place,
}

impl Query {
    /// The error is the sentence to refuse the request with. A size of none is the usual one; one that is too large is
    /// refused and not clamped.
    fn read(asked: &Asked, fields: &[Field], most: u64) -> Result<Self, String> {
        let size = match asked.parameter("pagelen").map(|text| text.parse::<u64>()) {
            None | Some(Ok(0)) => 10,
            Some(Ok(size)) if size <= most => size,
            Some(_) => return Err("Invalid pagelen".to_owned()),
        };
        let sort = asked.parameter("sort").unwrap_or_else(|| "-created_on".to_owned());
        let (descending, name) = sort.strip_prefix('-').map_or((false, sort.as_str()), |name| (true, name));
        Ok(Self {
            filter: asked.parameter("q").map(|text| Expression::read(&text, fields)).transpose()?,
            sort: match name {
                "id" => Sort::Number,
                "created_on" => Sort::Time(Order::Created),
                "updated_on" => Sort::Time(Order::Updated),
                _ => return Err(format!("Field \".{name}\" does not support sorting")),
            },
            descending,
            size,
            place: match asked.parameter("page") {
                None => Place::Page(1),
                Some(text) => {
                    let number = text.parse().ok().filter(|page| *page > 0).map(Place::Page);
                    let place = number.or_else(|| read_cursor(&text).map(Place::After));
                    place.ok_or_else(|| "Invalid page".to_owned())?
                }
            },
        })
    }

    fn takes(&self, item: &Issue) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.takes(item))
    }

    fn rows(&self, record: &Record, takes: impl Fn(&Issue) -> bool) -> Vec<Row> {
        match self.sort {
            Sort::Number => record.issues().filter(|issue| takes(issue)).map(|issue| (issue.number as i64, issue.number)).collect(),
            Sort::Time(order) => {
                let rows = record.index.rows(Which::All, order).iter().copied();
                rows.filter(|row| record.issue(row.1).is_some_and(&takes)).collect()
            }
        }
    }
}

#[derive(Serialize)]
struct Listing {
    values: Vec<Value>,
    pagelen: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// By cursor, `next` says nothing to a reader, and everything that is not promised is left out.
fn page(asked: &Asked, record: &Record, query: &Query, takes: impl Fn(&Issue) -> bool, show: impl Fn(&Issue) -> Value) -> Answer {
    let window = window(&query.rows(record, takes), query.descending, query.place, query.size);
    let values = window.rows.iter().filter_map(|row| record.issue(row.1)).map(show).collect();
    let page = match query.place {
        Place::Page(page) if !record.links_by_cursor => Listing {
            values,
            pagelen: query.size,
            size: Some(window.total),
            page: Some(page),
            previous: window.has_previous.then(|| address(asked, &(page - 1).to_string())),
            next: window.has_next.then(|| address(asked, &(page + 1).to_string())),
        },
        _ => Listing { values, pagelen: query.size, size: None, page: None, previous: None, next: cursor(asked, &window) },
    };
    Answer::json(StatusCode::OK, &page)
}

fn cursor(asked: &Asked, window: &Window) -> Option<String> {
    let last = window.rows.last().filter(|_| window.has_next)?;
    Some(address(asked, &write_cursor(*last)))
}

/// The path as it was asked for, and the caller's parameters.
fn address(asked: &Asked, page: &str) -> String {
    let mut parameters = form_urlencoded::Serializer::new(String::new());
    parameters.extend_pairs(asked.parameters().filter(|(name, _)| name != "page"));
    parameters.append_pair("page", page);
    format!("{}{}?{}", asked.base, asked.path, parameters.finish())
}
