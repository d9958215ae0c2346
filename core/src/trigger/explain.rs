//! What would a trigger come to, and on which facts?
//!
//! The verdict is the trigger's own, asked for dry; the facts are those that it
//! is decided on.

use serde_json::{Map, Value, json};

use super::attempt::{Attempt, holder};
use super::low::is_low;
use super::{Answer, Ask, Asker, Would, allow, floor_of, fresh_since, quota_key, reasons_of, unconfirmed};
use crate::admission::{refused_until, webhook_is_active};
use crate::calendar;
use crate::clock::Moment;
use crate::error::{Error, Refusal};
use crate::estimate::{self, Cost};
use crate::model::{Owner, Person, Right, Run, RunStatus, SourceKind, Work};
use crate::plane::Plane;
use crate::store::items::Quota;
use crate::store::{Rows, SourceRows, Subject};

/// One rule, whether it lets the trigger through, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    pub check: &'static str,
    pub ok: bool,
    pub because: String,
    pub facts: Map<String, Value>,
}

/// What a trigger would come to.
#[derive(Debug)]
pub struct Explained {
    /// The answer, or why there is none.
    pub verdict: Result<Answer, Error>,
    /// What is in the way would end by itself.
    pub can_park: bool,
    pub checks: Vec<Check>,
    pub cost: Cost,
}

impl Explained {
    /// accept, park or reject.
    pub fn would(&self) -> &'static str {
        match &self.verdict {
            Ok(Answer::Would(Would::Refuse(_))) | Err(_) => "reject",
            Ok(Answer::Would(Would::Park { .. })) => "park",
            Ok(_) => "accept",
        }
    }

    /// The outcome that the trigger would answer with.
    pub fn outcome(&self) -> &'static str {
        match &self.verdict {
            Ok(Answer::Would(Would::Refuse(_))) | Err(_) => "refused",
            Ok(Answer::Would(Would::Park { .. })) => "parked",
            Ok(Answer::Would(Would::FollowUp { .. })) => "follow_up",
            Ok(Answer::Would(Would::Attach(_))) => "attached",
            Ok(Answer::Fresh { .. }) => "fresh",
            Ok(_) => "accepted",
        }
    }

    /// Until when what is in the way lasts, where that is known.
    pub fn until(&self) -> Option<Moment> {
        match &self.verdict {
            Ok(Answer::Would(Would::Refuse(refusal))) => refused_until(refusal),
            Ok(Answer::Would(Would::Park { until, .. })) => Some(*until),
            _ => None,
        }
    }
}

/// Explains what `ask` would come to; it changes nothing. Whoever may see the
/// source may ask.
pub async fn explain(plane: &Plane, ask: Ask) -> Result<Explained, Error> {
    let ask = Ask { dry_run: true, idempotency: None, ..ask };
    let now = plane.clock.now();
    let Owner::Source(id) = &ask.of else { return Err(Error::NotFound("source")) };
    let (rows, person) = futures::try_join!(plane.store.source_rows(id), ask.asker.person(&plane.store))?;
    let rows = rows.filter(|rows| rows.source.deleted_at.is_none()).ok_or(Error::NotFound("source"))?;
    person.role_in(&rows.source.workspace).ok_or(Error::NotFound("source"))?;
    let quota = match quota_key(&rows.source) {
        Some(key) => plane.store.quota(&key).await?,
        None => None,
    };
    let held_by = holder(plane, &ask.of, &rows.gate, &rows.latest).await?;
    let floor = floor_of(plane, &rows.source.limits);
    let checks = vec![
        role(&rows, &person),
        confirmation(&rows, &ask, now),
        running(held_by.as_ref(), now),
        cooldown(&rows, &ask, now),
        remaining(quota.as_ref(), floor, now),
        credential(&rows),
        window(&rows, now),
    ];
    let whole = ask.options.full || rows.gate.last_synced_at.is_none() || rows.source.kind == SourceKind::Documents;
    let cost = estimate::cost(&rows.gate.past, whole);
    // The trigger itself answers, asked for dry; it is told who asks, for their
    // roles were just read.
    let asked = Ask { asker: Asker::Known(person.clone()), ..ask };
    let SourceRows { source, gate, latest } = rows;
    let rows = Rows { subject: Subject::Source(Box::new(source)), gate, latest };
    let verdict = match allow(&rows, &person, &asked) {
        Ok(()) => dry(plane, &asked, rows, now).await,
        Err(error) => Err(error),
    };
    let can_park = match &verdict {
        Ok(Answer::Would(Would::Refuse(refusal))) => refused_until(refusal).is_some() || matches!(refusal, Refusal::InProgress { .. }),
        Ok(Answer::Would(Would::Park { .. })) => true,
        _ => false,
    };
    Ok(Explained { verdict, can_park, checks, cost })
}

