//! Who wins, who loses, and what it costs.

use std::sync::Arc;

use pullcord_core::admission::Surface;
use pullcord_core::manage::{self, NewSource};
use pullcord_core::model::{Person, SourceId, SourceKind, WorkspaceId};
use pullcord_core::trigger::{Answer, Ask, Asker, trigger};
use pullcord_core::{Error, Refusal};
use pullcord_tests::bench::{Bench, Mishap};
use tokio::sync::Notify;

use crate::tests;

tests![steps_are_counted];

async fn documents(bench: &Bench) -> (tempfile::TempDir, SourceId) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.md"), "# A").unwrap();
    let asker = Asker::Known(Person::deployment("test"));
    manage::create_workspace(&bench.plane, &asker, "acme", "Acme").await.unwrap();
    let path = Some(folder.path().to_str().unwrap().to_owned());
    let new = NewSource { id: "docs".into(), kind: Some(SourceKind::Documents), path, ..NewSource::default() };
    manage::create_source(&bench.plane, &asker, &WorkspaceId::known("acme"), new).await.unwrap();
    (folder, SourceId::known("docs"))
}

/// S2.73: an accepted trigger is three sequential steps, a refusal that the reads show
/// is two, a lost race three. A call more would show here.
async fn steps_are_counted() {
    let root = std::env::temp_dir();
    let bench = Bench::with(&[("PULLCORD_DOCUMENT_ROOTS", root.to_str().unwrap())]).await;
    let (_folder, source) = documents(&bench).await;
    let asker = Asker::User(pullcord_core::model::UserId::known("mia"));
    manage::grant(&bench.plane, asker.user(), &WorkspaceId::known("acme"), "mia", pullcord_core::model::Role::Admin).await.unwrap();
    bench.table.calls();
    bench.queue.calls();

    let accepted = trigger(&bench.plane, Ask::sync(source.clone(), asker.clone(), Surface::Native)).await.unwrap();
    assert!(matches!(accepted, Answer::Accepted(_)));
    // Two queries side by side are one step.
    assert_eq!(bench.table.calls(), ["Query", "Query", "TransactWriteItems"]);
    assert_eq!(bench.queue.calls(), ["SendMessage"]);

    trigger(&bench.plane, Ask::sync(source.clone(), asker.clone(), Surface::Native)).await.unwrap_err();
    assert_eq!(bench.table.calls(), ["Query", "Query", "UpdateItem"]);
    assert!(bench.queue.calls().is_empty());

    // Two have read an open gate; the second commits first.
    bench.work().await;
    bench.table.calls();
    bench.queue.calls();
    let go = Arc::new(Notify::new());
    bench.table.next("TransactWriteItems", Mishap::Held(go.clone()));
    let (plane, ask) = (bench.plane.clone(), Ask::sync(source.clone(), asker.clone(), Surface::Native));
    let loser = tokio::spawn(async move { trigger(&plane, ask).await });
    while !bench.table.is_quiet() {
        tokio::task::yield_now().await;
    }
    let winner = trigger(&bench.plane, Ask::sync(source, asker, Surface::Native)).await.unwrap();
    let Answer::Accepted(winner) = winner else { panic!("{winner:?}") };
    bench.queue.calls();
    go.notify_one();
    match loser.await.unwrap() {
        Err(Error::Refused(refusal)) => assert!(matches!(*refusal, Refusal::InProgress { run, .. } if run == winner.id), "{refusal:?}"),
        other => panic!("{other:?}"),
    }
    let both = bench.table.calls();
    assert_eq!(both.len(), 4 + 3, "the winner's three calls, and the loser's four: {both:?}");
    assert_eq!(both.iter().filter(|call| *call == "Query").count(), 4, "{both:?}");
    assert_eq!(both.last().map(String::as_str), Some("UpdateItem"), "{both:?}");
    assert!(bench.queue.calls().is_empty(), "the loser sends nothing");
}
