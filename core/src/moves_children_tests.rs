use super::tests::{LEASE, NOW, at, held, nudged, run};
use super::*;
use crate::model::RunStatus::{Cancelled, Cancelling, Queued, Running};
use crate::model::{Owner, WorkspaceId};

/// The same run, if it were that of a whole workspace.
fn of_all(run: Run) -> Run {
    Run { owner: Owner::Workspace(WorkspaceId::known("acme")), source: None, kind: None, ..run }
}

/// S0.34: one that has begun children tells them before it ends; one that has not
/// ends at once.
#[test]
fn a_run_with_children_stops_them_first() {
    let Cancel::Ended(ended) = cancel(&of_all(run(Queued)), NOW) else { panic!("it has begun none") };
    assert_eq!(ended.status, Cancelled);
    for before in [run(Running), held(Running, 60), held(Running, -60)] {
        let Cancel::Asked(asked) = cancel(&of_all(before.clone()), NOW) else { panic!("its children have to be told") };
        assert_eq!((asked.status, asked.lease_until, asked.next_send_at), (Cancelling, before.lease_until, Some(NOW)));
    }
    assert!(matches!(cancel(&of_all(run(Cancelling)), NOW), Cancel::Already));
}

/// A worker takes it to tell them, and it goes on being cancelled.
#[test]
fn a_worker_takes_a_run_with_children_that_is_to_stop() {
    for (case, run, taken) in [
        ("nobody holds it", of_all(run(Cancelling)), Ok((4, Cancelling))),
        ("its worker is lost", of_all(held(Cancelling, -1)), Ok((4, Cancelling))),
        ("its worker is there", of_all(held(Cancelling, 60)), Err(NotClaimed::Stale)),
        ("it has no children", run(Cancelling), Err(NotClaimed::NothingToDo)),
    ] {
        assert_eq!(claim(&run, 3, "second", NOW, LEASE).map(|run| (run.epoch, run.status)), taken, "{case}");
    }
}

#[test]
fn the_tick_sends_a_run_with_children_until_they_are_told() {
    let due = |run: Run| Run { next_send_at: Some(at(-1)), ..of_all(run) };
    for (case, run, expected) in [
        ("due", due(run(Cancelling)), "sends"),
        ("not due", Run { next_send_at: Some(at(5)), ..of_all(run(Cancelling)) }, "rests"),
        ("held", due(held(Cancelling, 60)), "rests"),
        ("its worker lost", due(held(Cancelling, -1)), "sends"),
        ("five workers lost", Run { claims_since_progress: MOST_CLAIMS, ..due(held(Cancelling, -1)) }, "ends"),
    ] {
        assert_eq!(nudged(&run), expected, "{case}");
    }
    let freed = expire(&of_all(held(Cancelling, 60)), NOW).expect("it is open");
    assert_eq!((freed.status, nudged(&freed)), (Cancelling, "sends"), "a restart forgets nobody");
}

/// Between two looks it holds nothing, and is heard of at each.
#[test]
fn a_run_that_looks_again_holds_nothing_and_counts_its_looks() {
    let before = Run { tries: 2, claims_since_progress: 1, ..of_all(held(Running, 60)) };
    let left = look_again(&before, NOW, Duration::from_secs(30));
    assert_eq!((left.status, left.lease_until, left.claims_since_progress), (Running, None, 0));
    assert_eq!((left.next_send_at, left.last_progress_at, left.tries, left.version), (Some(at(45)), Some(NOW), 3, 11));
    assert_eq!(nudged(&left), "rests");
}
