//! A source rests after a run that did something: until when, and who need not wait.

use jiff::Timestamp;
use pullcord_forge::{Behaviour, Fault};
use serde_json::json;

use super::{another_run_passes, held, id, let_go};
use crate::scenarios::issues::cooling;
use crate::world::World;

crate::scenarios![a_cooldown_says_when_it_ends, a_run_that_did_nothing_gives_its_cooldown_back,];

/// S0.8, S0.10, S0.20, S0.21, S0.40: a refusal says until when; an admin may pass
/// over it, and that is on record.
async fn a_cooldown_says_when_it_ends(world: &World) {
    let given = cooling(world).await;
    let run = given.sync(json!({})).await;

    let answer = given.admin.press(&given.trigger()).await;

    let wait: i64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=300).contains(&wait), "{wait}");
    let refused = answer.problem(429, "COOLDOWN_ACTIVE");
    let source = given.look().await;
    assert_eq!(refused["next_allowed_at"], source["cooldown_until"]);
    let started: Timestamp = run["created_at"].as_str().unwrap().parse().unwrap();
    let until: Timestamp = source["cooldown_until"].as_str().unwrap().parse().unwrap();
    assert_eq!(until.duration_since(started).as_secs(), 300);
    given.admin.press(&format!("/v1/runs/{}/retry", id(&run))).await.problem(429, "COOLDOWN_ACTIVE");
    let by_ops = world.ops(json!({"op": "trigger", "source": given.source})).await;
    assert_eq!(by_ops["error"]["code"], "COOLDOWN_ACTIVE");
    // Another repository has a cooldown of its own.
    another_run_passes(world, &given).await;

    let over = json!({"overrideCooldown": {"reason": "before the demo"}});
    let member = given.tenant.join("member", "member").await;
    member.post(&given.trigger(), over.clone()).await.problem(403, "FORBIDDEN");
    given.admin.post(&given.trigger(), json!({"overrideCooldown": {"reason": " "}})).await.problem(400, "VALIDATION_FAILED");
    let run = given.sync(over).await;
    let audit = given.admin.get(&format!("/v1/runs/{}/audit", id(&run))).await.is(200);
    assert!(audit["audit"].to_string().contains("before the demo"), "{audit:#}");
}

/// Cooldowns: what failed or was cancelled before it did anything starts none,
/// at most three times in a row.
async fn a_run_that_did_nothing_gives_its_cooldown_back(world: &World) {
    let given = cooling(world).await;
    for _ in 0..2 {
        world.forge.script(Fault::on(&given.issues, Behaviour::status(404)));
        assert_eq!(given.sync(json!({})).await["status"], "failed");
    }
    let run = held(world, &given, json!({})).await;
    given.admin.press(&format!("/v1/runs/{}/cancel", id(&run))).await.is(202);
    assert_eq!(let_go(world, &given, &run).await["status"], "cancelled");
    assert!(given.look().await["cooldown_until"].is_null());

    world.forge.script(Fault::on(&given.issues, Behaviour::status(404)));
    assert_eq!(given.sync(json!({})).await["status"], "failed");
    given.admin.press(&given.trigger()).await.problem(429, "COOLDOWN_ACTIVE");
}
