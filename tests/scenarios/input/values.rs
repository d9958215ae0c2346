//! Values of every request: durations, times, numbers and roles.

use serde_json::json;

use super::{in_vain, invalid, invalid_at};
use crate::scenarios::operations::Names;
use crate::world::World;

crate::scenarios![
    a_wait_is_a_duration_of_25_seconds_at_most,
    an_age_is_a_duration,
    a_duration_may_have_days,
    a_setting_is_a_setting,
    a_number_that_is_too_large_is_named,
    a_role_is_a_role,
    a_time_is_a_time,
];

const NO_DURATIONS: [&str; 13] =
    ["soon", "5", "20S", "PT", "P", "PT20", "pt20s!", "-PT5S", "PT-5S", "PT5X", "T5S", "PT99999999999999999999S", "00:00:05"];

/// Answers 400: how long an answer may be held.
async fn a_wait_is_a_duration_of_25_seconds_at_most(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let (admin, sync, run) = (tenant.admin(), format!("/v1/sources/{}/sync", names.source), format!("/v1/runs/{}", names.run));
    in_vain(&tenant, async {
        for wait in NO_DURATIONS.into_iter().chain(["PT26S", "PT25.1S", "PT1M", "PT1H"]) {
            invalid_at(admin.post(&sync, json!({"wait": wait})).await, "wait");
            invalid_at(admin.press(&format!("{sync}?wait={wait}")).await, "wait");
            invalid_at(admin.get(&format!("{run}?wait={wait}")).await, "wait");
        }
        for after in ["-1", "x", "1.5"] {
            invalid(admin.get(&format!("{run}?wait=PT1S&after={after}")).await);
        }
        for wait in ["PT25S", "PT0S", "PT0.5S"] {
            admin.post(&sync, json!({"wait": wait, "dryRun": true})).await.is(200);
            admin.get(&format!("{run}?wait={wait}")).await.is(200);
        }
    })
    .await;
}

/// Answers 400: how fresh is fresh enough.
async fn an_age_is_a_duration(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let (admin, sync) = (tenant.admin(), format!("/v1/sources/{}/sync", names.project));
    in_vain(&tenant, async {
        for age in NO_DURATIONS {
            invalid_at(admin.post(&sync, json!({"maxAge": age})).await, "maxAge");
            invalid_at(admin.press(&format!("{sync}?maxAge={age}")).await, "maxAge");
        }
        assert_eq!(admin.post(&sync, json!({"maxAge": "PT240H"})).await.is(200)["outcome"], "fresh");
    })
    .await;
}

/// ISO 8601 knows days and weeks, and a comma.
async fn a_duration_may_have_days(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let (admin, sync) = (tenant.admin(), format!("/v1/sources/{}/sync", names.project));
    for age in ["P1D", "P1DT12H", "P2W"] {
        assert_eq!(admin.post(&sync, json!({"maxAge": age})).await.is(200)["outcome"], "fresh", "{age}");
    }
    admin.patch(&format!("/v1/workspaces/{}", tenant.slug), json!({"cooldowns": {"documents": "P1D"}})).await.is(200);
}

/// Answers 400: settings of a workspace, all that are wrong.
async fn a_setting_is_a_setting(world: &World) {
    let tenant = world.tenant().await;
    let (admin, w) = (tenant.admin(), format!("/v1/workspaces/{}", tenant.slug));
    in_vain(&tenant, async {
        for duration in NO_DURATIONS {
            let change = json!({"cooldowns": {"documents": duration, "index": "PT5M", "repository": duration}});
            let wrong = invalid(admin.patch(&w, change).await);
            assert_eq!(wrong.keys().collect::<Vec<_>>(), ["cooldowns.documents", "cooldowns.repository"], "{duration}");
        }
        for (name, values) in [("quota_floor", json!([-1, "1", 1.5])), ("max_concurrent_runs", json!([0, -1, "1", 1.5]))] {
            for value in values.as_array().unwrap() {
                invalid_at(admin.patch(&w, json!({name: value})).await, name);
            }
        }
    })
    .await;
}

/// Answers 400: a number beyond what it can be is named as any other.
async fn a_number_that_is_too_large_is_named(world: &World) {
    let tenant = world.tenant().await;
    let w = format!("/v1/workspaces/{}", tenant.slug);
    in_vain(&tenant, async {
        let change = json!({"max_concurrent_runs": 4_294_967_296_u64, "plan": "pro"});
        assert_eq!(invalid(tenant.admin().patch(&w, change).await).keys().collect::<Vec<_>>(), ["max_concurrent_runs", "plan"]);
        invalid_at(tenant.admin().patch(&w, json!({"max_concurrent_runs": 4_294_967_296_u64})).await, "max_concurrent_runs");
    })
    .await;
}

/// Answers 400: there are five roles and one other word.
async fn a_role_is_a_role(world: &World) {
    let tenant = world.tenant().await;
    let (admin, w) = (tenant.admin(), format!("/v1/workspaces/{}", tenant.slug));
    in_vain(&tenant, async {
        for role in ["", "root", "Admin", "operator", "*", "admin ", "admin,viewer"] {
            invalid_at(admin.put(&format!("{w}/members/mia"), json!({"role": role})).await, "role");
            invalid_at(admin.post(&format!("{w}/tokens"), json!({"name": "x", "role": role})).await, "role");
        }
        if world.is_local() {
            // The emulated gateway drops such a name before anyone sees it.
            invalid_at(admin.put(&format!("{w}/members/%00"), json!({"role": "viewer"})).await, "user");
        }
        invalid_at(admin.put(&format!("{w}/members/{}", "a".repeat(3_000)), json!({"role": "viewer"})).await, "user");
    })
    .await;
}

/// Answers 400: times are RFC 3339.
async fn a_time_is_a_time(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let (admin, w) = (tenant.admin(), format!("/v1/workspaces/{}", tenant.slug));
    in_vain(&tenant, async {
        for time in ["tomorrow", "", "2099-01-01", "2099-01-01T00:00:00", "2099-13-01T00:00:00Z", "4070908800", "PT1H"] {
            invalid_at(admin.post(&format!("{w}/tokens"), json!({"name": "x", "role": "viewer", "expires": time})).await, "expires");
            invalid_at(admin.get(&format!("/v1/sources/{}/items?updated_since={time}", names.source)).await, "updated_since");
        }
    })
    .await;
}
