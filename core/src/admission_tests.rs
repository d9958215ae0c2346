//! When a gate opens, to whom, and what it looks like before and after.

use super::*;
use crate::model::SourceStatus::{Error, NeverSynced, Synced, Syncing};
use crate::model::{Owner, Past, RunError, SourceId, Trigger, WorkspaceId};

pub(super) const NOW: Moment = Moment(1_800_000_000_000);
pub(super) const NEW: RunId = id(1);
pub(super) const OLD: RunId = id(2);
pub(super) const OTHER: RunId = id(3);
pub(super) const SURFACES: [Surface; 4] = [Surface::Native, Surface::Ops, Surface::Projects, Surface::Schedule];
const ANSWERS: [OnConflict; 3] = [OnConflict::Reject, OnConflict::Attach, OnConflict::Restart];

pub(super) const fn id(number: u128) -> RunId {
    RunId(uuid::Uuid::from_u128(number))
}

pub(super) fn at(seconds: i64) -> Moment {
    Moment(NOW.0 + seconds * 1000)
}

/// A gate through which three runs went, the last a minute ago.
pub(super) fn gate(status: SourceStatus) -> Gate {
    Gate {
        run_seq: 3,
        status,
        last_triggered_at: Some(at(-60)),
        last_synced_at: Some(at(-40)),
        last_checked_at: Some(at(-30)),
        sync_error: (status == Error).then(|| "the old error".to_owned()),
        settings_version: 5,
        item_count: Some(12),
        held_deletions: 4,
        version: 7,
        ..Gate::default()
    }
}

/// The same, held by the old run.
pub(super) fn held() -> Gate {
    Gate { holder: Some(OLD), status_before: Synced, ..gate(Syncing) }
}

/// The same, cooling for a minute because of some run.
pub(super) fn cooling(gate: Gate, because_of: RunId) -> Gate {
    Gate { cool_until: Some(at(60)), cool_since: Some(at(-50)), cool_run: Some(because_of), ..gate }
}

pub(super) fn run(id: RunId, status: RunStatus) -> Run {
    let owner = Owner::Source(SourceId::known("web"));
    Run { owner, status, epoch: 2, version: 9, ..Run::blank(id, WorkspaceId::known("acme")) }
}

/// The old run with a lease that ends so many seconds from now.
pub(super) fn leased(status: RunStatus, lease_ends: i64) -> Run {
    Run { lease_until: Some(at(lease_ends)), claimed_by: Some("first".into()), ..run(OLD, status) }
}

pub(super) fn asked(surface: Surface) -> Asked {
    Asked {
        run: NEW,
        now: NOW,
        rule: surface.cooldown_rule(),
        cools_first: false,
        cooldown: Duration::from_mins(5),
        on_conflict: OnConflict::Reject,
        on_blocked: OnBlocked::Reject,
        takes_over: true,
        overrides_cooldown: false,
        work: Work::Sync,
    }
}

pub(super) fn answering(on_conflict: OnConflict) -> Asked {
    Asked { on_conflict, ..asked(Surface::Native) }
}

/// What the gate answered, and what became of the old run, in a few words.
pub(super) fn verdict(gate: &Gate, holder: Option<&Run>, asked: &Asked) -> String {
    match admit(gate, holder, asked) {
        Admission::Take { gate, displaced } => {
            assert_eq!(gate.holder, Some(NEW));
            displaced.map_or_else(|| "opens".to_owned(), |old| format!("opens, {}", outcome(&old)))
        }
        Admission::Attach(id) => {
            assert_eq!(id, OLD);
            "attaches".to_owned()
        }
        Admission::Follow { gate, after } => {
            assert_eq!((gate.next, after), (Some(NEW), OLD));
            "follows".to_owned()
        }
        Admission::Join(_) => "joins".to_owned(),
        Admission::Refuse(refusal) => refusal.rule().to_owned(),
    }
}

fn outcome(run: &Run) -> String {
    assert_eq!((run.id, run.version, run.finished_at), (OLD, 10, Some(NOW)));
    assert_eq!((run.lease_until, run.due_at()), (None, None), "nothing is held and nothing due");
    run.error.as_ref().map_or_else(|| run.status.as_str().to_owned(), |error| format!("{} {}", run.status.as_str(), error.code))
}

