//! What a complete listing misses: removed at once if it is little, held for a
//! person if it is much, and removed or kept as that person decides.

use std::collections::HashSet;

use super::folder::blocking;
use super::held::Held;
use super::items::MOST_ITEMS;
use super::looking::MOST_ASKED;
use super::pages::Reading;
use super::{End, Stop};
use crate::admission::Counted;
use crate::documents;
use crate::error::Fault;
use crate::model::{Run, Source, SourceKind, Stage, Warning};
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
    /// How many items there were before this run, of those that the listing is about.
    pub(super) there_before: usize,
    /// The ids of stored items that were not listed.
    pub(super) absent: Vec<String>,
    /// What is held of those that the listing is about.
    pub(super) held: Vec<HeldItem>,
    /// What was removed since the listing began to be judged.
    pub(super) removed: usize,
    /// What the run held before it came to this listing.
    pub(super) held_before: u64,
    /// What the listing is of, where a source has several.
    pub(super) of: Option<String>,
}

/// What a listing that misses some items comes to.
pub(super) enum Judged {
    /// So many wait for a person now.
    Held(usize),
    /// These may be removed.
    Removable(Vec<String>),
    /// Time is up before that was written.
    TimeUp,
}

/// Whether so many removals of so many items look like an accident.
pub(super) fn looks_like_an_accident(gone: usize, there_before: usize) -> bool {
    gone > FUSE_NUMBER && gone * FUSE_SHARE > there_before && !is_planted(Bug::NoFuse)
}

/// Judges what a complete listing misses. The set of what is held is replaced by it:
/// what reappeared is no longer in it, decided on or not.
pub(super) async fn judge(held: &mut Held<'_>, source: &Source, compared: Compared, place: &str) -> Result<Judged, Stop> {
    let Compared { there_before, absent, held: before, removed, held_before, of } = compared;
    let of = of.as_deref();
    let is_absent: HashSet<&str> = absent.iter().map(String::as_str).collect();
    let reappeared = before.iter().filter(|one| !is_absent.contains(one.item.as_str()));
    let mut writes: Vec<Write> = reappeared.map(|one| Store::held_delete(&source.id, &one.item)).collect();
    let discarded: HashSet<&str> = before.iter().filter(|one| one.discarded).map(|one| one.item.as_str()).collect();
    let known: HashSet<&str> = before.iter().map(|one| one.item.as_str()).collect();
    let missing: Vec<String> = absent.iter().filter(|id| !discarded.contains(id.as_str())).cloned().collect();
    if missing.is_empty() || !looks_like_an_accident(missing.len() + removed, there_before) {
        held.run.results.held_deletions = held_before;
        held.run.warnings.retain(|warning| !is_of(warning, of));
        let time_up = write_all(held, writes, place, |_, _| {}).await?.is_some();
        return Ok(if time_up { Judged::TimeUp } else { Judged::Removable(missing) });
    }
    for id in missing.iter().filter(|id| !known.contains(id.as_str())) {
        let one = HeldItem { item: id.clone(), since: held.now(), run: held.run.id, discarded: false, said_of: None };
        writes.push(Store::held_write(&source.id, &one)?);
    }
    let count = missing.len() as u64;
    if held.run.results.held_deletions != held_before + count || !writes.is_empty() {
        let message = format!(
            "{count} of {there_before} {} are not there any more at the source: they are kept until someone confirms that this is meant",
            of.unwrap_or("items")
        );
        held.run.results.held_deletions = held_before + count;
        held.run.warnings.retain(|warning| !is_of(warning, of));
        held.run.warn(HELD, &message, of);
    }
    let time_up = write_all(held, writes, place, |_, _| {}).await?.is_some();
    Ok(if time_up { Judged::TimeUp } else { Judged::Held(missing.len()) })
}

fn is_of(warning: &Warning, of: Option<&str>) -> bool {
    warning.code == HELD && warning.at.as_deref() == of
}

/// Brings the stored documents in line with a complete listing of their folder.
pub(super) async fn settle(held: &mut Held<'_>, source: &Source, stored: usize, absent: Vec<String>, removing: &str) -> Result<End, Stop> {
    let before = held.plane.store.held(&source.id).await?;
    let known: HashSet<String> = before.iter().map(|one| one.item.clone()).collect();
    // What this run removed before a worker was lost is judged with the rest: what
    // is listed may look quite different by now.
    let removed = usize::try_from(held.run.results.deleted).unwrap_or(0);
    let created = usize::try_from(held.run.results.created).unwrap_or(0);
    let there_before = (stored + removed).saturating_sub(created);
    let compared = Compared { there_before, absent, held: before, removed, held_before: 0, of: None };
    let missing = match judge(held, source, compared, removing).await? {
        Judged::TimeUp => return Ok(End::TimeUp),
        Judged::Held(missing) => return Ok(done(stored, missing)),
        Judged::Removable(missing) => missing,
    };
    let removed = missing.len();
    let mut writes = Vec::new();
    for id in missing {
        writes.push(Store::item_delete(&source.id, &id));
        if known.contains(&id) {
            writes.push(Store::held_delete(&source.id, &id));
        }
    }
    if let Some(end) = write_all(held, writes, removing, count_removed).await? {
        return Ok(end);
    }
    Ok(done(stored - removed, 0))
}

pub(super) const HELD: &str = "DELETIONS_HELD";

fn count_removed(run: &mut Run, part: &[Write]) {
    run.results.deleted += part.iter().filter(|write| write.what == "item").count() as u64;
    run.progress.stage = Some(Stage::Removing);
}

/// Writes all of it in parts; the end of the slice if time is up before that.
pub(super) async fn write_all(
    held: &mut Held<'_>,
    writes: Vec<Write>,
    place: &str,
    note: impl Fn(&mut Run, &[Write]),
) -> Result<Option<End>, Stop> {
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

/// What was looked at once more before its removal.
pub(super) struct Decided {
    pub(super) ids: Vec<String>,
    /// What of it is not gone, or not for certain.
    pub(super) kept: HashSet<String>,
}

/// Somebody confirmed that what is held is meant to be gone. What is there again by
/// now is not removed all the same.
pub(super) async fn approve(held: &mut Held<'_>, source: &Source) -> Result<End, Stop> {
    let undecided = match undecided(held, source).await? {
        Ok(undecided) => undecided,
        Err(end) => return Ok(end),
    };
    let mut reading = match source.kind {
        SourceKind::Repository | SourceKind::Integration => match Reading::open(held, source).await? {
            Ok(reading) => Some(reading),
            Err(end) => return Ok(end),
        },
        _ => None,
    };
    let most = if reading.is_some() { MOST_ASKED } else { MOST_ITEMS / 2 };
    for some in undecided.chunks(most) {
        let ids: Vec<String> = some.iter().map(|one| one.item.clone()).collect();
        let Decided { ids, kept } = match &mut reading {
            Some(reading) => match reading.look_again(held, ids).await? {
                Ok(decided) => decided,
                Err(end) => return Ok(end),
            },
            None => Decided { kept: still_there(held, source, &ids).await?, ids },
        };
        let mut run = held.run.clone();
        run.results.deleted += (ids.len() - kept.len()) as u64;
        run.progress.processed += ids.len() as u64;
        run.progress.stage = Some(Stage::Removing);
        let removed = ids.iter().filter(|id| !kept.contains(*id)).map(|id| Store::item_delete(&source.id, id));
        let decided = ids.iter().map(|id| Store::held_delete(&source.id, id));
        held.commit_part(run, removed.chain(decided).collect()).await?;
        if held.time_is_up() || ids.len() < some.len() {
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
