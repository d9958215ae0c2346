//! Schedules by command: shown, tried, set and ended.

use super::{given, is_as_before, said};
use crate::tests;

tests![a_schedule_is_tried_set_shown_and_ended, what_is_wrong_with_a_schedule_is_said, integrations_are_added_and_changed,];

/// With the same fields as over the API.
async fn a_schedule_is_tried_set_shown_and_ended() {
    let given = given().await;
    let cron: &[&str] = &["schedule", "web", "--cron", "0 6 * * 1-5", "--timezone", "Europe/Oslo"];
    let night: &[&str] = &["--deny", "0 22 * * * for 8h", "--allow", "0 0 * * 1-5 for PT24H in Europe/London", "--prewarm"];
    let mut told = String::new();
    for (words, more, code) in [
        (&["schedule", "web"] as &[&str], &[] as &[&str], 3),
        (cron, &["--dry-run"], 0),
        (&["schedule", "web"], &[], 3),
        (cron, night, 0),
        (&["schedule", "web"], &[], 0),
        (&["schedule", "web", "--remove"], &[], 0),
        (&["schedule", "web", "--remove"], &[], 0),
        (&["schedule", "nothing"], &[], 3),
    ] {
        let words = [words, more].concat();
        let said = said(given.command(&words), "").ends(code);
        // Whether a window denies it at this moment is the clock's to say.
        let out: String = given.steady(&said.out).split_inclusive('\n').filter(|line| !line.starts_with("now  ")).collect();
        told += &format!("$ pullcord {}\n{out}{}[{code}]\n\n", words.join(" "), given.steady(&said.err));
    }
    is_as_before("schedule.txt", &told);
    // What it is with --json is what the API says, and a window is as it was typed.
    let set = said(given.command(&[cron, night, &["--json"]].concat()), "").ends(0);
    let found = given.admin().get("/v1/sources/web/schedule").await;
    assert_eq!(set.json()["windows"], found.is(200)["windows"]);
    let windows = set.json()["windows"].clone();
    assert_eq!((windows[0]["rule"].as_str(), windows[0]["duration"].as_str()), (Some("deny"), Some("PT8H")));
    assert_eq!((windows[1]["rule"].as_str(), windows[1]["timezone"].as_str()), (Some("allow"), Some("Europe/London")));
    assert_eq!(set.json()["prewarm"], true);
    let every = given.types("schedule web --every 90m").ends(0);
    assert!(every.out.starts_with("web syncs by itself every 1 h 30 min\nnext "), "{}", every.out);
    assert_eq!(given.types("schedule web --json").ends(0).json()["every"], "PT1H30M");
    assert!(given.types("source show web").ends(0).out.contains("every 1 h 30 min"));
}

async fn what_is_wrong_with_a_schedule_is_said() {
    let given = given().await;
    for (words, hint) in [
        (&["--every", "1h", "--cron", "0 6 * * *"] as &[&str], "cannot be used"),
        (&["--every", "10s"], "must be a duration from PT1M"),
        (&["--every", "soon"], "10m"),
        (&["--timezone", "Europe/Oslo"], "--every"),
        (&["--cron", "0 6 * *"], "cron"),
        (&["--cron", "0 6 * * *", "--timezone", "Middle/Earth"], "Middle/Earth"),
        (&["--cron", "0 6 * * *", "--deny", "at night"], "0 22 * * * for 8h"),
        (&["--cron", "0 6 * * *", "--deny", "* 5 * * * for 8h"], "windows"),
        (&["--remove", "--every", "1h"], "cannot be used"),
    ] {
        let words = [&["schedule", "web"], words].concat();
        let said = said(given.command(&words), "").ends(2);
        assert!(said.err.contains(hint), "{words:?}: {}", said.err);
    }
    assert!(given.admin().get("/v1/sources/web").await.is(200)["schedule"].is_null(), "and nothing was set");
}

async fn integrations_are_added_and_changed() {
    let given = given().await;
    let forge = given.world.forge.base_url();
    let words = format!(
        "source add ledger --provider xledger --entity projects --entity customers --integration-type books --health-every 30m --base-url {forge}"
    );
    let added = given.types(&words).ends(0);
    assert!(added.out.contains("xledger books") && added.out.contains("looked at every 30 min"), "{}", added.out);
    let source = given.admin().get("/v1/sources/ledger").await.is(200);
    assert_eq!((source["kind"].as_str(), source["integration_type"].as_str()), (Some("integration"), Some("books")));
    assert_eq!(source["entities"], serde_json::json!(["projects", "customers"]));
    assert_eq!(source["health"]["every"], "PT30M");
    given.types(&format!("source set ledger --entity projects --health-url {forge}/alive --health-every 1h")).ends(0);
    let source = given.admin().get("/v1/sources/ledger").await.is(200);
    assert_eq!((source["entities"][1].as_str(), source["health"]["url"].as_str()), (None, Some(format!("{forge}/alive").as_str())));
    given.types("source set ledger --no-health").ends(0);
    assert!(given.admin().get("/v1/sources/ledger").await.is(200)["health"].is_null());
    let unclear = given.types("source add other --provider xledger").ends(2);
    assert!(unclear.err.contains("--entity"), "{}", unclear.err);
}
