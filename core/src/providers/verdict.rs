//! What a reply means: one table from status, headers and body.

use std::time::Duration;

use serde_json::Value;

use super::Reply;
use crate::clock::Moment;

/// What a reply means, before anyone reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A page.
    Readable,
    /// Nothing changed since the validator that was sent.
    Unchanged,
    /// The provider is unwell: the same request may succeed soon.
    Retry(String),
    /// A limit was reached.
    Throttled { wait: Wait, why: String },
    /// The credential is not accepted at all.
    Unauthenticated(String),
    /// The credential lacks a permission.
    Denied(String),
    /// The stream does not exist there: switched off, removed, not in the plan.
    Unavailable(String),
    /// It lives elsewhere now.
    Moved(String),
    /// There is no such thing, or it is not for us to see.
    Missing(String),
    /// Our request is wrong.
    Rejected(String),
    /// What was given to ask for changes by holds no more: everything has to be listed.
    Expired(String),
}

/// How long a limit lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    For(Duration),
    Until(Moment),
    Unknown,
}

/// What the headers say is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub remaining: u64,
    pub limit: Option<u64>,
    pub resets_at: Option<Moment>,
}

/// Reads the limit headers that forges send. Some put the window after the number
/// (`60, 60;w=3600`).
pub fn limit_of(reply: &Reply) -> Option<Limit> {
    let text = |name: &str| reply.header(name).or_else(|| reply.header(&format!("x-{name}")));
    let number = |name: &str| text(name)?.split([',', ';']).next()?.trim().parse::<u64>().ok();
    Some(Limit {
        remaining: number("ratelimit-remaining")?,
        limit: number("ratelimit-limit"),
        resets_at: number("ratelimit-reset").and_then(|seconds| reset_of(reply, seconds)),
    })
}

/// Which of its limits a reply speaks of, where the provider has several.
pub fn resource_of(reply: &Reply) -> String {
    let plain = |name: &&str| !name.is_empty() && name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    reply.header("x-ratelimit-resource").filter(plain).unwrap_or(crate::quota::CORE).to_owned()
}

/// The end of a window is told as a moment by some, and by others as a time from
/// now. A number that would be a moment before 2001 is such a time.
fn reset_of(reply: &Reply, seconds: u64) -> Option<Moment> {
    if seconds < 1_000_000_000 {
        let now = Moment::parse_http_date(reply.header("date")?)?;
        return Some(now.plus(Duration::from_secs(seconds)));
    }
    i64::try_from(seconds).ok().map(|seconds| Moment(seconds.saturating_mul(1000)))
}

/// Judges a reply by what forges have in common.
pub fn judge(reply: &Reply) -> Verdict {
    // A page is read once, and not here.
    match reply.status {
        200..=299 => return Verdict::Readable,
        304 => return Verdict::Unchanged,
        _ => {}
    }
    let message = message_of(reply);
    match reply.status {
        301 | 302 | 307 | 308 => match reply.header("location") {
            Some(location) => Verdict::Moved(location.to_owned()),
            None => Verdict::Retry(format!("{} without a location", reply.status)),
        },
        401 => Verdict::Unauthenticated(message),
        403 | 429 if is_limit(reply, &message) => Verdict::Throttled { wait: wait_of(reply), why: message },
        429 => Verdict::Throttled { wait: wait_of(reply), why: message },
        403 if speaks_of(&message, &["disabled", "not available", "archived"]) => Verdict::Unavailable(message),
        403 => Verdict::Denied(match reply.header("x-accepted-github-permissions") {
            Some(permissions) => format!("{message} (needs {permissions})"),
            None => message,
        }),
        404 => Verdict::Missing(message),
        410 => Verdict::Unavailable(message),
        408 | 500..=599 => Verdict::Retry(format!("{} {message}", reply.status)),
        _ => Verdict::Rejected(format!("{} {message}", reply.status)),
    }
}

/// Why an entry is gone, by what forges have in common: nothing but 404 and 410, and
/// not if it was the whole list that was switched off.
pub(super) fn gone(verdict: Verdict, reply: &Reply) -> Option<String> {
    match (reply.status, verdict) {
        (404 | 410, Verdict::Missing(why)) => Some(format!("{} {why}", reply.status)),
        (410, Verdict::Unavailable(why)) if !speaks_of(&why, &["disabled", "not available", "no longer supported"]) => {
            Some(format!("410 {why}"))
        }
        _ => None,
    }
}

/// A 403 is a limit if it says so, in its headers or in its text.
fn is_limit(reply: &Reply, message: &str) -> bool {
    reply.header("retry-after").is_some()
        || limit_of(reply).is_some_and(|limit| limit.remaining == 0)
        || speaks_of(message, &["rate limit", "secondary rate", "abuse detection"])
}

/// `Retry-After` first; else the window's end, if nothing is left in it. A limit
/// of another kind says nothing of its end.
pub(super) fn wait_of(reply: &Reply) -> Wait {
    if let Some(after) = reply.header("retry-after") {
        if let Ok(seconds) = after.trim().parse() {
            return Wait::For(Duration::from_secs(seconds));
        }
        if let Some(until) = Moment::parse_http_date(after) {
            return Wait::Until(until);
        }
    }
    match limit_of(reply) {
        Some(Limit { remaining: 0, resets_at: Some(until), .. }) => Wait::Until(until.plus(Duration::from_secs(1))),
        _ => Wait::Unknown,
    }
}

pub(super) fn speaks_of(message: &str, words: &[&str]) -> bool {
    let message = message.to_ascii_lowercase();
    words.iter().any(|word| message.contains(word))
}

