//! GitHub's pull requests, and in which order their pages are read.

use serde_json::json;

use super::super::GitHub;
use crate::model::{ItemType, Stream};
use crate::providers::testing::{moment, reply, source};
use crate::providers::{Page, PageRequest, Provider, Reply, Wanted};

fn entry(number: u64, day: u32) -> serde_json::Value {
    json!({
        "url": format!("https://api.github.com/repos/acme/web/pulls/{number}"),
        "id": 4_100_000 + number,
        "html_url": format!("https://github.com/acme/web/pull/{number}"),
        "number": number,
        "state": "open",
        "locked": false,
        "title": format!("Change {number}"),
        "user": {"login": "leo", "id": 1},
        "body": "What it changes.",
        "labels": [{"id": 208_045_946, "name": "bug", "color": "f29513"}],
        "assignees": [{"login": "mia"}, {"login": "kim"}],
        "requested_reviewers": [{"login": "ann"}],
        "draft": true,
        "head": {"ref": "change", "sha": "6dcb09b5b57875f334f61aebed695e2e4193db5e"},
        "created_at": "2026-01-26T19:01:12Z",
        "updated_at": format!("2026-02-{day:02}T19:01:12Z"),
        "closed_at": null,
        "merged_at": null
    })
}

fn begin(wanted: Wanted) -> PageRequest {
    GitHub.begin(&source("github"), Stream::PullRequests, wanted)
}

fn page(asked: &PageRequest, reply: &Reply) -> Page {
    GitHub.read(&source("github"), asked, reply).expect("a page")
}

const OPEN: &str = "https://api.github.com/repos/acme/web/pulls?state=open&sort=updated&direction=asc&per_page=100";
const ALL: &str = "https://api.github.com/repos/acme/web/pulls?state=all&sort=updated&direction=desc&per_page=100";

/// A `Link` header as GitHub writes them for a page of such a list.
fn links(list: &str, relations: &[(&str, u64)]) -> String {
    let list = list.replace("repos/acme/web", "repositories/7");
    relations.iter().map(|(relation, page)| format!("<{list}&page={page}>; rel=\"{relation}\"")).collect::<Vec<_>>().join(", ")
}

/// The page after one of these two, with such links.
fn after(asked: &PageRequest, links: &str) -> Page {
    page(asked, &reply(200, &[("link", links)], json!([entry(1, 1), entry(2, 2)])))
}

#[test]
fn open_ones_are_listed_oldest_change_first_and_all_newest_first() {
    assert_eq!((begin(Wanted::default()).url.as_str(), begin(Wanted::default()).back_to), (OPEN, None));
    assert_eq!(begin(Wanted { include_closed: true, ..Wanted::default() }).url, ALL);
    assert_eq!(begin(Wanted { knows_items: true, ..Wanted::default() }).url, ALL);
    let since = Some(moment("2026-02-01T00:00:00Z"));
    let increment = begin(Wanted { since, ..Wanted::default() });
    assert_eq!((increment.url.as_str(), increment.back_to), (ALL, since));
    let single = GitHub.single(&source("github"), Stream::PullRequests, "7");
    assert_eq!(single.url, "https://api.github.com/repos/acme/web/pulls/7");
    assert_eq!(page(&single, &reply(200, &[], entry(7, 1))).items.len(), 1);
}

#[test]
fn a_pull_request_arrives_whole_and_a_merged_one_is_called_so() {
    let (mut merged, mut closed) = (entry(8, 8), entry(9, 9));
    (merged["state"], merged["merged_at"]) = ("closed".into(), "2026-02-08T19:01:12Z".into());
    closed["state"] = "closed".into();
    let page = page(&begin(Wanted::default()), &reply(200, &[], json!([entry(7, 7), merged, closed, {"number": 6}])));
    let item = &page.items[0];
    assert_eq!((item.kind, item.external_id.as_str()), (ItemType::PullRequest, "github:https://github.com/acme/web:pull_request:7"));
    assert_eq!((item.title.as_str(), item.body.as_deref(), item.author.as_deref()), ("Change 7", Some("What it changes."), Some("leo")));
    assert_eq!((item.labels.join(" "), item.assignees.join(" ")), ("bug".into(), "mia kim".into()));
    assert_eq!(item.updated_at, Some(moment("2026-02-07T19:01:12Z")));
    assert_eq!(page.items.iter().map(|item| item.state.as_str()).collect::<Vec<_>>(), ["open", "merged", "closed"]);
    assert_eq!(page.rejected.iter().map(|rejected| rejected.which.as_str()).collect::<Vec<_>>(), ["#6"]);
    assert!(GitHub.read(&source("github"), &begin(Wanted::default()), &reply(200, &[], "<html>")).is_err());
}

