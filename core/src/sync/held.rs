//! A run in the hands of this worker.
//!
//! Every write of a worker goes through here, on the condition that the run is
//! still ours. A lost write shows the row that won, and the row says what
//! happened: our own answer was lost on the way, the tick touched the run
//! without taking it, someone cancelled it, or someone else holds it.

use std::time::Duration;

use tracing::info;

use super::{End, Slice, Stop};
use crate::admission::Counted;
use crate::clock::Moment;
use crate::model::{Run, RunStatus};
use crate::moves;
use crate::plane::Plane;
use crate::planted::{Bug, is_planted};
use crate::queue::LONGEST_DELAY;
use crate::store::conditions::Write;
use crate::store::table::MOST_WRITES;
use crate::store::{Parted, Saved, of_progress};

pub(super) struct Held<'a> {
    pub(super) plane: &'a Plane,
    pub(super) run: Run,
    deadline: Moment,
}

impl<'a> Held<'a> {
    pub(super) fn new(plane: &'a Plane, run: Run, deadline: Moment) -> Self {
        Self { plane, run, deadline }
    }

    pub(super) fn now(&self) -> Moment {
        self.plane.clock.now()
    }

    /// Whether there is no time for another step of the longest kind.
    pub(super) fn time_is_up(&self) -> bool {
        self.time_is_up_after(Duration::ZERO)
    }

    /// Whether there is no time for such a step once `span` has passed.
    pub(super) fn time_is_up_after(&self, span: Duration) -> bool {
        self.now().plus(span + self.plane.config.request_deadline()) >= self.deadline
    }

    /// The slice has to end by this moment, if it is not over before.
    pub(super) fn ends_by(&mut self, moment: Option<Moment>) {
        self.deadline = moment.map_or(self.deadline, |moment| moment.min(self.deadline));
    }

    /// Commits a part: `run` has the new totals and place, `with` the rows that
    /// changed. All of it happens or none.
    pub(super) async fn commit_part(&mut self, run: Run, mut with: Vec<Write>) -> Result<(), Stop> {
        let (items, now) = (with.len(), self.now());
        let mut moved = moves::commit_part(run, now, self.plane.config.lease);
        moved.progress.told = self.run.progress.told;
        // A part that fills its transaction leaves the telling to the next.
        let fits = items + 1 + self.run.options.hooks.len() <= MOST_WRITES;
        let told = crate::notify::progressed(&self.run, &moved.progress, now).filter(|_| fits);
        if told.is_some() {
            moved.progress.told = told;
            with.extend(of_progress(&moved, now)?);
        }
        // Boxed: a run is large, and so would be every future that ends in this.
        Box::pin(self.write(moved, &with)).await?;
        if told.is_some() {
            crate::notify::call(self.plane, &self.run).await;
        }
        info!(decision = "run.part", workspace = %self.run.workspace, source = super::source_of(&self.run), run = %self.run.id,
            epoch = self.run.epoch, part = self.run.part_no, items, processed = self.run.progress.processed);
        Ok(())
    }

    /// Shows that this worker is alive, once a third of the lease has passed.
    /// Called after steps that are bounded in time, never by a timer: a worker
    /// that hangs must be overtaken.
    pub(super) async fn heartbeat(&mut self) -> Result<(), Stop> {
        let lease = self.plane.config.lease;
        let renewed_at = self.run.lease_until.unwrap_or(Moment(0)).minus(lease);
        if self.now().since(renewed_at) < lease / 3 {
            return Ok(());
        }
        Box::pin(self.write(moves::renew(&self.run, self.now(), lease), &[])).await
    }

    /// Looks whether someone asked the run to stop, where no write of its own would show
    /// it soon.
    pub(super) async fn heed(&mut self) -> Result<(), Stop> {
        match self.plane.store.run(&self.run.owner, self.run.id).await? {
            Some(now) if now.version == self.run.version => Ok(()),
            Some(_) => Box::pin(self.write(moves::renew(&self.run, self.now(), self.plane.config.lease), &[])).await,
            None => Err(Stop::Superseded),
        }
    }

    /// Lets a short while pass without giving the run back.
    pub(super) async fn nap(&mut self, span: Duration) -> Result<(), Stop> {
        let step = (self.plane.config.lease / 3).max(Duration::from_millis(1));
        let mut left = span;
        while !left.is_zero() {
            let now = left.min(step);
            self.plane.clock.sleep(now).await;
            left -= now;
            self.heartbeat().await?;
        }
        Ok(())
    }

    /// Writes the run as moved, on the condition that it is still ours.
    async fn write(&mut self, mut moved: Run, with: &[Write]) -> Result<(), Stop> {
        let mut seen = self.run.version;
        loop {
            let won = match self.plane.store.save_part(&moved, seen, with.to_vec()).await? {
                Parted::Done => break,
                Parted::Lost(Some(won)) => *won,
                Parted::Lost(None) => return Err(Stop::Superseded),
                Parted::Outrun(what) => return Err(Stop::Outrun(what)),
            };
            if won == moved {
                break;
            }
            self.still_ours(&won).await?;
            // Touched but not taken: our move goes on top of it.
            seen = won.version;
            moved.version = won.version + 1;
            moved.recall(&won);
        }
        self.run = moved;
        Ok(())
    }

