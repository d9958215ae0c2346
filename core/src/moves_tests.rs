//! What every move of a run promises, and what no order of moves can break.

use super::*;
use crate::chance::Chance;
use crate::model::RunStatus::{Cancelled, Cancelling, Completed, CompletedWithWarnings, Failed, Parked, Paused, Queued, Running};
use crate::model::{Noted, Owner, Progress, RunError, RunId, SourceId, Stage, Warning, WorkspaceId};
use crate::queue::LONGEST_DELAY;

pub(super) const NOW: Moment = Moment(1_800_000_000_000);
pub(super) const LEASE: Duration = Duration::from_mins(3);
const ENDS: [RunStatus; 4] = [Completed, CompletedWithWarnings, Failed, Cancelled];

/// So many seconds from now; before, if negative.
pub(super) fn at(seconds: i64) -> Moment {
    Moment(NOW.0 + seconds * 1000)
}

/// A run of epoch 3 in the middle of its work, which nobody holds.
pub(super) fn run(status: RunStatus) -> Run {
    Run {
        owner: Owner::Source(SourceId::known("web")),
        status,
        status_reason: Some("as it was".into()),
        epoch: 3,
        part_no: 2,
        version: 10,
        progress: Progress {
            processed: 5,
            total: Some(9),
            stage: Some(Stage::Fetching),
            current: Some("a.md".into()),
            page: 2,
            told: None,
        },
        next_request: Some("page 3".into()),
        created_at: at(-600),
        started_at: Some(at(-500)),
        ..Run::blank(RunId(uuid::Uuid::nil()), WorkspaceId::known("acme"))
    }
}

/// The same with a lease that ends so many seconds from now.
pub(super) fn held(status: RunStatus, lease_ends: i64) -> Run {
    Run { lease_until: Some(at(lease_ends)), claimed_by: Some("first".into()), claims_since_progress: 1, ..run(status) }
}

/// The same with a line that its trail gets now.
pub(super) fn noting<const FACTS: usize>(mut run: Run, what: &str, facts: [(&str, &str); FACTS]) -> Run {
    let facts = facts.map(|(name, fact)| (name.to_owned(), fact.to_owned())).into();
    run.trail.push(Noted { at: NOW, what: what.to_owned(), facts });
    run
}

pub(super) fn ends() -> impl Iterator<Item = Run> {
    ENDS.into_iter().map(run)
}

fn error_of(run: &Run) -> Option<(&str, Option<&str>)> {
    run.error.as_ref().map(|error| (error.code.as_str(), error.at.as_deref()))
}

pub(super) fn nudged(run: &Run) -> &'static str {
    match nudge(run, NOW) {
        Nudge::Send(_) => "sends",
        Nudge::End(_) => "ends",
        Nudge::Attend => "attends",
        Nudge::Unpark => "unparks",
        Nudge::NotDue => "rests",
    }
}

#[test]
fn a_message_gets_its_run_only_if_the_run_is_free_at_its_epoch_or_its_holder_is_dead() {
    use NotClaimed::{NothingToDo, Stale};
    let table = vec![
        ("queued and free", run(Queued), 3, Ok(4)),
        ("paused and free", run(Paused), 3, Ok(4)),
        ("between two slices", run(Running), 3, Ok(4)),
        ("an older message", run(Running), 2, Err(Stale)),
        ("a message from nowhere", run(Queued), 4, Err(Stale)),
        ("held, the same message again", held(Running, 60), 2, Err(Stale)),
        ("held, a message of this epoch", held(Running, 60), 3, Err(Stale)),
        ("a lease that ends this moment still holds", held(Running, 0), 3, Err(Stale)),
        ("the holder is dead", held(Running, -1), 3, Ok(4)),
        ("the holder is dead and the message is old", held(Running, -1), 1, Ok(4)),
        ("parked", run(Parked), 3, Err(NothingToDo)),
        ("cancelling", held(Cancelling, 60), 3, Err(NothingToDo)),
        ("cancelling, its worker dead", held(Cancelling, -60), 3, Err(NothingToDo)),
    ];
    for (case, run, epoch, expected) in table {
        let claimed = claim(&run, epoch, "second", NOW, LEASE);
        assert_eq!(claimed.map(|run| run.epoch), expected, "{case}");
    }
    for run in ends() {
        assert_eq!(claim(&run, 3, "second", NOW, LEASE), Err(NothingToDo), "{:?}", run.status);
    }
}

