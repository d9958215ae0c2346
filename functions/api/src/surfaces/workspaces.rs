//! Workspaces: an admin refreshes everything in one, or one repository of it.

use axum::Json;
use axum::extract::{Extension, OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use pullcord_core::admission::Surface;
use pullcord_core::clock::{Moment, show_duration};
use pullcord_core::model::{Right, Run, SourceId, SourceKind, WorkspaceId, is_id};
use pullcord_core::trigger::{Answer, Ask, Asker, trigger};
use pullcord_core::{Error, Refusal, manage, status};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asking::{Blocked, Conflict, TriggerQuery, Wished, idempotency, outcome_of, would_be};
use super::ids;
use super::runs::{Override, reason_of};
use crate::Api;
use crate::auth::Caller;
use crate::checked::{Asked, Checked, Gathered, Path};
use crate::edge::RequestId;
use crate::problem::{Problem, Told};

/// How long a sync takes of which nothing is known yet.
const USUALLY: Duration = Duration::from_mins(5);

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(trigger_sync)).routes(routes!(reset_repository))
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Scope {
    Workspace,
    Repository,
}

/// A repository, by the id of its source or by its owner and name.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
enum RepositoryId {
    Number(u64),
    Text(String),
}

impl RepositoryId {
    fn text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TriggerAsked {
    #[schema(inline)]
    scope: Scope,
    /// Needed with the scope REPOSITORY, and with no other.
    #[schema(inline)]
    repository_id: Option<RepositoryId>,
    #[schema(inline)]
    on_conflict: Option<Conflict>,
    #[schema(inline)]
    on_blocked: Option<Blocked>,
    wait: Option<String>,
    max_age: Option<String>,
    dry_run: Option<bool>,
    #[schema(inline)]
    override_cooldown: Option<Override>,
}

/// What became of the wish.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Triggered {
    /// Whether a run does what was asked.
    accepted: bool,
    /// How that came about, where it is not simply accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    /// How the run is, if its end was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    estimated_duration: Option<String>,
    cooldown_remaining: Option<String>,
    run_id: Option<String>,
    /// When what waits goes on by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    resumes_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sync_at: Option<String>,
    /// Of a dry run that would be refused: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_allowed_at: Option<Value>,
}

/// Syncs a workspace, or one repository of it.
#[utoipa::path(post, path = "/api/workspaces/{slug}/sync/trigger", tag = "workspaces",
    params(("slug" = String, Path), TriggerQuery, ("idempotency-key" = Option<String>, Header)), request_body = TriggerAsked,
    responses((status = 202, body = Triggered), (status = 200, body = Triggered, description = "ended, attached, fresh or a dry run")))]
async fn trigger_sync(
    State(api): State<Api>,
    Caller(asker): Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    OriginalUri(uri): OriginalUri,
    Path(slug): Path<String>,
    headers: HeaderMap,
    Asked(query): Asked<TriggerQuery>,
    Checked { value, essence }: Checked<TriggerAsked>,
) -> Result<Response, Problem> {
    let now = api.plane.clock.now();
    let mut gathered = Gathered::default();
    let TriggerAsked { scope, repository_id, on_conflict, on_blocked, wait, max_age, dry_run, override_cooldown } = value;
    let wished = Wished::of(query, TriggerQuery { on_conflict, on_blocked, wait, max_age, dry_run }, &mut gathered);
    let override_cooldown = gathered.take(reason_of(override_cooldown));
    let idempotency = gathered.take(idempotency(&asker, &headers, &uri, &essence));
    let named = gathered.take(match (scope, repository_id) {
        (Scope::Workspace, None) => Ok(None),
        (Scope::Workspace, Some(_)) => Err(Error::invalid("repositoryId", "is for the scope REPOSITORY only")),
        (Scope::Repository, None) => Err(Error::invalid("repositoryId", "is needed with the scope REPOSITORY")),
        (Scope::Repository, Some(id)) => Ok(Some(id.text())),
    });
    gathered.all_well().told(now)?;
    let workspace = ids::workspace(&slug).told(now)?;
    let of = match named {
        Some(text) => {
            let source = repository(&api, &asker, &workspace, &text).await.told(now)?;
            Ask { kind: Some(SourceKind::Repository), ..Ask::sync(source, asker, Surface::Workspaces) }
        }
        None => Ask::workspace(workspace, asker, Surface::Workspaces),
    };
    let ask = Ask {
        // Whoever may ask here need not be asked back.
        confirmed: true,
        on_conflict: wished.on_conflict,
        on_blocked: wished.on_blocked,
        max_age: wished.max_age,
        dry_run: wished.dry_run,
        override_cooldown,
        idempotency,
        request_id: Some(request),
        ..of
    };
    let answer = trigger(&api.plane, ask).await.map_err(|error| refused(&error, now))?;
    answered(&api, answer, wished.wait, now).await
}

