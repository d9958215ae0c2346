//! Other doors than the API's: the operators', those of pages in a browser, and the
//! description of it all.

use std::collections::BTreeSet;

use pullcord_forge::{Behaviour, Fault};
use serde_json::json;

use super::{id, ids, let_go};
use crate::scenarios::issues::cooling;
use crate::world::{Answer, World, fresh};

crate::scenarios![
    operators_have_a_door_of_their_own,
    pages_of_listed_origins_may_call,
    the_api_describes_itself,
    the_console_is_at_every_address_it_shows,
];

/// Functions: what operators can ask for from a console.
async fn operators_have_a_door_of_their_own(world: &World) {
    let given = cooling(world).await;
    given.old(world, 3);
    world.forge.script(Fault::on(&given.issues, Behaviour::Hang));
    let triggered = world.ops(json!({"op": "trigger", "source": given.source, "reason": "a customer called"})).await;
    let run = given.admin.get(&format!("/v1/runs/{}", id(&triggered["run"]))).await.is(200);
    assert_eq!((triggered["outcome"].as_str(), run["trigger"].as_str()), (Some("accepted"), Some("ops")));
    let audit = given.admin.get(&format!("/v1/runs/{}/audit", id(&run))).await.is(200);
    assert!(audit.to_string().contains("a customer called"), "{audit:#}");

    world.forge.wait_for(&given.issues, 1).await;
    let busy = world.ops(json!({"op": "trigger", "source": given.source, "reason": "again"})).await;
    assert_eq!((&busy["error"]["code"], &busy["error"]["run_id"]), (&json!("SYNC_IN_PROGRESS"), &run["id"]));
    let busy = world.ops(json!({"op": "reset-backfill", "source": given.source})).await;
    assert_eq!(busy["error"]["code"], "SYNC_IN_PROGRESS");
    assert_eq!(world.ops(json!({"op": "status", "run": run["id"]})).await["run"]["status"], "running");
    assert_eq!(world.ops(json!({"op": "status", "source": given.source})).await["source"]["status"], "syncing");
    let stalled = world.ops(json!({"op": "stalled"})).await;
    assert!(!ids(&stalled).contains(&id(&run).to_owned()), "{stalled:#}");
    assert_eq!(world.ops(json!({"op": "cancel", "run": run["id"]})).await["run"]["status"], "cancelling");
    assert_eq!(let_go(world, &given, &run).await["status"], "cancelled");
    assert_eq!(world.ops(json!({"op": "reset-backfill", "source": given.source})).await, json!({"reset": false, "previousCursor": null}));
    assert!(world.ops(json!({"op": "redrive"})).await["redriven"].is_u64());

    for wrong in [
        json!({"op": "explode"}),
        json!({}),
        json!({"op": "trigger"}),
        json!({"op": "cancel", "run": run["id"], "speed": 9}),
        json!({"op": "status"}),
    ] {
        assert_eq!(world.ops(wrong.clone()).await["error"]["code"], "VALIDATION_FAILED", "{wrong}");
    }
    let nothing = world.ops(json!({"op": "trigger", "source": fresh("nowhere")})).await;
    assert_eq!(nothing["error"]["code"], "NOT_FOUND");
}

/// Pages of the configured origins may call, others may not; that holds
/// for refusals too, or a page could not read them.
async fn pages_of_listed_origins_may_call(world: &World) {
    if !world.is_local() {
        return;
    }
    let world = World::local_with(&[("PULLCORD_CORS_ORIGINS", "https://console.example.com")]).await;
    for (origin, allowed) in [("https://console.example.com", "https://console.example.com"), ("https://evil.example.com", "")] {
        let preflight = world.nobody().request("OPTIONS", "/v1/sources/x/sync").header("origin", origin);
        let preflight = preflight.header("access-control-request-method", "POST");
        let preflight = preflight.header("access-control-request-headers", "authorization,content-type,idempotency-key");
        let answer = Answer::of("OPTIONS", "/v1/sources/x/sync", preflight).await;
        assert!(answer.status < 300 && answer.header("access-control-allow-origin") == allowed, "{origin}: {answer:?}");
        if !allowed.is_empty() {
            assert!(answer.header("access-control-allow-methods").contains("POST"), "{answer:?}");
            let headers = answer.header("access-control-allow-headers").to_lowercase();
            assert!(["authorization", "content-type", "idempotency-key"].iter().all(|name| headers.contains(name)), "{headers}");
        }

        let answer = Answer::of("GET", "/v1/me", world.nobody().request("GET", "/v1/me").header("origin", origin)).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (401, allowed));
        assert!(answer.header("access-control-expose-headers").contains("retry-after"), "{answer:?}");
    }
}

