//! Each forge has its own way to say that it was asked too often.

use jiff::{SignedDuration, Timestamp};
use pullcord_forge::{Behaviour, Fault, Quota};
use serde_json::json;

use super::{Bitbucket, GitLab, Given, Issues, Provider, PullRequests, Stream, assert_done, given, id, made, now};
use crate::world::World;

crate::scenarios![a_short_limit_is_waited_for, a_throttle_pauses_the_run_until_its_end, a_limit_without_an_end_is_given_a_minute,];

/// S2.13, S2.78: a limit that says it lasts a second is waited for.
async fn a_short_limit_is_waited_for(world: &World) {
    let stories = [(GitLab, Issues), (GitLab, PullRequests), (Bitbucket, PullRequests)].map(async |(provider, stream)| {
        let given = given(world, provider, &[stream]).await;
        given.old(world, stream, 3);
        given.forge.script(Fault::on(given.listing(stream), Behaviour::SecondaryLimit { status: 429, retry_after: Some(1) }));

        assert_done(&given.sync(json!({})).await, 3, 0);

        let at: Vec<Timestamp> = given.requests(stream).iter().map(|entry| entry.at).collect();
        assert!(at.len() == 2 && at[1].duration_since(at[0]) >= SignedDuration::from_secs(1), "{at:?}");
    });
    futures::future::join_all(stories).await;
}

/// S2.13, S2.79: GitLab's throttle stands before everything else and answers in
/// plain text, with the seconds until there is room again.
async fn a_throttle_pauses_the_run_until_its_end(world: &World) {
    let given = given(world, GitLab, &[Issues, PullRequests]).await;
    given.old(world, Issues, 3);
    let resets_at = Timestamp::from_second(now(world).as_second() + 120).unwrap();
    given.forge.set_quota(Some(&given.token), Quota { limit: 5_000, remaining: 0, resets_at });

    pauses(world, &given, Issues, "Retry later", resets_at).await;
}

/// S2.13, S2.79: Bitbucket names no time, so it is given a minute at least.
async fn a_limit_without_an_end_is_given_a_minute(world: &World) {
    let table: [(Provider, Stream, &str); 2] =
        [(Bitbucket, PullRequests, "Rate limit for this resource has been exceeded"), (GitLab, Issues, "requested too many times")];
    for (provider, stream, words) in table {
        let given = given(world, provider, &[stream]).await;
        given.old(world, stream, 3);
        given.forge.script(Fault::on(given.listing(stream), Behaviour::SecondaryLimit { status: 429, retry_after: None }));

        pauses(world, &given, stream, words, now(world) + SignedDuration::from_mins(1)).await;
    }
}

/// The run says why it waits and until when, asks nothing meanwhile, and goes on by
/// itself where time can be turned; elsewhere it is cancelled, which ends it at once.
async fn pauses(world: &World, given: &Given<'_>, stream: Stream, words: &str, earliest: Timestamp) {
    let accepted = given.admin.press(&given.trigger()).await.is(202);

    let paused = given.admin.until(id(&accepted), |run| run["status"] == "paused").await;

    let resumes_at: Timestamp = paused["resumes_at"].as_str().unwrap().parse().unwrap();
    assert!(resumes_at >= earliest && resumes_at < earliest + SignedDuration::from_mins(5), "{paused:#}");
    assert!(paused["status_reason"].as_str().unwrap().contains(words), "{paused:#}");
    assert!(paused["finished_at"].is_null() && paused["error"].is_null(), "{paused:#}");
    assert_eq!((made(&paused), given.requests(stream).len()), (1, 1));
    assert_eq!(given.look().await["status"], "syncing");
    if world.is_local() {
        world.clock.turn(SignedDuration::from_mins(20));
        world.tick().await;
        let run = given.admin.ended(id(&accepted)).await;
        assert_done(&run, 3, 0);
        assert!(run["status_reason"].is_null() && run["resumes_at"].is_null(), "{run:#}");
    } else {
        assert_eq!(given.admin.press(&format!("/v1/runs/{}/cancel", id(&accepted))).await.is(202)["status"], "cancelled");
    }
}
