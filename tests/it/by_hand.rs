//! Somebody links by hand while a sync does the same: one of them is first, and the
//! other looks again.

use std::pin::Pin;
use std::sync::Arc;

use futures::FutureExt;
use pullcord_core::Error;
use pullcord_core::admission::Surface;
use pullcord_core::manage::{self, CredentialGiven, NewItem, NewProject, NewSource};
use pullcord_core::model::{Owner, Person, ProjectId, Run, RunStatus, SourceId, SourceKind, WorkspaceId};
use pullcord_core::store::ItemFilter;
use pullcord_core::store::items::StoredItem;
use pullcord_core::trigger::{Answer, Ask, Asker, trigger};
use pullcord_forge::Forge;
use pullcord_tests::bench::{Bench, Mishap};
use pullcord_tests::world;
use tokio::sync::Notify;

use crate::tests;

tests![
    a_sync_that_is_outrun_looks_again,
    whoever_links_by_hand_too_late_is_told_what_became_of_it,
    what_is_made_while_a_sync_runs_is_met_by_it,
    makers_of_one_title_do_not_overwrite_each_other,
    an_answer_that_is_lost_makes_no_second_item,
    sources_without_items_made_by_hand_ask_for_no_titles,
    a_deleted_source_takes_no_item,
];

const ISSUE: &str = "github:https://github.com/acme/web:issue:";

struct Given {
    bench: Bench,
    forge: Forge,
    project: ProjectId,
    source: SourceId,
}

fn asker() -> Asker {
    Asker::Known(Person::deployment("test"))
}

async fn given() -> Given {
    let bench = Bench::new().await;
    let forge = world::forge(&bench.clock).await;
    forge.repository("acme/web");
    let workspace = WorkspaceId::known("acme");
    manage::create_workspace(&bench.plane, &asker(), "acme", "Acme").await.unwrap();
    let project = NewProject { id: "plan".into(), name: "A plan".into(), path: None };
    manage::create_project(&bench.plane, &asker(), &workspace, project).await.unwrap();
    let new = NewSource {
        id: "web".into(),
        kind: Some(SourceKind::Repository),
        project: Some("plan".into()),
        provider: Some("github".into()),
        repository: Some("acme/web".into()),
        base_url: Some(forge.base_url()),
        credential: Some(CredentialGiven::token("a-token")),
        ..NewSource::default()
    };
    manage::create_source(&bench.plane, &asker(), &workspace, new).await.unwrap();
    Given { bench, forge, project: ProjectId::known("plan"), source: SourceId::known("web") }
}

impl Given {
    fn issue(&self, title: &str) -> u64 {
        self.forge.repository("acme/web").add_issue(|issue| title.clone_into(&mut issue.title))
    }

    async fn made(&self, title: &str) -> String {
        let new = NewItem { title: title.to_owned(), ..NewItem::default() };
        manage::make_item(&self.bench.plane, &asker(), &self.project, &self.source, new, None).await.unwrap().item().id()
    }

    async fn link(&self, id: &str, number: u64) -> Result<StoredItem, Error> {
        manage::link_item(&self.bench.plane, &asker(), &self.project, &self.source, id, &format!("{ISSUE}{number}")).await
    }

    /// What a link comes to that waits before its commit until the rest is done.
    async fn link_while(&self, id: &str, number: u64, meanwhile: impl Future<Output = ()>) -> Result<StoredItem, Error> {
        let go = Arc::new(Notify::new());
        self.bench.table.next("TransactWriteItems", Mishap::Held(go.clone()));
        let (plane, project, source, id) = (self.bench.plane.clone(), self.project.clone(), self.source.clone(), id.to_owned());
        let external_id = format!("{ISSUE}{number}");
        let late = tokio::spawn(async move { manage::link_item(&plane, &asker(), &project, &source, &id, &external_id).await });
        while !self.bench.table.is_quiet() {
            tokio::task::yield_now().await;
        }
        meanwhile.await;
        go.notify_one();
        late.await.unwrap()
    }

    async fn triggered(&self) -> Run {
        match trigger(&self.bench.plane, Ask::sync(self.source.clone(), asker(), Surface::Issues)).await.unwrap() {
            Answer::Accepted(run) => *run,
            other => panic!("{other:?}"),
        }
    }

    /// What a run came to: created and updated.
    async fn ended(&self, run: &Run) -> [u64; 2] {
        let run = self.bench.plane.store.run(&run.owner, run.id).await.unwrap().unwrap();
        assert_eq!(run.status, RunStatus::Completed, "{run:?}");
        let gate = self.bench.plane.store.gate(&Owner::Source(self.source.clone())).await.unwrap();
        assert_eq!((gate.holder, run.claims_since_progress), (None, 0), "{run:?}");
        [run.results.created, run.results.updated]
    }

