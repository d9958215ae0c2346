//! The HTTP function: from a request to a door, and from what the door says to a
//! reply.
//!
//! One router serves the gateway, the local process and the tests. Every route
//! stands beside its handler under `surfaces/`, and the OpenAPI description is
//! made from the same list.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use pullcord_core::Plane;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub mod auth;
pub mod checked;
mod edge;
mod openapi;
mod postgrest;
pub mod problem;
mod surfaces;

use auth::Verifier;
use checked::Parameters;

/// What every handler receives.
#[derive(Clone)]
pub struct Api {
    pub plane: Arc<Plane>,
    verifier: Arc<Verifier>,
    parameters: Arc<Parameters>,
}

impl Api {
    fn new(plane: Arc<Plane>, description: &OpenApi) -> Self {
        let verifier = Arc::new(Verifier::new(&plane.config));
        Self { plane, verifier, parameters: Arc::new(Parameters::of(description)) }
    }
}

/// Everything the API answers.
pub fn router(plane: Arc<Plane>) -> Router {
    let (routes, description) = described().split_for_parts();
    dressed(Api::new(plane, &description), routes.merge(openapi::routes(&description)).merge(surfaces::console::pages()))
}

/// What the streaming function answers: live events, which a gateway would hold
/// back, and nothing else.
pub fn live_router(plane: Arc<Plane>) -> Router {
    let (routes, description) = surfaces::runs::live_routes().split_for_parts();
    dressed(Api::new(plane, &description), routes)
}

fn dressed(api: Api, routes: Router<Api>) -> Router {
    routes
        .fallback(edge::no_such_route)
        .method_not_allowed_fallback(edge::no_such_method)
        .layer(edge::cors(&api.plane.config))
        .layer(from_fn_with_state(api.clone(), edge::bounded))
        .layer(from_fn_with_state(api.clone(), edge::identified))
        .with_state(api)
}

/// The OpenAPI description of [`router`].
pub fn description() -> OpenApi {
    described().into_openapi()
}

fn described() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(openapi::head())
        .merge(surfaces::people::routes())
        .merge(surfaces::sources::routes())
        .merge(surfaces::schedules::routes())
        .merge(surfaces::runs::routes())
        .merge(surfaces::deciding::routes())
        .merge(surfaces::runs::live_routes())
        .merge(surfaces::projects::routes())
        .merge(surfaces::indexes::routes())
        .merge(surfaces::issues::routes())
        .merge(surfaces::workspaces::routes())
        .merge(surfaces::integrations::routes())
        .merge(surfaces::families::routes())
        .merge(surfaces::hooks::routes())
        .merge(surfaces::notices::routes())
        .merge(surfaces::issue_items::routes())
        .merge(surfaces::system::routes())
        .merge(surfaces::console::routes())
}
