//! The dialect of PostgREST: how it words errors, how its clients name columns, rows
//! and conditions, and what it answers them in.
//!
//! What is under its path speaks it throughout, so that its clients find code, message
//! and details in whatever went wrong, a wrong path and a missing token among it.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use pullcord_core::Error;
use serde_json::{Map, Value, json};

/// Where it is spoken.
const ROOT: &str = "/rest/v1/";
/// What clients ask for who want one object and no list.
const OBJECT: &str = "application/vnd.pgrst.object+json";
const JSON: [&str; 4] = ["application/json", "application/vnd.pgrst.array+json", "application/*", "*/*"];
/// Rows of one answer.
const MOST_ROWS: usize = 1_000;

pub(crate) fn is_spoken_at(path: &str) -> bool {
    path.starts_with(ROOT)
}

/// An error, of a problem's fields. Its message is the word that the surface has for
/// it, else its code.
pub(crate) fn error(status: StatusCode, problem: &Map<String, Value>) -> Value {
    let text = |name: &str| problem.get(name).and_then(Value::as_str);
    let message = text("error").map_or_else(|| text("code").unwrap_or_default().to_lowercase(), str::to_owned);
    json!({"code": format!("PT{}", status.as_u16()), "message": message, "details": text("detail"), "hint": null})
}

fn refused(code: &str, message: &str, details: &str) -> Response {
    let body = json!({"code": code, "message": message, "details": details, "hint": null});
    (StatusCode::NOT_ACCEPTABLE, Json(body)).into_response()
}

/// What a client wants to see of what is there.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// None for all of them.
    columns: Option<Vec<String>>,
    conditions: Vec<(String, Vec<String>)>,
    pub(crate) oldest_first: bool,
    pub(crate) limit: usize,
    pub(crate) offset: usize,
}

/// What can be asked of a table.
pub(crate) struct Table {
    pub(crate) columns: &'static [&'static str],
    /// Those that conditions can be about.
    pub(crate) filters: &'static [&'static str],
    /// The one that rows are ordered by.
    pub(crate) order: &'static str,
}

impl Table {
    pub(crate) fn wanted(&self, uri: &Uri, headers: &HeaderMap) -> Result<Wanted, Error> {
        let asked: Vec<(String, String)> = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let last = |name: &str| asked.iter().rev().find(|(asked, _)| asked == name).map(|(_, value)| value.as_str());
        let filters = asked.iter().filter(|(name, _)| self.filters.contains(&name.as_str()));
        let conditions = filters.map(|(name, value)| Ok((name.clone(), condition(name, value)?))).collect::<Result<_, Error>>()?;
        let (from, to) = last("limit").or(last("offset")).map_or_else(|| range(headers), |_| (None, None));
        let number =
            |name: &'static str| last(name).map(|text| text.parse().map_err(|_| Error::invalid(name, "must be a number"))).transpose();
        let offset: usize = number("offset")?.or(from).unwrap_or_default();
        let limit = number("limit")?.or(to.map(|to: usize| (to + 1).saturating_sub(offset)));
        Ok(Wanted {
            columns: columns(self.columns, last("select").unwrap_or_default())?,
            conditions,
            oldest_first: self.oldest_first(last("order"))?,
            limit: limit.unwrap_or(MOST_ROWS).min(MOST_ROWS),
            offset,
        })
    }

    fn oldest_first(&self, order: Option<&str>) -> Result<bool, Error> {
        let Some(order) = order else { return Ok(false) };
        let (column, direction) = order.split_once('.').unwrap_or((order, "asc"));
        let direction = direction.strip_suffix("nullsfirst").or(direction.strip_suffix("nullslast")).unwrap_or(direction);
        match direction.trim_end_matches('.') {
            "" | "asc" if column == self.order => Ok(true),
            "desc" if column == self.order => Ok(false),
            _ => Err(Error::invalid("order", format!("must be {0}.desc or {0}.asc", self.order))),
        }
    }
}

impl Wanted {
    /// The values that a column may have, as far as the client says.
    pub(crate) fn values(&self, column: &str) -> Option<&[String]> {
        self.conditions.iter().find(|(name, _)| name == column).map(|(_, values)| values.as_slice())
    }

    /// Whether a row is of those that the client wants.
    pub(crate) fn takes(&self, row: &Value) -> bool {
        self.conditions.iter().all(|(name, values)| row[name].as_str().is_some_and(|found| values.iter().any(|value| value == found)))
    }

    /// As many rows as have to be looked for.
    pub(crate) fn most(&self) -> usize {
        self.offset.saturating_add(self.limit)
    }

    /// The answer: those of the rows that are wanted, from the first that is.
    pub(crate) fn answer(&self, headers: &HeaderMap, rows: Vec<Value>) -> Response {
        let rows: Vec<Value> = rows.into_iter().skip(self.offset).take(self.limit).map(|row| shown(row, self.columns.as_deref())).collect();
        let range = match rows.len() {
            0 => "*/*".to_owned(),
            count => format!("{}-{}/*", self.offset, self.offset + count - 1),
        };
        let mut response = match Media::of(headers) {
            Media::Other => return not_acceptable(),
            Media::Rows => Json(rows).into_response(),
            Media::Object => match <[Value; 1]>::try_from(rows) {
                Ok([row]) => object(&row),
                Err(rows) => {
                    let details = format!("The result contains {} rows", rows.len());
                    return refused("PGRST116", "Cannot coerce the result to a single JSON object", &details);
                }
            },
        };
        if let Ok(range) = HeaderValue::from_str(&range) {
            response.headers_mut().insert(header::CONTENT_RANGE, range);
        }
        response
    }
}

