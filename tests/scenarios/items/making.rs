//! An item is made by hand: what it says, who may, and what is no item.

use serde_json::{Value, json};

use super::given;
use crate::world::{Answer, World};

crate::scenarios![
    what_is_made_by_hand_is_an_item_like_others,
    viewers_make_and_link_nothing,
    another_projects_repository_is_not_there,
    what_is_wrong_with_it_is_said_at_once,
    a_repeated_request_makes_one_item,
    no_sync_touches_what_it_does_not_know,
];

/// S2.19, S2.112, S2.114: it is there at once, under its address and in every list.
async fn what_is_made_by_hand_is_an_item_like_others(world: &World) {
    let given = given(world).await;
    let body = json!({"title": "  Fix the login ", "body": "It hangs.", "labels": ["bug", "ui", "bug"]});

    let answer = given.mia.post(&given.path(), body).await;

    let location = answer.header("location").to_owned();
    let made = answer.is(201);
    assert_eq!(location, format!("{}/{}", given.path(), made["id"].as_str().unwrap()));
    assert_eq!(
        [&made["type"], &made["state"], &made["title"], &made["body"], &made["author"]],
        ["issue", "open", "Fix the login", "It hangs.", given.tenant.name("mia").as_str()]
    );
    assert_eq!((&made["labels"], &made["assignees"]), (&json!(["bug", "ui"]), &json!([])));
    assert_eq!((&made["externalId"], &made["customFields"], &made["syncedAt"]), (&Value::Null, &json!({}), &Value::Null));
    assert!(made["createdAt"].is_string() && made["updatedAt"] == made["createdAt"], "{made:#}");
    assert_eq!(given.mia.get(&location).await.is(200), made);
    assert_eq!(given.mia.get(&given.path()).await.is(200)["items"], json!([made]));
    assert_eq!(given.mia.items(&given.source).await, std::slice::from_ref(&made));
    let audit = given.tenant.admin().get(&format!("/v1/workspaces/{}/audit", given.tenant.slug)).await.is(200);
    let line = &audit["audit"][0];
    assert_eq!((&line["what"], &line["who"], &line["facts"]["item"]), (&json!("item.made"), &json!(given.tenant.name("mia")), &made["id"]));
}

/// S2.82, S2.102: viewers look, and strangers see nothing.
async fn viewers_make_and_link_nothing(world: &World) {
    let given = given(world).await;
    let id = given.made("Fix the login").await;
    let vera = given.tenant.join("vera", "viewer").await;
    let link = format!("{}/{id}/link-external", given.path());
    let to = json!({"externalId": given.external(1)});

    vera.post(&given.path(), json!({"title": "Another"})).await.problem(403, "FORBIDDEN");
    vera.post(&link, to.clone()).await.problem(403, "FORBIDDEN");
    assert_eq!(vera.get(&given.path()).await.is(200)["items"].as_array().unwrap().len(), 1);
    assert_eq!(vera.get(&format!("{}/{id}", given.path())).await.is(200)["externalId"], Value::Null);

    let stranger = world.tenant().await.admin();
    stranger.get(&given.path()).await.problem(404, "NOT_FOUND");
    stranger.get(&format!("{}/{id}", given.path())).await.problem(404, "NOT_FOUND");
    stranger.post(&given.path(), json!({"title": "Mine"})).await.problem(404, "NOT_FOUND");
    stranger.post(&link, to).await.problem(404, "NOT_FOUND");
    world.nobody().post(&given.path(), json!({"title": "Mine"})).await.problem(401, "UNAUTHENTICATED");
    assert_eq!(given.items().await.len(), 1);
}

/// What the project has not is not there, though the caller may see it elsewhere.
async fn another_projects_repository_is_not_there(world: &World) {
    let (given, other) = (given(world).await, given(world).await);
    let id = given.made("Fix the login").await;
    given.tenant.join("leo", "member").await;
    let elsewhere = format!("/api/projects/{}/repositories/{}/issues", other.project, given.source);

    for session in [&given.mia, &world.operator()] {
        session.get(&elsewhere).await.problem(404, "NOT_FOUND");
        session.post(&elsewhere, json!({"title": "Another"})).await.problem(404, "NOT_FOUND");
        session.get(&format!("{elsewhere}/{id}")).await.problem(404, "NOT_FOUND");
        session.post(&format!("{elsewhere}/{id}/link-external"), json!({"externalId": given.external(1)})).await.problem(404, "NOT_FOUND");
    }
    for unknown in ["0123456789abcdef0123456789abcdef", "x", "..%2Fx"] {
        given.mia.get(&format!("{}/{unknown}", given.path())).await.problem(404, "NOT_FOUND");
        given.link(unknown, &given.external(1)).await.problem(404, "NOT_FOUND");
    }
    assert_eq!(given.items().await.len(), 1);
}

