//! How many runs of a workspace go on at once is the workspace's to say.

use pullcord_forge::{Behaviour, Fault, Quota};
use serde_json::{Value, json};

use super::{held, id, let_go};
use crate::scenarios::issues::{Given, given, open};
use crate::world::{Tenant, World, fresh};

crate::scenarios![
    who_finds_no_slot_waits_and_runs_by_itself,
    no_more_run_at_once_than_there_are_slots,
    a_slot_is_free_again_however_its_run_stops,
    what_waits_for_a_slot_can_be_taken_back,
];

async fn allow(tenant: &Tenant<'_>, at_once: u64) {
    let settings = json!({"max_concurrent_runs": at_once});
    tenant.admin().patch(&format!("/v1/workspaces/{}", tenant.slug), settings).await.is(200);
}

/// A source of a workspace that runs one at a time, and its run, which goes on
/// until its forge is released.
async fn alone(world: &World) -> (Given<'_>, Value) {
    let given = given(world).await;
    given.old(world, 3);
    allow(&given.tenant, 1).await;
    let running = held(world, &given, json!({})).await;
    (given, running)
}

/// A run of another source of the same workspace, once it is known to wait.
async fn waiting(world: &World, given: &Given<'_>) -> Value {
    let name = format!("acme/{}", fresh("waits"));
    world.forge.repository(&name).seed(&open(3));
    let source = given.tenant.repository(&name).await;
    let accepted = given.admin.press(&format!("/v1/sources/{source}/sync")).await.is(202);
    let waiting = given.admin.until(id(&accepted), is_kept_waiting).await;
    assert_eq!((waiting["status"].as_str(), &waiting["started_at"]), (Some("queued"), &Value::Null), "{waiting:#}");
    waiting
}

fn is_kept_waiting(run: &Value) -> bool {
    run["status_reason"].as_str().is_some_and(|why| why.contains("workspace_busy"))
}

/// It says that it waits, and how many before it; others are not held up. It
/// needs nobody's help to go on.
async fn who_finds_no_slot_waits_and_runs_by_itself(world: &World) {
    let (given, running) = alone(world).await;
    let (second, third) = (waiting(world, &given).await, waiting(world, &given).await);

    for (run, position) in [(&second, 0), (&third, 1)] {
        let shown = given.admin.get(&format!("/v1/runs/{}", id(run))).await.is(200);
        assert_eq!(shown["position"], position, "{shown:#}");
    }
    let elsewhere = self::given(world).await;
    assert_eq!(elsewhere.sync(json!({})).await["status"], "completed");
    let source = given.admin.get(&format!("/v1/sources/{}", second["source"].as_str().unwrap())).await.is(200);
    assert_eq!((source["status"].as_str(), &source["current_run"]), (Some("syncing"), &second["id"]));

    assert_eq!(let_go(world, &given, &running).await["status"], "completed");
    for run in [second, third] {
        let ended = given.admin.ended(id(&run)).await;
        assert_eq!((ended["status"].as_str(), &ended["results"]["created"]), (Some("completed"), &json!(3)));
        assert!(ended["status_reason"].is_null() && ended["position"].is_null(), "{ended:#}");
    }
}

/// Of four, two run, and the other two do not ask their forge for anything.
async fn no_more_run_at_once_than_there_are_slots(world: &World) {
    let tenant = world.tenant().await;
    let (admin, owner) = (tenant.admin(), fresh("many"));
    let all = format!("/repos/{owner}/*");
    allow(&tenant, 2).await;
    world.forge.script(Fault::on(&all, Behaviour::Hang).times(2));
    let mut accepted = Vec::new();
    for number in 0..4 {
        let name = format!("{owner}/web-{number}");
        world.forge.repository(&name).seed(&open(3));
        let source = tenant.repository(&name).await;
        accepted.push(admin.press(&format!("/v1/sources/{source}/sync")).await.is(202));
    }

    let mut running = 0;
    for run in &accepted {
        let shown = admin.until(id(run), |run| run["status"] == "running" || is_kept_waiting(run)).await;
        running += usize::from(shown["status"] == "running");
    }

    world.forge.wait_for(&all, 2).await;
    assert_eq!((running, world.forge.requests_to(&all).len()), (2, 2));
    world.forge.release();
    for run in &accepted {
        assert_eq!(admin.ended(id(run)).await["status"], "completed");
    }
}

/// A run that failed, was cancelled or waits for its provider takes no slot.
async fn a_slot_is_free_again_however_its_run_stops(world: &World) {
    for stop in ["failed", "cancelled", "paused"] {
        let (given, running) = alone(world).await;
        let next = waiting(world, &given).await;
        let cancel = format!("/v1/runs/{}/cancel", id(&running));
        match stop {
            "failed" => given.repository.remove(),
            "cancelled" => drop(given.admin.press(&cancel).await.is(202)),
            _ => {
                let quota = world.forge.quota(Some(&given.token));
                world.forge.set_quota(Some(&given.token), Quota { remaining: 0, ..quota });
            }
        }

        world.forge.release();

        given.admin.until(id(&running), |run| run["status"] == stop).await;
        assert_eq!(given.admin.ended(id(&next)).await["status"], "completed", "{stop}");
        given.admin.press(&cancel).await;
    }
}

/// Who waits can be cancelled at once, which frees nobody's slot but lets those
/// behind move up.
async fn what_waits_for_a_slot_can_be_taken_back(world: &World) {
    let (given, running) = alone(world).await;
    let (second, third) = (waiting(world, &given).await, waiting(world, &given).await);

    let cancelled = given.admin.press(&format!("/v1/runs/{}/cancel", id(&second))).await.is(202);

    assert_eq!((cancelled["status"].as_str(), &cancelled["started_at"]), (Some("cancelled"), &Value::Null));
    let source = given.admin.get(&format!("/v1/sources/{}", second["source"].as_str().unwrap())).await.is(200);
    assert_eq!((source["status"].as_str(), &source["current_run"]), (Some("never_synced"), &Value::Null));
    let moved_up = given.admin.get(&format!("/v1/runs/{}", id(&third))).await.is(200);
    assert_eq!((moved_up["status"].as_str(), &moved_up["position"]), (Some("queued"), &json!(0)), "{moved_up:#}");
    assert_eq!(let_go(world, &given, &running).await["status"], "completed");
    assert_eq!(given.admin.ended(id(&third)).await["status"], "completed");
}
