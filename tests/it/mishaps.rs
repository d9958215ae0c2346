//! What goes wrong, one thing at a time: nothing is lost, nothing is stuck,
//! nothing counts twice, and the reason is in the run.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::FutureExt;
use pullcord_core::Plane;
use pullcord_core::admission::{OnConflict, Surface};
use pullcord_core::http::Http;
use pullcord_core::manage::{self, CredentialGiven, NewSource};
use pullcord_core::model::{Owner, Person, Run, RunStatus, SourceId, SourceKind, SourceStatus, WorkspaceId};
use pullcord_core::trigger::{Answer, Ask, Asker, trigger};
use pullcord_core::{Error, cancel, schedule, status};
use pullcord_forge::{Forge, Seed};
use pullcord_tests::bench::{Bench, Mishap};
use pullcord_tests::world;
use tokio::sync::Notify;
use tower::ServiceExt;

use crate::tests;

tests![
    a_send_that_fails_is_made_up_for_by_the_tick,
    a_poison_message_harms_nobody,
    a_message_twice_is_one_run,
    an_old_message_finds_nothing_to_do,
    conflicts_and_throttling_are_ridden_out,
    an_answer_that_is_lost_is_no_loss,
    a_table_that_is_away_fails_the_message_and_not_the_run,
    a_hung_worker_is_overtaken_and_changes_nothing_when_it_wakes,
    a_dead_holder_is_taken_over_by_the_next_trigger,
    a_run_whose_workers_all_die_is_given_up,
    a_dead_letter_is_buried_only_if_nobody_went_on,
    a_cancelled_run_with_a_dead_worker_ends,
    a_worker_that_was_replaced_writes_nothing,
    an_unreachable_table_is_unhealthy,
];

/// A value as text, its fields in order.
fn shown(value: &AttributeValue) -> String {
    match value {
        AttributeValue::M(fields) => {
            let mut fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect();
            fields.sort();
            fields.join(" ")
        }
        AttributeValue::L(values) => values.iter().map(shown).collect::<Vec<_>>().join(","),
        other => format!("{other:?}"),
    }
}

/// A bench with a forge of 250 open issues and a source that is it.
struct Given {
    bench: Bench,
    _forge: Forge,
    source: SourceId,
}

const ISSUES: u64 = 250;

fn asker() -> Asker {
    Asker::Known(Person::deployment("test"))
}

