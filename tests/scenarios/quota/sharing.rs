//! One limit, many who spend from it: together they are as careful as each is
//! alone.

use pullcord_forge::Quota;
use serde_json::json;

use super::{FLOOR, given, id, in_minutes, is_still, pages};
use crate::world::{World, fresh};

crate::scenarios![
    many_sources_on_one_token_never_spend_below_the_floor,
    a_principal_has_one_quota_whatever_its_tokens,
    workspaces_know_nothing_of_each_others_quota,
    a_later_window_replaces_what_was_known,
    who_tells_no_limits_blocks_nobody,
];

/// Twenty runs at once ask for four times what may be had. Not one request is made while
/// less than the floor is left, and in the next window all come to their end.
async fn many_sources_on_one_token_never_spend_below_the_floor(world: &World) {
    let given = given(world).await;
    let mut sources = Vec::new();
    for _ in 0..20 {
        sources.push(given.source(&pages(2)).await);
    }
    given.leave(FLOOR + 10);

    let asked = sources.iter().map(async |source| given.admin.press(&format!("/v1/sources/{source}/sync")).await);
    let answers = futures::future::join_all(asked).await;
    let (accepted, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 202);
    for answer in refused {
        answer.problem(429, "RATE_LIMIT_LOW");
    }
    let mut runs = Vec::new();
    for run in accepted {
        let run = run.is(202);
        runs.push(given.admin.until(id(&run), is_still).await);
    }

    assert!(given.left() >= FLOOR - 1, "{} are left of a floor of {FLOOR}", given.left());
    let paused: Vec<_> = runs.iter().filter(|run| run["status"] == "paused").cloned().collect();
    assert!(!paused.is_empty() && runs.iter().all(|run| run["status"] != "failed"), "{runs:#?}");
    if given.window_ends(&paused).await {
        for run in paused {
            assert_eq!(given.admin.ended(id(&run)).await["status"], "completed");
        }
    }
}

/// Two tokens of somebody whom the sources name count as one.
async fn a_principal_has_one_quota_whatever_its_tokens(world: &World) {
    let given = given(world).await;
    let named = |token: &str| json!({"principal": "the-bot", "credential": {"token": token}});
    let first = given.source_with(&pages(1), named(&given.token)).await;
    let second = given.source_with(&pages(1), named(&fresh("another-token"))).await;
    let third = given.source_with(&pages(1), json!({"credential": {"token": fresh("a-third-token")}})).await;
    given.leave(FLOOR);

    assert_eq!(given.admin.sync(&first, json!({})).await["status"], "completed");

    let refused = given.admin.press(&format!("/v1/sources/{second}/sync")).await.problem(429, "RATE_LIMIT_LOW");
    assert_eq!(refused["quota"]["remaining"], 99);
    assert_eq!(given.look(&second).await["quota"], given.look(&first).await["quota"]);
    assert_eq!(given.admin.sync(&third, json!({})).await["status"], "completed");
}

/// Not even of the same token.
async fn workspaces_know_nothing_of_each_others_quota(world: &World) {
    let (here, mut there) = (given(world).await, given(world).await);
    there.token.clone_from(&here.token);
    let (ours, theirs) = (here.source(&pages(1)).await, there.source(&pages(1)).await);
    here.leave(FLOOR);

    here.admin.sync(&ours, json!({})).await;

    here.admin.press(&format!("/v1/sources/{ours}/sync")).await.problem(429, "RATE_LIMIT_LOW");
    assert!(there.look(&theirs).await["quota"]["remaining"].as_u64().unwrap() > 4_000);
    assert_eq!(there.admin.sync(&theirs, json!({})).await["status"], "completed");
}

/// Within a window what is known only falls; a window that ends later makes an end
/// of it. The look at a credential that is given again is what tells.
async fn a_later_window_replaces_what_was_known(world: &World) {
    let given = given(world).await;
    let source = given.source(&pages(1)).await;
    given.leave(FLOOR);
    given.admin.sync(&source, json!({})).await;
    let trigger = format!("/v1/sources/{source}/sync");
    given.admin.press(&trigger).await.problem(429, "RATE_LIMIT_LOW");

    let resets_at = in_minutes(world, 120);
    world.forge.set_quota(Some(&given.token), Quota { limit: 5_000, remaining: 4_000, resets_at });
    let path = format!("/v1/sources/{source}");
    given.admin.patch(&path, json!({"credential": {"token": given.token}})).await.is(200);
    given.admin.until_source(&source, |source| source["quota"]["remaining"] == 4_000).await;

    assert_eq!(given.admin.sync(&source, json!({})).await["status"], "completed");
}

/// Bitbucket does not say what is left. Whoever asks it for something is served all
/// the same, and as many as ask.
async fn who_tells_no_limits_blocks_nobody(world: &World) {
    let given = given(world).await;
    let base_url = format!("{}/2.0", world.forge.base_url());
    let mut sources = Vec::new();
    for _ in 0..6 {
        sources.push(given.source_with(&pages(3), json!({"provider": "bitbucket", "base_url": base_url})).await);
    }

    let runs = futures::future::join_all(sources.iter().map(|source| given.admin.sync(source, json!({})))).await;

    for run in runs {
        assert_eq!((run["status"].as_str(), &run["results"]["created"]), (Some("completed"), &json!(300)), "{run:#}");
    }
    assert!(given.look(&sources[0]).await["quota"].is_null());
}
