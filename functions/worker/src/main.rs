//! Boots the queue function.

use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use pullcord_core::clock::Moment;
use pullcord_core::config::Config;
use pullcord_core::{Plane, telemetry};

/// Kept between the end of the work and the end of the invocation, for the last
/// write and send.
const RESERVE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<(), Error> {
    let config = Config::from_environment()?;
    telemetry::start(&config);
    let plane = &Plane::in_the_cloud(config).await?;
    let serve = async |event: LambdaEvent<SqsEvent>| {
        let deadline = Moment(event.context.deadline as i64).minus(RESERVE);
        Ok::<_, Error>(pullcord_worker::handle(plane, event.payload, deadline).await)
    };
    lambda_runtime::run(service_fn(serve)).await
}
