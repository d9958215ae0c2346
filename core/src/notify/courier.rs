//! Brings a hook what it has not been told yet.
//!
//! One courier at a time goes to a hook of a run: it marks the notice that it takes,
//! and whoever comes meanwhile leaves the rest to it. So what happened first is tried
//! first. What could not be delivered is tried again later, while newer notices go on.

use std::time::Duration;

use tracing::info;

use super::send;
use super::signing::signatures;
use crate::clock::Moment;
use crate::error::Fault;
use crate::http::{Outgoing, Unanswered, Whom};
use crate::model::{Hook, Owner, Run, RunId};
use crate::plane::Plane;
use crate::store::items::Notice;
use crate::store::message_id;
use crate::vault::ForNotices;

/// After each try but the last, how long until the next; at most a quarter more.
const BACKOFF: [Duration; 4] = [Duration::from_secs(3), Duration::from_secs(30), Duration::from_mins(2), Duration::from_mins(10)];
const MOST_TRIES: u32 = BACKOFF.len() as u32 + 1;
/// The longest that a try takes, with what is written before and after.
const LONGEST_TRY: Duration = Duration::from_secs(10);
/// Before a courier goes on that had to stop.
const SHORT_WHILE: Duration = Duration::from_secs(1);
/// How much too early a delayed message may come, clocks being what they are.
const EARLY: Duration = Duration::from_secs(2);
/// How long a delayed message is waited for before the tick sends another.
const LATE: Duration = Duration::from_mins(1);

/// How a try went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Try {
    Delivered,
    /// It may go better later.
    Failed,
    TimedOut,
    /// It will not.
    Hopeless,
}

/// Tells a hook of a run what it has not been told yet.
pub(crate) async fn deliver(plane: &Plane, of: &Owner, run: RunId, hook: &str, deadline: Moment) -> Result<(), Fault> {
    // Whoever kept this worker for so long lets others come first.
    let mut is_slow = false;
    loop {
        let now = plane.clock.now();
        let notices = plane.store.notices(run, hook).await?;
        let Some(notice) = next(&notices, now) else { return Ok(()) };
        if now.plus(LONGEST_TRY) >= deadline || is_slow {
            send(plane, (of, run, hook), &notice.workspace, SHORT_WHILE).await;
            return Ok(());
        }
        let busy_until = now.plus(LONGEST_TRY);
        let due_at = busy_until.plus(LATE);
        let version = notice.version + 1;
        let taken = Notice { tries: notice.tries + 1, busy_until: Some(busy_until), due_at, version, ..notice.clone() };
        // Who was faster goes on with it, and with the rest.
        if plane.store.save_notice(&taken, notice.version).await? {
            is_slow = attempt(plane, of, &taken).await? == Try::TimedOut;
        }
    }
}

/// The notice whose turn it is: none as long as somebody is at one that has not been
/// tried before.
fn next(notices: &[Notice], now: Moment) -> Option<&Notice> {
    for notice in notices {
        let is_busy = notice.busy_until.is_some_and(|until| until > now);
        if is_busy && notice.tries == 1 {
            return None;
        }
        if !is_busy && notice.next_at <= now.plus(EARLY) {
            return Some(notice);
        }
    }
    None
}

async fn attempt(plane: &Plane, of: &Owner, notice: &Notice) -> Result<Try, Fault> {
    let run = plane.store.run(of, notice.run).await?;
    let hook = run.as_ref().and_then(|run| run.options.hooks.iter().find(|hook| hook.id == notice.hook));
    let (went, class) = match (&run, hook) {
        _ if notice.tries > MOST_TRIES => (Try::Hopeless, "lost".to_owned()),
        (Some(run), Some(hook)) => post(plane, run, hook, notice).await,
        // Nobody knows any more where to go.
        _ => (Try::Hopeless, "gone".to_owned()),
    };
    let now = plane.clock.now();
    let is_last = notice.tries >= MOST_TRIES || went == Try::Hopeless;
    let outcome = match went {
        Try::Delivered => "delivered",
        _ if is_last => "given_up",
        _ => "tried_again",
    };
    let source = run.as_ref().and_then(|run| run.source.as_ref()).map(ToString::to_string).unwrap_or_default();
    info!(decision = "webhook.sent", workspace = %notice.workspace, source, run = %notice.run, hook = notice.hook,
        message = message_id(notice.run, notice.number), tries = notice.tries, class, outcome);
    if went == Try::Delivered || is_last {
        plane.store.delete_notice(notice).await?;
        return Ok(went);
    }
    let pause = BACKOFF.get(notice.tries as usize - 1).copied().unwrap_or_default();
    let pause = pause + plane.chance.jitter(pause / 4);
    let next_at = now.plus(pause);
    let later = Notice { next_at, busy_until: None, due_at: next_at.plus(LATE), version: notice.version + 1, ..notice.clone() };
    // If the tick touched it meanwhile, the tick sees to it.
    if plane.store.save_notice(&later, notice.version).await? {
        send(plane, (of, notice.run, &notice.hook), &notice.workspace, pause).await;
    }
    Ok(went)
}

