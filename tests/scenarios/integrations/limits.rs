//! Each vendor has its own ways to say that it was asked too often, or too much.

use jiff::{SignedDuration, Timestamp};
use pullcord_forge::{Behaviour, Fault};
use serde_json::{Value, json};

use super::{Given, Vendor, assert_done, given, now};
use crate::world::World;

crate::scenarios![
    short_limits_are_waited_for,
    used_up_credits_pause_the_run_until_they_are_back,
    a_limit_without_an_end_is_given_a_minute,
    a_page_that_takes_too_long_is_made_smaller,
];

/// What Xledger says instead of data.
fn says(code: &str, message: &str, extensions: Value) -> Behaviour {
    Behaviour::json(200, &json!({"errors": [{"message": message, "code": code, "extensions": extensions}]}))
}

/// S3.45: Xledger's limits on bursts and on what goes on at once last seconds, and
/// Dataverse says how many.
async fn short_limits_are_waited_for(world: &World) {
    let stories = [
        (Vendor::Xledger, says("BAD_REQUEST.BURST_RATE_LIMIT_REACHED", "Too many requests", json!({})), 5),
        (Vendor::Xledger, says("BAD_REQUEST.CONCURRENCY_LIMIT_REACHED", "Too many at once", json!({})), 1),
        (Vendor::Dataverse, Behaviour::SecondaryLimit { status: 429, retry_after: Some(2) }, 2),
    ];
    let told = stories.map(async |(vendor, behaviour, seconds)| {
        let given = given(world, vendor).await;
        let [one, other] = vendor.entities();
        given.old(one, 3);
        given.old(other, 2);
        given.forge.script(Fault::on(given.listing(one), behaviour));

        assert_done(&given.sync(json!({})).await, 5, 0, 0);

        let at: Vec<Timestamp> = given.requests(one).iter().map(|entry| entry.at).collect();
        assert!(at.len() == 2 && at[1].duration_since(at[0]) >= SignedDuration::from_secs(seconds), "{vendor:?}: {at:?}");
    });
    futures::future::join_all(told).await;
}

/// S3.45: Xledger says when there are credits again; if it does not, that is twenty
/// minutes.
async fn used_up_credits_pause_the_run_until_they_are_back(world: &World) {
    for is_told in [true, false] {
        let resets_at = Timestamp::from_second(now(world).as_second() + 600).unwrap();
        let (extensions, earliest) = if is_told {
            (json!({"resetAt": resets_at.to_string()}), resets_at)
        } else {
            (json!({}), now(world) + SignedDuration::from_mins(20))
        };
        let given = given(world, Vendor::Xledger).await;
        given.old("projects", 3);
        given.old("customers", 2);
        given
            .forge
            .script(Fault::on(given.listing("projects"), says("BAD_REQUEST.INSUFFICIENT_CREDITS", "Not enough credits", extensions)));

        pauses(world, &given, "Not enough credits", earliest, 5).await;
    }
}

/// S3.45: Business Central does not say how long its limit lasts.
async fn a_limit_without_an_end_is_given_a_minute(world: &World) {
    let given = given(world, Vendor::BusinessCentral).await;
    given.old("customers", 3);
    given.old("items", 2);
    given.forge.script(Fault::on(given.listing("customers"), Behaviour::SecondaryLimit { status: 429, retry_after: None }));

    pauses(world, &given, "Too many requests reached", now(world) + SignedDuration::from_mins(1), 5).await;
}

/// The run says why it waits and until when, and goes on by itself where time can be
/// turned; elsewhere it is cancelled, which ends it at once.
async fn pauses(world: &World, given: &Given<'_>, words: &str, earliest: Timestamp, created: u64) {
    let accepted = given.admin.press(&format!("{}/sync", given.path())).await.is(202);
    let id = accepted["id"].as_str().unwrap();

    let paused = given.admin.until(id, |run| run["status"] == "paused").await;

    let resumes_at: Timestamp = paused["resumes_at"].as_str().unwrap().parse().unwrap();
    assert!(resumes_at >= earliest && resumes_at < earliest + SignedDuration::from_mins(5), "{paused:#}");
    assert!(paused["status_reason"].as_str().unwrap().contains(words), "{paused:#}");
    assert_eq!(given.look().await["status"], "syncing");
    if world.is_local() {
        world.clock.turn(SignedDuration::from_mins(25));
        world.tick().await;
        assert_done(&given.admin.ended(id).await, created, 0, 0);
    } else {
        assert_eq!(given.admin.press(&format!("/v1/runs/{id}/cancel")).await.is(202)["status"], "cancelled");
    }
}

/// S3.45: what Xledger cannot give in its time is asked for in smaller pages.
async fn a_page_that_takes_too_long_is_made_smaller(world: &World) {
    let given = given(world, Vendor::Xledger).await;
    given.old("projects", 9);
    given.old("customers", 2);
    let slow = Behaviour::json(200, &json!({"errors": [{"message": "Your query timed out."}]}));
    given.forge.script(Fault::on(given.listing("projects"), slow).times(2));

    assert_done(&given.sync(json!({})).await, 11, 0, 0);

    let sizes: Vec<u64> = given.requests("projects").iter().map(rows).collect();
    assert_eq!(sizes, [1_000, 500, 250]);
}

fn rows(entry: &pullcord_forge::Entry) -> u64 {
    serde_json::from_str::<Value>(entry.body.as_deref().unwrap()).unwrap()["variables"]["first"].as_u64().unwrap()
}
