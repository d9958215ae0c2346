//! What is explained, and what a dry run says, is what the trigger then does: over
//! a thousand states that nobody chose.

use std::collections::BTreeMap;
use std::time::Duration;

use pullcord_core::admission::{OnBlocked, OnConflict, Surface, refused_until};
use pullcord_core::clock::Moment;
use pullcord_core::manage::{self, ChangedSource, NewSource};
use pullcord_core::model::{
    Gate, Owner, Person, Run, RunId, RunOptions, RunStatus, Source, SourceId, SourceKind, SourceStatus, Trigger, Work, WorkspaceId,
};
use pullcord_core::store::items::{Quota, encode, encode_gate, encode_run};
use pullcord_core::store::{Store, conditions};
use pullcord_core::trigger::{Answer, Ask, Asker, Would, explain, quota_key, trigger};
use pullcord_core::{Error, Plane, moves};
use pullcord_tests::sim::quiet_plane;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::tests;

tests![what_is_foretold_is_what_happens];

const STATES: usize = 1_000;
const LEASE: Duration = Duration::from_mins(3);

struct Dice(StdRng);

impl Dice {
    fn percent(&mut self, chance: u32) -> bool {
        self.0.random_range(0..100) < chance
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.0.random_range(0..all.len())].clone()
    }

    /// Some time before or after now, minutes away.
    fn around(&mut self, now: Moment) -> Moment {
        Moment(now.0 + self.0.random_range(-600_000..600_000))
    }
}

fn asker() -> Asker {
    Asker::Known(Person::deployment("somebody"))
}

/// A run in any state, as some other trigger or worker may have left it.
fn some_run(dice: &mut Dice, source: &Source, now: Moment, id: RunId) -> Run {
    let owner = Owner::Source(source.id.clone());
    let blank = Run::blank(id, source.workspace.clone());
    let new = Run { owner, source: Some(source.id.clone()), kind: Some(source.kind), created_at: now.minus(LEASE), version: 3, ..blank };
    let claimed = Run { status: RunStatus::Running, epoch: 1, lease_until: Some(now.plus(LEASE)), started_at: Some(now), ..new.clone() };
    let dead = Run { lease_until: Some(now.minus(Duration::from_secs(1))), ..claimed.clone() };
    let deleting = |run: Run| if dice.percent(10) { Run { work: Work::ApproveDeletions, ..run } } else { run };
    let states = [
        new.clone(),
        claimed.clone(),
        dead.clone(),
        Run { status: RunStatus::Cancelling, ..claimed.clone() },
        Run { status: RunStatus::Cancelling, ..dead },
        Run { lease_until: None, next_send_at: Some(now), ..claimed.clone() },
        moves::pause(&claimed, now, now.plus(LEASE), "a limit", LEASE),
        moves::complete(&claimed, now),
        moves::end_cancelled(&new, now, "somebody"),
    ];
    let states: Vec<Run> = states.into_iter().map(deleting).collect();
    dice.one_of(&states)
}

/// A source at whose gate anything may be the case.
async fn some_source(plane: &Plane, dice: &mut Dice, number: usize) -> SourceId {
    let now = plane.clock.now();
    let id = SourceId::known(format!("source-{number}"));
    let new = NewSource {
        id: id.to_string(),
        kind: Some(SourceKind::Repository),
        provider: Some("github".into()),
        repository: Some(format!("acme/web-{number}")),
        principal: Some(format!("principal-{number}")),
        ..NewSource::default()
    };
    let source = manage::create_source(plane, &asker(), &WorkspaceId::known("acme"), new).await.unwrap();
    if dice.percent(20) {
        let change = ChangedSource { webhook_active: Some(Some(true)), ..ChangedSource::default() };
        manage::change_source(plane, &asker(), &id, change).await.unwrap();
    }
    let owner = Owner::Source(id.clone());
    let before = plane.store.gate(&owner).await.unwrap();
    let run = || RunId(plane.chance.id(now));
    let mut gate = Gate { version: before.version + 1, settings_version: before.settings_version, ..Gate::default() };
    let mut rows = Vec::new();
    if dice.percent(50) {
        let holder = some_run(dice, &source, now, run());
        gate.holder = Some(holder.id);
        gate.status = SourceStatus::Syncing;
        gate.status_before = dice.one_of(&[SourceStatus::NeverSynced, SourceStatus::Synced, SourceStatus::Error]);
        if dice.percent(40) {
            let new = Run { trigger: Trigger::FollowUp, ..Run::blank(run(), source.workspace.clone()) };
            let new = Run { owner: owner.clone(), source: Some(id.clone()), kind: Some(source.kind), created_at: now, ..new };
            gate.next = Some(new.id);
            rows.push(moves::follow(&new, holder.id, now));
        }
        rows.push(holder);
    } else {
        gate.status = dice.one_of(&[SourceStatus::NeverSynced, SourceStatus::Synced, SourceStatus::Error]);
    }
    if dice.percent(30) {
        let new = Run { trigger: Trigger::Parked, ..Run::blank(run(), source.workspace.clone()) };
        let new = Run { owner: owner.clone(), source: Some(id.clone()), kind: Some(source.kind), created_at: now, ..new };
        gate.parked = Some(new.id);
        rows.push(moves::park(&new, now, now.plus(LEASE), "cooling"));
    }
    if dice.percent(50) {
        gate.cool_until = Some(dice.around(now));
        gate.cool_since = Some(now.minus(LEASE));
        gate.cool_run = gate.holder.filter(|_| dice.percent(50));
    }
    gate.last_synced_at = dice.percent(50).then(|| now.minus(Duration::from_secs(dice.0.random_range(0..600))));
    let mut writes = vec![conditions::put("gate", encode_gate(&owner, &gate).unwrap())];
    writes.extend(rows.iter().map(|run| conditions::put("run", encode_run(run, LEASE).unwrap())));
    if dice.percent(50) {
        let key = quota_key(&source).unwrap();
        let limit = dice.one_of(&[None, Some(60), Some(5_000)]);
        let resets_at = dice.percent(80).then(|| dice.around(now));
        let remaining = dice.one_of(&[0, 5, 6, 99, 100, 4_000]);
        let quota = Quota { remaining, limit, resets_at, seen_at: Some(now), ..Quota::default() };
        writes.push(conditions::put("quota", encode("quota", &key, &quota).unwrap()));
    }
    plane.store.table.commit(writes).await.unwrap();
    id
}

