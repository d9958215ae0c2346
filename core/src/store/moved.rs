//! Where a source's repository is by now, if not where its name says.

use super::Store;
use super::conditions::{self, Write};
use super::items::{decode, encode};
use super::keys;
use crate::error::Fault;
use crate::model::{Moved, SourceId};

impl Store {
    pub async fn moved(&self, source: &SourceId) -> Result<Option<Moved>, Fault> {
        self.table.get(&keys::moved(source)).await?.map(decode).transpose()
    }

    /// The write that remembers it, or forgets it. Only who holds the source may.
    pub fn moved_write(source: &SourceId, moved: Option<&Moved>) -> Result<Write, Fault> {
        let key = keys::moved(source);
        Ok(match moved {
            Some(moved) => conditions::put("moved", encode("moved", &key, moved)?),
            None => conditions::delete("moved", key),
        })
    }
}
