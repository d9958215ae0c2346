//! A trigger meets a run that is there: it attaches to it or replaces it.

use serde_json::json;

use super::{another_run_passes, held, id, let_go, settled};
use crate::scenarios::issues::{cooling, given};
use crate::world::World;

crate::scenarios![who_attaches_gets_the_run_that_is_there, a_forced_run_replaces_the_old_one,];

/// S1.9, S1.10, S1.11, S1.12, S4.15: a conflict says so, names the run and tells its progress; `attach` gives it to the caller.
async fn who_attaches_gets_the_run_that_is_there(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let run = held(world, &given, json!({})).await;

    let refused = given.admin.press(&given.trigger()).await.problem(409, "SYNC_IN_PROGRESS");
    assert_eq!((&refused["error"], &refused["progress"]["processed"]), (&json!("Sync already in progress"), &json!(0)), "{refused:#}");
    let attached = given.admin.post(&given.trigger(), json!({"onConflict": "attach"})).await.is(200);
    let by_query = given.admin.press(&format!("{}?onConflict=attach", given.trigger())).await.is(200);
    let waiting = json!({"onConflict": "attach", "wait": "PT20S"});
    let member = given.tenant.join("member", "member").await;
    let trigger = given.trigger();
    let (waited, ended) = futures::join!(member.post(&trigger, waiting), let_go(world, &given, &run));

    assert_eq!(refused["run_id"], run["id"]);
    for answer in [&attached, &by_query] {
        assert_eq!((&answer["id"], answer["outcome"].as_str()), (&run["id"], Some("attached")));
    }
    assert_eq!((&ended["status"], &ended["results"]["created"]), (&json!("completed"), &json!(3)));
    // Whoever came too late to attach got a run of their own.
    let waited = waited.is(200);
    assert_eq!(waited["status"], "completed");
    assert!(waited["outcome"] == "accepted" || waited["id"] == run["id"], "{waited:#}");
    assert_eq!(given.sync(json!({"onConflict": "attach"})).await["status"], "completed");
    given.admin.post(&given.trigger(), json!({"onConflict": "shout"})).await.problem(400, "VALIDATION_FAILED");
}

/// S1.17, S1.48, S1.71: the old run ends cancelled and changes nothing any more,
/// though its worker goes on for a while; its own cooldown refuses nobody.
async fn a_forced_run_replaces_the_old_one(world: &World) {
    for body in [json!({"force": true}), json!({"onConflict": "restart"})] {
        let given = cooling(world).await;
        given.old(world, 3);
        let old = held(world, &given, json!({})).await;

        let new = given.admin.post(&given.trigger(), body).await.is(202);

        assert_ne!(old["id"], new["id"]);
        let path = format!("/v1/runs/{}", id(&old));
        let replaced = given.admin.get(&path).await.is(200);
        assert_eq!((replaced["status"].as_str(), replaced["finished_at"].is_string()), (Some("cancelled"), true));
        let ended = given.admin.ended(id(&new)).await;
        assert_eq!((ended["status"].as_str(), ended["results"]["created"].as_u64()), (Some("completed"), Some(3)));
        let (source, items) = (settled(&given).await, given.items().await);

        // What the old worker now reads differs, so that a write of it would show.
        given.repository.edit_issue(1, |issue| issue.title = "Read by a worker that lost its run".into());
        world.forge.release();
        another_run_passes(world, &given).await;

        assert_eq!(given.admin.get(&path).await.is(200), replaced);
        assert_eq!((settled(&given).await, given.items().await), (source, items));
    }
}
