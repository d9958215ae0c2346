//! Every move of a run, from row to row.
//!
//! Pure functions: given the row that was read and the time, each says what the
//! row becomes, or why the move is not to be made. Whoever calls one writes the
//! result on the condition that the row has not changed meanwhile; a lost race
//! is decided again on the row that won. Every move makes `version` grow, so a
//! worker that lost its run can change nothing any more.

use std::time::Duration;

use crate::clock::{Moment, show_duration};
use crate::model::{Run, RunId, RunStatus};
use crate::planted::{Bug, is_planted};

mod ending;

pub use ending::{Cancel, bury, cancel, complete, end_cancelled, fail};

/// Claims in a row without a committed part or a clean hand-over, after which a
/// run is given up.
pub const MOST_CLAIMS: u32 = 5;
const FIRST_RESEND: Duration = Duration::from_secs(90);
/// How much too early a delayed message may come, clocks being what they are.
const EARLY: Duration = Duration::from_secs(2);
const LONGEST_RESEND: Duration = Duration::from_mins(15);
/// How long a delayed message is waited for before the tick sends another.
const LATE: Duration = Duration::from_secs(15);
/// Whoever waits for a slot looks again by itself, should nobody pass one on.
const LONGEST_HELD_BACK: Duration = Duration::from_mins(5);

/// A run of a schedule that begins later than this says so.
pub const MOST_DRIFT: Duration = Duration::from_mins(5);

/// Why a message does not get its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotClaimed {
    /// The run has ended, or waits for something other than a worker.
    NothingToDo,
    /// Someone holds it, or held it since the message was sent.
    Stale,
}

/// A worker takes the run: if the message is of its present epoch and nobody
/// holds it, or if whoever holds it was not heard of for too long.
pub fn claim(run: &Run, epoch: u64, claimed_by: &str, now: Moment, lease: Duration) -> Result<Run, NotClaimed> {
    let is_stopping = run.status == RunStatus::Cancelling;
    let works = matches!(run.status, RunStatus::Queued | RunStatus::Paused | RunStatus::Running) || (is_stopping && run.has_children());
    if run.follows.is_some() || !works {
        return Err(NotClaimed::NothingToDo);
    }
    // A message that came before its time, a duplicate say, must not spend what
    // the run waits for.
    if run.status == RunStatus::Paused && run.resumes_at.is_some_and(|until| until > now.plus(EARLY)) {
        return Err(NotClaimed::Stale);
    }
    let free = run.epoch == epoch && run.lease_until.is_none();
    let dead = run.lease_until.is_some_and(|until| until < now);
    if !free && !dead {
        return Err(NotClaimed::Stale);
    }
    let mut claimed = run.clone();
    if !is_stopping {
        claimed.status = RunStatus::Running;
        claimed.status_reason = None;
    }
    claimed.resumes_at = None;
    claimed.held_back = false;
    if let Some(since) = claimed.paused_at.take() {
        claimed.waited += millis(now.since(since));
    }
    claimed.epoch += 1;
    claimed.claimed_by = Some(claimed_by.to_owned());
    claimed.claims_since_progress += 1;
    claimed.lease_until = Some(now.plus(lease));
    claimed.next_send_at = None;
    claimed.sends = 0;
    claimed.started_at = run.started_at.or(Some(now));
    claimed.version += 1;
    if let Some(drift) = drift_at_start(&claimed, now).filter(|drift| run.started_at.is_none() && *drift > MOST_DRIFT) {
        let why = format!("it began {} after the time that its schedule names", show_duration(drift));
        claimed.warn("SCHEDULE_DRIFT", &why, None);
    }
    let from = if dead { "a worker that was lost" } else { run.status.as_str() };
    claimed.note(now, "run.claimed", [("epoch", claimed.epoch.to_string()), ("from", from.to_owned())]);
    Ok(claimed)
}

/// How long after the time that its schedule names a run began.
pub fn drift_at_start(run: &Run, now: Moment) -> Option<Duration> {
    Some(run.started_at.unwrap_or(now).since(run.scheduled_for?))
}

/// A worker came, and its workspace has as many runs under way as it may: the
/// run goes on waiting, and says for what.
pub fn hold_back(run: &Run, now: Moment) -> Run {
    let mut waiting = run.clone();
    waiting.status = RunStatus::Queued;
    // Whoever had begun waits now, and does not work.
    waiting.paused_at = run.paused_at.or(run.started_at.map(|_| now));
    waiting.lease_until = None;
    waiting.claimed_by = None;
    waiting.resumes_at = None;
    waiting.status_reason =
        Some("workspace_busy: as many runs as the workspace allows are under way; it begins when one of them ends".to_owned());
    waiting.next_send_at = Some(now.plus(FIRST_RESEND));
    waiting.sends = 0;
    waiting.version += 1;
    if !run.held_back {
        waiting.held_back = true;
        waiting.note(now, "run.held_back", [("for", "a slot of its workspace".to_owned())]);
    }
    waiting
}

