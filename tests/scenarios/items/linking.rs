//! An item is linked by hand to what the forge has.

use serde_json::{Value, json};

use super::{given, given_at};
use crate::world::World;

crate::scenarios![
    a_linked_item_is_updated_by_the_next_sync,
    the_older_form_says_the_same,
    what_is_in_use_is_a_conflict,
    an_item_is_linked_once,
    what_names_nothing_of_this_repository_is_refused,
    what_is_linked_is_asked_for_though_it_did_not_change,
    gitlab_is_linked_by_its_own_address,
];

/// S2.101, S2.112: and no second item comes of it.
async fn a_linked_item_is_updated_by_the_next_sync(world: &World) {
    let given = given(world).await;
    let number = given.issue("What it is called there");
    let id = given.made("What it is called here").await;

    let linked = given.link(&id, &given.external(number)).await.is(200);

    assert_eq!((&linked["id"], &linked["externalId"]), (&json!(id), &json!(given.external(number))));
    assert_eq!(linked["customFields"]["externalId"], format!("github:https://github.com/{}:{number}", given.name));
    assert_eq!((&linked["title"], &linked["syncedAt"]), (&json!("What it is called here"), &Value::Null));
    assert_eq!(given.items().await.into_values().collect::<Vec<_>>(), std::slice::from_ref(&linked));

    assert_eq!(given.sync().await, [0, 1, 0]);
    let item = given.item(&id).await;
    assert_eq!((&item["title"], item["syncedAt"].is_string()), (&json!("What it is called there"), true));
    assert_eq!(given.items().await.len(), 1);
    // Its title is free again: it is not linked twice.
    given.issue("What it is called here");
    assert_eq!(given.sync().await[..2], [1, 0]);
    assert_eq!(given.items().await.len(), 2);
    let audit = given.tenant.admin().get(&format!("/v1/workspaces/{}/audit", given.tenant.slug)).await.is(200);
    let line = audit["audit"].as_array().unwrap().iter().find(|line| line["what"] == "item.linked").unwrap();
    assert_eq!((&line["facts"]["item"], &line["facts"]["external_id"]), (&json!(id), &json!(given.external(number))));
}

/// S2.31: three parts mean an issue; capitals and endings do not matter.
async fn the_older_form_says_the_same(world: &World) {
    let given = given(world).await;
    let shouted = given.name.to_uppercase();
    let spellings = [
        format!("github:https://github.com/{}:NUMBER", given.name),
        format!("github:https://GitHub.com/{shouted}/:NUMBER"),
        format!("github:https://github.com/{}.git:issue:NUMBER", given.name),
    ];
    for spelling in spellings {
        let number = given.issue("Whatever");
        let id = given.made("By hand").await;

        let linked = given.link(&id, &spelling.replace("NUMBER", &number.to_string())).await.is(200);

        assert_eq!(linked["externalId"], given.external(number));
    }
    assert_eq!(given.sync().await, [0, 3, 0]);
}

/// S2.112: by what a sync brought in, and by what was linked before.
async fn what_is_in_use_is_a_conflict(world: &World) {
    let given = given(world).await;
    let (synced, open) = (given.issue("Synced"), 99);
    given.sync().await;
    let ids = [given.made("One").await, given.made("Other").await];
    given.link(&ids[0], &given.external(open)).await.is(200);

    let used = given.link(&ids[1], &given.external(synced)).await.problem(409, "CONFLICT");
    given.link(&ids[1], &given.external(open)).await.problem(409, "CONFLICT");
    given.link(&ids[1], &format!("github:https://github.com/{}:{open}", given.name)).await.problem(409, "CONFLICT");

    let holder = given.items().await.into_values().find(|item| item["externalId"] == given.external(synced)).unwrap();
    assert!(used["detail"].as_str().unwrap().contains(holder["id"].as_str().unwrap()), "{used:#}");
    assert_eq!(given.item(&ids[1]).await["externalId"], Value::Null);
    // The same number of another kind is another thing.
    given.link(&ids[1], &given.external(synced).replace(":issue:", ":alert:")).await.is(200);
}

