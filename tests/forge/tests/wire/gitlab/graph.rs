//! Vulnerabilities over GraphQL: their pages, and everything that goes wrong inside a 200.

use pullcord_forge::{Licence, Severity, VulnerabilityState};
use serde_json::{Value, json};

use super::{post, told};
use crate::bench::{Bench, START};

const PAGE: &str = "
query Page($path: ID!, $first: Int, $after: String) {
  project(fullPath: $path) {
    vulnerabilities(first: $first, after: $after) {
      nodes { id severity }
      pageInfo { hasNextPage hasPreviousPage endCursor }
    }
  }
}";

async fn ask(bench: &Bench, query: &str, variables: Value) -> Value {
    let (status, body) = told(post(bench, query, variables).bearer_auth("glpat-first")).await;
    assert_eq!(status, 200, "{body}");
    body
}

fn messages(body: &Value) -> Vec<&str> {
    body["errors"].as_array().unwrap().iter().map(|error| error["message"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn pages_follow_the_cursor_from_the_worst_to_the_least() {
    let bench = Bench::new().await;
    bench.forge.repository("group/sub/web").seed_vulnerabilities(130);
    let (mut after, mut sizes, mut severities) = (Value::Null, Vec::new(), Vec::new());
    loop {
        let body = ask(&bench, PAGE, json!({ "path": "group/sub/web", "first": 50, "after": after })).await;
        let page = &body["data"]["project"]["vulnerabilities"];
        let nodes = page["nodes"].as_array().unwrap();
        sizes.push(nodes.len());
        severities.extend(nodes.iter().map(|node| node["severity"].clone()));
        assert_eq!(page["pageInfo"]["hasPreviousPage"], json!(sizes.len() > 1));
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(sizes, [50, 50, 30]);
    severities.dedup();
    assert_eq!(severities, ["CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN", "INFO"]);
    let end = ask(&bench, PAGE, json!({ "path": "group/sub/web", "first": 50, "after": after })).await;
    assert_eq!(end["data"]["project"]["vulnerabilities"]["nodes"], json!([]));
    // No page is larger than a hundred, whatever is asked for, and none is asked for at all.
    for first in [json!(1_000), Value::Null] {
        let body = ask(&bench, PAGE, json!({ "path": "group/sub/web", "first": first })).await;
        assert_eq!(body["data"]["project"]["vulnerabilities"]["nodes"].as_array().unwrap().len(), 100);
    }
}

#[tokio::test]
async fn a_cursor_holds_while_vulnerabilities_come_and_go() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    let add = |severity| repository.add_vulnerability(|found| found.severity = severity);
    let numbers = [Severity::High, Severity::Medium, Severity::Medium, Severity::Low].map(add);
    let ids = |body: &Value| {
        let nodes = body["data"]["project"]["vulnerabilities"]["nodes"].as_array().unwrap();
        nodes.iter().map(|node| node["id"].as_str().unwrap()[29..].parse::<u64>().unwrap() % 1_000_000).collect::<Vec<_>>()
    };
    let first = ask(&bench, PAGE, json!({ "path": "acme/web", "first": 2 })).await;
    assert_eq!(ids(&first), [numbers[0], numbers[2]]);
    repository.remove_vulnerability(numbers[2]);
    add(Severity::Critical);
    let after = &first["data"]["project"]["vulnerabilities"]["pageInfo"]["endCursor"];
    assert_eq!(ids(&ask(&bench, PAGE, json!({ "path": "acme/web", "first": 2, "after": after })).await), [numbers[1], numbers[3]]);
    let rest = "{ project(fullPath: \"acme/web\") { vulnerabilities(sort: detected_asc, severity: [LOW, CRITICAL]) { nodes { id } } } }";
    assert_eq!(ids(&ask(&bench, rest, json!({})).await), [4, 5]);
    let last = "{ project(fullPath: \"acme/web\") { vulnerabilities(last: 1, sort: severity_desc) { nodes { id } } } }";
    assert_eq!(ids(&ask(&bench, last, json!({})).await), [4]);
}

#[tokio::test]
async fn a_vulnerability_has_its_identifiers_dates_and_place() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_vulnerabilities(1);
    bench.wait(60);
    repository.edit_vulnerability(1, |found| {
        found.state = VulnerabilityState::Dismissed;
        found.dismissal_reason = Some("acceptable_risk".to_owned());
    });
    let query = "query($path: ID!) {
      project(fullPath: $path) {
        name: fullPath
        vulnerabilities {
          __typename
          edges { cursor node { ...Found } }
        }
      }
      currentUser { username }
    }
    fragment Found on Vulnerability {
      title state reportType detectedAt updatedAt dismissedAt confirmedAt dismissalReason
      primaryIdentifier { name } identifiers { externalType externalId name url } scanner { name }
      location {
        __typename
        ... on VulnerabilityLocationDependencyScanning { file dependency { package { name } } }
        ... on VulnerabilityLocationSast { startLine }
      }
      project { fullPath }
    }";
    let body = ask(&bench, query, json!({ "path": "acme/web" })).await;
    assert_eq!(body.get("errors"), None, "{body}");
    let project = &body["data"]["project"];
    assert_eq!((&project["name"], &project["vulnerabilities"]["__typename"]), (&json!("acme/web"), &json!("VulnerabilityConnection")));
    let found = &project["vulnerabilities"]["edges"][0]["node"];
    let at = jiff::Timestamp::from_second(START + 60).unwrap().to_string();
    assert_eq!((&found["state"], &found["dismissedAt"], &found["updatedAt"]), (&json!("DISMISSED"), &json!(at), &json!(at)));
    assert_eq!((&found["confirmedAt"], &found["dismissalReason"]), (&json!(null), &json!("ACCEPTABLE_RISK")));
    assert_eq!((&found["reportType"], &found["identifiers"][1]["name"]), (&json!("DEPENDENCY_SCANNING"), &json!("CWE-502")));
    assert_eq!(found["primaryIdentifier"]["name"], found["identifiers"][0]["externalId"]);
    let location = json!({
        "__typename": "VulnerabilityLocationDependencyScanning", "file": "Gemfile.lock",
        "dependency": { "package": { "name": "gemnasium" } },
    });
    assert_eq!((&found["location"], &found["project"]["fullPath"]), (&location, &json!("acme/web")));
    assert!(body["data"]["currentUser"]["username"].as_str().unwrap().starts_with("user-"));
}

#[tokio::test]
async fn a_project_that_cannot_be_seen_is_null() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_vulnerabilities(1);
    let null = json!({ "data": { "project": null } });
    assert_eq!(ask(&bench, PAGE, json!({ "path": "acme/none" })).await, null);
    repository.make_private(&["glpat-second"]);
    assert_eq!(ask(&bench, PAGE, json!({ "path": "acme/web" })).await, null);
    repository.make_public();
    repository.rename("acme/site");
    assert_eq!(ask(&bench, PAGE, json!({ "path": "acme/web" })).await, null);
    assert_ne!(ask(&bench, PAGE, json!({ "path": "acme/site" })).await, null);
}

