//! Keys of what is indexed of code, in either table.

use super::{Key, key};
use crate::model::SourceId;

/// The index of pieces of code by what they mean, in its own table, and the attribute
/// that says of which branch they are.
pub const MEANING_INDEX: &str = "meaning";
pub const TREE: &str = "tree";
pub const VECTOR: &str = "vector";
/// Partitions of a branch's pieces.
const CHUNK_SHARDS: u32 = 16;

/// What is known of a source's branches. No branch of git has a colon in its name.
pub fn branches_partition(source: &SourceId) -> String {
    format!("X#{source}")
}

/// How the rows of branches begin.
pub const BRANCHES: &str = "b:";

pub fn branch(source: &SourceId, branch: &str) -> Key {
    key(branches_partition(source), format!("{BRANCHES}{branch}"))
}

/// How the parts of a branch's manifests begin.
fn manifests_of(branch: &str) -> String {
    format!("m:{branch}:")
}

pub fn manifest(source: &SourceId, branch: &str, attempt: &str, part: u32) -> Key {
    key(branches_partition(source), format!("{}{part:04}", manifest_of(branch, attempt)))
}

/// How the parts of one manifest begin.
pub fn manifest_of(branch: &str, attempt: &str) -> String {
    format!("{}{attempt}:", manifests_of(branch))
}

/// Where a search of a branch looks.
pub fn tree(source: &SourceId, branch: &str) -> String {
    format!("{source}:{branch}")
}

/// A piece of a file; no path in git has two slashes in a row.
pub fn chunk(tree: &str, path: &str, number: u32) -> Key {
    key(chunk_partition(tree, path), format!("{}{number:05}", chunks_of(path)))
}

/// How the pieces of a file begin.
pub fn chunks_of(path: &str) -> String {
    format!("{path}//")
}

/// Where the pieces of a file are: those of a branch are spread over some partitions.
pub fn chunk_partition(tree: &str, path: &str) -> String {
    let mixed = path.bytes().fold(0_u32, |mixed, byte| mixed.wrapping_mul(31).wrapping_add(u32::from(byte)));
    format!("{tree}:{:x}", mixed % CHUNK_SHARDS)
}

pub fn chunk_partitions(tree: &str) -> impl Iterator<Item = String> {
    (0..CHUNK_SHARDS).map(move |shard| format!("{tree}:{shard:x}"))
}
