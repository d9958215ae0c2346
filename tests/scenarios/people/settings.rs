//! Settings of a workspace and who may pass over them: cooldowns and the quota's floor.

use pullcord_forge::Quota;
use serde_json::{Value, json};

use super::{audit, cooling, settings, sync};
use crate::scenarios::operations::seen;
use crate::world::{World, fresh};

crate::scenarios![
    a_cooldown_of_the_workspace_counts_from_the_next_trigger,
    a_setting_that_is_null_is_the_deployments,
    a_quota_floor_of_the_workspace_counts_from_the_next_trigger,
    an_admin_passes_over_a_cooldown_on_record,
    only_admins_pass_over_a_cooldown,
    a_change_of_a_source_lifts_its_cooldown,
];

/// S0.8, S0.10, S0.28, S0.40: a workspace's own cooldown holds for the sources
/// it has and those to come; the answer says what truly remains.
async fn a_cooldown_of_the_workspace_counts_from_the_next_trigger(world: &World) {
    let tenant = world.tenant().await;
    let project = cooling(world, &tenant).await;
    let admin = tenant.admin();
    let source = admin.get(&format!("/v1/sources/{project}")).await.is(200);
    let until: jiff::Timestamp = source["cooldown_until"].as_str().unwrap().parse().unwrap();

    for _ in 0..2 {
        let answer = sync(&admin, &project, json!({})).await;
        let after: i64 = answer.header("retry-after").parse().unwrap();
        let problem = answer.problem(429, "COOLDOWN_ACTIVE");
        assert_eq!(problem["next_allowed_at"], source["cooldown_until"]);
        let left: jiff::SignedDuration = problem["cooldown_remaining"].as_str().unwrap().parse().unwrap();
        let now = jiff::Timestamp::from_millisecond(world.clock.now().0).unwrap();
        assert_eq!(left.as_secs(), after);
        assert!((0..=60).contains(&(after - until.duration_since(now).as_secs())), "{problem}");
        assert!((3_000..=3_600).contains(&after), "{problem}");
    }
    assert_eq!(sync(&admin, &project, json!({"dryRun": true})).await.is(200)["outcome"], "would_refuse");

    let newer = tenant.project(&world.folder(&[])).await;
    admin.sync(&newer, json!({})).await;
    sync(&admin, &newer, json!({})).await.problem(429, "COOLDOWN_ACTIVE");
}

/// S0.40: null takes a workspace's own setting away; what is not named stays.
async fn a_setting_that_is_null_is_the_deployments(world: &World) {
    let tenant = world.tenant().await;
    let admin = tenant.admin();
    let own = json!({"cooldowns": {"documents": "PT1H", "repository": "PT90S"}, "quota_floor": 7, "max_concurrent_runs": 3});
    for shown in [settings(&tenant, own.clone()).await, admin.get(&format!("/v1/workspaces/{}", tenant.slug)).await.is(200)] {
        assert_eq!((&shown["cooldowns"]["documents"], &shown["cooldowns"]["repository"]), (&json!("PT1H"), &json!("PT1M30S")));
        assert_eq!((&shown["quota_floor"], &shown["max_concurrent_runs"]), (&json!(7), &json!(3)));
    }

    let back = settings(&tenant, json!({"cooldowns": {"documents": null}, "quota_floor": null, "max_concurrent_runs": null})).await;
    assert_ne!(back["cooldowns"]["documents"], "PT1H");
    assert_eq!(back["cooldowns"]["repository"], "PT1M30S");
    assert_eq!((&back["quota_floor"], &back["max_concurrent_runs"]), (&Value::Null, &Value::Null));
    let project = tenant.project(&world.folder(&[])).await;
    for _ in 0..2 {
        admin.sync(&project, json!({})).await;
    }
}