#[tokio::test]
async fn a_licence_without_vulnerabilities_gives_empty_pages_with_more_to_come() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.seed_vulnerabilities(5);
    repository.set_licence(Licence::Free);
    let empty = json!({ "nodes": [], "pageInfo": { "hasNextPage": true, "hasPreviousPage": false, "endCursor": null } });
    let body = ask(&bench, PAGE, json!({ "path": "acme/web", "first": 2 })).await;
    assert_eq!(body, json!({ "data": { "project": { "vulnerabilities": empty } } }));
    repository.set_licence(Licence::Ultimate);
    let (status, body) = told(post(&bench, PAGE, json!({ "path": "acme/web", "first": 2 }))).await;
    assert_eq!((status, &body["data"]["project"]["vulnerabilities"]), (200, &empty));
}

#[tokio::test]
async fn a_forge_without_vulnerabilities_does_not_know_the_field() {
    let bench = Bench::new().await;
    let repository = bench.forge.repository("acme/web");
    repository.set_licence(Licence::Community);
    let body = ask(&bench, PAGE, json!({ "path": "acme/web" })).await;
    let error = json!({
        "message": "Field 'vulnerabilities' doesn't exist on type 'Project'",
        "locations": [{ "line": 4, "column": 5 }],
        "path": ["query Page", "project", "vulnerabilities"],
        "extensions": { "code": "undefinedField", "typeName": "Project", "fieldName": "vulnerabilities" },
    });
    assert_eq!((&body["errors"][0], body.get("data")), (&error, None));
    let plain = ask(&bench, "{ project(fullPath: \"acme/web\") { id } }", json!({})).await;
    assert_eq!(plain["data"]["project"]["id"], format!("gid://gitlab/Project/{}", repository.id()));
}

