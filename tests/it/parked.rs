//! What was promised to run later outlives the process that promised it.

use jiff::{SignedDuration, Timestamp};
use pullcord_forge::{Behaviour, Fault, Quota, Seed};
use pullcord_tests::world::{World, fresh};
use serde_json::{Value, json};

use crate::tests;

tests![
    what_waits_for_a_cooldown_outlives_the_process,
    what_waits_for_a_quota_outlives_the_process,
    what_waits_for_a_run_outlives_the_process,
    what_came_due_without_a_process_runs_with_the_next,
];

/// A repository of three issues with a source of it, by names that mean the same
/// to the next process.
struct Source {
    admin: String,
    id: String,
    issues: String,
    token: String,
}

async fn source(world: &World) -> Source {
    let tenant = world.tenant().await;
    let (name, token) = (format!("acme/{}", fresh("parked")), fresh("token-of"));
    world.forge.repository(&name).seed(&Seed { closed_percent: 0, ..Seed::of(3) });
    let id = tenant.repository_with(&name, json!({"credential": {"token": token}})).await;
    Source { admin: tenant.name("admin"), id, issues: format!("/repos/{name}/issues"), token }
}

impl Source {
    /// Asks for a run that may come later.
    async fn ask(&self, world: &World) -> Value {
        let path = format!("/v1/sources/{}/sync", self.id);
        world.user(&self.admin).post(&path, json!({"onBlocked": "park"})).await.is(202)
    }

    async fn ended(&self, world: &World, run: &Value) -> Value {
        let ended = world.user(&self.admin).ended(run["id"].as_str().unwrap()).await;
        assert_eq!(ended["status"], "completed", "{ended:#}");
        ended
    }

    /// Until its time a parked run waits; then one tick is enough, and it runs once.
    async fn runs_at_its_time(&self, world: &World, parked: &Value) {
        world.tick().await;
        let path = format!("/v1/runs/{}", parked["id"].as_str().unwrap());
        let waiting = world.user(&self.admin).get(&path).await.is(200);
        assert_eq!([&waiting["status"], &waiting["resumes_at"]], [&parked["status"], &parked["resumes_at"]], "{waiting:#}");

        turn_to(world, &parked["resumes_at"]);
        world.tick().await;

        let ended = self.ended(world, parked).await;
        assert!(at(&ended["started_at"]) >= at(&parked["resumes_at"]), "{ended:#}");
        assert_eq!(world.forge.requests_to(&self.issues).len(), 2);
    }
}

fn at(time: &Value) -> Timestamp {
    time.as_str().unwrap().parse().unwrap()
}

/// Turns the clock to just after a moment.
fn turn_to(world: &World, moment: &Value) {
    let now = Timestamp::from_millisecond(world.clock.now().0).unwrap();
    world.clock.turn(at(moment).duration_since(now) + SignedDuration::from_secs(1));
}

async fn what_waits_for_a_cooldown_outlives_the_process() {
    let world = World::local().await;
    let source = source(&world).await;
    let first = source.ask(&world).await;
    source.ended(&world, &first).await;
    let parked = source.ask(&world).await;
    assert_eq!([&first["outcome"], &parked["outcome"]], ["accepted", "parked"]);

    let world = world.restarted(&[]).await;

    source.runs_at_its_time(&world, &parked).await;
}

async fn what_waits_for_a_quota_outlives_the_process() {
    let world = World::local().await;
    let source = source(&world).await;
    let resets_at = Timestamp::from_second(world.clock.now().0 / 1000 + 1_800).unwrap();
    world.forge.set_quota(Some(&source.token), Quota { limit: 5_000, remaining: 100, resets_at });
    let first = source.ask(&world).await;
    source.ended(&world, &first).await;
    // Nothing but the quota is in the way.
    world.clock.turn(SignedDuration::from_mins(6));
    let parked = source.ask(&world).await;
    assert_eq!((parked["outcome"].as_str(), at(&parked["resumes_at"])), (Some("parked"), resets_at));

    let world = world.restarted(&[]).await;

    source.runs_at_its_time(&world, &parked).await;
}

/// The run in its way is cut off with its process, and goes on first.
async fn what_waits_for_a_run_outlives_the_process() {
    let hot = [("PULLCORD_COOLDOWN_REPOSITORY", "PT0S")];
    let world = World::local_with(&hot).await;
    let source = source(&world).await;
    world.forge.script(Fault::on(&source.issues, Behaviour::Hang));
    let running = source.ask(&world).await;
    world.forge.wait_for(&source.issues, 1).await;
    let next = source.ask(&world).await;
    assert_eq!([&running["outcome"], &next["outcome"]], ["accepted", "follow_up"]);

    let world = world.restarted(&hot).await;
    world.tick().await;

    let (before, after) = (source.ended(&world, &running).await, source.ended(&world, &next).await);
    assert!(at(&after["started_at"]) >= at(&before["finished_at"]), "{before:#} {after:#}");
    assert_eq!((&before["results"]["created"], &after["results"]["created"]), (&json!(3), &json!(0)));
    assert_eq!(world.forge.requests_to(&source.issues).len(), 3);
}

/// The next process ticks as soon as it starts: nobody else has to.
async fn what_came_due_without_a_process_runs_with_the_next() {
    let world = World::local().await;
    let source = source(&world).await;
    let first = source.ask(&world).await;
    source.ended(&world, &first).await;
    let parked = source.ask(&world).await;
    turn_to(&world, &parked["resumes_at"]);

    let world = world.restarted(&[]).await;

    source.ended(&world, &parked).await;
    assert_eq!(world.forge.requests_to(&source.issues).len(), 2);
}
