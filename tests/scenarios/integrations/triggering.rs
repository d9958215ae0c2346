//! A coordinator runs an integration outside its schedule, as a function of PostgREST's.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use pullcord_forge::{Behaviour, Fault};
use serde_json::{Value, json};

use super::{Given, Vendor, given};
use crate::world::{Answer, Session, World, fresh};

crate::scenarios![
    a_coordinator_runs_an_integration,
    what_runs_is_in_the_way,
    of_many_presses_at_once_one_begins_a_run,
    after_a_trigger_there_are_five_minutes_of_rest,
    a_workspace_says_how_long_its_integrations_rest,
    a_trigger_counts_whatever_came_of_it,
    the_same_can_be_asked_with_options,
    a_request_sent_again_is_the_same_run,
    what_the_client_sends_along_does_no_harm,
    pages_of_listed_origins_may_call_with_the_clients_headers,
];

pub(super) const RPC: &str = "/rest/v1/rpc/trigger_integration_sync";

/// An integration with a record, that rests as they do unless an admin says otherwise.
pub(super) async fn resting(world: &World) -> Given<'_> {
    let given = ready(world).await;
    given.rests(Value::Null).await;
    given
}

/// An integration with a record, whose syncs need not wait for each other.
pub(super) async fn ready(world: &World) -> Given<'_> {
    let given = given(world, Vendor::Xledger).await;
    for entity in given.vendor.entities() {
        given.old(entity, 1);
    }
    given
}

impl<'w> Given<'w> {
    pub(super) async fn joins(&self, name: &str, role: &str) -> Session<'w> {
        let user = self.name(name);
        self.admin.put(&format!("/v1/workspaces/{}/members/{user}", self.workspace), json!({"role": role})).await.is(200);
        self.world.user(&user)
    }

    pub(super) fn name(&self, name: &str) -> String {
        format!("{name}@{}", self.workspace)
    }

    async fn rests(&self, span: Value) {
        let settings = json!({"cooldowns": {"integration": span}});
        self.admin.patch(&format!("/v1/workspaces/{}", self.workspace), settings).await.is(200);
    }

    pub(super) fn named(&self) -> Value {
        json!({"org_id": self.workspace, "integration_type": self.vendor.provider()})
    }

    pub(super) async fn pressed(&self, by: &Session<'_>) -> String {
        run_of(&by.post(RPC, self.named()).await.is(200))
    }

    /// The vendor says nothing until it is released.
    pub(super) fn silence(&self) -> usize {
        let listing = self.listing(self.vendor.entities()[0]);
        self.forge.script(Fault::on(&listing, Behaviour::Hang));
        self.forge.requests_to(&listing).len()
    }

    /// A run that goes on until the vendor is released.
    pub(super) async fn held(&self, by: &Session<'_>) -> String {
        let before = self.silence();
        let run = self.pressed(by).await;
        self.forge.wait_for(&self.listing(self.vendor.entities()[0]), before + 1).await;
        run
    }

    pub(super) async fn runs(&self) -> usize {
        self.admin.get(&format!("{}/runs", self.path())).await.is(200)["runs"].as_array().unwrap().len()
    }

    /// Where the same is asked for that has options.
    pub(super) fn with_options(&self) -> String {
        format!("/api/orgs/{}/integrations/{}/sync", self.workspace, self.vendor.provider())
    }
}

pub(super) fn run_of(answer: &Value) -> String {
    answer["run_id"].as_str().unwrap_or_else(|| panic!("no run in {answer:#}")).to_owned()
}

/// An error in PostgREST's form; its details.
#[track_caller]
pub(in crate::scenarios) fn refused(answer: &Answer, status: u16, message: &str) -> String {
    let body = &answer.body;
    assert_eq!((answer.status, body["message"].as_str()), (status, Some(message)), "{}", answer.text);
    assert_eq!(body["code"], format!("PT{status}"), "{}", answer.text);
    let names: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(names, ["code", "details", "hint", "message"], "{}", answer.text);
    assert!(body["hint"].is_null() && answer.header("content-type").starts_with("application/json"), "{answer:?}");
    assert!(!answer.header("x-request-id").is_empty(), "{answer:?}");
    body["details"].as_str().unwrap().to_owned()
}

