//! What GitLab sends of issues and merge requests, and what is made of it.

use serde_json::{Value, json};

use crate::clock::Moment;
use crate::model::{Item, ItemType, Source, Stream};
use crate::providers::gitlab::GitLab;
use crate::providers::gitlab::tests::{first, of, reply, source};
use crate::providers::{Page, PageRequest, Provider, Wanted};

const ISSUES: &str = "https://gitlab.com/api/v4/projects/acme%2Ftools%2Fweb/issues";

/// An entry of a list, without the fields that nobody looks at.
fn entry(iid: u64, second: u32) -> Value {
    json!({
        "id": 76_000_000 + iid, "iid": iid, "project_id": 278_964, "title": format!("Issue {iid}"), "description": "",
        "state": "opened", "created_at": "2026-01-01T00:00:00.000Z", "updated_at": format!("2026-01-01T00:00:{second:02}.250Z"),
        "closed_at": null, "closed_by": null, "labels": ["bug", "area: login"], "milestone": null,
        "assignees": [{"id": 1, "username": "mia", "name": "Mia", "state": "active"}], "assignee": {"id": 1, "username": "mia"},
        "author": {"id": 2, "username": "leo", "name": "Leo", "state": "active"}, "type": "ISSUE", "issue_type": "issue",
        "severity": "UNKNOWN", "confidential": false, "user_notes_count": 3,
        "web_url": format!("https://gitlab.com/acme/tools/web/-/work_items/{iid}"),
        "references": {"short": format!("#{iid}"), "relative": format!("#{iid}"), "full": format!("acme/tools/web#{iid}")},
    })
}

fn with(mut entry: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().expect("fields") {
        entry[name] = value.clone();
    }
    entry
}

fn read(asked: &PageRequest, headers: &[(&str, &str)], entries: &[Value]) -> Page {
    GitLab.read(&source(), asked, &reply(200, headers, json!(entries))).expect("a page")
}

fn next(asked: &PageRequest, headers: &[(&str, &str)], entries: &[Value]) -> PageRequest {
    read(asked, headers, entries).next.expect("a next page")
}

fn made(source: &Source, stream: Stream, entry: Value) -> Item {
    let page = GitLab.read(source, &first(stream), &reply(200, &[], json!([entry]))).expect("a page");
    page.items.into_iter().next().expect("an item")
}

#[test]
fn an_issue_arrives_whole() {
    let item = made(&source(), Stream::Issues, with(entry(17, 1), json!({"description": "It is slow."})));
    assert_eq!(item.external_id, "gitlab:https://gitlab.com/acme/tools/web:issue:17");
    assert_eq!((item.kind, item.title.as_str(), item.body.as_deref()), (ItemType::Issue, "Issue 17", Some("It is slow.")));
    assert_eq!((item.state.as_str(), item.labels, item.assignees), ("open", vec!["bug".into(), "area: login".into()], vec!["mia".into()]));
    assert_eq!((item.author.as_deref(), item.url.as_deref()), (Some("leo"), Some("https://gitlab.com/acme/tools/web/-/work_items/17")));
    assert_eq!((item.created_at, item.updated_at), (Moment::parse("2026-01-01T00:00:00Z"), Moment::parse("2026-01-01T00:00:01.250Z")));
}

#[test]
fn whatever_its_type_and_whoever_may_see_it_an_issue_is_one() {
    for kind in ["incident", "task", "test_case", "ticket"] {
        let item = made(&source(), Stream::Issues, with(entry(1, 1), json!({"issue_type": kind, "confidential": true, "author": null})));
        assert_eq!((item.kind, item.body, item.author), (ItemType::Issue, None, None), "{kind}");
    }
    let detailed = json!({"labels": [{"id": 1, "name": "bug", "color": "#d9534f", "text_color": "#FFFFFF"}], "assignees": []});
    let item = made(&source(), Stream::Issues, with(entry(1, 1), detailed));
    assert_eq!((item.labels, item.assignees.len()), (vec!["bug".to_owned()], 0));
}