async fn answered(api: &Api, answer: Answer, wait: Option<Duration>, now: Moment) -> Result<Response, Problem> {
    let outcome = outcome_of(&answer);
    let said = Triggered { outcome: Some(outcome).filter(|outcome| *outcome != "accepted"), ..Triggered::default() };
    let run = match answer {
        Answer::Accepted(run) | Answer::Repeated(run) | Answer::Attached(run) | Answer::FollowUp(run) | Answer::Parked(run) => *run,
        Answer::Fresh { last_synced_at } => {
            let fresh = Triggered { last_sync_at: Some(last_synced_at.rfc3339()), ..said };
            return Ok((StatusCode::OK, Json(fresh)).into_response());
        }
        Answer::Would(would) => {
            let mut native = would_be(would, now);
            let mut taken = |name: &str| Some(native[name].take()).filter(|value| !value.is_null());
            let (reason, next_allowed_at) = (taken("reason"), taken("next_allowed_at"));
            let text = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned));
            let (run_id, resumes_at) = (text(taken("run_id")), text(taken("resumes_at")));
            return Ok((StatusCode::OK, Json(Triggered { run_id, resumes_at, reason, next_allowed_at, ..said })).into_response());
        }
    };
    let run = match wait {
        Some(wait) => status::ended(&api.plane, run, now.plus(wait)).await.map_err(Error::from).told(now)?,
        None => run,
    };
    let is_over = wait.is_some() && run.status.is_terminal();
    let code = if outcome == "attached" || is_over { StatusCode::OK } else { StatusCode::ACCEPTED };
    let triggered = Triggered {
        accepted: true,
        status: wait.map(|_| run.status.as_str()),
        estimated_duration: Some(show_duration(run.usual.map_or(USUALLY, Duration::from_millis))),
        run_id: Some(run.id.to_string()),
        resumes_at: resumes_at(&run),
        ..said
    };
    Ok((code, Json(triggered)).into_response())
}

fn resumes_at(run: &Run) -> Option<String> {
    run.resumes_at.filter(|_| !run.status.is_terminal()).map(Moment::rfc3339)
}

/// A refusal in the words of this surface.
fn refused(error: &Error, now: Moment) -> Problem {
    let problem = Problem::from_error(error, now);
    let Error::Refused(refusal) = error else { return problem };
    let left = |until: Moment| json!(show_duration(until.since(now)));
    let said = problem.with("accepted", false).with("reason", refusal.rule());
    match &**refusal {
        Refusal::Cooling { until, .. } => said.with("cooldownRemaining", left(*until)).with("nextAllowedAt", until.rfc3339()),
        Refusal::QuotaLow { resets_at, .. } => {
            said.with("cooldownRemaining", resets_at.map_or(Value::Null, left)).with("nextAllowedAt", resets_at.map(Moment::rfc3339))
        }
        Refusal::InProgress { run, .. } => said.with("runId", run.to_string()).with("cooldownRemaining", Value::Null),
        Refusal::Unconfirmed { .. } => said.with("cooldownRemaining", Value::Null),
    }
}

/// The source that a repository's id names: its own id, or the owner and name that
/// it syncs. Who may not sync a workspace is told so rather than what there is.
async fn repository(api: &Api, asker: &Asker, workspace: &WorkspaceId, text: &str) -> Result<SourceId, Error> {
    let role = status::role(&asker.person(&api.plane.store).await?, workspace, "workspace")?;
    if !role.may(Right::SyncWorkspace) {
        return Err(Error::Forbidden(format!("a {role} may not sync a workspace or its repositories")));
    }
    let by_id = if is_id(text) { api.plane.store.sources(&[SourceId::known(text)]).await? } else { Vec::new() };
    let found = if by_id.is_empty() {
        let ids = api.plane.store.source_ids(workspace).await?;
        api.plane.store.sources(&ids).await?
    } else {
        by_id
    };
    let is_it = |source: &pullcord_core::model::Source| {
        let is_named = source.id.as_str() == text || source.repository.as_deref() == Some(text);
        source.workspace == *workspace && source.kind == SourceKind::Repository && source.deleted_at.is_none() && is_named
    };
    let found = found.into_iter().map(|(source, _)| source).find(is_it);
    found.map(|source| source.id).ok_or(Error::NotFound("repository"))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ResetAsked {
    #[schema(inline)]
    repository_id: RepositoryId,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RepositoryReset {
    reset: bool,
    /// Where the backfill had stopped, if it had.
    previous_cursor: Option<String>,
}

/// Forgets where a repository's unfinished first sync stopped: the next begins again.
#[utoipa::path(post, path = "/api/workspaces/{slug}/sync/reset-backfill", tag = "workspaces", params(("slug" = String, Path)),
    request_body = ResetAsked, responses((status = 200, body = RepositoryReset)))]
async fn reset_repository(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(slug): Path<String>,
    Checked { value, .. }: Checked<ResetAsked>,
) -> Result<Json<RepositoryReset>, Problem> {
    let now = api.plane.clock.now();
    let workspace = ids::workspace(&slug).told(now)?;
    let source = repository(&api, &asker, &workspace, &value.repository_id.text()).await.told(now)?;
    let previous_cursor = manage::reset_backfill(&api.plane, &asker, &source).await.map_err(|error| refused(&error, now))?;
    Ok(Json(RepositoryReset { reset: previous_cursor.is_some(), previous_cursor }))
}
