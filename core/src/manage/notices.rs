//! The secret that signs a workspace's webhooks.

use std::time::Duration;

use super::{admin, line};
use crate::clock::Moment;
use crate::error::Error;
use crate::model::WorkspaceId;
use crate::notify::new_secret;
use crate::plane::Plane;
use crate::store::items::WebhookSecret;
use crate::trigger::Asker;
use crate::vault::ForNotices;

/// How long the secret before signs beside the new one.
const OVERLAP: Duration = Duration::from_hours(24);

/// Makes a new secret. It is in the answer and nowhere else; with it, until when the
/// one before signs too, if there was one.
pub async fn new_webhook_secret(plane: &Plane, asker: &Asker, workspace: &WorkspaceId) -> Result<(String, Option<Moment>), Error> {
    let person = admin(plane, asker, workspace).await?;
    if plane.store.workspace(workspace).await?.is_none() {
        return Err(Error::NotFound("workspace"));
    }
    let secret = new_secret(&plane.chance);
    let current = plane.vault.seal_for_notices(&secret, ForNotices::Secret, workspace).await?;
    loop {
        let (before, now) = (plane.store.webhook_secret(workspace).await?, plane.clock.now());
        let seen = before.as_ref().map_or(0, |before| before.version);
        let previous_until = before.as_ref().map(|_| now.plus(OVERLAP));
        let previous = before.map(|before| before.current);
        let kept = WebhookSecret { current: current.clone(), previous, previous_until, made_at: now, version: seen + 1 };
        let audit = line(plane, workspace, &person.user, "webhook_secret.made", [])?;
        if plane.store.save_webhook_secret(workspace, &kept, seen, vec![audit]).await? {
            return Ok((secret, previous_until));
        }
    }
}
