//! How runs live, from their trigger to the record that they leave.

use std::collections::{BTreeMap, BTreeSet};

use pullcord_forge::{Behaviour, Fault, Seed};
use serde_json::{Value, json};

use super::issues::{Given, open};
use crate::world::{Answer, Session, World, fresh};

pub mod cancelling;
pub mod conflicts;
pub mod cooldowns;
pub mod doors;
pub mod explaining;
pub mod following;
pub mod keys;
pub mod parking;
pub mod reading;
pub mod recording;
pub mod slots;
pub mod triggers;

crate::scenarios![of_a_hundred_triggers_one_is_accepted];

/// How often the hundred press at the same instant.
const ROUNDS: usize = 20;

/// S4.16, S4.42, S0.24: of a hundred triggers at the same instant one is
/// accepted, and the others all name its run. The run must not end while the
/// others still ask: its forge is silent until all have been answered.
async fn of_a_hundred_triggers_one_is_accepted(world: &World) {
    let tenant = world.tenant().await;
    let admin = tenant.admin();
    for round in 0..ROUNDS {
        let name = format!("acme/{}", fresh("race"));
        world.forge.repository(&name).seed(&Seed { closed_percent: 0, ..Seed::of(3) });
        let source = tenant.repository(&name).await;
        let issues = format!("/repos/{name}/issues");
        world.forge.script(Fault::on(&issues, Behaviour::Hang));
        let path = format!("/v1/sources/{source}/sync");
        let answers = futures::future::join_all((0..100).map(|_| admin.press(&path))).await;
        let (mut counts, mut named, mut accepted) = (BTreeMap::<u16, usize>::new(), BTreeSet::new(), BTreeSet::new());
        for answer in answers {
            *counts.entry(answer.status).or_default() += 1;
            if answer.status == 202 {
                accepted.insert(answer.is(202)["id"].as_str().unwrap().to_owned());
            } else {
                named.insert(answer.problem(409, "SYNC_IN_PROGRESS")["run_id"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!((counts.get(&202), counts.get(&409)), (Some(&1), Some(&99)), "round {round}: {counts:?}");
        assert_eq!(accepted, named, "round {round}");
        world.forge.wait_for(&issues, 1).await;
        world.forge.release();
        assert_eq!(admin.ended(accepted.first().unwrap()).await["results"]["created"], 3);
    }
}

/// A run whose forge is silent until it is released.
async fn held(world: &World, given: &Given<'_>, body: Value) -> Value {
    let before = given.requests(world).len();
    world.forge.script(Fault::on(&given.issues, Behaviour::Hang));
    let accepted = given.admin.post(&given.trigger(), body).await.is(202);
    world.forge.wait_for(&given.issues, before + 1).await;
    accepted
}

/// Lets a held run come to its end.
async fn let_go(world: &World, given: &Given<'_>, run: &Value) -> Value {
    world.forge.release();
    given.admin.ended(id(run)).await
}

fn id(run: &Value) -> &str {
    run["id"].as_str().unwrap()
}

fn ids(answer: &Value) -> Vec<String> {
    answer["runs"].as_array().unwrap().iter().map(|run| id(run).to_owned()).collect()
}

/// A trigger with an idempotency key.
async fn keyed(who: &Session<'_>, path: &str, key: &str, body: &Value) -> Answer {
    let request = who.request("POST", path).header("idempotency-key", key).header("content-type", "application/json");
    Answer::of("POST", path, request.body(body.to_string())).await
}

/// The source without what its provider said of the quota and of the credential,
/// which any reply may.
async fn settled(given: &Given<'_>) -> Value {
    let mut source = given.look().await;
    (source["quota"], source["credential"]) = (Value::Null, Value::Null);
    source
}

/// Time enough for a worker to finish what it was at: a whole run of another
/// source.
async fn another_run_passes(world: &World, given: &Given<'_>) {
    let name = format!("acme/{}", fresh("other"));
    world.forge.repository(&name).seed(&open(120));
    let other = given.tenant.repository(&name).await;
    assert_eq!(given.admin.sync(&other, json!({})).await["results"]["created"], 120);
}
