//! What callers see of rows.
//!
//! The shapes of the native API, which the other edges use too. Rows may change
//! for their own reasons; these may only grow.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Moment;
use crate::model::{Gate, Member, Project, Run, Source, Token, Workspace};
use crate::store::items::{Audit, Quota, StoredItem};

fn shown(at: Option<Moment>) -> Option<String> {
    at.map(Moment::rfc3339)
}

/// A run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RunView {
    pub id: String,
    pub workspace: String,
    pub source: Option<String>,
    pub kind: Option<&'static str>,
    /// What it does: `sync` or `delete`.
    pub work: &'static str,
    /// queued, running, paused, parked, completed, completed_with_warnings, failed, cancelling or cancelled
    pub status: &'static str,
    pub status_reason: Option<String>,
    pub trigger: &'static str,
    pub triggered_by: String,
    pub reason: Option<String>,
    pub epoch: u64,
    pub created_at: String,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub last_progress_at: Option<String>,
    pub resumes_at: Option<String>,
    pub lease_until: Option<String>,
    pub progress: ProgressView,
    pub results: ResultsView,
    pub calls: CallsView,
    pub estimated_completion: Option<String>,
    pub error: Option<ErrorView>,
    pub warnings: Vec<ErrorView>,
    pub version: u64,
}

/// How far a run is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProgressView {
    pub percentage: Option<u64>,
    pub processed: u64,
    pub total: Option<u64>,
    pub unit: &'static str,
    pub stage: Option<&'static str>,
    pub current: Option<String>,
    pub page: u64,
}

/// What a run did.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ResultsView {
    pub created: u64,
    pub updated: u64,
    pub skipped: u64,
    pub deleted: u64,
    pub held_deletions: u64,
    pub failed: u64,
}

/// Requests to the provider.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CallsView {
    pub made: u64,
    pub not_modified: u64,
}

/// Why a run failed, or what to know about one that did not.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErrorView {
    pub code: String,
    pub message: String,
    #[serde(rename = "where")]
    pub at: Option<String>,
}

impl From<&Run> for RunView {
    fn from(run: &Run) -> Self {
        let progress = &run.progress;
        let results = &run.results;
        let completed = matches!(run.status.as_str(), "completed" | "completed_with_warnings");
        Self {
            id: run.id.to_string(),
            workspace: run.workspace.to_string(),
            source: run.source.as_ref().map(ToString::to_string),
            kind: run.kind.map(crate::model::SourceKind::as_str),
            work: if run.work == crate::model::Work::Delete { "delete" } else { "sync" },
            status: run.status.as_str(),
            status_reason: run.status_reason.clone(),
            trigger: run.trigger.as_str(),
            triggered_by: run.triggered_by.to_string(),
            reason: run.reason.clone(),
            epoch: run.epoch,
            created_at: run.created_at.rfc3339(),
            started_at: shown(run.started_at),
            finished_at: shown(run.finished_at),
            last_progress_at: shown(run.last_progress_at),
            resumes_at: shown(run.resumes_at),
            lease_until: shown(run.lease_until),
            progress: ProgressView {
                percentage: progress.percentage(completed),
                processed: progress.processed,
                total: progress.total,
                unit: match run.kind {
                    Some(crate::model::SourceKind::Documents) => "documents",
                    Some(crate::model::SourceKind::Index) => "files",
                    _ => "items",
                },
                stage: progress.stage.map(crate::model::Stage::as_str),
                current: progress.current.clone(),
                page: progress.page,
            },
            results: ResultsView {
                created: results.created,
                updated: results.updated,
                skipped: results.skipped,
                deleted: results.deleted,
                held_deletions: results.held_deletions,
                failed: results.failed,
            },
            calls: CallsView { made: run.calls.made, not_modified: run.calls.not_modified },
            estimated_completion: None,
            error: run.error.clone().map(|error| ErrorView { code: error.code, message: error.message, at: error.at }),
            warnings: run
                .warnings
                .iter()
                .cloned()
                .map(|warning| ErrorView { code: warning.code, message: warning.message, at: warning.at })
                .collect(),
            version: run.version,
        }
    }
}

