//! A provider's pages: how they lead on, where they may not lead, and entries that
//! nobody can read.

use std::collections::BTreeMap;

use pullcord_forge::{Behaviour, Fault, Forge};
use serde_json::json;

use super::{assert_item, counts, entry, given, open, page, parameter};
use crate::world::World;

crate::scenarios![
    links_are_followed_as_they_are,
    an_unreadable_entry_does_not_stop_its_page,
    what_could_not_be_read_is_asked_for_again,
    what_can_never_be_read_stops_nothing,
    neither_an_empty_nor_a_short_page_ends_a_sync,
    a_credential_never_follows_a_link_elsewhere,
    a_page_that_leads_to_itself_ends_the_sync,
    pages_that_lead_in_a_circle_end_the_sync,
    nothing_is_missed_while_pages_shift,
];

/// S2.5, S2.23: large repositories refuse page numbers that a client made up, so each page is asked for as the one before it said.
async fn links_are_followed_as_they_are(world: &World) {
    let given = given(world).await;
    given.repository.seed(&open(250));
    given.repository.set_large_above(0);

    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed"), [250, 0, 0, 0]));
    assert!(given.requests(world)[1..].iter().all(|request| parameter(request, "after").is_some()));
}

/// An entry that cannot be understood is counted, named and left out; the others
/// are taken in.
async fn an_unreadable_entry_does_not_stop_its_page(world: &World) {
    let given = given(world).await;
    let (first, last) = (entry(&given.name, 1), entry(&given.name, 3));
    let entries = json!([first, {"number": 2, "title": null, "state": 7}, last]);
    world.forge.script(Fault::on(&given.issues, page(&entries, None)));

    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed_with_warnings"), [2, 0, 0, 1]));
    let warnings = run["warnings"].as_array().unwrap();
    assert!(warnings.len() == 1 && warnings[0].to_string().contains("#2"), "{warnings:?}");
    assert!(given.items().await.into_keys().eq([1, 3]));
    assert_eq!(given.look().await["status"], "synced");
}

/// Watermarks: what failed is asked for again, however old it is.
async fn what_could_not_be_read_is_asked_for_again(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let (first, last) = (entry(&given.name, 1), entry(&given.name, 3));
    world.forge.script(Fault::on(&given.issues, page(&json!([first, {"number": 2}, last]), None)));
    assert_eq!(counts(&given.sync(json!({})).await), [2, 0, 0, 1]);

    given.sync(json!({})).await;

    assert_item(&given.items().await[&2], &given.repository.issue(2).unwrap(), &given.name);
}

/// An entry that cannot be read time and again is named each time, and never keeps
/// the others from being synced.
async fn what_can_never_be_read_stops_nothing(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let broken = || page(&json!([entry(&given.name, 1), {"number": 2}, entry(&given.name, 3)]), None);
    let alone = format!("{}/2", given.issues);
    let single = || Behaviour::json(200, &json!({"number": 2}));
    world.forge.script(Fault::on(&given.issues, broken()));
    assert_eq!(counts(&given.sync(json!({})).await), [2, 0, 0, 1]);

    for _ in 0..3 {
        // Both the listing and the request for it alone show it as it was.
        world.forge.script(Fault::on(&given.issues, broken()));
        world.forge.script(Fault::on(&alone, single()));
        let run = given.sync(json!({"full": true})).await;
        assert_eq!((run["status"].as_str(), run["results"]["failed"].as_u64()), (Some("completed_with_warnings"), Some(2)), "{run:#}");
    }
    given.sync(json!({})).await;
    assert_item(&given.items().await[&2], &given.repository.issue(2).unwrap(), &given.name);
}

/// S2.5, S2.81: only the absence of a next link ends a sync.
async fn neither_an_empty_nor_a_short_page_ends_a_sync(world: &World) {
    let given = given(world).await;
    given.old(world, 5);
    let again = |mark: &str| format!("{}{}?state=open&per_page=100&{mark}", world.forge.base_url(), given.issues);
    world.forge.script(Fault::on(&given.issues, page(&json!([]), Some(&again("second=1")))));
    world.forge.script(Fault::on(&given.issues, page(&json!([entry(&given.name, 77)]), Some(&again("third=1")))));

    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), counts(&run), run["calls"]["made"].as_u64()), (Some("completed"), [6, 0, 0, 0], Some(3)));
    assert!(given.items().await.into_keys().eq([1, 2, 3, 4, 5, 77]));
}

/// S2.123: neither a next link nor a redirect takes the credential to another
/// origin.
async fn a_credential_never_follows_a_link_elsewhere(world: &World) {
    let elsewhere: Forge = crate::world::forge(&world.clock).await;
    let given = given(world).await;
    elsewhere.repository(&given.name).seed(&open(3));
    let away = format!("{}{}?page=2", elsewhere.base_url(), given.issues);

    world.forge.script(Fault::on(&given.issues, page(&json!([entry(&given.name, 1)]), Some(&away))));
    let run = given.sync(json!({})).await;
    assert_eq!((run["status"].as_str(), run["error"]["code"].as_str()), (Some("failed"), Some("PAGE_LEFT_ORIGIN")));

    let moved = Behaviour::Reply { status: 301, headers: BTreeMap::from([("location".into(), away)]), body: String::new() };
    world.forge.script(Fault::on(&given.issues, moved));
    assert_eq!(given.sync(json!({})).await["status"], "failed");

    assert!(elsewhere.journal().is_empty(), "{:?}", elsewhere.journal());
    assert_eq!(given.look().await["status"], "error");
    elsewhere.stop().await;
}

/// S2.81: a page that names itself as the next one would never end.
async fn a_page_that_leads_to_itself_ends_the_sync(world: &World) {
    let given = given(world).await;
    let itself = format!("{}{}?page=2", world.forge.base_url(), given.issues);
    for number in [1, 2] {
        world.forge.script(Fault::on(&given.issues, page(&json!([entry(&given.name, number)]), Some(&itself))));
    }

    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), run["error"]["code"].as_str()), (Some("failed"), Some("PAGE_REPEATS")), "{run:#}");
    assert_eq!(given.requests(world).len(), 2);
}

/// S2.81: so would two pages that name each other.
async fn pages_that_lead_in_a_circle_end_the_sync(world: &World) {
    let given = given(world).await;
    for (number, place) in (1..=20).zip(["one", "two"].into_iter().cycle()) {
        let next = format!("{}{}?after={place}", world.forge.base_url(), given.issues);
        world.forge.script(Fault::on(&given.issues, page(&json!([entry(&given.name, number)]), Some(&next))));
    }

    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), run["error"]["code"].as_str()), (Some("failed"), Some("PAGE_REPEATS")), "{run:#}");
}

/// S2.17, S2.81, S2.123: while pages are read, issues change and move to other
/// pages. None may be missed.
async fn nothing_is_missed_while_pages_shift(world: &World) {
    let given = given(world).await;
    given.old(world, 150);
    world.forge.script(Fault::on(&given.issues, Behaviour::Hang).nth(2));
    let accepted = given.admin.press(&given.trigger()).await.is(202);
    world.forge.wait_for(&given.issues, 2).await;
    given.repository.edit_issue(1, |issue| issue.title = "Moves to the end".into());
    given.repository.close_issue(2);
    world.forge.release();

    assert_eq!(given.admin.ended(accepted["id"].as_str().unwrap()).await["status"], "completed");
    given.sync(json!({})).await;

    let items = given.items().await;
    let missed: Vec<u64> = (1..=150).filter(|number| !items.contains_key(number)).collect();
    assert!(missed.is_empty(), "{missed:?}");
}
