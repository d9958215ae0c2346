//! Dependabot's alerts: a list that is paged by cursor only, and that says in many ways why it cannot be had.

use http::StatusCode;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{Call, Version, issues::tag, links, refusals, shapes::User};
use crate::{
    alert::{Alert, AlertSeverity, AlertState},
    door::{Answer, Asked},
    index::Row,
    paging::{Place, read_cursor, window, write_cursor},
    record::Record,
    state::World,
};

/// Why this caller is told of no alert at all.
fn refusal(call: &Call<'_>, record: &Record) -> Option<Answer> {
    let Some(token) = call.caller.token() else {
        return Some(refusals::alerts_need_authentication());
    };
    if !record.alerts.are_open_to(call.caller) {
        return Some(refusals::alerts_not_accessible(token));
    }
    if record.archived {
        return Some(refusals::alerts_archived());
    }
    (!record.alerts.enabled).then(refusals::alerts_disabled)
}

pub(super) fn one(world: &World, call: &Call<'_>, record: &Record, number: &str) -> Answer {
    if let Some(refusal) = refusal(call, record) {
        return refusal;
    }
    match number.parse().ok().and_then(|number| record.alerts.get(number)) {
        Some(alert) => {
            let tag = tag(call, record, alert.revision.to_be_bytes());
            Answer::json(StatusCode::OK, &shape(world, &call.asked.base, call.version, record, alert)).with("etag", &tag)
        }
        None => refusals::not_found(),
    }
}

pub(super) fn list(world: &World, call: &Call<'_>, record: &Record) -> Answer {
    if let Some(refusal) = refusal(call, record) {
        return refusal;
    }
    if call.asked.parameter("page").is_some() {
        return refusals::alerts_by_page();
    }
    let query = match Query::read(call.asked) {
        Ok(query) => query,
        Err(field) => return refusals::invalid_alerts(field),
    };
    let mut rows: Vec<Row> = record.alerts.iter().filter(|alert| query.takes(alert)).map(|alert| query.row(alert)).collect();
    rows.sort_unstable();
    let window = window(&rows, query.descending, query.place, query.size);
    let link = links::by_cursor(&window, |name, row| address(call.asked, record, name, row));
    let alerts = || window.rows.iter().filter_map(|row| record.alerts.get(row.1));
    let marks = alerts().flat_map(|alert| alert.revision.to_be_bytes().into_iter().chain(alert.number.to_be_bytes()));
    let tag = tag(call, record, marks.chain(link.bytes()));
    let page: Vec<Value> = alerts().map(|alert| shape(world, &call.asked.base, call.version, record, alert)).collect();
    let answer = Answer::json(StatusCode::OK, &page).with("etag", &tag);
    if link.is_empty() { answer } else { answer.with("link", &link) }
}

/// States, severities, ecosystems and packages are lists of words with commas between them; none given is all.
struct Query {
    states: Vec<String>,
    severities: Vec<String>,
    ecosystems: Vec<String>,
    packages: Vec<String>,
    by_update: bool,
    descending: bool,
    size: u64,
    place: Place,
}

impl Query {
    /// The error is the name of the field.
    fn read(asked: &Asked) -> Result<Self, &'static str> {
        let words = |name| -> Vec<String> {
            let text = asked.parameter(name).unwrap_or_default();
            text.split(',').map(|word| word.trim().to_lowercase()).filter(|word| !word.is_empty()).collect()
        };
        let known = |name: &'static str, choice: &[&str]| {
            let words = words(name);
            if words.iter().all(|word| choice.contains(&word.as_str())) { Ok(words) } else { Err(name) }
        };
        let cursor = |name: &'static str| asked.parameter(name).map(|text| read_cursor(&text).ok_or(name)).transpose();
        let size = asked.parameter("per_page").and_then(|size| size.parse::<u64>().ok()).filter(|size| *size > 0);
        Ok(Self {
            states: known("state", &["auto_dismissed", "dismissed", "fixed", "open"])?,
            severities: known("severity", &["low", "medium", "high", "critical"])?,
            ecosystems: words("ecosystem"),
            packages: words("package"),
            by_update: match asked.parameter("sort").as_deref() {
                None | Some("created") => false,
                Some("updated") => true,
                Some(_) => return Err("sort"),
            },
            descending: match asked.parameter("direction").as_deref() {
                None | Some("desc") => true,
                Some("asc") => false,
                Some(_) => return Err("direction"),
            },
            size: size.unwrap_or(30).min(100),
            place: match (cursor("after")?, cursor("before")?) {
                (Some(row), _) => Place::After(row),
                (None, Some(row)) => Place::Before(row),
                (None, None) => Place::Page(1),
            },
        })
    }

    fn takes(&self, alert: &Alert) -> bool {
        let among = |words: &[String], word: &str| words.is_empty() || words.iter().any(|one| one.eq_ignore_ascii_case(word));
        among(&self.states, state(alert.state))
            && among(&self.severities, severity(alert.severity))
            && among(&self.ecosystems, &alert.ecosystem)
            && among(&self.packages, &alert.package)
    }

    fn row(&self, alert: &Alert) -> Row {
        let moment = if self.by_update { alert.updated_at } else { alert.created_at };
        (moment.as_millisecond(), alert.number)
    }
}

