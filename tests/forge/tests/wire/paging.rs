//! Walking the issue list by its links, and what the list holds.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use pullcord_forge::Seed;

use crate::bench::{Bench, START, relation, value};

const ISSUES: &str = "/repos/acme/web/issues";

#[tokio::test]
async fn links_lead_to_the_end_and_give_each_issue_once() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_issues(250);
    for query in ["sort=created", "sort=updated&direction=asc", "sort=comments", "sort=updated&direction=desc"] {
        let (pages, links) = bench.walk(&format!("{ISSUES}?state=all&per_page=100&{query}")).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50], "{query}");
        let seen: BTreeSet<u64> = pages.concat().into_iter().collect();
        assert_eq!(seen, (1..=250).collect(), "{query}");
        let beginning = format!("{}/repositories/{}/issues?state=all&per_page=100", bench.forge.base_url(), repository.id());
        assert!(links.iter().all(|link| link.starts_with(&beginning)), "{links:?}");
    }
}

#[tokio::test]
async fn page_links_name_all_four_relations() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_issues(100);
    let middle = bench.get(&format!("{ISSUES}?state=all&per_page=30&page=2")).await;
    let page = |name| relation(&middle, name).unwrap().rsplit_once("page=").unwrap().1.to_owned();
    assert_eq!(["prev", "next", "last", "first"].map(page), ["1", "3", "4", "1"]);
    let single = bench.get(&format!("{ISSUES}?state=all&per_page=100")).await;
    assert!(single.headers().get("link").is_none());
    let defaults = bench.json(ISSUES).await;
    assert_eq!(defaults.as_array().unwrap().len(), 30);
    assert!(defaults.as_array().unwrap().iter().all(|issue| issue["state"] == "open"));
    assert_eq!(bench.json(&format!("{ISSUES}?state=all&per_page=1000")).await.as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn a_large_list_refuses_made_up_pages_and_links_by_cursor() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_issues(10_050);
    let refused = bench.get(&format!("{ISSUES}?state=all&per_page=100&page=101")).await;
    assert_eq!(refused.status(), 422);
    let body = value(refused).await;
    assert_eq!(
        body["message"],
        "Pagination with the page parameter is not supported for large datasets, please use cursor based pagination (after/before)"
    );
    let first = bench.get(&format!("{ISSUES}?state=all&per_page=100")).await;
    assert!(relation(&first, "last").is_none());
    let (pages, links) = bench.walk(&format!("{ISSUES}?state=all&per_page=100&direction=asc")).await;
    assert!(links.iter().all(|link| link.contains("after=")));
    assert_eq!(pages.concat(), (1..=10_050).collect::<Vec<u64>>());
}

#[tokio::test]
async fn cursors_can_be_had_at_any_size_and_go_both_ways() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.set_large_above(0);
    // Added under a clock that stands, so that only the number tells them apart.
    for _ in 0..7 {
        repository.add_issue(|_| {});
    }
    let (pages, links) = bench.walk(&format!("{ISSUES}?per_page=3")).await;
    assert_eq!(pages, [vec![7, 6, 5], vec![4, 3, 2], vec![1]]);
    assert!(links[0].contains("page=2&after=") && links[0].ends_with("%3D"), "{}", links[0]);
    let second = bench.get(&links[0]).await;
    let back = bench.json(&relation(&second, "prev").unwrap()).await;
    assert_eq!(back[0]["number"], 7);
    assert_eq!(bench.get(&format!("{ISSUES}?per_page=3&page=2")).await.status(), 422);
    assert_eq!(bench.get(&format!("{ISSUES}?after=nonsense")).await.status(), 422);
}

#[tokio::test]
async fn a_cursor_walk_survives_edits_that_a_page_walk_stumbles_over() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    for _ in 0..6 {
        repository.add_issue(|_| bench.wait(10));
    }
    bench.wait(60);
    let query = format!("{ISSUES}?sort=updated&direction=asc&per_page=2");
    // By page: issue 1 moves to the end behind the reader, and issue 3 slips onto the page already read.
    let first = bench.get(&query).await;
    repository.edit_issue(1, |issue| issue.title.push('!'));
    let second = bench.json(&relation(&first, "next").unwrap()).await;
    assert_eq!(second[0]["number"], 4);
    repository.set_large_above(0);
    let first = bench.get(&query).await;
    repository.close_issue(2);
    let second = bench.json(&relation(&first, "next").unwrap()).await;
    assert_eq!(second[0]["number"], 4);
}

