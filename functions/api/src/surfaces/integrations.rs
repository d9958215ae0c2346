//! Integrations: surface 3.4, where a coordinator runs one outside its schedule.
//!
//! Supabase's client asks for it as a function of PostgREST's, everybody else at a path
//! like those of the other surfaces. Both go the same way.

use axum::Json;
use axum::extract::{Extension, OriginalUri, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use pullcord_core::admission::Surface;
use pullcord_core::clock::Moment;
use pullcord_core::model::{Right, Run, SourceId, SourceKind, Trigger, WorkspaceId, is_id};
use pullcord_core::trigger::{Answer, Ask, Asker, trigger};
use pullcord_core::{Error, Refusal, manage, status};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asking::{Blocked, Conflict, TriggerQuery, Wished, idempotency, outcome_of, would_be};
use super::runs::{Override, reason_of};
use super::words::words;
use crate::Api;
use crate::auth::Caller;
use crate::checked::{Asked, Checked, Gathered, Path};
use crate::edge::RequestId;
use crate::postgrest;
use crate::problem::{Problem, Told};

mod run_log;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(trigger_integration_sync)).routes(routes!(sync_integration)).merge(run_log::routes())
}

/// Which integration of which organisation. Who asks is in the token, and nowhere else.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    /// The slug of a workspace.
    org_id: String,
    integration_type: String,
}

/// What can be said along, without changing what the function takes.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct FunctionQuery {
    /// The fields of the answer that are wanted; `*` for all.
    #[expect(dead_code, reason = "read with the answer, and named here for the description")]
    select: Option<String>,
    #[serde(rename = "onConflict")]
    #[param(inline)]
    on_conflict: Option<Conflict>,
    #[serde(rename = "onBlocked")]
    #[param(inline)]
    on_blocked: Option<Blocked>,
    wait: Option<String>,
    #[serde(rename = "maxAge")]
    max_age: Option<String>,
    #[serde(rename = "dryRun")]
    dry_run: Option<bool>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct IntegrationAsked {
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
#[expect(clippy::struct_field_names, reason = "it is how the columns of the run log are called")]
struct Triggered {
    run_id: Option<String>,
    /// pending, running, paused, succeeded, failed or cancelled; fresh or unchanged if
    /// there is no run
    status: &'static str,
    /// manual, schedule or webhook
    triggered_by: Option<&'static str>,
    triggered_by_user_id: Option<String>,
    /// What came of the wish, where it is not simply accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
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

const FIELDS: [&str; 9] =
    ["run_id", "status", "triggered_by", "triggered_by_user_id", "outcome", "resumes_at", "last_sync_at", "reason", "next_allowed_at"];

/// Syncs an integration of an organisation, as a function of PostgREST's.
#[utoipa::path(post, path = "/rest/v1/rpc/trigger_integration_sync", tag = "integrations",
    params(FunctionQuery, ("idempotency-key" = Option<String>, Header)), request_body = Named, responses((status = 200, body = Triggered)))]
async fn trigger_integration_sync(
    State(api): State<Api>,
    Caller(asker): Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Asked(query): Asked<FunctionQuery>,
    Checked { value, essence }: Checked<Named>,
) -> Result<Response, Problem> {
    let now = api.plane.clock.now();
    let FunctionQuery { on_conflict, on_blocked, wait, max_age, dry_run, .. } = query;
    let options = IntegrationAsked { on_conflict, on_blocked, wait, max_age, dry_run, override_cooldown: None };
    let place = Place { uri: &uri, headers: &headers, essence: &essence, request };
    let (_, triggered) = asked(&api, asker, value, options, place).await?;
    postgrest::returned(&uri, &headers, &FIELDS, json!(triggered)).told(now)
}

/// Syncs an integration of an organisation.
#[utoipa::path(post, path = "/api/orgs/{org_id}/integrations/{integration_type}/sync", tag = "integrations",
    params(("org_id" = String, Path), ("integration_type" = String, Path), TriggerQuery, ("idempotency-key" = Option<String>, Header)),
    request_body = IntegrationAsked,
    responses((status = 202, body = Triggered), (status = 200, body = Triggered, description = "ended, attached, fresh or a dry run")))]
async fn sync_integration(
    State(api): State<Api>,
    Caller(asker): Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    OriginalUri(uri): OriginalUri,
    Path((org_id, integration_type)): Path<(String, String)>,
    headers: HeaderMap,
    Asked(query): Asked<TriggerQuery>,
    Checked { value, essence }: Checked<IntegrationAsked>,
) -> Result<Response, Problem> {
    let options = IntegrationAsked {
        on_conflict: query.on_conflict.or(value.on_conflict),
        on_blocked: query.on_blocked.or(value.on_blocked),
        wait: query.wait.or(value.wait),
        max_age: query.max_age.or(value.max_age),
        dry_run: query.dry_run.or(value.dry_run),
        override_cooldown: value.override_cooldown,
    };
    let place = Place { uri: &uri, headers: &headers, essence: &essence, request };
    let (code, triggered) = asked(&api, asker, Named { org_id, integration_type }, options, place).await?;
    Ok((code, Json(triggered)).into_response())
}

/// The request that a wish came with.
struct Place<'a> {
    uri: &'a Uri,
    headers: &'a HeaderMap,
    essence: &'a str,
    request: String,
}

