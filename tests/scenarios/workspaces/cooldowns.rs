//! After a trigger there is a rest: of whom, for how long, and who need not wait.

use serde_json::json;

use super::{at, comes, cooling, everything, one, run_of, turn_to, with};
use crate::world::World;

crate::scenarios![
    a_repository_rests_for_five_minutes_and_a_workspace_for_fifteen,
    a_rest_ends_to_the_second,
    everyone_rests_alone,
    of_twenty_triggers_at_once_one_is_accepted,
    a_rest_is_told_of_before_a_run,
    what_is_asked_for_elsewhere_starts_no_rest,
    an_admin_may_pass_over_a_rest,
    a_resting_repository_is_parked,
    a_resting_workspace_is_parked,
    a_retry_waits_for_the_rest_of_its_workspace,
];

/// S0.2, S0.7, S0.8, S0.10, S0.19, S0.20, S0.22: until when is said, and being refused
/// does not move it.
async fn a_repository_rests_for_five_minutes_and_a_workspace_for_fifteen(world: &World) {
    let given = cooling(world).await;
    let web = given.repository(1).await;
    for (body, seconds) in [(one(&web), 300), (everything(), 900)] {
        let run = given.accepted(body.clone()).await;
        let began = at(&given.run(&run).await["created_at"]);

        let first = given.refused(body.clone(), "COOLDOWN_ACTIVE").await;
        let second = given.refused(body.clone(), "COOLDOWN_ACTIVE").await;

        assert_eq!(at(&first["nextAllowedAt"]).since(began).as_secs(), seconds, "{first:#}");
        assert_eq!(second["nextAllowedAt"], first["nextAllowedAt"]);
        given.ended(&run).await;
        let third = given.refused(body, "COOLDOWN_ACTIVE").await;
        assert_eq!(third["nextAllowedAt"], first["nextAllowedAt"], "the end of the run moved it");
    }
}

/// S0.10, S0.19, S0.20: a second before its end it holds, at its end it does not,
/// nor after it.
async fn a_rest_ends_to_the_second(world: &World) {
    if !world.is_local() {
        return;
    }
    for late in [-1, 0, 1] {
        let given = cooling(world).await;
        let web = given.repository(1).await;
        for body in [one(&web), everything()] {
            let run = given.accepted(body.clone()).await;
            given.ended(&run).await;
            let until = given.refused(body.clone(), "COOLDOWN_ACTIVE").await["nextAllowedAt"].clone();

            turn_to(world, &until, late);
            let answer = given.ask(body.clone()).await;

            if late < 0 {
                assert_eq!(answer.problem(429, "COOLDOWN_ACTIVE")["cooldownRemaining"], "PT1S", "{body}");
            } else {
                let again = run_of(&answer.is(202));
                given.ended(&again).await;
                let anew = given.refused(body, "COOLDOWN_ACTIVE").await;
                assert!(at(&anew["nextAllowedAt"]) > at(&until), "{anew:#}");
            }
        }
    }
}

/// S0.21, S0.23: one repository does not make another wait, nor its workspace, nor
/// does that make its repositories wait: children neither obey a cooldown nor
/// start one.
async fn everyone_rests_alone(world: &World) {
    let given = cooling(world).await;
    let [web, other] = [given.repository(1).await, given.repository(1).await];
    let run = given.accepted(one(&web)).await;
    given.ended(&run).await;
    let until = given.look(&web).await["cooldown_until"].clone();

    let all = given.accepted(everything()).await;

    let children = given.begun(&all, 2).await;
    assert!(children.iter().all(|child| child["own"] == true), "{children:#?}");
    assert_eq!(given.ended(&all).await["status"], "completed");
    assert_eq!((until.is_string(), &given.look(&web).await["cooldown_until"]), (true, &until));
    assert!(given.look(&other).await["cooldown_until"].is_null());
    assert_eq!(given.refused(one(&web), "COOLDOWN_ACTIVE").await["nextAllowedAt"], until);
    let alone = given.accepted(one(&other)).await;
    given.ended(&alone).await;
    for body in [one(&web), one(&other), everything()] {
        given.refused(body, "COOLDOWN_ACTIVE").await;
    }
}

/// S0.22, S0.24: the others are all told of the rest that the one started.
async fn of_twenty_triggers_at_once_one_is_accepted(world: &World) {
    let given = cooling(world).await;
    let web = given.repository(1).await;
    for body in [one(&web), everything()] {
        let answers = futures::future::join_all((0..20).map(|_| given.ask(body.clone()))).await;

        let (accepted, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 202);
        assert_eq!((accepted.len(), refused.len()), (1, 19), "{body}");
        for answer in refused {
            assert_eq!(answer.problem(429, "COOLDOWN_ACTIVE")["accepted"], false);
        }
        for answer in accepted {
            given.ended(&run_of(&answer.is(202))).await;
        }
    }
    assert_eq!((given.runs().await, given.asked(&web)), (3, 2));
}

/// The order of checks: here a rest comes first, and in the native API what runs.
async fn a_rest_is_told_of_before_a_run(world: &World) {
    let given = cooling(world).await;
    let web = given.repository(1).await;
    for (body, native) in [(one(&web), format!("/v1/sources/{}/sync", web.source)), (everything(), given.native())] {
        let running = given.held(body.clone(), &web).await;

        given.refused(body.clone(), "COOLDOWN_ACTIVE").await;
        let busy = given.admin.press(&native).await.problem(409, "SYNC_IN_PROGRESS");

        assert_eq!(busy["run_id"], json!(running), "{native}");
        world.forge.release();
        given.ended(&running).await;
        given.admin.press(&native).await.problem(429, "COOLDOWN_ACTIVE");
    }
}

