//! What is new about items, and how it is written.

use std::collections::{BTreeMap, HashMap};

use crate::clock::Moment;
use crate::error::Fault;
use crate::model::{Item, Results, RunId, SourceId};
use crate::store::Store;
use crate::store::conditions::Write;
use crate::store::items::StoredItem;

/// Changed items to a part: a transaction takes a hundred writes, and three are
/// kept for the run, for what its stream remembers and for what it has seen.
pub(super) const MOST_ITEMS: usize = 97;
/// A transaction takes four megabytes; the rest is for names and other rows.
const MOST_BYTES: usize = 3_000_000;

/// Found items against stored ones.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) changed: Vec<Changed>,
    pub(super) skipped: Vec<String>,
}

pub(super) struct Changed {
    pub(super) id: String,
    pub(super) is_new: bool,
    pub(super) item: Item,
}

/// Compares what was found with what is stored. `same` says whether two are
/// alike; `wanted` whether a new one is taken in at all.
pub(super) async fn compare(
    store: &Store,
    source: &SourceId,
    run: RunId,
    found: Vec<Item>,
    same: impl Fn(&Item, &Item) -> bool,
    wanted: impl Fn(&Item) -> bool,
) -> Result<Changes, Fault> {
    // The same thing twice on a page is one thing, and its later shape counts.
    let found: BTreeMap<String, Item> = found.into_iter().map(|item| (item.id(), item)).collect();
    let ids: Vec<String> = found.keys().cloned().collect();
    let stored = store.items_by_id(source, &ids).await?;
    let stored: HashMap<String, StoredItem> = stored.into_iter().map(|stored| (stored.item.id(), stored)).collect();
    let mut changes = Changes::default();
    for (id, item) in found {
        match stored.get(&id) {
            Some(before) if same(&before.item, &item) => {
                // What this very run wrote was counted then.
                if before.run != run {
                    changes.skipped.push(id);
                }
            }
            Some(_) => changes.changed.push(Changed { id, is_new: false, item }),
            None if wanted(&item) => changes.changed.push(Changed { id, is_new: true, item }),
            None => {}
        }
    }
    Ok(changes)
}

/// Cuts changed items into parts that a transaction can take.
pub(super) fn parts(changed: Vec<Changed>) -> Vec<Vec<Changed>> {
    let mut parts: Vec<Vec<Changed>> = Vec::new();
    let mut bytes = 0;
    for one in changed {
        let size = size_of(&one.item);
        let fits = parts.last().is_some_and(|part| part.len() < MOST_ITEMS && bytes + size <= MOST_BYTES);
        if !fits {
            parts.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        if let Some(part) = parts.last_mut() {
            part.push(one);
        }
    }
    parts
}

fn size_of(item: &Item) -> usize {
    let texts = [&item.body, &item.author, &item.url, &item.path, &item.sha256];
    let lists = item.labels.iter().chain(&item.assignees).map(String::len).sum::<usize>();
    1_000 + item.title.len() + item.external_id.len() * 2 + lists + texts.into_iter().flatten().map(String::len).sum::<usize>()
}

/// The writes of a part.
pub(super) fn writes(part: &[Changed], source: &SourceId, run: RunId, now: Moment) -> Result<Vec<Write>, Fault> {
    let stored = |one: &Changed| StoredItem { item: one.item.clone(), source: source.clone(), synced_at: now, run };
    part.iter().map(|one| Store::item_write(&stored(one))).collect()
}

/// Adds a part to the totals.
pub(super) fn count(results: &mut Results, part: &[Changed]) {
    for one in part {
        if one.is_new {
            results.created += 1;
        } else {
            results.updated += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ItemType;

    fn changed(number: usize, body: usize) -> Changed {
        let item = Item {
            kind: ItemType::Issue,
            external_id: number.to_string(),
            title: "t".into(),
            body: Some("b".repeat(body)),
            state: "open".into(),
            labels: Vec::new(),
            assignees: Vec::new(),
            author: None,
            url: None,
            severity: None,
            priority: None,
            created_at: None,
            updated_at: None,
            path: None,
            sha256: None,
            size: None,
        };
        Changed { id: item.id(), is_new: true, item }
    }

    #[test]
    fn parts_keep_to_the_limits_of_a_transaction() {
        let small: Vec<_> = (0..250).map(|number| changed(number, 10)).collect();
        assert_eq!(parts(small).iter().map(Vec::len).collect::<Vec<_>>(), [97, 97, 56]);
        let large: Vec<_> = (0..100).map(|number| changed(number, 64_000)).collect();
        assert!(parts(large).iter().all(|part| part.iter().map(|one| size_of(&one.item)).sum::<usize>() <= MOST_BYTES));
        assert!(parts(Vec::new()).is_empty());
    }
}
