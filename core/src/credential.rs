//! Is a credential accepted? It is asked once when it is given, by a small job
//! that costs next to nothing, and every run that uses it knows.
//!
//! Nothing depends on the answer: it is there for people to see. A credential that
//! could not be looked at is one of which nothing is known.

use crate::error::Fault;
use crate::http::Outgoing;
use crate::minting::{self, Shown};
use crate::model::{Checked, Sealed, Source, SourceId, WorkspaceId};
use crate::plane::Plane;
use crate::providers::{self, Introduced, Verdict};
use crate::queue::Job;
use crate::quota::Word;
use crate::sync::{Purse, redacted};
use crate::vault::Kept;

/// Races with whoever changes the source; after that a run will tell.
const MOST_RACES: usize = 5;

/// Seals a credential for one source, with a fingerprint by which those that are the
/// same within a workspace are known.
pub(crate) async fn seal(plane: &Plane, kept: &Kept, workspace: &WorkspaceId, source: &SourceId) -> Result<Sealed, Fault> {
    let fresh = crate::digest::url_text(&plane.chance.bytes::<32>());
    let key = plane.store.deployment_key(&fresh).await?;
    let fingerprint = crate::digest::fingerprint(&key, &format!("{workspace}\n{}", kept.identity()));
    plane.vault.seal(kept, fingerprint, workspace, source).await
}

/// Has a worker look at the credential of a source, if it has one. If that cannot
/// be asked for, nobody waits for it.
pub(crate) async fn look_at(plane: &Plane, source: &Source) {
    let (Some(sealed), Some(_)) = (&source.credential, &source.provider) else { return };
    let job = Job::Validate { source: source.id.clone(), fingerprint: sealed.fingerprint.clone() };
    if let Err(why) = plane.queue.send(&job, &source.workspace, std::time::Duration::ZERO).await {
        tracing::warn!(decision = "credential.unasked", workspace = %source.workspace, source = %source.id, error = %why);
    }
}

/// Asks the provider of a source what it makes of the credential, while it is the
/// one that was to be looked at.
pub(crate) async fn validate(plane: &Plane, id: &SourceId, fingerprint: &str) -> Result<(), Fault> {
    let Some(source) = plane.store.source(id).await?.filter(|source| source.deleted_at.is_none()) else { return Ok(()) };
    let Some(sealed) = source.credential.as_ref().filter(|sealed| sealed.fingerprint == fingerprint) else { return Ok(()) };
    let Some(provider) = source.provider.as_deref().and_then(providers::named) else { return Ok(()) };
    let blank = Checked { at: plane.clock.now(), ..Checked::default() };
    let (credential, installation) = match minting::show(plane, &source, sealed, provider).await? {
        Shown::Ready { credential, login, .. } => (credential, login),
        Shown::Unreadable(why) => return note(plane, source.clone(), Checked { why: Some(why), ..blank }).await,
        Shown::Not(_, Verdict::Unauthenticated(why)) => {
            return note(plane, source.clone(), Checked { accepted: Some(false), why: Some(refused(&why)), ..blank }).await;
        }
        Shown::Not(..) => {
            let why = Some("the provider could not be asked for a token".to_owned());
            return note(plane, source.clone(), Checked { why, ..blank }).await;
        }
    };
    let request = provider.probe(&source);
    let (url, headers, body) = (request.url.clone(), request.headers.clone(), request.body.clone());
    let asked =
        plane.http.send(Outgoing { url, headers, body, secret_headers: provider.authorize(&credential), ..Outgoing::default() }).await;
    let (checked, limit) = match asked {
        Err(why) => (Checked { why: Some(format!("the provider could not be asked: {why}")), ..blank }, None),
        Ok(reply) => match provider.judge(&request, &reply) {
            Verdict::Readable | Verdict::Unchanged => {
                let Introduced { login, limit } = provider.introduce(&reply);
                (Checked { accepted: Some(true), login: login.or(installation), ..blank }, limit)
            }
            Verdict::Unauthenticated(why) => {
                let why = redacted(&why, Some(&credential.token));
                (Checked { accepted: Some(false), why: Some(refused(&why)), ..blank }, None)
            }
            // It may be good for what it is for, and not for this.
            _ => (Checked { why: Some(format!("the provider answered {} when asked whose it is", reply.status)), ..blank }, None),
        },
    };
    tracing::info!(decision = "credential.checked", workspace = %source.workspace, source = %source.id, accepted = ?checked.accepted);
    let mut known = source.clone();
    known.credential_check = Some(checked.clone());
    note(plane, source, checked.clone()).await?;
    if let Some(limit) = limit {
        let mut purse = Purse::new(plane, &known, provider);
        purse.tell(Word { remaining: limit.remaining, limit: limit.limit, resets_at: limit.resets_at, heard_at: checked.at });
        purse.settle(plane).await;
    }
    Ok(())
}

/// A run that used the credential knows whether it is accepted.
pub(crate) async fn learn(plane: &Plane, source: &Source, accepted: bool) {
    let known = source.credential_check.clone().unwrap_or_default();
    if source.credential.is_none() || known.accepted == Some(accepted) {
        return;
    }
    let why = (!accepted).then(|| refused("a run was refused with it"));
    let checked = Checked { accepted: Some(accepted), at: plane.clock.now(), login: known.login, why };
    if let Err(why) = note(plane, source.clone(), checked).await {
        tracing::warn!(decision = "credential.unrecorded", workspace = %source.workspace, source = %source.id, error = %why);
    }
}

fn refused(why: &str) -> String {
    let words = if why.is_empty() { String::new() } else { format!(" ({why})") };
    format!("the provider does not accept it{words}: give the source a new one")
}

/// Puts on the source what is known of its credential now, unless it has another by
/// now or something later is known.
async fn note(plane: &Plane, mut source: Source, checked: Checked) -> Result<(), Fault> {
    let of = source.credential.clone();
    for _ in 0..MOST_RACES {
        let known = source.credential_check.take().unwrap_or_default();
        if source.credential != of || source.deleted_at.is_some() || known.at > checked.at {
            return Ok(());
        }
        let seen = source.version;
        source.version += 1;
        // What a run knows is not forgotten because nobody could be asked.
        let keeps = checked.accepted.is_none() && known.accepted.is_some();
        let login = checked.login.clone().or_else(|| known.login.clone());
        source.credential_check = Some(if keeps { known } else { Checked { login, ..checked.clone() } });
        if plane.store.change_source(&source, seen, None, Vec::new()).await? {
            return Ok(());
        }
        let Some(now_is) = plane.store.source(&source.id).await? else { return Ok(()) };
        source = now_is;
    }
    Ok(())
}