/// S0.23: what starts no rest where it is asked for leaves none here; what starts
/// one in the native API does.
async fn what_is_asked_for_elsewhere_starts_no_rest(world: &World) {
    let given = cooling(world).await;
    let web = given.repository(1).await;
    let elsewhere = given.held_elsewhere(&web).await;
    world.forge.release();
    given.ended(&elsewhere).await;
    let before = given.look(&web).await["cooldown_until"].clone();

    let run = given.accepted(one(&web)).await;
    given.ended(&run).await;

    assert!(before.is_null());
    // And it obeys none there.
    let elsewhere = given.held_elsewhere(&web).await;
    world.forge.release();
    assert_eq!(given.ended(&elsewhere).await["status"], "completed");

    let natively = given.repository(1).await;
    given.admin.sync(&natively.source, json!({})).await;
    given.refused(one(&natively), "COOLDOWN_ACTIVE").await;
    let all = given.admin.press(&given.native()).await.is(202);
    given.refused(everything(), "COOLDOWN_ACTIVE").await;
    given.ended(all["id"].as_str().unwrap()).await;
}

/// S0.40: with a reason, which is on record. A new rest begins.
async fn an_admin_may_pass_over_a_rest(world: &World) {
    let given = cooling(world).await;
    let web = given.repository(1).await;
    let over = json!({"overrideCooldown": {"reason": "before the demo"}});
    for body in [one(&web), everything()] {
        let run = given.accepted(body.clone()).await;
        given.ended(&run).await;
        let until = given.refused(body.clone(), "COOLDOWN_ACTIVE").await["nextAllowedAt"].clone();
        let blank = with(body.clone(), json!({"overrideCooldown": {"reason": " "}}));
        given.ask(blank).await.problem(400, "VALIDATION_FAILED");

        let again = given.accepted(with(body.clone(), over.clone())).await;

        given.ended(&again).await;
        let audit = given.admin.get(&format!("/v1/runs/{again}/audit")).await.is(200);
        assert!(audit["audit"].to_string().contains("before the demo"), "{audit:#}");
        assert!(at(&given.refused(body, "COOLDOWN_ACTIVE").await["nextAllowedAt"]) > at(&until));
    }
}

/// `onBlocked`: it runs by itself when the rest is over, which is as long as an
/// admin says.
async fn a_resting_repository_is_parked(world: &World) {
    let given = cooling(world).await;
    given.cools_for("PT15M", "PT20S").await;
    let web = given.repository(1).await;
    let run = given.accepted(one(&web)).await;
    // No time is turned while it is waited for.
    given.admin.ended(&run).await;
    let until = given.look(&web).await["cooldown_until"].clone();

    let parked = given.ask(with(one(&web), json!({"onBlocked": "park"}))).await.is(202);

    assert_eq!(parked["outcome"], "parked", "{parked:#}");
    let waiting = given.run(&run_of(&parked)).await;
    assert_eq!((waiting["status"].as_str(), &waiting["resumes_at"]), (Some("parked"), &until), "{waiting:#}");
    comes(world, &until).await;
    assert_eq!(given.ended(&run_of(&parked)).await["status"], "completed");
    assert_eq!(given.asked(&web), 2);
}

/// And so does a workspace. Whoever asks for the same meanwhile gets the same run.
async fn a_resting_workspace_is_parked(world: &World) {
    let given = cooling(world).await;
    let web = given.repository(1).await;
    let run = given.accepted(everything()).await;
    given.ended(&run).await;
    let until = given.refused(everything(), "COOLDOWN_ACTIVE").await["nextAllowedAt"].clone();

    let park = with(everything(), json!({"onBlocked": "park"}));
    let [parked, again] = [given.ask(park.clone()).await.is(202), given.ask(park).await.is(202)];

    assert_eq!((&parked["outcome"], run_of(&again)), (&json!("parked"), run_of(&parked)), "{parked:#}");
    let waiting = given.run(&run_of(&parked)).await;
    assert_eq!((waiting["status"].as_str(), &waiting["resumes_at"]), (Some("parked"), &until), "{waiting:#}");
    if world.is_local() {
        comes(world, &until).await;
        let ended = given.ended(&run_of(&parked)).await;
        assert_eq!((&ended["status"], given.asked(&web)), (&json!("completed"), 2), "{ended:#}");
    } else {
        let cancelled = given.admin.press(&format!("/v1/runs/{}/cancel", run_of(&parked))).await.is(202);
        assert_eq!(cancelled["status"], "cancelled");
    }
}

/// S0.19, S0.23: a retry is asked for by hand, too.
async fn a_retry_waits_for_the_rest_of_its_workspace(world: &World) {
    let given = cooling(world).await;
    given.repository(1).await;
    let broken = given.repository(1).await;
    world.forge.revoke_token(&broken.token);
    let run = given.accepted(everything()).await;
    given.ended(&run).await;
    let retry = format!("/v1/runs/{run}/retry");

    let refused = given.admin.press(&retry).await.problem(429, "COOLDOWN_ACTIVE");

    assert_eq!(refused["next_allowed_at"], given.refused(everything(), "COOLDOWN_ACTIVE").await["nextAllowedAt"]);
    if world.is_local() {
        given.renew(&broken).await;
        turn_to(world, &refused["next_allowed_at"], 0);
        let again = given.admin.press(&retry).await.is(202);
        given.refused(everything(), "COOLDOWN_ACTIVE").await;
        assert_eq!(given.ended(again["id"].as_str().unwrap()).await["status"], "completed");
    }
}
