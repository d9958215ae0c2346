//! Who asks GitLab, and whether the token may be used for that.

use super::REST;
use crate::{credentials::Caller, door::Asked, state::World};

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Unknown,
    Revoked,
    /// It may not be used for what was asked; the scopes that would do.
    Scope(&'static [&'static str]),
}

/// A header of a scheme that is not GitLab's is as good as none. A job's token is good for other endpoints than these,
/// and sent here it is refused.
pub(super) fn admit(world: &World, asked: &Asked) -> Result<Caller, Refused> {
    let Some(token) = token(asked) else {
        return if asked.header("job-token").is_some() { Err(Refused::Unknown) } else { Ok(Caller::Anonymous) };
    };
    if world.credentials.is_revoked(token) {
        return Err(Refused::Revoked);
    }
    let caller = world.credentials.identify(Some(token)).ok_or(Refused::Unknown)?;
    let wanted = wanted(&asked.path);
    if world.credentials.allows(token, wanted) { Ok(caller) } else { Err(Refused::Scope(wanted)) }
}

fn token(asked: &Asked) -> Option<&str> {
    let bearer = || {
        let (scheme, token) = asked.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    };
    asked.header("private-token").filter(|token| !token.is_empty()).or_else(bearer)
}

fn wanted(path: &str) -> &'static [&'static str] {
    let user = path.strip_prefix(REST) == Some("user");
    if user { &["read_user", "api", "read_api"] } else { &["api", "read_api"] }
}
