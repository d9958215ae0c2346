//! From what went wrong to a reply: `application/problem+json`, or as PostgREST would
//! say it.
//!
//! The one place where errors of the domain meet HTTP, in an exhaustive match.
//! Inside detail of a fault goes to the log under the request's id and never
//! into a reply.

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pullcord_core::clock::{Moment, show_duration};
use pullcord_core::error::Complaint;
use pullcord_core::views::ProgressView;
use pullcord_core::{Error, Fault, Refusal};
use serde_json::{Map, Value, json};

use crate::postgrest;

/// A kind of problem, as docs/problems.md explains it.
#[derive(Debug)]
pub struct Kind {
    pub slug: &'static str,
    pub code: &'static str,
    pub status: u16,
    pub title: &'static str,
}

const fn kind(slug: &'static str, code: &'static str, status: u16, title: &'static str) -> Kind {
    Kind { slug, code, status, title }
}

/// Every problem there is.
pub const PROBLEMS: &[Kind] = &[
    VALIDATION,
    UNAUTHENTICATED,
    FORBIDDEN,
    NOT_FOUND,
    METHOD,
    IN_PROGRESS,
    CONFIRMATION,
    CONFLICT,
    NO_SOURCE,
    TOO_LARGE,
    MEDIA_TYPE,
    IDEMPOTENCY,
    COOLDOWN,
    RATE_LIMIT,
    UNAVAILABLE,
    INTERNAL,
];

const VALIDATION: Kind = kind("validation-failed", "VALIDATION_FAILED", 400, "The request is not valid");
const UNAUTHENTICATED: Kind = kind("unauthenticated", "UNAUTHENTICATED", 401, "It is not clear who is asking");
const FORBIDDEN: Kind = kind("forbidden", "FORBIDDEN", 403, "Your role does not allow this");
const NOT_FOUND: Kind = kind("not-found", "NOT_FOUND", 404, "There is no such thing, or you may not see it");
const METHOD: Kind = kind("method-not-allowed", "METHOD_NOT_ALLOWED", 405, "This path does not know that method");
const IN_PROGRESS: Kind = kind("sync-in-progress", "SYNC_IN_PROGRESS", 409, "A sync is running already");
const CONFIRMATION: Kind = kind("confirmation-required", "CONFIRMATION_REQUIRED", 409, "This sync has to be confirmed");
const CONFLICT: Kind = kind("conflict", "CONFLICT", 409, "It is taken, or was changed meanwhile");
const NO_SOURCE: Kind = kind("no-source", "NO_SOURCE", 409, "There is nothing to sync");
const TOO_LARGE: Kind = kind("payload-too-large", "PAYLOAD_TOO_LARGE", 413, "The body is too long");
const MEDIA_TYPE: Kind = kind("unsupported-media-type", "UNSUPPORTED_MEDIA_TYPE", 415, "The body is not JSON");
const IDEMPOTENCY: Kind = kind("idempotency-mismatch", "IDEMPOTENCY_MISMATCH", 422, "The key belongs to another request");
const COOLDOWN: Kind = kind("cooldown-active", "COOLDOWN_ACTIVE", 429, "It was synced by hand a short while ago");
const RATE_LIMIT: Kind = kind("rate-limit-low", "RATE_LIMIT_LOW", 429, "The provider's quota is nearly used up");
const UNAVAILABLE: Kind = kind("unavailable", "UNAVAILABLE", 503, "A part of the service does not answer");
const INTERNAL: Kind = kind("internal", "INTERNAL", 500, "Something went wrong inside");

/// Where problems are explained.
const EXPLAINED_AT: &str = "https://pullcord.dev/problems/";

/// A problem on its way to the caller.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    fields: Map<String, Value>,
    retry_after: Option<u64>,
    /// Whether it is told as PostgREST tells errors.
    in_postgrest: bool,
    /// For the log only.
    pub(crate) fault: Option<String>,
}

