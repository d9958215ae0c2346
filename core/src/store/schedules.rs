//! Which periods are due, and when the next ones are.

use serde::{Deserialize, Serialize};

use super::conditions::{self, Range, Write};
use super::items::{decode, encode, fall_due, key_of};
use super::table::{Commit, Query};
use super::{Store, keys};
use crate::clock::Moment;
use crate::error::Fault;
use crate::model::{Schedule, SourceId, WorkspaceId};

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

impl Store {
    /// The periods that are due by a moment, the longest due first, from every shard
    /// about as many.
    pub async fn periods_due(&self, by: Moment, most: usize) -> Result<Vec<Period>, Fault> {
        let shards = keys::period_shards().map(|hash| {
            let limit = Some(most.div_ceil(usize::from(keys::DUE_SHARDS)));
            self.table.query(Query { index: Some(keys::DUE_INDEX), limit, ..Query::partition(hash, Range::DueBy(by)) })
        });
        let found: Vec<_> = futures::future::try_join_all(shards).await?.into_iter().flatten().map(|row| key_of(&row)).collect();
        let rows = self.table.get_many(&found).await?;
        // Indexes lag, and one row that cannot be read must not keep all others.
        let read = rows
            .into_iter()
            .map(decode::<Period>)
            .filter_map(|period| period.inspect_err(|why| tracing::error!(decision = "row.unreadable", error = %why)).ok());
        Ok(read.filter(|period| period.due_at <= by).collect())
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
    pub async fn move_period(&self, writes: Vec<Write>) -> Result<bool, Fault> {
        Ok(matches!(self.table.commit(writes).await?, Commit::Done))
    }
}
