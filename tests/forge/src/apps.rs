//! GitHub Apps: who has the key of one gets tokens for its installations, each good for an hour.

use std::collections::BTreeMap;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// What tokens that are minted here begin with; other tests give tokens of such names to whom they like.
const MINTED: &str = "ghs_minted";
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(1);
/// A proof may reach no further into the future.
const LONGEST_PROOF_SECONDS: i64 = 600;

#[derive(Default)]
pub(crate) struct Apps {
    /// By app.
    keys: BTreeMap<String, Vec<u8>>,
    /// The app of each installation, and whether it is suspended.
    installations: BTreeMap<String, (String, bool)>,
    /// The tokens that were minted: for which installation and until when.
    minted: BTreeMap<String, (String, Timestamp)>,
}

/// Why no token is minted, in GitHub's words.
pub(crate) enum Refused {
    Undecodable,
    TooLate,
    TooLong,
    NoSuch,
    Suspended,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    iat: i64,
    exp: i64,
}

impl Apps {
    /// Makes an app, or gives one another key, and installs it. The key is shown this once.
    pub(crate) fn make(&mut self, app: &str, installation: &str) -> String {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("there is randomness");
        self.keys.insert(app.to_owned(), pair.public_key().as_ref().to_vec());
        self.installations.insert(installation.to_owned(), (app.to_owned(), false));
        let der: Pkcs8V1Der<'_> = pair.as_der().expect("a key can be written");
        let lines: Vec<String> =
            STANDARD.encode(der.as_ref()).as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into()).collect();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
    }

    pub(crate) fn suspend(&mut self, installation: &str) {
        if let Some((_, suspended)) = self.installations.get_mut(installation) {
            *suspended = true;
        }
    }

    /// Whether a token that looks like a minted one is none, or not any more.
    pub(crate) fn disowns(&self, token: &str, at: Timestamp) -> bool {
        token.starts_with(MINTED) && self.minted.get(token).is_none_or(|(_, good_until)| *good_until <= at)
    }

    /// A token for an installation, for whoever proves to be its app.
    pub(crate) fn mint(&mut self, installation: &str, proof: &str, at: Timestamp) -> Result<(String, Timestamp), Refused> {
        let app = self.app_of(proof, at)?;
        let (of, suspended) = self.installations.get(installation).ok_or(Refused::NoSuch)?;
        if *of != app {
            return Err(Refused::NoSuch);
        }
        if *suspended {
            return Err(Refused::Suspended);
        }
        let good_until = at.checked_add(GOOD_FOR).unwrap_or(at);
        let token = format!("{MINTED}{installation}x{}", self.minted.len());
        self.minted.insert(token.clone(), (installation.to_owned(), good_until));
        Ok((token, good_until))
    }

    fn app_of(&self, proof: &str, at: Timestamp) -> Result<String, Refused> {
        let (signed, signature) = proof.rsplit_once('.').ok_or(Refused::Undecodable)?;
        let claims = signed.split_once('.').and_then(|(_, claims)| URL_SAFE_NO_PAD.decode(claims).ok()).ok_or(Refused::Undecodable)?;
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| Refused::Undecodable)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Refused::Undecodable)?;
        let key = self.keys.get(&claims.iss).ok_or(Refused::Undecodable)?;
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
        key.verify(signed.as_bytes(), &signature).map_err(|_| Refused::Undecodable)?;
        let now = at.as_second();
        if claims.iat > now || claims.exp <= now {
            return Err(Refused::TooLate);
        }
        if claims.exp > now + LONGEST_PROOF_SECONDS {
            return Err(Refused::TooLong);
        }
        Ok(claims.iss)
    }
}
