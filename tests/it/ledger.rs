//! The quota ledger from inside: what it costs, and what becomes of what was
//! reserved.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use pullcord_core::admission::Surface;
use pullcord_core::manage::{self, CredentialGiven, NewSource};
use pullcord_core::model::{Person, Run, RunStatus, SourceId, SourceKind, WorkspaceId};
use pullcord_core::schedule;
use pullcord_core::store::items::Quota;
use pullcord_core::trigger::{Answer, Ask, Asker, quota_key, trigger};
use pullcord_forge::{Behaviour, Fault, Forge, Seed};
use pullcord_tests::bench::{Bench, Mishap};
use pullcord_tests::world;
use tokio::sync::Notify;

use crate::tests;

tests![
    ten_requests_are_one_write,
    what_a_lost_worker_reserved_is_lost_until_the_window_ends,
    an_answer_of_the_ledger_that_is_lost_is_no_loss,
];

const TOKEN: &str = "a-token";

struct Given {
    bench: Bench,
    forge: Forge,
    source: SourceId,
}

fn asker() -> Asker {
    Asker::Known(Person::deployment("test"))
}

/// A source of so many pages in which there is nothing to take in, whose credential
/// was looked at.
async fn given(pages: u64) -> Given {
    let bench = Bench::with(&[("PULLCORD_COOLDOWN_REPOSITORY", "PT0S")]).await;
    let forge = world::forge(&bench.clock).await;
    let repository = forge.repository("acme/web");
    repository.seed(&Seed { closed_percent: 0, pull_request_percent: 100, ..Seed::of(100 * pages) });
    repository.set_links_by_cursor(true);
    manage::create_workspace(&bench.plane, &asker(), "acme", "Acme").await.unwrap();
    let new = NewSource {
        id: "web".into(),
        kind: Some(SourceKind::Repository),
        provider: Some("github".into()),
        repository: Some("acme/web".into()),
        base_url: Some(forge.base_url()),
        credential: Some(CredentialGiven::token(TOKEN)),
        ..NewSource::default()
    };
    manage::create_source(&bench.plane, &asker(), &WorkspaceId::known("acme"), new).await.unwrap();
    bench.work().await;
    Given { bench, forge, source: SourceId::known("web") }
}

impl Given {
    async fn triggered(&self) -> Run {
        match trigger(&self.bench.plane, Ask::sync(self.source.clone(), asker(), Surface::Native)).await.unwrap() {
            Answer::Accepted(run) => *run,
            other => panic!("{other:?}"),
        }
    }

    async fn run(&self, run: &Run) -> Run {
        self.bench.plane.store.run(&run.owner, run.id).await.unwrap().unwrap()
    }

    async fn ledger(&self) -> Quota {
        let source = self.bench.plane.store.source(&self.source).await.unwrap().unwrap();
        self.bench.plane.store.quota(&quota_key(&source).unwrap()).await.unwrap().unwrap()
    }

    fn left(&self) -> u64 {
        self.forge.quota(Some(TOKEN)).remaining
    }

    /// The ledger knows what the forge knows, and nobody owes anything.
    async fn is_settled(&self) {
        let ledger = self.ledger().await;
        assert_eq!((ledger.remaining, ledger.reserved, ledger.probing), (self.left(), 0, 0), "{ledger:?}");
    }
}

/// A run of twenty-one pages: one that finds out, two lots, and what was not needed
/// given back. One of a single request: taken and accounted for.
async fn ten_requests_are_one_write() {
    let given = given(21).await;
    let looked = given.ledger().await;
    assert_eq!((looked.version, looked.remaining, given.left()), (1, 5_000, 5_000));

    let run = given.triggered().await;
    given.bench.work().await;

    let run = given.run(&run).await;
    assert_eq!((run.status, run.calls.made), (RunStatus::Completed, 21), "{run:?}");
    assert_eq!(given.ledger().await.version, looked.version + 4);
    given.is_settled().await;

    let before = given.ledger().await.version;
    let second = given.triggered().await;
    given.bench.work().await;
    assert_eq!(given.run(&second).await.calls.made, 21);
    // Just now it was told what is left: a lot at once.
    assert_eq!(given.ledger().await.version, before + 4);
    given.is_settled().await;
}

/// Nobody can tell what a lost worker spent, so its lot counts as spent; the next
/// window knows nothing of it.
async fn what_a_lost_worker_reserved_is_lost_until_the_window_ends() {
    let given = given(3).await;
    let run = given.triggered().await;
    given.bench.work().await;
    given.forge.script(Fault::on("/repos/acme/web/issues", Behaviour::Hang));
    let lost = given.triggered().await;
    assert_eq!(run.status, RunStatus::Queued);
    let messages = given.bench.messages().await;
    let worker = given.bench.work_on(messages);
    let hangs = given.forge.wait_for("/repos/acme/web/issues", 2);
    futures::select! {
        _ = worker.fuse() => panic!("it did not hang"),
        () = hangs.fuse() => {}
    }
    given.forge.release();
    assert_eq!(given.ledger().await.reserved, 10);

    given.bench.pass(Duration::from_mins(4));
    schedule::tick(&given.bench.plane).await.unwrap();
    given.bench.work().await;
    assert_eq!(given.run(&lost).await.status, RunStatus::Completed);
    assert_eq!(given.ledger().await.reserved, 10);

    given.bench.pass(Duration::from_mins(61));
    given.triggered().await;
    given.bench.work().await;
    given.is_settled().await;
}

/// The ledger's own writer knows its row again: what was written and not confirmed
/// is neither reserved nor given back twice.
async fn an_answer_of_the_ledger_that_is_lost_is_no_loss() {
    for place in 0..5 {
        let given = given(3).await;
        let run = given.triggered().await;
        for _ in 0..place {
            let at_once = Arc::new(Notify::new());
            at_once.notify_one();
            given.bench.table.next("PutItem", Mishap::Held(at_once));
        }
        given.bench.table.next("PutItem", Mishap::AnswerLost("InternalServerError"));

        given.bench.work().await;

        assert!(given.bench.table.is_quiet(), "{place}: it never happened");
        assert_eq!(given.run(&run).await.status, RunStatus::Completed, "{place}");
        given.is_settled().await;
    }
}
