//! GitHub's webhook: the body is signed, and nothing else of a delivery is.

use serde_json::Value;

use super::super::Unreadable;
use super::super::delivery::{Delivery, Named, Sent};
use crate::model::Stream;

pub(super) fn is_genuine(secret: &str, sent: &Sent) -> bool {
    sent.is_signed("x-hub-signature-256", secret)
}

pub(super) fn read(sent: &Sent) -> Result<Delivery, Unreadable> {
    let (id, event, body) = (sent.name("x-github-delivery")?, sent.name("x-github-event")?, sent.json()?);
    Ok(Delivery { repository: Named::of(&body["repository"], "id", "full_name"), concerns: concerns(&event, &body), id, event })
}

/// A comment changes when its issue was last updated, and so what is listed of it.
fn concerns(event: &str, body: &Value) -> Option<Stream> {
    match event {
        "issue_comment" if body["issue"]["pull_request"].is_object() => Some(Stream::PullRequests),
        "issues" | "issue_comment" => Some(Stream::Issues),
        "pull_request" | "pull_request_review" | "pull_request_review_comment" | "pull_request_review_thread" => Some(Stream::PullRequests),
        "dependabot_alert" => Some(Stream::Alerts),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::testing::sent;
    use super::*;

    /// The example of GitHub's own documentation, and what is near it.
    #[test]
    fn a_signature_is_over_the_body() {
        let secret = "It's a Secret to Everybody";
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        for (header, value, body, expected) in [
            ("x-hub-signature-256", signature, "Hello, World!", true),
            ("x-hub-signature-256", &signature.to_uppercase().replace("SHA256", "sha256"), "Hello, World!", true),
            ("x-hub-signature-256", signature, "Hello, World?", false),
            ("x-hub-signature-256", signature, "Hello, World!\n", false),
            ("x-hub-signature-256", &signature[..70], "Hello, World!", false),
            ("x-hub-signature-256", &signature["sha256=".len()..], "Hello, World!", false),
            ("x-hub-signature-256", &signature.replace("sha256=", "sha1="), "Hello, World!", false),
            ("x-hub-signature-256", "sha256=", "Hello, World!", false),
            ("x-hub-signature-256", "", "Hello, World!", false),
            // The older header, of SHA-1, proves nothing any more.
            ("x-hub-signature", signature, "Hello, World!", false),
        ] {
            assert_eq!(is_genuine(secret, &sent(&[(header, value)], body)), expected, "{header}: {value} of {body}");
        }
        assert!(!is_genuine("Another secret", &sent(&[("x-hub-signature-256", signature)], "Hello, World!")));
    }

    #[test]
    fn events_concern_streams() {
        let headers = |event| [("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"), ("x-github-event", event)];
        let repository = json!({"id": 724_712_003, "full_name": "acme/web"});
        for (event, more, expected) in [
            ("issues", json!({"action": "opened"}), Some(Stream::Issues)),
            ("issue_comment", json!({"issue": {"number": 1}}), Some(Stream::Issues)),
            ("issue_comment", json!({"issue": {"number": 1, "pull_request": {"url": "…"}}}), Some(Stream::PullRequests)),
            ("pull_request", json!({"action": "closed"}), Some(Stream::PullRequests)),
            ("pull_request_review", json!({}), Some(Stream::PullRequests)),
            ("dependabot_alert", json!({"action": "created"}), Some(Stream::Alerts)),
            ("ping", json!({"zen": "Design for failure.", "hook_id": 1}), None),
            ("star", json!({"action": "created"}), None),
            ("push", json!({"ref": "refs/heads/main"}), None),
        ] {
            let mut body = more.clone();
            body["repository"] = repository.clone();
            let read = read(&sent(&headers(event), &body.to_string())).expect("readable");
            assert_eq!((read.concerns, read.event.as_str()), (expected, event), "{more}");
            assert_eq!(read.id, "72d3162e-cc78-11e3-81ab-4c9367dc0958");
            assert_eq!(read.repository, Some(Named { id: Some("724712003".into()), name: "acme/web".into() }));
        }
    }

    /// GitHub sends a form, unless it is told to send JSON.
    #[test]
    fn a_form_has_the_body_in_a_field() {
        let headers = [("x-github-delivery", "1"), ("x-github-event", "issues"), ("content-type", "application/x-www-form-urlencoded")];
        let body = "payload=%7B%22repository%22%3A%7B%22id%22%3A7%2C%22full_name%22%3A%22acme%2Fweb%22%7D%7D";
        let read = read(&sent(&headers, body)).expect("readable");
        assert_eq!(read.repository, Some(Named { id: Some("7".into()), name: "acme/web".into() }));
    }

    #[test]
    fn what_is_no_delivery_says_why() {
        let (id, event) = (("x-github-delivery", "1"), ("x-github-event", "issues"));
        let long = "x".repeat(201);
        for (headers, body, why) in [
            (vec![event], "{}", "x-github-delivery"),
            (vec![id], "{}", "x-github-event"),
            (vec![id, ("x-github-event", "")], "{}", "x-github-event"),
            (vec![("x-github-delivery", long.as_str()), event], "{}", "x-github-delivery"),
            (vec![id, event], "", "not JSON"),
            (vec![id, event], "[]", "not a JSON object"),
        ] {
            let Unreadable(said) = read(&sent(&headers, body)).expect_err("unreadable");
            assert!(said.contains(why), "{said}");
        }
    }
}