async fn asked(
    api: &Api,
    asker: Asker,
    named: Named,
    options: IntegrationAsked,
    place: Place<'_>,
) -> Result<(StatusCode, Triggered), Problem> {
    let now = api.plane.clock.now();
    let mut gathered = Gathered::default();
    let IntegrationAsked { on_conflict, on_blocked, wait, max_age, dry_run, override_cooldown } = options;
    let said = TriggerQuery { on_conflict, on_blocked, wait, max_age, dry_run };
    let wished = Wished::of(said, TriggerQuery::default(), &mut gathered);
    let override_cooldown = gathered.take(reason_of(override_cooldown));
    let idempotency = gathered.take(idempotency(&asker, place.headers, place.uri, place.essence));
    gathered.all_well().told(now)?;
    let source = integration(api, &asker, &named, now).await?;
    let ask = Ask {
        kind: Some(SourceKind::Integration),
        on_conflict: wished.on_conflict,
        on_blocked: wished.on_blocked,
        max_age: wished.max_age,
        dry_run: wished.dry_run,
        override_cooldown,
        idempotency,
        request_id: Some(place.request),
        ..Ask::sync(source, asker, Surface::Integrations)
    };
    let answer = trigger(&api.plane, ask).await.map_err(|error| refused(&error, &named.integration_type, now))?;
    let outcome = outcome_of(&answer);
    let said = Triggered { outcome: Some(outcome).filter(|outcome| *outcome != "accepted"), ..Triggered::default() };
    let run = match answer {
        Answer::Accepted(run) | Answer::Repeated(run) | Answer::Attached(run) | Answer::FollowUp(run) | Answer::Parked(run) => *run,
        Answer::Fresh { last_synced_at } => {
            return Ok((StatusCode::OK, Triggered { status: "fresh", last_sync_at: Some(last_synced_at.rfc3339()), ..said }));
        }
        Answer::Would(would) => {
            let mut native = would_be(would, now);
            let mut taken = |name: &str| Some(native[name].take()).filter(|value| !value.is_null());
            let (reason, next_allowed_at) = (taken("reason"), taken("next_allowed_at"));
            let mut text = |name: &str| taken(name).and_then(|value| value.as_str().map(str::to_owned));
            let (run_id, resumes_at) = (text("run_id"), text("resumes_at"));
            return Ok((StatusCode::OK, Triggered { run_id, status: "unchanged", resumes_at, reason, next_allowed_at, ..said }));
        }
    };
    let run = match wished.wait {
        Some(wait) => status::ended(&api.plane, run, now.plus(wait)).await.map_err(Error::from).told(now)?,
        None => run,
    };
    let is_over = wished.wait.is_some() && run.status.is_terminal();
    let code = if outcome == "attached" || is_over { StatusCode::OK } else { StatusCode::ACCEPTED };
    let (triggered_by, user) = begun_by(&run);
    let triggered = Triggered {
        run_id: Some(run.id.to_string()),
        status: words(run.status).integrations,
        triggered_by: Some(triggered_by),
        triggered_by_user_id: user,
        resumes_at: run.resumes_at.filter(|_| !run.status.is_terminal()).map(Moment::rfc3339),
        ..said
    };
    Ok((code, triggered))
}

/// What set a run off, and who, if it was somebody.
fn begun_by(run: &Run) -> (&'static str, Option<String>) {
    match run.trigger {
        Trigger::Webhook => ("webhook", None),
        Trigger::Schedule => ("schedule", None),
        // A period that came while something ran.
        _ if run.scheduled_for.is_some() => ("schedule", None),
        _ => ("manual", Some(run.triggered_by.to_string())),
    }
}

/// The integration of an organisation that is of this type. Who may not sync it, and
/// who asks about one that is not there, cannot tell the one from the other.
async fn integration(api: &Api, asker: &Asker, named: &Named, now: Moment) -> Result<SourceId, Problem> {
    let store = &api.plane.store;
    let said = |error: &Error| refused(error, &named.integration_type, now);
    let failed = |fault| said(&Error::Fault(fault));
    let nobody = || said(&Error::NotFound("workspace"));
    if !is_id(&named.org_id) {
        return Err(nobody());
    }
    let workspace = WorkspaceId::known(named.org_id.as_str());
    let is_one = manage::is_integration_type(&named.integration_type);
    let found = async { if is_one { store.integration(&workspace, &named.integration_type).await } else { Ok(None) } };
    let (person, found) = futures::try_join!(asker.person(store), found).map_err(failed)?;
    if !person.role_in(&workspace).is_some_and(|role| role.may(Right::SyncIntegration)) {
        return Err(nobody());
    }
    match found {
        Some(source) => Ok(source),
        // Operators may do everything everywhere, and nothing nowhere.
        None if person.is_operator() && store.workspace(&workspace).await.map_err(failed)?.is_none() => Err(nobody()),
        None => Err(said(&Error::NotFound("source"))),
    }
}

/// A refusal in the words of this surface.
fn refused(error: &Error, integration_type: &str, now: Moment) -> Problem {
    let (error, word) = match error {
        Error::Forbidden(_) => (error, "insufficient_permissions"),
        Error::NotFound("workspace") => {
            let why = "only an admin or a coordinator of the organisation may sync its integrations";
            (&Error::Forbidden(why.to_owned()), "insufficient_permissions")
        }
        Error::NotFound(_) => {
            let why = format!("names {integration_type}, and the organisation has set up no such integration");
            (&Error::invalid("integration_type", why), "unknown_integration_type")
        }
        Error::Refused(refusal) => match &**refusal {
            Refusal::InProgress { run, .. } => {
                let detail = format!("run {run} is under way");
                return Problem::from_error(error, now).with("error", "sync_already_in_progress").with("detail", detail);
            }
            Refusal::Cooling { .. } | Refusal::QuotaLow { .. } => (error, "rate_limited"),
            Refusal::Unconfirmed { .. } => return Problem::from_error(error, now),
        },
        _ => return Problem::from_error(error, now),
    };
    Problem::from_error(error, now).with("error", word)
}
