//! What is new about items, and how it is written.
//!
//! What is found is known by its external id, which is its key. What is new may
//! stand for something that somebody made by hand: then it has the same title, and
//! becomes that item instead of another one.

use std::collections::{BTreeMap, HashMap};

use crate::clock::Moment;
use crate::error::Fault;
use crate::model::{Item, ItemType, Results, RunId, SourceId};
use crate::store::Store;
use crate::store::conditions::Write;
use crate::store::items::{StoredItem, TitlePointer};
use crate::store::keys::{self, Key};

/// Changed items to a part: a transaction takes a hundred writes, and four are
/// kept for the run, for what its stream remembers, for what it has seen and for where
/// its repository went.
pub(super) const MOST_ITEMS: usize = 96;
/// A transaction takes four megabytes; the rest is for names and other rows.
const MOST_BYTES: usize = 3_000_000;
/// Linking writes the item, where it went, and the pointer under its title.
const LINK_WRITES: usize = 3;

/// Found items against stored ones.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) changed: Vec<Changed>,
    pub(super) skipped: Vec<String>,
    /// What points to items that are linked by these changes, as it is stored.
    pub(super) titles: HashMap<Key, TitlePointer>,
}

pub(super) struct Changed {
    pub(super) id: String,
    pub(super) is_new: bool,
    pub(super) item: Item,
    /// The id it was made with by hand, if it was.
    pub(super) own_id: Option<String>,
    /// The title that it is linked by, if it is linked by this very change.
    pub(super) linked_by: Option<Key>,
}

impl Changed {
    fn writes(&self) -> usize {
        if self.linked_by.is_some() { LINK_WRITES } else { 1 }
    }
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
    let mut once: BTreeMap<String, (usize, Item)> = BTreeMap::new();
    for (place, item) in found.into_iter().enumerate() {
        let first = once.get(&item.id()).map_or(place, |(first, _)| *first);
        once.insert(item.id(), (first, item));
    }
    let ids: Vec<String> = once.keys().cloned().collect();
    // The order of the page is the order in which they are linked.
    let mut found: Vec<(String, (usize, Item))> = once.into_iter().collect();
    found.sort_by_key(|(_, (place, _))| *place);
    let stored = store.items_by_id(source, &ids).await?;
    let stored: HashMap<String, StoredItem> = stored.into_iter().map(|stored| (stored.item.id(), stored)).collect();
    let mut changes = Changes::default();
    for (id, (_, item)) in found {
        match stored.get(&id) {
            Some(before) if same(&before.item, &item) && before.synced_at.is_some() => {
                // What this very run wrote was counted then.
                if before.run != Some(run) {
                    changes.skipped.push(id);
                }
            }
            Some(before) => changes.changed.push(Changed { id, is_new: false, item, own_id: before.id.clone(), linked_by: None }),
            None if wanted(&item) => changes.changed.push(Changed { id, is_new: true, item, own_id: None, linked_by: None }),
            None => {}
        }
    }
    Ok(changes)
}

impl Changes {
    /// Finds for what is new the items of the same title that were made by hand and
    /// are not linked yet: the oldest for the first. A pull request is not the issue
    /// that it is about.
    pub(super) async fn link_by_title(&mut self, store: &Store, source: &SourceId) -> Result<(), Fault> {
        let may_link = |one: &&mut Changed| one.is_new && matches!(one.item.kind, ItemType::Issue | ItemType::Alert);
        let titles: Vec<&str> = self.changed.iter_mut().filter(may_link).map(|one| one.item.title.as_str()).collect();
        self.titles = store.titled(source, &titles).await?;
        let mut left: HashMap<&Key, _> = self.titles.iter().map(|(key, pointer)| (key, pointer.items.iter())).collect();
        for one in self.changed.iter_mut().filter(may_link) {
            let title = keys::title(source, &one.item.title);
            if let Some(id) = left.get_mut(&title).and_then(Iterator::next) {
                (one.is_new, one.own_id, one.linked_by) = (false, Some(id.clone()), Some(title));
            }
        }
        Ok(())
    }
}

/// Cuts changed items into parts that a transaction can take.
pub(super) fn parts(changed: Vec<Changed>) -> Vec<Vec<Changed>> {
    let mut parts: Vec<Vec<Changed>> = Vec::new();
    let (mut bytes, mut writes) = (0, 0);
    for one in changed {
        let size = size_of(&one.item);
        let fits = !parts.is_empty() && writes + one.writes() <= MOST_ITEMS && bytes + size <= MOST_BYTES;
        if !fits {
            parts.push(Vec::new());
            (bytes, writes) = (0, 0);
        }
        bytes += size;
        writes += one.writes();
        if let Some(part) = parts.last_mut() {
            part.push(one);
        }
    }
    parts
}

