//! What a history does: what people, queues, clocks and crashes do to Pullcord.

use std::time::Duration;

use jiff::SignedDuration;
use pullcord_core::admission::{OnBlocked, OnConflict, Surface};
use pullcord_core::manage::{self, ChangedSource, CredentialGiven};
use pullcord_core::model::{Owner, RunOptions, Work};
use pullcord_core::moves::NotClaimed;
use pullcord_core::queue::Job;
use pullcord_core::sync::{Slice, bury, sync};
use pullcord_core::trigger::{Answer, Ask, trigger};
use pullcord_core::{Error, Plane, cancel, schedule};
use pullcord_forge::Quota;

use super::history::{CANARY, FILES, History, asker};
use super::weather::{Fault, http};

/// What a door answered, in a few words; the rest is in the table.
fn told(answer: &Result<Answer, Error>) -> String {
    match answer {
        Ok(Answer::Accepted(run)) => format!("accepted {}", run.id),
        Ok(Answer::Attached(run)) => format!("attached to {}", run.id),
        Ok(Answer::FollowUp(run)) => format!("follows as {}", run.id),
        Ok(Answer::Parked(run)) => format!("parked as {}", run.id),
        Ok(Answer::Repeated(run)) => format!("the same as {}", run.id),
        Ok(Answer::Fresh { .. }) => "fresh".to_owned(),
        Ok(Answer::Would(_)) => "a dry run".to_owned(),
        Err(Error::Fault(fault)) => fault.to_string(),
        Err(error) => error.to_string(),
    }
}

impl History {
    pub(super) fn trigger(&mut self) {
        let callers = if self.weather.strikes(Fault::TenCallers, 3) { 10 } else { 1 };
        let source = self.sources[self.weather.below(self.sources.len())].clone();
        for _ in 0..callers {
            let conflicts = [OnConflict::Reject, OnConflict::Attach, OnConflict::FollowUp, OnConflict::FollowUp, OnConflict::Restart];
            let on_conflict = conflicts[self.weather.below(conflicts.len())];
            let on_blocked = if self.weather.percent(50) { OnBlocked::Park } else { OnBlocked::Reject };
            let options = RunOptions { full: self.weather.percent(10), include_closed: self.weather.percent(10), ..RunOptions::default() };
            let surface = if self.weather.percent(40) { Surface::Projects } else { Surface::Native };
            let max_age = self.weather.percent(10).then_some(Duration::from_mins(2));
            let dry_run = self.weather.percent(5);
            let ask =
                Ask { on_conflict, on_blocked, options, max_age, dry_run, confirmed: true, ..Ask::sync(source.clone(), asker(), surface) };
            let (plane, weather) = (self.plane.clone(), self.weather.clone());
            self.others.push(tokio::spawn(async move {
                let answer = trigger(&plane, ask).await;
                weather.note(format!("trigger {on_conflict:?} {on_blocked:?}: {}", told(&answer)));
            }));
        }
    }

