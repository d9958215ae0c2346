//! The list of what the last scan of a project found, over REST. It is on its way out, and as different from the issues
//! beside it as if another forge had made it: only what was dismissed unless told otherwise, and never a total.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Call, query::Query, refusals, reply, shapes, shows_vulnerabilities};
use crate::{
    credentials::fingerprint,
    door::Answer,
    record::Record,
    vulnerability::{Identifier, Licence, Vulnerability, VulnerabilityState},
};

pub(super) fn list(call: &Call<'_>, record: &Record, query: &Query) -> Answer {
    if record.security.licence == Licence::Community {
        return refusals::no_route();
    }
    if !shows_vulnerabilities(record, call.caller) {
        return refusals::forbidden();
    }
    let wanted = |found: &&Vulnerability| {
        (query.all_findings || found.state == VulnerabilityState::Dismissed)
            && (query.severities.is_empty() || query.severities.contains(&found.severity))
            && (query.report_types.is_empty() || query.report_types.contains(&found.report_type))
    };
    let mut all: Vec<&Vulnerability> = record.security.all().filter(wanted).collect();
    all.sort_by_key(|found| (std::cmp::Reverse(found.severity), found.number));
    let start = usize::try_from((query.page - 1).saturating_mul(query.size)).unwrap_or(usize::MAX).min(all.len());
    let end = all.len().min(start + query.size as usize);
    let page: Vec<Value> = all[start..end].iter().map(|found| finding(record, found)).collect();
    // A project without a scan is an empty list like any other, and that has a total.
    let counted = (!record.security.was_scanned()).then_some(0);
    query.page_headers(reply(StatusCode::OK, &page), counted, !page.is_empty(), end < all.len())
}

/// A name for good, made from what it names.
pub(super) fn uuid(record: &Record, found: &Vulnerability) -> String {
    let first = fingerprint(found.report_type.bytes().chain(record.id.to_be_bytes()).chain(found.number.to_be_bytes()));
    let second = fingerprint(first.to_be_bytes());
    format!(
        "{:08x}-{:04x}-5{:03x}-{:04x}-{:012x}",
        first >> 32,
        first >> 16 & 0xffff,
        first & 0xfff,
        second >> 48 & 0x3fff | 0x8000,
        second & 0xffff_ffff_ffff
    )
}

/// How an identifier reads; of a weakness the number alone says too little.
pub(super) fn identifier_name(identifier: &Identifier) -> String {
    if identifier.kind == "cwe" { format!("CWE-{}", identifier.id) } else { identifier.id.clone() }
}

fn finding(record: &Record, found: &Vulnerability) -> Value {
    let full = record.full_name();
    let (group, own) = shapes::parts_of(record);
    let feedback = format!("/{full}/-/vulnerability_feedback");
    let identifiers = found.identifiers.iter().map(|identifier| {
        json!({
            "external_type": identifier.kind, "external_id": identifier.id, "name": identifier_name(identifier), "url": identifier.url,
        })
    });
    json!({
        // A finding of a report has no identity yet; it is known by its uuid.
        "id": null,
        "report_type": found.report_type,
        "name": found.title,
        "severity": found.severity.name(),
        "state": found.state.name(),
        "scanner": { "external_id": found.scanner, "name": found.scanner, "vendor": "GitLab" },
        "identifiers": identifiers.collect::<Vec<_>>(),
        "uuid": uuid(record, found),
        "project_fingerprint": uuid(record, found).replace('-', ""),
        "false_positive": found.dismissal_reason.as_deref() == Some("false_positive"),
        "create_jira_issue_url": null,
        "create_vulnerability_feedback_issue_path": feedback,
        "create_vulnerability_feedback_merge_request_path": feedback,
        "create_vulnerability_feedback_dismissal_path": feedback,
        "project": {
            "id": record.id, "name": own, "full_path": format!("/{full}"),
            "full_name": format!("{} / {own}", group.replace('/', " / ")),
        },
        "dismissal_feedback": null,
        "issue_feedback": null,
        "merge_request_feedback": null,
        "description": found.description,
        "solution": found.solution,
        "links": [],
        "location": { "file": found.file, "start_line": found.line },
        "remediations": [null],
        "evidence": null,
        "request": null,
        "response": null,
        "evidence_source": null,
        "supporting_messages": [],
        "assets": [],
        "details": {},
        "scan": {
            "type": found.report_type, "status": "success",
            "start_time": found.detected_at.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            "end_time": found.detected_at.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        },
        "blob_path": format!("/{full}/-/blob/main/{}#L{}", found.file, found.line),
    })
}
