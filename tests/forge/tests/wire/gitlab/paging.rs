//! Lists by page: what is on a page, and what the headers say of the others.

use pullcord_forge::{IssueState, Seed};
use serde_json::json;

use super::{ISSUES, ask, get, numbers, told, walk};
use crate::bench::{Bench, START, header, relation, value};

fn headers(response: &reqwest::Response) -> Vec<Option<String>> {
    let names = ["x-page", "x-per-page", "x-prev-page", "x-next-page", "x-total", "x-total-pages"];
    names.iter().map(|name| header(response, name)).collect()
}

fn some(values: [&str; 6]) -> Vec<Option<String>> {
    values.iter().map(|value| Some((*value).to_owned())).collect()
}

#[tokio::test]
async fn first_middle_last_and_pages_beyond_say_where_they_are() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_issues(50);
    let table = [
        (1, 20, ["1", "20", "", "2", "50", "3"], vec!["next", "first", "last"]),
        (2, 20, ["2", "20", "1", "3", "50", "3"], vec!["prev", "next", "first", "last"]),
        (3, 10, ["3", "20", "2", "", "50", "3"], vec!["prev", "first", "last"]),
        (4, 0, ["4", "20", "", "", "50", "3"], vec!["first", "last"]),
    ];
    for (page, count, expected, relations) in table {
        let response = get(&bench, &format!("{ISSUES}?page={page}")).await;
        assert_eq!(headers(&response), some(expected), "{page}");
        let link = header(&response, "link").unwrap();
        let found: Vec<&str> = link.split(", ").map(|part| part.split('"').nth(1).unwrap()).collect();
        assert_eq!(found, relations, "{page}");
        assert_eq!(numbers(response).await.len(), count, "{page}");
    }
}

#[tokio::test]
async fn an_empty_list_has_one_page() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web");
    let response = get(&bench, ISSUES).await;
    assert_eq!(headers(&response), some(["1", "20", "", "", "0", "1"]));
    assert_eq!(response.text().await.unwrap(), "[]");
}

#[tokio::test]
async fn links_repeat_every_parameter_with_the_defaults_in_the_order_of_names() {
    let bench = Bench::new().await;
    bench.forge.repository("group/sub/web").seed_issues(30);
    let path = "/api/v4/projects/group%2Fsub%2Fweb/issues";
    let response = get(&bench, &format!("{path}?updated_after=2020-01-01T00:00:00.5Z&bogus=1&sort=asc")).await;
    let expected = format!(
        "{}{path}?bogus=1&id=group%2Fsub%2Fweb&order_by=created_at&page=2&per_page=20&sort=asc&state=all&\
         updated_after=2020-01-01T00%3A00%3A00%2B00%3A00&with_labels_details=false",
        bench.forge.base_url()
    );
    assert_eq!(relation(&response, "next"), Some(expected));
    let (pages, _) = walk(&bench, &format!("{path}?per_page=7&sort=asc")).await;
    assert_eq!(pages.concat(), (1..=30).collect::<Vec<u64>>());
}

#[tokio::test]
async fn nobody_counts_more_than_ten_thousand() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_issues(10_000);
    assert_eq!(header(&get(&bench, ISSUES).await, "x-total").unwrap(), "10000");
    repository.add_issue(|_| {});
    let middle = get(&bench, &format!("{ISSUES}?per_page=100&page=50")).await;
    assert_eq!((header(&middle, "x-total"), header(&middle, "x-total-pages"), relation(&middle, "last")), (None, None, None));
    assert_eq!(header(&middle, "x-next-page").unwrap(), "51");
    assert!(relation(&middle, "next").is_some() && relation(&middle, "first").is_some());
    let last = get(&bench, &format!("{ISSUES}?per_page=100&page=101")).await;
    assert_eq!((header(&last, "x-next-page").unwrap(), relation(&last, "next")), (String::new(), None));
    assert_eq!(numbers(last).await.len(), 1);
}

#[tokio::test]
async fn sizes_are_cut_and_wrong_values_refused_with_the_name_of_the_parameter() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_issues(120);
    let large = get(&bench, &format!("{ISSUES}?per_page=1000")).await;
    assert_eq!((header(&large, "x-per-page").unwrap(), numbers(large).await.len()), ("100".to_owned(), 100));
    let table = [
        ("state=open", "state does not have a valid value"),
        ("order_by=id", "order_by does not have a valid value"),
        ("sort=up&scope=mine", "scope does not have a valid value, sort does not have a valid value"),
        ("per_page=0", "per_page has a value not allowed"),
        ("page=0", "page does not have a valid value"),
        ("page=x", "page is invalid"),
        ("updated_after=yesterday", "updated_after is invalid"),
    ];
    for (query, fault) in table {
        assert_eq!(told(ask(&bench, &format!("{ISSUES}?{query}"))).await, (400, json!({ "error": fault })), "{query}");
    }
    // What it does not know it does not mind.
    assert_eq!(get(&bench, &format!("{ISSUES}?label=bug")).await.status(), 200);
}

