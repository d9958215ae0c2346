//! What GitHub sends, and what is made of it.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::providers::testing;

fn source() -> Source {
    testing::source("github")
}

fn entry(number: u64, second: u32) -> Value {
    json!({"number": number, "title": format!("Issue {number}"), "state": "open", "labels": [{"name": "bug"}], "assignees": [{"login": "mia"}],
        "user": {"login": "leo"}, "body": "", "html_url": format!("https://github.com/acme/web/issues/{number}"),
        "created_at": "2026-01-01T00:00:00Z", "updated_at": format!("2026-01-01T00:00:{second:02}Z")})
}

fn reply(entries: &[Value], link: Option<&str>) -> Reply {
    let headers = link.map(|link| ("link".to_owned(), link.to_owned())).into_iter().collect::<BTreeMap<_, _>>();
    Reply { status: 200, headers, body: serde_json::to_vec(entries).expect("plain data") }
}

fn first() -> PageRequest {
    GitHub.begin(&source(), Stream::Issues, Wanted::default())
}

/// S2.3, S2.114: an issue arrives whole, and a pull request is none.
#[test]
fn issues_are_read_and_pull_requests_left_out() {
    let mut pull = entry(2, 2);
    pull["pull_request"] = json!({"url": "https://api.github.com/repos/acme/web/pulls/2"});
    let page = GitHub.read(&source(), &first(), &reply(&[entry(1, 1), pull, json!({"number": 3})], None)).expect("a page");
    assert_eq!(page.items.len(), 1);
    let item = &page.items[0];
    assert_eq!(item.external_id, "github:https://github.com/acme/web:issue:1");
    assert_eq!((item.labels.as_slice(), item.assignees.as_slice()), (["bug".to_owned()].as_slice(), ["mia".to_owned()].as_slice()));
    assert_eq!((item.author.as_deref(), item.body.as_deref()), (Some("leo"), None));
    assert_eq!(page.rejected.iter().map(|rejected| rejected.which.as_str()).collect::<Vec<_>>(), ["#3"]);
    assert!(page.next.is_none());
    assert!(GitHub.read(&source(), &first(), &Reply { body: b"<html>".to_vec(), ..Reply::default() }).is_err());
}

#[test]
fn a_cursor_is_followed_as_it_is() {
    let link = r#"<https://api.github.com/repositories/7/issues?state=open&page=2&after=Y3Vy%3D>; rel="next""#;
    let next = GitHub.read(&source(), &first(), &reply(&[entry(1, 1)], Some(link))).expect("a page").next.expect("a next page");
    assert_eq!(next.url, "https://api.github.com/repositories/7/issues?state=open&page=2&after=Y3Vy%3D");
    assert_eq!((next.number, next.overlap.len()), (2, 0));
}

#[test]
fn row_counting_pages_are_walked_by_time_and_nothing_is_read_twice() {
    let link = r#"<https://api.github.com/repositories/7/issues?state=open&sort=updated&page=2>; rel="next""#;
    let page = GitHub.read(&source(), &first(), &reply(&[entry(1, 1), entry(2, 5), entry(3, 5)], Some(link))).expect("a page");
    let next = page.next.expect("a next page");
    assert_eq!(next.url, "https://api.github.com/repositories/7/issues?state=open&sort=updated&since=2026-01-01T00%3A00%3A05Z");
    // The two that changed in the last second come again; one of them has changed since.
    let again = GitHub.read(&source(), &next, &reply(&[entry(2, 5), entry(3, 6), entry(4, 7)], None)).expect("a page");
    assert_eq!(again.items.iter().map(|item| item.title.as_str()).collect::<Vec<_>>(), ["Issue 3", "Issue 4"]);
}

#[test]
fn a_page_that_changed_in_one_second_is_left_by_its_link() {
    let link = r#"<https://api.github.com/repositories/7/issues?since=2026-01-01T00%3A00%3A05Z&page=2>; rel="next""#;
    let next = GitHub.read(&source(), &first(), &reply(&[entry(2, 5), entry(3, 5)], Some(link))).expect("a page").next;
    assert_eq!(next.expect("a next page").url, "https://api.github.com/repositories/7/issues?since=2026-01-01T00%3A00%3A05Z&page=2");
}

#[test]
fn repositories_are_owner_and_name() {
    for good in ["acme/web", "a-b/c.d_e"] {
        assert_eq!(GitHub.check_repository(good), Ok(()), "{good}");
    }
    for bad in ["", "acme", "acme/", "/web", "a/b/c", "../web", "acme/..", "a b/c", "acme/web?x", "acme/web#x", "acme/%2e"] {
        assert!(GitHub.check_repository(bad).is_err(), "{bad}");
    }
}

/// Invariant 7: an issue that was transferred is gone from here. Nothing else that
/// GitHub sends elsewhere is.
#[test]
fn an_issue_that_was_transferred_is_gone() {
    let gone = |stream, status, to: &str| {
        let asked = GitHub.single(&source(), stream, "17");
        let reply = Reply { status, headers: [("location".to_owned(), to.to_owned())].into(), ..Reply::default() };
        GitHub.gone(&asked, &reply)
    };
    let elsewhere = "https://api.github.com/repositories/8/issues/3";
    assert_eq!(gone(Stream::Issues, 301, elsewhere).as_deref(), Some("301 it was transferred to another repository"));
    assert_eq!(gone(Stream::Issues, 302, elsewhere), None);
    assert_eq!(gone(Stream::PullRequests, 301, elsewhere), None);
    for other in ["https://api.github.com/repositories/8/issues", "https://github.com/login", "https://api.github.com/repositories/8", ""] {
        assert_eq!(gone(Stream::Issues, 301, other), None, "{other}");
    }
    assert!(gone(Stream::Issues, 404, "").is_some() && gone(Stream::Issues, 410, "").is_some());
}
