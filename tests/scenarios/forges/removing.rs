//! What is gone from a forge: removed by a full sync, if it is little, and held for
//! a person, if it is much.

use pullcord_forge::{Behaviour, Fault};
use serde_json::{Value, json};

use super::{Alerts, Bitbucket, GitHub, GitLab, Given, Issues, Provider, PullRequests, Stream, given};
use crate::world::World;

crate::scenarios![
    what_is_gone_is_removed_by_a_full_sync,
    much_that_is_gone_is_held_and_little_is_removed,
    what_is_held_is_asked_for_once_more_when_it_is_approved,
    what_was_discarded_is_neither_asked_for_nor_spoken_of,
    each_stream_is_judged_for_itself,
    a_full_sync_that_misses_nothing_asks_for_nothing_more,
];

/// Every stream of which a forge may lose entries. Bitbucket has no issues any more.
pub(super) const LOSING: [(Provider, Stream); 7] = [
    (GitHub, Issues),
    (GitHub, Alerts),
    (GitHub, PullRequests),
    (GitLab, Issues),
    (GitLab, Alerts),
    (GitLab, PullRequests),
    (Bitbucket, PullRequests),
];

/// A source of one stream with so many entries, all of them synced; their numbers.
pub(super) async fn synced(world: &World, provider: Provider, stream: Stream, count: u64) -> (Given<'_>, Vec<u64>) {
    let given = given(world, provider, &[stream]).await;
    let numbers = given.old(world, stream, count);
    let run = given.sync(json!({})).await;
    assert_eq!((run["status"].as_str(), &run["results"]["created"]), (Some("completed"), &json!(count)), "{run:#}");
    (given, numbers)
}

pub(super) async fn full(given: &Given<'_>) -> Value {
    given.sync(json!({"full": true})).await
}

/// Deleted and held by a run that has ended, and how it ended.
pub(super) fn outcome(run: &Value) -> (u64, u64, &str) {
    let [deleted, held] = ["deleted", "held_deletions"].map(|name| run["results"][name].as_u64().unwrap());
    (deleted, held, run["status"].as_str().unwrap())
}

pub(super) async fn held(given: &Given<'_>) -> u64 {
    let list = given.admin.get(&format!("/v1/sources/{}/held-deletions", given.source)).await.is(200);
    assert_eq!(given.look().await["held_deletions"], list["count"]);
    list["count"].as_u64().unwrap()
}

/// The run that a decision comes to, once it has ended.
pub(super) async fn decided(given: &Given<'_>, decision: &str) -> Value {
    let path = format!("/v1/sources/{}/held-deletions", given.source);
    let accepted = given.admin.post(&path, json!({"decision": decision})).await.is(202);
    given.admin.ended(accepted["id"].as_str().unwrap()).await
}

/// Requests for one entry alone.
pub(super) fn singles(given: &Given<'_>, stream: Stream) -> usize {
    let listing = given.listing(stream);
    let of_graph = |body: &Option<String>| body.as_ref().is_some_and(|body| body.contains("query Vulnerability("));
    match (given.provider, stream) {
        (GitLab, Alerts) => {
            // Such a query names no project, and others ask at the same address.
            let own = given.requests(stream).first().and_then(|entry| entry.credential.clone());
            given.forge.requests_to(&listing).iter().filter(|entry| of_graph(&entry.body) && entry.credential == own).count()
        }
        _ => given.forge.requests_to(&format!("{listing}/*")).len(),
    }
}

/// S2.123, invariant 7: what a full listing misses, and the forge says is gone, is
/// removed and counted. No increment removes anything.
async fn what_is_gone_is_removed_by_a_full_sync(world: &World) {
    let stories = LOSING.map(async |(provider, stream)| {
        let (given, numbers) = synced(world, provider, stream, 12).await;
        given.remove(stream, &numbers[3..5]);

        assert_eq!(outcome(&given.sync(json!({})).await), (0, 0, "completed"), "{provider:?} {stream:?}");
        assert_eq!(given.items(stream).await.len(), 12, "{provider:?} {stream:?}");
        given.add(stream, super::now(world));
        let run = full(&given).await;

        assert_eq!(outcome(&run), (2, 0, "completed"), "{provider:?} {stream:?} {run:#}");
        assert_eq!((&run["results"]["created"], &run["results"]["skipped"]), (&json!(1), &json!(10)), "{run:#}");
        let items = given.items(stream).await;
        assert_eq!(items.len(), 11, "{provider:?} {stream:?}");
        assert!(numbers[3..5].iter().all(|number| !items.contains_key(number)), "{provider:?} {stream:?}");
        assert!(given.look().await["last_synced_at"].is_string());
        // Counted once, and gone for good.
        assert_eq!(outcome(&full(&given).await), (0, 0, "completed"), "{provider:?} {stream:?}");
    });
    futures::future::join_all(stories).await;
}

/// S4.28: over ten removals that are over a fifth of what was there are held, and
/// cost no further request. Up to that they are done, and each is asked for.
async fn much_that_is_gone_is_held_and_little_is_removed(world: &World) {
    let table = [(12, 12, true), (54, 11, true), (20, 2, false), (10, 10, false), (55, 11, false), (100, 11, false)];
    let stories = table.map(async |(there, gone, is_held)| {
        let (given, numbers) = synced(world, GitHub, Issues, there).await;
        given.remove(Issues, &numbers[..gone]);

        let run = full(&given).await;

        let story = format!("{gone} of {there}: {run:#}");
        let left = given.items(Issues).await.len();
        if is_held {
            assert_eq!((outcome(&run), left), ((0, gone as u64, "completed_with_warnings"), there as usize), "{story}");
            assert_eq!((run["warnings"][0]["code"].as_str(), held(&given).await), (Some("DELETIONS_HELD"), gone as u64), "{story}");
            assert_eq!(singles(&given, Issues), 0, "{story}");
        } else {
            assert_eq!((outcome(&run), left), ((gone as u64, 0, "completed"), there as usize - gone), "{story}");
            assert_eq!((&run["warnings"], held(&given).await, singles(&given, Issues)), (&json!([]), 0, gone), "{story}");
        }
    });
    futures::future::join_all(stories).await;
}

