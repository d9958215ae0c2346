//! Tell those who asked for it how a run goes: signed webhooks.
//!
//! What is to be told lies in the table, written in the transaction that made it
//! true (`store/notices.rs`). Here a hook is taken in, somebody is sent for what lies
//! there, and whoever forgot about it is reminded. Who goes is in `courier`. No run
//! waits for any of this, or fails by it.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;
use tracing::{info, warn};
use url::Url;

use crate::clock::Moment;
use crate::config::Config;
use crate::digest::{fingerprint, url_text};
use crate::error::{Error, Fault};
use crate::http::{Allowed, judge_address};
use crate::model::{Hook, Owner, Progress, Run, RunId, ToldAt, WorkspaceId};
use crate::plane::Plane;
use crate::queue::Job;
use crate::store::items::{Notice, WebhookSecret};
use crate::vault::ForNotices;

mod courier;
mod signing;

pub(crate) use courier::deliver;
pub(crate) use signing::new_secret;

const LONGEST_ADDRESS: usize = 2_000;
/// Progress is told when both have passed since it was told last.
const SHORTEST_SPAN: Duration = Duration::from_secs(10);
const LEAST_PERCENT: u64 = 10;
/// Notices that one tick reminds somebody of, when it does so again, and how old one
/// may be.
const AT_ONCE: usize = 1_000;
const REMINDED_AGAIN: Duration = Duration::from_mins(5);
const OLDEST: Duration = Duration::from_hours(24);

/// An address that hooks may be sent to, as far as can be told without asking anyone.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Address({})", self.shown())
    }
}

impl Address {
    /// Judges what somebody gave. Names are looked up, and judged, when something is
    /// sent.
    pub fn judged(config: &Config, text: &str) -> Result<Self, Error> {
        let refused = |why: String| Error::invalid("progress_webhook", why);
        if text.len() > LONGEST_ADDRESS {
            return Err(refused(format!("must have at most {LONGEST_ADDRESS} bytes")));
        }
        let url = Url::parse(text).map_err(|why| refused(format!("is not an address: {why}")))?;
        let may = judge_address(&url, &Allowed::for_receivers(config));
        may.map_err(|what| refused(format!("may not be reached: {what}; an operator can list it in PULLCORD_ALLOW_HOSTS")))?;
        Ok(Self(url))
    }

    /// Without query and fragment, where secrets tend to be. There is never a user in
    /// it.
    fn shown(&self) -> String {
        let mut shown = self.0.clone();
        shown.set_query(None);
        shown.set_fragment(None);
        shown.to_string()
    }
}

/// Makes a hook of an address. The workspace has a secret from then on.
pub(crate) async fn keep(plane: &Plane, workspace: &WorkspaceId, address: &Address) -> Result<Hook, Fault> {
    let text = address.0.as_str();
    let fresh = url_text(&plane.chance.bytes::<32>());
    let sealed = plane.vault.seal_for_notices(text, ForNotices::Address, workspace);
    let (key, sealed, ()) = futures::try_join!(plane.store.deployment_key(&fresh), sealed, have_secret(plane, workspace))?;
    Ok(Hook { id: fingerprint(&key, &format!("{workspace}\nhook\n{text}")), address: sealed, shown: address.shown() })
}

/// Makes the secret of a workspace that has none. Nobody has seen it: an admin who
/// wants to check signatures asks for one.
async fn have_secret(plane: &Plane, workspace: &WorkspaceId) -> Result<(), Fault> {
    if plane.store.webhook_secret(workspace).await?.is_some() {
        return Ok(());
    }
    let current = plane.vault.seal_for_notices(&new_secret(&plane.chance), ForNotices::Secret, workspace).await?;
    let secret = WebhookSecret { current, previous: None, previous_until: None, made_at: plane.clock.now(), version: 1 };
    // If somebody else was first, there is one.
    plane.store.save_webhook_secret(workspace, &secret, 0, Vec::new()).await.map(drop)
}

/// Whether hooks are told of a run's progress now, and from where on they are next.
pub(crate) fn progressed(before: &Run, progress: &Progress, now: Moment) -> Option<ToldAt> {
    if before.options.hooks.is_empty() {
        return None;
    }
    let percentage = progress.percentage(false);
    let start = ToldAt { at: before.started_at.unwrap_or(before.created_at), percentage: Some(0) };
    let told = before.progress.told.unwrap_or(start);
    let is_far = match (told.percentage, percentage) {
        (Some(told), Some(is)) => is >= told + LEAST_PERCENT,
        // Nobody knows how much there is: time alone tells.
        _ => true,
    };
    (is_far && now.since(told.at) >= SHORTEST_SPAN).then_some(ToldAt { at: now, percentage: percentage.or(Some(0)) })
}

/// Sends somebody for what a run's hooks are to be told. If that fails the tick does.
/// Boxed: most runs have no hooks, and it is called from long futures.
pub(crate) fn call<'run>(plane: &'run Plane, run: &'run Run) -> BoxFuture<'run, ()> {
    Box::pin(async move {
        for hook in &run.options.hooks {
            send(plane, (&run.owner, run.id, &hook.id), &run.workspace, Duration::ZERO).await;
        }
    })
}

async fn send(plane: &Plane, (of, run, hook): (&Owner, RunId, &str), workspace: &WorkspaceId, delay: Duration) {
    let job = Job::Notify { of: of.clone(), run, hook: hook.to_owned() };
    if let Err(why) = plane.queue.send(&job, workspace, delay).await {
        warn!(decision = "send.failed", %workspace, %run, hook, error = %why, "the tick will send it");
    }
}

/// Sends somebody again for what lies there for too long, and gives up what nobody
/// needs to know any more. How many notices those were.
pub(crate) async fn remind(plane: &Plane) -> Result<usize, Fault> {
    let now = plane.clock.now();
    let due = plane.store.due_notices(now, AT_ONCE).await?;
    let mut called = BTreeSet::new();
    for notice in &due {
        if now.since(notice.at) > OLDEST {
            plane.store.delete_notice(notice).await?;
            info!(decision = "webhook.sent", workspace = %notice.workspace, run = %notice.run, hook = notice.hook, tries = notice.tries,
                outcome = "given_up", "it is too old to be news");
            continue;
        }
        let later = Notice { due_at: now.plus(REMINDED_AGAIN), version: notice.version + 1, ..notice.clone() };
        let is_ours = plane.store.save_notice(&later, notice.version).await?;
        if is_ours && called.insert((notice.run, notice.hook.clone())) {
            send(plane, (&notice.owner, notice.run, &notice.hook), &notice.workspace, Duration::ZERO).await;
        }
    }
    Ok(due.len())
}

#[cfg(test)]
#[path = "notify_tests.rs"]
mod tests;
