//! Runs that wait without holding their gate: what becomes of one when its moment
//! has come, or when the run before it should be there and is not.

use std::collections::BTreeMap;
use std::time::Duration;

use super::attempt::{MOST_RACES, enqueue, holder};
use super::record::made_way;
use super::{cooldown, floor_of, quota_key};
use crate::admission::{Admission, Asked, CooldownRule, Counted, OnBlocked, OnConflict, admit, lowered, park, promote, refused_until};
use crate::clock::Moment;
use crate::error::Fault;
use crate::model::{Gate, Run};
use crate::moves;
use crate::plane::Plane;
use crate::store::{Admittance, Admitted, Rows, Saved};
use crate::trigger::audit_of;

/// How soon a run whose place is taken looks again.
const AGAIN: Duration = Duration::from_mins(1);
/// How long it waits for a limit of which no end is known.
const UNKNOWN: Duration = Duration::from_mins(15);

/// What became of a run that waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// It holds its gate now.
    Begun,
    /// It waits for something else.
    Waits,
    /// It came to its end.
    Ended,
    /// Someone else moved it.
    Lost,
}

/// The moment that a parked run waited for has come: it takes its gate, or comes
/// after the run that holds it, or waits for what is in its way now.
pub(crate) async fn unpark(plane: &Plane, mut run: Run) -> Result<Woken, Fault> {
    let mut floor = None;
    for _ in 0..MOST_RACES {
        let now = plane.clock.now();
        let Some(rows) = waited_at(plane, &run).await? else { return end(plane, &run, "its source is gone").await };
        if rows.gate.parked != Some(run.id) {
            return end(plane, &run, "its gate does not know it any more").await;
        }
        let holder = holder(plane, &run.owner, &rows.gate, &rows.latest).await?;
        let asked = Asked {
            run: run.id,
            now,
            // What a webhook or a workspace run parked has to do with no cooldown, then or now.
            rule: if run.parent.is_some() || run.triggered_by == crate::deliver::sender() {
                CooldownRule::NONE
            } else {
                CooldownRule::FULL
            },
            cools_first: false,
            cooldown: cooldown(plane, &rows.subject),
            on_conflict: OnConflict::FollowUp,
            on_blocked: OnBlocked::Park,
            takes_over: false,
            overrides_cooldown: false,
            work: run.work,
        };
        let least = floor.unwrap_or_else(|| floor_of(plane, rows.subject.limits()));
        let (gate, moved, displaced, checks) = match admit(&rows.gate, holder.as_ref(), &asked) {
            Admission::Take { gate, displaced } => {
                let seen = holder.as_ref().map_or(0, |holder| holder.version);
                let displaced: Vec<(Run, u64)> = displaced.into_iter().map(|displaced| (*displaced, seen)).collect();
                (*gate, moves::promote(&run, now), displaced, true)
            }
            Admission::Follow { gate, after } => (*gate, moves::follow(&run, after, now), Vec::new(), false),
            Admission::Refuse(refusal) => {
                let until = refused_until(&refusal).unwrap_or(now.plus(UNKNOWN));
                (park(&rows.gate, run.id), moves::park(&run, now, until, &refusal.to_string()), Vec::new(), false)
            }
            Admission::Join(next) | Admission::Attach(next) => {
                let why = format!("run {next} comes first; this one is looked at again soon");
                (park(&rows.gate, run.id), moves::park(&run, now, now.plus(AGAIN), &why), Vec::new(), false)
            }
        };
        let admitted = write(plane, &rows, &run, &gate, &moved, &displaced, checks.then_some(least), now).await?;
        match admitted {
            Admitted::Done => {
                for (displaced, _) in &displaced {
                    crate::sync::report_end(plane, displaced, now);
                    crate::notify::call(plane, displaced).await;
                }
                if !moved.waits_outside() {
                    enqueue(plane, &moved, now, Duration::ZERO).await;
                    return Ok(Woken::Begun);
                }
                return Ok(Woken::Waits);
            }
            Admitted::QuotaLow(quota) => {
                let lower = lowered(least, quota.limit);
                if lower < least && quota.remaining >= lower {
                    floor = Some(lower);
                    continue;
                }
                let until = quota.resets_at.filter(|at| *at > now).unwrap_or(now.plus(UNKNOWN));
                let why = format!("the provider has only {} requests left", quota.remaining);
                let waits = moves::park(&run, now, until, &why);
                return Ok(match plane.store.save_run(&waits, run.version, Vec::new()).await? {
                    Saved::Done => Woken::Waits,
                    Saved::Lost(_) => Woken::Lost,
                });
            }
            _ => match plane.store.run(&run.owner, run.id).await? {
                Some(now_is) if now_is.status == run.status && now_is.follows.is_none() => run = now_is,
                _ => return Ok(Woken::Lost),
            },
        }
    }
    // Whoever changes the gate so often ticks, too.
    Ok(Woken::Lost)
}

