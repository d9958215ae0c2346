//! What must hold, whatever happens.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pullcord_core::clock::Moment;
use pullcord_core::model::{Gate, Run, RunId, RunStatus, SourceId, Trigger, Work};

use super::table::Rows;
use super::weather::{Tally, Touched, Weather};

/// Cooldowns that are given back in a row.
const MOST_REFUNDS: u32 = 3;
const FUSE_NUMBER: u64 = 10;
const FUSE_SHARE: u64 = 5;

/// Looks at the table from outside the weather, and remembers what it saw.
pub(super) struct Watch {
    pub(super) rows: Rows,
    touched: Touched,
    weather: Weather,
    lease: Duration,
    /// As many runs of the workspace may be under way.
    slots: Option<u64>,
    seen: BTreeMap<SourceId, BTreeMap<RunId, Run>>,
    /// Cooldowns given back in a row, and the runs whose own was kept for that.
    refunds: BTreeMap<SourceId, u32>,
    excused: BTreeSet<RunId>,
    /// As many items as somebody was shown when they decided on them.
    shown: BTreeMap<RunId, u64>,
    /// The epochs at which messages of a run were given up.
    letters: BTreeMap<RunId, BTreeSet<u64>>,
    /// A process ended, and what it leased with it.
    restarted: bool,
    /// The run of each period.
    periods: BTreeMap<(SourceId, Moment), RunId>,
    pub(super) moves: Tally,
}

impl Watch {
    pub(super) fn over(rows: Rows, touched: Touched, weather: Weather, lease: Duration, slots: Option<u64>) -> Self {
        Self {
            rows,
            touched,
            weather,
            lease,
            slots,
            seen: BTreeMap::new(),
            refunds: BTreeMap::new(),
            excused: BTreeSet::new(),
            shown: BTreeMap::new(),
            letters: BTreeMap::new(),
            restarted: false,
            periods: BTreeMap::new(),
            moves: Tally::default(),
        }
    }

    pub(super) fn given_up(&mut self, run: RunId, epoch: u64) {
        self.letters.entry(run).or_default().insert(epoch);
    }

    pub(super) fn process_restarted(&mut self) {
        self.restarted = true;
    }

    /// After every step.
    pub(super) fn look(&mut self, sources: &[SourceId], counts: bool) -> Result<(), String> {
        let quiet = !self.restarted && !counts && self.touched.lock().unwrap().is_empty();
        if quiet {
            return Ok(());
        }
        let touched = self.look_at_runs(sources)?;
        for source in sources {
            if touched.contains(source) || counts {
                self.look_at_gate(source)?;
            }
            if counts {
                self.count(source)?;
            }
        }
        self.look_at_slots()
    }

    /// Every run that was written since the last look, as it is now; and the sources
    /// whose runs these are.
    fn look_at_runs(&mut self, sources: &[SourceId]) -> Result<BTreeSet<SourceId>, String> {
        let mut theirs = BTreeSet::new();
        let mut touched = std::mem::take(&mut *self.touched.lock().unwrap());
        if std::mem::take(&mut self.restarted) {
            touched.extend(sources.iter().flat_map(|source| self.open(source)).map(|run| run.id));
        }
        for id in touched {
            let known = self.seen.iter().find(|(_, seen)| seen.contains_key(&id)).map(|(source, _)| source.clone());
            let maybe: Vec<SourceId> = known.map_or_else(|| sources.to_vec(), |source| vec![source]);
            // A run whose admission was refused was named and is nowhere.
            let Some((source, run)) = maybe.into_iter().find_map(|source| Some((source.clone(), self.rows.run(&source, id)?))) else {
                continue;
            };
            theirs.insert(source.clone());
            let before = self.seen.entry(source).or_default().insert(id, run.clone());
            if before.as_ref() != Some(&run) {
                self.follow(before.as_ref(), &run)?;
            }
        }
        Ok(theirs)
    }

    fn open(&self, source: &SourceId) -> impl Iterator<Item = &Run> {
        self.seen.get(source).into_iter().flat_map(BTreeMap::values).filter(|run| !run.status.is_terminal())
    }

    /// Exactly the runs that a gate knows are open, each in its place.
    fn look_at_gate(&mut self, source: &SourceId) -> Result<(), String> {
        let gate = self.rows.gate(source);
        let those = |wanted: fn(&Run) -> bool| self.open(source).filter(|run| wanted(run)).map(|run| run.id).collect::<Vec<_>>();
        for (place, known, found) in [
            ("held by", gate.holder, those(|run| !run.waits_outside())),
            ("followed by", gate.next, those(|run| run.follows.is_some())),
            ("parked at by", gate.parked, those(|run| run.status == RunStatus::Parked)),
        ] {
            if known.into_iter().collect::<Vec<_>>() != found {
                return Err(format!("{source}: the gate is {place} {known:?}, and open are {found:?}"));
            }
        }
        self.refunds(source, &gate)
    }

