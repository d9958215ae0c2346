//! An admin asks for a refresh: what may be asked for, by whom, and what is answered.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Given, at, cooling, everything, given, number, one, run_of, span, with, wrong_at};
use crate::world::{Answer, World, fresh};

crate::scenarios![
    one_repository_is_refreshed,
    a_repository_has_three_names,
    what_is_wrong_with_a_trigger_is_said_where_it_is,
    what_is_no_repository_of_the_workspace_is_not_found,
    only_admins_refresh,
    what_runs_without_a_cooldown_is_in_the_way,
    the_options_of_a_trigger_hold_for_a_repository,
    the_options_of_a_trigger_hold_for_a_workspace,
    a_request_sent_again_is_the_same_run,
    every_trigger_is_on_record,
    an_estimate_is_this_repositorys_own,
];

/// S0.1, S0.3, S0.6, S0.17, S0.29, S0.30, S0.37: the answer does not wait for the
/// run, which is a run like any other, and of this repository only.
async fn one_repository_is_refreshed(world: &World) {
    let given = cooling(world).await;
    let [web, other] = [given.repository(3).await, given.repository(3).await];
    let before = given.silence(&web);

    let accepted = given.ask(one(&web)).await.is(202);

    assert_eq!((&accepted["accepted"], &accepted["estimatedDuration"]), (&json!(true), &json!("PT5M")), "{accepted:#}");
    assert_eq!(accepted.get("cooldownRemaining"), Some(&Value::Null), "{accepted:#}");
    world.forge.wait_for(&web.issues, before + 1).await;
    let run = given.run(&run_of(&accepted)).await;
    let expected = json!({"source": web.source, "kind": "repository", "status": "running", "trigger": "manual",
        "triggered_by": given.tenant.name("admin"), "parent": null, "finished_at": null});
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(run.get(field), Some(value), "{field}");
    }
    world.forge.release();
    let ended = given.ended(&run_of(&accepted)).await;
    assert_eq!((&ended["status"], &ended["results"]["created"]), (&json!("completed"), &json!(3)), "{ended:#}");
    assert_eq!((given.asked(&other), given.runs().await), (0, 1));
}

/// S0.5, S0.38: its id, also as a number if it looks like one, or its path at the
/// forge.
async fn a_repository_has_three_names(world: &World) {
    let given = given(world).await;
    let number = number();
    let web = given.made(&fresh("token-of"), 1, json!({"id": number.to_string()})).await;

    for name in [json!(number), json!(number.to_string()), json!(web.name)] {
        let run = given.accepted(json!({"scope": "REPOSITORY", "repositoryId": name})).await;

        let ended = given.ended(&run).await;
        assert_eq!((&ended["source"], &ended["status"]), (&json!(web.source), &json!("completed")), "{name}");
    }
    assert_eq!(given.asked(&web), 3);
}

/// S0.4, S0.5: a mistake is named, and nothing is done.
async fn what_is_wrong_with_a_trigger_is_said_where_it_is(world: &World) {
    let given = given(world).await;
    let web = given.repository(1).await;
    let scopes = ["workspace", "REPOSITORIES", "ALL", ""].map(|scope| json!(scope));
    for scope in scopes.into_iter().chain([json!(7), json!(true), json!(["WORKSPACE"]), Value::Null]) {
        assert_eq!(wrong_at(given.ask(json!({"scope": scope})).await), ["scope"], "{scope}");
    }
    let table = [
        (json!({}), "scope"),
        (json!({"scope": "REPOSITORY"}), "repositoryId"),
        (json!({"scope": "REPOSITORY", "repositoryId": null}), "repositoryId"),
        (json!({"scope": "REPOSITORY", "repositoryId": true}), "repositoryId"),
        (json!({"scope": "REPOSITORY", "repositoryId": {"id": 123}}), "repositoryId"),
        (json!({"scope": "REPOSITORY", "repositoryId": [123]}), "repositoryId"),
        (json!({"scope": "WORKSPACE", "repositoryId": 123}), "repositoryId"),
        (json!({"scope": "WORKSPACE", "repositoryId": web.source}), "repositoryId"),
        (with(everything(), json!({"colour": "red"})), "colour"),
        (with(one(&web), json!({"repository_id": 123})), "repository_id"),
        (with(one(&web), json!({"wait": "PT26S"})), "wait"),
        (with(one(&web), json!({"onBlocked": "hope"})), "onBlocked"),
    ];
    for (body, place) in table {
        assert_eq!(wrong_at(given.ask(body.clone()).await), [place], "{body}");
    }
    given.admin.press(&given.path()).await.problem(400, "VALIDATION_FAILED");
    given.admin.post(&format!("{}?colour=red", given.path()), everything()).await.problem(400, "VALIDATION_FAILED");
    assert_eq!((given.runs().await, given.asked(&web)), (0, 0));
}