#[expect(clippy::too_many_arguments, reason = "one write, with all that has to hold for it")]
async fn write(
    plane: &Plane,
    rows: &Rows,
    run: &Run,
    gate: &Gate,
    moved: &Run,
    displaced: &[(Run, u64)],
    floor: Option<u64>,
    now: Moment,
) -> Result<Admitted, Fault> {
    let facts = BTreeMap::from([("status".to_owned(), moved.status.as_str().to_owned())]);
    let line = audit_of(moved, &crate::sync::machinery(), "run.unparked", now, facts);
    let mut audit = if moved.waits_outside() { Vec::new() } else { vec![(format!("{}#unparked", run.id), line)] };
    audit.extend(made_way(displaced, run, &crate::sync::machinery(), now));
    let admittance = Admittance {
        run: moved,
        run_seen: run.version,
        gate,
        gate_seen: rows.gate.version,
        displaced,
        quota: floor.and_then(|floor| Some((quota_key(rows.subject.source()?)?, floor))),
        idempotency: None,
        audit,
        also: Vec::new(),
    };
    plane.store.admit(admittance, now).await
}

/// A run that follows another is due: the other one promotes it when it ends, so
/// this only makes sure that there still is one.
pub(crate) async fn attend(plane: &Plane, run: Run) -> Result<Woken, Fault> {
    let now = plane.clock.now();
    let Some(rows) = waited_at(plane, &run).await? else { return end(plane, &run, "its source is gone").await };
    if rows.gate.next != Some(run.id) {
        return end(plane, &run, "its gate does not know it any more").await;
    }
    if let Some(holder) = holder(plane, &run.owner, &rows.gate, &rows.latest).await?.filter(|holder| !holder.status.is_terminal()) {
        return Ok(match plane.store.save_run(&moves::wait_on(&run, holder.id, now), run.version, Vec::new()).await? {
            Saved::Done => Woken::Waits,
            Saved::Lost(_) => Woken::Lost,
        });
    }
    let mut gate = promote(&rows.gate, run.id, now);
    gate.version += 1;
    let moved = moves::promote(&run, now);
    match write(plane, &rows, &run, &gate, &moved, &[], None, now).await? {
        Admitted::Done => {
            enqueue(plane, &moved, now, Duration::ZERO).await;
            Ok(Woken::Begun)
        }
        _ => Ok(Woken::Lost),
    }
}

/// The rows of what a run waits for at its gate, while that is there.
async fn waited_at(plane: &Plane, run: &Run) -> Result<Option<Rows>, Fault> {
    Ok(plane.store.rows(&run.owner).await?.filter(|rows| !rows.subject.is_deleted()))
}

async fn end(plane: &Plane, run: &Run, why: &str) -> Result<Woken, Fault> {
    let ended = moves::end_cancelled(run, plane.clock.now(), why);
    let ended = crate::sync::end_run(plane, run, &ended, Counted::default(), &[], &crate::sync::machinery()).await?;
    Ok(if matches!(ended, Saved::Done) { Woken::Ended } else { Woken::Lost })
}