    /// A cooldown is not left behind by a run that did nothing, unless three were
    /// given back in a row when it ended.
    fn refunds(&mut self, source: &SourceId, gate: &Gate) -> Result<(), String> {
        let before = self.refunds.insert(source.clone(), gate.refunds).unwrap_or(0);
        let Some(run) = gate.cool_run.and_then(|run| self.seen.get(source)?.get(&run)) else { return Ok(()) };
        if run.part_no > 0 || !matches!(run.status, RunStatus::Failed | RunStatus::Cancelled) || self.excused.contains(&run.id) {
            return Ok(());
        }
        if gate.refunds.max(before) < MOST_REFUNDS {
            return Err(format!("{source} cools down for a run that did nothing: {run:?}"));
        }
        self.excused.insert(run.id);
        Ok(())
    }

    fn count(&self, source: &SourceId) -> Result<(), String> {
        let runs = || self.seen.get(source).into_iter().flat_map(BTreeMap::values);
        let (created, deleted): (u64, u64) = (runs().map(|run| run.results.created).sum(), runs().map(|run| run.results.deleted).sum());
        let items = self.rows.count_items(source);
        if created != items + deleted {
            return Err(format!("{source}: {created} items were counted as created and {deleted} as deleted, and there are {items}"));
        }
        Ok(())
    }

    fn look_at_slots(&self) -> Result<(), String> {
        let Some(most) = self.slots else { return Ok(()) };
        let now = self.weather.clock.now();
        let leased = self.seen.values().flat_map(BTreeMap::values).filter(|run| run.is_leased(now)).count() as u64;
        if leased > most {
            return Err(format!("{leased} runs are under way where {most} may be"));
        }
        Ok(())
    }

    /// What one run may and may not become.
    fn follow(&mut self, before: Option<&Run>, run: &Run) -> Result<(), String> {
        let broken = |what: &str| Err(format!("run {} {what}: {run:?}", run.id));
        if !run.status.is_terminal() && run.due_at().is_none() {
            return broken("waits for nothing");
        }
        if run.status.is_terminal() && (run.lease_until.is_some() || run.finished_at.is_none() || run.follows.is_some()) {
            return broken("has ended and is held");
        }
        if !matches!(run.trigger, Trigger::Manual | Trigger::FollowUp | Trigger::Parked | Trigger::Schedule) {
            return broken("was set off by nobody");
        }
        if run.status.is_terminal() && run.work == Work::Sync && run.results.deleted > FUSE_NUMBER {
            let there_before = self.rows.count_items(run.source.as_ref().unwrap()) + run.results.deleted;
            let looks_bad = run.results.deleted * FUSE_SHARE > there_before;
            if looks_bad && before.is_none_or(|before| !before.status.is_terminal()) {
                return broken("removed more than an accident may");
            }
        }
        if run.work == Work::ApproveDeletions {
            let gate = self.rows.gate(run.source.as_ref().unwrap());
            // The gate changes its count when the run has ended, not before.
            let shown = *self.shown.entry(run.id).or_insert(if run.status.is_terminal() { u64::MAX } else { gate.held_deletions });
            if run.results.deleted > shown {
                return broken(&format!("removed more than the {shown} items that somebody was shown"));
            }
        }
        if let (Some(source), Some(at)) = (&run.source, run.scheduled_for) {
            let first = *self.periods.entry((source.clone(), at)).or_insert(run.id);
            if first != run.id {
                return broken(&format!("is of the period {at}, which has run {first}"));
            }
        }
        let Some(before) = before else {
            self.moves.count(if run.scheduled_for.is_some() { "begins by its schedule" } else { "begins as asked for" });
            self.moves.count(&format!("begins as {}", self::name(run)));
            return Ok(());
        };
        if before.status.is_terminal() {
            return broken(&format!("had ended as {}", before.status.as_str()));
        }
        if run.epoch < before.epoch || run.version <= before.version || run.part_no < before.part_no {
            return broken("went back");
        }
        if run.progress.processed < before.progress.processed {
            return broken("made progress backwards");
        }
        self.committed(before, run)?;
        self.buried(before, run)?;
        self.tally(before, run);
        Ok(())
    }

    /// Whoever commits a part is heard of for a lease from then on.
    fn committed(&self, before: &Run, run: &Run) -> Result<(), String> {
        let same_hands = before.epoch == run.epoch
            && run.part_no > before.part_no
            && run.status == RunStatus::Running
            && !noted(run, before, "run.expired");
        let (Some(until), Some(last)) = (run.lease_until.filter(|_| same_hands), run.last_progress_at) else { return Ok(()) };
        if until < last.plus(self.lease) {
            return Err(format!("run {} committed a part at {last} and is leased until {until} only", run.id));
        }
        Ok(())
    }

