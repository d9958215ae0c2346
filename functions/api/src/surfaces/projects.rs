//! Projects: a developer syncs a folder of documents and watches.

use axum::Json;
use axum::extract::{Extension, OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use pullcord_core::admission::Surface;
use pullcord_core::digest::url_text;
use pullcord_core::model::{Gate, Project, ProjectId, RunStatus, SourceId, SourceKind};
use pullcord_core::store::ItemFilter;
use pullcord_core::trigger::{Answer, Ask, Asker, trigger};
use pullcord_core::{Error, Refusal, status};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asking::{Blocked, Conflict, TriggerQuery, Wished, idempotency, outcome_of, would_be};
use super::ids;
use super::runs::ListQuery;
use super::sources::place;
use crate::Api;
use crate::auth::Caller;
use crate::checked::{Asked, Checked, Gathered, Path};
use crate::edge::RequestId;
use crate::problem::{Problem, Told};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(sync_project))
        .routes(routes!(project_status))
        .routes(routes!(project_list))
        .routes(routes!(project_documents))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProjectAsked {
    #[serde(rename = "onConflict")]
    #[schema(inline)]
    on_conflict: Option<Conflict>,
    /// What to do while something is in the way.
    #[serde(rename = "onBlocked")]
    #[schema(inline)]
    on_blocked: Option<Blocked>,
    /// Hold the answer until the sync ends, at most PT25S.
    wait: Option<String>,
    /// Start nothing if the project is fresher than this.
    #[serde(rename = "maxAge")]
    max_age: Option<String>,
    #[serde(rename = "dryRun")]
    dry_run: Option<bool>,
}

#[derive(Serialize, ToSchema)]
struct Started {
    slug: String,
    sync_status: &'static str,
    message: &'static str,
    /// What became of the wish, where it is not simply accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    /// Of a dry run that would be refused: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Value>,
}

/// Syncs a project's documents.
#[utoipa::path(post, path = "/api/v1/projects/{slug}/sync", tag = "projects", params(("slug" = String, Path), TriggerQuery), request_body = ProjectAsked,
    responses((status = 202, body = Started), (status = 200, body = Started, description = "ended, attached, fresh or a dry run")))]
async fn sync_project(
    State(api): State<Api>,
    Caller(asker): Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    OriginalUri(uri): OriginalUri,
    Path(slug): Path<String>,
    headers: HeaderMap,
    Asked(query): Asked<TriggerQuery>,
    Checked { value, essence }: Checked<ProjectAsked>,
) -> Result<(StatusCode, Json<Started>), Problem> {
    let now = api.plane.clock.now();
    let mut gathered = Gathered::default();
    let ProjectAsked { on_conflict, on_blocked, wait, max_age, dry_run } = value;
    let wished = Wished::of(query, TriggerQuery { on_conflict, on_blocked, wait, max_age, dry_run }, &mut gathered);
    let idempotency = gathered.take(idempotency(&asker, &headers, &uri, &essence));
    gathered.all_well().told(now)?;
    let id = ids::project(&slug).told(now)?;
    let ask = Ask {
        kind: Some(SourceKind::Documents),
        on_conflict: wished.on_conflict,
        on_blocked: wished.on_blocked,
        max_age: wished.max_age,
        dry_run: wished.dry_run,
        idempotency,
        request_id: Some(request),
        ..Ask::sync(SourceId::known(id.as_str()), asker.clone(), Surface::Projects)
    };
    let answer = match trigger(&api.plane, ask).await {
        Ok(answer) => answer,
        Err(error) => return Err(refused(&api, &asker, &id, error).await),
    };
    let said = |code, sync_status, message, outcome| (code, Started { slug, sync_status, message, outcome, reason: None });
    // A plain yes is said as it always was; only more than that is named.
    let outcome = Some(outcome_of(&answer)).filter(|outcome| wished.wait.is_some() || *outcome != "accepted");
    let run = match answer {
        Answer::Accepted(run) | Answer::Repeated(run) | Answer::Attached(run) | Answer::FollowUp(run) | Answer::Parked(run) => run,
        Answer::Fresh { .. } => {
            let (code, started) = said(StatusCode::OK, "synced", "Fresh enough", Some("fresh"));
            return Ok((code, Json(started)));
        }
        Answer::Would(would) => {
            let reason = would_be(would, now)["reason"].take();
            let (code, started) = said(StatusCode::OK, "unchanged", "Nothing was done", outcome);
            return Ok((code, Json(Started { reason: Some(reason).filter(|reason| !reason.is_null()), ..started })));
        }
    };
    let run = match wished.wait {
        Some(wait) => status::ended(&api.plane, *run, now.plus(wait)).await.map_err(Error::from).told(now)?,
        None => *run,
    };
    let ended = run.status.is_terminal();
    let code = if ended || outcome == Some("attached") { StatusCode::OK } else { StatusCode::ACCEPTED };
    let (sync_status, message) = match run.status {
        RunStatus::Completed | RunStatus::CompletedWithWarnings if ended => ("synced", "Sync finished"),
        RunStatus::Failed if ended => ("error", "Sync failed"),
        RunStatus::Cancelled if ended => ("cancelled", "Sync cancelled"),
        RunStatus::Parked => ("parked", "Sync parked"),
        _ if run.follows.is_some() => ("syncing", "Sync follows the one that is running"),
        _ => ("syncing", "Sync started"),
    };
    let (code, started) = said(code, sync_status, message, outcome);
    Ok((code, Json(started)))
}

