//! What the simulator promises as a GitLab: the ground these tests share, and the tests by subject.

mod access;
mod findings;
mod graph;
mod keyset;
mod paging;
mod throttle;

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::bench::{Bench, relation, value};

const ISSUES: &str = "/api/v4/projects/acme%2Fweb/issues";

fn ask(bench: &Bench, target: &str) -> RequestBuilder {
    bench.anonymous(target).header("private-token", "glpat-first")
}

async fn get(bench: &Bench, target: &str) -> Response {
    ask(bench, target).send().await.unwrap()
}

/// The status and the body.
async fn told(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), value(response).await)
}

async fn numbers(response: Response) -> Vec<u64> {
    value(response).await.as_array().unwrap().iter().map(|row| row["iid"].as_u64().unwrap()).collect()
}

/// Follows `next` to the end and gives the numbers seen, page by page, and the links followed.
async fn walk(bench: &Bench, first: &str) -> (Vec<Vec<u64>>, Vec<String>) {
    let (mut pages, mut links, mut target) = (Vec::new(), Vec::new(), first.to_owned());
    loop {
        let response = get(bench, &target).await;
        assert_eq!(response.status(), 200, "{target}");
        let next = relation(&response, "next");
        pages.push(numbers(response).await);
        let Some(next) = next else {
            return (pages, links);
        };
        links.push(next.clone());
        target = next;
    }
}

fn post(bench: &Bench, query: &str, variables: Value) -> RequestBuilder {
    let url = bench.forge.base_url() + "/api/graphql";
    let body = json!({ "query": query, "variables": variables }).to_string();
    bench.client.post(url).header("user-agent", "bench").header("content-type", "application/json").body(body)
}
