//! What GitLab makes of a list's parameters: it refuses wrong values of those it knows, ignores those it does not, and
//! writes them all, with its defaults, into the links to other pages.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use url::form_urlencoded;

use super::issues::Kind;
use crate::{
    door::{Answer, Asked},
    index::Which,
    vulnerability::Severity,
};

const LARGEST_PAGE: u64 = 100;

/// The orders issues have, with what a cursor calls their column; those without a column cannot be walked by cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    CreatedAt,
    UpdatedAt,
    Title,
    /// By something nothing here has, so that all rows tie.
    Nothing(Option<&'static str>),
}

impl Order {
    /// What orders issues, and with it merge requests where it is not of issues alone.
    fn of(name: &str) -> Self {
        match name {
            "updated_at" => Self::UpdatedAt,
            "title" => Self::Title,
            "created_at" => Self::CreatedAt,
            "due_date" => Self::Nothing(Some("due_date")),
            "relative_position" => Self::Nothing(Some("relative_position")),
            "weight" => Self::Nothing(Some("weight")),
            _ => Self::Nothing(None),
        }
    }

    pub(super) fn column(self) -> Option<&'static str> {
        match self {
            Self::CreatedAt => Some("created_at"),
            Self::UpdatedAt => Some("updated_at"),
            Self::Title => Some("title"),
            Self::Nothing(column) => column,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    All,
    Created,
    Assigned,
}

pub(super) struct Query {
    pub(super) which: Which,
    /// Of the closed merge requests, those that were merged or the others.
    pub(super) merged: Option<bool>,
    pub(super) order: Order,
    pub(super) descending: bool,
    /// Milliseconds, both included.
    pub(super) updated: (Option<i64>, Option<i64>),
    pub(super) scope: Scope,
    pub(super) page: u64,
    pub(super) size: u64,
    pub(super) keyset: bool,
    pub(super) cursor: Option<String>,
    /// Of findings: everything, not only what was dismissed.
    pub(super) all_findings: bool,
    /// Of findings; empty is every one.
    pub(super) severities: Vec<Severity>,
    pub(super) report_types: Vec<String>,
    target: String,
    parameters: Vec<(String, String)>,
}

const ISSUE_STATES: &[&str] = &["all", "opened", "closed"];
const REQUEST_STATES: &[&str] = &["all", "opened", "closed", "locked", "merged"];
const ISSUE_ORDERS: &[&str] = &[
    "created_at",
    "due_date",
    "label_priority",
    "milestone_due",
    "popularity",
    "priority",
    "relative_position",
    "title",
    "updated_at",
    "weight",
];
const REQUEST_ORDERS: &[&str] =
    &["created_at", "label_priority", "milestone_due", "popularity", "priority", "title", "updated_at", "merged_at"];
const SCOPES: &[&str] = &["all", "created_by_me", "assigned_to_me", "created-by-me", "assigned-to-me"];
const REPORT_TYPES: &[&str] = &["sast", "dependency_scanning", "container_scanning", "secret_detection", "dast"];

impl Query {
    pub(super) fn of_list(asked: &Asked, id: &str, kind: Kind) -> Result<Self, String> {
        let mut reader = Reader::new(asked, id);
        let (states, orders) = if kind == Kind::Issue { (ISSUE_STATES, ISSUE_ORDERS) } else { (REQUEST_STATES, REQUEST_ORDERS) };
        let state = reader.choice("state", states, Some("all"));
        let order = reader.choice("order_by", orders, Some("created_at"));
        let scope = reader.choice("scope", SCOPES, None).replace('-', "_");
        reader.set("with_labels_details", "false");
        if kind == Kind::MergeRequest {
            reader.set("with_merge_status_recheck", "false");
        }
        let mut query = reader.query(asked);
        query.which = match state {
            "opened" => Which::Open,
            "all" => Which::All,
            _ => Which::Closed,
        };
        query.merged = (kind == Kind::MergeRequest && query.which == Which::Closed).then_some(state == "merged");
        query.order = Order::of(order);
        // Orders without a column fall back to pages, and merge requests have nothing else.
        query.keyset &= kind == Kind::Issue && query.order.column().is_some();
        query.scope = match scope.as_str() {
            "created_by_me" => Scope::Created,
            "assigned_to_me" => Scope::Assigned,
            _ => Scope::All,
        };
        reader.done(query)
    }

    pub(super) fn of_findings(asked: &Asked, id: &str) -> Result<Self, String> {
        let mut reader = Reader::new(asked, id);
        let scope = reader.choice("scope", &["dismissed", "all"], Some("dismissed"));
        let severities = reader.list("severity", &Severity::NAMES);
        let report_types = reader.list("report_type", REPORT_TYPES);
        let mut query = reader.query(asked);
        query.keyset = false;
        query.all_findings = scope == "all";
        query.severities = severities.iter().filter_map(|name| serde_json::from_value(name.as_str().into()).ok()).collect();
        query.report_types = report_types;
        reader.done(query)
    }

    /// The address of another page. Parameters are in the order of their names.
    pub(super) fn href(&self, changes: &[(&str, String)]) -> String {
        let changed = |name: &str| changes.iter().any(|(changed, _)| *changed == name);
        let kept = self.parameters.iter().filter(|(name, _)| !changed(name));
        let mut all: Vec<(&str, &str)> = kept.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        all.extend(changes.iter().map(|(name, value)| (*name, value.as_str())));
        all.sort_by_key(|(name, _)| *name);
        format!("{}?{}", self.target, form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish())
    }