/// A source: its configuration and how it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SourceView {
    pub id: String,
    pub workspace: String,
    pub kind: &'static str,
    pub name: String,
    pub project: Option<String>,
    pub provider: Option<String>,
    pub base_url: Option<String>,
    pub repository: Option<String>,
    pub principal: Option<String>,
    pub credential: CredentialView,
    pub streams: Vec<&'static str>,
    pub monitored: bool,
    pub path: Option<String>,
    pub patterns: Vec<String>,
    pub webhook: WebhookView,
    pub created_at: String,
    /// never_synced, syncing, synced or error
    pub status: &'static str,
    pub last_synced_at: Option<String>,
    pub last_checked_at: Option<String>,
    pub sync_error: Option<String>,
    pub current_run: Option<String>,
    pub next_run_at: Option<String>,
    pub last_triggered_at: Option<String>,
    pub cooldown_until: Option<String>,
    pub quota: Option<QuotaView>,
    pub item_count: Option<u64>,
    pub held_deletions: u64,
}

/// Whether there is a credential. It is never shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CredentialView {
    pub set: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last4: Option<String>,
}

/// What is known of the webhook.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WebhookView {
    pub active: Option<bool>,
    pub last_delivery_at: Option<String>,
}

/// What a provider said is left.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct QuotaView {
    pub remaining: u64,
    pub limit: Option<u64>,
    pub resets_at: Option<String>,
}

impl From<&Quota> for QuotaView {
    fn from(quota: &Quota) -> Self {
        Self { remaining: quota.remaining, limit: quota.limit, resets_at: shown(quota.resets_at) }
    }
}

impl SourceView {
    pub fn of(source: &Source, gate: &Gate, quota: Option<&Quota>, now: Moment) -> Self {
        Self {
            id: source.id.to_string(),
            workspace: source.workspace.to_string(),
            kind: source.kind.as_str(),
            name: source.name.clone(),
            project: source.project.as_ref().map(ToString::to_string),
            provider: source.provider.clone(),
            base_url: source.base_url.clone(),
            repository: source.repository.clone(),
            principal: source.principal.clone(),
            credential: CredentialView { set: source.credential.is_some(), last4: source.credential.as_ref().map(|sealed| sealed.last4.clone()) },
            streams: source.streams.iter().map(|stream| stream.as_str()).collect(),
            monitored: source.monitored,
            path: source.path.clone(),
            patterns: source.patterns.clone(),
            webhook: WebhookView { active: source.webhook.active, last_delivery_at: shown(source.webhook.last_delivery_at) },
            created_at: source.created_at.rfc3339(),
            status: gate.status.as_str(),
            last_synced_at: shown(gate.last_synced_at),
            last_checked_at: shown(gate.last_checked_at),
            sync_error: gate.sync_error.clone(),
            current_run: gate.holder.map(|run| run.to_string()),
            next_run_at: None,
            last_triggered_at: shown(gate.last_triggered_at),
            cooldown_until: shown(gate.cool_until.filter(|until| *until > now)),
            quota: quota.map(QuotaView::from),
            item_count: gate.item_count,
            held_deletions: gate.held_deletions,
        }
    }
}

/// A synced item, in the one shape it has everywhere.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemView {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub external_id: String,
    pub custom_fields: BTreeMap<&'static str, String>,
    pub title: String,
    pub body: Option<String>,
    pub state: String,
    pub labels: Vec<String>,
    pub assignees: Vec<String>,
    pub author: Option<String>,
    pub url: Option<String>,
    pub severity: Option<String>,
    pub priority: Option<String>,
    pub created_at: Option<String>,
    pub updated_at: Option<String>,
    pub synced_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

impl From<StoredItem> for ItemView {
    fn from(stored: StoredItem) -> Self {
        let item = stored.item;
        Self {
            id: item.id(),
            kind: item.kind.as_str(),
            custom_fields: BTreeMap::from([("externalId", older_external_id(&item.external_id))]),
            external_id: item.external_id,
            title: item.title,
            body: item.body,
            state: item.state,
            labels: item.labels,
            assignees: item.assignees,
            author: item.author,
            url: item.url,
            severity: item.severity,
            priority: item.priority,
            created_at: shown(item.created_at),
            updated_at: shown(item.updated_at),
            synced_at: stored.synced_at.rfc3339(),
            path: item.path,
            sha256: item.sha256,
            size: item.size,
        }
    }
}

