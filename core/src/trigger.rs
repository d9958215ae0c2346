//! Ask for a run: admit it, enqueue it.
//!
//! Every run starts here, whoever asks. An accepted trigger costs three steps:
//! one of parallel reads, one transaction, one send. A refusal that the reads
//! already show costs two, a lost race three.

use std::time::Duration;

use crate::admission::{Surface, webhook_is_active};
use crate::clock::Moment;
use crate::error::{Error, Fault, Refusal};
use crate::model::{Gate, Limits, Person, Right, Source, SourceKind, SourceStatus, Work, WorkspaceId};
use crate::plane::Plane;
use crate::providers;
use crate::store::items::{Idempotency, Quota};
use crate::store::keys::{self, Key};
use crate::store::{Rows, Subject};

mod ask;
mod attempt;
mod explain;
mod joining;
mod low;
mod making;
mod parking;
mod record;

pub use ask::{Answer, Ask, Asker, IdempotencyKey, Would};
pub use explain::{Check, Explained, explain};
pub(crate) use parking::{Woken, attend, unpark};
pub use record::audit_of;

use attempt::Attempt;
pub(crate) use attempt::{holder, report_start};
use record::refuse;

const LONGEST_REASON: usize = 1_000;

/// Asks for a run.
pub async fn trigger(plane: &Plane, mut ask: Ask) -> Result<Answer, Error> {
    let now = plane.clock.now();
    let used_before = async {
        match &ask.idempotency {
            Some(key) => plane.store.idempotency(&key.scope, now).await,
            None => Ok(None),
        }
    };
    let (rows, person, used_before) = futures::try_join!(plane.store.rows(&ask.of), ask.asker.person(&plane.store), used_before)?;
    let rows = rows.ok_or(Error::NotFound(ask.of.what()))?;
    allow(&rows, &person, &ask)?;
    brief(&ask)?;
    if let (Some(key), Some(used)) = (&ask.idempotency, used_before) {
        return repeat(plane, key, used).await;
    }
    if ask.dry_run {
        return explain::dry(plane, &ask, rows, now).await;
    }
    if let Some(at) = fresh_since(&rows.gate, &ask, now) {
        return Ok(Answer::Fresh { last_synced_at: at });
    }
    let reasons = unconfirmed(&rows.subject, &rows.gate, &ask, now);
    if !reasons.is_empty() {
        return refuse(plane, &ask, &rows.subject, Refusal::Unconfirmed { reasons }).await;
    }
    if let Some(address) = &ask.progress_webhook {
        let hook = Box::pin(crate::notify::keep(plane, rows.subject.workspace(), address)).await?;
        ask.options.hooks = ask.options.hooked(&[hook]);
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

/// Since when the source is as fresh as was asked for, if it is. Whether what was
/// synced last is what there is: an error since then is not.
fn fresh_since(gate: &Gate, ask: &Ask, now: Moment) -> Option<Moment> {
    let status = if gate.status == SourceStatus::Syncing { gate.status_before } else { gate.status };
    let at = gate.last_synced_at.max(gate.last_checked_at)?;
    (status == SourceStatus::Synced && now.since(at) <= ask.max_age?).then_some(at)
}

/// Whether the caller may ask this of this source, and whether it makes sense.
fn allow(rows: &Rows, person: &Person, ask: &Ask) -> Result<(), Error> {
    let source = match &rows.subject {
        Subject::Source(source) => source,
        Subject::Workspace(workspace) => {
            let role = person.role_in(&workspace.slug).ok_or(Error::NotFound("workspace"))?;
            if !role.may(Right::SyncWorkspace) {
                return Err(Error::Forbidden(format!("a {role} may not sync a workspace")));
            }
            return Ok(());
        }
    };
    let role = person.role_in(&source.workspace).ok_or(Error::NotFound("source"))?;
    // A deletion that failed can be asked for again.
    let unfinished = ask.work == Work::Delete && rows.gate.status == SourceStatus::Error;
    let elsewhere = ask.project.as_ref().is_some_and(|project| source.project.as_ref() != Some(project));
    if (source.deleted_at.is_some() && !unfinished) || ask.kind.is_some_and(|kind| kind != source.kind) || elsewhere {
        return Err(Error::NotFound("source"));
    }
    let right = match (ask.work, ask.surface) {
        (Work::Delete, _) => Right::Administer,
        (_, Surface::Workspaces) => Right::SyncWorkspace,
        _ => Right::to_sync(source.kind),
    };
    if !role.may(right) {
        return Err(Error::Forbidden(format!("a {role} may not sync a source of kind {}", source.kind.as_str())));
    }
    if ask.override_cooldown.is_some() && !role.may(Right::Administer) {
        return Err(Error::Forbidden("only an admin may override a cooldown".into()));
    }
    if let Some(index) = &ask.options.index {
        let Some(place) = source.git.as_ref() else {
            let why = format!("has no meaning for a source of kind {}", source.kind.as_str());
            return Err(Error::invalid(index.first_said(), why));
        };
        if let Some(remote) = index.remote.as_ref().filter(|remote| **remote != place.remote) {
            return Err(Error::invalid("remote", format!("there is no remote {remote}: this repository's is {}", place.remote)));
        }
    }
    match ask.options.streams.iter().find(|stream| !source.streams.contains(stream)) {
        Some(stream) => Err(Error::invalid("streams", format!("this source has no stream {}", stream.as_str()))),
        None => Ok(()),
    }
}

/// What the caller has to confirm first.
fn unconfirmed(subject: &Subject, gate: &Gate, ask: &Ask, now: Moment) -> Vec<&'static str> {
    subject.source().map(|source| reasons_of(source, gate, ask, now)).unwrap_or_default()
}

fn reasons_of(source: &Source, gate: &Gate, ask: &Ask, now: Moment) -> Vec<&'static str> {
    let by_machine = matches!(ask.surface, Surface::Schedule | Surface::Webhook);
    if ask.confirmed || ask.work != Work::Sync || source.kind != SourceKind::Repository || by_machine {
        return Vec::new();
    }
    let webhook = webhook_is_active(&source.webhook, gate, now).then_some("WEBHOOK_ACTIVE");
    let closed = ask.options.include_closed.then_some("INCLUDE_CLOSED");
    webhook.into_iter().chain(closed).collect()
}

