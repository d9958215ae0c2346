//! Signatures and events of GitLab, of every age.

use serde_json::json;

use super::super::super::testing::{moment, sent};
use super::*;

/// The example that the Standard Webhooks specification gives.
const TOKEN: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const TIME: &str = "1614265330";
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const BODY: &str = r#"{"test": 2432232314}"#;

fn signed<'a>(id: &'a str, time: &'a str, signature: &'a str, body: &str) -> Sent {
    sent(&[("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", signature)], body)
}

#[test]
fn a_signature_is_over_id_time_and_body() {
    let now = Moment(1_614_265_330_000);
    let minutes = |minutes: i64| Moment(now.0 + minutes * 60_000);
    let two = format!("v1,AAAA {SIGNATURE}");
    let newer = SIGNATURE.replace("v1,", "v2,");
    for (sent, at, expected) in [
        (signed(ID, TIME, SIGNATURE, BODY), now, true),
        (signed(ID, TIME, &two, BODY), now, true),
        (signed(ID, TIME, SIGNATURE, BODY), minutes(5), true),
        (signed(ID, TIME, SIGNATURE, BODY), minutes(-5), true),
        (signed(ID, TIME, SIGNATURE, BODY), minutes(6), false),
        (signed(ID, TIME, SIGNATURE, BODY), minutes(-6), false),
        (signed("msg_other", TIME, SIGNATURE, BODY), now, false),
        (signed(ID, "1614265331", SIGNATURE, BODY), now, false),
        (signed(ID, "soon", SIGNATURE, BODY), now, false),
        (signed(ID, "9223372036854775807", SIGNATURE, BODY), now, false),
        (signed(ID, TIME, SIGNATURE, "{}"), now, false),
        (signed(ID, TIME, &newer, BODY), now, false),
        (signed(ID, TIME, "", BODY), now, false),
        // Who knows the token need not send it, and sending it proves nothing.
        (sent(&[("x-gitlab-token", TOKEN)], BODY), now, false),
        (sent(&[("webhook-id", ID), ("webhook-timestamp", TIME)], BODY), now, false),
    ] {
        assert_eq!(is_genuine(TOKEN, &sent, at), expected, "{:?} at {at}", sent.headers);
    }
    for other in ["whsec_", "whsec_not base64", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        assert!(!is_genuine(other, &signed(ID, TIME, SIGNATURE, BODY), now), "{other}");
    }
}

#[test]
fn a_secret_token_is_sent_as_it_is() {
    let now = moment("2026-01-02T03:04:05Z");
    for (token, expected) in [("a secret", true), ("A secret", false), ("a secre", false), ("a secret ", false), ("", false)] {
        assert_eq!(is_genuine("a secret", &sent(&[("x-gitlab-token", token)], BODY), now), expected, "{token}");
    }
    assert!(!is_genuine("a secret", &sent(&[], BODY), now));
    // Where a signing token is set as well, the secret token is still what we know.
    let both = [("x-gitlab-token", "a secret"), ("webhook-id", ID), ("webhook-timestamp", TIME), ("webhook-signature", SIGNATURE)];
    assert!(is_genuine("a secret", &sent(&both, BODY), now));
}

#[test]
fn events_concern_streams() {
    for (event, more, expected) in [
        ("Issue Hook", json!({}), Some(Stream::Issues)),
        ("Confidential Issue Hook", json!({}), Some(Stream::Issues)),
        ("Note Hook", json!({"object_attributes": {"noteable_type": "Issue"}}), Some(Stream::Issues)),
        ("Note Hook", json!({"object_attributes": {"noteable_type": "MergeRequest"}}), Some(Stream::PullRequests)),
        ("Note Hook", json!({"object_attributes": {"noteable_type": "Commit"}}), None),
        ("Merge Request Hook", json!({}), Some(Stream::PullRequests)),
        ("Vulnerability Hook", json!({}), Some(Stream::Alerts)),
        ("Push Hook", json!({}), None),
        ("Pipeline Hook", json!({}), None),
    ] {
        let mut body = more.clone();
        body["project"] = json!({"id": 42, "path_with_namespace": "acme/tools/web"});
        let read = read(&sent(&[("x-gitlab-event", event)], &body.to_string())).expect("readable");
        assert_eq!((read.concerns, read.event.as_str()), (expected, event), "{more}");
        assert_eq!(read.repository, Some(Named { id: Some("42".into()), name: "acme/tools/web".into() }));
    }
}

/// What is the same when GitLab sends a delivery again, by how old it is.
#[test]
fn a_delivery_is_known_by_the_best_name_it_has() {
    let event = ("x-gitlab-event", "Issue Hook");
    let (webhook, chain) = (("x-gitlab-webhook-uuid", "hook"), ("x-gitlab-event-uuid", "chain"));
    let id = |headers: &[(&str, &str)], body: &str| read(&sent(headers, body)).expect("readable").id;
    assert_eq!(id(&[event, webhook, chain, ("webhook-id", "one"), ("idempotency-key", "one")], "{}"), "one");
    assert_eq!(id(&[event, webhook, chain, ("idempotency-key", "two")], "{}"), "two");
    let (first, second) = (id(&[event, webhook, chain], r#"{"a": 1}"#), id(&[event, webhook, chain], r#"{"a": 2}"#));
    assert!(first.starts_with("chain:") && first != second, "{first} {second}");
    assert_ne!(id(&[event, webhook], r#"{"a": 1}"#), id(&[event, webhook], r#"{"a": 2}"#));
}