    /// The headers of a page by number. Of very many rows nobody counts how many there are.
    pub(super) fn page_headers(&self, answer: Answer, counted: Option<usize>, has_rows: bool, has_next: bool) -> Answer {
        let next = has_next.then_some(self.page + 1);
        let previous = (self.page > 1 && has_rows).then_some(self.page - 1);
        // An empty list has one page, which is empty.
        let pages = counted.map(|total| (total as u64).div_ceil(self.size).max(1));
        let mut links = Vec::new();
        for (relation, page) in [("prev", previous), ("next", next), ("first", Some(1)), ("last", pages)] {
            if let Some(page) = page {
                links.push(format!("<{}>; rel=\"{relation}\"", self.href(&[("page", page.to_string())])));
            }
        }
        let number = |page: Option<u64>| page.map(|page| page.to_string()).unwrap_or_default();
        let answer = answer
            .with("x-per-page", &self.size.to_string())
            .with("x-page", &self.page.to_string())
            .with("x-next-page", &number(next))
            .with("x-prev-page", &number(previous))
            .with("link", &links.join(", "));
        match counted {
            Some(total) => answer.with("x-total", &total.to_string()).with("x-total-pages", &number(pages)),
            None => answer,
        }
    }
}

/// Reads parameters, and keeps what is wrong with them and what the links will say.
struct Reader {
    parameters: Vec<(String, String)>,
    faults: Vec<String>,
}

impl Reader {
    fn new(asked: &Asked, id: &str) -> Self {
        let mut reader = Self { parameters: Vec::new(), faults: Vec::new() };
        for (name, value) in asked.parameters() {
            if name.ends_with("[]") {
                reader.parameters.push((name.into_owned(), value.into_owned()));
            } else {
                reader.set(&name, &value);
            }
        }
        reader.set("id", id);
        reader
    }

    /// Of a parameter given twice the last value counts.
    fn set(&mut self, name: &str, value: &str) {
        self.parameters.retain(|(known, _)| known != name);
        self.parameters.push((name.to_owned(), value.to_owned()));
    }

    fn given(&self, name: &str) -> Option<String> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    /// One of these words; empty where there is neither a value nor a default.
    fn choice(&mut self, name: &str, allowed: &[&'static str], default: Option<&'static str>) -> &'static str {
        match (self.given(name), default) {
            (Some(value), _) => allowed.iter().find(|word| **word == value).copied().unwrap_or_else(|| {
                self.faults.push(format!("{name} does not have a valid value"));
                ""
            }),
            (None, Some(default)) => {
                self.set(name, default);
                default
            }
            (None, None) => "",
        }
    }

    /// Words divided by commas.
    fn list(&mut self, name: &str, allowed: &[&str]) -> Vec<String> {
        let words: Vec<String> = self.given(name).map(|value| value.split(',').map(str::to_owned).collect()).unwrap_or_default();
        if words.iter().any(|word| !allowed.contains(&word.as_str())) {
            self.faults.push(format!("{name} does not have a valid value"));
        }
        words
    }

    fn count(&mut self, name: &str, default: u64, most: u64) -> u64 {
        let value = match self.given(name).map(|value| value.parse::<i64>()) {
            None => default,
            Some(Ok(0)) if name == "per_page" => self.fault(format!("{name} has a value not allowed")),
            Some(Ok(..1)) => self.fault(format!("{name} does not have a valid value")),
            Some(Ok(value)) => (value as u64).min(most),
            Some(Err(_)) => self.fault(format!("{name} is invalid")),
        };
        self.set(name, &value.to_string());
        value
    }

    fn fault(&mut self, fault: String) -> u64 {
        self.faults.push(fault);
        1
    }

    fn moment(&mut self, name: &str) -> Option<i64> {
        let text = self.given(name)?;
        let Some(at) = moment(&text) else {
            self.faults.push(format!("{name} is invalid"));
            return None;
        };
        // The links say it in their own way, to the second.
        self.set(name, &at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string());
        Some(at.as_millisecond())
    }

    fn query(&mut self, asked: &Asked) -> Query {
        let descending = self.choice("sort", &["desc", "asc"], Some("desc")) != "asc";
        let updated = (self.moment("updated_after"), self.moment("updated_before"));
        Query {
            which: Which::All,
            merged: None,
            order: Order::CreatedAt,
            descending,
            updated,
            scope: Scope::All,
            page: self.count("page", 1, u64::MAX),
            size: self.count("per_page", 20, LARGEST_PAGE),
            keyset: self.given("pagination").as_deref() == Some("keyset"),
            cursor: self.given("cursor").filter(|cursor| !cursor.is_empty()),
            all_findings: false,
            severities: Vec::new(),
            report_types: Vec::new(),
            target: format!("{}{}", asked.base, asked.path),
            parameters: Vec::new(),
        }
    }

    fn done(self, query: Query) -> Result<Query, String> {
        if self.faults.is_empty() { Ok(Query { parameters: self.parameters, ..query }) } else { Err(self.faults.join(", ")) }
    }
}

/// The forge is generous: a day alone will do, UTC is meant where no zone is named, and a zone whose plus arrived as a
/// space is overlooked without a word.
fn moment(text: &str) -> Option<Timestamp> {
    let civil = |text: &str| text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let without_zone = || text.rsplit_once(' ').and_then(|(moment, _)| civil(moment));
    text.parse().ok().or_else(|| civil(text)).or_else(without_zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_generously() {
        let noon = Timestamp::constant(1_795_176_000, 0);
        for text in ["2026-11-20T12:00:00Z", "2026-11-20T12:00:00", "2026-11-20T13:00:00.000+01:00", "2026-11-20T12:00:00 05:30"] {
            assert_eq!(moment(text), Some(noon), "{text}");
        }
        assert_eq!(moment("2026-11-20").map(Timestamp::as_second), Some(1_795_132_800));
        assert_eq!(moment("yesterday"), None);
    }
}
