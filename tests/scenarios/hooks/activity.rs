//! A webhook that works: who syncs by hand all the same has to mean it.

use std::time::Duration;

use pullcord_forge::Happening;
use serde_json::{Value, json};

use super::{Given, given, turn};
use crate::world::World;

crate::scenarios![
    a_delivery_makes_the_webhook_active_for_a_day,
    what_an_admin_says_goes_before,
    without_a_secret_nothing_is_active,
    deliveries_of_another_repository_show_nothing,
];

/// Whether a sync by hand has to be confirmed; what is explained is what happens.
async fn has_to_be_confirmed(given: &Given<'_>) -> bool {
    let (admin, look) = (given.admin(), given.look().await);
    let explained = admin.get(&format!("{}/explain", given.trigger())).await.is(200);
    let check = explained["checks"].as_array().unwrap().iter().find(|check| check["check"] == "confirmation").unwrap().clone();
    assert_eq!(check["facts"]["webhook_active"], look["webhook"]["is_active"], "{check:#}");
    assert_eq!(check["facts"]["last_delivery_at"], look["webhook"]["last_delivery_at"], "{check:#}");
    let answer = admin.post(&given.trigger(), json!({"wait": "PT20S"})).await;
    let refused = answer.status == 409;
    if refused {
        assert_eq!(answer.problem(409, "CONFIRMATION_REQUIRED")["reasons"], json!(["WEBHOOK_ACTIVE"]));
        assert_eq!(admin.sync(&given.source, json!({"confirmed": true})).await["status"], "completed");
    } else {
        answer.is(200);
    }
    assert_eq!((check["ok"].clone(), look["webhook"]["is_active"].clone()), (json!(!refused), json!(refused)), "{check:#}");
    refused
}

/// S2.38, S2.98: from the first delivery on, until a day after the last one.
async fn a_delivery_makes_the_webhook_active_for_a_day(world: &World) {
    let given = given(world).await;
    assert!(!has_to_be_confirmed(&given).await);

    given.tell(Happening::Ping).await.is(200);

    assert!(has_to_be_confirmed(&given).await);
    if world.is_local() {
        turn(world, Duration::from_hours(23));
        assert!(has_to_be_confirmed(&given).await);
        given.tell(Happening::Starred).await.is(200);
        turn(world, Duration::from_hours(23));
        assert!(has_to_be_confirmed(&given).await);
        turn(world, Duration::from_hours(1));
        assert!(!has_to_be_confirmed(&given).await);
    }
}

/// S2.38: on or off, until an admin leaves it to the deliveries again.
async fn what_an_admin_says_goes_before(world: &World) {
    let given = given(world).await;
    let path = format!("/v1/sources/{}", given.source);
    let say = async |active: Value| {
        let webhook = given.admin().patch(&path, json!({"webhook": {"active": active}})).await.is(200)["webhook"].clone();
        assert_eq!((&webhook["active"], &webhook["secret_set"]), (&active, &json!(true)), "{webhook:#}");
    };
    say(json!(true)).await;
    assert!(has_to_be_confirmed(&given).await);
    given.tell(Happening::Ping).await.is(200);
    say(json!(false)).await;
    assert!(!has_to_be_confirmed(&given).await);
    say(Value::Null).await;
    assert!(has_to_be_confirmed(&given).await);
}

/// Nothing more can come, so nobody waits for it.
async fn without_a_secret_nothing_is_active(world: &World) {
    let given = given(world).await;
    given.tell(Happening::Ping).await.is(200);
    let path = format!("/v1/sources/{}", given.source);

    let webhook = given.admin().patch(&path, json!({"webhook": {"secret": null}})).await.is(200)["webhook"].clone();

    assert_eq!([&webhook["secret_set"], &webhook["is_active"]], [&json!(false), &json!(false)], "{webhook:#}");
    assert!(webhook["last_delivery_at"].is_string());
    assert!(!has_to_be_confirmed(&given).await);
    given.tell(Happening::Starred).await.problem(404, "NOT_FOUND");
}

/// A source that reads another repository from now on has heard nothing of it.
async fn deliveries_of_another_repository_show_nothing(world: &World) {
    let given = given(world).await;
    given.tell(Happening::Ping).await.is(200);
    let other = format!("{}-other", given.name);
    let repository = world.forge.repository(&other);
    let path = format!("/v1/sources/{}", given.source);

    let webhook = given.admin().patch(&path, json!({"repository": other})).await.is(200)["webhook"].clone();

    assert_eq!((&webhook["is_active"], &webhook["last_delivery_at"]), (&json!(false), &Value::Null), "{webhook:#}");
    given.tell(Happening::Starred).await.problem(400, "VALIDATION_FAILED");
    given.send(&repository.delivery(given.sender, Happening::Ping, Some(&given.secret))).await.is(200);
    assert_eq!(given.look().await["webhook"]["is_active"], true);
}
