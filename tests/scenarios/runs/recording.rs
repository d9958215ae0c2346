//! What a run tells of itself: while it waits and works, how long it may take, and
//! afterwards what befell it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pullcord_forge::{Behaviour, Fault};
use serde_json::{Value, json};

use super::parking::at;
use super::{held, id, let_go};
use crate::scenarios::issues::{Given, cooling, given};
use crate::world::World;

crate::scenarios![
    a_run_is_on_record_from_its_creation_to_its_end,
    a_hiccup_is_on_record,
    a_pause_is_on_record,
    a_hand_over_is_on_record,
    an_open_run_says_what_it_waits_for_and_until_when,
    an_estimate_comes_with_experience,
];

async fn look_at(given: &Given<'_>, run: &Value) -> Value {
    given.admin.get(&format!("/v1/runs/{}", id(run))).await.is(200)
}

/// What is on record about a run, oldest first.
async fn record(given: &Given<'_>, run: &Value) -> Vec<Value> {
    let answer = given.admin.get(&format!("/v1/runs/{}/audit", id(run))).await.is(200);
    let lines = answer["audit"].as_array().unwrap().clone();
    assert!(lines.is_sorted_by_key(|line| at(&line["at"])), "{answer:#}");
    assert!(lines.iter().all(|line| line["run"] == run["id"]), "{answer:#}");
    lines
}

/// Where in a record something stands, each time it does.
fn places(lines: &[Value], what: &str) -> Vec<usize> {
    let numbered = lines.iter().enumerate();
    numbered.filter(|(_, line)| line["what"] == what).map(|(place, _)| place).collect()
}

/// The one line of a record that says this.
#[track_caller]
fn only<'lines>(lines: &'lines [Value], what: &str) -> &'lines Value {
    let [place] = places(lines, what)[..] else { panic!("not one {what} in {lines:#?}") };
    &lines[place]
}

/// The epochs in which a run was claimed, one after the other.
fn epochs(lines: &[Value]) -> Vec<&str> {
    places(lines, "run.claimed").into_iter().map(|place| lines[place]["facts"]["epoch"].as_str().unwrap()).collect()
}

/// How many of a run's requests came to an end that is called so.
fn calls(run: &Value, end: &str) -> u64 {
    let calls = run["calls"]["by"].as_object().unwrap().iter();
    calls.filter(|(call, _)| call.starts_with("GET /") && call.ends_with(end)).map(|(_, times)| times.as_u64().unwrap()).sum()
}

/// Made, claimed and ended, in this order; with what it asked its provider.
async fn a_run_is_on_record_from_its_creation_to_its_end(world: &World) {
    let given = given(world).await;
    given.old(world, 150);

    let run = given.sync(json!({})).await;

    let lines = record(&given, &run).await;
    let [created, claimed, ended] = ["run.created", "run.claimed", "run.ended"].map(|what| places(&lines, what));
    assert!(created == [0] && claimed.len() == 1 && claimed < ended && ended.len() == 1, "{lines:#?}");
    assert_eq!(epochs(&lines), ["1"]);
    // The second page is asked for by the link of the first, which names the repository by its number.
    assert_eq!((calls(&run, "/issues 200"), run["calls"]["by"].as_object().unwrap().len()), (2, 2), "{run:#}");
}

/// What a request met is told without its query, and without the credential.
async fn a_hiccup_is_on_record(world: &World) {
    let given = given(world).await;
    given.old(world, 120);
    world.forge.script(Fault::on(&given.issues, Behaviour::status(502)).nth(2));

    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), &run["calls"]["made"]), (Some("completed"), &json!(3)), "{run:#}");
    assert_eq!((calls(&run, "/issues 200"), calls(&run, "/issues 502")), (2, 1), "{run:#}");
    let lines = record(&given, &run).await;
    let facts = only(&lines, "provider.retried")["facts"].to_string();
    assert!(facts.contains("/issues") && facts.contains("502") && !facts.contains('?'), "{facts}");
    let told = format!("{run}{lines:?}");
    assert!(!told.contains(&given.token) && !told.contains("per_page"), "{told}");
    assert!(places(&lines, "run.claimed") < places(&lines, "provider.retried"));
    assert!(places(&lines, "provider.retried") < places(&lines, "run.ended"));
}