/// S3.1, S3.2, S3.3, S3.8, S3.9, S3.10, S3.22, S3.24, S3.25, S3.30: the answer does not
/// wait for the run, which is on record before a worker has it, and is one like any other.
async fn a_coordinator_runs_an_integration(world: &World) {
    let given = resting(world).await;
    let coordinator = given.joins("cora", "coordinator").await;
    // Whoever comes second finds no slot.
    given.admin.patch(&format!("/v1/workspaces/{}", given.workspace), json!({"max_concurrent_runs": 1})).await.is(200);
    let name = format!("acme/{}", fresh("busy"));
    world.forge.repository(&name).seed_issues(1);
    let (issues, busy) = (format!("/repos/{name}/issues"), fresh("busy"));
    let body = json!({"id": busy, "kind": "repository", "provider": "github", "repository": name, "base_url": world.forge.base_url()});
    given.admin.post(&given.sources(), body).await.is(201);
    world.forge.script(Fault::on(&issues, Behaviour::Hang));
    given.admin.press(&format!("/v1/sources/{busy}/sync")).await.is(202);
    world.forge.wait_for(&issues, 1).await;

    let answer = coordinator.post(RPC, given.named()).await.is(200);

    let run = run_of(&answer);
    let expected = json!({"run_id": run, "status": "pending", "triggered_by": "manual", "triggered_by_user_id": given.name("cora")});
    assert_eq!(answer, expected);
    let rows =
        coordinator.get(&format!("/rest/v1/sync_run_log?run_id=eq.{run}&select=status,triggered_by,triggered_by_user_id,run_id")).await;
    assert_eq!(rows.is(200), json!([expected]));
    let native = coordinator.get(&format!("/v1/runs/{run}")).await.is(200);
    assert_eq!((&native["source"], &native["trigger"]), (&json!(given.source), &json!("manual")), "{native:#}");

    world.forge.release();
    let ended = coordinator.ended(&run).await;
    assert_eq!((&ended["status"], &ended["results"]["created"]), (&json!("completed"), &json!(2)), "{ended:#}");
    assert_eq!(given.runs().await, 1);
}

/// S3.6, S3.12, S3.20, S3.23: whoever began it; that it runs is said before that it
/// rests.
async fn what_runs_is_in_the_way(world: &World) {
    let given = resting(world).await;
    let run = given.held(&given.joins("cora", "coordinator").await).await;

    let answer = given.admin.post(RPC, given.named()).await;
    assert!(refused(&answer, 409, "sync_already_in_progress").contains(&run), "{}", answer.text);
    let problem = given.admin.press(&given.with_options()).await.problem(409, "SYNC_IN_PROGRESS");
    assert_eq!((&problem["error"], &problem["run_id"]), (&json!("sync_already_in_progress"), &json!(run)));
    world.forge.release();
    given.admin.ended(&run).await;

    // What an operator began is in the way, too.
    let given = ready(world).await;
    let before = given.silence();
    let by_ops = world.ops(json!({"op": "trigger", "source": given.source, "reason": "asked by phone"})).await;
    let run = by_ops["run"]["id"].as_str().unwrap();
    assert!(refused(&given.admin.post(RPC, given.named()).await, 409, "sync_already_in_progress").contains(run));
    given.forge.wait_for(&given.listing(given.vendor.entities()[0]), before + 1).await;
    world.forge.release();
    given.admin.ended(run).await;
}

/// S3.6: pressed twice, or by many at once: one run.
async fn of_many_presses_at_once_one_begins_a_run(world: &World) {
    let given = resting(world).await;
    let before = given.silence();
    let presses = futures::future::join_all((0..10).map(|_| given.admin.post(RPC, given.named()))).await;

    let (accepted, others): (Vec<_>, Vec<_>) = presses.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((accepted.len(), others.len()), (1, 9));
    for other in &others {
        refused(other, 409, "sync_already_in_progress");
    }
    given.forge.wait_for(&given.listing(given.vendor.entities()[0]), before + 1).await;
    world.forge.release();
    given.admin.ended(&run_of(&accepted[0].body)).await;
    assert_eq!(given.runs().await, 1);
}

