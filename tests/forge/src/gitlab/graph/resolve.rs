//! From a query that fits the schema to its data. Objects are made whole, and what was not selected is left out.

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Graph,
    check::LARGEST_PAGE,
    schema,
    tree::{Choice, Field, Selection},
};
use crate::{
    gitlab::{
        findings::{identifier_name, uuid},
        shapes, shows_vulnerabilities,
    },
    record::Record,
    vulnerability::{Severity, Vulnerability},
};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) struct Resolve<'a> {
    pub(super) graph: &'a Graph<'a>,
    pub(super) score: u64,
    pub(super) limit: u64,
    /// What went wrong with single fields, which are null then.
    pub(super) faults: Vec<Value>,
}

impl<'a> Resolve<'a> {
    pub(super) fn query(&mut self, selections: &'a [Selection]) -> Value {
        let mut data = Map::new();
        for field in self.fields(selections, "Query") {
            let value = match field.name.as_str() {
                "project" => match self.graph.project(field) {
                    Some(record) => self.project(record, field),
                    None => Value::Null,
                },
                "vulnerability" => match self.graph.vulnerability(field) {
                    Some((record, found)) => self.pick(&self.whole(record, found), "Vulnerability", &field.selections),
                    None => Value::Null,
                },
                "currentUser" => self.pick(&self.current_user(), "CurrentUser", &field.selections),
                "queryComplexity" => self.pick(&json!({ "score": self.score, "limit": self.limit }), "QueryComplexity", &field.selections),
                _ => json!("Query"),
            };
            put(&mut data, field, value);
        }
        Value::Object(data)
    }

    fn current_user(&self) -> Value {
        self.graph.call.caller.login().map_or(Value::Null, |login| {
            json!({
                "id": format!("gid://gitlab/User/{}", shapes::user_id(login)),
                "username": login,
                "name": login.replace('-', " "),
                "webUrl": format!("{}/{login}", self.graph.call.asked.base),
            })
        })
    }

    fn project(&mut self, record: &Record, field: &'a Field) -> Value {
        let whole = self.whole_project(record);
        let mut data = Map::new();
        for inner in self.fields(&field.selections, "Project") {
            let value = if inner.name == "vulnerabilities" {
                match self.connection(record, inner) {
                    Ok(connection) => self.pick(&connection, "VulnerabilityConnection", &inner.selections),
                    Err(message) => {
                        let place = json!({ "line": inner.spot.line, "column": inner.spot.column });
                        self.faults.push(json!({ "message": message, "locations": [place], "path": [field.key(), inner.key()] }));
                        Value::Null
                    }
                }
            } else {
                self.member(&whole, "Project", inner)
            };
            put(&mut data, inner, value);
        }
        Value::Object(data)
    }

