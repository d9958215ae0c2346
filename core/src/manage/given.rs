//! What somebody gives for a source to be let in by its provider.

use super::check::Check;
use crate::providers::Provider;
use crate::vault::{AppKey, Credential, Kept, LONGEST_CREDENTIAL};

/// A token; or the key of an app, with one of its installations.
#[derive(Clone, Default)]
pub struct CredentialGiven {
    pub token: Option<String>,
    pub app: Option<String>,
    pub installation: Option<String>,
    pub private_key: Option<String>,
}

impl std::fmt::Debug for CredentialGiven {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CredentialGiven(…)")
    }
}

impl CredentialGiven {
    pub fn token(token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..Self::default() }
    }

    /// What is kept of it, if it is a whole one and not two.
    pub(super) fn kept(&self) -> Option<Kept> {
        let Self { token, app, installation, private_key } = self.clone();
        match (token, app, installation, private_key) {
            (Some(token), None, None, None) => Some(Kept::Token(Credential { token })),
            (None, Some(app), Some(installation), Some(private_key)) => Some(Kept::App(AppKey { app, installation, private_key })),
            _ => None,
        }
    }
}

impl Check<'_> {
    pub(super) fn credential(&mut self, provider: Option<&'static dyn Provider>, given: &CredentialGiven) {
        match given.kept() {
            None => self.complain("credential", "must be a token, or app, installation and private_key together, and not both"),
            Some(Kept::Token(Credential { token })) => {
                if token.is_empty() || token.len() > LONGEST_CREDENTIAL - 64 || token.bytes().any(|byte| !(0x21..0x7f).contains(&byte)) {
                    self.complain("credential.token", "must be 1 to 4032 visible characters without spaces");
                }
            }
            Some(Kept::App(key)) => match provider.map(|provider| (provider.name(), provider.apps())) {
                None => {}
                Some((name, None)) => {
                    self.complain("credential", format!("{name} has no apps that tokens are minted for: give a token"));
                }
                Some((_, Some(apps))) => self.app(apps.check(&key), &key),
            },
        }
    }

    fn app(&mut self, checked: Result<(), (&'static str, String)>, key: &AppKey) {
        if let Err((at, why)) = checked {
            self.complain(at, why);
        }
        // As it is sealed: in JSON, where the end of a line takes two bytes.
        if serde_json::to_vec(key).is_ok_and(|written| written.len() > LONGEST_CREDENTIAL) {
            self.complain(
                "credential.private_key",
                format!("is too long: all of the credential has to fit into {LONGEST_CREDENTIAL} bytes"),
            );
        }
    }
}
