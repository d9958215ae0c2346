//! The children of a workspace run: one row for each source that it took in.

use super::Store;
use super::conditions::{self, Range, Write};
use super::items::{Link, decode, encode, expire};
use super::keys::{self, Key};
use super::table::Query;
use crate::clock::Moment;
use crate::error::Fault;
use crate::model::RunId;

impl Store {
    pub fn link_write(&self, parent: RunId, link: &Link, now: Moment) -> Result<Write, Fault> {
        let mut row = encode("link", &keys::link(parent, &link.source), link)?;
        expire(&mut row, now.plus(self.keep));
        Ok(conditions::put("link", row))
    }

    /// The children of a workspace run by their sources' ids, after one of them and
    /// at most so many.
    pub async fn links(&self, parent: RunId, after: Option<&str>, limit: Option<usize>) -> Result<Vec<Link>, Fault> {
        let range = match after {
            // The end of the range belongs to it, and no id is as long as this.
            Some(after) => Range::Between(format!("{}{after}\0", keys::LINKS), format!("{}~", keys::LINKS)),
            None => Range::BeginsWith(keys::LINKS.to_owned()),
        };
        let query = Query { limit, ..Query::partition(keys::run_partition(parent), range) };
        self.table.query(query).await?.into_iter().map(decode).collect()
    }

    /// The quotas that are known of some.
    pub async fn quotas(&self, keys: &[Key]) -> Result<Vec<super::items::Quota>, Fault> {
        self.table.get_many(keys).await?.into_iter().map(decode).collect()
    }
}