/// S2.84: everything that is wrong, with where it is; and nothing is made.
async fn what_is_wrong_with_it_is_said_at_once(world: &World) {
    let given = given(world).await;
    let table = [
        (json!({}), vec!["title"]),
        (json!({"title": ""}), vec!["title"]),
        (json!({"title": " \n "}), vec!["title"]),
        (json!({"title": "a\u{0}b"}), vec!["title"]),
        (json!({"title": 17}), vec!["title"]),
        (json!({"title": "t".repeat(513)}), vec!["title"]),
        (json!({"title": "t", "labels": ["ok", " "]}), vec!["labels[1]"]),
        (json!({"title": "t", "labels": (0..101).map(|n| n.to_string()).collect::<Vec<_>>()}), vec!["labels"]),
        (json!({"title": "", "body": "b".repeat(65_537), "labels": [""]}), vec!["title", "body", "labels[0]"]),
        (json!({"title": "t", "state": "closed"}), vec!["state"]),
        (json!({"title": "t", "externalId": given.external(1)}), vec!["externalId"]),
    ];
    for (body, wrong) in table {
        let problem = given.mia.post(&given.path(), body).await.problem(400, "VALIDATION_FAILED");
        let at: Vec<&str> = problem["errors"].as_array().unwrap().iter().map(|one| one["at"].as_str().unwrap()).collect();
        assert_eq!(at, wrong, "{problem:#}");
    }
    assert!(given.items().await.is_empty());
    given.made(&"é".repeat(512)).await;
}

/// What is sent again with its key is no second item; with another body it is
/// a mistake.
async fn a_repeated_request_makes_one_item(world: &World) {
    let given = given(world).await;
    let keyed = async |key: &str, title: &str| {
        let path = given.path();
        let request = given.mia.request("POST", &path).header("idempotency-key", key).header("content-type", "application/json");
        Answer::of("POST", &path, request.body(json!({"title": title}).to_string())).await
    };

    let first = keyed("monday", "Fix the login").await.is(201);
    let again = keyed("monday", "Fix the login").await.is(201);
    let number = given.issue("fix the LOGIN");
    given.sync().await;
    let linked = keyed("monday", "Fix the login").await.is(201);
    let tuesday = keyed("tuesday", "Fix the login").await.is(201);

    assert_eq!(again, first);
    assert_eq!((&linked["id"], &linked["externalId"]), (&first["id"], &json!(given.external(number))));
    assert_ne!(tuesday["id"], first["id"]);
    keyed("monday", "Another").await.problem(422, "IDEMPOTENCY_MISMATCH");
    assert_eq!(given.items().await.len(), 2);
}

/// What no listing has is neither changed nor removed by one, however whole it is;
/// it goes with its source.
async fn no_sync_touches_what_it_does_not_know(world: &World) {
    let given = given(world).await;
    given.issue("On the forge");
    let id = given.made("By hand").await;
    let before = given.item(&id).await;

    assert_eq!(given.sync().await, [1, 0, 0]);
    assert_eq!(given.sync_with(json!({"full": true})).await, [0, 0, 1]);
    assert_eq!(given.sync_with(json!({"full": true, "includeClosed": true, "confirmed": true})).await, [0, 0, 1]);

    assert_eq!((given.items().await.len(), given.item(&id).await), (2, before));
    let run = given.tenant.admin().delete(&format!("/v1/sources/{}", given.source)).await.is(202);
    assert_eq!(given.tenant.admin().ended(run["id"].as_str().unwrap()).await["status"], "completed");
    given.mia.get(&format!("{}/{id}", given.path())).await.problem(404, "NOT_FOUND");
    given.mia.post(&given.path(), json!({"title": "Too late"})).await.problem(404, "NOT_FOUND");
}
