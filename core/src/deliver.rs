//! Take in a delivery: a forge says that something changed.
//!
//! Whoever sends one has no bearer token. That they know the secret of the source's
//! webhook is their proof, and until that is shown one row is read and nothing is
//! written. What changed is not taken from a delivery: it asks for an incremental
//! run, through the same door as everybody else.

use std::time::Duration;

use tracing::{error, info};

use crate::admission::{OnBlocked, OnConflict, Surface, delivered};
use crate::error::{Error, Fault};
use crate::model::{Owner, Person, Role, Run, SourceId, UserId};
use crate::plane::Plane;
use crate::providers::{self, Delivery, Named, Origin, Provider, Sent};
use crate::store::items::Idempotency;
use crate::store::keys::delivery_scope;
use crate::store::{Remembered, SourceRows};
use crate::trigger::{Answer, Ask, Asker, IdempotencyKey, trigger};

/// How long a delivery is remembered. GitHub lets people send one again for three
/// days; no forge tries for longer by itself.
pub(crate) const REMEMBERED: Duration = Duration::from_hours(3 * 24);
/// A gate that changes so often is noted at again by the next delivery.
const MOST_RACES: u32 = 5;

/// A delivery, and whose it says it is.
#[derive(Debug)]
pub struct Incoming {
    pub source: SourceId,
    pub sent: Sent,
    pub request_id: Option<String>,
}

/// What became of a genuine delivery.
#[derive(Debug)]
pub struct Delivered {
    pub delivery: Delivery,
    /// The repository's name now, where it is not the configured one any more.
    pub renamed: Option<String>,
    pub came_to: CameTo,
}

#[derive(Debug)]
pub enum CameTo {
    /// A run will look at what changed.
    Run(Answer),
    /// It can change nothing that the source reads: it only shows that the webhook
    /// works.
    Nothing,
    /// It came before; with the run that it started, if it did and there still is one.
    Again(Option<Box<Run>>),
}

/// Who asks for what deliveries start. Nobody else can be called so.
pub(crate) fn sender() -> UserId {
    UserId::known("webhook")
}

/// Takes a delivery in. One that is not proved to be genuine is told nothing, not
/// even whether there is such a source.
pub async fn deliver(plane: &Plane, incoming: Incoming) -> Result<Delivered, Error> {
    let (rows, provider) = proved(plane, &incoming).await?.ok_or(Error::NotFound("source"))?;
    let read = provider.delivery(&incoming.sent).map_err(|why| Error::invalid("delivery", why.0));
    let delivery = read.inspect_err(|why| info!(decision = "delivery.unreadable", source = %rows.source.id, why = ?why))?;
    let renamed = renamed(&rows, &delivery)?;
    let scope = delivery_scope(&rows.source.id, &delivery.id);
    let came_to = if let Some(used) = plane.store.idempotency(&scope, plane.clock.now()).await? {
        CameTo::Again(started(plane, used).await?)
    } else {
        note(plane, &rows, &delivery).await?;
        came_to(plane, &incoming, &rows, &delivery, scope).await?
    };
    let source = &rows.source;
    info!(decision = "delivery.received", workspace = %source.workspace, source = %source.id, event = delivery.event,
        delivery = delivery.id, came_to = came_to.as_str(), request = incoming.request_id.as_deref().unwrap_or_default());
    Ok(Delivered { delivery, renamed, came_to })
}

impl CameTo {
    /// What the reply calls it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Run(Answer::FollowUp(_)) => "follow_up",
            Self::Run(Answer::Parked(_)) => "parked",
            Self::Run(_) => "accepted",
            Self::Nothing => "counted",
            Self::Again(_) => "repeated",
        }
    }

    /// The run that looks at what changed, if there is one.
    pub fn run(&self) -> Option<&Run> {
        match self {
            Self::Run(
                Answer::Accepted(run) | Answer::Attached(run) | Answer::FollowUp(run) | Answer::Parked(run) | Answer::Repeated(run),
            ) => Some(run),
            Self::Again(run) => run.as_deref(),
            Self::Run(Answer::Fresh { .. } | Answer::Would(_)) | Self::Nothing => None,
        }
    }
}

