//! Issues of a project's repositories: a member pulls issues and alerts when
//! webhooks are silent.

use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, OriginalUri, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pullcord_core::admission::Surface;
use pullcord_core::clock::Moment;
use pullcord_core::error::Complaint;
use pullcord_core::model::{ProjectId, Run, RunOptions, SourceId, SourceKind, Stream};
use pullcord_core::sync::has_next_page;
use pullcord_core::trigger::{Answer, Ask, Would, trigger};
use pullcord_core::views::ErrorView;
use pullcord_core::{Error, Refusal, status};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asking::{Blocked, Conflict, LONGEST_WAIT, TriggerQuery, Wished, idempotency, outcome_of, would_be};
use super::ids;
use super::runs::{Override, reason_of};
use crate::Api;
use crate::auth::Caller;
use crate::checked::{Asked, Checked, Gathered, Path};
use crate::edge::RequestId;
use crate::problem::{Problem, Told};

mod operation;

use operation::{ResultsView, spoken, warnings};

/// How long an answer is held for a sync that may be short.
const SHORT: Duration = Duration::from_secs(8);
/// Issues from which on a sync is not waited for.
const MANY: u64 = 100;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(sync_repository)).merge(operation::routes())
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
    /// There is no cooldown here to pass over; that somebody wanted to is on record.
    #[schema(inline)]
    override_cooldown: Option<Override>,
}

/// Syncs a repository of a project.
#[utoipa::path(post, path = "/api/projects/{projectId}/repositories/{repositoryId}/sync", tag = "issues",
    params(("projectId" = String, Path), ("repositoryId" = String, Path), TriggerQuery, ("idempotency-key" = Option<String>, Header)), request_body = RepositoryAsked,
    responses((status = 200, body = Synced, description = "ended, attached, fresh or a dry run"), (status = 202, body = Synced, description = "goes on; `location` says where it can be seen")))]
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
    let RepositoryAsked { sync_type, include_closed, confirmed, mode, .. } = value;
    let RepositoryAsked { on_conflict, on_blocked, wait, max_age, dry_run, override_cooldown, .. } = value;
    let wished = Wished::of(query, TriggerQuery { on_conflict, on_blocked, wait, max_age, dry_run }, &mut gathered);
    let override_cooldown = gathered.take(reason_of(override_cooldown));
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
        options: RunOptions { streams, include_closed, ..RunOptions::default() },
        confirmed,
        on_conflict: wished.on_conflict,
        on_blocked: wished.on_blocked,
        max_age: wished.max_age,
        dry_run: wished.dry_run,
        override_cooldown,
        idempotency,
        request_id: Some(request),
        ..Ask::sync(source, asker.clone(), Surface::Issues)
    };
    let answer = trigger(&api.plane, ask).await.map_err(|error| refused(error, now))?;
    let outcome = outcome_of(&answer);
    let run = match answer {
        Answer::Accepted(run) | Answer::Repeated(run) | Answer::Attached(run) | Answer::FollowUp(run) | Answer::Parked(run) => *run,
        Answer::Fresh { last_synced_at } => {
            let last_sync_at = Some(last_synced_at.rfc3339());
            let fresh = Synced { status: "completed", outcome: Some(outcome), last_sync_at, ..Synced::default() };
            return Ok((StatusCode::OK, Json(fresh)).into_response());
        }
        Answer::Would(would) => return Ok((StatusCode::OK, Json(would_be_here(would, outcome, now))).into_response()),
    };
    let held = match (wished.wait, mode) {
        (Some(wait), _) => wait,
        (None, Mode::Auto) if !run.waits_outside() => SHORT,
        (None, Mode::Sync) => LONGEST_WAIT,
        (None, Mode::Auto | Mode::Async) => Duration::ZERO,
    };
    let patient = wished.wait.is_some() || mode == Mode::Sync;
    let enough = |run: &Run| run.status.is_terminal() || (!patient && is_long(run));
    let run = status::watched(&api.plane, run, now.plus(held), enough).await.map_err(Error::from).told(now)?;
    let tells = run.status.is_terminal() && !(mode == Mode::Async && wished.wait.is_none() && outcome != "attached");
    let last_sync_at = match &run.source {
        Some(source) if tells => status::source(&api.plane, &asker, source).await.told(now)?.gate.last_synced_at,
        _ => None,
    };
    Ok(answered(&run, &uri, outcome, tells.then_some(last_sync_at)))
}