#[test]
fn all_are_read_from_the_front_until_enough_is_seen() {
    let whole = begin(Wanted { knows_items: true, ..Wanted::default() });
    let more = links(ALL, &[("next", 2), ("last", 9)]);
    let next = after(&whole, &more).next.expect("a next page");
    assert_eq!(next.url, "https://api.github.com/repositories/7/pulls?state=all&sort=updated&direction=desc&per_page=100&page=2");
    assert!(page(&next, &reply(200, &[("link", &links(ALL, &[("prev", 1), ("next", 3)]))], "[]")).next.is_some());
    assert!(after(&next, &links(ALL, &[("prev", 1), ("first", 1)])).next.is_none());

    let newest_first = json!([entry(2, 9), entry(1, 8)]);
    let since = |text| begin(Wanted { since: Some(moment(text)), ..Wanted::default() });
    let follows = |asked: &PageRequest| page(asked, &reply(200, &[("link", &more)], &newest_first)).next.is_some();
    assert!(follows(&since("2026-02-08T19:01:12Z")));
    assert!(!follows(&since("2026-02-08T19:01:13Z")));
}

/// The first page tells which is the last; then they are read towards the first.
#[test]
fn open_ones_are_read_from_the_last_page_to_the_first() {
    let first = after(&begin(Wanted::default()), &links(OPEN, &[("next", 2), ("last", 3)]));
    assert!(first.items.is_empty(), "it is read in its turn");
    let last = first.next.expect("the last page");
    assert_eq!(last.url, "https://api.github.com/repositories/7/pulls?state=open&sort=updated&direction=asc&per_page=100&page=3");
    let before = after(&last, &links(OPEN, &[("prev", 2), ("first", 1)]));
    assert_eq!(before.items.len(), 2);
    let middle = before.next.expect("the page before");
    assert!(middle.url.ends_with("&page=2"), "{}", middle.url);
    let again = after(&middle, &links(OPEN, &[("prev", 1), ("next", 3), ("last", 3), ("first", 1)])).next.expect("the first page");
    assert!(again.url.ends_with("&page=1"), "{}", again.url);
    let end = after(&again, &links(OPEN, &[("next", 2), ("last", 3)]));
    assert_eq!((end.items.len(), end.next), (2, None));

    let alone = page(&begin(Wanted::default()), &reply(200, &[], json!([entry(1, 1)])));
    assert_eq!((alone.items.len(), alone.next), (1, None));
}

#[test]
fn a_list_that_became_shorter_is_not_taken_for_read() {
    let last = after(&begin(Wanted::default()), &links(OPEN, &[("next", 2), ("last", 2)])).next.expect("the last page");
    // It lies past the end now, and says which one is before it, or nothing.
    let told = page(&last, &reply(200, &[("link", &links(OPEN, &[("prev", 1), ("first", 1)]))], "[]"));
    assert!(told.next.expect("the page before").url.ends_with("&page=1"));
    let anew = page(&last, &reply(200, &[], "[]")).next.expect("the first page");
    assert_eq!((anew.url.as_str(), anew.number), (OPEN, 1));
}

#[test]
fn without_a_way_to_the_last_page_all_are_read_from_the_front() {
    let otherwise = after(&begin(Wanted::default()), &links(OPEN, &[("next", 2)]));
    assert_eq!((otherwise.items.len(), otherwise.next.map(|next| next.url)), (0, Some(ALL.to_owned())));
}

#[test]
fn cursors_would_be_followed_as_they_are() {
    let cursor = format!("<{OPEN}&after=Y3Vy>; rel=\"next\"");
    let first = after(&begin(Wanted::default()), &cursor);
    assert_eq!(first.items.len(), 2);
    let next = first.next.expect("a next page");
    assert_eq!(next.url, format!("{OPEN}&after=Y3Vy"));
    assert!(after(&next, &format!("<{OPEN}&before=Y3Vy>; rel=\"prev\"")).next.is_none());
}
