//! How the other side of an integration is, found out without asking it much.

use jiff::SignedDuration;
use pullcord_forge::{Behaviour, Fault};
use serde_json::{Value, json};

use super::{Given, Vendor, given};
use crate::world::{World, fresh};

crate::scenarios![
    a_look_is_light_and_seldom,
    what_fails_is_looked_at_less_often,
    a_limit_ends_the_looking_until_a_scheduled_run_succeeds,
    its_own_probe_is_used_where_no_address_is_given,
    how_it_is_looked_at_is_set_and_taken_away,
];

/// What is asked for: nobody else has this path.
struct Door<'w> {
    given: Given<'w>,
    path: String,
}

async fn door(world: &World) -> Door<'_> {
    let given = given(world, Vendor::Xledger).await;
    for entity in given.vendor.entities() {
        given.old(entity, 1);
    }
    let path = format!("/{}", fresh("is-up"));
    let url = format!("{}{path}", world.forge.base_url());
    given.admin.patch(&given.path(), json!({"health": {"url": url}})).await.is(200);
    Door { given, path }
}

impl Door<'_> {
    fn looks(&self) -> usize {
        self.given.forge.requests_to(&self.path).len()
    }

    /// Lets time pass and the clock tick, until so much is known; how it is then.
    async fn after(&self, minutes: i64, known: usize) -> Value {
        if minutes > 0 {
            self.given.world.clock.turn(SignedDuration::from_mins(minutes));
        }
        self.given.world.tick().await;
        self.given.admin.until_source(&self.given.source, |source| history(source) >= known).await["health"].clone()
    }

    /// A scheduled run, to its end.
    async fn scheduled(&self, behaviour: Option<Behaviour>) -> Value {
        let given = &self.given;
        if let Some(behaviour) = behaviour {
            given.forge.script(Fault::on(given.listing("projects"), behaviour).forever());
        }
        let schedule = format!("{}/schedule", given.path());
        given.admin.put(&schedule, json!({"every": "PT1M"})).await.is(200);
        given.world.clock.turn(SignedDuration::from_secs(61));
        given.world.tick().await;
        given.admin.delete(&schedule).await.is(204);
        let runs = given.admin.get(&format!("{}/runs", given.path())).await.is(200);
        let ended = given.admin.ended(runs["runs"][0]["id"].as_str().unwrap()).await;
        given.forge.clear_script();
        ended
    }
}

fn history(source: &Value) -> usize {
    source["health"]["history"].as_array().map_or(0, Vec::len)
}

/// S3.41 and S3.42: a HEAD without a credential, once in a quarter of an hour.
async fn a_look_is_light_and_seldom(world: &World) {
    let door = door(world).await;

    let health = door.after(0, 1).await;

    assert_eq!((&health["state"], &health["mode"], door.looks()), (&json!("healthy"), &json!("active"), 1), "{health:#}");
    let look = &door.given.forge.requests_to(&door.path)[0];
    assert_eq!((look.method.as_str(), &look.credential), ("HEAD", &None));
    if world.is_local() {
        for minutes in [1, 6, 7] {
            door.after(minutes, 1).await;
        }
        assert_eq!(door.looks(), 1, "fourteen minutes have passed");
        door.after(2, 2).await;
        assert_eq!(door.looks(), 2);
    }
}

/// S3.43.
async fn what_fails_is_looked_at_less_often(world: &World) {
    if !world.is_local() {
        return;
    }
    let door = door(world).await;
    door.given.forge.script(Fault::on(&door.path, Behaviour::json(503, &json!({}))).forever());
    for (minutes, looks, failures) in [(0, 1, 1), (15, 2, 2), (15, 2, 2), (15, 3, 3), (59, 3, 3), (1, 4, 4)] {
        let health = door.after(minutes, looks).await;
        assert_eq!((door.looks(), &health["failures"], &health["state"]), (looks, &json!(failures), &json!("unhealthy")), "{health:#}");
    }
    door.given.forge.clear_script();
    let health = door.after(120, 5).await;
    assert_eq!((&health["state"], &health["failures"]), (&json!("healthy"), &json!(0)));
}

