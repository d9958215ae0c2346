//! What GitLab's webhook tells. Its bodies are not those of the API.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::shapes::{identity, user_id};
use crate::{
    delivery::{Happening, Told},
    issue::Issue,
    record::Record,
};

const HOME: &str = "https://gitlab.com";

pub(crate) fn tell(record: &Record, happening: Happening, now: Timestamp) -> Told {
    let (event, body) = match happening {
        Happening::Ping | Happening::Pushed | Happening::Starred => ("Push Hook", push(record)),
        Happening::IssueOpened(number) => ("Issue Hook", entry(record, number, "issue", "open")),
        Happening::IssueEdited(number) => ("Issue Hook", entry(record, number, "issue", "update")),
        Happening::IssueClosed(number) => ("Issue Hook", entry(record, number, "issue", "close")),
        Happening::PullRequestOpened(number) => ("Merge Request Hook", entry(record, number, "merge_request", "open")),
        Happening::AlertFound(number) => ("Vulnerability Hook", vulnerability(record, number, now)),
    };
    Told { event: event.to_owned(), body }
}

fn project(record: &Record) -> Value {
    let (name, url) = (record.full_name(), format!("{HOME}/{}", record.full_name()));
    json!({
        "id": record.id, "name": record.name, "description": "", "web_url": url, "avatar_url": null,
        "git_ssh_url": format!("git@gitlab.com:{name}.git"), "git_http_url": format!("{url}.git"), "namespace": record.owner,
        "visibility_level": 20, "path_with_namespace": name, "default_branch": "main", "ci_config_path": "", "homepage": url,
        "url": format!("git@gitlab.com:{name}.git"), "ssh_url": format!("git@gitlab.com:{name}.git"), "http_url": format!("{url}.git"),
    })
}

fn repository(record: &Record) -> Value {
    let name = record.full_name();
    json!({ "name": record.name, "url": format!("git@gitlab.com:{name}.git"), "description": "", "homepage": format!("{HOME}/{name}") })
}

fn user(login: &str) -> Value {
    json!({ "id": user_id(login), "name": login, "username": login, "avatar_url": null, "email": "[REDACTED]" })
}

/// An issue, or a merge request.
fn entry(record: &Record, number: u64, kind: &str, action: &str) -> Value {
    let blank = Issue::blank(number, record.updated_at);
    let issue = record.issue(number).unwrap_or(&blank);
    let place = if kind == "issue" { "issues" } else { "merge_requests" };
    let labels: Vec<Value> =
        issue.labels.iter().map(|label| json!({ "title": label, "type": "ProjectLabel", "color": "#dc143c" })).collect();
    let state = match issue.state {
        crate::issue::IssueState::Open => "opened",
        crate::issue::IssueState::Closed if issue.is_merged() => "merged",
        crate::issue::IssueState::Closed => "closed",
    };
    json!({
        "object_kind": kind,
        "event_type": kind,
        "user": user(&issue.author),
        "project": project(record),
        "object_attributes": {
            "id": identity(record, number), "iid": number, "project_id": record.id, "author_id": user_id(&issue.author),
            "title": issue.title, "description": issue.body, "state": state, "action": action, "labels": labels,
            "created_at": written(issue.created_at), "updated_at": written(issue.updated_at),
            "url": format!("{HOME}/{}/-/{place}/{number}", record.full_name()),
        },
        "labels": labels,
        "changes": { "updated_at": { "previous": written(issue.created_at), "current": written(issue.updated_at) } },
        "repository": repository(record),
    })
}

fn vulnerability(record: &Record, number: u64, now: Timestamp) -> Value {
    let found = record.security.all().find(|found| found.number == number);
    json!({
        "object_kind": "vulnerability",
        "object_attributes": {
            "url": format!("{HOME}/{}/-/security/vulnerabilities/{number}", record.full_name()),
            "title": found.map(|found| found.title.as_str()), "state": "detected", "project_id": record.id,
            "severity": "high", "severity_overridden": false, "report_type": found.map(|found| found.report_type.as_str()),
            "created_at": written(now), "updated_at": written(now),
        },
        "project": project(record),
    })
}

fn push(record: &Record) -> Value {
    json!({
        "object_kind": "push", "event_name": "push", "ref": "refs/heads/main", "project_id": record.id,
        "project": project(record), "repository": repository(record), "commits": [], "total_commits_count": 0,
    })
}

/// Deliveries spell moments otherwise than the API does.
fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
