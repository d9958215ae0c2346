//! What is told: each step of a run, whatever its end.

use std::collections::BTreeSet;

use pullcord_forge::{Behaviour, Fault};
use serde_json::{Value, json};

use super::told;
use crate::receiver::{Received, Receiver, kinds};
use crate::world::World;

crate::scenarios![
    each_step_is_told_in_its_order,
    a_failed_run_is_told,
    a_cancelled_run_is_told,
    a_run_that_made_way_is_told,
    a_workspace_run_tells_of_itself_alone,
    whoever_joins_a_run_is_told_the_rest,
    a_retry_tells_whom_the_run_told,
];

/// Of one run.
fn of<'received>(received: &'received [Received], run: &str) -> Vec<&'received str> {
    received.iter().filter(|one| one.job() == run).map(Received::kind).collect()
}

/// S1.33, S1.53, S1.76: queued, running and completed, each signed, with the run as it was then; and
/// nobody sees the whole address.
async fn each_step_is_told_in_its_order(world: &World) {
    let told = told(world).await;
    let run = told.ask(json!({})).await;
    let received = told.receiver.told_to_the_end(&run).await;

    assert_eq!(kinds(&received), ["run.queued", "run.running", "run.completed"]);
    for (one, status) in received.iter().zip(["queued", "running", "completed"]) {
        assert_eq!((one.method.as_str(), one.path.as_str()), ("POST", "/hook?token=canary-in-the-query"));
        assert_eq!(
            (one.job(), one.body["status"].as_str(), one.body["run"]["id"].as_str()),
            (run.as_str(), Some(status), Some(run.as_str()))
        );
        assert_eq!(one.body["run"]["status"], status);
        assert_eq!((one.header("content-type"), one.header("webhook-id")), ("application/json", one.body["id"].as_str().unwrap()));
        assert!(one.is_signed_by(&told.secret), "{one:#?}");
        let sent: i64 = one.header("webhook-timestamp").parse().unwrap();
        assert!((one.at.0 / 1000 - sent).abs() <= 60, "{one:#?}");
        assert!(one.body["at"].as_str().unwrap().ends_with('Z') && !one.text.contains("canary"), "{}", one.text);
    }
    let ids: BTreeSet<&str> = received.iter().map(|one| one.header("webhook-id")).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(received[2].body["run"]["results"]["created"], 3);

    let admin = &told.given.admin;
    let shown = admin.get(&format!("/v1/runs/{run}")).await;
    assert_eq!(shown.body["progress_webhooks"], json!([told.receiver.shown()]));
    let mut texts = vec![shown.text];
    for path in [format!("/v1/runs/{run}/audit"), format!("/v1/sources/{}/runs", told.given.source)] {
        texts.push(admin.get(&path).await.text);
    }
    texts.push(admin.get(&format!("/v1/workspaces/{}/audit", told.given.tenant.slug)).await.text);
    assert!(texts.iter().all(|text| !text.contains("canary") && !text.contains("whsec_")), "{texts:#?}");
}

/// S1.54: the end is told, whatever the end: of a folder that is gone.
async fn a_failed_run_is_told(world: &World) {
    let told = told(world).await;
    let folder = world.folder(&[("a.md", "# A")]);
    let project = told.given.tenant.project(&folder).await;
    std::fs::remove_dir_all(&folder).unwrap();
    let body = json!({"progress_webhook": told.receiver.hook()});
    let run = told.given.admin.post(&format!("/v1/sources/{project}/sync"), body).await.is(202);

    let received = told.receiver.told_to_the_end(run["id"].as_str().unwrap()).await;

    assert_eq!(kinds(&received), ["run.queued", "run.running", "run.failed"]);
    let last = &received[2].body;
    assert_eq!((&last["status"], last["run"]["error"]["code"].is_string()), (&json!("failed"), true), "{last:#}");
    assert!(received.iter().all(|one| one.is_signed_by(&told.secret)));
}

/// S1.54, S1.77: a run that is stopped while its provider is silent.
async fn a_cancelled_run_is_told(world: &World) {
    let told = told(world).await;
    world.forge.script(Fault::on(&told.given.issues, Behaviour::Hang));
    let run = told.ask(json!({})).await;
    told.receiver.until(|received| received.len() == 2).await;
    told.given.admin.press(&format!("/v1/runs/{run}/cancel")).await.is(202);
    world.forge.release();
    let received = told.receiver.told_to_the_end(&run).await;
    assert_eq!(kinds(&received), ["run.queued", "run.running", "run.cancelled"]);
    assert!(received[2].is_signed_by(&told.secret) && received[2].body["status"] == "cancelled");
}

/// A run that another took the gate from tells its own end, and the other begins.
async fn a_run_that_made_way_is_told(world: &World) {
    let told = told(world).await;
    world.forge.script(Fault::on(&told.given.issues, Behaviour::Hang));
    let first = told.ask(json!({})).await;
    told.receiver.until(|received| received.len() == 2).await;
    let second = told.ask(json!({"force": true})).await;
    world.forge.release();
    told.receiver.told_to_the_end(&first).await;
    let received = told.receiver.told_to_the_end(&second).await;
    assert_eq!(of(&received, &first), ["run.queued", "run.running", "run.cancelled"]);
    assert_eq!(of(&received, &second), ["run.queued", "run.running", "run.completed"]);
}

/// Its children have not been asked to tell anybody.
async fn a_workspace_run_tells_of_itself_alone(world: &World) {
    let told = told(world).await;
    let body = json!({"progress_webhook": told.receiver.hook()});
    let path = format!("/v1/workspaces/{}/sync", told.given.tenant.slug);
    let run = told.given.admin.post(&path, body).await.is(202);
    let run = run["id"].as_str().unwrap();
    let received = told.receiver.told_to_the_end(run).await;
    assert_eq!(kinds(&received), ["run.queued", "run.running", "run.completed"]);
    assert!(received.iter().all(|one| one.job() == run && one.is_signed_by(&told.secret)));
}

/// One run does for two who asked, and tells both; whoever asks twice is told once.
async fn whoever_joins_a_run_is_told_the_rest(world: &World) {
    let told = told(world).await;
    world.forge.script(Fault::on(&told.given.issues, Behaviour::Hang));
    let run = told.ask(json!({})).await;
    told.receiver.until(|received| received.len() == 2).await;
    let other = Receiver::start().await;
    for _ in 0..2 {
        let body = json!({"onConflict": "attach", "progress_webhook": other.hook()});
        let attached = told.given.admin.post(&told.given.trigger(), body).await.is(200);
        assert_eq!(attached["id"], run.as_str());
        assert_eq!(attached["progress_webhooks"], json!([told.receiver.shown(), other.shown()]));
    }
    world.forge.release();
    assert_eq!(kinds(&other.told_to_the_end(&run).await), ["run.completed"]);
    assert_eq!(kinds(&told.receiver.told_to_the_end(&run).await), ["run.queued", "run.running", "run.completed"]);
}

/// It is the same sync, asked for again.
async fn a_retry_tells_whom_the_run_told(world: &World) {
    let told = told(world).await;
    let first = told.ask(json!({})).await;
    told.receiver.told_to_the_end(&first).await;
    let again: Value = told.given.admin.press(&format!("/v1/runs/{first}/retry")).await.is(202);
    let again = again["id"].as_str().unwrap();
    let received = told.receiver.told_to_the_end(again).await;
    assert_eq!(of(&received, again), ["run.queued", "run.running", "run.completed"]);
}
