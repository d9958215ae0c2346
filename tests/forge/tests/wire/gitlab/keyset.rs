//! Lists by cursor: the order, the way on, and what happens to it while rows come and go.

use serde_json::json;

use super::{ISSUES, ask, get, numbers, told, walk};
use crate::bench::{Bench, header, relation};

const KEYSET: &str = "/api/v4/projects/acme%2Fweb/issues?pagination=keyset&per_page=3";

#[tokio::test]
async fn a_walk_gives_each_issue_once_in_every_order_that_has_cursors() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_issues(10);
    // Under a clock that stands, so that only the number tells them apart.
    for _ in 0..5 {
        repository.add_issue(|issue| issue.title = "The same".to_owned());
    }
    for order in ["created_at", "updated_at", "title", "due_date", "relative_position", "weight"] {
        for sort in ["asc", "desc"] {
            let query = format!("order_by={order}&sort={sort}");
            let (pages, links) = walk(&bench, &format!("{KEYSET}&{query}")).await;
            let by_page = numbers(get(&bench, &format!("{ISSUES}?{query}")).await).await;
            assert_eq!(pages.concat(), by_page, "{query}");
            assert_eq!((pages.len(), links.len()), (5, 4), "{query}");
            assert!(links.iter().all(|link| link.contains("cursor=")), "{links:?}");
        }
    }
}

#[tokio::test]
async fn only_the_way_on_is_linked_and_nothing_is_counted() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_issues(7);
    let url = format!("{KEYSET}&order_by=updated_at&sort=asc");
    let first = get(&bench, &url).await;
    for name in ["x-total", "x-total-pages", "x-page", "x-per-page", "x-next-page", "x-prev-cursor"] {
        assert_eq!(header(&first, name), None, "{name}");
    }
    let link = header(&first, "link").unwrap();
    assert!(!link.contains(", ") && link.ends_with("rel=\"next\""), "{link}");
    let target = relation(&first, "next").unwrap();
    assert!(target.contains("&id=acme%2Fweb&order_by=updated_at&page=1&pagination=keyset&per_page=3&"), "{target}");
    let cursor = header(&first, "x-next-cursor").unwrap();
    let seen = numbers(first).await;
    let middle = get(&bench, &format!("{url}&cursor={cursor}")).await;
    let back = header(&middle, "x-prev-cursor").unwrap();
    assert_eq!(numbers(get(&bench, &format!("{url}&cursor={back}")).await).await, seen);
    let last = get(&bench, &relation(&middle, "next").unwrap()).await;
    assert_eq!((header(&last, "link"), header(&last, "x-next-cursor")), (None, None));
    assert_eq!(numbers(last).await.len(), 1);
}

#[tokio::test]
async fn a_cursor_walk_survives_edits_and_deletions_that_a_page_walk_stumbles_over() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    for _ in 0..7 {
        repository.add_issue(|_| bench.wait(10));
    }
    bench.wait(60);
    let query = "order_by=updated_at&sort=asc";
    // By page: issue 1 moves to the end, and issue 4 slips onto the page already read.
    let first = get(&bench, &format!("{ISSUES}?per_page=3&{query}")).await;
    repository.edit_issue(1, |issue| issue.title.push('!'));
    assert_eq!(numbers(get(&bench, &relation(&first, "next").unwrap()).await).await[0], 5);
    // By cursor: the row the cursor names goes away and the others keep their places.
    let first = get(&bench, &format!("{KEYSET}&{query}")).await;
    let next = relation(&first, "next").unwrap();
    assert_eq!(numbers(first).await, [2, 3, 4]);
    repository.edit_issue(2, |issue| issue.title.push('!'));
    repository.delete_issue(4);
    assert_eq!(numbers(get(&bench, &next).await).await, [5, 6, 7]);
}

#[tokio::test]
async fn an_end_with_nothing_behind_it_is_empty_and_has_no_link() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_issues(4);
    let next = relation(&get(&bench, &format!("{KEYSET}&sort=asc")).await, "next").unwrap();
    repository.delete_issue(4);
    let end = get(&bench, &next).await;
    assert_eq!((end.status().as_u16(), header(&end, "link")), (200, None));
    assert_eq!(end.text().await.unwrap(), "[]");
}

#[tokio::test]
async fn orders_without_cursors_and_merge_requests_fall_back_to_pages() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_issues(5);
    repository.add_issue(|issue| issue.pull_request = true);
    let priority = get(&bench, &format!("{KEYSET}&order_by=priority&sort=asc")).await;
    assert_eq!(header(&priority, "x-total").unwrap(), "5");
    assert!(relation(&priority, "next").unwrap().contains("page=2"));
    let requests = get(&bench, "/api/v4/projects/acme%2Fweb/merge_requests?pagination=keyset&order_by=created_at").await;
    assert_eq!(header(&requests, "x-total").unwrap(), "1");
}

#[tokio::test]
async fn a_cursor_of_nothing_or_of_another_order_breaks_the_forge() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_issues(5);
    let first = get(&bench, &format!("{KEYSET}&order_by=created_at")).await;
    let cursor = header(&first, "x-next-cursor").unwrap();
    for (order, cursor) in [("updated_at", cursor.as_str()), ("created_at", "bm9uc2Vuc2U="), ("created_at", "%%%")] {
        let broken = told(ask(&bench, &format!("{KEYSET}&order_by={order}&cursor={cursor}"))).await;
        assert_eq!(broken, (500, json!({ "message": "500 Internal Server Error" })), "{order} {cursor}");
    }
    assert_eq!(get(&bench, &format!("{KEYSET}&cursor=")).await.status(), 200);
}

#[tokio::test]
async fn deep_pages_of_a_large_list_come_as_fast_as_the_first() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_issues(30_000);
    let begun = std::time::Instant::now();
    let (pages, _) = walk(&bench, "/api/v4/projects/acme%2Fweb/issues?pagination=keyset&order_by=updated_at&sort=asc&per_page=100").await;
    let seen: std::collections::BTreeSet<u64> = pages.concat().into_iter().collect();
    assert_eq!((pages.len(), seen.len()), (300, 30_000));
    println!("{:?} for three hundred pages", begun.elapsed());
}
