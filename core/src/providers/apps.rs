//! Apps: a forge that mints tokens for whoever has the key of one.

use super::{PageRequest, Reply, Unreadable};
use crate::clock::Moment;
use crate::model::Source;
use crate::vault::{AppKey, Credential};

/// A request for a token, and what proves who asks.
#[derive(Debug)]
pub struct Mint {
    pub request: PageRequest,
    pub secret_headers: Vec<(&'static str, String)>,
}

/// A token that was minted.
#[derive(Debug)]
pub struct Minted {
    pub credential: Credential,
    pub expires_at: Moment,
}

/// How tokens are minted, on the wire. As pure as the provider itself.
pub trait Apps: Send + Sync {
    /// What is wrong with a key, and at which of its parts, if anything is.
    fn check(&self, app: &AppKey) -> Result<(), (&'static str, String)>;

    /// The request that mints a token, or why this key cannot make one.
    fn mint(&self, source: &Source, app: &AppKey, now: Moment) -> Result<Mint, String>;

    /// The token in the answer to it.
    fn minted(&self, reply: &Reply) -> Result<Minted, Unreadable>;
}
