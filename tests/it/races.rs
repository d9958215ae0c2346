//! Who wins, who loses, and what it costs.

use pullcord_core::admission::Surface;
use pullcord_core::manage::{self, NewSource};
use pullcord_core::model::{Person, SourceId, SourceKind, WorkspaceId};
use pullcord_core::trigger::{Answer, Ask, Asker, trigger};
use pullcord_tests::bench::Bench;
use pullcord_tests::world::World;

use crate::tests;

tests![a_hundred_triggers_at_once_start_one_run, steps_are_counted];

/// S4.16, S4.42, S0.24: of a hundred triggers at the same instant one is
/// accepted, and the others all name its run.
async fn a_hundred_triggers_at_once_start_one_run() {
    pullcord_tests::scenarios::runs::of_a_hundred_triggers_one_is_accepted(&World::local().await, 20).await;
}

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

/// An accepted trigger is three sequential steps, a refusal that the reads show
/// is two. A call more would show here.
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

    trigger(&bench.plane, Ask::sync(source, asker, Surface::Native)).await.unwrap_err();
    assert_eq!(bench.table.calls(), ["Query", "Query", "UpdateItem"]);
    assert!(bench.queue.calls().is_empty());
}
