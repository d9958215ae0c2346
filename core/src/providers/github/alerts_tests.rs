//! Dependabot's alerts, as GitHub sends them, and what is made of them.

use serde_json::json;

use super::super::GitHub;
use crate::clock::Moment;
use crate::model::{ItemType, Stream};
use crate::providers::testing::{moment, reply, source};
use crate::providers::{PageRequest, Provider, Reply, Verdict, Wanted};

fn entry(number: u64, day: u32) -> serde_json::Value {
    json!({
        "number": number,
        "state": "open",
        "dependency": {
            "package": {"ecosystem": "pip", "name": "django"},
            "manifest_path": "path/to/requirements.txt",
            "scope": "runtime",
            "relationship": "direct"
        },
        "security_advisory": {
            "ghsa_id": "GHSA-rf4j-j272-fj86",
            "cve_id": "CVE-2018-6188",
            "summary": "Django allows remote attackers to obtain potentially sensitive information",
            "description": "django.contrib.auth.forms.AuthenticationForm allows remote attackers …",
            "severity": "high",
            "identifiers": [{"type": "GHSA", "value": "GHSA-rf4j-j272-fj86"}, {"type": "CVE", "value": "CVE-2018-6188"}],
            "cvss_severities": {"cvss_v3": {"vector_string": "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", "score": 7.5}},
            "withdrawn_at": null
        },
        "security_vulnerability": {
            "package": {"ecosystem": "pip", "name": "django"},
            "severity": "critical",
            "vulnerable_version_range": ">= 2.0.0, < 2.0.2",
            "first_patched_version": {"identifier": "2.0.2"}
        },
        "url": format!("https://api.github.com/repos/acme/web/dependabot/alerts/{number}"),
        "html_url": format!("https://github.com/acme/web/security/dependabot/{number}"),
        "created_at": "2026-01-01T07:43:03Z",
        "updated_at": format!("2026-02-{day:02}T19:23:10Z"),
        "dismissed_at": null,
        "dismissed_by": null,
        "fixed_at": null,
        "auto_dismissed_at": null,
        "assignees": [{"login": "mia"}]
    })
}

fn begin(wanted: Wanted) -> PageRequest {
    GitHub.begin(&source("github"), Stream::Alerts, wanted)
}

fn read(asked: &PageRequest, reply: &Reply) -> crate::providers::Page {
    GitHub.read(&source("github"), asked, reply).expect("a page")
}

const NEXT: &str = r#"<https://api.github.com/repositories/7/dependabot/alerts?per_page=100&sort=updated&direction=desc&after=Y3Vyc29yOg%3D%3D>; rel="next""#;

#[test]
fn a_first_listing_asks_for_open_ones_and_any_other_for_all() {
    let list = "https://api.github.com/repos/acme/web/dependabot/alerts?per_page=100&sort=updated&direction=desc";
    let first = begin(Wanted::default());
    assert_eq!((first.url, first.back_to), (format!("{list}&state=open"), None));
    assert!(first.headers.contains(&("x-github-api-version".into(), "2026-03-10".into())));
    assert_eq!(begin(Wanted { include_closed: true, ..Wanted::default() }).url, list);
    assert_eq!(begin(Wanted { knows_items: true, ..Wanted::default() }).url, list);
    let increment = begin(Wanted { since: Some(Moment(5)), ..Wanted::default() });
    assert_eq!((increment.url.as_str(), increment.back_to), (list, Some(Moment(5))));
    let single = GitHub.single(&source("github"), Stream::Alerts, "7");
    assert_eq!((single.url.as_str(), single.single), ("https://api.github.com/repos/acme/web/dependabot/alerts/7", true));
    assert_eq!(read(&single, &reply(200, &[], entry(7, 1))).items.len(), 1);
}

#[test]
fn an_alert_arrives_whole() {
    let page = read(&begin(Wanted::default()), &reply(200, &[], json!([entry(7, 15)])));
    let item = &page.items[0];
    assert_eq!((item.kind, item.external_id.as_str()), (ItemType::Alert, "github:https://github.com/acme/web:alert:7"));
    assert_eq!(item.title, "Django allows remote attackers to obtain potentially sensitive information");
    assert!(item.body.as_deref().is_some_and(|body| body.starts_with("django.contrib")));
    assert_eq!((item.severity.as_deref(), item.priority.as_deref(), item.state.as_str()), (Some("high"), Some("high"), "open"));
    assert_eq!(item.labels, ["pip", "django", "GHSA-rf4j-j272-fj86", "CVE-2018-6188"]);
    assert_eq!(item.assignees, ["mia"]);
    assert_eq!(item.url.as_deref(), Some("https://github.com/acme/web/security/dependabot/7"));
    assert_eq!(item.created_at, Some(moment("2026-01-01T07:43:03Z")));
    assert_eq!(item.updated_at, Some(moment("2026-02-15T19:23:10Z")));
    assert!(page.next.is_none() && page.total.is_none());
}

