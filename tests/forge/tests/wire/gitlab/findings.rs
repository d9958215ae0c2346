//! Vulnerability findings over REST.

use pullcord_forge::{Identifier, Licence, Options, Severity, VulnerabilityState};
use serde_json::{Value, json};

use super::{ask, get, told};
use crate::bench::{Bench, header, relation, value};

const FINDINGS: &str = "/api/v4/projects/acme%2Fweb/vulnerability_findings";

async fn names(bench: &Bench, query: &str) -> Vec<Value> {
    let rows = value(get(bench, &format!("{FINDINGS}?{query}")).await).await;
    rows.as_array().unwrap().iter().map(|row| row["name"].clone()).collect()
}

#[tokio::test]
async fn they_are_the_dismissed_ones_unless_all_are_asked_for() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    let add = |title: &'static str, severity, state| {
        repository.add_vulnerability(|found| {
            found.title = title.to_owned();
            found.severity = severity;
            found.state = state;
            found.identifiers = vec![Identifier { kind: "cwe".to_owned(), id: "89".to_owned(), url: None }];
        })
    };
    add("Low", Severity::Low, VulnerabilityState::Detected);
    add("Critical", Severity::Critical, VulnerabilityState::Dismissed);
    let high = add("High", Severity::High, VulnerabilityState::Confirmed);
    assert_eq!(names(&bench, "").await, ["Critical"]);
    assert_eq!(names(&bench, "scope=all").await, ["Critical", "High", "Low"]);
    assert_eq!(names(&bench, "scope=all&severity=low,high").await, ["High", "Low"]);
    assert!(names(&bench, "scope=all&report_type=dast").await.is_empty());
    assert!(repository.edit_vulnerability(high, |found| found.report_type = "dast".to_owned()));
    let rows = value(get(&bench, &format!("{FINDINGS}?scope=all&report_type=dast")).await).await;
    assert_eq!((&rows[0]["severity"], &rows[0]["state"]), (&json!("high"), &json!("confirmed")));
    assert_eq!(rows[0]["identifiers"][0], json!({ "external_type": "cwe", "external_id": "89", "name": "CWE-89", "url": null }));
    assert_eq!((&rows[0]["id"], rows[0]["uuid"].as_str().unwrap().len()), (&json!(null), 36));
    assert!(repository.remove_vulnerability(high) && repository.vulnerabilities().len() == 2);
    let wrong = told(ask(&bench, &format!("{FINDINGS}?severity=awful"))).await;
    assert_eq!(wrong, (400, json!({ "error": "severity does not have a valid value" })));
}

#[tokio::test]
async fn their_pages_are_never_counted() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    assert_eq!(header(&get(&bench, FINDINGS).await, "x-total").unwrap(), "0");
    repository.seed_vulnerabilities(50);
    let first = get(&bench, &format!("{FINDINGS}?scope=all&pagination=keyset")).await;
    assert_eq!((header(&first, "x-total"), relation(&first, "last"), header(&first, "x-next-page").unwrap()), (None, None, "2".to_owned()));
    let mut seen = 0;
    let mut target = Some(format!("{FINDINGS}?scope=all"));
    while let Some(page) = target {
        let response = get(&bench, &page).await;
        target = relation(&response, "next");
        seen += value(response).await.as_array().unwrap().len();
    }
    assert_eq!(seen, 50);
    assert_eq!(value(get(&bench, &format!("{FINDINGS}?scope=all&page=9")).await).await, json!([]));
}

#[tokio::test]
async fn the_licence_decides_who_is_forbidden_and_where_there_is_no_such_path() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_vulnerabilities(3);
    assert_eq!(told(bench.anonymous(FINDINGS)).await, (401, json!({ "message": "401 Unauthorized" })));
    repository.set_licence(Licence::Free);
    assert_eq!(told(ask(&bench, FINDINGS)).await, (403, json!({ "message": "403 Forbidden" })));
    repository.set_licence(Licence::Community);
    assert_eq!(told(ask(&bench, FINDINGS)).await, (404, json!({ "error": "404 Not Found" })));
    let none = told(ask(&bench, "/api/v4/projects/acme%2Fnone/vulnerability_findings")).await;
    assert_eq!(none, (404, json!({ "message": "404 Project Not Found" })));
}

#[tokio::test]
async fn they_can_be_steered_from_another_process() {
    let bench = Bench::with(|options| Options { control: true, ..options }).await;
    let order = async |command: &str, body: Value| {
        let url = format!("{}/_forge/{command}", bench.forge.base_url());
        value(bench.client.post(url).body(body.to_string()).send().await.unwrap()).await
    };
    let web = json!("acme/web");
    order("seed_vulnerabilities", json!({ "repository": web, "count": 2 })).await;
    let identifiers = json!([{ "kind": "cve", "id": "CVE-2026-1" }]);
    let added = json!({ "repository": web, "title": "New", "severity": "critical", "identifiers": identifiers });
    assert_eq!(order("add_vulnerability", added).await, json!({ "number": 3 }));
    let edited = json!({ "repository": web, "number": 3, "state": "dismissed" });
    assert_eq!(order("edit_vulnerability", edited).await, json!({ "found": true }));
    assert_eq!(order("remove_vulnerability", json!({ "repository": web, "number": 2 })).await, json!({ "found": true }));
    assert_eq!(names(&bench, "").await, ["New"]);
    assert_eq!(names(&bench, "scope=all").await.len(), 2);
    order("repository", json!({ "repository": web, "licence": "free" })).await;
    assert_eq!(get(&bench, FINDINGS).await.status(), 403);
    order("restrict_token", json!({ "token": "glpat-first", "scopes": ["read_user"] })).await;
    assert_eq!(told(ask(&bench, FINDINGS)).await.1["error"], "insufficient_scope");
}
