//! GitLab's words for what it does not give, and what they mean.

use std::time::Duration;

use super::*;
use crate::clock::Moment;
use crate::providers::gitlab::tests::reply;
use crate::providers::{Wait, limit_of};

fn says(status: u16, body: &str) -> Verdict {
    judge(&reply(status, &[], body))
}

/// S2.12, S2.13: the throttle says when, the limits of the application do not.
#[test]
fn limits_are_told_from_everything_else() {
    let left = |remaining, rest: &[(&'static str, &'static str)]| {
        [&[("ratelimit-limit", "2000"), ("ratelimit-remaining", remaining), ("ratelimit-reset", "1700000060")], rest].concat()
    };
    let throttled = reply(429, &left("0", &[("retry-after", "37"), ("content-type", "text/plain")]), "Retry later\n");
    assert_eq!(judge(&throttled), Verdict::Throttled { wait: Wait::For(Duration::from_secs(37)), why: "Retry later".into() });
    let limit = limit_of(&throttled).expect("a limit");
    assert_eq!((limit.remaining, limit.limit, limit.resets_at), (0, Some(2000), Some(Moment(1_700_000_060_000))));
    let until = Verdict::Throttled { wait: Wait::Until(Moment(1_700_000_061_000)), why: "Retry later".into() };
    assert_eq!(judge(&reply(429, &left("0", &[]), "Retry later\n")), until);
    let often = r#"{"message":{"error":"This endpoint has been requested too many times. Try again later."}}"#;
    let why = "This endpoint has been requested too many times. Try again later.".to_owned();
    assert_eq!(judge(&reply(429, &left("1999", &[]), often)), Verdict::Throttled { wait: Wait::Unknown, why });
    // The last request of a window may be refused for another reason.
    assert!(matches!(judge(&reply(403, &left("0", &[]), r#"{"message":"403 Forbidden"}"#)), Verdict::Unavailable(_)));
}

#[test]
fn what_is_refused_says_why() {
    let scope = r#"{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"api read_api"}"#;
    let why = "The request requires higher privileges than provided by the access token. (needs one of the scopes api, read_api)";
    assert_eq!(says(403, scope), Verdict::Denied(why.into()));
    assert!(matches!(says(403, r#"{"message":"403 Forbidden"}"#), Verdict::Unavailable(why) if why.starts_with("403 Forbidden (")));
    let blocked = r#"{"message":"403 Forbidden - Your account has been blocked."}"#;
    assert_eq!(says(403, blocked), Verdict::Denied("403 Forbidden - Your account has been blocked.".into()));
    assert_eq!(says(403, "Forbidden\n"), Verdict::Denied("Forbidden".into()));
    assert_eq!(says(401, r#"{"message":"401 Unauthorized"}"#), Verdict::Unauthenticated("401 Unauthorized".into()));
    let revoked = r#"{"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}"#;
    assert_eq!(says(401, revoked), Verdict::Unauthenticated("Token was revoked. You have to re-authorize from the user.".into()));
    assert_eq!(says(401, r#"{"errors":[{"message":"Invalid token"}]}"#), Verdict::Unauthenticated("Invalid token".into()));
}

#[test]
fn what_is_not_there_is_a_project_or_a_list() {
    assert_eq!(says(404, r#"{"message":"404 Project Not Found"}"#), Verdict::Missing("404 Project Not Found".into()));
    assert_eq!(says(404, r#"{"message":"404 Not found"}"#), Verdict::Missing("404 Not found".into()));
    assert!(matches!(says(404, r#"{"error":"404 Not Found"}"#), Verdict::Unavailable(why) if why.starts_with("404 Not Found")));
    assert!(matches!(says(404, "<html>nginx</html>"), Verdict::Missing(_)));
    let to = "https://gitlab.com/api/v4/projects/278964/issues?state=all";
    let text = format!("This resource has been moved permanently to {to}");
    assert_eq!(judge(&reply(301, &[("location", to)], text)), Verdict::Moved(to.into()));
}

#[test]
fn what_is_wrong_and_what_passes_are_as_usual() {
    let offset = r#"{"error":"Offset pagination has a maximum allowed offset of 50000 for requests that return objects of type Issue. Remaining records can be retrieved using keyset pagination."}"#;
    assert!(matches!(says(405, offset), Verdict::Rejected(why) if why.contains("keyset pagination")));
    assert_eq!(says(400, r#"{"error":"updated_after is invalid"}"#), Verdict::Rejected("400 updated_after is invalid".into()));
    assert!(matches!(says(502, "<html>GitLab is not responding</html>"), Verdict::Retry(_)));
    assert!(matches!(says(500, r#"{"message":"500 Internal Server Error"}"#), Verdict::Retry(_)));
    assert_eq!(says(304, ""), Verdict::Unchanged);
    for body in ["[]", "[{\"iid\":1}]", "{\"iid\":1,\"title\":\"errors\"}", "garbage", "{\"half\":", ""] {
        assert_eq!(says(200, body), Verdict::Readable, "{body}");
    }
}
