//! A trigger that joins a run which is there already.

use std::collections::BTreeMap;

use super::attempt::Attempt;
use super::record::{self, audit_of};
use super::{Answer, Would, repeat};
use crate::error::{Error, Fault};
use crate::model::{Run, RunId};
use crate::store::{Joined, Remembered, Rows};

impl Attempt<'_> {
    /// Joins the run that is under way. None if it moved on while its hooks were
    /// joined.
    pub(super) async fn attach(&self, rows: &Rows, id: RunId, holder: Option<Run>) -> Result<Option<Answer>, Error> {
        if self.ask.dry_run {
            return Ok(Some(Answer::Would(Would::Attach(id))));
        }
        let run = match holder {
            Some(run) => Some(run),
            None => self.plane.store.run(&rows.subject.owner(), id).await?,
        };
        let run = run.ok_or(Error::NotFound("run"))?;
        let mut joined = run.clone();
        joined.options.hooks = run.options.hooked(&self.ask.options.hooks);
        let widens = joined.options.hooks != run.options.hooks && !run.status.is_terminal();
        if !widens {
            joined = run.clone();
        }
        joined.version += u64::from(widens);
        match self.recorded(&joined, "run.attached", widens.then_some(run.version)).await? {
            Joined::RunLost if widens => Ok(None),
            Joined::KeyTaken(Some(used)) => match &self.ask.idempotency {
                Some(key) => repeat(self.plane, key, used).await.map(Some),
                None => Ok(Some(Answer::Attached(Box::new(run)))),
            },
            _ => Ok(Some(Answer::Attached(Box::new(joined)))),
        }
    }

    /// Joins a run that waits already: what it is to do satisfies both then. None
    /// if it does not wait any more.
    pub(super) async fn join(&self, rows: &Rows, id: RunId) -> Result<Option<Answer>, Error> {
        let Some(run) = self.plane.store.run(&rows.subject.owner(), id).await?.filter(Run::waits_outside) else { return Ok(None) };
        if self.ask.dry_run {
            let id = Some(run.id);
            let follows = run.follows.map(|known| rows.gate.holder.unwrap_or(known));
            return Ok(Some(Answer::Would(match (follows, run.resumes_at) {
                (Some(after), _) => Would::FollowUp { after, run: id },
                (None, until) => Would::Park { until: until.unwrap_or(self.now), run: id },
            })));
        }
        let mut joined = run.clone();
        joined.options = run.options.widened(&self.ask.options);
        joined.scheduled_for = run.scheduled_for.or(self.ask.scheduled_for);
        let widens = (&joined.options, joined.scheduled_for) != (&run.options, run.scheduled_for);
        joined.version += u64::from(widens);
        let answer = |run: Run| if run.follows.is_some() { Answer::FollowUp(Box::new(run)) } else { Answer::Parked(Box::new(run)) };
        if let (Some(delivery), Some(key), false) = (&self.ask.delivery, &self.ask.idempotency, widens) {
            let memory = self.remembered(key, &run);
            return match record::delivered_into(self.plane, &run, (delivery, &key.scope, &memory), self.now).await? {
                Remembered::Before(Some(used)) => repeat(self.plane, key, used).await.map(Some),
                _ => Ok(Some(answer(run))),
            };
        }
        match self.recorded(&joined, "run.joined", widens.then_some(run.version)).await? {
            Joined::Done => Ok(Some(answer(joined))),
            Joined::RunLost => Ok(None),
            Joined::KeyTaken(used) => match (used, &self.ask.idempotency) {
                (Some(used), Some(key)) => repeat(self.plane, key, used).await.map(Some),
                _ => Ok(None),
            },
        }
    }

    async fn recorded(&self, run: &Run, what: &str, widened: Option<u64>) -> Result<Joined, Fault> {
        let line = audit_of(run, self.ask.asker.user(), what, self.now, BTreeMap::new());
        let id = self.plane.chance.id(self.now).to_string();
        let remembered = self.ask.idempotency.as_ref().map(|key| (key.scope.as_str(), self.remembered(key, run)));
        self.plane.store.join(&run.workspace, (&id, &line), remembered, (run, widened), self.now).await
    }
}
