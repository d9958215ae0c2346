//! What Bitbucket sends, and the items that are made of it.

use serde::Deserialize;

use crate::clock::Moment;
use crate::model::{Item, ItemType, Source};
use crate::providers::address::repository_url;

#[derive(Deserialize)]
pub(super) struct PullRequest {
    id: u64,
    title: String,
    description: Option<String>,
    summary: Option<Text>,
    state: PullRequestState,
    author: Option<User>,
    #[serde(default)]
    reviewers: Vec<User>,
    created_on: Option<String>,
    updated_on: Option<String>,
    links: Option<Links>,
}

/// A pull request in a state that is not among these is not understood, rather
/// than taken for a closed one.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum PullRequestState {
    Open,
    Merged,
    Declined,
    Superseded,
}

/// The same holds for issues.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum IssueState {
    New,
    Open,
    #[serde(rename = "on hold")]
    OnHold,
    Resolved,
    Invalid,
    Duplicate,
    Wontfix,
    Closed,
}

#[derive(Deserialize)]
pub(super) struct Issue {
    id: u64,
    title: String,
    content: Option<Text>,
    state: IssueState,
    kind: Option<String>,
    priority: Option<String>,
    reporter: Option<User>,
    assignee: Option<User>,
    created_on: Option<String>,
    updated_on: Option<String>,
    links: Option<Links>,
}

#[derive(Deserialize)]
struct Text {
    raw: Option<String>,
}

/// A team has no nickname.
#[derive(Deserialize)]
struct User {
    nickname: Option<String>,
    display_name: Option<String>,
}

#[derive(Deserialize)]
struct Links {
    html: Option<Link>,
}

#[derive(Deserialize)]
struct Link {
    href: String,
}

pub(super) fn pull_request(source: &Source, pull: PullRequest) -> Item {
    let url = shown_at(pull.links);
    let state = match pull.state {
        PullRequestState::Open => "open",
        PullRequestState::Merged => "merged",
        PullRequestState::Declined | PullRequestState::Superseded => "closed",
    };
    let external_id = external_id(source, "pull_request", pull.id, url.as_deref());
    Item {
        body: not_empty(pull.description).or_else(|| not_empty(pull.summary?.raw)),
        assignees: pull.reviewers.into_iter().filter_map(name).collect(),
        author: pull.author.and_then(name),
        url,
        created_at: moment(pull.created_on),
        updated_at: moment(pull.updated_on),
        ..Item::new(ItemType::PullRequest, external_id, pull.title, state.to_owned())
    }
}

/// Bitbucket's issues have no labels, but kinds and priorities.
pub(super) fn issue(source: &Source, issue: Issue) -> Item {
    let url = shown_at(issue.links);
    let state = match issue.state {
        IssueState::New | IssueState::Open | IssueState::OnHold => "open",
        IssueState::Resolved | IssueState::Invalid | IssueState::Duplicate | IssueState::Wontfix | IssueState::Closed => "closed",
    };
    let external_id = external_id(source, "issue", issue.id, url.as_deref());
    let priority = issue.priority.as_deref().and_then(priority).map(str::to_owned);
    Item {
        body: issue.content.and_then(|content| not_empty(content.raw)),
        labels: [issue.kind, issue.priority].into_iter().flatten().collect(),
        assignees: issue.assignee.and_then(name).into_iter().collect(),
        author: issue.reporter.and_then(name),
        url,
        priority,
        created_at: moment(issue.created_on),
        updated_at: moment(issue.updated_on),
        ..Item::new(ItemType::Issue, external_id, issue.title, state.to_owned())
    }
}

fn priority(theirs: &str) -> Option<&'static str> {
    match theirs {
        "blocker" | "critical" => Some("critical"),
        "major" => Some("high"),
        "minor" => Some("medium"),
        "trivial" => Some("low"),
        _ => None,
    }
}

fn external_id(source: &Source, kind: &str, id: u64, url: Option<&str>) -> String {
    format!("bitbucket:{}:{kind}:{id}", repository_url(source, url, super::HOME))
}

fn shown_at(links: Option<Links>) -> Option<String> {
    Some(links?.html?.href)
}

fn name(user: User) -> Option<String> {
    not_empty(user.nickname).or_else(|| not_empty(user.display_name))
}

fn not_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn moment(text: Option<String>) -> Option<Moment> {
    Moment::parse(&text?)
}
