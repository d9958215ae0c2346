//! A source of code is deleted: what was indexed goes with it.

use serde_json::json;

use super::{FILES, found, given, id, made, path_of};
use crate::world::World;

crate::scenarios![what_is_deleted_is_not_found_any_more, a_source_is_deleted_from_under_its_job, another_source_of_the_same_code_stays];

/// S1.45: at once for everybody, and its id stays taken.
async fn what_is_deleted_is_not_found_any_more(world: &World) {
    let given = given(world, &FILES).await;
    let job = given.indexed(json!({})).await;

    let deletion = given.admin.delete(&format!("/v1/sources/{}", given.source)).await.is(202);

    found(&given.admin, &given.source, "umbrella", "").await.problem(404, "NOT_FOUND");
    for path in [given.path(), format!("{}/{}", given.trigger(), id(&job))] {
        given.admin.get(&path).await.problem(404, "NOT_FOUND");
    }
    given.ask(json!({})).await.problem(404, "NOT_FOUND");
    assert_eq!(given.admin.ended(deletion["id"].as_str().unwrap()).await["status"], "completed");
    found(&given.admin, &given.source, "umbrella", "").await.problem(404, "NOT_FOUND");
    let again = json!({"id": given.source, "kind": "index", "git": {"url": given.remote.url()}});
    given.admin.post(&format!("/v1/workspaces/{}/sources", given.tenant.slug), again).await.problem(409, "CONFLICT");
}

/// S1.57: the job that runs is cancelled, and leaves nothing behind that a later search
/// could find.
async fn a_source_is_deleted_from_under_its_job(world: &World) {
    let given = given(world, &FILES).await;
    given.indexed(json!({})).await;
    given.remote.commit("main", &[("src/whale.rs", Some("/// Counts the whales.\n"))], "A whale");
    let held = given.held(json!({})).await;

    let deletion = given.admin.delete(&format!("/v1/sources/{}", given.source)).await.is(202);

    given.remote.release();
    assert_eq!(given.admin.ended(id(&held)).await["status"], "cancelled");
    assert_eq!(given.admin.ended(deletion["id"].as_str().unwrap()).await["status"], "completed");
    found(&given.admin, &given.source, "whales", "").await.problem(404, "NOT_FOUND");
}

/// What two sources have alike is not taken from the other.
async fn another_source_of_the_same_code_stays(world: &World) {
    let given = given(world, &FILES).await;
    given.indexed(json!({})).await;
    let beside = made(&given.tenant, &given.remote, json!({})).await;
    let job = given.admin.post(&format!("/api/repositories/{beside}/sync?wait=PT20S"), json!({})).await.is(200);
    assert_eq!(job["status"], "completed", "{job:#}");

    let deletion = given.admin.delete(&format!("/v1/sources/{}", given.source)).await.is(202);
    given.admin.ended(deletion["id"].as_str().unwrap()).await;

    for (query, path) in [("open the umbrella when it rains", "src/umbrella.rs"), ("ships moor at the quay", "docs/harbour.md")] {
        let results = found(&given.admin, &beside, query, "").await.is(200);
        assert_eq!(path_of(&results["results"][0]), path, "{results:#}");
    }
}
