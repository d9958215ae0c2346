//! Projects: a developer syncs a folder of documents and watches.

use axum::Json;
use axum::extract::{Extension, OriginalUri, Path, State};
use axum::http::{HeaderMap, StatusCode};
use pullcord_core::admission::Surface;
use pullcord_core::digest::url_text;
use pullcord_core::model::{Gate, Project, SourceId};
use pullcord_core::store::ItemFilter;
use pullcord_core::trigger::{Answer, Ask, trigger};
use pullcord_core::{Error, Refusal, status};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ids;
use super::runs::idempotency;
use super::sources::place;
use crate::Api;
use crate::auth::Caller;
use crate::checked::{Asked, Checked};
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
struct Nothing {}

#[derive(Serialize, ToSchema)]
struct Started {
    slug: String,
    sync_status: &'static str,
    message: &'static str,
}

/// Syncs a project's documents.
#[utoipa::path(post, path = "/api/v1/projects/{slug}/sync", tag = "projects", params(("slug" = String, Path)), request_body = Nothing, responses((status = 202, body = Started)))]
async fn sync_project(
    State(api): State<Api>,
    Caller(asker): Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    OriginalUri(uri): OriginalUri,
    Path(slug): Path<String>,
    headers: HeaderMap,
    Checked { essence, .. }: Checked<Nothing>,
) -> Result<(StatusCode, Json<Started>), Problem> {
    let now = api.plane.clock.now();
    let id = ids::project(&slug).told(now)?;
    let ask = Ask {
        idempotency: idempotency(&asker, &headers, &uri, &essence).told(now)?,
        request_id: Some(request),
        ..Ask::sync(SourceId::known(id.as_str()), asker.clone(), Surface::Projects)
    };
    match trigger(&api.plane, ask).await {
        Ok(Answer::Accepted(_) | Answer::Attached(_) | Answer::Repeated(_)) => {
            Ok((StatusCode::ACCEPTED, Json(Started { slug, sync_status: "syncing", message: "Sync started" })))
        }
        // A project without documents has no source of its name, or hides it.
        Err(Error::NotFound(_)) | Ok(Answer::Fresh { .. } | Answer::Would(_)) => {
            let (project, gate) = status::project(&api.plane, &asker, &id).await.told(now)?;
            let missing = if gate.is_none() { Error::NoSource(project.id.to_string()) } else { Error::NotFound("project") };
            Err(Problem::from_error(&missing, now))
        }
        Err(error) => {
            let problem = Problem::from_error(&error, now);
            Err(match error {
                Error::Refused(refusal) if matches!(*refusal, Refusal::InProgress { .. }) => {
                    problem.saying("Sync already running for this project")
                }
                _ => problem,
            })
        }
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

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DocumentQuery {
    cursor: Option<String>,
    limit: Option<u64>,
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
#[utoipa::path(get, path = "/api/v1/projects/{slug}/documents", tag = "projects", params(("slug" = String, Path), DocumentQuery), responses((status = 200, body = Documents)))]
async fn project_documents(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(slug): Path<String>,
    Asked(query): Asked<DocumentQuery>,
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
