//! How often a source is looked at, and what is made of it.

use super::*;
use crate::model::{RunError, RunId, WorkspaceId};

const NOON: Moment = Moment(1_790_000_000_000);

fn known() -> Health {
    let (source, workspace) = (SourceId::known("books"), WorkspaceId::known("acme"));
    Health { source, workspace, state: HealthState::Unknown, since: None, due_at: Some(NOON), failures: 0, history: Vec::new(), version: 1 }
}

fn check() -> HealthCheck {
    HealthCheck { url: None, every: SHORTEST_EVERY.as_millis() as u64 }
}

fn minutes(from: Moment, to: Option<Moment>) -> Option<u64> {
    to.map(|to| to.since(from).as_secs() / 60)
}

/// S3.43: every quarter of an hour while it is well; after failures at distances that
/// double, up to half a day; and as ever once it is well again.
#[test]
fn failures_are_looked_at_less_and_less_often() {
    let (mut health, mut now, mut waits) = (known(), NOON, Vec::new());
    for _ in 0..9 {
        health = looked(&health, &check(), &Seen::Unwell("503".into()), now);
        waits.push(minutes(now, health.due_at).expect("it is looked at again"));
        now = health.due_at.expect("due");
    }
    assert_eq!(waits, [15, 30, 60, 120, 240, 480, 720, 720, 720]);
    assert_eq!((health.state, health.since), (HealthState::Unhealthy, Some(NOON)));
    let well = looked(&health, &check(), &Seen::Well("200".into()), now);
    assert_eq!((well.state, well.since, well.failures, minutes(now, well.due_at)), (HealthState::Healthy, Some(now), 0, Some(15)));
    let daily = HealthCheck { every: 24 * 3_600_000, ..check() };
    assert_eq!(minutes(now, looked(&health, &daily, &Seen::Unwell("503".into()), now).due_at), Some(24 * 60));
}

/// S3.44: after a limit nobody looks, whatever fails, until a scheduled run succeeds.
#[test]
fn a_limit_ends_the_looking_until_a_scheduled_run_succeeds() {
    let healthy = looked(&known(), &check(), &Seen::Well("200".into()), NOON);
    let run = |status| Run { status, ..Run::blank(RunId(uuid::Uuid::nil()), WorkspaceId::known("acme")) };
    assert_eq!(ran(&healthy, &check(), &run(RunStatus::Failed), NOON), None, "it is looked at anyway");

    let passive = looked(&healthy, &check(), &Seen::Limited("429".into()), NOON);
    assert_eq!((passive.state, passive.due_at), (HealthState::Healthy, None));

    let error = RunError { code: "PROVIDER_UNAVAILABLE".into(), message: "gave up".into(), at: None };
    let failed = ran(&passive, &check(), &Run { error: Some(error), ..run(RunStatus::Failed) }, NOON).expect("it tells");
    assert_eq!((failed.state, failed.due_at), (HealthState::Unhealthy, None));
    assert_eq!(failed.history.last().map(|look| look.why.as_str()), Some("gave up"));
    assert_eq!(ran(&failed, &check(), &run(RunStatus::Cancelled), NOON), None, "which says nothing");

    let well = ran(&failed, &check(), &run(RunStatus::CompletedWithWarnings), NOON).expect("it tells");
    assert_eq!((well.state, minutes(NOON, well.due_at)), (HealthState::Healthy, Some(15)));
}

#[test]
fn the_last_looks_are_kept() {
    let health = (0..50).fold(known(), |health, number| looked(&health, &check(), &Seen::Well(number.to_string()), NOON));
    assert_eq!((health.history.len(), health.history[19].why.as_str(), health.version), (HISTORY, "49", 51));
}

/// S3.41: whoever asks for an address without a credential is content with any answer
/// of somebody who is there.
#[test]
fn what_an_answer_says_of_who_gave_it() {
    let by_url = HealthCheck { url: Some("https://books.example.com/up".into()), ..check() };
    let refused = || Verdict::Unauthenticated("who?".into());
    assert!(matches!(of(refused(), &by_url), Seen::Well(_)) && matches!(of(refused(), &check()), Seen::Unwell(_)));
    assert!(matches!(of(Verdict::Missing(String::new()), &by_url), Seen::Well(_)));
    assert!(matches!(of(Verdict::Retry("503".into()), &by_url), Seen::Unwell(_)));
    let limited = Verdict::Throttled { wait: providers::Wait::Unknown, why: "slow down".into() };
    assert!(matches!(of(limited, &by_url), Seen::Limited(_)));
}