    /// The fields selected from an object of a type, through all fragments that apply to it.
    fn fields(&self, selections: &'a [Selection], of: &str) -> Vec<&'a Field> {
        let mut all = Vec::new();
        for selection in selections.iter().filter(|selection| selection.is_wanted(&self.graph.variables)) {
            let (on, inner) = match &selection.choice {
                Choice::Field(field) => {
                    all.push(field);
                    continue;
                }
                Choice::Inline { on, selections } => (on.as_deref(), selections),
                Choice::Spread { name, .. } => match self.graph.document.fragment(name) {
                    Some(fragment) => (Some(fragment.on.as_str()), &fragment.selections),
                    None => continue,
                },
            };
            if on.is_none_or(|on| on == of || on == schema::LOCATION) {
                all.extend(self.fields(inner, of));
            }
        }
        all
    }

    fn member(&self, whole: &Value, of: &str, field: &'a Field) -> Value {
        if field.name == "__typename" {
            return json!(of);
        }
        let kind = schema::members(of).iter().find(|member| member.name == field.name).map_or("", |member| member.of);
        self.pick(&whole[&field.name], kind, &field.selections)
    }

    /// What was selected from something that was made whole.
    fn pick(&self, whole: &Value, of: &str, selections: &'a [Selection]) -> Value {
        match whole {
            Value::Array(items) => items.iter().map(|item| self.pick(item, of, selections)).collect(),
            Value::Object(_) => {
                // Which of a union's types it is, the object says itself.
                let of = whole["__typename"].as_str().unwrap_or(of);
                let mut data = Map::new();
                for field in self.fields(selections, of) {
                    put(&mut data, field, self.member(whole, of, field));
                }
                Value::Object(data)
            }
            plain => plain.clone(),
        }
    }

    /// What may not be seen is left out of a page after it was cut, so that there can be empty pages with more to come.
    fn connection(&self, record: &Record, field: &Field) -> Result<Value, String> {
        let argument =
            |name: &str| field.argument(name).and_then(|value| value.value(&self.graph.variables)).filter(|value| !value.is_null());
        let (first, last) = (argument("first"), argument("last"));
        if first.is_some() && last.is_some() {
            return Err("Can only provide either `first` or `last`, not both".to_owned());
        }
        let sort = argument("sort").and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_else(|| "severity_desc".to_owned());
        let order = Order { by_severity: sort.starts_with("severity"), descending: sort.ends_with("desc") };
        let listed = |name: &str, value: &str| match argument(name) {
            Some(Value::Array(words)) => words.iter().any(|word| word.as_str().is_some_and(|word| word.eq_ignore_ascii_case(value))),
            Some(word) => word.as_str().is_some_and(|word| word.eq_ignore_ascii_case(value)),
            None => true,
        };
        let wanted = |found: &&Vulnerability| {
            listed("severity", found.severity.name()) && listed("state", found.state.name()) && listed("reportType", &found.report_type)
        };
        let mut all: Vec<&Vulnerability> = record.security.all().filter(wanted).collect();
        all.sort_by_key(|found| order.place(found.severity, found.number));
        let place = |name: &str| argument(name).map(|cursor| order.read(cursor.as_str().unwrap_or_default())).transpose();
        let (after, before) = (place("after")?, place("before")?);
        let mut rows = all.as_slice();
        if let Some(after) = after {
            rows = &rows[rows.partition_point(|found| order.place(found.severity, found.number) <= after)..];
        }
        if let Some(before) = before {
            rows = &rows[..rows.partition_point(|found| order.place(found.severity, found.number) < before)];
        }
        let asked = last.as_ref().or(first.as_ref()).and_then(Value::as_u64).unwrap_or(LARGEST_PAGE);
        let size = usize::try_from(asked.min(LARGEST_PAGE)).unwrap_or(usize::MAX).min(rows.len());
        let page = if last.is_some() { &rows[rows.len() - size..] } else { &rows[..size] };
        let more = size < rows.len();
        let seen = if shows_vulnerabilities(record, self.graph.call.caller) { page } else { &[] };
        let cursor = |found: &Vulnerability| json!(order.write(record, found));
        Ok(json!({
            "nodes": seen.iter().map(|found| self.whole(record, found)).collect::<Vec<_>>(),
            "edges": seen.iter().map(|found| json!({ "cursor": cursor(found), "node": self.whole(record, found) })).collect::<Vec<_>>(),
            "pageInfo": {
                "hasNextPage": if last.is_some() { before.is_some() } else { before.is_some() || more },
                "hasPreviousPage": after.is_some() || (last.is_some() && more),
                "startCursor": seen.first().map(|found| cursor(found)),
                "endCursor": seen.last().map(|found| cursor(found)),
            },
        }))
    }

    fn whole_project(&self, record: &Record) -> Value {
        let (_, path) = shapes::parts_of(record);
        json!({
            "id": format!("gid://gitlab/Project/{}", record.id),
            "name": path,
            "path": path,
            "fullPath": record.full_name(),
            "description": null,
            "webUrl": format!("{}/{}", self.graph.call.asked.base, record.full_name()),
            "createdAt": moment(record.created_at),
            "updatedAt": moment(record.updated_at),
            "lastActivityAt": moment(record.updated_at),
            "archived": record.archived,
            "visibility": if record.private { "private" } else { "public" },
            "openIssuesCount": shapes::open_issues(record),
        })
    }

    fn whole(&self, record: &Record, found: &Vulnerability) -> Value {
        let id = shapes::identity(record, found.number);
        let path = format!("/{}/-/security/vulnerabilities/{id}", record.full_name());
        let report_type = found.report_type.to_uppercase();
        let identifiers: Vec<Value> = found
            .identifiers
            .iter()
            .map(|one| json!({ "externalType": one.kind, "externalId": one.id, "name": identifier_name(one), "url": one.url }))
            .collect();
        json!({
            "id": format!("gid://gitlab/Vulnerability/{id}"),
            "uuid": uuid(record, found),
            "title": found.title,
            "description": found.description,
            "solution": found.solution,
            "state": found.state.name().to_uppercase(),
            "severity": found.severity.name().to_uppercase(),
            "reportType": report_type,
            "detectedAt": moment(found.detected_at),
            "confirmedAt": found.confirmed_at.map(moment),
            "resolvedAt": found.resolved_at.map(moment),
            "dismissedAt": found.dismissed_at.map(moment),
            "updatedAt": moment(found.updated_at),
            "dismissalReason": found.dismissal_reason.as_ref().map(|reason| reason.to_uppercase()),
            "resolvedOnDefaultBranch": found.resolved_on_default_branch,
            "presentOnDefaultBranch": true,
            "falsePositive": found.dismissal_reason.as_deref() == Some("false_positive"),
            "hasRemediations": false,
            "userNotesCount": 0,
            "vulnerabilityPath": path,
            "webUrl": format!("{}{path}", self.graph.call.asked.base),
            "scanner": { "externalId": found.scanner, "name": found.scanner, "vendor": "GitLab", "reportType": report_type },
            "primaryIdentifier": identifiers.first(),
            "identifiers": identifiers,
            "links": [],
            "location": location(record, found),
            "project": self.whole_project(record),
        })
    }
}

/// A field selected twice under one name is one, with what was selected in either place.
fn put(data: &mut Map<String, Value>, field: &Field, value: Value) {
    let place = data.entry(field.key()).or_insert(Value::Null);
    merge(place, value);
}

fn merge(place: &mut Value, value: Value) {
    match (place, value) {
        (Value::Object(kept), Value::Object(new)) => {
            for (name, value) in new {
                merge(kept.entry(name).or_insert(Value::Null), value);
            }
        }
        (Value::Array(kept), Value::Array(new)) if kept.len() == new.len() => {
            kept.iter_mut().zip(new).for_each(|(kept, new)| merge(kept, new));
        }
        (place, value) => *place = value,
    }
}

/// To the second, unlike the REST side of the house.
fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn location(record: &Record, found: &Vulnerability) -> Value {
    let line = found.line.to_string();
    let name = found.scanner.as_str();
    json!({
        "__typename": schema::location_of(&found.report_type),
        "file": found.file,
        "startLine": line,
        "endLine": line,
        "blobPath": format!("/{}/-/blob/main/{}#L{line}", record.full_name(), found.file),
        "image": found.file,
        "operatingSystem": "debian:12",
        "hostname": found.file,
        "path": "/",
        "param": null,
        "requestMethod": "GET",
        "dependency": { "version": "1.0.0", "package": { "name": name, "path": null } },
    })
}

/// The order of a connection. One that falls reads the same rows from the other end.
#[derive(Clone, Copy)]
struct Order {
    by_severity: bool,
    descending: bool,
}

impl Order {
    fn place(self, severity: Severity, number: u64) -> (i64, i64) {
        let sign = if self.descending { -1 } else { 1 };
        let severity = if self.by_severity { severity as i64 } else { 0 };
        (sign * severity, sign * number as i64)
    }

    fn write(self, record: &Record, found: &Vulnerability) -> String {
        let mut values = json!({ "vulnerability_id": shapes::identity(record, found.number).to_string() });
        if self.by_severity {
            values["severity"] = json!(found.severity.name());
        }
        BASE64.encode(values.to_string())
    }

    fn read(self, cursor: &str) -> Result<(i64, i64), String> {
        let read = || {
            let values: Value = serde_json::from_slice(&BASE64.decode(cursor).ok()?).ok()?;
            let identity: u64 = values["vulnerability_id"].as_str()?.parse().ok()?;
            let severity = if self.by_severity { serde_json::from_value(values["severity"].clone()).ok()? } else { Severity::default() };
            Some(self.place(severity, shapes::number_of(identity)))
        };
        read().ok_or_else(|| "Please provide a valid cursor".to_owned())
    }
}
