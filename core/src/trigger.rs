//! Ask for a run: admit it, enqueue it.
//!
//! Every run starts here, whoever asks. An accepted trigger costs three steps:
//! one of parallel reads, one transaction, one send. A refusal that the reads
//! already show costs two, a lost race three.

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::{info, warn};

use crate::admission::{Admission, Asked, OnConflict, Surface, admit, lowered};
use crate::clock::Moment;
use crate::digest::short_name;
use crate::error::{Error, Fault, Refusal};
use crate::model::{Gate, Person, Right, Run, RunId, RunStatus, Source, SourceId, SourceKind, SourceStatus, UserId, Work};
use crate::plane::Plane;
use crate::providers;
use crate::queue::Job;
use crate::store::conditions::Write;
use crate::store::items::{Audit, Idempotency, Quota};
use crate::store::keys::{self, Key};
use crate::store::{Admittance, Admitted, SourceRows, Store};

mod ask;

pub use ask::{Answer, Ask, Asker, IdempotencyKey, Would};

/// How long an idempotency key is remembered.
const KEY_LIFE: Duration = Duration::from_hours(24);
/// How soon the tick looks after a message that may not have been sent.
const FIRST_SEND: Duration = Duration::from_secs(90);
const LONGEST_REASON: usize = 1_000;
/// Races lost in a row before the caller is asked to come back.
const MOST_RACES: u32 = 10;

/// Asks for a run.
pub async fn trigger(plane: &Plane, ask: Ask) -> Result<Answer, Error> {
    let now = plane.clock.now();
    let used_before = async {
        match &ask.idempotency {
            Some(key) => plane.store.idempotency(&key.scope, now).await,
            None => Ok(None),
        }
    };
    let (rows, person, used_before) =
        futures::try_join!(plane.store.source_rows(&ask.source), ask.asker.person(&plane.store), used_before)?;
    let rows = rows.ok_or(Error::NotFound("source"))?;
    allow(&rows, &person, &ask)?;
    brief(&ask)?;
    if let (Some(key), Some(used)) = (&ask.idempotency, used_before) {
        return repeat(plane, key, used).await;
    }
    if let (Some(age), Some(at)) = (ask.max_age, rows.gate.last_synced_at.max(rows.gate.last_checked_at)) {
        if is_in_order(&rows.gate) && now.since(at) <= age {
            return Ok(Answer::Fresh { last_synced_at: at });
        }
    }
    let reasons = unconfirmed(&rows.source, &ask, now);
    if !reasons.is_empty() && ask.dry_run {
        return Ok(Answer::Would(Would::Refuse(Refusal::Unconfirmed { reasons })));
    }
    if !reasons.is_empty() {
        return refuse(plane, &ask, &rows.source, Refusal::Unconfirmed { reasons }).await;
    }
    // Boxed: the way through the gate is long, and so is its future.
    Box::pin(Attempt { plane, ask: &ask, now }.enter(rows)).await
}

fn quota_low(quota: &Quota) -> Refusal {
    Refusal::QuotaLow { remaining: quota.remaining, limit: quota.limit, resets_at: quota.resets_at }
}

/// Reasons are kept for as long as the run is: they are sentences, not texts.
fn brief(ask: &Ask) -> Result<(), Error> {
    let too_long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.chars().count() > LONGEST_REASON);
    for (at, text) in [("reason", &ask.reason), ("overrideCooldown.reason", &ask.override_cooldown)] {
        if too_long(text) {
            return Err(Error::invalid(at, format!("must have at most {LONGEST_REASON} characters")));
        }
    }
    Ok(())
}

/// Whether what was synced last is what there is: an error since then is not.
fn is_in_order(gate: &Gate) -> bool {
    let status = if gate.status == SourceStatus::Syncing { gate.status_before } else { gate.status };
    status == SourceStatus::Synced
}

/// Whether the caller may ask this of this source, and whether it makes sense.
fn allow(rows: &SourceRows, person: &Person, ask: &Ask) -> Result<(), Error> {
    let source = &rows.source;
    let role = person.role_in(&source.workspace).ok_or(Error::NotFound("source"))?;
    // A deletion that failed can be asked for again.
    let unfinished = ask.work == Work::Delete && rows.gate.status == SourceStatus::Error;
    if (source.deleted_at.is_some() && !unfinished) || ask.kind.is_some_and(|kind| kind != source.kind) {
        return Err(Error::NotFound("source"));
    }
    let right = if ask.work == Work::Delete { Right::Administer } else { Right::to_sync(source.kind) };
    if !role.may(right) {
        return Err(Error::Forbidden(format!("a {role} may not sync a source of kind {}", source.kind.as_str())));
    }
    if ask.override_cooldown.is_some() && !role.may(Right::Administer) {
        return Err(Error::Forbidden("only an admin may override a cooldown".into()));
    }
    match ask.options.streams.iter().find(|stream| !source.streams.contains(stream)) {
        Some(stream) => Err(Error::invalid("streams", format!("this source has no stream {}", stream.as_str()))),
        None => Ok(()),
    }
}

