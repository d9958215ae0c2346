//! What cannot be read: it is said of what, and why, and everything else is taken.

use pullcord_forge::{Behaviour, Fault};
use serde_json::{Map, Value, json};

use super::{Vendor, assert_counts, assert_done, given, given_of, warned};
use crate::world::World;

crate::scenarios![
    an_entity_that_is_denied_stops_no_other,
    an_entity_that_nobody_knows_stops_no_other,
    an_integration_of_which_nothing_can_be_read_has_failed,
    a_credential_that_is_not_accepted_fails_the_run,
    garbage_is_asked_for_again,
    a_schema_may_surprise,
    a_field_that_is_there_no_more_is_left_out,
    a_record_without_an_id_is_named,
];

/// S3.45: one entity may not be read; the run says so and takes the others.
async fn an_entity_that_is_denied_stops_no_other(world: &World) {
    for vendor in Vendor::ALL {
        let given = given(world, vendor).await;
        let [one, other] = vendor.entities();
        given.old(one, 3);
        given.old(other, 4);
        given.books.set_denied(one, true);

        let run = given.sync(json!({})).await;

        assert_eq!(run["status"], "completed_with_warnings", "{vendor:?}: {run:#}");
        assert_counts(&run, 4, 0, 0);
        let warned = warned(&run, "STREAM_NOT_AVAILABLE");
        assert!(warned.len() == 1 && warned[one].contains(one), "{vendor:?}: {run:#}");
        assert!(["permission", "missing prv"].iter().any(|words| warned[one].contains(words)), "{vendor:?}: {run:#}");
        given.books.set_denied(one, false);
        assert_done(&given.sync(json!({})).await, 3, 0, 0);
    }
}

/// S3.45: the same of an entity that is not there, or not in the plan.
async fn an_entity_that_nobody_knows_stops_no_other(world: &World) {
    for vendor in Vendor::ALL {
        let other = vendor.entities()[1];
        let given = given_of(world, vendor, &["bananas", other]).await;
        given.old(other, 4);

        let run = given.sync(json!({})).await;

        assert_counts(&run, 4, 0, 0);
        assert!(warned(&run, "STREAM_NOT_AVAILABLE")["bananas"].contains("bananas"), "{vendor:?}: {run:#}");
    }
}

/// A permission that is missing must not look as if there were nothing.
async fn an_integration_of_which_nothing_can_be_read_has_failed(world: &World) {
    for vendor in Vendor::ALL {
        let given = given(world, vendor).await;
        let [one, other] = vendor.entities();
        given.books.set_denied(one, true);
        given.books.set_denied(other, true);

        let run = given.sync(json!({})).await;

        assert_eq!((run["status"].as_str(), run["error"]["code"].as_str()), (Some("failed"), Some("STREAM_NOT_AVAILABLE")), "{run:#}");
        assert_eq!(given.look().await["status"], "error");
    }
}

/// S3.45: a credential that was taken back ends the run, and is shown nowhere.
async fn a_credential_that_is_not_accepted_fails_the_run(world: &World) {
    for vendor in Vendor::ALL {
        let given = given(world, vendor).await;
        given.old(vendor.entities()[0], 3);
        given.forge.revoke_token(&given.token);

        let run = given.sync(json!({})).await;

        assert_eq!((run["status"].as_str(), run["error"]["code"].as_str()), (Some("failed"), Some("CREDENTIAL_REJECTED")), "{run:#}");
        assert!(!run.to_string().contains(&given.token), "{run:#}");
        let found = given.admin.until_source(&given.source, |source| source["credential"]["accepted"] == false).await;
        assert_eq!(found["status"], "error");
    }
}

/// S3.45: a reply that is no page is no data, and is tried again.
async fn garbage_is_asked_for_again(world: &World) {
    for vendor in Vendor::ALL {
        let given = given(world, vendor).await;
        let [one, other] = vendor.entities();
        given.old(one, 3);
        given.old(other, 2);
        given.forge.script(Fault::on(given.listing(one), Behaviour::Garbage));

        assert_done(&given.sync(json!({})).await, 5, 0, 0);
        assert_eq!(given.requests(one).len(), 2);
    }
}

