//! Vulnerabilities: what GitLab's scanners found, over GraphQL, because REST is to
//! lose them.
//!
//! Nobody can ask for what changed, so every run reads the list from its beginning,
//! in the order of detection, which no change disturbs.
//!
//! GraphQL knows a project by its present path only. Where it shows none, REST is
//! asked, which knows numbers, follows projects that moved, and says why not.
//!
//! To those who may not see them GitLab shows an empty list. So one that ends empty
//! is not believed: REST, which refuses instead, is asked whether there is anything
//! to be seen at all.

use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::graph::{self, ask, ask_on};
use super::{Shown, configured, external_id, get, is_number, moment, parameter, project};
use crate::model::{Item, ItemType, Source, Stream};
use crate::providers::{Page, PageRequest, Rejected, Reply, Unreadable, next_link};

const LIST: &str = "query Vulnerabilities($fullPath: ID!, $after: String, $states: [VulnerabilityState!]) {
  project(fullPath: $fullPath) {
    fullPath
    vulnerabilities(first: 100, after: $after, state: $states, sort: detected_asc) {
      nodes { ...Found }
      pageInfo { hasNextPage endCursor }
    }
  }
}";

const ONE: &str = "query Vulnerability($id: VulnerabilityID!) {
  vulnerability(id: $id) {
    ...Found
    project { fullPath }
  }
}";

const FOUND: &str = "
fragment Found on Vulnerability {
  id title description state severity reportType detectedAt updatedAt webUrl
  identifiers { name }
  location {
    ... on VulnerabilityLocationSast { file }
    ... on VulnerabilityLocationSecretDetection { file }
    ... on VulnerabilityLocationDependencyScanning { file }
    ... on VulnerabilityLocationContainerScanning { image }
    ... on VulnerabilityLocationDast { hostname path }
  }
}";

const ID: &str = "gid://gitlab/Vulnerability/";
/// How many findings REST is asked for: all of them in pages of this size, or one to
/// see whether they are shown at all.
const PAGE: &str = "100";
const GLIMPSE: &str = "1";

/// As GraphQL shows it, or as REST does, which has other names for some of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vulnerability {
    #[serde(default)]
    id: Value,
    uuid: Option<String>,
    #[serde(alias = "name")]
    title: String,
    description: Option<String>,
    state: String,
    severity: Option<String>,
    #[serde(alias = "report_type")]
    report_type: Option<String>,
    detected_at: Option<String>,
    updated_at: Option<String>,
    web_url: Option<String>,
    #[serde(default)]
    identifiers: Vec<Identifier>,
    location: Option<Location>,
    project: Option<Project>,
}

