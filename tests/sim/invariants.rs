//! What must hold, whatever happens.

use std::collections::{BTreeMap, BTreeSet};

use pullcord_core::Plane;
use pullcord_core::model::{Owner, Run, RunId, RunStatus, SourceId, Trigger};
use pullcord_core::schedule;
use pullcord_core::store::keys;
use pullcord_forge::{IssueState, Repository};

use super::weather::{Tally, Weather};

/// Looks at the table from outside the weather, and remembers what it saw.
pub(super) struct Watch {
    calm: Plane,
    weather: Weather,
    seen: BTreeMap<RunId, Run>,
    pub(super) moves: Tally,
}

impl Watch {
    pub(super) fn over(calm: Plane, weather: Weather) -> Self {
        Self { calm, weather, seen: BTreeMap::new(), moves: Tally::default() }
    }

    async fn runs(&self, source: &SourceId) -> Vec<Run> {
        self.calm.store.runs_of(&Owner::Source(source.clone()), None, 1_000).await.unwrap()
    }

    /// After every step.
    pub(super) async fn look(&mut self, sources: &[SourceId], counts: bool) -> Result<(), String> {
        for source in sources {
            let runs = self.runs(source).await;
            let gate = self.calm.store.gate(&Owner::Source(source.clone())).await.unwrap();
            let open: Vec<&Run> = runs.iter().filter(|run| !run.status.is_terminal()).collect();
            let holders: Vec<RunId> = open.iter().map(|run| run.id).collect();
            if holders != gate.holder.into_iter().collect::<Vec<_>>() {
                return Err(format!("{source}: the gate is held by {:?}, and open are {holders:?}", gate.holder));
            }
            for run in &runs {
                self.follow(run)?;
            }
            if !counts {
                continue;
            }
            let created: u64 = runs.iter().map(|run| run.results.created).sum();
            let items = self.items(source).await.len() as u64;
            if created != items {
                return Err(format!("{source}: {created} items were counted as created, and there are {items}"));
            }
        }
        Ok(())
    }

    /// What one run may and may not become.
    fn follow(&mut self, run: &Run) -> Result<(), String> {
        let broken = |what: &str| Err(format!("run {} {what}: {run:?}", run.id));
        if !run.status.is_terminal() && run.due_at().is_none() {
            return broken("waits for nothing");
        }
        if run.status.is_terminal() && (run.lease_until.is_some() || run.finished_at.is_none()) {
            return broken("has ended and is held");
        }
        if run.trigger != Trigger::Manual {
            return broken("was set off by nobody");
        }
        let Some(before) = self.seen.insert(run.id, run.clone()) else { return Ok(()) };
        if before == *run {
            return Ok(());
        }
        if before.status.is_terminal() {
            return broken(&format!("had ended as {}", before.status.as_str()));
        }
        if run.epoch < before.epoch || run.version <= before.version || run.part_no < before.part_no {
            return broken("went back");
        }
        if run.progress.processed < before.progress.processed {
            return broken("made progress backwards");
        }
        if before.status != run.status {
            self.moves.count(&format!("{} -> {}", before.status.as_str(), run.status.as_str()));
        }
        let code = run.error.as_ref().map_or("", |error| error.code.as_str());
        if before.status != run.status {
            match code {
                "LEASE_EXPIRED" => self.moves.count("taken over"),
                "DEAD_LETTER" => self.moves.count("buried"),
                "WORKER_LOST" => self.moves.count("given up"),
                _ => {}
            }
        }
        if before.status == RunStatus::Running && run.status == RunStatus::Running {
            if run.epoch > before.epoch && before.lease_until.is_some() {
                self.moves.count("worker overtaken");
            }
            if run.lease_until.is_none() && before.lease_until.is_some() {
                self.moves.count("handed over");
            }
        }
        Ok(())
    }

    async fn items(&self, source: &SourceId) -> Vec<pullcord_core::store::items::StoredItem> {
        let mut items = Vec::new();
        for shard in keys::item_shards() {
            items.extend(self.calm.store.items_in_shard(source, &shard).await.unwrap());
        }
        items
    }

    pub(super) async fn all_ended(&self) -> bool {
        self.calm.store.open_runs(None).await.unwrap().is_empty()
    }

    pub(super) async fn open_runs(&self) -> String {
        format!("{:?}", self.calm.store.open_runs(None).await.unwrap())
    }

    pub(super) async fn some_open_run(&self, weather: &Weather) -> Option<RunId> {
        let mut open: Vec<RunId> = self.calm.store.open_runs(None).await.unwrap().iter().map(|run| run.id).collect();
        open.sort();
        (!open.is_empty()).then(|| open[weather.below(open.len())])
    }

    /// What a new local process does first.
    pub(super) async fn restarted(&self) {
        schedule::expire_leases(&self.calm).await.unwrap();
    }

    /// At the end: nobody holds a gate.
    pub(super) async fn nothing_is_left(&self, sources: &[SourceId]) -> Result<(), String> {
        for source in sources {
            let gate = self.calm.store.gate(&Owner::Source(source.clone())).await.unwrap();
            if gate.holder.is_some() || gate.status.as_str() == "syncing" {
                return Err(format!("{source} is held by nobody that lives: {gate:?}"));
            }
        }
        Ok(())
    }

    /// After a sync in calm weather: everything open that is remote is here as it
    /// is there, what is here and closed there is closed, and nothing else is here.
    pub(super) async fn mirrors(&self, source: &SourceId, repository: &Repository) -> Result<(), String> {
        let items = self.items(source).await;
        let by_number = |number: u64| items.iter().find(|stored| stored.item.external_id.ends_with(&format!(":issue:{number}")));
        let mut remote = BTreeSet::new();
        for issue in repository.issues().iter().filter(|issue| !issue.pull_request) {
            remote.insert(issue.number);
            let state = if issue.state == IssueState::Open { "open" } else { "closed" };
            match by_number(issue.number) {
                None if state == "closed" => {}
                None => return Err(format!("{source}: issue {} is open there and not here: {issue:?}", issue.number)),
                Some(stored) if stored.item.title != issue.title || stored.item.state != state => {
                    return Err(format!("{source}: issue {} is {issue:?} there and {:?} here", issue.number, stored.item));
                }
                Some(_) => {}
            }
        }
        if items.len() > remote.len() {
            return Err(format!("{source}: {} items are here of {} issues there", items.len(), remote.len()));
        }
        self.weather.note(format!("{source} mirrors {} issues", items.len()));
        Ok(())
    }

    /// No row shows a secret.
    pub(super) async fn hides(&self, secret: &str) -> Result<(), String> {
        let table = &self.calm.store.table;
        let scanned = table.client().scan().table_name(table.name()).send().await.unwrap();
        let shown = scanned.items.unwrap_or_default().iter().any(|row| format!("{row:?}").contains(secret));
        if shown { Err("a row shows the credential".to_owned()) } else { Ok(()) }
    }
}
