//! The native API: triggers, runs and what is on record about them.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use pullcord_core::admission::{OnConflict, Surface};
use pullcord_core::clock::Moment;
use pullcord_core::digest::url_text;
use pullcord_core::model::{Run, RunOptions, Stream as ItemStream};
use pullcord_core::trigger::{Answer, Ask, trigger};
use pullcord_core::views::{AuditView, RunView};
use pullcord_core::{Error, cancel, status};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asking::{Blocked, Conflict, LONGEST_WAIT, TriggerQuery, Wished, held_for, idempotency, outcome_of, told_at, would_be};
use super::ids;
use super::indexes::CodeAsked;
use super::sources::place;
use crate::Api;
use crate::auth::Caller;
use crate::checked::{Asked, Checked, Gathered, Path};
use crate::edge::RequestId;
use crate::problem::{Problem, Told};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(sync_source))
        .routes(routes!(source_runs))
        .routes(routes!(workspace_runs))
        .routes(routes!(run))
        .routes(routes!(run_audit))
        .routes(routes!(cancel_run))
        .routes(routes!(retry_run))
        .routes(routes!(workspace_audit))
}

/// The routes that answer for as long as a run goes on.
pub(crate) fn live_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(run_events))
}

/// Why an admin passes over a cooldown; it is put on record.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Override {
    reason: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SyncAsked {
    /// Ask the provider for everything again.
    #[serde(default)]
    full: bool,
    /// Only these of its streams; an entity is named as in `entity:projects`.
    #[serde(default)]
    streams: Vec<String>,
    #[serde(default, rename = "includeClosed")]
    include_closed: bool,
    #[serde(default)]
    confirmed: bool,
    /// Cancel a run that is under way; the same as onConflict restart.
    #[serde(default)]
    force: bool,
    #[serde(rename = "onConflict")]
    #[schema(inline)]
    on_conflict: Option<Conflict>,
    /// What to do while a cooldown or a limit is in the way.
    #[serde(rename = "onBlocked")]
    #[schema(inline)]
    on_blocked: Option<Blocked>,
    /// Hold the answer until the run ends, at most PT25S.
    wait: Option<String>,
    /// Start nothing if the source is fresher than this.
    #[serde(rename = "maxAge")]
    max_age: Option<String>,
    #[serde(rename = "dryRun")]
    dry_run: Option<bool>,
    #[serde(rename = "overrideCooldown")]
    #[schema(inline)]
    override_cooldown: Option<Override>,
    reason: Option<String>,
    /// An https address that is told how the run goes, by signed POSTs.
    progress_webhook: Option<String>,
    /// Of an index: the same as full.
    full_reindex: Option<bool>,
    /// Of an index, as all that follows: touch what changed alone; else whatever is less work.
    incremental: Option<bool>,
    /// Fetch what is new first, and count its commits.
    pull_remote: Option<bool>,
    remote: Option<String>,
    /// One branch.
    branch: Option<String>,
    /// `current` is the one that the repository's HEAD names.
    branches: Option<Vec<String>>,
    /// Left out beside what the source leaves out, as in a `.gitignore`.
    ignore_patterns: Option<Vec<String>>,
}

impl SyncAsked {
    /// What is said of an index, if anything is.
    fn code(&mut self) -> Option<CodeAsked> {
        let asked = CodeAsked {
            incremental: self.incremental.take(),
            pull_remote: self.pull_remote.take(),
            remote: self.remote.take(),
            branch: self.branch.take(),
            branches: self.branches.take(),
            ignore_patterns: self.ignore_patterns.take(),
        };
        (self.full_reindex.is_some() || asked != CodeAsked::default()).then_some(asked)
    }
}

/// Asks for a sync.
#[utoipa::path(post, path = "/v1/sources/{source}/sync", tag = "runs", params(("source" = String, Path), TriggerQuery, ("idempotency-key" = Option<String>, Header)), request_body = SyncAsked,
    responses((status = 202, body = RunView), (status = 200, body = RunView, description = "ended, attached, fresh or a dry run")))]
