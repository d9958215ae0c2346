//! Steering over HTTP, for tests whose forge is another process: `POST /_forge/{command}` with the command's fields as
//! JSON, and `GET /_forge/journal?to=PATTERN`. One enum is the list of commands; each does what the handle's method of
//! that name does.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State as Shared},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    alert::AlertChange,
    credentials::Caller,
    grant::Grant,
    issue::{Issue, IssueState},
    journal::Entry,
    quota::Quota,
    repository::Repository,
    script::Fault,
    seed::Seed,
    state::State,
    vulnerability::{Identifier, Licence, Severity, Vulnerability, VulnerabilityState},
};

#[derive(Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
enum Command {
    Seed {
        repository: String,
        #[serde(flatten)]
        seed: Seed,
    },
    AddIssue {
        repository: String,
        #[serde(flatten)]
        change: Change,
    },
    EditIssue {
        repository: String,
        number: u64,
        #[serde(flatten)]
        change: Change,
    },
    CloseIssue {
        repository: String,
        number: u64,
    },
    DeleteIssue {
        repository: String,
        number: u64,
    },
    SeedVulnerabilities {
        repository: String,
        count: u64,
    },
    AddVulnerability {
        repository: String,
        #[serde(flatten)]
        finding: Finding,
    },
    EditVulnerability {
        repository: String,
        number: u64,
        #[serde(flatten)]
        finding: Finding,
    },
    RemoveVulnerability {
        repository: String,
        number: u64,
    },
    AddAlert {
        repository: String,
        #[serde(flatten)]
        change: AlertChange,
    },
    EditAlert {
        repository: String,
        number: u64,
        #[serde(flatten)]
        change: AlertChange,
    },
    Rename {
        repository: String,
        to: String,
    },
    Remove {
        repository: String,
    },
    Repository {
        repository: String,
        #[serde(flatten)]
        setting: Setting,
    },
    Script(Fault),
    ClearScript,
    Release,
    Latency {
        milliseconds: u64,
    },
    Quota {
        token: Option<String>,
        #[serde(flatten)]
        quota: Quota,
    },
    AllowToken {
        token: String,
        login: String,
    },
    RestrictToken {
        token: String,
        scopes: Vec<String>,
    },
    GrantToken {
        token: String,
        #[serde(flatten)]
        grant: Grant,
    },
    RevokeToken {
        token: String,
    },
    MakeApp {
        app: String,
        installation: String,
    },
    SuspendInstallation {
        installation: String,
    },
    RetireTrackers,
    ClearJournal,
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// What may be said of an issue; the rest stays as it is.
#[derive(Deserialize)]
struct Change {
    title: Option<String>,
    body: Option<String>,
    state: Option<IssueState>,
    state_reason: Option<String>,
    labels: Option<Vec<String>>,
    assignees: Option<Vec<String>>,
    author: Option<String>,
    comments: Option<u64>,
    pull_request: Option<bool>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
}

impl Change {
    fn apply(self, issue: &mut Issue) {
        set(&mut issue.title, self.title);
        set(&mut issue.body, self.body.map(Some));
        set(&mut issue.state, self.state);
        set(&mut issue.state_reason, self.state_reason.map(Some));
        set(&mut issue.labels, self.labels);
        set(&mut issue.assignees, self.assignees);
        set(&mut issue.author, self.author);
        set(&mut issue.comments, self.comments);
        set(&mut issue.pull_request, self.pull_request);
        set(&mut issue.created_at, self.created_at);
        set(&mut issue.updated_at, self.updated_at);
    }
}

/// What may be said of a vulnerability; the rest stays as it is.
#[derive(Deserialize)]
struct Finding {
    title: Option<String>,
    description: Option<String>,
    severity: Option<Severity>,
    state: Option<VulnerabilityState>,
    report_type: Option<String>,
    identifiers: Option<Vec<Identifier>>,
    resolved_on_default_branch: Option<bool>,
    detected_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
}

impl Finding {
    fn apply(self, found: &mut Vulnerability) {
        set(&mut found.title, self.title);
        set(&mut found.description, self.description.map(Some));
        set(&mut found.severity, self.severity);
        set(&mut found.state, self.state);
        set(&mut found.report_type, self.report_type);
        set(&mut found.identifiers, self.identifiers);
        set(&mut found.resolved_on_default_branch, self.resolved_on_default_branch);
        set(&mut found.detected_at, self.detected_at);
        set(&mut found.updated_at, self.updated_at);
    }
}

/// What may be said of a repository; the rest stays as it is.
#[derive(Deserialize)]
struct Setting {
    private: Option<bool>,
    #[serde(default)]
    readers: Vec<String>,
    archived: Option<bool>,
    has_issues: Option<bool>,
    large_above: Option<u64>,
    links_by_cursor: Option<bool>,
    licence: Option<Licence>,
}

impl Setting {
    fn apply(&self, repository: &Repository) {
        let readers: Vec<&str> = self.readers.iter().map(String::as_str).collect();
        match self.private {
            Some(true) => repository.make_private(&readers),
            Some(false) => repository.make_public(),
            None => {}
        }
        match self.has_issues {
            Some(true) => repository.enable_issues(),
            Some(false) => repository.disable_issues(),
            None => {}
        }
        if let Some(archived) = self.archived {
            repository.set_archived(archived);
        }
        if let Some(rows) = self.large_above {
            repository.set_large_above(rows);
        }
        if let Some(by_cursor) = self.links_by_cursor {
            repository.set_links_by_cursor(by_cursor);
        }
        if let Some(licence) = self.licence {
            repository.set_licence(licence);
        }
    }
}

pub(crate) fn router(state: &Arc<State>) -> Router {
    Router::new().route("/journal", get(journal)).route("/{command}", post(command)).with_state(Arc::clone(state))
}

#[derive(Deserialize)]
struct Of {
    #[serde(default = "everything")]
    to: String,
}

fn everything() -> String {
    "*".to_owned()
}

async fn journal(Shared(state): Shared<Arc<State>>, Query(of): Query<Of>) -> Json<Vec<Entry>> {
    Json(state.world().journal.entries().filter(|entry| entry.is_to(&of.to)).cloned().collect())
}

async fn command(Shared(state): Shared<Arc<State>>, Path(name): Path<String>, body: Bytes) -> Response {
    let read = || {
        let body: &[u8] = if body.is_empty() { b"{}" } else { &body };
        let mut fields: serde_json::Map<String, Value> = serde_json::from_slice(body)?;
        fields.insert("command".to_owned(), Value::String(name));
        serde_json::from_value(Value::Object(fields))
    };
    match read() {
        Ok(command) => Json(obey(&state, command)).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({ "error": error.to_string() }))).into_response(),
    }
}

