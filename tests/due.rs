//! Very many sources that are due in the same minute.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use pullcord_core::Plane;
use pullcord_core::manage::{self, NewSource, ScheduleGiven};
use pullcord_core::model::{Owner, Person, SourceId, SourceKind, WorkspaceId};
use pullcord_core::schedule::tick;
use pullcord_core::trigger::Asker;

use crate::bench::Bench;

/// So many sources, all of them with a period at the next noon.
pub async fn make(bench: &Bench, count: usize) {
    let (plane, asker) = (&bench.plane, Asker::Known(Person::deployment("test")));
    manage::create_workspace(plane, &asker, "acme", "Acme").await.unwrap();
    let made = futures::stream::iter((0..count).map(|number| {
        let asker = asker.clone();
        async move {
            let id = format!("due-{number}");
            let new = NewSource {
                id: id.clone(),
                kind: Some(SourceKind::Repository),
                provider: Some("github".into()),
                repository: Some("acme/web".into()),
                ..NewSource::default()
            };
            manage::create_source(plane, &asker, &WorkspaceId::known("acme"), new).await?;
            let noon = ScheduleGiven { cron: Some("0 12 * * *".into()), ..ScheduleGiven::default() };
            manage::set_schedule(plane, &asker, &SourceId::known(&id), &noon, false).await
        }
    }));
    made.buffer_unordered(8).try_collect::<Vec<_>>().await.unwrap();
    bench.pass(Duration::from_hours(24));
}

/// Two ticks at the same time, as often as it takes until nothing is due any more; a
/// third is lost in its middle.
pub async fn dispatch(plane: &Plane) {
    let lost = plane.clone();
    let lost = tokio::spawn(async move { tick(&lost).await });
    plane.clock.sleep(Duration::from_millis(150)).await;
    lost.abort();
    loop {
        let (one, other) = tokio::join!(Box::pin(tick(plane)), Box::pin(tick(plane)));
        if one.unwrap().periods.begun + other.unwrap().periods.begun == 0 {
            return;
        }
    }
}

/// How many runs each source has.
pub async fn runs(plane: &Plane, count: usize) -> BTreeMap<usize, usize> {
    let mut by_runs = BTreeMap::new();
    for number in 0..count {
        let rows = plane.store.rows(&Owner::Source(SourceId::known(format!("due-{number}")))).await.unwrap().unwrap();
        assert!(rows.latest.iter().all(|run| run.scheduled_for.is_some()));
        *by_runs.entry(rows.latest.len()).or_default() += 1;
    }
    by_runs
}