fn some_ask(dice: &mut Dice, source: &SourceId) -> Ask {
    Ask {
        on_conflict: dice.one_of(&[OnConflict::Reject, OnConflict::Attach, OnConflict::FollowUp, OnConflict::Restart]),
        on_blocked: dice.one_of(&[OnBlocked::Reject, OnBlocked::Park]),
        options: RunOptions { full: dice.percent(20), include_closed: dice.percent(20), ..RunOptions::default() },
        confirmed: dice.percent(70),
        max_age: dice.percent(20).then_some(Duration::from_mins(5)),
        override_cooldown: dice.percent(15).then(|| "it is urgent".to_owned()),
        ..Ask::sync(source.clone(), asker(), dice.one_of(&[Surface::Native, Surface::Native, Surface::Ops, Surface::Schedule]))
    }
}

/// What a trigger came to, without the ids of runs that it made.
fn done(answer: &Result<Answer, Error>) -> String {
    match answer {
        Ok(Answer::Accepted(_)) => "accepted".into(),
        Ok(Answer::Attached(run)) => format!("attached {}", run.id),
        Ok(Answer::FollowUp(run)) => format!("follow_up {}", run.follows.unwrap()),
        Ok(Answer::Parked(run)) => format!("parked {}", run.resumes_at.unwrap()),
        Ok(Answer::Fresh { last_synced_at }) => format!("fresh {last_synced_at}"),
        Err(Error::Refused(refusal)) => format!("refused {} {:?}", refusal.rule(), refused_until(refusal)),
        other => panic!("{other:?}"),
    }
}

fn foretold(answer: &Result<Answer, Error>) -> String {
    match answer {
        Ok(Answer::Would(Would::Accept)) => "accepted".into(),
        Ok(Answer::Would(Would::Attach(run))) => format!("attached {run}"),
        Ok(Answer::Would(Would::FollowUp { after, .. })) => format!("follow_up {after}"),
        Ok(Answer::Would(Would::Park { until, .. })) => format!("parked {until}"),
        Ok(Answer::Would(Would::Refuse(refusal))) => format!("refused {} {:?}", refusal.rule(), refused_until(refusal)),
        other => done(other),
    }
}

/// The explanation, the dry run and the deed agree, to the run and to the moment.
async fn what_is_foretold_is_what_happens() {
    let plane = quiet_plane(7).await;
    let mut dice = Dice(StdRng::seed_from_u64(20_261_120));
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    for number in 0..STATES {
        let source = some_source(&plane, &mut dice, number).await;
        let ask = some_ask(&mut dice, &source);
        let before = shown(&plane.store, &source).await;

        let explained = explain(&plane, ask.clone()).await.unwrap();
        let dry = trigger(&plane, Ask { dry_run: true, ..ask.clone() }).await;
        assert_eq!(shown(&plane.store, &source).await, before, "to ask changes nothing");
        let deed = trigger(&plane, ask.clone()).await;

        let happened = done(&deed);
        let case = format!("state {number}: {ask:?}\n{before}");
        assert_eq!(foretold(&dry), happened, "{case}");
        assert_eq!(foretold(&explained.verdict), happened, "{case}");
        let outcome = happened.split(' ').next().unwrap().to_owned();
        assert_eq!(explained.outcome(), outcome, "{case}");
        let would = match outcome.as_str() {
            "refused" => "reject",
            "parked" => "park",
            _ => "accept",
        };
        assert_eq!(explained.would(), would, "{case}");
        *met.entry(happened.split(' ').take(if outcome == "refused" { 2 } else { 1 }).collect::<Vec<_>>().join(" ")).or_default() += 1;
    }
    println!("{met:?}");
    for outcome in ["accepted", "attached", "follow_up", "parked", "fresh"] {
        assert!(met.get(outcome).is_some_and(|times| *times >= 10), "{outcome} was hardly met: {met:?}");
    }
    for rule in ["SYNC_IN_PROGRESS", "COOLDOWN_ACTIVE", "RATE_LIMIT_LOW", "CONFIRMATION_REQUIRED"] {
        assert!(met.get(&format!("refused {rule}")).is_some_and(|times| *times >= 10), "{rule} was hardly met: {met:?}");
    }
}

/// Everything at a source's gate.
async fn shown(store: &Store, source: &SourceId) -> String {
    format!("{:?}", store.source_rows(source).await.unwrap())
}
