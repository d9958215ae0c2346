//! A credential is looked at when it is given, and what its provider makes of it is
//! there to see.

use serde_json::json;

use super::{given, pages};
use crate::world::{World, fresh};

crate::scenarios![
    a_credential_is_looked_at_before_anybody_syncs,
    who_stands_behind_a_credential_is_shown,
    a_credential_that_is_rejected_says_so_and_blocks_nobody,
    a_run_knows_whether_its_credential_is_accepted,
];

/// S2.116: it costs nothing, starts nothing, and tells what is left.
async fn a_credential_is_looked_at_before_anybody_syncs(world: &World) {
    let given = given(world).await;
    given.leave(777);

    let source = given.source(&pages(1)).await;

    let shown = given.admin.until_source(&source, |source| !source["quota"].is_null()).await;
    let credential = &shown["credential"];
    assert_eq!((&credential["set"], &credential["accepted"]), (&json!(true), &json!(true)), "{credential:#}");
    assert!(credential["checked_at"].is_string() && credential["why"].is_null(), "{credential:#}");
    assert_eq!((&shown["quota"]["remaining"], &shown["status"]), (&json!(777), &json!("never_synced")));
    assert_eq!(given.left(), 777);
    let runs = given.admin.get(&format!("/v1/sources/{source}/runs")).await.is(200);
    assert_eq!(runs["runs"], json!([]));
}

/// Where the provider says so for free: then it is whose limit it is, too.
async fn who_stands_behind_a_credential_is_shown(world: &World) {
    for (provider, prefix) in [("gitlab", "/api/v4"), ("bitbucket", "/2.0")] {
        let given = given(world).await;
        let base_url = format!("{}{prefix}", world.forge.base_url());
        let token = format!("me@example.com:{}", fresh("token-of"));
        let token = if provider == "bitbucket" { token } else { given.token.clone() };

        let source =
            given.source_with(&pages(1), json!({"provider": provider, "base_url": base_url, "credential": {"token": token}})).await;

        let credential = given.look(&source).await["credential"].clone();
        assert_eq!(credential["accepted"], true, "{provider}: {credential:#}");
        assert!(credential["login"].as_str().is_some_and(|login| login.starts_with("user-")), "{provider}: {credential:#}");
    }
}

/// It is shown with what to do; whoever syncs all the same is not held up.
async fn a_credential_that_is_rejected_says_so_and_blocks_nobody(world: &World) {
    let given = given(world).await;
    world.forge.revoke_token(&given.token);

    let source = given.source(&pages(1)).await;

    let credential = given.look(&source).await["credential"].clone();
    assert_eq!(credential["accepted"], false, "{credential:#}");
    assert!(credential["why"].as_str().unwrap().contains("give the source a new one"), "{credential:#}");
    let told = given.admin.get(&format!("/v1/sources/{source}/sync/explain")).await.is(200);
    let check = told["checks"].as_array().unwrap().iter().find(|check| check["check"] == "credential").unwrap();
    assert_eq!((&check["ok"], &check["facts"]["accepted"]), (&json!(false), &json!(false)), "{told:#}");
    assert_eq!(told["would"], "accept", "{told:#}");
    assert_eq!(given.admin.sync(&source, json!({})).await["error"]["code"], "CREDENTIAL_REJECTED");

    let path = format!("/v1/sources/{source}");
    let changed = given.admin.patch(&path, json!({"credential": {"token": fresh("another-token")}})).await.is(200);
    assert!(changed["credential"]["accepted"].is_null(), "{changed:#}");
    assert_eq!(given.admin.looked_at(&source).await["credential"]["accepted"], true);
}

/// What was accepted once may be revoked; the next run shows it, and the next that
/// succeeds takes it back.
async fn a_run_knows_whether_its_credential_is_accepted(world: &World) {
    let given = given(world).await;
    let source = given.source(&pages(1)).await;
    assert_eq!(given.look(&source).await["credential"]["accepted"], true);
    world.forge.revoke_token(&given.token);

    given.admin.sync(&source, json!({})).await;

    let credential = given.look(&source).await["credential"].clone();
    assert_eq!(credential["accepted"], false, "{credential:#}");
    assert!(credential["why"].is_string(), "{credential:#}");
}