/// Its worker was not heard of, and another run takes its slot: whatever that
/// worker still writes must fail.
pub fn fence(run: &Run, now: Moment) -> Run {
    let mut fenced = run.clone();
    fenced.epoch += 1;
    fenced.lease_until = None;
    fenced.claimed_by = None;
    fenced.next_send_at = Some(now);
    fenced.sends = 0;
    fenced.version += 1;
    fenced.note(now, "run.fenced", [("epoch", fenced.epoch.to_string())]);
    fenced
}

/// Whether a run counts among those that its workspace has under way: someone
/// holds it, or handed it over a moment ago.
pub fn keeps_slot(run: &Run, now: Moment) -> bool {
    let handed_over = run.lease_until.is_none() && run.next_send_at.is_some_and(|at| at > now);
    matches!(run.status, RunStatus::Running | RunStatus::Cancelling) && (run.is_leased(now) || handed_over)
}

/// Its run waits until another has ended.
pub fn follow(run: &Run, after: RunId, now: Moment) -> Run {
    let mut following = run.clone();
    following.status = RunStatus::Queued;
    following.follows = Some(after);
    following.status_reason = Some(self::after(after));
    following.resumes_at = None;
    following.next_send_at = Some(now.plus(LONGEST_RESEND));
    following.version += 1;
    following
}

fn after(run: RunId) -> String {
    format!("begins when run {run} has ended")
}

/// What it waited for is over: it holds its gate, and its message is sent.
pub fn promote(run: &Run, now: Moment) -> Run {
    let mut promoted = run.clone();
    promoted.status = RunStatus::Queued;
    promoted.status_reason = None;
    promoted.resumes_at = None;
    promoted.next_send_at = Some(now.plus(FIRST_RESEND));
    promoted.version += 1;
    let from = match promoted.follows.take() {
        Some(before) => format!("run {before} has ended"),
        None => "its time has come".to_owned(),
    };
    promoted.note(now, "run.promoted", [("because", from)]);
    promoted
}

/// The run waits for a moment, holding nothing.
pub fn park(run: &Run, now: Moment, until: Moment, why: &str) -> Run {
    let mut parked = run.clone();
    parked.status = RunStatus::Parked;
    parked.status_reason = Some(why.to_owned());
    parked.follows = None;
    parked.resumes_at = Some(until);
    parked.next_send_at = Some(until);
    parked.version += 1;
    parked.note(now, "run.parked", [("until", until.to_string()), ("why", why.to_owned())]);
    parked
}

/// The holder was heard of.
pub fn renew(run: &Run, now: Moment, lease: Duration) -> Run {
    let mut renewed = run.clone();
    renewed.lease_until = extended(run, now, lease);
    renewed.version += 1;
    renewed
}

/// A part of the work is done: `run` has its new totals and its new place.
pub fn commit_part(mut run: Run, now: Moment, lease: Duration) -> Run {
    run.part_no += 1;
    run.claims_since_progress = 0;
    run.tries = 0;
    run.lease_until = extended(&run, now, lease);
    run.last_progress_at = Some(now);
    run.version += 1;
    run
}

fn extended(run: &Run, now: Moment, lease: Duration) -> Option<Moment> {
    if is_planted(Bug::NoLeaseExtension) { run.lease_until } else { Some(now.plus(lease)) }
}

/// The holder's time is nearly up: it leaves, and its message goes on.
pub fn hand_over(run: &Run, now: Moment) -> Run {
    let mut left = run.clone();
    left.lease_until = None;
    left.claimed_by = None;
    left.claims_since_progress = 0;
    left.next_send_at = Some(now.plus(FIRST_RESEND));
    left.sends = 0;
    left.version += 1;
    left.note(now, "run.handed_over", [("epoch", left.epoch.to_string())]);
    left
}

/// Its children are under way: it looks at them again after `span`.
pub fn look_again(run: &Run, now: Moment, span: Duration) -> Run {
    let mut left = run.clone();
    left.lease_until = None;
    left.claimed_by = None;
    left.claims_since_progress = 0;
    left.tries += 1;
    // That it looked is a sign of life; its children have theirs.
    left.last_progress_at = Some(now);
    left.next_send_at = Some(now.plus(span).plus(LATE));
    left.sends = 0;
    left.version += 1;
    left
}