pub(super) fn opened(gate: &Gate, asked: &Asked) -> Gate {
    match admit(gate, None, asked) {
        Admission::Take { gate, .. } => *gate,
        other => panic!("the gate must open: {other:?}"),
    }
}

#[test]
fn a_free_gate_opens_for_every_surface_and_every_wish() {
    for surface in SURFACES {
        for on_conflict in ANSWERS {
            let asked = Asked { on_conflict, ..asked(surface) };
            assert_eq!(verdict(&gate(Synced), None, &asked), "opens", "{surface:?} {on_conflict:?}");
        }
    }
}

/// S4.9, S4.14: the new holder makes the source syncing, remembers what it was,
/// and clears the error text of the attempt before.
#[test]
fn the_gate_that_opens_belongs_to_its_new_holder() {
    for before in [gate(NeverSynced), gate(Synced), gate(Error)] {
        let mut expected = before.clone();
        (expected.holder, expected.run_seq, expected.version) = (Some(NEW), 4, 8);
        (expected.status, expected.status_before) = (Syncing, before.status);
        (expected.sync_error, expected.error_before) = (None, before.sync_error.clone());
        (expected.last_triggered_at, expected.cool_until) = (Some(NOW), Some(at(300)));
        (expected.cool_since, expected.cool_run) = (Some(NOW), Some(NEW));
        assert_eq!(opened(&before, &asked(Surface::Native)), expected);
    }
}

/// S0.23: manual triggers obey and start cooldowns; schedules and the projects
/// of 3.5 do neither.
#[test]
fn each_surface_has_its_own_rule() {
    let both = CooldownRule { obeys: true, starts: true, keeps: false };
    let neither = CooldownRule { obeys: false, starts: false, keeps: false };
    for (surface, rule, trigger) in [
        (Surface::Native, both, Trigger::Manual),
        (Surface::Ops, both, Trigger::Ops),
        (Surface::Integrations, CooldownRule { keeps: true, ..both }, Trigger::Manual),
        (Surface::Projects, neither, Trigger::Manual),
        (Surface::Schedule, neither, Trigger::Schedule),
    ] {
        assert_eq!((surface.cooldown_rule(), surface.trigger()), (rule, trigger), "{surface:?}");
        let earlier = Gate { cool_until: Some(at(-1)), ..cooling(gate(Synced), OTHER) };
        let taken = opened(&earlier, &asked(surface));
        let started = if rule.starts { (Some(NOW), Some(at(300)), Some(NEW)) } else { (Some(at(-50)), Some(at(-1)), Some(OTHER)) };
        assert_eq!((taken.cool_since, taken.cool_until, taken.cool_run), started, "{surface:?}");
    }
}

#[test]
fn a_source_without_a_cooldown_starts_none() {
    let taken = opened(&gate(Synced), &Asked { cooldown: Duration::ZERO, ..asked(Surface::Native) });
    assert_eq!((taken.cool_since, taken.cool_until, taken.cool_run), (None, None, None));
}

/// S0.8, S0.19: a running cooldown refuses whoever obeys it, to its last
/// moment, unless an admin gave a reason.
#[test]
fn a_cooling_gate_opens_only_for_those_who_need_not_obey() {
    for (case, surface, cools, overrides, expected) in [
        ("a person", Surface::Native, 60_000, false, "COOLDOWN_ACTIVE"),
        ("an operator", Surface::Ops, 60_000, false, "COOLDOWN_ACTIVE"),
        ("its last moment", Surface::Native, 1, false, "COOLDOWN_ACTIVE"),
        ("over this moment", Surface::Native, 0, false, "opens"),
        ("over", Surface::Native, -1, false, "opens"),
        ("overridden", Surface::Native, 60_000, true, "opens"),
        ("a project", Surface::Projects, 60_000, false, "opens"),
        ("a schedule", Surface::Schedule, 60_000, false, "opens"),
    ] {
        let gate = Gate { cool_until: Some(Moment(NOW.0 + cools)), cool_run: Some(OTHER), ..gate(Synced) };
        let asked = Asked { overrides_cooldown: overrides, ..asked(surface) };
        assert_eq!(verdict(&gate, None, &asked), expected, "{case}");
    }
}

