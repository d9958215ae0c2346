//! Who is asking: the bearer token, verified here, so that gateway, function URL
//! and local process behave alike.
//!
//! A token says who someone is and nothing else. What they may do is in the
//! table; a role named in a token counts for nothing.

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use pullcord_core::clock::Moment;
use pullcord_core::config::Config;
use pullcord_core::http::Outgoing;
use pullcord_core::model::UserId;
use pullcord_core::trigger::Asker;
use pullcord_core::{Error, Fault, Plane, manage};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::Api;
use crate::problem::{Problem, Told};

/// How far the clocks of two machines may be apart.
const LEEWAY: Duration = Duration::from_secs(30);
/// How long published keys are believed.
const KEYS_LIVE: Duration = Duration::from_hours(1);
/// How long we wait for them: a caller is waiting for us.
const LONGEST_FETCH: Duration = Duration::from_secs(4);
/// An unknown key id makes us look again, but not more often than this.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(30);

const NOT_ACCEPTED: Error = Error::Unauthenticated("the bearer token is not one this deployment accepts");
const EXPIRED: Error = Error::Unauthenticated("the bearer token has expired, or does not hold yet: sign in again");
const MISSING: Error = Error::Unauthenticated("send a bearer token in the authorization header");

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
}

/// Verifies bearer tokens.
pub struct Verifier {
    secret: Option<DecodingKey>,
    jwks_url: Option<String>,
    issuer: Option<String>,
    audience: Option<String>,
    keys: Mutex<Published>,
}

#[derive(Default)]
struct Published {
    keys: HashMap<String, (Algorithm, DecodingKey)>,
    fetched_at: Option<Moment>,
    tried_at: Option<Moment>,
}

impl Verifier {
    pub fn new(config: &Config) -> Self {
        Self {
            secret: config.jwt_secret.as_ref().map(|secret| DecodingKey::from_secret(secret.as_bytes())),
            jwks_url: config.jwks_url.clone(),
            issuer: config.jwt_issuer.clone(),
            audience: config.jwt_audience.clone(),
            keys: Mutex::default(),
        }
    }

    /// The `sub` of a token that holds.
    pub async fn verify(&self, plane: &Plane, token: &str) -> Result<UserId, Error> {
        let header = decode_header(token).map_err(|_| NOT_ACCEPTED)?;
        let claims = match (header.alg, &self.secret, &self.jwks_url) {
            (Algorithm::HS256, Some(secret), _) => self.read(token, secret, Algorithm::HS256)?,
            (algorithm @ (Algorithm::RS256 | Algorithm::ES256), _, Some(url)) => {
                let kid = header.kid.unwrap_or_default();
                let (published, key) = self.key(plane, url, &kid).await?.ok_or(NOT_ACCEPTED)?;
                // The key decides which algorithm it is for, not the token.
                if published != algorithm {
                    return Err(NOT_ACCEPTED);
                }
                self.read(token, &key, algorithm)?
            }
            _ => return Err(NOT_ACCEPTED),
        };
        let now = plane.clock.now().0 as f64 / 1000.0;
        let leeway = LEEWAY.as_secs_f64();
        if claims.exp < now - leeway || claims.nbf.is_some_and(|from| from > now + leeway) {
            return Err(EXPIRED);
        }
        if !manage::is_user(&claims.sub) {
            return Err(NOT_ACCEPTED);
        }
        Ok(UserId::known(claims.sub))
    }

    fn read(&self, token: &str, key: &DecodingKey, algorithm: Algorithm) -> Result<Claims, Error> {
        let mut validation = Validation::new(algorithm);
        // Time is compared above, with the plane's clock.
        validation.validate_exp = false;
        let mut required = vec!["exp", "sub"];
        match &self.audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                required.push("aud");
            }
            None => validation.validate_aud = false,
        }
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        decode::<Claims>(token, key, &validation).map(|data| data.claims).map_err(|_| NOT_ACCEPTED)
    }

    /// The published key of that id. Keys are kept for a while; an id that is
    /// not among them makes us look whether they were rotated.
    async fn key(&self, plane: &Plane, url: &str, kid: &str) -> Result<Option<(Algorithm, DecodingKey)>, Error> {
        let now = plane.clock.now();
        let wanted = {
            let mut published = self.keys.lock().await;
            let fresh = published.fetched_at.is_some_and(|at| now.since(at) < KEYS_LIVE);
            let tried = published.tried_at.is_some_and(|at| now.since(at) < LOOK_AGAIN_AFTER);
            let known = fresh && published.keys.contains_key(kid);
            let wanted = !known && !tried;
            if wanted {
                // Whoever comes meanwhile does with what is known.
                published.tried_at = Some(now);
            }
            wanted
        };
        if wanted {
            let fetched = tokio::select! {
                fetched = fetch(plane, url) => fetched,
                () = plane.clock.sleep(LONGEST_FETCH) => Err(Fault::unavailable("key set", "no answer in time")),
            };
            let mut published = self.keys.lock().await;
            match fetched {
                Ok(keys) => (published.keys, published.fetched_at) = (keys, Some(now)),
                // Keys that were good an hour ago are better than none.
                Err(why) if published.keys.contains_key(kid) => tracing::warn!(decision = "jwks.unreachable", error = %why),
                Err(why) => {
                    published.tried_at = None;
                    return Err(why.into());
                }
            }
        }
        Ok(self.keys.lock().await.keys.get(kid).cloned())
    }
}

async fn fetch(plane: &Plane, url: &str) -> Result<HashMap<String, (Algorithm, DecodingKey)>, Fault> {
    let asked = Outgoing { url: url.to_owned(), headers: vec![("accept".into(), "application/json".into())], ..Outgoing::default() };
    let reply = plane.http.send(asked).await.map_err(|why| Fault::unavailable("key set", why))?;
    if reply.status != 200 {
        return Err(Fault::unavailable("key set", format!("status {}", reply.status)));
    }
    let set: JwkSet = serde_json::from_slice(&reply.body).map_err(|why| Fault::unavailable("key set", why))?;
    let usable = set.keys.iter().filter_map(|jwk| {
        let kid = jwk.common.key_id.clone().unwrap_or_default();
        let algorithm = match &jwk.algorithm {
            jsonwebtoken::jwk::AlgorithmParameters::RSA(_) => Algorithm::RS256,
            jsonwebtoken::jwk::AlgorithmParameters::EllipticCurve(_) => Algorithm::ES256,
            _ => return None,
        };
        Some((kid, (algorithm, DecodingKey::from_jwk(jwk).ok()?)))
    });
    Ok(usable.collect())
}

/// The verified caller of a request.
pub struct Caller(pub Asker);

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let plane = &*api.plane;
        let asker = identify(api, parts).await.told(plane.clock.now())?;
        // Who asks is known first; only then is it said what is wrong.
        api.parameters.judge(parts).told(plane.clock.now())?;
        Ok(Self(asker))
    }
}

async fn identify(api: &Api, parts: &Parts) -> Result<Asker, Error> {
    let value = parts.headers.get(header::AUTHORIZATION).ok_or(MISSING)?.to_str().map_err(|_| NOT_ACCEPTED)?;
    let (scheme, token) = value.split_once(' ').ok_or(MISSING)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(MISSING);
    }
    let token = token.trim();
    if token.starts_with(manage::TOKEN_PREFIX) {
        return manage::token_bearer(&api.plane, token).await.map(Asker::Known);
    }
    api.verifier.verify(&api.plane, token).await.map(Asker::User)
}