    /// Nobody is buried who lives: neither held, nor in other hands than the
    /// message that was given up.
    fn buried(&self, before: &Run, run: &Run) -> Result<(), String> {
        if run.error.as_ref().is_none_or(|error| error.code != "DEAD_LETTER") {
            return Ok(());
        }
        let ended: Moment = run.finished_at.unwrap();
        let was_held = before.version + 1 == run.version && before.is_leased(ended);
        let is_meant = self.letters.get(&run.id).is_some_and(|epochs| epochs.contains(&run.epoch));
        if was_held || !is_meant {
            return Err(format!("run {} was buried alive at epoch {}: {before:?}", run.id, run.epoch));
        }
        Ok(())
    }

    fn tally(&mut self, before: &Run, run: &Run) {
        let mut met = |what: &str| self.moves.count(what);
        if name(before) != name(run) {
            met(&format!("{} -> {}", name(before), name(run)));
        }
        match run.error.as_ref().map_or("", |error| error.code.as_str()) {
            "LEASE_EXPIRED" => met("taken over"),
            "DEAD_LETTER" => met("buried"),
            "WORKER_LOST" => met("given up"),
            _ => {}
        }
        for noted in run.trail.iter().skip(before.trail.len()) {
            match noted.what.as_str() {
                "run.handed_over" => met("handed over"),
                "run.revived" => met("revived"),
                "run.held_back" => met("held back"),
                "run.fenced" => met("fenced"),
                "run.claimed" if noted.facts.get("from").is_some_and(|from| from.contains("lost")) => met("worker overtaken"),
                "run.claimed" if before.held_back => met("slot taken at last"),
                "run.parked" => met("parked again"),
                _ => {}
            }
        }
        if run.status.is_terminal() {
            match run.work {
                Work::Sync if run.results.held_deletions > 0 => met("deletions held"),
                Work::Sync if run.results.deleted > 0 => met("deletions done"),
                Work::ApproveDeletions if run.results.deleted > 0 => met("deletions approved"),
                Work::DiscardDeletions if run.progress.processed > 0 => met("deletions discarded"),
                Work::Delete => met("source deleted"),
                _ => {}
            }
        }
    }

    /// How many items of a source were removed.
    pub(super) fn deleted(&self, source: &SourceId) -> u64 {
        self.seen.get(source).into_iter().flat_map(BTreeMap::values).map(|run| run.results.deleted).sum()
    }

    pub(super) fn all_ended(&self) -> bool {
        self.seen.values().flat_map(BTreeMap::values).all(|run| run.status.is_terminal())
    }

    pub(super) fn open_runs(&self) -> String {
        format!("{:?}", self.seen.values().flat_map(BTreeMap::values).filter(|run| !run.status.is_terminal()).collect::<Vec<_>>())
    }

    pub(super) fn some_open_run(&self) -> Option<RunId> {
        let open: Vec<RunId> =
            self.seen.values().flat_map(BTreeMap::values).filter(|run| !run.status.is_terminal()).map(|run| run.id).collect();
        (!open.is_empty()).then(|| open[self.weather.below(open.len())])
    }

    /// A worker found its message stale. That happens when another came first,
    /// but not to a message of the epoch at which the run is held: it was sent
    /// before its row was written.
    pub(super) fn stale(&self, source: &SourceId, run: RunId, epoch: u64) -> Result<(), String> {
        let Some(now_is) = self.rows.run(source, run) else { return Ok(()) };
        // The tick sends once more what it believes to be lost, and notes that.
        let was_resent = now_is.trail.iter().any(|noted| matches!(noted.what.as_str(), "run.revived" | "run.sent_again" | "run.expired"));
        if !was_resent && now_is.epoch == epoch && now_is.is_leased(self.weather.clock.now()) {
            return Err(format!("a message of run {run} was sent at epoch {epoch}, at which it is held"));
        }
        Ok(())
    }

    /// At the end: nobody holds a gate, or waits at one.
    pub(super) fn nothing_is_left(&self, sources: &[SourceId]) -> Result<(), String> {
        for source in sources {
            let gate = self.rows.gate(source);
            if gate.holder.is_some() || gate.next.is_some() || gate.parked.is_some() || gate.status.as_str() == "syncing" {
                return Err(format!("{source} is held by nobody that lives: {gate:?}"));
            }
        }
        Ok(())
    }
}

/// Whether something was noted of a run since it was looked at last.
fn noted(run: &Run, before: &Run, what: &str) -> bool {
    run.trail.iter().rev().take_while(|noted| !before.trail.contains(noted)).any(|noted| noted.what == what)
}

/// Where a run stands; one that follows another is not queued like the others.
fn name(run: &Run) -> &'static str {
    if run.follows.is_some() { "following" } else { run.status.as_str() }
}
