//! The run log of integrations, as a table of PostgREST's: whoever triggered a run
//! follows it here.

use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::Response;
use pullcord_core::Error;
use pullcord_core::clock::Moment;
use pullcord_core::model::{Run, RunId, RunStatus, WorkspaceId};
use pullcord_core::status::{Logged, run_log};
use pullcord_core::views::{ErrorView, RunView};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::words::words;
use super::begun_by;
use crate::Api;
use crate::auth::Caller;
use crate::postgrest::{Table, Wanted};
use crate::problem::{Problem, Told};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(sync_run_log))
}

const RUN_LOG: Table = Table {
    columns: &[
        "run_id",
        "org_id",
        "integration_type",
        "status",
        "triggered_by",
        "triggered_by_user_id",
        "scheduled_for",
        "triggered_at",
        "started_at",
        "finished_at",
        "drift_seconds",
        "records",
        "error",
        "warnings",
    ],
    filters: &["run_id", "org_id", "integration_type", "status"],
    order: "triggered_at",
};

const STATUSES: [RunStatus; 6] =
    [RunStatus::Queued, RunStatus::Running, RunStatus::Paused, RunStatus::Completed, RunStatus::Failed, RunStatus::Cancelled];

/// A run of an integration.
#[derive(Serialize, ToSchema)]
struct LoggedRun {
    run_id: String,
    org_id: String,
    integration_type: Option<String>,
    /// pending, running, paused, succeeded, failed or cancelled
    status: &'static str,
    /// manual, schedule or webhook
    triggered_by: &'static str,
    triggered_by_user_id: Option<String>,
    scheduled_for: Option<String>,
    triggered_at: String,
    started_at: Option<String>,
    finished_at: Option<String>,
    drift_seconds: Option<u64>,
    records: Records,
    /// Why it failed.
    error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<ErrorView>,
}

#[derive(Serialize, ToSchema)]
struct Records {
    created: u64,
    updated: u64,
    skipped: u64,
    failed: u64,
}

impl LoggedRun {
    fn of(run: &Run, now: Moment) -> Self {
        let view = RunView::of(run, now);
        let (triggered_by, triggered_by_user_id) = begun_by(run);
        Self {
            run_id: view.id,
            org_id: view.workspace,
            integration_type: run.integration_type.clone(),
            status: words(run.status).integrations,
            triggered_by,
            triggered_by_user_id,
            scheduled_for: view.scheduled_for,
            triggered_at: view.created_at,
            started_at: view.started_at,
            finished_at: view.finished_at,
            drift_seconds: view.drift_seconds,
            records: Records {
                created: view.results.created,
                updated: view.results.updated,
                skipped: view.results.skipped,
                failed: view.results.failed,
            },
            error: view.error.map(|error| error.message),
            warnings: view.warnings,
        }
    }
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read as conditions; here for the description")]
struct LogQuery {
    /// Columns, or `*`.
    select: Option<String>,
    /// `eq.` and an id, or `in.(…)` and several; so are the others.
    run_id: Option<String>,
    org_id: Option<String>,
    integration_type: Option<String>,
    status: Option<String>,
    /// `triggered_at.desc`, or `triggered_at.asc`.
    order: Option<String>,
    /// At most 1000.
    limit: Option<u64>,
    offset: Option<u64>,
}

/// Runs of integrations of the caller's organisations, newest first. With the accept
/// header `application/vnd.pgrst.object+json`, the one that there is.
#[utoipa::path(get, path = "/rest/v1/sync_run_log", tag = "integrations",
    params(LogQuery, ("range" = Option<String>, Header)),
    responses((status = 200, body = Vec<LoggedRun>), (status = 406, description = "one row was wanted, and there are none or several")))]
async fn sync_run_log(
    State(api): State<Api>,
    Caller(asker): Caller,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let now = api.plane.clock.now();
    let wanted = RUN_LOG.wanted(&uri, &headers).told(now)?;
    statuses_exist(&wanted).told(now)?;
    let row = |run: &Run| json!(LoggedRun::of(run, now));
    let runs = run_log(&api.plane, &asker, &logged(&wanted), |run| wanted.takes(&row(run))).await.told(now)?;
    let rows: Vec<Value> = runs.iter().map(row).collect();
    Ok(wanted.answer(&headers, rows))
}

/// Where to look. An id that is none is nobody's.
fn logged(wanted: &Wanted) -> Logged {
    let values = |column| wanted.values(column).map(<[String]>::iter);
    Logged {
        runs: values("run_id").map(|ids| ids.filter_map(|id| RunId::parse(id)).collect()),
        workspaces: values("org_id").map(|ids| ids.map(WorkspaceId::known).collect()),
        integration_types: values("integration_type").map(|types| types.cloned().collect()),
        oldest_first: wanted.oldest_first,
        most: wanted.most(),
    }
}

fn statuses_exist(wanted: &Wanted) -> Result<(), Error> {
    let known = STATUSES.map(|status| words(status).integrations);
    match wanted.values("status").into_iter().flatten().find(|status| !known.contains(&status.as_str())) {
        Some(other) => Err(Error::invalid("status", format!("is never {other}; it is one of {}", known.join(", ")))),
        None => Ok(()),
    }
}
