//! GitHub's JSON. The structs borrow, because a page is a hundred of them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::Serialize;

use super::{Version, refusals::user_id};
use crate::{
    credentials::fingerprint,
    issue::{Issue as Known, IssueState},
    quota::Quota,
    record::Record,
};

/// Identities of issues count over all repositories; here each repository has a block of them to itself, so that a
/// number can be read back from an identity.
pub(super) const ISSUE_STEP: u64 = 1_000_000;

pub(super) fn issue_id(record: &Record, number: u64) -> u64 {
    (3_000 + record.ordinal()) * ISSUE_STEP + number
}

fn node_id(kind: &str, id: u64) -> String {
    format!("{kind}_{}", URL_SAFE_NO_PAD.encode(id.to_be_bytes()))
}

#[derive(Serialize)]
pub(super) struct User<'a> {
    login: &'a str,
    id: u64,
    node_id: String,
    avatar_url: String,
    url: String,
    html_url: String,
    #[serde(rename = "type")]
    kind: &'static str,
    site_admin: bool,
}

impl<'a> User<'a> {
    pub(super) fn of(login: &'a str, base: &str, html_base: &str) -> Self {
        let id = user_id(login);
        Self {
            login,
            id,
            node_id: node_id("U", id),
            avatar_url: format!("https://avatars.githubusercontent.com/u/{id}?v=4"),
            url: format!("{base}/users/{login}"),
            html_url: format!("{html_base}/{login}"),
            kind: "User",
            site_admin: false,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Label<'a> {
    id: u64,
    node_id: String,
    url: String,
    name: &'a str,
    color: String,
    default: bool,
    description: Option<&'a str>,
}

#[derive(Serialize)]
struct PullRequest {
    url: String,
    html_url: String,
    diff_url: String,
    patch_url: String,
    merged_at: Option<Timestamp>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Assignee<'a> {
    Nobody,
    Is(User<'a>),
}

#[derive(Serialize)]
pub(super) struct Issue<'a> {
    url: String,
    repository_url: &'a str,
    labels_url: String,
    comments_url: String,
    events_url: String,
    html_url: String,
    id: u64,
    node_id: String,
    number: u64,
    title: &'a str,
    user: User<'a>,
    labels: Vec<Label<'a>>,
    state: IssueState,
    locked: bool,
    /// Absent from 2026-03-10 on, `null` before where nobody is assigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    assignee: Option<Assignee<'a>>,
    assignees: Vec<User<'a>>,
    milestone: Option<()>,
    comments: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
    closed_at: Option<Timestamp>,
    author_association: &'static str,
    active_lock_reason: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    draft: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_request: Option<PullRequest>,
    body: Option<&'a str>,
    closed_by: Option<()>,
    timeline_url: String,
    performed_via_github_app: Option<()>,
    state_reason: Option<&'a str>,
}

/// The addresses all issues of one answer share.
pub(super) struct Site<'a> {
    record: &'a Record,
    base: &'a str,
    html_base: &'a str,
    url: String,
    html_url: String,
}

impl<'a> Site<'a> {
    pub(super) fn of(record: &'a Record, base: &'a str, html_base: &'a str) -> Self {
        let name = record.full_name();
        Self { record, base, html_base, url: format!("{base}/repos/{name}"), html_url: format!("{html_base}/{name}") }
    }

    pub(super) fn issue(&'a self, issue: &'a Known, version: Version) -> Issue<'a> {
        let number = issue.number;
        let id = issue_id(self.record, number);
        let url = format!("{}/issues/{number}", self.url);
        let kind = if issue.pull_request { "pull" } else { "issues" };
        let assignees: Vec<User<'_>> = issue.assignees.iter().map(|login| self.user(login)).collect();
        Issue {
            repository_url: &self.url,
            labels_url: format!("{url}/labels{{/name}}"),
            comments_url: format!("{url}/comments"),
            events_url: format!("{url}/events"),
            timeline_url: format!("{url}/timeline"),
            html_url: format!("{}/{kind}/{number}", self.html_url),
            url,
            id,
            node_id: node_id(if issue.pull_request { "PR" } else { "I" }, id),
            number,
            title: &issue.title,
            user: self.user(&issue.author),
            labels: issue.labels.iter().map(|name| self.label(name)).collect(),
            state: issue.state,
            locked: false,
            assignee: (version < Version::March2026).then(|| self.assignee(issue)),
            assignees,
            milestone: None,
            comments: issue.comments,
            created_at: issue.created_at,
            updated_at: issue.updated_at,
            closed_at: issue.closed_at,
            author_association: "CONTRIBUTOR",
            active_lock_reason: None,
            draft: issue.pull_request.then_some(false),
            pull_request: issue.pull_request.then(|| self.pull_request(issue)),
            body: issue.body.as_deref(),
            closed_by: None,
            performed_via_github_app: None,
            state_reason: issue.state_reason.as_deref().filter(|_| !issue.pull_request),
        }
    }