/// What comes of a trigger after its reads, if nothing is to be changed.
pub(super) async fn dry(plane: &Plane, ask: &Ask, rows: Rows, now: Moment) -> Result<Answer, Error> {
    if let Some(at) = fresh_since(&rows.gate, ask, now) {
        return Ok(Answer::Fresh { last_synced_at: at });
    }
    let reasons = unconfirmed(&rows.subject, &rows.gate, ask, now);
    if !reasons.is_empty() {
        return Ok(Answer::Would(Would::Refuse(Refusal::Unconfirmed { reasons })));
    }
    Box::pin(Attempt { plane, ask, now }.enter(rows)).await
}

fn check<const FACTS: usize>(check: &'static str, ok: bool, because: impl Into<String>, facts: [(&str, Value); FACTS]) -> Check {
    let facts = facts.into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect();
    Check { check, ok, because: because.into(), facts }
}

fn time(at: Option<Moment>) -> Value {
    at.map_or(Value::Null, |at| json!(at.rfc3339()))
}

fn role(rows: &SourceRows, person: &Person) -> Check {
    let role = person.role_in(&rows.source.workspace);
    let ok = role.is_some_and(|role| role.may(Right::to_sync(rows.source.kind)));
    let name = role.map_or_else(String::new, |role| role.to_string());
    let kind = rows.source.kind.as_str();
    let because = format!("the role {name} {} sync a source of kind {kind}", if ok { "may" } else { "may not" });
    check("role", ok, because, [("role", json!(name)), ("kind", json!(kind))])
}

fn confirmation(rows: &SourceRows, ask: &Ask, now: Moment) -> Check {
    let reasons = reasons_of(&rows.source, &rows.gate, ask, now);
    let because = if reasons.is_empty() {
        "nothing has to be confirmed, or it was".to_owned()
    } else {
        format!("has to be confirmed, for {}", reasons.join(" and "))
    };
    let facts = [
        ("reasons", json!(reasons)),
        ("webhook_active", json!(webhook_is_active(&rows.source.webhook, &rows.gate, now))),
        ("last_delivery_at", time(rows.gate.last_delivery_at)),
        ("confirmed", json!(ask.confirmed)),
    ];
    check("confirmation", reasons.is_empty(), because, facts)
}

fn running(holder: Option<&Run>, now: Moment) -> Check {
    let Some(run) = holder.filter(|run| !run.status.is_terminal()) else {
        return check("running", true, "nothing runs", [("run", Value::Null)]);
    };
    let dead = run.lease_until.is_some_and(|until| until < now);
    let because = if dead {
        "its worker was not heard of until its lease ended: a trigger takes over"
    } else if run.status == RunStatus::Paused {
        "a run waits for a limit of its provider, and holds the source"
    } else {
        "a run is under way"
    };
    let facts = [
        ("run", json!(run.id.to_string())),
        ("status", json!(run.status.as_str())),
        ("last_progress_at", time(run.last_progress_at)),
        ("resumes_at", time(run.resumes_at)),
    ];
    check("running", dead, because, facts)
}

