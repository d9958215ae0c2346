//! One sync of a source, from its admission to its end.

use serde::{Deserialize, Serialize};

use super::code::Indexing;
use super::progress::{Calls, Children, Expected, Noted, Progress, Results, RunError, Warning};
use super::relisting::Relisting;
use super::{Owner, RunId, RunOptions, SourceId, SourceKind, UserId, WorkspaceId};
use crate::clock::Moment;

/// Warnings of one kind that a run carries, and how long each may be.
const MOST_WARNINGS: usize = 40;
const LONGEST_WORDS: usize = 400;
/// Notes of a run's trail: the first and the last are kept.
const FIRST_NOTES: usize = 16;
const LAST_NOTES: usize = 32;

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

/// What a run does. Deleting a source, or what is held, takes as long as there
/// are items, and must not meet a sync: so each is a run like any other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    #[default]
    Sync,
    /// The source itself goes.
    Delete,
    /// What the last complete listing missed, and was held, is removed.
    ApproveDeletions,
    /// What is held stays, and is not asked about again until it reappears.
    DiscardDeletions,
}

impl Work {
    /// Whether it carries out what someone decided on held deletions.
    pub fn decides(self) -> bool {
        matches!(self, Self::ApproveDeletions | Self::DiscardDeletions)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Delete => "delete",
            Self::ApproveDeletions => "approve_deletions",
            Self::DiscardDeletions => "discard_deletions",
        }
    }
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
    /// Of an integration: what its workspace knew it by.
    #[serde(default)]
    pub integration_type: Option<String>,
    /// The workspace run whose child it is.
    #[serde(default)]
    pub parent: Option<RunId>,
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
    /// The run that has to end before this one may begin. It holds no gate until
    /// then.
    #[serde(default)]
    pub follows: Option<RunId>,
    /// It waits for one of its workspace's slots.
    #[serde(default)]
    pub held_back: bool,
    /// It was claimed with a slot, which somebody may wait for.
    #[serde(default)]
    pub slotted: bool,

    /// Of a workspace run: how its children are.
    #[serde(default)]
    pub children: Option<Children>,
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
    /// What the provider gave in this listing to ask for later changes by.
    #[serde(default)]
    pub resume: Option<String>,
    /// Items that the provider said are gone, of the present stream. They are held
    /// until it is read to its end.
    #[serde(default)]
    pub removals: u64,
    /// What it knows of the present stream's listing, if it is to tell what is gone.
    #[serde(default)]
    pub relisting: Option<Relisting>,
    /// Whoever asked for it would have cancelled what was under way.
    #[serde(default)]
    pub forced: bool,
    /// Of an index: what it did there.
    #[serde(default)]
    pub indexing: Option<Box<Indexing>>,

    pub created_at: Moment,
    #[serde(default)]
    pub started_at: Option<Moment>,
    #[serde(default)]
    pub finished_at: Option<Moment>,
    #[serde(default)]
    pub last_progress_at: Option<Moment>,
    #[serde(default)]
    pub resumes_at: Option<Moment>,
    /// When it began to wait, and for how many milliseconds it did before.
    #[serde(default)]
    pub paused_at: Option<Moment>,
    #[serde(default)]
    pub waited: u64,
    #[serde(default)]
    pub expected: Option<Expected>,
    /// What the last run of its shape listed.
    #[serde(default)]
    pub last_count: Option<u64>,
    /// How many milliseconds runs of its shape took, of however few that is known.
    #[serde(default)]
    pub usual: Option<u64>,
    /// What the provider said was left at the first and at the last reply.
    #[serde(default)]
    pub quota_before: Option<u64>,
    #[serde(default)]
    pub quota_after: Option<u64>,
    #[serde(default)]
    pub trail: Vec<Noted>,
    #[serde(default)]
    pub unnoted: u32,
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
            integration_type: None,
            parent: None,
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
            follows: None,
            held_back: false,
            slotted: false,
            children: None,
            progress: Progress::default(),
            results: Results::default(),
            calls: Calls::default(),
            error: None,
            warnings: Vec::new(),
            provider_date: None,
            newest_seen: None,
            since: None,
            resume: None,
            removals: 0,
            relisting: None,
            forced: false,
            indexing: None,
            created_at: Moment(0),
            started_at: None,
            finished_at: None,
            last_progress_at: None,
            resumes_at: None,
            paused_at: None,
            waited: 0,
            expected: None,
            last_count: None,
            usual: None,
            quota_before: None,
            quota_after: None,
            trail: Vec::new(),
            unnoted: 0,
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

    pub fn has_warned(&self, code: &str) -> bool {
        self.warnings.iter().any(|warning| warning.code == code)
    }

    /// Adds a line to its trail. A run to which very much happens keeps how it
    /// began and what came last.
    pub fn note<const FACTS: usize>(&mut self, at: Moment, what: &str, facts: [(&str, String); FACTS]) {
        if self.trail.len() >= FIRST_NOTES + LAST_NOTES {
            self.trail.remove(FIRST_NOTES);
            self.unnoted += 1;
        }
        let short = |text: String| text.chars().take(LONGEST_WORDS).collect::<String>();
        let facts = facts.into_iter().map(|(name, fact)| (name.to_owned(), short(fact))).collect();
        self.trail.push(Noted { at, what: what.to_owned(), facts });
    }

    /// Takes over what others noted of it meanwhile, and who joined to be told of it.
    pub fn recall(&mut self, other: &Self) {
        self.options.hooks = self.options.hooked(&other.options.hooks);
        let newest_first = other.trail.iter().rev();
        let missing: Vec<Noted> = newest_first.take_while(|noted| !self.trail.contains(noted)).cloned().collect();
        if !missing.is_empty() {
            self.trail.extend(missing);
            self.trail.sort_by_key(|noted| noted.at);
            let over = self.trail.len().saturating_sub(FIRST_NOTES + LAST_NOTES);
            if over > 0 {
                self.trail.drain(FIRST_NOTES..FIRST_NOTES + over);
                self.unnoted += u32::try_from(over).unwrap_or(u32::MAX);
            }
        }
    }

    /// Whether it syncs a workspace by runs of its sources.
    pub fn has_children(&self) -> bool {
        matches!(self.owner, Owner::Workspace(_))
    }

    /// Whether it is one of the runs that wait without holding their gate.
    pub fn waits_outside(&self) -> bool {
        self.follows.is_some() || self.status == RunStatus::Parked
    }

    /// Whether someone holds it and was heard of lately enough.
    pub fn is_leased(&self, now: Moment) -> bool {
        self.lease_until.is_some_and(|until| until >= now)
    }
}
