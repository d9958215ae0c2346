//! The simulated forge beside GitHub: the same headers, and the same fields of the same
//! types. What is newer than the recordings, and what the simulation leaves out, is
//! listed here by name.

use std::collections::BTreeSet;
use std::sync::Arc;

use pullcord_forge::{Behaviour, Fault, Forge, Options, Repository};
use serde_json::Value;

use super::{ALL, Recorded};

/// Headers of the connection, or of one server's set-up; nobody reads them.
const OF_THE_WAY: [&str; 13] = [
    "accept-ranges",
    "connection",
    "content-encoding",
    "content-length",
    "content-security-policy",
    "date",
    "expect-ct",
    "server",
    "status",
    "strict-transport-security",
    "transfer-encoding",
    "x-runtime-rack",
    "x-xss-protection",
];
/// What is no longer sent, and what the simulated forge leaves out: it keeps no times
/// of lists.
const LEFT_OUT: [&str; 2] = ["access-control-allow-credentials", "last-modified"];

/// Addresses of a person's doings, which no client of issues asks for, and what the
/// newer version says of an issue.
const OF_AN_ISSUE: [&str; 12] = [
    ".closed_by is more",
    ".reactions is missing",
    ".user.events_url is missing",
    ".user.followers_url is missing",
    ".user.following_url is missing",
    ".user.gists_url is missing",
    ".user.gravatar_id is missing",
    ".user.organizations_url is missing",
    ".user.received_events_url is missing",
    ".user.repos_url is missing",
    ".user.starred_url is missing",
    ".user.subscriptions_url is missing",
];

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

/// Where one value has a field that the other has in another type or not at all.
fn differences(at: &str, recorded: &Value, ours: &Value, found: &mut BTreeSet<String>) {
    match (recorded, ours) {
        (Value::Object(theirs), Value::Object(fields)) => {
            for (name, value) in theirs {
                match fields.get(name) {
                    Some(our) => differences(&format!("{at}.{name}"), value, our, found),
                    None => drop(found.insert(format!("{at}.{name} is missing"))),
                }
            }
            for name in fields.keys().filter(|name| !theirs.contains_key(*name)) {
                found.insert(format!("{at}.{name} is more"));
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            if let (Some(theirs), Some(ours)) = (theirs.first(), ours.first()) {
                differences(at, theirs, ours, found);
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        _ if kind(recorded) == kind(ours) => {}
        _ => drop(found.insert(format!("{at} is {} and not {}", kind(ours), kind(recorded)))),
    }
}

struct Given {
    forge: Forge,
    repository: Repository,
    client: reqwest::Client,
}

struct Answer {
    status: u16,
    headers: BTreeSet<String>,
    etag: Option<String>,
    body: Value,
}

async fn given() -> Given {
    let forge = Forge::start(Options::new(Arc::new(|| "2026-11-20T05:00:00Z".parse().expect("a time")))).await.expect("a port");
    let repository = forge.repository("octokit-fixture-org/paginate-issues");
    for _ in 0..13 {
        repository.add_issue(|_| ());
    }
    Given { forge, repository, client: reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client") }
}

impl Given {
    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.client.get(format!("{}{path}", self.forge.base_url()));
        for (name, value) in [("authorization", "Bearer known"), ("user-agent", "test")].iter().chain(headers) {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.expect("an answer");
        let headers = answer.headers().keys().map(|name| name.as_str().to_owned()).collect();
        let etag = answer.headers().get("etag").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let status = answer.status().as_u16();
        Answer { status, headers, etag, body: serde_json::from_slice(&answer.bytes().await.expect("a body")).unwrap_or_default() }
    }
}

/// The first recording of that kind.
fn recorded(status: u16, is_it: impl Fn(&Recorded) -> bool) -> &'static Recorded {
    let found = ALL.iter().find(|one| one.status == status && is_it(one));
    found.unwrap_or_else(|| panic!("no such {status} is among what was recorded"))
}

#[track_caller]
fn assert_alike(recorded: &Recorded, ours: &Answer, differ: &[&str]) {
    assert_eq!(ours.status, recorded.status);
    let passed_over = |name: &&String| OF_THE_WAY.contains(&name.as_str()) || LEFT_OUT.contains(&name.as_str());
    let missing: Vec<&String> = recorded.headers.keys().filter(|name| !passed_over(name) && !ours.headers.contains(*name)).collect();
    assert!(missing.is_empty(), "{} {}: GitHub sent {missing:?}, the simulated forge does not", recorded.file, recorded.url);
    let mut found = BTreeSet::new();
    differences("", &recorded.json(), &ours.body, &mut found);
    let expected: BTreeSet<String> = differ.iter().map(|&one| one.to_owned()).collect();
    assert_eq!(found, expected, "{} {}", recorded.file, recorded.url);
}

#[tokio::test]
async fn a_list_of_issues_has_the_headers_and_fields_of_githubs() {
    let given = given().await;
    for page in 1..=5 {
        let recorded = recorded(200, |one| {
            let is_page = if page == 1 {
                !one.url.contains("page=2") && one.url.ends_with("?per_page=3")
            } else {
                one.url.ends_with(&format!("&page={page}"))
            };
            one.file.contains("paginate-issues/normalized") && is_page
        });
        let path = format!("/repos/octokit-fixture-org/paginate-issues/issues?per_page=3&page={page}");
        assert_alike(recorded, &given.get(&path, &[]).await, &OF_AN_ISSUE);
    }
}

#[tokio::test]
async fn what_is_refused_has_the_shape_of_githubs_refusals() {
    let given = given().await;
    let list = "/repos/octokit-fixture-org/paginate-issues/issues";
    let first = given.get(list, &[]).await;
    let tag = first.etag.expect("a validator");

    let unchanged = recorded(304, |one| one.file.contains("ConditionalRequestUpdate"));
    assert_alike(unchanged, &given.get(list, &[("if-none-match", &tag)]).await, &[]);
    let missing = recorded(404, |one| one.file.contains("normalized"));
    assert_alike(missing, &given.get("/repos/octokit-fixture-org/nothing/issues", &[]).await, &[".status is more"]);
    given.forge.script(Fault::on(list, Behaviour::SecondaryLimit { status: 403, retry_after: Some(60) }));
    let limited = recorded(403, |one| one.file.contains("testAuthenticatedRateLimitExceeded"));
    assert_alike(limited, &given.get(list, &[]).await, &[".status is more"]);
    given.repository.rename("octokit-fixture-org/renamed");
    let moved = recorded(301, |one| one.file.contains("rename-repository/normalized"));
    assert_alike(moved, &given.get(list, &[]).await, &[]);
    given.forge.stop().await;
}
