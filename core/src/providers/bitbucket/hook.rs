//! Bitbucket Cloud's webhook: the body is signed, and nothing else of a delivery is.

use super::super::Unreadable;
use super::super::delivery::{Delivery, Named, Sent};
use crate::model::Stream;

pub(super) fn is_genuine(secret: &str, sent: &Sent) -> bool {
    sent.is_signed("x-hub-signature", secret)
}

/// `X-Request-UUID` is the same when it is sent again; `X-Hook-UUID` names the
/// webhook.
pub(super) fn read(sent: &Sent) -> Result<Delivery, Unreadable> {
    let (id, event, body) = (sent.name("x-request-uuid")?, sent.name("x-event-key")?, sent.json()?);
    let concerns = match event.split_once(':') {
        Some(("pullrequest", _)) => Some(Stream::PullRequests),
        Some(("issue", _)) => Some(Stream::Issues),
        _ => None,
    };
    Ok(Delivery { repository: Named::of(&body["repository"], "uuid", "full_name"), concerns, id, event })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::testing::sent;
    use super::*;

    /// The example of Atlassian's own documentation, and what is near it.
    #[test]
    fn a_signature_is_over_the_body() {
        let signature = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9";
        for (secret, header, value, body, expected) in [
            ("It's a Secret to Everybody", "x-hub-signature", signature, "Hello World!", true),
            ("It's a Secret to Everybody", "x-hub-signature", signature, "Hello, World!", false),
            ("it's a secret to everybody", "x-hub-signature", signature, "Hello World!", false),
            ("It's a Secret to Everybody", "x-hub-signature", &signature[..69], "Hello World!", false),
            ("It's a Secret to Everybody", "x-hub-signature-256", signature, "Hello World!", false),
        ] {
            assert_eq!(is_genuine(secret, &sent(&[(header, value)], body)), expected, "{header}: {value} of {body}");
        }
    }

    #[test]
    fn events_concern_streams() {
        let uuid = "{8ac8a5a8-9c45-4b0a-bb1a-2f2a8a9d6f10}";
        let body = json!({"repository": {"uuid": uuid, "full_name": "acme/web"}}).to_string();
        for (event, expected) in [
            ("pullrequest:created", Some(Stream::PullRequests)),
            ("pullrequest:fulfilled", Some(Stream::PullRequests)),
            ("issue:created", Some(Stream::Issues)),
            ("repo:push", None),
            ("repo:commit_status_updated", None),
            ("diagnostics:ping", None),
        ] {
            let headers = [("x-request-uuid", "3e2f1c8a"), ("x-hook-uuid", "hook"), ("x-event-key", event)];
            let read = read(&sent(&headers, &body)).expect("readable");
            assert_eq!((read.concerns, read.event.as_str(), read.id.as_str()), (expected, event, "3e2f1c8a"));
            assert_eq!(read.repository, Some(Named { id: Some(uuid.into()), name: "acme/web".into() }));
        }
    }
}
