//! To whoever is no member, what is there is as if it were not.

use serde_json::json;

use super::sees_nothing_of;
use crate::scenarios::operations::{Names, seen};
use crate::world::{World, fresh};

crate::scenarios![to_strangers_nothing_exists, a_membership_elsewhere_does_not_help, a_removed_member_is_out_at_once,];

/// S0.18, S1.45, S3.14: whoever is no member gets the answers that they would
/// get if there were nothing.
async fn to_strangers_nothing_exists(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let before = seen(&tenant).await;
    let stranger = tenant.user("stranger");

    sees_nothing_of(world, &stranger, &names).await;
    assert_eq!(stranger.get("/v1/workspaces").await.is(200)["workspaces"], json!([]));
    assert_eq!(stranger.get("/api/v1/projects").await.is(200)["projects"], json!([]));
    assert_eq!(stranger.get("/v1/me").await.is(200)["workspaces"], json!([]));
    assert_eq!(seen(&tenant).await, before);
}

/// S0.18, S2.36, S3.5, S3.14: an admin of one workspace is a stranger in the
/// next, and cannot draw on what is there.
async fn a_membership_elsewhere_does_not_help(world: &World) {
    let (tenant, other) = (world.tenant().await, world.tenant().await);
    let (names, own) = (Names::of(&tenant).await, Names::of(&other).await);
    let (before, intruder) = (seen(&tenant).await, other.admin());

    sees_nothing_of(world, &intruder, &names).await;
    let listed = intruder.get("/v1/workspaces").await.is(200);
    assert_eq!(listed["workspaces"].as_array().unwrap().iter().map(|one| &one["slug"]).collect::<Vec<_>>(), [&other.slug]);
    let listed = intruder.get("/api/v1/projects").await.is(200);
    assert_eq!(listed["projects"].as_array().unwrap().iter().map(|one| &one["slug"]).collect::<Vec<_>>(), [&own.project]);

    let sources = format!("/v1/workspaces/{}/sources", other.slug);
    let mut new =
        json!({"id": fresh("repo"), "kind": "repository", "provider": "github", "repository": "acme/web", "project": names.project});
    intruder.post(&sources, new.clone()).await.problem(400, "VALIDATION_FAILED");
    new["project"] = json!(own.project);
    new["id"] = json!(names.source);
    intruder.post(&sources, new).await.problem(409, "CONFLICT");
    assert_eq!(seen(&tenant).await, before);
}

/// S3.5: what counts is the table, not what was so when somebody signed in.
async fn a_removed_member_is_out_at_once(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let maintainer = tenant.join("max", "maintainer").await;
    maintainer.get(&format!("/v1/sources/{}", names.source)).await.is(200);

    tenant.admin().delete(&format!("/v1/workspaces/{}/members/{}", tenant.slug, tenant.name("max"))).await.is(204);
    sees_nothing_of(world, &maintainer, &names).await;
}
