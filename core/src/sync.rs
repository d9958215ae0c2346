//! Do a run: claim it, page through it, checkpoint, hand it on or end it.
//!
//! One slice is what one message lets a worker do. What is read and written
//! differs by the kind of source and has a file each under `sync/`; what makes a
//! run safe is the same for all and is in `held`.

use std::time::Duration;

use tracing::{info, warn};

use crate::admission::Counted;
use crate::clock::Moment;
use crate::error::Fault;
use crate::model::{Owner, Run, RunStatus, Source, SourceKind, UserId, Work};
use crate::moves::{self, NotClaimed};
use crate::plane::Plane;
use crate::queue::Job;
use crate::store::conditions::Write;
use crate::store::{Claimed, Ended, Place, Saved};

mod code;
mod folder;
mod held;
mod items;
mod looking;
mod missing;
mod moved;
mod page;
mod pages;
mod purse;
mod relisting;
mod removal;
mod removals;
mod reporting;
mod streams;
mod weather;
mod workspace;

use held::Held;
pub(crate) use purse::Purse;
pub(crate) use reporting::report_end;
pub(crate) use weather::redacted;

/// What became of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slice {
    /// The run did its work.
    Finished,
    /// Time was nearly up; a new message goes on.
    Continues,
    /// It waits for a limit.
    Paused(Moment),
    /// Someone else holds the run: nothing was written.
    Superseded,
    Cancelled,
    Failed,
    /// The message had nothing to do.
    Dropped(NotClaimed),
    /// Its workspace has as many runs under way as it may.
    HeldBack,
    /// There is no such run any more.
    Unknown,
    /// A credential was looked at: there was no run.
    Validated,
    /// The other side of a source was looked at.
    Looked,
    /// A hook was told of its run.
    Notified,
    /// It was only to be there.
    Warmed,
}

/// How a kind of source brings its slice to an end.
enum End {
    Done {
        counted: Counted,
        with: Vec<Write>,
    },
    Failed {
        code: &'static str,
        message: String,
        at: Option<String>,
    },
    Paused {
        until: Moment,
        why: String,
    },
    /// Others work for it; it looks at them again.
    LookAgain {
        after: Duration,
    },
    /// It was asked to stop, and did what had to be done for that.
    Stopped {
        why: String,
    },
    TimeUp,
}

impl End {
    fn failed(code: &'static str, message: impl Into<String>, at: Option<String>) -> Self {
        Self::Failed { code, message: message.into(), at }
    }
}

