//! Is the other side of an integration well? Found out without using up what is left
//! of its quota.
//!
//! A look is one light request, at most every quarter of an hour, and less often the
//! longer it fails. Once a look is answered with a limit nobody looks any more: what
//! scheduled runs meet tells how it is, until one of them succeeds.

use std::time::Duration;

use crate::clock::Moment;
use crate::error::Fault;
use crate::http::{Method, Outgoing};
use crate::minting::{self, Shown};
use crate::model::{Health, HealthCheck, HealthState, Look, Run, RunStatus, Source, SourceId};
use crate::plane::Plane;
use crate::providers::{self, Reply, Verdict, judge};
use crate::queue::Job;
use crate::store::Store;
use crate::sync::redacted;

pub const SHORTEST_EVERY: Duration = Duration::from_mins(15);
pub const LONGEST_EVERY: Duration = Duration::from_hours(7 * 24);
/// However long it fails, it is looked at twice a day.
const LONGEST_BACKOFF: Duration = Duration::from_hours(12);
const HISTORY: usize = 20;
/// Races with a run that ends, or with another look.
const MOST_RACES: usize = 5;

/// What a look came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Well(String),
    Unwell(String),
    /// It was too much for the other side.
    Limited(String),
}

/// What a look makes of what was known.
pub fn looked(health: &Health, check: &HealthCheck, seen: &Seen, now: Moment) -> Health {
    let every = Duration::from_millis(check.every);
    let (state, why) = match seen {
        Seen::Well(why) => (HealthState::Healthy, why),
        Seen::Unwell(why) => (HealthState::Unhealthy, why),
        // That it answers so says nothing of how it is.
        Seen::Limited(why) => (health.state, why),
    };
    let mut known = noted(health, state, why, now);
    known.failures = if matches!(seen, Seen::Unwell(_)) { health.failures.saturating_add(1) } else { 0 };
    known.due_at = match seen {
        Seen::Limited(_) => None,
        _ => Some(now.plus(backoff(every, known.failures))),
    };
    known
}

/// What the end of a scheduled run makes of it. Nothing, while it is looked at anyway.
pub fn ran(health: &Health, check: &HealthCheck, run: &Run, now: Moment) -> Option<Health> {
    if health.due_at.is_some() {
        return None;
    }
    let did = matches!(run.status, RunStatus::Completed | RunStatus::CompletedWithWarnings);
    if did {
        let mut known = noted(health, HealthState::Healthy, "a scheduled run succeeded: it is looked at again", now);
        (known.failures, known.due_at) = (0, Some(now.plus(Duration::from_millis(check.every))));
        return Some(known);
    }
    let why = run.error.as_ref().map_or("a scheduled run failed", |error| error.message.as_str());
    (run.status == RunStatus::Failed).then(|| noted(health, HealthState::Unhealthy, why, now))
}

/// The first failure is looked at again as ever, the next ones at distances that double.
fn backoff(every: Duration, failures: u32) -> Duration {
    let doubled = every.saturating_mul(1_u32 << failures.saturating_sub(1).min(10));
    doubled.min(LONGEST_BACKOFF.max(every))
}

fn noted(health: &Health, state: HealthState, why: &str, now: Moment) -> Health {
    let mut known = health.clone();
    if known.state != state || known.since.is_none() {
        known.since = Some(now);
    }
    known.state = state;
    known.history.push(Look { at: now, state, why: why.chars().take(200).collect() });
    let surplus = known.history.len().saturating_sub(HISTORY);
    known.history.drain(..surplus);
    known.version += 1;
    known
}

/// Has a worker look at what is due, once.
pub(crate) async fn ask(plane: &Plane, health: Health, now: Moment) -> Result<(), Fault> {
    // Should its message be lost, it is looked at a while later.
    let moved = Health { due_at: Some(now.plus(SHORTEST_EVERY)), version: health.version + 1, ..health.clone() };
    if plane.store.move_due(vec![Store::health_write(&moved, health.version)?]).await? {
        let job = Job::Probe { source: health.source, version: moved.version };
        plane.queue.send(&job, &health.workspace, Duration::ZERO).await?;
    }
    Ok(())
}

