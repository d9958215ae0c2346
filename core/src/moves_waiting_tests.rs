//! What every wait of a run promises: for a limit, for a slot, for its moment, or
//! for the run before it. And what a run tells of itself, however long it takes.

use super::tests::{LEASE, NOW, at, ends, held, noting, nudged, run};
use super::*;
use crate::model::RunStatus::{Cancelled, Cancelling, Parked, Paused, Queued, Running};
use crate::model::{Calls, RunOptions, Stream};
use crate::queue::LONGEST_DELAY;

const BEFORE: RunId = RunId(uuid::Uuid::from_u128(2));

/// A run that nobody took yet.
fn new() -> Run {
    Run { started_at: None, part_no: 0, next_send_at: Some(at(90)), ..run(Queued) }
}

/// One that comes after another, and is looked at so many seconds from now.
fn following(seconds: i64) -> Run {
    Run { follows: Some(BEFORE), next_send_at: Some(at(seconds)), ..new() }
}

/// One that waits for a moment, so many seconds from now.
fn parked(seconds: i64) -> Run {
    Run { status: Parked, resumes_at: Some(at(seconds)), next_send_at: Some(at(seconds)), ..new() }
}

/// One that has been waiting for a limit for so many seconds, and waited five
/// before.
fn paused(seconds: i64) -> Run {
    Run { paused_at: Some(at(-seconds)), waited: 5_000, resumes_at: Some(at(0)), next_send_at: Some(at(90)), ..run(Paused) }
}

/// S3.39: five minutes late are on time, and a moment more is a warning; of a run that
/// was claimed before it is told no more.
#[test]
fn a_run_that_begins_over_five_minutes_late_says_so() {
    for (late, warns) in [(0, false), (300_000, false), (300_001, true), (2_400_000, true)] {
        let scheduled = Run { scheduled_for: Some(Moment(NOW.0 - late)), ..new() };
        let claimed = claim(&scheduled, scheduled.epoch, "a worker", NOW, LEASE).expect("claimed");
        let warned: Vec<&str> = claimed.warnings.iter().map(|warning| warning.code.as_str()).collect();
        assert_eq!(warned, if warns { vec!["SCHEDULE_DRIFT"] } else { vec![] }, "{late}");
        assert_eq!(drift_at_start(&claimed, NOW.plus(LEASE)), Some(Duration::from_millis(late as u64)));
    }
    let begun = Run { scheduled_for: Some(at(-4_000)), ..run(Paused) };
    assert_eq!(claim(&begun, begun.epoch, "another", NOW, LEASE).expect("claimed").warnings, Vec::new());
    assert_eq!(drift_at_start(&new(), NOW), None);
}

/// A limit is waited out by a delayed message, and beyond what a message can be
/// delayed by the tick.
#[test]
fn a_pause_is_due_just_after_its_message_or_at_its_end_if_no_message_can_wait_so_long() {
    for (case, millis, due) in [
        ("short", 60_000, 60_000 + 90_000),
        ("as long as a message can wait", 900_000, 900_000 + 90_000),
        ("a moment longer", 900_001, 900_001),
        ("an hour", 3_600_000, 3_600_000),
        ("over already", -5_000, 85_000),
    ] {
        let (before, until) = (Run { sends: 3, ..held(Running, 60) }, Moment(NOW.0 + millis));
        let paused = pause(&before, NOW, until, "limit reached", LONGEST_DELAY);
        let mut expected = Run { status: Paused, claims_since_progress: 0, sends: 0, version: 11, ..before };
        (expected.lease_until, expected.claimed_by, expected.status_reason) = (None, None, Some("limit reached".into()));
        (expected.paused_at, expected.resumes_at, expected.next_send_at) = (Some(NOW), Some(until), Some(Moment(NOW.0 + due)));
        let facts = [("until", &*until.to_string()), ("why", "limit reached"), ("epoch", "3")];
        assert_eq!(paused, noting(expected, "run.paused", facts), "{case}: it waits, and was not handed over");
        assert!(matches!(nudge(&paused, Moment(NOW.0 + due - 1)), Nudge::NotDue), "{case}: not woken early");
        assert!(matches!(nudge(&paused, Moment(NOW.0 + due)), Nudge::Send(_)), "{case}: woken");
    }
}

