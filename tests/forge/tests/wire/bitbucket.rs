//! Bitbucket's lists: pages in the body, their limits, `q` and `sort`, and what an issue and a pull request say.

use std::collections::BTreeSet;

use pullcord_forge::{Behaviour, Fault, IssueState, Seed};
use reqwest::Response;
use serde_json::{Value, json};

use crate::bench::{Bench, header, value};

const ISSUES: &str = "/2.0/repositories/acme/web/issues";
const PULLS: &str = "/2.0/repositories/acme/web/pullrequests";

fn ids(page: &Value) -> Vec<u64> {
    page["values"].as_array().unwrap().iter().map(|item| item["id"].as_u64().unwrap()).collect()
}

async fn query(bench: &Bench, list: &str, parameters: &[(&str, &str)]) -> Response {
    let url = reqwest::Url::parse_with_params(&(bench.forge.base_url() + list), parameters).unwrap();
    bench.get(url.as_str()).await
}

/// Follows `next` to the end.
async fn walk(bench: &Bench, first: &str) -> Vec<Vec<u64>> {
    let (mut pages, mut target) = (Vec::new(), first.to_owned());
    loop {
        let page = bench.json(&target).await;
        pages.push(ids(&page));
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut target),
            None => return pages,
        }
    }
}

async fn refusal(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body = value(response).await;
    assert_eq!(body["type"], "error");
    (status, body["error"]["message"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn pages_are_in_the_body_and_next_leads_to_the_end() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_issues(25);
    let first = bench.json(ISSUES).await;
    assert_eq!((&first["pagelen"], &first["size"], &first["page"]), (&json!(10), &json!(25), &json!(1)));
    assert!(first.get("previous").is_none());
    assert_eq!(first["next"], format!("{}{ISSUES}?page=2", bench.forge.base_url()));
    let middle = bench.json(first["next"].as_str().unwrap()).await;
    assert_eq!(middle["previous"], format!("{}{ISSUES}?page=1", bench.forge.base_url()));
    let last = bench.json(middle["next"].as_str().unwrap()).await;
    assert_eq!((ids(&last).len(), last.get("next")), (5, None));
    let beyond = bench.json(&format!("{ISSUES}?page=9")).await;
    assert_eq!((ids(&beyond).len(), beyond.get("next")), (0, None));
    let pages = walk(&bench, &format!("{ISSUES}?pagelen=10&sort=updated_on")).await;
    assert_eq!(pages.concat().into_iter().collect::<BTreeSet<u64>>(), (1..=25).collect());
    bench.forge.repository("acme/empty");
    let empty = bench.json("/2.0/repositories/acme/empty/issues").await;
    assert_eq!(empty, json!({ "values": [], "pagelen": 10, "size": 0, "page": 1 }));
}

#[tokio::test]
async fn sizes_and_pages_out_of_bounds_are_refused() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed(&Seed { pull_request_percent: 50, closed_percent: 0, ..Seed::of(200) });
    assert_eq!(ids(&bench.json(&format!("{ISSUES}?pagelen=100")).await).len(), 100);
    assert_eq!(ids(&bench.json(&format!("{PULLS}?pagelen=50")).await).len(), 50);
    let table = [
        (ISSUES, "pagelen=101", "Invalid pagelen"),
        (PULLS, "pagelen=51", "Invalid pagelen"),
        (PULLS, "pagelen=-1", "Invalid pagelen"),
        (ISSUES, "page=0", "Invalid page"),
        (ISSUES, "page=2/", "Invalid page"),
        (ISSUES, "sort=colour", "Field \".colour\" does not support sorting"),
    ];
    for (list, query, message) in table {
        let refused = refusal(bench.get(&format!("{list}?{query}")).await).await;
        assert_eq!(refused, (400, message.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn pages_can_come_with_nothing_but_what_is_promised() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_issues(9);
    repository.set_links_by_cursor(true);
    let first = bench.json(&format!("{ISSUES}?pagelen=4&sort=id")).await;
    let names: BTreeSet<&str> = first.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["next", "pagelen", "values"]));
    let pages = walk(&bench, &format!("{ISSUES}?pagelen=4&sort=id")).await;
    assert_eq!(pages, [vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9]]);
}

#[tokio::test]
async fn q_picks_what_was_updated_since_a_microsecond() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed(&Seed { closed_percent: 0, ..Seed::of(20) });
    bench.wait(100);
    repository.edit_issue(7, |issue| issue.title = "Seven".to_owned());
    repository.close_issue(9);
    bench.wait(1);
    repository.edit_issue(8, |issue| issue.assignees = vec!["benl".to_owned()]);
    let seven = bench.json(&format!("{ISSUES}/7")).await;
    assert_eq!(seven["updated_on"], "2026-11-20T12:01:40.000007+00:00");
    let table: [(&str, &[u64]); 6] = [
        ("updated_on >= \"2026-11-20T12:01:40.000007+00:00\"", &[7, 9, 8]),
        ("updated_on>\"2026-11-20T12:01:40.000007+00:00\"", &[9, 8]),
        ("updated_on > 2026-11-20T12:01:40+00:00 AND state != \"resolved\"", &[7, 8]),
        ("updated_on > 2026-11-20T12:01:40Z AND (state = \"resolved\" OR assignee.nickname = \"benl\")", &[9, 8]),
        ("title = \"Seven\"", &[7]),
        ("updated_on > 2026-11-20T12:01:42+00:00", &[]),
    ];
    for (text, expected) in table {
        let page = value(query(&bench, ISSUES, &[("q", text), ("sort", "updated_on")]).await).await;
        assert_eq!(ids(&page), expected, "{text}");
        assert_eq!(page["size"], expected.len());
    }
    // A plus sign that was not encoded arrives as a space, and a field that is not there is not ignored.
    let open = format!("{ISSUES}?q=updated_on>\"2026-11-20T12:01:40+00:00\"");
    assert_eq!(bench.get(&open).await.status(), 400);
    let (status, message) = refusal(query(&bench, ISSUES, &[("q", "colour = \"red\"")]).await).await;
    assert_eq!((status, message.as_str()), (400, "Field \".colour\" does not support filtering"));
}