/// S0.18: another workspace's repository is not found, by whatever name; of two
/// that are called alike one's own is meant.
async fn what_is_no_repository_of_the_workspace_is_not_found(world: &World) {
    let (given, elsewhere) = (given(world).await, given(world).await);
    let (web, theirs) = (given.repository(1).await, elsewhere.repository(1).await);
    let twin = elsewhere.tenant.repository(&web.name).await;
    let documents = given.tenant.project(&world.folder(&[("a.md", "# A")])).await;
    let deleted = given.repository(1).await;
    given.admin.delete(&format!("/v1/sources/{}", deleted.source)).await.is(202);

    let nowhere = [json!(theirs.source), json!(theirs.name), json!(twin), json!(documents), json!(deleted.source)];
    for name in nowhere.into_iter().chain([json!(number()), json!(fresh("none")), json!(format!("acme/{}", fresh("none")))]) {
        given.ask(json!({"scope": "REPOSITORY", "repositoryId": name})).await.problem(404, "NOT_FOUND");
    }

    assert_eq!((elsewhere.runs().await, elsewhere.asked(&theirs)), (0, 0));
    let run = given.accepted(json!({"scope": "REPOSITORY", "repositoryId": web.name})).await;
    assert_eq!(given.ended(&run).await["source"], json!(web.source));
}

/// S0.32, S0.18: no other role may, and to strangers there is no workspace; the
/// order of checks is that of every trigger.
async fn only_admins_refresh(world: &World) {
    let given = given(world).await;
    let web = given.repository(1).await;
    let (path, native) = (given.path(), given.native());
    for role in ["maintainer", "coordinator", "member", "viewer"] {
        let who = given.tenant.join(role, role).await;
        for body in [everything(), one(&web), with(everything(), json!({"dryRun": true}))] {
            who.post(&path, body).await.problem(403, "FORBIDDEN");
        }
        who.press(&native).await.problem(403, "FORBIDDEN");
    }

    let elsewhere = world.tenant().await;
    let none = [format!("/api/workspaces/{}/sync/trigger", fresh("none")), format!("/v1/workspaces/{}/sync", fresh("none"))];
    for stranger in [world.user(&fresh("stranger")), elsewhere.admin()] {
        for path in [&path, &none[0]] {
            stranger.post(path, everything()).await.problem(404, "NOT_FOUND");
            assert_eq!(wrong_at(stranger.post(path, json!({"scope": "ALL"})).await), ["scope"]);
        }
        for native in [&native, &none[1]] {
            stranger.press(native).await.problem(404, "NOT_FOUND");
        }
    }
    for path in [&path, &native, &none[0], &none[1]] {
        world.nobody().post(path, json!({"scope": 7})).await.problem(401, "UNAUTHENTICATED");
    }

    assert_eq!((given.runs().await, given.asked(&web)), (0, 0));
    let dry = with(one(&web), json!({"dryRun": true}));
    assert_eq!(world.operator().post(&path, dry).await.is(200)["outcome"], "would_accept");
}

