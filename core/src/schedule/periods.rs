//! Periods that are due: a run for each, once.
//!
//! The key is source and period, as with any trigger that is repeated. So whoever
//! finds a period due asks for its run, and only then moves the source's row on to
//! the next period: two ticks at once, or one that dies between the two, find the
//! run that there is.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt, stream};

use crate::admission::{OnBlocked, OnConflict, Surface};
use crate::calendar;
use crate::clock::Moment;
use crate::error::{Error, Fault};
use crate::model::{Health, Person, Role, RunId, UserId};
use crate::plane::Plane;
use crate::planted::{Bug, is_planted};
use crate::queue::Job;
use crate::store::conditions::{self, Write};
use crate::store::items::Audit;
use crate::store::keys;
use crate::store::{Period, Store};
use crate::trigger::{Answer, Ask, Asker, IdempotencyKey, trigger};

use super::{AT_ONCE, SIDE_BY_SIDE};

/// How long before its period a source's worker is warmed up, and how far ahead a
/// tick has to look for that.
const WARM_BEFORE: Duration = Duration::from_secs(30);
const LOOK_AHEAD: Duration = Duration::from_secs(90);
/// After this the next tick goes on: a function has a minute, and others are due, too.
const LONGEST: Duration = Duration::from_secs(25);
/// So many runs of a tick begin in a second: what is due at the same minute is not
/// asked of a provider in the same second.
const A_SECOND: u64 = 25;
const LONGEST_SPREAD: Duration = Duration::from_secs(45);

/// What became of the periods that were due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Periods {
    pub begun: usize,
    pub skipped: usize,
}