#[tokio::test]
async fn next_keeps_the_query() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed(&Seed { closed_percent: 20, ..Seed::of(100) });
    let page = value(query(&bench, ISSUES, &[("q", "state = \"resolved\" OR state = \"wontfix\""), ("pagelen", "15")]).await).await;
    assert_eq!(page["size"], 20);
    let rest = bench.json(page["next"].as_str().unwrap()).await;
    let closed =
        |page: &Value| page["values"].as_array().unwrap().iter().all(|issue| issue["state"] == "resolved" || issue["state"] == "wontfix");
    assert!(ids(&rest).len() == 5 && closed(&page) && closed(&rest));
}

#[tokio::test]
async fn an_issue_says_it_in_bitbuckets_words() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.add_issue(|issue| {
        issue.title = "Export: times out!".to_owned();
        issue.body = Some("It <b>does</b>.".to_owned());
        issue.labels = vec!["enhancement".to_owned(), "priority: high".to_owned()];
    });
    let issue = bench.json(&format!("{ISSUES}/1")).await;
    assert_eq!(
        (&issue["type"], &issue["state"], &issue["kind"], &issue["priority"]),
        (&json!("issue"), &json!("new"), &json!("enhancement"), &json!("critical"))
    );
    assert_eq!(issue["content"]["raw"], "It <b>does</b>.");
    assert_eq!(issue["content"]["html"], "<p>It &lt;b&gt;does&lt;/b&gt;.</p>");
    assert_eq!(issue["links"]["html"]["href"], "https://bitbucket.org/acme/web/issues/1/export-times-out");
    assert_eq!((&issue["assignee"], &issue["reporter"]["nickname"]), (&Value::Null, &json!("octo-demo")));
    assert_eq!(issue["created_on"], "2026-11-20T12:00:00.000001+00:00");
    let states = ["open", "on hold", "resolved", "invalid", "duplicate", "wontfix", "closed"];
    for state in states {
        repository.edit_issue(1, |issue| {
            issue.state = if matches!(state, "open" | "on hold") { IssueState::Open } else { IssueState::Closed };
            issue.state_reason = Some(if state == "open" { "reopened" } else { state }.to_owned());
        });
        assert_eq!(bench.json(&format!("{ISSUES}/1")).await["state"], state);
    }
}

