//! Folders of documents: surface 3.5.

use serde_json::json;

use crate::world::World;

crate::scenarios![a_trigger_is_accepted_at_once];

/// S4.1, S4.2, S4.3, S4.30: a project that was never synced is synced on demand.
async fn a_trigger_is_accepted_at_once(world: &World) {
    let tenant = world.tenant().await;
    let project = tenant.project(&world.folder(&[("a.md", "# A"), ("deep/b.md", "no heading")])).await;
    let developer = tenant.join("dev", "member").await;

    let answer = developer.press(&format!("/api/v1/projects/{project}/sync")).await;
    assert_eq!(answer.is(202), json!({"slug": project, "sync_status": "syncing", "message": "Sync started"}));

    let status = developer.settled(&project).await;
    assert_eq!((status["sync_status"].as_str(), status["document_count"].as_u64()), (Some("synced"), Some(2)));
}
