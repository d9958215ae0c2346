//! Who comes after whom at a gate, what waits there without holding it, and what
//! a run leaves behind that did nothing.

use super::tests::{NEW, NOW, OLD, OTHER, SURFACES, answering, asked, at, cooling, gate, held, id, leased, opened, run, verdict};
use super::*;
use crate::model::SourceStatus::{Error, NeverSynced, Synced, Syncing};
use crate::model::{Past, RunError};

const ENDS: [RunStatus; 4] = [RunStatus::Completed, RunStatus::CompletedWithWarnings, RunStatus::Failed, RunStatus::Cancelled];

/// Every wish for when a run is in the way, without and with the wish to be parked.
const WISHES: [(OnConflict, OnBlocked); 8] = [
    (OnConflict::Reject, OnBlocked::Reject),
    (OnConflict::Reject, OnBlocked::Park),
    (OnConflict::FollowUp, OnBlocked::Reject),
    (OnConflict::FollowUp, OnBlocked::Park),
    (OnConflict::Attach, OnBlocked::Reject),
    (OnConflict::Attach, OnBlocked::Park),
    (OnConflict::Restart, OnBlocked::Reject),
    (OnConflict::Restart, OnBlocked::Park),
];

fn wishing((on_conflict, on_blocked): (OnConflict, OnBlocked)) -> Asked {
    Asked { on_blocked, ..answering(on_conflict) }
}

fn following() -> Asked {
    answering(OnConflict::FollowUp)
}

fn doing(work: Work, run: Run) -> Run {
    Run { work, ..run }
}

/// A held gate at which others wait: one for its holder's end, one for a moment.
fn waited_at(next: RunId, parked: RunId) -> Gate {
    Gate { next: Some(next), parked: Some(parked), ..held() }
}

fn followed(gate: &Gate, asked: &Asked) -> Gate {
    match admit(gate, Some(&leased(RunStatus::Running, 60)), asked) {
        Admission::Follow { gate, after } => {
            assert_eq!(after, OLD);
            *gate
        }
        other => panic!("it must come after what is there: {other:?}"),
    }
}

/// Whoever holds a gate at work, or waiting for a worker or a limit, is followed;
/// who was lost is taken over; nothing comes after a deletion.
#[test]
fn whoever_wishes_to_comes_after_what_is_there() {
    const REFUSED: &str = "SYNC_IN_PROGRESS";
    let busy = |attach, or_park, restart| [REFUSED, "follows", "follows", "follows", attach, or_park, restart, restart];
    let at_work = busy("attaches", "attaches", "opens, cancelled");
    let stopping = busy(REFUSED, "follows", "opens, cancelled");
    let mut lost = ["opens, failed LEASE_EXPIRED"; 8];
    lost[6..].fill("opens, cancelled");
    let running = || leased(RunStatus::Running, 60);
    for (case, holder, answers) in vec![
        ("queued", run(OLD, RunStatus::Queued), at_work),
        ("running", running(), at_work),
        ("running, its lease ending this moment", leased(RunStatus::Running, 0), at_work),
        ("between two slices", run(OLD, RunStatus::Running), at_work),
        ("paused", run(OLD, RunStatus::Paused), at_work),
        ("cancelling", leased(RunStatus::Cancelling, 60), stopping),
        ("cancelling, fenced", run(OLD, RunStatus::Cancelling), stopping),
        ("dead", leased(RunStatus::Running, -1), lost),
        ("dead while cancelling", leased(RunStatus::Cancelling, -1), ["opens, cancelled"; 8]),
        ("a deletion that is queued", doing(Work::Delete, run(OLD, RunStatus::Queued)), [REFUSED; 8]),
        ("a deletion that is running", doing(Work::Delete, running()), [REFUSED; 8]),
        ("a deletion whose worker was lost", doing(Work::Delete, leased(RunStatus::Running, -1)), [REFUSED; 8]),
        ("an approval", doing(Work::ApproveDeletions, running()), stopping),
        ("a discarding", doing(Work::DiscardDeletions, running()), stopping),
        ("ended", run(OLD, RunStatus::Completed), ["opens"; 8]),
        ("a deletion that ended", doing(Work::Delete, run(OLD, RunStatus::Failed)), ["opens"; 8]),
    ] {
        for (wish, expected) in WISHES.into_iter().zip(answers) {
            assert_eq!(verdict(&held(), Some(&holder), &wishing(wish)), expected, "{case}: {wish:?}");
        }
    }
    for wish in WISHES {
        assert_eq!(verdict(&held(), None, &wishing(wish)), "opens", "its row is gone: {wish:?}");
        assert_eq!(verdict(&gate(Synced), None, &wishing(wish)), "opens", "nothing to follow: {wish:?}");
        assert_eq!(verdict(&cooling(gate(Synced), OTHER), None, &wishing(wish)), "COOLDOWN_ACTIVE", "nothing to follow: {wish:?}");
    }
}