/// The repository by its number and the caller's parameters, as the links of all lists have them.
fn address(asked: &Asked, record: &Record, name: &str, row: Row) -> String {
    let mut parameters = form_urlencoded::Serializer::new(String::new());
    parameters.extend_pairs(asked.parameters().filter(|(name, _)| !matches!(name.as_ref(), "after" | "before")));
    parameters.append_pair(name, &write_cursor(row));
    format!("{}/repositories/{}/dependabot/alerts?{}", asked.base, record.id, parameters.finish())
}

fn state(state: AlertState) -> &'static str {
    match state {
        AlertState::Open => "open",
        AlertState::Dismissed => "dismissed",
        AlertState::Fixed => "fixed",
        AlertState::AutoDismissed => "auto_dismissed",
    }
}

fn severity(severity: AlertSeverity) -> &'static str {
    match severity {
        AlertSeverity::Low => "low",
        AlertSeverity::Medium => "medium",
        AlertSeverity::High => "high",
        AlertSeverity::Critical => "critical",
    }
}

pub(super) fn shape(world: &World, base: &str, version: Version, record: &Record, alert: &Alert) -> Value {
    let name = record.full_name();
    let html_base = &world.html_base;
    let package = json!({ "ecosystem": alert.ecosystem, "name": alert.package });
    let vulnerability = json!({
        "package": package,
        "severity": severity(alert.severity),
        "vulnerable_version_range": "< 2.0.1",
        "first_patched_version": { "identifier": "2.0.1" },
    });
    let closed = |state: AlertState| alert.closed_at.filter(|_| alert.state == state);
    let is_dismissed = alert.state == AlertState::Dismissed;
    json!({
        "number": alert.number,
        "state": state(alert.state),
        "dependency": {
            "package": package,
            "manifest_path": alert.manifest_path,
            "scope": "runtime",
            "relationship": "direct",
        },
        "security_advisory": advisory(version, alert, &vulnerability),
        "security_vulnerability": vulnerability,
        "url": format!("{base}/repos/{name}/dependabot/alerts/{}", alert.number),
        "html_url": format!("{html_base}/{name}/security/dependabot/{}", alert.number),
        "created_at": alert.created_at,
        "updated_at": alert.updated_at,
        "dismissal_request": null,
        "assignees": [],
        "dismissed_at": closed(AlertState::Dismissed),
        "dismissed_by": is_dismissed.then(|| json!(User::of("octo-demo", base, html_base))),
        "dismissed_reason": is_dismissed.then_some("tolerable_risk"),
        "dismissed_comment": null,
        "fixed_at": closed(AlertState::Fixed),
        "auto_dismissed_at": closed(AlertState::AutoDismissed),
    })
}

fn advisory(version: Version, alert: &Alert, vulnerability: &Value) -> Value {
    let mut identifiers = vec![json!({ "value": alert.ghsa_id, "type": "GHSA" })];
    identifiers.extend(alert.cve_id.iter().map(|id| json!({ "value": id, "type": "CVE" })));
    let score = match alert.severity {
        AlertSeverity::Low => 3.1,
        AlertSeverity::Medium => 5.3,
        AlertSeverity::High => 7.5,
        AlertSeverity::Critical => 9.8,
    };
    let rating = json!({ "vector_string": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N", "score": score });
    let mut advisory = json!({
        "ghsa_id": alert.ghsa_id,
        "cve_id": alert.cve_id,
        "summary": alert.summary,
        "description": alert.summary,
        "severity": severity(alert.severity),
        "identifiers": identifiers,
        "references": [{ "url": format!("https://github.com/advisories/{}", alert.ghsa_id) }],
        "published_at": alert.created_at,
        "updated_at": alert.created_at,
        "withdrawn_at": null,
        "vulnerabilities": [vulnerability],
        "cvss_severities": { "cvss_v3": rating, "cvss_v4": { "vector_string": null, "score": 0.0 } },
        "epss": { "percentage": 0.00232, "percentile": 0.13862 },
        "cwes": [{ "cwe_id": "CWE-20", "name": "Improper Input Validation" }],
        "classification": "general",
    });
    // The single rating went away with the version that has one for each edition of the scale.
    if version < Version::March2026 {
        advisory["cvss"] = rating;
    }
    advisory
}