/// Older data names no kind: `{provider}:{repository url}:{id}`.
fn older_external_id(external_id: &str) -> String {
    let mut parts: Vec<&str> = external_id.rsplitn(3, ':').collect();
    if parts.len() == 3 {
        parts.remove(1);
    }
    parts.reverse();
    parts.join(":")
}

/// A workspace.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WorkspaceView {
    pub slug: String,
    pub name: String,
    pub created_at: String,
    /// The caller's role in it.
    pub role: Option<&'static str>,
    /// ISO 8601 durations; absent ones are the deployment's.
    pub cooldowns: BTreeMap<&'static str, String>,
    pub quota_floor: Option<u64>,
    pub max_concurrent_runs: Option<u32>,
}

impl WorkspaceView {
    pub fn of(workspace: &Workspace, role: Option<crate::model::Role>) -> Self {
        let limits = &workspace.limits;
        let named = [
            ("workspace", limits.workspace),
            ("repository", limits.repository),
            ("integration", limits.integration),
            ("index", limits.index),
            ("documents", limits.documents),
        ];
        let span = |millis| crate::clock::show_duration(std::time::Duration::from_millis(millis));
        Self {
            slug: workspace.slug.to_string(),
            name: workspace.name.clone(),
            created_at: workspace.created_at.rfc3339(),
            role: role.map(crate::model::Role::as_str),
            cooldowns: named.into_iter().filter_map(|(name, value)| Some((name, span(value?)))).collect(),
            quota_floor: limits.quota_floor,
            max_concurrent_runs: workspace.max_concurrent_runs,
        }
    }
}

/// A member.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MemberView {
    pub workspace: String,
    pub user: String,
    pub role: &'static str,
    pub added_at: String,
}

impl From<&Member> for MemberView {
    fn from(member: &Member) -> Self {
        Self {
            workspace: member.workspace.to_string(),
            user: member.user.to_string(),
            role: member.role.as_str(),
            added_at: member.added_at.rfc3339(),
        }
    }
}

/// An API token, without the token.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TokenView {
    pub id: String,
    pub name: String,
    pub role: &'static str,
    pub created_at: String,
    pub created_by: String,
    pub expires_at: Option<String>,
    /// Shown once, in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl From<&Token> for TokenView {
    fn from(token: &Token) -> Self {
        Self {
            id: token.id.clone(),
            name: token.name.clone(),
            role: token.role.as_str(),
            created_at: token.created_at.rfc3339(),
            created_by: token.created_by.to_string(),
            expires_at: shown(token.expires_at),
            token: None,
        }
    }
}

/// A project.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProjectView {
    pub id: String,
    pub workspace: String,
    pub name: String,
    pub created_at: String,
    /// Its documents source, if it has one.
    pub documents: Option<String>,
}

impl From<&Project> for ProjectView {
    fn from(project: &Project) -> Self {
        Self {
            id: project.id.to_string(),
            workspace: project.workspace.to_string(),
            name: project.name.clone(),
            created_at: project.created_at.rfc3339(),
            documents: project.documents.as_ref().map(ToString::to_string),
        }
    }
}

/// A line of the audit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditView {
    pub at: String,
    pub who: String,
    pub what: String,
    pub source: Option<String>,
    pub run: Option<String>,
    pub facts: BTreeMap<String, String>,
    pub count: u64,
}

impl From<Audit> for AuditView {
    fn from(audit: Audit) -> Self {
        Self {
            at: audit.at.rfc3339(),
            who: audit.who.to_string(),
            what: audit.what,
            source: audit.source.map(|source| source.to_string()),
            run: audit.run.map(|run| run.to_string()),
            facts: audit.facts,
            count: audit.count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S2.31 and S2.27: both spellings of an external id.
    #[test]
    fn older_data_names_no_kind() {
        let id = "github:https://github.com/acme/web:issue:17";
        assert_eq!(older_external_id(id), "github:https://github.com/acme/web:17");
    }
}
