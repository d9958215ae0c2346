//! What is wrong with a request is said all at once, as a problem, and changes
//! nothing.

use std::collections::BTreeMap;

use serde_json::Value;

use super::operations::{Names, seen};
use crate::world::{Answer, Session, Tenant};

pub mod addresses;
pub mod bodies;
pub mod sources;
pub mod values;

/// Whatever is tried leaves a tenant as it was.
async fn in_vain(tenant: &Tenant<'_>, tried: impl Future<Output = ()>) {
    let before = seen(tenant).await;
    tried.await;
    assert_eq!(seen(tenant).await, before);
}

/// A problem with all its members.
#[track_caller]
fn problem(answer: Answer, status: u16, code: &str) -> Value {
    let problem = answer.problem(status, code);
    assert_eq!(problem["status"], status, "{problem}");
    for member in ["type", "title", "detail", "message", "request_id"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member} of {problem}");
    }
    problem
}

/// Where a request is not valid, and why.
#[track_caller]
fn invalid(answer: Answer) -> BTreeMap<String, String> {
    let problem = problem(answer, 400, "VALIDATION_FAILED");
    let errors = problem["errors"].as_array().unwrap().iter();
    let errors: BTreeMap<_, _> =
        errors.map(|error| (error["at"].as_str().unwrap().to_owned(), error["why"].as_str().unwrap().to_owned())).collect();
    assert!(!errors.is_empty() && errors.iter().all(|(at, why)| !at.is_empty() && !why.is_empty()), "{problem}");
    errors
}

/// A request is not valid in this place and no other.
#[track_caller]
fn invalid_at(answer: Answer, at: &str) {
    let asked = format!("{answer:?}");
    assert_eq!(invalid(answer).keys().collect::<Vec<_>>(), [at], "{asked}");
}

async fn send(who: &Session<'_>, path: &str, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
    Answer::of("POST", path, who.request("POST", path).header("content-type", content_type).body(body)).await
}

/// Every way to make something or to ask for a sync.
fn posts(names: &Names) -> Vec<String> {
    let of_workspace = ["tokens", "projects", "sources"].map(|list| format!("/v1/workspaces/{}/{list}", names.workspace));
    let of_source = [format!("/v1/sources/{}/sync", names.source), format!("/api/v1/projects/{}/sync", names.project)];
    of_workspace.into_iter().chain(of_source).chain(["/v1/workspaces".to_owned()]).collect()
}
