//! Issues of a project's repositories: a member pulls issues and alerts when
//! webhooks are silent.

use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, OriginalUri, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pullcord_core::admission::Surface;
use pullcord_core::clock::Moment;
use pullcord_core::model::{Counts, ProjectId, Run, RunOptions, RunStatus, SourceId, SourceKind, Stream};
use pullcord_core::trigger::{Answer, Ask, Asker, trigger};
use pullcord_core::{Error, Refusal, cancel, status};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asking::{Blocked, Conflict, LONGEST_WAIT, TriggerQuery, Wished, idempotency, outcome_of, would_be};
use super::ids;
use crate::Api;
use crate::auth::Caller;
use crate::checked::{Asked, Checked, Gathered, Path};
use crate::edge::RequestId;
use crate::problem::{Problem, Told};

/// How long an answer is held for a sync that may be short.
const SHORT: Duration = Duration::from_secs(8);
/// Issues from which on a sync is not waited for.
const MANY: u64 = 100;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(sync_repository)).routes(routes!(operation, cancel_operation))
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum SyncType {
    #[default]
    Full,
    IssuesOnly,
    SecurityOnly,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum Mode {
    /// 200 if it ends soon, else 202.
    #[default]
    Auto,
    /// 200 if it ends while an answer can be held.
    Sync,
    /// 202 at once.
    Async,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RepositoryAsked {
    #[serde(default)]
    #[schema(inline)]
    sync_type: SyncType,
    /// Take in what is closed already, too; has to be confirmed.
    #[serde(default)]
    include_closed: bool,
    #[serde(default)]
    confirmed: bool,
    #[serde(default)]
    #[schema(inline)]
    mode: Mode,
    #[schema(inline)]
    on_conflict: Option<Conflict>,
    #[schema(inline)]
    on_blocked: Option<Blocked>,
    wait: Option<String>,
    max_age: Option<String>,
    dry_run: Option<bool>,
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
struct ResultsView {
    #[serde(flatten)]
    issues: CountsView,
    security_advisories: CountsView,
    errors: Vec<String>,
}

impl ResultsView {
    fn of(run: &Run) -> Self {
        let rejected = run.warnings.iter().map(|warning| warning.message.clone());
        let errors = run.error.iter().map(|error| error.message.clone()).chain(rejected);
        Self { issues: run.results.others().into(), security_advisories: run.results.alerts.into(), errors: errors.collect() }
    }
}

/// A run's status in this surface's words.
fn spoken(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Queued | RunStatus::Parked => "pending",
        RunStatus::Running | RunStatus::Cancelling => "in_progress",
        RunStatus::Paused => "paused",
        RunStatus::Completed | RunStatus::CompletedWithWarnings => "completed",
        RunStatus::Failed => "failed",
        RunStatus::Cancelled => "cancelled",
    }
}

/// Syncs a repository of a project.
#[utoipa::path(post, path = "/api/projects/{projectId}/repositories/{repositoryId}/sync", tag = "issues",
    params(("projectId" = String, Path), ("repositoryId" = String, Path), TriggerQuery, ("idempotency-key" = Option<String>, Header)), request_body = RepositoryAsked,
    responses((status = 200, description = "ended, attached, fresh or a dry run"), (status = 202, description = "goes on; `location` says where it can be seen")))]
