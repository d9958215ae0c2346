//! Addresses that nobody may be told at are refused when they are given.

use serde_json::{Value, json};

use super::told;
use crate::world::World;

crate::scenarios![what_may_not_be_reached_is_refused_at_once, all_that_is_wrong_is_said_at_once];

/// S1.33: whatever can be judged without asking anyone: the scheme, a user, and every
/// spelling of an address that is not public.
async fn what_may_not_be_reached_is_refused_at_once(world: &World) {
    let told = told(world).await;
    let refused = [
        "",
        "hook",
        "/hook",
        "http://example.com/hook",
        "ftp://example.com/hook",
        "file:///etc/passwd",
        "https://me:secret-of-mine@example.com/hook",
        "https://me@example.com/hook",
        "https://localhost/hook",
        "https://LOCALHOST./hook",
        "https://a.localhost/hook",
        "https://10.0.0.1/hook",
        "https://167772161/hook",
        "https://0x0a000001/hook",
        "https://012.0.0.1/hook",
        "https://10.1/hook",
        "https://127.0.0.2/hook",
        "https://0.0.0.0/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/hook",
        "https://[::ffff:10.0.0.1]/hook",
        "https://[::ffff:a9fe:a9fe]/hook",
        "https://[fd00:ec2::254]/hook",
        "https://[fe80::1]/hook",
        "https://100.64.0.1/hook",
        "https://224.0.0.1/hook",
        "https://metadata.google.internal/hook",
        "https://metadata/hook",
    ];
    let paths = [told.given.trigger(), format!("/v1/workspaces/{}/sync", told.given.tenant.slug)];
    for (address, path) in refused.into_iter().zip(paths.iter().cycle()) {
        let answer = told.given.admin.post(path, json!({"progress_webhook": address})).await;
        assert!(!answer.text.contains("secret-of-mine"), "{}", answer.text);
        let problem = answer.problem(400, "VALIDATION_FAILED");
        assert_eq!(problem["errors"][0]["at"], "progress_webhook", "{address}: {problem:#}");
    }
    let long = format!("https://example.com/{}", "a".repeat(3_000));
    told.given.admin.post(&paths[0], json!({"progress_webhook": long})).await.problem(400, "VALIDATION_FAILED");
    let runs = told.given.admin.get(&format!("/v1/sources/{}/runs", told.given.source)).await.is(200);
    assert_eq!(runs["runs"], json!([]));

    // A dry run judges it, too, and tells nobody.
    let body = json!({"progress_webhook": told.receiver.hook(), "dryRun": true});
    assert_eq!(told.given.admin.post(&paths[0], body).await.is(200)["outcome"], "would_accept");
    let body = json!({"progress_webhook": "https://localhost/", "dryRun": true});
    told.given.admin.post(&paths[0], body).await.problem(400, "VALIDATION_FAILED");
    assert!(told.receiver.received().is_empty());
}

async fn all_that_is_wrong_is_said_at_once(world: &World) {
    let told = told(world).await;
    let body = json!({"progress_webhook": "https://localhost/", "wait": "PT1H", "streams": ["tea"]});
    let problem = told.given.admin.post(&told.given.trigger(), body).await.problem(400, "VALIDATION_FAILED");
    let at: Vec<&Value> = problem["errors"].as_array().unwrap().iter().map(|error| &error["at"]).collect();
    assert!(at.len() == 3 && at.contains(&&json!("progress_webhook")), "{problem:#}");
}
