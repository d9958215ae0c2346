//! Runs that are cut at every request: by a crash, by the end of their time, by
//! someone who cancels them, by a limit. Resumed, they come to the same as if nothing
//! had happened.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use pullcord_core::Plane;
use pullcord_core::admission::Surface;
use pullcord_core::http::Http;
use pullcord_core::manage::{self, CredentialGiven, NewSource};
use pullcord_core::model::{Person, Run, RunId, RunOptions, RunStatus, SourceId, SourceKind, WorkspaceId};
use pullcord_core::providers::Reply;
use pullcord_core::store::conditions::Range;
use pullcord_core::store::keys;
use pullcord_core::store::table::Query;
use pullcord_core::trigger::{Answer, Ask, Asker, trigger};
use pullcord_core::{cancel, schedule};
use pullcord_forge::{Forge, Repository, Seed};
use pullcord_tests::bench::Bench;
use pullcord_tests::world;
use tokio::sync::Notify;

use crate::tests;

tests![
    a_backfill_that_crashes_at_any_page_loses_nothing,
    a_backfill_that_is_handed_over_at_any_page_loses_nothing,
    a_backfill_that_is_cancelled_at_any_page_loses_nothing,
    a_backfill_that_meets_a_limit_at_any_page_loses_nothing,
    removals_that_are_cut_anywhere_are_done_once,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Crash,
    Deadline,
    Cancel,
    Limit,
}

/// A cut that waits for its request, counted from 1.
type Armed = Arc<Mutex<Option<(usize, Cut, RunId)>>>;

/// A bench whose forge shows a few entries to a page, and which can cut a run.
struct Given {
    bench: Bench,
    _forge: Forge,
    repository: Repository,
    source: SourceId,
    asked: Arc<AtomicUsize>,
    armed: Armed,
    crashed: Arc<Notify>,
}

fn asker() -> Asker {
    Asker::Known(Person::deployment("test"))
}

async fn given(issues: u64, size: usize) -> Given {
    let mut bench = Bench::new().await;
    let forge = world::forge(&bench.clock).await;
    let repository = forge.repository("acme/web");
    repository.seed(&Seed { closed_percent: 0, ..Seed::of(issues) });
    // Links that count no rows: each page has just as many new entries as it may.
    repository.set_links_by_cursor(true);
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
    // The look at its credential is no request of a run.
    bench.work().await;
    let pages = issues / size as u64;
    let (asked, armed, crashed) = (Arc::new(AtomicUsize::new(0)), Armed::default(), Arc::new(Notify::new()));
    let (counter, cuts, told, inner) = (asked.clone(), armed.clone(), crashed.clone(), bench.plane.clone());
    let http = Http::new(Arc::new(move |mut outgoing| {
        outgoing.url = outgoing.url.replace("per_page=100", &format!("per_page={size}"));
        let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
        let cut = cuts.lock().unwrap().take_if(|(at, ..)| *at == number);
        let (told, plane) = (told.clone(), inner.clone());
        async move {
            if let Some((at, Cut::Crash | Cut::Cancel, run)) = cut {
                written(&plane, run, (at as u64 - 1).min(pages)).await;
            }
            match cut {
                Some((_, Cut::Crash, _)) => {
                    told.notify_one();
                    futures::future::pending::<()>().await;
                }
                Some((_, Cut::Deadline, _)) => plane.clock.turn(jiff::SignedDuration::from_hours(2)),
                Some((_, Cut::Cancel, run)) => drop(cancel::cancel(&plane, &asker(), run).await.unwrap()),
                Some((_, Cut::Limit, _)) => {
                    let headers = [("retry-after".to_owned(), "1200".to_owned())].into();
                    return Ok(Reply { status: 429, headers, body: b"Retry later".to_vec() });
                }
                None => {}
            }
            plane.http.send(outgoing).await
        }
        .boxed()
    }));
    bench.plane = Arc::new(Plane { http, ..(*bench.plane).clone() });
    Given { bench, _forge: forge, repository, source: SourceId::known("web"), asked, armed, crashed }
}

/// Returns once so many pages are written, or more is done than that: a page is
/// asked for while the one before it is written.
async fn written(plane: &Plane, run: RunId, parts: u64) {
    while plane.store.find_run(run).await.unwrap().unwrap().part_no < parts {
        tokio::task::yield_now().await;
    }
}

impl Given {
    /// A run that is cut at that request, as far as it got by itself.
    async fn cut(&self, full: bool, at: usize, cut: Cut) -> Run {
        let run = self.triggered(full).await;
        self.asked.store(0, Ordering::SeqCst);
        *self.armed.lock().unwrap() = Some((at, cut, run.id));
        if cut == Cut::Crash {
            let (plane, messages) = (self.bench.plane.clone(), self.bench.messages().await);
            let deadline = self.bench.clock.now().plus(Duration::from_hours(1));
            let worker = tokio::spawn(async move {
                let mut event = aws_lambda_events::sqs::SqsEvent::default();
                event.records = messages;
                pullcord_worker::handle(&plane, event, deadline).await
            });
            self.crashed.notified().await;
            worker.abort();
            drop(worker.await);
        }
        self.seen_through(run).await
    }

    async fn triggered(&self, full: bool) -> Run {
        // No cooldown hinders it.
        self.bench.pass(Duration::from_mins(10));
        let ask = Ask::sync(self.source.clone(), asker(), Surface::Native);
        let ask = Ask { options: RunOptions { full, ..RunOptions::default() }, ..ask };
        match trigger(&self.bench.plane, ask).await.unwrap() {
            Answer::Accepted(run) => *run,
            other => panic!("{other:?}"),
        }
    }

