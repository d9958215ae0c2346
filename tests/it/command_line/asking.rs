//! Syncs by command: followed to their ends, refused, parked, joined, cancelled.

use std::time::Duration;

use jiff::SignedDuration;
use pullcord_forge::{Behaviour, Fault, Seed};
use serde_json::json;

use super::{Given, given, is_as_before};
use crate::tests;

tests![
    a_sync_is_followed_to_its_end,
    a_cooldown_gives_the_command_that_parks,
    a_running_sync_can_be_followed_joined_and_replaced,
    a_low_quota_says_until_when,
    what_has_to_be_confirmed_says_why,
    a_failed_run_ends_with_one,
    a_workspace_is_synced_source_by_source,
    a_dry_run_and_an_explanation_change_nothing,
    held_removals_are_approved_by_name,
];

const ISSUES: &str = "/repos/acme/web/issues";

/// Tells what was said, part by part.
fn transcript(given: &Given, words: &[&str]) -> String {
    let told = words.iter().map(|words| {
        let said = given.types(words);
        format!("$ pullcord {words}\n{}{}[{}]\n\n", given.steady(&said.out), given.steady(&said.err), said.code)
    });
    told.collect()
}

async fn a_sync_is_followed_to_its_end() {
    let given = given().await;
    given.world.forge.set_latency(Duration::from_millis(300));
    let said = given.types("sync web --wait").ends(0);
    assert!(said.out.starts_with("✓ web: 1") && said.out.contains("created 1"), "{}", said.out);
    assert!(said.err.contains("fetching · page "), "plain lines where there is no terminal: {}", said.err);
    assert!(!said.err.contains('\u{1b}') && !said.out.contains('\u{1b}'), "and no colours");
    let run = said.run();
    // Whoever comes later sees the same end.
    assert_eq!(given.types(&format!("watch {run}")).ends(0).out, said.out);
    assert_eq!(given.types(&format!("watch {run} --json")).ends(0).json()["id"], run.as_str());
}

async fn a_cooldown_gives_the_command_that_parks() {
    let given = given().await;
    given.types("sync web --wait").ends(0);
    let refused = given.types("sync web --full --reason because").ends(3);
    is_as_before("cooldown.txt", &given.steady(&refused.err));
    let problem = given.types("sync web --json").ends(3).json();
    assert_eq!((problem["code"].as_str(), problem["status"].as_u64()), (Some("COOLDOWN_ACTIVE"), Some(429)));
    // The command that it offers does what it says.
    let park = refused.offered("run by itself then");
    assert_eq!(park, "sync web --full --park --reason because");
    let parked = given.types(&park).ends(0);
    assert!(parked.out.contains("waits, and runs by itself at "), "{}", parked.out);
    let cancelled = given.types("cancel web").ends(0);
    assert!(cancelled.out.contains("will not run"), "{}", cancelled.out);
    let passed = refused.offered("pass over it").replace("WHY", "because");
    given.types(&passed).ends(0);
}

async fn a_running_sync_can_be_followed_joined_and_replaced() {
    let given = given().await;
    given.cools_for("PT0S").await;
    given.world.forge.script(Fault::on(ISSUES, Behaviour::Hang));
    let first = given.types("sync web").ends(0);
    given.admin().until(&first.run(), |run| run["status"] == "running").await;
    let refused = given.types("sync web --wait").ends(3);
    is_as_before("running.txt", &given.steady(&refused.err));
    assert_eq!(refused.offered("follow it"), format!("watch {}", first.run()));
    let busy = given.types("reset-backfill web --yes").ends(3);
    assert!(busy.err.contains(&format!("pullcord watch {}", first.run())), "{}", busy.err);
    assert_eq!(given.types("sync web --attach").ends(0).run(), first.run());
    let second = given.types(&refused.offered("run once more").replace(" --wait", "")).ends(0);
    assert!(second.out.contains("runs once more when"), "{}", second.out);
    // A source stands for what runs of it.
    let cancelled = given.types("cancel web").ends(0);
    assert!(cancelled.out.contains(&first.run()), "{}", cancelled.out);
    given.world.forge.release();
    given.types(&format!("watch {}", first.run())).ends(1);
    let ended = given.types(&format!("watch {}", second.run())).ends(0);
    assert!(ended.out.contains("✓ web"), "{}", ended.out);
    given.types("cancel web").ends(2);
}

