//! The run log: whoever triggered an integration follows its run there.

use jiff::SignedDuration;
use pullcord_forge::{Behaviour, Fault};
use serde_json::{Value, json};

use super::Given;
use super::triggering::{RPC, ready, refused, resting, run_of};
use crate::world::{Answer, Session, World, fresh};

crate::scenarios![
    a_run_is_followed_to_its_end,
    a_failure_says_why,
    runs_of_others_are_just_not_there,
    a_log_is_asked_as_tables_are,
    one_row_is_wanted_or_several,
    what_a_log_cannot_answer_it_says,
    schedules_and_operators_use_the_same_log,
    only_runs_of_integrations_are_logged,
];

const LOG: &str = "/rest/v1/sync_run_log";

async fn rows(session: &Session<'_>, query: &str) -> Vec<Value> {
    session.get(&format!("{LOG}?{query}")).await.is(200).as_array().unwrap().clone()
}

fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(run_of).collect()
}

/// A run that has ended, of somebody who may begin one.
async fn done(given: &Given<'_>) -> String {
    let run = given.pressed(&given.admin).await;
    given.admin.ended(&run).await;
    run
}

/// The answer to whoever wants one row.
async fn single(session: &Session<'_>, query: &str) -> Answer {
    let path = format!("{LOG}?{query}");
    let request = session.request("GET", &path).header("accept", "application/vnd.pgrst.object+json").header("accept-profile", "public");
    Answer::of("GET", &path, request).await
}

/// S3.9, S3.10, S3.24: from pending to its end, with who and when.
async fn a_run_is_followed_to_its_end(world: &World) {
    let given = resting(world).await;
    let coordinator = given.joins("cora", "coordinator").await;
    let run = given.held(&coordinator).await;
    let [running] = rows(&coordinator, &format!("run_id=eq.{run}")).await.try_into().unwrap();
    let expected = json!({"run_id": run, "org_id": given.workspace, "integration_type": "xledger", "status": "running",
        "triggered_by": "manual", "triggered_by_user_id": format!("cora@{}", given.workspace), "scheduled_for": null,
        "triggered_at": running["triggered_at"], "started_at": running["started_at"], "finished_at": null, "drift_seconds": null,
        "records": {"created": 0, "updated": 0, "skipped": 0, "failed": 0}, "error": null});
    assert_eq!(running, expected);
    assert!(running["triggered_at"].as_str().unwrap() <= running["started_at"].as_str().unwrap(), "{running:#}");

    world.forge.release();
    coordinator.ended(&run).await;

    // Whoever belongs to the organisation can look.
    let viewer = given.joins("vic", "viewer").await;
    let [ended] = rows(&viewer, &format!("select=*&run_id=eq.{run}")).await.try_into().unwrap();
    assert_eq!(
        (&ended["status"], &ended["error"], &ended["records"]["created"]),
        (&json!("succeeded"), &Value::Null, &json!(2)),
        "{ended:#}"
    );
    assert!(ended["finished_at"].is_string() && ended["started_at"].is_string(), "{ended:#}");
    assert_eq!(single(&viewer, &format!("run_id=eq.{run}")).await.is(200), ended);
}

/// S3.23: in a sentence for people.
async fn a_failure_says_why(world: &World) {
    let given = ready(world).await;
    world.forge.script(Fault::on(given.listing(given.vendor.entities()[0]), Behaviour::status(401)));
    let run = done(&given).await;
    let failed = single(&given.admin, &format!("run_id=eq.{run}")).await.is(200);
    let native = given.admin.get(&format!("/v1/runs/{run}")).await.is(200);
    assert_eq!((&failed["status"], &failed["error"]), (&json!("failed"), &native["error"]["message"]), "{failed:#}");
    assert!(failed["error"].as_str().unwrap().len() > 10, "{failed:#}");

    let run = given.held(&given.admin).await;
    given.admin.press(&format!("/v1/runs/{run}/cancel")).await.is(202);
    world.forge.release();
    given.admin.ended(&run).await;
    assert_eq!(single(&given.admin, &format!("run_id=eq.{run}")).await.is(200)["status"], "cancelled");
}

