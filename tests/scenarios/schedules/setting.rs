//! A schedule is set, shown, tried out and taken away.

use serde_json::{Value, json};

use super::{given, time};
use crate::world::World;

crate::scenarios![
    a_schedule_is_set_shown_and_taken_away,
    the_next_times_are_shown_before_anything_is_set,
    who_may_set_one,
    all_that_is_wrong_is_said_at_once,
];

async fn a_schedule_is_set_shown_and_taken_away(world: &World) {
    let given = given(world).await;
    given.admin.get(&given.path()).await.is(404);
    assert_eq!(given.look().await["next_run_at"], Value::Null);

    let windows = json!([{"rule": "deny", "cron": "0 22 * * *", "duration": "PT8H", "timezone": "America/New_York"}]);
    let set = given.set(json!({"cron": "0 14 * * 1-5", "timezone": "Europe/Oslo", "windows": windows, "prewarm": true})).await;

    assert_eq!(set["upcoming"].as_array().unwrap().len(), 5, "{set:#}");
    assert_eq!((&set["cron"], &set["every"], &set["timezone"]), (&json!("0 14 * * 1-5"), &Value::Null, &json!("Europe/Oslo")));
    assert_eq!((&set["windows"], &set["prewarm"]), (&windows, &json!(true)));
    assert_eq!(given.admin.get(&given.path()).await.is(200)["cron"], "0 14 * * 1-5");
    let source = given.look().await;
    assert_eq!((&source["next_run_at"], &source["schedule"]["cron"]), (&set["upcoming"][0], &json!("0 14 * * 1-5")));
    assert_eq!(given.audit("schedule.set").await.len(), 1);

    given.admin.delete(&given.path()).await.is(204);
    given.admin.delete(&given.path()).await.is(204);
    given.admin.get(&given.path()).await.is(404);
    let source = given.look().await;
    assert_eq!((&source["next_run_at"], &source["schedule"]), (&Value::Null, &Value::Null));
    assert_eq!(given.audit("schedule.cleared").await.len(), 1);
}

async fn the_next_times_are_shown_before_anything_is_set(world: &World) {
    let given = given(world).await;
    let tried = given.admin.put(&format!("{}?dryRun=true", given.path()), json!({"every": "PT30M"})).await.is(200);
    let upcoming = tried["upcoming"].as_array().unwrap();
    let apart = time(&upcoming[4]).duration_since(time(&upcoming[0]));
    assert_eq!((upcoming.len(), apart.as_mins()), (5, 120), "{tried:#}");
    given.admin.get(&given.path()).await.is(404);
}

/// Admins, as with all settings; everybody of the workspace may look.
async fn who_may_set_one(world: &World) {
    let given = given(world).await;
    let hourly = json!({"every": "PT1H"});
    for role in ["maintainer", "coordinator", "member", "viewer"] {
        let person = given.tenant.join(role, role).await;
        person.put(&given.path(), hourly.clone()).await.is(403);
        person.delete(&given.path()).await.is(403);
    }
    given.set(hourly.clone()).await;
    given.tenant.user("viewer").get(&given.path()).await.is(200);
    let stranger = world.tenant().await;
    stranger.admin().put(&given.path(), hourly).await.is(404);
    stranger.admin().get(&given.path()).await.is(404);
}

async fn all_that_is_wrong_is_said_at_once(world: &World) {
    let given = given(world).await;
    let table = [
        (json!({}), vec!["every"]),
        (json!({"every": "PT1H", "cron": "0 6 * * *"}), vec!["every"]),
        (json!({"every": "PT30S"}), vec!["every"]),
        (json!({"every": "P2Y"}), vec!["every"]),
        (json!({"cron": "0 6 * *"}), vec!["cron"]),
        (json!({"cron": "61 6 * * *"}), vec!["cron"]),
        (json!({"cron": "0 0 30 2 *"}), vec!["cron"]),
        (json!({"cron": "0 6 * * *", "timezone": "Mars/Olympus"}), vec!["timezone"]),
        (
            json!({"every": "PT1S", "windows": [
                {"rule": "deny", "cron": "x", "duration": "PT8H"},
                {"rule": "allow", "cron": "0 8 * * *", "duration": "P32D"},
                {"rule": "allow", "cron": "0 8 * * *", "duration": "PT1H", "timezone": "nowhere"}]}),
            vec!["every", "windows[0].cron", "windows[1].duration", "windows[2].timezone"],
        ),
        (json!({"cron": "0 6 * * *", "windows": [{"rule": "deny", "cron": "0 5 * * *", "duration": "PT2H"}]}), vec!["windows"]),
    ];
    for (body, places) in table {
        let refused = given.admin.put(&given.path(), body.clone()).await.is(400);
        let at: Vec<&str> = refused["errors"].as_array().unwrap().iter().map(|error| error["at"].as_str().unwrap()).collect();
        assert_eq!(at, places, "{body} {refused:#}");
    }
    given.admin.put(&given.path(), json!({"every": "PT1H", "evry": "PT2H"})).await.is(400);
    given.admin.get(&given.path()).await.is(404);
}
