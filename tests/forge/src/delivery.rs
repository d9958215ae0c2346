//! What a forge sends by itself: deliveries of a webhook, as each provider makes and signs them.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::Value;

use crate::{bitbucket, credentials::fingerprint, github, gitlab, record::Record, repository::Repository, state::World};

/// Whose webhook it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    GitHub,
    GitLab,
    Bitbucket,
}

/// What happened, with the number of what it happened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// The webhook was made. Only GitHub tells; with the others it is a push.
    Ping,
    Pushed,
    /// Somebody marked the repository. The others than GitHub tell of a push.
    Starred,
    IssueOpened(u64),
    IssueEdited(u64),
    IssueClosed(u64),
    PullRequestOpened(u64),
    /// An alert of GitHub's, a vulnerability of GitLab's; Bitbucket has neither and tells of a push.
    AlertFound(u64),
}

/// A delivery, as it is to be sent: nothing of the body may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// What a dialect makes of it: the event, in its words, and the body.
pub(crate) struct Told {
    pub(crate) event: String,
    pub(crate) body: Value,
}

impl Delivery {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The same with another value of a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }
}

impl Repository {
    /// The delivery of what happened, under an id of its own. With a secret that begins with `whsec_` GitLab signs, with
    /// any other it sends it along; without one nobody proves anything.
    pub fn delivery(&self, sender: Sender, happening: Happening, secret: Option<&str>) -> Delivery {
        let now = self.state.now();
        let mut world = self.state.world();
        let parts = [world.next_revision(), self.id, now.as_millisecond().cast_unsigned()];
        let unique = fingerprint(parts.into_iter().flat_map(u64::to_be_bytes));
        let Some(record) = world.records.get(&self.id) else {
            return Delivery { headers: Vec::new(), body: String::new() };
        };
        let told = told(&world, record, sender, happening, now);
        dressed(sender, &told, &uuid(unique), secret, now, record)
    }
}

fn told(world: &World, record: &Record, sender: Sender, happening: Happening, now: Timestamp) -> Told {
    match sender {
        Sender::GitHub => github::deliveries::tell(world, record, happening, now),
        Sender::GitLab => gitlab::deliveries::tell(record, happening, now),
        Sender::Bitbucket => bitbucket::deliveries::tell(world, record, happening, now),
    }
}

fn dressed(sender: Sender, told: &Told, id: &str, secret: Option<&str>, now: Timestamp, record: &Record) -> Delivery {
    let body = told.body.to_string();
    let hook = uuid(fingerprint(record.id.to_be_bytes()));
    let hexadecimal = |secret: &str| format!("sha256={}", digits(&sign(secret.as_bytes(), body.as_bytes())));
    let mut headers = vec![("content-type", "application/json".to_owned())];
    match sender {
        Sender::GitHub => {
            headers.extend([
                ("user-agent", "GitHub-Hookshot/044aadd".to_owned()),
                ("x-github-delivery", id.to_owned()),
                ("x-github-event", told.event.clone()),
                ("x-github-hook-id", (fingerprint(hook.bytes()) % 900_000_000).to_string()),
                ("x-github-hook-installation-target-id", record.id.to_string()),
                ("x-github-hook-installation-target-type", "repository".to_owned()),
            ]);
            headers.extend(secret.map(|secret| ("x-hub-signature-256", hexadecimal(secret))));
        }
        Sender::GitLab => {
            headers.extend([
                ("user-agent", "GitLab/19.4.0".to_owned()),
                ("idempotency-key", id.to_owned()),
                ("x-gitlab-event", told.event.clone()),
                ("x-gitlab-event-uuid", uuid(fingerprint(id.bytes()))),
                ("x-gitlab-instance", "https://gitlab.com".to_owned()),
                ("x-gitlab-webhook-uuid", hook),
            ]);
            match secret.map(|secret| (secret, secret.strip_prefix("whsec_"))) {
                None => {}
                Some((token, None)) => headers.push(("x-gitlab-token", token.to_owned())),
                Some((_, Some(key))) => {
                    let at = now.as_second().to_string();
                    let signed = format!("{id}.{at}.{body}");
                    let key = STANDARD.decode(key).unwrap_or_default();
                    let signature = format!("v1,{}", STANDARD.encode(sign(&key, signed.as_bytes())));
                    headers.extend([("webhook-id", id.to_owned()), ("webhook-timestamp", at), ("webhook-signature", signature)]);
                }
            }
        }
        Sender::Bitbucket => {
            headers.extend([
                ("user-agent", "Bitbucket-Webhooks/2.0".to_owned()),
                ("x-attempt-number", "1".to_owned()),
                ("x-event-key", told.event.clone()),
                ("x-event-time", now.to_string()),
                ("x-hook-uuid", hook),
                ("x-request-uuid", id.to_owned()),
            ]);
            headers.extend(secret.map(|secret| ("x-hub-signature", hexadecimal(secret))));
        }
    }
    Delivery { headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(), body }
}

fn sign(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Looks like a random one and is the same each time.
fn uuid(of: u64) -> String {
    let first = fingerprint(of.to_be_bytes());
    let second = fingerprint(first.to_be_bytes());
    let (high, middle, low) = (first >> 32, first >> 16 & 0xffff, first & 0x0fff);
    format!("{high:08x}-{middle:04x}-4{low:03x}-a{:03x}-{:012x}", second >> 52, second & 0xffff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's documentation.
    #[test]
    fn signatures_are_those_of_the_provider() {
        let signature = digits(&sign(b"It's a Secret to Everybody", b"Hello, World!"));
        assert_eq!(signature, "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
    }
}