/// Why a slice stopped in its middle.
enum Stop {
    Superseded,
    Cancelled,
    /// Someone asked this run, which has children, to stop: this is its row.
    Asked(Box<Run>),
    /// Somebody changed by hand what this part was to change: it is to be looked at
    /// again.
    Outrun(&'static str),
    Fault(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Works on the run a message names until it ends, has to wait, or `deadline`
/// is near.
pub async fn sync(plane: &Plane, job: &Job, deadline: Moment) -> Result<Slice, Fault> {
    let (of, id, epoch) = match job {
        Job::Sync { of, run, epoch } => (of, run, epoch),
        Job::Validate { source, fingerprint } => {
            crate::credential::validate(plane, source, fingerprint).await?;
            return Ok(Slice::Validated);
        }
        Job::Probe { source, version } => {
            Box::pin(crate::health::look(plane, source, *version)).await?;
            return Ok(Slice::Looked);
        }
        Job::Notify { of, run, hook } => {
            Box::pin(crate::notify::deliver(plane, of, *run, hook, deadline)).await?;
            return Ok(Slice::Notified);
        }
        Job::Warm => return Ok(Slice::Warmed),
    };
    let claimed_by = crate::digest::hex(&plane.chance.bytes::<8>());
    let source = async {
        match of {
            Owner::Source(id) => plane.store.source(id).await,
            Owner::Workspace(_) => Ok(None),
        }
    };
    let (run, source) = futures::try_join!(plane.store.run(of, *id), source)?;
    let Some(mut run) = run else {
        warn!(decision = "message.unknown", run = %id, "no such run; the message is dropped");
        return Ok(Slice::Unknown);
    };
    let most = source.as_ref().and_then(|source| source.limits.max_concurrent_runs);
    let claimed = loop {
        let now = plane.clock.now();
        let claimed = match moves::claim(&run, *epoch, &claimed_by, now, plane.config.lease) {
            Ok(claimed) => Run { slotted: most.is_some(), ..claimed },
            // Our own claim, whose answer was lost on the way.
            Err(_) if run.claimed_by.as_ref() == Some(&claimed_by) && run.status == RunStatus::Running => break run,
            Err(why) => return Ok(Slice::Dropped(why)),
        };
        let place = match most {
            Some(most) => plane.store.place(&run, most, now).await?,
            None => Place::Free(Vec::new()),
        };
        let with = match place {
            Place::Free(with) => with,
            Place::Full { is_known } => match hold_back(plane, run, is_known).await? {
                Ok(slice) => return Ok(slice),
                // It moved, or waits as of now: a slot that became free meanwhile
                // was passed on to nobody, so it looks once more.
                Err(now_is) => {
                    run = now_is;
                    continue;
                }
            },
        };
        match plane.store.claim(&claimed, run.version, with).await? {
            Claimed::Done => break claimed,
            Claimed::Lost(Some(won)) => run = *won,
            Claimed::Lost(None) => return Ok(Slice::Unknown),
            Claimed::SlotLost => {}
        }
    };
    info!(decision = "run.claimed", workspace = %claimed.workspace, source = source_of(&claimed), run = %claimed.id,
        epoch = claimed.epoch, request = claimed.request_id.as_deref().unwrap_or_default());
    if claimed.epoch == 1 {
        crate::notify::call(plane, &claimed).await;
    }
    if let Some(drift) = moves::drift_at_start(&claimed, plane.clock.now()).filter(|_| claimed.epoch == 1) {
        reporting::report_drift(plane, &claimed, drift);
    }
    Box::pin(work(plane, claimed, source, deadline)).await
}

/// There is no room for the run: it waits until another of its workspace ends.
/// The row as it is now, if that is news.
async fn hold_back(plane: &Plane, run: Run, is_known: bool) -> Result<Result<Slice, Run>, Fault> {
    if run.held_back && is_known {
        return Ok(Ok(Slice::HeldBack));
    }
    let waiting = moves::hold_back(&run, plane.clock.now());
    let with = vec![crate::store::Store::waiting_write(&run)?];
    match plane.store.save_run(&waiting, run.version, with).await? {
        Saved::Done => {
            info!(decision = "run.held_back", workspace = %run.workspace, source = source_of(&run), run = %run.id, "no slot is free");
            Ok(Err(waiting))
        }
        Saved::Lost(Some(won)) => Ok(Err(*won)),
        Saved::Lost(None) => Ok(Ok(Slice::Unknown)),
    }
}

/// Does what the claimed run is for, and brings the slice to its end.
async fn work(plane: &Plane, run: Run, source: Option<Source>, deadline: Moment) -> Result<Slice, Fault> {
    if run.has_children() {
        return Box::pin(with_children(plane, run, deadline)).await;
    }
    let Some(source) = source else {
        let mut held = Held::new(plane, run, deadline);
        let end = End::failed("SOURCE_NOT_FOUND", "the source of this run does not exist any more", None);
        return conclude(held.conclude(end).await);
    };
    let (id, relists) = (run.id, run.work == Work::Sync && run.options.full);
    let mut held = Held::new(plane, run, deadline);
    let end = match (held.run.work, source.kind) {
        (Work::Sync, _) if source.deleted_at.is_some() => Ok(End::failed("SOURCE_NOT_FOUND", "the source of this run was deleted", None)),
        (Work::Delete, _) => removal::remove(&mut held, &source).await,
        (Work::ApproveDeletions, _) => missing::approve(&mut held, &source).await,
        (Work::DiscardDeletions, _) => missing::discard(&mut held, &source).await,
        (Work::Sync, SourceKind::Documents) => Box::pin(folder::sync(&mut held, &source)).await,
        (Work::Sync, SourceKind::Repository | SourceKind::Integration) => Box::pin(pages::sync(&mut held, &source)).await,
        (Work::Sync, SourceKind::Index) => Box::pin(code::sync(&mut held, &source)).await,
    };
    let slice = match end {
        Ok(end) => conclude(held.conclude(end).await),
        // Trying again would not help: the run ends here and says so.
        Err(Stop::Fault(Fault::Broken { part, why })) => {
            tracing::error!(decision = "run.broken", workspace = %held.run.workspace, run = %held.run.id, part, why);
            // What made the row too large, say, must not keep it from ending.
            held.run.warnings.clear();
            held.run.counted.clear();
            held.run.trail.clear();
            let end = End::failed("INTERNAL", format!("something went wrong inside ({part}); the log has it under the run's id"), None);
            conclude(held.conclude(end).await)
        }
        Err(stop) => conclude(Err(stop)),
    }?;
    let relists = relists || held.run.has_warned("STREAM_LISTED_ANEW");
    if relists && matches!(slice, Slice::Finished | Slice::Failed | Slice::Cancelled) {
        relisting::tidy(plane, id).await;
    }
    Ok(slice)
}

/// The same for a workspace run. Whoever asks it to stop in the middle of its slice
/// is heard at its next write.
async fn with_children(plane: &Plane, run: Run, deadline: Moment) -> Result<Slice, Fault> {
    let mut held = Held::new(plane, run, deadline);
    let mut end = workspace::sync(&mut held).await;
    loop {
        let concluded = match end {
            Ok(end) => held.conclude(end).await,
            Err(stop) => Err(stop),
        };
        let Err(Stop::Asked(asked)) = concluded else { return conclude(concluded) };
        held.run = *asked;
        end = workspace::stop(&mut held).await;
    }
}

fn conclude(ended: Result<Slice, Stop>) -> Result<Slice, Fault> {
    match ended {
        Ok(slice) => Ok(slice),
        Err(Stop::Superseded) => Ok(Slice::Superseded),
        Err(Stop::Cancelled) => Ok(Slice::Cancelled),
        // Only a run with children is asked so, and sees to it itself.
        Err(Stop::Asked(_)) => Ok(Slice::Continues),
        Err(Stop::Outrun(what)) => Err(crate::store::outrun(what)),
        Err(Stop::Fault(fault)) => Err(fault),
    }
}

/// The queue gave this message up: its run is buried if nobody went on with it.
pub async fn bury(plane: &Plane, job: &Job) -> Result<Slice, Fault> {
    // A look at a credential that failed so often leaves it unknown; of what a hook was
    // to be told the tick knows.
    let Job::Sync { of, run: id, epoch } = job else { return Ok(Slice::Unknown) };
    loop {
        let Some(run) = plane.store.run(of, *id).await? else { return Ok(Slice::Unknown) };
        let now = plane.clock.now();
        let Some(buried) = moves::bury(&run, *epoch, now) else { return Ok(Slice::Dropped(NotClaimed::Stale)) };
        if let Saved::Done = end_run(plane, &run, &buried, Counted::default(), &[], &machinery()).await? {
            return Ok(Slice::Failed);
        }
    }
}

/// Ends a run, frees its gate and puts it on record: whoever ends one does it
/// here.
pub(crate) async fn end_run(
    plane: &Plane,
    before: &Run,
    ended: &Run,
    counted: Counted,
    with: &[Write],
    by: &UserId,
) -> Result<Saved, Fault> {
    let now = plane.clock.now();
    let mut facts = std::collections::BTreeMap::from([("outcome".to_owned(), ended.status.as_str().to_owned())]);
    facts.extend(ended.error.as_ref().map(|error| ("error".to_owned(), error.code.clone())));
    let results = &ended.results;
    let changed = [("created", results.created), ("updated", results.updated), ("deleted", results.deleted), ("failed", results.failed)];
    facts.extend(changed.into_iter().filter(|(_, count)| *count > 0).map(|(what, count)| (what.to_owned(), count.to_string())));
    facts.extend(ended.quota_before.map(|left| ("quota_before".to_owned(), left.to_string())));
    facts.extend(ended.quota_after.map(|left| ("quota_after".to_owned(), left.to_string())));
    let audit = crate::trigger::audit_of(ended, by, "run.ended", now, facts);
    let row = plane.store.audit_row(&ended.workspace, &format!("{}#ended", ended.id), &audit)?;
    let mut writes = with.to_vec();
    writes.push(crate::store::conditions::put("audit", row));
    match plane.store.end_run(ended, before.version, counted, &writes, now).await? {
        Ended::Lost(won) => Ok(Saved::Lost(won)),
        Ended::Done { promoted } => {
            report_end(plane, ended, now);
            crate::notify::call(plane, ended).await;
            if ended.kind == Some(SourceKind::Integration) {
                Box::pin(crate::health::learn(plane, ended)).await;
            }
            if let Some(next) = promoted {
                crate::trigger::report_start(plane, &next, now);
                send(plane, &next, Duration::ZERO).await;
            }
            if let Some(next) = freed_slot(plane, before).await {
                send(plane, &next, Duration::ZERO).await;
            }
            Ok(Saved::Done)
        }
    }
}

/// The run that waits longest for the slot that this one held. If it cannot be
/// found now, the tick sends it.
async fn freed_slot(plane: &Plane, run: &Run) -> Option<Run> {
    if !run.slotted {
        return None;
    }
    let next = plane.store.next_waiting(&run.workspace).await;
    next.inspect_err(|why| warn!(decision = "slot.unpassed", workspace = %run.workspace, error = %why)).ok().flatten()
}

/// Sends a run's message. If that fails the tick sends it.
pub(crate) async fn send(plane: &Plane, run: &Run, delay: Duration) {
    if let Err(why) = plane.queue.send(&Job::for_run(run), &run.workspace, delay).await {
        warn!(decision = "send.failed", workspace = %run.workspace, run = %run.id, error = %why, "the tick will send it");
    }
}

/// Whether a run knows of a further page of the list that it reads.
pub fn has_next_page(run: &Run) -> bool {
    let place = run.next_request.as_deref().and_then(|place| serde_json::from_str::<streams::Place>(place).ok());
    matches!(place, Some(streams::Place::Page(next)) if next.number > 1 && !next.single)
}

/// Who ends a run when nobody asked for its end.
pub(crate) fn machinery() -> UserId {
    UserId::known("pullcord")
}

fn source_of(run: &Run) -> &str {
    run.source.as_ref().map(crate::model::SourceId::as_str).unwrap_or_default()
}

/// The longest a worker waits without giving its run back.
const LONGEST_NAP: Duration = Duration::from_secs(20);
