//! The secret that signs is shown once, and changed without a gap.

use serde_json::json;

use super::{new_secret, told};
use crate::scenarios::people::audit;
use crate::world::World;

crate::scenarios![a_secret_is_shown_once_and_changed_without_a_gap, only_admins_make_a_secret, one_workspace_signs_for_no_other];

/// S1.76, S2.83: after a change both sign, so that no receiver misses anything; the one
/// before the last does not any more.
async fn a_secret_is_shown_once_and_changed_without_a_gap(world: &World) {
    let told = told(world).await;
    assert!(told.secret.starts_with("whsec_") && told.secret.len() == "whsec_".len() + 44, "32 bytes in base64");
    let path = format!("/v1/workspaces/{}/webhook-secret", told.given.tenant.slug);
    let made = told.given.admin.press(&path).await.is(201);
    let second = made["secret"].as_str().unwrap();
    assert!(second != told.secret && made["previous_until"].is_string(), "{made:#}");

    let run = told.ask(json!({})).await;
    for one in told.receiver.told_to_the_end(&run).await {
        assert!(one.is_signed_by(&told.secret) && one.is_signed_by(second), "{one:#?}");
    }
    let third = new_secret(&told.given.tenant).await;
    let run = told.ask(json!({})).await;
    let received = told.receiver.told_to_the_end(&run).await;
    for one in received.iter().filter(|one| one.job() == run) {
        assert!(one.is_signed_by(second) && one.is_signed_by(&third) && !one.is_signed_by(&told.secret), "{one:#?}");
    }

    let workspace = told.given.admin.get(&format!("/v1/workspaces/{}", told.given.tenant.slug)).await.text;
    let lines = json!(audit(&told.given.tenant).await).to_string();
    assert_eq!(lines.matches("webhook_secret.made").count(), 3, "{lines}");
    for text in [workspace, lines] {
        assert!(!text.contains("whsec_") && !text.contains(&third[6..]), "{text}");
    }
    told.given.admin.get(&path).await.problem(405, "METHOD_NOT_ALLOWED");
}

/// S1.76: and to strangers there is no such workspace.
async fn only_admins_make_a_secret(world: &World) {
    let tenant = world.tenant().await;
    let path = format!("/v1/workspaces/{}/webhook-secret", tenant.slug);
    for role in ["viewer", "member", "coordinator", "maintainer"] {
        tenant.join(role, role).await.press(&path).await.problem(403, "FORBIDDEN");
    }
    world.user("a-stranger").press(&path).await.problem(404, "NOT_FOUND");
    world.nobody().press(&path).await.problem(401, "UNAUTHENTICATED");
    world.operator().press("/v1/workspaces/there-is-none/webhook-secret").await.problem(404, "NOT_FOUND");
    // The first: there is none before it.
    let made = tenant.admin().press(&path).await.is(201);
    assert!(made["previous_until"].is_null(), "{made:#}");
}

/// S1.76: a workspace that never asked for a secret has one of its own, too.
async fn one_workspace_signs_for_no_other(world: &World) {
    let (told, other) = (told(world).await, world.tenant().await);
    let theirs = new_secret(&other).await;
    let run = told.ask(json!({})).await;
    let received = told.receiver.told_to_the_end(&run).await;
    assert!(received.iter().all(|one| one.is_signed_by(&told.secret) && !one.is_signed_by(&theirs)));

    // Nobody has seen the secret that a first use made.
    let third = crate::scenarios::issues::given(world).await;
    third.old(world, 1);
    let body = json!({"progress_webhook": told.receiver.hook()});
    let run = third.admin.post(&third.trigger(), body).await.is(202);
    let run = run["id"].as_str().unwrap();
    let received = told.receiver.told_to_the_end(run).await;
    for one in received.iter().filter(|one| one.job() == run) {
        assert!(one.header("webhook-signature").starts_with("v1,"), "{one:#?}");
        assert!(!one.is_signed_by(&told.secret) && !one.is_signed_by(&theirs), "{one:#?}");
    }
}