/// S3.7, S3.28: a second before five minutes are over, when they are, and after. Being
/// refused does not make it longer, and who asks does not matter.
async fn after_a_trigger_there_are_five_minutes_of_rest(world: &World) {
    for late in [-1, 0, 1] {
        let given = resting(world).await;
        let coordinator = given.joins("cora", "coordinator").await;
        let run = given.pressed(&coordinator).await;
        given.admin.ended(&run).await;
        let answer = given.admin.post(RPC, given.named()).await;
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=300).contains(&wait), "{wait}");
        refused(&answer, 429, "rate_limited");
        given.admin.press(&format!("{}/sync", given.path())).await.problem(429, "COOLDOWN_ACTIVE");
        if !world.is_local() {
            return;
        }
        let begun: jiff::Timestamp =
            given.admin.get(&format!("/v1/runs/{run}")).await.is(200)["created_at"].as_str().unwrap().parse().unwrap();
        let end = begun + SignedDuration::from_secs(300 + late);
        world.clock.turn(end.duration_since(super::now(world)));

        let answer = coordinator.post(RPC, given.named()).await;

        if late < 0 {
            assert_eq!(answer.header("retry-after"), "1");
            assert!(refused(&answer, 429, "rate_limited").contains("PT1S"), "{}", answer.text);
        } else {
            given.admin.ended(&run_of(&answer.is(200))).await;
            refused(&coordinator.post(RPC, given.named()).await, 429, "rate_limited");
        }
    }
}

/// S3.7: longer, or not at all, if an admin says so.
async fn a_workspace_says_how_long_its_integrations_rest(world: &World) {
    let given = ready(world).await;
    for _ in 0..2 {
        let run = given.pressed(&given.admin).await;
        given.admin.ended(&run).await;
    }
    given.rests(json!("PT1H")).await;
    let run = given.pressed(&given.admin).await;
    given.admin.ended(&run).await;
    let answer = given.admin.post(RPC, given.named()).await;
    refused(&answer, 429, "rate_limited");
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((3_500..=3_600).contains(&wait), "{wait}");
}

/// S3.7: a trigger is a trigger, though its run did nothing. Elsewhere it would have its
/// rest given back.
async fn a_trigger_counts_whatever_came_of_it(world: &World) {
    let given = resting(world).await;
    let listing = given.listing(given.vendor.entities()[0]);
    world.forge.script(Fault::on(&listing, Behaviour::status(401)));
    let native = given.sync(json!({})).await;
    assert_eq!((&native["status"], &given.look().await["cooldown_until"]), (&json!("failed"), &Value::Null), "{native:#}");

    world.forge.script(Fault::on(&listing, Behaviour::status(401)));
    let run = given.pressed(&given.admin).await;

    assert_eq!(given.admin.ended(&run).await["error"]["code"], "CREDENTIAL_REJECTED");
    refused(&given.admin.post(RPC, given.named()).await, 429, "rate_limited");

    // A new credential may make good what failed.
    given.admin.patch(&given.path(), json!({"credential": {"token": fresh("token-of")}})).await.is(200);
    let run = given.held(&given.admin).await;
    given.admin.press(&format!("/v1/runs/{run}/cancel")).await.is(202);
    world.forge.release();
    assert_eq!(given.admin.ended(&run).await["status"], "cancelled");
    refused(&given.admin.post(RPC, given.named()).await, 429, "rate_limited");
}

