//! What a provider says is gone, in a list of changes: no listing is needed to know
//! it, and yet very much of it at once looks like an accident.
//!
//! How much there is of it is known when the list of changes is read to its end. Until
//! then what is said to be gone is held, in the transaction before the one that moves
//! the run on: so a run that is taken over knows what it has read, and one that fails
//! has removed nothing and reads the same changes again. Then it is removed, or stays
//! held for a person.

use std::collections::HashSet;

use super::held::Held;
use super::items::MOST_ITEMS;
use super::looking::number;
use super::missing::{HELD, looks_like_an_accident};
use super::pages::Reading;
use super::streams::Place;
use super::{End, Stop};
use crate::digest::short_name;
use crate::error::Fault;
use crate::model::Stage;
use crate::providers::Page;
use crate::store::items::HeldItem;
use crate::store::{Store, keys};

/// Items read at once to be counted.
const STEP: usize = 250;

impl Reading<'_> {
    /// Holds what a page says is gone, as far as it is known here. What somebody decided
    /// to keep stays.
    pub(super) async fn hold_removed(&self, held: &mut Held<'_>, page: &Page) -> Result<(), Stop> {
        if page.removed.is_empty() {
            return Ok(());
        }
        let (store, source) = (&held.plane.store, &self.source.id);
        let known_of = |one: &HeldItem| one.discarded || one.run == held.run.id;
        let decided: HashSet<String> = store.held(source).await?.into_iter().filter(known_of).map(|one| one.item).collect();
        let ids: Vec<String> = page.removed.iter().map(|external_id| short_name(external_id)).collect();
        for some in ids.chunks(MOST_ITEMS) {
            let known = store.items_by_id(source, some).await?;
            let ids = known.iter().map(|stored| stored.item.id()).filter(|id| !decided.contains(id));
            let (since, run) = (held.now(), held.run.id);
            let rows = ids.map(|item| HeldItem { item, since, run, discarded: false, said_of: Some(self.stream) });
            let writes = rows.map(|one| Store::held_write(source, &one)).collect::<Result<Vec<_>, Fault>>()?;
            if !writes.is_empty() {
                let mut run = held.run.clone();
                run.removals += writes.len() as u64;
                held.commit_part(run, writes).await?;
            }
        }
        Ok(())
    }

    /// Removes what this run was told is gone from the present stream, or leaves it to a
    /// person. The end of the slice, if it comes first.
    pub(super) async fn settle_removals(&self, held: &mut Held<'_>) -> Result<Option<End>, Stop> {
        if held.run.removals == 0 || self.unavailable {
            return Ok(None);
        }
        let (store, source, run) = (&held.plane.store, &self.source.id, held.run.id);
        let mine = |one: &HeldItem| one.run == run && one.said_of == Some(self.stream) && !one.discarded;
        let gone: Vec<String> = store.held(source).await?.into_iter().filter(mine).map(|one| one.item).collect();
        // What would be few of any number need not be compared with one. A list that
        // is being removed was judged before, and the fewer are left, the fewer they are.
        let there = if looks_like_an_accident(gone.len(), 0) { self.count(held).await? } else { usize::MAX / 2 };
        if looks_like_an_accident(gone.len(), there) {
            let mut run = held.run.clone();
            let entity = self.stream.label();
            let message = format!(
                "{} of {there} {entity} are gone at the source, as it says itself: they are kept until someone confirms that this is meant",
                gone.len()
            );
            run.results.held_deletions += gone.len() as u64;
            run.removals = 0;
            run.warn(HELD, &message, Some(entity));
            held.commit_part(run, Vec::new()).await?;
            return Ok(None);
        }
        for some in gone.chunks(MOST_ITEMS / 2) {
            let mut run = held.run.clone();
            run.progress.stage = Some(Stage::Removing);
            run.progress.processed += some.len() as u64;
            run.results.deleted += some.len() as u64;
            run.next_request = Place::Done(self.stream).kept()?;
            let writes = some.iter().flat_map(|id| [Store::item_delete(source, id), Store::held_delete(source, id)]);
            held.commit_part(run, writes.collect()).await?;
            if held.time_is_up() {
                return Ok(Some(End::TimeUp));
            }
        }
        Ok(None)
    }

    /// How many items of the present stream are stored.
    async fn count(&self, held: &mut Held<'_>) -> Result<usize, Stop> {
        let mut count = 0;
        for shard in keys::item_shards() {
            let mut after = None;
            loop {
                let some = held.plane.store.known_in_shard(&self.source.id, &shard, after.take(), STEP).await?;
                after = some.last().map(|known| known.id.clone());
                let is_of_it = |external_id: &str| number(self.source, self.stream, external_id).is_some();
                count += some.iter().filter(|known| known.external_id.as_deref().is_some_and(is_of_it)).count();
                held.heartbeat().await?;
                if some.len() < STEP {
                    break;
                }
            }
        }
        Ok(count)
    }
}