/// Looks at the other side of a source, if that is still wanted: a message that came
/// twice, or late, has nothing to do.
pub(crate) async fn look(plane: &Plane, id: &SourceId, version: u64) -> Result<(), Fault> {
    let (source, known) = futures::try_join!(plane.store.source(id), plane.store.health(id))?;
    let Some(source) = source.filter(|source| source.deleted_at.is_none()) else { return Ok(()) };
    let (Some(check), Some(known)) = (source.health.clone(), known.filter(|known| known.version == version)) else { return Ok(()) };
    let seen = see(plane, &source, &check).await?;
    let now = plane.clock.now();
    tracing::info!(decision = "health.looked", workspace = %source.workspace, source = %source.id, seen = ?seen);
    // Whoever changed it meanwhile knows better.
    plane.store.move_due(vec![Store::health_write(&looked(&known, &check, &seen, now), known.version)?]).await.map(drop)
}

async fn see(plane: &Plane, source: &Source, check: &HealthCheck) -> Result<Seen, Fault> {
    let provider = source.provider.as_deref().and_then(providers::named);
    let mut secret = None;
    let (outgoing, asked) = match (&check.url, provider) {
        (Some(url), _) => (Outgoing { method: Method::Head, url: url.clone(), ..Outgoing::default() }, None),
        (None, None) => return Ok(Seen::Unwell("this build does not know its provider".to_owned())),
        (None, Some(provider)) => {
            let secret_headers = match &source.credential {
                None => Vec::new(),
                Some(sealed) => match minting::show(plane, source, sealed, provider).await? {
                    Shown::Ready { credential, .. } => {
                        let headers = provider.authorize(&credential);
                        secret = Some(credential.token);
                        headers
                    }
                    Shown::Unreadable(why) => return Ok(Seen::Unwell(why)),
                    Shown::Not(_, verdict) => return Ok(of(verdict, check)),
                },
            };
            let request = provider.probe(source);
            let outgoing = Outgoing {
                url: request.url.clone(),
                headers: request.headers.clone(),
                body: request.body.clone(),
                secret_headers,
                ..Outgoing::default()
            };
            (outgoing, Some((provider, request)))
        }
    };
    let judged = |reply: &Reply| match &asked {
        Some((provider, request)) => provider.judge(request, reply),
        None => judge(reply),
    };
    Ok(match plane.http.send(outgoing).await {
        Err(why) => Seen::Unwell(why.to_string()),
        // Whoever does not know this way to ask is there.
        Ok(reply) if asked.is_none() && reply.status == 501 => Seen::Well("it answered 501".to_owned()),
        Ok(reply) => match of(judged(&reply), check) {
            Seen::Well(_) => Seen::Well(format!("it answered {}", reply.status)),
            Seen::Unwell(why) => Seen::Unwell(redacted(&why, secret.as_deref())),
            Seen::Limited(why) => Seen::Limited(redacted(&why, secret.as_deref())),
        },
    })
}

/// Whoever asks without a credential may be told to bring one, or to ask otherwise:
/// that, too, is an answer of somebody who is well.
fn of(verdict: Verdict, check: &HealthCheck) -> Seen {
    match verdict {
        Verdict::Throttled { why, .. } => Seen::Limited(format!("it is too much for it: {why}")),
        Verdict::Retry(why) => Seen::Unwell(why),
        Verdict::Unauthenticated(why) | Verdict::Denied(why) if check.url.is_none() => {
            Seen::Unwell(format!("the credential is refused: {why}"))
        }
        _ => Seen::Well(String::new()),
    }
}

/// A scheduled run of an integration ended.
pub(crate) async fn learn(plane: &Plane, run: &Run) {
    let Some(id) = run.source.as_ref().filter(|_| run.scheduled_for.is_some()) else { return };
    let told = async {
        for _ in 0..MOST_RACES {
            let (source, known) = futures::try_join!(plane.store.source(id), plane.store.health(id))?;
            let (Some(check), Some(known)) = (source.and_then(|source| source.health), known) else { break };
            let Some(next) = ran(&known, &check, run, plane.clock.now()) else { break };
            if plane.store.move_due(vec![Store::health_write(&next, known.version)?]).await? {
                break;
            }
        }
        Ok::<(), Fault>(())
    };
    if let Err(why) = told.await {
        tracing::warn!(decision = "health.unrecorded", source = %id, error = %why);
    }
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
