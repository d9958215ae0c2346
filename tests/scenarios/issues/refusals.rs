//! A provider says no, breaks down or moves away, and gets over it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use pullcord_forge::{Behaviour, Entry, Fault};
use serde_json::{Value, json};

use super::{Given, cooling, counts, given, now};
use crate::world::{World, fresh};

crate::scenarios![
    refusals_are_told_apart,
    issues_that_are_switched_off_are_not_no_issues,
    a_renamed_repository_is_followed,
    a_hiccup_is_tried_again,
    a_provider_that_stays_down_is_given_up_visibly,
    a_new_credential_lifts_the_cooldown,
    a_source_in_error_is_synced_again,
    a_credential_travels_in_one_header,
];

/// What befalls a source between two syncs.
type Mishap<'a> = &'a (dyn Fn(&Given<'_>) + Sync);

/// S2.13, S2.116, S2.123: an expired token, a missing permission and a vanished
/// repository are different errors, and none of them is "no data".
async fn refusals_are_told_apart(world: &World) {
    let forbidden = |given: &Given<'_>| {
        let body = json!({"message": "Resource not accessible by integration"}).to_string();
        let headers = BTreeMap::from([("x-accepted-github-permissions".to_owned(), "issues=read".to_owned())]);
        world.forge.script(Fault::on(&given.issues, Behaviour::Reply { status: 403, headers, body }));
    };
    let table: [(Mishap<'_>, _, _); 3] = [
        (&|given| world.forge.revoke_token(&given.token), "CREDENTIAL_REJECTED", "Bad credentials"),
        (&forbidden, "PERMISSION_MISSING", "Resource not accessible by integration"),
        (&|given| given.repository.remove(), "REPOSITORY_NOT_FOUND", "Not Found"),
    ];
    for (befall, code, words) in table {
        let given = given(world).await;
        given.old(world, 3);
        given.sync(json!({})).await;
        befall(&given);

        let run = given.sync(json!({})).await;

        assert_eq!((run["status"].as_str(), run["error"]["code"].as_str()), (Some("failed"), Some(code)));
        assert!(run["error"]["message"].as_str().unwrap().contains(words), "{run:#}");
        assert!(run["error"]["where"].as_str().unwrap().contains(&given.issues), "{run:#}");
        assert!(!run.to_string().contains(&given.token));
        let source = given.look().await;
        assert_eq!((source["status"].as_str(), &source["sync_error"]), (Some("error"), &run["error"]["message"]));
        assert_eq!(given.items().await.len(), 3, "{code}: what was there stays");
        assert_eq!(given.requests(world).len(), 2, "{code}: it was tried again");
    }
}

/// A stream that is switched off is a warning with the provider's own reason.
async fn issues_that_are_switched_off_are_not_no_issues(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    given.sync(json!({})).await;
    given.repository.disable_issues();

    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed_with_warnings"), [0; 4]));
    assert_eq!(run["warnings"][0]["code"], "STREAM_NOT_AVAILABLE");
    assert!(run["warnings"][0]["message"].as_str().unwrap().contains("Issues are disabled for this repo"), "{run:#}");
    assert_eq!((given.items().await.len(), given.look().await["status"].as_str()), (3, Some("synced")));

    given.repository.enable_issues();
    given.repository.edit_issue(1, |issue| issue.title = "Back again".into());
    assert_eq!(counts(&given.sync(json!({})).await), [0, 1, 0, 0]);
}

/// S2.123: a renamed repository answers 301; its issues stay the same items.
async fn a_renamed_repository_is_followed(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    given.sync(json!({})).await;
    given.repository.rename(&format!("acme/{}", fresh("renamed")));
    given.repository.edit_issue(2, |issue| issue.title = "After the move".into());

    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed_with_warnings"), [0, 1, 0, 0]));
    let items = given.items().await;
    assert_eq!((items.len(), items[&2]["title"].as_str()), (3, Some("After the move")));
}

/// S2.77, S2.123: what is over at the next try costs nothing but a try.
async fn a_hiccup_is_tried_again(world: &World) {
    let hiccups = [Behaviour::status(500), Behaviour::status(502), Behaviour::Garbage, Behaviour::HalfBody, Behaviour::Reset];
    let stories = hiccups.into_iter().map(async |hiccup| {
        let given = given(world).await;
        given.old(world, 120);
        let kind = hiccup.kind();
        world.forge.script(Fault::on(&given.issues, hiccup).nth(2));

        let run = given.sync(json!({})).await;

        assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed"), [120, 0, 0, 0]), "{kind}");
        let struck: Vec<_> = given.requests(world).into_iter().filter_map(|entry| entry.fault).collect();
        assert_eq!(struck, [kind]);
        assert_eq!(given.items().await.len(), 120, "{kind}");
    });
    futures::future::join_all(stories).await;
}

/// S2.77, S2.117: a provider that stays down gets a minute and more, and
/// that is visible; nobody sleeps meanwhile.
async fn a_provider_that_stays_down_is_given_up_visibly(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    world.forge.script(Fault::on(&given.issues, Behaviour::status(503)).times(5));
    let accepted = given.admin.press(&given.trigger()).await.is(202);
    let id = accepted["id"].as_str().unwrap();

    let paused = given.admin.until(id, |run| run["status"] == "paused").await;
    let resumes_at: Timestamp = paused["resumes_at"].as_str().unwrap().parse().unwrap();
    assert!(resumes_at > now(world) + SignedDuration::from_secs(30), "{paused:#}");
    if !world.is_local() {
        assert_eq!(given.admin.press(&format!("/v1/runs/{id}/cancel")).await.is(202)["status"], "cancelled");
        return;
    }
    let mut run = paused;
    for tries in 3..=5 {
        world.clock.turn(SignedDuration::from_mins(20));
        world.tick().await;
        world.forge.wait_for(&given.issues, tries).await;
        run = given.admin.until(id, |run| run["status"] != "running").await;
    }
    // S2.80: the last error is what the run says.
    assert_eq!((run["status"].as_str(), run["error"]["code"].as_str()), (Some("failed"), Some("PROVIDER_UNAVAILABLE")), "{run:#}");
    assert!(run["error"]["message"].as_str().unwrap().contains("503"), "{run:#}");
    assert_eq!(given.requests(world).len(), 5);
}

/// S0.1: after a failure that a new credential may mend, nobody has to wait.
async fn a_new_credential_lifts_the_cooldown(world: &World) {
    let given = cooling(world).await;
    given.old(world, 120);
    world.forge.script(Fault::on(&given.issues, Behaviour::status(401)).nth(2));
    assert_eq!(given.sync(json!({})).await["error"]["code"], "CREDENTIAL_REJECTED");
    given.admin.press(&given.trigger()).await.problem(429, "COOLDOWN_ACTIVE");
    assert!(given.look().await["cooldown_until"].is_string());

    let path = format!("/v1/sources/{}", given.source);
    let token = fresh("another-token");
    let changed = given.admin.patch(&path, json!({"credential": {"token": token}})).await.is(200);

    assert!(changed["cooldown_until"].is_null(), "{changed:#}");
    assert_eq!(changed["credential"], json!({"set": true, "last4": token[token.len() - 4..]}));
    assert_eq!(given.sync(json!({})).await["status"], "completed");
    let used: Vec<_> = given.requests(world).into_iter().map(|entry| entry.credential).collect();
    assert!(used.first() != used.last(), "the old credential was used again");
}

/// S4.10, S4.14: an error is no dead end, and a new attempt clears it.
async fn a_source_in_error_is_synced_again(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    world.forge.script(Fault::on(&given.issues, Behaviour::status(404)));
    given.sync(json!({})).await;
    let failed = given.look().await;
    assert_eq!((failed["status"].as_str(), failed["sync_error"].is_string()), (Some("error"), true));

    world.forge.script(Fault::on(&given.issues, Behaviour::Hang));
    let accepted = given.admin.press(&given.trigger()).await.is(202);
    world.forge.wait_for(&given.issues, 2).await;
    let syncing = given.look().await;
    assert_eq!((syncing["status"].as_str(), &syncing["sync_error"]), (Some("syncing"), &Value::Null));
    world.forge.release();

    given.admin.ended(accepted["id"].as_str().unwrap()).await;
    let synced = given.look().await;
    assert_eq!((synced["status"].as_str(), &synced["sync_error"]), (Some("synced"), &Value::Null));
}

/// S2.15, invariants: the credential is in `Authorization` and nowhere else, and
/// every request says who asks and in which version.
async fn a_credential_travels_in_one_header(world: &World) {
    let given = given(world).await;
    given.old(world, 120);
    given.sync(json!({})).await;
    given.repository.rename(&format!("acme/{}", fresh("renamed")));
    given.sync(json!({})).await;

    let by_number = world.forge.requests_to(&format!("/repositories/{}/*", given.repository.id()));
    let by_name = given.requests(world).into_iter().filter(|entry| !by_number.contains(entry));
    let requests: Vec<Entry> = by_name.chain(by_number.iter().cloned()).collect();
    assert_eq!(requests.len(), 4);
    for entry in requests {
        assert!(entry.credential.is_some(), "{entry:?}");
        assert!(entry.header("user-agent").is_some_and(|agent| agent.starts_with("pullcord/")), "{entry:?}");
        assert_eq!(entry.header("x-github-api-version"), Some("2026-03-10"));
        assert_eq!(entry.header("accept"), Some("application/vnd.github+json"));
        assert!(!serde_json::to_string(&entry).unwrap().contains(&given.token), "{entry:?}");
    }
    let source = format!("/v1/sources/{}", given.source);
    for path in [&source, &format!("{source}/runs"), &format!("/v1/workspaces/{}/audit", given.tenant.slug)] {
        let answer = given.admin.get(path).await;
        assert!(answer.status == 200 && !answer.text.contains(&given.token), "{}", answer.text);
    }
}
