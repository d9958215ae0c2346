//! Boots the HTTP function, buffered or streaming.

use std::sync::Arc;

use pullcord_core::config::Config;
use pullcord_core::{Plane, telemetry};

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    let config = Config::from_environment()?;
    telemetry::start(&config);
    let stream = config.stream;
    let plane = Arc::new(Plane::in_the_cloud(config).await?);
    if stream {
        return lambda_http::run_with_streaming_response(pullcord_api::live_router(plane)).await;
    }
    lambda_http::run(pullcord_api::router(plane)).await
}