/// S3.5, S3.14: as row security does it: no error, and no row.
async fn runs_of_others_are_just_not_there(world: &World) {
    let (given, other) = (ready(world).await, ready(world).await);
    let (mine, theirs) = (done(&given).await, done(&other).await);
    let viewer = given.joins("vic", "viewer").await;
    for query in [format!("run_id=eq.{theirs}"), format!("org_id=eq.{}", other.workspace), format!("org_id=eq.{}", fresh("nowhere"))] {
        assert_eq!(rows(&viewer, &query).await, Vec::<Value>::new(), "{query}");
        let none = single(&viewer, &query).await;
        assert_eq!((none.status, none.body["code"].as_str()), (406, Some("PGRST116")), "{}", none.text);
    }
    let both = format!("org_id=in.({},{})", given.workspace, other.workspace);
    for query in ["", "select=*", "order=triggered_at", &both, &format!("run_id=in.({mine},{theirs})")] {
        assert_eq!(ids(&rows(&viewer, query).await), [mine.as_str()], "{query}");
    }
    assert_eq!(rows(&world.user(&fresh("stranger")), "").await, Vec::<Value>::new());
    let of_none = format!("{both}&org_id=in.(*,{},{})", "x".repeat(3_000), other.workspace);
    assert_eq!(ids(&rows(&world.operator(), &of_none).await), [theirs.as_str()]);
    assert_eq!(ids(&rows(&world.operator(), &both).await), [theirs, mine]);
}

/// S3.16, S3.22: by filters, in an order, in portions, and with as many columns as are
/// wanted.
async fn a_log_is_asked_as_tables_are(world: &World) {
    let given = ready(world).await;
    let one = done(&given).await;
    world.forge.script(Fault::on(given.listing(given.vendor.entities()[0]), Behaviour::status(401)));
    let two = done(&given).await;
    let three = done(&given).await;
    let org = format!("org_id=eq.{}", given.workspace);
    for (query, expected) in [
        ("", vec![&three, &two, &one]),
        ("order=triggered_at.desc", vec![&three, &two, &one]),
        ("order=triggered_at.asc", vec![&one, &two, &three]),
        ("order=triggered_at", vec![&one, &two, &three]),
        ("order=triggered_at.desc&limit=1", vec![&three]),
        ("order=triggered_at.asc&limit=1&offset=1", vec![&two]),
        ("limit=0", vec![]),
        ("offset=3", vec![]),
        ("status=eq.failed", vec![&two]),
        ("status=eq.succeeded&limit=1", vec![&three]),
        ("status=in.(failed,succeeded)", vec![&three, &two, &one]),
        ("status=in.(%22pending%22,running)", vec![]),
        ("integration_type=eq.xledger&order=triggered_at", vec![&one, &two, &three]),
        ("integration_type=in.(xledger,dynamics)&limit=1", vec![&three]),
        ("integration_type=eq.dynamics", vec![]),
        ("integration_type=eq.No%20such", vec![]),
    ] {
        let expected: Vec<String> = expected.into_iter().cloned().collect();
        assert_eq!(ids(&rows(&given.admin, &format!("{org}&{query}")).await), expected, "{query}");
    }
    assert_eq!(ids(&rows(&given.admin, &format!("run_id=eq.{two}&{org}&status=eq.failed")).await), [two.as_str()]);
    assert_eq!(rows(&given.admin, &format!("run_id=eq.{two}&status=eq.succeeded")).await, Vec::<Value>::new());
    assert_eq!(rows(&given.admin, "run_id=eq.of-nobody").await, Vec::<Value>::new());
    let some = rows(&given.admin, &format!("{org}&select=run_id,status&status=eq.failed")).await;
    assert_eq!(some, [json!({"run_id": two, "status": "failed"})]);

    let path = format!("{LOG}?{org}");
    let part = Answer::of("GET", &path, given.admin.request("GET", &path).header("range", "1-1").header("range-unit", "items")).await;
    assert_eq!((part.header("content-range"), ids(part.body.as_array().unwrap())), ("1-1/*", vec![two]));
}

/// S3.16: what the client's `single` asks for.
async fn one_row_is_wanted_or_several(world: &World) {
    let given = ready(world).await;
    let run = done(&given).await;
    done(&given).await;
    let org = format!("org_id=eq.{}", given.workspace);
    let one = single(&given.admin, &format!("{org}&order=triggered_at&limit=1&select=run_id")).await;
    assert!(one.header("content-type").starts_with("application/vnd.pgrst.object+json"), "{one:?}");
    assert_eq!(one.is(200), json!({"run_id": run}));
    for (query, count) in [(org.clone(), 2), (format!("{org}&status=eq.failed"), 0)] {
        let answer = single(&given.admin, &query).await;
        let expected = json!({"code": "PGRST116", "message": "Cannot coerce the result to a single JSON object",
            "details": format!("The result contains {count} rows"), "hint": null});
        assert_eq!(answer.is(406), expected);
    }
    let table = given.admin.request("GET", LOG).header("accept", "text/csv");
    assert_eq!(Answer::of("GET", LOG, table).await.is(406)["code"], "PGRST107");
}

