//! Help, tables, JSON, and what the program ends with.

use super::{Given, given, is_as_before, said};
use crate::tests;
use serde_json::json;

tests![
    help_says_what_there_is,
    tables_are_as_they_were,
    json_is_the_answer_of_the_api,
    lists_follow_their_cursors,
    exit_codes_tell_what_happened,
    people_and_tokens_are_managed,
    sources_are_managed,
    shells_learn_to_complete,
];

async fn help_says_what_there_is() {
    let given = given().await;
    let mut told = String::new();
    let of_all = pullcord::command_line::names().into_iter().filter(|name| name != "up").map(|name| format!("{name} --help"));
    for words in ["--help".to_owned(), "--version".to_owned()].into_iter().chain(of_all) {
        let said = given.types(&words).ends(0);
        told += &format!("$ pullcord {words}\n{}\n", given.steady(&said.out));
    }
    is_as_before("help.txt", &told);
}

fn transcript(given: &Given, words: &[&str]) -> String {
    let told = words.iter().map(|words| {
        let said = given.types(words).ends(0);
        format!("$ pullcord {words}\n{}\n", given.steady(&said.out))
    });
    told.collect()
}

async fn tables_are_as_they_were() {
    let given = given().await;
    let before = transcript(&given, &["source list", "runs", "items web", "token list", "held web"]);
    given.types("sync web --wait").ends(0);
    let after = transcript(
        &given,
        &["source list", "source show web", "runs", "runs web", "items web --limit 3", "workspace list", "workspace show", "member list"],
    );
    is_as_before("tables.txt", &(before + &after));
}

/// Byte by byte, but for the line's end.
async fn json_is_the_answer_of_the_api() {
    let given = given().await;
    let run = given.types("sync web --wait").ends(0).run();
    for (words, path) in [
        ("source show web", "/v1/sources/web"),
        ("source list", "/v1/workspaces/acme/sources"),
        ("items web --limit 7", "/v1/sources/web/items?limit=7"),
        ("items web --state open --type issue --limit 5", "/v1/sources/web/items?state=open&type=issue&limit=5"),
        ("runs web", "/v1/sources/web/runs"),
        ("runs", "/v1/workspaces/acme/runs"),
        ("workspace list", "/v1/workspaces"),
        ("workspace show acme", "/v1/workspaces/acme"),
        ("member list", "/v1/workspaces/acme/members"),
        ("token list", "/v1/workspaces/acme/tokens"),
        ("explain web", "/v1/sources/web/sync/explain"),
        ("held web", "/v1/sources/web/held-deletions"),
        ("audit", "/v1/workspaces/acme/audit"),
    ] {
        let expected = given.admin().get(path).await;
        assert_eq!(given.types(&format!("{words} --json")).ends(0).out.trim_end(), expected.text, "{words}");
    }
    let audit = given.admin().get(&format!("/v1/runs/{run}/audit")).await;
    assert_eq!(given.types(&format!("audit --json --run {run}")).ends(0).out.trim_end(), audit.text);
}

async fn lists_follow_their_cursors() {
    let given = given().await;
    given.types("sync web --wait").ends(0);
    let all = given.admin().items("web").await.len();
    assert!(all > 100, "{all}");
    let listed = given.types("items web --limit 1000 --json").ends(0).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), all);
    assert!(listed["next_cursor"].is_null());
    let some = given.types("items web --limit 105 --json").ends(0).json();
    assert_eq!(some["items"].as_array().unwrap().len(), 105);
    assert!(some["next_cursor"].is_string());
    assert_eq!(given.types("items web --limit 105").ends(0).out.lines().count(), 106);
    let none = given.types("items web --since 2999-01-01").ends(0);
    assert!(none.out.contains("nothing like that"), "{}", none.out);
    assert_eq!(given.types("items web --since 9000h --limit 1000 --json").ends(0).json()["items"].as_array().unwrap().len(), all);
}

