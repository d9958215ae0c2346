//! How long things take, as ratios of two that are measured side by side.
//!
//! A time says little on a machine one does not know; that an unchanged folder
//! costs a twentieth of a new one says the same everywhere.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a bench measures real time, and stops if it cannot go on")]

use std::fmt::Write;
use std::time::{Duration, Instant};

use pullcord_forge::Seed;
use pullcord_tests::world::{Tenant, World, write};
use serde_json::{Value, json};

const ROUNDS: usize = 9;

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let world = World::local().await;
        let tenant = world.tenant().await;
        println!("medians of {ROUNDS} rounds, the two of a line in turn");
        triggers(&tenant).await;
        folders(&tenant).await;
        pages(&tenant).await;
    });
}

/// Median times of two things, done in turn, and their ratio.
fn report(what: &str, mut one: Vec<Duration>, against: &str, mut other: Vec<Duration>) {
    one.sort();
    other.sort();
    let (one, other) = (one[one.len() / 2], other[other.len() / 2]);
    println!("{what:<44} {one:>10.2?}   {against:<34} {other:>10.2?}   ratio {:.2}", one.as_secs_f64() / other.as_secs_f64());
}

/// How long a run took by its own account: the caller who waits looks only now
/// and then.
fn took(run: &Value) -> Duration {
    let at = |name: &str| run[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    at("finished_at").duration_since(at("created_at")).try_into().unwrap()
}

/// A trigger against a look at the same source: what admission costs on top of
/// HTTP, token and one query.
async fn triggers(tenant: &Tenant<'_>) {
    let (admin, mut accepted, mut looked) = (tenant.admin(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let project = tenant.project(&tenant.world.folder(&[("a.md", "# A")])).await;
        let began = Instant::now();
        admin.press(&format!("/api/v1/projects/{project}/sync")).await.is(202);
        accepted.push(began.elapsed());
        admin.settled(&project).await;
        let began = Instant::now();
        admin.get(&format!("/v1/sources/{project}")).await.is(200);
        looked.push(began.elapsed());
    }
    report("an accepted trigger", accepted, "a look at the source", looked);
}

/// A folder of a thousand documents, unchanged, with one changed, and new.
async fn folders(tenant: &Tenant<'_>) {
    let (admin, mut first, mut one, mut unchanged) = (tenant.admin(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let folder = tenant.world.folder(&[]);
        for number in 0..1_000 {
            let mut text = format!("# Document {number}\n");
            writeln!(text, "{}", "A sentence of it. ".repeat(40)).unwrap();
            write(&folder, &format!("{}/{number}.md", number % 20), &text);
        }
        let project = tenant.project(&folder).await;
        let path = format!("/v1/sources/{project}/sync?wait=PT25S");
        for times in [&mut first, &mut unchanged] {
            times.push(took(&admin.post(&path, json!({})).await.is(200)));
        }
        write(&folder, "7/7.md", &format!("# Changed in round {round}\n"));
        one.push(took(&admin.post(&path, json!({})).await.is(200)));
    }
    report("1,000 documents, none changed", unchanged, "1,000 new documents", first.clone());
    report("1,000 documents, one changed", one, "1,000 new documents", first);
}

/// A thousand issues for the first time, and an increment that finds one.
async fn pages(tenant: &Tenant<'_>) {
    let (admin, mut first, mut increment) = (tenant.admin(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let name = format!("bench/{}", pullcord_tests::world::fresh("pages"));
        let repository = tenant.world.forge.repository(&name);
        repository.seed(&Seed { closed_percent: 0, ..Seed::of(1_000) });
        let source = tenant.repository_with(&name, json!({"credential": {"token": format!("bench-{round}")}})).await;
        let path = format!("/v1/sources/{source}/sync?wait=PT25S");
        first.push(took(&admin.post(&path, json!({})).await.is(200)));
        repository.edit_issue(500, |issue| issue.title = format!("Edited in round {round}"));
        increment.push(took(&admin.post(&path, json!({"overrideCooldown": {"reason": "a bench"}})).await.is(200)));
    }
    report("an increment with one changed issue", increment, "a first sync of 1,000 issues", first);
}
