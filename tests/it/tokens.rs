//! Bearer tokens whose keys someone else publishes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::Json;
use axum::extract::State;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pullcord_tests::world::World;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::tests;

tests![published_keys_are_believed_and_their_rotation_noticed, a_credential_is_found_nowhere];

/// Someone who publishes keys.
#[derive(Clone)]
struct Issuer {
    keys: Arc<Mutex<Vec<Value>>>,
    asked: Arc<AtomicU32>,
    url: String,
}

async fn issuer() -> Issuer {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let issuer = Issuer { keys: Arc::default(), asked: Arc::default(), url };
    let serve = |State(issuer): State<Issuer>| async move {
        issuer.asked.fetch_add(1, Ordering::SeqCst);
        Json(json!({"keys": *issuer.keys.lock().await}))
    };
    let router = axum::Router::new().route("/keys", get(serve)).with_state(issuer.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    issuer
}

struct Key {
    id: String,
    algorithm: Algorithm,
    private: EncodingKey,
}

fn pem(der: &[u8]) -> Vec<u8> {
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der)).into_bytes()
}

impl Key {
    fn rsa(id: &str) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        Self { id: id.into(), algorithm: Algorithm::RS256, private: EncodingKey::from_rsa_pem(&pem(der.as_ref())).unwrap() }
    }

    fn ec(id: &str) -> Self {
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        Self { id: id.into(), algorithm: Algorithm::ES256, private: EncodingKey::from_ec_pem(&pem(der.as_ref())).unwrap() }
    }

    fn published(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.private, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.id.clone());
        serde_json::to_value(jwk).unwrap()
    }

    fn token(&self, claims: Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.clone());
        jsonwebtoken::encode(&header, &claims, &self.private).unwrap()
    }
}

/// RS256 and ES256; issuer and audience; keys that are kept, and looked up again
/// when a token names one that is not known, though not for every such token.
async fn published_keys_are_believed_and_their_rotation_noticed() {
    let issuer = issuer().await;
    let (first, second, elliptic) = (Key::rsa("first"), Key::rsa("second"), Key::ec("elliptic"));
    *issuer.keys.lock().await = vec![first.published(), elliptic.published()];
    let world = World::local_with(&[
        ("PULLCORD_JWKS_URL", &issuer.url),
        ("PULLCORD_JWT_ISSUER", "https://login.example"),
        ("PULLCORD_JWT_AUDIENCE", "pullcord"),
    ])
    .await;
    let exp = world.clock.now().0 / 1000 + 36_000;
    let claims = |sub: &str| json!({"sub": sub, "exp": exp, "iss": "https://login.example", "aud": "pullcord"});
    let me = async |token: String| world.session(&token).get("/v1/me").await;

    assert_eq!(me(first.token(claims("mia"))).await.is(200)["user"], "mia");
    assert_eq!(me(elliptic.token(claims("leo"))).await.is(200)["user"], "leo");
    assert_eq!(me(first.token(claims("mia"))).await.is(200)["user"], "mia");
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 1, "keys are kept");

    for (what, token) in [
        ("another issuer", first.token(json!({"sub": "mia", "exp": exp, "iss": "https://evil.example", "aud": "pullcord"}))),
        ("another audience", first.token(json!({"sub": "mia", "exp": exp, "iss": "https://login.example", "aud": "other"}))),
        ("no audience", first.token(json!({"sub": "mia", "exp": exp, "iss": "https://login.example"}))),
        ("expired", first.token(json!({"sub": "mia", "exp": exp - 40_000, "iss": "https://login.example", "aud": "pullcord"}))),
        ("not yet", first.token(json!({"sub": "mia", "exp": exp, "nbf": exp - 10, "iss": "https://login.example", "aud": "pullcord"}))),
        ("a key that only claims that name", Key { id: "first".into(), ..Key::rsa("x") }.token(claims("mia"))),
        ("another algorithm under that name", Key { id: "first".into(), ..Key::ec("x") }.token(claims("mia"))),
        ("the public key as a secret", {
            let mut header = Header::new(Algorithm::HS256);
            header.kid = Some("first".into());
            let public = first.published()["n"].as_str().unwrap().to_owned();
            jsonwebtoken::encode(&header, &claims("mia"), &EncodingKey::from_secret(public.as_bytes())).unwrap()
        }),
    ] {
        assert_eq!(me(token).await.status, 401, "{what}");
    }

    *issuer.keys.lock().await = vec![second.published()];
    me(second.token(claims("mia"))).await.problem(401, "UNAUTHENTICATED");
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 1, "unknown names do not make us ask at once again");
    world.clock.turn(jiff::SignedDuration::try_from(Duration::from_secs(31)).unwrap());
    assert_eq!(me(second.token(claims("mia"))).await.is(200)["user"], "mia");
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 2);
    assert_eq!(me(first.token(claims("mia"))).await.status, 401, "a withdrawn key is none");
}

/// S2.83, invariant 10: a token given to a source is in no file under the data folder,
/// and neither is the secret of an API token.
async fn a_credential_is_found_nowhere() {
    let world = World::local().await;
    let canary = "canary-3f9a71c2-credential";
    let tenant = world.tenant().await;
    let name = format!("acme/{}", pullcord_tests::world::fresh("canary"));
    world.forge.repository(&name).seed_issues(5);
    let source = tenant.repository_with(&name, json!({"credential": {"token": canary}})).await;
    let run = tenant.admin().sync(&source, json!({})).await;
    assert_eq!(run["status"], "completed");
    let used = world.forge.requests_to(&format!("/repos/{name}/issues"));
    assert!(used.iter().all(|entry| entry.credential.is_some()), "the forge did see it");
    let made =
        tenant.admin().post(&format!("/v1/workspaces/{}/tokens", tenant.slug), json!({"name": "ci", "role": "viewer"})).await.is(201);
    let secret = made["token"].as_str().unwrap().to_owned();
    tenant.admin().patch(&format!("/v1/sources/{source}"), json!({"credential": {"token": format!("{canary}-2")}})).await.is(200);

    let data = world.data();
    let mut left = vec![data.clone()];
    let mut searched = 0;
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!holds("canary-3f9a71c2") && !holds(&secret), "{} holds a secret", path.display());
        searched += 1;
    }
    assert!(searched >= 4, "only {searched} files were searched");
    #[cfg(unix)]
    for name in ["key", "admin-token"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(data.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