    async fn synced(&self) -> [u64; 2] {
        let run = self.triggered().await;
        self.bench.work().await;
        self.ended(&run).await
    }

    /// A sync that waits before its first part until the rest is done. The worker's
    /// claim is a write of one row.
    fn sync_while<'g>(&'g self, meanwhile: impl Future<Output = ()> + Send + 'g) -> Pin<Box<dyn Future<Output = [u64; 2]> + Send + 'g>> {
        Box::pin(async move {
            let run = self.triggered().await;
            let messages = self.bench.messages().await;
            let go = Arc::new(Notify::new());
            self.bench.table.next("TransactWriteItems", Mishap::Held(go.clone()));
            let working = self.bench.work_on(messages);
            let beside = async {
                while !self.bench.table.is_quiet() {
                    tokio::task::yield_now().await;
                }
                meanwhile.await;
                go.notify_one();
            };
            let (failed, ()) = futures::join!(working, beside);
            assert!(failed.is_empty(), "the message failed and would only be delivered again much later");
            self.bench.work().await;
            self.ended(&run).await
        })
    }

    /// The external ids of all items, by their ids.
    async fn items(&self) -> Vec<(String, String)> {
        let page = self.bench.plane.store.items(&self.source, &ItemFilter::default(), None, 100).await.unwrap();
        let mut items: Vec<_> = page.items.into_iter().map(|stored| (stored.id(), stored.item.external_id)).collect();
        items.sort();
        items
    }
}

fn sorted<const COUNT: usize>(mut items: [(String, String); COUNT]) -> Vec<(String, String)> {
    items.sort();
    items.to_vec()
}

fn external(number: u64) -> String {
    format!("{ISSUE}{number}")
}

/// S2.112: the worker has read that the item is not linked; by the time it
/// writes, it is. To the same entry, to another, or another item to this entry:
/// there is no second item, and none is lost.
async fn a_sync_that_is_outrun_looks_again() {
    // To the very entry.
    let same = given().await;
    let (id, number) = (same.made("Twice").await, same.issue("Twice"));
    assert_eq!(same.sync_while(async { drop(same.link(&id, number).await.unwrap()) }).await, [0, 1]);
    assert_eq!(same.items().await, [(id, external(number))]);

    // To another entry: this one is new.
    let other = given().await;
    let (id, number) = (other.made("Twice").await, other.issue("Twice"));
    assert_eq!(other.sync_while(async { drop(other.link(&id, 99).await.unwrap()) }).await, [1, 0]);
    let items = other.items().await;
    assert!(items.len() == 2 && items.contains(&(id, external(99))) && items.iter().any(|item| item.1 == external(number)), "{items:?}");

    // Another item to this entry: that one is it, and the first is free still.
    let swapped = given().await;
    let (first, second, number) = (swapped.made("Twice").await, swapped.made("Other").await, swapped.issue("Twice"));
    assert_eq!(swapped.sync_while(async { drop(swapped.link(&second, number).await.unwrap()) }).await, [0, 1]);
    assert_eq!(swapped.items().await, sorted([(first.clone(), String::new()), (second, external(number))]));
    let again = swapped.issue("twice");
    assert_eq!(swapped.synced().await, [0, 1]);
    assert!(swapped.items().await.contains(&(first, external(again))));

    // What was new for the sync is linked by hand meanwhile.
    let fresh = given().await;
    let (id, number) = (fresh.made("By hand").await, fresh.issue("On the forge"));
    assert_eq!(fresh.sync_while(async { drop(fresh.link(&id, number).await.unwrap()) }).await, [0, 1]);
    assert_eq!(fresh.items().await, [(id, external(number))]);
}

/// The same the other way round: the sync was first.
async fn whoever_links_by_hand_too_late_is_told_what_became_of_it() {
    let given = given().await;
    let (id, number) = (given.made("Twice").await, given.issue("Twice"));
    let same = given.link_while(&id, number, given.synced().map(drop)).await.unwrap();
    assert_eq!((same.id(), same.item.external_id, same.synced_at.is_some()), (id.clone(), external(number), true));

    let (second, another) = (given.made("Another").await, given.issue("Another"));
    let late = given.link_while(&second, 99, given.synced().map(drop)).await;
    assert!(matches!(late, Err(Error::Conflict(_))), "{late:?}");

    let (third, fresh) = (given.made("Third").await, given.issue("On the forge"));
    let taken = given.link_while(&third, fresh, given.synced().map(drop)).await;
    assert!(matches!(taken, Err(Error::Conflict(_))), "{taken:?}");

    let items = given.items().await;
    assert_eq!(items.len(), 4);
    for wanted in [(id, external(number)), (second, external(another)), (third, String::new())] {
        assert!(items.contains(&wanted), "{wanted:?} in {items:?}");
    }
}