#[tokio::test]
async fn states_times_and_scopes_select() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed(&Seed { closed_percent: 0, ..Seed::of(5) });
    bench.forge.allow_token("glpat-first", "alice");
    bench.wait(100);
    repository.edit_issue(2, |issue| issue.author = "alice".to_owned());
    bench.wait(10);
    repository.close_issue(4);
    repository.edit_issue(1, |issue| issue.assignees = vec!["alice".to_owned()]);
    let at = |second| jiff::Timestamp::from_second(START + second).unwrap();
    let table = [
        ("state=closed".to_owned(), vec![4]),
        ("state=opened".to_owned(), vec![5, 3, 2, 1]),
        (String::new(), vec![5, 4, 3, 2, 1]),
        (format!("updated_after={}", at(100)), vec![4, 2, 1]),
        (format!("updated_after={}&order_by=updated_at&sort=asc", at(100)), vec![2, 4, 1]),
        (format!("updated_after={}&updated_before={}", at(99), at(100)), vec![2]),
        (format!("updated_after={}", at(111)), vec![]),
        ("scope=created_by_me".to_owned(), vec![2]),
        ("scope=assigned-to-me".to_owned(), vec![1]),
    ];
    for (query, expected) in table {
        assert_eq!(numbers(get(&bench, &format!("{ISSUES}?{query}")).await).await, expected, "{query}");
    }
}

#[tokio::test]
async fn ties_fall_by_number_whichever_way_the_list_runs() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    for title in ["b", "A", "b", "c"] {
        repository.add_issue(|issue| title.clone_into(&mut issue.title));
    }
    for (query, expected) in [
        ("order_by=updated_at&sort=asc", [4, 3, 2, 1]),
        ("order_by=updated_at&sort=desc", [4, 3, 2, 1]),
        ("order_by=title&sort=asc", [2, 3, 1, 4]),
        ("order_by=title&sort=desc", [4, 3, 1, 2]),
        ("order_by=due_date&sort=asc", [4, 3, 2, 1]),
        ("order_by=popularity", [4, 3, 2, 1]),
    ] {
        assert_eq!(numbers(get(&bench, &format!("{ISSUES}?{query}")).await).await, expected, "{query}");
    }
}

#[tokio::test]
async fn an_issue_has_its_own_shape() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("group/sub/web");
    repository.add_issue(|issue| {
        issue.title = "Times out".to_owned();
        issue.labels = vec!["bug".to_owned(), "area: web".to_owned()];
        issue.assignees = vec!["benl".to_owned(), "lena-holm".to_owned()];
        issue.state = IssueState::Closed;
    });
    let path = format!("/api/v4/projects/{}/issues/1", repository.id());
    let issue = value(get(&bench, &path).await).await;
    assert_eq!((&issue["iid"], &issue["project_id"]), (&json!(1), &json!(repository.id())));
    assert!(issue["id"].as_u64().unwrap() > 1_000_000 && issue["description"].is_null());
    assert_eq!((&issue["state"], &issue["type"], &issue["issue_type"]), (&json!("closed"), &json!("ISSUE"), &json!("issue")));
    assert_eq!(issue["labels"], json!(["bug", "area: web"]));
    assert_eq!((&issue["assignee"]["username"], &issue["assignees"][1]["username"]), (&json!("benl"), &json!("lena-holm")));
    assert_eq!((&issue["created_at"], &issue["closed_at"]), (&json!("2026-11-20T12:00:00.000Z"), &json!("2026-11-20T12:00:00.000Z")));
    assert_eq!(issue["references"]["full"], "group/sub/web#1");
    assert_eq!(issue["web_url"], format!("{}/group/sub/web/-/work_items/1", bench.forge.base_url()));
    assert_eq!((&issue["confidential"], &issue["subscribed"]), (&json!(false), &json!(false)));
}

#[tokio::test]
async fn merge_requests_are_a_list_of_their_own() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    for number in 1..=6 {
        repository.add_issue(|issue| issue.pull_request = number % 2 == 0);
    }
    repository.close_issue(2);
    repository.edit_issue(4, |issue| {
        issue.state = IssueState::Closed;
        issue.state_reason = Some("not_planned".to_owned());
    });
    let requests = "/api/v4/projects/acme%2Fweb/merge_requests";
    assert_eq!(walk(&bench, ISSUES).await.0, [[5, 3, 1]]);
    for (state, expected) in [("all", vec![6, 4, 2]), ("opened", vec![6]), ("merged", vec![2]), ("closed", vec![4])] {
        let (pages, _) = walk(&bench, &format!("{requests}?state={state}&per_page=2")).await;
        assert_eq!(pages.concat(), expected, "{state}");
    }
    let merged = value(get(&bench, &format!("{requests}/2")).await).await;
    assert_eq!((&merged["state"], &merged["merged_at"]), (&json!("merged"), &json!("2026-11-20T12:00:00.000Z")));
    assert_eq!((&merged["closed_at"], &merged["references"]["short"]), (&json!(null), &json!("!2")));
    // One is not the other, and becomes it when a test says so.
    assert_eq!(get(&bench, &format!("{ISSUES}/2")).await.status(), 404);
    repository.edit_issue(2, |issue| issue.pull_request = false);
    assert_eq!(get(&bench, &format!("{ISSUES}/2")).await.status(), 200);
    assert_eq!(walk(&bench, requests).await.0, [[6, 4]]);
}