/// S1.49: the run is running from the moment a worker has it.
#[test]
fn a_claim_starts_the_lease_and_clears_what_the_run_waited_for() {
    let waiting = Run { resumes_at: Some(at(-5)), next_send_at: Some(at(85)), sends: 4, started_at: None, ..run(Paused) };
    let first = claim(&waiting, 3, "first", NOW, LEASE).expect("it is free");
    let mut expected = Run { status: Running, epoch: 4, claims_since_progress: 1, sends: 0, version: 11, ..waiting };
    (expected.status_reason, expected.resumes_at, expected.next_send_at) = (None, None, None);
    (expected.claimed_by, expected.lease_until, expected.started_at) = (Some("first".into()), Some(at(180)), Some(NOW));
    assert_eq!(first, noting(expected, "run.claimed", [("epoch", "4"), ("from", "paused")]));
    let second = claim(&first, 3, "second", at(181), LEASE).expect("the first is dead");
    assert_eq!((second.started_at, second.claims_since_progress, second.epoch), (Some(NOW), 2, 5));
    assert_eq!(second.trail[1].facts["from"], "a worker that was lost");
}

#[test]
fn a_message_is_good_for_one_claim_however_often_it_is_delivered() {
    let claimed = claim(&run(Queued), 3, "first", NOW, LEASE).expect("it is free");
    assert_eq!(claim(&claimed, 3, "second", NOW, LEASE), Err(NotClaimed::Stale));
    let left = hand_over(&claimed, at(10));
    assert_eq!(claim(&left, 3, "second", at(10), LEASE), Err(NotClaimed::Stale), "handed over under a new epoch");
    assert!(claim(&left, left.epoch, "second", at(10), LEASE).is_ok(), "the message that was sent when it was handed over");
}

#[test]
fn renewing_moves_the_lease_and_nothing_else() {
    let before = held(Running, 60);
    assert_eq!(renew(&before, NOW, LEASE), Run { lease_until: Some(at(180)), version: 11, ..before });
}

#[test]
fn a_committed_part_counts_once_and_forgives_earlier_losses() {
    let before = Run { claims_since_progress: 4, tries: 3, ..held(Running, 60) };
    let mut expected = Run { part_no: 3, claims_since_progress: 0, tries: 0, version: 11, ..before.clone() };
    (expected.lease_until, expected.last_progress_at) = (Some(at(180)), Some(NOW));
    assert_eq!(commit_part(before, NOW, LEASE), expected);
}

#[test]
fn a_run_that_is_handed_over_is_free_and_due_soon() {
    let before = Run { sends: 3, ..held(Running, 60) };
    let left = hand_over(&before, NOW);
    assert_eq!(left.due_at(), Some(at(90)), "the tick finds it if its message is lost");
    let mut expected = Run { claims_since_progress: 0, sends: 0, next_send_at: Some(at(90)), version: 11, ..before };
    (expected.lease_until, expected.claimed_by) = (None, None);
    assert_eq!(left, noting(expected, "run.handed_over", [("epoch", "3")]));
}

/// S1.51, S1.52, S1.58: completed, failed and cancelled are told apart, and each
/// leaves nothing held and nothing due.
#[test]
fn every_end_says_how_it_ended_and_lets_go_of_everything() {
    let warning = Warning { code: "ITEM_REJECTED".into(), message: "left out".into(), at: None };
    let busy = Run { next_send_at: Some(at(90)), resumes_at: Some(at(60)), ..held(Running, 60) };
    let warned = Run { warnings: vec![warning], ..busy.clone() };
    let failed = fail(&busy, NOW, "PATH_NOT_FOUND", "no such folder", Some("/srv/docs".into()));
    let cancelled = end_cancelled(&busy, NOW, "not wanted");
    let ended = [complete(&busy, NOW), complete(&warned, NOW), failed.clone(), cancelled.clone()];
    for (ended, status) in ended.into_iter().zip(ENDS) {
        assert_eq!((ended.status, ended.status.is_terminal(), ended.due_at()), (status, true, None));
        assert_eq!((ended.lease_until, ended.claimed_by, ended.next_send_at, ended.resumes_at), (None, None, None, None), "{status:?}");
        assert_eq!((ended.progress.stage, ended.progress.current), (None, None), "{status:?}");
        assert_eq!((ended.finished_at, ended.version, ended.epoch), (Some(NOW), 11, 3), "{status:?}");
        assert_eq!((ended.progress.processed, ended.part_no), (5, 2), "{status:?}: what was done stays on record");
    }
    let error = RunError { code: "PATH_NOT_FOUND".into(), message: "no such folder".into(), at: Some("/srv/docs".into()) };
    assert_eq!((failed.error, failed.status_reason), (Some(error), None));
    assert_eq!((cancelled.error, cancelled.status_reason.as_deref()), (None, Some("not wanted")));
}