#[tokio::test]
async fn pull_requests_have_a_list_of_their_own_and_four_states() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    for _ in 0..5 {
        repository.add_issue(|issue| issue.pull_request = true);
    }
    repository.add_issue(|_| {});
    repository.close_issue(1);
    for (number, reason) in [(2, "declined"), (3, "superseded")] {
        repository.edit_issue(number, |issue| (issue.state, issue.state_reason) = (IssueState::Closed, Some(reason.to_owned())));
    }
    let table: [(&str, &[u64]); 5] = [
        ("", &[5, 4]),
        ("state=MERGED", &[1]),
        ("state=DECLINED&state=SUPERSEDED", &[3, 2]),
        ("state=OPEN&state=MERGED&sort=id", &[1, 4, 5]),
        // Next to a query the states are passed over.
        ("state=OPEN&q=id>0&sort=id", &[1, 2, 3, 4, 5]),
    ];
    for (text, expected) in table {
        assert_eq!(ids(&bench.json(&format!("{PULLS}?{text}")).await), expected, "{text}");
    }
    assert_eq!(bench.get(&format!("{PULLS}?state=CLOSED")).await.status(), 400);
    let merged = bench.json(&format!("{PULLS}?state=MERGED")).await["values"][0].clone();
    assert_eq!((&merged["type"], &merged["state"]), (&json!("pullrequest"), &json!("MERGED")));
    assert_eq!(merged["links"]["html"]["href"], "https://bitbucket.org/acme/web/pull-requests/1");
    assert_eq!(merged["destination"]["branch"]["name"], "main");
    assert_eq!(ids(&bench.json(ISSUES).await), [6]);
    assert_eq!(bench.get(&format!("{ISSUES}/1")).await.status(), 404);
}

#[tokio::test]
async fn an_edit_during_a_walk_moves_rows_over_the_edge_of_a_page() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    for _ in 0..6 {
        repository.add_issue(|_| bench.wait(10));
    }
    bench.wait(60);
    let first = bench.json(&format!("{ISSUES}?sort=updated_on&pagelen=2")).await;
    assert_eq!(ids(&first), [1, 2]);
    repository.edit_issue(1, |issue| issue.title.push('!'));
    assert_eq!(ids(&bench.json(first["next"].as_str().unwrap()).await), [4, 5]);
}

#[tokio::test]
async fn faults_strike_and_the_journal_writes_down() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_issues(30);
    bench.forge.script(Fault::on(ISSUES, Behaviour::status(503)).nth(2));
    let first = bench.json(ISSUES).await;
    let next = first["next"].as_str().unwrap();
    assert_eq!(bench.get(next).await.status(), 503);
    bench.forge.script(Fault::on("/2.0/*", Behaviour::HalfBody));
    assert!(bench.get(next).await.bytes().await.is_err());
    assert_eq!(bench.get(next).await.status(), 200);
    let statuses: Vec<_> = bench.forge.requests_to(ISSUES).iter().map(|entry| entry.status).collect();
    assert_eq!(statuses, [Some(200), Some(503), Some(200), Some(200)]);

    bench.forge.script(Fault::on(ISSUES, Behaviour::SecondaryLimit { status: 429, retry_after: Some(30) }));
    let limited = bench.get(ISSUES).await;
    assert_eq!((limited.status().as_u16(), header(&limited, "retry-after").unwrap()), (429, "30".to_owned()));
    assert_eq!(limited.text().await.unwrap(), "Rate limit for this resource has been exceeded");
    assert!(bench.forge.faults_left().is_empty());
}
