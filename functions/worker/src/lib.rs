//! The queue function: from a batch to jobs, and from their outcomes to the
//! failures that the queue shall deliver again.

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use pullcord_core::clock::Moment;
use pullcord_core::queue::Job;
use pullcord_core::sync::{bury, sync};
use pullcord_core::{Plane, telemetry};

/// Works on every message of a batch, side by side. `deadline` is when the work
/// must be over. Messages that failed are named in the reply; all others are
/// deleted by whoever delivered them.
pub async fn handle(plane: &Plane, event: SqsEvent, deadline: Moment) -> SqsBatchResponse {
    telemetry::note_cold_start(&plane.config, "worker", plane.clock.now());
    let worked = event.records.iter().map(|message| work(plane, message, deadline));
    let mut response = SqsBatchResponse::default();
    for failed in futures::future::join_all(worked).await.into_iter().flatten() {
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = failed;
        response.batch_item_failures.push(failure);
    }
    response
}

/// Works on one message; its id, if it is to come again.
async fn work(plane: &Plane, message: &SqsMessage, deadline: Moment) -> Option<String> {
    let id = message.message_id.clone().unwrap_or_default();
    let body = message.body.as_deref().unwrap_or_default();
    let job = match Job::decode(body) {
        Ok(job) => job,
        Err(why) => {
            // Nobody will ever be able to read it. Dropping it is what is best
            // for the queue; that it came at all is for a person to see.
            tracing::error!(decision = "message.unreadable", message = id, error = why, "dropped");
            telemetry::emit(&plane.config, plane.clock.now(), &[("UnreadableMessages", 1.0, "Count")], &[]);
            return None;
        }
    };
    let worked = if is_dead_letter(plane, message) { bury(plane, &job).await } else { sync(plane, &job, deadline).await };
    match worked {
        Ok(slice) => {
            tracing::debug!(decision = "message.done", message = id, outcome = ?slice);
            None
        }
        Err(fault) => {
            tracing::error!(decision = "message.failed", message = id, error = %fault, "the queue will deliver it again");
            Some(id)
        }
    }
}

/// Whether a message comes from another queue than the one that workers read.
fn is_dead_letter(plane: &Plane, message: &SqsMessage) -> bool {
    let ours = plane.queue.url().rsplit('/').next();
    let from = message.event_source_arn.as_deref().and_then(|arn| arn.rsplit(':').next());
    from.is_some() && from != ours
}
