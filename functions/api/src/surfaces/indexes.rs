//! The code of repositories: a maintainer indexes it after changes, and searches it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pullcord_core::admission::{OnConflict, Surface};
use pullcord_core::clock::Moment;
use pullcord_core::model::{CURRENT, GitPlace, Run, RunOptions, SourceId, SourceKind};
use pullcord_core::trigger::{Answer, Ask, Asker, trigger};
use pullcord_core::{Error, Refusal, cancel, search, status};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asking::{Blocked, Conflict, Press, TriggerQuery, outcome_of, told_at, would_be};
use super::ids;
use super::runs::Override;
use crate::Api;
use crate::auth::Caller;
use crate::checked::{Asked, Checked, Gathered, Path};
use crate::problem::{Problem, Told};

mod job;
mod options;

use job::{JobProgress, JobView, RepositoryView};
pub(super) use options::CodeAsked;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(index_repository))
        .routes(routes!(repository))
        .routes(routes!(job, cancel_job))
        .routes(routes!(search_code))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct IndexAsked {
    /// Cancel a job that is under way.
    #[serde(default)]
    force: bool,
    /// Index all of the branches anew.
    #[serde(default)]
    full_reindex: bool,
    /// Touch what changed alone; else whatever is less work.
    incremental: Option<bool>,
    /// Fetch what is new first, and count its commits.
    #[serde(default)]
    pull_remote: bool,
    remote: Option<String>,
    /// `current` is the one that the repository's HEAD names.
    branches: Option<Vec<String>>,
    /// One branch.
    branch: Option<String>,
    /// Left out beside what the source leaves out, as in a `.gitignore`.
    #[serde(default)]
    #[schema(required = false)]
    ignore_patterns: Vec<String>,
    /// An https address that is told how the job goes, by signed POSTs.
    progress_webhook: Option<String>,
    #[serde(rename = "onConflict")]
    #[schema(inline)]
    on_conflict: Option<Conflict>,
    #[serde(rename = "onBlocked")]
    #[schema(inline)]
    on_blocked: Option<Blocked>,
    /// Hold the answer until the job ends, at most PT25S.
    wait: Option<String>,
    /// Start nothing if the index is fresher than this.
    #[serde(rename = "maxAge")]
    max_age: Option<String>,
    #[serde(rename = "dryRun")]
    dry_run: Option<bool>,
    /// There is no cooldown here to pass over; that somebody wanted to is on record.
    #[serde(rename = "overrideCooldown")]
    #[schema(inline)]
    override_cooldown: Option<Override>,
}

impl IndexAsked {
    /// Without a word of branches it is the one that HEAD names.
    fn code(&mut self) -> CodeAsked {
        let current = || vec![CURRENT.to_owned()];
        let branches = self.branches.take().filter(|names| !names.is_empty()).or_else(|| self.branch.is_none().then(current));
        CodeAsked {
            incremental: self.incremental,
            pull_remote: Some(self.pull_remote),
            remote: self.remote.take(),
            branch: self.branch.take(),
            branches,
            ignore_patterns: Some(std::mem::take(&mut self.ignore_patterns)),
        }
    }
}

/// Indexes a repository.
#[utoipa::path(post, path = "/api/repositories/{repository}/sync", tag = "repositories",
    params(("repository" = String, Path), TriggerQuery, ("idempotency-key" = Option<String>, Header)), request_body = IndexAsked,
    responses((status = 202, body = JobView), (status = 200, body = JobView, description = "ended, attached, fresh or a dry run")))]
async fn index_repository(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(repository): Path<String>,
    press: Press,
    Checked { mut value, essence }: Checked<IndexAsked>,
) -> Result<Response, Problem> {
    let now = api.plane.clock.now();
    let mut gathered = Gathered::default();
    let index = gathered.take(value.code().options());
    let progress_webhook = gathered.take(told_at(&api, value.progress_webhook.as_deref()));
    let IndexAsked { force, full_reindex, on_conflict, on_blocked, wait, max_age, dry_run, override_cooldown, .. } = value;
    let said = TriggerQuery { on_conflict, on_blocked, wait, max_age, dry_run };
    let wished = press.wishes(said, override_cooldown, &essence, &asker, &mut gathered);
    gathered.all_well().told(now)?;
    let id = ids::source(&repository).map_err(|error| refused(error, now))?;
    let place = place(&api, &asker, &id).await.map_err(|error| refused(error, now))?;
    let wait = wished.wait;
    let ask = Ask {
        kind: Some(SourceKind::Index),
        progress_webhook,
        options: RunOptions { full: full_reindex, index: Some(Box::new(index)), ..RunOptions::default() },
        ..wished.on(Ask::sync(id.clone(), asker.clone(), Surface::Code))
    };
    let ask = if force { Ask { on_conflict: OnConflict::Restart, ..ask } } else { ask };
    let answer = trigger(&api.plane, ask).await.map_err(|error| refused(error, now))?;
    let outcome = outcome_of(&answer);
    let run = match answer {
        Answer::Accepted(run) | Answer::Repeated(run) | Answer::Attached(run) | Answer::FollowUp(run) | Answer::Parked(run) => *run,
        Answer::Fresh { last_synced_at } => {
            let fresh = json!({"status": "completed", "outcome": outcome, "repository_id": id.as_str(), "last_synced_at": last_synced_at.rfc3339()});
            return Ok((StatusCode::OK, Json(fresh)).into_response());
        }
        Answer::Would(would) => {
            let mut said = would_be(would, now);
            said["repository_id"] = json!(id.as_str());
            said["status"] = json!("unchanged");
            return Ok((StatusCode::OK, Json(said)).into_response());
        }
    };
    let run = match wait {
        Some(wait) => status::ended(&api.plane, run, now.plus(wait)).await.map_err(Error::from).told(now)?,
        None => run,
    };
    let code = if run.status.is_terminal() || outcome == "attached" { StatusCode::OK } else { StatusCode::ACCEPTED };
    let view = JobView::of(&run, &place, api.plane.clock.now());
    Ok((code, Json(view.with(outcome))).into_response())
}

