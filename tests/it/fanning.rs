//! A workspace with very many repositories: its run begins them step by step.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use pullcord_core::admission::Surface;
use pullcord_core::manage::{self, NewSource};
use pullcord_core::model::{Person, SourceKind, WorkspaceId};
use pullcord_core::trigger::{Answer, Ask, Asker, trigger};
use pullcord_tests::bench::Bench;

use crate::tests;

tests![a_thousand_repositories_are_begun_a_few_at_a_time];

const MANY: usize = 1_000;
/// As many as are begun before anybody looks at the time.
const A_FEW: usize = 25;

/// However little time a call has, it gets a few of them done and passes the
/// rest on; so none can time out, and each is begun once.
async fn a_thousand_repositories_are_begun_a_few_at_a_time() {
    let bench = Bench::new().await;
    let (plane, asker, acme) = (&bench.plane, Asker::Known(Person::deployment("test")), WorkspaceId::known("acme"));
    manage::create_workspace(plane, &asker, "acme", "Acme").await.unwrap();
    let made = futures::stream::iter((0..MANY).map(|number| {
        let new = NewSource {
            id: format!("repo-{number}"),
            kind: Some(SourceKind::Repository),
            provider: Some("github".into()),
            repository: Some("acme/web".into()),
            ..NewSource::default()
        };
        manage::create_source(plane, &asker, &acme, new)
    }));
    made.buffer_unordered(8).try_collect::<Vec<_>>().await.unwrap();
    let Answer::Accepted(run) = trigger(plane, Ask::workspace(acme, asker.clone(), Surface::Native)).await.unwrap() else {
        panic!("not accepted")
    };

    let (mut begun, mut calls) = (0, 0);
    while begun < MANY {
        let messages = bench.messages().await;
        let of_parent =
            |message: &&aws_lambda_events::sqs::SqsMessage| message.body.as_ref().is_some_and(|body| body.contains("workspace"));
        let parent: Vec<_> = messages.iter().filter(of_parent).cloned().collect();
        assert_eq!(parent.len(), 1, "the rest is passed on by one message");
        assert!(bench.work_for(Duration::ZERO, parent).await.is_empty());
        let links = plane.store.links(run.id, None, None).await.unwrap().len();
        assert!(links > begun && links <= begun + A_FEW, "{begun} and then {links}");
        (begun, calls) = (links, calls + 1);
    }
    assert_eq!((begun, calls), (MANY, MANY / A_FEW));
    let run = plane.store.run(&run.owner, run.id).await.unwrap().unwrap();
    assert_eq!(run.children.map(|children| (children.total, children.failed)), Some((MANY as u64, 0)), "{run:#?}");
}
