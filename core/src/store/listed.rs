//! What is listed by time: items, runs and the audit.
//!
//! Cursors say after which place in time a list goes on. They name no row, so a
//! row that is gone meanwhile does not end a list.

use super::Store;
use std::collections::HashMap;

use super::conditions::{self, Home, Range, Write};
use super::items::{self, Audit, Row, StoredItem, decode, encode_item};
use super::keys::{self, Key};
use super::table::{Commit, Query};
use crate::clock::Moment;
use crate::error::Fault;
use crate::model::{ItemType, Owner, Run, RunId, SourceId, WorkspaceId, folded};

/// Places read in one go, places looked at for one page of a list, and the bytes
/// that it may show: a reply of a function has its limits.
const LOOKED_AT_ONCE: usize = 100;
const LOOKED_AT: usize = 2_000;
const LONGEST_LIST: usize = 4_000_000;

/// Which items a list wants.
#[derive(Clone, Debug, Default)]
pub struct ItemFilter {
    pub kind: Option<ItemType>,
    pub entity: Option<String>,
    pub state: Option<String>,
    pub updated_since: Option<Moment>,
    pub text: Option<String>,
}

impl ItemFilter {
    fn wants(&self, stored: &StoredItem) -> bool {
        let item = &stored.item;
        self.kind.is_none_or(|kind| item.kind == kind)
            && self.entity.as_ref().is_none_or(|entity| item.entity.as_ref() == Some(entity))
            && self.state.as_ref().is_none_or(|state| item.state == *state)
            && self.text.as_ref().is_none_or(|text| folded(&item.title).contains(&folded(text)))
    }
}

/// Some items, newest change first, and where the list goes on.
#[derive(Debug)]
pub struct ItemPage {
    pub items: Vec<StoredItem>,
    pub next: Option<String>,
}

impl Store {
    /// Items of a source by their last change. The index has several shards, so
    /// the newest of each are read side by side and merged. A list that would have
    /// to look at too many, or say too much, stops early and says where it goes on.
    pub async fn items(&self, source: &SourceId, filter: &ItemFilter, after: Option<String>, limit: usize) -> Result<ItemPage, Fault> {
        let mut place = after;
        let (mut found, mut looked_at, mut bytes) = (Vec::new(), 0, 0);
        loop {
            let (places, more) = self.newest_places(source, place.clone(), limit.max(LOOKED_AT_ONCE)).await?;
            let keys: Vec<Key> = places.iter().map(|(_, key)| key.clone()).collect();
            let mut rows: HashMap<Key, Row> = HashMap::new();
            // What was linked meanwhile has gone elsewhere, where it is found as well.
            for row in self.table.get_many(&keys).await?.into_iter().filter(|row| items::text(row, "kind") != "linked") {
                rows.insert(items::key_of(&row), row);
            }
            for (at, key) in places {
                if filter.updated_since.is_some_and(|since| *at < *keys::sortable(since)) {
                    return Ok(ItemPage { items: found, next: None });
                }
                // What is gone by now is passed over; the list goes on after it.
                if let Some(stored) = rows.remove(&key).map(decode::<StoredItem>).transpose()?.filter(|stored| filter.wants(stored)) {
                    let texts = [&stored.item.body, &stored.item.fields];
                    bytes += texts.into_iter().flatten().map(String::len).sum::<usize>() + 1_000;
                    found.push(stored);
                }
                looked_at += 1;
                if found.len() == limit || looked_at >= LOOKED_AT || bytes >= LONGEST_LIST {
                    return Ok(ItemPage { items: found, next: Some(at) });
                }
                place = Some(at);
            }
            if !more {
                return Ok(ItemPage { items: found, next: None });
            }
        }
    }

    /// The `limit` newest places before one, and whether there are more.
    async fn newest_places(&self, source: &SourceId, before: Option<String>, limit: usize) -> Result<(Vec<(String, Key)>, bool), Fault> {
        let shards = keys::listed_items(source).map(|hash| {
            let range = before.clone().map_or(Range::All, Range::Below);
            self.table.query(Query {
                home: Home::Main,
                index: Some(keys::LISTED_INDEX),
                hash,
                range,
                limit: Some(limit),
                newest_first: true,
            })
        });
        let shards: Vec<Vec<Row>> = futures::future::try_join_all(shards).await?;
        let more = shards.iter().any(|shard| shard.len() == limit) || shards.iter().map(Vec::len).sum::<usize>() > limit;
        let mut places: Vec<(String, Key)> =
            shards.iter().flatten().map(|row| (items::text(row, "listed_at").to_owned(), items::key_of(row))).collect();
        places.sort_by(|one, other| other.0.cmp(&one.0));
        // An entry that is on its way through the index can be met twice.
        places.dedup_by(|one, other| one.1 == other.1);
        places.truncate(limit);
        Ok((places, more))
    }

    /// The stored items of these ids, where they exist.
    pub async fn items_by_id(&self, source: &SourceId, ids: &[String]) -> Result<Vec<StoredItem>, Fault> {
        let keys: Vec<Key> = ids.iter().map(|id| keys::item(source, id)).collect();
        self.table.get_many(&keys).await?.into_iter().map(decode).collect()
    }

    /// Every item of a source in one shard of sixteen.
    pub async fn items_in_shard(&self, source: &SourceId, shard: &str) -> Result<Vec<StoredItem>, Fault> {
        let rows = self.table.query(Query::partition(keys::item_partition(source, shard), Range::All)).await?;
        rows.into_iter().map(decode).collect()
    }

