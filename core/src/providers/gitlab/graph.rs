//! How GitLab's GraphQL is asked, and what it means by an answer that is a 200 and
//! yet no data.

use serde_json::{Value, json};

use super::{get, site};
use crate::model::{Source, Stream};
use crate::providers::verdict::{speaks_of, wait_of};
use crate::providers::{PageRequest, Reply, Verdict};

pub(super) fn ask(source: &Source, query: &str, variables: Value) -> PageRequest {
    let plain = get(Stream::Alerts, format!("{}/api/graphql", site(source)));
    let headers = plain.headers.into_iter().chain([("content-type".into(), "application/json".into())]).collect();
    let body = json!({"query": query, "variables": variables}).to_string();
    PageRequest { headers, body: Some(body), ..plain }
}

/// The same question with another value of a variable.
pub(super) fn ask_on(asked: &PageRequest, variable: &str, value: Value) -> Option<PageRequest> {
    let mut body: Value = serde_json::from_str(asked.body.as_deref()?).ok()?;
    *body.get_mut("variables")?.get_mut(variable)? = value;
    Some(PageRequest { body: Some(body.to_string()), ..asked.followed_by(asked.url.clone()) })
}

/// Where an answer has its vulnerabilities.
pub(super) const PAGE: &str = "/data/project/vulnerabilities";

/// What is wrong with an answer of GraphQL, as far as nobody else can be asked. Of other
/// replies nothing is wrong.
pub(super) fn refusal(reply: &Reply) -> Option<Verdict> {
    let first = reply.body.iter().find(|byte| !byte.is_ascii_whitespace());
    let answer: Value = (first == Some(&b'{')).then(|| serde_json::from_slice(&reply.body).ok())??;
    let faults = faults(&answer);
    if knows_no_vulnerabilities(&answer) {
        return None;
    }
    let page = answer.pointer(PAGE);
    let is_partial = page.is_some_and(Value::is_object) && faults.iter().all(|fault| node_of(fault).is_some());
    if !faults.is_empty() && !is_partial {
        return Some(meaning(reply, &faults.iter().map(message).collect::<Vec<_>>().join("; ")));
    }
    if answer.pointer("/data/vulnerability").is_some_and(Value::is_null) {
        return Some(Verdict::Missing("GraphQL shows nothing under this number".into()));
    }
    let page = page?;
    let is_hidden = page.is_null() || (nodes(page).is_empty() && page["pageInfo"]["hasNextPage"] == true && cursor(page).is_none());
    is_hidden.then(|| {
        let why = "GitLab shows no vulnerabilities of this project: they are part of another plan, or not for the role of this credential";
        Verdict::Unavailable(why.into())
    })
}

/// What GitLab means by its errors, which have no codes for it.
fn meaning(reply: &Reply, why: &str) -> Verdict {
    let said = why.to_owned();
    if speaks_of(why, &["too many times", "too many requests", "rate limit", "retry later"]) {
        Verdict::Throttled { wait: wait_of(reply), why: said }
    } else if speaks_of(why, &["timeout", "timed out", "internal server error", "try again"]) {
        Verdict::Retry(said)
    } else if speaks_of(why, &["doesn't exist on type", "isn't a defined", "no such type", "not available", "disabled"]) {
        Verdict::Unavailable(said)
    } else if speaks_of(why, &["does not exist or you don't have permission", "not found"]) {
        Verdict::Missing(said)
    } else if speaks_of(why, &["scope", "permission", "not authorized", "unauthorized", "forbidden"]) {
        Verdict::Denied(said)
    } else {
        Verdict::Rejected(said)
    }
}

/// Whether the server was built without vulnerabilities, or before there were any in
/// its GraphQL.
pub(super) fn knows_no_vulnerabilities(answer: &Value) -> bool {
    faults(answer).iter().any(|fault| message(fault).contains("Field 'vulnerabilities' doesn't exist on type 'Project'"))
}

/// Why the entry at that place of a page could not be shown in full.
pub(super) fn fault_at(answer: &Value, place: usize) -> Option<String> {
    let fault = faults(answer).iter().find(|fault| node_of(fault) == Some(place as u64))?;
    Some(message(fault).to_owned())
}

pub(super) fn nodes(page: &Value) -> &[Value] {
    page["nodes"].as_array().map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn cursor(page: &Value) -> Option<&str> {
    page["pageInfo"]["endCursor"].as_str().filter(|cursor| !cursor.is_empty())
}

fn faults(answer: &Value) -> &[Value] {
    answer["errors"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn message(fault: &Value) -> &str {
    fault["message"].as_str().unwrap_or("an error without words")
}

/// The entry that a fault is about, if it is about one.
fn node_of(fault: &Value) -> Option<u64> {
    let path = fault["path"].as_array()?;
    let nodes = path.iter().position(|step| step == "nodes")?;
    path.get(nodes + 1)?.as_u64()
}
