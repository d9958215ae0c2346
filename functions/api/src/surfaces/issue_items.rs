//! What a project's repository holds: listed, made by hand, and linked to what the
//! forge has.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pullcord_core::digest::url_text;
use pullcord_core::manage::{self, NewItem};
use pullcord_core::model::{ItemType, ProjectId, SourceId};
use pullcord_core::store::ItemFilter;
use pullcord_core::views::ItemView;
use pullcord_core::{Error, status};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asking::idempotency;
use super::ids;
use super::sources::{Items, item_type, place};
use crate::Api;
use crate::auth::Caller;
use crate::checked::{Asked, Checked, Gathered, Path};
use crate::problem::{Problem, Told};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(repository_items, make_item)).routes(routes!(repository_item)).routes(routes!(link_item))
}

fn named(project: &str, repository: &str) -> Result<(ProjectId, SourceId), Error> {
    Ok((ids::project(project)?, ids::source(repository)?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ItemQuery {
    #[serde(rename = "type")]
    kind: Option<String>,
    state: Option<String>,
    /// Part of the title, in capitals or not.
    q: Option<String>,
    cursor: Option<String>,
    limit: Option<u64>,
}

/// What a repository holds, newest change first. Where few items match, a page may
/// have fewer than were asked for, or none, and still say where the list goes on.
#[utoipa::path(get, path = "/api/projects/{projectId}/repositories/{repositoryId}/issues", tag = "issues",
    params(("projectId" = String, Path), ("repositoryId" = String, Path), ItemQuery), responses((status = 200, body = Items)))]
async fn repository_items(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path((project, repository)): Path<(String, String)>,
    Asked(query): Asked<ItemQuery>,
) -> Result<Json<Items>, Problem> {
    let now = api.plane.clock.now();
    let mut gathered = Gathered::default();
    let kind: Option<ItemType> = gathered.take(item_type(query.kind));
    let limit = gathered.take(ids::limit(query.limit));
    let after = gathered.take(query.cursor.as_deref().map(place).transpose());
    gathered.all_well().told(now)?;
    let (project, source) = named(&project, &repository).told(now)?;
    status::repository(&api.plane, &asker, &project, &source).await.told(now)?;
    let filter = ItemFilter { kind, state: query.state, text: query.q, ..ItemFilter::default() };
    let page = api.plane.store.items(&source, &filter, after, limit).await.map_err(Error::from).told(now)?;
    let items = page.items.into_iter().map(ItemView::from).collect();
    Ok(Json(Items { items, next_cursor: page.next.map(|next| url_text(next.as_bytes())) }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ItemGiven {
    /// At most 512 characters.
    title: String,
    body: Option<String>,
    #[serde(default)]
    #[schema(required = false)]
    labels: Vec<String>,
}

/// Makes an item by hand. The first entry of this title that a sync meets becomes it.
#[utoipa::path(post, path = "/api/projects/{projectId}/repositories/{repositoryId}/issues", tag = "issues",
    params(("projectId" = String, Path), ("repositoryId" = String, Path)), request_body = ItemGiven,
    responses((status = 201, body = ItemView)))]
async fn make_item(
    State(api): State<Api>,
    Caller(asker): Caller,
    OriginalUri(uri): OriginalUri,
    Path((project, repository)): Path<(String, String)>,
    headers: HeaderMap,
    Checked { value, essence }: Checked<ItemGiven>,
) -> Result<Response, Problem> {
    let now = api.plane.clock.now();
    let key = idempotency(&asker, &headers, &uri, &essence).told(now)?;
    let (project, source) = named(&project, &repository).told(now)?;
    let new = NewItem { title: value.title, body: value.body, labels: value.labels };
    let made = manage::make_item(&api.plane, &asker, &project, &source, new, key).await.told(now)?.item();
    let location = HeaderValue::from_str(&format!("{}/{}", uri.path(), made.id()));
    let mut response = (StatusCode::CREATED, Json(ItemView::from(made))).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// One item. Linked or not, it keeps its id.
#[utoipa::path(get, path = "/api/projects/{projectId}/repositories/{repositoryId}/issues/{itemId}", tag = "issues",
    params(("projectId" = String, Path), ("repositoryId" = String, Path), ("itemId" = String, Path)), responses((status = 200, body = ItemView)))]
async fn repository_item(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path((project, repository, item)): Path<(String, String, String)>,
) -> Result<Json<ItemView>, Problem> {
    let now = api.plane.clock.now();
    let (project, source) = named(&project, &repository).told(now)?;
    let item = ids::item(&item).told(now)?;
    let found = status::item(&api.plane, &asker, &project, &source, item).await.told(now)?;
    Ok(Json(ItemView::from(found)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct LinkAsked {
    /// `{provider}:{repository url}:{kind}:{provider's id}`, or the same without the kind.
    external_id: String,
}

/// Links an item that was made by hand to what the forge has. The next sync makes it
/// what it is there.
#[utoipa::path(post, path = "/api/projects/{projectId}/repositories/{repositoryId}/issues/{itemId}/link-external", tag = "issues",
    params(("projectId" = String, Path), ("repositoryId" = String, Path), ("itemId" = String, Path)), request_body = LinkAsked,
    responses((status = 200, body = ItemView)))]
async fn link_item(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path((project, repository, item)): Path<(String, String, String)>,
    Checked { value, .. }: Checked<LinkAsked>,
) -> Result<Json<ItemView>, Problem> {
    let now = api.plane.clock.now();
    let (project, source) = named(&project, &repository).told(now)?;
    let item = ids::item(&item).told(now)?;
    let linked = manage::link_item(&api.plane, &asker, &project, &source, item, &value.external_id).await.told(now)?;
    Ok(Json(ItemView::from(linked)))
}
