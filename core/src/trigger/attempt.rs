//! One trigger on its way through the gate.

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::info;

use super::record::{audit_of, made_way, refuse};
use super::{Answer, Ask, IdempotencyKey, Would, cooldown, floor_of, low, quota_key, quota_low, repeat};
use crate::admission::{Admission, Asked, OnBlocked, OnConflict, Surface, admit, cooling, lowered, park, refused_until};
use crate::clock::Moment;
use crate::error::{Error, Fault, Refusal};
use crate::model::{Gate, Owner, Run, RunId, Source, SourceId, SourceKind, Trigger, Work};
use crate::moves;
use crate::plane::Plane;
use crate::store::conditions::Write;
use crate::store::items::{Audit, Idempotency, Quota};
use crate::store::{Admittance, Admitted, Rows, Store, Subject};

/// How soon the tick looks after a message that may not have been sent.
pub(super) const FIRST_SEND: Duration = Duration::from_secs(90);
/// Races lost in a row before the caller is asked to come back.
pub(super) const MOST_RACES: u32 = 10;

pub(super) struct Attempt<'a> {
    pub(super) plane: &'a Plane,
    pub(super) ask: &'a Ask,
    pub(super) now: Moment,
}

/// What is to be written, once the rows have been looked at.
struct Entry {
    run: Run,
    gate: Gate,
    displaced: Vec<(Run, u64)>,
    checks_quota: bool,
    how: How,
}

/// As what a run comes to its gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Holder,
    Next,
    Parked,
}