/// The source that a delivery is for, if it is proved: an unknown source, one
/// without a secret and a wrong signature are all the same.
async fn proved(plane: &Plane, incoming: &Incoming) -> Result<Option<(SourceRows, &'static dyn Provider)>, Fault> {
    let rows = plane.store.source_rows(&incoming.source).await?.filter(|rows| rows.source.deleted_at.is_none());
    let Some(rows) = rows else { return Ok(None) };
    let source = &rows.source;
    let provider = source.provider.as_deref().and_then(providers::named);
    let (Some(provider), Some(sealed)) = (provider, &source.webhook.secret) else { return Ok(None) };
    let secret = match plane.vault.open_secret(sealed, &source.workspace, &source.id).await {
        Ok(secret) => secret,
        // Ours to repair, and not for a stranger to know.
        Err(broken @ Fault::Broken { .. }) => {
            error!(decision = "delivery.unproved", workspace = %source.workspace, source = %source.id, error = %broken);
            return Ok(None);
        }
        Err(unavailable) => return Err(unavailable),
    };
    let is_genuine = provider.is_genuine(&secret, &incoming.sent, plane.clock.now());
    if !is_genuine {
        info!(decision = "delivery.unproved", workspace = %source.workspace, source = %source.id,
            request = incoming.request_id.as_deref().unwrap_or_default());
    }
    Ok(is_genuine.then_some((rows, provider)))
}

/// The repository's new name, if it has one. A delivery of another repository is
/// refused, and so is one that concerns a stream and does not say of which.
fn renamed(rows: &SourceRows, delivery: &Delivery) -> Result<Option<String>, Error> {
    let configured = rows.source.repository.as_deref().unwrap_or_default();
    let refused = |is: String| {
        let advice = format!("this source reads {configured}: correct the webhook's address, or the source's repository if it was renamed");
        Err(Error::invalid("repository", format!("{is}; {advice}")))
    };
    match &delivery.repository {
        None if delivery.concerns.is_none() => Ok(None),
        None => refused("is not named in the delivery".to_owned()),
        Some(named) => match named.origin(configured, rows.gate.repository_id.as_deref()) {
            Origin::Configured => Ok(None),
            Origin::Renamed => Ok(Some(named.name.clone())),
            Origin::Foreign => refused(format!("is {} in the delivery", named.name)),
        },
    }
}

/// Notes at the gate that the webhook works.
async fn note(plane: &Plane, rows: &SourceRows, delivery: &Delivery) -> Result<(), Fault> {
    let repository = delivery.repository.as_ref().and_then(|Named { id, .. }| id.as_deref());
    let (owner, mut gate) = (Owner::Source(rows.source.id.clone()), rows.gate.clone());
    for _ in 0..MOST_RACES {
        let Some(noted) = delivered(&gate, repository, plane.clock.now()) else { break };
        if plane.store.save_gate(&owner, &noted, gate.version).await? {
            break;
        }
        gate = plane.store.gate(&owner).await?;
    }
    Ok(())
}

/// What comes of a delivery that is new. The run reads every stream of the source
/// and not only the one that is concerned: after it the source counts as fresh.
async fn came_to(plane: &Plane, incoming: &Incoming, rows: &SourceRows, delivery: &Delivery, scope: String) -> Result<CameTo, Error> {
    let (source, now) = (&rows.source, plane.clock.now());
    if !delivery.concerns.is_some_and(|stream| source.streams.contains(&stream)) {
        let (owner, expires_at) = (rows.owner(), now.plus(REMEMBERED));
        let memory = Idempotency { run: None, owner, body_hash: String::new(), expires_at };
        return Ok(match plane.store.remember(&scope, &memory, now).await? {
            Remembered::Done | Remembered::Before(None) => CameTo::Nothing,
            Remembered::Before(Some(used)) => CameTo::Again(started(plane, used).await?),
        });
    }
    // What the secret proves: that this one source may be synced.
    let asker = Asker::Known(Person { user: sender(), memberships: vec![(source.workspace.clone(), Role::Member)] });
    let ask = Ask {
        on_conflict: OnConflict::FollowUp,
        on_blocked: OnBlocked::Park,
        reason: Some(format!("a delivery of {}", delivery.event)),
        idempotency: Some(IdempotencyKey { scope, body_hash: String::new() }),
        delivery: Some(delivery.id.clone()),
        request_id: incoming.request_id.clone(),
        ..Ask::sync(source.id.clone(), asker, Surface::Webhook)
    };
    Ok(match trigger(plane, ask).await? {
        // The same one, sent twice at once.
        Answer::Repeated(run) => CameTo::Again(Some(run)),
        answer => CameTo::Run(answer),
    })
}

async fn started(plane: &Plane, used: Idempotency) -> Result<Option<Box<Run>>, Fault> {
    match used.run {
        Some(run) => Ok(plane.store.run(&used.owner, run).await?.map(Box::new)),
        None => Ok(None),
    }
}