/// S0.9, S0.26, S0.40: a workspace may keep more of its quota than the
/// deployment does.
async fn a_quota_floor_of_the_workspace_counts_from_the_next_trigger(world: &World) {
    let tenant = world.tenant().await;
    let (admin, token) = (tenant.admin(), fresh("token"));
    let resets_at = jiff::Timestamp::from_millisecond(world.clock.now().0 + 3_600_000).unwrap();
    world.forge.set_quota(Some(&token), Quota { limit: 5_000, remaining: 1_000, resets_at });
    let repository = format!("acme/{}", fresh("floor"));
    world.forge.repository(&repository).seed_issues(1);
    let source = tenant.repository_with(&repository, json!({"credential": {"token": token}})).await;
    settings(&tenant, json!({"cooldowns": {"repository": "PT0S"}})).await;
    admin.sync(&source, json!({})).await;

    settings(&tenant, json!({"quota_floor": 2_000})).await;
    sync(&admin, &source, json!({})).await.problem(429, "RATE_LIMIT_LOW");
    settings(&tenant, json!({"quota_floor": null})).await;
    admin.sync(&source, json!({})).await;
}

/// S0.31, S0.40: an admin who has a reason need not wait; the reason is on
/// record, and the cooldown begins anew.
async fn an_admin_passes_over_a_cooldown_on_record(world: &World) {
    let tenant = world.tenant().await;
    let project = cooling(world, &tenant).await;
    let (admin, reason) = (tenant.admin(), "the demo is in five minutes");

    let run = admin.sync(&project, json!({"overrideCooldown": {"reason": reason}})).await;
    let on_record = |lines: &Value| {
        let mut lines = lines.as_array().unwrap().iter();
        lines.any(|line| {
            line["run"] == run["id"] && line["who"] == json!(tenant.name("admin")) && line["facts"].to_string().contains(reason)
        })
    };
    let of_run = admin.get(&format!("/v1/runs/{}/audit", run["id"].as_str().unwrap())).await.is(200);
    assert!(on_record(&of_run["audit"]), "{of_run}");
    assert!(on_record(&json!(audit(&tenant).await)));
    sync(&admin, &project, json!({})).await.problem(429, "COOLDOWN_ACTIVE");

    let silent = sync(&admin, &project, json!({"overrideCooldown": {"reason": "  "}})).await;
    assert_eq!(silent.problem(400, "VALIDATION_FAILED")["errors"][0]["at"], "overrideCooldown.reason");
}

/// S0.40: nobody else passes over a cooldown, and asking for it does no harm.
async fn only_admins_pass_over_a_cooldown(world: &World) {
    let tenant = world.tenant().await;
    let project = cooling(world, &tenant).await;
    let before = seen(&tenant).await;
    for role in ["maintainer", "coordinator", "member", "viewer"] {
        let who = tenant.join(role, role).await;
        sync(&who, &project, json!({"overrideCooldown": {"reason": "I want to"}})).await.problem(403, "FORBIDDEN");
    }
    let after = seen(&tenant).await;
    assert_eq!((&after[3], &after[5]), (&before[3], &before[5]));
}

/// S0.1: who has repaired a source's settings need not wait to see it.
async fn a_change_of_a_source_lifts_its_cooldown(world: &World) {
    let tenant = world.tenant().await;
    let project = cooling(world, &tenant).await;
    let name = format!("acme/{}", fresh("lifted"));
    world.forge.repository(&name).seed_issues(1);
    let (admin, repository) = (tenant.admin(), tenant.repository(&name).await);
    admin.sync(&repository, json!({})).await;

    for (id, change) in [(project, json!({"patterns": ["**/*.txt"]})), (repository, json!({"credential": {"token": "another-token"}}))] {
        sync(&admin, &id, json!({})).await.problem(429, "COOLDOWN_ACTIVE");
        let changed = admin.patch(&format!("/v1/sources/{id}"), change).await.is(200);
        assert_eq!(changed["cooldown_until"], Value::Null);
        admin.sync(&id, json!({})).await;
        sync(&admin, &id, json!({})).await.problem(429, "COOLDOWN_ACTIVE");
    }
}
