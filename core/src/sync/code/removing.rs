//! What a deleted index leaves: pieces of files, manifests, and a clone.

use super::super::held::Held;
use super::super::{End, Stop};
use crate::model::Source;
use crate::store::keys;

/// Pieces to a part.
const SOME: usize = 90;

/// Removes what was indexed. How the slice ends, if that is not all done.
pub(in super::super) async fn remove(held: &mut Held<'_>, source: &Source) -> Result<Option<End>, Stop> {
    for branch in held.plane.store.branches(&source.id).await? {
        let tree = keys::tree(&source.id, &branch.branch);
        for partition in keys::chunk_partitions(&tree) {
            loop {
                let deletes = held.plane.store.some_pieces(partition.clone(), SOME).await?;
                if deletes.is_empty() {
                    break;
                }
                held.commit_part(held.run.clone(), deletes).await?;
                if held.time_is_up() {
                    return Ok(Some(End::TimeUp));
                }
            }
        }
    }
    held.plane.store.forget_branches(&source.id).await?;
    Ok(None)
}
