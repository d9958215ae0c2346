//! What a run that lists a stream anew has seen of it, and what was known before.
//!
//! Seen ids lie in one row for each page, written in the transaction that moves the
//! run on to the next page: what is checkpointed was noted, and a worker that lost
//! its run notes nothing. Eight bytes of an id are kept. That two ids share them is
//! next to impossible, and would only keep an item that is gone.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::Store;
use super::conditions::{self, Range, Write};
use super::items::{decode, encode, expire, text};
use super::keys;
use super::table::Query;
use crate::clock::Moment;
use crate::error::Fault;
use crate::model::{ItemType, RunId, SourceId, Stream};

/// Bytes of an id that are kept.
const MARK: usize = 8;

/// What is kept of an item's id, which is a hash in hexadecimal.
fn mark(id: &str) -> Option<u64> {
    id.get(..MARK * 2).and_then(|digits| u64::from_str_radix(digits, 16).ok())
}

/// Everything that a listing has shown so far.
#[derive(Debug)]
pub struct Seen {
    marks: Vec<u64>,
    /// Rows that were found of it.
    pub parts: usize,
}

impl Seen {
    /// Whether an item was seen. One whose id is no hash is not known to be absent.
    pub fn has(&self, id: &str) -> bool {
        mark(id).is_none_or(|mark| self.marks.binary_search(&mark).is_ok())
    }
}

/// As much of a stored item as it takes to compare it with a listing.
#[derive(Debug, Deserialize)]
pub struct Known {
    #[serde(rename = "SK")]
    pub id: String,
    #[serde(rename = "type")]
    pub kind: ItemType,
    #[serde(default)]
    pub external_id: Option<String>,
    pub synced_at: Moment,
    pub run: RunId,
}

/// The row has nothing but what is seen, which serde does not know how to write.
#[derive(Serialize)]
struct Part {}

impl Store {
    /// The write that notes what a page showed. It is tidied away after `until`.
    pub fn seen_write<'a>(
        run: RunId,
        stream: Stream,
        part: u32,
        ids: impl Iterator<Item = &'a String>,
        until: Moment,
    ) -> Result<Write, Fault> {
        let marks: Vec<u8> = ids.filter_map(|id| mark(id)).flat_map(u64::to_be_bytes).collect();
        let mut row = encode("seen", &keys::seen(run, stream, part), &Part {})?;
        row.insert("ids".into(), AttributeValue::B(Blob::new(marks)));
        expire(&mut row, until);
        Ok(conditions::put("seen", row))
    }

    /// What a run has seen of a stream.
    pub async fn seen(&self, run: RunId, stream: Stream) -> Result<Seen, Fault> {
        let rows = self.table.query(Query::partition(keys::seen_partition(run), Range::BeginsWith(keys::seen_of(stream)))).await?;
        let mut marks = Vec::new();
        for row in &rows {
            let ids = row.get("ids").and_then(|ids| ids.as_b().ok());
            let ids = ids.ok_or_else(|| Fault::broken("row", format!("{} has no ids", text(row, "SK"))))?;
            marks.extend(ids.as_ref().chunks_exact(MARK).filter_map(|one| one.try_into().ok()).map(u64::from_be_bytes));
        }
        marks.sort_unstable();
        Ok(Seen { marks, parts: rows.len() })
    }

    /// Forgets what a run has seen.
    pub async fn forget_seen(&self, run: RunId) -> Result<(), Fault> {
        while self.delete_some(keys::seen_partition(run), Range::All).await? {}
        Ok(())
    }

    /// Some items of a shard, in the order of their ids, after one of them.
    pub async fn known_in_shard(&self, source: &SourceId, shard: &str, after: Option<String>, most: usize) -> Result<Vec<Known>, Fault> {
        let range = after.map_or(Range::All, Range::Above);
        let query = Query { limit: Some(most), ..Query::partition(keys::item_partition(source, shard), range) };
        self.table.query(query).await?.into_iter().map(decode).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::short_name;

    #[test]
    fn what_was_seen_is_known_by_eight_bytes() {
        let ids: Vec<String> = (0..1_000).map(|number| short_name(&number.to_string())).collect();
        let mut marks: Vec<u64> = ids.iter().filter_map(|id| mark(id)).collect();
        marks.sort_unstable();
        let seen = Seen { marks, parts: 1 };
        assert!(ids.iter().all(|id| seen.has(id)));
        assert!(!seen.has(&short_name("another")));
        // What cannot be looked up is not taken for absent.
        assert!(seen.has("made-by-hand") && seen.has(""));
    }
}
