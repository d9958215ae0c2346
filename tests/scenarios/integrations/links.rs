//! Dataverse's own way to tell what changed: a link, which names removals too, and holds
//! for some days.

use serde_json::{Value, json};

use super::{Given, Vendor, assert_counts, assert_done, given, warned};
use crate::world::World;

crate::scenarios![
    what_a_link_says_is_gone_is_removed,
    what_comes_and_goes_between_two_looks_is_nothing,
    very_much_that_is_gone_is_held,
    a_link_that_holds_no_more_leads_to_a_whole_listing,
    a_whole_listing_deletes_nothing_by_accident,
    a_table_that_tracks_nothing_is_asked_by_time,
    a_run_that_fails_goes_on_from_the_link_it_had,
];

/// An integration of Dataverse that was synced once.
async fn synced(world: &World, count: u64) -> (Given<'_>, Vec<u64>) {
    let given = given(world, Vendor::Dataverse).await;
    let numbers = given.old("accounts", count);
    given.old("contacts", 3);
    assert_done(&given.sync(json!({})).await, count + 3, 0, 0);
    (given, numbers)
}

/// S3.45: removed there is removed here by the next sync, without a further question.
async fn what_a_link_says_is_gone_is_removed(world: &World) {
    let (given, numbers) = synced(world, 20).await;
    given.books.set_most_rows(2);
    for number in &numbers[..5] {
        given.books.remove("accounts", *number);
    }
    given.rename("accounts", numbers[7]);

    let run = given.sync(json!({})).await;

    assert_done(&run, 0, 1, 5);
    let records = given.records("accounts").await;
    assert_eq!(records.len(), 15);
    assert!(numbers[..5].iter().all(|number| !records.contains_key(&given.id(*number))));
    // Six changes in pages of two, and one look at the other table.
    assert_eq!(run["calls"]["made"], 4, "{run:#}");
    assert_done(&given.sync(json!({})).await, 0, 0, 0);
}

/// S3.45: what was never here is not missed.
async fn what_comes_and_goes_between_two_looks_is_nothing(world: &World) {
    let (given, _) = synced(world, 3).await;
    let number = given.books.add("accounts", |_| {});
    given.books.remove("accounts", number);

    assert_done(&given.sync(json!({})).await, 0, 0, 0);

    assert_eq!(given.records("accounts").await.len(), 3);
}

/// S3.45: more than ten that are more than a fifth are held, though it is said that they
/// are gone; whoever approves has them removed.
async fn very_much_that_is_gone_is_held(world: &World) {
    let (given, numbers) = synced(world, 30).await;
    for number in &numbers[..12] {
        given.books.remove("accounts", *number);
    }

    let run = given.sync(json!({})).await;

    assert_eq!(run["status"], "completed_with_warnings", "{run:#}");
    assert_counts(&run, 0, 0, 0);
    assert!(warned(&run, "DELETIONS_HELD")["accounts"].contains("12 of 30 accounts"), "{run:#}");
    assert_eq!((run["results"]["held_deletions"].as_u64(), given.look().await["held_deletions"].as_u64()), (Some(12), Some(12)));
    assert_eq!(given.records("accounts").await.len(), 30);
    // Nothing more changes, and it is still to be decided.
    assert_done(&given.sync(json!({})).await, 0, 0, 0);
    assert_eq!(given.look().await["held_deletions"], 12);
    let held = format!("{}/held-deletions", given.path());
    let approved = given.admin.post(&held, json!({"decision": "approve"})).await.is(202);
    let approved = given.admin.ended(approved["id"].as_str().unwrap()).await;
    assert_eq!((approved["status"].as_str(), approved["results"]["deleted"].as_u64()), (Some("completed"), Some(12)), "{approved:#}");
    assert_eq!(given.records("accounts").await.len(), 18);
    assert_eq!(given.look().await["held_deletions"], 0);
}

