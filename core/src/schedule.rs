//! The tick: send what is due, revive what stopped, end what cannot go on.
//!
//! A tick is idempotent, and two at once do no harm: each move is written on the
//! condition that the run is still as it was read.

use std::time::Duration;

use futures::{StreamExt, stream};
use tracing::{info, warn};

use crate::admission::Counted;
use crate::clock::Moment;
use crate::error::Fault;
use crate::model::{Run, RunStatus};
use crate::moves::{self, Nudge};
use crate::plane::Plane;
use crate::queue::Job;
use crate::store::Saved;

/// Due runs looked at in one go, to a shard.
const AT_ONCE: usize = 250;
/// Runs moved side by side.
const SIDE_BY_SIDE: usize = 16;
/// A run without progress for so long is stalled, whatever it waits for.
const STALLED_AFTER: Duration = Duration::from_hours(1);

/// What a tick did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticked {
    pub sent: usize,
    pub ended: usize,
    pub stalled: usize,
}

/// Looks at everything that is due.
pub async fn tick(plane: &Plane) -> Result<Ticked, Fault> {
    let mut ticked = Ticked::default();
    loop {
        let now = plane.clock.now();
        let due = plane.store.due(now, AT_ONCE).await?;
        let moved: Vec<Moved> = stream::iter(due)
            .map(|run| async move {
                let id = run.id;
                // One run that cannot be moved must not keep the others waiting.
                nudge(plane, run, now).await.unwrap_or_else(|why| {
                    tracing::error!(decision = "tick.run_failed", run = %id, error = %why);
                    Moved::Not
                })
            })
            .buffer_unordered(SIDE_BY_SIDE)
            .collect()
            .await;
        let count = |what: Moved| moved.iter().filter(|one| **one == what).count();
        ticked.sent += count(Moved::Sent);
        ticked.ended += count(Moved::Ended);
        // Whatever was moved is not due any more; another look finds the rest.
        if count(Moved::Sent) + count(Moved::Ended) < AT_ONCE {
            break;
        }
    }
    ticked.stalled = stalled(plane).await?.len();
    let now = plane.clock.now();
    info!(decision = "tick", sent = ticked.sent, ended = ticked.ended, stalled = ticked.stalled);
    crate::telemetry::emit(&plane.config, now, &[("StalledRuns", ticked.stalled as f64, "Count")], &[]);
    Ok(ticked)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Moved {
    Sent,
    Ended,
    Not,
}

async fn nudge(plane: &Plane, run: Run, now: Moment) -> Result<Moved, Fault> {
    match moves::nudge(&run, now) {
        Nudge::NotDue => Ok(Moved::Not),
        Nudge::Send(moved) => {
            if let Saved::Lost(_) = plane.store.save_run(&moved, run.version, Vec::new()).await? {
                return Ok(Moved::Not);
            }
            if let Err(why) = plane.queue.send(&Job::for_run(&moved), &moved.workspace, Duration::ZERO).await {
                warn!(decision = "send.failed", workspace = %moved.workspace, run = %moved.id, error = %why, "a later tick will send it");
            }
            Ok(Moved::Sent)
        }
        Nudge::End(ended) => match crate::sync::end_run(plane, &run, &ended, Counted::default(), &[], &crate::sync::machinery()).await? {
            Saved::Done => Ok(Moved::Ended),
            Saved::Lost(_) => Ok(Moved::Not),
        },
    }
}

/// Runs that wait for nobody and yet made no progress for an hour.
pub async fn stalled(plane: &Plane) -> Result<Vec<Run>, Fault> {
    let before = plane.clock.now().minus(STALLED_AFTER);
    let candidates = plane.store.open_runs(Some(before)).await?;
    let heard_of = |run: &Run| run.last_progress_at.unwrap_or(run.created_at);
    let works = |run: &Run| matches!(run.status, RunStatus::Queued | RunStatus::Running | RunStatus::Cancelling);
    Ok(candidates.into_iter().filter(|run| works(run) && heard_of(run) < before).collect())
}

/// Frees what an earlier process held. Only for a process that has the table to
/// itself, and only before it starts working.
pub async fn expire_leases(plane: &Plane) -> Result<usize, Fault> {
    let mut freed = 0;
    for run in plane.store.open_runs(None).await? {
        let Some(moved) = moves::expire(&run, plane.clock.now()) else { continue };
        let written = if moved.status.is_terminal() {
            crate::sync::end_run(plane, &run, &moved, Counted::default(), &[], &crate::sync::machinery()).await
        } else {
            plane.store.save_run(&moved, run.version, Vec::new()).await
        };
        match written {
            Ok(_) => freed += 1,
            Err(why) => tracing::error!(decision = "expire.failed", run = %run.id, error = %why),
        }
    }
    Ok(freed)
}