#[test]
fn a_merge_request_is_open_closed_or_merged() {
    for (theirs, ours) in [("opened", "open"), ("locked", "open"), ("closed", "closed"), ("merged", "merged")] {
        let url = "https://gitlab.com/acme/tools/web/-/merge_requests/5";
        let fields = json!({"state": theirs, "web_url": url, "references": {"full": "acme/tools/web!5"}, "merge_user": null});
        let item = made(&source(), Stream::PullRequests, with(entry(5, 1), fields));
        assert_eq!((item.kind, item.state.as_str()), (ItemType::PullRequest, ours));
        assert_eq!(item.external_id, "gitlab:https://gitlab.com/acme/tools/web:pull_request:5");
    }
    assert_eq!(made(&source(), Stream::Issues, with(entry(1, 1), json!({"state": "closed"}))).state, "closed");
}

#[test]
fn a_project_that_moved_or_goes_by_its_number_keeps_its_name() {
    let moved = json!({"web_url": "https://gitlab.com/new/site/-/issues/1", "references": {"full": "new/site#1"}});
    let external_id = |repository: &str| made(&of(repository), Stream::Issues, with(entry(1, 1), moved.clone())).external_id;
    assert_eq!(external_id("acme/tools/web"), "gitlab:https://gitlab.com/acme/tools/web:issue:1");
    assert_eq!(external_id("278964"), "gitlab:https://gitlab.com/projects/278964:issue:1");
}

#[test]
fn what_is_wanted_decides_what_is_asked() {
    let since = Moment::parse("2026-01-01T00:00:05.250Z");
    let query = |stream, wanted| GitLab.begin(&source(), stream, wanted).url.split_once('?').expect("a query").1.to_owned();
    let all = "order_by=updated_at&sort=asc&per_page=100&scope=all&state=all";
    let closed = Wanted { include_closed: true, ..Wanted::default() };
    let known = Wanted { knows_items: true, ..Wanted::default() };
    for wanted in [closed, known] {
        assert_eq!(query(Stream::Issues, wanted), format!("pagination=keyset&{all}"));
    }
    let changed = query(Stream::Issues, Wanted { since, ..Wanted::default() });
    assert_eq!(changed, format!("pagination=keyset&{all}&updated_after=2026-01-01T00%3A00%3A05.25Z"));
    assert_eq!(query(Stream::PullRequests, closed), all);
    assert_eq!(query(Stream::PullRequests, Wanted::default()), all.replace("=all", "=opened").replace("scope=opened", "scope=all"));
}

#[test]
fn a_cursor_is_followed_as_it_is() {
    let target = format!("{ISSUES}?cursor=eyJ1cGRhdGVkX2F0IjoiMjAyNiJ9&id=acme%2Ftools%2Fweb&page=1&pagination=keyset&per_page=100");
    let link = format!("<{target}>; rel=\"next\"");
    let second = next(&first(Stream::Issues), &[("link", &link)], &[entry(1, 1)]);
    assert_eq!((second.url.as_str(), second.number, second.overlap.len()), (target.as_str(), 2, 0));
    // Short or empty, a page with a link is not the last one.
    let further = target.replace("MjAy", "MTk5");
    let third = next(&second, &[("link", &format!("<{further}>; rel=\"next\""))], &[]);
    assert_eq!((third.url, third.number), (further, 3));
    let last = read(&second, &[], &[entry(2, 2)]);
    assert_eq!((last.items.len(), last.next, last.total), (1, None, None));
    assert!(read(&second, &[], &[]).next.is_none());
}

/// The headers of a server that counts rows: the parameters come back sorted, and the
/// time without its fractions.
fn page_headers(next: u64, total: &str) -> Vec<(&'static str, String)> {
    let link = |page: u64, relation: &str| format!("<{ISSUES}?id=acme%2Ftools%2Fweb&page={page}&per_page=100>; rel=\"{relation}\"");
    vec![
        ("link", format!("{}, {}, {}", link(next, "next"), link(1, "first"), link(9, "last"))),
        ("x-next-page", next.to_string()),
        ("x-total", total.to_owned()),
    ]
}

