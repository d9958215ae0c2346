//! Who may see what, in GitLab's words, and where things that were moved or removed lead.

use serde_json::json;

use super::{ISSUES, ask, get, numbers, post, told};
use crate::bench::{Bench, header, value};

const PROJECT: &str = "/api/v4/projects/acme%2Fweb";

#[tokio::test]
async fn a_token_comes_in_its_own_header_or_as_bearer_and_in_no_other_way() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").make_private(&[]);
    bench.forge.allow_token("glpat-first", "alice");
    let user = |name: &'static str, value: &'static str| bench.anonymous("/api/v4/user").header(name, value);
    assert_eq!(told(user("private-token", "glpat-first")).await.1["username"], "alice");
    assert_eq!(told(user("authorization", "Bearer glpat-first")).await.1["username"], "alice");
    let unauthorized = (401, json!({ "message": "401 Unauthorized" }));
    for (name, value) in [
        ("private-token", "glpat-second"),
        ("authorization", "Bearer glpat-second"),
        ("authorization", "token glpat-first"),
        ("job-token", "glpat-first"),
        ("accept", "application/json"),
    ] {
        assert_eq!(told(user(name, value)).await, unauthorized, "{name}: {value}");
    }
    // A scheme that is not GitLab's makes nobody of the caller, and nobody sees a private project.
    let stranger = bench.anonymous(ISSUES).header("authorization", "token glpat-first");
    assert_eq!(told(stranger).await, (404, json!({ "message": "404 Project Not Found" })));
    assert_eq!(told(bench.anonymous(ISSUES).header("private-token", "glpat-second")).await, unauthorized);
}

#[tokio::test]
async fn revoked_and_narrow_tokens_are_told_so() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_issues(1);
    bench.forge.restrict_token("glpat-first", &["read_user"]);
    assert_eq!(get(&bench, "/api/v4/user").await.status(), 200);
    let (status, body) = told(ask(&bench, ISSUES)).await;
    assert_eq!((status, &body["error"], &body["scope"]), (403, &json!("insufficient_scope"), &json!("api read_api")));
    assert!(body["error_description"].as_str().unwrap().starts_with("The request requires higher privileges"));
    bench.forge.restrict_token("glpat-first", &["read_api"]);
    assert_eq!(get(&bench, ISSUES).await.status(), 200);
    bench.forge.revoke_token("glpat-first");
    let revoked = get(&bench, ISSUES).await;
    assert!(header(&revoked, "www-authenticate").unwrap().contains("error=\"invalid_token\""));
    let description = "Token was revoked. You have to re-authorize from the user.";
    assert_eq!(value(revoked).await, json!({ "error": "invalid_token", "error_description": description }));
    let graph = post(&bench, "{ currentUser { id } }", json!({})).header("private-token", "glpat-first");
    assert_eq!(told(graph).await, (401, json!({ "errors": [{ "message": "Invalid token" }] })));
}

#[tokio::test]
async fn what_cannot_be_seen_is_not_found_and_each_not_found_has_its_words() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_issues(3);
    repository.make_private(&["glpat-first"]);
    assert_eq!(get(&bench, ISSUES).await.status(), 200);
    let project = (404, json!({ "message": "404 Project Not Found" }));
    assert_eq!(told(bench.anonymous(ISSUES)).await, project);
    assert_eq!(told(bench.anonymous(ISSUES).header("private-token", "glpat-second")).await, project);
    for path in ["/api/v4/projects/acme%2Fnone/issues", "/api/v4/projects/web", "/api/v4/projects/1"] {
        assert_eq!(told(ask(&bench, path)).await, project, "{path}");
    }
    repository.delete_issue(2);
    for number in [0, 2, 4] {
        assert_eq!(told(ask(&bench, &format!("{ISSUES}/{number}"))).await, (404, json!({ "message": "404 Not found" })));
    }
    assert_eq!(told(ask(&bench, &format!("{ISSUES}/x"))).await, (400, json!({ "error": "issue_iid is invalid" })));
    let route = (404, json!({ "error": "404 Not Found" }));
    for path in ["/api/v4/projects/acme/web/issues", "/api/v4/nothing", &format!("{PROJECT}/hooks")] {
        assert_eq!(told(ask(&bench, path)).await, route, "{path}");
    }
    let url = bench.forge.base_url() + ISSUES;
    assert_eq!(bench.client.post(url).header("private-token", "glpat-first").send().await.unwrap().status(), 405);
    repository.remove();
    assert_eq!(told(ask(&bench, ISSUES)).await, project);
}

