//! The local process as a user starts it: the program that was built beside the test, in a process of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// The program, in the profile of whoever asks.
pub fn program() -> PathBuf {
    let asks = std::env::current_exe().unwrap();
    let program = asks.parent().and_then(Path::parent).unwrap().join("pullcord");
    assert!(program.exists(), "{} is missing: `make test` and `make bench` build it", program.display());
    program
}

/// It is killed when it is dropped.
pub struct Program {
    child: Child,
    url: String,
    token: String,
    client: reqwest::Client,
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Program {
    pub fn start(data: &Path) -> Self {
        Self::logging(data, "warn", Stdio::null())
    }

    pub fn logging(data: &Path, filter: &str, log: Stdio) -> Self {
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

    /// Asks as its admin; null sends no body.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.url)).bearer_auth(&self.token);
        let request = if body.is_null() { request } else { request.header("content-type", "application/json").body(body.to_string()) };
        let reply = request.send().await.unwrap();
        let (status, text) = (reply.status(), reply.text().await.unwrap());
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// A run of a source from its trigger to its end.
    pub async fn synced(&self, source: &str, body: Value) -> Value {
        let run = self.call("POST", &format!("/v1/sources/{source}/sync"), body).await;
        self.ended(run["id"].as_str().unwrap()).await
    }

    /// A run at its end.
    pub async fn ended(&self, run: &str) -> Value {
        loop {
            let found = self.call("GET", &format!("/v1/runs/{run}?wait=PT20S"), Value::Null).await;
            if !found["finished_at"].is_null() {
                return found;
            }
            assert_ne!(found["status"], "paused", "it waits for what should suffice: {found:#}");
        }
    }

    /// The most memory it ever had, in megabytes.
    pub fn peak(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1024)
    }

    /// `kill -9`, in the middle of whatever it does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
