//! May it run now? Cooldown, gate and quota arithmetic, over plain values.
//!
//! Nothing here reads or writes: a door reads rows, asks here, and writes the
//! answer on the condition that the rows are still what was read. The row that
//! won a lost race is asked about in the same way.

use std::time::Duration;

use crate::clock::Moment;
use crate::error::Refusal;
use crate::model::{Gate, Run, RunId, RunStatus, SourceKind, SourceStatus, Work};
use crate::planted::{Bug, is_planted};

mod deliveries;
mod surface;

pub use deliveries::{delivered, webhook_is_active};
pub use surface::{CooldownRule, Surface};

/// Cooldowns given back in a row, after which even a failure starts one.
const MOST_REFUNDS: u32 = 3;

/// What to do if something is running already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    #[default]
    Reject,
    Attach,
    /// Run once more after what runs.
    FollowUp,
    /// Cancel what runs and start anew.
    Restart,
}

/// What to do if it may not run now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBlocked {
    #[default]
    Reject,
    /// Run by itself as soon as it may.
    Park,
}

/// What a trigger asks of a gate.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub run: RunId,
    pub now: Moment,
    pub rule: CooldownRule,
    /// Whether a refusal is for the cooldown rather than for the run that is there.
    pub cools_first: bool,
    pub cooldown: Duration,
    pub on_conflict: OnConflict,
    pub on_blocked: OnBlocked,
    /// Whether it ends a run whose worker was lost, rather than to leave that to the
    /// tick, which revives it.
    pub takes_over: bool,
    /// An admin gave a reason to pass over the cooldown.
    pub overrides_cooldown: bool,
    pub work: Work,
}

/// What a gate answers.
#[derive(Debug)]
pub enum Admission {
    /// It opens. If someone held it, this is how their run ends.
    Take {
        gate: Box<Gate>,
        displaced: Option<Box<Run>>,
    },
    /// The caller joins the run that is there.
    Attach(RunId),
    /// The caller's run begins when the one that is there has ended.
    Follow {
        gate: Box<Gate>,
        after: RunId,
    },
    /// Some run will begin then already: the caller joins it.
    Join(RunId),
    Refuse(Refusal),
}

/// Asks a gate. `holder` is the run that holds it, if any does.
pub fn admit(gate: &Gate, holder: Option<&Run>, asked: &Asked) -> Admission {
    let displaced = match (gate.holder, holder) {
        // A holder whose row is gone cannot come to an end by itself.
        (None, _) | (Some(_), None) => None,
        (Some(id), Some(run)) => match displace(run, asked) {
            Displacement::Ended => None,
            Displacement::By(run) => Some(*run),
            // Nobody wants to wait for what is about to stop.
            Displacement::Not
                if asked.on_conflict == OnConflict::Attach && run.work == Work::Sync && run.status != RunStatus::Cancelling =>
            {
                return Admission::Attach(id);
            }
            Displacement::Not if follows(run, asked) => {
                // Whoever did not ask to come after this very run obeys what holds then.
                return match cooling(gate, asked).filter(|_| asked.on_conflict != OnConflict::FollowUp) {
                    Some(refusal) => Admission::Refuse(refusal),
                    None => follow(gate, id, asked),
                };
            }
            Displacement::Not => {
                let refusal = cooling(gate, asked).filter(|_| asked.cools_first);
                return Admission::Refuse(refusal.unwrap_or_else(|| Refusal::InProgress { run: id, holder: Some(Box::new(run.clone())) }));
            }
        },
    };
    let own_cooldown = displaced.is_some() && gate.holder.is_some() && gate.cool_run == gate.holder;
    if let Some(refusal) = cooling(gate, asked).filter(|_| !own_cooldown) {
        return Admission::Refuse(refusal);
    }
    Admission::Take { gate: Box::new(take(gate, displaced.as_ref(), asked)), displaced: displaced.map(Box::new) }
}

/// The cooldown that is in this wish's way, if one is.
pub fn cooling(gate: &Gate, asked: &Asked) -> Option<Refusal> {
    let until = gate.cool_until.filter(|until| *until > asked.now && asked.rule.obeys && !asked.overrides_cooldown)?;
    Some(Refusal::Cooling { until, since: gate.cool_since })
}