/// Sends a notice, signed as of now; how that went, and in which class of outcomes.
async fn post(plane: &Plane, run: &Run, hook: &Hook, notice: &Notice) -> (Try, String) {
    let (url, secrets) = match futures::try_join!(
        plane.vault.open_for_notices(&hook.address, ForNotices::Address, &run.workspace),
        secrets(plane, notice)
    ) {
        Ok(opened) => opened,
        Err(why) => {
            tracing::error!(decision = "webhook.unsealed", workspace = %run.workspace, run = %run.id, error = %why);
            return (Try::Failed, "unsealed".to_owned());
        }
    };
    let (id, timestamp) = (message_id(notice.run, notice.number), plane.clock.now().0 / 1000);
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("webhook-signature", signatures(&secrets, &id, timestamp, &notice.body)),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-id", id),
    ];
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let outgoing = Outgoing { whom: Whom::Receiver, url, headers, body: Some(notice.body.clone()), ..Outgoing::default() };
    match plane.http.send(outgoing).await {
        Ok(reply) => (judge(reply.status), format!("{}xx", reply.status / 100)),
        Err(Unanswered::Forbidden(_)) => (Try::Hopeless, "forbidden".to_owned()),
        Err(Unanswered::TooLate(_)) => (Try::TimedOut, "timeout".to_owned()),
        // It took it, whatever it has to say of it.
        Err(Unanswered::TooLong) => (Try::Delivered, "long".to_owned()),
        Err(Unanswered::Broken(_)) => (Try::Failed, "unreachable".to_owned()),
    }
}

/// What a receiver's answer means. A redirect is none that is followed.
fn judge(status: u16) -> Try {
    match status {
        200..=299 => Try::Delivered,
        // It says that it is not interested, and never will be.
        410 => Try::Hopeless,
        _ => Try::Failed,
    }
}

/// The secrets that sign now: the present one, and for a while the one before.
async fn secrets(plane: &Plane, notice: &Notice) -> Result<Vec<String>, Fault> {
    let kept = plane.store.webhook_secret(&notice.workspace).await?;
    let kept = kept.ok_or_else(|| Fault::broken("row", "the workspace has no secret for webhooks"))?;
    let holds = kept.previous_until.is_some_and(|until| until > plane.clock.now());
    let sealed = std::iter::once(kept.current).chain(kept.previous.filter(|_| holds));
    let opened = sealed.map(|sealed| async move { plane.vault.open_for_notices(&sealed, ForNotices::Secret, &notice.workspace).await });
    futures::future::try_join_all(opened).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SourceId, WorkspaceId};

    fn notice(number: u64, tries: u32, next_at: i64, busy_until: Option<i64>) -> Notice {
        Notice {
            run: RunId(uuid::Uuid::nil()),
            owner: Owner::Source(SourceId::known("web")),
            workspace: WorkspaceId::known("acme"),
            hook: "h".into(),
            number,
            at: Moment(0),
            body: String::new(),
            tries,
            next_at: Moment(next_at),
            busy_until: busy_until.map(Moment),
            due_at: Moment(0),
            version: 1,
        }
    }

    /// What happened first is tried first; what waits for another try holds up nothing.
    #[test]
    fn one_after_the_other() {
        let now = Moment(100_000);
        let turn = |notices: &[Notice]| next(notices, now).map(|notice| notice.number);
        let untried = |number| notice(number, 0, 1, None);
        assert_eq!(turn(&[untried(1), untried(2)]), Some(1));
        // Somebody is at the first: the second is left to them. They were lost: it is ours.
        assert_eq!(turn(&[notice(1, 1, 1, Some(100_001)), untried(2)]), None);
        assert_eq!(turn(&[notice(1, 1, 1, Some(99_999)), untried(2)]), Some(1));
        // The first waits for its second try, or is at it.
        assert_eq!(turn(&[notice(1, 1, 200_000, None), untried(2)]), Some(2));
        assert_eq!(turn(&[notice(1, 2, 1, Some(100_001)), untried(2)]), Some(2));
        assert_eq!(turn(&[notice(1, 1, 101_000, None), untried(2)]), Some(1));
        assert_eq!(turn(&[]), None);
    }

    /// A redirect is not followed and no success; who is gone is not asked again.
    #[test]
    fn an_answer_means_something() {
        let expected = [(200, Try::Delivered), (204, Try::Delivered), (302, Try::Failed), (404, Try::Failed), (410, Try::Hopeless)];
        for (status, went) in expected.into_iter().chain([(429, Try::Failed), (500, Try::Failed)]) {
            assert_eq!(judge(status), went, "{status}");
        }
    }
}
