//! How an integration's other side is, and how that is found out.

use serde::{Deserialize, Serialize};

use super::{SourceId, WorkspaceId};
use crate::clock::Moment;

/// That and how a source is looked at between its runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// What is asked for, without a credential; the provider's own probe if unset.
    #[serde(default)]
    pub url: Option<String>,
    /// Milliseconds.
    pub every: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthState {
    #[default]
    Unknown,
    Healthy,
    Unhealthy,
}

impl HealthState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// What is known of the other side of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    pub source: SourceId,
    pub workspace: WorkspaceId,
    #[serde(default)]
    pub state: HealthState,
    /// Since when it is so.
    #[serde(default)]
    pub since: Option<Moment>,
    /// When it is looked at next. Unset while nobody looks: then scheduled runs tell.
    #[serde(default)]
    pub due_at: Option<Moment>,
    /// Looks in a row that failed.
    #[serde(default)]
    pub failures: u32,
    /// The newest last.
    #[serde(default)]
    pub history: Vec<Look>,
    pub version: u64,
}

/// One look, or a scheduled run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    pub at: Moment,
    pub state: HealthState,
    /// What was seen.
    pub why: String,
}
