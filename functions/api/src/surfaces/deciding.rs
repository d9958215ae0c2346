//! The native API: what a trigger would come to, and what is to become of items
//! that are missing at their source.

use axum::Json;
use axum::extract::{Extension, State};
use axum::response::Response;
use pullcord_core::admission::Surface;
use pullcord_core::clock::{Moment, show_duration};
use pullcord_core::digest::{from_url_text, url_text};
use pullcord_core::model::{RunOptions, Work};
use pullcord_core::trigger::{Answer, Ask, Explained, Would, explain};
use pullcord_core::views::{ItemView, RunView};
use pullcord_core::{Error, manage, status};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asking::{Blocked, Conflict};
use super::ids;
use super::runs::{ListQuery, answered};
use crate::Api;
use crate::auth::Caller;
use crate::checked::{Asked, Checked, Path};
use crate::edge::RequestId;
use crate::problem::{Problem, Told};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(explain_sync)).routes(routes!(held_deletions, decide))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ExplainQuery {
    #[serde(rename = "onConflict")]
    #[param(inline)]
    on_conflict: Option<Conflict>,
    #[serde(rename = "onBlocked")]
    #[param(inline)]
    on_blocked: Option<Blocked>,
    full: Option<bool>,
    #[serde(rename = "includeClosed")]
    include_closed: Option<bool>,
    confirmed: Option<bool>,
}

#[derive(Serialize, ToSchema)]
struct Explanation {
    /// accept, park or reject
    would: &'static str,
    /// accepted, attached, follow_up, parked or refused
    outcome: &'static str,
    /// Of a refusal: its code.
    reason: Option<String>,
    /// Until when what is in the way lasts, where that is known.
    until: Option<String>,
    /// Whether onBlocked=park would be accepted.
    can_park: bool,
    checks: Vec<CheckView>,
    estimate: EstimateView,
}

/// One rule, whether it lets the trigger through, and on which facts.
#[derive(Serialize, ToSchema)]
struct CheckView {
    check: &'static str,
    ok: bool,
    because: String,
    #[schema(value_type = Object)]
    facts: Map<String, Value>,
}

/// What the sync would cost, by the source's own past.
#[derive(Serialize, ToSchema)]
struct EstimateView {
    requests: Option<u64>,
    pages: Option<u64>,
    duration: Option<String>,
    runs_seen: u64,
}

impl Explanation {
    fn of(explained: &Explained, now: Moment) -> Self {
        let reason = match &explained.verdict {
            Err(error) => Some(Problem::from_error(error, now).code().to_owned()),
            Ok(Answer::Would(Would::Refuse(refusal))) => Some(refusal.rule().to_owned()),
            Ok(_) => None,
        };
        let checks = explained.checks.iter().cloned();
        let cost = &explained.cost;
        Self {
            would: explained.would(),
            outcome: explained.outcome(),
            reason,
            until: explained.until().map(Moment::rfc3339),
            can_park: explained.can_park,
            checks: checks.map(|one| CheckView { check: one.check, ok: one.ok, because: one.because, facts: one.facts }).collect(),
            estimate: EstimateView {
                requests: cost.requests,
                pages: cost.pages,
                duration: cost.took.map(|took| show_duration(std::time::Duration::from_millis(took.usually))),
                runs_seen: cost.runs_seen as u64,
            },
        }
    }
}

/// Says what a sync would come to now, and why. It changes nothing.
#[utoipa::path(get, path = "/v1/sources/{source}/sync/explain", tag = "runs", params(("source" = String, Path), ExplainQuery), responses((status = 200, body = Explanation)))]
async fn explain_sync(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(id): Path<String>,
    Asked(query): Asked<ExplainQuery>,
) -> Result<Json<Explanation>, Problem> {
    let now = api.plane.clock.now();
    let options = RunOptions {
        full: query.full.unwrap_or_default(),
        include_closed: query.include_closed.unwrap_or_default(),
        ..RunOptions::default()
    };
    let ask = Ask {
        options,
        confirmed: query.confirmed.unwrap_or_default(),
        on_conflict: query.on_conflict.unwrap_or_default().into(),
        on_blocked: query.on_blocked.unwrap_or_default().into(),
        ..Ask::sync(ids::source(&id).told(now)?, asker, Surface::Native)
    };
    let explained = explain(&api.plane, ask).await.told(now)?;
    Ok(Json(Explanation::of(&explained, now)))
}

#[derive(Serialize, ToSchema)]
struct Held {
    items: Vec<ItemView>,
    /// All that wait for a decision.
    count: u64,
    next_cursor: Option<String>,
}

/// What is missing at the source and kept until someone decides.
#[utoipa::path(get, path = "/v1/sources/{source}/held-deletions", tag = "sources", params(("source" = String, Path), ListQuery), responses((status = 200, body = Held)))]
async fn held_deletions(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(id): Path<String>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Held>, Problem> {
    let now = api.plane.clock.now();
    let id = ids::source(&id).told(now)?;
    let limit = ids::limit(query.limit).told(now)?;
    let after = query.cursor.as_deref().map(item_id).transpose().told(now)?;
    let (count, page) = status::held(&api.plane, &asker, &id, after.as_deref(), limit).await.told(now)?;
    let next_cursor = page.next.map(|next| url_text(next.as_bytes()));
    Ok(Json(Held { items: page.items.into_iter().map(ItemView::from).collect(), count, next_cursor }))
}

fn item_id(cursor: &str) -> Result<String, Error> {
    let text = from_url_text(cursor).and_then(|bytes| String::from_utf8(bytes).ok());
    let is_id = |text: &String| (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.filter(is_id).ok_or_else(|| Error::invalid("cursor", "is not one that a list gave"))
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Decision {
    Approve,
    Discard,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Decided {
    /// approve removes what is held; discard keeps it, silently, until it reappears.
    #[schema(inline)]
    decision: Decision,
    reason: Option<String>,
}

/// Decides on what is held. The answer is the run that carries it out.
#[utoipa::path(post, path = "/v1/sources/{source}/held-deletions", tag = "sources", params(("source" = String, Path)), request_body = Decided, responses((status = 202, body = RunView)))]
async fn decide(
    State(api): State<Api>,
    Caller(asker): Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    Path(id): Path<String>,
    Checked { value, .. }: Checked<Decided>,
) -> Result<Response, Problem> {
    let now = api.plane.clock.now();
    let work = match value.decision {
        Decision::Approve => Work::ApproveDeletions,
        Decision::Discard => Work::DiscardDeletions,
    };
    let id = ids::source(&id).told(now)?;
    let answer = manage::decide_held(&api.plane, &asker, &id, work, value.reason, Some(request)).await.told(now)?;
    answered(&api, answer, None, now).await
}
