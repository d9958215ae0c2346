//! The native API: syncs of a whole workspace, and the runs that belong to them.

use axum::Json;
use axum::extract::{Extension, OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::Response;
use pullcord_core::admission::{OnConflict, Surface};
use pullcord_core::digest::{from_url_text, url_text};
use pullcord_core::model::{RunOptions, is_id};
use pullcord_core::trigger::{Ask, trigger};
use pullcord_core::views::{ErrorView, RunView};
use pullcord_core::{Error, status};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asking::{Blocked, Conflict, TriggerQuery, Wished, idempotency, told_at};
use super::ids;
use super::runs::{ListQuery, Override, answered, reason_of};
use crate::Api;
use crate::auth::Caller;
use crate::checked::{Asked, Checked, Gathered, Path};
use crate::edge::RequestId;
use crate::problem::{Problem, Told};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(sync_workspace)).routes(routes!(children))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WorkspaceAsked {
    /// Ask for everything again, not only for what changed.
    #[serde(default)]
    full: bool,
    /// Cancel what runs and start anew.
    #[serde(default)]
    force: bool,
    #[serde(rename = "onConflict")]
    #[schema(inline)]
    on_conflict: Option<Conflict>,
    #[serde(rename = "onBlocked")]
    #[schema(inline)]
    on_blocked: Option<Blocked>,
    wait: Option<String>,
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
}

/// Syncs every repository of a workspace that is monitored.
#[utoipa::path(post, path = "/v1/workspaces/{workspace}/sync", tag = "runs",
    params(("workspace" = String, Path), TriggerQuery, ("idempotency-key" = Option<String>, Header)), request_body = WorkspaceAsked,
    responses((status = 202, body = RunView), (status = 200, body = RunView, description = "ended, attached, fresh or a dry run")))]
async fn sync_workspace(
    State(api): State<Api>,
    Caller(asker): Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    OriginalUri(uri): OriginalUri,
    Path(slug): Path<String>,
    headers: HeaderMap,
    Asked(query): Asked<TriggerQuery>,
    Checked { value, essence }: Checked<WorkspaceAsked>,
) -> Result<Response, Problem> {
    let now = api.plane.clock.now();
    let mut gathered = Gathered::default();
    let WorkspaceAsked { full, force, on_conflict, on_blocked, wait, max_age, dry_run, override_cooldown, reason, progress_webhook } =
        value;
    let wished = Wished::of(query, TriggerQuery { on_conflict, on_blocked, wait, max_age, dry_run }, &mut gathered);
    let override_cooldown = gathered.take(reason_of(override_cooldown));
    let progress_webhook = gathered.take(told_at(&api, progress_webhook.as_deref()));
    let idempotency = gathered.take(idempotency(&asker, &headers, &uri, &essence));
    gathered.all_well().told(now)?;
    let ask = Ask {
        options: RunOptions { full, ..RunOptions::default() },
        progress_webhook,
        on_conflict: if force { OnConflict::Restart } else { wished.on_conflict },
        on_blocked: wished.on_blocked,
        max_age: wished.max_age,
        dry_run: wished.dry_run,
        override_cooldown,
        reason,
        idempotency,
        request_id: Some(request),
        ..Ask::workspace(ids::workspace(&slug).told(now)?, asker, Surface::Native)
    };
    let answer = trigger(&api.plane, ask).await.told(now)?;
    answered(&api, answer, wished.wait, now).await
}

/// How the place in a list of children begins, before the source that the page
/// before ended with.
const PLACE: &str = "child#";

fn place(cursor: &str) -> Result<String, Error> {
    let text = from_url_text(cursor).and_then(|bytes| String::from_utf8(bytes).ok());
    let source = text.as_deref().and_then(|text| text.strip_prefix(PLACE)).filter(|id| is_id(id)).map(str::to_owned);
    source.ok_or_else(|| Error::invalid("cursor", "is not one that a list gave"))
}

/// A source that a workspace run took in.
#[derive(Serialize, ToSchema)]
struct ChildView {
    source: String,
    /// None if its sync was refused, or is on record no more.
    run: Option<RunView>,
    /// It was begun for this, and not found under way.
    own: bool,
    /// Why there is no run.
    refused: Option<ErrorView>,
}

#[derive(Serialize, ToSchema)]
struct ChildrenList {
    children: Vec<ChildView>,
    next_cursor: Option<String>,
}

/// What became of the sources that a workspace run took in, by their ids.
#[utoipa::path(get, path = "/v1/runs/{run}/children", tag = "runs", params(("run" = String, Path), ListQuery), responses((status = 200, body = ChildrenList)))]
async fn children(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(id): Path<String>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<ChildrenList>, Problem> {
    let now = api.plane.clock.now();
    let id = ids::run(&id).told(now)?;
    let limit = ids::limit(query.limit).told(now)?;
    let after = query.cursor.as_deref().map(place).transpose().told(now)?;
    let found = status::children(&api.plane, &asker, id, after.as_deref(), limit).await.told(now)?;
    let next_cursor = found.last().filter(|_| found.len() == limit).map(|(link, _)| url_text(format!("{PLACE}{}", link.source).as_bytes()));
    let child = |(link, run): (pullcord_core::store::items::Link, Option<pullcord_core::model::Run>)| ChildView {
        source: link.source.to_string(),
        run: run.map(|run| RunView::of(&run, now)),
        own: link.own,
        refused: link.refused.map(|error| ErrorView { code: error.code, message: error.message, at: error.at }),
    };
    Ok(Json(ChildrenList { children: found.into_iter().map(child).collect(), next_cursor }))
}
