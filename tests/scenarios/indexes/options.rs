//! What can be said with a trigger: every option has a default, every answer repeats
//! them as they were understood.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{FILES, count, counts, defaults, given, id, wrong_at};
use crate::world::{Answer, World};

crate::scenarios![
    no_body_means_every_default,
    every_option_is_repeated,
    what_is_no_option_is_refused,
    a_hook_leads_to_the_public_internet,
    the_strategy_is_the_first_that_is_wanted,
    the_options_of_every_trigger_hold_here_too,
];

/// S1.3, S1.26–S1.33, S1.44: no body, an empty one, and one that says the defaults are
/// the same.
async fn no_body_means_every_default(world: &World) {
    let given = given(world, &FILES).await;
    let said: BTreeMap<_, _> = defaults().into_iter().filter(|(_, value)| !value.is_null()).collect();
    for body in [None, Some(json!({})), Some(json!(said))] {
        let answer = match body {
            Some(body) => given.accepted(body).await,
            None => given.admin.press(&given.trigger()).await.is(202),
        };
        assert_options(&answer, &defaults());
        let job = given.ended(id(&answer)).await;
        assert_options(&job, &defaults());
    }
}

/// S1.26–S1.34, S1.44: what was said is what was understood; a `branch` is `branches`
/// of one. A hook is shown without its query, which may hold a secret.
async fn every_option_is_repeated(world: &World) {
    let given = given(world, &FILES).await;
    given.remote.branch("develop", "main");
    let changes = [
        (json!({"force": true}), json!({"force": true})),
        (json!({"full_reindex": true}), json!({"full_reindex": true})),
        (json!({"incremental": false}), json!({"incremental": false})),
        (json!({"pull_remote": true, "remote": "origin"}), json!({"pull_remote": true})),
        (json!({"branches": ["main", "develop"]}), json!({"branches": ["main", "develop"]})),
        (json!({"branch": "develop"}), json!({"branches": ["develop"]})),
        (json!({"ignore_patterns": ["*.pyc", "/build/"]}), json!({"ignore_patterns": ["*.pyc", "/build/"]})),
        (json!({"progress_webhook": "https://hooks.invalid/in?key=hush"}), json!({"progress_webhook": "https://hooks.invalid/in"})),
    ];
    for (asked, understood) in changes {
        let answer = given.accepted(asked.clone()).await;
        let mut expected = defaults();
        for (name, value) in &mut expected {
            if let Some(other) = understood.get(name) {
                *value = other.clone();
            }
        }
        assert_options(&answer, &expected);
        let job = given.ended(id(&answer)).await;
        assert_options(&job, &expected);
        assert_eq!(job["status"], "completed", "{asked}: {job:#}");
    }
}

#[track_caller]
fn assert_options(job: &Value, expected: &BTreeMap<&str, Value>) {
    for (name, value) in expected {
        assert_eq!(job["options"].get(name), Some(value), "{name} of {job:#}");
    }
}

/// Answers 400 that name what is wrong, all at once; nothing is started.
async fn what_is_no_option_is_refused(world: &World) {
    let given = given(world, &FILES).await;
    let wrong = [
        (json!({"remote": "elsewhere"}), vec!["remote"]),
        (json!({"pull_remote": true, "remote": "elsewhere"}), vec!["remote"]),
        (json!({"force": "yes", "full_reindex": 1}), vec!["force", "full_reindex"]),
        (json!({"incremental": "no", "pull_remote": null, "remote": 7}), vec!["incremental", "remote"]),
        (json!({"branches": "main"}), vec!["branches"]),
        (json!({"ignore_patterns": "*.pyc"}), vec!["ignore_patterns"]),
        (json!({"progress_webhook": 5}), vec!["progress_webhook"]),
        (json!({"fullReindex": true, "brunch": "main"}), vec!["brunch", "fullReindex"]),
    ];
    for (body, at) in wrong {
        let said = wrong_at(given.ask(body.clone()).await);
        assert!(at.iter().all(|at| said.iter().any(|said| said.starts_with(at))), "{body}: {said:?}");
    }
    for body in
        [json!({"branch": "main", "branches": ["main"]}), json!({"branches": [7]}), json!({"branches": [""]}), json!({"branch": ""})]
    {
        let said = wrong_at(given.ask(body.clone()).await);
        assert!(said.iter().all(|at| at.starts_with("branch")), "{body}: {said:?}");
    }
    for text in ["[]", "7", "\"main\"", "{"] {
        let request = given.admin.request("POST", &given.trigger()).header("content-type", "application/json").body(text);
        Answer::of("POST", text, request).await.problem(400, "VALIDATION_FAILED");
    }
    assert_eq!(given.look().await["status"], "never_synced");
    assert_eq!(given.admin.get(&format!("/v1/sources/{}/runs", given.source)).await.is(200)["runs"], json!([]));
}

