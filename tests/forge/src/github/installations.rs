//! Tokens for an installation of an app.

use http::StatusCode;
use serde_json::json;

use super::refusals;
use crate::apps::Refused;
use crate::credentials::token_of;
use crate::door::{Answer, Asked};
use crate::state::World;

/// The installation that a token is asked for.
pub(super) fn asked_for(asked: &Asked) -> Option<&str> {
    asked.path.strip_prefix("/app/installations/")?.strip_suffix("/access_tokens").filter(|_| asked.method == "POST")
}

pub(super) fn mint(world: &mut World, asked: &Asked, installation: &str) -> Answer {
    let proof = asked.header("authorization").map(token_of).unwrap_or_default();
    match world.apps.mint(installation, proof, asked.at) {
        Ok((token, good_until)) => {
            let permissions = json!({"issues": "read", "metadata": "read", "pull_requests": "read", "vulnerability_alerts": "read"});
            let body = json!({"token": token, "expires_at": good_until.strftime("%FT%TZ").to_string(), "permissions": permissions, "repository_selection": "all"});
            Answer::json(StatusCode::CREATED, &body)
        }
        Err(Refused::Undecodable) => refusals::bad_proof("A JSON web token could not be decoded"),
        Err(Refused::TooLate) => refusals::bad_proof(
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        ),
        Err(Refused::TooLong) => refusals::bad_proof("'Expiration time' claim ('exp') is too far in the future"),
        Err(Refused::NoSuch) => refusals::not_found(),
        Err(Refused::Suspended) => refusals::suspended(),
    }
}
