//! What a run was asked to do.

use serde::{Deserialize, Serialize};

use super::{IndexOptions, RunId, Sealed, Stream};

/// Addresses that one run tells of itself.
pub const MOST_HOOKS: usize = 8;

/// An address that is told how a run goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// The same for the same address in the same workspace.
    pub id: String,
    /// The whole address, which may hold a secret.
    pub address: Sealed,
    /// What may be seen of it.
    pub shown: String,
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
    /// Of a workspace run: only those children of that run which did not do their work.
    #[serde(default)]
    pub retry_of: Option<RunId>,
    /// Of an index.
    #[serde(default)]
    pub index: Option<Box<IndexOptions>>,
    /// Who is told how it goes.
    #[serde(default)]
    pub hooks: Vec<Hook>,
}

impl RunOptions {
    /// What satisfies both: one run may have to do for several who asked.
    #[must_use]
    pub fn widened(&self, other: &Self) -> Self {
        let all = self.streams.is_empty() || other.streams.is_empty();
        let mut streams = if all { Vec::new() } else { self.streams.clone() };
        streams.extend(other.streams.iter().filter(|_| !all));
        streams.sort();
        streams.dedup();
        // Whoever wants all of them wants those, too.
        let retry_of = self.retry_of.filter(|_| self.retry_of == other.retry_of);
        let index = match (&self.index, &other.index) {
            (Some(one), Some(other)) => Some(Box::new(one.widened(other))),
            (Some(one), None) | (None, Some(one)) => Some(Box::new(one.widened(&IndexOptions::default()))),
            (None, None) => None,
        };
        let include_closed = self.include_closed || other.include_closed;
        Self { full: self.full || other.full, streams, include_closed, retry_of, index, hooks: self.hooked(&other.hooks) }
    }

    /// Its hooks and these, each once.
    pub fn hooked(&self, others: &[Hook]) -> Vec<Hook> {
        let mut hooks = self.hooks.clone();
        let new = others.iter().filter(|other| !self.hooks.iter().any(|hook| hook.id == other.id));
        hooks.extend(new.cloned());
        hooks.truncate(MOST_HOOKS);
        hooks
    }
}