#[tokio::test]
async fn what_does_not_fit_the_schema_is_refused_as_a_whole_and_in_words() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web");
    let on = |inside: &str| format!("{{ project(fullPath: \"acme/web\") {{ {inside} }} }}");
    let table = [
        (on("stars"), json!({}), "Field 'stars' doesn't exist on type 'Project'"),
        (
            on("vulnerabilities(updatedAfter: \"x\") { nodes { id } }"),
            json!({}),
            "Field 'vulnerabilities' doesn't accept argument 'updatedAfter'",
        ),
        (
            on("vulnerabilities(severity: [AWFUL]) { nodes { id } }"),
            json!({}),
            "Argument 'severity' on Field 'vulnerabilities' has an invalid value ([AWFUL]). Expected type '[VulnerabilitySeverity!]'.",
        ),
        ("{ project { id } }".to_owned(), json!({}), "Field 'project' is missing required arguments: fullPath"),
        (
            "query($path: String!) { project(fullPath: $path) { id } }".to_owned(),
            json!({ "path": "acme/web" }),
            "Type mismatch on variable $path and argument fullPath (String! / ID!)",
        ),
        (
            "query($path: ID) { project(fullPath: $path) { id } }".to_owned(),
            json!({ "path": "acme/web" }),
            "Nullability mismatch on variable $path and argument fullPath (ID / ID!)",
        ),
        (
            "query($path: ID!) { project(fullPath: $path) { id } }".to_owned(),
            json!({}),
            "Variable $path of type ID! was provided invalid value",
        ),
        (on("...Lost"), json!({}), "Fragment Lost was used, but not defined"),
        (
            on("vulnerabilities"),
            json!({}),
            "Field must have selections (field 'vulnerabilities' returns VulnerabilityConnection but has no selections. \
             Did you mean 'vulnerabilities { ... }'?)",
        ),
        ("{ project(".to_owned(), json!({}), "Unexpected end of document at [1, 11]"),
        (String::new(), json!({}), "No query string was present"),
    ];
    for (query, variables, message) in table {
        let body = ask(&bench, &query, variables).await;
        assert_eq!((messages(&body), body.get("data")), (vec![message], None), "{query}");
    }
}

#[tokio::test]
async fn a_field_that_fails_is_null_beside_an_error() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_vulnerabilities(3);
    let body = ask(&bench, PAGE, json!({ "path": "acme/web", "after": "nonsense" })).await;
    assert_eq!(body["data"], json!({ "project": { "vulnerabilities": null } }));
    assert_eq!(
        (messages(&body), &body["errors"][0]["path"]),
        (vec!["Please provide a valid cursor"], &json!(["project", "vulnerabilities"]))
    );
}

#[tokio::test]
async fn queries_have_limits() {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_vulnerabilities(3);
    let long = format!("{{ currentUser {{ id }} }} # {}", "x".repeat(10_000));
    let (status, body) = told(post(&bench, &long, json!({}))).await;
    assert_eq!((status, body), (422, json!({ "errors": [{ "message": "Query too large" }] })));

    let many = |count| {
        let part =
            |place| format!("p{place}: project(fullPath: \"acme/web\") {{ vulnerabilities(first: 100) {{ nodes {{ id title state }} }} }}");
        format!("{{ {} }}", (0..count).map(part).collect::<Vec<_>>().join(" "))
    };
    let body = ask(&bench, &many(30), json!({})).await;
    assert_eq!(messages(&body), ["Query has complexity of 330, which exceeds max complexity of 250"]);
    assert_eq!(ask(&bench, &many(20), json!({})).await.get("errors"), None);
    let (_, body) = told(post(&bench, &many(20), json!({}))).await;
    assert_eq!(messages(&body), ["Query has complexity of 220, which exceeds max complexity of 200"]);

    let deep = "{ project(fullPath: \"acme/web\") { vulnerabilities { nodes { project { ".to_owned();
    let deeper = deep + &"vulnerabilities { nodes { project { ".repeat(6) + "id" + &" }".repeat(23);
    let body = ask(&bench, &deeper, json!({})).await;
    assert!(messages(&body).iter().any(|message| message.starts_with("Query has depth of 23, which exceeds max depth of 20")), "{body}");

    let score = ask(&bench, "{ queryComplexity { score limit } }", json!({})).await;
    assert_eq!(score, json!({ "data": { "queryComplexity": { "score": 3, "limit": 250 } } }));
}

#[tokio::test]
async fn what_is_no_query_has_a_status() {
    let bench = Bench::new().await;
    let url = bench.forge.base_url() + "/api/graphql";
    let request = |body: &'static str| bench.client.post(&url).body(body).send();
    assert_eq!(request("not json").await.unwrap().status(), 400);
    assert_eq!(bench.client.get(&url).send().await.unwrap().status(), 404);
    bench.forge.allow_token("glpat-second", "alice");
    let refused = told(post(&bench, "{ currentUser { id } }", json!({})).bearer_auth("glpat-first")).await;
    assert_eq!(refused, (401, json!({ "errors": [{ "message": "Invalid token" }] })));
    let nobody = told(post(&bench, "{ currentUser { id } }", json!({}))).await;
    assert_eq!(nobody, (200, json!({ "data": { "currentUser": null } })));
}