async fn exit_codes_tell_what_happened() {
    let given = given().await;
    for (words, code, hint) in [
        ("source show web", 0, ""),
        ("", 2, "Usage"),
        ("fly", 2, "unrecognized"),
        ("sync", 2, "<SOURCE>"),
        ("sync web --attach --force", 2, "cannot be used"),
        ("sync web --max-age soon", 2, "10m"),
        ("items web --since soon", 2, "2h"),
        ("items web --type bicycle", 2, "must be one of"),
        ("source set web", 2, "what to change"),
        ("source rm web", 2, "--yes"),
        ("--url nonsense runs", 2, "https://"),
        ("sync nothing", 3, "pullcord source list"),
        ("source show ..", 3, "check the name"),
        ("member set somebody king", 2, "role"),
        ("--url http://127.0.0.1:1 runs", 4, "pullcord up"),
    ] {
        let words: Vec<&str> = words.split(' ').filter(|word| !word.is_empty()).collect();
        let said = said(given.command(&words), "").ends(code);
        assert!(said.err.contains(hint), "{words:?}: {}", said.err);
    }
    // What is no Pullcord is not taken for one.
    let stranger = given.types(&format!("--url {} runs", given.world.forge.base_url())).ends(4);
    assert!(stranger.err.contains("not Pullcord") || stranger.err.contains("no token"), "{}", stranger.err);
    // Whoever may not, is told whom to ask.
    let viewer = given.types("token create reader viewer").ends(0);
    let mut command = given.command(&["sync", "web"]);
    command.env("PULLCORD_TOKEN", viewer.out.trim());
    let refused = said(command, "").ends(3);
    assert!(refused.err.contains("ask an admin"), "{}", refused.err);
}

async fn people_and_tokens_are_managed() {
    let given = given().await;
    assert!(given.types("member set ada maintainer").ends(0).out.contains("ada is maintainer in acme"));
    assert!(given.types("member list").ends(0).out.contains("maintainer"));
    given.types("member rm ada").ends(0);
    assert!(!given.types("member list").ends(0).out.contains("ada"));
    let made = given.types("token create ci member --expires 90d").ends(0);
    assert!(made.out.starts_with("pct_") && made.out.lines().count() == 1, "a script can take it: {}", made.out);
    let id = given.types("token list --json").json()["tokens"][0]["id"].as_str().unwrap().to_owned();
    assert!(made.err.contains(&id));
    given.types(&format!("token revoke {id}")).ends(0);
    given.types("workspace create other --name Other").ends(0);
    let unsure = given.types("member list").ends(2);
    assert!(unsure.err.contains("acme, other"), "{}", unsure.err);
    let set = given.types("workspace set other --cooldown repository=90s --quota-floor 7 --max-concurrent-runs 3 --json").ends(0).json();
    assert_eq!(
        (set["cooldowns"]["repository"].as_str(), set["quota_floor"].as_u64(), set["max_concurrent_runs"].as_u64()),
        (Some("PT1M30S"), Some(7), Some(3))
    );
    let back = given
        .types("workspace set other --cooldown repository=default --quota-floor default --max-concurrent-runs none --json")
        .ends(0)
        .json();
    assert_eq!((back["cooldowns"].clone(), back["quota_floor"].clone()), (json!({}), json!(null)));
}

async fn sources_are_managed() {
    let given = given().await;
    let forge = given.world.forge.base_url();
    let words =
        format!("source add api --provider github --repository acme/api --base-url {forge} --stream issues --monitored false --credential");
    let words: Vec<&str> = words.split(' ').collect();
    let added = said(given.command(&words), "a-secret-of-the-forge\n").ends(0);
    assert!(!added.out.contains("a-secret-of-the-forge"));
    assert_eq!(added.offered("sync it"), "sync api --wait");
    let source = given.admin().get("/v1/sources/api").await.is(200);
    assert_eq!((source["credential"]["last4"].as_str(), source["monitored"].as_bool()), (Some("orge"), Some(false)));
    let shown =
        said(given.command(&["source", "set", "api", "--name", "The API", "--no-credential", "--webhook-secret"]), "hush\n").ends(0);
    assert!(shown.out.contains("The API") && !shown.out.contains("hush"), "{}", shown.out);
    let source = given.admin().get("/v1/sources/api").await.is(200);
    assert_eq!((source["credential"]["set"].as_bool(), source["webhook"]["secret_set"].as_bool()), (Some(false), Some(true)));
    given.types("source rm api --yes --wait").ends(0);
    given.types("source show api").ends(3);
}

async fn shells_learn_to_complete() {
    let given = given().await;
    for shell in ["bash", "zsh", "fish"] {
        let script = given.types(&format!("completions {shell}")).ends(0).out;
        for word in ["reset-backfill", "override-cooldown", "doctor"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
        if shell == "bash" {
            let mut check = std::process::Command::new("bash");
            check.arg("-n");
            said(check, &script).ends(0);
        }
    }
    given.types("completions dos").ends(2);
}
