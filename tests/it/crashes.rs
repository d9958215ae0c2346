//! `kill -9` of the local process, in the middle of its work.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pullcord_core::clock::Clock;
use pullcord_forge::Seed;
use pullcord_tests::world;
use serde_json::{Value, json};

use crate::tests;

tests![a_killed_sync_goes_on_from_its_page, one_process_has_the_data_folder, a_credential_is_in_no_log];

/// Forty-one pages: with those that are asked for twice, the lot that dies with its worker and the requests that are
/// always left to others, they are fewer than the sixty an hour that a forge allows whoever has no token.
const ISSUES: u64 = 4_000;
const SOURCE: &str = "/v1/sources/web";

/// The local process as a user starts it.
struct Process {
    child: Child,
    url: String,
    token: String,
    client: reqwest::Client,
}

/// The program that the test run built.
pub(crate) fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().and_then(Path::parent).unwrap().join("pullcord");
    assert!(program.exists(), "{} is missing: `make test` builds it", program.display());
    program
}

impl Process {
    fn start(data: &Path) -> Self {
        Self::logging(data, "warn", Stdio::null())
    }

    fn logging(data: &Path, filter: &str, log: Stdio) -> Self {
        let mut child = Command::new(program())
            .args(["up", "--no-demo", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .env("PULLCORD_LOG", filter)
            .env("PULLCORD_TICK", "PT1S")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("ready ").map(str::to_owned));
        let token = std::fs::read_to_string(data.join("admin-token")).unwrap();
        Self { child, url: ready.expect("it becomes ready"), token, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let mut request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.url)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let reply = request.send().await.unwrap();
        let status = reply.status();
        let text = reply.text().await.unwrap();
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// S2.76: killed at ten different moments, the run goes on from its page: four thousand
/// items, each counted once, and no page that was done is asked for more than
/// once again.
async fn a_killed_sync_goes_on_from_its_page() {
    for moment in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let forge = world::forge(&Clock::system()).await;
        forge.repository("acme/web").seed(&Seed { closed_percent: 0, ..Seed::of(ISSUES) });
        let process = Process::start(folder.path());
        process.call("POST", "/v1/workspaces", Some(json!({"slug": "acme", "name": "Acme"}))).await;
        let source =
            json!({"id": "web", "kind": "repository", "provider": "github", "repository": "acme/web", "base_url": forge.base_url()});
        let source = if moment % 2 == 0 { source } else { with(source, "credential", json!({"token": "t"})) };
        process.call("POST", "/v1/workspaces/acme/sources", Some(source)).await;
        let run = process.call("POST", &format!("{SOURCE}/sync"), None).await["id"].as_str().unwrap().to_owned();
        forge.wait_for("/repos/acme/web/issues", 2 + moment * 4).await;
        process.kill();

        let process = Process::start(folder.path());
        let ended = loop {
            let found = process.call("GET", &format!("/v1/runs/{run}?wait=PT20S"), None).await;
            if !found["finished_at"].is_null() {
                break found;
            }
            assert_ne!(found["status"], "paused", "moment {moment}: it waits for a quota that should suffice: {found:#}");
        };
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

async fn items(process: &Process) -> u64 {
    let (mut count, mut cursor) = (0, String::new());
    loop {
        let page = process.call("GET", &format!("{SOURCE}/items?limit=100{cursor}"), None).await;
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
    let first = Process::start(folder.path());
    let second = Command::new(program()).args(["up", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&second.stderr).contains("in use by another pullcord"), "{second:?}");
    first.kill();
    // The lock dies with its process.
    Clock::system().sleep(Duration::ZERO).await;
    Process::start(folder.path()).kill();
}

/// Invariant 10: not even the finest log shows a credential.
async fn a_credential_is_in_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let forge = world::forge(&Clock::system()).await;
    forge.repository("acme/web").seed(&Seed { closed_percent: 0, ..Seed::of(5) });
    let process = Process::logging(&folder.path().join("data"), "trace", std::fs::File::create(&log).unwrap().into());
    process.call("POST", "/v1/workspaces", Some(json!({"slug": "acme", "name": "Acme"}))).await;
    let canary = "canary-5b1c0d77-in-a-log";
    let source = json!({"id": "web", "kind": "repository", "provider": "github", "repository": "acme/web", "base_url": forge.base_url(),
        "credential": {"token": canary}});
    process.call("POST", "/v1/workspaces/acme/sources", Some(source)).await;
    let run = process.call("POST", &format!("{SOURCE}/sync?wait=PT20S"), None).await;
    assert_eq!(run["status"], "completed");
    process.kill();
    let lines = std::fs::read_to_string(log).unwrap();
    assert!(lines.contains("run.claimed") && lines.contains("\"level\":\"DEBUG\""), "the log is not fine enough to show anything");
    assert!(!lines.contains(canary), "the log shows the credential");
}
