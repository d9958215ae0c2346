//! Jobs and repositories of surface 3.2: runs and sources, in this surface's words.

use std::collections::BTreeMap;
use std::time::Duration;

use pullcord_core::clock::Moment;
use pullcord_core::estimate;
use pullcord_core::model::{CURRENT, GitPlace, IndexedBranch, Run, RunStatus};
use pullcord_core::status::Looked;
use pullcord_core::views::ErrorView;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::words::words;

/// How long a job is said to take before any was seen.
const USUALLY: Duration = Duration::from_mins(5);

/// How far a job is.
#[derive(Serialize, ToSchema)]
pub(super) struct JobProgress {
    percentage: u64,
    files_processed: u64,
    /// Null only before the first index; of a job that is queued, how many there were.
    files_total: Option<u64>,
    current_file: Option<String>,
}

impl JobProgress {
    pub(super) fn of(run: &Run) -> Self {
        let completed = matches!(run.status, RunStatus::Completed | RunStatus::CompletedWithWarnings);
        Self {
            percentage: run.progress.percentage(completed).unwrap_or(0),
            files_processed: run.progress.processed,
            files_total: run.progress.total.or(run.last_count),
            current_file: run.progress.current.clone().filter(|_| !run.status.is_terminal()),
        }
    }
}

/// What was asked, as it was understood.
#[derive(Serialize, ToSchema)]
struct OptionsView {
    force: bool,
    full_reindex: bool,
    incremental: bool,
    pull_remote: bool,
    remote: String,
    branches: Vec<String>,
    ignore_patterns: Vec<String>,
    progress_webhook: Option<String>,
}

/// What a job did.
#[derive(Serialize, ToSchema)]
struct ResultView {
    files_added: u64,
    files_modified: u64,
    files_renamed: u64,
    files_removed: u64,
    files_unchanged: u64,
    files_skipped: u64,
    chunks_embedded: u64,
    chunks_kept: u64,
    chunks_cleared: u64,
    /// Null where nobody asked, and before the first index.
    pulled_commits: Option<u64>,
    /// There are more than were counted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pulled_at_least: bool,
    /// full, incremental or smart
    strategy: &'static str,
    branches: Vec<String>,
}

/// A job.
#[derive(Serialize, ToSchema)]
pub(super) struct JobView {
    job_id: String,
    /// queued, running, completed, failed or cancelled
    status: &'static str,
    repository_id: String,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    estimated_completion: String,
    progress: JobProgress,
    options: OptionsView,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pulled_commits: Option<u64>,
    error: Option<String>,
    warnings: Vec<ErrorView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resumes_at: Option<String>,
    /// What became of the wish, where it is not simply accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
}

impl JobView {
    pub(super) fn of(run: &Run, place: &GitPlace, now: Moment) -> Self {
        let asked = run.options.index.as_deref().cloned().unwrap_or_default();
        let usually = run.usual.map_or(USUALLY, Duration::from_millis);
        let expected = estimate::completion(run, now).map_or_else(|| run.created_at.plus(usually).max(now), |completion| completion.at);
        let ended = run.status.is_terminal();
        let branches = if asked.branches.is_empty() { vec![CURRENT.to_owned()] } else { asked.branches };
        let result = run.indexing.as_deref().filter(|_| ended).map(|did| ResultView {
            files_added: did.files_added,
            files_modified: did.files_modified,
            files_renamed: did.files_renamed,
            files_removed: did.files_removed,
            files_unchanged: did.files_unchanged,
            files_skipped: did.files_skipped,
            chunks_embedded: did.chunks_embedded,
            chunks_kept: did.chunks_kept,
            chunks_cleared: did.chunks_cleared,
            pulled_commits: did.pulled_commits,
            pulled_at_least: did.pulled_at_least,
            strategy: did.strategy.as_str(),
            branches: did.branches.clone(),
        });
        Self {
            job_id: run.id.to_string(),
            status: words(run.status).code,
            repository_id: run.source.as_ref().map(ToString::to_string).unwrap_or_default(),
            created_at: run.created_at.rfc3339(),
            finished_at: run.finished_at.map(Moment::rfc3339),
            estimated_completion: run.finished_at.unwrap_or(expected).rfc3339(),
            progress: JobProgress::of(run),
            options: OptionsView {
                force: run.forced,
                full_reindex: run.options.full,
                incremental: asked.incremental,
                pull_remote: asked.pull_remote,
                remote: asked.remote.unwrap_or_else(|| place.remote.clone()),
                branches,
                ignore_patterns: asked.ignore_patterns,
                progress_webhook: run.options.hooks.first().map(|hook| hook.shown.clone()),
            },
            pulled_commits: run.indexing.as_deref().and_then(|did| did.pulled_commits),
            result,
            error: run.error.as_ref().map(|error| error.message.clone()),
            warnings: run.warnings.iter().cloned().map(ErrorView::of).collect(),
            resumes_at: run.resumes_at.map(Moment::rfc3339),
            outcome: None,
        }
    }

    pub(super) fn with(self, outcome: &'static str) -> Self {
        Self { outcome: Some(outcome).filter(|outcome| *outcome != "accepted"), ..self }
    }
}

/// A repository, and how its index is.
#[derive(Serialize, ToSchema)]
pub(super) struct RepositoryView {
    repository_id: String,
    name: String,
    /// never_synced, syncing, synced or error
    status: &'static str,
    last_synced_at: Option<String>,
    sync_error: Option<String>,
    /// The commit that each branch shows, and how many files it has.
    indexed_commit: BTreeMap<String, String>,
    files: BTreeMap<String, u64>,
    indexed_at: BTreeMap<String, String>,
    current_job: Option<JobView>,
}

impl RepositoryView {
    pub(super) fn of(looked: &Looked, branches: &[IndexedBranch], current_job: Option<JobView>) -> Self {
        let shown = || branches.iter().filter_map(|branch| Some((branch.branch.clone(), branch, branch.manifest.as_ref()?)));
        Self {
            repository_id: looked.source.id.to_string(),
            name: looked.source.name.clone(),
            status: looked.gate.status.as_str(),
            last_synced_at: looked.gate.last_synced_at.map(Moment::rfc3339),
            sync_error: looked.gate.sync_error.clone(),
            indexed_commit: shown().map(|(name, _, manifest)| (name, manifest.commit.clone())).collect(),
            files: shown().map(|(name, _, manifest)| (name, manifest.files)).collect(),
            indexed_at: shown().filter_map(|(name, branch, _)| Some((name, branch.indexed_at?.rfc3339()))).collect(),
            current_job,
        }
    }
}