/// The provider's own words, to be shortened once secrets are out of them. Forges put them in different
/// places, and some send plain text.
pub(super) fn message_of(reply: &Reply) -> String {
    const PLACES: [&str; 6] = ["/message", "/error/message", "/error_description", "/error", "/message/error", "/errors/0/message"];
    let text = match serde_json::from_slice::<Value>(&reply.body) {
        Ok(body @ Value::Object(_)) => {
            let words = PLACES.iter().filter_map(|place| body.pointer(place)).find_map(Value::as_str).map(str::to_owned);
            // What is wrong with each of several fields has no one place.
            words.or_else(|| body.get("message").map(Value::to_string)).unwrap_or_default()
        }
        Ok(Value::String(text)) => text,
        Ok(_) => String::new(),
        Err(_) => String::from_utf8_lossy(&reply.body).trim().to_owned(),
    };
    text.chars().filter(|character| !character.is_control()).take(4000).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Reply { status, headers, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_window_ends_at_a_moment_or_after_a_time() {
        let headers = |reset| [("date", "Fri, 20 Nov 2026 05:10:10 GMT"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset)];
        let (now, moment) = (Moment::parse("2026-11-20T05:10:10Z"), Some(Moment(1_700_000_000_000)));
        let resets_at = |reset| limit_of(&reply(200, &headers(reset), "")).and_then(|limit| limit.resets_at);
        assert_eq!(resets_at("90"), now.map(|now| now.plus(Duration::from_secs(90))));
        assert_eq!(resets_at("1700000000"), moment);
        let undated =
            reply(429, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "90"), ("x-ratelimit-limit", "60, 60;w=3600")], "");
        assert_eq!(limit_of(&undated), Some(Limit { remaining: 0, limit: Some(60), resets_at: None }));
        assert!(matches!(judge(&undated), Verdict::Throttled { wait: Wait::Unknown, .. }));
    }

    /// S2.13: limits, permissions and switched-off features all come as 403, and
    /// must not be taken for each other.
    #[test]
    fn every_kind_of_refusal_is_told_apart() {
        let primary = reply(
            403,
            &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1700000000")],
            r#"{"message":"API rate limit exceeded for user ID 1."}"#,
        );
        let until = Wait::Until(Moment(1_700_000_001_000));
        assert_eq!(judge(&primary), Verdict::Throttled { wait: until, why: "API rate limit exceeded for user ID 1.".into() });

        let secondary = reply(403, &[("x-ratelimit-remaining", "4000")], r#"{"message":"You have exceeded a secondary rate limit."}"#);
        assert!(matches!(judge(&secondary), Verdict::Throttled { wait: Wait::Unknown, .. }));

        let after = reply(429, &[("retry-after", "30")], "Retry later");
        assert_eq!(judge(&after), Verdict::Throttled { wait: Wait::For(Duration::from_secs(30)), why: "Retry later".into() });

        let permission =
            reply(403, &[("x-accepted-github-permissions", "issues=read")], r#"{"message":"Resource not accessible by integration"}"#);
        assert_eq!(judge(&permission), Verdict::Denied("Resource not accessible by integration (needs issues=read)".into()));

        let off = reply(410, &[], r#"{"message":"Issues are disabled for this repo"}"#);
        assert_eq!(judge(&off), Verdict::Unavailable("Issues are disabled for this repo".into()));
        assert!(matches!(judge(&reply(401, &[], r#"{"message":"Bad credentials"}"#)), Verdict::Unauthenticated(_)));
        assert!(matches!(judge(&reply(404, &[], "")), Verdict::Missing(_)));
        assert!(matches!(judge(&reply(422, &[], "")), Verdict::Rejected(_)));
        assert!(matches!(judge(&reply(502, &[], "<html>")), Verdict::Retry(_)));
        assert_eq!(judge(&reply(301, &[("location", "https://x/y")], "")), Verdict::Moved("https://x/y".into()));
    }

    /// Invariant 7: nothing is gone but what is said to be, by 404 or 410.
    #[test]
    fn only_what_is_said_to_be_gone_is_gone() {
        let gone = |status, body: &str| {
            let reply = reply(status, &[("location", "https://x/y")], body);
            gone(judge(&reply), &reply).is_some()
        };
        assert!(gone(404, r#"{"message":"Not Found"}"#) && gone(410, r#"{"message":"This issue was deleted"}"#));
        assert!(!gone(410, r#"{"message":"Issues are disabled for this repo"}"#));
        for status in [200, 204, 301, 302, 304, 400, 401, 403, 405, 408, 409, 422, 429, 451, 500, 502, 503] {
            assert!(!gone(status, r#"{"message":"Not Found"}"#), "{status}");
        }
        assert!(!gone(403, r#"{"message":"Dependabot alerts are disabled for this repository."}"#));
    }

    #[test]
    fn the_words_are_found_wherever_a_forge_puts_them() {
        for (body, words) in [
            (r#"{"message":"Bad credentials"}"#, "Bad credentials"),
            (r#"{"error":{"message":"Resource removed"}}"#, "Resource removed"),
            (r#"{"error":"404 Not Found"}"#, "404 Not Found"),
            (r#"{"error":"invalid_token","error_description":"Token was revoked."}"#, "Token was revoked."),
            (r#"{"message":{"error":"Too many times."}}"#, "Too many times."),
            (r#"{"message":{"title":["is too long"]}}"#, r#"{"title":["is too long"]}"#),
            (r#"{"errors":[{"message":"Invalid token"}]}"#, "Invalid token"),
            ("Retry later\n", "Retry later"),
            ("[]", ""),
            ("", ""),
        ] {
            assert_eq!(message_of(&reply(400, &[], body)), words, "{body}");
        }
    }
}
