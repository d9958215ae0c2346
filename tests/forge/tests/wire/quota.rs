//! Entity tags, the hourly quota, and the clock in the headers.

use jiff::Timestamp;
use pullcord_forge::{Behaviour, Fault, Options, Quota};

use crate::bench::{Bench, START, header, value};

const ISSUES: &str = "/repos/acme/web/issues";

fn left(response: &reqwest::Response) -> String {
    header(response, "x-ratelimit-remaining").unwrap()
}

#[tokio::test]
async fn what_is_unchanged_is_free_for_the_credential_that_has_it() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_issues(40);
    let first = bench.get(ISSUES).await;
    let tag = header(&first, "etag").unwrap();
    assert!(tag.starts_with("W/\"") && header(&first, "vary").unwrap().contains("Authorization"));
    assert_eq!(left(&first), "4999");
    let ask = |token: &'static str| bench.anonymous(ISSUES).bearer_auth(token).header("if-none-match", &tag).send();

    let same = ask("first").await.unwrap();
    assert_eq!((same.status().as_u16(), left(&same)), (304, "4999".to_owned()));
    assert_eq!(header(&same, "etag").as_ref(), Some(&tag));
    assert_eq!(same.text().await.unwrap(), "");

    let other = ask("second").await.unwrap();
    assert_eq!((other.status().as_u16(), left(&other)), (200, "4999".to_owned()));

    bench.wait(5);
    repository.edit_issue(40, |issue| issue.title.push('!'));
    let changed = ask("first").await.unwrap();
    assert_eq!((changed.status().as_u16(), left(&changed)), (200, "4998".to_owned()));
    assert_ne!(header(&changed, "etag").as_ref(), Some(&tag));
}

#[tokio::test]
async fn an_edit_elsewhere_leaves_a_page_unchanged() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_issues(90);
    let url = format!("{ISSUES}?state=all&direction=asc");
    let tag = header(&bench.get(&url).await, "etag").unwrap();
    repository.edit_issue(80, |issue| issue.comments += 1);
    let same = bench.anonymous(&url).bearer_auth("first").header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(same.status(), 304);
}

#[tokio::test]
async fn an_anonymous_304_costs_a_request() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_issues(3);
    let first = bench.anonymous(ISSUES).send().await.unwrap();
    assert_eq!((header(&first, "x-ratelimit-limit").unwrap(), left(&first)), ("60".to_owned(), "59".to_owned()));
    let tag = header(&first, "etag").unwrap();
    let same = bench.anonymous(ISSUES).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!((same.status().as_u16(), left(&same)), (304, "58".to_owned()));
}

#[tokio::test]
async fn a_used_up_quota_refuses_until_its_reset() {
    let bench = Bench::with(|options| Options { hourly_limit: 2, ..options }).await;
    bench.forge.repository("acme/web").seed_issues(3);
    assert_eq!(left(&bench.get(ISSUES).await), "1");
    bench.wait(60);
    assert_eq!(left(&bench.get("/repos/acme/unknown").await), "0");
    let refused = bench.get(ISSUES).await;
    assert_eq!(refused.status(), 403);
    let expected = [("limit", "2"), ("remaining", "0"), ("used", "2"), ("resource", "core")];
    for (name, value) in expected {
        assert_eq!(header(&refused, &format!("x-ratelimit-{name}")).as_deref(), Some(value), "{name}");
    }
    assert_eq!(header(&refused, "x-ratelimit-reset").unwrap(), (START + 3_600).to_string());
    assert!(header(&refused, "retry-after").is_none());
    let body = value(refused).await;
    assert!(body["message"].as_str().unwrap().starts_with("API rate limit exceeded for user ID"));
    // Another login has its own, and asking for the limit is free.
    assert_eq!(bench.anonymous(ISSUES).bearer_auth("second").send().await.unwrap().status(), 200);
    let limit = bench.json("/rate_limit").await;
    assert_eq!((limit["resources"]["core"]["remaining"].as_u64(), limit.get("rate")), (Some(0), None));

    bench.wait(3_540);
    assert_eq!(left(&bench.get(ISSUES).await), "1");
}

#[tokio::test]
async fn tokens_of_one_login_share_a_quota_that_can_be_set() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_issues(3);
    bench.forge.allow_token("first", "alice");
    bench.forge.allow_token("second", "alice");
    let resets_at = Timestamp::from_second(START + 90).unwrap();
    bench.forge.set_quota(Some("second"), Quota { limit: 5_000, remaining: 1, resets_at });
    assert_eq!(bench.get(ISSUES).await.status(), 200);
    assert_eq!(bench.anonymous(ISSUES).bearer_auth("second").send().await.unwrap().status(), 403);
    assert_eq!(bench.forge.quota(Some("first")).remaining, 0);
    bench.wait(90);
    assert_eq!(left(&bench.get(ISSUES).await), "4999");
}

#[tokio::test]
async fn the_secondary_limit_says_so_in_words_and_leaves_quota() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_issues(3);
    for (status, retry_after) in [(403, None), (429, Some(30))] {
        bench.forge.script(Fault::on(ISSUES, Behaviour::SecondaryLimit { status, retry_after }));
        let limited = bench.get(ISSUES).await;
        assert_eq!(limited.status(), status);
        assert_eq!(header(&limited, "retry-after"), retry_after.map(|seconds| seconds.to_string()));
        assert_ne!(left(&limited), "0");
        let body = value(limited).await;
        assert!(body["message"].as_str().unwrap().starts_with("You have exceeded a secondary rate limit"));
    }
}

#[tokio::test]
async fn the_date_is_the_clocks() {
    let bench = Bench::new().await;
    bench.wait(61);
    let missing = bench.get("/nothing").await;
    assert_eq!(header(&missing, "date").unwrap(), "Fri, 20 Nov 2026 12:01:01 GMT");
}
