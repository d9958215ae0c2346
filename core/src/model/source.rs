//! A source, its gate, and what it remembers between runs.

use serde::{Deserialize, Serialize};

use super::{GitPlace, HealthCheck, ProjectId, RunId, Schedule, SourceId, Stream, WorkspaceId};
use crate::clock::Moment;

/// The kinds of things that can be synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    Repository,
    Index,
    Documents,
    Integration,
}

impl SourceKind {
    pub const ALL: [Self; 4] = [Self::Repository, Self::Index, Self::Documents, Self::Integration];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Repository => "repository",
            Self::Index => "index",
            Self::Documents => "documents",
            Self::Integration => "integration",
        }
    }
}

/// One thing that can be synced: its configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Source {
    pub id: SourceId,
    pub workspace: WorkspaceId,
    /// `kind` is the row's own.
    #[serde(rename = "source_kind")]
    pub kind: SourceKind,
    pub name: String,
    #[serde(default)]
    pub project: Option<ProjectId>,
    #[serde(default)]
    pub provider: Option<String>,
    /// Of an integration: the name by which its workspace has at most one.
    #[serde(default)]
    pub integration_type: Option<String>,
    #[serde(default)]
    pub base_url: Option<String>,
    #[serde(default)]
    pub repository: Option<String>,
    #[serde(default)]
    pub principal: Option<String>,
    #[serde(default)]
    pub streams: Vec<Stream>,
    #[serde(default)]
    pub monitored: bool,
    #[serde(default)]
    pub path: Option<String>,
    #[serde(default)]
    pub patterns: Vec<String>,
    /// Of an index: where its code is, which branches of it, and what is left out.
    #[serde(default)]
    pub git: Option<GitPlace>,
    #[serde(default)]
    pub branches: Vec<String>,
    #[serde(default)]
    pub ignore_patterns: Vec<String>,
    #[serde(default)]
    pub webhook: Webhook,
    #[serde(default)]
    pub credential: Option<Sealed>,
    #[serde(default)]
    pub credential_changed_at: Option<Moment>,
    /// What is known of the credential since it was given.
    #[serde(default)]
    pub credential_check: Option<Checked>,
    /// Whether and how it is looked at between its runs; what came of that has a row of
    /// its own.
    #[serde(default)]
    pub health: Option<HealthCheck>,
    /// When it syncs by itself; the period that is next has a row of its own.
    #[serde(default)]
    pub schedule: Option<Schedule>,
    /// The workspace's limits, kept here too so that a trigger finds them in
    /// the same read as the source.
    #[serde(default)]
    pub limits: Limits,
    /// Grows with every change that may make a refused or failed run succeed.
    pub settings_version: u64,
    pub created_at: Moment,
    /// Set when its deletion was asked for; the id stays taken for ever.
    #[serde(default)]
    pub deleted_at: Option<Moment>,
    pub version: u64,
}

impl Source {
    /// Whether a sync of its workspace takes it in.
    pub fn is_monitored(&self) -> bool {
        self.monitored && self.deleted_at.is_none() && matches!(self.kind, SourceKind::Repository | SourceKind::Index)
    }

    /// The entities that an integration takes.
    pub fn entities(&self) -> impl Iterator<Item = &str> {
        self.streams.iter().filter_map(Stream::entity)
    }

    /// Whose limit its requests count against.
    pub fn principal(&self) -> &str {
        let fingerprint = self.credential.as_ref().map(|sealed| sealed.fingerprint.as_str()).filter(|print| !print.is_empty());
        let login = self.credential_check.as_ref().and_then(|check| check.login.as_deref()).filter(|login| is_plain(login));
        self.principal.as_deref().or(login).or(fingerprint).unwrap_or("anonymous")
    }
}

/// Whether a login may stand in a row's key.
fn is_plain(login: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte);
    !login.is_empty() && login.len() <= 100 && login.bytes().all(fits)
}

/// What a provider made of a credential.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Unset if that could not be found out.
    #[serde(default)]
    pub accepted: Option<bool>,
    pub at: Moment,
    /// Whose credential it is, where the provider says so.
    #[serde(default)]
    pub login: Option<String>,
    /// What a person should know, or do.
    #[serde(default)]
    pub why: Option<String>,
}

/// What was said of a source's webhook. What came of it stands at the gate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Set by an admin; unset means that deliveries decide.
    #[serde(default)]
    pub active: Option<bool>,
    /// What its deliveries are proved with. Who takes them in can open it, and no
    /// credential.
    #[serde(default)]
    pub secret: Option<Sealed>,
}

/// A credential that only the worker can open.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// What the vault made of it, in base64.
    pub sealed: String,
    /// The last four characters of the token, to tell credentials apart.
    pub last4: String,
    /// Whose limit it is, as far as the credential itself can tell: two sources
    /// with the same one share a quota.
    #[serde(default)]
    pub fingerprint: String,
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Sealed(…)")
    }
}