#[tokio::test]
async fn since_gives_what_was_updated_at_that_second_or_later() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed(&Seed { closed_percent: 0, ..Seed::of(50) });
    bench.wait(100);
    assert!(repository.edit_issue(7, |issue| issue.title = "Seven".to_owned()));
    assert!(repository.close_issue(9));
    bench.wait(1);
    repository.edit_issue(8, |issue| issue.labels = vec!["late".to_owned()]);
    let at = |second| jiff::Timestamp::from_second(second).unwrap();
    for order in ["updated", "created"] {
        let url = format!("{ISSUES}?state=all&direction=asc&sort={order}&since={}", at(START + 100));
        let (pages, _) = bench.walk(&url).await;
        assert_eq!(pages.concat(), if order == "updated" { [7, 9, 8] } else { [7, 8, 9] });
    }
    let closed = bench.json(&format!("{ISSUES}?state=closed&since={}", at(START + 100))).await;
    assert_eq!(closed.as_array().unwrap().len(), 1);
    assert_eq!(closed[0]["closed_at"], at(START + 100).to_string());
    assert_eq!(closed[0]["state_reason"], "completed");
    let nothing = bench.get(&format!("{ISSUES}?since={}", at(START + 102))).await;
    assert!(nothing.headers().get("link").is_none());
    assert_eq!(nothing.text().await.unwrap(), "[]");
    // A plus sign that was not encoded arrives as a space.
    assert_eq!(bench.get(&format!("{ISSUES}?since=2026-01-01T00:00:00+00:00")).await.status(), 422);
}

#[tokio::test]
async fn pull_requests_are_listed_and_the_version_decides_on_the_assignee() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed(&Seed { pull_request_percent: 10, ..Seed::of(100) });
    repository.edit_issue(100, |issue| {
        issue.assignees = vec!["lena-holm".to_owned(), "benl".to_owned()];
    });
    let all = bench.json(&format!("{ISSUES}?state=all&per_page=100")).await;
    let requests = all.as_array().unwrap().iter().filter(|issue| issue.get("pull_request").is_some());
    assert_eq!(requests.count(), 10);
    let issue = bench.json(&format!("{ISSUES}/100")).await;
    assert!(issue.get("assignee").is_none());
    assert_eq!(issue["assignees"][1]["login"], "benl");
    let old = bench.client.get(format!("{}{ISSUES}/100", bench.forge.base_url())).header("user-agent", "bench");
    let old = value(old.send().await.unwrap()).await;
    assert_eq!(old["assignee"]["login"], "lena-holm");
    assert_eq!(old["html_url"], "https://github.com/acme/web/issues/100");
}

#[tokio::test]
async fn a_hundred_thousand_issues_are_served_as_fast_as_a_thousand() {
    let bench = Bench::new().await;
    let mut spent = [Duration::ZERO; 2];
    let sizes = [("acme/small", 1_000), ("acme/large", 100_000)];
    for (name, size) in sizes {
        bench.forge.repository(name).seed_issues(size);
    }
    // In turns, so that a loaded machine slows both. Sorting the large list anew would take many times as long.
    for number in 1..=30 {
        for (spent, (name, _)) in spent.iter_mut().zip(sizes) {
            let begun = Instant::now();
            bench.forge.repository(name).edit_issue(number * 30, |issue| issue.comments += 1);
            let page = bench.json(&format!("/repos/{name}/issues?state=all&per_page=100&sort=updated")).await;
            assert_eq!(page[0]["number"], number * 30);
            *spent += begun.elapsed();
        }
    }
    println!("{:?} and {:?} for an edit and a page", spent[0] / 30, spent[1] / 30);
    assert!(spent[1] < spent[0] * 4, "{spent:?}");
}

#[tokio::test]
async fn a_short_list_can_be_linked_by_cursor_while_page_numbers_are_taken() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_issues(9);
    repository.set_links_by_cursor(true);
    let query = format!("{ISSUES}?state=all&per_page=4");
    let (pages, links) = bench.walk(&query).await;
    assert_eq!(pages.concat(), (1..=9).rev().collect::<Vec<u64>>());
    assert!(links.iter().all(|link| link.contains("after=")), "{links:?}");
    assert_eq!(bench.json(&format!("{query}&page=2")).await, bench.json(&links[0]).await);
}