/// How long a run waited is not how long it worked: each pause is added up, by
/// whoever ends it.
#[test]
fn what_a_run_waited_for_a_limit_is_added_up() {
    let claimed = claim(&paused(65), 3, "second", NOW, LEASE).expect("it is free");
    assert_eq!((claimed.waited, claimed.paused_at), (70_000, None));
    let again = pause(&claimed, at(10), at(20), "limit reached", LONGEST_DELAY);
    assert_eq!((again.waited, again.paused_at), (70_000, Some(at(10))), "it counts when it is over");
    let ended = end_cancelled(&again, at(25), "not wanted");
    assert_eq!((ended.status, ended.waited, ended.paused_at), (Cancelled, 85_000, None), "nobody went on with it");
    let Cancel::Ended(ended) = cancel(&again, at(13)) else { panic!("nobody works on it") };
    assert_eq!((ended.waited, ended.paused_at), (73_000, None));
    let buried = bury(&again, 4, at(14)).expect("nobody went on with it");
    assert_eq!((buried.waited, buried.paused_at), (74_000, None));
    let behind = claim(&paused(-1), 3, "second", NOW, LEASE).expect("it is free");
    assert_eq!(behind.waited, 5_000, "clocks that disagree take nothing away");
    assert_eq!(complete(&held(Running, 60), NOW).waited, 0, "who did not wait has nothing to add");
}

/// A workspace may have as many runs under way as it says; whoever finds no slot
/// waits, and keeps what was done.
#[test]
fn who_finds_no_slot_waits_and_says_for_what() {
    for before in [new(), paused(65), run(Running), held(Running, -1)] {
        let before = Run { sends: 4, ..before };
        let waiting = hold_back(&before, NOW);
        let reason = waiting.status_reason.clone();
        assert!(reason.as_ref().is_some_and(|why| why.starts_with("workspace_busy: ")), "{reason:?}");
        let mut expected = Run { status: Queued, held_back: true, sends: 0, version: 11, ..before.clone() };
        (expected.lease_until, expected.claimed_by, expected.resumes_at) = (None, None, None);
        (expected.status_reason, expected.next_send_at, expected.paused_at) = (reason, Some(at(90)), waiting.paused_at);
        let expected = noting(expected, "run.held_back", [("for", "a slot of its workspace")]);
        assert_eq!(waiting, expected, "{:?}: the epoch stays, so that its messages still fit", before.status);
        assert_eq!((nudged(&waiting), waiting.due_at(), waiting.waits_outside()), ("rests", Some(at(90)), false), "it holds its gate");
        assert!(!keeps_slot(&waiting, NOW));

        let again = hold_back(&waiting, at(90));
        assert_eq!((again.version, again.next_send_at, again.trail.len()), (12, Some(at(180)), 1), "one line, however often");
        let claimed = claim(&again, 3, "second", at(90), LEASE).expect("a slot is free");
        assert_eq!((claimed.status, claimed.held_back, claimed.status_reason), (Running, false, None));
        assert_eq!((claimed.part_no, claimed.started_at), (before.part_no, before.started_at.or(Some(at(90)))));
        assert!(!complete(&waiting, NOW).held_back && !end_cancelled(&waiting, NOW, "not wanted").held_back);
    }
}

/// The limit is over, and still it does not work: that is waiting too.
#[test]
fn a_pause_lasts_until_there_is_a_slot() {
    let waiting = hold_back(&paused(65), NOW);
    assert_eq!((waiting.paused_at, waiting.waited), (Some(at(-65)), 5_000));
    let claimed = claim(&waiting, 3, "second", at(30), LEASE).expect("a slot is free");
    assert_eq!((claimed.paused_at, claimed.waited), (None, 100_000));
}

