//! The schedule of a source: when it syncs by itself.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use pullcord_core::manage::{self, ScheduleGiven, WindowGiven};
use pullcord_core::model::WindowRule;
use pullcord_core::status;
use pullcord_core::views::ScheduleView;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ids;
use crate::Api;
use crate::auth::Caller;
use crate::checked::{Asked, Checked, Path};
use crate::problem::{Problem, Told};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(show, set, clear))
}

/// In which syncs do not begin by themselves, or outside of which they do not.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WindowBody {
    /// deny or allow
    rule: Rule,
    /// When it begins: minute, hour, day of the month, month, day of the week.
    cron: String,
    /// How long it lasts: PT8H.
    duration: String,
    /// The schedule's, if none is given.
    timezone: Option<String>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Rule {
    Allow,
    Deny,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ScheduleBody {
    /// PT1H, say, counted from now. Either this or `cron`.
    every: Option<String>,
    /// Minute, hour, day of the month, month, day of the week.
    cron: Option<String>,
    /// A name like Europe/Oslo; UTC if none is given.
    timezone: Option<String>,
    #[serde(default)]
    #[schema(required = false)]
    windows: Vec<WindowBody>,
    /// Whether a worker is warmed up half a minute before.
    #[serde(default)]
    #[schema(required = false)]
    prewarm: bool,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Trial {
    /// Only shows what it would come to.
    #[serde(rename = "dryRun")]
    dry_run: Option<bool>,
}

impl From<ScheduleBody> for ScheduleGiven {
    fn from(body: ScheduleBody) -> Self {
        let window = |WindowBody { rule, cron, duration, timezone }: WindowBody| {
            let rule = match rule {
                Rule::Allow => WindowRule::Allow,
                Rule::Deny => WindowRule::Deny,
            };
            WindowGiven { rule, cron, duration, timezone }
        };
        let ScheduleBody { every, cron, timezone, windows, prewarm } = body;
        Self { every, cron, timezone, windows: windows.into_iter().map(window).collect(), prewarm }
    }
}

/// When a source syncs by itself, and its next times.
#[utoipa::path(get, path = "/v1/sources/{source}/schedule", tag = "schedules", params(("source" = String, Path)), responses((status = 200, body = ScheduleView)))]
async fn show(State(api): State<Api>, Caller(asker): Caller, Path(id): Path<String>) -> Result<Json<ScheduleView>, Problem> {
    let now = api.plane.clock.now();
    let id = ids::source(&id).told(now)?;
    let looked = status::source(&api.plane, &asker, &id).await.told(now)?;
    let schedule = looked.source.schedule.ok_or(pullcord_core::Error::NotFound("schedule")).told(now)?;
    Ok(Json(ScheduleView::of(&schedule, now)))
}

/// Sets when a source syncs by itself.
#[utoipa::path(put, path = "/v1/sources/{source}/schedule", tag = "schedules", params(("source" = String, Path), Trial), request_body = ScheduleBody, responses((status = 200, body = ScheduleView)))]
async fn set(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(id): Path<String>,
    Asked(trial): Asked<Trial>,
    Checked { value, .. }: Checked<ScheduleBody>,
) -> Result<Json<ScheduleView>, Problem> {
    let now = api.plane.clock.now();
    let id = ids::source(&id).told(now)?;
    let is_trial = trial.dry_run.unwrap_or(false);
    let schedule = manage::set_schedule(&api.plane, &asker, &id, &value.into(), is_trial).await.told(now)?;
    Ok(Json(ScheduleView::of(&schedule, now)))
}

/// Has a source sync only when it is asked to.
#[utoipa::path(delete, path = "/v1/sources/{source}/schedule", tag = "schedules", params(("source" = String, Path)), responses((status = 204)))]
async fn clear(State(api): State<Api>, Caller(asker): Caller, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let now = api.plane.clock.now();
    let id = ids::source(&id).told(now)?;
    manage::clear_schedule(&api.plane, &asker, &id).await.told(now)?;
    Ok(StatusCode::NO_CONTENT)
}
