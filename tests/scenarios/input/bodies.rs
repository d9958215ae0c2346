//! Bodies: their length, their type, their shape and their fields.

use std::collections::BTreeSet;

use serde_json::json;

use super::{in_vain, invalid, invalid_at, posts, problem, send};
use crate::scenarios::operations::Names;
use crate::world::{Answer, World, fresh};

crate::scenarios![
    a_body_that_is_not_json_is_refused,
    a_body_of_another_shape_is_refused,
    everything_wrong_with_a_body_is_said_at_once,
    a_trigger_knows_its_fields,
    a_trigger_of_a_project_knows_its_fields,
    everything_wrong_with_a_trigger_is_said_at_once,
    the_checks_have_an_order,
    a_body_of_over_256_kib_is_too_long,
    a_body_that_does_not_say_that_it_is_json_is_refused,
];

/// Answers 400: text that is not JSON.
async fn a_body_that_is_not_json_is_refused(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    in_vain(&tenant, async {
        let deep = "[".repeat(10_000);
        for path in posts(&names) {
            for body in ["{", r#"{"id": }"#, "{'id': 1}", r#"{"id": "x",}"#, "id=x", "{} {}", "NaN", deep.as_str()] {
                invalid_at(send(&world.operator(), &path, "application/json", body.to_owned()).await, "body");
            }
            if world.is_local() {
                // The emulated gateway makes text of it before anyone sees it.
                let answer = send(&world.operator(), &path, "application/json", b"{\"id\": \"\xff\xfe\"}".to_vec()).await;
                invalid_at(answer, "body");
            }
        }
    })
    .await;
}

/// Answers 400: JSON that is no object.
async fn a_body_of_another_shape_is_refused(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    in_vain(&tenant, async {
        for path in posts(&names) {
            for body in [json!([]), json!([{}]), json!("{}"), json!(7), json!(true), json!(null)] {
                invalid_at(world.operator().post(&path, body).await, "body");
            }
        }
    })
    .await;
}

/// S2.46: wrong types, unknown values and unknown fields, all of them.
async fn everything_wrong_with_a_body_is_said_at_once(world: &World) {
    let tenant = world.tenant().await;
    let (admin, w) = (tenant.admin(), format!("/v1/workspaces/{}", tenant.slug));
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let all = |answer: Answer| invalid(answer).into_keys().collect::<BTreeSet<_>>();
    in_vain(&tenant, async {
        let source = json!({"id": 7, "kind": "teapot", "monitored": "yes", "streams": ["issues", 3], "colour": "red",
            "credential": {"token": 1, "extra": true}, "webhook": {"active": "on"}});
        let expected = ["id", "kind", "monitored", "streams[1]", "colour", "credential.token", "credential.extra", "webhook.active"];
        assert_eq!(all(admin.post(&format!("{w}/sources"), source).await), names(&expected));
        let project = json!({"path": 1, "name": null, "colour": 1, "flavour": 2});
        assert_eq!(all(admin.post(&format!("{w}/projects"), project).await), names(&["id", "name", "path", "colour", "flavour"]));
        let token = json!({"roles": ["admin"], "expires": 5});
        assert_eq!(all(admin.post(&format!("{w}/tokens"), token).await), names(&["name", "role", "roles", "expires"]));
        let change =
            json!({"cooldowns": {"documents": 60, "tea": "PT5M"}, "quota_floor": "many", "max_concurrent_runs": 1.5, "plan": "pro"});
        let expected = ["cooldowns.documents", "cooldowns.tea", "quota_floor", "max_concurrent_runs", "plan"];
        assert_eq!(all(admin.patch(&w, change).await), names(&expected));
        let answer = admin.put(&format!("{w}/members/mia"), json!({"rolle": "viewer"})).await;
        assert_eq!(all(answer), names(&["role", "rolle"]));
        let values = json!({"id": "A", "kind": "repository", "provider": "cvs", "base_url": "ftp://x", "credential": {"token": ""}});
        let expected = ["id", "provider", "base_url", "credential.token", "repository"];
        assert_eq!(all(admin.post(&format!("{w}/sources"), values).await), names(&expected));
    })
    .await;
}

/// S2.46: what a trigger does not know it does not pass over.
async fn a_trigger_knows_its_fields(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let (sync, admin) = (format!("/v1/sources/{}/sync", names.source), tenant.admin());
    in_vain(&tenant, async {
        let body = json!({"full": "yes", "wait": 5, "fullReindex": true, "overrideCooldown": {"why": "x"}, "onConflict": "hope", "streams": "issues"});
        let wrong = invalid(admin.post(&sync, body).await);
        let expected = ["full", "fullReindex", "onConflict", "overrideCooldown.reason", "overrideCooldown.why", "streams", "wait"];
        assert_eq!(wrong.keys().collect::<Vec<_>>(), expected);
        for query in ["colour=red", "dryRun=perhaps", "onConflict=hope"] {
            let wrong = invalid(admin.press(&format!("{sync}?{query}")).await);
            let (name, _) = query.split_once('=').unwrap();
            assert!(wrong.iter().any(|(at, why)| at.contains(name) || why.contains(name)), "{query}: {wrong:?}");
        }
        invalid_at(admin.post(&sync, json!({"streams": ["pull_requests"]})).await, "streams");
    })
    .await;
}