/// Whether more is to be done than anyone should wait for: the last run of its
/// shape listed so much, the forge says so, or what was read so far comes to it.
fn is_long(run: &Run) -> bool {
    let alerts = run.results.alerts;
    let read = run.progress.processed.saturating_sub(alerts.created + alerts.updated + alerts.skipped);
    let known = [run.last_count, run.progress.total, Some(read)].into_iter().flatten().max();
    known.is_some_and(|known| known > MANY) || (read >= MANY && has_next_page(run))
}

/// The answer to a sync: what was done, or where it goes on.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Synced {
    /// None if nothing was started.
    operation_id: Option<String>,
    /// pending, in_progress, paused, completed, failed or cancelled; of a dry run
    /// unchanged
    status: &'static str,
    /// What became of the wish, where it is not simply accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    results: Option<ResultsView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<Vec<ErrorView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sync_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    /// When what waits goes on by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    resumes_at: Option<String>,
    /// Of a dry run that would be refused: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_allowed_at: Option<Value>,
}

fn answered(run: &Run, uri: &axum::http::Uri, outcome: &'static str, tells: Option<Option<Moment>>) -> Response {
    let said = Synced {
        operation_id: Some(run.id.to_string()),
        status: spoken(run.status),
        outcome: Some(outcome).filter(|outcome| *outcome != "accepted"),
        ..Synced::default()
    };
    if let Some(last_sync_at) = tells {
        let ended = Synced {
            results: Some(ResultsView::of(run)),
            warnings: Some(warnings(run)),
            last_sync_at: last_sync_at.map(Moment::rfc3339),
            error: Some(run.error.as_ref().map(|error| error.message.clone())),
            ..said
        };
        return (StatusCode::OK, Json(ended)).into_response();
    }
    let location = format!("{}/{}", uri.path(), run.id);
    let header = HeaderValue::from_str(&location);
    let resumes_at = run.resumes_at.map(Moment::rfc3339);
    let code = if outcome == "attached" { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = (code, Json(Synced { location: Some(location), resumes_at, ..said })).into_response();
    if let Ok(location) = header {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// What a dry run says here.
fn would_be_here(would: Would, outcome: &'static str, now: Moment) -> Synced {
    let mut native = would_be(would, now);
    let mut taken = |name: &str| Some(native[name].take()).filter(|value| !value.is_null());
    Synced {
        operation_id: taken("run_id").and_then(|id| id.as_str().map(str::to_owned)),
        status: "unchanged",
        outcome: Some(outcome),
        resumes_at: taken("resumes_at").and_then(|at| at.as_str().map(str::to_owned)),
        reason: taken("reason"),
        next_allowed_at: taken("next_allowed_at"),
        ..Synced::default()
    }
}

/// A refusal in the words of this surface.
fn refused(error: Error, now: Moment) -> Problem {
    let error = match error {
        // Here streams are chosen by the type of the sync.
        Error::Invalid(complaints) => Error::Invalid(complaints.into_iter().map(in_its_words).collect()),
        error => error,
    };
    let problem = Problem::from_error(&error, now);
    match &error {
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

fn in_its_words(complaint: Complaint) -> Complaint {
    if complaint.at == "streams" { Complaint { at: "syncType".to_owned(), ..complaint } } else { complaint }
}

fn named(project: &str, repository: &str) -> Result<(ProjectId, SourceId), Error> {
    Ok((ids::project(project)?, ids::source(repository)?))
}