/// What nobody has to wait for, but what runs, is named.
async fn what_runs_without_a_cooldown_is_in_the_way(world: &World) {
    let given = cooling(world).await;
    let web = given.repository(1).await;
    let running = given.held_elsewhere(&web).await;

    let refused = given.ask(one(&web)).await.problem(409, "SYNC_IN_PROGRESS");

    assert_eq!((&refused["accepted"], &refused["reason"]), (&json!(false), &json!("SYNC_IN_PROGRESS")), "{refused:#}");
    assert_eq!((&refused["runId"], refused.get("cooldownRemaining")), (&json!(running), Some(&Value::Null)), "{refused:#}");
    world.forge.release();
    given.ended(&running).await;
    // Neither it nor the refusal started a cooldown.
    let run = given.accepted(one(&web)).await;
    assert_eq!(given.ended(&run).await["status"], "completed");
}

/// The options of every trigger, in the body or the query: the answers are in the
/// words of this surface, with the outcome.
async fn the_options_of_a_trigger_hold_for_a_repository(world: &World) {
    let given = given(world).await;
    let web = given.repository(3).await;
    let ask = async |more: Value| given.ask(with(one(&web), more)).await;
    let ask_by_query = async |query: &str| given.admin.post(&format!("{}?{query}", given.path()), one(&web)).await;
    let would = [ask(json!({"dryRun": true})).await.is(200), ask_by_query("dryRun=true").await.is(200)];
    assert_eq!([&would[0]["outcome"], &would[1]["outcome"]], ["would_accept"; 2]);
    assert_eq!((given.runs().await, given.asked(&web)), (0, 0));

    let waited = ask(json!({"wait": "PT20S"})).await.is(200);
    assert_eq!((&waited["accepted"], &given.run(&run_of(&waited)).await["status"]), (&json!(true), &json!("completed")), "{waited:#}");
    let recent = ask_by_query("maxAge=PT1H").await.is(200);
    assert_eq!((&recent["outcome"], given.runs().await), (&json!("fresh"), 1), "{recent:#}");

    let running = given.held(one(&web), &web).await;
    let refused = ask(json!({"dryRun": true})).await.is(200);
    assert!(refused["outcome"] == "would_refuse" && refused.to_string().contains("SYNC_IN_PROGRESS"), "{refused:#}");
    let attached = ask(json!({"onConflict": "attach"})).await.is(200);
    assert_eq!((&attached["outcome"], run_of(&attached)), (&json!("attached"), running.clone()));
    let next = [ask(json!({"onConflict": "followUp"})).await.is(202), ask_by_query("onConflict=followUp").await.is(202)];
    assert_eq!([&next[0]["outcome"], &next[1]["outcome"]], ["follow_up"; 2]);
    let named: BTreeSet<String> = next.iter().map(run_of).collect();
    assert!(named.len() == 1 && !named.contains(&running), "{named:?}");

    world.forge.release();
    for run in named.iter().chain([&running]) {
        assert_eq!(given.ended(run).await["status"], "completed");
    }
    assert_eq!(given.runs().await, 3);
    for answer in would.iter().chain(&next).chain([&waited, &recent, &refused, &attached]) {
        assert!(answer.as_object().unwrap().keys().all(|name| !name.contains('_')), "{answer:#}");
    }
}

/// And the same where all of a workspace is meant.
async fn the_options_of_a_trigger_hold_for_a_workspace(world: &World) {
    let given = given(world).await;
    let web = given.repository(3).await;
    let ask = async |more: Value| given.ask(with(everything(), more)).await;
    assert_eq!(ask(json!({"dryRun": true})).await.is(200)["outcome"], "would_accept");
    assert_eq!((given.runs().await, given.asked(&web)), (0, 0));

    let running = given.held(with(everything(), json!({"wait": "PT1S"})), &web).await;
    let refused = ask(json!({})).await.problem(409, "SYNC_IN_PROGRESS");
    assert_eq!((&refused["accepted"], &refused["reason"]), (&json!(false), &json!("SYNC_IN_PROGRESS")), "{refused:#}");
    assert_eq!((&refused["runId"], refused.get("cooldownRemaining")), (&json!(running), Some(&Value::Null)), "{refused:#}");
    assert_eq!(ask(json!({"dryRun": true})).await.is(200)["outcome"], "would_refuse");
    let attached = ask(json!({"onConflict": "attach"})).await.is(200);
    assert_eq!((&attached["outcome"], run_of(&attached)), (&json!("attached"), running.clone()));
    let next = ask(json!({"onConflict": "followUp"})).await.is(202);
    assert!(next["outcome"] == "follow_up" && run_of(&next) != running, "{next:#}");

    world.forge.release();
    for run in [running, run_of(&next)] {
        assert_eq!(given.ended(&run).await["status"], "completed");
    }
    assert_eq!(given.asked(&web), 2);
    let before = given.runs().await;
    assert_eq!(ask(json!({"maxAge": "PT1H"})).await.is(200)["outcome"], "fresh");
    assert_eq!(given.runs().await, before);
}