/// S0.34: a wish to cancel ends at once what nobody works on, and asks the
/// worker of what is held.
#[test]
fn cancelling_ends_what_is_free_and_asks_what_is_held() {
    for free in [run(Queued), run(Paused), run(Parked), run(Running)] {
        let Cancel::Ended(ended) = cancel(&free, NOW) else { panic!("{:?} must end at once", free.status) };
        assert_eq!((ended.status, ended.finished_at, ended.version), (Cancelled, Some(NOW), 11), "{:?}", free.status);
    }
    for lease_ends in [60, -60] {
        let before = held(Running, lease_ends);
        let Cancel::Asked(asked) = cancel(&before, NOW) else { panic!("its worker has to notice first") };
        let expected =
            Run { status: Cancelling, cancel_requested: true, version: 11, status_reason: asked.status_reason.clone(), ..before };
        assert_eq!(asked, expected, "the lease stays, so that the tick ends it if the worker is gone");
    }
    for over in ends().chain([held(Cancelling, 60), held(Cancelling, -60)]) {
        assert!(matches!(cancel(&over, NOW), Cancel::Already), "{:?}", over.status);
    }
}

#[test]
fn the_tick_sends_what_is_due_ends_what_is_lost_and_leaves_the_rest() {
    let due = |status, seconds| Run { next_send_at: Some(at(seconds)), ..run(status) };
    let lost = |claims| Run { claims_since_progress: claims, ..held(Running, -1) };
    for (case, run, expected) in vec![
        ("queued and due", due(Queued, 0), "sends"),
        ("queued and not due", due(Queued, 1), "rests"),
        ("paused and due", due(Paused, -30), "sends"),
        ("paused and not due", due(Paused, 30), "rests"),
        ("handed over and due", due(Running, 0), "sends"),
        ("handed over and not due", due(Running, 5), "rests"),
        ("nothing says when", run(Queued), "rests"),
        ("held", held(Running, 60), "rests"),
        ("held to this moment", held(Running, 0), "rests"),
        ("held, though a send was due", Run { next_send_at: Some(at(-9)), ..held(Running, 60) }, "rests"),
        ("one worker lost", lost(1), "sends"),
        ("four workers lost", lost(MOST_CLAIMS - 1), "sends"),
        ("five workers lost", lost(MOST_CLAIMS), "ends"),
        ("five claims, and the fifth is alive", Run { claims_since_progress: MOST_CLAIMS, ..held(Running, 60) }, "rests"),
        ("cancelling", held(Cancelling, 60), "rests"),
        ("cancelling, its worker lost", held(Cancelling, -1), "ends"),
        ("cancelling, held by nobody", run(Cancelling), "ends"),
        ("parked until this moment, which is no worker's business", due(Parked, 0), "unparks"),
        ("parked for longer", due(Parked, 1), "rests"),
    ] {
        assert_eq!(nudged(&run), expected, "{case}");
    }
    for run in ends() {
        assert_eq!(nudged(&Run { next_send_at: Some(at(-60)), lease_until: Some(at(-60)), ..run }), "rests");
    }
    let Nudge::End(failed) = nudge(&lost(MOST_CLAIMS), NOW) else { panic!("it is lost") };
    assert_eq!((failed.status, error_of(&failed)), (Failed, Some(("WORKER_LOST", Some("page 3")))));
    let Nudge::End(cancelled) = nudge(&held(Cancelling, -1), NOW) else { panic!("it is lost") };
    assert_eq!((cancelled.status, error_of(&cancelled)), (Cancelled, None), "never revived, and not a failure");
}