/// Whoever was not heard of loses its slot, and its epoch with it.
#[test]
fn a_fenced_run_leaves_its_lost_worker_behind() {
    for status in [Running, Cancelling] {
        let lost = Run { sends: 2, next_send_at: Some(at(-9)), ..held(status, -1) };
        let fenced = fence(&lost, NOW);
        let mut expected = Run { epoch: 4, next_send_at: Some(NOW), sends: 0, version: 11, ..lost };
        (expected.lease_until, expected.claimed_by) = (None, None);
        assert_eq!(fenced, noting(expected, "run.fenced", [("epoch", "4")]));
        assert!(!keeps_slot(&fenced, NOW), "its slot is the other's now");
    }
    let running = fence(&held(Running, -1), NOW);
    assert_eq!(nudged(&running), "sends");
    assert_eq!(claim(&running, 3, "second", NOW, LEASE), Err(NotClaimed::Stale), "a message from before");
    let claimed = claim(&running, 4, "second", NOW, LEASE).expect("the message that the tick sends");
    assert_eq!((claimed.epoch, claimed.claims_since_progress, claimed.part_no), (5, 2, 2), "that a worker was lost stays counted");
    assert_eq!(nudged(&fence(&held(Cancelling, -1), NOW)), "ends", "nobody is left to notice");
}

/// A slot needs not be given back: a run that is not under way has none.
#[test]
fn a_slot_is_kept_while_someone_holds_the_run_or_handed_it_over_a_moment_ago() {
    let sent = |status, seconds| Run { next_send_at: Some(at(seconds)), ..run(status) };
    for (case, run, expected) in vec![
        ("held", held(Running, 60), true),
        ("held to this moment", held(Running, 0), true),
        ("held, and asked to stop", held(Cancelling, 60), true),
        ("its worker lost", held(Running, -1), false),
        ("its worker lost, though it was sent again", Run { next_send_at: Some(at(90)), ..held(Running, -1) }, false),
        ("asked to stop, its worker lost", held(Cancelling, -1), false),
        ("handed over", hand_over(&held(Running, 60), NOW), true),
        ("handed over, and its message lost", sent(Running, 0), false),
        ("between two slices, and nothing says when", run(Running), false),
        ("held back", hold_back(&held(Running, -1), NOW), false),
        ("queued", sent(Queued, 60), false),
        ("paused", sent(Paused, 60), false),
        ("parked", parked(60), false),
        ("following", following(60), false),
    ] {
        assert_eq!(keeps_slot(&run, NOW), expected, "{case}");
    }
    for ended in ends() {
        let ended = Run { lease_until: Some(at(60)), next_send_at: Some(at(60)), ..ended };
        assert!(!keeps_slot(&ended, NOW), "{:?}", ended.status);
    }
}

#[test]
fn a_run_that_follows_says_whom_it_waits_for() {
    for before in [new(), parked(0)] {
        let followed = follow(&before, BEFORE, NOW);
        let mut expected = Run { status: Queued, follows: Some(BEFORE), version: 11, ..before };
        expected.status_reason = Some(format!("begins when run {BEFORE} has ended"));
        (expected.resumes_at, expected.next_send_at) = (None, Some(at(900)));
        assert_eq!(followed, expected);
        assert_eq!((followed.waits_outside(), nudged(&followed)), (true, "rests"));
    }
}

#[test]
fn a_parked_run_says_until_when_and_why() {
    for before in [new(), following(0), parked(0)] {
        let waiting = park(&before, NOW, at(300), "it cools");
        let mut expected = Run { status: Parked, follows: None, version: 11, ..before };
        expected.status_reason = Some("it cools".into());
        (expected.resumes_at, expected.next_send_at) = (Some(at(300)), Some(at(300)));
        assert_eq!(waiting, noting(expected, "run.parked", [("until", &*at(300).to_string()), ("why", "it cools")]));
        assert_eq!((waiting.waits_outside(), nudged(&waiting), waiting.due_at()), (true, "rests", Some(at(300))));
    }
}