/// S3.44: once it was too much, nobody asks. It is unwell when a scheduled run fails,
/// and looked at again when one succeeds.
async fn a_limit_ends_the_looking_until_a_scheduled_run_succeeds(world: &World) {
    if !world.is_local() {
        return;
    }
    let door = door(world).await;
    door.after(0, 1).await;
    door.given.forge.script(Fault::on(&door.path, Behaviour::SecondaryLimit { status: 429, retry_after: Some(60) }));
    let health = door.after(15, 2).await;
    assert_eq!((&health["state"], &health["mode"]), (&json!("healthy"), &json!("passive")), "{health:#}");
    for _ in 0..8 {
        door.after(60, 2).await;
    }
    assert_eq!(door.looks(), 2);

    let failed = door.scheduled(Some(Behaviour::json(400, &json!({"errors": [{"message": "no"}]})))).await;
    assert_eq!(failed["status"], "failed", "{failed:#}");
    let health = door.after(60, 3).await;
    assert_eq!((&health["state"], &health["mode"], door.looks()), (&json!("unhealthy"), &json!("passive"), 2), "{health:#}");

    let done = door.scheduled(None).await;
    assert_eq!(done["status"], "completed", "{done:#}");
    let health = door.after(0, 4).await;
    assert_eq!((&health["state"], &health["mode"]), (&json!("healthy"), &json!("active")), "{health:#}");
    door.after(16, 5).await;
    assert_eq!(door.looks(), 3);
}

/// Which shows the credential, and so whether it is accepted still.
async fn its_own_probe_is_used_where_no_address_is_given(world: &World) {
    let given = given(world, Vendor::Dataverse).await;
    given.admin.patch(&given.path(), json!({"health": {}})).await.is(200);
    world.tick().await;
    let health = given.admin.until_source(&given.source, |source| history(source) == 1).await["health"].clone();
    assert_eq!((&health["state"], &health["url"], &health["every"]), (&json!("healthy"), &Value::Null, &json!("PT15M")), "{health:#}");
    if world.is_local() {
        given.forge.revoke_token(&given.token);
        world.clock.turn(SignedDuration::from_mins(16));
        world.tick().await;
        let health = given.admin.until_source(&given.source, |source| history(source) == 2).await["health"].clone();
        assert_eq!(health["state"], "unhealthy", "{health:#}");
        assert!(health["history"][1]["why"].as_str().unwrap().contains("the credential is refused"), "{health:#}");
    }
}

async fn how_it_is_looked_at_is_set_and_taken_away(world: &World) {
    let given = given(world, Vendor::Xledger).await;
    assert_eq!(given.look().await["health"], Value::Null);
    for (health, at) in [
        (json!({"every": "PT14M59S"}), "health.every"),
        (json!({"every": "P8D"}), "health.every"),
        (json!({"url": "ftp://example.com/"}), "health.url"),
        (json!({"url": "https://169.254.169.254/"}), "health.url"),
        (json!({"url": "up"}), "health.url"),
    ] {
        let refused = given.admin.patch(&given.path(), json!({"health": health})).await.is(400);
        assert_eq!(refused["errors"][0]["at"], at, "{refused:#}");
    }
    given.admin.patch(&given.path(), json!({"health": {"every": "PT30M"}})).await.is(200);
    assert_eq!(given.look().await["health"]["every"], "PT30M");
    given.admin.patch(&given.path(), json!({"health": null})).await.is(200);
    assert_eq!(given.look().await["health"], Value::Null);

    let repository = json!({"id": fresh("repo"), "kind": "repository", "provider": "github", "repository": "acme/web", "health": {}});
    let refused = given.admin.post(&given.sources(), repository).await.is(400);
    assert_eq!(refused["errors"][0]["at"], "health", "{refused:#}");
}