/// The same again changes nothing; another is a conflict, also for what the forge
/// itself brought.
async fn an_item_is_linked_once(world: &World) {
    let given = given(world).await;
    let synced = given.issue("Synced");
    given.sync().await;
    let theirs = given.items().await.into_keys().next().unwrap();
    let id = given.made("By hand").await;
    let first = given.link(&id, &given.external(50)).await.is(200);

    assert_eq!(given.link(&id, &given.external(50)).await.is(200), first);
    given.link(&id, &given.external(51)).await.problem(409, "CONFLICT");
    assert_eq!(given.link(&theirs, &given.external(synced)).await.is(200)["id"], theirs.as_str());
    given.link(&theirs, &given.external(51)).await.problem(409, "CONFLICT");
    assert_eq!(given.items().await.len(), 2);
}

/// S2.84, S2.122: malformed, too long, of another provider or repository.
async fn what_names_nothing_of_this_repository_is_refused(world: &World) {
    let given = given(world).await;
    let id = given.made("By hand").await;
    let right = given.external(17);
    let table = [
        String::new(),
        "17".into(),
        given.name.clone(),
        format!("github:{}:17", given.name),
        format!("github:https://github.com/{}", given.name),
        format!("github:https://github.com/{}:issue:seventeen", given.name),
        format!("github:https://github.com/{}:issue:", given.name),
        right.replace("github:https", "gitlab:https"),
        right.replace("https:", "ftp:"),
        right.replace("acme/", "other/"),
        right.replace("https://github.com", "https://github.com.example.org"),
        right.replace("https://github.com/", "https://mia:secret@github.com/"),
        format!("github:https://github.com/acme/{}:issue:17", "w".repeat(500)),
    ];
    for wrong in table {
        let problem = given.link(&id, &wrong).await.problem(400, "VALIDATION_FAILED");
        assert_eq!(problem["errors"][0]["at"], "externalId", "{wrong}");
    }
    let path = format!("{}/{id}/link-external", given.path());
    given.mia.post(&path, json!({})).await.problem(400, "VALIDATION_FAILED");
    given.mia.post(&path, json!({"externalId": right, "force": true})).await.problem(400, "VALIDATION_FAILED");
    assert_eq!(given.item(&id).await["externalId"], Value::Null);
}

/// An increment asks only for what changed; what was linked since is asked for by
/// itself, once. That it is not there at all is no failure.
async fn what_is_linked_is_asked_for_though_it_did_not_change(world: &World) {
    let given = given(world).await;
    let closed = given.issue("Closed long ago");
    given.repository.close_issue(closed);
    given.issue("Open");
    given.sync().await;
    let (id, nowhere) = (given.made("By hand").await, given.made("Nowhere").await);
    let alone = format!("/repos/{}/issues/{closed}", given.name);
    given.link(&id, &given.external(closed)).await.is(200);
    given.link(&nowhere, &given.external(4711)).await.is(200);

    assert_eq!(given.sync().await[..2], [0, 1]);

    let item = given.item(&id).await;
    assert_eq!([&item["title"], &item["state"]], ["Closed long ago", "closed"]);
    assert_eq!(world.forge.requests_to(&alone).len(), 1);
    assert_eq!(given.item(&nowhere).await["title"], "Nowhere");
    given.sync().await;
    assert_eq!(world.forge.requests_to(&alone).len(), 1);
}

/// S2.92: where the forge is asked is where it is seen.
async fn gitlab_is_linked_by_its_own_address(world: &World) {
    let given = given_at(world, "gitlab", "/api/v4", &["issues"]).await;
    let (first, second) = (given.issue("First"), given.issue("Second"));
    let id = given.made("By hand").await;
    let address = format!("gitlab:{}/{}", world.forge.base_url(), given.name);

    given.link(&id, &format!("gitlab:https://gitlab.com/{}:issue:{first}", given.name)).await.problem(400, "VALIDATION_FAILED");
    given.link(&id, &format!("{address}:{first}")).await.is(200);
    assert_eq!(given.sync().await, [1, 1, 0]);

    let items = given.items().await;
    assert_eq!(items[&id]["externalId"], format!("{address}:issue:{first}"));
    let other = items.values().find(|item| item["id"] != id.as_str()).unwrap();
    assert_eq!(other["externalId"], format!("{address}:issue:{second}"));
}
