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
    let known = plane.store.minted(&source.workspace, &sealed.fingerprint).await?;
    let soon = plane.clock.now().plus(SHORTEST_USE);
    if let Some(known) = known.filter(|known| known.good_until > soon) {
        match plane.vault.open_minted(&known.sealed, &source.workspace).await {
            Ok(credential) => return Ok(Shown::Ready { credential, good_until: Some(known.good_until), login }),
            Err(fault @ Fault::Unavailable { .. }) => return Err(fault),
            // Sealed by another key than today's: a new one is as good.
            Err(Fault::Broken { .. }) => {}
        }
    }
    mint(plane, source, sealed, provider, &app, login).await
}

async fn mint(
    plane: &Plane,
    source: &Source,
    sealed: &Sealed,
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
    let not = |verdict| Ok(Shown::Not(Box::new(mint.request.clone()), verdict));
    let reply = match plane.http.send(Outgoing { url, headers, body, secret_headers: mint.secret_headers, ..Outgoing::default() }).await {
        Ok(reply) => reply,
        Err(why) => return not(Verdict::Retry(why.to_string())),
    };
    let minted = match provider.judge(&mint.request, &reply) {
        Verdict::Readable => match apps.minted(&reply) {
            Ok(minted) => minted,
            Err(unreadable) => return not(Verdict::Retry(unreadable.0)),
        },
        Verdict::Unauthenticated(why) => return not(Verdict::Unauthenticated(format!("the key of the app was refused: {why}"))),
        Verdict::Missing(why) | Verdict::Denied(why) | Verdict::Rejected(why) | Verdict::Unavailable(why) => {
            let installation = &app.installation;
            return not(Verdict::Unauthenticated(format!("the app has no installation {installation} that is in use: {why}")));
        }
        verdict => return not(verdict),
    };
    let (credential, good_until) = (minted.credential, minted.expires_at);
    let kept = plane.vault.seal_minted(&credential, &source.workspace, &sealed.fingerprint).await?;
    plane.store.save_minted(&source.workspace, &sealed.fingerprint, &MintedToken { sealed: kept, good_until }).await?;
    tracing::info!(decision = "credential.minted", workspace = %source.workspace, source = %source.id, until = %good_until);
    Ok(Shown::Ready { credential, good_until: Some(good_until), login })
}
