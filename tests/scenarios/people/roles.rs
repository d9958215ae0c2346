//! What each role may do in its workspace, and that the role is what the table says
//! now.

use serde_json::{Value, json};

use super::sync;
use crate::scenarios::operations::{Names, seen};
use crate::world::{World, fresh};

crate::scenarios![viewers_look_and_members_sync, only_admins_administer, an_owner_is_a_maintainer, members_come_and_go,];

/// S2.35, S2.102, S3.5: every role may look; all but viewers may sync
/// documents and issues, and take back or repeat such a sync.
async fn viewers_look_and_members_sync(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let Names { workspace, project, source, run, .. } = &names;
    for (role, may) in [("admin", true), ("maintainer", true), ("coordinator", true), ("member", true), ("viewer", false)] {
        let who = tenant.join(&format!("a-{role}"), role).await;
        let lists = ["", "/sources", "/projects", "/runs"].map(|list| format!("/v1/workspaces/{workspace}{list}"));
        let sources = [source, project].into_iter().flat_map(|id| ["", "/items", "/runs"].map(|look| format!("/v1/sources/{id}{look}")));
        let projects = ["", "/documents"].map(|look| format!("/api/v1/projects/{project}{look}"));
        let runs = ["", "/audit", "/events"].map(|look| format!("/v1/runs/{run}{look}"));
        for path in lists.into_iter().chain(sources).chain(projects).chain(runs) {
            assert_eq!(who.get(&path).await.status, 200, "{role} {path}");
        }

        let dry = json!({"dryRun": true});
        let asked = [
            (200, sync(&who, source, dry.clone()).await),
            (200, sync(&who, project, dry).await),
            (202, who.press(&format!("/api/v1/projects/{project}/sync")).await),
            (200, who.press(&format!("/v1/runs/{run}/cancel")).await),
        ];
        for (status, answer) in asked {
            if may {
                answer.is(status)
            } else {
                answer.problem(403, "FORBIDDEN")
            };
        }
        who.settled(project).await;
        let retry = who.press(&format!("/v1/runs/{run}/retry")).await;
        if may {
            retry.is(202)
        } else {
            retry.problem(403, "FORBIDDEN")
        };
        who.settled(project).await;
    }
}

/// S0.32, S3.5: members, sources, projects, tokens, settings and backfills are
/// for admins.
async fn only_admins_administer(world: &World) {
    let tenant = world.tenant().await;
    let Names { workspace, source, user, .. } = Names::of(&tenant).await;
    let mut who = Vec::new();
    for role in ["maintainer", "coordinator", "member", "viewer"] {
        who.push(tenant.join(role, role).await);
    }
    let before = seen(&tenant).await;
    let w = |rest: &str| format!("/v1/workspaces/{workspace}{rest}");

    for who in who {
        who.patch(&w(""), json!({"name": "Mine"})).await.problem(403, "FORBIDDEN");
        who.get(&w("/members")).await.problem(403, "FORBIDDEN");
        who.put(&w("/members/somebody"), json!({"role": "admin"})).await.problem(403, "FORBIDDEN");
        who.delete(&w(&format!("/members/{user}"))).await.problem(403, "FORBIDDEN");
        who.get(&w("/tokens")).await.problem(403, "FORBIDDEN");
        who.post(&w("/tokens"), json!({"name": "x", "role": "viewer"})).await.problem(403, "FORBIDDEN");
        who.delete(&w("/tokens/x")).await.problem(403, "FORBIDDEN");
        who.post(&w("/projects"), json!({"id": fresh("plan"), "name": "x"})).await.problem(403, "FORBIDDEN");
        let new = json!({"id": fresh("repo"), "kind": "repository", "provider": "github", "repository": "acme/web"});
        who.post(&w("/sources"), new).await.problem(403, "FORBIDDEN");
        let source = format!("/v1/sources/{source}");
        who.patch(&source, json!({"name": "Mine"})).await.problem(403, "FORBIDDEN");
        who.delete(&source).await.problem(403, "FORBIDDEN");
        who.press(&format!("{source}/reset-backfill")).await.problem(403, "FORBIDDEN");
    }
    assert_eq!(seen(&tenant).await, before);
}

/// S1.1: `owner` is another word for maintainer.
async fn an_owner_is_a_maintainer(world: &World) {
    let tenant = world.tenant().await;
    let member = format!("/v1/workspaces/{}/members/{}", tenant.slug, tenant.name("olga"));

    assert_eq!(tenant.admin().put(&member, json!({"role": "owner"})).await.is(200)["role"], "maintainer");
    let shown = tenant.user("olga").get(&format!("/v1/workspaces/{}", tenant.slug)).await.is(200);
    assert_eq!(shown["role"], "maintainer");
}

/// S3.5: members are added, given another role, listed and removed.
async fn members_come_and_go(world: &World) {
    let tenant = world.tenant().await;
    let admin = tenant.admin();
    let members = format!("/v1/workspaces/{}/members", tenant.slug);
    let path = format!("{members}/{}", tenant.name("mia"));
    let list = async || {
        let listed = admin.get(&members).await.is(200);
        assert_eq!(listed["next_cursor"], Value::Null);
        let listed = listed["members"].as_array().unwrap().iter().map(|one| (one["user"].clone(), one["role"].clone()));
        listed.collect::<Vec<_>>()
    };
    let (own, mia) = (json!(tenant.name("admin")), json!(tenant.name("mia")));

    let put = admin.put(&path, json!({"role": "viewer"})).await.is(200);
    assert_eq!((&put["user"], &put["role"]), (&mia, &json!("viewer")));
    assert_eq!(list().await, [(own.clone(), json!("admin")), (mia.clone(), json!("viewer"))]);
    admin.put(&path, json!({"role": "coordinator"})).await.is(200);
    assert_eq!(list().await, [(own.clone(), json!("admin")), (mia, json!("coordinator"))]);
    admin.put(&path, json!({"role": "root"})).await.problem(400, "VALIDATION_FAILED");

    admin.delete(&path).await.is(204);
    assert_eq!(list().await, [(own, json!("admin"))]);
    admin.delete(&path).await.problem(404, "NOT_FOUND");
}
