//! What a workspace's audit remembers: who did what to what, and what became of it.

use serde_json::{Value, json};

use super::{audit, cooling, sync};
use crate::world::{World, fresh};

crate::scenarios![every_change_is_on_record, the_audit_is_newest_first,];

/// S0.31: who did what to what and when, and what became of it.
async fn every_change_is_on_record(world: &World) {
    let tenant = world.tenant().await;
    let project = cooling(world, &tenant).await;
    let (admin, w) = (tenant.admin(), format!("/v1/workspaces/{}", tenant.slug));
    let member = tenant.join("mia", "member").await;
    sync(&member, &project, json!({})).await.problem(429, "COOLDOWN_ACTIVE");
    admin.put(&format!("{w}/members/someone"), json!({"role": "viewer"})).await.is(200);
    admin.delete(&format!("{w}/members/someone")).await.is(204);
    let token = admin.post(&format!("{w}/tokens"), json!({"name": "A script", "role": "viewer"})).await.is(201);
    admin.delete(&format!("{w}/tokens/{}", token["id"].as_str().unwrap())).await.is(204);
    let repository = tenant.repository(&format!("acme/{}", fresh("record"))).await;
    admin.patch(&format!("/v1/sources/{repository}"), json!({"name": "Renamed"})).await.is(200);

    let lines = audit(&tenant).await;
    let line = |what: &str, who: &str| {
        let found = lines.iter().find(|line| line["what"] == what && line["who"] == json!(tenant.name(who)));
        let found = found.unwrap_or_else(|| panic!("no {what} by {who} in {lines:#?}"));
        assert!(found["at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{found}");
        found
    };
    for what in ["workspace.changed", "member.put", "member.deleted", "token.created", "token.deleted", "project.created"] {
        line(what, "admin");
    }
    for what in ["source.created", "source.changed"] {
        assert_eq!(line(what, "admin")["source"], json!(repository));
    }
    let created = line("run.created", "admin");
    assert_eq!((&created["source"], created["run"].is_string()), (&json!(project), true));
    let refused = line("trigger.refused", "mia");
    assert_eq!((&refused["source"], &refused["facts"]["rule"]), (&json!(project), &json!("COOLDOWN_ACTIVE")));
}

/// S0.31: the newest line of the audit comes first; a refusal stands at the
/// minute that its repetitions are folded into.
async fn the_audit_is_newest_first(world: &World) {
    let tenant = world.tenant().await;
    let project = cooling(world, &tenant).await;
    sync(&tenant.admin(), &project, json!({})).await.problem(429, "COOLDOWN_ACTIVE");
    tenant.join("mia", "member").await;

    let lines = audit(&tenant).await;
    let at = |line: &Value| line["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(lines.is_sorted_by(|newer, older| at(newer) >= at(older)), "{lines:#?}");
    assert_eq!(lines[0]["what"], "member.put");
    assert!(lines.iter().any(|line| line["what"] == "trigger.refused"), "{lines:#?}");
}
