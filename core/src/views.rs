//! What callers see of rows.
//!
//! The shapes of the native API, which the other edges use too. Rows may change
//! for their own reasons; these may only grow.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

use crate::admission::webhook_is_active;
use crate::calendar::upcoming;
use crate::clock::Moment;
use crate::model::{Gate, ItemType, Source};
use crate::status::Looked;
use crate::store::items::{Audit, Quota, StoredItem};

mod health;
mod people;
mod run;
mod schedule;

pub use health::{HealthView, LookView};
pub use people::{MemberView, ProjectView, TokenView, WorkspaceView};
pub use run::{CallsView, ChildrenView, ErrorView, ProgressView, ResultsView, RunView};
pub use schedule::{ScheduleView, WindowView};

fn shown(at: Option<Moment>) -> Option<String> {
    at.map(Moment::rfc3339)
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
    /// Of an integration: the name by which its workspace has one only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration_type: Option<String>,
    pub base_url: Option<String>,
    pub repository: Option<String>,
    pub principal: Option<String>,
    pub credential: CredentialView,
    pub streams: Vec<String>,
    /// Of an integration: what it takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<String>,
    pub monitored: bool,
    pub path: Option<String>,
    pub patterns: Vec<String>,
    /// Of an index: where its code is, which branches of it, and what is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<GitView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore_patterns: Vec<String>,
    pub webhook: WebhookView,
    pub created_at: String,
    /// never_synced, syncing, synced or error
    pub status: &'static str,
    pub last_synced_at: Option<String>,
    pub last_checked_at: Option<String>,
    pub sync_error: Option<String>,
    pub current_run: Option<String>,
    /// The run that begins when the current one has ended, and the one that waits
    /// for its moment.
    pub follow_up_run: Option<String>,
    pub parked_run: Option<String>,
    /// The current run ought to have been heard of.
    pub stalled: bool,
    /// Of an integration: how its other side is, where that is looked at.
    pub health: Option<HealthView>,
    /// When it syncs by itself, if it does, and when next.
    pub schedule: Option<ScheduleView>,
    pub next_run_at: Option<String>,
    pub last_triggered_at: Option<String>,
    pub cooldown_until: Option<String>,
    pub quota: Option<QuotaView>,
    pub item_count: Option<u64>,
    pub held_deletions: u64,
}

/// Whether there is a credential, and what its provider made of it. It is never
/// shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CredentialView {
    pub set: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last4: Option<String>,
    /// Whether the provider accepts it; absent until that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<String>,
    /// Whose it is, where the provider says so for free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// What a person should know of it, or do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl CredentialView {
    fn of(source: &Source) -> Self {
        let check = source.credential_check.as_ref();
        Self {
            set: source.credential.is_some(),
            last4: source.credential.as_ref().map(|sealed| sealed.last4.clone()),
            accepted: check.and_then(|check| check.accepted),
            checked_at: check.map(|check| check.at.rfc3339()),
            login: check.and_then(|check| check.login.clone()),
            why: check.and_then(|check| check.why.clone()),
        }
    }
}

/// Where code is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GitView {
    pub url: String,
    pub remote: String,
}

/// What is known of the webhook.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WebhookView {
    /// What an admin said; null where deliveries decide.
    pub active: Option<bool>,
    /// Whether the source can rely on it: an admin said so, or a delivery came within
    /// the last 24 hours.
    pub is_active: bool,
    pub secret_set: bool,
    /// To the minute.
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
    /// One that is looked at alone.
    pub fn looked(looked: &Looked, now: Moment) -> Self {
        let mut view = Self::of(&looked.source, &looked.gate, looked.quota.as_ref(), looked.stalled, now);
        view.health = view.health.zip(looked.health.as_ref()).map(|(view, health)| view.known(health));
        view
    }

    pub fn of(source: &Source, gate: &Gate, quota: Option<&Quota>, stalled: bool, now: Moment) -> Self {
        Self {
            id: source.id.to_string(),
            workspace: source.workspace.to_string(),
            kind: source.kind.as_str(),
            name: source.name.clone(),
            project: source.project.as_ref().map(ToString::to_string),
            provider: source.provider.clone(),
            integration_type: source.integration_type.clone(),
            base_url: source.base_url.clone(),
            repository: source.repository.clone(),
            principal: source.principal.clone(),
            credential: CredentialView::of(source),
            streams: source.streams.iter().map(|stream| stream.as_str().to_owned()).collect(),
            entities: source.entities().map(str::to_owned).collect(),
            monitored: source.monitored,
            path: source.path.clone(),
            patterns: source.patterns.clone(),
            git: source.git.as_ref().map(|place| GitView { url: place.url.clone(), remote: place.remote.clone() }),
            branches: source.branches.clone(),
            ignore_patterns: source.ignore_patterns.clone(),
            webhook: WebhookView {
                active: source.webhook.active,
                is_active: webhook_is_active(&source.webhook, gate, now),
                secret_set: source.webhook.secret.is_some(),
                last_delivery_at: shown(gate.last_delivery_at),
            },
            created_at: source.created_at.rfc3339(),
            status: gate.status.as_str(),
            last_synced_at: shown(gate.last_synced_at),
            last_checked_at: shown(gate.last_checked_at),
            sync_error: gate.sync_error.clone(),
            current_run: gate.holder.map(|run| run.to_string()),
            follow_up_run: gate.next.map(|run| run.to_string()),
            parked_run: gate.parked.map(|run| run.to_string()),
            stalled,
            health: source.health.as_ref().map(HealthView::of),
            schedule: source.schedule.as_ref().map(|schedule| ScheduleView::of(schedule, now)),
            next_run_at: source.schedule.as_ref().and_then(|schedule| shown(upcoming(schedule, now, 1).pop())),
            last_triggered_at: shown(gate.last_triggered_at),
            cooldown_until: shown(gate.cool_until.filter(|until| *until > now)),
            quota: quota.filter(|quota| quota.is_told()).map(QuotaView::from),
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
    /// Of a record: what it is one of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// `{provider}:{repository url}:{kind}:{provider's id}`; null of what was made by
    /// hand and is not linked.
    pub external_id: Option<String>,
    /// `externalId` as older data has it; of a record also `fields`, all that its system
    /// shows of it, to the last digit.
    #[schema(value_type = std::collections::HashMap<String, Object>)]
    pub custom_fields: BTreeMap<&'static str, Box<RawValue>>,
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
    /// Null as long as nothing was read of it.
    pub synced_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

impl From<StoredItem> for ItemView {
    fn from(stored: StoredItem) -> Self {
        let id = stored.id();
        let item = stored.item;
        let external_id = Some(item.external_id).filter(|external_id| !external_id.is_empty());
        let older = |external_id: &String| match item.kind {
            ItemType::Record => external_id.clone(),
            _ => older_external_id(external_id),
        };
        let older = external_id.as_ref().and_then(|external_id| to_raw_value(&older(external_id)).ok());
        let fields = item.fields.and_then(|fields| RawValue::from_string(fields).ok());
        let custom_fields = [("externalId", older), ("fields", fields)].into_iter().filter_map(|(name, value)| Some((name, value?)));
        Self {
            id,
            kind: item.kind.as_str(),
            custom_fields: custom_fields.collect(),
            entity: item.entity,
            external_id,
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
            synced_at: shown(stored.synced_at),
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