/// A trigger with an idempotency key.
async fn keyed(given: &Given<'_>, key: &str, body: &Value) -> Answer {
    let path = given.path();
    let request = given.admin.request("POST", &path).header("idempotency-key", key).header("content-type", "application/json");
    Answer::of("POST", &path, request.body(body.to_string())).await
}

/// What is sent again with its key is no second trigger, not even one that has to
/// wait; with another body it is a mistake.
async fn a_request_sent_again_is_the_same_run(world: &World) {
    let given = cooling(world).await;
    let web = given.repository(1).await;
    for (key, body, other) in [("one", one(&web), everything()), ("all", everything(), one(&web))] {
        let run = run_of(&keyed(&given, key, &body).await.is(202));
        given.ended(&run).await;

        let again = keyed(&given, key, &body).await;

        assert!([200, 202].contains(&again.status), "{}", again.text);
        assert_eq!((&again.body["accepted"], run_of(&again.body)), (&json!(true), run), "{}", again.text);
        keyed(&given, key, &other).await.problem(422, "IDEMPOTENCY_MISMATCH");
        keyed(&given, &format!("another-{key}"), &body).await.problem(429, "COOLDOWN_ACTIVE");
    }
    assert_eq!(given.asked(&web), 2);
}

/// S0.31: who asked for what and when, and what became of it, also of what was
/// refused.
async fn every_trigger_is_on_record(world: &World) {
    let given = cooling(world).await;
    let web = given.repository(1).await;
    let who = json!(given.tenant.name("admin"));
    for (body, source) in [(one(&web), json!(web.source)), (everything(), Value::Null)] {
        let run = given.accepted(body.clone()).await;
        given.refused(body, "COOLDOWN_ACTIVE").await;

        let created = given.line(|line| line["what"] == "run.created" && line["run"] == json!(run)).await;
        let refused = given.line(|line| line["what"] == "trigger.refused" && line["source"] == source).await;

        assert_eq!((&created["source"], &refused["facts"]["rule"]), (&source, &json!("COOLDOWN_ACTIVE")), "{created:#} {refused:#}");
        for line in [created, refused] {
            assert_eq!(line["who"], who, "{line:#}");
            assert!(at(&line["at"]) <= world.clock.now(), "{line:#}");
        }
        given.ended(&run).await;
        given.line(|line| line["what"] == "run.ended" && line["run"] == json!(run)).await;
    }
}

/// S0.6: how long it will take is not the default any more, once its own runs say
/// better; that of another repository is.
async fn an_estimate_is_this_repositorys_own(world: &World) {
    let given = given(world).await;
    let [web, other] = [given.repository(3).await, given.repository(3).await];
    for _ in 0..4 {
        let run = given.accepted(one(&web)).await;
        given.ended(&run).await;
    }

    let [known, unknown] = [given.ask(one(&web)).await.is(202), given.ask(one(&other)).await.is(202)];

    let estimated = span(&known["estimatedDuration"]);
    assert!(estimated >= SignedDuration::ZERO && estimated < SignedDuration::from_mins(5), "{known:#}");
    assert_eq!(unknown["estimatedDuration"], "PT5M");
    for answer in [known, unknown] {
        given.ended(&run_of(&answer)).await;
    }
}
