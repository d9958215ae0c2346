//! Who may ask Bitbucket for what, what is not there any more, and what callers are told of their quota.

use pullcord_forge::{Grant, Options, Quota};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::bench::{Bench, START, header, value};

const WEB: &str = "/2.0/repositories/acme/web";
const ISSUES: &str = "/2.0/repositories/acme/web/issues";

async fn sent(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}

async fn error(response: Response) -> Value {
    let body = value(response).await;
    assert_eq!(body["type"], "error");
    body["error"].clone()
}

fn limits(response: &Response) -> [Option<String>; 5] {
    ["limit", "resource", "nearlimit", "remaining", "reset"].map(|name| header(response, &format!("x-ratelimit-{name}")))
}

#[tokio::test]
async fn each_kind_of_token_is_sent_in_its_own_way() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_issues(3);
    bench.forge.grant_token("robot", Grant::workspace("acme"));
    bench.forge.allow_token("mine", "alice");
    bench.forge.grant_token("mine", Grant::api_token("alice@example.com"));
    let table = [
        (bench.anonymous(ISSUES).bearer_auth("robot"), 200),
        (bench.anonymous(ISSUES).basic_auth("alice@example.com", Some("robot")), 401),
        (bench.anonymous(ISSUES).basic_auth("alice@example.com", Some("mine")), 200),
        (bench.anonymous(ISSUES).basic_auth("alice", Some("mine")), 401),
        (bench.anonymous(ISSUES).bearer_auth("mine"), 401),
        (bench.anonymous(ISSUES).bearer_auth("unknown"), 401),
        (bench.anonymous(ISSUES).header("authorization", "nonsense"), 401),
        (bench.anonymous(ISSUES), 200),
    ];
    for (request, status) in table {
        assert_eq!(sent(request).await.status(), status);
    }
    let refused = error(sent(bench.anonymous(ISSUES).bearer_auth("mine")).await).await;
    assert_eq!(refused, json!({ "message": "Token is invalid, expired, or not supported for this endpoint." }));
    let user = value(sent(bench.anonymous("/2.0/user").basic_auth("alice@example.com", Some("mine"))).await).await;
    assert_eq!((&user["type"], &user["nickname"]), (&json!("user"), &json!("alice")));
    assert!(user["uuid"].as_str().unwrap().starts_with('{'));
    bench.forge.revoke_token("robot");
    assert_eq!(sent(bench.anonymous(ISSUES).bearer_auth("robot")).await.status(), 401);
    let stranger = sent(bench.anonymous("/2.0/user")).await;
    assert_eq!((stranger.status().as_u16(), header(&stranger, "www-authenticate").is_some()), (401, true));
}

#[tokio::test]
async fn a_missing_scope_is_named_beside_those_there_are() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_issues(3);
    bench.forge.grant_token("robot", Grant::repository("acme/web").with_scopes(&["pullrequest"]));
    let refused = sent(bench.anonymous(ISSUES).bearer_auth("robot")).await;
    assert_eq!(refused.status(), 403);
    assert_eq!(header(&refused, "x-accepted-oauth-scopes").unwrap(), "issue");
    assert_eq!(header(&refused, "x-oauth-scopes").unwrap(), "pullrequest");
    assert_eq!(header(&refused, "x-credential-type").unwrap(), "repo_access_token");
    let message = "Your credentials lack one or more required privilege scopes.";
    let detail = json!({ "required": ["issue"], "granted": ["pullrequest"] });
    assert_eq!(error(refused).await, json!({ "message": message, "detail": detail }));
    // Who may read pull requests may read their repository.
    assert_eq!(sent(bench.anonymous(WEB).bearer_auth("robot")).await.status(), 200);
    // An access token is nobody, so it cannot ask who it is.
    let nobody = sent(bench.anonymous("/2.0/user").bearer_auth("robot")).await;
    assert_eq!(nobody.status(), 403);
    assert_eq!(error(nobody).await["detail"]["required"], json!(["account"]));
    bench.forge.grant_token("mine", Grant::api_token("a@example.com").with_scopes(&["read:user:bitbucket"]));
    let mine = sent(bench.anonymous(ISSUES).basic_auth("a@example.com", Some("mine"))).await;
    assert_eq!(error(mine).await["detail"]["required"], json!(["read:issue:bitbucket"]));
}

#[tokio::test]
async fn what_cannot_be_seen_is_not_found_in_a_sentence() {
    let bench = Bench::new().await;
    for name in ["acme/web", "acme/site", "other/web"] {
        bench.forge.repository(name).make_private(&[]);
    }
    let status = async |token: &str, path: &str| sent(bench.anonymous(path).bearer_auth(token)).await.status().as_u16();
    bench.forge.grant_token("one", Grant::repository("acme/web"));
    bench.forge.grant_token("all", Grant::workspace("acme"));
    bench.forge.grant_token("project", Grant::project("other"));
    let table = [("one", [200, 404, 404]), ("all", [200, 200, 404]), ("project", [404, 404, 200])];
    for (token, expected) in table {
        for (name, expected) in ["acme/web", "acme/site", "other/web"].into_iter().zip(expected) {
            assert_eq!(status(token, &format!("/2.0/repositories/{name}/issues")).await, expected, "{token} {name}");
        }
    }
    let hidden = error(sent(bench.anonymous(ISSUES)).await).await;
    assert!(hidden["message"].as_str().unwrap().starts_with("You may not have access to this repository"));
    assert_eq!(status("all", "/2.0/repositories/acme/none").await, 404);
    assert_eq!(status("all", "/2.0/nothing").await, 404);
    let named = bench.forge.repository("acme/web");
    named.make_private(&["somebody"]);
    assert_eq!(status("one", ISSUES).await, 404);
}

