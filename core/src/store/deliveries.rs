//! What is kept of deliveries: that they came.

use super::conditions;
use super::items::{Idempotency, decode, encode_gate};
use super::table::{Commit, Lost};
use super::{Store, idempotency_row};
use crate::clock::Moment;
use crate::error::Fault;
use crate::model::{Gate, Owner};

/// How it ended that something was to be remembered.
#[derive(Debug)]
pub enum Remembered {
    Done,
    /// It was already, as this.
    Before(Option<Idempotency>),
}

impl Store {
    /// Remembers a delivery, unless it is remembered.
    pub async fn remember(&self, scope: &str, memory: &Idempotency, now: Moment) -> Result<Remembered, Fault> {
        let write = conditions::put_unless_live("delivery", idempotency_row(scope, memory)?, now);
        Ok(match self.table.commit(vec![write]).await? {
            Commit::Done => Remembered::Done,
            Commit::Lost(Lost { row, .. }) => Remembered::Before(row.map(decode).transpose()?),
        })
    }

    /// Writes a gate over the one that was read. Whether it was still that one.
    pub async fn save_gate(&self, owner: &Owner, gate: &Gate, seen: u64) -> Result<bool, Fault> {
        let write = conditions::put_over("gate", encode_gate(owner, gate)?, seen);
        Ok(matches!(self.table.commit(vec![write]).await?, Commit::Done))
    }
}