/// Why it stopped, until when, and that it went on.
async fn a_pause_is_on_record(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    world.forge.script(Fault::on(&given.issues, Behaviour::SecondaryLimit { status: 429, retry_after: Some(120) }));
    let accepted = given.admin.press(&given.trigger()).await.is(202);

    let paused = given.admin.until(id(&accepted), |run| run["status"] == "paused").await;

    assert!(at(&paused["resumes_at"]) > at(&paused["started_at"]), "{paused:#}");
    assert!(paused["status_reason"].as_str().unwrap().contains("rate limit"), "{paused:#}");
    assert!(at(&paused["changes_by"]) >= at(&paused["resumes_at"]), "{paused:#}");
    let lines = record(&given, &paused).await;
    let facts = &only(&lines, "run.paused")["facts"];
    assert_eq!(facts["until"], paused["resumes_at"]);
    assert!(facts["why"].as_str().unwrap().contains("rate limit"), "{facts:#}");
    if world.is_local() {
        world.clock.turn(SignedDuration::from_mins(10));
        world.tick().await;
        let ended = given.admin.ended(id(&accepted)).await;
        assert_eq!((ended["status"].as_str(), calls(&ended, " 429"), calls(&ended, " 200")), (Some("completed"), 1, 1));
        assert_eq!(epochs(&record(&given, &ended).await), ["1", "2"]);
    } else {
        given.admin.press(&format!("/v1/runs/{}/cancel", id(&accepted))).await.is(202);
    }
}

/// A worker whose time is nearly up leaves the run to the next, and says so.
async fn a_hand_over_is_on_record(world: &World) {
    if !world.is_local() {
        return;
    }
    let given = given(world).await;
    given.old(world, 150);
    let running = held(world, &given, json!({})).await;
    world.clock.turn(SignedDuration::from_secs(200));

    let ended = let_go(world, &given, &running).await;

    assert_eq!((ended["status"].as_str(), &ended["results"]["created"]), (Some("completed"), &json!(150)), "{ended:#}");
    let lines = record(&given, &ended).await;
    assert_eq!(epochs(&lines), ["1", "2"], "{lines:#?}");
    let (claimed, handed_over) = (places(&lines, "run.claimed"), places(&lines, "run.handed_over"));
    assert!(handed_over.len() == 1 && claimed[0] < handed_over[0] && handed_over[0] < claimed[1], "{lines:#?}");
}

/// Whatever state it is in, a run that has not ended says when something must have
/// changed; one that is being stopped says since when; and nothing is stalled.
async fn an_open_run_says_what_it_waits_for_and_until_when(world: &World) {
    let given = cooling(world).await;
    given.old(world, 3);
    let accepted = held(world, &given, json!({})).await;
    let next = given.admin.post(&given.trigger(), json!({"onConflict": "followUp"})).await.is(202);
    let running = look_at(&given, &accepted).await;
    assert_eq!(given.look().await["stalled"], false);
    given.admin.press(&format!("/v1/runs/{}/cancel", id(&accepted))).await.is(202);
    let cancelling = look_at(&given, &accepted).await;
    let waiting = look_at(&given, &next).await;
    assert_eq!(let_go(world, &given, &accepted).await["status"], "cancelled");
    given.admin.ended(id(&next)).await;
    given.sync(json!({})).await;
    let parked = given.admin.post(&given.trigger(), json!({"onBlocked": "park"})).await.is(202);

    let states = [(&accepted, "queued"), (&running, "running"), (&waiting, "queued"), (&cancelling, "cancelling"), (&parked, "parked")];
    for (run, status) in states {
        assert_eq!(run["status"], status);
        assert!(at(&run["changes_by"]) > at(&run["created_at"]), "{run:#}");
    }
    for run in [&waiting, &cancelling, &parked] {
        assert!(run["status_reason"].as_str().is_some_and(|why| why.contains(' ')), "{run:#}");
    }
    let mut words = cancelling["status_reason"].as_str().unwrap().split(' ');
    let since = words.find_map(|word| word.trim_end_matches([';', ',', '.', ':']).parse::<Timestamp>().ok());
    assert!(since.is_some(), "{cancelling:#}");
    assert_eq!(given.look().await["stalled"], false);
    given.admin.press(&format!("/v1/runs/{}/cancel", id(&parked))).await.is(202);
}

/// Nobody knows how long a first run takes. After three that took their time it
/// can be said how long the next takes, and about how surely.
async fn an_estimate_comes_with_experience(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let first = held(world, &given, json!({})).await;
    assert!(look_at(&given, &first).await["estimated_completion"].is_null());
    let_go(world, &given, &first).await;
    for _ in 0..3 {
        let slow = held(world, &given, json!({})).await;
        if world.is_local() {
            world.clock.turn(SignedDuration::from_mins(1));
        } else {
            world.clock.sleep(Duration::from_secs(4)).await;
        }
        let_go(world, &given, &slow).await;
    }

    let run = held(world, &given, json!({})).await;
    let asked = world.clock.now();
    let running = look_at(&given, &run).await;

    assert_eq!(running["status"], "running");
    let expected = at(&running["estimated_completion"]);
    assert!(expected > asked && expected < asked.plus(Duration::from_mins(10)), "{running:#}");
    let spread: SignedDuration = running["estimated_spread"].as_str().unwrap().parse().unwrap();
    assert!(spread >= SignedDuration::ZERO, "{running:#}");
    let_go(world, &given, &run).await;
}