/// What a workspace says otherwise than the deployment. Milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    #[serde(default)]
    pub workspace: Option<u64>,
    #[serde(default)]
    pub repository: Option<u64>,
    #[serde(default)]
    pub integration: Option<u64>,
    #[serde(default)]
    pub index: Option<u64>,
    #[serde(default)]
    pub documents: Option<u64>,
    #[serde(default)]
    pub quota_floor: Option<u64>,
    /// Runs that workers may hold at the same time.
    #[serde(default)]
    pub max_concurrent_runs: Option<u64>,
}

impl Limits {
    /// The cooldown of a kind of source here, if this workspace has its own.
    pub fn cooldown(&self, kind: SourceKind) -> Option<std::time::Duration> {
        let millis = match kind {
            SourceKind::Repository => self.repository,
            SourceKind::Integration => self.integration,
            SourceKind::Index => self.index,
            SourceKind::Documents => self.documents,
        };
        millis.map(std::time::Duration::from_millis)
    }
}

/// The four public states of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceStatus {
    #[default]
    NeverSynced,
    Syncing,
    Synced,
    Error,
}

impl SourceStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeverSynced => "never_synced",
            Self::Syncing => "syncing",
            Self::Synced => "synced",
            Self::Error => "error",
        }
    }
}

/// The row that says "not now": who holds the source, until when it cools, and
/// how it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    #[serde(default)]
    pub holder: Option<RunId>,
    /// The run that follows the holder, once there is one.
    #[serde(default)]
    pub next: Option<RunId>,
    /// The run that waits for a moment, holding nothing.
    #[serde(default)]
    pub parked: Option<RunId>,
    #[serde(default)]
    pub run_seq: u64,
    #[serde(default)]
    pub status: SourceStatus,
    /// What the status was before the holder came: a cancelled run restores it.
    #[serde(default)]
    pub status_before: SourceStatus,
    #[serde(default)]
    pub error_before: Option<String>,
    #[serde(default)]
    pub last_triggered_at: Option<Moment>,
    #[serde(default)]
    pub cool_until: Option<Moment>,
    /// The run whose trigger started the cooldown: who replaces it is not
    /// refused by it.
    #[serde(default)]
    pub cool_run: Option<RunId>,
    #[serde(default)]
    pub cool_since: Option<Moment>,
    /// Whether it stays even if that run comes to nothing.
    #[serde(default)]
    pub cool_stays: bool,
    #[serde(default)]
    pub last_synced_at: Option<Moment>,
    #[serde(default)]
    pub last_checked_at: Option<Moment>,
    #[serde(default)]
    pub sync_error: Option<String>,
    #[serde(default)]
    pub settings_version: u64,
    /// Cooldowns given back in a row.
    #[serde(default)]
    pub refunds: u32,
    /// Items after the last complete listing, where the source knows.
    #[serde(default)]
    pub item_count: Option<u64>,
    #[serde(default)]
    pub held_deletions: u64,
    /// When a genuine delivery of its webhook last came, to the minute, and by what id
    /// its provider knows the repository, which stays when its name changes.
    #[serde(default)]
    pub last_delivery_at: Option<Moment>,
    #[serde(default)]
    pub repository_id: Option<String>,
    /// How the last runs went that did their work, newest last.
    #[serde(default)]
    pub past: Vec<Past>,
    pub version: u64,
}

/// A run that did its work, as far as it tells about the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// It asked for everything, and not only for what changed.
    pub whole: bool,
    /// Milliseconds, without the time it had to wait.
    pub worked: u64,
    pub requests: u64,
    pub pages: u64,
    /// What it listed.
    #[serde(default)]
    pub items: u64,
}

/// What one stream of a source remembers between runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamState {
    /// Everything that changed before this moment has been seen.
    #[serde(default)]
    pub watermark: Option<Moment>,
    /// Where a first run stopped, if it did not come to its end.
    #[serde(default)]
    pub cursor: Option<String>,
    /// Up to when the first of its attempts knows of changes.
    #[serde(default)]
    pub begun_at: Option<Moment>,
    /// What the provider gave to ask for changes by, where it gives such a thing.
    #[serde(default)]
    pub resume: Option<String>,
    /// Entries that could not be read: they are asked for again next time.
    #[serde(default)]
    pub failed: Vec<String>,
    /// What the provider gave to recognise its last answer by.
    #[serde(default)]
    pub validator: Option<Validator>,
    pub version: u64,
}

/// Where a source's repository is by now: what in its addresses became what. Both
/// begin with the origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    pub from: String,
    pub to: String,
}

/// What a provider gave to recognise an answer by, and the request that it holds
/// for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validator {
    pub request: String,
    pub tag: String,
}
