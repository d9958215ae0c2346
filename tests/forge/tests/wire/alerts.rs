//! GitHub's Dependabot alerts: paging by cursor alone, filters, entity tags, and the ways they are refused.

use pullcord_forge::{AlertSeverity, AlertState, Behaviour, Fault};
use serde_json::{Value, json};

use crate::bench::{Bench, header, relation, value};

const ALERTS: &str = "/repos/acme/web/dependabot/alerts";

fn numbers(alerts: &Value) -> Vec<u64> {
    alerts.as_array().unwrap().iter().map(|alert| alert["number"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn cursors_lead_through_all_alerts_and_back() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_alerts(7);
    let (pages, links) = bench.walk(&format!("{ALERTS}?per_page=3")).await;
    assert_eq!(pages, [vec![7, 6, 5], vec![4, 3, 2], vec![1]]);
    let beginning = format!("{}/repositories/{}/dependabot/alerts?per_page=3&after=", bench.forge.base_url(), repository.id());
    assert!(links.iter().all(|link| link.starts_with(&beginning)), "{links:?}");
    let middle = bench.get(&links[0]).await;
    assert!(relation(&middle, "last").is_none() && relation(&middle, "first").is_none());
    let back = relation(&middle, "prev").unwrap();
    assert!(back.contains("&before="), "{back}");
    assert_eq!(numbers(&bench.json(&back).await), [7, 6, 5]);
    // The journal knows the numbered address by its name.
    assert_eq!(bench.forge.requests_to(ALERTS).len(), 5);
}

#[tokio::test]
async fn sizes_are_clamped_and_page_numbers_are_refused() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_alerts(130);
    assert_eq!(bench.json(ALERTS).await.as_array().unwrap().len(), 30);
    assert_eq!(bench.json(&format!("{ALERTS}?per_page=1000")).await.as_array().unwrap().len(), 100);
    for query in ["page=1", "page=2&per_page=100"] {
        let refused = bench.get(&format!("{ALERTS}?{query}")).await;
        assert_eq!(refused.status(), 400);
        let body = value(refused).await;
        assert_eq!(body["message"], "Pagination using the `page` parameter is not supported.");
        assert_eq!(body["status"], "400");
    }
    for query in ["after=nonsense", "sort=severity", "direction=up", "state=closed", "severity=moderate"] {
        assert_eq!(bench.get(&format!("{ALERTS}?{query}")).await.status(), 422, "{query}");
    }
}

#[tokio::test]
async fn an_empty_list_is_not_a_disabled_one() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    let disabled = bench.get(ALERTS).await;
    assert_eq!(disabled.status(), 403);
    assert_ne!(header(&disabled, "x-ratelimit-remaining").unwrap(), "0");
    assert_eq!(value(disabled).await["message"], "Dependabot alerts are disabled for this repository.");
    repository.enable_alerts();
    let empty = bench.get(ALERTS).await;
    assert!(empty.headers().get("link").is_none());
    assert_eq!(empty.text().await.unwrap(), "[]");
    repository.add_alert(|_| {});
    repository.disable_alerts();
    assert_eq!(bench.get(ALERTS).await.status(), 403);
}

#[tokio::test]
async fn filters_take_lists_of_words() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    for severity in [AlertSeverity::Low, AlertSeverity::Medium, AlertSeverity::High, AlertSeverity::Critical] {
        repository.add_alert(|alert| alert.severity = severity);
    }
    repository.edit_alert(2, |alert| alert.state = AlertState::Fixed);
    repository.edit_alert(3, |alert| alert.state = AlertState::AutoDismissed);
    repository.edit_alert(4, |alert| (alert.ecosystem, alert.package) = ("npm".to_owned(), "left-pad".to_owned()));
    let table: [(&str, &[u64]); 6] = [
        ("", &[4, 3, 2, 1]),
        ("state=open", &[4, 1]),
        ("state=fixed,auto_dismissed", &[3, 2]),
        ("severity=high,critical&direction=asc", &[3, 4]),
        ("package=left-pad&ecosystem=npm", &[4]),
        ("state=dismissed", &[]),
    ];
    for (query, expected) in table {
        assert_eq!(numbers(&bench.json(&format!("{ALERTS}?{query}")).await), expected, "{query}");
    }
}