/// The worker began when nothing was made by hand here; what is made while it reads
/// is met all the same, also on a later page.
async fn what_is_made_while_a_sync_runs_is_met_by_it() {
    let given = given().await;
    for number in 0..150 {
        given.issue(&format!("Issue {number}"));
    }
    let last = given.issue("Twice");
    let mut id = String::new();
    let counts = given.sync_while(async { id = given.made("Twice").await }).await;
    assert_eq!(counts, [150, 1]);
    let items = given.items().await;
    let all = given.bench.plane.store.item(&given.source, &id).await.unwrap().unwrap();
    assert_eq!((items.len(), all.item.external_id), (100, external(last)));
}

/// Many at once: each is there, under its title, in one order.
async fn makers_of_one_title_do_not_overwrite_each_other() {
    let given = given().await;
    let titles = ["Twice", "twice", "TWICE", " Twice", "Other", "Twice "];
    let made = futures::future::join_all(titles.map(|title| given.made(title))).await;
    assert_eq!(given.items().await.len(), 6);
    for _ in 0..6 {
        given.issue("Twice");
    }
    assert_eq!(given.synced().await, [1, 5]);
    let items = given.items().await;
    let linked = items.iter().filter(|(id, external)| made.contains(id) && !external.is_empty()).count();
    assert_eq!((items.len(), linked), (7, 5));
}

async fn an_answer_that_is_lost_makes_no_second_item() {
    let given = given().await;
    given.bench.table.next("TransactWriteItems", Mishap::AnswerLost("InternalServerError"));
    let id = given.made("By hand").await;
    assert_eq!(given.items().await, [(id.clone(), String::new())]);
    given.bench.table.next("TransactWriteItems", Mishap::AnswerLost("InternalServerError"));
    let linked = given.link(&id, 17).await.unwrap();
    assert_eq!((linked.id(), linked.item.external_id), (id.clone(), external(17)));
    given.issue("Twice");
    given.made("Twice").await;
    let run = given.triggered().await;
    given.bench.table.next("TransactWriteItems", Mishap::AnswerLost("InternalServerError"));
    given.bench.work().await;
    assert_eq!(given.ended(&run).await, [0, 1]);
    assert_eq!(given.items().await.len(), 2);
}

/// S2.32: where nothing was ever made by hand, a page costs the read of its items as
/// before, and beside it that of one row; no title is looked up.
async fn sources_without_items_made_by_hand_ask_for_no_titles() {
    let given = given().await;
    given.issue("On the forge");
    let run = given.triggered().await;
    let messages = given.bench.messages().await;
    given.bench.table.calls();
    given.bench.work_on(messages).await;
    let calls = given.bench.table.calls();
    assert_eq!(given.ended(&run).await, [1, 0]);
    assert_eq!(calls.iter().filter(|call| *call == "BatchGetItem").count(), 1, "{calls:?}");
    given.made("By hand").await;
    given.issue("Another");
    let run = given.triggered().await;
    let messages = given.bench.messages().await;
    given.bench.table.calls();
    given.bench.work_on(messages).await;
    let calls = given.bench.table.calls();
    assert_eq!(given.ended(&run).await, [1, 0]);
    assert_eq!(calls.iter().filter(|call| *call == "BatchGetItem").count(), 2, "{calls:?}");
}

/// Between the look at the source and the write it was deleted, and its rows with
/// it: nothing is left behind.
async fn a_deleted_source_takes_no_item() {
    let given = given().await;
    given.made("Before").await;
    let go = Arc::new(Notify::new());
    given.bench.table.next("TransactWriteItems", Mishap::Held(go.clone()));
    let (plane, project, source) = (given.bench.plane.clone(), given.project.clone(), given.source.clone());
    let new = NewItem { title: "Too late".into(), ..NewItem::default() };
    let late = tokio::spawn(async move { manage::make_item(&plane, &asker(), &project, &source, new, None).await });
    while !given.bench.table.is_quiet() {
        tokio::task::yield_now().await;
    }
    manage::delete_source(&given.bench.plane, &asker(), &given.source, None).await.unwrap();
    given.bench.work().await;
    go.notify_one();
    let late = late.await.unwrap();
    assert!(matches!(late, Err(Error::NotFound(_))), "{late:?}");
    assert!(given.items().await.is_empty());
    assert!(!given.bench.plane.store.has_by_hand(&given.source).await.unwrap());
}
