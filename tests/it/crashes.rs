//! `kill -9` of the local process, in the middle of its work.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use pullcord_core::clock::Clock;
use pullcord_forge::Seed;
use pullcord_tests::program::{Program, program};
use pullcord_tests::world;
use serde_json::{Value, json};

use crate::tests;

tests![a_killed_sync_goes_on_from_its_page, one_process_has_the_data_folder, a_credential_is_in_no_log];

/// Forty-one pages: with those that are asked for twice, the lot that dies with its worker and the requests that are
/// always left to others, they are fewer than the sixty an hour that a forge allows whoever has no token.
const ISSUES: u64 = 4_000;
const SOURCE: &str = "/v1/sources/web";

/// S2.76: killed at ten different moments, the run goes on from its page: four thousand
/// items, each counted once, and no page that was done is asked for more than
/// once again.
async fn a_killed_sync_goes_on_from_its_page() {
    for moment in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let forge = world::forge(&Clock::system()).await;
        forge.repository("acme/web").seed(&Seed { closed_percent: 0, ..Seed::of(ISSUES) });
        let process = Program::start(folder.path());
        process.call("POST", "/v1/workspaces", json!({"slug": "acme", "name": "Acme"})).await;
        let source =
            json!({"id": "web", "kind": "repository", "provider": "github", "repository": "acme/web", "base_url": forge.base_url()});
        let source = if moment % 2 == 0 { source } else { with(source, "credential", json!({"token": "t"})) };
        process.call("POST", "/v1/workspaces/acme/sources", source).await;
        let run = process.call("POST", &format!("{SOURCE}/sync"), Value::Null).await["id"].as_str().unwrap().to_owned();
        forge.wait_for("/repos/acme/web/issues", 2 + moment * 4).await;
        process.kill();

        let process = Program::start(folder.path());
        let ended = process.ended(&run).await;
        assert_eq!(ended["status"], "completed", "moment {moment}: {ended:#}");
        assert_eq!(ended["results"]["created"], ISSUES, "moment {moment}: {ended:#}");
        assert_eq!((&ended["results"]["updated"], &ended["results"]["skipped"]), (&json!(0), &json!(0)), "moment {moment}");
        assert_eq!(ended["progress"]["processed"], ISSUES, "moment {moment}");
        assert_eq!(items(&process).await, ISSUES, "moment {moment}");
        let mut asked: BTreeMap<String, u32> = BTreeMap::new();
        for entry in forge.requests_to("/repos/acme/web/issues") {
            *asked.entry(entry.query.unwrap_or_default()).or_default() += 1;
        }
        assert!(asked.values().all(|times| *times <= 2), "moment {moment}: a page was asked for again and again: {asked:#?}");
        assert!(asked.values().filter(|times| **times == 2).count() <= 2, "moment {moment}: done pages were asked for again: {asked:#?}");
        process.kill();
    }
}

fn with(mut value: Value, name: &str, field: Value) -> Value {
    value[name] = field;
    value
}

async fn items(process: &Program) -> u64 {
    let (mut count, mut cursor) = (0, String::new());
    loop {
        let page = process.call("GET", &format!("{SOURCE}/items?limit=100{cursor}"), Value::Null).await;
        count += page["items"].as_array().unwrap().len() as u64;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return count,
        }
    }
}

/// Two processes on one folder would each believe that the other is dead.
async fn one_process_has_the_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let first = Program::start(folder.path());
    let second = Command::new(program()).args(["up", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&second.stderr).contains("in use by another pullcord"), "{second:?}");
    first.kill();
    // The lock dies with its process.
    Clock::system().sleep(Duration::ZERO).await;
    Program::start(folder.path()).kill();
}

/// Invariant 10: not even the finest log shows a credential.
async fn a_credential_is_in_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let forge = world::forge(&Clock::system()).await;
    forge.repository("acme/web").seed(&Seed { closed_percent: 0, ..Seed::of(5) });
    let process = Program::logging(&folder.path().join("data"), "trace", std::fs::File::create(&log).unwrap().into());
    process.call("POST", "/v1/workspaces", json!({"slug": "acme", "name": "Acme"})).await;
    let canary = "canary-5b1c0d77-in-a-log";
    let source = json!({"id": "web", "kind": "repository", "provider": "github", "repository": "acme/web", "base_url": forge.base_url(),
        "credential": {"token": canary}});
    process.call("POST", "/v1/workspaces/acme/sources", source).await;
    let run = process.call("POST", &format!("{SOURCE}/sync?wait=PT20S"), Value::Null).await;
    assert_eq!(run["status"], "completed");
    process.kill();
    let lines = std::fs::read_to_string(log).unwrap();
    assert!(lines.contains("run.claimed") && lines.contains("\"level\":\"DEBUG\""), "the log is not fine enough to show anything");
    assert!(!lines.contains(canary), "the log shows the credential");
}
