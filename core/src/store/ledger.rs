//! The quota ledger: what is left at a provider, for whom, and what of it is lent
//! to workers.
//!
//! A row is read once by whoever spends from it and then written over what was
//! read. Several workers meet in it all the time, so whoever loses gets the row
//! that won, and decides again on that.

use std::time::Duration;

use super::items::{DeploymentKey, Quota, decode, encode, expire};
use super::keys::{self, Key};
use super::table::{Commit, Lost};
use super::{Store, conditions};
use crate::error::Fault;

/// How long a row is kept of a principal that nobody uses any more.
const KEPT: Duration = Duration::from_hours(30 * 24);

impl Store {
    /// What is known of a quota, if anything was ever heard of it.
    pub async fn quota(&self, key: &Key) -> Result<Option<Quota>, Fault> {
        self.table.get(key).await?.map(decode).transpose()
    }

    /// Writes a row of the ledger over the one that had `seen` for its version. If
    /// another was there, it is returned; by its writer one knows one's own.
    pub async fn save_quota(&self, key: &Key, row: &Quota, seen: u64) -> Result<Result<(), Quota>, Fault> {
        let mut stored = encode("quota", key, row)?;
        if let Some(at) = row.seen_at.max(row.probed_at) {
            expire(&mut stored, at.plus(KEPT));
        }
        let write = conditions::put_over_ledger("quota", stored, seen);
        let Commit::Lost(Lost { row: won, .. }) = self.table.commit(vec![write]).await? else { return Ok(Ok(())) };
        let won: Quota = won.map(decode).transpose()?.unwrap_or_default();
        let is_ours = won.version == row.version && won.by == row.by;
        Ok(if is_ours { Ok(()) } else { Err(won) })
    }

    /// The key by which this deployment makes fingerprints; `fresh` if it had none
    /// yet.
    pub async fn deployment_key(&self, fresh: &str) -> Result<String, Fault> {
        let key = keys::deployment_key();
        if let Some(row) = self.table.get(&key).await? {
            return Ok(decode::<DeploymentKey>(row)?.key);
        }
        let row = encode("deployment_key", &key, &DeploymentKey { key: fresh.to_owned() })?;
        match self.table.commit(vec![conditions::put_new("deployment_key", row)]).await? {
            Commit::Done => Ok(fresh.to_owned()),
            Commit::Lost(Lost { row, .. }) => {
                let won = row.ok_or_else(|| Fault::unavailable("table", "the deployment's key changed while it was made"))?;
                Ok(decode::<DeploymentKey>(won)?.key)
            }
        }
    }
}