#[tokio::test]
async fn a_project_is_known_by_number_and_by_path_however_deep_its_group() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("group/sub/web");
    repository.seed_issues(2);
    let by_path = value(get(&bench, "/api/v4/projects/group%2Fsub%2Fweb").await).await;
    assert_eq!(by_path, value(get(&bench, &format!("/api/v4/projects/{}", repository.id())).await).await);
    assert_eq!(by_path, value(get(&bench, "/api/v4/projects/Group%2fsub%2FWEB").await).await);
    assert_eq!((&by_path["path"], &by_path["path_with_namespace"]), (&json!("web"), &json!("group/sub/web")));
    assert_eq!((&by_path["namespace"]["full_path"], &by_path["visibility"]), (&json!("group/sub"), &json!("public")));
    assert_eq!((&by_path["issues_enabled"], by_path["id"].as_u64()), (&json!(true), Some(repository.id())));
    assert_eq!(bench.forge.requests_to("/api/v4/projects/group%2Fsub%2Fweb").len(), 3);
}

#[tokio::test]
async fn a_moved_project_leads_to_its_number_for_those_who_may_see_it() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_issues(3);
    repository.rename("group/sub/site");
    let moved = get(&bench, &format!("{ISSUES}?state=all&per_page=2")).await;
    let location = format!("{}/api/v4/projects/{}/issues?state=all&per_page=2", bench.forge.base_url(), repository.id());
    assert_eq!((moved.status().as_u16(), header(&moved, "location").unwrap()), (301, location.clone()));
    assert_eq!(moved.text().await.unwrap(), format!("This resource has been moved permanently to {location}"));
    assert_eq!(numbers(get(&bench, &location).await).await, [3, 2]);
    assert_eq!(get(&bench, "/api/v4/projects/group%2Fsub%2Fsite/issues/1").await.status(), 200);
    repository.make_private(&["glpat-first"]);
    assert_eq!(bench.anonymous(ISSUES).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_project_without_issues_has_none_and_says_nothing_of_it() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_issues(3);
    repository.disable_issues();
    repository.set_archived(true);
    let empty = get(&bench, ISSUES).await;
    assert_eq!((header(&empty, "x-total").unwrap(), empty.text().await.unwrap()), ("0".to_owned(), "[]".to_owned()));
    assert_eq!(get(&bench, &format!("{ISSUES}/1")).await.status(), 404);
    let project = value(get(&bench, PROJECT).await).await;
    assert_eq!((&project["issues_access_level"], &project["archived"]), (&json!("disabled"), &json!(true)));
}

#[tokio::test]
async fn the_journal_keeps_both_dialects_and_neither_secret() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_issues(3);
    get(&bench, ISSUES).await;
    get(&bench, &format!("/api/v4/projects/{}/issues?page=2", repository.id())).await;
    bench.get("/repos/acme/web/issues").await;
    post(&bench, "{ currentUser { id } }", json!({})).header("private-token", "glpat-first").send().await.unwrap();
    let asked = bench.forge.requests_to(ISSUES);
    assert_eq!(asked.iter().map(|entry| entry.status).collect::<Vec<_>>(), [Some(200), Some(200)]);
    assert_eq!(asked[1].query.as_deref(), Some("page=2"));
    assert_eq!((asked[0].credential.as_ref().map(String::len), &asked[0].body), (Some(8), &None));
    assert_eq!(bench.forge.requests_to("/repos/*").len(), 1);
    let graph = bench.forge.requests_to("/api/graphql");
    assert_eq!((graph[0].method.as_str(), &graph[0].credential), ("POST", &asked[0].credential));
    assert!(graph[0].body.as_ref().unwrap().contains("currentUser"));
    assert!(!format!("{:?}", bench.forge.journal()).contains("glpat"));
}
