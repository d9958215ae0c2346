//! The code of git repositories: surface 3.2, where maintainers index again what they
//! changed, and everybody searches.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::git_remote::GitRemote;
use crate::world::{Answer, Session, Tenant, World, fresh};

pub mod branches;
pub mod cancelling;
pub mod changing;
pub mod deleting;
pub mod failing;
pub mod ignoring;
pub mod native;
pub mod odd_files;
pub mod options;
pub mod progress;
pub mod refusals;
pub mod searching;
pub mod secrets;
pub mod triggering;

/// How often something is looked at before it is given up.
const MOST_LOOKS: usize = 240;

/// A repository that nobody else knows, with a source of it.
struct Given<'w> {
    tenant: Tenant<'w>,
    admin: Session<'w>,
    remote: GitRemote,
    source: String,
}

/// Files that are told apart by what they are about.
const FILES: [(&str, &str); 3] = [
    ("src/umbrella.rs", "/// Opens the umbrella when it rains in Bergen.\npub fn open_umbrella(rain: bool) -> bool {\n    rain\n}\n"),
    (
        "src/invoice.py",
        "def total_of_invoice(lines):\n    \"\"\"Adds the amounts of an invoice, with value added tax.\"\"\"\n    return sum(lines)\n",
    ),
    ("docs/harbour.md", "# The harbour\n\nShips moor at the northern quay, where the crane unloads containers.\n"),
];

/// A repository with these files on main.
async fn given<'w>(world: &'w World, files: &[(&str, &str)]) -> Given<'w> {
    given_with(world, GitRemote::with(files).await, json!({})).await
}

/// A source of this repository, with more said of it.
async fn given_with(world: &World, remote: GitRemote, more: Value) -> Given<'_> {
    let tenant = world.tenant().await;
    let source = made(&tenant, &remote, more).await;
    Given { admin: tenant.admin(), tenant, remote, source }
}

/// One more source of a repository; its id.
async fn made(tenant: &Tenant<'_>, remote: &GitRemote, more: Value) -> String {
    let id = fresh("index");
    let body = with(json!({"id": id, "kind": "index", "git": {"url": remote.url()}}), more);
    tenant.admin().post(&format!("/v1/workspaces/{}/sources", tenant.slug), body).await.is(201);
    id
}

impl Given<'_> {
    fn path(&self) -> String {
        format!("/api/repositories/{}", self.source)
    }

    fn trigger(&self) -> String {
        format!("{}/sync", self.path())
    }

    async fn ask(&self, body: Value) -> Answer {
        self.admin.post(&self.trigger(), body).await
    }

    /// The job of a trigger that has to be accepted, as its answer shows it.
    async fn accepted(&self, body: Value) -> Value {
        self.ask(body).await.is(202)
    }

    async fn job(&self, job: &str) -> Value {
        self.admin.get(&format!("{}/{job}", self.trigger())).await.is(200)
    }

    /// The job, once it has ended.
    async fn ended(&self, job: &str) -> Value {
        self.admin.ended(job).await;
        self.job(job).await
    }

    /// The finished job of a sync.
    async fn sync(&self, body: Value) -> Value {
        let accepted = self.accepted(body).await;
        self.ended(id(&accepted)).await
    }

    /// The finished job of a sync that has to succeed.
    async fn indexed(&self, body: Value) -> Value {
        let job = self.sync(body).await;
        assert_eq!((job["status"].as_str(), &job["error"]), (Some("completed"), &Value::Null), "{job:#}");
        job
    }

    /// A job that runs, and whose remote is silent until it is released.
    async fn held(&self, body: Value) -> Value {
        let before = self.remote.asked().len();
        self.remote.hold();
        let accepted = self.accepted(body).await;
        self.remote.wait_for(before + 1).await;
        accepted
    }

    /// Lets a held job come to its end.
    async fn let_go(&self, job: &Value) -> Value {
        self.remote.release();
        self.ended(id(job)).await
    }

    async fn look(&self) -> Value {
        self.admin.get(&self.path()).await.is(200)
    }

    /// What was indexed of a branch: its commit, and how many files.
    async fn stands(&self, branch: &str) -> (String, u64) {
        let repository = self.look().await;
        let commit = repository["indexed_commit"][branch].as_str().unwrap_or_default().to_owned();
        (commit, repository["files"][branch].as_u64().unwrap_or_else(|| panic!("no files of {branch} in {repository:#}")))
    }

    async fn search(&self, query: &str, more: &str) -> Vec<Value> {
        let found = found(&self.admin, &self.source, query, more).await.is(200);
        found["results"].as_array().unwrap().clone()
    }

    /// The paths of what is found, best first.
    async fn paths(&self, query: &str) -> Vec<String> {
        self.search(query, "&limit=50").await.iter().map(|result| path_of(result).to_owned()).collect()
    }

    /// The paths of what is found on a branch.
    async fn paths_of(&self, query: &str, branch: &str) -> BTreeSet<String> {
        let results = self.search(query, &format!("&limit=50&branch={branch}")).await;
        results.iter().map(|result| path_of(result).to_owned()).collect()
    }
}

async fn found(who: &Session<'_>, source: &str, query: &str, more: &str) -> Answer {
    let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
    who.get(&format!("/api/repositories/{source}/search?q={query}{more}")).await
}

fn id(job: &Value) -> &str {
    job["job_id"].as_str().unwrap_or_else(|| panic!("no job in {job:#}"))
}

fn path_of(result: &Value) -> &str {
    result["path"].as_str().unwrap()
}

/// A body with more in it.
fn with(mut body: Value, more: Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// What a finished job did: files added, modified, removed and left.
#[track_caller]
fn counts(job: &Value) -> [u64; 4] {
    ["files_added", "files_modified", "files_removed", "files_unchanged"].map(|name| count(job, name))
}

#[track_caller]
fn count(job: &Value, name: &str) -> u64 {
    job["result"][name].as_u64().unwrap_or_else(|| panic!("no {name} in {job:#}"))
}

/// A list of names, in their order.
fn names(list: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = list.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

fn at(time: &Value) -> jiff::Timestamp {
    let text = time.as_str().unwrap_or_else(|| panic!("no time: {time}"));
    assert!(text.ends_with('Z'), "{text}");
    text.parse().unwrap()
}

/// Some time passes, where it can be turned, and with it a tick.
async fn passes(world: &World, minutes: i64) {
    if world.is_local() {
        world.clock.turn(SignedDuration::from_mins(minutes));
    }
    world.tick().await;
}

/// A problem's three texts are the one that is promised.
#[track_caller]
fn says(problem: &Value, text: &str) {
    for field in ["message", "detail", "error"] {
        assert_eq!(problem[field].as_str(), Some(text), "{field} of {problem:#}");
    }
}

/// Where a request is not valid.
#[track_caller]
fn wrong_at(answer: Answer) -> BTreeSet<String> {
    let problem = answer.problem(400, "VALIDATION_FAILED");
    problem["errors"].as_array().unwrap().iter().map(|error| error["at"].as_str().unwrap().to_owned()).collect()
}

/// The options of a job, for whoever asked for nothing.
fn defaults() -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("force", json!(false)),
        ("full_reindex", json!(false)),
        ("incremental", json!(true)),
        ("pull_remote", json!(false)),
        ("remote", json!("origin")),
        ("branches", json!(["current"])),
        ("ignore_patterns", json!([])),
        ("progress_webhook", Value::Null),
    ])
}