/// S3.45: nothing where a text was, numbers of any size, states that nobody knows and
/// fields that are new: all of it is kept to the last digit, and what is not as it was
/// is named.
async fn a_schema_may_surprise(world: &World) {
    for vendor in [Vendor::Dataverse, Vendor::BusinessCentral] {
        let given = given(world, vendor).await;
        let [one, other] = vendor.entities();
        given.old(one, 2);
        given.old(other, 2);
        let (name, changed) = match vendor {
            Vendor::Dataverse => ("name", "modifiedon"),
            _ => ("displayName", "lastModifiedDateTime"),
        };
        let fields = |pairs: &[(&str, Value)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect::<Map<_, _>>();
        let huge = json!(18_446_744_073_709_551_615_u64);
        let nameless = given.books.add(one, |row| row.fields = fields(&[(name, Value::Null), ("statecode", json!(9)), ("new_one", huge)]));
        let odd = given.books.add(one, |row| row.fields = fields(&[(name, json!(17)), (changed, json!("yesterday"))]));

        let run = given.sync(json!({})).await;

        assert_eq!(run["status"], "completed_with_warnings", "{run:#}");
        assert_counts(&run, 6, 0, 0);
        let said: Vec<&str> = run["warnings"].as_array().unwrap().iter().map(|warning| warning["message"].as_str().unwrap()).collect();
        let which = format!("{one} {}", given.id(odd));
        for what in [format!("its {name} is no text"), format!("its {changed} is no time")] {
            assert!(said.iter().any(|message| message.contains(&which) && message.contains(&what)), "{what}: {said:?}");
        }
        assert_eq!(said.len(), 2, "{said:?}");
        let records = given.records(one).await;
        let record = &records[&given.id(nameless)];
        assert_eq!(record["customFields"]["fields"]["new_one"], json!(18_446_744_073_709_551_615_u64), "{record:#}");
        assert_eq!((records.len(), records[&given.id(odd)]["customFields"]["fields"][name].as_u64()), (4, Some(17)));
    }
}

/// S3.45: a field that Xledger took out of its schema is not asked for any more.
async fn a_field_that_is_there_no_more_is_left_out(world: &World) {
    let given = given(world, Vendor::Xledger).await;
    given.old("projects", 3);
    given.old("customers", 2);
    given.books.drop_field("projects", "shortInfo");

    let run = given.sync(json!({})).await;

    assert_eq!(run["status"], "completed_with_warnings", "{run:#}");
    assert_counts(&run, 5, 0, 0);
    assert!(warned(&run, "FIELD_UNEXPECTED")["projects"].contains("shortInfo"), "{run:#}");
    assert!(given.records("projects").await.values().all(|item| item["customFields"]["fields"].get("shortInfo").is_none()));
}

/// S3.45: what has no id is nothing that could be found again.
async fn a_record_without_an_id_is_named(world: &World) {
    for (vendor, key) in [(Vendor::Xledger, "dbId"), (Vendor::Dataverse, "accountid"), (Vendor::BusinessCentral, "id")] {
        let given = given(world, vendor).await;
        let [one, other] = vendor.entities();
        given.old(one, 3);
        given.old(other, 2);
        given.books.edit(one, 2, |row| drop(row.fields.insert(key.to_owned(), Value::Null)));

        let run = given.sync(json!({})).await;

        assert_eq!(run["status"], "completed_with_warnings", "{run:#}");
        assert_eq!((run["results"]["created"].as_u64(), run["results"]["failed"].as_u64()), (Some(4), Some(1)), "{run:#}");
        let rejected = warned(&run, "ITEM_REJECTED");
        assert!(rejected.len() == 1 && rejected.values().all(|why| why.contains("it has no id")), "{run:#}");
    }
}
