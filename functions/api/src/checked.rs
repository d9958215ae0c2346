//! Bodies and queries, checked against the very schemas that the API publishes.
//!
//! Everything that is wrong with a body is said at once, with where it is; an
//! unknown field is wrong too, since it is most often a misspelt one.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Query, Request};
use axum::http::header;
use axum::http::request::Parts;
use bytes::Bytes;
use pullcord_core::Error;
use pullcord_core::error::Complaint;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;

use crate::problem::Problem;

/// A JSON body of shape `T`. No body at all counts as an empty object.
pub struct Checked<T> {
    pub value: T,
    /// What the body hashes to for idempotency: all of it but how long the
    /// caller waits.
    pub essence: String,
}

impl<S: Send + Sync, T: DeserializeOwned + ToSchema> FromRequest<S> for Checked<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_ascii_lowercase);
        let bytes = Bytes::from_request(request, state).await.map_err(|_| Problem::payload_too_large())?;
        let body = if bytes.iter().all(u8::is_ascii_whitespace) {
            Value::Object(Map::new())
        } else {
            let is_json =
                |kind: &str| kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json" || kind.trim().ends_with("+json"));
            if !content_type.as_deref().is_some_and(is_json) {
                return Err(Problem::unsupported_media_type());
            }
            serde_json::from_slice(&bytes).map_err(|why| complaint("body", &format!("is not JSON: {why}")))?
        };
        let complaints = judge::<T>(&body);
        if !complaints.is_empty() {
            return Err(Problem::invalid(&complaints));
        }
        let mut essence = body.clone();
        if let Some(fields) = essence.as_object_mut() {
            fields.remove("wait");
        }
        let value = serde_json::from_value(body).map_err(|why| complaint("body", &why.to_string()))?;
        Ok(Self { value, essence: essence.to_string() })
    }
}

/// A query of shape `T`.
pub struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Query::try_from_uri(&parts.uri).map(|Query(value)| Self(value)).map_err(|why| {
            let text = std::error::Error::source(&why).map_or_else(|| why.to_string(), ToString::to_string);
            complaint("query", &text)
        })
    }
}

/// The query parameters that each route knows, as the description says.
pub struct Parameters(BTreeMap<(String, String), BTreeSet<String>>);

impl Parameters {
    pub fn of(description: &OpenApi) -> Self {
        let description = serde_json::to_value(description).unwrap_or_default();
        let mut known = BTreeMap::new();
        for (path, operations) in description["paths"].as_object().into_iter().flatten() {
            for (method, operation) in operations.as_object().into_iter().flatten() {
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                let names = parameters.filter(|one| one["in"] == "query").filter_map(|one| one["name"].as_str()).map(str::to_owned);
                known.insert((method.to_uppercase(), path.clone()), names.collect());
            }
        }
        Self(known)
    }

    /// Complains of parameters that a route does not know: most often they are
    /// misspelt.
    pub fn judge(&self, parts: &Parts) -> Result<(), Error> {
        let route = parts.extensions.get::<MatchedPath>().map(|path| (parts.method.to_string(), path.as_str().to_owned()));
        let Some(known) = route.and_then(|route| self.0.get(&route)) else { return Ok(()) };
        let asked = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let unknown: Vec<Complaint> = asked
            .filter(|(name, _)| !known.contains(name.as_ref()))
            .map(|(name, _)| {
                let names: Vec<&str> = known.iter().map(String::as_str).collect();
                let why = if names.is_empty() {
                    "this route takes no parameters".to_owned()
                } else {
                    format!("is not a parameter here; the parameters are {}", names.join(", "))
                };
                Complaint { at: name.into_owned(), why }
            })
            .collect();
        if unknown.is_empty() { Ok(()) } else { Err(Error::Invalid(unknown)) }
    }
}

/// What stands in a path. What no name could be is not found.
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        found.map(|axum::extract::Path(value)| Self(value)).map_err(|_| Problem::not_found("there is nothing of that name"))
    }
}

/// Collects what is wrong with the values of a request, so that all of it can be
/// said at once.
#[derive(Default)]
pub struct Gathered(Vec<Complaint>);

impl Gathered {
    /// The value, or its default and one complaint more.
    pub fn take<T: Default>(&mut self, read: Result<T, Error>) -> T {
        match read {
            Ok(value) => value,
            Err(Error::Invalid(complaints)) => {
                self.0.extend(complaints);
                T::default()
            }
            Err(other) => {
                self.0.push(Complaint { at: "request".to_owned(), why: other.to_string() });
                T::default()
            }
        }
    }

