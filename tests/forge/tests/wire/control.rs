//! Steering the forge from another process, and mounting it in another server.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use axum::Router;
use pullcord_forge::{Forge, Options};
use serde_json::{Value, json};

use crate::bench::{Bench, header, relation, value};

const ISSUES: &str = "/repos/acme/web/issues";

async fn order(bench: &Bench, command: &str, body: Value) -> Value {
    let url = format!("{}/_forge/{command}", bench.forge.base_url());
    let response = bench.client.post(url).body(body.to_string()).send().await.unwrap();
    assert_eq!(response.status(), 200, "{command}: {}", response.text().await.unwrap());
    value(response).await
}

#[tokio::test]
async fn every_command_works_over_http() {
    let bench = Bench::with(|options| Options { control: true, ..options }).await;
    let web = json!("acme/web");
    order(&bench, "seed", json!({ "repository": web, "count": 20, "pull_request_percent": 10 })).await;
    let added = order(&bench, "add_issue", json!({ "repository": web, "title": "New", "labels": ["x"] })).await;
    assert_eq!(added, json!({ "number": 21 }));
    let edited = order(&bench, "edit_issue", json!({ "repository": web, "number": 21, "state": "closed" })).await;
    assert_eq!(edited, json!({ "found": true }));
    order(&bench, "close_issue", json!({ "repository": web, "number": 2 })).await;
    order(&bench, "delete_issue", json!({ "repository": web, "number": 1 })).await;
    assert_eq!(bench.json(&format!("{ISSUES}/21")).await["closed_at"], "2026-11-20T12:00:00Z");
    assert_eq!(bench.get(&format!("{ISSUES}/1")).await.status(), 410);

    let fault = json!({ "on": ISSUES, "behaviour": { "kind": "reply", "status": 503, "headers": { "retry-after": "7" } } });
    order(&bench, "script", fault).await;
    let scripted = bench.get(ISSUES).await;
    assert_eq!((scripted.status().as_u16(), header(&scripted, "retry-after").unwrap()), (503, "7".to_owned()));
    order(&bench, "script", json!({ "on": "*", "times": null, "behaviour": { "kind": "hang" } })).await;
    order(&bench, "clear_script", json!({})).await;
    order(&bench, "release", json!({})).await;
    order(&bench, "latency", json!({ "milliseconds": 1 })).await;

    let quota = json!({ "token": "first", "limit": 9, "remaining": 3, "resets_at": "2026-11-20T12:30:00Z" });
    order(&bench, "quota", quota).await;
    assert_eq!(header(&bench.get(ISSUES).await, "x-ratelimit-remaining").unwrap(), "2");
    order(&bench, "repository", json!({ "repository": web, "private": true, "readers": ["first"], "large_above": 0 })).await;
    assert!(relation(&bench.get(&format!("{ISSUES}?per_page=2")).await, "next").unwrap().contains("after="));
    let alert = order(&bench, "add_alert", json!({ "repository": web, "severity": "critical" })).await;
    assert_eq!(alert, json!({ "number": 1 }));
    order(&bench, "edit_alert", json!({ "repository": web, "number": 1, "state": "fixed" })).await;
    let alerts = bench.json("/repos/acme/web/dependabot/alerts?severity=critical").await;
    assert_eq!(alerts[0]["fixed_at"], "2026-11-20T12:00:00Z");
    let grant = json!({ "token": "bot", "kind": "repository_token", "repository": "acme/web", "scopes": ["repository"] });
    order(&bench, "grant_token", grant).await;
    order(&bench, "retire_trackers", json!({})).await;
    let retired = bench.anonymous("/2.0/repositories/acme/web/issues").send().await.unwrap();
    assert_eq!(retired.status(), 410);
    order(&bench, "allow_token", json!({ "token": "first", "login": "alice" })).await;
    order(&bench, "rename", json!({ "repository": web, "to": "acme/site" })).await;
    assert_eq!(bench.get(ISSUES).await.status(), 301);
    order(&bench, "remove", json!({ "repository": web })).await;
    order(&bench, "revoke_token", json!({ "token": "first" })).await;
    assert_eq!(bench.get("/user").await.status(), 401);

    let journal = format!("{}/_forge/journal?to=/user", bench.forge.base_url());
    let entries = value(bench.client.get(&journal).send().await.unwrap()).await;
    assert_eq!((entries.as_array().unwrap().len(), &entries[0]["status"]), (1, &json!(401)));
    order(&bench, "clear_journal", json!({})).await;
    assert!(bench.forge.journal().is_empty());
    let url = format!("{}/_forge/dance", bench.forge.base_url());
    assert_eq!(bench.client.post(url).send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn without_control_its_paths_are_not_there() {
    let bench = Bench::new().await;
    assert_eq!(bench.get("/_forge/journal").await.status(), 404);
}

#[tokio::test]
async fn mounted_under_a_prefix_it_names_itself_with_it() {
    let bench = Bench::new().await;
    let mounted = Forge::detached(Options::new(std::sync::Arc::new(|| jiff::Timestamp::UNIX_EPOCH)));
    mounted.repository("acme/web").seed_issues(40);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/api/v3", listener.local_addr().unwrap());
    let router = Router::new().nest("/api/v3", mounted.router());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let (pages, links) = bench.walk(&format!("{base}{ISSUES}?state=all")).await;
    assert_eq!(pages.concat().len(), 40);
    assert!(links[0].starts_with(&format!("{base}/repositories/")), "{links:?}");
    mounted.script(pullcord_forge::Fault::on("*", pullcord_forge::Behaviour::Reset));
    let broken = bench.anonymous(&format!("{base}{ISSUES}")).send().await;
    assert!(broken.is_err());
    mounted.stop().await;
}

#[tokio::test]
async fn as_a_process_it_says_where_it_is_and_stays() {
    let mut process = Command::new(env!("CARGO_BIN_EXE_forge")).args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("ready ").unwrap().to_owned() + "/_forge/journal";
    let answer = reqwest::get(url).await;
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(answer.unwrap().text().await.unwrap(), "[]");
}
