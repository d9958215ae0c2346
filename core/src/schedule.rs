//! The tick: send what is due, revive what stopped, end what cannot go on.
//!
//! A tick is idempotent, and two at once do no harm: each move is written on the
//! condition that the run is still as it was read.

mod periods;

use std::time::Duration;

use futures::{StreamExt, stream};
use tracing::info;

use crate::admission::Counted;
use crate::clock::Moment;
use crate::error::Fault;
use crate::estimate;
use crate::model::Run;
use crate::moves::{self, Nudge};
use crate::plane::Plane;
use crate::store::{OpenRun, Saved};
use crate::trigger::{self, Woken};

pub use periods::Periods;

/// Due runs moved before the next look.
const AT_ONCE: usize = 1_000;
/// Runs moved side by side.
const SIDE_BY_SIDE: usize = 16;

/// What a tick did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticked {
    pub sent: usize,
    pub ended: usize,
    pub stalled: usize,
    pub periods: Periods,
}

/// Looks at everything that is due.
pub async fn tick(plane: &Plane) -> Result<Ticked, Fault> {
    let mut ticked = Ticked::default();
    let open = loop {
        let now = plane.clock.now();
        let open = plane.store.open().await?;
        let due: Vec<OpenRun> = open.iter().take_while(|one| one.due_at <= now).take(AT_ONCE).cloned().collect();
        let moved: Vec<Moved> = stream::iter(plane.store.open_runs(&due).await?)
            .map(|run| async move {
                let id = run.id;
                // One run that cannot be moved must not keep the others waiting.
                Box::pin(nudge(plane, run, now)).await.unwrap_or_else(|why| {
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
            break open;
        }
    };
    ticked.stalled = silent(plane, open).await?.len();
    ticked.periods = Box::pin(periods::begin(plane)).await?;
    // No run waits for it, and no run is to miss the tick by it.
    if let Err(why) = Box::pin(crate::notify::remind(plane)).await {
        tracing::error!(decision = "tick.notices_failed", error = %why);
    }
    let now = plane.clock.now();
    let Periods { begun, skipped } = ticked.periods;
    info!(decision = "tick", sent = ticked.sent, ended = ticked.ended, stalled = ticked.stalled, begun, skipped);
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
            crate::sync::send(plane, &moved, Duration::ZERO).await;
            Ok(Moved::Sent)
        }
        Nudge::Unpark => Ok(moved(trigger::unpark(plane, run).await?)),
        Nudge::Attend => Ok(moved(trigger::attend(plane, run).await?)),
        Nudge::End(ended) => match crate::sync::end_run(plane, &run, &ended, Counted::default(), &[], &crate::sync::machinery()).await? {
            Saved::Done => Ok(Moved::Ended),
            Saved::Lost(_) => Ok(Moved::Not),
        },
    }
}

fn moved(woken: Woken) -> Moved {
    match woken {
        Woken::Begun | Woken::Waits => Moved::Sent,
        Woken::Ended => Moved::Ended,
        Woken::Lost => Moved::Not,
    }
}

/// Runs that wait for nobody and yet made no progress for an hour.
pub async fn stalled(plane: &Plane) -> Result<Vec<Run>, Fault> {
    silent(plane, plane.store.open().await?).await
}

async fn silent(plane: &Plane, mut open: Vec<OpenRun>) -> Result<Vec<Run>, Fault> {
    let now = plane.clock.now();
    let before = now.minus(estimate::LONGEST_SILENCE);
    open.retain(|one| one.made_at().is_none_or(|made| made < before));
    Ok(plane.store.open_runs(&open).await?.into_iter().filter(|run| estimate::is_silent(run, now)).collect())
}

/// Frees what an earlier process held. Only for a process that has the table to
/// itself, and only before it starts working.
pub async fn expire_leases(plane: &Plane) -> Result<usize, Fault> {
    let mut freed = 0;
    for run in plane.store.open_runs(&plane.store.open().await?).await? {
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