    /// Whether the row that won is still this worker's run. If someone asked it
    /// to stop, it stops here.
    async fn still_ours(&self, won: &Run) -> Result<(), Stop> {
        let ours = (won.epoch == self.run.epoch || is_planted(Bug::NoEpochCheck)) && !won.status.is_terminal();
        match won.status {
            RunStatus::Running if ours => Ok(()),
            // Its children are told first.
            RunStatus::Cancelling if ours && won.has_children() => {
                if self.run.status == RunStatus::Cancelling {
                    Ok(())
                } else {
                    Err(Stop::Asked(Box::new(won.clone())))
                }
            }
            RunStatus::Cancelling if ours => {
                let mut latest = won.clone();
                latest.calls = self.run.calls.clone();
                let cancelled = moves::end_cancelled(&latest, self.now(), "cancelled; what was done before stays");
                match Box::pin(super::end_run(self.plane, won, &cancelled, Counted::default(), &[], &super::machinery())).await? {
                    Saved::Done => Err(Stop::Cancelled),
                    Saved::Lost(_) => Err(Stop::Superseded),
                }
            }
            RunStatus::Cancelled => Err(Stop::Cancelled),
            _ => {
                info!(decision = "run.superseded", workspace = %won.workspace, run = %won.id, epoch = self.run.epoch, won_by = won.epoch,
                    "another holds this run; this worker stops and writes nothing");
                Err(Stop::Superseded)
            }
        }
    }

    /// Brings the slice to its end.
    pub(super) async fn conclude(&mut self, end: End) -> Result<Slice, Stop> {
        let now = self.now();
        match end {
            End::Done { counted, with } => {
                let ended = moves::complete(&self.run, now);
                self.end(ended, counted, with).await?;
                Ok(Slice::Finished)
            }
            End::Failed { code, message, at } => {
                let ended = moves::fail(&self.run, now, code, &message, at);
                self.end(ended, Counted::default(), Vec::new()).await?;
                Ok(Slice::Failed)
            }
            End::Paused { until, why } => {
                let paused = moves::pause(&self.run, now, until, &why, LONGEST_DELAY);
                self.write(paused, &[]).await?;
                info!(decision = "run.paused", workspace = %self.run.workspace, source = super::source_of(&self.run), run = %self.run.id,
                    epoch = self.run.epoch, %until, why);
                if until.since(now) <= LONGEST_DELAY {
                    super::send(self.plane, &self.run, until.since(now)).await;
                }
                // Whoever waits for the slot need not wait for this run.
                if let Some(next) = super::freed_slot(self.plane, &self.run).await {
                    super::send(self.plane, &next, Duration::ZERO).await;
                }
                Ok(Slice::Paused(until))
            }
            End::LookAgain { after } => {
                self.write(moves::look_again(&self.run, now, after), &[]).await?;
                super::send(self.plane, &self.run, after).await;
                Ok(Slice::Continues)
            }
            End::Stopped { why } => {
                let ended = moves::end_cancelled(&self.run, now, &why);
                self.end(ended, Counted::default(), Vec::new()).await?;
                Ok(Slice::Cancelled)
            }
            End::TimeUp if is_planted(Bug::EarlyHandOver) => {
                super::send(self.plane, &self.run, Duration::ZERO).await;
                self.write(moves::hand_over(&self.run, now), &[]).await?;
                Ok(Slice::Continues)
            }
            End::TimeUp => {
                self.write(moves::hand_over(&self.run, now), &[]).await?;
                info!(decision = "run.handed_over", workspace = %self.run.workspace, source = super::source_of(&self.run),
                    run = %self.run.id, epoch = self.run.epoch);
                super::send(self.plane, &self.run, Duration::ZERO).await;
                Ok(Slice::Continues)
            }
        }
    }

    async fn end(&mut self, mut ended: Run, counted: Counted, with: Vec<Write>) -> Result<(), Stop> {
        let mut before = self.run.clone();
        loop {
            match Box::pin(super::end_run(self.plane, &before, &ended, counted, &with, &super::machinery())).await? {
                Saved::Done => break,
                Saved::Lost(Some(won)) if *won == ended => {
                    super::report_end(self.plane, &ended, self.now());
                    crate::notify::call(self.plane, &ended).await;
                    break;
                }
                Saved::Lost(Some(won)) => {
                    self.still_ours(&won).await?;
                    ended.recall(&won);
                    ended.version = won.version + 1;
                    before = *won;
                }
                Saved::Lost(None) => return Err(Stop::Superseded),
            }
        }
        self.run = ended;
        Ok(())
    }
}
