//! What a complete listing misses: removed at once if it is little, held for a
//! person if it is much, and removed or kept as that person decides.

use std::collections::HashSet;

use super::folder::blocking;
use super::held::Held;
use super::items::MOST_ITEMS;
use super::{End, Stop};
use crate::admission::Counted;
use crate::documents;
use crate::error::Fault;
use crate::model::{Run, Source, Stage};
use crate::planted::{Bug, is_planted};
use crate::store::Store;
use crate::store::conditions::Write;
use crate::store::items::{HeldItem, StoredItem};

/// Removals up to this number, or up to this share of what was there, are done;
/// over both they are held for a person.
const FUSE_NUMBER: usize = 10;
const FUSE_SHARE: usize = 5;

/// A complete listing, against what is stored.
pub(super) struct Compared {
    pub(super) stored: usize,
    /// The ids of stored items that were not listed.
    pub(super) absent: Vec<String>,
}

/// Whether so many removals of so many items look like an accident.
fn looks_like_an_accident(gone: usize, there_before: usize) -> bool {
    gone > FUSE_NUMBER && gone * FUSE_SHARE > there_before && !is_planted(Bug::NoFuse)
}

/// Brings what is stored in line with a complete listing. The set of what is held
/// is replaced by it: what reappeared is no longer in it, decided on or not.
pub(super) async fn settle(held: &mut Held<'_>, source: &Source, compared: Compared, removing: &str) -> Result<End, Stop> {
    let Compared { stored, absent } = compared;
    let before = held.plane.store.held(&source.id).await?;
    let is_absent: HashSet<&str> = absent.iter().map(String::as_str).collect();
    let reappeared = before.iter().filter(|one| !is_absent.contains(one.item.as_str()));
    let mut writes: Vec<Write> = reappeared.map(|one| Store::held_delete(&source.id, &one.item)).collect();
    let discarded: HashSet<&str> = before.iter().filter(|one| one.discarded).map(|one| one.item.as_str()).collect();
    let known: HashSet<&str> = before.iter().map(|one| one.item.as_str()).collect();
    let missing: Vec<&String> = absent.iter().filter(|id| !discarded.contains(id.as_str())).collect();
    // What this run removed before a worker was lost is judged with the rest: what
    // is listed may look quite different by now.
    let removed_before = usize::try_from(held.run.results.deleted).unwrap_or(0);
    let created = usize::try_from(held.run.results.created).unwrap_or(0);
    let there_before = (stored + removed_before).saturating_sub(created);
    if !missing.is_empty() && looks_like_an_accident(missing.len() + removed_before, there_before) {
        for id in missing.iter().filter(|id| !known.contains(id.as_str())) {
            let one = HeldItem { item: (*id).clone(), since: held.now(), run: held.run.id, discarded: false };
            writes.push(Store::held_write(&source.id, &one)?);
        }
        let count = missing.len() as u64;
        if held.run.results.held_deletions != count || !writes.is_empty() {
            let message = format!(
                "{count} of {there_before} items are not there any more at the source: they are kept until someone confirms that this is meant"
            );
            held.run.results.held_deletions = count;
            held.run.warnings.retain(|warning| warning.code != HELD);
            held.run.warn(HELD, &message, None);
        }
        if let Some(end) = write_all(held, writes, removing, |_, _| {}).await? {
            return Ok(end);
        }
        return Ok(done(stored, missing.len()));
    }
    held.run.results.held_deletions = 0;
    held.run.warnings.retain(|warning| warning.code != HELD);
    let removed = missing.len();
    for id in missing {
        writes.push(Store::item_delete(&source.id, id));
        if known.contains(id.as_str()) {
            writes.push(Store::held_delete(&source.id, id));
        }
    }
    if let Some(end) = write_all(held, writes, removing, count_removed).await? {
        return Ok(end);
    }
    Ok(done(stored - removed, 0))
}

const HELD: &str = "DELETIONS_HELD";

fn count_removed(run: &mut Run, part: &[Write]) {
    run.results.deleted += part.iter().filter(|write| write.what == "item").count() as u64;
    run.progress.stage = Some(Stage::Removing);
}

/// Writes all of it in parts; the end of the slice if time is up before that.
async fn write_all(held: &mut Held<'_>, writes: Vec<Write>, place: &str, note: impl Fn(&mut Run, &[Write])) -> Result<Option<End>, Stop> {
    for part in writes.chunks(MOST_ITEMS) {
        let mut run = held.run.clone();
        note(&mut run, part);
        run.next_request = Some(place.to_owned());
        held.commit_part(run, part.to_vec()).await?;
        if held.time_is_up() {
            return Ok(Some(End::TimeUp));
        }
    }
    Ok(None)
}