#[tokio::test]
async fn a_change_moves_an_alert_to_the_front_and_tells_when() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_alerts(3);
    bench.wait(60);
    assert!(repository.edit_alert(1, |alert| alert.state = AlertState::Dismissed));
    assert!(!repository.edit_alert(4, |_| {}));
    let alerts = bench.json(&format!("{ALERTS}?sort=updated")).await;
    assert_eq!(numbers(&alerts), [1, 3, 2]);
    let alert = &alerts[0];
    assert_eq!(alert["dismissed_at"], "2026-11-20T12:01:00Z");
    assert_eq!((&alert["fixed_at"], &alert["dismissed_by"]["login"]), (&Value::Null, &json!("octo-demo")));
    assert_eq!(alert["html_url"], "https://github.com/acme/web/security/dependabot/1");
    let known = repository.alert(1).unwrap();
    assert_eq!(alert["security_advisory"]["ghsa_id"], known.ghsa_id);
    assert_eq!(alert["security_advisory"]["cve_id"], json!(known.cve_id));
    assert_eq!(alert["dependency"]["package"], json!({ "ecosystem": known.ecosystem, "name": known.package }));
    assert!(alert["security_advisory"].get("cvss").is_none());
    let old = bench.client.get(bench.forge.base_url() + ALERTS).header("user-agent", "bench").bearer_auth("first");
    assert_eq!(value(old.send().await.unwrap()).await[2]["security_advisory"]["cvss"]["score"], 9.8);
    assert_eq!(repository.alerts().len(), 3);
}

#[tokio::test]
async fn what_is_unchanged_is_304_and_free() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_alerts(3);
    let first = bench.get(ALERTS).await;
    let (tag, left) = (header(&first, "etag").unwrap(), header(&first, "x-ratelimit-remaining").unwrap());
    let ask = || bench.anonymous(ALERTS).bearer_auth("first").header("if-none-match", &tag).send();
    let same = ask().await.unwrap();
    assert_eq!((same.status().as_u16(), header(&same, "x-ratelimit-remaining").unwrap()), (304, left));
    repository.edit_alert(2, |alert| alert.severity = AlertSeverity::Critical);
    assert_eq!(ask().await.unwrap().status(), 200);
}

#[tokio::test]
async fn who_may_not_see_them_is_told_what_is_missing() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_alerts(1);
    assert_eq!(bench.anonymous(ALERTS).send().await.unwrap().status(), 401);
    repository.restrict_alerts(&["first"]);
    assert_eq!(bench.get(ALERTS).await.status(), 200);
    for (token, kind) in [("ghs_app", "integration"), ("github_pat_mine", "personal access token")] {
        let refused = bench.anonymous(ALERTS).bearer_auth(token).send().await.unwrap();
        assert_eq!(refused.status(), 403);
        assert_eq!(header(&refused, "x-accepted-github-permissions").unwrap(), "vulnerability_alerts=read");
        assert_eq!(value(refused).await["message"], format!("Resource not accessible by {kind}"));
    }
    repository.set_archived(true);
    let archived = bench.get(ALERTS).await;
    assert_eq!(archived.status(), 403);
    assert_eq!(value(archived).await["message"], "Dependabot alerts are not available for archived repositories.");
    repository.make_private(&["second"]);
    assert_eq!(bench.get(ALERTS).await.status(), 404);
    assert_eq!(bench.get("/repos/acme/none/dependabot/alerts").await.status(), 404);
}

#[tokio::test]
async fn the_script_strikes_here_too() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_alerts(5);
    bench.forge.script(Fault::on(ALERTS, Behaviour::status(502)).nth(2));
    let first = bench.get(&format!("{ALERTS}?per_page=2")).await;
    let next = relation(&first, "next").unwrap();
    assert_eq!(bench.get(&next).await.status(), 502);
    assert_eq!(numbers(&bench.json(&next).await), [3, 2]);
}