/// Whether this wish may come after what is there. Nothing comes after the
/// deletion of its source.
fn follows(run: &Run, asked: &Asked) -> bool {
    let wanted = match asked.on_conflict {
        OnConflict::FollowUp => true,
        // Nobody can be attached to what is about to stop.
        OnConflict::Reject | OnConflict::Attach => asked.on_blocked == OnBlocked::Park,
        OnConflict::Restart => false,
    };
    wanted && asked.work == Work::Sync && run.work != Work::Delete
}

fn follow(gate: &Gate, after: RunId, asked: &Asked) -> Admission {
    if let Some(next) = gate.next.filter(|next| *next != asked.run) {
        return Admission::Join(next);
    }
    let mut followed = gate.clone();
    followed.next = Some(asked.run);
    followed.parked = gate.parked.filter(|parked| *parked != asked.run);
    followed.version += 1;
    Admission::Follow { gate: Box::new(followed), after }
}

/// The moment until which a refusal holds, if it ends by itself.
pub fn refused_until(refusal: &Refusal) -> Option<Moment> {
    match refusal {
        Refusal::Cooling { until, .. } => Some(*until),
        Refusal::QuotaLow { resets_at, .. } => *resets_at,
        Refusal::InProgress { .. } | Refusal::Unconfirmed { .. } => None,
    }
}

/// The gate with a run that waits for its moment, holding nothing.
pub fn park(gate: &Gate, run: RunId) -> Gate {
    let mut parked = gate.clone();
    parked.parked = Some(run);
    parked.version += 1;
    parked
}

enum Displacement {
    /// Its run ended, only the gate does not know yet.
    Ended,
    By(Box<Run>),
    Not,
}

/// Whether, and as what, the run that holds a gate makes way.
fn displace(run: &Run, asked: &Asked) -> Displacement {
    if run.status.is_terminal() {
        return Displacement::Ended;
    }
    if run.work == Work::Delete {
        return Displacement::Not;
    }
    let dead = run.lease_until.is_some_and(|until| until < asked.now);
    if dead && !asked.takes_over && run.status != RunStatus::Cancelling {
        return Displacement::Not;
    }
    if asked.on_conflict == OnConflict::Restart {
        return Displacement::By(Box::new(crate::moves::end_cancelled(run, asked.now, "replaced by a new run")));
    }
    if dead && run.status == RunStatus::Cancelling {
        return Displacement::By(Box::new(crate::moves::end_cancelled(run, asked.now, "cancelled while its worker was lost")));
    }
    if dead {
        let why = "its worker was not heard of until its lease ended; a new trigger took over";
        return Displacement::By(Box::new(crate::moves::fail(run, asked.now, "LEASE_EXPIRED", why, None)));
    }
    Displacement::Not
}

/// How many requests must be left: where the limit itself is small, a tenth of it.
pub fn lowered(floor: u64, limit: Option<u64>) -> u64 {
    match limit {
        Some(limit) if limit < 1_000 => floor.min(limit / 10),
        _ => floor,
    }
}

/// Gives the cooldown back that a run started which then did nothing.
fn give_back(gate: &mut Gate, run: &Run) {
    let did_nothing = run.part_no == 0 && matches!(run.status, RunStatus::Failed | RunStatus::Cancelled);
    if did_nothing && gate.cool_run == Some(run.id) && !gate.cool_stays && gate.refunds < MOST_REFUNDS && !is_planted(Bug::NoRefund) {
        (gate.cool_until, gate.cool_run, gate.cool_since) = (None, None, None);
        gate.refunds += 1;
    }
}

/// The gate as its new holder leaves it.
fn take(gate: &Gate, displaced: Option<&Run>, asked: &Asked) -> Gate {
    let mut taken = gate.clone();
    if let Some(displaced) = displaced {
        give_back(&mut taken, displaced);
        taken = decided(taken, displaced);
    }
    // That a decision could not be carried out is no error of the source's.
    if let Some(error) = displaced.filter(|run| !run.work.decides()).and_then(|run| run.error.as_ref()) {
        taken.status_before = SourceStatus::Error;
        taken.error_before = Some(error.message.clone());
    } else if gate.status != SourceStatus::Syncing {
        taken.status_before = gate.status;
        taken.error_before.clone_from(&gate.sync_error);
    }
    taken.holder = Some(asked.run);
    taken.parked = gate.parked.filter(|parked| *parked != asked.run);
    if asked.work == Work::Delete {
        // Nothing runs after this.
        (taken.next, taken.parked) = (None, None);
    }
    taken.run_seq += 1;
    taken.status = SourceStatus::Syncing;
    taken.sync_error = None;
    taken.last_triggered_at = Some(asked.now);
    if asked.rule.starts && asked.work == Work::Sync && !asked.cooldown.is_zero() {
        taken.cool_until = Some(asked.now.plus(asked.cooldown));
        taken.cool_run = Some(asked.run);
        taken.cool_since = Some(asked.now);
        taken.cool_stays = asked.rule.keeps;
    }
    taken.version += 1;
    taken
}

