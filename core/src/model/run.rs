//! One sync of a source, from its admission to its end.

use serde::{Deserialize, Serialize};

use super::{Owner, RunId, SourceId, SourceKind, Stream, UserId, WorkspaceId};
use crate::clock::Moment;

/// Warnings of one kind that a run carries, and how long each may be.
const MOST_WARNINGS: usize = 40;
const LONGEST_WORDS: usize = 400;

/// Where a run is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Queued,
    Running,
    Paused,
    Parked,
    Completed,
    CompletedWithWarnings,
    Failed,
    Cancelling,
    Cancelled,
}

impl RunStatus {
    /// Nothing changes a run that has come to its end.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::CompletedWithWarnings | Self::Failed | Self::Cancelled)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Parked => "parked",
            Self::Completed => "completed",
            Self::CompletedWithWarnings => "completed_with_warnings",
            Self::Failed => "failed",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What set a run off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    Manual,
    Schedule,
    Webhook,
    Ops,
    FollowUp,
    Parked,
    Workspace,
}

impl Trigger {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Schedule => "schedule",
            Self::Webhook => "webhook",
            Self::Ops => "ops",
            Self::FollowUp => "follow_up",
            Self::Parked => "parked",
            Self::Workspace => "workspace",
        }
    }
}

/// What a run does. Deleting a source takes as long as it has items, so it is
/// a run like any other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    #[default]
    Sync,
    Delete,
}

/// What a run was asked to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOptions {
    /// Ask for everything again, as if nothing had been seen.
    #[serde(default)]
    pub full: bool,
    /// Empty means all the source has.
    #[serde(default)]
    pub streams: Vec<Stream>,
    #[serde(default)]
    pub include_closed: bool,
}

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
}

/// Requests that a run sent to its provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    #[serde(default)]
    pub made: u64,
    #[serde(default)]
    pub not_modified: u64,
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

/// One sync of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    pub owner: Owner,
    pub workspace: WorkspaceId,
    #[serde(default)]
    pub source: Option<SourceId>,
    #[serde(default, rename = "source_kind")]
    pub kind: Option<SourceKind>,
    #[serde(default)]
    pub work: Work,
    pub status: RunStatus,
    #[serde(default)]
    pub status_reason: Option<String>,
    pub trigger: Trigger,
    pub triggered_by: UserId,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub request_id: Option<String>,
    #[serde(default)]
    pub options: RunOptions,

    /// The fencing number: it grows each time the run changes hands.
    pub epoch: u64,
    /// Present only while claimed.
    #[serde(default)]
    pub lease_until: Option<Moment>,
    /// Which claim holds it, so that a claim whose answer was lost knows itself.
    #[serde(default)]
    pub claimed_by: Option<String>,
    #[serde(default)]
    pub claims_since_progress: u32,
    /// Parts committed so far.
    #[serde(default)]
    pub part_no: u64,
    /// Where to go on: the provider's next request, or the place in the folder.
    #[serde(default)]
    pub next_request: Option<String>,
    /// Entries that an earlier run could not read, yet to be asked for.
    #[serde(default)]
    pub again: Vec<String>,
    /// Entries that this run could not read.
    #[serde(default)]
    pub unread: Vec<String>,
    /// A request met on the way, to notice when pages lead in a circle.
    #[serde(default)]
    pub met: Option<String>,
    /// Items of the next request that an earlier part already counted.
    #[serde(default)]
    pub counted: Vec<String>,
    /// Tries in a row at the next request.
    #[serde(default)]
    pub tries: u32,
    #[serde(default)]
    pub cancel_requested: bool,
    /// When the tick is to send its message, if nobody did before.
    #[serde(default)]
    pub next_send_at: Option<Moment>,
    #[serde(default)]
    pub sends: u32,

    #[serde(default)]
    pub progress: Progress,
    #[serde(default)]
    pub results: Results,
    #[serde(default)]
    pub calls: Calls,
    #[serde(default)]
    pub error: Option<RunError>,
    #[serde(default)]
    pub warnings: Vec<Warning>,
    /// The provider's own time at the first reply.
    #[serde(default)]
    pub provider_date: Option<Moment>,
    /// The newest change seen, per run.
    #[serde(default)]
    pub newest_seen: Option<Moment>,
    #[serde(default)]
    pub since: Option<Moment>,

    pub created_at: Moment,
    #[serde(default)]
    pub started_at: Option<Moment>,
    #[serde(default)]
    pub finished_at: Option<Moment>,
    #[serde(default)]
    pub last_progress_at: Option<Moment>,
    #[serde(default)]
    pub resumes_at: Option<Moment>,
    #[serde(default)]
    pub scheduled_for: Option<Moment>,
    /// Grows with every change, so that a reader can wait for the next one.
    pub version: u64,
}

impl Run {
    /// A run about which nothing is known yet.
    pub fn blank(id: RunId, workspace: WorkspaceId) -> Self {
        Self {
            id,
            owner: Owner::Workspace(workspace.clone()),
            workspace,
            source: None,
            kind: None,
            work: Work::Sync,
            status: RunStatus::Queued,
            status_reason: None,
            trigger: Trigger::Manual,
            triggered_by: UserId::known(""),
            reason: None,
            request_id: None,
            options: RunOptions::default(),
            epoch: 0,
            lease_until: None,
            claimed_by: None,
            claims_since_progress: 0,
            part_no: 0,
            next_request: None,
            again: Vec::new(),
            unread: Vec::new(),
            met: None,
            counted: Vec::new(),
            tries: 0,
            cancel_requested: false,
            next_send_at: None,
            sends: 0,
            progress: Progress::default(),
            results: Results::default(),
            calls: Calls::default(),
            error: None,
            warnings: Vec::new(),
            provider_date: None,
            newest_seen: None,
            since: None,
            created_at: Moment(0),
            started_at: None,
            finished_at: None,
            last_progress_at: None,
            resumes_at: None,
            scheduled_for: None,
            version: 1,
        }
    }

    /// When the tick must look at this run: after its lease, if someone holds or
    /// held it, and when its message is due. A run that has ended is never due.
    pub fn due_at(&self) -> Option<Moment> {
        if self.status.is_terminal() { None } else { self.lease_until.max(self.next_send_at) }
    }

    /// Notes something that a person should know. Of one kind only so much is
    /// kept, and words only so far: more would say nothing new, and the row has
    /// its limits.
    pub fn warn(&mut self, code: &str, message: &str, at: Option<&str>) {
        let short = |text: &str| text.chars().take(LONGEST_WORDS).collect::<String>();
        let of_its_kind = self.warnings.iter().filter(|warning| warning.code == code).count();
        if of_its_kind < MOST_WARNINGS {
            self.warnings.push(Warning { code: code.to_owned(), message: short(message), at: at.map(short) });
        }
    }

    /// Whether someone holds it and was heard of lately enough.
    pub fn is_leased(&self, now: Moment) -> bool {
        self.lease_until.is_some_and(|until| until >= now)
    }
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