/// S1.83: what is told here is described there.
async fn the_api_describes_itself(world: &World) {
    let used = [
        ("/v1/workspaces", "post"),
        ("/v1/workspaces/{}", "patch"),
        ("/v1/workspaces/{}/members/{}", "put"),
        ("/v1/workspaces/{}/sources", "post"),
        ("/v1/workspaces/{}/runs", "get"),
        ("/v1/workspaces/{}/audit", "get"),
        ("/v1/sources/{}", "get"),
        ("/v1/sources/{}", "patch"),
        ("/v1/sources/{}", "delete"),
        ("/v1/sources/{}/sync", "post"),
        ("/v1/sources/{}/runs", "get"),
        ("/v1/sources/{}/items", "get"),
        ("/v1/sources/{}/reset-backfill", "post"),
        ("/v1/runs/{}", "get"),
        ("/v1/runs/{}/events", "get"),
        ("/v1/runs/{}/audit", "get"),
        ("/v1/runs/{}/cancel", "post"),
        ("/v1/runs/{}/retry", "post"),
        ("/v1/me", "get"),
    ];
    let description = world.nobody().get("/openapi.json").await.is(200);
    assert!(description["openapi"].as_str().unwrap().starts_with("3."), "{}", description["openapi"]);
    let nameless = |path: &str| path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/");
    let described: BTreeSet<(String, &str)> = description["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(move |method| (nameless(path), method.as_str())))
        .collect();
    for (path, method) in used {
        assert!(described.contains(&(path.to_owned(), method)), "{method} {path}");
    }

    let page = world.nobody().get("/docs").await;
    assert_eq!((page.status, page.text.contains("<html"), page.text.contains("<script")), (200, true, false));
    assert!(page.header("content-type").starts_with("text/html"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe-eval") && !policy.contains("script-src 'unsafe-inline'") && !policy.contains('*'), "{policy}");
}

/// The console, its files and what it must know, for whoever has not signed in yet.
async fn the_console_is_at_every_address_it_shows(world: &World) {
    let page = world.nobody().get("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), "no-cache");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    for deep in ["/signed-in", "/workspaces/acme/runs", "/sources/acme-web/items", "/runs/01900000-0000-7000-8000-000000000000"] {
        let there = world.nobody().get(deep).await;
        assert_eq!((there.status, &there.text), (200, &page.text), "{deep}");
    }
    let named: Vec<&str> = page.text.split("\"/assets/").skip(1).filter_map(|after| after.split('"').next()).collect();
    assert!(named.len() > 10, "{named:?}");
    for name in named.iter().filter(|name| ["/app.js", "/style.css", "/icon.svg"].iter().any(|end| name.ends_with(end))) {
        let file = world.nobody().get(&format!("/assets/{name}")).await;
        assert_eq!((file.status, file.text.is_empty()), (200, false), "{name}");
        assert!(file.header("cache-control").ends_with("immutable"), "{name}");
        assert_eq!(file.header("x-content-type-options"), "nosniff", "{name}");
    }
    world.nobody().get("/assets/of-another-version/app.js").await.problem(404, "NOT_FOUND");

    let config = world.nobody().get("/config.json").await.is(200);
    assert!(config["rights"]["viewer"].as_array().unwrap().iter().all(|right| right == "read"), "{config:#}");
    assert_eq!(config["oidc"], json!(null));
    assert!(!world.is_local() || config["events"] == json!({"by": "stream", "base": ""}), "{config:#}");
    assert!(!config.to_string().contains("secret"), "{config:#}");
}
