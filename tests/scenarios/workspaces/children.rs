//! A workspace run: a run for each repository that is monitored, followed to their
//! ends, whatever these are.

use serde_json::{Value, json};

use super::{Given, Watched, child_of, everything, given, id_of, with};
use crate::world::{World, fresh};

crate::scenarios![
    every_monitored_repository_is_refreshed,
    thirty_repositories_all_have_their_turn,
    what_runs_already_is_not_started_again,
    a_broken_repository_does_not_stop_the_others,
    a_workspace_run_of_which_all_children_fail_fails,
    where_nothing_is_monitored_nothing_is_done,
    cancelling_takes_own_children_along,
    a_retry_repeats_only_what_failed,
    whoever_may_look_sees_the_children_and_only_admins_stop_them,
    the_native_api_refreshes_a_workspace_too,
];

/// S0.16, S0.29, S0.30, S0.37: each by a run of its own like any other; documents
/// and what is not monitored are left out. What the children did is added up.
async fn every_monitored_repository_is_refreshed(world: &World) {
    let given = given(world).await;
    let mut watched = [given.repository(2).await, given.repository(3).await, given.repository(4).await];
    watched.sort_by(|one, other| one.source.cmp(&other.source));
    let unmonitored = given.made(&fresh("token-of"), 1, json!({"monitored": false})).await;
    let documents = given.tenant.project(&world.folder(&[("a.md", "# A")])).await;

    let run = given.accepted(everything()).await;

    let accepted = given.run(&run).await;
    let expected = json!({"workspace": given.tenant.slug, "source": null, "kind": null, "trigger": "manual",
        "triggered_by": given.tenant.name("admin"), "parent": null});
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(accepted.get(field), Some(value), "{field}");
    }
    let ended = given.ended(&run).await;
    let children = given.children(&run).await;
    let listed: Vec<&str> = children.iter().map(|child| child["source"].as_str().unwrap()).collect();
    assert_eq!(listed, watched.iter().map(|one| one.source.as_str()).collect::<Vec<_>>());
    for child in &children {
        assert_eq!((&child["own"], child.get("refused")), (&json!(true), Some(&Value::Null)), "{child:#}");
        let of = &child["run"];
        assert_eq!((&of["source"], &of["parent"]), (&child["source"], &json!(run)), "{of:#}");
        assert_eq!([&of["kind"], &of["trigger"], &of["status"]], ["repository", "workspace", "completed"], "{of:#}");
    }
    assert_eq!((&ended["status"], &ended["results"]["created"], &ended["warnings"]), (&json!("completed"), &json!(9), &json!([])));
    assert_eq!(ended["children"], json!({"total": 3, "done": 3, "failed": 0}));
    let progress = json!({"processed": 3, "total": 3, "unit": "sources", "percentage": 100});
    for (field, value) in progress.as_object().unwrap() {
        assert_eq!(ended["progress"].get(field), Some(value), "{field}");
    }
    assert_eq!((given.asked(&unmonitored), given.runs().await), (0, 4));
    assert_eq!(given.admin.get(&format!("/v1/sources/{documents}")).await.is(200)["status"], "never_synced");
}

/// S0.16: however many there are, each has its turn, and none has two.
async fn thirty_repositories_all_have_their_turn(world: &World) {
    let given = given(world).await;
    let token = fresh("token-of");
    let mut watched = Vec::new();
    for _ in 0..30 {
        watched.push(given.made(&token, 1, json!({})).await);
    }

    let run = given.accepted(everything()).await;

    assert_eq!(given.begun(&run, 30).await.len(), 30);
    let ended = given.ended(&run).await;
    assert_eq!(ended["children"], json!({"total": 30, "done": 30, "failed": 0}));
    assert_eq!((&ended["status"], &ended["results"]["created"]), (&json!("completed"), &json!(30)), "{ended:#}");
    let children = given.children(&run).await;
    assert!(children.is_sorted_by_key(|child| child["source"].as_str().unwrap().to_owned()), "{children:#?}");
    for one in &watched {
        assert_eq!(child_of(&children, one)["run"]["status"], "completed");
        assert_eq!(given.asked(one), 1, "{}", one.source);
    }
}

/// S0.16: a repository that is being synced is joined and waited for.
async fn what_runs_already_is_not_started_again(world: &World) {
    let given = given(world).await;
    let [busy, free] = [given.repository(1).await, given.repository(1).await];
    let running = given.held_elsewhere(&busy).await;

    let run = given.accepted(everything()).await;

    let children = given.begun(&run, 2).await;
    let (attached, own) = (child_of(&children, &busy), child_of(&children, &free));
    assert_eq!((id_of(attached), &attached["own"]), (running.clone(), &json!(false)), "{attached:#}");
    assert_eq!((&attached["run"]["trigger"], &attached["run"]["parent"]), (&json!("manual"), &Value::Null));
    assert_eq!((&own["own"], &given.ended(&id_of(own)).await["status"]), (&json!(true), &json!("completed")));
    assert!(given.run(&run).await["finished_at"].is_null());
    world.forge.release();
    let ended = given.ended(&run).await;
    assert_eq!(given.run(&running).await["status"], "completed");
    assert_eq!((&ended["status"], &ended["children"]), (&json!("completed"), &json!({"total": 2, "done": 2, "failed": 0})));
    assert_eq!(given.asked(&busy), 1);
}