    /// Gives some visible message to a worker, whichever it is.
    pub(super) fn deliver(&mut self) {
        let now = self.weather.clock.now();
        let mut messages = self.messages.lock().unwrap();
        let visible: Vec<usize> = (0..messages.len()).filter(|at| messages[*at].visible_at <= now).collect();
        if visible.is_empty() {
            return;
        }
        let at = visible[self.weather.below(visible.len())];
        if self.weather.strikes(Fault::MessageDropped, 3) {
            messages.remove(at);
            return;
        }
        messages[at].receives += 1;
        messages[at].visible_at = now.plus(self.manner.visibility);
        let message = messages[at].clone();
        if message.receives > self.manner.most_receives {
            messages.remove(at);
            self.letters.push(message);
            return;
        }
        drop(messages);
        let job = Job::decode(&message.body).unwrap();
        let skew = if self.weather.strikes(Fault::ClockSkewed, 8) { self.weather.below(240) as i64 - 120 } else { 0 };
        let stalls = self.weather.strikes(Fault::WorkerStalled, 8);
        let clock = self.weather.clock.skewed(SignedDuration::from_secs(skew));
        let http = http(self.forge.clone(), self.toll.clone(), &self.weather, self.plane.config.request_deadline(), stalls);
        let plane = Plane { clock: clock.clone(), http, ..self.plane.clone() };
        let deadline = if self.weather.percent(20) { clock.now() } else { clock.now().plus(Duration::from_mins(5)) };
        let (messages, weather, seen) = (self.messages.clone(), self.weather.clone(), self.seen.clone());
        let (id, body) = (message.id, message.body.clone());
        let what = match &job {
            Job::Sync { run, .. } => run.to_string(),
            Job::Validate { source, .. } => format!("the credential of {source}"),
            Job::Probe { source, .. } => format!("the health of {source}"),
            Job::Notify { run, .. } => format!("what is told of {run}"),
            Job::Warm => "being there".to_owned(),
        };
        let worker = tokio::spawn(async move {
            let outcome = sync(&plane, &job, deadline).await;
            weather.note(format!("worked on {what}: {outcome:?}"));
            if let (Ok(Slice::Dropped(NotClaimed::Stale)), Job::Sync { of: Owner::Source(source), run, epoch }) = (&outcome, &job) {
                seen.lock().unwrap().push((source.clone(), *run, *epoch));
            }
            // What succeeded is deleted, unless the queue forgets that.
            if outcome.is_ok() && !weather.strikes(Fault::MessageTwice, 10) {
                messages.lock().unwrap().retain(|other| other.id != id);
            }
        });
        self.workers.push((worker, body));
        if self.manner.deadly && self.weather.percent(80) {
            self.doomed();
        }
    }

    /// The worker that came last is lost within a moment.
    fn doomed(&mut self) {
        let Some((worker, _)) = self.workers.last() else { return };
        let (handle, weather) = (worker.abort_handle(), self.weather.clone());
        if self.weather.strikes(Fault::WorkerCrashed, 100) {
            let span = Duration::from_millis(self.weather.below(400) as u64);
            self.others.push(tokio::spawn(async move {
                weather.clock.sleep(span).await;
                handle.abort();
            }));
        }
    }

    pub(super) fn tick(&mut self) {
        let ticks = if self.weather.strikes(Fault::TwoTicks, 20) { 2 } else { 1 };
        for _ in 0..ticks {
            let plane = self.plane.clone();
            self.others.push(tokio::spawn(async move { drop(schedule::tick(&plane).await) }));
        }
        for letter in std::mem::take(&mut self.letters) {
            let plane = self.plane.clone();
            let job = Job::decode(&letter.body).unwrap();
            if let Job::Sync { run, epoch, .. } = &job {
                self.watch.given_up(*run, *epoch);
            }
            self.others.push(tokio::spawn(async move { drop(bury(&plane, &job).await) }));
        }
    }

    pub(super) fn cancel(&mut self) {
        let Some(run) = self.watch.some_open_run() else { return };
        let plane = self.plane.clone();
        self.weather.note(format!("cancel {run}"));
        self.others.push(tokio::spawn(async move { drop(cancel::cancel(&plane, &asker(), run).await) }));
    }

    pub(super) fn crash(&mut self) {
        if !self.workers.is_empty() && self.weather.strikes(Fault::WorkerCrashed, 100) {
            let (worker, body) = self.workers.remove(self.weather.below(self.workers.len()));
            worker.abort();
            self.weather.note(format!("a worker crashes: {body}"));
        }
    }

    /// Someone works on the issues meanwhile.
    pub(super) fn edit_issues(&mut self) {
        if !self.weather.strikes(Fault::RemoteEdited, 100) {
            return;
        }
        let place = self.weather.below(self.repositories.len());
        let repository = &self.repositories[place];
        let number = 1 + self.weather.below(repository.issues().len().max(1)) as u64;
        let title = format!("Edited at {}", self.weather.clock.now());
        match self.weather.below(5) {
            0 => drop(repository.add_issue(|issue| issue.title = title)),
            4 => self.gone[place] += u64::from(repository.delete_issue(number)),
            1 => drop(repository.close_issue(number)),
            _ => drop(repository.edit_issue(number, |issue| issue.title = title)),
        }
    }