fn done(items: usize, held_deletions: usize) -> End {
    let counted = Counted { items: Some(items as u64), held_deletions: Some(held_deletions as u64) };
    End::Done { counted, with: Vec::new() }
}

/// What waits for a decision, if it is what the person was shown: a listing that
/// began to replace the set and did not come to its end leaves another.
async fn undecided(held: &Held<'_>, source: &Source) -> Result<Result<Vec<HeldItem>, End>, Stop> {
    let store = &held.plane.store;
    let undecided: Vec<HeldItem> = store.held(&source.id).await?.into_iter().filter(|one| !one.discarded).collect();
    let shown = store.gate(&held.run.owner).await?.held_deletions;
    if undecided.len() as u64 + held.run.progress.processed == shown {
        return Ok(Ok(undecided));
    }
    let why = "a sync began to list anew what is missing and did not come to its end: sync again, look at what is held then, and decide";
    Ok(Err(End::failed("HELD_SET_CHANGED", why, None)))
}

/// Somebody confirmed that what is held is meant to be gone. What is there again by
/// now is not removed all the same.
pub(super) async fn approve(held: &mut Held<'_>, source: &Source) -> Result<End, Stop> {
    let undecided = match undecided(held, source).await? {
        Ok(undecided) => undecided,
        Err(end) => return Ok(end),
    };
    for some in undecided.chunks(MOST_ITEMS / 2) {
        let ids: Vec<String> = some.iter().map(|one| one.item.clone()).collect();
        let there = still_there(held, source, &ids).await?;
        let mut run = held.run.clone();
        run.results.deleted += (some.len() - there.len()) as u64;
        run.progress.processed += some.len() as u64;
        run.progress.stage = Some(Stage::Removing);
        let removed = ids.iter().filter(|id| !there.contains(*id)).map(|id| Store::item_delete(&source.id, id));
        let decided = ids.iter().map(|id| Store::held_delete(&source.id, id));
        held.commit_part(run, removed.chain(decided).collect()).await?;
        if held.time_is_up() {
            return Ok(End::TimeUp);
        }
    }
    Ok(End::Done { counted: Counted::default(), with: Vec::new() })
}

/// Which of these items are there again, as far as that can be seen at once.
async fn still_there(held: &Held<'_>, source: &Source, ids: &[String]) -> Result<HashSet<String>, Stop> {
    let (Some(path), roots) = (source.path.clone(), held.plane.config.document_roots.clone()) else { return Ok(HashSet::new()) };
    let items = held.plane.store.items_by_id(&source.id, ids).await?;
    blocking(move || {
        let Ok(folder) = documents::resolve(&path, &roots) else { return HashSet::new() };
        let is_there = |stored: &StoredItem| stored.item.path.as_ref().is_some_and(|path| folder.join(path).is_file());
        items.iter().filter(|stored| is_there(stored)).map(|stored| stored.item.id()).collect()
    })
    .await
}

/// What an incomplete listing shows is there, and so waits for no decision.
pub(super) async fn release(
    held: &mut Held<'_>,
    source: &Source,
    stored: usize,
    present: &HashSet<String>,
    place: &str,
) -> Result<End, Stop> {
    let before = held.plane.store.held(&source.id).await?;
    let (there, gone): (Vec<&HeldItem>, Vec<&HeldItem>) = before.iter().partition(|one| present.contains(&one.item));
    let writes = there.iter().map(|one| Store::held_delete(&source.id, &one.item)).collect();
    if let Some(end) = write_all(held, writes, place, |_, _| {}).await? {
        return Ok(end);
    }
    Ok(done(stored, gone.iter().filter(|one| !one.discarded).count()))
}

/// Somebody decided that what is held stays.
pub(super) async fn discard(held: &mut Held<'_>, source: &Source) -> Result<End, Stop> {
    let undecided = match undecided(held, source).await? {
        Ok(undecided) => undecided,
        Err(end) => return Ok(end),
    };
    for part in undecided.chunks(MOST_ITEMS) {
        let mut run = held.run.clone();
        run.progress.processed += part.len() as u64;
        let kept = part.iter().map(|one| Store::held_write(&source.id, &HeldItem { discarded: true, ..one.clone() }));
        held.commit_part(run, kept.collect::<Result<Vec<_>, Fault>>()?).await?;
        if held.time_is_up() {
            return Ok(End::TimeUp);
        }
    }
    Ok(End::Done { counted: Counted::default(), with: Vec::new() })
}