/// A cooldown is no reason not to come after what is there, whoever asks.
#[test]
fn who_follows_is_not_asked_about_cooldowns() {
    for surface in SURFACES {
        for gate in [cooling(held(), OLD), cooling(held(), OTHER)] {
            let asked = Asked { on_conflict: OnConflict::FollowUp, ..asked(surface) };
            let expected = Gate { next: Some(NEW), version: 8, ..gate.clone() };
            assert_eq!(followed(&gate, &asked), expected, "{surface:?}: and it starts none");
        }
    }
}

/// Only syncs come after something: the rest is decided on what is there now.
#[test]
fn only_a_sync_follows() {
    for work in [Work::Delete, Work::ApproveDeletions, Work::DiscardDeletions] {
        for wish in WISHES.into_iter().filter(|(on_conflict, _)| matches!(on_conflict, OnConflict::Reject | OnConflict::FollowUp)) {
            let asked = Asked { work, ..wishing(wish) };
            assert_eq!(verdict(&held(), Some(&leased(RunStatus::Running, 60)), &asked), "SYNC_IN_PROGRESS", "{work:?} {wish:?}");
        }
    }
}

/// One more run follows, however many ask for it.
#[test]
fn where_someone_waits_already_later_askers_join() {
    let (gate, holder) = (waited_at(OTHER, id(4)), leased(RunStatus::Running, 60));
    for (wish, expected) in WISHES.into_iter().zip([
        "SYNC_IN_PROGRESS",
        "joins",
        "joins",
        "joins",
        "attaches",
        "attaches",
        "opens, cancelled",
        "opens, cancelled",
    ]) {
        assert_eq!(verdict(&gate, Some(&holder), &wishing(wish)), expected, "{wish:?}");
    }
    let joined = admit(&gate, Some(&holder), &following());
    assert!(matches!(joined, Admission::Join(OTHER)), "not the holder, nor what is parked: {joined:?}");
    let gate = waited_at(NEW, id(4));
    assert_eq!(followed(&gate, &following()), Gate { version: 8, ..gate }, "it does not wait for itself");
}

/// A parked run whose moment has come may have to follow: it waits in one place.
#[test]
fn a_run_waits_in_one_place() {
    let before = Gate { parked: Some(NEW), ..held() };
    assert_eq!(followed(&before, &following()), Gate { next: Some(NEW), parked: None, version: 8, ..before });
    let before = Gate { parked: Some(OTHER), ..held() };
    assert_eq!(followed(&before, &following()), Gate { next: Some(NEW), version: 8, ..before }, "another's moment is its own");
    for (parked, left) in [(NEW, None), (OTHER, Some(OTHER))] {
        let before = Gate { parked: Some(parked), ..gate(Synced) };
        assert_eq!(opened(&before, &asked(Surface::Native)).parked, left, "who holds the gate does not wait at it");
    }
}