async fn repeat(plane: &Plane, key: &IdempotencyKey, used: Idempotency) -> Result<Answer, Error> {
    if used.body_hash != key.body_hash {
        return Err(Error::IdempotencyMismatch);
    }
    let run = match used.run {
        Some(run) => plane.store.run(&used.owner, run).await?,
        None => None,
    };
    Ok(Answer::Repeated(Box::new(run.ok_or(Error::NotFound("run"))?)))
}

/// The cooldown that holds: its workspace's, else the deployment's.
fn cooldown(plane: &Plane, subject: &Subject) -> Duration {
    let of_workspace = || subject.limits().workspace.map(Duration::from_millis);
    match subject.kind() {
        Some(kind) => subject.limits().cooldown(kind).unwrap_or_else(|| plane.config.cooldown(kind)),
        None => of_workspace().unwrap_or(plane.config.cooldown_workspace),
    }
}

/// The sources that a sync of their workspace takes in, in the order of their ids.
pub(crate) async fn monitored(plane: &Plane, workspace: &WorkspaceId) -> Result<Vec<Source>, Fault> {
    let ids = plane.store.source_ids(workspace).await?;
    let found = plane.store.sources(&ids).await?;
    let mut monitored: Vec<Source> = found.into_iter().map(|(source, _)| source).filter(Source::is_monitored).collect();
    monitored.sort_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
    Ok(monitored)
}

/// Requests that a source's workspace, else the deployment, leaves to people.
pub fn floor_of(plane: &Plane, limits: &Limits) -> u64 {
    limits.quota_floor.unwrap_or(plane.config.quota_floor)
}

/// Where the quota of a source's provider stands.
pub fn quota_key(source: &Source) -> Option<Key> {
    quota_key_of(source, crate::quota::CORE)
}

/// The same of one of the limits that a provider has.
pub fn quota_key_of(source: &Source, resource: &str) -> Option<Key> {
    let provider = providers::named(source.provider.as_deref()?)?;
    let base = source.base_url.as_deref().unwrap_or(provider.default_base_url());
    let host = url::Url::parse(base).ok()?;
    Some(keys::quota(&source.workspace, host.authority(), source.principal(), resource))
}