fn borrowed<'a>(headers: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    headers.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[test]
fn row_counting_pages_are_walked_by_time_and_nothing_is_read_twice() {
    let headers = page_headers(2, "412");
    let page = read(&first(Stream::Issues), &borrowed(&headers), &[entry(1, 1), entry(2, 5), entry(3, 5)]);
    assert_eq!(page.total, Some(412));
    let second = page.next.expect("a next page");
    let asked = format!("{ISSUES}?pagination=keyset&order_by=updated_at&sort=asc&per_page=100&scope=all&state=opened");
    assert_eq!(second.url, format!("{asked}&updated_after=2026-01-01T00%3A00%3A05.25Z"));
    // The two that changed last come again; one of them has changed since.
    let headers = page_headers(2, "411");
    let page = read(&second, &borrowed(&headers), &[entry(2, 5), entry(3, 6), entry(4, 7)]);
    assert_eq!(page.items.iter().map(|item| item.title.as_str()).collect::<Vec<_>>(), ["Issue 3", "Issue 4"]);
    assert_eq!(page.total, None, "a later page counts what is left");
    assert_eq!(page.next.expect("a next page").url, format!("{asked}&updated_after=2026-01-01T00%3A00%3A07.25Z"));
    // At the end there are links, but to no next page.
    let end = [("link", "<https://gitlab.com/x?page=1>; rel=\"first\""), ("x-next-page", ""), ("x-total", "1")];
    assert!(read(&second, &end, &[entry(4, 7)]).next.is_none());
}

#[test]
fn pages_are_counted_only_where_time_leads_nowhere() {
    let since = Moment::parse("2026-01-01T00:00:05.250Z");
    let asked = GitLab.begin(&source(), Stream::Issues, Wanted { since, ..Wanted::default() });
    let headers = page_headers(2, "300");
    // All of the page changed in the instant that was asked for.
    let second = next(&asked, &borrowed(&headers), &[entry(2, 5), entry(3, 5)]);
    assert_eq!((second.url.as_str(), second.overlap.len()), (format!("{}&page=2", asked.url).as_str(), 0));
    // And the page after it did not: from there on time leads further.
    let third = next(&second, &borrowed(&page_headers(3, "300")), &[entry(4, 5), entry(5, 6)]);
    assert_eq!(third.url, asked.url.replace("05.25Z", "06.25Z"));
    // A server that does not keep to the order, and one with an empty page in the middle.
    for entries in [&[entry(1, 9), entry(2, 6)][..], &[]] {
        assert_eq!(next(&asked, &borrowed(&headers), entries).url, format!("{}&page=2", asked.url));
    }
    // Without a link the number has to do.
    assert_eq!(next(&asked, &[("x-next-page", "2")], &[]).url, format!("{}&page=2", asked.url));
    assert_eq!(next(&asked, &[("x-next-page", "2")], &[entry(1, 6)]).url, asked.url.replace("05.25Z", "06.25Z"));
}

#[test]
fn where_a_link_leads_is_not_hidden_from_the_engine() {
    let link = "<https://evil.example.com/api/v4/projects/1/issues?page=2>; rel=\"next\"";
    let leads = next(&first(Stream::Issues), &[("link", link)], &[entry(1, 1)]);
    assert!(leads.url.starts_with("https://evil.example.com/"), "{}", leads.url);
    let nonsense = reply(200, &[("link", "</api/v4?page=2>; rel=\"next\"")], "[]");
    assert!(GitLab.read(&source(), &first(Stream::Issues), &nonsense).is_err());
}

#[test]
fn an_entry_that_cannot_be_read_is_named_and_stops_no_other() {
    let entries = [entry(1, 1), with(entry(2, 2), json!({"title": null})), json!({"iid": "three"}), json!(4), entry(5, 5)];
    let page = read(&first(Stream::Issues), &[], &entries);
    assert_eq!(page.items.len(), 2);
    let named: Vec<_> = page.rejected.iter().map(|one| (one.id.as_deref(), one.which.as_str())).collect();
    assert_eq!(named, [(Some("2"), "#2"), (None, "#\"three\""), (None, "entry 3")]);
    let merge_requests = read(&first(Stream::PullRequests), &[], &[json!({"iid": 6})]);
    assert_eq!(merge_requests.rejected[0].which, "!6");
}

#[test]
fn one_entry_alone_is_a_page_without_a_next() {
    let asked = GitLab.single(&source(), Stream::Issues, "1");
    let page = GitLab.read(&source(), &asked, &reply(200, &[("x-total", "7")], entry(1, 1))).expect("a page");
    assert_eq!((page.items.len(), page.next, page.total), (1, None, None));
}

#[test]
fn garbage_is_no_page() {
    for body in ["", "<html>", "null", "{\"message\":\"hello\"}", "[{\"iid\":1"] {
        let why = GitLab.read(&source(), &first(Stream::Issues), &reply(200, &[], body)).expect_err(body);
        assert!(why.0.starts_with("not a list of issues: "), "{}", why.0);
    }
}