/// Three repositories of which the forge does not accept the last one's credential,
/// and an ended workspace run.
async fn half_done(world: &World) -> (Given<'_>, [Watched; 3], Value) {
    let given = given(world).await;
    let watched = [given.repository(1).await, given.repository(1).await, given.repository(1).await];
    world.forge.revoke_token(&watched[2].token);
    let run = given.accepted(everything()).await;
    let ended = given.ended(&run).await;
    (given, watched, ended)
}

/// S0.16, S0.39: what went wrong is a warning that names the repository.
async fn a_broken_repository_does_not_stop_the_others(world: &World) {
    let (given, [first, second, broken], ended) = half_done(world).await;

    assert_eq!(ended["status"], "completed_with_warnings", "{ended:#}");
    assert_eq!((&ended["children"]["total"], &ended["children"]["failed"]), (&json!(3), &json!(1)), "{ended:#}");
    assert_eq!((&ended["results"]["created"], &ended["error"]), (&json!(2), &Value::Null), "{ended:#}");
    let [warning] = &ended["warnings"].as_array().unwrap()[..] else { panic!("not one warning: {ended:#}") };
    assert_eq!((&warning["code"], &warning["where"]), (&json!("CHILD_FAILED"), &json!(broken.source)), "{warning:#}");
    let children = given.children(ended["id"].as_str().unwrap()).await;
    for (one, status) in [(&first, "completed"), (&second, "completed"), (&broken, "failed")] {
        assert_eq!(child_of(&children, one)["run"]["status"], status);
    }
    let looked = [given.look(&first).await, given.look(&broken).await];
    assert_eq!([&looked[0]["status"], &looked[1]["status"]], ["synced", "error"]);
    assert!(!ended.to_string().contains(&broken.token), "{ended:#}");
}

/// S0.39: a workspace run of which nothing came is no success.
async fn a_workspace_run_of_which_all_children_fail_fails(world: &World) {
    let given = given(world).await;
    let [gone, refused] = [given.repository(1).await, given.repository(1).await];
    gone.repository.remove();
    world.forge.revoke_token(&refused.token);

    let run = given.accepted(everything()).await;

    let ended = given.ended(&run).await;
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("failed"), &json!("CHILDREN_FAILED")), "{ended:#}");
    assert_eq!((&ended["children"]["total"], &ended["children"]["failed"]), (&json!(2), &json!(2)), "{ended:#}");
}

/// S0.16: that there was nothing to do is said.
async fn where_nothing_is_monitored_nothing_is_done(world: &World) {
    let given = given(world).await;
    let unmonitored = given.made(&fresh("token-of"), 1, json!({"monitored": false})).await;

    let run = given.accepted(everything()).await;

    let ended = given.ended(&run).await;
    assert!(ended["status"].as_str().unwrap().starts_with("completed"), "{ended:#}");
    assert_eq!((&ended["warnings"][0]["code"], &ended["children"]["total"]), (&json!("NOTHING_MONITORED"), &json!(0)), "{ended:#}");
    assert_eq!((given.children(&run).await, given.asked(&unmonitored)), (vec![], 0));
}

/// S0.34: what it started stops, at the next page, and what it only joined goes on.
async fn cancelling_takes_own_children_along(world: &World) {
    let given = given(world).await;
    let [own, joined] = [given.repository(1).await, given.repository(1).await];
    let running = given.held_elsewhere(&joined).await;
    let run = given.held(everything(), &own).await;
    let children = given.begun(&run, 2).await;

    let cancelled = given.admin.press(&format!("/v1/runs/{run}/cancel")).await.is(202);

    assert!(["cancelling", "cancelled"].contains(&cancelled["status"].as_str().unwrap()), "{cancelled:#}");
    let child = id_of(child_of(&children, &own));
    given.once(&child, |run| run["status"] == "cancelling").await;
    assert_eq!(given.run(&running).await["status"], "running");
    world.forge.release();
    let ended = [given.ended(&child).await, given.ended(&running).await, given.ended(&run).await];
    assert_eq!([&ended[0]["status"], &ended[1]["status"], &ended[2]["status"]], ["cancelled", "completed", "cancelled"]);
}