/// What takes a gate leaves those alone who wait at it, unless it is the deletion
/// of the source: nothing runs after that.
#[test]
fn nothing_waits_behind_a_deletion() {
    for (work, waiting) in [
        (Work::Sync, (Some(OTHER), Some(id(4)))),
        (Work::ApproveDeletions, (Some(OTHER), Some(id(4)))),
        (Work::DiscardDeletions, (Some(OTHER), Some(id(4)))),
        (Work::Delete, (None, None)),
    ] {
        let asked = Asked { work, ..answering(OnConflict::Restart) };
        let Admission::Take { gate, displaced } = admit(&waited_at(OTHER, id(4)), Some(&leased(RunStatus::Running, 60)), &asked) else {
            panic!("it makes way for {work:?}");
        };
        assert_eq!(((gate.next, gate.parked), displaced.is_some(), gate.holder), (waiting, true, Some(NEW)), "{work:?}");
        let cools = (work == Work::Sync).then_some(NEW);
        assert_eq!((gate.cool_run, gate.cool_since.is_some()), (cools, cools.is_some()), "{work:?}: only a sync starts a cooldown");
    }
}

#[test]
fn a_refusal_says_until_when_it_holds_if_it_ends_by_itself() {
    for (refusal, until) in [
        (Refusal::Cooling { until: at(60), since: Some(at(-60)) }, Some(at(60))),
        (Refusal::QuotaLow { remaining: 3, limit: Some(5_000), resets_at: Some(at(900)) }, Some(at(900))),
        (Refusal::QuotaLow { remaining: 3, limit: None, resets_at: None }, None),
        (Refusal::InProgress { run: OLD, holder: None }, None),
        (Refusal::Unconfirmed { reasons: vec!["it is large"] }, None),
    ] {
        assert_eq!(refused_until(&refusal), until, "{refusal:?}");
    }
}

#[test]
fn what_is_parked_changes_nothing_else_at_its_gate() {
    for before in [gate(NeverSynced), cooling(gate(Error), OTHER), waited_at(OTHER, id(4))] {
        assert_eq!(park(&before, NEW), Gate { parked: Some(NEW), version: 8, ..before });
    }
}

/// The gate goes from hand to hand: between the two it is nobody's, and that is
/// what the next run finds, and restores if it is cancelled.
#[test]
fn who_waited_for_the_gate_gets_it_as_the_run_before_left_it() {
    let failed =
        Run { error: Some(RunError { code: "BROKEN".into(), message: "it broke".into(), at: None }), ..run(OLD, RunStatus::Failed) };
    for (ended, left) in [(run(OLD, RunStatus::Completed), Synced), (failed, Error), (run(OLD, RunStatus::Cancelled), NeverSynced)] {
        let before = Gate { status_before: NeverSynced, ..waited_at(NEW, id(4)) };
        let freed = release(&before, &ended, Counted::default(), NOW).expect("it is the holder");
        assert_eq!((freed.status, freed.holder, freed.next), (left, None, Some(NEW)));

        let taken = promote(&freed, NEW, at(1));

        let mut expected = freed.clone();
        (expected.holder, expected.next, expected.run_seq) = (Some(NEW), None, freed.run_seq + 1);
        (expected.status, expected.status_before) = (Syncing, left);
        (expected.sync_error, expected.error_before) = (None, freed.sync_error.clone());
        expected.last_triggered_at = Some(at(1));
        assert_eq!(taken, expected, "{left:?}: no cooldown is started, and the version is that of the release");
        let restored = release(&taken, &run(NEW, RunStatus::Cancelled), Counted::default(), at(2)).expect("it is the holder");
        assert_eq!((restored.status, restored.sync_error), (left, freed.sync_error));
    }
}

