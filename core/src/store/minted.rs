//! Tokens that were minted with the key of an app: one for all workers, as long as it
//! is good.

use super::items::{MintedToken, decode, encode, expire};
use super::{Store, conditions, keys};
use crate::error::Fault;
use crate::model::WorkspaceId;

impl Store {
    /// The token that was minted last with the key of this fingerprint.
    pub async fn minted(&self, workspace: &WorkspaceId, fingerprint: &str) -> Result<Option<MintedToken>, Fault> {
        self.table.get(&keys::minted(workspace, fingerprint)).await?.map(decode).transpose()
    }

    pub async fn forget_minted(&self, workspace: &WorkspaceId, fingerprint: &str) -> Result<(), Fault> {
        self.table.commit(vec![conditions::delete("minted", keys::minted(workspace, fingerprint))]).await.map(drop)
    }

    /// Keeps one in the place of the one before. Of two that were minted side by side
    /// both are good, so it does not matter which stays.
    pub async fn save_minted(&self, workspace: &WorkspaceId, fingerprint: &str, token: &MintedToken) -> Result<(), Fault> {
        let mut row = encode("minted", &keys::minted(workspace, fingerprint), token)?;
        expire(&mut row, token.good_until);
        self.table.commit(vec![conditions::put("minted", row)]).await.map(drop)
    }
}
