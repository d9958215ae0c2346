//! What GitLab's GraphQL sends of vulnerabilities, and what is made of it.

use super::*;
use crate::providers::gitlab::GitLab;
use crate::providers::gitlab::tests::{first, of, reply, source};
use crate::providers::{Provider, Wanted};

fn node(id: u64) -> Value {
    json!({
        "id": format!("{ID}{id}"), "title": "find-my-way: DDoS with HTTP2", "description": "### Impact\nNone.", "state": "DETECTED",
        "severity": "HIGH", "reportType": "DEPENDENCY_SCANNING", "detectedAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-02T00:00:00Z",
        "webUrl": format!("https://gitlab.com/acme/tools/web/-/security/vulnerabilities/{id}"),
        "identifiers": [{"name": "CVE-2026-1234"}, {"name": "CWE-400"}], "location": {"file": "package-lock.json"},
    })
}

fn with(mut node: Value, field: &str, value: Value) -> Value {
    node[field] = value;
    node
}

fn answer(nodes: &[Value], has_next: bool, cursor: Option<&str>) -> Value {
    let page = json!({"nodes": nodes, "pageInfo": {"hasNextPage": has_next, "endCursor": cursor}});
    json!({"data": {"project": {"fullPath": "acme/tools/web", "vulnerabilities": page}}})
}

fn read_as(source: &Source, asked: &PageRequest, body: &Value) -> Result<Page, Unreadable> {
    GitLab.read(source, asked, &reply(200, &[], body))
}

fn page(asked: &PageRequest, body: &Value) -> Page {
    read_as(&source(), asked, body).expect("a page")
}

fn variables(request: &PageRequest) -> Value {
    let body: Value = serde_json::from_str(request.body.as_deref().expect("a body")).expect("JSON");
    assert!(body["query"].as_str().is_some_and(|query| query.contains("fragment Found on Vulnerability")));
    body["variables"].clone()
}

#[test]
fn states_severities_and_places_become_ours() {
    let made = |node| page(&first(Stream::Alerts), &answer(&[node], false, None)).items.remove(0);
    for (theirs, ours) in [("DETECTED", "open"), ("CONFIRMED", "open"), ("RESOLVED", "closed"), ("DISMISSED", "closed")] {
        assert_eq!(made(with(node(1), "state", json!(theirs))).state, ours);
    }
    for (theirs, ours) in [("CRITICAL", "critical"), ("MEDIUM", "medium"), ("LOW", "low"), ("INFO", "low"), ("UNKNOWN", "low")] {
        let item = made(with(node(1), "severity", json!(theirs)));
        assert_eq!((item.severity, item.priority.as_deref()), (Some(theirs.to_lowercase()), Some(ours)));
    }
    let unrated = made(with(node(1), "severity", Value::Null));
    assert_eq!((unrated.severity, unrated.priority), (None, None));
    for (location, path) in [
        (json!({"image": "registry.example.com/web:1"}), Some("registry.example.com/web:1")),
        (json!({"hostname": "https://web.example.com", "path": "/login"}), Some("https://web.example.com/login")),
        (json!({"file": null}), None),
        (json!({}), None),
        (Value::Null, None),
    ] {
        assert_eq!(made(with(node(1), "location", location.clone())).path.as_deref(), path, "{location}");
    }
}

#[test]
fn a_project_that_goes_by_its_number_is_looked_up_first() {
    let asked = GitLab.begin(&of("278964"), Stream::Alerts, Wanted::default());
    assert_eq!((asked.url.as_str(), &asked.body), ("https://gitlab.com/api/v4/projects/278964", &None));
    let project = json!({"id": 278_964, "path_with_namespace": "acme/tools/web", "web_url": "https://gitlab.com/acme/tools/web"});
    let second = read_as(&of("278964"), &asked, &project).expect("a page").next.expect("the question");
    assert_eq!((variables(&second)["fullPath"].as_str(), second.number), (Some("acme/tools/web"), 2));
    let read = read_as(&of("278964"), &second, &answer(&[node(9)], false, None)).expect("a page");
    assert_eq!(read.items[0].external_id, "gitlab:https://gitlab.com/projects/278964:alert:9");
    assert!(read_as(&of("278964"), &asked, &json!({"id": 278_964})).is_err());
}

/// Invariant 7: GraphQL says with a 200 that there is nothing under a number.
#[test]
fn a_vulnerability_that_is_not_shown_is_gone() {
    let asked = GitLab.single(&source(), Stream::Alerts, "7");
    let gone = |body: &Value| GitLab.gone(&asked, &reply(200, &[], body)).is_some();
    assert!(gone(&json!({"data": {"vulnerability": null}})));
    assert!(!gone(&json!({"data": {"vulnerability": node(7)}})));
    assert!(!gone(&json!({"data": {"project": null}})));
    assert!(!gone(&json!({"data": null, "errors": [{"message": "Timeout on Vulnerability.title"}]})));
}
