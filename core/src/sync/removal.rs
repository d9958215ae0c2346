//! Removes what a deleted source leaves behind.
//!
//! The source itself was hidden when its deletion was admitted. Items go in
//! parts like everything else, so a deletion survives what a sync survives.

use super::held::Held;
use super::items::MOST_ITEMS;
use super::{End, Stop};
use crate::admission::Counted;
use crate::model::Source;
use crate::store::conditions;
use crate::store::{Store, keys};

pub(super) async fn remove(held: &mut Held<'_>, source: &Source) -> Result<End, Stop> {
    for shard in keys::item_shards() {
        loop {
            let ids = held.plane.store.item_ids_in_shard(&source.id, &shard, MOST_ITEMS).await?;
            if ids.is_empty() {
                break;
            }
            let mut run = held.run.clone();
            run.results.deleted += ids.len() as u64;
            run.progress.processed += ids.len() as u64;
            let deletes = ids.iter().map(|id| Store::item_delete(&source.id, id)).collect();
            held.commit_part(run, deletes).await?;
            if held.time_is_up() {
                return Ok(End::TimeUp);
            }
        }
    }
    loop {
        let some = held.plane.store.some_held(&source.id, MOST_ITEMS).await?;
        if some.is_empty() {
            break;
        }
        held.commit_part(held.run.clone(), some.iter().map(|one| Store::held_delete(&source.id, &one.item)).collect()).await?;
        if held.time_is_up() {
            return Ok(End::TimeUp);
        }
    }
    if let Some(end) = super::code::remove(held, source).await? {
        return Ok(end);
    }
    held.plane.store.forget_by_hand(&source.id).await?;
    held.plane.store.forget_streams(&source.id).await?;
    let listing = conditions::delete("listing", keys::source_listing(&source.workspace, &source.id));
    // Another may be the integration of its type from now on.
    let kind = source.integration_type.as_ref();
    let freed = kind.map(|kind| conditions::delete("integration", keys::integration(&source.workspace, kind)));
    let with = [Some(listing), freed].into_iter().flatten().collect();
    Ok(End::Done { counted: Counted { items: Some(0), held_deletions: Some(0) }, with })
}