/// S4.28: a listing may be wrong, however it came about. So whoever approves what it
/// missed has every item asked for, and only what is gone is removed.
async fn what_is_held_is_asked_for_once_more_when_it_is_approved(world: &World) {
    let stories = LOSING.map(async |(provider, stream)| {
        let (given, numbers) = synced(world, provider, stream, 25).await;
        given.remove(stream, &numbers[..13]);
        assert_eq!(outcome(&full(&given).await), (0, 13, "completed_with_warnings"), "{provider:?} {stream:?}");
        assert_eq!(held(&given).await, 13, "{provider:?} {stream:?}");

        let run = decided(&given, "approve").await;

        assert_eq!(outcome(&run), (13, 0, "completed"), "{provider:?} {stream:?} {run:#}");
        assert_eq!((held(&given).await, given.items(stream).await.len()), (0, 12), "{provider:?} {stream:?}");
        assert_eq!(singles(&given, stream), 13, "{provider:?} {stream:?}");
    });
    futures::future::join_all(stories).await;

    // A listing that is empty though nothing is gone.
    let (given, numbers) = synced(world, GitHub, Issues, 25).await;
    given.forge.script(Fault::on(given.listing(Issues), Behaviour::json(200, &json!([]))));
    assert_eq!(outcome(&full(&given).await), (0, 25, "completed_with_warnings"));
    given.remove(Issues, &numbers[..2]);
    let run = decided(&given, "approve").await;
    assert_eq!(outcome(&run), (2, 0, "completed"), "{run:#}");
    assert_eq!((held(&given).await, given.items(Issues).await.len()), (0, 23));
}

/// S4.28: what somebody said stays is left alone until it was there again.
async fn what_was_discarded_is_neither_asked_for_nor_spoken_of(world: &World) {
    let (given, numbers) = synced(world, GitHub, Issues, 20).await;
    given.remove(Issues, &numbers[..12]);
    full(&given).await;
    decided(&given, "discard").await;

    let run = full(&given).await;

    assert_eq!((outcome(&run), singles(&given, Issues)), ((0, 0, "completed"), 0), "{run:#}");
    assert_eq!((held(&given).await, given.items(Issues).await.len()), (0, 20));
    // Nor does it make others look like many, or go with them.
    given.remove(Issues, &numbers[12..14]);
    assert_eq!((outcome(&full(&given).await), singles(&given, Issues)), ((2, 0, "completed"), 2));
    assert_eq!(given.items(Issues).await.len(), 18);
}

/// Invariant 7: a listing tells of its own stream only, of what is missing and of
/// what is held.
async fn each_stream_is_judged_for_itself(world: &World) {
    let given = given(world, GitHub, GitHub.streams()).await;
    let [issues, alerts, pulls] = [(Issues, 30), (Alerts, 12), (PullRequests, 12)].map(|(stream, count)| given.old(world, stream, count));
    given.sync(json!({})).await;
    given.remove(Issues, &issues[..15]);
    given.remove(Alerts, &alerts[..2]);
    given.remove(PullRequests, &pulls[..12]);

    let run = full(&given).await;

    assert_eq!(outcome(&run), (2, 27, "completed_with_warnings"), "{run:#}");
    let warned: Vec<_> = run["warnings"].as_array().unwrap().iter().map(|warning| (&warning["code"], &warning["where"])).collect();
    assert_eq!(json!(warned), json!([["DELETIONS_HELD", "issues"], ["DELETIONS_HELD", "pull_requests"]]));
    assert_eq!(held(&given).await, 27);
    // Alerts alone say nothing of the others.
    given.remove(Alerts, &alerts[2..3]);
    let run = given.sync(json!({"full": true, "streams": ["alerts"]})).await;
    assert_eq!((outcome(&run), held(&given).await), ((1, 0, "completed"), 27), "{run:#}");
    // And issues alone say nothing of pull requests.
    let run = given.sync(json!({"full": true, "streams": ["issues"]})).await;
    assert_eq!((outcome(&run), held(&given).await), ((0, 15, "completed_with_warnings"), 27), "{run:#}");

    assert_eq!(outcome(&decided(&given, "approve").await), (27, 0, "completed"));

    let left = [given.items(Issues).await.len(), given.items(Alerts).await.len(), given.items(PullRequests).await.len()];
    assert_eq!((left, held(&given).await), ([15, 9, 0], 0));
}

/// Looking for what is gone costs nothing where nothing is.
async fn a_full_sync_that_misses_nothing_asks_for_nothing_more(world: &World) {
    for (provider, stream) in LOSING {
        let (given, _) = synced(world, provider, stream, 3).await;
        let before = given.requests(stream).len();
        let run = full(&given).await;
        assert_eq!((outcome(&run), &run["results"]["skipped"]), ((0, 0, "completed"), &json!(3)), "{provider:?} {stream:?} {run:#}");
        assert_eq!((given.requests(stream).len() - before, singles(&given, stream)), (1, 0), "{provider:?} {stream:?}");
    }
}
