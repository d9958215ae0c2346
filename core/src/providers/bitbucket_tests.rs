//! What Bitbucket sends, and what is made of it.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::clock::Moment;
use crate::model::ItemType;
use crate::providers::testing::{moment, reply, source};
use crate::providers::{Wait, limit_of};

fn user(name: &str) -> Value {
    json!({
        "type": "user",
        "uuid": "{470c176d-3574-44ea-bb41-89e8638bcca4}",
        "display_name": format!("{name} Example"),
        "nickname": name,
        "links": {"html": {"href": "https://bitbucket.org/%7B470c176d-3574-44ea-bb41-89e8638bcca4%7D/"}}
    })
}

/// A pull request that changed at that microsecond of a minute.
fn pull(id: u64, micros: u64) -> Value {
    json!({
        "type": "pullrequest",
        "id": id,
        "title": format!("Change {id}"),
        "description": "What it changes.",
        "summary": {"type": "rendered", "raw": "What it changes.", "markup": "markdown", "html": "<p>What it changes.</p>"},
        "state": "OPEN",
        "draft": false,
        "author": user("leo"),
        "reviewers": [user("mia"), {"type": "team", "display_name": "Web"}],
        "source": {"branch": {"name": "change"}, "commit": {"type": "commit", "hash": "5faa5a4ba5c9"}},
        "created_on": "2026-01-01T08:00:00.113046+00:00",
        "updated_on": format!("2026-02-01T08:00:{:02}.{:06}+00:00", micros / 1_000_000, micros % 1_000_000),
        "links": {
            "self": {"href": format!("https://api.bitbucket.org/2.0/repositories/acme/web/pullrequests/{id}")},
            "html": {"href": format!("https://bitbucket.org/acme/web/pull-requests/{id}")}
        }
    })
}

fn issue(id: u64, state: &str) -> Value {
    json!({
        "type": "issue",
        "id": id,
        "title": format!("Issue {id}"),
        "content": {"type": "rendered", "raw": "It breaks.", "markup": "markdown", "html": "<p>It breaks.</p>"},
        "state": state,
        "kind": "bug",
        "priority": "major",
        "reporter": user("leo"),
        "assignee": user("mia"),
        "component": null,
        "created_on": "2026-01-01T08:00:00.113046+00:00",
        "updated_on": "2026-02-01T08:00:00.500000+00:00",
        "links": {"html": {"href": format!("https://bitbucket.org/acme/web/issues/{id}/it-breaks")}}
    })
}

fn begin(stream: Stream, wanted: Wanted) -> PageRequest {
    Bitbucket.begin(&source("bitbucket"), stream, wanted)
}

fn pulls() -> PageRequest {
    begin(Stream::PullRequests, Wanted::default())
}

fn read(asked: &PageRequest, body: Value) -> Page {
    Bitbucket.read(&source("bitbucket"), asked, &reply(200, &[], body)).expect("a page")
}

fn filter_of(request: &PageRequest) -> Option<String> {
    super::super::paging::parameter(&request.url, "q")
}

const LIST: &str = "https://api.bitbucket.org/2.0/repositories/acme/web/pullrequests?pagelen=50&sort=updated_on&q=state%3D%22OPEN%22";

