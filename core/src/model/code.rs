//! The code of a git repository that is indexed: where it is, what was asked of it, and
//! what came of that.

use serde::{Deserialize, Serialize};

use super::RunId;
use crate::clock::Moment;

/// What a repository calls where it came from, unless it is told otherwise.
pub const ORIGIN: &str = "origin";
/// The branch that a repository's HEAD names.
pub const CURRENT: &str = "current";

/// Where the code is: an address of git over HTTP, or a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitPlace {
    pub url: String,
    /// What its remote is called: of a folder, the one that it pulls from.
    pub remote: String,
}

impl GitPlace {
    /// Whether it is a folder, and not an address.
    pub fn is_folder(&self) -> bool {
        self.url.starts_with('/')
    }
}

/// What was asked of an index, beside doing all of it anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexOptions {
    /// Touch what changed alone, however much that is.
    #[serde(default = "yes")]
    pub incremental: bool,
    /// Fetch what is new first, and count its commits.
    #[serde(default)]
    pub pull_remote: bool,
    /// By what name it is fetched from, if anybody said so.
    #[serde(default)]
    pub remote: Option<String>,
    /// Of these branches; empty means those of the source.
    #[serde(default)]
    pub branches: Vec<String>,
    /// Left out beside those of the source.
    #[serde(default)]
    pub ignore_patterns: Vec<String>,
}

fn yes() -> bool {
    true
}

impl Default for IndexOptions {
    fn default() -> Self {
        Self { incremental: true, pull_remote: false, remote: None, branches: Vec::new(), ignore_patterns: Vec::new() }
    }
}

impl IndexOptions {
    /// The first of them that says something.
    pub fn first_said(&self) -> &'static str {
        match self {
            Self { branches, .. } if !branches.is_empty() => "branches",
            Self { ignore_patterns, .. } if !ignore_patterns.is_empty() => "ignore_patterns",
            Self { remote: Some(_), .. } => "remote",
            Self { pull_remote: true, .. } => "pull_remote",
            Self { incremental: false, .. } => "incremental",
            _ => "full_reindex",
        }
    }

    /// What satisfies both: one run may have to do for several who asked.
    pub(super) fn widened(&self, other: &Self) -> Self {
        let both = |one: &[String], other: &[String]| {
            let mut all = one.to_vec();
            all.extend(other.iter().filter(|name| !one.contains(name)).cloned());
            all
        };
        let named = !self.branches.is_empty() && !other.branches.is_empty();
        Self {
            incremental: self.incremental && other.incremental,
            pull_remote: self.pull_remote || other.pull_remote,
            remote: self.remote.clone().or_else(|| other.remote.clone()),
            branches: if named { both(&self.branches, &other.branches) } else { Vec::new() },
            // What only one of them left out, the other wants.
            ignore_patterns: self.ignore_patterns.iter().filter(|one| other.ignore_patterns.contains(one)).cloned().collect(),
        }
    }
}

/// How a run goes about a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    Full,
    Incremental,
    Smart,
}

impl Strategy {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
            Self::Smart => "smart",
        }
    }
}

/// What a run did to an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Indexing {
    pub strategy: Strategy,
    pub branches: Vec<String>,
    #[serde(default)]
    pub files_added: u64,
    #[serde(default)]
    pub files_modified: u64,
    /// Of those that were added, and of those that were removed.
    #[serde(default)]
    pub files_renamed: u64,
    #[serde(default)]
    pub files_removed: u64,
    #[serde(default)]
    pub files_unchanged: u64,
    /// Files that are no text, or too long to be searched for anything.
    #[serde(default)]
    pub files_skipped: u64,
    #[serde(default)]
    pub chunks_embedded: u64,
    #[serde(default)]
    pub chunks_kept: u64,
    #[serde(default)]
    pub chunks_cleared: u64,
    /// Of the branch that it is at: pieces embedded, and how many more there are than before.
    #[serde(default)]
    pub embedded_here: u64,
    #[serde(default)]
    pub grown_here: i64,
    /// Unset until that is known, and where nobody asked.
    #[serde(default)]
    pub pulled_commits: Option<u64>,
    /// There may be more: they were not counted further.
    #[serde(default)]
    pub pulled_at_least: bool,
}

impl Indexing {
    pub fn begun(strategy: Strategy, branches: Vec<String>) -> Self {
        Self {
            strategy,
            branches,
            files_added: 0,
            files_modified: 0,
            files_renamed: 0,
            files_removed: 0,
            files_unchanged: 0,
            files_skipped: 0,
            chunks_embedded: 0,
            chunks_kept: 0,
            chunks_cleared: 0,
            embedded_here: 0,
            grown_here: 0,
            pulled_commits: None,
            pulled_at_least: false,
        }
    }
}

/// A manifest that is kept, in parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptManifest {
    /// Which attempt made it.
    pub id: String,
    pub run: RunId,
    /// The commit whose tree it is of.
    pub commit: String,
    /// What was left out of it.
    pub ignored: String,
    pub parts: u32,
    pub files: u64,
}

/// A branch that is indexed, or was begun to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexedBranch {
    pub branch: String,
    /// What the index shows, once a run came to its end.
    #[serde(default)]
    pub manifest: Option<KeptManifest>,
    /// Pieces of all its files.
    #[serde(default)]
    pub chunks: u64,
    /// When that commit was made, in seconds of the Unix clock.
    #[serde(default)]
    pub made_at: i64,
    /// What its vectors were made with.
    #[serde(default)]
    pub embedder: String,
    #[serde(default)]
    pub indexed_at: Option<Moment>,
    /// What runs since then set out for; the last may still be on its way. Where one of
    /// these differs from the manifest, the index may have either.
    #[serde(default)]
    pub begun: Vec<KeptManifest>,
    pub version: u64,
}