    /// Whether a source has any item.
    pub async fn has_items(&self, source: &SourceId) -> Result<bool, Fault> {
        let shards: Vec<String> = keys::item_shards().collect();
        let found = futures::future::try_join_all(shards.iter().map(|shard| self.item_ids_in_shard(source, shard, 1))).await?;
        Ok(found.iter().any(|ids| !ids.is_empty()))
    }

    /// The ids of some items of a shard.
    pub async fn item_ids_in_shard(&self, source: &SourceId, shard: &str, most: usize) -> Result<Vec<String>, Fault> {
        let hash = keys::item_partition(source, shard);
        let query = Query { home: Home::Main, index: None, hash, range: Range::All, limit: Some(most), newest_first: false };
        Ok(self.table.query(query).await?.iter().map(|row| items::text(row, "SK").to_owned()).collect())
    }

    pub fn item_write(stored: &StoredItem) -> Result<Write, Fault> {
        Ok(conditions::put("item", encode_item(stored)?))
    }

    /// The write of an item that must be the first of its key.
    pub fn new_item_write(stored: &StoredItem) -> Result<Write, Fault> {
        Ok(conditions::put_new("item", encode_item(stored)?))
    }

    pub fn item_delete(source: &SourceId, id: &str) -> Write {
        conditions::delete("item", keys::item(source, id))
    }

    /// Runs of which owners and ids are known.
    pub async fn runs_by_id(&self, ids: &[(Owner, RunId)]) -> Result<Vec<Run>, Fault> {
        let keys: Vec<Key> = ids.iter().map(|(owner, id)| keys::run(owner, *id)).collect();
        Ok(super::readable(self.table.get_many(&keys).await?))
    }

    /// Runs of a source or workspace, newest first.
    pub async fn runs_of(&self, owner: &Owner, before: Option<RunId>, limit: usize) -> Result<Vec<Run>, Fault> {
        self.runs_from(owner, before, limit, true).await
    }

    /// Runs of a source or workspace on one side of one of them, which is left out.
    pub async fn runs_from(&self, owner: &Owner, place: Option<RunId>, limit: usize, newest_first: bool) -> Result<Vec<Run>, Fault> {
        let at = |otherwise: &str| place.map_or_else(|| otherwise.to_owned(), |id| format!("r#{id}"));
        let range = if newest_first { Range::Between("r#".into(), at("r#~")) } else { Range::Between(at("r#"), "r#~".into()) };
        // The range includes the run that is left out.
        let query =
            Query { home: Home::Main, index: None, hash: keys::owner_partition(owner), range, limit: Some(limit + 1), newest_first };
        let runs = self.table.query(query).await?.into_iter().map(decode).collect::<Result<Vec<Run>, _>>()?;
        Ok(runs.into_iter().filter(|run| Some(run.id) != place).take(limit).collect())
    }

    /// Runs of everything in a workspace, newest first, with the place of each.
    pub async fn runs_in(&self, workspace: &WorkspaceId, before: Option<String>, limit: usize) -> Result<Vec<(String, Run)>, Fault> {
        let rows = self.listed(keys::listed_runs(workspace), before, limit, true).await?;
        rows.into_iter().map(|row| Ok((items::text(&row, "listed_at").to_owned(), decode(row)?))).collect()
    }

    /// What is on record about a run, oldest first.
    pub async fn audit_of(&self, run: RunId) -> Result<Vec<Audit>, Fault> {
        self.listed(keys::listed_audit(run), None, 1000, false).await?.into_iter().map(decode).collect()
    }

    /// What is on record in a workspace, newest first, with the place of each.
    pub async fn audit_in(&self, workspace: &WorkspaceId, before: Option<String>, limit: usize) -> Result<Vec<(String, Audit)>, Fault> {
        let range = before.map_or(Range::All, Range::Below);
        let query =
            Query { home: Home::Main, index: None, hash: keys::audit_partition(workspace), range, limit: Some(limit), newest_first: true };
        let rows = self.table.query(query).await?;
        rows.into_iter().map(|row| Ok((items::text(&row, "SK").to_owned(), decode(row)?))).collect()
    }

    async fn listed(&self, hash: String, before: Option<String>, limit: usize, newest_first: bool) -> Result<Vec<Row>, Fault> {
        let range = before.map_or(Range::All, Range::Below);
        let query = Query { home: Home::Main, index: Some(keys::LISTED_INDEX), hash, range, limit: Some(limit), newest_first };
        let keys: Vec<Key> = self.table.query(query).await?.iter().map(items::key_of).collect();
        let mut rows = self.table.get_many(&keys).await?;
        rows.sort_by(|one, other| items::text(one, "listed_at").cmp(items::text(other, "listed_at")));
        if newest_first {
            rows.reverse();
        }
        Ok(rows)
    }

    /// Deletes rows of a partition, up to a hundred; whether any are left.
    pub async fn delete_some(&self, partition: String, range: Range) -> Result<bool, Fault> {
        let query =
            Query { home: Home::Main, index: None, hash: partition, range, limit: Some(super::table::MOST_WRITES), newest_first: false };
        let rows = self.table.query(query).await?;
        let writes: Vec<Write> = rows.iter().map(|row| conditions::delete("row", items::key_of(row))).collect();
        let full = writes.len() == super::table::MOST_WRITES;
        match self.table.commit(writes).await? {
            Commit::Done => Ok(full),
            Commit::Lost(lost) => Err(Fault::unavailable("table", format!("{} could not be deleted", lost.what))),
        }
    }
}
