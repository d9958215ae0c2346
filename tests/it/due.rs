//! Very many sources that are due at once: each is begun, once.

use std::collections::BTreeMap;
use std::time::Duration;

use pullcord_core::manage::{self, ScheduleGiven};
use pullcord_core::model::{Person, SourceId};
use pullcord_core::schedule::tick;
use pullcord_core::trigger::Asker;
use pullcord_tests::bench::Bench;
use pullcord_tests::due;

use crate::tests;

tests![of_many_that_are_due_each_begins_once, a_worker_is_warmed_up_once_before_a_period];

/// S3.33, S3.36: the tick before a period has a worker be there half a minute before it
/// comes, once; and only where that is wanted.
async fn a_worker_is_warmed_up_once_before_a_period() {
    let bench = Bench::new().await;
    let (plane, asker) = (&bench.plane, Asker::Known(Person::deployment("test")));
    due::make(&bench, 2).await;
    due::dispatch(plane).await;
    let soon = |prewarm| ScheduleGiven { every: Some("PT2M".into()), prewarm, ..ScheduleGiven::default() };
    for (source, prewarm) in [("due-0", true), ("due-1", false)] {
        manage::set_schedule(plane, &asker, &SourceId::known(source), &soon(prewarm), false).await.unwrap();
    }
    let sent = async || {
        bench.queue.calls();
        tick(plane).await.unwrap();
        bench.queue.calls().iter().filter(|call| *call == "SendMessage").count()
    };
    assert_eq!(sent().await, 0, "two minutes before");
    bench.pass(Duration::from_mins(1));
    assert_eq!((sent().await, sent().await), (1, 0), "a minute before");
    bench.pass(Duration::from_secs(61));
    assert_eq!(sent().await, 2, "a run each");
    assert_eq!(pullcord_core::queue::Job::decode(r#"{"job":"warm.v1"}"#), Ok(pullcord_core::queue::Job::Warm));
    let worked = bench.work_on(vec![Bench::message(r#"{"job":"warm.v1"}"#)]).await;
    assert_eq!(worked, Vec::<String>::new(), "which is all there is to do");
}

const MANY: usize = 300;

/// S3.37: two ticks at the same time all along, and a third that is lost in its middle.
async fn of_many_that_are_due_each_begins_once() {
    let bench = Bench::new().await;
    due::make(&bench, MANY).await;

    due::dispatch(&bench.plane).await;

    assert_eq!(due::runs(&bench.plane, MANY).await, BTreeMap::from([(1, MANY)]));
    assert_eq!(bench.plane.store.clock_due(bench.clock.now(), MANY).await.unwrap().periods, Vec::new());
}
