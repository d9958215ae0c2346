//! Those who asked are told, whatever becomes of messages; and now and then of a run's
//! progress.

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::SqsMessage;
use futures::FutureExt;
use pullcord_core::Plane;
use pullcord_core::admission::Surface;
use pullcord_core::clock::Moment;
use pullcord_core::http::Http;
use pullcord_core::manage::{self, NewSource};
use pullcord_core::model::{Person, Run, SourceId, SourceKind, WorkspaceId};
use pullcord_core::notify::Address;
use pullcord_core::schedule;
use pullcord_core::trigger::{Answer, Ask, Asker, trigger};
use pullcord_forge::{Forge, Seed};
use pullcord_tests::bench::Bench;
use pullcord_tests::receiver::{Manner, Received, Receiver, kinds};
use pullcord_tests::world;

use crate::tests;

tests![what_nobody_was_sent_for_the_tick_sees_to, who_never_takes_it_is_given_up, progress_is_told_every_tenth_that_takes_its_time];

struct Given {
    bench: Bench,
    _forge: Forge,
    receiver: Receiver,
}

/// A source of so many issues. Each request for some of them takes this long.
async fn given(issues: u64, takes: Duration) -> Given {
    let mut bench = Bench::new().await;
    let forge = world::forge(&bench.clock).await;
    forge.repository("acme/web").seed(&Seed { closed_percent: 0, ..Seed::of(issues) });
    let asker = Asker::Known(Person::deployment("test"));
    manage::create_workspace(&bench.plane, &asker, "acme", "Acme").await.unwrap();
    let new = NewSource {
        id: "web".into(),
        kind: Some(SourceKind::Repository),
        provider: Some("github".into()),
        repository: Some("acme/web".into()),
        base_url: Some(forge.base_url()),
        ..NewSource::default()
    };
    manage::create_source(&bench.plane, &asker, &WorkspaceId::known("acme"), new).await.unwrap();
    let inner = bench.plane.clone();
    let http = Http::new(Arc::new(move |outgoing| {
        let plane = inner.clone();
        async move {
            if outgoing.url.contains("/issues") {
                plane.clock.turn(jiff::SignedDuration::try_from(takes).unwrap());
            }
            plane.http.send(outgoing).await
        }
        .boxed()
    }));
    bench.plane = Arc::new(Plane { http, ..(*bench.plane).clone() });
    Given { bench, _forge: forge, receiver: Receiver::start().await }
}

fn is_notice(message: &SqsMessage) -> bool {
    message.body.as_deref().unwrap().contains("notify.v1")
}

impl Given {
    async fn ask(&self) -> Run {
        let asker = Asker::Known(Person::deployment("test"));
        let progress_webhook = Some(Address::judged(&self.bench.plane.config, &self.receiver.hook()).unwrap());
        let ask = Ask { progress_webhook, ..Ask::sync(SourceId::known("web"), asker, Surface::Native) };
        let Answer::Accepted(run) = trigger(&self.bench.plane, ask).await.unwrap() else { panic!("not accepted") };
        *run
    }

    /// The messages that there are, of this kind alone; the others are lost.
    async fn only(&self, notices: bool) -> Vec<SqsMessage> {
        let mut messages = self.bench.messages().await;
        messages.retain(|message| is_notice(message) == notices);
        messages
    }

    async fn tick(&self, after: Duration) {
        self.bench.pass(after);
        schedule::tick(&self.bench.plane).await.unwrap();
    }
}

/// S1.53: every message is lost; the run does not notice, and all of it is told in the end, once.
async fn what_nobody_was_sent_for_the_tick_sees_to() {
    let given = given(3, Duration::ZERO).await;
    let run = given.ask().await;
    let sync = given.only(false).await;
    given.bench.work_on(sync).await;
    assert!(given.bench.plane.store.find_run(run.id).await.unwrap().unwrap().status.is_terminal());
    assert!(given.only(false).await.is_empty() && given.receiver.received().is_empty());

    given.tick(Duration::from_secs(1)).await;
    assert!(given.bench.messages().await.is_empty(), "nobody is late yet");
    given.tick(Duration::from_mins(1)).await;
    given.bench.work().await;
    assert_eq!(kinds(&given.receiver.received()), ["run.queued", "run.running", "run.completed"]);
    given.tick(Duration::from_mins(30)).await;
    assert!(given.bench.messages().await.is_empty(), "what was told is not told again");
}

/// S1.33: five tries of the same message, and then no more.
async fn who_never_takes_it_is_given_up() {
    let given = given(3, Duration::ZERO).await;
    for _ in 0..20 {
        given.receiver.script(Manner::Status(503));
    }
    let run = given.ask().await;
    for _ in 0..8 {
        let notices = given.only(true).await;
        given.bench.work_on(notices).await;
        given.tick(Duration::from_mins(20)).await;
    }
    let received = given.receiver.received();
    assert_eq!(kinds(&received), ["run.queued"; 5]);
    assert!(received.iter().all(|one| one.header("webhook-id") == received[0].header("webhook-id") && one.text == received[0].text));
    let times: Vec<i64> = received.iter().map(|one| one.header("webhook-timestamp").parse().unwrap()).collect();
    assert!(times.is_sorted_by(|one, other| one < other), "{times:?}");
    let hook = &given.bench.plane.store.find_run(run.id).await.unwrap().unwrap().options.hooks[0].id;
    assert!(given.bench.plane.store.notices(run.id, hook).await.unwrap().is_empty());
}

/// S1.33: every ten per cent or ten seconds, whichever is later.
async fn progress_is_told_every_tenth_that_takes_its_time() {
    let at = |one: &Received| Moment::parse(one.body["at"].as_str().unwrap()).unwrap();
    for (takes, least) in [(1, 0), (11, 4)] {
        let given = given(600, Duration::from_secs(takes)).await;
        given.ask().await;
        given.bench.work().await;
        let received = given.receiver.received();
        let progress: Vec<&Received> = received.iter().filter(|one| one.kind() == "run.progress").collect();
        assert!((least..=6).contains(&progress.len()) && (least > 0 || progress.is_empty()), "{takes} s: {:?}", kinds(&received));
        assert_eq!((kinds(&received)[1], kinds(&received)[received.len() - 1]), ("run.running", "run.completed"));
        for pair in progress.windows(2) {
            let [before, after] = [pair[0], pair[1]].map(|one| one.body["run"]["progress"]["processed"].as_u64().unwrap());
            assert!(at(pair[1]).since(at(pair[0])) >= Duration::from_secs(10) && after >= before + 60, "{before} {after}");
            assert_eq!(pair[1].body["status"], "running");
        }
    }
}