impl Attempt<'_> {
    pub(super) async fn enter(&self, mut rows: Rows) -> Result<Answer, Error> {
        let Self { plane, ask, now } = *self;
        let asked = self.asked(&rows.subject);
        let mut floor = floor_of(plane, rows.subject.limits());
        // That of a source is checked when it is written.
        let looks_before = ask.dry_run || rows.subject.source().is_none();
        let mut low = if looks_before { self.low_quota(&rows.subject, floor).await? } else { None };
        for _ in 0..MOST_RACES {
            let holder = holder(plane, &ask.of, &rows.gate, &rows.latest).await?;
            if ask.work.decides() && rows.gate.held_deletions == 0 {
                return Err(Error::Conflict("nothing of this source is held: there is nothing to decide".into()));
            }
            let admission = match (admit(&rows.gate, holder.as_ref(), &asked), &low) {
                (Admission::Take { .. }, Some(quota)) => Admission::Refuse(quota_low(quota)),
                // Nothing checks it in the transaction: its turn comes later.
                (Admission::Follow { gate, after }, known) => {
                    let low = if looks_before { known.clone() } else { self.low_quota(&rows.subject, floor).await? };
                    low.map_or(Admission::Follow { gate, after }, |quota| Admission::Refuse(quota_low(&quota)))
                }
                (admission, _) => admission,
            };
            let entry = match admission {
                Admission::Attach(id) => match self.attach(&rows, id, holder).await? {
                    Some(answer) => return Ok(answer),
                    None => Err(()),
                },
                Admission::Join(next) => match self.join(&rows, next).await? {
                    Some(answer) => return Ok(answer),
                    None => Err(()),
                },
                Admission::Follow { after, .. } if ask.dry_run => return Ok(Answer::Would(Would::FollowUp { after, run: None })),
                Admission::Follow { gate, after } => Ok(self.following(&rows, *gate, asked.run, after)),
                Admission::Refuse(refusal) => match (refused_until(&refusal).filter(|_| self.may_park()), rows.gate.parked) {
                    (Some(_), Some(parked)) => match self.join(&rows, parked).await? {
                        Some(answer) => return Ok(answer),
                        None => Err(()),
                    },
                    (Some(until), None) if ask.dry_run => return Ok(Answer::Would(Would::Park { until, run: None })),
                    (Some(until), None) => Ok(self.parked(&rows, asked.run, until, &refusal)),
                    (None, _) if ask.dry_run => return Ok(Answer::Would(Would::Refuse(refusal))),
                    (None, _) => return refuse(plane, ask, &rows.subject, refusal).await,
                },
                Admission::Take { .. } if ask.dry_run => return Ok(Answer::Would(Would::Accept)),
                Admission::Take { gate, displaced } => {
                    let seen = holder.as_ref().map_or(0, |holder| holder.version);
                    let mut displaced: Vec<(Run, u64)> = displaced.into_iter().map(|displaced| (*displaced, seen)).collect();
                    displaced.extend(self.waiting_too(&rows).await?);
                    let run = self.new_run(&rows, asked.run);
                    Ok(Entry { run, gate: *gate, displaced, checks_quota: self.checks_quota(), how: How::Holder })
                }
            };
            let admitted = match &entry {
                Ok(entry) => self.write(entry, &rows, floor).await?,
                // Who was to be joined moved on: another look.
                Err(()) => Admitted::HolderLost,
            };
            match (admitted, entry) {
                (Admitted::Done, Ok(entry)) => return Ok(self.entered(entry).await),
                (Admitted::GateLost(Some(won)), _) if self.lost_to(&rows.subject, &rows.gate, &won).is_some() => {
                    // The winner may be this very request, sent twice at once.
                    if let Some(key) = &ask.idempotency {
                        if let Some(used) = plane.store.idempotency(&key.scope, now).await? {
                            return repeat(plane, key, used).await;
                        }
                    }
                    let refusal =
                        self.lost_to(&rows.subject, &rows.gate, &won).unwrap_or(Refusal::InProgress { run: asked.run, holder: None });
                    return refuse(plane, ask, &rows.subject, refusal).await;
                }
                (Admitted::QuotaLow(quota), _) => {
                    let lower = lowered(floor, quota.limit);
                    if lower >= floor || quota.remaining < lower {
                        low = Some(quota);
                    } else {
                        floor = lower;
                    }
                }
                (Admitted::KeyTaken(Some(used)), _) => {
                    if let Some(key) = &ask.idempotency {
                        return repeat(plane, key, used).await;
                    }
                }
                _ => {
                    let deleted = rows.subject.is_deleted();
                    rows = plane.store.rows(&ask.of).await?.ok_or(Error::NotFound(ask.of.what()))?;
                    if rows.subject.is_deleted() != deleted {
                        return Err(Error::NotFound(ask.of.what()));
                    }
                }
            }
        }
        Err(Fault::unavailable("table", "the gate changed too often to enter").into())
    }

    fn asked(&self, subject: &Subject) -> Asked {
        Asked {
            run: RunId(self.plane.chance.id(self.now)),
            now: self.now,
            rule: self.ask.surface.cooldown_rule(),
            cools_first: self.ask.surface.cools_first(),
            cooldown: cooldown(self.plane, subject),
            on_conflict: self.ask.on_conflict,
            on_blocked: self.ask.on_blocked,
            takes_over: true,
            overrides_cooldown: self.ask.override_cooldown.is_some() || self.ask.work != Work::Sync,
            work: self.ask.work,
        }
    }

    fn may_park(&self) -> bool {
        self.ask.on_blocked == OnBlocked::Park && self.ask.work == Work::Sync
    }

    fn following(&self, rows: &Rows, gate: Gate, id: RunId, after: RunId) -> Entry {
        let new = Run { trigger: Trigger::FollowUp, version: 0, ..self.new_run(rows, id) };
        let run = moves::follow(&new, after, self.now);
        Entry { run, gate, displaced: Vec::new(), checks_quota: false, how: How::Next }
    }

    fn parked(&self, rows: &Rows, id: RunId, until: Moment, refusal: &Refusal) -> Entry {
        let new = Run { trigger: Trigger::Parked, version: 0, ..self.new_run(rows, id) };
        let run = moves::park(&new, self.now, until, &refusal.to_string());
        Entry { run, gate: park(&rows.gate, id), displaced: Vec::new(), checks_quota: false, how: How::Parked }
    }

    /// What waits at the gate of a source that is to be deleted ends with it.
    async fn waiting_too(&self, rows: &Rows) -> Result<Vec<(Run, u64)>, Fault> {
        let mut waiting = Vec::new();
        if self.ask.work == Work::Delete {
            for id in [rows.gate.next, rows.gate.parked].into_iter().flatten() {
                let run = self.plane.store.run(&rows.subject.owner(), id).await?.filter(|run| !run.status.is_terminal());
                waiting.extend(run.map(|run| (moves::end_cancelled(&run, self.now, "its source was deleted"), run.version)));
            }
        }
        Ok(waiting)
    }

    async fn write(&self, entry: &Entry, rows: &Rows, floor: u64) -> Result<Admitted, Error> {
        let admittance = Admittance {
            run: &entry.run,
            run_seen: 0,
            gate: &entry.gate,
            gate_seen: rows.gate.version,
            displaced: &entry.displaced,
            quota: rows.subject.source().and_then(quota_key).filter(|_| entry.checks_quota).map(|key| (key, floor)),
            idempotency: self.ask.idempotency.as_ref().map(|key| (key.scope.as_str(), self.remembered(key, &entry.run))),
            audit: self.audit(entry, rows),
            also: self.also(rows.subject.source())?,
        };
        Ok(self.plane.store.admit(admittance, self.now).await?)
    }

    async fn entered(&self, entry: Entry) -> Answer {
        for (displaced, _) in &entry.displaced {
            crate::sync::report_end(self.plane, displaced, self.now);
            crate::notify::call(self.plane, displaced).await;
        }
        let run = Box::new(entry.run);
        crate::notify::call(self.plane, &run).await;
        match entry.how {
            How::Holder => {
                enqueue(self.plane, &run, self.now, self.ask.delay).await;
                Answer::Accepted(run)
            }
            How::Next => Answer::FollowUp(run),
            How::Parked => Answer::Parked(run),
        }
    }

    /// A race lost to another trigger needs no second look: its run is new.
    fn lost_to(&self, subject: &Subject, read: &Gate, won: &Gate) -> Option<Refusal> {
        let is_new = won.holder != read.holder;
        let only_refuses = self.ask.on_conflict == OnConflict::Reject && self.ask.on_blocked == OnBlocked::Reject && !self.ask.dry_run;
        let run = won.holder.filter(|_| is_new && only_refuses)?;
        let cooling = self.ask.surface.cools_first().then(|| cooling(won, &self.asked(subject))).flatten();
        Some(cooling.unwrap_or(Refusal::InProgress { run, holder: None }))
    }

    /// What is left at the provider, if that is too little.
    async fn low_quota(&self, subject: &Subject, floor: u64) -> Result<Option<Quota>, Fault> {
        if !self.checks_quota() {
            return Ok(None);
        }
        low::quota_of(self.plane, subject, floor, self.now).await
    }

    fn checks_quota(&self) -> bool {
        self.ask.work == Work::Sync && self.ask.surface != Surface::Schedule
    }

    pub(super) fn remembered(&self, key: &IdempotencyKey, run: &Run) -> Idempotency {
        let keep = if self.ask.delivery.is_some() || self.ask.scheduled_for.is_some() {
            crate::deliver::REMEMBERED
        } else {
            self.plane.config.keep_keys
        };
        let expires_at = self.now.plus(keep);
        Idempotency { run: Some(run.id), owner: run.owner.clone(), body_hash: key.body_hash.clone(), expires_at }
    }

    /// A window keeps syncs from beginning by themselves. Whoever asks for one all the
    /// same is put on record.
    fn overridden(&self, source: Option<&Source>) -> Option<String> {
        let by_hand = matches!(self.ask.surface.trigger(), Trigger::Manual | Trigger::Ops) && self.ask.work == Work::Sync;
        let schedule = source.and_then(|source| source.schedule.as_ref()).filter(|_| by_hand)?;
        crate::calendar::denied(schedule, self.now)
    }

    fn audit(&self, entry: &Entry, rows: &Rows) -> Vec<(String, Audit)> {
        let (run, user) = (&entry.run, self.ask.asker.user());
        let trigger = if self.ask.delivery.is_some() { self.ask.surface.trigger() } else { run.trigger };
        let mut facts = BTreeMap::from([("trigger".to_owned(), trigger.as_str().to_owned())]);
        facts.extend(self.ask.delivery.clone().map(|id| ("delivery".to_owned(), id)));
        facts.extend(run.request_id.clone().map(|id| ("request_id".to_owned(), id)));
        facts.extend(self.ask.scheduled_for.map(|at| ("scheduled_for".to_owned(), at.rfc3339())));
        facts.extend(self.overridden(rows.subject.source()).map(|why| ("window_overridden".to_owned(), why)));
        facts.extend(run.reason.clone().map(|reason| ("reason".to_owned(), reason)));
        facts.extend(self.ask.override_cooldown.clone().map(|reason| ("override_cooldown".to_owned(), reason)));
        facts.extend(run.status_reason.clone().map(|why| ("waits".to_owned(), why)));
        if run.work != Work::Sync {
            facts.insert("work".into(), run.work.as_str().into());
        }
        let mut lines = vec![(format!("{}#created", run.id), audit_of(run, user, "run.created", self.now, facts))];
        lines.extend(made_way(&entry.displaced, run, user, self.now));
        lines
    }

    /// A source that is to be deleted is hidden in the same transaction.
    fn also(&self, source: Option<&Source>) -> Result<Vec<Write>, Fault> {
        let Some(source) = source.filter(|_| self.ask.work == Work::Delete) else { return Ok(Vec::new()) };
        let mut gone = source.clone();
        gone.deleted_at = Some(self.now);
        (gone.credential, gone.webhook.secret) = (None, None);
        gone.version += 1;
        (gone.schedule, gone.health) = (None, None);
        Ok(vec![Store::source_write(&gone, source.version)?, Store::period_delete(&source.id), Store::health_delete(&source.id)])
    }
}