/// What the other surfaces take along can be said here as well, most simply at the
/// second path.
async fn the_same_can_be_asked_with_options(world: &World) {
    let given = resting(world).await;
    let path = given.with_options();
    let would = given.admin.post(&path, json!({"dryRun": true})).await.is(200);
    assert_eq!((&would["outcome"], &would["run_id"], given.runs().await), (&json!("would_accept"), &Value::Null, 0), "{would:#}");

    let done = given.admin.post(&path, json!({"wait": "PT20S"})).await.is(200);
    assert_eq!((&done["status"], &done["triggered_by"]), (&json!("succeeded"), &json!("manual")), "{done:#}");
    let fresh = given.admin.post(&format!("{path}?maxAge=PT1H"), json!({})).await.is(200);
    assert_eq!((&fresh["status"], &fresh["outcome"]), (&json!("fresh"), &json!("fresh")), "{fresh:#}");
    let refused = given.admin.post(&path, json!({"dryRun": true})).await.is(200);
    assert_eq!((&refused["outcome"], &refused["reason"]), (&json!("would_refuse"), &json!("COOLDOWN_ACTIVE")), "{refused:#}");
    let parked = given.admin.post(&path, json!({"onBlocked": "park"})).await.is(202);
    assert_eq!((&parked["status"], &parked["outcome"]), (&json!("pending"), &json!("parked")), "{parked:#}");
    assert!(parked["resumes_at"].is_string(), "{parked:#}");
    given.admin.press(&format!("/v1/runs/{}/cancel", run_of(&parked))).await.is(202);

    let over = json!({"overrideCooldown": {"reason": "month's end"}});
    given.joins("cora", "coordinator").await.post(&path, over.clone()).await.problem(403, "FORBIDDEN");
    let before = given.silence();
    let first = given.admin.post(&path, over).await.is(202);
    given.forge.wait_for(&given.listing(given.vendor.entities()[0]), before + 1).await;
    let attached = given.admin.post(&format!("{RPC}?onConflict=attach"), given.named()).await.is(200);
    assert_eq!((&attached["run_id"], &attached["outcome"]), (&first["run_id"], &json!("attached")));
    let next = given.admin.post(&format!("{RPC}?onConflict=followUp"), given.named()).await.is(200);
    assert_eq!((&next["status"], &next["outcome"]), (&json!("pending"), &json!("follow_up")), "{next:#}");
    world.forge.release();
    given.admin.ended(&run_of(&next)).await;
    given.admin.post(&path, json!({"wait": "PT90S"})).await.problem(400, "VALIDATION_FAILED");
}

/// An idempotency key holds here as everywhere.
async fn a_request_sent_again_is_the_same_run(world: &World) {
    let given = resting(world).await;
    let key = fresh("key");
    let sent = |body: Value| {
        let request = given.admin.request("POST", RPC).header("idempotency-key", &key).header("content-type", "application/json");
        Answer::of("POST", RPC, request.body(body.to_string()))
    };
    let first = run_of(&sent(given.named()).await.is(200));
    assert_eq!(run_of(&sent(given.named()).await.is(200)), first);
    let other = sent(json!({"org_id": given.workspace, "integration_type": "dynamics"})).await;
    refused(&other, 400, "unknown_integration_type");
    given.admin.ended(&first).await;
    assert_eq!(given.runs().await, 1);
}

/// S3.16: what the stock client sends of itself, and what can be chained to its call.
async fn what_the_client_sends_along_does_no_harm(world: &World) {
    let given = ready(world).await;
    let path = format!("{RPC}?select=run_id%2Cstatus");
    let request = given.admin.request("POST", &path).header("content-type", "application/json").body(given.named().to_string());
    let request = request.header("apikey", "anon").header("content-profile", "public").header("x-client-info", "supabase-js-web/2.0.0");
    let request = request.header("prefer", "return=representation,count=exact").header("accept", "application/vnd.pgrst.object+json");
    let answer = Answer::of("POST", &path, request).await;
    assert!(answer.header("content-type").starts_with("application/vnd.pgrst.object+json"), "{answer:?}");
    let body = answer.is(200);
    assert_eq!(body, json!({"run_id": body["run_id"], "status": "pending"}));
    given.admin.ended(&run_of(&body)).await;
    refused(&given.admin.post(&format!("{RPC}?select=secret"), given.named()).await, 400, "validation_failed");
}

/// S3.16: a page that uses the stock client may call from a listed origin.
async fn pages_of_listed_origins_may_call_with_the_clients_headers(world: &World) {
    if !world.is_local() {
        return;
    }
    let world = World::local_with(&[("PULLCORD_CORS_ORIGINS", "https://planner.example.com")]).await;
    let sent = "accept-profile,apikey,authorization,content-profile,content-type,prefer,x-client-info,x-retry-count";
    let preflight = world.nobody().request("OPTIONS", RPC).header("origin", "https://planner.example.com");
    let preflight = preflight.header("access-control-request-method", "POST").header("access-control-request-headers", sent);
    let answer = Answer::of("OPTIONS", RPC, preflight).await;
    assert!(answer.status < 300 && answer.header("access-control-allow-origin") == "https://planner.example.com", "{answer:?}");
    let allowed = answer.header("access-control-allow-headers").to_lowercase();
    let allowed: BTreeSet<&str> = allowed.split(',').map(str::trim).collect();
    assert!(sent.split(',').all(|name| allowed.contains(name)), "{allowed:?}");
}
