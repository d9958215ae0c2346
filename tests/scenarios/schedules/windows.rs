//! Windows: when nothing begins by itself, though it is due.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Given, given, time};
use crate::world::World;

crate::scenarios![
    a_period_in_a_denied_window_is_skipped_and_on_record,
    outside_of_what_is_allowed_nothing_begins,
    whoever_asks_overrides_a_window_on_record,
];

/// A window of this rule that is open for the two hours around now.
fn around_now(given: &Given<'_>, rule: &str, from_now: SignedDuration) -> Value {
    let now = jiff::Timestamp::from_millisecond(given.world.clock.now().0).unwrap();
    let began = now.checked_add(from_now).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
    let cron = format!("{} {} * * *", began.minute(), began.hour());
    json!({"rule": rule, "cron": cron, "duration": "PT2H"})
}

async fn a_period_in_a_denied_window_is_skipped_and_on_record(world: &World) {
    if !world.is_local() {
        return;
    }
    let given = given(world).await;
    let closed = around_now(&given, "deny", SignedDuration::from_mins(-60));
    let set = given.set(json!({"every": "PT30M", "windows": [closed]})).await;
    assert!(set["denied_now"].is_string(), "{set:#}");
    // Two of them lie in the window, or one if it ends just then.
    let next = time(&given.look().await["next_run_at"]);

    let ticked = given.minutes_pass(31).await;

    assert_eq!((&ticked["begun"], &ticked["skipped"]), (&json!(0), &json!(1)));
    let skipped = given.audit("schedule.skipped").await;
    assert_eq!((skipped.len(), given.runs().await.len()), (1, 0), "{skipped:#?}");
    assert!(skipped[0]["facts"]["why"].as_str().unwrap().contains("a window denies it"), "{skipped:#?}");
    given.minutes_pass(60).await;
    let runs = given.runs().await;
    assert_eq!(runs.len(), 1, "the window is over: {runs:#?}");
    assert!(time(&runs[0]["scheduled_for"]) >= next);
}

async fn outside_of_what_is_allowed_nothing_begins(world: &World) {
    if !world.is_local() {
        return;
    }
    let given = given(world).await;
    let later = around_now(&given, "allow", SignedDuration::from_mins(50));
    given.set(json!({"every": "PT30M", "windows": [later]})).await;

    given.minutes_pass(31).await;
    assert_eq!((given.runs().await.len(), given.audit("schedule.skipped").await.len()), (0, 1));
    given.minutes_pass(30).await;
    assert_eq!(given.runs().await.len(), 1);
}

/// A person may know better; that they did is in the audit of the run.
async fn whoever_asks_overrides_a_window_on_record(world: &World) {
    let given = given(world).await;
    let closed = around_now(&given, "deny", SignedDuration::from_mins(-60));
    given.set(json!({"every": "PT12H", "windows": [closed]})).await;
    let told = given.admin.get(&format!("/v1/sources/{}/sync/explain", given.source)).await.is(200);
    let check = told["checks"].as_array().unwrap().iter().find(|check| check["check"] == "window").unwrap();
    assert!(check["ok"] == true && check["facts"]["denied"].is_string() && told["would"] == "accept", "{told:#}");

    let run = given.admin.sync(&given.source, json!({})).await;

    assert_eq!(run["status"], "completed", "{run:#}");
    let audit = given.admin.get(&format!("/v1/runs/{}/audit", run["id"].as_str().unwrap())).await.is(200);
    let created = audit["audit"].as_array().unwrap().iter().find(|line| line["what"] == "run.created").unwrap();
    assert!(created["facts"]["window_overridden"].is_string(), "{audit:#}");
}
