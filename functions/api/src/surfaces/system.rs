//! How the service itself is.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use pullcord_core::status;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(health))
}

#[derive(Serialize, ToSchema)]
struct Health {
    /// healthy or unhealthy
    status: &'static str,
    /// connected or unreachable
    database: &'static str,
    queue: &'static str,
    version: &'static str,
}

/// Whether the service works. Needs no token.
#[utoipa::path(get, path = "/api/v1/system/health", tag = "system", security(()), responses((status = 200, body = Health), (status = 503, body = Health)))]
async fn health(State(api): State<Api>) -> (StatusCode, Json<Health>) {
    let health = status::health(&api.plane).await;
    let word = |connected| if connected { "connected" } else { "unreachable" };
    // Without its queue the service still accepts: the tick sends later.
    let (code, status) = if health.table { (StatusCode::OK, "healthy") } else { (StatusCode::SERVICE_UNAVAILABLE, "unhealthy") };
    let version = env!("CARGO_PKG_VERSION");
    (code, Json(Health { status, database: word(health.table), queue: word(health.queue), version }))
}
