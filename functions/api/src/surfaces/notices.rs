//! The native API: the secret that signs a workspace's webhooks.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use pullcord_core::clock::Moment;
use pullcord_core::manage;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ids;
use crate::Api;
use crate::auth::Caller;
use crate::checked::Path;
use crate::problem::{Problem, Told};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(make_webhook_secret))
}

/// A secret that signs webhooks, shown this once.
#[derive(Serialize, ToSchema)]
struct WebhookSecret {
    /// `whsec_` and 32 bytes in base64.
    secret: String,
    /// Until then the secret before signs, too; null if there was none.
    previous_until: Option<String>,
}

/// Makes the secret that signs a workspace's webhooks, or a new one in its place. It is
/// shown in this answer and never again.
#[utoipa::path(post, path = "/v1/workspaces/{workspace}/webhook-secret", tag = "people", params(("workspace" = String, Path)), responses((status = 201, body = WebhookSecret)))]
async fn make_webhook_secret(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(slug): Path<String>,
) -> Result<(StatusCode, Json<WebhookSecret>), Problem> {
    let now = api.plane.clock.now();
    let slug = ids::workspace(&slug).told(now)?;
    let (secret, previous_until) = manage::new_webhook_secret(&api.plane, &asker, &slug).await.told(now)?;
    Ok((StatusCode::CREATED, Json(WebhookSecret { secret, previous_until: previous_until.map(Moment::rfc3339) })))
}
