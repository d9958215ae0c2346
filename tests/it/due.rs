//! Very many sources that are due at once: each is begun, once.

use std::collections::BTreeMap;

use pullcord_tests::bench::Bench;
use pullcord_tests::due;

use crate::tests;

tests![of_many_that_are_due_each_begins_once];

const MANY: usize = 300;

/// S3.37: two ticks at the same time all along, and a third that is lost in its middle.
async fn of_many_that_are_due_each_begins_once() {
    let bench = Bench::new().await;
    due::make(&bench, MANY).await;

    due::dispatch(&bench.plane).await;

    assert_eq!(due::runs(&bench.plane, MANY).await, BTreeMap::from([(1, MANY)]));
    assert_eq!(bench.plane.store.clock_due(bench.clock.now(), MANY).await.unwrap().periods, Vec::new());
}
