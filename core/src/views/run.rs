//! A run, as callers see it.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::shown;
use crate::clock::{Moment, show_duration};
use crate::estimate;
use crate::model::{Children, Run, RunStatus, Warning};

/// A run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RunView {
    pub id: String,
    pub workspace: String,
    pub source: Option<String>,
    pub kind: Option<&'static str>,
    /// The workspace run that it was begun by.
    pub parent: Option<String>,
    /// What it does: sync, delete, approve_deletions or discard_deletions.
    pub work: &'static str,
    /// queued, running, paused, parked, completed, completed_with_warnings, failed, cancelling or cancelled
    pub status: &'static str,
    /// Of a run that has not ended: why it is where it is.
    pub status_reason: Option<String>,
    /// When that changes by itself, or is looked at, at the latest.
    pub changes_by: Option<String>,
    /// Of a queued run that is looked at alone: about how many of its workspace
    /// come first.
    pub position: Option<u64>,
    pub trigger: &'static str,
    pub triggered_by: String,
    pub reason: Option<String>,
    pub epoch: u64,
    /// The period of its source's schedule, and how many seconds after it the run
    /// began.
    pub scheduled_for: Option<String>,
    pub drift_seconds: Option<u64>,
    pub created_at: String,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub last_progress_at: Option<String>,
    pub resumes_at: Option<String>,
    pub lease_until: Option<String>,
    pub progress: ProgressView,
    pub results: ResultsView,
    pub calls: CallsView,
    /// When it will have ended, if the past of its source allows to say so.
    pub estimated_completion: Option<String>,
    /// How far off that may be.
    pub estimated_spread: Option<String>,
    pub error: Option<ErrorView>,
    pub warnings: Vec<ErrorView>,
    /// Of a workspace run: how its children are.
    pub children: Option<ChildrenView>,
    /// Who is told how it goes: addresses without their query.
    pub progress_webhooks: Vec<String>,
    pub version: u64,
}

/// The children of a workspace run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChildrenView {
    pub total: u64,
    pub done: u64,
    pub failed: u64,
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
    /// How often each endpoint gave each outcome.
    pub by: BTreeMap<String, u64>,
}

/// Why a run failed, or what to know about one that did not.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErrorView {
    pub code: String,
    pub message: String,
    #[serde(rename = "where")]
    pub at: Option<String>,
}

impl ErrorView {
    pub fn of(Warning { code, message, at }: Warning) -> Self {
        Self { code, message, at }
    }
}

impl ProgressView {
    pub fn of(run: &Run) -> Self {
        let progress = &run.progress;
        let completed = matches!(run.status, RunStatus::Completed | RunStatus::CompletedWithWarnings);
        Self {
            percentage: progress.percentage(completed),
            processed: progress.processed,
            total: progress.total,
            unit: match run.kind {
                Some(crate::model::SourceKind::Documents) => "documents",
                Some(crate::model::SourceKind::Index) => "files",
                None => "sources",
                _ => "items",
            },
            stage: progress.stage.map(crate::model::Stage::as_str),
            current: progress.current.clone(),
            page: progress.page,
        }
    }
}

/// Why a run is where it is, in a sentence; its row says so where it knows more.
fn reason(run: &Run, now: Moment) -> Option<String> {
    let silent = || run.lease_until.is_some_and(|until| until < now);
    let said = match run.status {
        RunStatus::Queued if run.sends > 0 => "waits for a worker; its message was sent again".to_owned(),
        RunStatus::Queued => "waits for a worker".to_owned(),
        RunStatus::Running if silent() => "its worker was not heard of until its lease ended; it is about to be revived".to_owned(),
        RunStatus::Running if run.lease_until.is_none() => "between two workers: the next goes on where the last one stopped".to_owned(),
        RunStatus::Running => format!("under way; last progress at {}", run.last_progress_at.or(run.started_at).unwrap_or(run.created_at)),
        _ => return run.status_reason.clone(),
    };
    Some(run.status_reason.clone().unwrap_or(said))
}

impl RunView {
    pub fn of(run: &Run, now: Moment) -> Self {
        let results = &run.results;
        let completion = estimate::completion(run, now);
        Self {
            id: run.id.to_string(),
            workspace: run.workspace.to_string(),
            source: run.source.as_ref().map(ToString::to_string),
            kind: run.kind.map(crate::model::SourceKind::as_str),
            parent: run.parent.map(|parent| parent.to_string()),
            work: run.work.as_str(),
            status: run.status.as_str(),
            status_reason: reason(run, now),
            changes_by: shown(run.due_at()),
            position: None,
            trigger: run.trigger.as_str(),
            triggered_by: run.triggered_by.to_string(),
            reason: run.reason.clone(),
            epoch: run.epoch,
            created_at: run.created_at.rfc3339(),
            scheduled_for: shown(run.scheduled_for),
            drift_seconds: run.started_at.zip(run.scheduled_for).map(|(started, due)| started.since(due).as_secs()),
            started_at: shown(run.started_at),
            finished_at: shown(run.finished_at),
            last_progress_at: shown(run.last_progress_at),
            resumes_at: shown(run.resumes_at),
            lease_until: shown(run.lease_until),
            progress: ProgressView::of(run),
            results: ResultsView {
                created: results.created,
                updated: results.updated,
                skipped: results.skipped,
                deleted: results.deleted,
                held_deletions: results.held_deletions,
                failed: results.failed,
            },
            calls: CallsView { made: run.calls.made, not_modified: run.calls.not_modified, by: run.calls.by.clone() },
            estimated_completion: completion.map(|completion| completion.at.rfc3339()),
            estimated_spread: completion.map(|completion| show_duration(completion.spread)),
            error: run.error.clone().map(|error| ErrorView { code: error.code, message: error.message, at: error.at }),
            warnings: run.warnings.iter().cloned().map(ErrorView::of).collect(),
            children: run.children.map(|Children { total, done, failed }| ChildrenView { total, done, failed }),
            progress_webhooks: run.options.hooks.iter().map(|hook| hook.shown.clone()).collect(),
            version: run.version,
        }
    }
}
