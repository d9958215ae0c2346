//! Who may create workspaces, and who runs the deployment.

use serde_json::json;

use crate::world::{World, fresh};

crate::scenarios![
    the_first_operators_are_granted,
    nobody_makes_themselves_an_operator,
    only_operators_create_workspaces,
    an_open_deployment_lets_everyone_create_workspaces,
];

/// An operator is made by whoever may invoke the ops function, and is an
/// admin everywhere from then on.
async fn the_first_operators_are_granted(world: &World) {
    let tenant = world.tenant().await;
    let (name, before) = (tenant.name("opal"), tenant.user("opal"));
    before.get(&format!("/v1/workspaces/{}", tenant.slug)).await.problem(404, "NOT_FOUND");

    let granted = world.ops(json!({"op": "grant", "workspace": "*", "user": name, "role": "admin"})).await;
    assert!(granted.get("error").is_none(), "{granted}");
    let operator = world.user(&name);
    assert_eq!(operator.get("/v1/me").await.is(200)["operator"], true);
    assert_eq!(operator.get(&format!("/v1/workspaces/{}", tenant.slug)).await.is(200)["role"], "admin");
    operator.post("/v1/workspaces", json!({"slug": fresh("ws"), "name": "Theirs"})).await.is(201);

    let granted = world.ops(json!({"op": "grant", "workspace": tenant.slug, "user": tenant.name("mona"), "role": "member"})).await;
    assert!(granted.get("error").is_none(), "{granted}");
    assert_eq!(tenant.user("mona").get(&format!("/v1/workspaces/{}", tenant.slug)).await.is(200)["role"], "member");
    let refused = world.ops(json!({"op": "grant", "workspace": fresh("none"), "user": name, "role": "member"})).await;
    assert_eq!(refused["error"]["code"], "NOT_FOUND");
}

/// The deployment itself is no workspace whose admin could add to it.
async fn nobody_makes_themselves_an_operator(world: &World) {
    let tenant = world.tenant().await;
    let admin = tenant.admin();
    for workspace in ["*", "%2a", "%2A"] {
        let path = format!("/v1/workspaces/{workspace}/members/{}", tenant.name("admin"));
        admin.put(&path, json!({"role": "admin"})).await.problem(404, "NOT_FOUND");
        let path = format!("/v1/workspaces/{workspace}/tokens");
        admin.post(&path, json!({"name": "x", "role": "admin"})).await.problem(404, "NOT_FOUND");
        admin.get(&format!("/v1/workspaces/{workspace}")).await.problem(404, "NOT_FOUND");
    }
    assert_eq!(admin.get("/v1/me").await.is(200)["operator"], false);
}

/// An admin of one workspace cannot make another.
async fn only_operators_create_workspaces(world: &World) {
    let tenant = world.tenant().await;
    let slug = fresh("ws");
    let body = json!({"slug": slug, "name": "Mine"});
    for who in [tenant.admin(), tenant.user("stranger")] {
        who.post("/v1/workspaces", body.clone()).await.problem(403, "FORBIDDEN");
    }
    world.operator().get(&format!("/v1/workspaces/{slug}")).await.problem(404, "NOT_FOUND");

    let made = world.operator().post("/v1/workspaces", body.clone()).await.is(201);
    assert_eq!((&made["slug"], &made["name"]), (&json!(slug), &json!("Mine")));
    world.operator().post("/v1/workspaces", body).await.problem(409, "CONFLICT");
}

/// Where the operator wants it so, whoever is signed in may create a
/// workspace, and is its admin and nothing more.
async fn an_open_deployment_lets_everyone_create_workspaces(world: &World) {
    if !world.is_local() {
        return;
    }
    let open = World::local_with(&[("PULLCORD_OPEN_WORKSPACES", "true")]).await;
    let (founder, slug) = (open.user("fay"), fresh("ws"));
    let path = format!("/v1/workspaces/{slug}");

    founder.post("/v1/workspaces", json!({"slug": slug, "name": "Mine"})).await.is(201);
    assert_eq!(founder.get(&path).await.is(200)["role"], "admin");
    assert_eq!(founder.get("/v1/me").await.is(200)["operator"], false);
    founder.put(&format!("{path}/members/gus"), json!({"role": "viewer"})).await.is(200);
    assert_eq!(open.user("gus").get(&path).await.is(200)["role"], "viewer");
    open.user("hal").get(&path).await.problem(404, "NOT_FOUND");
    open.user("hal").post("/v1/workspaces", json!({"slug": slug, "name": "Theirs"})).await.problem(409, "CONFLICT");
}