/// The same run goes on, so its place and its counts are kept.
#[test]
fn a_run_whose_worker_is_lost_goes_on_under_the_next_claim() {
    let lost = held(Running, -1);
    let Nudge::Send(sent) = nudge(&lost, NOW) else { panic!("it has to be sent") };
    let expected = Run { next_send_at: Some(at(90)), sends: 1, version: 11, ..lost };
    let expected = noting(expected, "run.revived", [("epoch", "3"), ("times", "1")]);
    assert_eq!(sent, expected, "the epoch stays: the message that is sent must fit");
    let claimed = claim(&sent, sent.epoch, "second", NOW, LEASE).expect("the message fits");
    assert_eq!((claimed.epoch, claimed.claims_since_progress, claimed.part_no), (4, 2, 2));
    assert_eq!((nudged(&sent), sent.due_at()), ("rests", Some(at(90))), "it was sent just now");
}

#[test]
fn sends_back_off_from_ninety_seconds_to_a_quarter_of_an_hour() {
    let mut run = Run { next_send_at: Some(NOW), ..run(Queued) };
    for expected in [90, 180, 360, 720, 900, 900, 900, 900, 900, 900, 900, 900, 900] {
        let due = run.next_send_at.expect("it has a next send");
        let Nudge::Send(sent) = nudge(&run, due) else { panic!("it is due") };
        assert_eq!(sent.next_send_at.map(|next| next.since(due).as_secs()), Some(expected));
        assert_eq!((sent.version, sent.status), (run.version + 1, Queued));
        assert_eq!(sent.trail.last().map(|noted| (noted.at, noted.what.as_str())), Some((due, "run.sent_again")));
        run = sent;
    }
    let claimed = claim(&run, run.epoch, "first", NOW, LEASE).expect("it is free");
    assert_eq!(hand_over(&claimed, NOW).next_send_at, Some(at(90)), "a worker that came makes it begin anew");
}

#[test]
fn a_dead_letter_buries_only_a_run_that_nobody_went_on_with() {
    for free in [run(Queued), run(Paused), run(Running), held(Running, -1)] {
        let buried = bury(&free, 3, NOW).expect("nobody went on with it");
        assert_eq!((buried.status, error_of(&buried)), (Failed, Some(("DEAD_LETTER", Some("page 3")))));
        assert_eq!((buried.version, buried.finished_at), (11, Some(NOW)));
        for epoch in [2, 4] {
            assert_eq!(bury(&free, epoch, NOW), None, "a message of epoch {epoch} says nothing of epoch 3");
        }
    }
    for alive in [held(Running, 60), held(Running, 0), held(Cancelling, 60)] {
        assert_eq!(bury(&alive, 3, NOW), None, "someone holds it");
    }
    let cancelled = bury(&held(Cancelling, -1), 3, NOW).expect("its worker is gone");
    assert_eq!((cancelled.status, cancelled.error), (Cancelled, None));
    assert!(ends().all(|run| bury(&run, 3, NOW).is_none()));
}

/// A row, and workers that each have it as they last saw it. A write is made
/// only over the version it was decided on, as the store does.
struct World {
    row: Run,
    now: Moment,
    workers: Vec<Run>,
    dice: Chance,
}

impl World {
    fn dice(&self, sides: u64) -> u64 {
        u64::from_le_bytes(self.dice.bytes()) % sides
    }

    /// Writes what was decided on a row of version `seen`, if nobody was faster.
    fn write(&mut self, seen: u64, moved: Run) -> bool {
        if seen != self.row.version {
            return false;
        }
        let before = &self.row;
        assert!(!before.status.is_terminal(), "terminal is final: {:?} became {:?}", before.status, moved.status);
        assert!(moved.version > before.version, "every move shows in the version");
        assert!(moved.epoch >= before.epoch && moved.part_no >= before.part_no, "neither epoch nor parts go back");
        let held = matches!(moved.status, Running | Cancelling);
        assert!(held || (moved.lease_until.is_none() && moved.claimed_by.is_none()), "{:?} with a lease", moved.status);
        assert_eq!(moved.due_at().is_none(), moved.status.is_terminal(), "what is open is due some time: {moved:?}");
        assert!(moved.progress.percentage(moved.status.is_terminal()).is_none_or(|shown| shown <= 99 || moved.status.is_terminal()));
        assert!(moved.trail.len() <= 48, "its trail fits into its row");
        self.row = moved;
        true
    }

