//! The code of a repository of very many files: how long it takes to index all of it, what changed, and nothing; how
//! much memory that takes, and how much slower two at once are than one.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::time::Duration;

use pullcord_core::clock::Clock;
use pullcord_tests::git_remote::{GitRemote, many_path};
use pullcord_tests::program::Program;
use serde_json::{Value, json};

const MOST: Duration = Duration::from_mins(3);
const MOST_MEGABYTES: u64 = 1_000;

fn main() {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        println!("{:>8} {:<14} {:>10} {:>9} {:>9}", "files", "sync", "took", "ratio", "peak MB");
        for files in [10_000, 100_000] {
            one(files).await;
        }
        two(10_000).await;
    });
}

async fn given(process: &Program, id: &str, remote: &GitRemote) {
    let source = json!({"id": id, "kind": "index", "git": {"url": remote.url()}, "branches": ["main"]});
    process.call("POST", "/v1/workspaces/acme/sources", source).await;
}

async fn started(folder: &tempfile::TempDir) -> Program {
    let process = Program::start(folder.path());
    process.call("POST", "/v1/workspaces", json!({"slug": "acme", "name": "Acme"})).await;
    process
}

async fn one(files: usize) {
    let remote = GitRemote::start().await;
    remote.many("main", files);
    let folder = tempfile::tempdir().unwrap();
    let process = started(&folder).await;
    given(&process, "code", &remote).await;
    let whole = report(&process, files, "all", &process.synced("code", json!({})).await, None);
    if files == 100_000 && whole > MOST {
        println!("         slower than promised: under {MOST:?}");
    }
    let changed: Vec<(String, Option<String>)> = (0..5)
        .map(|number| (format!("src/new_{number}.rs"), Some(format!("/// The {number}th that is new.\npub fn new() {{}}\n"))))
        .chain((0..3).map(|number| (many_path(number * 100), Some("/// Changed.\npub fn changed() {}\n".to_owned()))))
        .chain((0..2).map(|number| (many_path(number + 7), None)))
        .collect();
    let changes: Vec<(&str, Option<&str>)> = changed.iter().map(|(path, text)| (path.as_str(), text.as_deref())).collect();
    remote.commit("main", &changes, "Ten changes");
    remote.rename("main", &many_path(50), "src/renamed.rs");
    let run = process.synced("code", json!({})).await;
    assert_eq!(run["results"]["created"], 6, "{run:#}");
    report(&process, files, "11 changed", &run, Some(whole));
    report(&process, files, "nothing", &process.synced("code", json!({})).await, Some(whole));
    let clock = Clock::system();
    let began = clock.now();
    for number in 0..5 {
        let question = format!("/api/repositories/code/search?q=where+is+the+shipment+{number}+weighed");
        process.call("GET", &question, Value::Null).await;
    }
    println!("{files:>8} {:<14} {:>10.2?}", "a search", clock.now().since(began) / 5);
}

/// Two repositories at the same time, against one alone.
async fn two(files: usize) {
    let folder = tempfile::tempdir().unwrap();
    let process = started(&folder).await;
    let mut remotes = Vec::new();
    for id in ["alone", "one", "other"] {
        let remote = GitRemote::start().await;
        remote.many("main", files);
        given(&process, id, &remote).await;
        remotes.push(remote);
    }
    let alone = took(&process.synced("alone", json!({})).await);
    let (one, other) = tokio::join!(process.synced("one", json!({})), process.synced("other", json!({})));
    for run in [one, other] {
        println!("{files:>8} {:<14} {:>10.2?} {:>9.2}", "one of two", took(&run), alone.as_secs_f64() / took(&run).as_secs_f64());
    }
}

fn took(run: &Value) -> Duration {
    assert_eq!(run["status"], "completed", "{run:#}");
    let at = |name: &str| run[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    at("finished_at").duration_since(at("started_at")).try_into().unwrap()
}

fn report(process: &Program, files: usize, what: &str, run: &Value, whole: Option<Duration>) -> Duration {
    let (took, peak) = (took(run), process.peak());
    let ratio = whole.map_or_else(String::new, |whole| format!("1/{:.0}", whole.as_secs_f64() / took.as_secs_f64()));
    let shown = peak.map_or_else(|| "?".to_owned(), |peak| peak.to_string());
    println!("{files:>8} {what:<14} {took:>10.2?} {ratio:>9} {shown:>9}");
    if peak.is_some_and(|peak| peak >= MOST_MEGABYTES) {
        println!("         more memory than promised: under {MOST_MEGABYTES} MB");
    }
    took
}
