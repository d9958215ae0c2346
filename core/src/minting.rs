//! What a source keeps, made into what its provider wants to see.
//!
//! A token is shown as it is. With the key of an app a token is minted, which is good
//! for an hour; until shortly before its end all workers show the same one, since a
//! provider that recognises its answers does so for each token anew.

use std::time::Duration;

use crate::clock::Moment;
use crate::error::Fault;
use crate::http::Outgoing;
use crate::model::{Sealed, Source};
use crate::plane::Plane;
use crate::providers::{PageRequest, Provider, Verdict};
use crate::store::items::MintedToken;
use crate::sync::redacted;
use crate::vault::{AppKey, Credential, Kept};

/// A token that is nearly over is not begun with.
const SHORTEST_USE: Duration = Duration::from_mins(10);

/// What came of a credential.
pub(crate) enum Shown {
    /// This is what to show, and until when it is good, if it ends.
    Ready { credential: Credential, good_until: Option<Moment>, login: Option<String> },
    /// It cannot be opened here.
    Unreadable(String),
    /// No token was minted: what the provider answered to that request.
    Not(Box<PageRequest>, Verdict),
}

/// Opens what a source keeps, and mints a token if that is what it is for.
pub(crate) async fn show(plane: &Plane, source: &Source, sealed: &Sealed, provider: &dyn Provider) -> Result<Shown, Fault> {
    let app = match plane.vault.open(sealed, &source.workspace, &source.id).await {
        Ok(Kept::Token(credential)) => return Ok(Shown::Ready { credential, good_until: None, login: None }),
        Ok(Kept::App(app)) => app,
        Err(fault @ Fault::Unavailable { .. }) => return Err(fault),
        Err(Fault::Broken { why, .. }) => return Ok(Shown::Unreadable(why)),
    };
    let login = Some(format!("installation-{}", app.installation));
    let name = name_of(source, sealed, provider);
    let known = plane.store.minted(&source.workspace, &name).await?;
    let soon = plane.clock.now().plus(SHORTEST_USE);
    if let Some(known) = known.filter(|known| known.good_until > soon) {
        match plane.vault.open_minted(&known.sealed, &source.workspace).await {
            Ok(credential) => return Ok(Shown::Ready { credential, good_until: Some(known.good_until), login }),
            Err(fault @ Fault::Unavailable { .. }) => return Err(fault),
            // Sealed by another key than today's: a new one is as good.
            Err(Fault::Broken { .. }) => {}
        }
    }
    mint(plane, source, &name, provider, &app, login).await
}

/// A key and where it is shown: what its tokens are kept under.
fn name_of(source: &Source, sealed: &Sealed, provider: &dyn Provider) -> String {
    let base = source.base_url.as_deref().unwrap_or(provider.default_base_url());
    let host = url::Url::parse(base).map(|url| url.authority().to_owned()).unwrap_or_default();
    format!("{}#{host}", sealed.fingerprint)
}

/// A token that was refused is not shown again: what it may do was settled when it was
/// minted, and may be more by now.
pub(crate) async fn forget(plane: &Plane, source: &Source, provider: &dyn Provider) {
    let Some(sealed) = source.credential.as_ref().filter(|_| provider.apps().is_some()) else { return };
    if let Err(why) = plane.store.forget_minted(&source.workspace, &name_of(source, sealed, provider)).await {
        tracing::warn!(decision = "credential.unforgotten", workspace = %source.workspace, source = %source.id, error = %why);
    }
}

async fn mint(
    plane: &Plane,
    source: &Source,
    name: &str,
    provider: &dyn Provider,
    app: &AppKey,
    login: Option<String>,
) -> Result<Shown, Fault> {
    let Some(apps) = provider.apps() else {
        return Ok(Shown::Unreadable(format!("{} has no apps that tokens are minted for: give the source a token", provider.name())));
    };
    let mint = match apps.mint(source, app, plane.clock.now()) {
        Ok(mint) => mint,
        Err(why) => return Ok(Shown::Unreadable(format!("the key of the app {why}"))),
    };
    let PageRequest { url, headers, body, .. } = mint.request.clone();
    let proof = mint.secret_headers.first().map(|(_, value)| value.trim_start_matches("Bearer ").to_owned());
    let clean = |why: &str| redacted(why, proof.as_deref());
    let not = |verdict| Ok(Shown::Not(Box::new(mint.request.clone()), verdict));
    let reply = match plane.http.send(Outgoing { url, headers, body, secret_headers: mint.secret_headers, ..Outgoing::default() }).await {
        Ok(reply) => reply,
        Err(why) => return not(Verdict::Retry(why.to_string())),
    };
    let minted = match provider.judge(&mint.request, &reply) {
        Verdict::Readable => match apps.minted(&reply) {
            Ok(minted) => minted,
            Err(unreadable) => return not(Verdict::Retry(clean(&unreadable.0))),
        },
        Verdict::Unauthenticated(why) => return not(Verdict::Unauthenticated(format!("the key of the app was refused: {}", clean(&why)))),
        Verdict::Missing(why) | Verdict::Denied(why) | Verdict::Rejected(why) | Verdict::Unavailable(why) => {
            let installation = &app.installation;
            return not(Verdict::Unauthenticated(format!("the app has no installation {installation} that is in use: {}", clean(&why))));
        }
        Verdict::Unchanged => return not(Verdict::Retry("it says that nothing changed, which it was not asked".to_owned())),
        verdict => return not(verdict.redacted(proof.as_deref())),
    };
    let (credential, good_until) = (minted.credential, minted.expires_at);
    let keeping = async {
        let sealed = plane.vault.seal_minted(&credential, &source.workspace, name).await?;
        plane.store.save_minted(&source.workspace, name, &MintedToken { sealed, good_until }).await
    };
    // It is as good if nobody else can have it.
    if let Err(why) = keeping.await {
        tracing::warn!(decision = "credential.unkept", workspace = %source.workspace, source = %source.id, error = %why);
    }
    tracing::info!(decision = "credential.minted", workspace = %source.workspace, source = %source.id, until = %good_until);
    Ok(Shown::Ready { credential, good_until: Some(good_until), login })
}
