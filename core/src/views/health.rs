//! How the other side of an integration is, as callers see it.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::shown;
use crate::clock::show_duration;
use crate::model::{Health, HealthCheck, Look};

/// How the other side of an integration is, and how that is found out.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HealthView {
    /// What is asked for; the provider's own probe if null.
    pub url: Option<String>,
    pub every: String,
    /// healthy, unhealthy or unknown. Absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// active: it is looked at. passive: scheduled runs tell, since a look was too much
    /// for the other side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_check_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<u32>,
    /// The newest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<LookView>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LookView {
    pub at: String,
    pub state: &'static str,
    pub why: String,
}

impl HealthView {
    pub(super) fn of(check: &HealthCheck) -> Self {
        let every = show_duration(Duration::from_millis(check.every));
        Self {
            url: check.url.clone(),
            every,
            state: None,
            mode: None,
            since: None,
            next_check_at: None,
            failures: None,
            history: Vec::new(),
        }
    }

    pub(super) fn known(self, health: &Health) -> Self {
        let look = |look: &Look| LookView { at: look.at.rfc3339(), state: look.state.as_str(), why: look.why.clone() };
        Self {
            state: Some(health.state.as_str()),
            mode: Some(if health.due_at.is_some() { "active" } else { "passive" }),
            since: shown(health.since),
            next_check_at: shown(health.due_at),
            failures: Some(health.failures),
            history: health.history.iter().map(look).collect(),
            ..self
        }
    }
}
