//! One more run is wanted after the one that is under way: it follows, once.

use std::collections::BTreeSet;
use std::fs::File;

use pullcord_forge::{Behaviour, Fault};
use serde_json::{Value, json};

use super::parking::at;
use super::{another_run_passes, held, id, ids, let_go};
use crate::scenarios::issues::{Given, cooling, given};
use crate::world::World;

crate::scenarios![
    one_more_run_follows_however_many_ask,
    a_follow_up_comes_after_any_end,
    a_follow_up_can_be_taken_back,
    with_nothing_under_way_it_is_a_run_like_any_other,
    the_wishes_of_later_askers_are_added,
    others_pass_the_follow_up_by,
    a_deleted_source_takes_what_waits_with_it,
    projects_are_followed_too,
];

/// A run that waits for the one that is under way.
async fn following(given: &Given<'_>) -> Value {
    let answer = given.admin.post(&given.trigger(), json!({"onConflict": "followUp"})).await.is(202);
    assert_eq!([&answer["outcome"], &answer["status"], &answer["trigger"]], ["follow_up", "queued", "follow_up"], "{answer:#}");
    answer
}

/// However many ask, one more run follows, by itself and once. It obeys no
/// cooldown and starts none.
async fn one_more_run_follows_however_many_ask(world: &World) {
    let given = cooling(world).await;
    given.old(world, 3);
    let running = held(world, &given, json!({})).await;
    let (before, path, mia) = (given.look().await, given.trigger(), given.tenant.join("mia", "member").await);

    let mut answers = futures::future::join_all((0..20).map(|_| mia.post(&path, json!({"onConflict": "followUp"})))).await;
    answers.push(given.admin.press(&format!("{path}?onConflict=followUp")).await);

    let mut named = BTreeSet::new();
    for answer in answers {
        let answer = answer.is(202);
        assert_eq!([&answer["outcome"], &answer["status"], &answer["trigger"]], ["follow_up", "queued", "follow_up"], "{answer:#}");
        named.insert(id(&answer).to_owned());
    }
    assert_eq!(named.len(), 1, "{named:?}");
    let next = named.first().unwrap();
    assert_eq!(given.look().await["current_run"], running["id"]);

    let ended = let_go(world, &given, &running).await;
    let followed = given.admin.ended(next).await;
    assert_eq!([&ended["status"], &followed["status"]], ["completed"; 2]);
    assert!(at(&followed["started_at"]) >= at(&ended["finished_at"]), "{followed:#}");
    assert_eq!(given.look().await["cooldown_until"], before["cooldown_until"]);

    world.tick().await;
    another_run_passes(world, &given).await;
    assert_eq!(given.requests(world).len(), 2);
    assert_eq!(ids(&given.admin.get(&format!("/v1/sources/{}/runs", given.source)).await.is(200)), [next.as_str(), id(&running)]);
}

/// That the run before it failed, or was cancelled, is no reason not to follow.
async fn a_follow_up_comes_after_any_end(world: &World) {
    for end in ["failed", "cancelled"] {
        let given = given(world).await;
        given.old(world, 150);
        let running = held(world, &given, json!({})).await;
        let next = following(&given).await;
        if end == "failed" {
            // Its second page.
            world.forge.script(Fault::on(&given.issues, Behaviour::status(404)));
        } else {
            given.admin.press(&format!("/v1/runs/{}/cancel", id(&running))).await.is(202);
        }

        assert_eq!(let_go(world, &given, &running).await["status"], end);

        assert_eq!(given.admin.ended(id(&next)).await["status"], "completed", "{end}");
        let source = given.look().await;
        assert_eq!((source["status"].as_str(), &source["sync_error"]), (Some("synced"), &Value::Null), "{end}");
        assert_eq!(given.items().await.len(), 150, "{end}");
    }
}

/// Cancelled while it waits, it is gone at once and disturbs nobody; who asks then
/// gets another.
async fn a_follow_up_can_be_taken_back(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let running = held(world, &given, json!({})).await;
    let taken_back = following(&given).await;

    let cancelled = given.admin.press(&format!("/v1/runs/{}/cancel", id(&taken_back))).await.is(202);

    assert_eq!((cancelled["status"].as_str(), cancelled["finished_at"].is_string()), (Some("cancelled"), true));
    let source = given.look().await;
    assert_eq!((source["status"].as_str(), &source["current_run"]), (Some("syncing"), &running["id"]));
    let next = following(&given).await;
    assert_ne!(next["id"], taken_back["id"]);
    assert_eq!(let_go(world, &given, &running).await["status"], "completed");
    assert_eq!(given.admin.ended(id(&next)).await["status"], "completed");
    let cancelled = given.admin.get(&format!("/v1/runs/{}", id(&taken_back))).await.is(200);
    assert_eq!((cancelled["status"].as_str(), &cancelled["started_at"]), (Some("cancelled"), &Value::Null));
    assert_eq!(given.requests(world).len(), 2);
}

/// Where there is nothing to follow it is a plain run, which obeys the cooldown,
/// unless it may be parked.
async fn with_nothing_under_way_it_is_a_run_like_any_other(world: &World) {
    let given = cooling(world).await;
    let (path, follow) = (given.trigger(), json!({"onConflict": "followUp"}));

    let run = given.admin.post(&path, follow.clone()).await.is(202);

    assert_eq!([&run["outcome"], &run["trigger"]], ["accepted", "manual"], "{run:#}");
    given.admin.ended(id(&run)).await;
    given.admin.post(&path, follow).await.problem(429, "COOLDOWN_ACTIVE");
    let parked = given.admin.post(&path, json!({"onConflict": "followUp", "onBlocked": "park"})).await.is(202);
    assert_eq!(parked["outcome"], "parked", "{parked:#}");
    given.admin.press(&format!("/v1/runs/{}/cancel", id(&parked))).await.is(202);
}