/// What is supported is named.
async fn what_a_log_cannot_answer_it_says(world: &World) {
    let given = ready(world).await;
    for (query, said) in [
        ("triggered_by=eq.manual", "integration_type, limit, offset, order, org_id, run_id, select, status"),
        ("or=(status.eq.failed,status.eq.succeeded)", "or is not a parameter here"),
        ("status=neq.failed", "eq.value or in.(one,other)"),
        ("run_id=like.0*", "eq.value or in.(one,other)"),
        ("org_id=acme", "eq.value or in.(one,other)"),
        ("status=eq.done", "pending, running, paused, succeeded, failed, cancelled"),
        ("order=finished_at.desc", "triggered_at.desc"),
        ("select=run_id,password", "records, error, warnings"),
        ("select=records-%3Ecreated", "the columns are"),
        ("limit=-1", "limit must be a number"),
    ] {
        let details = refused(&given.admin.get(&format!("{LOG}?{query}")).await, 400, "validation_failed");
        assert!(details.contains(said), "{query}: {details}");
    }
}

/// S3.3, S3.38: one engine, whoever asks: what a schedule began is there with the
/// time it was due, and starts no rest; an operator's is by hand.
async fn schedules_and_operators_use_the_same_log(world: &World) {
    let given = resting(world).await;
    let by_ops = world.ops(json!({"op": "trigger", "source": given.source, "reason": "asked by phone"})).await;
    let by_ops = by_ops["run"]["id"].as_str().unwrap();
    given.admin.ended(by_ops).await;
    assert_eq!(single(&given.admin, &format!("run_id=eq.{by_ops}")).await.is(200)["triggered_by"], "manual");
    refused(&given.admin.post(RPC, given.named()).await, 429, "rate_limited");
    if !world.is_local() {
        return;
    }
    given.admin.put(&format!("{}/schedule", given.path()), json!({"every": "PT10M"})).await.is(200);
    let due = given.look().await["next_run_at"].clone();
    world.clock.turn(SignedDuration::from_secs(601));
    world.tick().await;

    let [scheduled] = rows(&given.admin, &format!("org_id=eq.{}&limit=1", given.workspace)).await.try_into().unwrap();

    assert_eq!((&scheduled["triggered_by"], &scheduled["triggered_by_user_id"]), (&json!("schedule"), &Value::Null), "{scheduled:#}");
    assert_eq!(scheduled["scheduled_for"], due);
    given.admin.ended(&run_of(&scheduled)).await;
    let ended = single(&given.admin, &format!("run_id=eq.{}", run_of(&scheduled))).await.is(200);
    assert_eq!((&ended["status"], ended["drift_seconds"].is_u64()), (&json!("succeeded"), true), "{ended:#}");
    done(&given).await;
}

/// A repository's run, or the removal of an integration, is none of its runs. A removed
/// integration's runs are found by their ids as long as they are kept.
async fn only_runs_of_integrations_are_logged(world: &World) {
    let given = ready(world).await;
    let run = done(&given).await;
    let name = format!("acme/{}", fresh("other"));
    world.forge.repository(&name).seed_issues(1);
    let id = fresh("other");
    let body = json!({"id": id, "kind": "repository", "provider": "github", "repository": name, "base_url": world.forge.base_url()});
    given.admin.post(&given.sources(), body).await.is(201);
    let other = given.admin.sync(&id, json!({})).await["id"].as_str().unwrap().to_owned();
    assert_eq!(rows(&given.admin, &format!("run_id=eq.{other}")).await, Vec::<Value>::new());
    let org = format!("org_id=eq.{}", given.workspace);
    assert_eq!(ids(&rows(&given.admin, &org).await), [run.as_str()]);

    let removal = given.admin.delete(&given.path()).await.is(202)["id"].as_str().unwrap().to_owned();
    given.admin.get(&format!("/v1/runs/{removal}?wait=PT20S")).await.is(200);
    assert_eq!(rows(&given.admin, &org).await, Vec::<Value>::new());
    assert_eq!(ids(&rows(&given.admin, &format!("run_id=in.({run},{removal})")).await), [run]);
}
