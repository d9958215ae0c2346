//! A first sync of very many issues by the program as it is shipped: how much longer it
//! takes than asking for the same pages and doing nothing with them, and how much
//! memory it takes. S2.119: a thousand issues take a tenth of the first line.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::time::Duration;

use pullcord_core::clock::Clock;
use pullcord_forge::Seed;
use pullcord_tests::program::Program;
use pullcord_tests::world;
use serde_json::{Value, json};

/// How long the forge thinks before it replies.
const REPLY: Duration = Duration::from_millis(50);
/// What may be lost on top of waiting, and what may be held in memory.
const MOST_RATIO: f64 = 1.15;
const MOST_MEGABYTES: u64 = 100;

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    println!("{:>8} {:<12} {:>8} {:>9} {:>10} {:>7} {:>9}", "issues", "sync", "requests", "replies", "took", "ratio", "peak MB");
    println!("{:>8} a reply takes {REPLY:?} and what the simulated forge needs to make it: the replies alone are measured first", "");
    for issues in [10_000, 100_000] {
        runtime.block_on(backfill(issues));
    }
}

async fn backfill(issues: u64) {
    let forge = world::forge(&Clock::system()).await;
    let repository = forge.repository("acme/web");
    repository.seed(&Seed { closed_percent: 0, ..Seed::of(issues) });
    forge.set_latency(REPLY);
    let folder = tempfile::tempdir().unwrap();
    let process = Program::start(folder.path());
    process.call("POST", "/v1/workspaces", json!({"slug": "acme", "name": "Acme"})).await;
    process.call("PATCH", "/v1/workspaces/acme", json!({"cooldowns": {"repository": "PT0S"}})).await;
    let source = json!({"id": "web", "kind": "repository", "provider": "github", "repository": "acme/web",
        "base_url": forge.base_url(), "credential": {"token": "t"}});
    process.call("POST", "/v1/workspaces/acme/sources", source).await;
    let reply = replies(&forge.base_url()).await;
    report(&process, issues, "first", &process.synced("web", json!({})).await, reply);
    for number in 1..=5 {
        repository.delete_issue(number * 7);
    }
    let run = process.synced("web", json!({"full": true})).await;
    assert_eq!(run["results"]["deleted"], 5, "{run:#}");
    report(&process, issues, "full, 5 gone", &run, reply);
}

/// How long a reply takes: every page of the list is asked for, one after the other.
async fn replies(base_url: &str) -> Duration {
    let client = reqwest::Client::builder().no_proxy().user_agent("bench").build().unwrap();
    let list = format!("{base_url}/repos/acme/web/issues?state=open&sort=updated&direction=asc&per_page=100");
    let (mut next, mut count, clock) = (Some(list), 0, Clock::system());
    let began = clock.now();
    while let Some(url) = next {
        let reply = client.get(url).bearer_auth("t").send().await.unwrap();
        let link = reply.headers().get("link").map(|link| link.to_str().unwrap().to_owned()).unwrap_or_default();
        next = link
            .split(',')
            .find(|one| one.contains("rel=\"next\""))
            .map(|one| one.trim_start().trim_start_matches('<').split('>').next().unwrap().to_owned());
        drop(reply.bytes().await.unwrap());
        count += 1;
    }
    clock.now().since(began) / count
}

fn report(process: &Program, issues: u64, what: &str, run: &Value, reply: Duration) {
    let at = |name: &str| run[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let took: Duration = at("finished_at").duration_since(at("started_at")).try_into().unwrap();
    let requests = run["calls"]["made"].as_u64().unwrap();
    let replies = reply * u32::try_from(requests).unwrap();
    let (ratio, peak) = (took.as_secs_f64() / replies.as_secs_f64(), process.peak());
    let shown = peak.map_or_else(|| "?".to_owned(), |peak| peak.to_string());
    println!("{issues:>8} {what:<12} {requests:>8} {replies:>9.2?} {took:>10.2?} {ratio:>7.2} {shown:>9}");
    if what == "first" && issues == 10_000 && ratio > MOST_RATIO {
        println!("         slower than promised: at most {MOST_RATIO}");
    }
    if peak.is_some_and(|peak| peak >= MOST_MEGABYTES) {
        println!("         more memory than promised: under {MOST_MEGABYTES} MB");
    }
}