    pub(super) fn user(&self, login: &'a str) -> User<'a> {
        User::of(login, self.base, self.html_base)
    }

    fn assignee(&self, issue: &'a Known) -> Assignee<'a> {
        let first = issue.assignees.first();
        first.map_or(Assignee::Nobody, |login| Assignee::Is(self.user(login)))
    }

    pub(super) fn label(&self, name: &'a str) -> Label<'a> {
        let id = fingerprint(name.bytes()) % 9_000_000_000 + 1_000_000_000;
        let address: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
        Label {
            id,
            node_id: node_id("LA", id),
            url: format!("{}/labels/{}", self.url, address.replace('+', "%20")),
            name,
            color: colour(name),
            default: matches!(name, "bug" | "enhancement" | "good first issue"),
            description: None,
        }
    }

    fn pull_request(&self, issue: &Known) -> PullRequest {
        let html_url = format!("{}/pull/{}", self.html_url, issue.number);
        PullRequest {
            url: format!("{}/pulls/{}", self.url, issue.number),
            diff_url: format!("{html_url}.diff"),
            patch_url: format!("{html_url}.patch"),
            html_url,
            merged_at: issue.closed_at.filter(|_| issue.is_merged()),
        }
    }
}

/// The forge's own colours for its default labels, and a steady one for any other.
fn colour(name: &str) -> String {
    match name {
        "bug" => "d73a4a".to_owned(),
        "enhancement" => "a2eeef".to_owned(),
        "good first issue" => "7057ff".to_owned(),
        _ => format!("{:06x}", fingerprint(name.bytes()) & 0x00ff_ffff),
    }
}

#[derive(Serialize)]
pub(super) struct Repository<'a> {
    id: u64,
    node_id: String,
    name: &'a str,
    full_name: String,
    private: bool,
    owner: User<'a>,
    html_url: String,
    description: Option<&'a str>,
    fork: bool,
    url: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    pushed_at: Timestamp,
    size: u64,
    stargazers_count: u64,
    language: &'static str,
    has_issues: bool,
    has_projects: bool,
    has_wiki: bool,
    archived: bool,
    disabled: bool,
    open_issues_count: u64,
    visibility: &'static str,
    default_branch: &'static str,
}

impl<'a> Repository<'a> {
    pub(super) fn of(record: &'a Record, open_issues_count: u64, base: &str, html_base: &str) -> Self {
        let full_name = record.full_name();
        Self {
            id: record.id,
            node_id: node_id("R", record.id),
            name: &record.name,
            private: record.private,
            owner: User::of(&record.owner, base, html_base),
            html_url: format!("{html_base}/{full_name}"),
            description: None,
            fork: false,
            url: format!("{base}/repos/{full_name}"),
            full_name,
            created_at: record.created_at,
            updated_at: record.updated_at,
            pushed_at: record.updated_at,
            size: 1_024,
            stargazers_count: 12,
            language: "Rust",
            has_issues: record.has_issues,
            has_projects: true,
            has_wiki: false,
            archived: record.archived,
            disabled: false,
            open_issues_count,
            visibility: if record.private { "private" } else { "public" },
            default_branch: "main",
        }
    }
}

#[derive(Clone, Copy, Serialize)]
struct Resource {
    limit: u64,
    used: u64,
    remaining: u64,
    reset: i64,
}

#[derive(Serialize)]
struct Resources {
    core: Resource,
}

#[derive(Serialize)]
pub(super) struct RateLimit {
    resources: Resources,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<Resource>,
}

impl RateLimit {
    pub(super) fn of(quota: &Quota, version: Version) -> Self {
        let core = Resource { limit: quota.limit, used: quota.used(), remaining: quota.remaining, reset: quota.resets_at.as_second() };
        Self { resources: Resources { core }, rate: (version < Version::March2026).then_some(core) }
    }
}
