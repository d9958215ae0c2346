//! The native API: sources and what they hold.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use pullcord_core::clock::Moment;
use pullcord_core::digest::{from_url_text, url_text};
use pullcord_core::manage::{self, ChangedSource, NewSource};
use pullcord_core::model::{ItemType, SourceKind};
use pullcord_core::store::ItemFilter;
use pullcord_core::trigger::Answer;
use pullcord_core::views::{ItemView, RunView, SourceView};
use pullcord_core::{Error, status};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ids;
use super::people::nullable;
use crate::Api;
use crate::auth::Caller;
use crate::checked::{Asked, Checked, Gathered, Path};
use crate::edge::RequestId;
use crate::problem::{Problem, Told};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(sources, create_source))
        .routes(routes!(source, change_source, delete_source))
        .routes(routes!(items))
        .routes(routes!(reset_backfill))
}

#[derive(Serialize, ToSchema)]
struct Sources {
    sources: Vec<SourceView>,
    next_cursor: Option<String>,
}

/// The sources of a workspace.
#[utoipa::path(get, path = "/v1/workspaces/{workspace}/sources", tag = "sources", params(("workspace" = String, Path)), responses((status = 200, body = Sources)))]
async fn sources(State(api): State<Api>, Caller(asker): Caller, Path(slug): Path<String>) -> Result<Json<Sources>, Problem> {
    let now = api.plane.clock.now();
    let slug = ids::workspace(&slug).told(now)?;
    let found = status::sources(&api.plane, &asker, &slug).await.told(now)?;
    let sources = found.iter().map(|(source, gate, stalled, quota)| SourceView::of(source, gate, quota.as_ref(), *stalled, now)).collect();
    Ok(Json(Sources { sources, next_cursor: None }))
}

/// The kinds of sources.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Repository,
    Index,
    Documents,
    Integration,
}

impl From<Kind> for SourceKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Repository => Self::Repository,
            Kind::Index => Self::Index,
            Kind::Documents => Self::Documents,
            Kind::Integration => Self::Integration,
        }
    }
}

/// Write-only.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CredentialGiven {
    token: Option<String>,
    /// Instead of a token, of a GitHub App: its client id or number.
    app: Option<String>,
    /// Which of the app's installations; its number.
    installation: Option<String>,
    /// The app's key, in PEM.
    private_key: Option<String>,
}

impl From<CredentialGiven> for manage::CredentialGiven {
    fn from(CredentialGiven { token, app, installation, private_key }: CredentialGiven) -> Self {
        Self { token, app, installation, private_key }
    }
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WebhookGiven {
    /// Whether deliveries arrive; null to judge by what arrives.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<bool>)]
    active: Option<Option<bool>>,
    /// What the forge proves its deliveries with. Write-only; null takes it away.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    secret: Option<Option<String>>,
}

/// How the other side of an integration is looked at between its runs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HealthBody {
    /// What is asked for by HEAD, without a credential; the provider's own probe if there is none.
    url: Option<String>,
    /// PT15M at least.
    every: Option<String>,
}

impl From<HealthBody> for manage::HealthGiven {
    fn from(HealthBody { url, every }: HealthBody) -> Self {
        Self { url, every }
    }
}

/// Where code is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GitBody {
    /// What git clones over HTTPS, or a folder that the deployment allows.
    url: String,
    /// What the repository calls where it comes from; `origin` if nothing is said.
    remote: Option<String>,
}