    pub(super) fn write_file(&self, number: usize) {
        let text = format!("# Document {number}\n\nWritten at {}.\n", self.weather.clock.now());
        std::fs::write(self.folder.path().join(format!("{number:02}.md")), text).unwrap();
    }

    fn remove_file(&self, number: usize) {
        drop(std::fs::remove_file(self.folder.path().join(format!("{number:02}.md"))));
    }

    /// Someone works on the documents meanwhile, or loses them.
    pub(super) fn edit_folder(&mut self) {
        match self.weather.below(6) {
            0 if self.weather.strikes(Fault::FolderEmptied, 100) => {
                let share = 30 + self.weather.below(71) as u32;
                (0..FILES).filter(|_| self.weather.percent(share)).for_each(|number| self.remove_file(number));
            }
            1 if self.weather.strikes(Fault::FolderRestored, 100) => {
                let share = 30 + self.weather.below(71) as u32;
                (0..FILES).filter(|_| self.weather.percent(share)).for_each(|number| self.write_file(number));
            }
            _ if self.weather.strikes(Fault::FolderEdited, 100) => {
                let number = self.weather.below(FILES);
                if self.weather.percent(40) { self.remove_file(number) } else { self.write_file(number) }
            }
            _ => {}
        }
    }

    /// A person decides on what is held.
    pub(super) fn decide(&mut self) {
        let work = if self.weather.percent(50) { Work::ApproveDeletions } else { Work::DiscardDeletions };
        let source =
            if self.weather.percent(70) { self.documents.clone() } else { self.sources[self.weather.below(self.sources.len())].clone() };
        let (plane, weather) = (self.plane.clone(), self.weather.clone());
        self.others.push(tokio::spawn(async move {
            let answer = manage::decide_held(&plane, &asker(), &source, work, None, None).await;
            weather.note(format!("{work:?}: {}", told(&answer)));
        }));
    }

    pub(super) fn delete(&mut self) {
        let (plane, source, weather) = (self.plane.clone(), self.documents.clone(), self.weather.clone());
        self.others.push(tokio::spawn(async move {
            let answer = manage::delete_source(&plane, &asker(), &source, None).await;
            weather.note(format!("delete: {}", told(&answer)));
        }));
    }

    pub(super) fn change(&mut self) {
        let source = self.sources[self.weather.below(self.repositories.len())].clone();
        let change = if self.weather.strikes(Fault::CredentialRotated, 50) {
            ChangedSource { credential: Some(Some(CredentialGiven::token(CANARY))), ..ChangedSource::default() }
        } else if self.weather.strikes(Fault::SettingsChanged, 100) {
            ChangedSource { name: Some(format!("Renamed at {}", self.weather.clock.now())), ..ChangedSource::default() }
        } else {
            return;
        };
        let plane = self.plane.clone();
        self.others.push(tokio::spawn(async move { drop(manage::change_source(&plane, &asker(), &source, change).await) }));
    }

    /// Somebody else uses the token, for nearly all that is left of it.
    pub(super) fn spend(&mut self) {
        if !self.weather.strikes(Fault::QuotaSpent, 50) {
            return;
        }
        let quota = self.toll.forge.quota(Some(self.toll.token));
        let remaining = quota.remaining.min(self.toll.floor + self.weather.below(4) as u64);
        self.weather.note(format!("others leave {remaining} requests until {}", quota.resets_at));
        self.toll.forge.set_quota(Some(self.toll.token), Quota { remaining, ..quota });
    }

    /// The local process is killed and started again: its queue is gone.
    pub(super) async fn restart(&mut self) {
        if !self.weather.strikes(Fault::ProcessRestarted, 100) {
            return;
        }
        self.weather.note("the process restarts");
        for worker in self.workers.drain(..).map(|(worker, _)| worker).chain(self.others.drain(..)) {
            worker.abort();
        }
        self.weather.clock.sleep(Duration::from_millis(1)).await;
        self.messages.lock().unwrap().clear();
        self.letters.clear();
        schedule::expire_leases(&self.calm).await.unwrap();
        self.watch.process_restarted();
    }
}
