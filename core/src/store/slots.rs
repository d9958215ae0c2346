//! As many runs of a workspace under way as it allows, and who waits.
//!
//! A slot names the run that took it, and is free again once that run is not
//! under way any more: nothing has to be given back, so nothing can be lost. To
//! take one is part of the claim. Whoever was not heard of until its lease ended
//! loses its slot to the next, and its epoch with it.

use std::collections::HashMap;

use super::conditions::{self, Range, Write};
use super::items::{Slot, Waiting, decode, encode, text};
use super::keys::{self, Key};
use super::table::{Commit, Lost, Query};
use super::{RUN, Store};
use crate::clock::Moment;
use crate::error::Fault;
use crate::model::{Run, RunId, WorkspaceId};
use crate::moves;

const SLOT: &str = "slot";
const FENCED: &str = "fenced";

/// Whether there is room for a run.
#[derive(Debug)]
pub enum Place {
    /// This is written with the claim.
    Free(Vec<Write>),
    Full {
        /// Whether the run stands among those that wait.
        is_known: bool,
    },
}

/// How a claim ended.
#[derive(Debug)]
pub enum Claimed {
    Done,
    /// The row that was there instead; none if it is gone.
    Lost(Option<Box<Run>>),
    /// Another took the slot.
    SlotLost,
}

impl Store {
    /// A place for `run` among at most `most` of its workspace.
    pub async fn place(&self, run: &Run, most: u64, now: Moment) -> Result<Place, Fault> {
        let partition = keys::workspace_partition(&run.workspace);
        let query = Query::partition(partition, Range::BeginsWith(keys::SLOTS.to_owned()));
        let waiting = keys::waiting(&run.workspace, run.id);
        let known = async { if run.held_back { self.table.get(&waiting).await } else { Ok(None) } };
        let (rows, known) = futures::try_join!(self.table.query(query), known)?;
        let is_known = known.is_some();
        let mut slots: HashMap<String, Slot> = HashMap::new();
        for row in rows {
            slots.insert(text(&row, "SK").to_owned(), decode(row)?);
        }
        let taken: Vec<Key> = slots.values().map(|slot| keys::run(&slot.owner, slot.run)).collect();
        let holders = super::readable(self.table.get_many(&taken).await?);
        let holders: HashMap<RunId, Run> = holders.into_iter().map(|holder| (holder.id, holder)).collect();
        let mut free = None;
        for number in 0..most {
            let key = keys::slot(&run.workspace, number);
            let slot = slots.get(&key.sk);
            if slot.is_some_and(|slot| slot.run == run.id) {
                free = Some((key, slot));
                break;
            }
            let is_taken = slot.and_then(|slot| holders.get(&slot.run)).is_some_and(|holder| moves::keeps_slot(holder, now));
            if !is_taken && free.is_none() {
                free = Some((key, slot));
            }
        }
        let Some((key, slot)) = free else { return Ok(Place::Full { is_known }) };
        let seen = slot.map_or(0, |slot| slot.version);
        let taken = Slot { run: run.id, owner: run.owner.clone(), version: seen + 1 };
        let mut writes = vec![conditions::put_over(SLOT, encode("slot", &key, &taken)?, seen)];
        let lost = slot.filter(|slot| slot.run != run.id).and_then(|slot| holders.get(&slot.run));
        if let Some(lost) = lost.filter(|lost| lost.lease_until.is_some() && !lost.status.is_terminal()) {
            writes.push(conditions::put_over(FENCED, self.run_row(&moves::fence(lost, now))?, lost.version));
        }
        if is_known {
            writes.push(conditions::delete("waiting", keys::waiting(&run.workspace, run.id)));
        }
        Ok(Place::Free(writes))
    }

    /// Writes a claimed run with its slot.
    pub async fn claim(&self, claimed: &Run, seen: u64, with: Vec<Write>) -> Result<Claimed, Fault> {
        let mut writes = vec![conditions::put_over(RUN, self.run_row(claimed)?, seen)];
        writes.extend(with);
        if let Some(at) = claimed.started_at.filter(|_| claimed.epoch == 1) {
            writes.extend(super::notices::of(claimed, at)?);
        }
        match self.table.commit(writes).await? {
            Commit::Done => Ok(Claimed::Done),
            Commit::Lost(Lost { what: RUN, row }) => Ok(Claimed::Lost(row.map(decode).transpose()?)),
            Commit::Lost(_) => Ok(Claimed::SlotLost),
        }
    }

    /// The write that puts a run among those that wait for a slot.
    pub fn waiting_write(run: &Run) -> Result<Write, Fault> {
        let waiting = Waiting { run: run.id, owner: run.owner.clone() };
        Ok(conditions::put("waiting", encode("waiting", &keys::waiting(&run.workspace, run.id), &waiting)?))
    }

    /// Takes the run that waits longest for a slot out of the queue of those.
    pub async fn next_waiting(&self, workspace: &WorkspaceId) -> Result<Option<Run>, Fault> {
        loop {
            let range = Range::BeginsWith(keys::WAITING.to_owned());
            let query = Query { limit: Some(1), ..Query::partition(keys::workspace_partition(workspace), range) };
            let Some(row) = self.table.query(query).await?.pop() else { return Ok(None) };
            let waiting: Waiting = decode(row)?;
            self.table.commit(vec![conditions::delete("waiting", keys::waiting(workspace, waiting.run))]).await?;
            // Who was cancelled meanwhile waits for nothing.
            if let Some(run) = self.run(&waiting.owner, waiting.run).await?.filter(|run| run.held_back && !run.status.is_terminal()) {
                return Ok(Some(run));
            }
        }
    }
}