async fn sync_repository(
    State(api): State<Api>,
    Caller(asker): Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    OriginalUri(uri): OriginalUri,
    Path((project, repository)): Path<(String, String)>,
    headers: HeaderMap,
    Asked(query): Asked<TriggerQuery>,
    Checked { value, essence }: Checked<RepositoryAsked>,
) -> Result<Response, Problem> {
    let now = api.plane.clock.now();
    let mut gathered = Gathered::default();
    let RepositoryAsked { sync_type, include_closed, confirmed, mode, on_conflict, on_blocked, wait, max_age, dry_run } = value;
    let wished = Wished::of(query, TriggerQuery { on_conflict, on_blocked, wait, max_age, dry_run }, &mut gathered);
    let idempotency = gathered.take(idempotency(&asker, &headers, &uri, &essence));
    gathered.all_well().told(now)?;
    let (project, source) = named(&project, &repository).told(now)?;
    let streams = match sync_type {
        SyncType::Full => Vec::new(),
        SyncType::IssuesOnly => vec![Stream::Issues],
        SyncType::SecurityOnly => vec![Stream::Alerts],
    };
    let ask = Ask {
        kind: Some(SourceKind::Repository),
        project: Some(project),
        options: RunOptions { full: false, streams, include_closed },
        confirmed,
        on_conflict: wished.on_conflict,
        on_blocked: wished.on_blocked,
        max_age: wished.max_age,
        dry_run: wished.dry_run,
        idempotency,
        request_id: Some(request),
        ..Ask::sync(source, asker, Surface::Issues)
    };
    let answer = trigger(&api.plane, ask).await.map_err(|error| refused(&error, now))?;
    let outcome = outcome_of(&answer);
    let run = match answer {
        Answer::Accepted(run) | Answer::Repeated(run) | Answer::Attached(run) | Answer::FollowUp(run) | Answer::Parked(run) => *run,
        Answer::Fresh { last_synced_at } => {
            let body = json!({"operationId": null, "status": "completed", "outcome": outcome, "lastSyncAt": last_synced_at.rfc3339()});
            return Ok((StatusCode::OK, Json(body)).into_response());
        }
        Answer::Would(would) => return Ok((StatusCode::OK, Json(would_be(would, now))).into_response()),
    };
    let held = match (wished.wait, mode) {
        (Some(wait), _) => wait,
        (None, Mode::Auto) if !run.waits_outside() => SHORT,
        (None, Mode::Sync) => LONGEST_WAIT,
        (None, Mode::Auto | Mode::Async) => Duration::ZERO,
    };
    let patient = wished.wait.is_some() || mode == Mode::Sync;
    let run = status::watched(&api.plane, run, now.plus(held), |run| run.status.is_terminal() || (!patient && is_long(run)))
        .await
        .map_err(Error::from)
        .told(now)?;
    Ok(answered(&run, &uri, outcome, now))
}

/// Whether more is to be done than anyone should wait for.
fn is_long(run: &Run) -> bool {
    let progress = &run.progress;
    progress.processed > MANY || progress.total.is_some_and(|total| total > MANY) || (progress.page == 1 && progress.processed >= MANY)
}

fn answered(run: &Run, uri: &axum::http::Uri, outcome: &'static str, now: Moment) -> Response {
    let mut body = json!({"operationId": run.id.to_string(), "status": spoken(run.status)});
    if outcome != "accepted" {
        body["outcome"] = json!(outcome);
    }
    if run.status.is_terminal() {
        body["results"] = json!(ResultsView::of(run));
        body["lastSyncAt"] = json!(run.finished_at.unwrap_or(now).rfc3339());
        body["error"] = json!(run.error.as_ref().map(|error| error.message.clone()));
        return (StatusCode::OK, Json(body)).into_response();
    }
    let location = format!("{}/{}", uri.path(), run.id);
    body["location"] = json!(location);
    body["resumesAt"] = run.resumes_at.map_or(Value::Null, |at| json!(at.rfc3339()));
    let code = if outcome == "attached" { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = (code, Json(body)).into_response();
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// A refusal in the words of this surface.
fn refused(error: &Error, now: Moment) -> Problem {
    let problem = Problem::from_error(error, now);
    match error {
        Error::Refused(refusal) => match &**refusal {
            Refusal::InProgress { run, .. } => problem
                .with("error", json!("A sync operation is already in progress for this repository"))
                .with("operationId", json!(run.to_string())),
            Refusal::Unconfirmed { reasons } => problem
                .with("error", json!("This sync has to be confirmed"))
                .with("requiresConfirmation", json!(true))
                .with("reasons", json!(reasons)),
            Refusal::Cooling { .. } | Refusal::QuotaLow { .. } => problem,
        },
        _ => problem,
    }
}

fn named(project: &str, repository: &str) -> Result<(ProjectId, SourceId), Error> {
    Ok((ids::project(project)?, ids::source(repository)?))
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
    if looked.source.project.as_ref() != Some(&project) {
        return Err(Error::NotFound("repository"));
    }
    let run = status::run(&api.plane, asker, ids::run(run)?).await?;
    if run.source.as_ref() == Some(&source) { Ok((run, project)) } else { Err(Error::NotFound("operation")) }
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
