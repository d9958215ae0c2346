//! When a source syncs by itself, and when it does not.

use serde::{Deserialize, Serialize};

use crate::clock::Moment;

/// When a source's syncs begin by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    pub rhythm: Rhythm,
    /// The name of a time zone. Windows without one of their own have it, too.
    pub timezone: String,
    #[serde(default)]
    pub windows: Vec<Window>,
    /// A worker is warmed up shortly before.
    #[serde(default)]
    pub prewarm: bool,
    /// What `every` counts from: when it was first set.
    pub anchor: Moment,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rhythm {
    /// Milliseconds.
    Every(u64),
    /// Five fields.
    Cron(String),
}

/// A span of time that comes again, in which periods are denied; or outside of
/// which they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub rule: WindowRule,
    /// When it begins. Five fields.
    pub cron: String,
    /// For how many milliseconds.
    pub lasts: u64,
    #[serde(default)]
    pub timezone: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowRule {
    Allow,
    Deny,
}

impl WindowRule {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}