/// What the caller has to confirm first.
fn unconfirmed(source: &Source, ask: &Ask, now: Moment) -> Vec<&'static str> {
    if ask.confirmed || ask.work == Work::Delete || source.kind != SourceKind::Repository || ask.surface == Surface::Schedule {
        return Vec::new();
    }
    let webhook = source.webhook_is_active(now).then_some("WEBHOOK_ACTIVE");
    let closed = ask.options.include_closed.then_some("INCLUDE_CLOSED");
    webhook.into_iter().chain(closed).collect()
}

async fn repeat(plane: &Plane, key: &IdempotencyKey, used: Idempotency) -> Result<Answer, Error> {
    if used.body_hash != key.body_hash {
        return Err(Error::IdempotencyMismatch);
    }
    let run = plane.store.run(&used.owner, used.run).await?;
    Ok(Answer::Repeated(Box::new(run.ok_or(Error::NotFound("run"))?)))
}

/// One trigger on its way through the gate.
struct Attempt<'a> {
    plane: &'a Plane,
    ask: &'a Ask,
    now: Moment,
}

impl Attempt<'_> {
    async fn enter(&self, mut rows: SourceRows) -> Result<Answer, Error> {
        let Self { plane, ask, now } = *self;
        let asked = Asked {
            run: RunId(plane.chance.id(now)),
            now,
            rule: ask.surface.cooldown_rule(),
            cooldown: cooldown(plane, &rows.source),
            on_conflict: ask.on_conflict,
            overrides_cooldown: ask.override_cooldown.is_some() || ask.work == Work::Delete,
            work: ask.work,
        };
        let mut floor = rows.source.limits.quota_floor.unwrap_or(plane.config.quota_floor);
        for _ in 0..MOST_RACES {
            let holder = self.holder(&rows).await?;
            let (gate, displaced) = match admit(&rows.gate, holder.as_ref(), &asked) {
                Admission::Attach(id) => return self.attach(&rows, id, holder).await,
                Admission::Refuse(refusal) if ask.dry_run => return Ok(Answer::Would(Would::Refuse(refusal))),
                Admission::Refuse(refusal) => return refuse(plane, ask, &rows.source, refusal).await,
                Admission::Take { .. } if ask.dry_run => return self.dry_run(&rows.source, floor).await,
                Admission::Take { gate, displaced } => (gate, displaced),
            };
            let run = self.new_run(&rows, asked.run);
            let seen = holder.as_ref().map_or(0, |holder| holder.version);
            let admittance = Admittance {
                run: &run,
                gate: &gate,
                gate_seen: rows.gate.version,
                displaced: displaced.as_deref().map(|displaced| (displaced, seen)),
                quota: quota_key(&rows.source).filter(|_| self.checks_quota()).map(|key| (key, floor)),
                idempotency: ask.idempotency.as_ref().map(|key| (key.scope.as_str(), self.remembered(key, &run))),
                audit: self.audit(&run, displaced.as_deref()),
                also: self.also(&rows.source)?,
            };
            match plane.store.admit(admittance, now).await? {
                Admitted::Done => {
                    if let Some(displaced) = displaced {
                        crate::sync::report_end(plane, &displaced, now);
                    }
                    return Ok(self.enqueue(run).await);
                }
                Admitted::GateLost(Some(won)) if self.lost_to(&rows.gate, &won).is_some() => {
                    // The winner may be this very request, sent twice at once.
                    if let Some(key) = &ask.idempotency {
                        if let Some(used) = plane.store.idempotency(&key.scope, now).await? {
                            return repeat(plane, key, used).await;
                        }
                    }
                    let refusal = self.lost_to(&rows.gate, &won).unwrap_or(Refusal::InProgress { run: asked.run, holder: None });
                    return refuse(plane, ask, &rows.source, refusal).await;
                }
                Admitted::QuotaLow(quota) => {
                    let lower = lowered(floor, quota.limit);
                    if lower >= floor || quota.remaining < lower {
                        return refuse(plane, ask, &rows.source, quota_low(&quota)).await;
                    }
                    floor = lower;
                }
                Admitted::KeyTaken(Some(used)) => {
                    if let Some(key) = &ask.idempotency {
                        return repeat(plane, key, used).await;
                    }
                }
                Admitted::GateLost(_) | Admitted::KeyTaken(None) | Admitted::HolderLost | Admitted::Lost(_) => {
                    let deleted = rows.source.deleted_at;
                    rows = plane.store.source_rows(&ask.source).await?.ok_or(Error::NotFound("source"))?;
                    if rows.source.deleted_at != deleted {
                        return Err(Error::NotFound("source"));
                    }
                }
            }
        }
        Err(Fault::unavailable("table", "the gate changed too often to enter").into())
    }

    /// The run that holds the gate. It is nearly always among the newest, which
    /// were read with the gate.
    async fn holder(&self, rows: &SourceRows) -> Result<Option<Run>, Fault> {
        let Some(id) = rows.gate.holder else { return Ok(None) };
        match rows.latest.iter().find(|run| run.id == id) {
            Some(run) => Ok(Some(run.clone())),
            None => self.plane.store.run(&rows.owner(), id).await,
        }
    }

    /// A race lost to another trigger needs no second look: its run is new.
    fn lost_to(&self, read: &Gate, won: &Gate) -> Option<Refusal> {
        let is_new = won.holder != read.holder;
        let run = won.holder.filter(|_| is_new && self.ask.on_conflict == OnConflict::Reject && !self.ask.dry_run)?;
        Some(Refusal::InProgress { run, holder: None })
    }

    async fn attach(&self, rows: &SourceRows, id: RunId, holder: Option<Run>) -> Result<Answer, Error> {
        if self.ask.dry_run {
            return Ok(Answer::Would(Would::Attach(id)));
        }
        let run = match holder {
            Some(run) => Some(run),
            None => self.plane.store.run(&rows.owner(), id).await?,
        };
        let run = run.ok_or(Error::NotFound("run"))?;
        let line = audit_of(&run, self.ask.asker.user(), "run.attached", self.now, BTreeMap::new());
        let id = self.plane.chance.id(self.now).to_string();
        let remembered = self.ask.idempotency.as_ref().map(|key| (key.scope.as_str(), self.remembered(key, &run)));
        let used = self.plane.store.attach(&run.workspace, &id, &line, remembered, self.now).await?;
        if let (Some(key), Some(used)) = (&self.ask.idempotency, used) {
            return repeat(self.plane, key, used).await;
        }
        Ok(Answer::Attached(Box::new(run)))
    }

    async fn dry_run(&self, source: &Source, floor: u64) -> Result<Answer, Error> {
        let Some(key) = quota_key(source).filter(|_| self.checks_quota()) else { return Ok(Answer::Would(Would::Accept)) };
        let Some(quota) = self.plane.store.quota(&key).await? else { return Ok(Answer::Would(Would::Accept)) };
        // A window that has ended is full; one of which no end is known refuses nobody.
        let open = quota.resets_at.is_some_and(|at| at > self.now);
        if !open || quota.remaining >= lowered(floor, quota.limit) {
            return Ok(Answer::Would(Would::Accept));
        }
        Ok(Answer::Would(Would::Refuse(quota_low(&quota))))
    }

    fn checks_quota(&self) -> bool {
        self.ask.work == Work::Sync && self.ask.surface != Surface::Schedule
    }

    fn new_run(&self, rows: &SourceRows, id: RunId) -> Run {
        let Self { ask, now, .. } = *self;
        let source = &rows.source;
        Run {
            id,
            owner: rows.owner(),
            workspace: source.workspace.clone(),
            source: Some(source.id.clone()),
            kind: Some(source.kind),
            work: ask.work,
            status: RunStatus::Queued,
            status_reason: None,
            trigger: ask.surface.trigger(),
            triggered_by: ask.asker.user().clone(),
            reason: ask.reason.clone().or_else(|| ask.override_cooldown.clone()),
            request_id: ask.request_id.clone(),
            options: ask.options.clone(),
            next_send_at: Some(now.plus(FIRST_SEND)),
            created_at: now,
            ..Run::blank(id, source.workspace.clone())
        }
    }

    fn remembered(&self, key: &IdempotencyKey, run: &Run) -> Idempotency {
        let expires_at = self.now.plus(KEY_LIFE);
        Idempotency { run: run.id, owner: run.owner.clone(), body_hash: key.body_hash.clone(), expires_at }
    }

    fn audit(&self, run: &Run, displaced: Option<&Run>) -> Vec<(String, Audit)> {
        let mut facts = BTreeMap::from([("trigger".to_owned(), run.trigger.as_str().to_owned())]);
        facts.extend(run.request_id.clone().map(|id| ("request_id".to_owned(), id)));
        facts.extend(run.reason.clone().map(|reason| ("reason".to_owned(), reason)));
        facts.extend(self.ask.override_cooldown.clone().map(|reason| ("override_cooldown".to_owned(), reason)));
        if run.work == Work::Delete {
            facts.insert("work".into(), "delete".into());
        }
        let mut lines = vec![(format!("{}#created", run.id), audit_of(run, self.ask.asker.user(), "run.created", self.now, facts))];
        if let Some(old) = displaced {
            let mut facts =
                BTreeMap::from([("replaced_by".to_owned(), run.id.to_string()), ("outcome".to_owned(), old.status.as_str().to_owned())]);
            facts.extend(old.error.as_ref().map(|error| ("error".to_owned(), error.code.clone())));
            lines.push((format!("{}#ended", old.id), audit_of(old, self.ask.asker.user(), "run.ended", self.now, facts)));
        }
        lines
    }

    /// A source that is to be deleted is hidden in the same transaction.
    fn also(&self, source: &Source) -> Result<Vec<Write>, Fault> {
        if self.ask.work != Work::Delete {
            return Ok(Vec::new());
        }
        let mut gone = source.clone();
        gone.deleted_at = Some(self.now);
        gone.credential = None;
        gone.version += 1;
        Ok(vec![Store::source_write(&gone, source.version)?])
    }

    /// Sends the run's message. If that fails nothing is undone: the tick finds
    /// a queued run whose sending is due.
    async fn enqueue(&self, run: Run) -> Answer {
        let sent = self.plane.queue.send(&Job::for_run(&run), &run.workspace, Duration::ZERO).await;
        let source = run.source.as_ref().map(SourceId::as_str).unwrap_or_default();
        info!(decision = "run.created", workspace = %run.workspace, source, run = %run.id, epoch = run.epoch,
            trigger = run.trigger.as_str(), request = run.request_id.as_deref().unwrap_or_default());
        if let Err(why) = sent {
            warn!(decision = "send.failed", workspace = %run.workspace, run = %run.id, error = %why, "the tick will send it");
        }
        let kind = run.kind.map_or("workspace", SourceKind::as_str);
        let metric = [("RunsStarted", 1.0, "Count")];
        crate::telemetry::emit(&self.plane.config, self.now, &metric, &[("Kind", kind), ("Trigger", run.trigger.as_str())]);
        Answer::Accepted(Box::new(run))
    }
}

