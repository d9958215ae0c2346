//! The list of pull requests, which the list of issues has as well, but with less to say of each.

use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{
    Call, Version,
    issues::tag,
    links, refusals,
    shapes::{Label, Site, User, issue_id},
};
use crate::{
    credentials::fingerprint,
    door::{Answer, Asked},
    index::{Order, Row, Which},
    issue::{Issue, IssueState},
    paging::{Place, window},
    record::Record,
    state::World,
};

pub(super) fn list(world: &World, call: &Call<'_>, record: &Record) -> Answer {
    let query = match Query::read(call.asked) {
        Ok(query) => query,
        Err(field) => return refusals::invalid_pulls(field),
    };
    let is_pull = |row: &&Row| record.issue(row.1).is_some_and(|issue| issue.pull_request);
    let rows: Vec<Row> = record.index.rows(query.which, query.order).iter().filter(is_pull).copied().collect();
    let window = window(&rows, query.descending, Place::Page(query.page), query.size);
    let link = links::by_page(&window, query.page, query.size, |page| address(call.asked, record, page));
    let pulls = || window.rows.iter().filter_map(|row| record.issue(row.1));
    let marks = pulls().flat_map(|pull| pull.revision.to_be_bytes().into_iter().chain(pull.number.to_be_bytes()));
    let tag = tag(call, record, marks.chain(link.bytes()));
    let site = Site::of(record, &call.asked.base, &world.html_base);
    let places = Places { record, base: &call.asked.base, html_base: &world.html_base };
    let page: Vec<_> = pulls().map(|pull| shape(&site, &places, pull, call.version)).collect();
    let answer = Answer::json(StatusCode::OK, &page).with("etag", &tag);
    if link.is_empty() { answer } else { answer.with("link", &link) }
}

/// The number of an issue is no pull request's, and that of one that was removed is nobody's.
pub(super) fn one(world: &World, call: &Call<'_>, record: &Record, number: &str) -> Answer {
    let Some(pull) = number.parse().ok().and_then(|number| record.issue(number)).filter(|issue| issue.pull_request) else {
        return refusals::not_found();
    };
    let site = Site::of(record, &call.asked.base, &world.html_base);
    let places = Places { record, base: &call.asked.base, html_base: &world.html_base };
    Answer::json(StatusCode::OK, &shape(&site, &places, pull, call.version)).with("etag", &tag(call, record, pull.revision.to_be_bytes()))
}

struct Query {
    which: Which,
    order: Order,
    descending: bool,
    size: u64,
    page: u64,
}

impl Query {
    /// The error is the name of the field. Which way is up depends on the order, where no direction is given.
    fn read(asked: &Asked) -> Result<Self, &'static str> {
        let number = |name| asked.parameter(name).and_then(|value| value.parse::<u64>().ok()).filter(|value| *value > 0);
        let order = match asked.parameter("sort").as_deref() {
            None | Some("created" | "long-running") => Order::Created,
            Some("updated") => Order::Updated,
            Some("popularity") => Order::Comments,
            Some(_) => return Err("sort"),
        };
        Ok(Self {
            which: match asked.parameter("state").as_deref() {
                None | Some("open") => Which::Open,
                Some("closed") => Which::Closed,
                Some("all") => Which::All,
                Some(_) => return Err("state"),
            },
            order,
            descending: match asked.parameter("direction").as_deref() {
                None => matches!(asked.parameter("sort").as_deref(), None | Some("created")),
                Some("desc") => true,
                Some("asc") => false,
                Some(_) => return Err("direction"),
            },
            size: number("per_page").unwrap_or(30).min(100),
            page: number("page").unwrap_or(1),
        })
    }
}

fn address(asked: &Asked, record: &Record, page: u64) -> String {
    let mut parameters = form_urlencoded::Serializer::new(String::new());
    parameters.extend_pairs(asked.parameters().filter(|(name, _)| name != "page"));
    parameters.append_pair("page", &page.to_string());
    format!("{}/repositories/{}/pulls?{}", asked.base, record.id, parameters.finish())
}

pub(super) struct Places<'a> {
    pub(super) record: &'a Record,
    pub(super) base: &'a str,
    pub(super) html_base: &'a str,
}

#[derive(Serialize)]
pub(super) struct PullRequest<'a> {
    id: u64,
    number: u64,
    state: IssueState,
    locked: bool,
    title: &'a str,
    body: Option<&'a str>,
    user: User<'a>,
    labels: Vec<Label<'a>>,
    assignees: Vec<User<'a>>,
    requested_reviewers: [(); 0],
    milestone: Option<()>,
    draft: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
    closed_at: Option<Timestamp>,
    merged_at: Option<Timestamp>,
    /// Absent from 2026-03-10 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    merge_commit_sha: Option<String>,
    author_association: &'static str,
    auto_merge: Option<()>,
    active_lock_reason: Option<()>,
    url: String,
    html_url: String,
    diff_url: String,
    patch_url: String,
    issue_url: String,
    head: Value,
    base: Value,
}

pub(super) fn shape<'a>(site: &'a Site<'a>, places: &Places<'_>, pull: &'a Issue, version: Version) -> PullRequest<'a> {
    let (number, name) = (pull.number, places.record.full_name());
    let url = format!("{}/repos/{name}", places.base);
    let html_url = format!("{}/{name}/pull/{number}", places.html_base);
    let side = |branch: &str, commit: String| {
        let owner = &places.record.owner;
        json!({ "label": format!("{owner}:{branch}"), "ref": branch, "sha": commit, "user": User::of(owner, places.base, places.html_base) })
    };
    PullRequest {
        id: issue_id(places.record, number),
        number,
        state: pull.state,
        locked: false,
        title: &pull.title,
        body: pull.body.as_deref(),
        user: site.user(&pull.author),
        labels: pull.labels.iter().map(|label| site.label(label)).collect(),
        assignees: pull.assignees.iter().map(|login| site.user(login)).collect(),
        requested_reviewers: [],
        milestone: None,
        draft: false,
        created_at: pull.created_at,
        updated_at: pull.updated_at,
        closed_at: pull.closed_at,
        merged_at: pull.closed_at.filter(|_| pull.is_merged()),
        merge_commit_sha: (version < Version::March2026).then(|| commit(&format!("{name} merge {number}"))),
        author_association: "CONTRIBUTOR",
        auto_merge: None,
        active_lock_reason: None,
        url: format!("{url}/pulls/{number}"),
        diff_url: format!("{html_url}.diff"),
        patch_url: format!("{html_url}.patch"),
        html_url,
        issue_url: format!("{url}/issues/{number}"),
        head: side(&format!("change-{number}"), commit(&format!("{name} head {number}"))),
        base: side("main", commit(&name)),
    }
}

/// Forty digits, the same each time for the same text.
fn commit(text: &str) -> String {
    let first = fingerprint(text.bytes());
    let second = fingerprint(first.to_be_bytes());
    format!("{first:016x}{second:016x}{:08x}", first >> 32)
}
