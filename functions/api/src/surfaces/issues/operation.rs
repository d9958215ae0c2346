//! Operations of surface 3.3: a run of a repository, in this surface's words.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use pullcord_core::clock::Moment;
use pullcord_core::model::{Counts, ProjectId, Run, RunStatus, SourceKind, Stream};
use pullcord_core::trigger::Asker;
use pullcord_core::views::ErrorView;
use pullcord_core::{Error, cancel, status};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::ids;
use super::super::words::words;
use super::named;
use crate::Api;
use crate::auth::Caller;
use crate::checked::Path;
use crate::problem::{Problem, Told};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(operation, cancel_operation))
}

/// An operation: a run, in this surface's words.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "older clients read operationId where newer ones read id")]
struct Operation {
    id: String,
    operation_id: String,
    repository_connection_id: String,
    project_id: String,
    user_id: String,
    /// pending, in_progress, paused, completed, failed or cancelled
    status: &'static str,
    sync_type: &'static str,
    include_closed: bool,
    /// fetching, matching, creating or updating
    stage: Option<&'static str>,
    progress: ProgressView,
    results: ResultsView,
    warnings: Vec<ErrorView>,
    error: Option<String>,
    resumes_at: Option<String>,
    started_at: Option<String>,
    completed_at: Option<String>,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ProgressView {
    percentage: Option<u64>,
    processed: u64,
    total: Option<u64>,
    current_page: u64,
}

impl Operation {
    fn of(run: &Run, project: &ProjectId) -> Self {
        let shown = |at: Option<Moment>| at.map(Moment::rfc3339);
        let progress = &run.progress;
        let completed = matches!(run.status, RunStatus::Completed | RunStatus::CompletedWithWarnings);
        let last = [run.finished_at, run.last_progress_at, run.started_at].into_iter().flatten().max().unwrap_or(run.created_at);
        Self {
            id: run.id.to_string(),
            operation_id: run.id.to_string(),
            repository_connection_id: run.source.as_ref().map(ToString::to_string).unwrap_or_default(),
            project_id: project.to_string(),
            user_id: run.triggered_by.to_string(),
            status: spoken(run.status),
            sync_type: match run.options.streams.as_slice() {
                [Stream::Issues] => "issuesOnly",
                [Stream::Alerts] => "securityOnly",
                _ => "full",
            },
            include_closed: run.options.include_closed,
            stage: progress.stage.map(pullcord_core::model::Stage::as_str).filter(|stage| *stage != "removing"),
            progress: ProgressView {
                percentage: progress.percentage(completed),
                processed: progress.processed,
                total: progress.total,
                current_page: progress.page,
            },
            results: ResultsView::of(run),
            warnings: warnings(run),
            error: run.error.as_ref().map(|error| error.message.clone()),
            resumes_at: shown(run.resumes_at),
            started_at: shown(run.started_at),
            completed_at: shown(run.finished_at),
            created_at: run.created_at.rfc3339(),
            updated_at: last.rfc3339(),
        }
    }
}

/// A run of this very repository of this very project.
async fn found(api: &Api, asker: &Asker, project: &str, repository: &str, run: &str) -> Result<(Run, ProjectId), Error> {
    let (project, source) = named(project, repository)?;
    let looked = status::source(&api.plane, asker, &source).await?;
    if looked.source.project.as_ref() != Some(&project) || looked.source.kind != SourceKind::Repository {
        return Err(Error::NotFound("repository"));
    }
    let run = status::run(&api.plane, asker, ids::run(run)?).await?;
    // Its run is kept for longer, and found among the runs of its source.
    let is_over = run.finished_at.is_some_and(|at| api.plane.clock.now().since(at) > api.plane.config.keep_operations);
    if run.source.as_ref() == Some(&source) && !is_over { Ok((run, project)) } else { Err(Error::NotFound("operation")) }
}

/// How an operation is.
#[utoipa::path(get, path = "/api/projects/{projectId}/repositories/{repositoryId}/sync/{operationId}", tag = "issues",
    params(("projectId" = String, Path), ("repositoryId" = String, Path), ("operationId" = String, Path)), responses((status = 200, body = Operation)))]
async fn operation(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path((project, repository, run)): Path<(String, String, String)>,
) -> Result<Json<Operation>, Problem> {
    let now = api.plane.clock.now();
    let (run, project) = found(&api, &asker, &project, &repository, &run).await.told(now)?;
    Ok(Json(Operation::of(&run, &project)))
}

/// Cancels an operation.
#[utoipa::path(delete, path = "/api/projects/{projectId}/repositories/{repositoryId}/sync/{operationId}", tag = "issues",
    params(("projectId" = String, Path), ("repositoryId" = String, Path), ("operationId" = String, Path)), responses((status = 202, body = Operation)))]
async fn cancel_operation(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path((project, repository, run)): Path<(String, String, String)>,
) -> Result<(StatusCode, Json<Operation>), Problem> {
    let now = api.plane.clock.now();
    let (run, project) = found(&api, &asker, &project, &repository, &run).await.told(now)?;
    let run = cancel::cancel(&api.plane, &asker, run.id).await.told(now)?;
    Ok((StatusCode::ACCEPTED, Json(Operation::of(&run, &project))))
}

/// What became of some entries.
#[derive(Serialize, ToSchema)]
struct CountsView {
    created: u64,
    updated: u64,
    skipped: u64,
    failed: u64,
}

impl From<Counts> for CountsView {
    fn from(Counts { created, updated, skipped, failed }: Counts) -> Self {
        Self { created, updated, skipped, failed }
    }
}

/// What a sync did; alerts stand apart.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResultsView {
    #[serde(flatten)]
    issues: CountsView,
    security_advisories: CountsView,
    errors: Vec<String>,
}

impl ResultsView {
    pub(super) fn of(run: &Run) -> Self {
        let rejected = run.warnings.iter().map(|warning| warning.message.clone());
        let errors = run.error.iter().map(|error| error.message.clone()).chain(rejected);
        Self { issues: run.results.others().into(), security_advisories: run.results.alerts.into(), errors: errors.collect() }
    }
}

/// A run's status in this surface's words.
pub(super) fn spoken(status: RunStatus) -> &'static str {
    words(status).issues
}

pub(super) fn warnings(run: &Run) -> Vec<ErrorView> {
    run.warnings.iter().cloned().map(ErrorView::of).collect()
}