/// The answer of a function: one object, or those of its fields that `select` names.
pub(crate) fn returned(uri: &Uri, headers: &HeaderMap, known: &[&str], value: Value) -> Result<Response, Error> {
    let asked: BTreeMap<String, String> = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let columns = columns(known, asked.get("select").map(String::as_str).unwrap_or_default())?;
    let value = shown(value, columns.as_deref());
    Ok(if matches!(Media::of(headers), Media::Object) { object(&value) } else { Json(value).into_response() })
}

fn object(value: &Value) -> Response {
    let content_type = HeaderValue::from_static("application/vnd.pgrst.object+json; charset=utf-8");
    ([(header::CONTENT_TYPE, content_type)], value.to_string()).into_response()
}

fn not_acceptable() -> Response {
    refused("PGRST107", "None of these media types are available", "the answer is application/json, or application/vnd.pgrst.object+json")
}

enum Media {
    Rows,
    Object,
    Other,
}

impl Media {
    fn of(headers: &HeaderMap) -> Self {
        let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
        let mut kinds = accepted.split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
        if kinds.clone().any(|kind| kind == OBJECT) {
            Self::Object
        } else if kinds.any(|kind| JSON.contains(&kind)) {
            Self::Rows
        } else {
            Self::Other
        }
    }
}

/// The columns that a `select` names; none for all.
fn columns(known: &[&str], select: &str) -> Result<Option<Vec<String>>, Error> {
    let named: Vec<&str> = select.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if named.is_empty() || named.contains(&"*") {
        return Ok(None);
    }
    match named.iter().find(|name| !known.contains(name)) {
        Some(other) => Err(Error::invalid("select", format!("names {other}; the columns are {}", known.join(", ")))),
        None => Ok(Some(named.into_iter().map(str::to_owned).collect())),
    }
}

fn shown(row: Value, columns: Option<&[String]>) -> Value {
    match columns {
        Some(columns) => columns.iter().map(|name| (name.clone(), row[name].clone())).collect::<Map<_, _>>().into(),
        None => row,
    }
}

/// The values that a condition lets pass.
fn condition(column: &str, text: &str) -> Result<Vec<String>, Error> {
    let listed = |text: &str| text.split(',').map(|value| value.trim().trim_matches('"').to_owned()).collect();
    let list = text.strip_prefix("in.").and_then(|text| text.strip_prefix('(')?.strip_suffix(')'));
    match (text.strip_prefix("eq."), list) {
        (Some(value), _) => Ok(vec![value.to_owned()]),
        (None, Some(list)) => Ok(listed(list)),
        (None, None) => Err(Error::invalid(column, "is compared with eq.value or in.(one,other), and with nothing else")),
    }
}

/// The first and the last row that a `Range` names, counted from nought.
fn range(headers: &HeaderMap) -> (Option<usize>, Option<usize>) {
    let text = headers.get(header::RANGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (from, to) = text.split_once('-').unwrap_or_default();
    let from = from.parse().ok();
    (from, from.and(to.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNS: Table = Table { columns: &["id", "at", "status"], filters: &["id", "status"], order: "at" };

    fn wanted(query: &str) -> Result<Wanted, Error> {
        RUNS.wanted(&format!("/rest/v1/runs?{query}").parse().expect("a path"), &HeaderMap::new())
    }

    #[test]
    fn what_clients_write_is_understood() {
        for (query, oldest_first, limit, offset) in [
            ("", false, MOST_ROWS, 0),
            ("select=*&order=at.desc", false, MOST_ROWS, 0),
            ("order=at", true, MOST_ROWS, 0),
            ("order=at.asc.nullslast&limit=5", true, 5, 0),
            ("order=at.nullsfirst", true, MOST_ROWS, 0),
            ("order=at.desc.nullsfirst&limit=9999&offset=7", false, MOST_ROWS, 7),
            ("select=id%2C%20status&limit=0", false, 0, 0),
        ] {
            let found = wanted(query).expect(query);
            assert_eq!((found.oldest_first, found.limit, found.offset), (oldest_first, limit, offset), "{query}");
        }
        for wrong in [
            "select=id,secret",
            "select=mine:id",
            "select=id::text",
            "order=id.desc",
            "order=at.up",
            "order=at.desc,id.desc",
            "limit=-1",
            "limit=many",
            "offset=1.5",
            "id=1",
            "id=neq.1",
            "id=not.eq.1",
            "status=in.1,2",
            "status=is.null",
        ] {
            assert!(matches!(wanted(wrong), Err(Error::Invalid(_))), "{wrong}");
        }
    }

    #[test]
    fn conditions_hold_together() {
        let both = wanted("id=eq.a.b&status=in.(%22new%22,%20old)&status=eq.old").expect("conditions");
        assert_eq!(both.values("id"), Some(["a.b".to_owned()].as_slice()));
        for (id, status, expected) in [("a.b", "old", true), ("a.b", "new", false), ("a", "old", false)] {
            assert_eq!(both.takes(&json!({"id": id, "status": status})), expected, "{id} {status}");
        }
    }

    #[test]
    fn ranges_are_what_limits_are() {
        for (text, expected) in [
            ("0-9", (0, 10)),
            ("5-5", (5, 1)),
            ("20-", (20, MOST_ROWS)),
            ("bytes=0-9", (0, MOST_ROWS)),
            ("9-3", (9, 0)),
            ("x", (0, MOST_ROWS)),
        ] {
            let headers = HeaderMap::from_iter([(header::RANGE, text.parse().expect("a header"))]);
            let found = RUNS.wanted(&"/rest/v1/runs".parse().expect("a path"), &headers).expect("a range");
            assert_eq!((found.offset, found.limit), expected, "{text}");
        }
    }
}