#[tokio::test]
async fn a_tracker_that_is_off_a_deleted_issue_and_the_end_of_trackers() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_issues(3);
    repository.delete_issue(2);
    assert_eq!(bench.get(&format!("{ISSUES}/2")).await.status(), 410);
    assert_eq!(bench.get(&format!("{ISSUES}/4")).await.status(), 404);
    assert_eq!(bench.get(&format!("{ISSUES}/")).await.status(), 200);
    repository.disable_issues();
    let off = bench.get(ISSUES).await;
    assert_eq!(off.status(), 404);
    assert_eq!(error(off).await, json!({ "message": "Repository has no issue tracker." }));
    assert_eq!(bench.json(WEB).await["has_issues"], false);
    repository.enable_issues();
    assert_eq!(bench.json(WEB).await["has_issues"], true);
    bench.forge.retire_trackers();
    for path in [ISSUES, &format!("{ISSUES}/1"), "/2.0/repositories/acme/none/issues"] {
        let gone = bench.get(path).await;
        assert_eq!(gone.status(), 410);
        let body = value(gone).await;
        assert_eq!(body["error"]["message"], "Functionality has been deprecated");
        assert_eq!(body["error"]["data"], body["data"]);
    }
    assert_eq!(bench.json(WEB).await["has_issues"], false);
    assert_eq!(bench.get("/2.0/repositories/acme/web/pullrequests").await.status(), 200);
    // The lists over all workspaces went half a year before.
    assert_eq!(bench.get("/2.0/repositories").await.status(), 410);
}

#[tokio::test]
async fn identities_outlive_a_renaming_and_old_names_lead_on() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_issues(3);
    let whole = bench.json(WEB).await;
    assert_eq!((&whole["type"], &whole["full_name"], &whole["slug"]), (&json!("repository"), &json!("acme/web"), &json!("web")));
    let identity = whole["uuid"].as_str().unwrap().replace('{', "%7B").replace('}', "%7D");
    repository.rename("acme/site");
    let moved = bench.get(&format!("{ISSUES}?pagelen=2")).await;
    assert_eq!(moved.status(), 301);
    let location = header(&moved, "location").unwrap();
    assert_eq!(location, format!("{}/2.0/repositories/acme/site/issues?pagelen=2", bench.forge.base_url()));
    for workspace in ["acme", "%7B%7D"] {
        let page = bench.json(&format!("/2.0/repositories/{workspace}/{identity}/issues?pagelen=2")).await;
        assert_eq!(page["size"], 3);
        assert!(page["next"].as_str().unwrap().contains(&identity));
    }
    assert_eq!(bench.forge.requests_to("/2.0/repositories/acme/site/issues").len(), 2);
    repository.remove();
    assert_eq!(bench.get("/2.0/repositories/acme/site").await.status(), 404);
}

#[tokio::test]
async fn three_kinds_of_callers_are_told_three_things_of_their_quota() {
    let bench = Bench::with(|options| Options { hourly_limit: 10, ..options }).await;
    bench.forge.repository("acme/web").seed_issues(3);
    let some = |text: &str| Some(text.to_owned());
    for near in [false; 8].into_iter().chain([true; 2]) {
        let told = limits(&sent(bench.anonymous(ISSUES).bearer_auth("robot")).await);
        assert_eq!(told, [some("10"), some("api"), some(&near.to_string()), None, None]);
    }
    let person = sent(bench.anonymous(ISSUES).basic_auth("a@example.com", Some("mine"))).await;
    assert_eq!(limits(&person), [const { None }; 5]);
    assert_eq!(bench.forge.quota(Some("mine")).remaining, 9);
    bench.forge.set_quota(None, Quota::full(60, jiff::Timestamp::from_second(START).unwrap()));
    bench.wait(600);
    let stranger = limits(&sent(bench.anonymous(ISSUES)).await);
    assert_eq!(stranger, [some("60, 60;w=3600"), None, None, some("59"), some("3000")]);
}

#[tokio::test]
async fn a_used_up_quota_is_429_in_plain_text_and_says_not_how_long() {
    let bench = Bench::with(|options| Options { hourly_limit: 1, ..options }).await;
    bench.forge.repository("acme/web").seed_issues(3);
    assert_eq!(bench.get(ISSUES).await.status(), 200);
    let limited = bench.get(ISSUES).await;
    assert_eq!(limited.status(), 429);
    assert_eq!(header(&limited, "content-type").unwrap(), "text/plain");
    assert!(header(&limited, "retry-after").is_none());
    assert_eq!(header(&limited, "x-ratelimit-nearlimit").unwrap(), "true");
    assert_eq!(limited.text().await.unwrap(), "Rate limit for this resource has been exceeded");
    bench.wait(3_600);
    assert_eq!(bench.get(ISSUES).await.status(), 200);
}