/// Whoever only waited at a gate is forgotten there, and nothing else changes.
#[test]
fn a_run_that_only_waited_leaves_its_place_and_nothing_else() {
    let counted = Counted { items: Some(1), held_deletions: Some(1) };
    for status in ENDS {
        for before in [cooling(waited_at(NEW, OTHER), NEW), Gate { holder: None, ..waited_at(NEW, OTHER) }] {
            let freed = release(&before, &run(NEW, status), counted, at(9));
            assert_eq!(freed, Some(Gate { next: None, version: 8, ..before.clone() }), "{status:?}: it was next");
            let freed = release(&before, &run(OTHER, status), counted, at(9));
            assert_eq!(freed, Some(Gate { parked: None, version: 8, ..before.clone() }), "{status:?}: it was parked");
            assert_eq!(release(&before, &run(id(5), status), counted, at(9)), None, "{status:?}: the gate does not know it");
        }
        let after = release(&waited_at(NEW, OTHER), &run(OLD, status), counted, at(9)).expect("it is the holder");
        assert_eq!((after.holder, after.next, after.parked), (None, Some(NEW), Some(OTHER)), "{status:?}: the holder takes nobody along");
    }
}

/// A decision on what is held says how much there is, and nothing of how fresh it
/// is: not even if it fails.
#[test]
fn a_decision_restores_the_status_and_counts() {
    let past = vec![Past { whole: true, worked: 1, requests: 1, pages: 1, items: 1 }];
    for work in [Work::ApproveDeletions, Work::DiscardDeletions] {
        for before in [NeverSynced, Synced, Error] {
            let found = cooling(Gate { refunds: 2, past: past.clone(), ..gate(before) }, OTHER);
            let taken = opened(&found, &Asked { work, overrides_cooldown: true, ..asked(Surface::Native) });
            assert_eq!((taken.status, taken.status_before), (Syncing, before));
            for (status, counted, counts) in [
                (RunStatus::Completed, Counted { items: Some(8), held_deletions: Some(0) }, (Some(8), 0)),
                (RunStatus::CompletedWithWarnings, Counted { items: None, held_deletions: Some(0) }, (Some(12), 0)),
                (RunStatus::Failed, Counted::default(), (Some(12), 4)),
                (RunStatus::Cancelled, Counted::default(), (Some(12), 4)),
            ] {
                let error = (status == RunStatus::Failed).then(|| RunError { code: "BROKEN".into(), message: "it broke".into(), at: None });
                let freed = release(&taken, &Run { error, ..doing(work, run(NEW, status)) }, counted, at(9)).expect("it is the holder");
                let mut expected = Gate { run_seq: 4, last_triggered_at: Some(NOW), version: 9, ..found.clone() };
                (expected.status_before, expected.error_before) = (before, found.sync_error.clone());
                (expected.item_count, expected.held_deletions) = counts;
                assert_eq!(freed, expected, "{work:?} of what was {before:?}: {status:?}");
            }
        }
    }
}

#[test]
fn a_deletion_that_fails_is_an_error() {
    let error = RunError { code: "BROKEN".into(), message: "it broke".into(), at: None };
    let failed = Run { error: Some(error), ..doing(Work::Delete, run(OLD, RunStatus::Failed)) };
    let freed = release(&held(), &failed, Counted::default(), at(9)).expect("it is the holder");
    assert_eq!((freed.status, freed.sync_error.as_deref(), freed.holder), (Error, Some("it broke"), None));
}

/// A cooldown is given back to a run that failed or was cancelled before it did
/// anything, three times in a row and not a fourth.
#[test]
fn cooldowns_are_given_back_three_times() {
    let failed = run(NEW, RunStatus::Failed);
    let after = |refunds, ended: &Run| {
        let taken = opened(&Gate { refunds, ..gate(Synced) }, &asked(Surface::Native));
        let freed = release(&taken, ended, Counted::default(), at(9)).expect("it is the holder");
        let cools = [freed.cool_until.is_some(), freed.cool_since.is_some(), freed.cool_run.is_some()];
        assert_eq!(cools, [cools[0]; 3], "all of it, or nothing");
        (cools[0], freed.refunds)
    };
    assert_eq!(after(0, &failed), (false, 1));
    assert_eq!(after(2, &run(NEW, RunStatus::Cancelled)), (false, 3));
    assert_eq!(after(3, &failed), (true, 3));
    assert_eq!(after(0, &Run { part_no: 1, ..failed }), (true, 0), "it had begun its work");
    assert_eq!(after(2, &run(NEW, RunStatus::Completed)), (true, 0), "a success starts the count anew");
}

