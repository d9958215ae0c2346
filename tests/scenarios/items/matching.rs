//! A sync meets what somebody made by hand: the same title is the same thing, once.

use pullcord_forge::Seed;
use serde_json::{Value, json};

use super::{given, given_at};
use crate::world::World;

crate::scenarios![
    the_same_title_becomes_the_item,
    capitals_and_edges_do_not_matter,
    an_external_id_goes_before_a_title,
    the_oldest_of_a_title_is_linked_first,
    of_two_entries_the_first_is_linked,
    an_alert_links_and_a_pull_request_does_not,
    another_source_is_another_repository,
    every_forge_is_met_by_title,
    a_page_full_of_links_is_taken_in_parts,
];

/// S2.18–S2.20, S2.27–S2.30, S2.95, S2.114: it keeps its id and is in all else what
/// the forge says.
async fn the_same_title_becomes_the_item(world: &World) {
    let given = given(world).await;
    let id = given.made("Fix the login").await;
    let number = given.repository.add_issue(|issue| {
        issue.title = "Fix the login".into();
        issue.labels = vec!["bug".into()];
        issue.assignees = vec!["octo-demo".into()];
        issue.body = Some("From the forge.".into());
    });
    given.issue("Something else");
    let there = given.repository.issue(number).unwrap();

    assert_eq!(given.sync().await, [1, 1, 0]);

    let item = given.item(&id).await;
    assert_eq!(given.items().await.len(), 2);
    assert_eq!(item["id"], id.as_str());
    assert_eq!(item["externalId"], given.external(number));
    assert_eq!(item["customFields"]["externalId"], format!("github:https://github.com/{}:{number}", given.name));
    assert_eq!([&item["title"], &item["body"], &item["author"]], ["Fix the login", "From the forge.", there.author.as_str()]);
    assert_eq!((&item["labels"], &item["assignees"]), (&json!(["bug"]), &json!(["octo-demo"])));
    assert_eq!([&item["createdAt"], &item["updatedAt"]], [&json!(there.created_at.to_string()), &json!(there.updated_at.to_string())]);
    assert!(item["syncedAt"].is_string() && item["url"].is_string(), "{item:#}");

    // From now on it is known by its external id, whatever it is called.
    given.repository.edit_issue(number, |issue| issue.title = "Renamed".into());
    assert_eq!(given.sync_with(json!({"full": true})).await, [0, 1, 1]);
    assert_eq!(given.item(&id).await["title"], "Renamed");
    given.repository.close_issue(number);
    given.sync().await;
    assert_eq!(given.item(&id).await["state"], "closed");
    assert_eq!(given.sync_with(json!({"full": true})).await, [0, 0, 2]);
    assert_eq!(given.items().await.len(), 2);
}

/// S2.29: trimmed and case-folded; what is only alike is another one.
async fn capitals_and_edges_do_not_matter(world: &World) {
    let given = given(world).await;
    let same =
        [("Fix the login", "  fix THE Login "), ("Straße", "STRASSE"), ("ΟΔΟΣ", "οδος"), ("Ærlig", "ÆRLIG"), ("修复登录", "修复登录")];
    let ids = [
        given.made(same[0].0).await,
        given.made(same[1].0).await,
        given.made(same[2].0).await,
        given.made(same[3].0).await,
        given.made(same[4].0).await,
    ];
    let alone = given.made("Fix the login page").await;
    let numbers = same.map(|(_, title)| given.issue(title));
    given.issue("Fix  the login");

    assert_eq!(given.sync().await, [1, 5, 0]);

    for (id, number) in ids.iter().zip(numbers) {
        assert_eq!(given.item(id).await["externalId"], given.external(number));
    }
    assert_eq!(given.item(&alone).await["externalId"], Value::Null);
    assert_eq!(given.items().await.len(), 7);
}

/// S2.28, S2.94: what is known already is not mistaken for what is called the same.
async fn an_external_id_goes_before_a_title(world: &World) {
    let given = given(world).await;
    let number = given.issue("Fix the login");
    assert_eq!(given.sync().await, [1, 0, 0]);
    let id = given.made("Fix the login").await;

    given.repository.edit_issue(number, |issue| issue.body = Some("Changed".into()));
    assert_eq!(given.sync().await, [0, 1, 0]);

    assert_eq!(given.item(&id).await["externalId"], Value::Null);
    assert_eq!(given.items().await.len(), 2);
}

