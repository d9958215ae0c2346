//! The messages that workers receive.
//!
//! A message is a struct with a version in its tag, and says nothing that could
//! go stale: which run, whose gate it holds (which never changes) and the epoch
//! at which it was sent. Everything else is read from the table.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use serde::{Deserialize, Serialize};

use crate::error::Fault;
use crate::model::{Owner, Run, RunId, SourceId, WorkspaceId};

/// The longest a message can wait in the queue.
pub const LONGEST_DELAY: Duration = Duration::from_mins(15);

/// What a worker can be told to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "job", deny_unknown_fields)]
pub enum Job {
    /// Go on with a run.
    #[serde(rename = "sync.v1")]
    Sync { of: Owner, run: RunId, epoch: u64 },
    /// See whether the credential of a source is accepted, while it is this one.
    #[serde(rename = "validate.v1")]
    Validate { source: SourceId, fingerprint: String },
    /// See how the other side of a source is.
    #[serde(rename = "probe.v1")]
    Probe { source: SourceId, version: u64 },
    /// Tell a hook of a run what it has not been told yet.
    #[serde(rename = "notify.v1")]
    Notify { of: Owner, run: RunId, hook: String },
    /// Be there: something is about to begin.
    #[serde(rename = "warm.v1")]
    Warm,
}

impl Job {
    /// The message for a run as it stands.
    pub fn for_run(run: &Run) -> Self {
        Self::Sync { of: run.owner.clone(), run: run.id, epoch: run.epoch }
    }

    /// Reads a message's body; the error says what is wrong with it.
    pub fn decode(body: &str) -> Result<Self, String> {
        serde_json::from_str(body).map_err(|why| why.to_string())
    }
}

/// The queue that workers read.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    pub fn new(client: Client, url: &str) -> Self {
        Self { client, url: url.to_owned() }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a job, to be seen after `delay`. Messages of one workspace form a
    /// group, so that the backlog of one does not hold up the others.
    pub async fn send(&self, job: &Job, workspace: &WorkspaceId, delay: Duration) -> Result<(), Fault> {
        let body = serde_json::to_string(job).map_err(|why| Fault::broken("queue", why))?;
        let seconds = i32::try_from(delay.min(LONGEST_DELAY).as_millis().div_ceil(1000)).unwrap_or(900);
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .message_group_id(workspace.as_str())
            .delay_seconds(seconds)
            .send()
            .await
            .map(drop)
            .map_err(|error| Fault::unavailable("queue", DisplayErrorContext(error)))
    }

    /// Whether the queue answers.
    pub async fn is_reachable(&self) -> bool {
        let name = aws_sdk_sqs::types::QueueAttributeName::ApproximateNumberOfMessages;
        self.client.get_queue_attributes().queue_url(&self.url).attribute_names(name).send().await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_its_version_and_refuses_what_it_does_not_know() {
        let run = RunId(uuid::Uuid::nil());
        let job = Job::Sync { of: Owner::Source(SourceId::known("web")), run, epoch: 3 };
        let body = serde_json::to_string(&job).expect("plain data");
        assert_eq!(body, r#"{"job":"sync.v1","of":{"source":"web"},"run":"00000000-0000-0000-0000-000000000000","epoch":3}"#);
        assert_eq!(Job::decode(&body), Ok(job));
        let look = Job::Validate { source: SourceId::known("web"), fingerprint: "f".into() };
        assert_eq!(Job::decode(r#"{"job":"validate.v1","source":"web","fingerprint":"f"}"#), Ok(look));
        let notify = Job::Notify { of: Owner::Source(SourceId::known("web")), run, hook: "h".into() };
        let told = r#"{"job":"notify.v1","of":{"source":"web"},"run":"00000000-0000-0000-0000-000000000000","hook":"h"}"#;
        assert_eq!(Job::decode(told), Ok(notify));
        assert!(Job::decode(&body.replace("sync.v1", "sync.v9")).is_err());
        assert!(Job::decode("not json").is_err());
    }
}
