//! What happens to every request, whatever it asks for.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use pullcord_core::clock::Moment;
use pullcord_core::config::Config;
use pullcord_core::telemetry;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::Api;
use crate::problem::Problem;
use crate::surfaces::hooks;

/// The longest body that is read.
pub(crate) const LONGEST_BODY: usize = 256 * 1024;

/// As much of a body that is too long is read before the answer.
const LONGEST_DRAIN: usize = 16 * 1024 * 1024;
/// A body that has not arrived by then is not waited for.
const LONGEST_READ: Duration = Duration::from_secs(20);

/// The id of a request: in its reply, in the log, in the run it starts.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How the paths of triggers end.
const TRIGGERS: [&str; 3] = ["/sync", "/sync/trigger", "/trigger_integration_sync"];

/// What pages send along: our own clients', and that of Supabase.
const SENT: [&str; 10] = [
    "apikey",
    "idempotency-key",
    "last-event-id",
    "prefer",
    "accept-profile",
    "content-profile",
    "x-client-info",
    "x-retry-count",
    "range",
    "range-unit",
];

/// Gives a request its id, times it, and puts the id on the reply and into the
/// problem, if there is one.
pub(crate) async fn identified(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let plane = &api.plane;
    let began = plane.clock.now();
    telemetry::note_cold_start(&plane.config, if plane.config.stream { "stream" } else { "api" }, began);
    let id = plane.chance.id(began).to_string();
    request.extensions_mut().insert(RequestId(id.clone()));
    let is_trigger = request.method() == Method::POST && TRIGGERS.iter().any(|end| request.uri().path().ends_with(end));
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        if let Some(fault) = &problem.fault {
            tracing::error!(decision = "request.failed", request = id, %method, path, error = fault);
        }
        let headers = response.headers().clone();
        response = problem.about(&id, &path).into_response();
        // What outer layers added to the reply stays.
        for (name, value) in &headers {
            if !response.headers().contains_key(name) {
                response.headers_mut().append(name, value.clone());
            }
        }
        response.extensions_mut().remove::<Problem>();
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let took = plane.clock.now().since(began);
    tracing::debug!(request = id, %method, path, status = response.status().as_u16(), milliseconds = took.as_millis() as u64);
    if is_trigger {
        report_trigger(&plane.config, plane.clock.now(), took);
    }
    response
}

fn report_trigger(config: &Config, now: Moment, took: Duration) {
    telemetry::emit(config, now, &[("TriggerLatency", took.as_secs_f64() * 1000.0, "Milliseconds")], &[]);
}

/// Refuses a body that is too long, or that does not come. What is left of a long
/// one is read and thrown away, within reason: a client that is still sending would
/// miss the answer.
pub(crate) async fn bounded(State(api): State<Api>, request: Request, next: Next) -> Response {
    let stated = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let too_large = if hooks::takes(request.uri().path()) { Problem::delivery_too_large } else { Problem::payload_too_large };
    if stated.is_some_and(|length| length > LONGEST_DRAIN) {
        return too_large().into_response();
    }
    let (parts, body) = request.into_parts();
    let clock = api.plane.clock.clone();
    let read = tokio::select! {
        read = read(body) => read,
        () = clock.sleep(LONGEST_READ) => return Problem::too_slow().into_response(),
    };
    match read {
        Some(bytes) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        None => too_large().into_response(),
    }
}

/// A whole body, unless it is too long.
async fn read(body: Body) -> Option<Vec<u8>> {
    let mut frames = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(frame) = frames.next().await {
        let frame = frame.ok()?;
        length += frame.len();
        if length <= LONGEST_BODY {
            bytes.extend_from_slice(&frame);
        } else if length > LONGEST_DRAIN {
            break;
        }
    }
    (length <= LONGEST_BODY).then_some(bytes)
}

pub(crate) async fn no_such_route() -> Problem {
    Problem::not_found("there is nothing at this path")
}

pub(crate) async fn no_such_method(method: Method) -> Problem {
    Problem::method_not_allowed(&method)
}

/// Lets pages of the configured origins call the API.
pub(crate) fn cors(config: &Config) -> CorsLayer {
    let origins = if config.cors_origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(config.cors_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(
            [header::AUTHORIZATION, header::CONTENT_TYPE].into_iter().chain(SENT.map(HeaderName::from_static)).collect::<Vec<_>>(),
        )
        .expose_headers([REQUEST_ID, header::RETRY_AFTER, header::LOCATION, header::CONTENT_RANGE])
        .max_age(Duration::from_mins(10))
}
