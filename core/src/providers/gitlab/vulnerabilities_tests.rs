//! What GitLab's GraphQL sends of vulnerabilities, and what is made of it.

use super::*;
use crate::clock::Moment;
use crate::providers::gitlab::GitLab;
use crate::providers::gitlab::tests::{first, of, reply, source};
use crate::providers::{Provider, Verdict, Wait, Wanted};

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

fn faults(faults: Value) -> Value {
    json!({"errors": faults})
}

fn verdict(body: &Value) -> Verdict {
    crate::providers::gitlab::refusals::judge(&reply(200, &[("content-type", "application/json; charset=utf-8")], body))
}

fn read_as(source: &Source, asked: &PageRequest, body: &Value) -> Result<Page, Unreadable> {
    assert_eq!(verdict(body), Verdict::Readable, "{body}");
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
fn the_question_is_always_the_same_and_has_its_page_as_a_variable() {
    let asked = first(Stream::Alerts);
    assert_eq!(asked.url, "https://gitlab.com/api/graphql");
    assert!(asked.headers.contains(&("content-type".into(), "application/json".into())));
    assert_eq!(variables(&asked), json!({"fullPath": "acme/tools/web", "after": null, "states": ["DETECTED", "CONFIRMED"]}));
    let all = GitLab.begin(&source(), Stream::Alerts, Wanted { knows_items: true, ..Wanted::default() });
    assert_eq!(variables(&all)["states"], Value::Null);
    let second = page(&asked, &answer(&[node(1)], true, Some("eyJpZCI6MX0"))).next.expect("a next page");
    assert_eq!(variables(&second), json!({"fullPath": "acme/tools/web", "after": "eyJpZCI6MX0", "states": ["DETECTED", "CONFIRMED"]}));
    assert_eq!((second.url, second.number, second.headers), (asked.url, 2, asked.headers));
}

#[test]
fn a_vulnerability_is_an_alert() {
    let page = page(&first(Stream::Alerts), &answer(&[node(364_961_670)], false, Some("x")));
    let item = &page.items[0];
    assert_eq!(item.external_id, "gitlab:https://gitlab.com/acme/tools/web:alert:364961670");
    assert_eq!((item.kind, item.state.as_str(), item.title.as_str()), (ItemType::Alert, "open", "find-my-way: DDoS with HTTP2"));
    assert_eq!((item.severity.as_deref(), item.priority.as_deref()), (Some("high"), Some("high")));
    assert_eq!(item.labels, ["dependency_scanning", "CVE-2026-1234", "CWE-400"]);
    assert_eq!((item.path.as_deref(), item.body.as_deref()), (Some("package-lock.json"), Some("### Impact\nNone.")));
    assert_eq!((item.created_at, item.updated_at), (Moment::parse("2026-01-01T00:00:00Z"), Moment::parse("2026-01-02T00:00:00Z")));
    assert_eq!((page.next, page.total, page.rejected.len()), (None, None, 0));
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
fn an_entry_that_cannot_be_read_is_named_and_stops_no_other() {
    let broken = [with(node(2), "title", Value::Null), with(node(3), "state", json!("SLEEPING")), json!({"id": 4}), Value::Null];
    let nodes: Vec<Value> = [node(1)].into_iter().chain(broken).chain([node(6)]).collect();
    let read = page(&first(Stream::Alerts), &answer(&nodes, false, None));
    assert_eq!(read.items.len(), 2);
    let named: Vec<_> = read.rejected.iter().map(|one| (one.id.as_deref(), one.which.as_str())).collect();
    let expected = [(Some("2"), "vulnerability 2"), (Some("3"), "vulnerability 3"), (None, "entry 3"), (None, "entry 4")];
    assert_eq!(named, expected);
    assert_eq!(read.rejected[1].why, "it is in a state that nobody knows: SLEEPING");
    // What a fault is about is asked for again rather than kept without a part.
    let mut partial = answer(&[node(1), with(node(2), "location", Value::Null)], false, None);
    let path = ["project", "vulnerabilities", "nodes"];
    partial["errors"] = json!([{"message": "Timeout on Vulnerability.location", "path": [path[0], path[1], path[2], 1, "location"]}]);
    let read = page(&first(Stream::Alerts), &partial);
    assert_eq!((read.items.len(), read.rejected[0].id.as_deref()), (1, Some("2")));
    assert_eq!(read.rejected[0].why, "Timeout on Vulnerability.location");
}

#[test]
fn a_list_goes_on_while_it_says_so_and_from_where() {
    let asked = first(Stream::Alerts);
    // What may not be seen is left out of a page after it was cut.
    assert_eq!(variables(&page(&asked, &answer(&[], true, Some("c"))).next.expect("a next page"))["after"], "c");
    for cursor in [None, Some("")] {
        let lost = answer(&[node(1)], true, cursor);
        let why = read_as(&source(), &asked, &lost).expect_err("no way on");
        assert!(why.0.contains("not from where"), "{}", why.0);
        assert!(matches!(verdict(&answer(&[], true, cursor)), Verdict::Unavailable(why) if why.contains("plan")));
    }
    let mut silent = answer(&[node(1)], false, None);
    silent["data"]["project"]["vulnerabilities"]["pageInfo"] = Value::Null;
    assert!(read_as(&source(), &asked, &silent).is_err());
}

/// S2.7: on a lower plan the list is empty, which must not look like "nothing found".
#[test]
fn a_list_that_ends_empty_is_not_believed() {
    let glimpse = page(&first(Stream::Alerts), &answer(&[], false, None)).next.expect("a question to REST");
    let findings = "https://gitlab.com/api/v4/projects/acme%2Ftools%2Fweb/vulnerability_findings?scope=all&per_page";
    assert_eq!((glimpse.url.clone(), glimpse.number, &glimpse.body), (format!("{findings}=1"), 2, &None));
    assert!(!glimpse.headers.iter().any(|(name, _)| name == "content-type"));
    // It shows something or nothing: there is nothing in either case, and no more to ask.
    for shown in [json!([]), json!([{"name": "of a scan that is not yet on record", "state": "detected", "uuid": "u"}])] {
        let read = page(&glimpse, &shown);
        assert_eq!((read.items.len(), read.rejected.len(), read.next), (0, 0, None));
    }
    assert!(matches!(
        crate::providers::gitlab::refusals::judge(&reply(403, &[], r#"{"message":"403 Forbidden"}"#)),
        Verdict::Unavailable(_)
    ));
    assert!(GitLab.read(&source(), &glimpse, &reply(200, &[], "<html>")).is_err());
}

#[test]
fn where_graphql_knows_no_vulnerabilities_rest_is_asked() {
    let unknown = faults(json!([
        {"message": "VulnerabilityState isn't a defined input type (on $states)"},
        {"message": "Field 'vulnerabilities' doesn't exist on type 'Project'", "path": ["query Vulnerabilities", "project", "vulnerabilities"],
            "extensions": {"code": "undefinedField", "typeName": "Project", "fieldName": "vulnerabilities"}},
        {"message": "No such type Vulnerability, so it can't be a fragment condition"},
    ]));
    let asked = page(&first(Stream::Alerts), &unknown).next.expect("a question to REST");
    assert!(asked.url.ends_with("/vulnerability_findings?scope=all&per_page=100"), "{}", asked.url);
    // On an edition without them, REST has no such path.
    assert!(matches!(crate::providers::gitlab::refusals::judge(&reply(404, &[], r#"{"error":"404 Not Found"}"#)), Verdict::Unavailable(_)));
    // On a server that is older than the field, it has.
    let finding = json!({
        "id": null, "uuid": "ad5e3be3-a193-55f5-a200-bc12865fb09c", "name": "Possible command injection", "report_type": "sast",
        "severity": "info", "state": "dismissed", "description": null, "identifiers": [{"name": "CWE-77", "external_id": "77"}],
        "location": {"file": "app/users.rb", "start_line": 42}, "project": {"id": 2, "full_path": "/acme/tools/web"}, "scan": {},
    });
    let link = format!("<{}&page=2>; rel=\"next\"", asked.url);
    let listed = reply(200, &[("link", &link)], json!([finding, {"id": 7}]));
    let read = GitLab.read(&source(), &asked, &listed).expect("a page");
    let item = &read.items[0];
    assert_eq!(item.external_id, "gitlab:https://gitlab.com/acme/tools/web:alert:ad5e3be3-a193-55f5-a200-bc12865fb09c");
    assert_eq!((item.state.as_str(), item.severity.as_deref(), item.priority.as_deref()), ("closed", Some("info"), Some("low")));
    assert_eq!((item.labels.join(" "), item.path.as_deref()), ("sast CWE-77".to_owned(), Some("app/users.rb")));
    assert_eq!((read.rejected[0].id.as_deref(), read.rejected[0].which.as_str()), (None, "entry 1"));
    assert_eq!(read.next.map(|next| next.url), Some(format!("{}&page=2", asked.url)));
}

#[test]
fn errors_within_a_200_are_told_apart() {
    let says = |message: &str| verdict(&faults(json!([{"message": message}])));
    let often = "This endpoint has been requested too many times. Try again later.";
    assert_eq!(says(often), Verdict::Throttled { wait: Wait::Unknown, why: often.into() });
    assert!(matches!(says("Timeout on Project.vulnerabilities"), Verdict::Retry(_)));
    assert!(matches!(says("Internal server error"), Verdict::Retry(_)));
    assert!(matches!(says("Field 'webUrl' doesn't exist on type 'Vulnerability'"), Verdict::Unavailable(_)));
    assert!(matches!(says("Field 'vulnerability' doesn't exist on type 'Query'"), Verdict::Unavailable(_)));
    let hidden = "The resource that you are attempting to access does not exist or you don't have permission to perform this action";
    assert_eq!(says(hidden), Verdict::Missing(hidden.into()));
    assert!(matches!(says("Your token lacks the scope read_api"), Verdict::Denied(_)));
    assert!(matches!(says("Query has complexity of 260, which exceeds max complexity of 250"), Verdict::Rejected(_)));
    // A place in the list that GitLab does not know any more: the run begins anew.
    let mut lost = faults(json!([{"message": "Please provide a valid cursor", "path": ["project", "vulnerabilities"]}]));
    lost["data"] = json!({"project": {"fullPath": "acme/tools/web", "vulnerabilities": null}});
    assert_eq!(verdict(&lost), Verdict::Rejected("Please provide a valid cursor".into()));
    assert!(matches!(verdict(&faults(json!([{}, {"message": "Boo"}]))), Verdict::Rejected(why) if why == "an error without words; Boo"));
}

#[test]
fn what_is_null_is_not_shown() {
    assert!(matches!(verdict(&json!({"data": {"vulnerability": null}})), Verdict::Missing(_)));
    let without = json!({"data": {"project": {"fullPath": "acme/tools/web", "vulnerabilities": null}}});
    assert!(matches!(verdict(&without), Verdict::Unavailable(_)));
    for body in [json!({"data": null}), json!({"data": {}}), json!({"data": {"project": {}}}), json!([]), json!("text")] {
        assert!(read_as(&source(), &first(Stream::Alerts), &body).is_err(), "{body}");
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

/// S2.123: REST, unlike GraphQL, follows a project that moved.
#[test]
fn a_project_that_graphql_does_not_show_is_looked_up_too() {
    let lookup = page(&first(Stream::Alerts), &json!({"data": {"project": null}})).next.expect("a question to REST");
    let place = "https://gitlab.com/api/v4/projects/acme%2Ftools%2Fweb";
    assert_eq!((lookup.url.as_str(), &lookup.body, lookup.number), (place, &None, 2));
    let missing = reply(404, &[], r#"{"message":"404 Project Not Found"}"#);
    assert_eq!(crate::providers::gitlab::refusals::judge(&missing), Verdict::Missing("404 Project Not Found".into()));
    let third = page(&lookup, &json!({"id": 278_964, "path_with_namespace": "new/site"})).next.expect("the question");
    assert_eq!((variables(&third)["fullPath"].as_str(), third.number), (Some("new/site"), 3));
    let mut moved = answer(&[with(node(9), "webUrl", json!("https://gitlab.com/new/site/-/security/vulnerabilities/9"))], false, None);
    moved["data"]["project"]["fullPath"] = json!("new/site");
    assert_eq!(page(&third, &moved).items[0].external_id, "gitlab:https://gitlab.com/acme/tools/web:alert:9");
}

#[test]
fn one_vulnerability_alone_is_a_page_without_a_next() {
    let asked = GitLab.single(&of("278964"), Stream::Alerts, "9");
    let alone = json!({"data": {"vulnerability": with(node(9), "project", json!({"fullPath": "acme/tools/web"}))}});
    let read = read_as(&of("278964"), &asked, &alone).expect("a page");
    assert_eq!((read.items[0].external_id.as_str(), read.next), ("gitlab:https://gitlab.com/projects/278964:alert:9", None));
}

/// Invariant 7: GraphQL says with a 200 that there is nothing under a number.
#[test]
fn a_vulnerability_that_is_not_shown_is_gone() {
    let asked = GitLab.single(&source(), Stream::Alerts, "7");
    let gone = |body: &Value| GitLab.gone(&asked, &reply(200, &[], body)).is_some();
    assert!(gone(&json!({"data": {"vulnerability": null}})));
    assert!(!gone(&json!({"data": {"vulnerability": node(7)}})));
    assert!(!gone(&json!({"data": {"project": null}})));
    assert!(!gone(&faults(json!([{"message": "Timeout on Vulnerability.title"}]))));
}