/// S3.7: where triggers are counted, what came of one gives nothing back. The next one
/// of another surface has a cooldown like any other.
#[test]
fn a_trigger_that_counts_keeps_its_cooldown() {
    let counted = asked(Surface::Integrations);
    for status in [RunStatus::Failed, RunStatus::Cancelled] {
        let freed = release(&opened(&gate(Synced), &counted), &run(NEW, status), Counted::default(), at(9)).expect("it is the holder");
        assert_eq!((freed.cool_until, freed.cool_run, freed.refunds), (Some(at(300)), Some(NEW), 0), "{status:?}");
        let later = Asked { run: OTHER, now: at(300), ..asked(Surface::Native) };
        let freed = release(&opened(&freed, &later), &run(OTHER, status), Counted::default(), at(309)).expect("it is the holder");
        assert_eq!((freed.cool_until, freed.refunds), (None, 1), "{status:?}");
    }
    let taken = opened(&gate(Synced), &Asked { run: OLD, ..counted });
    let Admission::Take { gate: replaced, .. } = admit(&taken, Some(&leased(RunStatus::Running, 60)), &answering(OnConflict::Restart))
    else {
        panic!("whoever replaces it is not held back by its cooldown")
    };
    assert_eq!((replaced.cool_run, replaced.refunds), (Some(NEW), 0));
}

/// Who is displaced before it did anything has its cooldown given back, too: what
/// comes instead may be one that starts none.
#[test]
fn a_run_that_makes_way_gets_its_cooldown_back_if_it_did_nothing() {
    let running = || leased(RunStatus::Running, 60);
    let (kept, given_back) = ((Some(at(60)), Some(at(-50))), (None, None));
    for (case, because_of, refunds, holder, expected) in [
        ("it did nothing", OLD, 0, running(), (given_back, None, 1)),
        ("the third time", OLD, 2, running(), (given_back, None, 3)),
        ("the fourth time", OLD, 3, running(), (kept, Some(OLD), 3)),
        ("lost before it did anything", OLD, 0, leased(RunStatus::Running, -1), (given_back, None, 1)),
        ("it had begun its work", OLD, 0, Run { part_no: 1, ..running() }, (kept, Some(OLD), 0)),
        ("the cooldown is another's", OTHER, 0, running(), (kept, Some(OTHER), 0)),
        ("it had come to its end before", OLD, 0, run(OLD, RunStatus::Failed), (kept, Some(OLD), 0)),
    ] {
        let before = Gate { refunds, ..cooling(held(), because_of) };
        let restart = Asked { on_conflict: OnConflict::Restart, ..asked(Surface::Projects) };
        let Admission::Take { gate, .. } = admit(&before, Some(&holder), &restart) else { panic!("{case}: it makes way") };
        assert_eq!(((gate.cool_until, gate.cool_since), gate.cool_run, gate.refunds), expected, "{case}");
    }
}

/// Runs that replace each other, none of which does anything, start a cooldown
/// each. However often that is, the count of what was given back ends at three.
#[test]
fn whoever_replaces_a_run_that_did_nothing_starts_a_cooldown_of_its_own() {
    let mut gate = opened(&gate(Synced), &Asked { run: OLD, ..asked(Surface::Native) });
    for refunds in [1, 2, 3, 3, 3] {
        let Admission::Take { gate: taken, .. } = admit(&gate, Some(&leased(RunStatus::Running, 60)), &answering(OnConflict::Restart))
        else {
            panic!("its victim's cooldown does not protect it");
        };
        assert_eq!((taken.cool_run, taken.cool_until, taken.cool_since), (Some(NEW), Some(at(300)), Some(NOW)));
        assert_eq!(taken.refunds, refunds);
        gate = Gate { holder: Some(OLD), cool_run: Some(OLD), ..*taken };
    }
    let freed = release(&gate, &run(OLD, RunStatus::Cancelled), Counted::default(), at(9)).expect("it is the holder");
    assert_eq!((freed.cool_until, freed.refunds), (Some(at(300)), 3), "who goes on like that has to wait");
}
