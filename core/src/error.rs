//! What can go wrong, in the words of the domain.
//!
//! Nothing here knows HTTP, SQS or Lambda: each edge translates these once, in
//! an exhaustive match. What a caller may read and what only an operator may
//! read are kept apart: a [`Fault`] carries inside detail, everything else is
//! written for the caller.

use serde::Serialize;
use thiserror::Error;

use crate::clock::Moment;
use crate::model::{Run, RunId};

/// Why a door did not do what it was asked.
#[derive(Debug, Error)]
pub enum Error {
    #[error("the request is not valid")]
    Invalid(Vec<Complaint>),
    #[error("{0}")]
    Unauthenticated(&'static str),
    #[error("{0}")]
    Forbidden(String),
    #[error("{0} not found")]
    NotFound(&'static str),
    #[error("{0}")]
    Conflict(String),
    #[error("project {0} has no source to sync")]
    NoSource(String),
    #[error("this idempotency key was used for another request")]
    IdempotencyMismatch,
    #[error("{0}")]
    Refused(Box<Refusal>),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Error {
    /// One complaint about one field.
    pub fn invalid(at: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Invalid(vec![Complaint { at: at.into(), why: why.into() }])
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

/// Where a request is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Complaint {
    pub at: String,
    pub why: String,
}

/// A trigger that was understood and allowed, but not now.
#[derive(Debug, Error)]
pub enum Refusal {
    #[error("a sync is already running")]
    InProgress { run: RunId, holder: Option<Box<Run>> },
    #[error("cooling down until {until}")]
    Cooling { until: Moment, since: Option<Moment> },
    #[error("the provider has only {remaining} requests left")]
    QuotaLow { remaining: u64, limit: Option<u64>, resets_at: Option<Moment> },
    #[error("this sync has to be confirmed")]
    Unconfirmed { reasons: Vec<&'static str> },
}

impl Refusal {
    /// The rule that refused, as the audit names it.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::InProgress { .. } => "SYNC_IN_PROGRESS",
            Self::Cooling { .. } => "COOLDOWN_ACTIVE",
            Self::QuotaLow { .. } => "RATE_LIMIT_LOW",
            Self::Unconfirmed { .. } => "CONFIRMATION_REQUIRED",
        }
    }
}

/// Something below us failed. The text is for operators, never for callers.
#[derive(Debug, Error)]
pub enum Fault {
    /// Worth trying again soon: throttled, out of reach, or lost too many races.
    #[error("{part} is not available: {why}")]
    Unavailable { part: &'static str, why: String },
    /// Trying again will not help: a row that cannot be read, a broken promise.
    #[error("{part} is broken: {why}")]
    Broken { part: &'static str, why: String },
}

impl Fault {
    pub fn unavailable(part: &'static str, why: impl ToString) -> Self {
        Self::Unavailable { part, why: why.to_string() }
    }

    pub fn broken(part: &'static str, why: impl ToString) -> Self {
        Self::Broken { part, why: why.to_string() }
    }
}