/// Who asks for scheduled runs. Nobody else can be called so.
pub(crate) fn clockwork() -> UserId {
    UserId::known("schedule")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Came {
    Begun,
    Skipped,
    /// Another tick was first.
    Lost,
}

/// Begins what is due.
pub(super) async fn begin(plane: &Plane) -> Result<Periods, Fault> {
    let (mut periods, began) = (Periods::default(), plane.clock.now());
    loop {
        let now = plane.clock.now();
        let found = plane.store.clock_due(now.plus(LOOK_AHEAD), AT_ONCE).await?;
        let (mut due, ahead): (Vec<Period>, Vec<Period>) = found.periods.into_iter().partition(|period| period.due_at <= now);
        if due.is_empty() || now.since(began) > LONGEST {
            let looks = found.looks.into_iter().filter(|health| health.due_at.is_some_and(|at| at <= now));
            stream::iter(looks).for_each_concurrent(SIDE_BY_SIDE, |health| look(plane, health, now)).await;
            stream::iter(ahead).for_each_concurrent(SIDE_BY_SIDE, |period| warm(plane, period, now)).await;
            return Ok(periods);
        }
        // Two ticks at once go different ways through what is due.
        let first = plane.chance.below(due.len());
        due.rotate_left(first);
        let came: Vec<Came> = stream::iter(due.into_iter().zip(periods.begun..))
            .map(|(period, place)| async move {
                let source = period.source.clone();
                // One that cannot be begun must not keep the others waiting.
                Box::pin(one(plane, period, spread(place), now)).await.unwrap_or_else(|why| {
                    tracing::error!(decision = "schedule.failed", source = %source, error = %why);
                    Came::Lost
                })
            })
            .buffer_unordered(SIDE_BY_SIDE)
            .collect()
            .await;
        let count = |what: Came| came.iter().filter(|one| **one == what).count();
        periods.begun += count(Came::Begun);
        periods.skipped += count(Came::Skipped);
        // What was moved is not due any more; another look finds the rest.
        if count(Came::Begun) + count(Came::Skipped) == 0 {
            return Ok(periods);
        }
    }
}

/// Has the other side of an integration looked at.
async fn look(plane: &Plane, health: Health, now: Moment) {
    let source = health.source.clone();
    if let Err(why) = crate::health::ask(plane, health, now).await {
        tracing::warn!(decision = "health.unasked", source = %source, error = %why, "a later tick asks");
    }
}

/// When the run at this place of a tick is to be seen by a worker.
fn spread(place: usize) -> Duration {
    Duration::from_secs(place as u64 / A_SECOND).min(LONGEST_SPREAD)
}

async fn one(plane: &Plane, period: Period, delay: Duration, now: Moment) -> Result<Came, Fault> {
    let (at, missed) = calendar::newest_due(&period.schedule, period.due_at, now);
    let denied = calendar::denied(&period.schedule, at).or_else(|| calendar::denied(&period.schedule, now));
    let came = match denied {
        Some(why) => Err(why),
        // Set anew, or taken away, since it was found due.
        None if plane.store.period(&period.source).await?.is_none_or(|now_is| now_is.version != period.version) => return Ok(Came::Lost),
        None => run_for(plane, &period, at, delay).await?,
    };
    let mut with = Vec::new();
    if missed > 0 {
        with.push(record(plane, &period, "schedule.missed", at, [("periods", missed.to_string()), ("since", period.due_at.rfc3339())])?);
        tracing::warn!(decision = "schedule.missed", workspace = %period.workspace, source = %period.source, periods = missed);
    }
    if let Err(why) = &came {
        with.push(record(plane, &period, "schedule.skipped", at, [("why", why.clone())])?);
        tracing::info!(decision = "schedule.skipped", workspace = %period.workspace, source = %period.source, why);
    }
    let moved =
        calendar::next(&period.schedule, now.max(at)).map(|due_at| Period { due_at, version: period.version + 1, ..period.clone() });
    with.insert(
        0,
        match &moved {
            Some(moved) => Store::period_write(moved, period.version)?,
            None => conditions::delete_unchanged("period", keys::period(&period.source), period.version),
        },
    );
    let is_first = plane.store.move_due(with).await?;
    Ok(match came {
        _ if !is_first => Came::Lost,
        Ok(_) => Came::Begun,
        Err(_) => Came::Skipped,
    })
}

/// The run of a period; or why there is none.
async fn run_for(plane: &Plane, period: &Period, at: Moment, delay: Duration) -> Result<Result<RunId, String>, Fault> {
    let asker = Asker::Known(Person { user: clockwork(), memberships: vec![(period.workspace.clone(), Role::Admin)] });
    let key = IdempotencyKey { scope: format!("schedule\n{}\n{}", period.source, at.0), body_hash: String::new() };
    let ask = Ask {
        on_conflict: OnConflict::FollowUp,
        on_blocked: OnBlocked::Park,
        idempotency: Some(key).filter(|_| !is_planted(Bug::PeriodTwice)),
        scheduled_for: Some(at),
        delay,
        ..Ask::sync(period.source.clone(), asker, Surface::Schedule)
    };
    match Box::pin(trigger(plane, ask)).await {
        Ok(Answer::Accepted(run) | Answer::Attached(run) | Answer::FollowUp(run) | Answer::Parked(run) | Answer::Repeated(run)) => {
            Ok(Ok(run.id))
        }
        Ok(Answer::Fresh { .. } | Answer::Would(_)) => Ok(Err("nothing was to be done".to_owned())),
        Err(Error::Fault(fault)) => Err(fault),
        Err(why) => Ok(Err(why.to_string())),
    }
}

/// A line of the audit about a period.
fn record<const COUNT: usize>(
    plane: &Plane,
    period: &Period,
    what: &str,
    at: Moment,
    facts: [(&str, String); COUNT],
) -> Result<Write, Fault> {
    let mut facts: BTreeMap<String, String> = facts.into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect();
    facts.insert("scheduled_for".to_owned(), at.rfc3339());
    let line = Audit {
        at: plane.clock.now(),
        who: clockwork(),
        what: what.to_owned(),
        source: Some(period.source.clone()),
        run: None,
        facts,
        count: 1,
    };
    Ok(conditions::put("audit", plane.store.audit_row(&period.workspace, &format!("{}#{}#{what}", period.source, at.0), &line)?))
}

/// Has a worker be there when a period comes, where that is wanted. Nothing depends
/// on it.
async fn warm(plane: &Plane, period: Period, now: Moment) {
    if !period.schedule.prewarm || period.warmed_for == Some(period.due_at) {
        return;
    }
    let delay = period.due_at.since(now).saturating_sub(WARM_BEFORE);
    let warmed = Period { warmed_for: Some(period.due_at), version: period.version + 1, ..period.clone() };
    let sent = async {
        if plane.store.move_due(vec![Store::period_write(&warmed, period.version)?]).await? {
            plane.queue.send(&Job::Warm, &period.workspace, delay).await?;
        }
        Ok::<(), Fault>(())
    };
    if let Err(why) = sent.await {
        tracing::warn!(decision = "schedule.unwarmed", source = %period.source, error = %why);
    }
}