/// What a finished run knows of its source's items.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    pub items: Option<u64>,
    pub held_deletions: Option<u64>,
}

/// The gate after a run came to its end, whether it held it or waited at it; none
/// if the gate does not know it.
pub fn release(gate: &Gate, run: &Run, counted: Counted, now: Moment) -> Option<Gate> {
    let mut freed = gate.clone();
    freed.version += 1;
    if gate.holder != Some(run.id) {
        freed.next = gate.next.filter(|next| *next != run.id);
        freed.parked = gate.parked.filter(|parked| *parked != run.id);
        return (freed.next != gate.next || freed.parked != gate.parked).then_some(freed);
    }
    freed.holder = None;
    give_back(&mut freed, run);
    match run.status {
        RunStatus::Completed | RunStatus::CompletedWithWarnings if run.work == Work::Sync => {
            freed.status = SourceStatus::Synced;
            freed.sync_error = None;
            let results = &run.results;
            let found_something = results.created + results.updated + results.deleted > 0 || run.kind == Some(SourceKind::Documents);
            if found_something || gate.last_synced_at.is_none() {
                freed.last_synced_at = Some(now);
            }
            freed.last_checked_at = Some(now);
            freed.refunds = 0;
            crate::estimate::remember(&mut freed.past, run, now);
            freed = counted_in(freed, counted);
        }
        RunStatus::Failed if !run.work.decides() => {
            freed.status = SourceStatus::Error;
            freed.sync_error = run.error.as_ref().map(|error| error.message.clone());
        }
        // A decision on what is held says nothing of how fresh the source is.
        _ => {
            freed.status = gate.status_before;
            freed.sync_error.clone_from(&gate.error_before);
            freed = decided(counted_in(freed, counted), run);
        }
    }
    Some(freed)
}

fn counted_in(mut gate: Gate, counted: Counted) -> Gate {
    gate.item_count = counted.items.or(gate.item_count);
    gate.held_deletions = counted.held_deletions.unwrap_or(gate.held_deletions);
    gate
}

/// What a decision on held items did so far, however it ended.
fn decided(mut gate: Gate, run: &Run) -> Gate {
    if run.work.decides() {
        let is_done = matches!(run.status, RunStatus::Completed | RunStatus::CompletedWithWarnings);
        gate.held_deletions = if is_done { 0 } else { gate.held_deletions.saturating_sub(run.progress.processed) };
        gate.item_count = gate.item_count.map(|count| count.saturating_sub(run.results.deleted));
    }
    gate
}

/// The gate that its holder left, in the hands of the run that waited for that.
pub fn promote(freed: &Gate, next: RunId, now: Moment) -> Gate {
    let mut taken = freed.clone();
    taken.next = None;
    // A gate that nobody released still shows what it was before its holder came.
    if freed.status != SourceStatus::Syncing {
        taken.status_before = freed.status;
        taken.error_before.clone_from(&freed.sync_error);
    }
    taken.holder = Some(next);
    taken.run_seq += 1;
    taken.status = SourceStatus::Syncing;
    taken.sync_error = None;
    taken.last_triggered_at = Some(now);
    taken
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;

#[cfg(test)]
mod quota_tests {
    use super::lowered;

    /// S0.26, and a tenth of the limit where that is under a thousand.
    #[test]
    fn small_limits_have_small_floors() {
        for (floor, limit, expected) in [
            (100, None, 100),
            (100, Some(5_000), 100),
            (100, Some(1_000), 100),
            (100, Some(999), 99),
            (100, Some(60), 6),
            (5, Some(60), 5),
            (0, Some(60), 0),
        ] {
            assert_eq!(lowered(floor, limit), expected, "{floor} of {limit:?}");
        }
    }
}

#[cfg(test)]
#[path = "admission_waiting_tests.rs"]
mod waiting_tests;