/// The run waits until `until`. A wait longer than a message can be delayed has
/// no message: the tick wakes it.
pub fn pause(run: &Run, now: Moment, until: Moment, why: &str, longest_delay: Duration) -> Run {
    let mut paused = run.clone();
    paused.lease_until = None;
    paused.claimed_by = None;
    paused.claims_since_progress = 0;
    paused.sends = 0;
    paused.version += 1;
    paused.status = RunStatus::Paused;
    paused.status_reason = Some(why.to_owned());
    paused.resumes_at = Some(until);
    paused.paused_at = Some(now);
    let facts = [("until", until.to_string()), ("why", why.to_owned()), ("epoch", paused.epoch.to_string())];
    paused.note(now, "run.paused", facts);
    let has_message = until.since(now) <= longest_delay;
    paused.next_send_at = Some(if has_message { until.plus(FIRST_RESEND) } else { until });
    paused
}

/// What the tick does with a run that is due.
#[derive(Debug)]
pub enum Nudge {
    /// Send its message, once this row is written.
    Send(Run),
    /// It comes to its end here.
    End(Run),
    /// It follows another run: whether that one is still there has to be seen.
    Attend,
    /// The moment that it waited for has come.
    Unpark,
    NotDue,
}

/// Looks at a run that the index says is due. Indexes lag, so the row decides.
pub fn nudge(run: &Run, now: Moment) -> Nudge {
    let dead = run.lease_until.is_some_and(|until| until < now);
    let is_due = run.due_at().is_some_and(|at| at <= now);
    match run.status {
        RunStatus::Cancelling if run.has_children() && run.claims_since_progress < MOST_CLAIMS => {
            if is_due && !run.is_leased(now) {
                Nudge::Send(resend(run, now))
            } else {
                Nudge::NotDue
            }
        }
        RunStatus::Cancelling if dead || run.lease_until.is_none() => {
            Nudge::End(end_cancelled(run, now, "cancelled while its worker was lost"))
        }
        RunStatus::Running if dead && !is_due => Nudge::NotDue,
        RunStatus::Running if !run.is_leased(now) && is_due && run.claims_since_progress >= MOST_CLAIMS => {
            let why = format!("{MOST_CLAIMS} workers in a row took this run and were lost before they got anything done");
            Nudge::End(fail(run, now, "WORKER_LOST", &why, run.next_request.clone()))
        }
        // The dead lease stays: it is what lets the next claim win, and what lets
        // a trigger take over.
        RunStatus::Running if dead => Nudge::Send(resend(run, now)),
        RunStatus::Queued if run.follows.is_some() && is_due => Nudge::Attend,
        RunStatus::Parked if is_due => Nudge::Unpark,
        RunStatus::Queued | RunStatus::Paused | RunStatus::Running if run.lease_until.is_none() && is_due => Nudge::Send(resend(run, now)),
        _ => Nudge::NotDue,
    }
}

/// The run that it follows is still there: it is looked at again later.
pub fn wait_on(run: &Run, holder: RunId, now: Moment) -> Run {
    let mut waiting = run.clone();
    // Someone else may hold the gate by now.
    waiting.follows = Some(holder);
    waiting.status_reason = Some(after(holder));
    waiting.next_send_at = Some(now.plus(LONGEST_RESEND));
    waiting.version += 1;
    waiting
}

/// The run with its next send moved on: 90 seconds, doubling to 15 minutes.
fn resend(run: &Run, now: Moment) -> Run {
    let mut sent = run.clone();
    let longest = if run.held_back { LONGEST_HELD_BACK } else { LONGEST_RESEND };
    let span = FIRST_RESEND.saturating_mul(1 << run.sends.min(10)).min(longest);
    sent.next_send_at = Some(now.plus(span));
    sent.sends += 1;
    sent.version += 1;
    let what = if run.lease_until.is_some() { "run.revived" } else { "run.sent_again" };
    sent.note(now, what, [("epoch", run.epoch.to_string()), ("times", sent.sends.to_string())]);
    sent
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// What a process leased before it died is free at once when the next one, which
/// has the data folder to itself, starts.
pub fn expire(run: &Run, now: Moment) -> Option<Run> {
    if run.status.is_terminal() || run.waits_outside() {
        return None;
    }
    if run.status == RunStatus::Cancelling && !run.has_children() {
        return Some(end_cancelled(run, now, "cancelled while its worker was lost"));
    }
    let mut expired = run.clone();
    // A lease that ended just now: the tick revives the run, or a trigger takes
    // over, whichever comes first.
    expired.lease_until = run.lease_until.map(|until| until.min(now.minus(Duration::from_millis(1))));
    // Queue contents are lost with the process: whatever is not waiting for a
    // moment of its own is sent again now.
    expired.next_send_at = Some(run.resumes_at.filter(|until| *until > now).unwrap_or(now));
    expired.sends = 0;
    expired.version += 1;
    expired.note(now, "run.expired", [("because", "the process that held it has ended".to_owned())]);
    Some(expired)
}

#[cfg(test)]
#[path = "moves_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "moves_children_tests.rs"]
mod children_tests;

#[cfg(test)]
#[path = "moves_waiting_tests.rs"]
mod waiting_tests;