/// A refusal in the words of this surface.
async fn refused(api: &Api, asker: &Asker, id: &ProjectId, error: Error) -> Problem {
    let now = api.plane.clock.now();
    match &error {
        // A project without documents has no source of its name, or hides it.
        Error::NotFound(_) => match status::project(&api.plane, asker, id).await {
            Ok((project, None)) => Problem::from_error(&Error::NoSource(project.id.to_string()), now),
            Ok((_, Some(_))) | Err(Error::NotFound(_)) => Problem::from_error(&Error::NotFound("project"), now),
            Err(other) => Problem::from_error(&other, now),
        },
        Error::Refused(refusal) if matches!(**refusal, Refusal::InProgress { .. }) => {
            Problem::from_error(&error, now).saying("Sync already running for this project")
        }
        _ => Problem::from_error(&error, now),
    }
}

#[derive(Serialize, ToSchema)]
struct ProjectStatus {
    slug: String,
    name: String,
    /// never_synced, syncing, synced or error
    sync_status: &'static str,
    sync_error: Option<String>,
    last_synced_at: Option<String>,
    document_count: u64,
    held_deletions: u64,
}

impl ProjectStatus {
    fn of(project: &Project, gate: Option<Gate>) -> Self {
        let gate = gate.unwrap_or_default();
        Self {
            slug: project.id.to_string(),
            name: project.name.clone(),
            sync_status: gate.status.as_str(),
            sync_error: gate.sync_error,
            last_synced_at: gate.last_synced_at.map(pullcord_core::clock::Moment::rfc3339),
            document_count: gate.item_count.unwrap_or(0),
            held_deletions: gate.held_deletions,
        }
    }
}

/// How a project's documents are.
#[utoipa::path(get, path = "/api/v1/projects/{slug}", tag = "projects", params(("slug" = String, Path)), responses((status = 200, body = ProjectStatus)))]
async fn project_status(State(api): State<Api>, Caller(asker): Caller, Path(slug): Path<String>) -> Result<Json<ProjectStatus>, Problem> {
    let now = api.plane.clock.now();
    let id = ids::project(&slug).told(now)?;
    let (project, gate) = status::project(&api.plane, &asker, &id).await.told(now)?;
    Ok(Json(ProjectStatus::of(&project, gate)))
}

#[derive(Serialize, ToSchema)]
struct ProjectList {
    projects: Vec<ProjectStatus>,
    next_cursor: Option<String>,
}

/// The projects that the caller can see.
#[utoipa::path(get, path = "/api/v1/projects", tag = "projects", responses((status = 200, body = ProjectList)))]
async fn project_list(State(api): State<Api>, Caller(asker): Caller) -> Result<Json<ProjectList>, Problem> {
    let found = status::projects(&api.plane, &asker).await.told(api.plane.clock.now())?;
    let projects = found.into_iter().map(|(project, gate)| ProjectStatus::of(&project, gate)).collect();
    Ok(Json(ProjectList { projects, next_cursor: None }))
}

#[derive(Serialize, ToSchema)]
struct Document {
    path: String,
    title: String,
    #[serde(rename = "type")]
    kind: &'static str,
    sha256: String,
    size: u64,
    updated_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Documents {
    documents: Vec<Document>,
    next_cursor: Option<String>,
}

/// A project's documents, newest change first.
#[utoipa::path(get, path = "/api/v1/projects/{slug}/documents", tag = "projects", params(("slug" = String, Path), ListQuery), responses((status = 200, body = Documents)))]
async fn project_documents(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(slug): Path<String>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Documents>, Problem> {
    let now = api.plane.clock.now();
    let id = ids::project(&slug).told(now)?;
    let limit = ids::limit(query.limit).told(now)?;
    let after = query.cursor.as_deref().map(place).transpose().told(now)?;
    let (project, gate) = status::project(&api.plane, &asker, &id).await.told(now)?;
    let (Some(source), Some(_)) = (project.documents, gate) else {
        return Ok(Json(Documents { documents: Vec::new(), next_cursor: None }));
    };
    let page = api.plane.store.items(&source, &ItemFilter::default(), after, limit).await.map_err(Error::from).told(now)?;
    let documents = page.items.into_iter().map(|stored| {
        let item = stored.item;
        Document {
            path: item.path.unwrap_or_default(),
            title: item.title,
            kind: item.kind.as_str(),
            sha256: item.sha256.unwrap_or_default(),
            size: item.size.unwrap_or_default(),
            updated_at: item.updated_at.map(pullcord_core::clock::Moment::rfc3339),
        }
    });
    Ok(Json(Documents { documents: documents.collect(), next_cursor: page.next.map(|next| url_text(next.as_bytes())) }))
}
