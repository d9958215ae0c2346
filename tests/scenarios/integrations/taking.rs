//! What is taken: everything first, and what changed from then on.

use serde_json::{Value, json};

use super::{Given, Vendor, assert_done, given};
use crate::world::World;

crate::scenarios![
    a_first_sync_takes_all_entities,
    what_did_not_change_is_not_written,
    only_what_changed_is_asked_for,
    pages_are_read_to_the_last,
    a_trigger_may_name_entities,
    a_full_sync_finds_what_is_gone,
    an_entity_is_shown_by_itself,
];

/// S3.45: a first sync of two entities takes every record, with all its fields.
async fn a_first_sync_takes_all_entities(world: &World) {
    for vendor in Vendor::ALL {
        let given = given(world, vendor).await;
        let [one, other] = vendor.entities();
        given.old(one, 5);
        given.old(other, 3);
        given.books.add(one, |row| drop(row.fields.insert("email".to_owned(), json!("books@example.com"))));

        assert_done(&given.sync(json!({})).await, 9, 0, 0);

        let records = given.records(one).await;
        assert_eq!(records.len(), 6);
        let last = &records[&given.id(6)];
        assert_eq!(last["title"], format!("{one} number 6"), "{last:#}");
        assert_eq!(last["customFields"]["fields"]["email"], "books@example.com", "{last:#}");
        assert_eq!(last["customFields"]["externalId"], last["externalId"], "{last:#}");
        assert!(last["updatedAt"].is_string(), "{last:#}");
        assert_eq!(given.records(other).await.len(), 3);
        looks(&given).await;
    }
}

/// The source shows what it takes, under the names it was given.
async fn looks(given: &Given<'_>) {
    let found = given.look().await;
    assert_eq!(found["entities"], json!(given.vendor.entities()));
    assert_eq!(found["streams"], json!(given.vendor.entities().map(|entity| format!("entity:{entity}"))));
    assert_eq!((found["kind"].as_str(), found["integration_type"].as_str()), (Some("integration"), Some(given.vendor.provider())));
    assert_eq!((found["status"].as_str(), found["credential"]["accepted"].as_bool()), (Some("synced"), Some(true)), "{found:#}");
}

/// S3.45: a second sync at once writes nothing, and neither does a full one.
async fn what_did_not_change_is_not_written(world: &World) {
    for vendor in Vendor::ALL {
        let given = given(world, vendor).await;
        let [one, other] = vendor.entities();
        given.old(one, 5);
        given.old(other, 3);
        assert_done(&given.sync(json!({})).await, 8, 0, 0);
        let before = given.look().await;

        assert_done(&given.sync(json!({})).await, 0, 0, 0);
        assert_done(&given.sync(json!({"full": true})).await, 0, 0, 0);

        let after = given.look().await;
        assert_eq!(after["last_synced_at"], before["last_synced_at"]);
        assert_ne!(after["last_checked_at"], before["last_checked_at"]);
    }
}

/// S3.45: of many records the seven that changed are shown, and nothing else is.
async fn only_what_changed_is_asked_for(world: &World) {
    for vendor in Vendor::ALL {
        let given = given(world, vendor).await;
        let [one, other] = vendor.entities();
        let numbers = given.old(one, 120);
        given.old(other, 3);
        assert_done(&given.sync(json!({})).await, 123, 0, 0);
        for number in &numbers[..7] {
            given.rename(one, *number);
        }

        let run = given.sync(json!({})).await;

        assert_done(&run, 0, 7, 0);
        assert_eq!(run["results"]["skipped"], 0, "{vendor:?}: {run:#}");
        assert_eq!(run["calls"]["made"], 2, "{vendor:?}: {run:#}");
        let titles = given.records(one).await.into_values().filter(|item| item["title"].as_str().unwrap().ends_with(", renamed")).count();
        assert_eq!(titles, 7);
    }
}

/// S3.45: many pages are one listing, and each is asked for as the one before said.
async fn pages_are_read_to_the_last(world: &World) {
    for vendor in Vendor::ALL {
        let given = given(world, vendor).await;
        let [one, other] = vendor.entities();
        given.books.set_most_rows(4);
        given.old(one, 13);
        given.old(other, 4);

        let run = given.sync(json!({})).await;

        assert_done(&run, 17, 0, 0);
        assert_eq!((given.requests(one).len(), given.requests(other).len()), (4, 1), "{vendor:?}");
        assert_eq!((given.records(one).await.len(), given.records(other).await.len()), (13, 4));
        if vendor == Vendor::Dataverse {
            let prefers = |entry: &pullcord_forge::Entry| entry.header("prefer") == Some("odata.maxpagesize=500,odata.track-changes");
            assert!(given.requests(one).iter().all(prefers), "every page is asked for with the same preferences");
        }
    }
}

/// S3.45: `streams` names entities, and those of another source are none.
async fn a_trigger_may_name_entities(world: &World) {
    let given = given(world, Vendor::Xledger).await;
    let [one, other] = given.vendor.entities();
    given.old(one, 2);
    given.old(other, 3);

    assert_done(&given.sync(json!({"streams": [format!("entity:{other}")]})).await, 3, 0, 0);

    assert!(given.requests(one).is_empty());
    let sync = format!("{}/sync", given.path());
    for wrong in ["entity:suppliers", "issues", other, "entity:"] {
        let problem = given.admin.post(&sync, json!({"streams": [wrong]})).await.problem(400, "VALIDATION_FAILED");
        assert_eq!(problem["errors"][0]["at"], "streams", "{wrong}: {problem}");
    }
    assert_done(&given.sync(json!({})).await, 2, 0, 0);
}

/// S3.45: what an increment cannot know of, since nobody tells, a full sync finds: each
/// record that its listing misses is asked for by itself.
async fn a_full_sync_finds_what_is_gone(world: &World) {
    for vendor in Vendor::ALL {
        let given = given(world, vendor).await;
        let [one, other] = vendor.entities();
        let numbers = given.old(one, 30);
        given.old(other, 3);
        assert_done(&given.sync(json!({})).await, 33, 0, 0);
        for number in &numbers[..2] {
            given.books.remove(one, *number);
        }

        assert_done(&given.sync(json!({"full": true})).await, 0, 0, 2);

        assert_eq!((given.records(one).await.len(), given.records(other).await.len()), (28, 3));
    }
}

/// Records are listed by their entity.
async fn an_entity_is_shown_by_itself(world: &World) {
    let given = given(world, Vendor::Xledger).await;
    let [one, other] = given.vendor.entities();
    given.old(one, 4);
    given.old(other, 3);
    given.sync(json!({})).await;

    for (query, count) in [(format!("entity={one}"), 4), (format!("type=record&entity={other}"), 3), ("entity=suppliers".to_owned(), 0)] {
        let listed = given.admin.get(&format!("{}/items?{query}", given.path())).await.is(200);
        let items: Vec<Value> = listed["items"].as_array().unwrap().clone();
        assert_eq!(items.len(), count, "{query}");
    }
}