async fn a_low_quota_says_until_when() {
    let given = given().await;
    let token = "poor";
    let low = pullcord_forge::Quota::full(5_000, jiff::Timestamp::from_millisecond(given.world.clock.now().0).unwrap());
    given.world.forge.set_quota(Some(token), pullcord_forge::Quota { remaining: 42, ..low });
    given.source("poor", "acme/web", json!({"credential": {"token": token}})).await;
    let refused = given.types("sync poor").ends(3);
    assert!(refused.err.contains("requests are left at the provider"), "{}", refused.err);
    assert!(refused.err.contains("until "), "{}", refused.err);
    given.types(&refused.offered("run by itself then")).ends(0);
}

async fn what_has_to_be_confirmed_says_why() {
    let given = given().await;
    given.types("source set web --webhook-active yes").ends(0);
    let refused = given.types("sync web --include-closed").ends(3);
    is_as_before("confirmation.txt", &given.steady(&refused.err));
    given.types(&refused.offered("sync all the same")).ends(0);
}

async fn a_failed_run_ends_with_one() {
    let given = given().await;
    given.world.forge.script(Fault::on(ISSUES, Behaviour::status(401)).forever());
    let failed = given.types("sync web --wait").ends(1);
    is_as_before("failed.txt", &given.steady(&failed.out));
    assert_eq!(given.types(&format!("watch {} --json", failed.run())).ends(1).json()["status"], "failed");
    given.world.forge.clear_script();
    let again = given.types(&format!("retry {} --wait", failed.run())).ends(0);
    assert!(again.out.contains("✓ web"), "{}", again.out);
}

async fn a_workspace_is_synced_source_by_source() {
    let given = given().await;
    given.cools_for("PT0S").await;
    given.world.forge.repository("acme/api").seed(&Seed::of(30));
    given.source("api", "acme/api", json!({})).await;
    let followed = tokio::task::block_in_place(|| given.types("sync --all"));
    let run = followed.ends(0).run();
    ticked(&given, &run).await;
    let seen = given.types(&format!("watch {run}")).ends(0);
    assert!(seen.out.contains("✓ acme: 2 of 2 sources synced"), "{}", seen.out);
    assert!(seen.err.contains("✓ web: ") && seen.err.contains("✓ api: "), "{}", seen.err);
    given.world.forge.script(Fault::on(ISSUES, Behaviour::status(404)).forever());
    let run = given.types("sync --all -w acme --full").ends(0).run();
    ticked(&given, &run).await;
    let seen = given.types(&format!("watch {run}")).ends(1);
    assert!(seen.err.contains("✗ web failed"), "{}", seen.err);
    assert_eq!(seen.offered("what to do"), format!("retry {run} takes only what failed"));
}

/// A workspace run looks at its children when it comes due.
async fn ticked(given: &Given, run: &str) {
    for _ in 0..200 {
        given.world.tick().await;
        let found = given.admin().get(&format!("/v1/runs/{run}?wait=PT1S")).await.is(200);
        if !found["finished_at"].is_null() {
            return;
        }
        given.world.clock.turn(SignedDuration::from_secs(20));
    }
    panic!("the workspace run never ended");
}

/// S0.41: nor does what forgets something, before it was said to be meant.
async fn a_dry_run_and_an_explanation_change_nothing() {
    let given = given().await;
    let told = transcript(&given, &["sync web --dry-run", "explain web"]);
    given.types("sync web --wait").ends(0);
    let words = [
        "sync web --dry-run",
        "sync web --dry-run --park",
        "sync web --max-age 1h",
        "explain web",
        "reset-backfill web",
        "reset-backfill web --yes",
    ];
    is_as_before("dry.txt", &(told + &transcript(&given, &words)));
    assert_eq!(given.types("runs web --json").json()["runs"].as_array().unwrap().len(), 1);
}

async fn held_removals_are_approved_by_name() {
    let given = given().await;
    let files: Vec<(String, String)> = (0..20).map(|place| (format!("{place}.md"), format!("# Page {place}\n"))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let folder = given.world.folder(&files);
    given.types(&format!("source add papers --path {} -w acme", folder.display())).ends(0);
    given.types("sync papers --wait").ends(0);
    for (name, _) in &files[..15] {
        std::fs::remove_file(folder.join(name)).unwrap();
    }
    let held = given.types("sync papers --wait").ends(0);
    assert!(held.out.contains("held back: 15 removals"), "{}", held.out);
    let listed = given.types(&held.offered("look:")).ends(0);
    assert!(listed.out.contains("15 items held back") && listed.out.contains("Page "), "{}", listed.out);
    given.types(&format!("{} --wait", held.offered("remove them:"))).ends(0);
    assert_eq!(given.types("items papers --json").json()["items"].as_array().unwrap().len(), 5);
    assert!(given.types("held papers").ends(0).out.contains("Nothing is held back"));
}