impl From<GitBody> for manage::GitGiven {
    fn from(GitBody { url, remote }: GitBody) -> Self {
        Self { url, remote }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SourceGiven {
    id: String,
    #[schema(inline)]
    kind: Kind,
    name: Option<String>,
    project: Option<String>,
    /// Of a repository: its forge; of an integration: the system it is of.
    provider: Option<String>,
    base_url: Option<String>,
    /// owner/name
    repository: Option<String>,
    /// Whose quota its requests count against, where several tokens share one.
    principal: Option<String>,
    #[schema(inline)]
    credential: Option<CredentialGiven>,
    #[serde(default)]
    #[schema(required = false)]
    streams: Vec<String>,
    /// Of an integration: by what name its workspace has one only; its provider's, if none
    /// is given.
    integration_type: Option<String>,
    /// Of an integration: what it takes, by the names that its provider has for it.
    #[serde(default)]
    #[schema(required = false)]
    entities: Vec<String>,
    #[schema(inline)]
    health: Option<HealthBody>,
    monitored: Option<bool>,
    /// Of documents: their folder.
    path: Option<String>,
    #[serde(default)]
    #[schema(required = false)]
    patterns: Vec<String>,
    /// Of an index.
    #[schema(inline)]
    git: Option<GitBody>,
    /// Of an index: those that are taken if a sync names none; the current one, if none is given.
    #[serde(default)]
    #[schema(required = false)]
    branches: Vec<String>,
    /// Of an index: what is left out, as in a `.gitignore`.
    #[serde(default)]
    #[schema(required = false)]
    ignore_patterns: Vec<String>,
    #[schema(inline)]
    webhook: Option<WebhookGiven>,
}

/// Makes a source.
#[utoipa::path(post, path = "/v1/workspaces/{workspace}/sources", tag = "sources", params(("workspace" = String, Path)), request_body = SourceGiven, responses((status = 201, body = SourceView)))]
async fn create_source(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(slug): Path<String>,
    Checked { value, .. }: Checked<SourceGiven>,
) -> Result<(StatusCode, Json<SourceView>), Problem> {
    let now = api.plane.clock.now();
    let slug = ids::workspace(&slug).told(now)?;
    let webhook = value.webhook.unwrap_or_default();
    let new = NewSource {
        id: value.id,
        kind: Some(value.kind.into()),
        name: value.name,
        project: value.project,
        provider: value.provider,
        base_url: value.base_url,
        repository: value.repository,
        principal: value.principal,
        credential: value.credential.map(Into::into),
        streams: value.streams,
        integration_type: value.integration_type,
        entities: value.entities,
        health: value.health.map(Into::into),
        monitored: value.monitored,
        path: value.path,
        patterns: value.patterns,
        git: value.git.map(Into::into),
        branches: value.branches,
        ignore_patterns: value.ignore_patterns,
        webhook_active: webhook.active.flatten(),
        webhook_secret: webhook.secret.flatten(),
    };
    let made = manage::create_source(&api.plane, &asker, &slug, new).await.told(now)?;
    let looked = status::source(&api.plane, &asker, &made.id).await.told(now)?;
    Ok((StatusCode::CREATED, Json(SourceView::looked(&looked, now))))
}

/// One source, and how it is.
#[utoipa::path(get, path = "/v1/sources/{source}", tag = "sources", params(("source" = String, Path)), responses((status = 200, body = SourceView)))]
async fn source(State(api): State<Api>, Caller(asker): Caller, Path(id): Path<String>) -> Result<Json<SourceView>, Problem> {
    let now = api.plane.clock.now();
    let id = ids::source(&id).told(now)?;
    let looked = status::source(&api.plane, &asker, &id).await.told(now)?;
    Ok(Json(SourceView::looked(&looked, now)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SourceChange {
    name: Option<String>,
    base_url: Option<String>,
    repository: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    principal: Option<Option<String>>,
    /// Null takes it away.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(inline, value_type = Option<CredentialGiven>)]
    credential: Option<Option<CredentialGiven>>,
    streams: Option<Vec<String>>,
    /// Of an integration. What it takes no more stays as it was.
    entities: Option<Vec<String>>,
    /// Of an integration. Null: nobody looks any more.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(inline, value_type = Option<HealthBody>)]
    health: Option<Option<HealthBody>>,
    monitored: Option<bool>,
    path: Option<String>,
    patterns: Option<Vec<String>>,
    /// Of an index.
    #[schema(inline)]
    git: Option<GitBody>,
    branches: Option<Vec<String>>,
    ignore_patterns: Option<Vec<String>>,
    #[schema(inline)]
    webhook: Option<WebhookGiven>,
}

/// Changes a source. What may make a refused sync succeed lifts its cooldown.
#[utoipa::path(patch, path = "/v1/sources/{source}", tag = "sources", params(("source" = String, Path)), request_body = SourceChange, responses((status = 200, body = SourceView)))]
async fn change_source(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(id): Path<String>,
    Checked { value, .. }: Checked<SourceChange>,
) -> Result<Json<SourceView>, Problem> {
    let now = api.plane.clock.now();
    let id = ids::source(&id).told(now)?;
    let webhook = value.webhook.unwrap_or_default();
    let change = ChangedSource {
        name: value.name,
        base_url: value.base_url,
        repository: value.repository,
        principal: value.principal,
        credential: value.credential.map(|credential| credential.map(Into::into)),
        streams: value.streams,
        entities: value.entities,
        health: value.health.map(|health| health.map(Into::into)),
        monitored: value.monitored,
        path: value.path,
        patterns: value.patterns,
        git: value.git.map(Into::into),
        branches: value.branches,
        ignore_patterns: value.ignore_patterns,
        webhook_active: webhook.active,
        webhook_secret: webhook.secret,
    };
    manage::change_source(&api.plane, &asker, &id, change).await.told(now)?;
    let looked = status::source(&api.plane, &asker, &id).await.told(now)?;
    Ok(Json(SourceView::looked(&looked, now)))
}

/// Deletes a source. It is hidden at once; the answer is the run that removes
/// its rows.
#[utoipa::path(delete, path = "/v1/sources/{source}", tag = "sources", params(("source" = String, Path)), responses((status = 202, body = RunView)))]
async fn delete_source(
    State(api): State<Api>,
    Caller(asker): Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<RunView>), Problem> {
    let now = api.plane.clock.now();
    let id = ids::source(&id).told(now)?;
    match manage::delete_source(&api.plane, &asker, &id, Some(request)).await.told(now)? {
        Answer::Accepted(run) | Answer::Attached(run) | Answer::Repeated(run) | Answer::FollowUp(run) | Answer::Parked(run) => {
            Ok((StatusCode::ACCEPTED, Json(RunView::of(&run, now))))
        }
        Answer::Fresh { .. } | Answer::Would(_) => Err(Problem::from_error(&Error::NotFound("source"), now)),
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ItemQuery {
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Of records: what they are of.
    entity: Option<String>,
    state: Option<String>,
    updated_since: Option<String>,
    /// Part of the title.
    q: Option<String>,
    cursor: Option<String>,
    limit: Option<u64>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Items {
    pub(super) items: Vec<ItemView>,
    pub(super) next_cursor: Option<String>,
}

/// A type of items, as a caller wrote it.
pub(super) fn item_type(text: Option<String>) -> Result<Option<ItemType>, Error> {
    let known = || ItemType::ALL.map(ItemType::as_str).join(", ");
    let kind = |text: String| ItemType::parse(&text).ok_or_else(|| Error::invalid("type", format!("must be one of {}", known())));
    text.map(kind).transpose()
}

/// What a source holds, newest change first.
#[utoipa::path(get, path = "/v1/sources/{source}/items", tag = "sources", params(("source" = String, Path), ItemQuery), responses((status = 200, body = Items)))]
async fn items(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(id): Path<String>,
    Asked(query): Asked<ItemQuery>,
) -> Result<Json<Items>, Problem> {
    let now = api.plane.clock.now();
    let id = ids::source(&id).told(now)?;
    let moment = |text: String| Moment::parse(&text).ok_or_else(|| Error::invalid("updated_since", "must be a time in RFC 3339"));
    let mut gathered = Gathered::default();
    let filter = ItemFilter {
        kind: gathered.take(item_type(query.kind)),
        entity: query.entity,
        state: query.state,
        updated_since: gathered.take(query.updated_since.map(moment).transpose()),
        text: query.q,
    };
    let limit = gathered.take(ids::limit(query.limit));
    let after = gathered.take(query.cursor.as_deref().map(place).transpose());
    gathered.all_well().told(now)?;
    let page = status::items(&api.plane, &asker, &id, &filter, after, limit).await.told(now)?;
    let items = page.items.into_iter().map(ItemView::from).collect();
    Ok(Json(Items { items, next_cursor: page.next.map(|next| url_text(next.as_bytes())) }))
}

/// The place in a list that a cursor stands for.
pub(super) fn place(cursor: &str) -> Result<String, Error> {
    let text = from_url_text(cursor).and_then(|bytes| String::from_utf8(bytes).ok());
    // A place begins with a time, in as many digits as times are written with.
    let is_place = |text: &String| {
        let (time, id) = text.split_once('#').unwrap_or_default();
        time.len() == 14 && time.bytes().all(|byte| byte.is_ascii_digit()) && !id.is_empty() && id.len() < 200
    };
    text.filter(is_place).ok_or_else(|| Error::invalid("cursor", "is not one that a list gave"))
}

#[derive(Serialize, ToSchema)]
struct Reset {
    reset: bool,
    previous_cursor: Option<String>,
}

/// Forgets where an unfinished first run stopped, so that the next run begins it
/// again.
#[utoipa::path(post, path = "/v1/sources/{source}/reset-backfill", tag = "sources", params(("source" = String, Path)), responses((status = 200, body = Reset)))]
async fn reset_backfill(State(api): State<Api>, Caller(asker): Caller, Path(id): Path<String>) -> Result<Json<Reset>, Problem> {
    let now = api.plane.clock.now();
    let id = ids::source(&id).told(now)?;
    let previous_cursor = manage::reset_backfill(&api.plane, &asker, &id).await.told(now)?;
    Ok(Json(Reset { reset: previous_cursor.is_some(), previous_cursor }))
}