/// The link expired: everything is listed, what is gone meanwhile is asked for, and the
/// run says so. The next one has a link again.
async fn a_link_that_holds_no_more_leads_to_a_whole_listing(world: &World) {
    let (given, numbers) = synced(world, 30).await;
    for number in &numbers[..2] {
        given.books.remove("accounts", *number);
    }
    given.rename("accounts", numbers[9]);
    given.books.expire_links();

    let run = given.sync(json!({})).await;

    assert_eq!(run["status"], "completed_with_warnings", "{run:#}");
    assert_counts(&run, 0, 1, 2);
    let anew = warned(&run, "STREAM_LISTED_ANEW");
    assert_eq!(anew.keys().copied().collect::<Vec<_>>(), ["accounts", "contacts"], "{run:#}");
    assert!(anew["accounts"].contains("Version stamp associated with the client has expired"), "{run:#}");
    assert_eq!(given.records("accounts").await.len(), 28);
    given.rename("accounts", numbers[10]);
    let next = given.sync(json!({})).await;
    assert_done(&next, 0, 1, 0);
    assert_eq!(next["calls"]["made"], 2, "{next:#}");
}

/// Where such a listing misses very much, it is held, as by any other listing.
async fn a_whole_listing_deletes_nothing_by_accident(world: &World) {
    let (given, numbers) = synced(world, 30).await;
    for number in &numbers[..25] {
        given.books.remove("accounts", *number);
    }
    given.books.expire_links();

    let run = given.sync(json!({})).await;

    assert_counts(&run, 0, 0, 0);
    assert_eq!(run["results"]["held_deletions"], 25, "{run:#}");
    assert!(warned(&run, "DELETIONS_HELD").contains_key("accounts"), "{run:#}");
    assert_eq!((given.records("accounts").await.len(), given.records("contacts").await.len()), (30, 3));
    // The set is what the listing missed: once it is back, nothing is held.
    let sizes: Vec<Value> = given.admin.get(&format!("{}/held-deletions", given.path())).await.is(200)["items"].as_array().unwrap().clone();
    assert_eq!(sizes.len(), 25);
}

/// S3.45: without change tracking there is no link, and what changed is asked for by its
/// time.
async fn a_table_that_tracks_nothing_is_asked_by_time(world: &World) {
    let given = given(world, Vendor::Dataverse).await;
    let numbers = given.old("accounts", 12);
    given.old("contacts", 3);
    given.books.set_tracked("accounts", false);
    assert_done(&given.sync(json!({})).await, 15, 0, 0);
    given.rename("accounts", numbers[4]);

    assert_done(&given.sync(json!({})).await, 0, 1, 0);

    let queries: Vec<String> = given.requests("accounts").into_iter().filter_map(|entry| entry.query).collect();
    assert!(queries.len() == 1 && queries[0].starts_with("$filter=modifiedon%20ge%20"), "{queries:?}");
    let links: Vec<String> = given.requests("contacts").into_iter().filter_map(|entry| entry.query).collect();
    assert!(links.len() == 1 && links[0].starts_with("$deltatoken="), "{links:?}");
}

/// A run that did not come to its end has removed nothing, and the next one is told the
/// same changes.
async fn a_run_that_fails_goes_on_from_the_link_it_had(world: &World) {
    use pullcord_forge::{Behaviour, Fault};
    let (given, numbers) = synced(world, 20).await;
    given.books.set_most_rows(2);
    for number in &numbers[..4] {
        given.books.remove("accounts", *number);
    }
    given.forge.script(Fault::on(given.listing("accounts"), Behaviour::status(400)).nth(2));

    let failed = given.sync(json!({})).await;

    assert_eq!((failed["status"].as_str(), failed["error"]["code"].as_str()), (Some("failed"), Some("REQUEST_REJECTED")), "{failed:#}");
    assert_eq!(failed["results"]["deleted"], 0);
    assert_eq!(given.records("accounts").await.len(), 20);
    assert_done(&given.sync(json!({})).await, 0, 0, 4);
    assert_eq!((given.records("accounts").await.len(), given.look().await["held_deletions"].as_u64()), (16, Some(0)));
}
