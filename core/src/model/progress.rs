//! What a run shows of itself: how far it is, what it did, and what happened to it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Moment;

const MOST_ENDPOINTS: usize = 24;

/// The step a run is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Fetching,
    Matching,
    Creating,
    Updating,
    Removing,
}

impl Stage {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fetching => "fetching",
            Self::Matching => "matching",
            Self::Creating => "creating",
            Self::Updating => "updating",
            Self::Removing => "removing",
        }
    }
}

/// How far a run is. A total is only ever one that someone stated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    #[serde(default)]
    pub processed: u64,
    #[serde(default)]
    pub total: Option<u64>,
    #[serde(default)]
    pub stage: Option<Stage>,
    #[serde(default)]
    pub current: Option<String>,
    #[serde(default)]
    pub page: u64,
    /// How far it was when its hooks were told last.
    #[serde(default)]
    pub told: Option<ToldAt>,
}

/// When hooks were told of a run's progress, and how far it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldAt {
    pub at: Moment,
    #[serde(default)]
    pub percentage: Option<u64>,
}

impl Progress {
    /// Whole per cent; nothing to do is done. Only an ended run shows 100 of a
    /// total that may have grown meanwhile.
    pub fn percentage(&self, ended: bool) -> Option<u64> {
        match self.total {
            _ if ended => Some(100),
            None => None,
            Some(0) => Some(99),
            Some(total) => Some((self.processed.saturating_mul(100) / total).min(99)),
        }
    }
}

/// What a run did, counted once each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Results {
    #[serde(default)]
    pub created: u64,
    #[serde(default)]
    pub updated: u64,
    #[serde(default)]
    pub skipped: u64,
    #[serde(default)]
    pub deleted: u64,
    #[serde(default)]
    pub held_deletions: u64,
    #[serde(default)]
    pub failed: u64,
    /// What of this was alerts.
    #[serde(default)]
    pub alerts: Counts,
}

/// What became of some entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    #[serde(default)]
    pub created: u64,
    #[serde(default)]
    pub updated: u64,
    #[serde(default)]
    pub skipped: u64,
    #[serde(default)]
    pub failed: u64,
}

impl Counts {
    fn and(self, other: Self) -> Self {
        Self {
            created: self.created + other.created,
            updated: self.updated + other.updated,
            skipped: self.skipped + other.skipped,
            failed: self.failed + other.failed,
        }
    }

    fn without(self, other: Self) -> Self {
        Self {
            created: self.created - other.created,
            updated: self.updated - other.updated,
            skipped: self.skipped - other.skipped,
            failed: self.failed - other.failed,
        }
    }
}

impl Results {
    /// Adds what another run did.
    pub fn add(&mut self, other: &Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.skipped += other.skipped;
        self.deleted += other.deleted;
        self.held_deletions += other.held_deletions;
        self.failed += other.failed;
        self.alerts = self.alerts.and(other.alerts);
    }

    fn counts(&self) -> Counts {
        Counts { created: self.created, updated: self.updated, skipped: self.skipped, failed: self.failed }
    }

    /// Remembers that what was counted since `before` were alerts.
    pub fn were_alerts(&mut self, before: &Self) {
        self.alerts = self.alerts.and(self.counts().without(before.counts()));
    }

    /// Everything but the alerts.
    pub fn others(&self) -> Counts {
        self.counts().without(self.alerts)
    }
}

/// How the children of a workspace run are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Children {
    pub total: u64,
    /// Those that came to their end, however they did.
    pub done: u64,
    /// Those of them that did not do their work.
    pub failed: u64,
}

/// Requests that a run sent to its provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    #[serde(default)]
    pub made: u64,
    #[serde(default)]
    pub not_modified: u64,
    /// How often each endpoint gave each outcome.
    #[serde(default)]
    pub by: BTreeMap<String, u64>,
}

impl Calls {
    /// Counts a reply, or that there was none. A run that meets very many kinds
    /// of them is not told apart further.
    pub fn met(&mut self, endpoint: &str, outcome: &str) {
        let met = format!("{endpoint} {outcome}");
        let known = self.by.contains_key(&met) || self.by.len() < MOST_ENDPOINTS;
        *self.by.entry(if known { met } else { "others".to_owned() }).or_default() += 1;
    }
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    pub code: String,
    pub message: String,
    #[serde(default, rename = "where")]
    pub at: Option<String>,
}

/// Something a person should know about a run that did its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    pub code: String,
    pub message: String,
    #[serde(default, rename = "where")]
    pub at: Option<String>,
}

/// A line of a run's trail: what happened to it between its admission and its
/// end. It lies in the run's row, so that it costs no write of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    pub at: Moment,
    pub what: String,
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
}

/// How long runs of this shape took before, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    pub usually: u64,
    /// The difference between the quickest and the slowest.
    pub spread: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S1.73: progress never divides by zero, never invents a total and keeps
    /// 100 per cent for the end.
    #[test]
    fn percentages_are_honest() {
        let at = |processed, total| Progress { processed, total, ..Progress::default() };
        assert_eq!(at(0, None).percentage(false), None);
        assert_eq!(at(0, Some(0)).percentage(false), Some(99));
        assert_eq!(at(0, Some(0)).percentage(true), Some(100));
        assert_eq!(at(1, Some(3)).percentage(false), Some(33));
        assert_eq!(at(7, Some(3)).percentage(false), Some(99));
        assert_eq!(at(0, None).percentage(true), Some(100));
    }
}