async fn sync_source(
    State(api): State<Api>,
    Caller(asker): Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    OriginalUri(uri): OriginalUri,
    Path(id): Path<String>,
    headers: HeaderMap,
    Asked(query): Asked<TriggerQuery>,
    Checked { mut value, essence }: Checked<SyncAsked>,
) -> Result<Response, Problem> {
    let now = api.plane.clock.now();
    let mut gathered = Gathered::default();
    let index = value.code().map(|asked| Box::new(gathered.take(asked.options())));
    let full = value.full || value.full_reindex == Some(true);
    let SyncAsked { on_conflict, on_blocked, wait, max_age, dry_run, .. } = value;
    let wished = Wished::of(query, TriggerQuery { on_conflict, on_blocked, wait, max_age, dry_run }, &mut gathered);
    let streams = gathered.take(streams(&value.streams));
    let override_cooldown = gathered.take(reason_of(value.override_cooldown));
    let progress_webhook = gathered.take(told_at(&api, value.progress_webhook.as_deref()));
    let idempotency = gathered.take(idempotency(&asker, &headers, &uri, &essence));
    gathered.all_well().told(now)?;
    let ask = Ask {
        options: RunOptions { full, streams, include_closed: value.include_closed, index, ..RunOptions::default() },
        progress_webhook,
        confirmed: value.confirmed,
        on_conflict: if value.force { OnConflict::Restart } else { wished.on_conflict },
        on_blocked: wished.on_blocked,
        max_age: wished.max_age,
        dry_run: wished.dry_run,
        override_cooldown,
        reason: value.reason,
        idempotency,
        request_id: Some(request),
        ..Ask::sync(ids::source(&id).told(now)?, asker, Surface::Native)
    };
    let answer = trigger(&api.plane, ask).await.told(now)?;
    answered(&api, answer, wished.wait, now).await
}

pub(super) fn reason_of(given: Option<Override>) -> Result<Option<String>, Error> {
    match given {
        Some(Override { reason }) if reason.trim().is_empty() => Err(Error::invalid("overrideCooldown.reason", "must say why")),
        given => Ok(given.map(|given| given.reason)),
    }
}

fn streams(names: &[String]) -> Result<Vec<ItemStream>, Error> {
    names
        .iter()
        .map(|name| ItemStream::parse(name).ok_or_else(|| Error::invalid("streams", format!("there is no stream {name}"))))
        .collect()
}