/// S0.10: the refusal says since when and until when, so that what truly remains
/// can be shown.
#[test]
fn a_refusal_for_cooling_says_since_when_and_until_when() {
    let Admission::Refuse(Refusal::Cooling { until, since }) = admit(&cooling(gate(Synced), OTHER), None, &asked(Surface::Native)) else {
        panic!("it cools");
    };
    assert_eq!((until, since), (at(60), Some(at(-50))));
}

/// S4.15, S4.16, S1.9: whatever the holder waits for, it holds the gate.
#[test]
fn a_held_gate_refuses_attaches_or_makes_way_as_asked() {
    for holder in [
        run(OLD, RunStatus::Queued),
        run(OLD, RunStatus::Running),
        run(OLD, RunStatus::Paused),
        leased(RunStatus::Running, 60),
        leased(RunStatus::Running, 0),
        leased(RunStatus::Cancelling, 60),
    ] {
        // Nobody wants to wait for what is about to stop.
        let attached = if holder.status == RunStatus::Cancelling { "SYNC_IN_PROGRESS" } else { "attaches" };
        let expected = ["SYNC_IN_PROGRESS", attached, "opens, cancelled"];
        for (on_conflict, expected) in ANSWERS.into_iter().zip(expected) {
            for surface in SURFACES {
                let asked = Asked { on_conflict, ..asked(surface) };
                assert_eq!(verdict(&held(), Some(&holder), &asked), expected, "{:?} {surface:?}", holder.status);
            }
        }
    }
}

/// S1.11, S1.12: the refusal carries the run that is there, progress and all;
/// that it runs is said before that the gate cools, and no override helps.
#[test]
fn a_refusal_for_running_carries_the_run() {
    let holder = leased(RunStatus::Running, 60);
    let asked = Asked { overrides_cooldown: true, ..asked(Surface::Native) };
    for gate in [held(), cooling(held(), OLD), cooling(held(), OTHER)] {
        let Admission::Refuse(Refusal::InProgress { run, holder: shown }) = admit(&gate, Some(&holder), &asked) else {
            panic!("it is held");
        };
        assert_eq!((run, shown.as_deref()), (OLD, Some(&holder)));
    }
}

/// S1.17: force cancels what runs and starts anew. The cooldown that the victim
/// started does not protect it; another's does, and then it is left alone.
#[test]
fn a_restart_is_not_refused_by_the_cooldown_of_its_victim() {
    let holder = leased(RunStatus::Running, 60);
    let restart = answering(OnConflict::Restart);
    assert_eq!(verdict(&cooling(held(), OLD), Some(&holder), &restart), "opens, cancelled");
    assert_eq!(verdict(&cooling(held(), OTHER), Some(&holder), &restart), "COOLDOWN_ACTIVE");
    let free_to = Asked { overrides_cooldown: true, ..restart };
    assert_eq!(verdict(&cooling(held(), OTHER), Some(&holder), &free_to), "opens, cancelled");
    let project = Asked { on_conflict: OnConflict::Restart, ..asked(Surface::Projects) };
    assert_eq!(verdict(&cooling(held(), OTHER), Some(&holder), &project), "opens, cancelled");
}

/// S4.27: a holder that was not heard of until its lease ended is taken over,
/// and its run says so.
#[test]
fn a_dead_holder_is_taken_over_by_the_next_trigger() {
    for surface in SURFACES {
        for (on_conflict, expected) in ANSWERS.into_iter().zip(["failed LEASE_EXPIRED", "failed LEASE_EXPIRED", "cancelled"]) {
            let asked = Asked { on_conflict, ..asked(surface) };
            let expected = format!("opens, {expected}");
            assert_eq!(verdict(&held(), Some(&leased(RunStatus::Running, -1)), &asked), expected, "{surface:?} {on_conflict:?}");
            let cancelling = leased(RunStatus::Cancelling, -1);
            assert_eq!(verdict(&held(), Some(&cancelling), &asked), "opens, cancelled", "{surface:?} {on_conflict:?}");
        }
    }
    let dead = leased(RunStatus::Running, -1);
    assert_eq!(verdict(&cooling(held(), OLD), Some(&dead), &asked(Surface::Native)), "opens, failed LEASE_EXPIRED", "its own cooldown");
    assert_eq!(verdict(&cooling(held(), OTHER), Some(&dead), &asked(Surface::Native)), "COOLDOWN_ACTIVE");
}