/// The cooldown of a source: its workspace's, else the deployment's.
pub fn cooldown(plane: &Plane, source: &Source) -> Duration {
    source.limits.cooldown(source.kind).unwrap_or_else(|| plane.config.cooldown(source.kind))
}

/// Where the quota of a source's provider stands.
pub fn quota_key(source: &Source) -> Option<Key> {
    let provider = providers::named(source.provider.as_deref()?)?;
    let base = source.base_url.as_deref().unwrap_or(provider.default_base_url());
    let host = url::Url::parse(base).ok()?;
    Some(keys::quota(&source.workspace, host.authority(), source.principal(), "core"))
}

/// Puts a refusal on record and hands it back.
async fn refuse(plane: &Plane, ask: &Ask, source: &Source, refusal: Refusal) -> Result<Answer, Error> {
    let now = plane.clock.now();
    let (user, rule) = (ask.asker.user(), refusal.rule());
    info!(decision = "trigger.refused", workspace = %source.workspace, source = %source.id, rule, user = %user,
        request = ask.request_id.as_deref().unwrap_or_default(), why = %refusal);
    crate::telemetry::emit(&plane.config, now, &[("Refused", 1.0, "Count")], &[("Rule", rule)]);
    let run = match &refusal {
        Refusal::InProgress { run, .. } => Some(*run),
        _ => None,
    };
    let facts = BTreeMap::from([("rule".to_owned(), rule.to_owned()), ("why".to_owned(), refusal.to_string())]);
    let what = "trigger.refused".to_owned();
    let minute = Moment(now.0 - now.0.rem_euclid(60_000));
    let line = Audit { at: minute, who: user.clone(), what, source: Some(source.id.clone()), run, facts, count: 1 };
    plane.store.audit_folded(&source.workspace, &short_name(&format!("{user}\n{rule}\n{}", source.id)), &line).await?;
    Err(refusal.into())
}

/// A line of the audit about a run.
pub fn audit_of(run: &Run, who: &UserId, what: &str, at: Moment, facts: BTreeMap<String, String>) -> Audit {
    Audit { at, who: who.clone(), what: what.to_owned(), source: run.source.clone(), run: Some(run.id), facts, count: 1 }
}