/// S2.46: the same on the surface of projects.
async fn a_trigger_of_a_project_knows_its_fields(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let sync = format!("/api/v1/projects/{}/sync", names.project);
    in_vain(&tenant, async {
        let wrong = invalid(tenant.admin().post(&sync, json!({"colour": "red", "flavour": "sweet"})).await);
        assert_eq!(wrong.keys().collect::<Vec<_>>(), ["colour", "flavour"]);
        let wrong = invalid(tenant.admin().press(&format!("{sync}?colour=red")).await);
        assert!(wrong.iter().any(|(at, why)| at == "colour" || why.contains("colour")), "{wrong:?}");
    })
    .await;
}

/// S2.46: values that are wrong are said at once too, as are parameters.
async fn everything_wrong_with_a_trigger_is_said_at_once(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let (sync, admin) = (format!("/v1/sources/{}/sync", names.source), tenant.admin());
    in_vain(&tenant, async {
        let body = json!({"wait": "soon", "maxAge": "old", "streams": ["stars"], "overrideCooldown": {"reason": " "}});
        let expected = ["maxAge", "overrideCooldown.reason", "streams", "wait"];
        assert_eq!(invalid(admin.post(&sync, body).await).keys().collect::<Vec<_>>(), expected);
        let wrong = invalid(admin.get(&format!("/v1/sources/{}/items?limit=0&cursor=~&type=tea&updated_since=now", names.source)).await);
        assert_eq!(wrong.keys().collect::<Vec<_>>(), ["cursor", "limit", "type", "updated_since"]);
    })
    .await;
}

/// Who asks is asked first, then whether the request makes sense, then whether
/// there is such a thing, and only then whether they may.
async fn the_checks_have_an_order(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let (viewer, nobody) = (tenant.join("viv", "viewer").await, world.nobody());
    let (there, nowhere) = (format!("/v1/sources/{}/sync", names.source), format!("/v1/sources/{}/sync", fresh("none")));
    in_vain(&tenant, async {
        for path in [&there, &nowhere] {
            problem(send(&nobody, path, "application/json", "{").await, 401, "UNAUTHENTICATED");
            problem(send(&nobody, path, "text/plain", "{}").await, 401, "UNAUTHENTICATED");
            problem(nobody.post(path, json!({"colour": "red"})).await, 401, "UNAUTHENTICATED");
            invalid_at(viewer.post(path, json!({"colour": "red"})).await, "colour");
            invalid_at(viewer.post(path, json!({"wait": "soon"})).await, "wait");
            invalid_at(viewer.post(path, json!({"streams": ["stars"]})).await, "streams");
        }
        problem(viewer.press(&nowhere).await, 404, "NOT_FOUND");
        problem(viewer.press(&there).await, 403, "FORBIDDEN");
    })
    .await;
}

/// A JSON object of so many bytes.
fn padded(length: usize) -> String {
    format!("{{{}\"dryRun\": true}}", " ".repeat(length - 16))
}

/// Answers 413 to a body that is sent whole, and to one whose length was not
/// said before; 256 KiB are not too long.
async fn a_body_of_over_256_kib_is_too_long(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let admin = tenant.admin();
    in_vain(&tenant, async {
        for path in posts(&names) {
            for length in [256 * 1024 + 1, 300 * 1024] {
                problem(send(&admin, &path, "application/json", padded(length)).await, 413, "PAYLOAD_TOO_LARGE");
            }
            let pieces = (0..300).map(|_| Ok::<_, std::io::Error>(" ".repeat(1024)));
            let streamed = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
            problem(send(&admin, &path, "application/json", streamed).await, 413, "PAYLOAD_TOO_LARGE");
        }
        send(&admin, &format!("/v1/sources/{}/sync", names.source), "application/json", padded(256 * 1024)).await.is(200);
    })
    .await;
}

/// Answers 415.
async fn a_body_that_does_not_say_that_it_is_json_is_refused(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let (admin, sync) = (tenant.admin(), format!("/v1/sources/{}/sync", names.source));
    in_vain(&tenant, async {
        for path in posts(&names) {
            for content_type in
                ["text/plain", "application/x-www-form-urlencoded", "text/json; application/json", "application/jsonp", "json"]
            {
                problem(send(&admin, &path, content_type, "{}").await, 415, "UNSUPPORTED_MEDIA_TYPE");
            }
            problem(Answer::of("POST", &path, admin.request("POST", &path).body("{}")).await, 415, "UNSUPPORTED_MEDIA_TYPE");
        }
        for content_type in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
            send(&admin, &sync, content_type, r#"{"dryRun": true}"#).await.is(200);
        }
    })
    .await;
}
