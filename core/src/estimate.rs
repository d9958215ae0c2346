//! How long will it take? Arithmetic over how the last runs of a source went.
//!
//! Rather no answer than a wrong one: where a source has no past of the same
//! shape, nothing is said, and a run that takes longer than any before it is not
//! told to be nearly done.

use std::time::Duration;

use crate::clock::Moment;
use crate::model::{Expected, Past, Run, RunStatus, Work};

/// Runs of one shape that are remembered.
const MOST_PAST: usize = 5;
/// Runs of one shape without which nothing is said.
const FEWEST: usize = 3;
/// A run without progress for so long is stalled, whatever is known of it.
pub const LONGEST_SILENCE: Duration = Duration::from_hours(1);
/// So many times what a run usually takes may pass without progress.
const PATIENCE: u64 = 3;

/// Adds a run that did its work to what is remembered.
pub fn remember(past: &mut Vec<Past>, run: &Run, now: Moment) {
    let whole = is_whole(run);
    let worked = millis(now.since(run.started_at.unwrap_or(run.created_at))).saturating_sub(run.waited);
    past.push(Past { whole, worked, requests: run.calls.made, pages: run.progress.page, items: run.progress.processed });
    let of_its_shape = past.iter().filter(|one| one.whole == whole).count();
    if of_its_shape > MOST_PAST {
        if let Some(oldest) = past.iter().position(|one| one.whole == whole) {
            past.remove(oldest);
        }
    }
}

/// Whether a run asks for everything, and not only for what changed.
fn is_whole(run: &Run) -> bool {
    run.since.is_none()
}

/// What the next run of a shape may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    pub runs_seen: usize,
    pub requests: Option<u64>,
    pub pages: Option<u64>,
    /// What the last of them listed.
    pub items: Option<u64>,
    /// Milliseconds in the middle, of however few runs.
    pub usual: Option<u64>,
    pub took: Option<Expected>,
}

/// What is to be expected of a run that asks for everything, or for what changed.
pub fn cost(past: &[Past], whole: bool) -> Cost {
    let alike: Vec<&Past> = past.iter().filter(|one| one.whole == whole).collect();
    let middle = |of: fn(&Past) -> u64| {
        let mut sorted: Vec<u64> = alike.iter().map(|one| of(one)).collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    };
    let (low, high) = (alike.iter().map(|one| one.worked).min(), alike.iter().map(|one| one.worked).max());
    let took = match (middle(|one| one.worked), low, high) {
        (Some(usually), Some(low), Some(high)) if alike.len() >= FEWEST => Some(Expected { usually, spread: high - low }),
        _ => None,
    };
    Cost {
        runs_seen: alike.len(),
        requests: middle(|one| one.requests),
        pages: middle(|one| one.pages),
        items: alike.last().map(|one| one.items),
        usual: middle(|one| one.worked),
        took,
    }
}

/// When a run will have ended, and how far off that may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    pub at: Moment,
    pub spread: Duration,
}

/// The end of a run that is under way; none where nothing honest can be said.
pub fn completion(run: &Run, now: Moment) -> Option<Completion> {
    if run.status.is_terminal() || run.waits_outside() || run.status == RunStatus::Cancelling {
        return None;
    }
    let from = run.resumes_at.unwrap_or(now).max(now);
    let by_rate = by_own_rate(run).map(|left| Completion { at: from.plus(left), spread: left / 2 });
    by_rate.or_else(|| {
        let expected = run.expected?;
        let spent = run.started_at.map_or(0, |at| millis(run.paused_at.unwrap_or(now).since(at)).saturating_sub(run.waited));
        // Longer than ever before: the past says nothing any more.
        let left = (expected.usually + expected.spread).checked_sub(spent)?;
        let left = Duration::from_millis(expected.usually.saturating_sub(spent).max(left.min(expected.spread / 2)));
        Some(Completion { at: from.plus(left), spread: Duration::from_millis(expected.spread) })
    })
}

/// What is left at the speed so far, where a total was stated and some of it done.
fn by_own_rate(run: &Run) -> Option<Duration> {
    let (total, started, last) = (run.progress.total?, run.started_at?, run.last_progress_at?);
    let processed = run.progress.processed;
    let spent = millis(last.since(started)).saturating_sub(run.waited);
    if processed == 0 || spent == 0 || run.work != Work::Sync {
        return None;
    }
    let left = total.saturating_sub(processed);
    Some(Duration::from_millis(spent.saturating_mul(left) / processed))
}

/// How long a run may show no progress before its source says that it is stalled:
/// some times what it usually takes, never under the lease, never over an hour.
pub fn patience(expected: Option<Expected>, lease: Duration) -> Duration {
    let learned = expected.map(|expected| Duration::from_millis((expected.usually + expected.spread).saturating_mul(PATIENCE)));
    learned.unwrap_or(LONGEST_SILENCE).clamp(lease.min(LONGEST_SILENCE), LONGEST_SILENCE)
}

/// Whether a run ought to have been heard of. One that waits for a moment, or for
/// another run, is silent by right; one that waits for a worker is given the hour.
pub fn is_stalled(run: &Run, lease: Duration, now: Moment) -> bool {
    match run.status {
        RunStatus::Running | RunStatus::Cancelling => silence(run, now) > patience(run.expected, lease),
        _ => is_silent(run, now),
    }
}

/// Whether it was not heard of for so long that an operator has to know.
pub fn is_silent(run: &Run, now: Moment) -> bool {
    let should_be_heard = match run.status {
        RunStatus::Running | RunStatus::Cancelling => true,
        RunStatus::Queued => run.follows.is_none(),
        _ => false,
    };
    should_be_heard && silence(run, now) > LONGEST_SILENCE
}

fn silence(run: &Run, now: Moment) -> Duration {
    // What it waited for by right is no silence.
    let begun = run.trail.iter().rev().find(|noted| matches!(noted.what.as_str(), "run.claimed" | "run.promoted")).map(|noted| noted.at);
    let heard = [run.last_progress_at, run.started_at, run.paused_at, begun].into_iter().flatten().max().unwrap_or(run.created_at);
    now.since(heard)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "estimate_tests.rs"]
mod tests;
