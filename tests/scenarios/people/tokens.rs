//! How callers show who they are: signed tokens, and API tokens of a workspace.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::{audit, sees_nothing_of, sync};
use crate::scenarios::operations::{Names, operations, perform, seen};
use crate::world::{Answer, SECRET, World, fresh, token};

crate::scenarios![
    without_a_token_nobody_gets_in,
    only_tokens_of_this_deployment_count,
    a_role_that_is_claimed_counts_for_nothing,
    an_api_token_is_shown_once_and_speaks_for_its_role,
    a_revoked_api_token_is_none,
    an_api_token_ends_when_it_expires,
    an_api_token_ends_with_the_membership_of_its_maker,
    an_api_token_makes_no_other,
];

/// S2.34, S3.4: all but what is open to everyone asks for a token.
async fn without_a_token_nobody_gets_in(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let before = seen(&tenant).await;

    for operation in operations(world).await.iter().filter(|operation| operation.guarded) {
        let answer = perform(&world.nobody(), operation, &names.fill(&operation.path)).await;
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer:?}");
        if operation.path.starts_with("/rest/") {
            answer.is(401)
        } else {
            answer.problem(401, "UNAUTHENTICATED")
        };
    }
    assert_eq!(seen(&tenant).await, before);
}

/// A token of these parts, however they were signed.
fn forged(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

/// S3.4: a token that anybody else could have made is none.
async fn only_tokens_of_this_deployment_count(world: &World) {
    let now = world.clock.now().0 / 1000;
    let claims = json!({"sub": "admin", "exp": now + 3600});
    let signed = |header: &Header, claims: &Value, secret: &str| {
        jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    };
    let good = signed(&Header::default(), &claims, SECRET);
    let signature = good.rsplit('.').next().unwrap();
    world.session(&good).get("/v1/me").await.is(200);

    let tokens = [
        ("no token", "nonsense".to_owned()),
        ("nothing", String::new()),
        ("three dots", "...".to_owned()),
        ("expired", token("admin", now - 3600)),
        ("another secret", signed(&Header::default(), &claims, "another-secret-of-somebody-else-entirely")),
        ("alg none", forged(&json!({"alg": "none", "typ": "JWT"}), &claims, "")),
        ("alg None", forged(&json!({"alg": "None"}), &claims, signature)),
        ("no alg", forged(&json!({"typ": "JWT"}), &claims, signature)),
        ("another alg", signed(&Header::new(Algorithm::HS512), &claims, SECRET)),
        ("an alg of keys", forged(&json!({"alg": "RS256", "kid": "x"}), &claims, signature)),
        ("other claims", forged(&json!({"alg": "HS256", "typ": "JWT"}), &json!({"sub": "root", "exp": now + 3600}), signature)),
        ("no end", signed(&Header::default(), &json!({"sub": "admin"}), SECRET)),
        ("nobody", signed(&Header::default(), &json!({"exp": now + 3600}), SECRET)),
        ("a nameless one", signed(&Header::default(), &json!({"sub": "", "exp": now + 3600}), SECRET)),
        ("not yet", signed(&Header::default(), &json!({"sub": "admin", "exp": now + 7200, "nbf": now + 3600}), SECRET)),
        ("no API token", "pct_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()),
    ];
    for (what, token) in tokens {
        let answer = world.session(&token).get("/v1/me").await;
        assert_eq!((answer.status, answer.header("www-authenticate").is_empty()), (401, false), "{what}");
        answer.problem(401, "UNAUTHENTICATED");
    }
    for value in ["Bearer", "Basic YWRtaW46YWRtaW4=", &good] {
        let request = world.nobody().request("GET", "/v1/me").header("authorization", value);
        Answer::of("GET", "/v1/me", request).await.problem(401, "UNAUTHENTICATED");
    }
}

/// S3.4, S3.9: neither a token nor a parameter says what its bearer may do, or
/// who they are.
async fn a_role_that_is_claimed_counts_for_nothing(world: &World) {
    let tenant = world.tenant().await;
    let project = tenant.project(&world.folder(&[])).await;
    tenant.join("viv", "viewer").await;
    let claims = json!({"sub": tenant.name("viv"), "exp": world.clock.now().0 / 1000 + 3600, "role": "admin", "roles": ["admin"],
        "workspace": "*", "workspaces": {tenant.slug.as_str(): "admin"}, "app_metadata": {"role": "admin"}, "scope": "admin operator"});
    let viewer = world.session(&jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap());

    let me = viewer.get("/v1/me").await.is(200);
    assert_eq!(me, json!({"user": tenant.name("viv"), "operator": false, "workspaces": [{"workspace": tenant.slug, "role": "viewer"}]}));
    let path = format!("/v1/sources/{project}/sync");
    sync(&viewer, &project, json!({})).await.problem(403, "FORBIDDEN");
    let claimed = viewer.request("POST", &path).header("x-user", "admin").header("x-role", "admin");
    Answer::of("POST", &path, claimed).await.problem(403, "FORBIDDEN");

    let member = tenant.join("mia", "member").await;
    sync(&member, &project, json!({"triggered_by": "admin"})).await.problem(400, "VALIDATION_FAILED");
    assert_eq!(member.sync(&project, json!({})).await["triggered_by"], json!(tenant.name("mia")));
}

/// S3.5: an API token has one role in one workspace, and is in no answer but the
/// one that makes it.
async fn an_api_token_is_shown_once_and_speaks_for_its_role(world: &World) {
    let (tenant, other) = (world.tenant().await, world.tenant().await);
    let (names, elsewhere) = (Names::of(&tenant).await, Names::of(&other).await);
    let admin = tenant.admin();
    let tokens = format!("/v1/workspaces/{}/tokens", tenant.slug);

    let made = admin.post(&tokens, json!({"name": "A script", "role": "member", "expires": "2099-01-01T00:00:00Z"})).await.is(201);
    let secret = made["token"].as_str().unwrap();
    assert!(secret.starts_with("pct_"), "{made}");
    let listed = admin.get(&tokens).await;
    assert!(!listed.text.contains(secret), "{}", listed.text);
    let listed = listed.is(200)["tokens"][0].clone();
    assert_eq!((&listed["id"], &listed["name"], &listed["role"]), (&made["id"], &json!("A script"), &json!("member")));
    assert_eq!((&listed["token"], &listed["expires_at"]), (&Value::Null, &json!("2099-01-01T00:00:00Z")));
    assert!(!json!(audit(&tenant).await).to_string().contains(secret));

    let script = world.session(secret);
    script.get(&format!("/v1/sources/{}", names.source)).await.is(200);
    let run = script.sync(&names.project, json!({})).await;
    assert!(!run.to_string().contains(secret) && run["triggered_by"] != json!(tenant.name("admin")), "{run}");
    script.get(&tokens).await.problem(403, "FORBIDDEN");
    script.post("/v1/workspaces", json!({"slug": fresh("ws"), "name": "x"})).await.problem(403, "FORBIDDEN");
    sees_nothing_of(world, &script, &elsewhere).await;

    let made = admin.post(&tokens, json!({"name": "An admin", "role": "admin"})).await.is(201);
    let script = world.session(made["token"].as_str().unwrap());
    script.get(&tokens).await.is(200);
    script.post("/v1/workspaces", json!({"slug": fresh("ws"), "name": "x"})).await.problem(403, "FORBIDDEN");
    sees_nothing_of(world, &script, &elsewhere).await;
}

/// S3.5: a token that was revoked opens nothing, and one that could never open
/// anything is not made.
async fn a_revoked_api_token_is_none(world: &World) {
    let tenant = world.tenant().await;
    let admin = tenant.admin();
    let tokens = format!("/v1/workspaces/{}/tokens", tenant.slug);
    let made = admin.post(&tokens, json!({"name": "A script", "role": "admin"})).await.is(201);
    let script = world.session(made["token"].as_str().unwrap());
    script.get(&tokens).await.is(200);

    let path = format!("{tokens}/{}", made["id"].as_str().unwrap());
    admin.delete(&path).await.is(204);
    script.get(&tokens).await.problem(401, "UNAUTHENTICATED");
    admin.delete(&path).await.problem(404, "NOT_FOUND");
    assert_eq!(admin.get(&tokens).await.is(200)["tokens"], json!([]));

    let past = admin.post(&tokens, json!({"name": "Late", "role": "viewer", "expires": "2020-01-01T00:00:00Z"})).await;
    assert_eq!(past.problem(400, "VALIDATION_FAILED")["errors"][0]["at"], "expires");
    assert_eq!(admin.get(&tokens).await.is(200)["tokens"], json!([]));
}

/// S3.5: a token ends when it says, which is compared and not swept up.
async fn an_api_token_ends_when_it_expires(world: &World) {
    if !world.is_local() {
        return;
    }
    let tenant = world.tenant().await;
    let tokens = format!("/v1/workspaces/{}/tokens", tenant.slug);
    let expires = jiff::Timestamp::from_millisecond(world.clock.now().0 + 3_600_000).unwrap().to_string();
    let made = tenant.admin().post(&tokens, json!({"name": "A script", "role": "viewer", "expires": expires})).await.is(201);
    let script = world.session(made["token"].as_str().unwrap());
    script.get("/v1/workspaces").await.is(200);

    world.clock.turn(jiff::SignedDuration::from_mins(61));
    script.get("/v1/workspaces").await.problem(401, "UNAUTHENTICATED");
}

/// Whoever is removed does not come back by a token they made.
async fn an_api_token_ends_with_the_membership_of_its_maker(world: &World) {
    let tenant = world.tenant().await;
    let second = tenant.join("second", "admin").await;
    let tokens = format!("/v1/workspaces/{}/tokens", tenant.slug);
    let made = second.post(&tokens, json!({"name": "A way back", "role": "admin"})).await.is(201);
    let kept = tenant.admin().post(&tokens, json!({"name": "Another's", "role": "viewer"})).await.is(201);

    tenant.admin().delete(&format!("/v1/workspaces/{}/members/{}", tenant.slug, tenant.name("second"))).await.is(204);

    world.session(made["token"].as_str().unwrap()).get("/v1/me").await.problem(401, "UNAUTHENTICATED");
    world.session(kept["token"].as_str().unwrap()).get("/v1/me").await.is(200);
    let left = tenant.admin().get(&tokens).await.is(200);
    assert_eq!(left["tokens"].as_array().unwrap().iter().map(|token| &token["name"]).collect::<Vec<_>>(), ["Another's"]);
}

/// A token that ends cannot make one that does not.
async fn an_api_token_makes_no_other(world: &World) {
    let tenant = world.tenant().await;
    let tokens = format!("/v1/workspaces/{}/tokens", tenant.slug);
    let made = tenant.admin().post(&tokens, json!({"name": "Short", "role": "admin", "expires": "2090-01-01T00:00:00Z"})).await.is(201);
    let script = world.session(made["token"].as_str().unwrap());

    script.post(&tokens, json!({"name": "Long", "role": "admin"})).await.problem(403, "FORBIDDEN");
    script.post("/v1/workspaces", json!({"slug": fresh("ws"), "name": "Its own"})).await.problem(403, "FORBIDDEN");
}
