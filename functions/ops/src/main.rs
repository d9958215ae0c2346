//! Boots the function for operators.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use pullcord_core::config::Config;
use pullcord_core::{Plane, telemetry};
use serde_json::Value;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let config = Config::from_environment()?;
    telemetry::start(&config);
    let plane = &Plane::in_the_cloud(config).await?;
    let serve = async |event: LambdaEvent<Value>| pullcord_ops::handle(plane, event.payload).await.map_err(Error::from);
    lambda_runtime::run(service_fn(serve)).await
}
