//! What the last complete listing missed, and a person has to decide on.

use super::Store;
use super::conditions::{self, Range, Write};
use super::items::{HeldItem, StoredItem, decode, encode};
use super::keys;
use super::table::Query;
use crate::error::Fault;
use crate::model::SourceId;

/// A page of what is held.
#[derive(Debug)]
pub struct HeldPage {
    pub items: Vec<StoredItem>,
    /// Where the next page begins.
    pub next: Option<String>,
}

impl Store {
    /// Everything that is held of a source, decided on or not.
    pub async fn held(&self, source: &SourceId) -> Result<Vec<HeldItem>, Fault> {
        let rows = self.table.query(Query::partition(keys::held_partition(source), Range::All)).await?;
        rows.into_iter().map(decode).collect()
    }

    /// Some of what is held of a source.
    pub async fn some_held(&self, source: &SourceId, most: usize) -> Result<Vec<HeldItem>, Fault> {
        let query = Query { limit: Some(most), ..Query::partition(keys::held_partition(source), Range::All) };
        self.table.query(query).await?.into_iter().map(decode).collect()
    }

    /// The items that wait for a decision, by their ids, after one of them.
    pub async fn held_page(&self, source: &SourceId, after: Option<&str>, limit: usize) -> Result<HeldPage, Fault> {
        let waits = |held: &HeldItem| !held.discarded && after.is_none_or(|after| held.item.as_str() > after);
        let mut ids: Vec<String> = self.held(source).await?.into_iter().filter(waits).map(|held| held.item).collect();
        let next = (ids.len() > limit).then(|| ids[limit - 1].clone());
        ids.truncate(limit);
        let mut items = self.items_by_id(source, &ids).await?;
        items.sort_by_key(|stored| stored.item.id());
        Ok(HeldPage { items, next })
    }

    pub fn held_write(source: &SourceId, held: &HeldItem) -> Result<Write, Fault> {
        Ok(conditions::put("held", encode("held", &keys::held(source, &held.item), held)?))
    }

    pub fn held_delete(source: &SourceId, item: &str) -> Write {
        conditions::delete("held", keys::held(source, item))
    }
}