/// One run does for all what each of them wished for, whoever asked first.
async fn the_wishes_of_later_askers_are_added(world: &World) {
    for wishes in [[false, true], [true, false]] {
        let given = given(world).await;
        given.old(world, 3);
        given.sync(json!({})).await;
        let running = held(world, &given, json!({})).await;

        let mut named = BTreeSet::new();
        for full in wishes {
            let answer = given.admin.post(&given.trigger(), json!({"onConflict": "followUp", "full": full})).await.is(202);
            named.insert(id(&answer).to_owned());
        }

        assert_eq!(named.len(), 1, "{wishes:?}");
        let_go(world, &given, &running).await;
        assert_eq!(given.admin.ended(named.first().unwrap()).await["status"], "completed");
        let asked = given.requests(world).into_iter().map(|entry| entry.query.unwrap_or_default());
        assert_eq!(asked.map(|query| query.contains("since=")).collect::<Vec<_>>(), [false, true, false], "{wishes:?}");
    }
}

/// Who attaches joins the run that is under way; who replaces it takes its place,
/// and what waited waits for the new one.
async fn others_pass_the_follow_up_by(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let running = held(world, &given, json!({})).await;
    let next = following(&given).await;

    let attached = given.admin.post(&given.trigger(), json!({"onConflict": "attach"})).await.is(200);
    let refused = given.admin.press(&given.trigger()).await.problem(409, "SYNC_IN_PROGRESS");
    let new = given.admin.post(&given.trigger(), json!({"onConflict": "restart"})).await.is(202);

    assert_eq!([&attached["id"], &refused["run_id"]], [&running["id"]; 2]);
    let named = BTreeSet::from([id(&running), id(&next), id(&new)]);
    assert_eq!((named.len(), new["outcome"].as_str()), (3, Some("accepted")), "{new:#}");
    let ended = given.admin.ended(id(&new)).await;
    let followed = given.admin.ended(id(&next)).await;
    assert_eq!([&ended["status"], &followed["status"]], ["completed"; 2]);
    assert!(at(&followed["started_at"]) >= at(&ended["finished_at"]), "{followed:#}");
    assert_eq!(let_go(world, &given, &running).await["status"], "cancelled");
}

/// What is parked, and what follows, is cancelled with its source.
async fn a_deleted_source_takes_what_waits_with_it(world: &World) {
    let (resting, busy) = (cooling(world).await, cooling(world).await);
    resting.sync(json!({})).await;
    let parked = resting.admin.post(&resting.trigger(), json!({"onBlocked": "park"})).await.is(202);
    let running = held(world, &busy, json!({})).await;
    let next = following(&busy).await;

    for (given, waiting) in [(&resting, &parked), (&busy, &next)] {
        let deletion = given.admin.delete(&format!("/v1/sources/{}", given.source)).await.is(202);
        assert_eq!(given.admin.ended(id(waiting)).await["status"], "cancelled");
        assert_eq!(given.admin.ended(id(&deletion)).await["status"], "completed");
    }

    assert_eq!(let_go(world, &busy, &running).await["status"], "cancelled");
    world.tick().await;
    another_run_passes(world, &resting).await;
    assert_eq!((resting.requests(world).len(), busy.requests(world).len()), (1, 1));
}

/// A project's sync can be followed too, in the words of that surface. Knowing no
/// cooldown, it is only ever a run that is in the way.
async fn projects_are_followed_too(world: &World) {
    let tenant = world.tenant().await;
    let folder = world.folder(&[("a.md", "# A")]);
    let (project, developer) = (tenant.project(&folder).await, tenant.join("dev", "member").await);
    // Whoever reads this file is busy until it is short again.
    let endless = File::create(folder.join("zz.md")).unwrap();
    endless.set_len(1 << 40).unwrap();
    let path = format!("/api/v1/projects/{project}/sync");
    developer.press(&path).await.is(202);

    let would = developer.post(&path, json!({"dryRun": true, "onConflict": "followUp"})).await.is(200);
    assert_eq!(would["outcome"], "would_accept", "{would:#}");
    let answers = [
        developer.post(&path, json!({"onConflict": "followUp"})).await.is(202),
        developer.post(&path, json!({"onBlocked": "park"})).await.is(202),
        developer.press(&format!("{path}?onConflict=followUp&onBlocked=park")).await.is(202),
    ];
    endless.set_len(0).unwrap();

    for answer in answers {
        assert_eq!([&answer["slug"], &answer["sync_status"], &answer["outcome"]], [project.as_str(), "syncing", "follow_up"], "{answer:#}");
    }
    let listed = developer.get(&format!("/v1/sources/{project}/runs")).await.is(200);
    assert_eq!((ids(&listed).len(), listed["runs"][0]["trigger"].as_str()), (2, Some("follow_up")), "{listed:#}");
    for run in ids(&listed) {
        assert_eq!(developer.ended(&run).await["status"], "completed");
    }
    let after = developer.settled(&project).await;
    assert_eq!((after["sync_status"].as_str(), after["document_count"].as_u64()), (Some("synced"), Some(2)));
}