/// S0.34: what succeeded is not done again, and where nothing failed there is
/// nothing to repeat.
async fn a_retry_repeats_only_what_failed(world: &World) {
    let (given, [first, second, broken], failed) = half_done(world).await;
    let path = format!("/v1/runs/{}", failed["id"].as_str().unwrap());
    given.renew(&broken).await;

    let again = given.admin.press(&format!("{path}/retry")).await.is(202);

    assert!(again["id"] != failed["id"] && again["source"].is_null() && again["trigger"] == "manual", "{again:#}");
    let run = again["id"].as_str().unwrap();
    let ended = given.ended(run).await;
    assert_eq!((&ended["status"], &ended["children"]), (&json!("completed"), &json!({"total": 1, "done": 1, "failed": 0})));
    let children = given.children(run).await;
    assert_eq!((children.len(), &child_of(&children, &broken)["run"]["results"]["created"]), (1, &json!(1)));
    assert_eq!([given.asked(&first), given.asked(&second)], [1, 1]);
    assert_eq!(given.admin.get(&path).await.is(200), failed);
    given.admin.press(&format!("/v1/runs/{run}/retry")).await.problem(409, "CONFLICT");
    // What still goes on is not repeated either.
    let running = given.held(everything(), &first).await;
    assert_eq!(given.admin.press(&format!("/v1/runs/{running}/retry")).await.status, 409);
    world.forge.release();
    given.ended(&running).await;
}

/// S0.18, S0.32: to cancel or repeat needs the right that the trigger needs.
async fn whoever_may_look_sees_the_children_and_only_admins_stop_them(world: &World) {
    let given = given(world).await;
    let web = given.repository(1).await;
    let run = given.held(everything(), &web).await;
    given.begun(&run, 1).await;
    let (children, cancel, retry) = (format!("/v1/runs/{run}/children"), format!("/v1/runs/{run}/cancel"), format!("/v1/runs/{run}/retry"));
    for role in ["maintainer", "coordinator", "member", "viewer"] {
        let who = given.tenant.join(role, role).await;
        assert_eq!(who.get(&children).await.is(200)["children"][0]["source"], json!(web.source), "{role}");
        who.press(&cancel).await.problem(403, "FORBIDDEN");
    }
    let elsewhere = world.tenant().await;
    for stranger in [world.user(&fresh("stranger")), elsewhere.admin()] {
        stranger.get(&children).await.problem(404, "NOT_FOUND");
        stranger.press(&cancel).await.problem(404, "NOT_FOUND");
    }
    world.nobody().get(&children).await.problem(401, "UNAUTHENTICATED");

    world.forge.release();
    assert_eq!(given.ended(&run).await["status"], "completed");
    given.tenant.user("maintainer").press(&retry).await.problem(403, "FORBIDDEN");
    // A run of a source has no children.
    let single = given.admin.sync(&web.source, json!({})).await;
    let answer = given.admin.get(&format!("/v1/runs/{}/children", single["id"].as_str().unwrap())).await;
    assert!(answer.status == 404 || answer.body["children"] == json!([]), "{}", answer.text);
}

/// S0.37: the native API does the same, and answers with the run itself.
async fn the_native_api_refreshes_a_workspace_too(world: &World) {
    let given = given(world).await;
    let web = given.repository(3).await;
    let native = given.native();
    let dry = given.admin.post(&native, json!({"dryRun": true})).await.is(200);
    assert_eq!((&dry["outcome"], given.runs().await), (&json!("would_accept"), 0), "{dry:#}");
    given.admin.post(&native, json!({"scope": "WORKSPACE"})).await.problem(400, "VALIDATION_FAILED");
    let before = given.silence(&web);

    let accepted = given.admin.press(&format!("{native}?wait=PT1S")).await.is(202);

    world.forge.wait_for(&web.issues, before + 1).await;
    let expected = json!({"outcome": "accepted", "workspace": given.tenant.slug, "source": null, "kind": null, "trigger": "manual",
        "finished_at": null});
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(accepted.get(field), Some(value), "{field}");
    }
    assert_eq!(given.admin.press(&native).await.problem(409, "SYNC_IN_PROGRESS")["run_id"], accepted["id"]);
    let attached = given.admin.press(&format!("{native}?onConflict=attach")).await.is(200);
    assert_eq!((&attached["id"], &attached["outcome"]), (&accepted["id"], &json!("attached")));
    let here = given.ask(with(everything(), json!({"onConflict": "attach"}))).await.is(200);
    assert_eq!(here["runId"], accepted["id"]);

    world.forge.release();
    let ended = given.ended(accepted["id"].as_str().unwrap()).await;
    assert_eq!((&ended["status"], &ended["results"]["created"]), (&json!("completed"), &json!(3)), "{ended:#}");
    let recent = given.admin.post(&native, json!({"maxAge": "PT1H"})).await.is(200);
    assert_eq!((&recent["status"], &recent["outcome"]), (&json!("fresh"), &json!("fresh")), "{recent:#}");
    let listed = given.admin.get(&format!("/v1/workspaces/{}/runs", given.tenant.slug)).await.is(200);
    assert!(listed["runs"].as_array().unwrap().iter().any(|run| run["id"] == accepted["id"]), "{listed:#}");
}