fn size_of(item: &Item) -> usize {
    let texts = [&item.body, &item.author, &item.url, &item.path, &item.sha256, &item.fields];
    let lists = item.labels.iter().chain(&item.assignees).map(String::len).sum::<usize>();
    1_000 + item.title.len() + item.external_id.len() * 2 + lists + texts.into_iter().flatten().map(String::len).sum::<usize>()
}

/// The writes of a part. The pointers are then as the part leaves them.
pub(super) fn writes(
    part: &[Changed],
    titles: &mut HashMap<Key, TitlePointer>,
    source: &SourceId,
    run: RunId,
    now: Moment,
) -> Result<Vec<Write>, Fault> {
    let mut writes = Vec::with_capacity(part.len());
    // A transaction takes one write of a row: what goes from under one title goes at once.
    let mut linked: BTreeMap<&str, (&Key, Vec<&str>)> = BTreeMap::new();
    for one in part {
        let (item, id) = (one.item.clone(), one.own_id.clone());
        let stored = StoredItem { item, id, source: source.clone(), synced_at: Some(now), run: Some(run) };
        match (&one.linked_by, &one.own_id) {
            (Some(title), Some(id)) => {
                writes.extend(Store::link_writes(&stored)?);
                linked.entry(&title.sk).or_insert_with(|| (title, Vec::new())).1.push(id);
            }
            _ if one.is_new => writes.push(Store::new_item_write(&stored)?),
            _ => writes.push(Store::item_write(&stored)?),
        }
    }
    for (title, ids) in linked.into_values() {
        if let Some(pointer) = titles.get_mut(title) {
            writes.push(Store::title_write_without(title, pointer, &ids)?);
        }
    }
    Ok(writes)
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

    fn changed(number: usize, body: usize) -> Changed {
        let item = Item { body: Some("b".repeat(body)), ..Item::new(ItemType::Issue, number.to_string(), "t".into(), "open".into()) };
        Changed { id: item.id(), is_new: true, item, own_id: None, linked_by: None }
    }

    fn linked(number: usize) -> Changed {
        let title = keys::title(&SourceId::known("web"), "t");
        Changed { is_new: false, own_id: Some(format!("by-hand-{number}")), linked_by: Some(title), ..changed(number, 10) }
    }

    /// Two are kept for the run and its stream, and what links takes three.
    #[test]
    fn linking_is_counted_by_what_it_writes() {
        let all: Vec<_> = (0..40).map(linked).chain((40..100).map(|number| changed(number, 10))).collect();
        let mut titles = HashMap::from([(
            keys::title(&SourceId::known("web"), "t"),
            TitlePointer { items: (0..41).map(|number| format!("by-hand-{number}")).collect(), version: 7 },
        )]);
        let mut sizes = Vec::new();
        for part in parts(all) {
            let writes = writes(&part, &mut titles, &SourceId::known("web"), RunId(uuid::Uuid::nil()), Moment(1)).unwrap();
            assert!(writes.len() <= MOST_ITEMS, "{}", writes.len());
            assert_eq!(
                writes.iter().filter(|write| write.what == "title").count(),
                usize::from(part.iter().any(|one| one.linked_by.is_some()))
            );
            sizes.push(part.len());
        }
        assert_eq!(sizes, [32, 68]);
        let left = titles.into_values().next().unwrap();
        assert_eq!(left, TitlePointer { items: vec!["by-hand-40".into()], version: 9 });
    }

    /// S2.24: a page is written in batches, each as large as a transaction takes.
    #[test]
    fn parts_keep_to_the_limits_of_a_transaction() {
        let small: Vec<_> = (0..250).map(|number| changed(number, 10)).collect();
        assert_eq!(parts(small).iter().map(Vec::len).collect::<Vec<_>>(), [96, 96, 58]);
        let large: Vec<_> = (0..100).map(|number| changed(number, 64_000)).collect();
        assert!(parts(large).iter().all(|part| part.iter().map(|one| size_of(&one.item)).sum::<usize>() <= MOST_BYTES));
        assert!(parts(Vec::new()).is_empty());
    }
}