/// The answer to a trigger: the run itself, with what became of the wish.
pub(super) async fn answered(api: &Api, answer: Answer, wait: Option<Duration>, now: Moment) -> Result<Response, Problem> {
    let outcome = outcome_of(&answer);
    let (run, is_there) = match answer {
        Answer::Accepted(run) | Answer::FollowUp(run) | Answer::Parked(run) => (*run, false),
        // Told anew: what has ended by now is not accepted once more.
        Answer::Repeated(run) => {
            let ended = run.status.is_terminal();
            (*run, ended)
        }
        Answer::Attached(run) => (*run, true),
        Answer::Fresh { last_synced_at } => {
            let body = json!({"outcome": "fresh", "status": "fresh", "last_synced_at": last_synced_at.rfc3339()});
            return Ok((StatusCode::OK, Json(body)).into_response());
        }
        Answer::Would(would) => return Ok((StatusCode::OK, Json(would_be(would, now))).into_response()),
    };
    let run = match wait {
        Some(wait) => status::ended(&api.plane, run, now.plus(wait)).await.map_err(Error::from).told(now)?,
        None => run,
    };
    let code = if is_there || (wait.is_some() && run.status.is_terminal()) { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((code, Json(with_outcome(&run, outcome, now))).into_response())
}

fn with_outcome(run: &Run, outcome: &str, now: Moment) -> Value {
    let mut body = serde_json::to_value(RunView::of(run, now)).unwrap_or_default();
    body["outcome"] = json!(outcome);
    body
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    pub(super) cursor: Option<String>,
    pub(super) limit: Option<u64>,
}

#[derive(Serialize, ToSchema)]
struct Runs {
    runs: Vec<RunView>,
    next_cursor: Option<String>,
}

/// Runs of a source, newest first.
#[utoipa::path(get, path = "/v1/sources/{source}/runs", tag = "runs", params(("source" = String, Path), ListQuery), responses((status = 200, body = Runs)))]
async fn source_runs(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(id): Path<String>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Runs>, Problem> {
    let now = api.plane.clock.now();
    let id = ids::source(&id).told(now)?;
    let limit = ids::limit(query.limit).told(now)?;
    let before =
        query.cursor.as_deref().map(|cursor| ids::run(cursor).map_err(|_| Error::invalid("cursor", "is not one that a list gave")));
    let found = status::runs_of_source(&api.plane, &asker, &id, before.transpose().told(now)?, limit).await.told(now)?;
    let next_cursor = found.last().filter(|_| found.len() == limit).map(|run| run.id.to_string());
    Ok(Json(Runs { runs: found.iter().map(|run| RunView::of(run, now)).collect(), next_cursor }))
}

/// Runs of everything in a workspace, newest first.
#[utoipa::path(get, path = "/v1/workspaces/{workspace}/runs", tag = "runs", params(("workspace" = String, Path), ListQuery), responses((status = 200, body = Runs)))]
async fn workspace_runs(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(slug): Path<String>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Runs>, Problem> {
    let now = api.plane.clock.now();
    let slug = ids::workspace(&slug).told(now)?;
    let limit = ids::limit(query.limit).told(now)?;
    let before = query.cursor.as_deref().map(place).transpose().told(now)?;
    let found = status::runs_in_workspace(&api.plane, &asker, &slug, before, limit).await.told(now)?;
    let next_cursor = found.last().filter(|_| found.len() == limit).map(|(at, _)| url_text(at.as_bytes()));
    Ok(Json(Runs { runs: found.iter().map(|(_, run)| RunView::of(run, now)).collect(), next_cursor }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RunQuery {
    /// Hold the answer until the run is newer than `after`, at most PT25S.
    wait: Option<String>,
    /// The version the caller has.
    after: Option<u64>,
}

/// One run. With `wait`, the answer comes as soon as there is news.
#[utoipa::path(get, path = "/v1/runs/{run}", tag = "runs", params(("run" = String, Path), RunQuery), responses((status = 200, body = RunView)))]
async fn run(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(id): Path<String>,
    Asked(query): Asked<RunQuery>,
) -> Result<Json<RunView>, Problem> {
    let now = api.plane.clock.now();
    let id = ids::run(&id).told(now)?;
    let wait = held_for(query.wait.as_deref()).told(now)?;
    let mut run = status::run(&api.plane, &asker, id).await.told(now)?;
    if let Some(wait) = wait {
        let until = now.plus(wait);
        let newer = match query.after {
            Some(after) => status::newer(&api.plane, run, after, until).await,
            None => status::ended(&api.plane, run, until).await,
        };
        run = newer.map_err(Error::from).told(now)?;
    }
    let position = status::position(&api.plane, &run).await.map_err(Error::from).told(now)?;
    Ok(Json(RunView { position, ..RunView::of(&run, api.plane.clock.now()) }))
}

/// The run's changes as they happen, until it ends. Goes on after the version in
/// `last-event-id`.
#[utoipa::path(get, path = "/v1/runs/{run}/events", tag = "runs", params(("run" = String, Path), ("last-event-id" = Option<u64>, Header)), responses((status = 200, content_type = "text/event-stream", body = String)))]
async fn run_events(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let now = api.plane.clock.now();
    let id = ids::run(&id).told(now)?;
    let run = status::run(&api.plane, &asker, id).await.told(now)?;
    let seen = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
    let news = futures::stream::unfold((api, Some(run), seen), |(api, run, seen)| async move {
        let run = run?;
        let until = api.plane.clock.now().plus(LONGEST_WAIT);
        let run = status::newer(&api.plane, run, seen, until).await.ok()?;
        let event = if run.version > seen {
            let event = Event::default().event("run").id(run.version.to_string());
            event.json_data(RunView::of(&run, api.plane.clock.now())).unwrap_or_else(|_| Event::default().comment("unreadable"))
        } else {
            Event::default().comment("no news")
        };
        let seen = run.version.max(seen);
        let next = (!run.status.is_terminal()).then_some(run);
        Some((Ok(event), (api, next, seen)))
    });
    Ok(Sse::new(news).keep_alive(KeepAlive::default()))
}

#[derive(Serialize, ToSchema)]
struct AuditLines {
    audit: Vec<AuditView>,
    next_cursor: Option<String>,
}

/// What is on record about a run, oldest first.
#[utoipa::path(get, path = "/v1/runs/{run}/audit", tag = "runs", params(("run" = String, Path)), responses((status = 200, body = AuditLines)))]
async fn run_audit(State(api): State<Api>, Caller(asker): Caller, Path(id): Path<String>) -> Result<Json<AuditLines>, Problem> {
    let now = api.plane.clock.now();
    let id = ids::run(&id).told(now)?;
    let found = status::audit_of_run(&api.plane, &asker, id).await.told(now)?;
    Ok(Json(AuditLines { audit: found.into_iter().map(AuditView::from).collect(), next_cursor: None }))
}

/// What is on record in a workspace, newest first.
#[utoipa::path(get, path = "/v1/workspaces/{workspace}/audit", tag = "runs", params(("workspace" = String, Path), ListQuery), responses((status = 200, body = AuditLines)))]
async fn workspace_audit(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(slug): Path<String>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<AuditLines>, Problem> {
    let now = api.plane.clock.now();
    let slug = ids::workspace(&slug).told(now)?;
    let limit = ids::limit(query.limit).told(now)?;
    let before = query.cursor.as_deref().map(place).transpose().told(now)?;
    let found = status::audit_in_workspace(&api.plane, &asker, &slug, before, limit).await.told(now)?;
    let next_cursor = found.last().filter(|_| found.len() == limit).map(|(at, _)| url_text(at.as_bytes()));
    Ok(Json(AuditLines { audit: found.into_iter().map(|(_, audit)| AuditView::from(audit)).collect(), next_cursor }))
}

/// Stops a run. One that has ended stays as it ended.
#[utoipa::path(post, path = "/v1/runs/{run}/cancel", tag = "runs", params(("run" = String, Path)), responses((status = 202, body = RunView), (status = 200, body = RunView, description = "it had ended before")))]
async fn cancel_run(State(api): State<Api>, Caller(asker): Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    let now = api.plane.clock.now();
    let id = ids::run(&id).told(now)?;
    let run = cancel::cancel(&api.plane, &asker, id).await.told(now)?;
    let before = run.status.is_terminal() && run.finished_at.is_some_and(|at| at < now);
    let code = if before { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((code, Json(RunView::of(&run, now))).into_response())
}

/// Asks for the same sync again.
#[utoipa::path(post, path = "/v1/runs/{run}/retry", tag = "runs", params(("run" = String, Path)), responses((status = 202, body = RunView)))]
async fn retry_run(
    State(api): State<Api>,
    Caller(asker): Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let now = api.plane.clock.now();
    let id = ids::run(&id).told(now)?;
    let answer = cancel::retry(&api.plane, &asker, id, Surface::Native, Some(request)).await.told(now)?;
    answered(&api, answer, None, now).await
}
