//! How a run comes to its end, and who can bring it there.

use super::millis;
use crate::clock::Moment;
use crate::model::{Run, RunError, RunStatus};
use crate::planted::{Bug, is_planted};

/// The run did its work.
pub fn complete(run: &Run, now: Moment) -> Run {
    let status = if run.warnings.is_empty() { RunStatus::Completed } else { RunStatus::CompletedWithWarnings };
    end(run, now, status)
}

/// The run cannot do its work.
pub fn fail(run: &Run, now: Moment, code: &str, message: &str, at: Option<String>) -> Run {
    let mut failed = end(run, now, RunStatus::Failed);
    failed.error = Some(RunError { code: code.to_owned(), message: message.to_owned(), at });
    failed
}

/// Someone did not want it any more.
pub fn end_cancelled(run: &Run, now: Moment, why: &str) -> Run {
    let mut cancelled = end(run, now, RunStatus::Cancelled);
    cancelled.status_reason = Some(why.to_owned());
    cancelled
}

fn end(run: &Run, now: Moment, status: RunStatus) -> Run {
    let mut ended = run.clone();
    ended.status = status;
    ended.status_reason = None;
    ended.follows = None;
    ended.held_back = false;
    if let Some(since) = ended.paused_at.take() {
        ended.waited += millis(now.since(since));
    }
    ended.lease_until = None;
    ended.claimed_by = None;
    ended.next_send_at = None;
    ended.resumes_at = None;
    ended.progress.stage = None;
    ended.progress.current = None;
    ended.finished_at = Some(now);
    ended.version += 1;
    ended
}

/// What a wish to cancel comes to.
#[derive(Debug)]
pub enum Cancel {
    /// Nobody works on it: it ends here.
    Ended(Run),
    /// Its worker has to notice first.
    Asked(Run),
    /// It ended, or was asked to, before.
    Already,
}

/// Somebody wants the run to stop.
pub fn cancel(run: &Run, now: Moment) -> Cancel {
    match run.status {
        RunStatus::Queued | RunStatus::Paused | RunStatus::Parked => Cancel::Ended(end_cancelled(run, now, "cancelled before it went on")),
        // Its children have to be told first.
        RunStatus::Running if run.has_children() => Cancel::Asked(Run { next_send_at: Some(now), sends: 0, ..stopping(run, now) }),
        // Between two slices nobody holds it.
        RunStatus::Running if run.lease_until.is_none() => Cancel::Ended(end_cancelled(run, now, "cancelled between two slices")),
        RunStatus::Running => Cancel::Asked(stopping(run, now)),
        _ => Cancel::Already,
    }
}

fn stopping(run: &Run, now: Moment) -> Run {
    let mut asked = run.clone();
    asked.cancel_requested = true;
    asked.status = RunStatus::Cancelling;
    asked.status_reason = Some(format!("asked to stop at {now}; its worker stops at the next page"));
    asked.version += 1;
    asked
}

/// The queue gave a message up. Its run is buried only if the message is of the
/// present epoch and nobody holds the run: otherwise someone went on with it.
pub fn bury(run: &Run, epoch: u64, now: Moment) -> Option<Run> {
    let went_on = run.epoch != epoch || run.is_leased(now);
    if run.status.is_terminal() || run.waits_outside() || (went_on && !is_planted(Bug::BuriesTheLiving)) {
        return None;
    }
    if run.status == RunStatus::Cancelling {
        return Some(end_cancelled(run, now, "cancelled while its worker was lost"));
    }
    let why = "its message was given up after it had failed too often; the log has the reasons";
    Some(fail(run, now, "DEAD_LETTER", why, run.next_request.clone()))
}
