//! What little a provider still answers is left to others, and each workspace keeps
//! its own account of it.

use jiff::Timestamp;
use pullcord_forge::Quota;
use serde_json::{Value, json};

use super::{Given, Watched, child_of, comes, everything, given, id_of, one, turn_to, with};
use crate::world::{World, fresh};

crate::scenarios![
    ninety_nine_are_too_few_and_a_hundred_are_enough,
    each_workspace_keeps_its_own_account,
    a_refusal_for_quota_starts_no_rest,
    a_workspace_of_which_nothing_may_start_is_refused,
    what_may_not_start_does_not_keep_the_others,
];

/// A credential of which so many requests are left for so many minutes, and when
/// they have passed.
fn credential(world: &World, remaining: u64, minutes: i64) -> (String, Value) {
    let token = fresh("token-of");
    let resets_at = Timestamp::from_second(world.clock.now().0 / 1_000 + minutes * 60).unwrap();
    world.forge.set_quota(Some(&token), Quota { limit: 5_000, remaining, resets_at });
    (token, json!(resets_at.to_string()))
}

/// A repository that is known to have ninety-nine requests left for so many
/// minutes, and when they have passed.
async fn low(given: &Given<'_>, minutes: i64) -> (Watched, Value) {
    let (token, resets_at) = credential(given.tenant.world, 100, minutes);
    let watched = given.made(&token, 1, json!({})).await;
    given.admin.sync(&watched.source, json!({})).await;
    assert_eq!(given.look(&watched).await["quota"]["remaining"], 99);
    (watched, resets_at)
}

/// S0.9, S0.10, S0.25, S0.26: how many are left is said, and when there will be
/// more. A window that has reset counts as full.
async fn ninety_nine_are_too_few_and_a_hundred_are_enough(world: &World) {
    let given = given(world).await;
    let (token, resets_at) = credential(world, 101, 30);
    let web = given.made(&token, 1, json!({})).await;
    for left in [100, 99] {
        let run = given.accepted(one(&web)).await;
        given.ended(&run).await;
        assert_eq!(given.look(&web).await["quota"]["remaining"], left);
    }

    let refused = given.refused(one(&web), "RATE_LIMIT_LOW").await;

    assert_eq!(refused["quota"], json!({"remaining": 99, "limit": 5_000, "resetAt": resets_at}), "{refused:#}");
    assert_eq!(refused["nextAllowedAt"], resets_at, "{refused:#}");
    let would = given.ask(with(one(&web), json!({"dryRun": true}))).await.is(200);
    assert!(would["outcome"] == "would_refuse" && would.to_string().contains("RATE_LIMIT_LOW"), "{would:#}");
    assert_eq!((given.runs().await, given.asked(&web)), (2, 2));
    if world.is_local() {
        turn_to(world, &resets_at, 0);
        let run = given.accepted(one(&web)).await;
        assert_eq!(given.ended(&run).await["status"], "completed");
    }
}

/// S0.27: what one workspace was told of a credential another does not know.
async fn each_workspace_keeps_its_own_account(world: &World) {
    let (given, elsewhere) = (given(world).await, given(world).await);
    let (token, _) = credential(world, 102, 30);
    let theirs = elsewhere.made(&token, 1, json!({})).await;
    elsewhere.admin.sync(&theirs.source, json!({})).await;
    let web = given.made(&token, 1, json!({})).await;
    for _ in 0..2 {
        given.admin.sync(&web.source, json!({})).await;
    }

    given.refused(one(&web), "RATE_LIMIT_LOW").await;
    let run = elsewhere.accepted(one(&theirs)).await;

    assert_eq!(elsewhere.ended(&run).await["status"], "completed");
}

/// S0.2, S0.28: whoever is refused for want of quota may ask again as soon as there is
/// some, of a repository as of a workspace.
async fn a_refusal_for_quota_starts_no_rest(world: &World) {
    let given = given(world).await;
    let (web, resets_at) = low(&given, 10).await;
    given.cools_for("PT15M", "PT5M").await;
    let before = given.look(&web).await;

    for body in [one(&web), everything()] {
        given.refused(body, "RATE_LIMIT_LOW").await;
    }

    let after = given.look(&web).await;
    assert_eq!((&after["cooldown_until"], &after["last_triggered_at"]), (&Value::Null, &before["last_triggered_at"]), "{after:#}");
    if world.is_local() {
        turn_to(world, &resets_at, 1);
        for body in [everything(), one(&web)] {
            let run = given.accepted(body).await;
            assert_eq!(given.ended(&run).await["status"], "completed");
        }
    }
}

/// S0.9, S0.26: nothing is begun of which nothing could be done, and the answer is
/// that of one repository.
async fn a_workspace_of_which_nothing_may_start_is_refused(world: &World) {
    let given = given(world).await;
    let (web, resets_at) = low(&given, 30).await;
    let same = given.made(&web.token, 1, json!({})).await;
    let before = given.runs().await;

    let refused = given.refused(everything(), "RATE_LIMIT_LOW").await;

    assert_eq!(refused["quota"], json!({"remaining": 99, "limit": 5_000, "resetAt": resets_at}), "{refused:#}");
    assert_eq!(refused["nextAllowedAt"], resets_at, "{refused:#}");
    let would = given.ask(with(everything(), json!({"dryRun": true}))).await.is(200);
    assert_eq!(would["outcome"], "would_refuse", "{would:#}");
    given.admin.press(&given.native()).await.problem(429, "RATE_LIMIT_LOW");
    assert_eq!((given.runs().await, given.asked(&same)), (before, 0));
    if world.is_local() {
        turn_to(world, &resets_at, 1);
        let run = given.accepted(everything()).await;
        assert_eq!(given.ended(&run).await["results"]["created"], 1);
    }
}

/// S0.16, S0.39: a child whose quota is low is parked and runs by itself, and the
/// workspace run waits for it; the others do not.
async fn what_may_not_start_does_not_keep_the_others(world: &World) {
    let given = given(world).await;
    let (low, resets_at) = low(&given, 30).await;
    let web = given.repository(3).await;

    let run = given.accepted(everything()).await;

    let children = given.begun(&run, 2).await;
    let (waiting, going) = (child_of(&children, &low), child_of(&children, &web));
    assert_eq!((&waiting["own"], &waiting["run"]["status"]), (&json!(true), &json!("parked")), "{waiting:#}");
    assert_eq!((&waiting["run"]["resumes_at"], &waiting["run"]["parent"]), (&resets_at, &json!(run)), "{waiting:#}");
    assert_eq!(given.ended(&id_of(going)).await["results"]["created"], 3);
    assert!(given.run(&run).await["finished_at"].is_null());
    assert_eq!(given.asked(&low), 1);
    if world.is_local() {
        comes(world, &resets_at).await;
        assert_eq!(given.ended(&id_of(waiting)).await["status"], "completed");
        let ended = given.ended(&run).await;
        assert_eq!((&ended["status"], &ended["children"]["done"]), (&json!("completed"), &json!(2)), "{ended:#}");
    } else {
        given.admin.press(&format!("/v1/runs/{run}/cancel")).await.is(202);
        assert_eq!(given.ended(&id_of(waiting)).await["status"], "cancelled");
        assert_eq!(given.ended(&run).await["status"], "cancelled");
    }
}
