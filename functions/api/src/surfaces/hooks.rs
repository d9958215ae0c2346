//! Deliveries of the forges' webhooks. The sender has no bearer token: it proves that
//! it knows the secret of the source's webhook.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use bytes::Bytes;
use pullcord_core::Error;
use pullcord_core::clock::Moment;
use pullcord_core::deliver::{CameTo, Incoming, deliver};
use pullcord_core::providers::Sent;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ids;
use crate::Api;
use crate::checked::Path;
use crate::edge::RequestId;
use crate::problem::{Problem, Told};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(take_delivery))
}

/// Whether a path is one that deliveries are sent to.
pub(crate) fn takes(path: &str) -> bool {
    path.starts_with("/v1/hooks/")
}

/// One answer to an unknown source, to one without a secret, and to a wrong
/// signature.
const UNPROVED: &str =
    "there is no source of this id whose webhook's secret proves this delivery: compare the address, and the secret here and at the forge";

/// What became of a delivery. Who sends one need not be a member: of the run it
/// says no more than that there is one.
#[derive(Serialize, ToSchema)]
struct DeliveryView {
    /// accepted, follow_up or parked: a run will look at what changed. counted: it
    /// changes nothing that the source reads. repeated: it came before.
    outcome: &'static str,
    /// The delivery's id and event, as the forge calls them.
    delivery: String,
    event: String,
    run_id: Option<String>,
    status: Option<&'static str>,
    resumes_at: Option<String>,
    /// Something to see to: the repository has another name now.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// Takes a delivery of the forge that a source is at. The secret of the source's
/// webhook has to prove it; no bearer token is asked for.
#[utoipa::path(post, path = "/v1/hooks/{source}", tag = "hooks", security(()), params(("source" = String, Path)),
    request_body(content = Object, description = "what the forge sends, as it sends it; at most 256 KiB"),
    responses((status = 202, body = DeliveryView, description = "a run will look at what changed"),
        (status = 200, body = DeliveryView, description = "it starts nothing: a ping, an event that the source does not read, or a delivery that came before")))]
async fn take_delivery(
    State(api): State<Api>,
    Extension(RequestId(request)): Extension<RequestId>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<DeliveryView>), Problem> {
    let now = api.plane.clock.now();
    let Ok(source) = ids::source(&id) else { return Err(Problem::not_found(UNPROVED)) };
    // A secret that is sent along need not be ASCII.
    let text = |value: &HeaderValue| String::from_utf8(value.as_bytes().to_vec()).ok();
    let headers = headers.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?))).collect();
    let incoming = Incoming { source, sent: Sent { headers, body: body.to_vec() }, request_id: Some(request) };
    let taken = match deliver(&api.plane, incoming).await {
        Err(Error::NotFound(_)) => return Err(Problem::not_found(UNPROVED)),
        taken => taken.told(now)?,
    };
    let run = taken.came_to.run();
    let view = DeliveryView {
        outcome: taken.came_to.as_str(),
        run_id: run.map(|run| run.id.to_string()),
        status: run.map(|run| run.status.as_str()),
        resumes_at: run.and_then(|run| run.resumes_at).map(Moment::rfc3339),
        delivery: taken.delivery.id,
        event: taken.delivery.event,
        note: taken.renamed.map(|name| format!("the repository is called {name} now: change the source's repository")),
    };
    let code = if matches!(taken.came_to, CameTo::Run(_)) { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok((code, Json(view)))
}