/// Where the code of a source is that the caller may see, if it is of this kind.
async fn place(api: &Api, asker: &Asker, id: &SourceId) -> Result<GitPlace, Error> {
    let source = status::source(&api.plane, asker, id).await?.source;
    source.git.filter(|_| source.kind == SourceKind::Index).ok_or(Error::NotFound("source"))
}

/// A refusal in the words of this surface.
fn refused(error: Error, now: Moment) -> Problem {
    let problem = Problem::from_error(&error, now);
    match &error {
        Error::NotFound("source") => problem.saying("Repository not found").with("error", "Repository not found"),
        Error::Forbidden(_) => problem.saying("Access denied").with("error", "Access denied"),
        Error::Refused(refusal) => match &**refusal {
            Refusal::InProgress { run, holder } => {
                let progress = holder.as_deref().map(JobProgress::of);
                problem
                    .saying("Sync already in progress")
                    .with("error", "Sync already in progress")
                    .with("job_id", run.to_string())
                    .with("progress", serde_json::to_value(progress).unwrap_or(Value::Null))
            }
            _ => problem,
        },
        _ => problem,
    }
}

/// How a repository's index is.
#[utoipa::path(get, path = "/api/repositories/{repository}", tag = "repositories", params(("repository" = String, Path)), responses((status = 200, body = RepositoryView)))]
async fn repository(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(repository): Path<String>,
) -> Result<Json<RepositoryView>, Problem> {
    let now = api.plane.clock.now();
    let told = |error| refused(error, now);
    let id = ids::source(&repository).map_err(told)?;
    let looked = status::source(&api.plane, &asker, &id).await.map_err(told)?;
    let Some(place) = looked.source.git.clone().filter(|_| looked.source.kind == SourceKind::Index) else {
        return Err(told(Error::NotFound("source")));
    };
    let branches = api.plane.store.branches(&id).await.map_err(Error::from).told(now)?;
    let current = match looked.gate.holder {
        Some(run) => Some(status::run(&api.plane, &asker, run).await.told(now)?),
        None => None,
    };
    Ok(Json(RepositoryView::of(&looked, &branches, current.map(|run| JobView::of(&run, &place, now)))))
}

/// A run of this very repository.
async fn found(api: &Api, asker: &Asker, repository: &str, run: &str) -> Result<(Run, GitPlace), Error> {
    let id = ids::source(repository)?;
    let place = place(api, asker, &id).await?;
    let run = status::run(&api.plane, asker, ids::run(run)?).await?;
    if run.source.as_ref() == Some(&id) { Ok((run, place)) } else { Err(Error::NotFound("job")) }
}

/// How a job is.
#[utoipa::path(get, path = "/api/repositories/{repository}/sync/{job}", tag = "repositories",
    params(("repository" = String, Path), ("job" = String, Path)), responses((status = 200, body = JobView)))]
async fn job(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path((repository, job)): Path<(String, String)>,
) -> Result<Json<JobView>, Problem> {
    let now = api.plane.clock.now();
    let (run, place) = found(&api, &asker, &repository, &job).await.told(now)?;
    Ok(Json(JobView::of(&run, &place, now)))
}

/// Cancels a job.
#[utoipa::path(delete, path = "/api/repositories/{repository}/sync/{job}", tag = "repositories",
    params(("repository" = String, Path), ("job" = String, Path)), responses((status = 202, body = JobView)))]
async fn cancel_job(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path((repository, job)): Path<(String, String)>,
) -> Result<(StatusCode, Json<JobView>), Problem> {
    let now = api.plane.clock.now();
    let (run, place) = found(&api, &asker, &repository, &job).await.told(now)?;
    let run = cancel::cancel(&api.plane, &asker, run.id).await.map_err(|error| refused(error, now))?;
    Ok((StatusCode::ACCEPTED, Json(JobView::of(&run, &place, now))))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SearchQuery {
    /// What is looked for, in words or names.
    q: Option<String>,
    /// The first that the source names, or the one indexed last, if none is given.
    branch: Option<String>,
    limit: Option<u64>,
}

/// A place in the code.
#[derive(Serialize, ToSchema)]
struct HitView {
    path: String,
    start_line: u32,
    end_line: u32,
    /// From 0 to 1.
    score: f32,
    snippet: String,
}

#[derive(Serialize, ToSchema)]
struct Found {
    results: Vec<HitView>,
}

/// Searches the code of a repository.
#[utoipa::path(get, path = "/api/repositories/{repository}/search", tag = "repositories",
    params(("repository" = String, Path), SearchQuery), responses((status = 200, body = Found)))]
async fn search_code(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(repository): Path<String>,
    Asked(query): Asked<SearchQuery>,
) -> Result<Json<Found>, Problem> {
    let now = api.plane.clock.now();
    let told = |error| refused(error, now);
    let id = ids::source(&repository).map_err(told)?;
    let most = ids::limit(Some(query.limit.unwrap_or(10))).map_err(told)?;
    let hits = search::search(&api.plane, &asker, &id, query.q.as_deref().unwrap_or_default(), query.branch.as_deref(), most)
        .await
        .map_err(told)?;
    let view = |hit: search::Hit| HitView {
        path: hit.path,
        start_line: hit.start_line,
        end_line: hit.end_line,
        score: hit.score,
        snippet: hit.snippet,
    };
    Ok(Json(Found { results: hits.into_iter().map(view).collect() }))
}