    /// Works on it and lets time pass until it has ended.
    async fn seen_through(&self, run: Run) -> Run {
        for _ in 0..20 {
            self.bench.work().await;
            let found = self.bench.plane.store.run(&run.owner, run.id).await.unwrap().unwrap();
            if found.status.is_terminal() {
                return found;
            }
            self.bench.pass(Duration::from_mins(21));
            schedule::tick(&self.bench.plane).await.unwrap();
        }
        panic!("{} never ended", run.id);
    }

    /// The numbers of all items, each of which is there once.
    async fn items(&self) -> BTreeSet<u64> {
        let mut numbers = BTreeSet::new();
        for shard in keys::item_shards() {
            for stored in self.bench.plane.store.items_in_shard(&self.source, &shard).await.unwrap() {
                let number = stored.item.external_id.rsplit(':').next().unwrap().parse().unwrap();
                assert!(numbers.insert(number), "{number} is there twice");
            }
        }
        numbers
    }
}

const PAGES: usize = 50;
const SIZE: usize = 4;

/// Cuts a first sync of fifty pages at each of them: no page is lost, no item counts
/// twice, and no page is asked for again but those that were under way.
async fn backfills(cut: Cut) {
    for at in 1..=PAGES {
        let given = given((PAGES * SIZE) as u64, SIZE).await;
        let first = given.cut(false, at, cut).await;
        let story = format!("{cut:?} at {at}: {first:#?}");
        let mut created = first.results.created;
        if cut == Cut::Cancel {
            assert_eq!((first.status, created), (RunStatus::Cancelled, ((at - 1) * SIZE) as u64), "{story}");
            let second = given.triggered(false).await;
            let second = given.seen_through(second).await;
            assert_eq!(second.status, RunStatus::Completed, "{story} {second:#?}");
            assert_eq!((second.results.updated, second.results.skipped), (0, 0), "{story} {second:#?}");
            created += second.results.created;
        } else {
            assert_eq!(first.status, RunStatus::Completed, "{story}");
        }
        assert_eq!((created, first.results.updated, first.results.skipped), ((PAGES * SIZE) as u64, 0, 0), "{story}");
        assert!(given.items().await.into_iter().eq(1..=(PAGES * SIZE) as u64), "{story}");
        let asked = given.asked.load(Ordering::SeqCst);
        let most = match cut {
            Cut::Deadline => PAGES,
            Cut::Crash | Cut::Limit => PAGES + 1,
            // Noticed when the page is to be written, and by then the next is asked for.
            Cut::Cancel => PAGES + 2,
        };
        assert!((PAGES..=most).contains(&asked), "{asked} requests: {story}");
        assert!(given.armed.lock().unwrap().is_none(), "it was never cut: {story}");
    }
}

async fn a_backfill_that_crashes_at_any_page_loses_nothing() {
    backfills(Cut::Crash).await;
}

async fn a_backfill_that_is_handed_over_at_any_page_loses_nothing() {
    backfills(Cut::Deadline).await;
}

async fn a_backfill_that_is_cancelled_at_any_page_loses_nothing() {
    backfills(Cut::Cancel).await;
}

/// S2.88: wherever a limit strikes, the sync waits, goes on and counts every item once.
async fn a_backfill_that_meets_a_limit_at_any_page_loses_nothing() {
    backfills(Cut::Limit).await;
}

/// Two pages, ten items asked for and the list looked at, then two more and the list
/// again: cut at each of these requests, what is gone is removed, and counted once.
async fn removals_that_are_cut_anywhere_are_done_once() {
    const THERE: u64 = 60;
    const GONE: u64 = 12;
    const REQUESTS: usize = 2 + 10 + 1 + 2 + 1;
    for cut in [Cut::Crash, Cut::Deadline, Cut::Cancel, Cut::Limit] {
        for at in 1..=REQUESTS {
            let given = given(THERE, 30).await;
            let first = given.triggered(false).await;
            given.seen_through(first).await;
            for number in 1..=GONE {
                given.repository.delete_issue(number * 5);
            }
            let run = given.cut(true, at, cut).await;
            let story = format!("{cut:?} at {at}: {run:#?}");
            let (mut deleted, mut last) = (run.results.deleted, run);
            if cut == Cut::Cancel {
                assert_eq!(last.status, RunStatus::Cancelled, "{story}");
                let again = given.triggered(true).await;
                last = given.seen_through(again).await;
                deleted += last.results.deleted;
            }
            assert_eq!((last.status, deleted, last.results.held_deletions), (RunStatus::Completed, GONE, 0), "{story}");
            assert_eq!((last.results.created, last.results.updated), (0, 0), "{story}");
            let left: BTreeSet<u64> = (1..=THERE).filter(|number| number % 5 != 0).collect();
            assert_eq!(given.items().await, left, "{story}");
            let seen = Query::partition(keys::seen_partition(last.id), Range::All);
            assert!(given.bench.plane.store.table.query(seen).await.unwrap().is_empty(), "what was seen is kept: {story}");
            // A page, or what was asked for of one part, is asked for again.
            let most = if cut == Cut::Cancel { 2 * REQUESTS } else { REQUESTS + 11 };
            let asked = given.asked.load(Ordering::SeqCst);
            assert!((REQUESTS - 1..=most).contains(&asked), "{asked} requests: {story}");
            assert!(given.armed.lock().unwrap().is_none(), "it was never cut: {story}");
        }
    }
}