#[test]
fn a_first_listing_asks_for_open_ones_and_any_other_for_all() {
    let first = pulls();
    assert_eq!(
        first.url,
        "https://api.bitbucket.org/2.0/repositories/acme/web/pullrequests\
         ?pagelen=50&sort=updated_on&fields=%2Bvalues.reviewers&q=state%3D%22OPEN%22"
    );
    let all = r#"(state="OPEN" OR state="MERGED" OR state="DECLINED" OR state="SUPERSEDED")"#;
    let known = Wanted { knows_items: true, ..Wanted::default() };
    assert_eq!(filter_of(&begin(Stream::PullRequests, known)).as_deref(), Some(all));
    let since = Wanted { since: Some(Moment(1_767_225_600_120)), ..Wanted::default() };
    let changed = r#"updated_on>="2026-01-01T00:00:00.12+00:00""#;
    assert_eq!(filter_of(&begin(Stream::PullRequests, since)), Some(format!("{all} AND {changed}")));

    let issues = begin(Stream::Issues, Wanted::default());
    assert!(issues.url.starts_with("https://api.bitbucket.org/2.0/repositories/acme/web/issues?pagelen=100&sort=updated_on&q="));
    assert_eq!(filter_of(&issues).as_deref(), Some(r#"(state="new" OR state="open" OR state="on hold")"#));
    assert_eq!(filter_of(&begin(Stream::Issues, known)), None);
    assert_eq!(filter_of(&begin(Stream::Issues, since)).as_deref(), Some(changed));
    assert_eq!(Bitbucket.streams()[0], Stream::PullRequests);
}

#[test]
fn the_version_may_be_left_out_of_the_base() {
    for base in ["http://127.0.0.1:7000", "http://127.0.0.1:7000/", "http://127.0.0.1:7000/2.0", "http://127.0.0.1:7000/2.0/"] {
        let source = Source { base_url: Some(base.into()), ..source("bitbucket") };
        let single = Bitbucket.single(&source, Stream::Issues, "7");
        assert_eq!(single.url, "http://127.0.0.1:7000/2.0/repositories/acme/web/issues/7", "{base}");
        assert!(single.single);
    }
    assert_eq!(Bitbucket.check_repository("acme/web"), Ok(()));
    assert_eq!(Bitbucket.check_repository("web"), Err("must be workspace/repo_slug"));
}

#[test]
fn a_pull_request_arrives_whole() {
    let mut without = pull(8, 2);
    (without["description"], without["author"], without["links"]) = ("".into(), Value::Null, Value::Null);
    let page = read(&pulls(), json!({"pagelen": 50, "size": 2, "page": 1, "values": [pull(7, 1_123_456), without]}));
    let item = &page.items[0];
    assert_eq!((item.kind, item.external_id.as_str()), (ItemType::PullRequest, "bitbucket:https://bitbucket.org/acme/web:pull_request:7"));
    assert_eq!((item.title.as_str(), item.body.as_deref(), item.author.as_deref()), ("Change 7", Some("What it changes."), Some("leo")));
    assert_eq!(item.assignees, ["mia", "Web"]);
    assert_eq!(item.url.as_deref(), Some("https://bitbucket.org/acme/web/pull-requests/7"));
    assert_eq!(item.created_at, Some(moment("2026-01-01T08:00:00.113Z")));
    assert_eq!(item.updated_at, Some(moment("2026-02-01T08:00:01.123Z")));
    let other = &page.items[1];
    assert_eq!(other.external_id, "bitbucket:https://bitbucket.org/acme/web:pull_request:8");
    assert_eq!((other.body.as_deref(), other.author.as_deref()), (Some("What it changes."), None));
    assert_eq!((page.total, page.next), (Some(2), None));
}

#[test]
fn every_state_has_its_own_and_one_that_nobody_knows_is_named() {
    let mut values: Vec<Value> = (1..=5).map(|id| pull(id, id)).collect();
    for (value, state) in values.iter_mut().zip(["OPEN", "MERGED", "DECLINED", "SUPERSEDED", "QUEUED"]) {
        value["state"] = state.into();
    }
    let page = read(&pulls(), json!({"values": values}));
    assert_eq!(page.items.iter().map(|item| item.state.as_str()).collect::<Vec<_>>(), ["open", "merged", "closed", "closed"]);
    assert_eq!(page.rejected[0].id.as_deref(), Some("5"));
    assert!(page.rejected[0].why.contains("QUEUED"), "{}", page.rejected[0].why);

    let states = ["new", "open", "on hold", "resolved", "invalid", "duplicate", "wontfix", "closed"];
    let values: Vec<Value> = (1..).zip(states).map(|(id, state)| issue(id, state)).collect();
    let page = read(&begin(Stream::Issues, Wanted::default()), json!({"values": values}));
    let open = page.items.iter().filter(|item| item.state == "open").count();
    assert_eq!((open, page.items.iter().filter(|item| item.state == "closed").count()), (3, 5));
}

#[test]
fn an_issue_arrives_whole_with_its_priority() {
    let mut values: Vec<Value> = (1..=6).map(|id| issue(id, "open")).collect();
    for (value, priority) in values.iter_mut().zip(["blocker", "critical", "major", "minor", "trivial", "whatever"]) {
        value["priority"] = priority.into();
    }
    let page = read(&begin(Stream::Issues, Wanted::default()), json!({"values": values}));
    let priorities: Vec<_> = page.items.iter().map(|item| item.priority.as_deref()).collect();
    assert_eq!(priorities, [Some("critical"), Some("critical"), Some("high"), Some("medium"), Some("low"), None]);
    let item = &page.items[2];
    assert_eq!((item.kind, item.external_id.as_str()), (ItemType::Issue, "bitbucket:https://bitbucket.org/acme/web:issue:3"));
    assert_eq!((item.labels.join(" "), item.assignees.join(" ")), ("bug major".into(), "mia".into()));
    assert_eq!((item.body.as_deref(), item.author.as_deref()), (Some("It breaks."), Some("leo")));
}

#[test]
fn a_broken_entry_is_named_and_the_others_are_read() {
    let page = read(&pulls(), json!({"values": [pull(1, 1), {"id": 2, "title": null}, [], {"id": "three"}, pull(4, 4)]}));
    assert_eq!(page.items.len(), 2);
    let named: Vec<_> = page.rejected.iter().map(|rejected| (rejected.id.as_deref(), rejected.which.as_str())).collect();
    assert_eq!(named, [(Some("2"), "#2"), (None, "entry 2"), (None, "#\"three\"")]);
    for garbage in ["<html>", "", "[]", r#"{"type":"error","error":{"message":"hello"}}"#, r#"{"values":7}"#] {
        assert!(Bitbucket.read(&source("bitbucket"), &pulls(), &reply(200, &[], garbage)).is_err(), "{garbage}");
    }
    let single = Bitbucket.single(&source("bitbucket"), Stream::PullRequests, "7");
    let page = read(&single, pull(7, 7));
    assert_eq!((page.items.len(), page.total, page.next), (1, None, None));
}

#[test]
fn an_address_that_says_nothing_is_followed_as_it_is() {
    let opaque = format!("{LIST}&page=dbtR%2Fx%3D");
    for values in [json!([pull(1, 1)]), json!([])] {
        let next = read(&pulls(), json!({"pagelen": 50, "values": values, "next": opaque})).next.expect("a next page");
        assert_eq!((next.url.as_str(), next.number, next.overlap.len()), (opaque.as_str(), 2, 0));
    }
    assert!(read(&pulls(), json!({"values": [pull(1, 1)], "next": null})).next.is_none());
    let lost = json!({"values": [], "next": "somewhere"});
    assert!(Bitbucket.read(&source("bitbucket"), &pulls(), &reply(200, &[], lost)).is_err());
}

/// Rows slip while they are counted, so a page that is found by counting is asked
/// for by time: to the millisecond, with what changed in it shown once more.
#[test]
fn row_counting_pages_are_walked_by_time_and_nothing_is_read_twice() {
    let link = format!("{LIST}&page=2");
    let values = json!([pull(1, 1), pull(2, 5_123_100), pull(3, 5_123_400)]);
    let page = read(&pulls(), json!({"values": values, "next": link, "size": 90, "page": 1}));
    assert_eq!(page.total, Some(90));
    let next = page.next.expect("a next page");
    assert_eq!(filter_of(&next).as_deref(), Some(r#"state="OPEN" AND updated_on>="2026-02-01T08:00:05.123+00:00""#));
    assert_eq!(super::super::paging::parameter(&next.url, "page"), None);
    // One of them has changed since, within the same millisecond.
    let values = json!([pull(2, 5_123_100), pull(3, 5_123_900), pull(4, 7_000_000)]);
    let page = read(&next, json!({"values": values, "next": next.url.clone() + "&page=2", "size": 40}));
    assert_eq!(page.items.iter().map(|item| item.title.as_str()).collect::<Vec<_>>(), ["Change 3", "Change 4"]);
    assert_eq!(page.total, None, "what is left is not what there is");
    let third = page.next.expect("a third page");
    assert_eq!(filter_of(&third).as_deref(), Some(r#"state="OPEN" AND updated_on>="2026-02-01T08:00:07+00:00""#));
    assert_eq!(third.number, 3);
}

#[test]
fn a_page_that_time_does_not_lead_on_from_is_left_by_its_link() {
    let link = r"https://api.bitbucket.org/2.0/repositories/acme/web/pullrequests?q=updated_on%3E%3D%222026-02-01T08%3A00%3A05.123%2B00%3A00%22&page=2";
    let follow = |values| read(&pulls(), json!({"values": values, "next": link})).next.map(|next| next.url);
    // All of it changed in the millisecond that was asked from on.
    assert_eq!(follow(json!([pull(2, 5_123_000), pull(3, 5_123_999)])).as_deref(), Some(link));
    // It is not in the order that was asked for.
    assert_eq!(follow(json!([pull(2, 9_000_000), pull(3, 7_000_000)])).as_deref(), Some(link));
    // Nothing on it can be read, or there is nothing.
    assert_eq!(follow(json!([{"id": 4}])).as_deref(), Some(link));
    assert_eq!(follow(json!([])).as_deref(), Some(link));
}

#[test]
fn a_token_with_an_email_address_is_a_password_and_any_other_a_bearer() {
    let shown = |token: &str| Bitbucket.authorize(&Credential { token: token.into() }).remove(0);
    assert_eq!(shown("mia@example.com:ATATT3x=1"), ("authorization", "Basic bWlhQGV4YW1wbGUuY29tOkFUQVRUM3g9MQ==".into()));
    assert_eq!(shown("ATCTT3x=1"), ("authorization", "Bearer ATCTT3x=1".into()));
}

#[test]
fn what_became_of_the_issues_is_said_in_a_sentence() {
    let asked = begin(Stream::Issues, Wanted::default());
    let judge = |status, body: &str| Bitbucket.judge(&asked, &reply(status, &[], body));
    let gone = r#"{"type":"error","error":{"message":"Functionality has been deprecated","detail":"Please read the changelog entry for more details."}}"#;
    let sentence = format!("{TRACKER_IS_GONE} (Functionality has been deprecated)");
    assert_eq!(judge(410, gone), Verdict::Unavailable(sentence));
    assert_eq!(judge(410, ""), Verdict::Unavailable(TRACKER_IS_GONE.into()));
    let off = r#"{"type":"error","error":{"message":"Repository has no issue tracker."}}"#;
    assert_eq!(judge(404, off), Verdict::Unavailable(format!("{TRACKER_IS_GONE} (Repository has no issue tracker.)")));
    for bare in ["", r#"{"type":"error","error":{"message":"Resource not found","detail":"There is no API hosted at this URL."}}"#] {
        let Verdict::Unavailable(why) = judge(404, bare) else { panic!("{bare}") };
        assert!(
            why.starts_with(TRACKER_IS_GONE) && why.contains("the repository may be missing as well") && why.chars().count() < 250,
            "{why}"
        );
    }
    // The repository itself is missing, for issues as for anything else.
    for missing in [
        "You may not have access to this repository or it no longer exists in this workspace.",
        "The requested repository either does not exist or you do not have access.",
        "Repository acme/web not found",
    ] {
        let body = json!({"type": "error", "error": {"message": missing}}).to_string();
        assert_eq!(judge(404, &body), Verdict::Missing(missing.into()));
        assert_eq!(Bitbucket.judge(&pulls(), &reply(404, &[], &body)), Verdict::Missing(missing.into()));
    }
    assert!(matches!(Bitbucket.judge(&pulls(), &reply(404, &[], "")), Verdict::Missing(_)));
    assert_eq!(Bitbucket.judge(&pulls(), &reply(410, &[], gone)), Verdict::Unavailable("Functionality has been deprecated".into()));
}

#[test]
fn refusals_are_told_apart_and_the_missing_permission_is_named() {
    let judge = |status, headers: &[(&str, &str)], body: &str| Bitbucket.judge(&pulls(), &reply(status, headers, body));
    let message = "Your credentials lack one or more required privilege scopes.";
    let required = json!({"required": ["read:pullrequest:bitbucket"], "granted": ["read:user:bitbucket"]});
    for (detail, needs) in [
        (required, " (needs read:pullrequest:bitbucket)"),
        (json!({"required": "pullrequest"}), " (needs pullrequest)"),
        (json!("Ask an admin."), ""),
        (Value::Null, ""),
    ] {
        let body = json!({"type": "error", "error": {"message": message, "detail": detail}}).to_string();
        assert_eq!(judge(403, &[], &body), Verdict::Denied(format!("{message}{needs}")));
    }
    let bad = r#"{"type":"error","error":{"message":"Token is invalid, expired, or not supported for this endpoint."}}"#;
    assert!(matches!(judge(401, &[], bad), Verdict::Unauthenticated(why) if why.starts_with("Token is invalid")));
    assert!(matches!(judge(401, &[], ""), Verdict::Unauthenticated(_)));
    assert!(matches!(judge(555, &[], ""), Verdict::Retry(_)));
    assert!(matches!(judge(400, &[], r#"{"type":"error","error":{"message":"Invalid pagelen"}}"#), Verdict::Rejected(_)));
}

/// S2.13: Bitbucket says in plain words that it is enough, and not for how long.
#[test]
fn a_limit_is_known_by_its_words_and_of_unknown_length() {
    let words = "Rate limit for this resource has been exceeded";
    let near = [("x-ratelimit-limit", "1000"), ("x-ratelimit-resource", "api"), ("x-ratelimit-nearlimit", "true")];
    for status in [429, 403] {
        let limited = reply(status, &near, words);
        assert_eq!(Bitbucket.judge(&pulls(), &limited), Verdict::Throttled { wait: Wait::Unknown, why: words.into() });
    }
    let page = reply(200, &near, r#"{"values":[]}"#);
    assert_eq!((limit_of(&page), Bitbucket.judge(&pulls(), &page)), (None, Verdict::Readable));
    // Who has no token is told how much is left, and in how many seconds there is more.
    let date = ("date", "Fri, 20 Nov 2026 05:10:10 GMT");
    let stranger = [date, ("x-ratelimit-limit", "60, 60;w=3600"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "600")];
    let until = moment("2026-11-20T05:20:11Z");
    assert_eq!(
        Bitbucket.judge(&pulls(), &reply(429, &stranger, words)),
        Verdict::Throttled { wait: Wait::Until(until), why: words.into() }
    );
    let patient = Bitbucket.judge(&pulls(), &reply(429, &[("retry-after", "30")], words));
    assert_eq!(patient, Verdict::Throttled { wait: Wait::For(Duration::from_secs(30)), why: words.into() });
}