/// S1.33: what can be judged of a hook without asking anyone is judged when it is given.
async fn a_hook_leads_to_the_public_internet(world: &World) {
    let given = given(world, &FILES).await;
    let wrong = [
        "ftp://example.com/hook",
        "http://example.com/hook",
        "https://10.0.0.7/hook",
        "https://169.254.169.254/latest",
        "https://[fd00::1]/hook",
        "https://user:word@example.com/hook",
        "example.com/hook",
        "",
    ];
    for hook in wrong {
        let said = wrong_at(given.ask(json!({"progress_webhook": hook})).await);
        assert!(said.contains("progress_webhook"), "{hook}: {said:?}");
    }
    assert_eq!(given.look().await["status"], "never_synced");
}

/// S1.28, S1.50, S1.72: everything anew if that is wanted, else what changed, else
/// whichever of the two is less work. An index is the same whichever it was.
async fn the_strategy_is_the_first_that_is_wanted(world: &World) {
    let given = given(world, &FILES).await;
    given.indexed(json!({})).await;
    let unchanged = [0, 0, 0, 3];

    let full = given.indexed(json!({"full_reindex": true, "incremental": true})).await;
    assert!(count(&full, "chunks_cleared") >= 3 && count(&full, "chunks_embedded") >= 3, "{full:#}");
    let incremental = given.indexed(json!({"incremental": true})).await;
    assert_eq!((counts(&incremental), count(&incremental, "chunks_embedded")), (unchanged, 0), "{incremental:#}");
    let smart = given.indexed(json!({"incremental": false})).await;
    assert_eq!((counts(&smart), count(&smart, "chunks_embedded")), (unchanged, 0), "{smart:#}");

    let strategies = [&full, &incremental, &smart].map(|job| job["result"]["strategy"].as_str().unwrap().to_owned());
    assert_ne!(strategies[0], strategies[1], "{strategies:?}");
    assert_eq!(given.paths("open the umbrella when it rains").await[0], "src/umbrella.rs");
    // Most of it is other now: everything anew is less work.
    let other = FILES.map(|(path, _)| (path, Some("The giraffe stands in the savannah.\n")));
    given.remote.commit("main", &other, "All of it");
    let smart = given.indexed(json!({"incremental": false})).await;
    assert_eq!(smart["result"]["strategy"].as_str(), Some(strategies[0].as_str()), "{smart:#}");
    assert_eq!(given.stands("main").await, (given.remote.head("main"), 3));
}

/// S1.48: waiting, attaching, freshness and dry runs as on every other surface, in
/// this one's words.
async fn the_options_of_every_trigger_hold_here_too(world: &World) {
    let given = given(world, &FILES).await;
    let foretold = given.ask(json!({"dryRun": true})).await.is(200);
    assert_eq!(foretold["outcome"], "would_accept", "{foretold:#}");
    assert_eq!(given.look().await["status"], "never_synced");

    let waited = given.admin.press(&format!("{}?wait=PT20S", given.trigger())).await.is(200);
    assert_eq!((waited["status"].as_str(), counts(&waited)), (Some("completed"), [3, 0, 0, 0]), "{waited:#}");
    assert_eq!(given.ask(json!({"maxAge": "PT1H"})).await.is(200)["outcome"], "fresh");

    let running = given.held(json!({})).await;
    let attached = given.ask(json!({"onConflict": "attach"})).await.is(200);
    assert_eq!((attached["outcome"].as_str(), attached["job_id"].as_str()), (Some("attached"), Some(id(&running))), "{attached:#}");
    let next = given.ask(json!({"onConflict": "followUp"})).await.is(202);
    assert_eq!((next["outcome"].as_str(), next["status"].as_str()), (Some("follow_up"), Some("queued")), "{next:#}");
    assert_eq!(given.let_go(&running).await["status"], "completed");
    assert_eq!(given.ended(id(&next)).await["status"], "completed");
}
