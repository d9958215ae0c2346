//! Rather no answer than a wrong one.

use super::*;
use crate::model::{RunId, WorkspaceId};

const MINUTE: i64 = 60_000;
const LEASE: Duration = Duration::from_mins(3);

fn run() -> Run {
    let id = RunId::parse("01970000-0000-7000-8000-000000000001").expect("an id");
    Run { status: RunStatus::Running, started_at: Some(Moment(0)), ..Run::blank(id, WorkspaceId::known("acme")) }
}

fn past(minutes: &[u64]) -> Vec<Past> {
    minutes
        .iter()
        .map(|minutes| Past { whole: true, worked: minutes * 60_000, requests: 10 * minutes, pages: *minutes, items: 100 * minutes })
        .collect()
}

#[test]
fn a_source_without_a_past_says_nothing() {
    assert_eq!(completion(&run(), Moment(MINUTE)), None);
    assert_eq!(cost(&past(&[4, 6]), true).took, None, "two runs are no past");
    assert_eq!(cost(&past(&[4, 6, 9]), false), Cost::default(), "first runs say nothing about increments");
}

#[test]
fn the_past_says_the_middle_and_how_far_apart_it_was() {
    let cost = cost(&past(&[4, 9, 5]), true);
    assert_eq!((cost.runs_seen, cost.requests, cost.pages), (3, Some(50), Some(5)));
    assert_eq!(cost.took, Some(Expected { usually: 5 * 60_000, spread: 5 * 60_000 }));

    let expected = Run { expected: cost.took, ..run() };
    let told = completion(&expected, Moment(2 * MINUTE)).expect("a past");
    assert_eq!((told.at, told.spread), (Moment(5 * MINUTE), Duration::from_mins(5)));
    assert_eq!(completion(&expected, Moment(11 * MINUTE)), None, "it takes longer than any before it");
}

#[test]
fn a_stated_total_goes_before_the_past() {
    let mut half = Run { last_progress_at: Some(Moment(4 * MINUTE)), expected: cost(&past(&[9, 9, 9]), true).took, ..run() };
    (half.progress.processed, half.progress.total) = (50, Some(100));
    assert_eq!(completion(&half, Moment(4 * MINUTE)).map(|told| told.at), Some(Moment(8 * MINUTE)));
    half.progress.processed = 0;
    assert_eq!(completion(&half, Moment(4 * MINUTE)).map(|told| told.at), Some(Moment(9 * MINUTE)), "no rate yet");
}

#[test]
fn a_known_pause_is_waited_for() {
    let expected = cost(&past(&[5, 5, 5]), true).took;
    let paused =
        Run { status: RunStatus::Paused, paused_at: Some(Moment(2 * MINUTE)), resumes_at: Some(Moment(30 * MINUTE)), expected, ..run() };
    assert_eq!(completion(&paused, Moment(10 * MINUTE)).map(|told| told.at), Some(Moment(33 * MINUTE)));
}

#[test]
fn what_waits_outside_or_stops_has_no_end_that_is_known() {
    let expected = cost(&past(&[5, 5, 5]), true).took;
    for status in [RunStatus::Parked, RunStatus::Cancelling, RunStatus::Completed, RunStatus::Failed] {
        assert_eq!(completion(&Run { status, expected, ..run() }, Moment(MINUTE)), None, "{status:?}");
    }
}

#[test]
fn of_each_shape_the_last_five_are_remembered_without_their_waits() {
    let mut known = past(&[1, 2, 3, 4, 5]);
    known.insert(0, Past { whole: false, worked: 1, requests: 1, pages: 1, items: 1 });
    let mut ended = run();
    ended.waited = 120_000;
    ended.calls.made = 7;
    remember(&mut known, &ended, Moment(10 * MINUTE));
    let whole: Vec<u64> = known.iter().filter(|one| one.whole).map(|one| one.worked / 60_000).collect();
    assert_eq!(whole, [2, 3, 4, 5, 8]);
    assert_eq!(known.iter().filter(|one| !one.whole).count(), 1, "the other shape keeps its own");
}

#[test]
fn patience_is_learned_between_the_lease_and_the_hour() {
    let of = |minutes: u64| Some(Expected { usually: minutes * 60_000, spread: 0 });
    assert_eq!(patience(None, LEASE), LONGEST_SILENCE);
    assert_eq!(patience(of(10), LEASE), Duration::from_mins(30));
    assert_eq!(patience(of(0), LEASE), LEASE);
    assert_eq!(patience(of(600), LEASE), LONGEST_SILENCE);
    assert_eq!(patience(of(1), Duration::from_hours(2)), LONGEST_SILENCE, "never over the hour, whatever the lease");
}

/// Stuck is judged by silence, never by age; who waits is silent by right.
#[test]
fn only_whoever_should_be_heard_of_is_stalled() {
    let late = Moment(61 * MINUTE);
    let at = |status, change: fn(&mut Run)| {
        let mut one = Run { status, ..run() };
        change(&mut one);
        is_stalled(&one, LEASE, late)
    };
    assert!(at(RunStatus::Running, |_| ()));
    assert!(at(RunStatus::Cancelling, |_| ()));
    assert!(at(RunStatus::Queued, |_| ()));
    assert!(!at(RunStatus::Running, |run| run.last_progress_at = Some(Moment(60 * MINUTE))));
    assert!(!at(RunStatus::Paused, |_| ()));
    assert!(!at(RunStatus::Parked, |_| ()));
    assert!(!at(RunStatus::Queued, |run| run.follows = Some(run.id)));
    assert!(!at(RunStatus::Completed, |_| ()));
}
