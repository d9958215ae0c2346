//! Who may see what, and where things that were moved or removed lead.

use serde_json::Value;

use crate::bench::{Bench, header, value};

const ISSUES: &str = "/repos/acme/web/issues";

#[tokio::test]
async fn a_renamed_repository_redirects_to_its_number() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_issues(3);
    repository.rename("acme/site");
    let moved = bench.get(&format!("{ISSUES}?state=all")).await;
    assert_eq!(moved.status(), 301);
    let location = header(&moved, "location").unwrap();
    assert_eq!(location, format!("{}/repositories/{}/issues?state=all", bench.forge.base_url(), repository.id()));
    let body = value(moved).await;
    assert_eq!(body["message"], "Moved Permanently");
    assert_eq!(bench.json(&location).await.as_array().unwrap().len(), 3);
    assert_eq!(bench.json("/repos/ACME/Site").await["full_name"], "acme/site");
    assert_eq!(bench.forge.repository("acme/web").id(), repository.id());
    assert_eq!(bench.forge.requests_to("/repos/acme/site/issues").len(), 1);
}

#[tokio::test]
async fn what_cannot_be_seen_is_not_found() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_issues(3);
    repository.make_private(&["first"]);
    assert_eq!(bench.get(ISSUES).await.status(), 200);
    assert_eq!(bench.anonymous(ISSUES).bearer_auth("second").send().await.unwrap().status(), 404);
    assert_eq!(bench.anonymous(ISSUES).send().await.unwrap().status(), 404);
    for path in ["/repos/acme/none/issues", "/repos/acme/web/issues/", "/repos/acme/web/issues/4", "/repositories/1"] {
        assert_eq!(bench.get(path).await.status(), 404, "{path}");
    }
    repository.remove();
    assert_eq!(bench.json(ISSUES).await["message"], "Not Found");
}

#[tokio::test]
async fn deleted_and_disabled_issues_are_gone() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_issues(3);
    assert!(repository.delete_issue(2));
    let gone = bench.get(&format!("{ISSUES}/2")).await;
    assert_eq!(gone.status(), 410);
    assert_eq!(bench.walk(&format!("{ISSUES}?state=all")).await.0.concat(), [3, 1]);
    repository.disable_issues();
    repository.set_archived(true);
    let disabled = bench.get(ISSUES).await;
    assert_eq!(disabled.status(), 410);
    assert_eq!(value(disabled).await["message"], "Issues are disabled for this repo");
    let whole = bench.json("/repos/acme/web").await;
    assert_eq!((&whole["has_issues"], &whole["archived"]), (&Value::Bool(false), &Value::Bool(true)));
}

#[tokio::test]
async fn credentials_are_checked_and_name_a_login() {
    let bench = Bench::new().await;
    assert_eq!(bench.anonymous("/user").send().await.unwrap().status(), 401);
    bench.forge.allow_token("first", "alice");
    assert_eq!(bench.json("/user").await["login"], "alice");
    let bad = bench.anonymous("/user").header("authorization", "token second").send().await.unwrap();
    assert_eq!((bad.status().as_u16(), header(&bad, "x-ratelimit-limit").unwrap()), (401, "60".to_owned()));
    assert_eq!(value(bad).await["message"], "Bad credentials");
    bench.forge.revoke_token("first");
    assert_eq!(bench.get("/user").await.status(), 401);
}

#[tokio::test]
async fn a_request_needs_a_user_agent_and_a_known_version() {
    let bench = Bench::new().await;
    let url = bench.forge.base_url() + "/rate_limit";
    let refused = bench.client.get(&url).send().await.unwrap();
    assert_eq!((refused.status().as_u16(), header(&refused, "content-type").unwrap()), (403, "text/plain".to_owned()));
    assert!(refused.text().await.unwrap().contains("make sure your request has a User-Agent header"));
    let versioned = |version| bench.client.get(&url).header("user-agent", "bench").header("x-github-api-version", version);
    assert_eq!(versioned("2031-01-01").send().await.unwrap().status(), 400);
    let old = value(versioned("2022-11-28").send().await.unwrap()).await;
    assert_eq!(old["rate"]["limit"], 60);
}

#[tokio::test]
async fn the_journal_keeps_everything_but_the_secret() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_issues(40);
    bench.walk(&format!("{ISSUES}?state=all")).await;
    bench.get("/repos/acme/web/issues/99").await;
    let listed = bench.forge.requests_to(ISSUES);
    assert_eq!(listed.iter().map(|entry| entry.status).collect::<Vec<_>>(), [Some(200), Some(200)]);
    assert!(listed[1].path.starts_with("/repositories/") && listed[1].query.as_ref().unwrap().ends_with("page=2"));
    assert_eq!(listed[0].header("user-agent"), Some("bench"));
    assert_eq!(bench.forge.requests_to("/repos/acme/web/*").len(), 3);
    let credential = listed[0].credential.clone().unwrap();
    assert_eq!((credential.len(), listed[1].credential.clone()), (8, Some(credential)));
    assert!(!format!("{:?}", bench.forge.journal()).contains("first"));
    bench.forge.clear_journal();
    assert!(bench.forge.journal().is_empty());
}
