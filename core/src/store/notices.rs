//! What the hooks of runs are still to be told.
//!
//! A notice is written in the transaction that makes it true, so that none is lost
//! whoever dies next, and none is told of what did not happen. It goes when it was
//! told. What is sent stands in it as it was at that moment.

use std::time::Duration;

use serde_json::json;

use super::conditions::{self, Range, Write};
use super::items::{Notice, WebhookSecret, decode, encode, expire, fall_due, key_of};
use super::schedules::readable;
use super::table::{Commit, Query};
use super::{Store, keys};
use crate::clock::Moment;
use crate::error::Fault;
use crate::model::{Run, RunId, RunStatus, WorkspaceId};
use crate::views::RunView;

/// How soon the tick looks after a message that may not have been sent.
const FIRST_LOOK: Duration = Duration::from_mins(1);
/// The table tidies away what is older: it was given up long before.
const KEPT: Duration = Duration::from_hours(72);
/// More of them would say little more, and a row has its limits.
const MOST_WARNINGS: usize = 20;

/// Where a run is, in the words of those who are told: its type and its status.
fn words(status: RunStatus) -> (&'static str, &'static str) {
    match status {
        RunStatus::Queued | RunStatus::Parked => ("run.queued", "queued"),
        RunStatus::Running | RunStatus::Paused | RunStatus::Cancelling => ("run.running", "running"),
        RunStatus::Completed | RunStatus::CompletedWithWarnings => ("run.completed", "completed"),
        RunStatus::Failed => ("run.failed", "failed"),
        RunStatus::Cancelled => ("run.cancelled", "cancelled"),
    }
}

/// The writes that tell a run's hooks where it is now.
pub(super) fn of(run: &Run, at: Moment) -> Result<Vec<Write>, Fault> {
    let (kind, status) = words(run.status);
    told(run, kind, status, at)
}

/// The writes that tell them how far it is.
pub(crate) fn of_progress(run: &Run, at: Moment) -> Result<Vec<Write>, Fault> {
    told(run, "run.progress", "running", at)
}

fn told(run: &Run, kind: &str, status: &str, at: Moment) -> Result<Vec<Write>, Fault> {
    if run.options.hooks.is_empty() {
        return Ok(Vec::new());
    }
    let mut view = RunView::of(run, at);
    // Whoever else is told is nobody's business.
    view.progress_webhooks.clear();
    view.warnings.truncate(MOST_WARNINGS);
    let (job, number) = (run.id.to_string(), run.version);
    let body = json!({"id": message_id(run.id, number), "job_id": job, "status": status, "type": kind, "at": at.rfc3339(), "run": view});
    let body = body.to_string();
    let notice = |hook: &str| Notice {
        run: run.id,
        owner: run.owner.clone(),
        workspace: run.workspace.clone(),
        hook: hook.to_owned(),
        number,
        at,
        body: body.clone(),
        tries: 0,
        next_at: at,
        busy_until: None,
        due_at: at.plus(FIRST_LOOK),
        version: 1,
    };
    run.options.hooks.iter().map(|hook| Ok(conditions::put("notice", row(&notice(&hook.id))?))).collect()
}

/// What a message is known by, however often it is sent.
pub(crate) fn message_id(run: RunId, number: u64) -> String {
    format!("msg_{}_{number}", run.0.simple())
}

fn row(notice: &Notice) -> Result<super::items::Row, Fault> {
    let mut row = encode("notice", &keys::notice(notice.run, &notice.hook, notice.number), notice)?;
    fall_due(&mut row, keys::notice_shard(notice.run), notice.due_at);
    expire(&mut row, notice.at.plus(KEPT));
    Ok(row)
}

impl Store {
    /// What a hook is still to be told of a run, in the order in which it happened.
    pub async fn notices(&self, run: RunId, hook: &str) -> Result<Vec<Notice>, Fault> {
        let query = Query::partition(keys::run_partition(run), Range::BeginsWith(keys::notices(hook)));
        Ok(readable(self.table.query(query).await?))
    }

    /// Writes a notice over the one that was read. Whether it was still that one.
    pub async fn save_notice(&self, notice: &Notice, seen: u64) -> Result<bool, Fault> {
        let write = conditions::put_over("notice", row(notice)?, seen);
        Ok(matches!(self.table.commit(vec![write]).await?, Commit::Done))
    }

    pub async fn delete_notice(&self, notice: &Notice) -> Result<(), Fault> {
        let key = keys::notice(notice.run, &notice.hook, notice.number);
        self.table.commit(vec![conditions::delete("notice", key)]).await.map(drop)
    }

    /// What nobody has been at for too long, from every shard about as many.
    pub async fn due_notices(&self, by: Moment, most: usize) -> Result<Vec<Notice>, Fault> {
        let shards = keys::notice_shards().map(|hash| {
            let limit = Some(most.div_ceil(usize::from(keys::DUE_SHARDS)));
            self.table.query(Query { index: Some(keys::DUE_INDEX), limit, ..Query::partition(hash, Range::DueBy(by)) })
        });
        let found: Vec<_> = futures::future::try_join_all(shards).await?.into_iter().flatten().map(|row| key_of(&row)).collect();
        let mut due: Vec<Notice> = readable(self.table.get_many(&found).await?);
        due.retain(|notice| notice.due_at <= by);
        Ok(due)
    }

    pub async fn webhook_secret(&self, workspace: &WorkspaceId) -> Result<Option<WebhookSecret>, Fault> {
        self.table.get(&keys::webhook_secret(workspace)).await?.map(decode).transpose()
    }

    /// Writes a secret over the one that had `seen` for its version. Whether it was
    /// still that one.
    pub async fn save_webhook_secret(
        &self,
        workspace: &WorkspaceId,
        secret: &WebhookSecret,
        seen: u64,
        with: Vec<Write>,
    ) -> Result<bool, Fault> {
        let mut writes = vec![conditions::put_over("secret", encode("webhook_secret", &keys::webhook_secret(workspace), secret)?, seen)];
        writes.extend(with);
        Ok(matches!(self.table.commit(writes).await?, Commit::Done))
    }
}
