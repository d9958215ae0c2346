//! GitHub's list of pull requests, and what counts as merged at all forges.

use pullcord_forge::{IssueState, Seed};

use crate::bench::{Bench, START, header, relation, value};

const PULLS: &str = "/repos/acme/web/pulls";

#[tokio::test]
async fn only_pull_requests_are_listed_page_by_page() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed(&Seed { pull_request_percent: 20, ..Seed::of(100) });
    let (pages, links) = bench.walk(&format!("{PULLS}?state=all&per_page=8")).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [8, 8, 4]);
    assert!(pages.concat().is_sorted_by(|one, next| one > next));
    assert!(links[0].contains("/pulls?state=all&per_page=8&page=2"), "{links:?}");
    let middle = bench.get(&links[0]).await;
    let page = |name| relation(&middle, name).unwrap().rsplit_once("page=").unwrap().1.to_owned();
    assert_eq!(["prev", "next", "last", "first"].map(page), ["1", "3", "3", "1"]);
    let beyond = bench.get(&format!("{PULLS}?state=all&per_page=8&page=9")).await;
    assert_eq!(beyond.text().await.unwrap(), "[]");
    for query in ["sort=comments", "state=merged", "direction=down"] {
        assert_eq!(bench.get(&format!("{PULLS}?{query}")).await.status(), 422, "{query}");
    }
}

#[tokio::test]
async fn the_direction_follows_the_order_and_closing_says_how() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    for _ in 0..4 {
        repository.add_issue(|issue| {
            bench.wait(10);
            issue.pull_request = true;
        });
    }
    bench.wait(60);
    repository.close_issue(1);
    repository.edit_issue(2, |issue| (issue.state, issue.state_reason) = (IssueState::Closed, Some("declined".to_owned())));
    let numbers =
        |body: serde_json::Value| -> Vec<u64> { body.as_array().unwrap().iter().map(|pull| pull["number"].as_u64().unwrap()).collect() };
    let table: [(&str, &[u64]); 5] = [
        ("", &[4, 3]),
        ("sort=updated", &[3, 4]),
        ("sort=created&direction=asc", &[3, 4]),
        ("state=closed", &[2, 1]),
        ("state=all&sort=long-running", &[1, 2, 3, 4]),
    ];
    for (query, expected) in table {
        assert_eq!(numbers(bench.json(&format!("{PULLS}?{query}")).await), expected, "{query}");
    }
    let closed = bench.json(&format!("{PULLS}?state=closed&direction=asc")).await;
    let moment = jiff::Timestamp::from_second(START + 100).unwrap().to_string();
    assert_eq!((&closed[0]["merged_at"], &closed[1]["merged_at"]), (&moment.clone().into(), &serde_json::Value::Null));
    assert_eq!(closed[1]["closed_at"], moment);
    assert_eq!(closed[0]["html_url"], "https://github.com/acme/web/pull/1");
    let issue = bench.json("/repos/acme/web/issues/2").await;
    assert_eq!((&issue["state_reason"], &issue["pull_request"]["merged_at"]), (&serde_json::Value::Null, &serde_json::Value::Null));
}

#[tokio::test]
async fn an_unchanged_page_is_304() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.add_issue(|issue| issue.pull_request = true);
    let first = bench.get(PULLS).await;
    let tag = header(&first, "etag").unwrap();
    assert_eq!(value(first).await[0]["head"]["ref"], "change-1");
    let ask = || bench.anonymous(PULLS).bearer_auth("first").header("if-none-match", &tag).send();
    assert_eq!(ask().await.unwrap().status(), 304);
    repository.edit_issue(1, |issue| issue.title.push('!'));
    assert_eq!(ask().await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_is_merged_at_one_forge_is_merged_at_all() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    let reasons = [(None, true), (Some("declined"), false), (Some("superseded"), false), (Some("not_planned"), false)];
    for (reason, is_merged) in reasons {
        let number = repository.add_issue(|issue| {
            (issue.pull_request, issue.state) = (true, IssueState::Closed);
            issue.state_reason = reason.map(str::to_owned);
        });
        let github = bench.json(&format!("{PULLS}?state=closed&per_page=1")).await;
        assert_eq!((&github[0]["number"], github[0]["merged_at"].is_string()), (&number.into(), is_merged), "{reason:?}");
        let gitlab = bench.json(&format!("/api/v4/projects/acme%2Fweb/merge_requests/{number}")).await;
        assert_eq!(gitlab["state"], if is_merged { "merged" } else { "closed" }, "{reason:?}");
        let bitbucket = bench.json("/2.0/repositories/acme/web/pullrequests?state=MERGED").await;
        let among = bitbucket["values"].as_array().unwrap().iter().any(|pull| pull["id"] == number);
        assert_eq!(among, is_merged, "{reason:?}");
    }
}