    fn step(&mut self) {
        self.now = self.now.plus(Duration::from_secs(self.dice(100)));
        let (row, now) = (self.row.clone(), self.now);
        match self.dice(21) {
            0..5 => {
                let epoch = row.epoch.saturating_sub(self.dice(3));
                match claim(&row, epoch, "someone", now, LEASE) {
                    // Its workspace has no slot left.
                    Ok(_) if self.dice(6) == 0 => assert!(self.write(row.version, hold_back(&row, now))),
                    Ok(claimed) => {
                        assert!(self.write(row.version, claimed.clone()));
                        self.workers.push(claimed);
                    }
                    Err(_) => assert!(row.status != Queued || row.waits_outside() || epoch != row.epoch, "it takes its message"),
                }
            }
            5..14 if !self.workers.is_empty() => self.work(),
            14..17 => self.tick(),
            17 => match cancel(&row, now) {
                Cancel::Ended(moved) | Cancel::Asked(moved) if self.dice(8) == 0 => assert!(self.write(row.version, moved)),
                _ => {}
            },
            18 if self.dice(8) == 0 => drop(bury(&row, row.epoch - self.dice(2), now).map(|buried| self.write(row.version, buried))),
            19 if self.dice(4) == 0 => drop(expire(&row, now).map(|freed| self.write(row.version, freed))),
            20 if row.lease_until.is_some_and(|until| until < now) => assert!(self.write(row.version, fence(&row, now))),
            _ => {}
        }
    }

    /// The tick looks at the row; what it waited outside for is over by then.
    fn tick(&mut self) {
        let (row, now) = (self.row.clone(), self.now);
        match nudge(&row, now) {
            Nudge::Send(moved) | Nudge::End(moved) => assert!(self.write(row.version, moved)),
            Nudge::Attend | Nudge::Unpark => assert!(self.write(row.version, promote(&row, now))),
            Nudge::NotDue => {}
        }
    }

    /// A worker makes its next move, on the row as it knows it.
    fn work(&mut self) {
        let (mine, now) = (self.workers.swap_remove(self.dice(self.workers.len() as u64) as usize), self.now);
        let (seen, mut part) = (mine.version, mine.clone());
        part.progress.processed += self.dice(60);
        part.progress.total = [None, Some(0), Some(100)][self.dice(3) as usize];
        let moved = match self.dice(16) {
            0..4 => renew(&mine, now, LEASE),
            4..10 => commit_part(part, now, LEASE),
            10 | 11 => hand_over(&mine, now),
            12 => pause(&mine, now, now.plus(Duration::from_secs(self.dice(2000))), "limit", LONGEST_DELAY),
            13 => complete(&mine, now),
            14 => fail(&mine, now, "BROKEN", "it broke", None),
            _ => return,
        };
        let goes_on = moved.lease_until.is_some();
        if self.write(seen, moved.clone()) {
            assert_eq!(mine.epoch, self.row.epoch, "only the holder writes");
            self.workers.extend(goes_on.then_some(moved));
        } else if self.row.status == Cancelling && self.row.epoch == mine.epoch {
            let stopped = end_cancelled(&self.row, now, "stopped");
            assert!(self.write(self.row.version, stopped));
        }
    }
}

/// Invariants 2, 3 and 9, for two thousand histories that repeat from their seed.
#[test]
fn no_order_of_moves_breaks_what_a_run_promises() {
    let mut endings = std::collections::HashMap::<RunStatus, u32>::new();
    for seed in 0..2000 {
        let row = Run { next_send_at: Some(at(90)), epoch: 1, ..run(Queued) };
        let row = match seed % 3 {
            0 => park(&row, NOW, at(600), "it cools"),
            1 => follow(&row, row.id, NOW),
            _ => row,
        };
        let mut world = World { row, now: NOW, workers: Vec::new(), dice: Chance::seeded(seed) };
        for _ in 0..150 {
            world.step();
        }
        // From here on every worker is lost at once: it still comes to its end.
        for _ in 0..30 {
            world.now = world.now.plus(Duration::from_hours(1));
            world.tick();
            if let Ok(claimed) = claim(&world.row, world.row.epoch, "lost", world.now, LEASE) {
                assert!(world.write(world.row.version, claimed));
            }
        }
        assert!(world.row.status.is_terminal(), "seed {seed} hangs: {:?}", world.row);
        *endings.entry(world.row.status).or_default() += 1;
    }
    for status in [Completed, Failed, Cancelled] {
        assert!(endings.get(&status).is_some_and(|count| *count > 50), "the walks must see every end: {endings:?}");
    }
}
