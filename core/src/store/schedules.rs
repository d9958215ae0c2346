//! What the clock brings: periods of schedules, and looks at the other side of
//! integrations.

use serde::{Deserialize, Serialize};

use super::conditions::{self, Range, Write};
use super::items::{Row, decode, encode, fall_due, key_of, text};
use super::table::{Commit, Query};
use super::{Store, keys};
use crate::clock::Moment;
use crate::error::Fault;
use crate::model::{Health, Schedule, SourceId, WorkspaceId};

/// The next period of a source: what a tick has to know of it, without the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    pub source: SourceId,
    pub workspace: WorkspaceId,
    pub schedule: Schedule,
    pub due_at: Moment,
    /// The period that a worker was warmed up for.
    #[serde(default)]
    pub warmed_for: Option<Moment>,
    pub version: u64,
}

/// What is due.
#[derive(Debug)]
pub struct ClockDue {
    pub periods: Vec<Period>,
    pub looks: Vec<Health>,
}

/// One row that cannot be read, from a newer build say, must not keep all others.
pub(super) fn readable<T: serde::de::DeserializeOwned>(rows: Vec<Row>) -> Vec<T> {
    let read = rows.into_iter().map(decode::<T>);
    read.filter_map(|row| row.inspect_err(|why| tracing::error!(decision = "row.unreadable", error = %why)).ok()).collect()
}

impl Store {
    /// What is due by a moment, from every shard about as many, the longest due first.
    pub async fn clock_due(&self, by: Moment, most: usize) -> Result<ClockDue, Fault> {
        let shards = keys::period_shards().map(|hash| {
            let limit = Some(most.div_ceil(usize::from(keys::DUE_SHARDS)));
            self.table.query(Query { index: Some(keys::DUE_INDEX), limit, ..Query::partition(hash, Range::DueBy(by)) })
        });
        let found: Vec<_> = futures::future::try_join_all(shards).await?.into_iter().flatten().map(|row| key_of(&row)).collect();
        let (looks, periods): (Vec<Row>, Vec<Row>) =
            self.table.get_many(&found).await?.into_iter().partition(|row| text(row, "kind") == "health");
        // Indexes lag: what was moved meanwhile is not due.
        let mut due = ClockDue { periods: readable(periods), looks: readable(looks) };
        due.periods.retain(|period: &Period| period.due_at <= by);
        due.looks.retain(|health: &Health| health.due_at.is_some_and(|at| at <= by));
        Ok(due)
    }

    pub async fn health(&self, source: &SourceId) -> Result<Option<Health>, Fault> {
        self.table.get(&keys::health(source)).await?.map(decode).transpose()
    }

    /// The write of what is known over what had `seen` for its version.
    pub fn health_write(health: &Health, seen: u64) -> Result<Write, Fault> {
        let mut row = encode("health", &keys::health(&health.source), health)?;
        if let Some(at) = health.due_at {
            fall_due(&mut row, keys::period_shard(&health.source), at);
        }
        Ok(conditions::put_over("health", row, seen))
    }

    pub fn health_delete(source: &SourceId) -> Write {
        conditions::delete("health", keys::health(source))
    }

    pub async fn period(&self, source: &SourceId) -> Result<Option<Period>, Fault> {
        self.table.get(&keys::period(source)).await?.map(decode).transpose()
    }

    /// The write of a period over the one that had `seen` for its version.
    pub fn period_write(period: &Period, seen: u64) -> Result<Write, Fault> {
        let mut row = encode("period", &keys::period(&period.source), period)?;
        fall_due(&mut row, keys::period_shard(&period.source), period.due_at);
        Ok(conditions::put_over("period", row, seen))
    }

    pub fn period_delete(source: &SourceId) -> Write {
        conditions::delete("period", keys::period(source))
    }

    /// Writes these if all of them are still as they were read.
    pub async fn move_due(&self, writes: Vec<Write>) -> Result<bool, Fault> {
        Ok(matches!(self.table.commit(writes).await?, Commit::Done))
    }
}
