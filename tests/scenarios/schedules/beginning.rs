//! Periods begin: once each, however the clock ticks.

use std::collections::BTreeSet;
use std::time::Duration;

use pullcord_forge::{Behaviour, Fault};
use serde_json::{Value, json};

use super::{given, time};
use crate::world::World;

crate::scenarios![
    a_period_begins_one_run_however_often_the_clock_ticks,
    the_deployment_ticks_by_itself,
    a_late_tick_begins_one_run_and_says_how_late,
    a_busy_source_keeps_the_period_for_later,
    a_schedule_obeys_no_cooldown_and_starts_none,
    what_is_taken_away_does_not_begin,
];

/// S3.37: source and period are the key, whoever ticks and how often.
async fn a_period_begins_one_run_however_often_the_clock_ticks(world: &World) {
    if !world.is_local() {
        return;
    }
    let given = given(world).await;
    given.set(json!({"every": "PT1H"})).await;
    let due = given.look().await["next_run_at"].clone();
    given.minutes_pass(59).await;
    assert_eq!(given.runs().await, Vec::<Value>::new());

    given.minutes_pass(2).await;
    futures::future::join_all((0..4).map(|_| world.tick())).await;

    let runs = given.runs().await;
    assert_eq!(runs.len(), 1, "{runs:#?}");
    let run = given.admin.ended(runs[0]["id"].as_str().unwrap()).await;
    assert_eq!((&run["status"], &run["trigger"], &run["triggered_by"]), (&json!("completed"), &json!("schedule"), &json!("schedule")));
    assert_eq!(run["scheduled_for"], due, "S3.38");
    let drift = run["drift_seconds"].as_u64().unwrap();
    assert!((60..90).contains(&drift) && run["warnings"] == json!([]), "{run:#}");
    assert_eq!(given.admin.items(&given.source).await.len(), 3);

    // Two ticks at once, period after period.
    for period in 2..=5 {
        given.world.clock.turn(jiff::SignedDuration::from_hours(1));
        tokio::join!(world.tick(), world.tick());
        let runs = given.runs().await;
        assert_eq!(runs.len(), period, "{runs:#?}");
        given.admin.ended(runs[0]["id"].as_str().unwrap()).await;
    }
    let periods: BTreeSet<String> = given.runs().await.iter().map(|run| run["scheduled_for"].to_string()).collect();
    assert_eq!(periods.len(), 5, "{periods:?}");
}

/// S3.40: in the cloud EventBridge ticks; nobody helps here.
async fn the_deployment_ticks_by_itself(world: &World) {
    if world.is_local() {
        return;
    }
    let given = given(world).await;
    given.set(json!({"every": "PT1M"})).await;
    let due = given.look().await["next_run_at"].clone();
    for _ in 0..200 {
        if !given.runs().await.is_empty() {
            break;
        }
        world.clock.sleep(Duration::from_secs(1)).await;
    }
    given.admin.delete(&given.path()).await.is(204);
    let runs = given.runs().await;
    let run = runs.last().expect("a run began by itself");
    let run = given.admin.ended(run["id"].as_str().unwrap()).await;
    assert_eq!((&run["status"], &run["trigger"]), (&json!("completed"), &json!("schedule")), "{run:#}");
    assert!(time(&run["scheduled_for"]) >= time(&due) && run["drift_seconds"].as_u64().unwrap() < 300, "{run:#}");
}

/// S3.39: more than five minutes are a warning. What was missed in between is on
/// record, and not made up for.
async fn a_late_tick_begins_one_run_and_says_how_late(world: &World) {
    if !world.is_local() {
        return;
    }
    let given = given(world).await;
    given.set(json!({"every": "PT1H"})).await;
    let first = given.look().await["next_run_at"].clone();

    given.minutes_pass(60 * 3 + 40).await;
    given.minutes_pass(1).await;

    let runs = given.runs().await;
    assert_eq!(runs.len(), 1, "{runs:#?}");
    let run = given.admin.ended(runs[0]["id"].as_str().unwrap()).await;
    assert_eq!(time(&run["scheduled_for"]).duration_since(time(&first)).as_hours(), 2, "{run:#}");
    assert_eq!((&run["status"], &run["warnings"][0]["code"]), (&json!("completed_with_warnings"), &json!("SCHEDULE_DRIFT")), "{run:#}");
    let missed = given.audit("schedule.missed").await;
    assert_eq!((missed.len(), &missed[0]["facts"]["periods"]), (1, &json!("2")), "{missed:#?}");
    let next = given.look().await["next_run_at"].clone();
    assert_eq!(time(&next).duration_since(time(&first)).as_hours(), 3);
}

/// It becomes the follow-up of what runs, and stays the run of its period.
async fn a_busy_source_keeps_the_period_for_later(world: &World) {
    if !world.is_local() {
        return;
    }
    let given = given(world).await;
    let listing = format!("/repos/{}/issues", given.repository);
    world.forge.script(Fault::on(&listing, Behaviour::Hang));
    let running = given.admin.post(&format!("/v1/sources/{}/sync", given.source), json!({})).await.is(202);
    world.forge.wait_for(&listing, 1).await;
    given.set(json!({"every": "PT1M"})).await;
    let due = given.look().await["next_run_at"].clone();

    given.minutes_pass(1).await;
    world.tick().await;

    let follow_up = given.look().await["follow_up_run"].clone();
    given.admin.delete(&given.path()).await.is(204);
    world.forge.release();
    given.admin.ended(running["id"].as_str().unwrap()).await;
    let followed = given.admin.ended(follow_up.as_str().unwrap()).await;
    assert_eq!((&followed["scheduled_for"], &followed["triggered_by"]), (&due, &json!("schedule")), "{followed:#}");
    assert_eq!(given.runs().await.len(), 2);
}

async fn a_schedule_obeys_no_cooldown_and_starts_none(world: &World) {
    if !world.is_local() {
        return;
    }
    let given = given(world).await;
    given.set(json!({"every": "PT2M"})).await;
    given.minutes_pass(1).await;
    given.admin.sync(&given.source, json!({})).await;
    let cooling = given.look().await["cooldown_until"].clone();
    assert!(cooling.is_string(), "a press starts one");

    given.minutes_pass(1).await;

    let runs = given.runs().await;
    assert_eq!((runs.len(), &runs[0]["trigger"]), (2, &json!("schedule")), "{runs:#?}");
    given.admin.ended(runs[0]["id"].as_str().unwrap()).await;
    assert_eq!(given.look().await["cooldown_until"], cooling);
}

/// Neither without its schedule nor without its source.
async fn what_is_taken_away_does_not_begin(world: &World) {
    if !world.is_local() {
        return;
    }
    let given = given(world).await;
    given.set(json!({"every": "PT10M"})).await;
    given.admin.delete(&given.path()).await.is(204);
    given.minutes_pass(11).await;
    assert_eq!(given.runs().await, Vec::<Value>::new());

    given.set(json!({"every": "PT10M"})).await;
    given.set(json!({"every": "PT1H"})).await;
    given.minutes_pass(11).await;
    assert_eq!(given.runs().await, Vec::<Value>::new());

    let deleted = given.admin.delete(&format!("/v1/sources/{}", given.source)).await.is(202);
    given.admin.ended(deleted["id"].as_str().unwrap()).await;
    assert_eq!(given.minutes_pass(61).await["begun"], 0);
}