/// What it waited for is over: from here on it is a run like any other.
#[test]
fn a_promoted_run_waits_for_nothing_but_a_worker() {
    let ended = format!("run {BEFORE} has ended");
    for (before, because) in [(following(600), ended.as_str()), (parked(0), "its time has come")] {
        let promoted = promote(&before, NOW);
        let mut expected = Run { status: Queued, follows: None, next_send_at: Some(at(90)), version: 11, ..before };
        (expected.status_reason, expected.resumes_at) = (None, None);
        assert_eq!(promoted, noting(expected, "run.promoted", [("because", because)]));
        assert_eq!((promoted.waits_outside(), nudged(&promoted)), (false, "rests"), "its message is sent with it");
        let claimed = claim(&promoted, promoted.epoch, "first", at(5), LEASE).expect("the message that is sent with it");
        assert_eq!((claimed.started_at, claimed.waited), (Some(at(5)), 0), "it worked from here on");
    }
}

/// No message gets a run that holds no gate: not its own, nor an old one.
#[test]
fn a_run_that_waits_outside_is_no_workers_business() {
    for waiting in [following(-60), following(60), parked(-60), parked(60)] {
        for epoch in [2, 3, 4] {
            assert_eq!(claim(&waiting, epoch, "first", NOW, LEASE), Err(NotClaimed::NothingToDo), "{:?}", waiting.status);
            assert_eq!(bury(&waiting, epoch, NOW), None, "{:?}: no message was its", waiting.status);
        }
        assert_eq!(expire(&waiting, NOW), None, "{:?}: no process held it", waiting.status);
        let Cancel::Ended(ended) = cancel(&waiting, NOW) else { panic!("nobody works on it") };
        assert_eq!((ended.status, ended.follows, ended.resumes_at, ended.due_at()), (Cancelled, None, None, None));
        assert!(!ended.waits_outside(), "it waits for nothing any more");
    }
}

#[test]
fn the_tick_sees_to_runs_that_wait_outside_when_they_are_due() {
    for (case, waiting, expected) in [
        ("it follows, and is due", following(0), "attends"),
        ("it follows, and is not due", following(1), "rests"),
        ("its moment has come", parked(0), "unparks"),
        ("its moment is past", parked(-600), "unparks"),
        ("its moment is to come", parked(1), "rests"),
        ("cancelling, fenced, and sent for later", Run { next_send_at: Some(at(60)), ..run(Cancelling) }, "ends"),
        ("cancelling, held", held(Cancelling, 60), "rests"),
    ] {
        assert_eq!(nudged(&waiting), expected, "{case}");
    }
    let waits = wait_on(&following(0), BEFORE, NOW);
    let reason = Some(format!("begins when run {BEFORE} has ended"));
    assert_eq!(waits, Run { next_send_at: Some(at(900)), status_reason: reason, version: 11, ..following(0) }, "no line on its trail");
    assert!(matches!(nudge(&waits, at(899)), Nudge::NotDue));
    assert!(matches!(nudge(&waits, at(900)), Nudge::Attend));
}

/// What an earlier process held is sent again at once, and what waited still waits.
#[test]
fn a_new_process_frees_what_the_one_before_held() {
    let ended = Some(NOW.minus(Duration::from_millis(1)));
    for (before, lease_until) in [(held(Running, 60), ended), (held(Running, -60), Some(at(-60))), (run(Queued), None)] {
        let before = Run { sends: 5, next_send_at: Some(at(700)), ..before };
        let freed = expire(&before, NOW).expect("it is open");
        let expected = Run { lease_until, next_send_at: Some(NOW), sends: 0, version: 11, ..before };
        assert_eq!(freed, noting(expected, "run.expired", [("because", "the process that held it has ended")]));
        assert_eq!(nudged(&freed), "sends");
    }
    for (resumes_at, due) in [(300, at(300)), (-300, NOW)] {
        let paused = Run { resumes_at: Some(at(resumes_at)), next_send_at: Some(at(390)), ..run(Paused) };
        let freed = expire(&paused, NOW).expect("it is open");
        assert_eq!((freed.status, freed.next_send_at), (Paused, Some(due)), "its delayed message is lost with the queue");
    }
    let cancelled = expire(&held(Cancelling, 60), NOW).expect("its worker died with the process");
    assert_eq!((cancelled.status, cancelled.version), (Cancelled, 11));
    assert!(ends().all(|run| expire(&run, NOW).is_none()));
}

