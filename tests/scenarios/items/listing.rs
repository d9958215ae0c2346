//! What a repository holds can be asked for, filtered and in pages.

use pullcord_forge::Seed;
use serde_json::{Value, json};

use super::{Given, given};
use crate::world::World;

crate::scenarios![items_are_filtered_by_state_type_and_words, a_list_goes_on_where_it_stopped, what_no_list_gave_is_no_cursor,];

async fn listed(given: &Given<'_>, query: &str) -> Vec<String> {
    let page = given.mia.get(&format!("{}?{query}", given.path())).await.is(200);
    let mut titles: Vec<String> = page["items"].as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect();
    titles.sort();
    titles
}

/// S2.112: by hand or not, one shape and one list.
async fn items_are_filtered_by_state_type_and_words(world: &World) {
    let given = given(world).await;
    given.made("Straße ist gesperrt").await;
    given.issue("The LOGIN hangs");
    let closed = given.issue("login was slow");
    given.repository.add_alert(|alert| alert.summary = "login can be guessed".into());
    given.sync().await;
    given.repository.close_issue(closed);
    given.sync().await;

    let table: [(&str, &[&str]); 9] = [
        ("", &["Straße ist gesperrt", "The LOGIN hangs", "login can be guessed", "login was slow"]),
        ("q=Login", &["The LOGIN hangs", "login can be guessed", "login was slow"]),
        ("q=STRASSE", &["Straße ist gesperrt"]),
        ("q=nowhere", &[]),
        ("state=open&q=login", &["The LOGIN hangs", "login can be guessed"]),
        ("state=closed", &["login was slow"]),
        ("type=alert", &["login can be guessed"]),
        ("type=issue&state=open", &["Straße ist gesperrt", "The LOGIN hangs"]),
        ("type=pull_request", &[]),
    ];
    for (query, titles) in table {
        assert_eq!(listed(&given, query).await, titles, "{query}");
    }
    let native = given.mia.items(&given.source).await;
    assert_eq!(given.mia.get(&given.path()).await.is(200)["items"], Value::Array(native));
}

/// Every item once, newest change first, whoever made it.
async fn a_list_goes_on_where_it_stopped(world: &World) {
    let given = given(world).await;
    given.repository.seed(&Seed { closed_percent: 0, ..Seed::of(30) });
    for title in ["One", "Two", "Three"] {
        given.made(title).await;
    }
    given.sync().await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = given.mia.get(&format!("{}?limit=7{cursor}", given.path())).await.is(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 7);
        seen.extend(items.iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let updated: Vec<jiff::Timestamp> = seen.iter().map(|item| item["updatedAt"].as_str().unwrap().parse().unwrap()).collect();
    assert!(updated.is_sorted_by(|one, other| one >= other), "{updated:?}");
    let mut ids: Vec<&Value> = seen.iter().map(|item| &item["id"]).collect();
    ids.sort_by_key(ToString::to_string);
    ids.dedup();
    assert_eq!((seen.len(), ids.len()), (33, 33));
}

/// S2.84: and everything else that is wrong with a query.
async fn what_no_list_gave_is_no_cursor(world: &World) {
    let given = given(world).await;
    for (query, at) in [("cursor=x", "cursor"), ("limit=0", "limit"), ("limit=101", "limit"), ("type=bug", "type"), ("title=x", "title")] {
        let problem = given.mia.get(&format!("{}?{query}", given.path())).await.problem(400, "VALIDATION_FAILED");
        assert_eq!(problem["errors"][0]["at"], at, "{problem:#}");
    }
    let both = given.mia.get(&format!("{}?cursor=x&limit=0", given.path())).await.problem(400, "VALIDATION_FAILED");
    assert_eq!(both["errors"].as_array().unwrap().len(), 2);
    assert_eq!(given.mia.get(&given.path()).await.is(200), json!({"items": [], "next_cursor": null}));
}