async fn given() -> Given {
    let bench = Bench::new().await;
    let forge = world::forge(&bench.clock).await;
    forge.repository("acme/web").seed(&Seed { closed_percent: 0, ..Seed::of(ISSUES) });
    manage::create_workspace(&bench.plane, &asker(), "acme", "Acme").await.unwrap();
    let new = NewSource {
        id: "web".into(),
        kind: Some(SourceKind::Repository),
        provider: Some("github".into()),
        repository: Some("acme/web".into()),
        base_url: Some(forge.base_url()),
        credential: Some(CredentialGiven::token("a-token")),
        ..NewSource::default()
    };
    manage::create_source(&bench.plane, &asker(), &WorkspaceId::known("acme"), new).await.unwrap();
    // The look at its credential is over before anything goes wrong.
    bench.work().await;
    Given { bench, _forge: forge, source: SourceId::known("web") }
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

    async fn items(&self) -> usize {
        let mut count = 0;
        for shard in pullcord_core::store::keys::item_shards() {
            count += self.bench.plane.store.items_in_shard(&self.source, &shard).await.unwrap().len();
        }
        count
    }

    /// The run did its whole work, each issue counted once, and the gate is free.
    async fn is_done(&self, run: &Run) {
        let run = self.run(run).await;
        assert_eq!(run.status, RunStatus::Completed, "{run:?}");
        assert_eq!((run.results.created, run.results.updated, run.results.skipped), (ISSUES, 0, 0), "{run:?}");
        assert_eq!(self.items().await as u64, ISSUES);
        let gate = self.bench.plane.store.gate(&Owner::Source(self.source.clone())).await.unwrap();
        assert_eq!((gate.holder, gate.status), (None, SourceStatus::Synced));
        assert!(self.bench.messages().await.is_empty(), "a message is left");
        assert!(self.bench.table.is_quiet() && self.bench.queue.is_quiet(), "a mishap never happened");
    }

    async fn tick(&self) -> schedule::Ticked {
        schedule::tick(&self.bench.plane).await.unwrap()
    }

    /// Every row of the table, in order; but for the ledger, to which everybody gives
    /// back what they reserved, whoever holds the run by now.
    async fn table(&self) -> Vec<String> {
        let store = &self.bench.plane.store.table;
        let scanned = store.client().scan().table_name(store.name()).send().await.unwrap();
        assert!(scanned.last_evaluated_key.is_none(), "the table is larger than one page");
        let mut rows: Vec<String> = scanned.items.unwrap().iter().map(|row| shown(&AttributeValue::M(row.clone()))).collect();
        rows.retain(|row| !row.contains("kind=S(\"quota\")"));
        rows.sort();
        rows
    }

    /// Not a row is other than it was.
    async fn is_unchanged_since(&self, before: &[String], what: &str) {
        let now = self.table().await;
        let changed: Vec<_> = now.iter().filter(|row| !before.contains(row)).collect();
        assert!(changed.is_empty() && now.len() == before.len(), "{what} changed something: {changed:#?}");
    }

    /// A worker whose first request hangs until it is let go.
    fn hanging(&self) -> (Arc<Plane>, Arc<Notify>, Arc<Notify>) {
        let (hangs, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (real, told, waits) = (self.bench.plane.http.clone(), hangs.clone(), go.clone());
        let first = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let http = Http::new(Arc::new(move |outgoing| {
            let (real, told, waits) = (real.clone(), told.clone(), waits.clone());
            let hang = first.swap(false, std::sync::atomic::Ordering::SeqCst);
            async move {
                if hang {
                    told.notify_one();
                    waits.notified().await;
                }
                real.send(outgoing).await
            }
            .boxed()
        }));
        (Arc::new(Plane { http, ..(*self.bench.plane).clone() }), hangs, go)
    }

    /// Lets a worker with the first message go until it hangs.
    async fn hung(&self) -> (Run, Arc<Notify>, tokio::task::JoinHandle<()>) {
        let run = self.triggered().await;
        let messages = self.bench.messages().await;
        let (plane, hangs, go) = self.hanging();
        let deadline = self.bench.clock.now().plus(Duration::from_hours(1));
        let worker = tokio::spawn(async move {
            let mut event = aws_lambda_events::sqs::SqsEvent::default();
            event.records = messages;
            let response = pullcord_worker::handle(&plane, event, deadline).await;
            assert!(response.batch_item_failures.is_empty());
        });
        hangs.notified().await;
        (run, go, worker)
    }
}

/// The commit holds, so the caller is told so, and the tick sends what the
/// trigger could not.
async fn a_send_that_fails_is_made_up_for_by_the_tick() {
    let given = given().await;
    given.bench.queue.next("SendMessage", Mishap::Refused("AccessDenied"));
    let run = given.triggered().await;
    assert!(given.bench.messages().await.is_empty());
    given.bench.pass(Duration::from_secs(91));
    assert_eq!(given.tick().await.sent, 1);
    given.bench.work().await;
    given.is_done(&run).await;
}

/// A message that nobody can read is dropped, and its neighbours are worked on.
async fn a_poison_message_harms_nobody() {
    let given = given().await;
    let run = given.triggered().await;
    let mut batch = given.bench.messages().await;
    batch.insert(0, Bench::message("\u{0}not a job"));
    batch.push(Bench::message(r#"{"job":"sync.v9","of":{"source":"web"}}"#));
    batch.push(Bench::message(r#"{"job":"sync.v1","of":{"source":"web"},"run":"0193486e-7d20-7c3e-9d53-3c1a5b1f0e11","epoch":0}"#));
    assert!(given.bench.work_on(batch).await.is_empty());
    given.is_done(&run).await;
}

/// Invariant 5: the same message side by side with itself, and once more later.
async fn a_message_twice_is_one_run() {
    let given = given().await;
    let run = given.triggered().await;
    let message = given.bench.messages().await.pop().unwrap();
    assert!(given.bench.work_on(vec![message.clone(), message.clone()]).await.is_empty());
    assert!(given.bench.work_on(vec![message]).await.is_empty());
    given.is_done(&run).await;
}

/// A message of an epoch that has passed finds that others went on.
async fn an_old_message_finds_nothing_to_do() {
    let given = given().await;
    let run = given.triggered().await;
    let old = given.bench.messages().await.pop().unwrap();
    // A slice that has no time hands over after its first page.
    let mut event = aws_lambda_events::sqs::SqsEvent::default();
    event.records = vec![old.clone()];
    pullcord_worker::handle(&given.bench.plane, event, given.bench.clock.now()).await;
    assert_eq!((given.run(&run).await.status, given.run(&run).await.part_no), (RunStatus::Running, 2));
    let before = given.table().await;
    assert!(given.bench.work_on(vec![old]).await.is_empty());
    given.is_unchanged_since(&before, "the old message").await;
    given.bench.work().await;
    given.is_done(&run).await;
}

/// Conflicts between transactions and throttling say nothing about the row.
async fn conflicts_and_throttling_are_ridden_out() {
    let given = given().await;
    given.bench.table.next("TransactWriteItems", Mishap::Refused("TransactionConflictException"));
    let run = given.triggered().await;
    for _ in 0..3 {
        given.bench.table.next("TransactWriteItems", Mishap::Refused("ThrottlingException"));
        given.bench.table.next("PutItem", Mishap::Refused("ProvisionedThroughputExceededException"));
        given.bench.table.next("BatchGetItem", Mishap::Refused("ThrottlingException"));
    }
    given.bench.work().await;
    given.is_done(&run).await;
}

/// Each kind of write takes effect once and loses its answer: the row that is
/// found then is recognised as our own.
async fn an_answer_that_is_lost_is_no_loss() {
    for (operation, skipped) in
        [("TransactWriteItems", 0), ("PutItem", 0), ("TransactWriteItems", 1), ("TransactWriteItems", 2), ("TransactWriteItems", 4)]
    {
        let given = given().await;
        for _ in 0..skipped {
            // Refused once and tried again: the mishap meets a later one.
            given.bench.table.next(operation, Mishap::Refused("ThrottlingException"));
        }
        given.bench.table.next(operation, Mishap::AnswerLost("TransactionConflictException"));
        let run = given.triggered().await;
        given.bench.work().await;
        given.is_done(&run).await;
    }
}

/// A worker that cannot reach the table lets the queue deliver again.
async fn a_table_that_is_away_fails_the_message_and_not_the_run() {
    let given = given().await;
    let run = given.triggered().await;
    let messages = given.bench.messages().await;
    given.bench.table.next("GetItem", Mishap::Refused("AccessDeniedException"));
    assert_eq!(given.bench.work_on(messages.clone()).await.len(), 1);
    assert_eq!(given.run(&run).await.status, RunStatus::Queued);
    assert!(given.bench.work_on(messages).await.is_empty());
    given.is_done(&run).await;
}

/// Invariant 1: a worker that hangs loses its run after the lease, and what it
/// does when it wakes has no effect.
async fn a_hung_worker_is_overtaken_and_changes_nothing_when_it_wakes() {
    let given = given().await;
    let (run, go, worker) = given.hung().await;
    assert_eq!(given.tick().await.sent, 0, "its lease holds");
    given.bench.pass(Duration::from_secs(181));
    assert_eq!(given.tick().await.sent, 1);
    given.bench.work().await;
    given.is_done(&run).await;
    let before = given.table().await;
    go.notify_one();
    worker.await.unwrap();
    given.is_unchanged_since(&before, "the worker that woke up").await;
}

/// S4.27: who finds a dead holder ends its run and starts anew.
async fn a_dead_holder_is_taken_over_by_the_next_trigger() {
    let given = given().await;
    let (old, go, worker) = given.hung().await;
    let refused = trigger(&given.bench.plane, Ask::sync(given.source.clone(), asker(), Surface::Projects)).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    given.bench.pass(Duration::from_secs(181));
    let run = match trigger(&given.bench.plane, Ask::sync(given.source.clone(), asker(), Surface::Projects)).await.unwrap() {
        Answer::Accepted(run) => *run,
        other => panic!("{other:?}"),
    };
    let ended = given.run(&old).await;
    assert_eq!((ended.status, ended.error.unwrap().code.as_str()), (RunStatus::Failed, "LEASE_EXPIRED"));
    given.bench.work().await;
    given.is_done(&run).await;
    go.notify_one();
    worker.await.unwrap();
    given.is_done(&run).await;
}

/// After five claims without a committed part there is no sixth.
async fn a_run_whose_workers_all_die_is_given_up() {
    let given = given().await;
    let run = given.triggered().await;
    for _ in 0..5 {
        let messages = given.bench.messages().await;
        assert_eq!(messages.len(), 1);
        let (plane, hangs, _) = given.hanging();
        let deadline = given.bench.clock.now().plus(Duration::from_hours(1));
        let worker = tokio::spawn(async move {
            let mut event = aws_lambda_events::sqs::SqsEvent::default();
            event.records = messages;
            pullcord_worker::handle(&plane, event, deadline).await
        });
        hangs.notified().await;
        worker.abort();
        given.bench.pass(Duration::from_secs(181));
        given.tick().await;
    }
    let ended = given.run(&run).await;
    assert_eq!((ended.status, ended.error.unwrap().code.as_str()), (RunStatus::Failed, "WORKER_LOST"));
    let gate = given.bench.plane.store.gate(&run.owner).await.unwrap();
    assert_eq!((gate.holder, gate.status), (None, SourceStatus::Error));
}

/// A dead letter ends its run, unless the run has changed hands since.
async fn a_dead_letter_is_buried_only_if_nobody_went_on() {
    let given = given().await;
    let run = given.triggered().await;
    let mut letter = given.bench.messages().await.pop().unwrap();
    letter.event_source_arn = Some("arn:aws:sqs:local:000000000000:pullcord-dead-letters".into());
    let mut stale = letter.clone();
    stale.body = stale.body.map(|body| body.replace("\"epoch\":0", "\"epoch\":7"));
    assert!(given.bench.work_on(vec![stale]).await.is_empty());
    assert_eq!(given.run(&run).await.status, RunStatus::Queued, "a letter of another epoch buries nothing");
    assert!(given.bench.work_on(vec![letter]).await.is_empty());
    let buried = given.run(&run).await;
    assert_eq!((buried.status, buried.error.unwrap().code.as_str()), (RunStatus::Failed, "DEAD_LETTER"));
    let again = given.triggered().await;
    given.bench.work().await;
    given.is_done(&again).await;
}

/// Cancelling with a dead worker is ended by the tick and never revived.
async fn a_cancelled_run_with_a_dead_worker_ends() {
    let given = given().await;
    let (run, _go, worker) = given.hung().await;
    let asked = cancel::cancel(&given.bench.plane, &asker(), run.id).await.unwrap();
    assert_eq!(asked.status, RunStatus::Cancelling);
    worker.abort();
    given.bench.pass(Duration::from_secs(181));
    assert_eq!(given.tick().await.ended, 1);
    assert_eq!(given.run(&run).await.status, RunStatus::Cancelled);
    let gate = given.bench.plane.store.gate(&run.owner).await.unwrap();
    assert_eq!((gate.holder, gate.status), (None, SourceStatus::NeverSynced));
}

/// S1.17: force ends the old run at once; its worker finds out at its next write.
async fn a_worker_that_was_replaced_writes_nothing() {
    let given = given().await;
    let (old, go, worker) = given.hung().await;
    let ask = Ask { on_conflict: OnConflict::Restart, ..Ask::sync(given.source.clone(), asker(), Surface::Native) };
    let Answer::Accepted(run) = trigger(&given.bench.plane, ask).await.unwrap() else { panic!("not accepted") };
    assert_eq!(given.run(&old).await.status, RunStatus::Cancelled);
    let before = given.table().await;
    go.notify_one();
    worker.await.unwrap();
    given.is_unchanged_since(&before, "the replaced worker").await;
    given.bench.work().await;
    given.is_done(&run).await;
    assert_eq!(given.run(&old).await.status, RunStatus::Cancelled, "terminal is final");
}

/// S4.19: without its table the service says that it is unhealthy.
async fn an_unreachable_table_is_unhealthy() {
    let bench = Bench::new().await;
    assert_eq!(status::health(&bench.plane).await, status::Health { table: true, queue: true });
    bench.table.next("GetItem", Mishap::Refused("AccessDeniedException"));
    let health = status::health(&bench.plane).await;
    assert_eq!(health, status::Health { table: false, queue: true });

    bench.table.next("GetItem", Mishap::Refused("AccessDeniedException"));
    let request = axum::http::Request::get("/api/v1/system/health").body(axum::body::Body::empty()).unwrap();
    let response = pullcord_api::router(bench.plane.clone()).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 503);
    let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((body["status"].as_str(), body["database"].as_str()), (Some("unhealthy"), Some("unreachable")));
}