/// The row has its limits: of a run to which very much happens it keeps how it
/// began and what came last, and says how much is left out.
#[test]
fn a_trail_keeps_its_first_sixteen_and_its_last_thirty_two_lines() {
    for (noted, unnoted) in [(0, 0), (47, 0), (48, 0), (49, 1), (60, 12), (1_000, 952)] {
        let mut run = new();
        for line in 0..noted {
            run.note(at(line), "page.read", [("page", line.to_string())]);
        }
        let kept = (0..noted).filter(|line| *line < 16 || *line >= noted - 32);
        assert_eq!(run.trail.iter().map(|line| line.at).collect::<Vec<_>>(), kept.map(at).collect::<Vec<_>>(), "{noted}");
        assert_eq!(run.unnoted, unnoted, "{noted}");
    }
}

#[test]
fn a_fact_is_cut_at_four_hundred_characters() {
    let mut run = new();
    let facts = [("short", "é".repeat(400)), ("long", "é".repeat(401)), ("none", String::new())];
    run.note(NOW, "provider.limited", facts);
    let lengths = ["short", "long", "none"].map(|name| run.trail[0].facts[name].chars().count());
    assert_eq!((lengths, run.trail[0].facts.len()), ([400, 400, 0], 3));
}

/// The row has its limits: what is met first is told apart, the rest is counted.
#[test]
fn twenty_four_kinds_of_replies_are_told_apart_and_none_is_lost() {
    let mut calls = Calls::default();
    for round in 1..=3 {
        for kind in 0..30 {
            calls.met(&format!("/issues/{kind}"), "200");
        }
        assert_eq!((calls.by.len(), calls.by["others"], calls.by["/issues/23 200"]), (25, 6 * round, round));
        assert_eq!(calls.by.values().sum::<u64>(), 30 * round);
    }
    assert!(!calls.by.contains_key("/issues/24 200"));
    calls.met("/issues/0", "404");
    calls.met("/issues/0", "200");
    assert_eq!((calls.by["others"], calls.by["/issues/0 200"]), (19, 4), "another outcome is another kind");
}

/// One run does for all who asked for it, whoever asked first.
#[test]
fn widened_options_cover_both_in_either_order() {
    let mut all = Vec::new();
    for (full, include_closed) in [(false, false), (false, true), (true, false), (true, true)] {
        all.extend([vec![], vec![Stream::Issues]].map(|streams| RunOptions { full, streams, include_closed, ..RunOptions::default() }));
    }
    for one in &all {
        for other in &all {
            let both = one.widened(other);
            assert_eq!(both, other.widened(one), "{one:?} and {other:?}");
            assert_eq!(both.full, one.full || other.full);
            assert_eq!(both.include_closed, one.include_closed || other.include_closed);
            let some = !one.streams.is_empty() && !other.streams.is_empty();
            assert_eq!(both.streams, if some { vec![Stream::Issues] } else { vec![] }, "no name means all there are");
            assert_eq!((both.widened(one), both.widened(other)), (both.clone(), both), "to ask again adds nothing");
        }
    }
}

/// What the tick noted while a worker held the run is not lost when the worker
/// writes next; and nothing stands twice.
#[test]
fn what_others_noted_meanwhile_is_recalled() {
    let mut mine = run(Running);
    mine.note(NOW, "run.claimed", []);
    let mut theirs = mine.clone();
    theirs.note(at(1), "run.revived", []);
    mine.note(at(2), "run.paused", []);
    mine.recall(&theirs);
    mine.recall(&theirs);
    let told: Vec<&str> = mine.trail.iter().map(|noted| noted.what.as_str()).collect();
    assert_eq!((told, mine.unnoted), (vec!["run.claimed", "run.revived", "run.paused"], 0));

    for second in 0..60 {
        theirs.note(at(10 + second), "run.revived", [("times", second.to_string())]);
    }
    mine.recall(&theirs);
    assert_eq!(mine.trail.len(), 48, "the bound holds");
    assert!(mine.unnoted > 0 && mine.trail[0].what == "run.claimed");
}