fn obey(state: &Arc<State>, command: Command) -> Value {
    let repository = |name: &str| {
        let now = state.now();
        Repository { id: state.world().record(name, now).id, state: Arc::clone(state) }
    };
    match command {
        Command::Seed { repository: name, seed } => repository(&name).seed(&seed),
        Command::AddIssue { repository: name, change } => {
            return json!({ "number": repository(&name).add_issue(|issue| change.apply(issue)) });
        }
        Command::EditIssue { repository: name, number, change } => {
            return json!({ "found": repository(&name).edit_issue(number, |issue| change.apply(issue)) });
        }
        Command::CloseIssue { repository: name, number } => {
            return json!({ "found": repository(&name).close_issue(number) });
        }
        Command::DeleteIssue { repository: name, number } => {
            return json!({ "found": repository(&name).delete_issue(number) });
        }
        Command::SeedVulnerabilities { repository: name, count } => repository(&name).seed_vulnerabilities(count),
        Command::AddVulnerability { repository: name, finding } => {
            return json!({ "number": repository(&name).add_vulnerability(|found| finding.apply(found)) });
        }
        Command::EditVulnerability { repository: name, number, finding } => {
            return json!({ "found": repository(&name).edit_vulnerability(number, |found| finding.apply(found)) });
        }
        Command::RemoveVulnerability { repository: name, number } => {
            return json!({ "found": repository(&name).remove_vulnerability(number) });
        }
        Command::AddAlert { repository: name, change } => {
            return json!({ "number": repository(&name).add_alert(|alert| change.apply(alert)) });
        }
        Command::EditAlert { repository: name, number, change } => {
            return json!({ "found": repository(&name).edit_alert(number, |alert| change.apply(alert)) });
        }
        Command::Rename { repository: name, to } => repository(&name).rename(&to),
        Command::Remove { repository: name } => repository(&name).remove(),
        Command::Repository { repository: name, setting } => {
            let repository = repository(&name);
            setting.apply(&repository);
            return json!({ "id": repository.id() });
        }
        Command::Script(fault) => state.world().script.push(fault),
        Command::ClearScript => state.world().script.clear(),
        Command::Release => state.releases.send_modify(|count| *count += 1),
        Command::Latency { milliseconds } => {
            state.world().latency = Duration::from_millis(milliseconds);
        }
        Command::Quota { token, quota } => {
            let mut world = state.world();
            let caller = Caller::of(token.as_deref(), &world.credentials);
            world.set_quota(&caller, quota);
        }
        Command::AllowToken { token, login } => state.world().credentials.allow(&token, &login),
        Command::RestrictToken { token, scopes } => {
            let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
            state.world().credentials.restrict(&token, &scopes);
        }
        Command::GrantToken { token, grant } => state.world().credentials.grant(&token, grant),
        Command::RevokeToken { token } => state.world().credentials.revoke(&token),
        Command::MakeApp { app, installation } => {
            return json!({ "private_key": state.world().apps.make(&app, &installation) });
        }
        Command::SuspendInstallation { installation } => state.world().apps.suspend(&installation),
        Command::RetireTrackers => state.world().trackers_retired = true,
        Command::ClearJournal => state.world().journal.clear(),
    }
    json!({})
}
