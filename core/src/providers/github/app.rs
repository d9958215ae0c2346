//! GitHub Apps: a token for one installation, minted with the app's key.
//!
//! The proof is a JWT of a few minutes, signed with the key. GitHub's clock may be
//! behind, so it is dated a minute back.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};

use super::super::{Apps, Mint, Minted, PageRequest, Provider, Reply, Unreadable};
use super::GitHub;
use crate::clock::Moment;
use crate::model::Source;
use crate::vault::{AppKey, Credential};

/// GitHub takes ten minutes at most, from when it was dated.
const PROOF_SECONDS: i64 = 9 * 60;
const DATED_BACK_SECONDS: i64 = 60;

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
struct Answer {
    token: String,
    expires_at: String,
}

pub(super) struct GitHubApps;

impl Apps for GitHubApps {
    fn check(&self, app: &AppKey) -> Result<(), (&'static str, String)> {
        let is_name = |text: &str| {
            !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        if !is_name(&app.app) {
            return Err(("credential.app", "must be the app's client id or its number".to_owned()));
        }
        if app.installation.is_empty() || app.installation.len() > 20 || !app.installation.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err((
                "credential.installation",
                "must be the number of the installation, as its settings page has it in its address".to_owned(),
            ));
        }
        signer(app).map(drop).map_err(|why| ("credential.private_key", why))
    }

    fn mint(&self, source: &Source, app: &AppKey, now: Moment) -> Result<Mint, String> {
        let key = signer(app)?;
        let iat = now.0 / 1000 - DATED_BACK_SECONDS;
        let claims = Claims { iss: &app.app, iat, exp: iat + PROOF_SECONDS };
        let proof = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key).map_err(|why| format!("cannot sign: {why}"))?;
        let url = format!("{}/app/installations/{}/access_tokens", super::base(source), app.installation);
        let request = PageRequest { url, body: Some("{}".to_owned()), ..GitHub.probe(source) };
        Ok(Mint { request, secret_headers: vec![("authorization", format!("Bearer {proof}"))] })
    }

    fn minted(&self, reply: &Reply) -> Result<Minted, Unreadable> {
        let unreadable = |why: &dyn std::fmt::Display| Unreadable(format!("not a token of an installation: {why}"));
        // Not in the parser's words, which may repeat what it met.
        let answer: Answer = serde_json::from_slice(&reply.body).map_err(|_| unreadable(&"it has none, or not in this form"))?;
        let expires_at = Moment::parse(&answer.expires_at).ok_or_else(|| unreadable(&"it does not say when it expires"))?;
        Ok(Minted { credential: Credential { token: answer.token }, expires_at })
    }
}

fn signer(app: &AppKey) -> Result<EncodingKey, String> {
    EncodingKey::from_rsa_pem(app.private_key.as_bytes())
        .map_err(|_| "must be an RSA private key in PEM, as the app's settings page gives it".to_owned())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::super::super::testing::{reply, source};
    use super::*;

    fn key() -> String {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der: Pkcs8V1Der<'_> = pair.as_der().expect("written");
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()))
    }

    /// The proof is dated back, is over within ten minutes, and names the app; the
    /// request itself has no secret in it.
    #[test]
    fn a_token_is_asked_for_with_a_proof_of_a_few_minutes() {
        let app = AppKey { app: "Iv1.abc".into(), installation: "4711".into(), private_key: key() };
        let there = Source { base_url: Some("https://git.acme.org/api/v3/".into()), ..source("github") };
        let mint = GitHubApps.mint(&there, &app, Moment(1_790_000_000_000)).expect("signed");
        assert_eq!(mint.request.url, "https://git.acme.org/api/v3/app/installations/4711/access_tokens");
        assert!(!format!("{:?}", mint.request).contains("Bearer"));
        let (name, value) = &mint.secret_headers[0];
        let claims = value.strip_prefix("Bearer ").and_then(|jwt| jwt.split('.').nth(1)).expect("a JWT");
        let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64")).expect("JSON");
        assert_eq!(*name, "authorization");
        assert_eq!(claims, serde_json::json!({"iss": "Iv1.abc", "iat": 1_789_999_940, "exp": 1_790_000_480}));
    }

    /// Whoever gives a key learns at once what is wrong with it; what goes into an
    /// address is a number and nothing else.
    #[test]
    fn a_key_is_looked_at_before_it_is_kept() {
        let app = AppKey { app: "Iv1.abc".into(), installation: "4711".into(), private_key: key() };
        assert_eq!(GitHubApps.check(&app), Ok(()));
        let at = |app: AppKey| GitHubApps.check(&app).expect_err("refused").0;
        assert_eq!(at(AppKey { private_key: "ghp_a-token".into(), ..app.clone() }), "credential.private_key");
        for installation in ["", "../../user", "47 11", "４７"] {
            assert_eq!(at(AppKey { installation: installation.into(), ..app.clone() }), "credential.installation");
        }
        assert_eq!(at(AppKey { app: "a/b".into(), ..app }), "credential.app");
    }

    #[test]
    fn the_answer_says_how_long_it_is_good() {
        let body =
            r#"{"token":"ghs_16C7e42F292c6912E7710c838347Ae178B4a","expires_at":"2026-11-20T16:00:00Z","permissions":{"issues":"read"}}"#;
        let minted = GitHubApps.minted(&reply(201, &[], body)).expect("read");
        assert_eq!(minted.expires_at.rfc3339(), "2026-11-20T16:00:00Z");
        assert!(GitHubApps.minted(&reply(201, &[], r#"{"token":"ghs_1"}"#)).is_err());
        assert!(GitHubApps.minted(&reply(201, &[], r#"{"token":"ghs_1","expires_at":"soon"}"#)).is_err());
    }
}
