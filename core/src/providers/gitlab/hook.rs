//! GitLab's webhook. A secret token is sent along as it is; a signing token, which
//! begins with `whsec_`, signs id, time and body as Standard Webhooks say.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::super::Unreadable;
use super::super::delivery::{Delivery, Named, Sent};
use crate::clock::Moment;
use crate::digest::{hmac_sha256, is_same_secret};
use crate::model::Stream;

/// What a signing token begins with; the rest is the key in base64.
const SIGNING: &str = "whsec_";
/// How old a signature may be, and how far two clocks may be apart.
const LATEST: Duration = Duration::from_mins(5);

/// The signature decides where the secret is a signing token, or where nothing but
/// a signature came. A token that is sent along does not make up for a wrong one.
pub(super) fn is_genuine(secret: &str, sent: &Sent, now: Moment) -> bool {
    match (secret.strip_prefix(SIGNING), sent.header("x-gitlab-token")) {
        (Some(key), _) => STANDARD.decode(key).is_ok_and(|key| is_signed(&key, sent, now)),
        (None, Some(token)) => is_same_secret(token.as_bytes(), secret.as_bytes()),
        (None, None) => is_signed(secret.as_bytes(), sent, now),
    }
}

fn is_signed(key: &[u8], sent: &Sent, now: Moment) -> bool {
    let [Some(id), Some(time), Some(signatures)] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| sent.header(name))
    else {
        return false;
    };
    let Some(at) = time.parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(1000)).map(Moment) else { return false };
    // `since` knows no time before.
    if key.is_empty() || now.since(at).max(at.since(now)) > LATEST {
        return false;
    }
    let expected = hmac_sha256(key, &[id.as_bytes(), b".", time.as_bytes(), b".", &sent.body]);
    let known = signatures.split(' ').filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok());
    // Every one is compared: while a token is replaced there are two.
    known.fold(false, |found, signature| is_same_secret(&signature, &expected) | found)
}

pub(super) fn read(sent: &Sent) -> Result<Delivery, Unreadable> {
    let (event, body) = (sent.name("x-gitlab-event")?, sent.json()?);
    Ok(Delivery {
        id: id(sent),
        repository: Named::of(&body["project"], "id", "path_with_namespace"),
        concerns: concerns(&event, &body),
        event,
    })
}

/// Retries share `Idempotency-Key` (and `webhook-id`, which is the same) since 17.4.
/// Before, there was only `X-Gitlab-Event-UUID`, which events that set each other off
/// share too; and `X-Gitlab-Webhook-UUID` names the webhook, not the delivery.
fn id(sent: &Sent) -> String {
    let own = ["webhook-id", "idempotency-key"].iter().find_map(|name| sent.name(name).ok());
    own.unwrap_or_else(|| match sent.name("x-gitlab-event-uuid") {
        Ok(event) => format!("{event}:{}", sent.digest()),
        Err(_) => sent.digest(),
    })
}

fn concerns(event: &str, body: &Value) -> Option<Stream> {
    match event {
        "Issue Hook" | "Confidential Issue Hook" | "Work Item Hook" => Some(Stream::Issues),
        "Merge Request Hook" => Some(Stream::PullRequests),
        "Vulnerability Hook" => Some(Stream::Alerts),
        // A comment changes when the thing was last updated.
        "Note Hook" | "Confidential Note Hook" => match body["object_attributes"]["noteable_type"].as_str() {
            Some("Issue" | "WorkItem") => Some(Stream::Issues),
            Some("MergeRequest") => Some(Stream::PullRequests),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
#[path = "hook_tests.rs"]
mod tests;