#[test]
fn states_are_two_and_what_is_missing_is_left_out() {
    let mut entries = Vec::new();
    for (number, state) in (1..).zip(["open", "dismissed", "fixed", "auto_dismissed", "forgotten"]) {
        let mut entry = entry(number, 1);
        entry["state"] = state.into();
        entry["security_advisory"]["cve_id"] = serde_json::Value::Null;
        entry["security_advisory"]["severity"] = serde_json::Value::Null;
        entry["dependency"] = serde_json::Value::Null;
        entries.push(entry);
    }
    let page = read(&begin(Wanted::default()), &reply(200, &[], json!(entries)));
    assert_eq!(page.items.iter().map(|item| item.state.as_str()).collect::<Vec<_>>(), ["open", "closed", "closed", "closed"]);
    assert_eq!(page.items[0].labels, ["pip", "django", "GHSA-rf4j-j272-fj86"]);
    assert_eq!(page.items[0].priority.as_deref(), Some("critical"));
    assert_eq!((page.rejected[0].id.as_deref(), page.rejected[0].which.as_str()), (Some("5"), "#5"));
    assert!(page.rejected[0].why.contains("forgotten"), "{}", page.rejected[0].why);
}

#[test]
fn a_broken_alert_is_named_and_the_others_are_read() {
    let entries = json!([entry(9, 9), {"number": 8, "state": "open"}, "nonsense", entry(7, 7)]);
    let page = read(&begin(Wanted::default()), &reply(200, &[("link", NEXT)], entries));
    assert_eq!(page.items.len(), 2);
    let named: Vec<_> = page.rejected.iter().map(|rejected| (rejected.id.as_deref(), rejected.which.as_str())).collect();
    assert_eq!(named, [(Some("8"), "#8"), (None, "entry 2")]);
    assert!(page.next.is_some());
    for garbage in ["<html>", r#"{"message":"hello"}"#, "", "7"] {
        assert!(GitHub.read(&source("github"), &begin(Wanted::default()), &reply(200, &[], garbage)).is_err(), "{garbage}");
    }
}

#[test]
fn pages_are_followed_by_their_cursor_until_the_last_or_until_enough_is_seen() {
    let first = begin(Wanted::default());
    let next = read(&first, &reply(200, &[("link", NEXT)], json!([entry(2, 9), entry(1, 8)]))).next.expect("a next page");
    assert_eq!(format!("<{}>; rel=\"next\"", next.url), NEXT);
    assert_eq!(next.number, 2);
    // An empty page is not the end, and the last one has no link to a next.
    assert!(read(&next, &reply(200, &[("link", NEXT)], "[]")).next.is_some());
    assert!(
        read(&next, &reply(200, &[("link", r#"<https://api.github.com/x?before=Y>; rel="prev""#)], json!([entry(1, 1)]))).next.is_none()
    );

    let since = |text| begin(Wanted { since: Some(moment(text)), ..Wanted::default() });
    let follows = |asked: &PageRequest| read(asked, &reply(200, &[("link", NEXT)], json!([entry(3, 9), entry(2, 8)]))).next;
    assert_eq!(follows(&since("2026-02-08T19:23:10Z")).map(|next| next.back_to), Some(Some(moment("2026-02-08T19:23:10Z"))));
    assert!(follows(&since("2026-02-08T19:23:11Z")).is_none());
    // Of the page that ends it, only what is wanted is read.
    let page = read(&since("2026-02-09T00:00:00Z"), &reply(200, &[("link", NEXT)], json!([entry(3, 9), entry(2, 8)])));
    assert_eq!((page.items.len(), page.next), (1, None));
}

#[test]
fn alerts_that_cannot_be_had_are_told_apart() {
    let asked = begin(Wanted::default());
    let judge = |status, headers: &[(&str, &str)], body: &str| GitHub.judge(&asked, &reply(status, headers, body));
    let remaining = ("x-ratelimit-remaining", "4999");
    for gone in [
        "Dependabot alerts are disabled for this repository.",
        "Dependabot alerts are not available for archived repositories.",
        "Dependabot alerts are not available for this repository.",
    ] {
        let body = json!({"message": gone, "documentation_url": "https://docs.github.com/rest/dependabot/alerts", "status": "403"});
        assert_eq!(judge(403, &[remaining], &body.to_string()), Verdict::Unavailable(gone.into()));
    }
    let denied = judge(
        403,
        &[remaining, ("x-accepted-github-permissions", "vulnerability_alerts=read")],
        r#"{"message":"Resource not accessible by personal access token","status":"403"}"#,
    );
    assert_eq!(denied, Verdict::Denied("Resource not accessible by personal access token (needs vulnerability_alerts=read)".into()));
    assert!(matches!(judge(401, &[], r#"{"message":"Requires authentication"}"#), Verdict::Unauthenticated(_)));
    assert!(matches!(judge(404, &[], r#"{"message":"Not Found"}"#), Verdict::Missing(_)));
}