fn cooldown(rows: &SourceRows, ask: &Ask, now: Moment) -> Check {
    let until = rows.gate.cool_until.filter(|until| *until > now);
    let obeys = ask.surface.cooldown_rule().obeys && ask.override_cooldown.is_none() && ask.work == Work::Sync;
    let because = match until {
        Some(until) if obeys => format!("cools down until {until}"),
        Some(_) => "cools down, which does not hold for this trigger".to_owned(),
        None => "no cooldown is running".to_owned(),
    };
    let facts = [("until", time(until)), ("since", time(until.and(rows.gate.cool_since))), ("given_back", json!(rows.gate.refunds))];
    check("cooldown", until.is_none() || !obeys, because, facts)
}

fn remaining(quota: Option<&Quota>, floor: u64, now: Moment) -> Check {
    let Some(quota) = quota.filter(|quota| quota.is_told()) else {
        return check("quota", true, "what is left at the provider is not known, which counts as enough", [("remaining", Value::Null)]);
    };
    let low = is_low(quota, floor, now);
    let over = quota.resets_at.is_some_and(|at| at <= now);
    let because = match (low, over) {
        (true, _) => format!("the provider has only {} requests left", quota.remaining),
        (false, true) => "its window has ended since, so it is full again".to_owned(),
        (false, false) => "enough is left at the provider".to_owned(),
    };
    let facts = [
        ("remaining", json!(quota.remaining)),
        ("limit", json!(quota.limit)),
        ("floor", json!(floor)),
        ("reserved", json!(quota.reserved)),
        ("resets_at", time(quota.resets_at)),
    ];
    check("quota", !low, because, facts)
}

/// Windows hold for what begins by itself, and for nobody who asks.
fn window(rows: &SourceRows, now: Moment) -> Check {
    let schedule = rows.source.schedule.as_ref();
    let denied = schedule.and_then(|schedule| calendar::denied(schedule, now));
    let because = match (&denied, schedule) {
        (Some(why), _) => format!("{why}: nothing begins by itself now; that somebody asks all the same is put on record"),
        (None, Some(_)) => "no window is in the way".to_owned(),
        (None, None) => "it has no schedule".to_owned(),
    };
    let next = schedule.and_then(|schedule| calendar::upcoming(schedule, now, 1).pop());
    check("window", true, because, [("denied", json!(denied)), ("next_run_at", time(next))])
}

/// The last run knows whether the provider takes the credential, unless it was
/// changed since.
fn credential(rows: &SourceRows) -> Check {
    let is_set = rows.source.credential.is_some();
    // A run that asked its provider nothing does not know.
    let knows = |run: &&Run| run.finished_at.is_some() && (run.error.is_some() || run.calls.made > 0);
    let last = rows.latest.iter().find(knows);
    let code = last.and_then(|run| run.error.as_ref()).map_or("", |error| error.code.as_str());
    let refused = matches!(code, "CREDENTIAL_REJECTED" | "PERMISSION_MISSING" | "CREDENTIAL_UNREADABLE");
    let changed = rows.source.credential_changed_at.zip(last).is_some_and(|(at, run)| at > run.created_at);
    let checked = rows.source.credential_check.as_ref();
    let accepted = checked.and_then(|checked| checked.accepted);
    let because = match (accepted, refused, changed) {
        (Some(false), ..) => {
            checked.and_then(|checked| checked.why.clone()).unwrap_or_else(|| "the provider does not accept it".to_owned())
        }
        (_, true, false) => format!("the last run ended with {code}"),
        (Some(true), ..) => "the provider accepts it".to_owned(),
        (None, true, true) => "it was changed since it was refused".to_owned(),
        (None, false, _) if is_set => "the provider has not refused it".to_owned(),
        (None, false, _) => "none is set".to_owned(),
    };
    let facts = [
        ("set", json!(is_set)),
        ("accepted", json!(accepted)),
        ("checked_at", time(checked.map(|checked| checked.at))),
        ("login", json!(checked.and_then(|checked| checked.login.clone()))),
        ("last_run", last.map_or(Value::Null, |run| json!(run.id.to_string()))),
    ];
    check("credential", accepted != Some(false) && (!refused || changed), because, facts)
}
