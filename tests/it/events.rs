//! Every sample event is read and run by the function it is for.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use aws_lambda_events::sqs::SqsEvent;
use lambda_http::request::LambdaRequest;
use pullcord_core::admission::Surface;
use pullcord_core::manage::{self, NewProject, NewSource};
use pullcord_core::model::{Person, SourceId, SourceKind, WorkspaceId};
use pullcord_core::trigger::{Answer, Ask, Asker, trigger};
use pullcord_forge::Forge;
use pullcord_tests::bench::Bench;
use pullcord_tests::world;
use serde_json::Value;
use tower::ServiceExt;

use crate::tests;

tests![every_sample_event_is_served];

/// The run that the samples speak of.
const RUN: &str = "0193486e-7d20-7c3e-9d53-3c1a5b1f0e11";

/// A bench that has what the samples speak of: the demo's source and project, and
/// a queued run.
async fn given(folder: &Path) -> (Bench, Forge, String) {
    let bench = Bench::with(&[("PULLCORD_DOCUMENT_ROOTS", folder.to_str().unwrap())]).await;
    let forge = world::forge(&bench.clock).await;
    forge.repository("acme/web").seed_issues(3);
    let asker = Asker::Known(Person::deployment("test"));
    manage::create_workspace(&bench.plane, &asker, "demo", "Demo").await.unwrap();
    let demo = WorkspaceId::known("demo");
    let source = NewSource {
        id: "demo-web".into(),
        kind: Some(SourceKind::Repository),
        provider: Some("github".into()),
        repository: Some("acme/web".into()),
        webhook_secret: Some("It's a Secret to Everybody".into()),
        base_url: Some(forge.base_url()),
        ..NewSource::default()
    };
    manage::create_source(&bench.plane, &asker, &demo, source).await.unwrap();
    let books = NewSource {
        id: "demo-books".into(),
        kind: Some(SourceKind::Integration),
        provider: Some("xledger".into()),
        entities: vec!["projects".into()],
        base_url: Some(format!("{}/xledger/demo", forge.base_url())),
        ..NewSource::default()
    };
    manage::create_source(&bench.plane, &asker, &demo, books).await.unwrap();
    let path = Some(folder.to_str().unwrap().to_owned());
    manage::create_project(&bench.plane, &asker, &demo, NewProject { id: "handbook".into(), name: "Handbook".into(), path }).await.unwrap();
    manage::grant(&bench.plane, asker.user(), &WorkspaceId::deployment(), "mia", pullcord_core::model::Role::Admin).await.unwrap();
    let ask = Ask::sync(SourceId::known("demo-web"), asker, Surface::Schedule);
    let Answer::Accepted(run) = trigger(&bench.plane, ask).await.unwrap() else { panic!("not accepted") };
    (bench, forge, run.id.to_string())
}

/// The name of a sample says which function it is for; what it comes to is here.
async fn every_sample_event_is_served() {
    let expected = BTreeMap::from([
        ("api-health", "200 healthy"),
        ("api-hooks-github", "202 queued"),
        ("api-integrations-sync", "200 pending"),
        ("api-native-run", "200 queued"),
        ("api-native-sync", "409 SYNC_IN_PROGRESS"),
        ("api-projects-sync", "202 Sync started"),
        ("ops-cancel", "cancelled"),
        ("ops-explain", "\"would\":\"reject\""),
        ("ops-grant", "mia@example.com"),
        ("ops-redrive", "\"redriven\":0"),
        ("ops-reset-backfill", "SYNC_IN_PROGRESS"),
        ("ops-stalled", "\"runs\":[]"),
        ("ops-status", "\"syncing\""),
        ("ops-trigger", "SYNC_IN_PROGRESS"),
        ("scheduler-tick", "\"sent\":0"),
        ("scheduler-warm", "\"warm\":true"),
        ("worker-dead-letter", "0 failed, run failed"),
        ("worker-mixed", "0 failed, run completed"),
        ("worker-notify", "0 failed, run queued"),
        ("worker-poison", "0 failed, run queued"),
        ("worker-sync", "0 failed, run completed"),
    ]);
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("events");
    let mut played = Vec::new();
    for entry in fs::read_dir(samples).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let folder = tempfile::tempdir().unwrap();
        let (bench, _forge, run) = given(folder.path()).await;
        let token = world::token("mia", bench.clock.now().0 / 1000 + 600);
        let event = fs::read_to_string(path).unwrap().replace(RUN, &run).replace("TOKEN", &token);
        let outcome = match name.split('-').next().unwrap() {
            "api" => api(&bench, &event).await,
            "worker" => worker(&bench, &event, &run).await,
            "scheduler" => pullcord_scheduler::handle(&bench.plane, &serde_json::from_str(&event).unwrap()).await.unwrap().to_string(),
            "ops" => pullcord_ops::handle(&bench.plane, serde_json::from_str(&event).unwrap()).await.unwrap().to_string(),
            other => panic!("{name}: there is no function {other}"),
        };
        let wanted = expected.get(name.as_str()).unwrap_or_else(|| panic!("{name} is a new sample: say what it comes to ({outcome})"));
        assert!(outcome.contains(wanted), "{name} came to {outcome}");
        played.push(name);
    }
    assert_eq!(played.len(), expected.len(), "a sample is missing: {played:?}");
}

async fn api(bench: &Bench, event: &str) -> String {
    let read: LambdaRequest = serde_json::from_str(event).unwrap();
    let request: lambda_http::Request = read.into();
    let response = pullcord_api::router(bench.plane.clone()).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), 1_000_000).await.unwrap();
    let body: Value = serde_json::from_slice(&bytes).unwrap();
    let said = ["code", "status", "message"].into_iter().find_map(|name| body[name].as_str()).unwrap_or_default();
    format!("{status} {said}")
}

async fn worker(bench: &Bench, event: &str, run: &str) -> String {
    let event: SqsEvent = serde_json::from_str(event).unwrap();
    let deadline = bench.clock.now().plus(std::time::Duration::from_hours(1));
    let failed = pullcord_worker::handle(&bench.plane, event, deadline).await.batch_item_failures.len();
    let id = pullcord_core::model::RunId::parse(run).unwrap();
    let run = bench.plane.store.find_run(id).await.unwrap().unwrap();
    format!("{failed} failed, run {}", run.status.as_str())
}
