//! What is indexed of code: the branches of a source, their manifests, and the pieces
//! of files that are searched.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::Store;
use super::conditions::{self, Home, Range, Write};
use super::items::{Row, decode, encode, key_of};
use super::keys::{self, Key};
use super::table::Query;
use crate::error::Fault;
use crate::index::manifest::Manifest;
use crate::model::{IndexedBranch, KeptManifest, SourceId};

/// Bytes of a manifest to a row, which may have four hundred thousand.
const PART: usize = 350_000;

/// A piece of a file, and where it points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    pub path: String,
    pub number: u32,
    pub start_line: u32,
    pub end_line: u32,
    pub text: String,
    /// By which the same text is known again.
    pub hash: String,
    /// Numbers of the table, which serde would write as what they are not.
    #[serde(skip)]
    pub vector: Vec<f32>,
}

/// As a piece lies in the table.
#[derive(Serialize)]
struct Lying<'a> {
    tree: &'a str,
    #[serde(flatten)]
    piece: &'a Piece,
}

#[derive(Serialize)]
struct Part {}

fn read_piece(row: Row) -> Result<Piece, Fault> {
    let numbers = row.get(keys::VECTOR).and_then(|vector| vector.as_l().ok()).cloned().unwrap_or_default();
    let number = |value: &AttributeValue| value.as_n().ok().and_then(|text| text.parse().ok());
    let vector = numbers.iter().filter_map(number).collect();
    Ok(Piece { vector, ..decode(row)? })
}

impl Store {
    /// The branches of a source of which anything is known.
    pub async fn branches(&self, source: &SourceId) -> Result<Vec<IndexedBranch>, Fault> {
        let query = Query::partition(keys::branches_partition(source), Range::BeginsWith(keys::BRANCHES.to_owned()));
        self.table.query(query).await?.into_iter().map(decode).collect()
    }

    pub async fn branch(&self, source: &SourceId, branch: &str) -> Result<Option<IndexedBranch>, Fault> {
        self.table.get(&keys::branch(source, branch)).await?.map(decode).transpose()
    }

    /// The write of a branch over the one that was read.
    pub fn branch_write(source: &SourceId, branch: &IndexedBranch, seen: u64) -> Result<Write, Fault> {
        Ok(conditions::put_over("branch", encode("branch", &keys::branch(source, &branch.branch), branch)?, seen))
    }

    /// A manifest as it is kept; none if a part of it is missing.
    pub async fn manifest(&self, source: &SourceId, branch: &str, kept: &KeptManifest) -> Result<Option<Manifest>, Fault> {
        let query = Query::partition(keys::branches_partition(source), Range::BeginsWith(keys::manifest_of(branch, &kept.id)));
        let rows = self.table.query(query).await?;
        if rows.len() != kept.parts as usize {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        for row in &rows {
            let part = row.get("files").and_then(|files| files.as_b().ok());
            bytes.extend_from_slice(part.ok_or_else(|| Fault::broken("row", "a part of a manifest is empty"))?.as_ref());
        }
        Manifest::decode(&bytes).map(Some).map_err(|why| Fault::broken("manifest", why))
    }

    /// How many parts it takes to keep a manifest.
    pub fn parts_of(bytes: &[u8]) -> u32 {
        u32::try_from(bytes.len().div_ceil(PART)).unwrap_or(u32::MAX)
    }

    /// Keeps a manifest. Its name is of one attempt, so nobody else writes there.
    pub async fn keep_manifest(&self, source: &SourceId, branch: &str, attempt: &str, bytes: &[u8]) -> Result<(), Fault> {
        for (number, part) in (0..).zip(bytes.chunks(PART)) {
            let mut row = encode("manifest", &keys::manifest(source, branch, attempt, number), &Part {})?;
            row.insert("files".into(), AttributeValue::B(Blob::new(part)));
            self.table.commit(vec![conditions::put("manifest", row)]).await?;
        }
        Ok(())
    }

    /// Forgets a manifest that nothing refers to any more.
    pub async fn forget_manifest(&self, source: &SourceId, branch: &str, kept: &KeptManifest) -> Result<(), Fault> {
        for part in 0..kept.parts {
            self.table.commit(vec![conditions::delete("manifest", keys::manifest(source, branch, &kept.id, part))]).await?;
        }
        Ok(())
    }

    /// The pieces of a file, in their order.
    pub async fn pieces(&self, tree: &str, path: &str) -> Result<Vec<Piece>, Fault> {
        let query = Query::partition(keys::chunk_partition(tree, path), Range::BeginsWith(keys::chunks_of(path)));
        self.table.query(Query { home: Home::Index, ..query }).await?.into_iter().map(read_piece).collect()
    }

    pub fn piece_write(tree: &str, piece: &Piece) -> Result<Write, Fault> {
        let mut row = encode("chunk", &keys::chunk(tree, &piece.path, piece.number), &Lying { tree, piece })?;
        let vector = piece.vector.iter().map(|number| AttributeValue::N(number.to_string())).collect();
        row.insert(keys::VECTOR.into(), AttributeValue::L(vector));
        Ok(conditions::put("chunk", row).in_index())
    }

    pub fn piece_delete(tree: &str, path: &str, number: u32) -> Write {
        conditions::delete("chunk", keys::chunk(tree, path, number)).in_index()
    }

    /// Some rows of one of a branch's partitions.
    pub async fn some_pieces(&self, partition: String, most: usize) -> Result<Vec<Write>, Fault> {
        let query = Query { home: Home::Index, limit: Some(most), ..Query::partition(partition, Range::All) };
        let rows = self.table.query(query).await?;
        Ok(rows.iter().map(|row| conditions::delete("chunk", key_of(row)).in_index()).collect())
    }

    /// How many pieces a branch has, counted one by one.
    pub async fn count_pieces(&self, tree: &str) -> Result<u64, Fault> {
        let mut count = 0;
        for partition in keys::chunk_partitions(tree) {
            let query = Query { home: Home::Index, ..Query::partition(partition, Range::All) };
            count += self.table.count(query).await?;
        }
        Ok(count)
    }

    /// The pieces of a branch that are nearest to a vector, nearest first, and how near.
    pub async fn nearest(&self, tree: &str, vector: &[f32], most: i32) -> Result<Vec<(Piece, f64)>, Fault> {
        let found = self.table.search(tree, vector, most).await?;
        let keys: Vec<Key> = found.iter().map(|(key, _)| key.clone()).collect();
        let mut rows: std::collections::HashMap<Key, Row> =
            self.table.get_many_of(Home::Index, &keys).await?.into_iter().map(|row| (key_of(&row), row)).collect();
        let piece = |(key, distance): (Key, f64)| Some((rows.remove(&key)?, distance));
        let pieces: Vec<(Row, f64)> = found.into_iter().filter_map(piece).collect();
        pieces.into_iter().map(|(row, distance)| Ok((read_piece(row)?, distance))).collect()
    }

    /// Forgets what was known of a source's branches.
    pub async fn forget_branches(&self, source: &SourceId) -> Result<(), Fault> {
        while self.delete_some(keys::branches_partition(source), Range::All).await? {}
        Ok(())
    }
}
