//! Many deliveries at once, and deliveries at a bad time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use pullcord_forge::{Behaviour, Fault, Happening, Quota, Sender};
use serde_json::{Value, json};

use super::{given, given_with, now, run_of, turn};
use crate::world::World;

crate::scenarios![
    a_burst_makes_one_run_and_one_more,
    a_burst_out_of_nothing_makes_no_more_either,
    no_cooldown_is_obeyed_or_started,
    a_low_quota_parks_what_is_delivered,
];

/// Deliveries at the same instant.
const MANY: usize = 100;

/// While a run is under way, one more follows it, whatever is delivered meanwhile.
async fn a_burst_makes_one_run_and_one_more(world: &World) {
    let given = given(world).await;
    let number = given.open_issue();
    world.forge.script(Fault::on(given.issues(), Behaviour::Hang));
    let running = given.tell(Happening::IssueOpened(number)).await.is(202);
    world.forge.wait_for(&given.issues(), 1).await;

    let late = given.open_issue();
    let answers = futures::future::join_all((0..MANY).map(|_| given.tell(Happening::IssueOpened(late)))).await;

    let mut named = BTreeSet::new();
    for answer in answers {
        let answer = answer.is(202);
        assert_eq!([&answer["outcome"], &answer["status"]], ["follow_up", "queued"], "{answer:#}");
        named.insert(run_of(&answer).to_owned());
    }
    assert_eq!(named.len(), 1, "{named:?}");
    world.forge.release();
    assert_eq!(given.admin().ended(run_of(&running)).await["status"], "completed");
    let followed = given.admin().ended(named.first().unwrap()).await;
    assert_eq!([&followed["status"], &followed["trigger"], &followed["triggered_by"]], ["completed", "follow_up", "webhook"]);
    assert_eq!(given.admin().items(&given.source).await.len(), 2);
    world.tick().await;
    assert_eq!(given.runs().await.len(), 2);

    // Those that joined it are on record, and are not a hundred lines.
    let audit = given.admin().get(&format!("/v1/runs/{}/audit", named.first().unwrap())).await.is(200);
    let joined: Vec<&Value> = audit["audit"].as_array().unwrap().iter().filter(|line| line["what"] == "run.joined").collect();
    let counted: u64 = joined.iter().map(|line| line["count"].as_u64().unwrap()).sum();
    assert!(joined.len() <= 3 && counted == MANY as u64 - 1, "{joined:#?}");
    assert!(joined.iter().all(|line| line["who"] == "webhook" && line["facts"]["trigger"] == "webhook"), "{joined:#?}");
}

/// Where nothing is under way one begins, and one more follows it at most.
async fn a_burst_out_of_nothing_makes_no_more_either(world: &World) {
    let given = given(world).await;
    let number = given.open_issue();
    world.forge.script(Fault::on(given.issues(), Behaviour::Hang));

    let answers = futures::future::join_all((0..MANY).map(|_| given.tell(Happening::IssueEdited(number)))).await;

    let mut outcomes = BTreeMap::<String, BTreeSet<String>>::new();
    let mut accepted = 0;
    for answer in answers {
        let answer = answer.is(202);
        accepted += u32::from(answer["outcome"] == "accepted");
        outcomes.entry(answer["outcome"].as_str().unwrap().to_owned()).or_default().insert(run_of(&answer).to_owned());
    }
    assert_eq!(accepted, 1);
    assert_eq!(outcomes.keys().map(String::as_str).collect::<Vec<_>>(), ["accepted", "follow_up"], "{outcomes:?}");
    assert!(outcomes.values().all(|named| named.len() == 1), "{outcomes:?}");
    world.forge.release();
    for run in outcomes.values().flatten() {
        assert_eq!(given.admin().ended(run).await["status"], "completed");
    }
    assert_eq!(given.runs().await.len(), 2);
}

/// A person's cooldown is nothing to a webhook, and a webhook's run nothing to a
/// person.
async fn no_cooldown_is_obeyed_or_started(world: &World) {
    let given = given_with(world, Sender::GitHub, &["issues"], "PT5M", "a secret").await;
    let number = given.open_issue();
    let first = given.tell(Happening::IssueOpened(number)).await.is(202);
    given.admin().ended(run_of(&first)).await;
    assert_eq!(given.look().await["cooldown_until"], Value::Null);

    given.admin().sync(&given.source, json!({"confirmed": true})).await;
    let before = given.look().await["cooldown_until"].clone();
    assert!(before.is_string());

    let answer = given.tell(Happening::IssueEdited(number)).await.is(202);
    assert_eq!(answer["outcome"], "accepted", "{answer:#}");
    assert_eq!(given.admin().ended(run_of(&answer)).await["status"], "completed");
    assert_eq!(given.look().await["cooldown_until"], before);
    given.admin().post(&given.trigger(), json!({"confirmed": true})).await.problem(429, "COOLDOWN_ACTIVE");
}

/// What cannot be looked at now is looked at when the quota is full again: once, and
/// still without a cooldown.
async fn a_low_quota_parks_what_is_delivered(world: &World) {
    let given = given_with(world, Sender::GitHub, &["issues"], "PT5M", "a secret").await;
    let number = given.open_issue();
    let resets_at = Timestamp::from_second(now(world).as_second() + 1_800).unwrap();
    world.forge.set_quota(Some(&given.token), Quota { limit: 5_000, remaining: 100, resets_at });
    given.admin().sync(&given.source, json!({})).await;

    let late = given.open_issue();
    let parked = given.tell(Happening::IssueOpened(late)).await.is(202);
    let joined = given.tell(Happening::IssueEdited(number)).await.is(202);

    let facts = [&parked["outcome"], &parked["status"], &parked["resumes_at"]];
    assert_eq!(facts, [&json!("parked"), &json!("parked"), &json!(resets_at.to_string())], "{parked:#}");
    assert_eq!([&joined["outcome"], &joined["run_id"]], [&json!("parked"), &parked["run_id"]], "{joined:#}");
    assert_eq!(given.runs().await.len(), 2);
    if world.is_local() {
        turn(world, Duration::from_secs(1_801));
        world.tick().await;
        let run = given.admin().ended(run_of(&parked)).await;
        assert_eq!([&run["status"], &run["trigger"], &run["triggered_by"]], ["completed", "parked", "webhook"], "{run:#}");
        assert_eq!(given.admin().items(&given.source).await.len(), 2);
        assert_eq!(given.look().await["cooldown_until"], Value::Null);
        assert_eq!(given.runs().await.len(), 2);
    } else {
        given.admin().press(&format!("/v1/runs/{}/cancel", run_of(&parked))).await.is(202);
    }
}