/// The run that holds the gate. It is nearly always among the newest, which
/// were read with the gate.
pub(crate) async fn holder(plane: &Plane, of: &Owner, gate: &Gate, latest: &[Run]) -> Result<Option<Run>, Fault> {
    let Some(id) = gate.holder else { return Ok(None) };
    match latest.iter().find(|run| run.id == id) {
        Some(run) => Ok(Some(run.clone())),
        None => plane.store.run(of, id).await,
    }
}

/// Sends the message of a run that was let in. If that fails nothing is undone:
/// the tick finds a queued run whose sending is due.
pub(super) async fn enqueue(plane: &Plane, run: &Run, now: Moment, delay: Duration) {
    crate::sync::send(plane, run, delay).await;
    let source = run.source.as_ref().map(SourceId::as_str).unwrap_or_default();
    info!(decision = "run.created", workspace = %run.workspace, source, run = %run.id, epoch = run.epoch,
        trigger = run.trigger.as_str(), request = run.request_id.as_deref().unwrap_or_default());
    report_start(plane, run, now);
}

pub(crate) fn report_start(plane: &Plane, run: &Run, now: Moment) {
    let kind = run.kind.map_or("workspace", SourceKind::as_str);
    let metric = [("RunsStarted", 1.0, "Count")];
    crate::telemetry::emit(&plane.config, now, &metric, &[("Kind", kind), ("Trigger", run.trigger.as_str())]);
}