#[test]
fn a_deletion_is_never_displaced() {
    let delete = |run: Run| Run { work: Work::Delete, ..run };
    for holder in
        [run(OLD, RunStatus::Queued), run(OLD, RunStatus::Paused), leased(RunStatus::Running, 60), leased(RunStatus::Running, -60)]
    {
        let holder = delete(holder);
        for work in [Work::Sync, Work::Delete] {
            let answered = |on_conflict| {
                let asked = Asked { work, overrides_cooldown: true, ..answering(on_conflict) };
                verdict(&held(), Some(&holder), &asked)
            };
            assert_eq!(answered(OnConflict::Reject), "SYNC_IN_PROGRESS", "{:?}", holder.status);
            assert_eq!(answered(OnConflict::Restart), "SYNC_IN_PROGRESS", "{:?}", holder.status);
            assert!(!answered(OnConflict::Attach).starts_with("opens"), "{:?}", holder.status);
        }
    }
    let over = delete(run(OLD, RunStatus::Completed));
    assert_eq!(verdict(&held(), Some(&over), &asked(Surface::Native)), "opens");
}

#[test]
fn a_deletion_displaces_a_sync() {
    let delete = Asked { work: Work::Delete, overrides_cooldown: true, ..answering(OnConflict::Restart) };
    assert_eq!(verdict(&cooling(held(), OTHER), Some(&leased(RunStatus::Running, 60)), &delete), "opens, cancelled");
}

/// A gate must not stay shut for a run that cannot open it any more.
#[test]
fn a_holder_that_ended_or_is_gone_holds_nothing_but_its_cooldown_stays() {
    let ended = [RunStatus::Completed, RunStatus::CompletedWithWarnings, RunStatus::Failed, RunStatus::Cancelled];
    for holder in ended.map(|status| Some(run(OLD, status))).into_iter().chain([None]) {
        for on_conflict in ANSWERS {
            assert_eq!(verdict(&held(), holder.as_ref(), &answering(on_conflict)), "opens", "{holder:?}");
            let cooling = cooling(held(), OLD);
            assert_eq!(verdict(&cooling, holder.as_ref(), &answering(on_conflict)), "COOLDOWN_ACTIVE", "{holder:?}");
        }
    }
}

/// S4.5 to S4.11, S4.25, S4.26: every way through the four states, and no other.
/// A cancelled run leaves no trace: its source is what it was before.
#[test]
fn a_source_goes_through_its_four_states_and_no_others() {
    assert_eq!(Gate::default().status, NeverSynced);
    for before in [NeverSynced, Synced, Error] {
        for (end, expected) in [
            (RunStatus::Completed, Synced),
            (RunStatus::CompletedWithWarnings, Synced),
            (RunStatus::Failed, Error),
            (RunStatus::Cancelled, before),
        ] {
            let taken = opened(&gate(before), &asked(Surface::Projects));
            assert_eq!(taken.status, Syncing);
            let freed = release(&taken, &run(NEW, end), Counted::default(), at(9)).expect("it is the holder");
            assert_eq!((freed.status, freed.holder), (expected, None), "{before:?} {end:?}");
        }
    }
}