impl Problem {
    fn new(kind: &Kind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let fields = json!({
            "type": format!("{EXPLAINED_AT}{}", kind.slug), "title": kind.title, "status": kind.status,
            "detail": detail, "code": kind.code, "message": detail,
        });
        let fields = if let Value::Object(fields) = fields { fields } else { Map::new() };
        Self { status: StatusCode::from_u16(kind.status).unwrap_or_default(), fields, retry_after: None, in_postgrest: false, fault: None }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// With the words a surface promises.
    #[must_use]
    pub fn saying(self, words: &str) -> Self {
        self.with("detail", words).with("message", words)
    }

    pub fn code(&self) -> &str {
        self.fields.get("code").and_then(Value::as_str).unwrap_or_default()
    }

    /// As the caller at `path` is to read it.
    pub(crate) fn about(self, request: &str, path: &str) -> Self {
        Self { in_postgrest: postgrest::is_spoken_at(path), ..self.with("request_id", request) }
    }

    fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds.max(1));
        self
    }

    pub(crate) fn payload_too_large() -> Self {
        Self::new(&TOO_LARGE, format!("a body may have at most {} KiB", crate::edge::LONGEST_BODY / 1024))
    }

    pub(crate) fn delivery_too_large() -> Self {
        let most = crate::edge::LONGEST_BODY / 1024;
        let advice = "let the webhook deliver only what the source reads: issues, pull requests and alerts are shorter, pushes may not be";
        Self::new(&TOO_LARGE, format!("a delivery may have at most {most} KiB; {advice}"))
    }

    pub(crate) fn too_slow() -> Self {
        Self::invalid(&[Complaint { at: "body".to_owned(), why: "did not arrive in time: send it again".to_owned() }])
    }

    pub(crate) fn unsupported_media_type() -> Self {
        Self::new(&MEDIA_TYPE, "send the body with content-type: application/json")
    }

    pub(crate) fn method_not_allowed(method: &Method) -> Self {
        Self::new(&METHOD, format!("this path does not know the method {method}; the allow header names those it knows"))
    }

    pub(crate) fn not_found(detail: &str) -> Self {
        Self::new(&NOT_FOUND, detail)
    }

    pub(crate) fn invalid(complaints: &[Complaint]) -> Self {
        let first = complaints.first().map(|complaint| format!("{} {}", complaint.at, complaint.why)).unwrap_or_default();
        let detail = match complaints.len() {
            0 | 1 => first,
            many => format!("{first}, and {} more", many - 1),
        };
        Self::new(&VALIDATION, detail).with("errors", json!(complaints))
    }

    /// What an error means to whoever asked at `now`.
    pub fn from_error(error: &Error, now: Moment) -> Self {
        match error {
            Error::Invalid(complaints) => Self::invalid(complaints),
            Error::Unauthenticated(why) => Self::new(&UNAUTHENTICATED, *why),
            Error::Forbidden(why) => Self::new(&FORBIDDEN, why),
            Error::NotFound(what) => Self::new(&NOT_FOUND, format!("{what} not found")),
            Error::Conflict(why) => Self::new(&CONFLICT, why),
            Error::NoSource(_) => Self::new(&NO_SOURCE, error.to_string()),
            Error::IdempotencyMismatch => Self::new(&IDEMPOTENCY, error.to_string()),
            Error::Refused(refusal) => Self::refusal(refusal, now),
            Error::Fault(Fault::Unavailable { .. }) => {
                let mut problem =
                    Self::new(&UNAVAILABLE, "a part of the service does not answer; nothing was lost, try again").retry_after(5);
                problem.fault = Some(error.to_string());
                problem
            }
            Error::Fault(Fault::Broken { .. }) => {
                let mut problem = Self::new(&INTERNAL, "something went wrong inside; the log has it under the request id");
                problem.fault = Some(error.to_string());
                problem
            }
        }
    }

    fn refusal(refusal: &Refusal, now: Moment) -> Self {
        match refusal {
            Refusal::InProgress { run, holder } => {
                let progress = holder.as_ref().map(|holder| json!(ProgressView::of(holder)));
                Self::new(&IN_PROGRESS, "Sync already in progress")
                    .with("error", "Sync already in progress")
                    .with("run_id", run.to_string())
                    .with("progress", progress)
            }
            Refusal::Cooling { until, since } => {
                let left = until.since(now);
                Self::new(&COOLDOWN, format!("this source was synced by hand; it may be again in {}", show_duration(left)))
                    .with("cooldown_remaining", show_duration(left))
                    .with("next_allowed_at", until.rfc3339())
                    .with("since", since.map(Moment::rfc3339))
                    .retry_after(left.as_millis().div_ceil(1000) as u64)
            }
            Refusal::QuotaLow { remaining, limit, resets_at } => {
                let quota = json!({"remaining": remaining, "limit": limit, "resetAt": resets_at.map(Moment::rfc3339)});
                let problem = Self::new(&RATE_LIMIT, format!("the provider has only {remaining} requests left for this credential"))
                    .with("quota", quota)
                    .with("next_allowed_at", resets_at.map(Moment::rfc3339));
                problem.retry_after(resets_at.map_or(60, |at| at.since(now).as_millis().div_ceil(1000) as u64))
            }
            Refusal::Unconfirmed { reasons } => {
                let detail = format!("say \"confirmed\": true to go on in spite of {}", reasons.join(" and "));
                Self::new(&CONFIRMATION, detail).with("requiresConfirmation", true).with("reasons", json!(reasons))
            }
        }
    }
}

impl IntoResponse for Problem {
    /// Carries itself along, so that the outermost layer can add the request's
    /// id and log what the caller may not read.
    fn into_response(self) -> Response {
        let mut response = if self.in_postgrest {
            (self.status, Json(postgrest::error(self.status, &self.fields))).into_response()
        } else {
            let kind = [(header::CONTENT_TYPE, "application/problem+json")];
            (self.status, kind, Value::Object(self.fields.clone()).to_string()).into_response()
        };
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"pullcord\""));
        }
        if let Some(value) = self.retry_after.and_then(|seconds| HeaderValue::from_str(&seconds.to_string()).ok()) {
            headers.insert(header::RETRY_AFTER, value);
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// An error of a handler, with the moment it is told at.
pub(crate) trait Told<T> {
    fn told(self, now: Moment) -> Result<T, Problem>;
}

impl<T> Told<T> for Result<T, Error> {
    fn told(self, now: Moment) -> Result<T, Problem> {
        self.map_err(|error| Problem::from_error(&error, now))
    }
}
