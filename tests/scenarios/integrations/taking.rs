//! What is taken: everything first, and what changed from then on.

use serde_json::json;

use super::{Given, Vendor, assert_done, given};
use crate::world::World;

crate::scenarios![a_first_sync_takes_all_entities, what_did_not_change_is_not_written,];

/// S3.45: a first sync of two entities takes every record, with all its fields.
async fn a_first_sync_takes_all_entities(world: &World) {
    for vendor in Vendor::ALL {
        let given = given(world, vendor).await;
        let [one, other] = vendor.entities();
        given.old(one, 5);
        given.old(other, 3);
        given.books.add(one, |row| {
            row.fields.insert("email".to_owned(), json!("books@example.com"));
        });

        assert_done(&given.sync(json!({})).await, 9, 0, 0);

        let records = given.records(one).await;
        assert_eq!(records.len(), 6);
        let last = &records[&given.id(6)];
        assert_eq!(last["title"], format!("{one} number 6"), "{last:#}");
        assert_eq!(last["customFields"]["fields"]["email"], "books@example.com", "{last:#}");
        assert_eq!(last["customFields"]["externalId"], last["externalId"], "{last:#}");
        assert!(last["updatedAt"].is_string(), "{last:#}");
        assert_eq!(given.records(other).await.len(), 3);
        look_of(&given).await;
    }
}

/// The source shows what it takes, under the names it was given.
async fn look_of(given: &Given<'_>) {
    let found = given.look().await;
    assert_eq!(found["entities"], json!(given.vendor.entities()));
    assert_eq!((found["kind"].as_str(), found["integration_type"].as_str()), (Some("integration"), Some(given.vendor.provider())));
    assert_eq!((found["status"].as_str(), found["credential"]["accepted"].as_bool()), (Some("synced"), Some(true)), "{found:#}");
}

/// S3.45: a second sync at once writes nothing.
async fn what_did_not_change_is_not_written(world: &World) {
    for vendor in Vendor::ALL {
        let given = given(world, vendor).await;
        let [one, other] = vendor.entities();
        (given.old(one, 5), given.old(other, 3));
        assert_done(&given.sync(json!({})).await, 8, 0, 0);

        assert_done(&given.sync(json!({})).await, 0, 0, 0);
        assert_done(&given.sync(json!({"full": true})).await, 0, 0, 0);
    }
}
