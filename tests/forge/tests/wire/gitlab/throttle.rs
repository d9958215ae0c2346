//! The throttle, entity tags, and scripted faults on GitLab's paths.

use jiff::Timestamp;
use pullcord_forge::{Behaviour, Fault, Options, Quota};
use serde_json::json;

use super::{ISSUES, ask, get, numbers, post, told};
use crate::bench::{Bench, START, header, value};

fn left(response: &reqwest::Response) -> String {
    header(response, "ratelimit-remaining").unwrap()
}

#[tokio::test]
async fn the_limit_is_told_by_the_minute_and_the_rest_by_the_window() {
    let bench = Bench::with(|options| Options { hourly_limit: 7_200, ..options }).await;
    bench.forge.repository("acme/web").seed_issues(3);
    let response = get(&bench, ISSUES).await;
    let reset = (START + 3_600).to_string();
    let expected =
        [("limit", "120"), ("observed", "1"), ("remaining", "7199"), ("name", "throttle_authenticated_api"), ("reset", reset.as_str())];
    for (name, value) in expected {
        assert_eq!(header(&response, &format!("ratelimit-{name}")).as_deref(), Some(value), "{name}");
    }
    assert_eq!((header(&response, "retry-after"), header(&response, "ratelimit-resettime")), (None, None));
    let anonymous = bench.anonymous(ISSUES).send().await.unwrap();
    assert_eq!(header(&anonymous, "ratelimit-name").unwrap(), "throttle_unauthenticated_api");
}

#[tokio::test]
async fn a_used_up_quota_is_refused_in_plain_text_until_its_reset() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_issues(3);
    let resets_at = Timestamp::from_second(START + 90).unwrap();
    bench.forge.set_quota(Some("glpat-first"), Quota { limit: 5_000, remaining: 2, resets_at });
    assert_eq!(left(&get(&bench, "/api/v4/projects/acme%2Fnone").await), "1");
    // REST and GraphQL are counted together.
    let graph = post(&bench, "{ currentUser { id } }", json!({})).header("private-token", "glpat-first");
    assert_eq!(left(&graph.send().await.unwrap()), "0");
    bench.wait(30);
    let refused = get(&bench, ISSUES).await;
    assert_eq!(refused.status(), 429);
    let expected = [
        ("ratelimit-limit", "84"),
        ("ratelimit-observed", "5001"),
        ("ratelimit-remaining", "0"),
        ("ratelimit-resettime", "Fri, 20 Nov 2026 12:01:30 GMT"),
        ("retry-after", "60"),
        ("content-type", "text/plain"),
    ];
    for (name, value) in expected {
        assert_eq!(header(&refused, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(refused.text().await.unwrap(), "Retry later\n");
    assert_eq!(bench.anonymous(ISSUES).send().await.unwrap().status(), 200);
    bench.wait(60);
    assert_eq!(left(&get(&bench, ISSUES).await), "4999");
}

#[tokio::test]
async fn an_unchanged_page_costs_a_request_and_still_says_where_the_next_is() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_issues(40);
    let first = get(&bench, ISSUES).await;
    let tag = header(&first, "etag").unwrap();
    assert!(tag.starts_with("W/\"") && tag.len() == 36, "{tag}");
    assert_eq!(header(&first, "cache-control").unwrap(), "max-age=0, private, must-revalidate");
    let again = |tag: &str| ask(&bench, ISSUES).header("if-none-match", tag).send();
    let same = again(&tag).await.unwrap();
    assert_eq!((same.status().as_u16(), left(&same)), (304, "4998".to_owned()));
    assert_eq!((header(&same, "link"), header(&same, "x-next-page")), (header(&first, "link"), Some("2".to_owned())));
    assert_eq!((header(&same, "content-type"), same.text().await.unwrap()), (None, String::new()));
    // The tag is the body's, whoever asks; and it is compared letter for letter.
    let other = bench.anonymous(ISSUES).header("private-token", "glpat-second").header("if-none-match", &tag);
    assert_eq!(other.send().await.unwrap().status(), 304);
    assert_eq!(again(tag.trim_start_matches("W/")).await.unwrap().status(), 200);
    repository.edit_issue(39, |issue| issue.comments += 1);
    assert_ne!(header(&again(&tag).await.unwrap(), "etag"), Some(tag));
}

#[tokio::test]
async fn an_endpoint_can_be_limited_while_the_quota_lasts() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_issues(3);
    for retry_after in [None, Some(60)] {
        bench.forge.script(Fault::on(ISSUES, Behaviour::SecondaryLimit { status: 429, retry_after }));
        let limited = get(&bench, ISSUES).await;
        assert_eq!((limited.status().as_u16(), header(&limited, "retry-after")), (429, retry_after.map(|seconds| seconds.to_string())));
        assert_ne!(left(&limited), "0");
        let message = json!({ "error": "This endpoint has been requested too many times. Try again later." });
        assert_eq!(value(limited).await, json!({ "message": message }));
    }
}

#[tokio::test]
async fn faults_strike_by_name_where_a_project_is_asked_for_by_number() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_issues(3);
    let by_number = format!("/api/v4/projects/{}/issues", repository.id());
    bench.forge.script(Fault::on(ISSUES, Behaviour::status(502)).nth(2));
    assert_eq!(get(&bench, ISSUES).await.status(), 200);
    let failed = get(&bench, &by_number).await;
    assert_eq!((failed.status().as_u16(), header(&failed, "ratelimit-limit")), (502, None));
    bench.forge.script(Fault::on("/api/v4/*", Behaviour::HalfBody));
    assert!(get(&bench, ISSUES).await.bytes().await.is_err());
    bench.forge.script(Fault::on("/api/graphql", Behaviour::Garbage));
    let garbage = post(&bench, "{ currentUser { id } }", json!({})).send().await.unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&garbage.bytes().await.unwrap()).is_err());
    bench.forge.script(Fault::on(ISSUES, Behaviour::Reset));
    assert!(ask(&bench, ISSUES).send().await.is_err());
    assert!(bench.forge.faults_left().is_empty());
    assert_eq!(numbers(get(&bench, ISSUES).await).await, [3, 2, 1]);
}

#[tokio::test]
async fn a_hanging_query_has_its_true_answer_when_released() {
    let bench = Bench::new().await;
    bench.forge.script(Fault::on("/api/graphql", Behaviour::Hang));
    let request = tokio::spawn(told(post(&bench, "{ queryComplexity { limit } }", json!({}))));
    bench.forge.wait_for("/api/graphql", 1).await;
    bench.forge.release();
    assert_eq!(request.await.unwrap(), (200, json!({ "data": { "queryComplexity": { "limit": 200 } } })));
}
