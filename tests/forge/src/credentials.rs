//! Who asks. A token is known by the login behind it, because the allowance is the login's: two tokens of one user
//! share it, as they do at the real forges.

use std::collections::{BTreeMap, BTreeSet};

use crate::grant::Grant;

/// Who a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    Anonymous,
    User { token: String, login: String },
}

impl Caller {
    /// Who a token stands for, accepted or not.
    pub(crate) fn of(token: Option<&str>, credentials: &Credentials) -> Self {
        token.map_or(Self::Anonymous, |token| Self::User { token: token.to_owned(), login: credentials.login(token) })
    }

    pub(crate) fn login(&self) -> Option<&str> {
        match self {
            Self::Anonymous => None,
            Self::User { login, .. } => Some(login),
        }
    }

    pub(crate) fn token(&self) -> Option<&str> {
        match self {
            Self::Anonymous => None,
            Self::User { token, .. } => Some(token),
        }
    }
}

/// Every token is accepted until the first is registered; from then on only those.
#[derive(Default)]
pub(crate) struct Credentials {
    registered: BTreeMap<String, String>,
    revoked: BTreeSet<String>,
    /// What a token may be used for at GitLab; one that is not here may be used for everything.
    scopes: BTreeMap<String, BTreeSet<String>>,
    /// What a token is at Bitbucket.
    grants: BTreeMap<String, Grant>,
}

impl Credentials {
    pub(crate) fn allow(&mut self, token: &str, login: &str) {
        self.revoked.remove(token);
        self.registered.insert(token.to_owned(), login.to_owned());
    }

    /// Says what a token is, and registers it under a login of its own unless it has one.
    pub(crate) fn grant(&mut self, token: &str, grant: Grant) {
        let login = self.login(token);
        self.allow(token, &login);
        self.grants.insert(token.to_owned(), grant);
    }

    pub(crate) fn granted(&self, token: &str) -> Option<&Grant> {
        self.grants.get(token)
    }

    pub(crate) fn revoke(&mut self, token: &str) {
        self.revoked.insert(token.to_owned());
    }

    pub(crate) fn restrict(&mut self, token: &str, scopes: &[&str]) {
        self.scopes.insert(token.to_owned(), scopes.iter().map(ToString::to_string).collect());
    }

    /// Whether the token was taken back, which some forges tell apart from one that never was.
    pub(crate) fn is_revoked(&self, token: &str) -> bool {
        self.revoked.contains(token)
    }

    /// Whether the token has one of these scopes.
    pub(crate) fn allows(&self, token: &str, wanted: &[&str]) -> bool {
        self.scopes.get(token).is_none_or(|scopes| wanted.iter().any(|scope| scopes.contains(*scope)))
    }

    /// `None` when the token is not accepted.
    pub(crate) fn identify(&self, token: Option<&str>) -> Option<Caller> {
        let refused = token
            .is_some_and(|token| self.revoked.contains(token) || (!self.registered.is_empty() && !self.registered.contains_key(token)));
        (!refused).then(|| Caller::of(token, self))
    }

    /// The login behind a token; an unregistered token is a user of its own.
    pub(crate) fn login(&self, token: &str) -> String {
        self.registered.get(token).cloned().unwrap_or_else(|| format!("user-{}", short_hash(token)))
    }
}

/// The token within an `Authorization` value, whichever scheme is before it.
pub(crate) fn token_of(authorization: &str) -> &str {
    authorization.split_once(' ').map_or(authorization, |(_, token)| token).trim()
}

/// Eight hexadecimal digits that name a secret without telling it; the same in every process.
pub(crate) fn short_hash(text: &str) -> String {
    let mixed = fingerprint(text.bytes());
    format!("{:08x}", (mixed >> 32) ^ (mixed & 0xffff_ffff))
}

/// FNV-1a, because it is short and does not change with the compiler.
pub(crate) fn fingerprint(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_token_is_accepted_until_one_is_registered() {
        let mut credentials = Credentials::default();
        assert!(credentials.identify(Some("first")).is_some());
        credentials.allow("second", "alice");
        assert_eq!(credentials.identify(Some("first")), None);
        assert_eq!(credentials.identify(Some("second")).as_ref().and_then(Caller::login), Some("alice"));
        assert_eq!(credentials.identify(None), Some(Caller::Anonymous));
        credentials.revoke("second");
        assert_eq!(credentials.identify(Some("second")), None);
    }

    #[test]
    fn a_hash_is_short_stable_and_not_the_token() {
        assert_eq!(short_hash("ghp_secret"), short_hash("ghp_secret"));
        assert_ne!(short_hash("ghp_secret"), short_hash("ghp_secret2"));
        assert_eq!(short_hash("").len(), 8);
    }
}
