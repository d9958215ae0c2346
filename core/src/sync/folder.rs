//! The engine for folders of documents.
//!
//! Files are taken in the order of their names, so the last name is the place to
//! go on from. What is stored but was not listed is removed at the end, unless
//! that looks like an accident.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::held::Held;
use super::items::{Changes, compare, count, parts, writes};
use super::missing;
use super::{End, Stop};
use crate::documents::{self, Document, Listing, Skipped, Unusable};
use crate::error::Fault;
use crate::model::{Item, Source, Stage};
use crate::store::keys;

/// Files to a step, and files read between two heartbeats.
const STEP: usize = 500;
const AT_ONCE: usize = 50;

/// What the console shows and older clients wait for, to the letter.
const NOT_FOUND: &str = "sdlc-studio path not found";

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    /// Files up to this name are done.
    After(String),
    /// All files are done; what is absent is being removed.
    Removing,
}

pub(super) async fn sync(held: &mut Held<'_>, source: &Source) -> Result<End, Stop> {
    let path = source.path.clone().unwrap_or_default();
    let roots = held.plane.config.document_roots.clone();
    let folder = match documents::resolve(&path, &roots) {
        Ok(folder) => folder,
        Err(Unusable::NotFound) => return Ok(End::failed("PATH_NOT_FOUND", NOT_FOUND, Some(path))),
        Err(Unusable::NotAllowed) => {
            let why = "the path is not under the folders that PULLCORD_DOCUMENT_ROOTS allows";
            return Ok(End::failed("PATH_NOT_ALLOWED", why, Some(path)));
        }
    };
    let set = match documents::patterns(&source.patterns) {
        Ok(set) => set,
        Err(why) => return Ok(End::failed("PATTERN_INVALID", why, None)),
    };
    let walked = folder.clone();
    let listing = blocking(move || documents::list(&walked, &set)).await?;
    held.heartbeat().await?;
    let place = match held.run.next_request.as_deref().map(serde_json::from_str) {
        Some(Ok(place)) => place,
        Some(Err(why)) => return Err(Fault::broken("checkpoint", why).into()),
        None => {
            note_skipped(held, &listing);
            Place::After(String::new())
        }
    };
    if let Place::After(after) = &place {
        let rest = listing.paths.partition_point(|path| path <= after);
        held.run.progress.total = Some(listing.paths.len() as u64);
        for step in listing.paths[rest..].chunks(STEP) {
            Box::pin(take_in(held, source, &folder, step)).await?;
            if held.time_is_up() {
                return Ok(End::TimeUp);
            }
        }
    }
    Box::pin(remove_absent(held, source, &listing)).await
}

fn note_skipped(held: &mut Held<'_>, listing: &Listing) {
    for (code, Skipped { path, why }) in listing
        .unread
        .iter()
        .map(|skipped| ("FOLDER_UNREAD", skipped))
        .chain(listing.skipped.iter().map(|skipped| ("DOCUMENT_SKIPPED", skipped)))
    {
        held.run.warn(code, &format!("{path} {why}"), Some(path));
    }
}

/// Reads some files and writes those that changed.
async fn take_in(held: &mut Held<'_>, source: &Source, folder: &Path, step: &[String]) -> Result<(), Stop> {
    let mut read = Vec::with_capacity(step.len());
    for some in step.chunks(AT_ONCE) {
        let (read_from, names): (PathBuf, Vec<String>) = (folder.to_owned(), some.to_vec());
        read.extend(blocking(move || names.into_iter().map(|name| (documents::read(&read_from, &name), name)).collect::<Vec<_>>()).await?);
        held.heartbeat().await?;
    }
    let mut run = held.run.clone();
    let (mut found, mut failed) = (Vec::new(), 0);
    for (document, name) in read {
        match document {
            Ok(Some(Document { item, oddity })) => {
                if let Some(oddity) = oddity {
                    run.warn("DOCUMENT_ODD", &format!("{name} {oddity}"), Some(&name));
                }
                found.push(item);
            }
            Ok(None) => {}
            Err(why) => {
                failed += 1;
                run.warn("DOCUMENT_UNREAD", &format!("{name} cannot be read: {why}"), Some(&name));
            }
        }
    }
    let Changes { mut changed, skipped, mut titles } =
        compare(&held.plane.store, &source.id, run.id, found, same_document, |_| true).await?;
    changed.sort_by(|one, other| one.item.path.cmp(&other.item.path));
    let mut parts = parts(changed);
    let last = parts.pop().unwrap_or_default();
    // The counts of the step are added with its last part, so that a step which
    // is done again after a crash counts once: what its earlier parts wrote is
    // then known as this run's own.
    for part in parts {
        let mut so_far = held.run.clone();
        so_far.progress.stage = Some(Stage::Updating);
        so_far.progress.processed += part.len() as u64;
        count(&mut so_far.results, &part);
        let writes = writes(&part, &mut titles, &source.id, so_far.id, held.now())?;
        held.commit_part(so_far, writes).await?;
    }
    let done = &held.run;
    (run.results, run.progress, run.version) = (done.results.clone(), done.progress.clone(), done.version);
    (run.part_no, run.lease_until, run.last_progress_at) = (done.part_no, done.lease_until, done.last_progress_at);
    run.results.skipped += skipped.len() as u64;
    run.results.failed += failed;
    run.progress.processed += (last.len() + skipped.len()) as u64 + failed;
    run.progress.stage = Some(Stage::Fetching);
    run.progress.current = step.last().cloned();
    count(&mut run.results, &last);
    run.next_request = Some(place(&Place::After(step.last().cloned().unwrap_or_default()))?);
    let writes = writes(&last, &mut titles, &source.id, run.id, held.now())?;
    held.commit_part(run, writes).await
}

/// A document is the same if its content is: that a file was touched is no
/// change worth writing.
fn same_document(before: &Item, now: &Item) -> bool {
    before.sha256 == now.sha256 && before.title == now.title && before.path == now.path
}

/// Removes stored documents that the listing does not have any more.
async fn remove_absent(held: &mut Held<'_>, source: &Source, listing: &Listing) -> Result<End, Stop> {
    let present: HashSet<&str> = listing.paths.iter().map(String::as_str).collect();
    let (mut stored, mut absent, mut there) = (0, Vec::new(), HashSet::new());
    for shard in keys::item_shards() {
        for found in held.plane.store.items_in_shard(&source.id, &shard).await? {
            stored += 1;
            if !found.item.path.as_deref().is_some_and(|path| present.contains(path)) {
                absent.push(found.item.id());
            } else if !listing.unread.is_empty() {
                there.insert(found.item.id());
            }
        }
        held.heartbeat().await?;
    }
    if !listing.unread.is_empty() {
        // What could not be looked at is not known to be gone; what was seen is there.
        return missing::release(held, source, stored, &there, &place(&Place::Removing)?).await;
    }
    Box::pin(missing::settle(held, source, stored, absent, &place(&Place::Removing)?)).await
}

fn place(place: &Place) -> Result<String, Stop> {
    serde_json::to_string(place).map_err(|why| Stop::Fault(Fault::broken("checkpoint", why)))
}

/// Runs file work where it does not hold up the others. On a runtime of a single
/// thread it is done in place: what goes on beside it would come in another order
/// each time, and simulated histories could not be told again.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Stop> {
    if tokio::runtime::Handle::current().runtime_flavor() == tokio::runtime::RuntimeFlavor::CurrentThread {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|why| Stop::Fault(Fault::broken("file work", why)))
}