/// S4.12, S4.28: success sets both times, forgets the error and is remembered; what
/// the run counted replaces what was known, and what it did not count stays.
#[test]
fn success_is_synced_now() {
    for (counted, items, held_deletions) in [
        (Counted { items: Some(0), held_deletions: Some(0) }, Some(0), 0),
        (Counted { items: Some(20), held_deletions: Some(15) }, Some(20), 15),
        (Counted::default(), Some(12), 4),
    ] {
        let taken = opened(&Gate { refunds: 2, next: Some(OTHER), ..gate(Error) }, &asked(Surface::Native));
        let mut done = Run { kind: Some(SourceKind::Documents), ..run(NEW, RunStatus::Completed) };
        (done.started_at, done.waited, done.calls.made, done.progress.page) = (Some(at(-51)), 20_000, 7, 3);
        let freed = release(&taken, &done, counted, at(9)).expect("it is the holder");
        let mut expected = taken.clone();
        (expected.holder, expected.status, expected.sync_error) = (None, Synced, None);
        (expected.last_synced_at, expected.last_checked_at) = (Some(at(9)), Some(at(9)));
        (expected.item_count, expected.held_deletions, expected.refunds, expected.version) = (items, held_deletions, 0, 9);
        expected.past = vec![Past { whole: true, worked: 40_000, requests: 7, pages: 3, items: 0 }];
        assert_eq!(freed, expected);
    }
}

/// A repository in which nothing changed was looked at, not synced.
#[test]
fn finding_nothing_moves_the_look_and_not_the_sync() {
    let taken = opened(&Gate { last_synced_at: Some(at(-40)), ..gate(Synced) }, &asked(Surface::Native));
    let quiet = Run { kind: Some(SourceKind::Repository), part_no: 1, ..run(NEW, RunStatus::Completed) };
    let freed = release(&taken, &quiet, Counted::default(), at(9)).expect("it is the holder");
    assert_eq!((freed.last_synced_at, freed.last_checked_at), (Some(at(-40)), Some(at(9))));
    let mut busy = quiet;
    busy.results.updated = 1;
    let freed = release(&taken, &busy, Counted::default(), at(9)).expect("it is the holder");
    assert_eq!(freed.last_synced_at, Some(at(9)));
}

/// S4.13: failure shows the run's own words, and what was synced before stays
/// synced then.
#[test]
fn failure_is_an_error_with_its_reason() {
    let error = RunError { code: "PATH_NOT_FOUND".into(), message: "sdlc-studio path not found".into(), at: Some("/srv/docs".into()) };
    let failed = Run { error: Some(error), ..run(NEW, RunStatus::Failed) };
    let taken = opened(&gate(Synced), &asked(Surface::Native));
    let freed = release(&taken, &failed, Counted { items: Some(0), held_deletions: Some(0) }, at(9)).expect("it is the holder");
    let mut expected = taken.clone();
    (expected.holder, expected.status, expected.version) = (None, Error, 9);
    expected.sync_error = Some("sdlc-studio path not found".into());
    // It did nothing, so its cooldown is given back.
    (expected.cool_since, expected.cool_until, expected.cool_run, expected.refunds) = (None, None, None, 1);
    assert_eq!(freed, expected);
    assert_eq!(opened(&freed, &asked(Surface::Projects)).sync_error, None, "S4.14: the next attempt clears it");
}

#[test]
fn cancelling_restores_what_was_before_even_after_a_restart() {
    let first = opened(&gate(Error), &Asked { run: OLD, ..asked(Surface::Projects) });
    let restart = Asked { on_conflict: OnConflict::Restart, ..asked(Surface::Projects) };
    let Admission::Take { gate: second, .. } = admit(&first, Some(&leased(RunStatus::Running, 60)), &restart) else {
        panic!("it makes way");
    };
    assert_eq!((second.status, second.sync_error.as_deref(), second.run_seq), (Syncing, None, 5));
    assert!(release(&second, &run(OLD, RunStatus::Cancelled), Counted::default(), NOW).is_none(), "the victim holds nothing any more");
    let freed = release(&second, &run(NEW, RunStatus::Cancelled), Counted::default(), at(9)).expect("it is the holder");
    assert_eq!((freed.status, freed.sync_error.as_deref()), (Error, Some("the old error")));
    assert_eq!((freed.last_synced_at, freed.item_count, freed.version), (Some(at(-40)), Some(12), second.version + 1));
}

#[test]
fn only_the_holder_frees_a_gate() {
    for status in [RunStatus::Completed, RunStatus::Failed, RunStatus::Cancelled] {
        assert!(release(&held(), &run(OTHER, status), Counted::default(), NOW).is_none());
        assert!(release(&gate(Synced), &run(OLD, status), Counted::default(), NOW).is_none());
        assert!(release(&held(), &run(OLD, status), Counted::default(), NOW).is_some());
    }
}