/// As many are linked as there are, oldest first, and what is left stays.
async fn the_oldest_of_a_title_is_linked_first(world: &World) {
    let given = given(world).await;
    let ids = [given.made("Twice").await, given.made("twice ").await, given.made("TWICE").await];
    let first = given.issue("Twice");
    assert_eq!(given.sync().await, [0, 1, 0]);
    assert_eq!(given.item(&ids[0]).await["externalId"], given.external(first));
    assert_eq!(given.item(&ids[1]).await["externalId"], Value::Null);

    let (second, third, fourth) = (given.issue("Twice"), given.issue("Twice"), given.issue("Twice"));
    assert_eq!(given.sync().await[..2], [1, 2]);

    let linked: Vec<Value> = [given.item(&ids[1]).await, given.item(&ids[2]).await].map(|item| item["externalId"].clone()).to_vec();
    let numbers = [second, third, fourth].map(|number| json!(given.external(number)));
    assert!(linked[0] != linked[1] && linked.iter().all(|one| numbers.contains(one)), "{linked:?}");
    assert_eq!(given.items().await.len(), 4);
}

/// S2.30: one item is one entry; the other is new.
async fn of_two_entries_the_first_is_linked(world: &World) {
    let given = given(world).await;
    let id = given.made("Twice").await;
    let numbers = [given.issue("Twice"), given.issue("Twice")];

    assert_eq!(given.sync().await, [1, 1, 0]);

    let items = given.items().await;
    let mut external: Vec<String> = items.values().map(|item| item["externalId"].as_str().unwrap().to_owned()).collect();
    external.sort();
    assert_eq!(external, numbers.map(|number| given.external(number)));
    assert!(items[&id]["externalId"].is_string());
    assert_eq!(given.sync_with(json!({"full": true})).await, [0, 0, 2]);
}

/// S2.96, S2.113: an alert of that title is what somebody noted; a pull request is
/// not the issue it is about.
async fn an_alert_links_and_a_pull_request_does_not(world: &World) {
    let given = given_at(world, "github", "", &["pull_requests", "alerts"]).await;
    let noted = given.made("A hole in the fence").await;
    let about = given.made("Mend the fence").await;
    let alert = given.repository.add_alert(|alert| alert.summary = "A hole in the fence".into());
    given.repository.add_issue(|pull| (pull.title, pull.pull_request) = ("Mend the fence".into(), true));

    assert_eq!(given.sync().await, [1, 1, 0]);

    let item = given.item(&noted).await;
    assert_eq!(item["externalId"], format!("github:https://github.com/{}:alert:{alert}", given.name));
    assert_eq!((&item["type"], item["severity"].is_string()), (&json!("alert"), true));
    assert_eq!(item["priority"], item["severity"]);
    assert_eq!(given.item(&about).await["externalId"], Value::Null);
}

/// S2.29: the same title in the same repository.
async fn another_source_is_another_repository(world: &World) {
    let (given, other) = (given(world).await, given(world).await);
    let id = given.made("Fix the login").await;
    other.issue("Fix the login");

    assert_eq!(other.sync().await, [1, 0, 0]);
    assert_eq!(given.sync().await, [0, 0, 0]);
    assert_eq!(given.item(&id).await["externalId"], Value::Null);
}

/// S2.91–S2.93: each forge in its own words.
async fn every_forge_is_met_by_title(world: &World) {
    for (provider, prefix) in [("github", ""), ("gitlab", "/api/v4"), ("bitbucket", "/2.0")] {
        let given = given_at(world, provider, prefix, &["issues"]).await;
        let id = given.made("Fix the login").await;
        let number = given.issue("FIX the login");

        assert_eq!(given.sync().await, [0, 1, 0], "{provider}");

        let item = given.item(&id).await;
        let external = item["externalId"].as_str().unwrap();
        assert!(
            external.starts_with(&format!("{provider}:")) && external.ends_with(&format!("{}:issue:{number}", given.name)),
            "{external}"
        );
        assert_eq!(given.sync_with(json!({"full": true})).await, [0, 0, 1], "{provider}");
    }
}

/// S2.119, S2.120: what links writes more than what is new, and no transaction takes it all.
async fn a_page_full_of_links_is_taken_in_parts(world: &World) {
    let given = given(world).await;
    given.repository.seed(&Seed { closed_percent: 0, ..Seed::of(100) });
    let titles: Vec<String> = given.repository.issues().into_iter().map(|issue| issue.title).collect();
    let made = futures::future::join_all(titles.iter().map(|title| given.made(title))).await;

    assert_eq!(given.sync().await, [0, 100, 0]);

    let items = given.items().await;
    assert!(items.len() == 100 && made.iter().all(|id| items[id]["externalId"].is_string()));
    assert_eq!(given.sync_with(json!({"full": true})).await, [0, 0, 100]);
}