    /// Goes on if nothing was wrong.
    pub fn all_well(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }
}

fn complaint(at: &str, why: &str) -> Problem {
    Problem::invalid(&[Complaint { at: at.to_owned(), why: why.to_owned() }])
}

/// Everything in which `value` is not of the published shape of `T`.
pub fn judge<T: ToSchema>(value: &Value) -> Vec<Complaint> {
    let mut named = Vec::new();
    T::schemas(&mut named);
    let named: Map<String, Value> =
        named.into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default())).collect();
    let schema = serde_json::to_value(T::schema()).unwrap_or_default();
    let mut judge = Judge { named, complaints: Vec::new() };
    judge.judge("", &schema, value);
    judge.complaints
}

struct Judge {
    named: Map<String, Value>,
    complaints: Vec<Complaint>,
}

impl Judge {
    fn complain(&mut self, at: &str, why: impl Into<String>) {
        let at = if at.is_empty() { "body" } else { at };
        self.complaints.push(Complaint { at: at.to_owned(), why: why.into() });
    }

    fn judge(&mut self, at: &str, schema: &Value, value: &Value) {
        let alternatives = ["oneOf", "anyOf"].into_iter().find_map(|key| schema.get(key)?.as_array().cloned());
        if let Some(alternatives) = alternatives {
            return self.judge_any(at, &alternatives, value);
        }
        if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next()) {
            let target = self.named.get(name).cloned().unwrap_or_default();
            return self.judge(at, &target, value);
        }
        let wanted = types(schema);
        if !wanted.is_empty() && !wanted.iter().any(|kind| is_of(kind, value)) {
            return self.complain(at, format!("must be {}", wanted.iter().map(|kind| article(kind)).collect::<Vec<_>>().join(" or ")));
        }
        if let Some(choices) = schema.get("enum").and_then(Value::as_array).filter(|choices| !choices.contains(value)) {
            let choices: Vec<String> = choices.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            return self.complain(at, format!("must be one of {}", choices.join(", ")));
        }
        match value {
            Value::Object(fields) => self.judge_fields(at, schema, fields),
            Value::Array(entries) => {
                if let Some(items) = schema.get("items") {
                    for (position, entry) in entries.iter().enumerate() {
                        self.judge(&format!("{at}[{position}]"), items, entry);
                    }
                }
            }
            Value::Number(number) => {
                let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
                let value = number.as_f64().unwrap_or_default();
                if bound("minimum").is_some_and(|least| value < least) {
                    self.complain(at, format!("must be at least {}", schema["minimum"]));
                } else if bound("maximum").is_some_and(|most| value > most) {
                    self.complain(at, format!("must be at most {}", schema["maximum"]));
                }
            }
            _ => {}
        }
    }

    fn judge_any(&mut self, at: &str, alternatives: &[Value], value: &Value) {
        let mut best: Option<Vec<Complaint>> = None;
        for alternative in alternatives {
            let mut trial = Self { named: self.named.clone(), complaints: Vec::new() };
            trial.judge(at, alternative, value);
            if trial.complaints.is_empty() {
                return;
            }
            // Null fits nothing else; what is wrong with the rest says more.
            if types(alternative) != ["null"] && best.as_ref().is_none_or(|best| trial.complaints.len() < best.len()) {
                best = Some(trial.complaints);
            }
        }
        self.complaints.extend(best.unwrap_or_default());
    }

    fn judge_fields(&mut self, at: &str, schema: &Value, fields: &Map<String, Value>) {
        let under = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
        let none = Map::new();
        let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
        let known = match schema.get("properties").and_then(Value::as_object) {
            Some(known) => known,
            None if is_closed => &none,
            None => return,
        };
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                self.complain(&under(name), "is missing");
            }
        }
        for (name, value) in fields {
            match known.get(name) {
                Some(field) => self.judge(&under(name), field, value),
                None if is_closed => {
                    let names: Vec<&str> = known.keys().map(String::as_str).collect();
                    self.complain(&under(name), format!("is not a field here; the fields are {}", names.join(", ")));
                }
                None => {}
            }
        }
    }
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        _ => true,
    }
}

fn article(kind: &str) -> String {
    match kind {
        "object" | "array" | "integer" => format!("an {kind}"),
        "null" => "null".to_owned(),
        _ => format!("a {kind}"),
    }
}