#[derive(Deserialize)]
struct Identifier {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Location {
    file: Option<String>,
    image: Option<String>,
    hostname: Option<String>,
    path: Option<String>,
}

#[derive(Deserialize)]
struct Project {
    #[serde(alias = "full_path", alias = "path_with_namespace", rename = "fullPath")]
    full_path: Option<String>,
}

/// The path of a project that goes by its number is looked up first.
pub(super) fn begin(source: &Source, every_state: bool) -> PageRequest {
    let name = configured(source);
    if is_number(name) {
        return get(Stream::Alerts, project(source));
    }
    let states = if every_state { Value::Null } else { json!(["DETECTED", "CONFIRMED"]) };
    list(source, name, states)
}

pub(super) fn single(source: &Source, id: &str) -> PageRequest {
    ask(source, &format!("{ONE}{FOUND}"), json!({"id": format!("{ID}{id}")}))
}

fn list(source: &Source, full_path: &str, states: Value) -> PageRequest {
    ask(source, &format!("{LIST}{FOUND}"), json!({"fullPath": full_path, "after": null, "states": states}))
}

pub(super) fn read(source: &Source, asked: &PageRequest, reply: &Reply) -> Result<Page, Unreadable> {
    let unreadable = |why: &dyn std::fmt::Display| Unreadable(format!("not a list of vulnerabilities: {why}"));
    let answer: Value = serde_json::from_slice(&reply.body).map_err(|why| unreadable(&why))?;
    let page = match &answer {
        Value::Object(_) if asked.body.is_some() => read_graph(source, asked, &answer),
        Value::Array(_) if is_glimpse(asked) => Ok(Page::default()),
        Value::Array(entries) if asked.body.is_none() => Ok(read_findings(source, asked, reply, entries)),
        Value::Object(_) => found_path(source, asked, &answer),
        _ => Err("it is something else".into()),
    };
    page.map_err(|why: String| unreadable(&why))
}

fn found_path(source: &Source, asked: &PageRequest, answer: &Value) -> Result<Page, String> {
    let full_path = Project::deserialize(answer).ok().and_then(|project| project.full_path).ok_or("the project has no path")?;
    let next = PageRequest { number: asked.number + 1, ..list(source, &full_path, Value::Null) };
    Ok(Page { next: Some(next), ..Page::default() })
}

fn read_graph(source: &Source, asked: &PageRequest, answer: &Value) -> Result<Page, String> {
    if graph::knows_no_vulnerabilities(answer) {
        return Ok(Page { next: Some(findings(source, asked, PAGE)), ..Page::default() });
    }
    if answer.pointer("/data/project").is_some_and(Value::is_null) {
        return Ok(Page { next: Some(in_rest(asked, project(source))), ..Page::default() });
    }
    if let Some(one) = answer.pointer("/data/vulnerability").filter(|_| asked.single) {
        return Ok(read_each(source, None, std::slice::from_ref(one), |_| None));
    }
    let page = answer.pointer(graph::PAGE).filter(|page| page["nodes"].is_array()).ok_or("it has no entries")?;
    let has_next = page["pageInfo"]["hasNextPage"].as_bool().ok_or("it does not say whether more follow")?;
    let next = match (has_next, graph::cursor(page)) {
        (true, Some(cursor)) => Some(ask_on(asked, "after", json!(cursor)).ok_or("what was asked cannot be asked on")?),
        (true, None) => return Err("more are said to follow, and not from where".into()),
        (false, _) if graph::nodes(page).is_empty() => Some(findings(source, asked, GLIMPSE)),
        (false, _) => None,
    };
    let full_path = answer.pointer("/data/project/fullPath").and_then(Value::as_str);
    let read = read_each(source, full_path, graph::nodes(page), |place| graph::fault_at(answer, place));
    Ok(Page { next, ..read })
}

fn findings(source: &Source, asked: &PageRequest, size: &str) -> PageRequest {
    in_rest(asked, format!("{}/vulnerability_findings?scope=all&per_page={size}", project(source)))
}

fn in_rest(asked: &PageRequest, url: String) -> PageRequest {
    PageRequest { headers: get(Stream::Alerts, String::new()).headers, body: None, ..asked.followed_by(url) }
}

fn is_glimpse(asked: &PageRequest) -> bool {
    asked.body.is_none() && Url::parse(&asked.url).is_ok_and(|url| parameter(&url, "per_page").as_deref() == Some(GLIMPSE))
}

/// Findings are those of one scan, which is over: the rows stay where they are while
/// they are counted. What an earlier scan found is not among them.
fn read_findings(source: &Source, asked: &PageRequest, reply: &Reply, entries: &[Value]) -> Page {
    let next = reply.header("link").and_then(next_link).map(|link| asked.followed_by(link.to_owned()));
    Page { next, is_partial: true, ..read_each(source, None, entries, |_| None) }
}

fn read_each(source: &Source, full_path: Option<&str>, entries: &[Value], fault_at: impl Fn(usize) -> Option<String>) -> Page {
    let mut page = Page::default();
    for (place, entry) in entries.iter().enumerate() {
        let read = match fault_at(place) {
            Some(why) => Err(why),
            None => Vulnerability::deserialize(entry).map_err(|why| why.to_string()).and_then(|one| item(source, full_path, one)),
        };
        match read {
            Ok(item) => page.items.push(item),
            Err(why) => {
                let id = number(&entry["id"]).map(str::to_owned);
                let which = id.as_ref().map_or_else(|| format!("entry {place}"), |id| format!("vulnerability {id}"));
                page.rejected.push(Rejected { id, which, why });
            }
        }
    }
    page
}

/// The number at the end of an id of GraphQL.
fn number(id: &Value) -> Option<&str> {
    id.as_str()?.strip_prefix(ID).filter(|number| is_number(number))
}

fn item(source: &Source, full_path: Option<&str>, one: Vulnerability) -> Result<Item, String> {
    let id = number(&one.id).or(one.uuid.as_deref()).ok_or("it has no id")?;
    // A state that is none of these is not understood, rather than taken for closed.
    let state = match one.state.to_ascii_lowercase().as_str() {
        "detected" | "confirmed" => "open",
        "resolved" | "dismissed" => "closed",
        _ => return Err(format!("it is in a state that nobody knows: {}", one.state)),
    };
    let own_path = one.project.as_ref().and_then(|project| project.full_path.as_deref()).map(|path| path.trim_start_matches('/'));
    let shown = Shown { web_url: one.web_url.as_deref(), full_path: full_path.or(own_path) };
    let external_id = external_id(source, ItemType::Alert, id, shown);
    let severity = one.severity.map(|severity| severity.to_ascii_lowercase());
    let priority = severity.as_deref().map(|severity| match severity {
        "critical" | "high" | "medium" => severity.to_owned(),
        _ => "low".to_owned(),
    });
    let names = one.identifiers.into_iter().filter_map(|identifier| identifier.name);
    Ok(Item {
        body: one.description.filter(|description| !description.is_empty()),
        labels: one.report_type.map(|kind| kind.to_ascii_lowercase()).into_iter().chain(names).collect(),
        severity,
        priority,
        created_at: moment(one.detected_at.as_deref()),
        updated_at: moment(one.updated_at.as_deref()),
        url: one.web_url,
        path: one.location.and_then(place),
        ..Item::new(ItemType::Alert, external_id, one.title, state.to_owned())
    })
}

/// Where it was found, as far as that is one place.
fn place(location: Location) -> Option<String> {
    let page = location.hostname.map(|host| host + location.path.as_deref().unwrap_or_default());
    location.file.or(location.image).or(page)
}

#[cfg(test)]
#[path = "vulnerabilities_tests.rs"]
mod tests;
