//! What is gone from a provider: found by a listing from the first page to the last,
//! and believed only if the provider says so of each item once more.
//!
//! A listing of a provider proves less than one of a folder. Its rows move while it
//! is read, so that one may slip by, and what a credential may not see is not in it.
//! So only a run that lists a stream anew looks for what is gone: a full one, in every
//! state, from the first page to the last, with nothing in it that could not be read.
//! What it saw is noted page by page in rows of the run. What was known before and
//! was not seen is asked for by its number, one request after the other, a few to a
//! part. It is removed if the provider says that it is gone, and if right after that
//! the list is still there to be read: where a whole repository has disappeared,
//! everything in it seems to be gone.
//!
//! How much is missing is judged before anyone is asked. So what looks like an
//! accident is held for a person without a single further request, and there is a
//! bound to what a full run can cost. Whoever approves has it asked for then.

use std::collections::{HashMap, HashSet};

use super::held::Held;
use super::items::{Changes, compare, count, writes};
use super::looking::{Looked, MOST_ASKED, kind_of, number, parts};
use super::missing::{self, Compared, Judged};
use super::pages::Reading;
use super::streams::Place;
use super::{End, Stop};
use crate::clock::Moment;
use crate::error::Fault;
use crate::model::{Item, Relisting, Run, RunId, Stage, Stream};
use crate::plane::Plane;
use crate::providers::Page;
use crate::store::conditions::Write;
use crate::store::items::HeldItem;
use crate::store::{Known, Store, keys};

/// Items read at once to be compared with what was seen.
const STEP: usize = 250;
/// Entries that a run remembers because they could not be read.
pub(super) const MOST_UNREAD: usize = 100;
/// No run lasts that long; what it has seen is tidied away then.
const KEPT: std::time::Duration = std::time::Duration::from_hours(24 * 14);

/// What a run knows of a listing that begins now, if that can tell what is gone. It
/// cannot if nothing was there before, nor if it does not list everything.
pub(super) fn begun(run: &Run, knows_items: bool) -> Option<Relisting> {
    begun_anew(run, run.options.full && knows_items)
}

/// The same of a listing that has to take the place of a list of changes.
pub(super) fn begun_anew(run: &Run, knows_items: bool) -> Option<Relisting> {
    let results = &run.results;
    knows_items.then(|| Relisting { created_before: results.created, held_before: results.held_deletions, ..Relisting::default() })
}

/// The present listing proves nothing about what it misses.
pub(super) fn breaks(run: &mut Run, why: &str) {
    if let Some(relisting) = &mut run.relisting {
        relisting.breaks(why);
    }
}

/// What is known of the listing with one page more, and the write that notes what
/// the page showed.
pub(super) fn noted(run: &Run, stream: Stream, page: &Page, now: Moment) -> Result<Option<(Relisting, Option<Write>)>, Fault> {
    let Some(mut relisting) = run.relisting.clone() else { return Ok(None) };
    if page.is_partial {
        relisting.breaks("the list does not have all there is");
    }
    if page.rejected.iter().any(|rejected| rejected.id.is_none()) {
        relisting.breaks("an entry could not be read, nor which it is");
    }
    if run.unread.len() + page.rejected.len() > MOST_UNREAD {
        relisting.breaks("too many entries could not be read");
    }
    let first = page.items.first().and_then(|item| parts(&item.external_id)).map(|(prefix, _)| prefix.to_owned());
    relisting.prefix = relisting.prefix.or(first);
    if page.items.is_empty() {
        return Ok(Some((relisting, None)));
    }
    let ids: Vec<String> = page.items.iter().map(Item::id).collect();
    let write = Store::seen_write(run.id, stream, relisting.parts, ids.iter(), now.plus(KEPT))?;
    relisting.parts += 1;
    Ok(Some((relisting, Some(write))))
}

/// Forgets what a run had seen, once it has ended. If that fails, the table tidies.
pub(super) async fn tidy(plane: &Plane, run: RunId) {
    if let Err(why) = plane.store.forget_seen(run).await {
        tracing::warn!(decision = "seen.kept", %run, error = %why);
    }
}

/// What is stored of a stream, against what was seen of it.
struct Walked {
    stored: usize,
    absent: Vec<String>,
    held: Vec<HeldItem>,
    /// Nothing of what was seen is forgotten.
    is_whole: bool,
}

impl Reading<'_> {
    /// Removes or holds what a listing missed, if it was read to its end and anything
    /// follows from that. The end of the slice, if it comes first.
    pub(super) async fn relisted(&mut self, held: &mut Held<'_>) -> Result<Option<End>, Stop> {
        let Some(relisting) = held.run.relisting.clone() else { return Ok(None) };
        let after = match Place::of(&held.run)? {
            Some(Place::Done(stream)) if stream == self.stream => None,
            Some(Place::Missing { stream, after }) if stream == self.stream => Some(after),
            _ => return Ok(None),
        };
        // Told once: whoever dies here time and again must not seem to get on.
        if after.is_none() && held.run.progress.stage != Some(Stage::Matching) {
            let mut run = held.run.clone();
            run.progress.stage = Some(Stage::Matching);
            held.commit_part(run, Vec::new()).await?;
        }
        let walked = self.walk(held, &relisting).await?;
        let broken = relisting.broken.as_deref().or((!walked.is_whole).then_some("what was seen is not known any more"));
        if let Some(why) = broken {
            return self.let_be(held, why, walked).await;
        }
        let known: HashSet<String> = walked.held.iter().map(|one| one.item.clone()).collect();
        let missing = if let Some(after) = after {
            let discarded: HashSet<&String> = walked.held.iter().filter(|one| one.discarded).map(|one| &one.item).collect();
            walked.absent.into_iter().filter(|id| *id > after && !discarded.contains(id)).collect()
        } else {
            match self.judge(held, &relisting, walked).await? {
                Judged::TimeUp => return Ok(Some(End::TimeUp)),
                Judged::Held(_) => return Ok(None),
                Judged::Removable(missing) => missing,
            }
        };
        for some in missing.chunks(MOST_ASKED) {
            let items = held.plane.store.items_by_id(&self.source.id, some).await?;
            let looked = match self.look_at(held, items).await? {
                Ok(looked) => looked,
                Err(end) => return Ok(Some(end)),
            };
            if looked.in_vain {
                note_broken(held, self.stream, "its list was not to be read any more when items had been asked for");
                return Ok(None);
            }
            let stopped_early = looked.ids.len() < some.len() && held.time_is_up_after(held.plane.config.request_deadline());
            self.remove(held, looked, &known, some).await?;
            if stopped_early || held.time_is_up() {
                return Ok(Some(End::TimeUp));
            }
        }
        Ok(None)
    }

    /// Whether what the listing missed may be asked for and removed.
    async fn judge(&self, held: &mut Held<'_>, relisting: &Relisting, walked: Walked) -> Result<Judged, Stop> {
        let created = usize::try_from(held.run.results.created - relisting.created_before).unwrap_or(0);
        let compared = Compared {
            there_before: walked.stored.saturating_sub(created),
            absent: walked.absent,
            held: walked.held,
            removed: 0,
            held_before: relisting.held_before,
            of: Some(self.stream.label().to_owned()),
        };
        Box::pin(missing::judge(held, self.source, compared, &Place::Done(self.stream).text()?)).await
    }

    /// Removes what is gone and takes in what is there, and goes on after it.
    async fn remove(&self, held: &mut Held<'_>, looked: Looked, known: &HashSet<String>, asked: &[String]) -> Result<(), Stop> {
        let Looked { ids, gone, there, .. } = looked;
        let (store, source) = (&held.plane.store, &self.source.id);
        let found = there.len() as u64;
        let Changes { changed, skipped, mut titles } =
            compare(store, source, held.run.id, there, |before, now| before == now, |_| true).await?;
        let mut run = held.run.clone();
        run.progress.stage = Some(Stage::Removing);
        run.progress.processed += found;
        run.progress.total = run.progress.total.map(|total| total.max(run.progress.processed));
        run.results.skipped += skipped.len() as u64;
        run.results.deleted += gone.len() as u64;
        count(&mut run.results, &changed);
        self.attribute(&mut run, held);
        let after = ids.iter().max().or(asked.last()).cloned().unwrap_or_default();
        run.next_request = Place::Missing { stream: self.stream, after }.kept()?;
        let mut with = writes(&changed, &mut titles, source, run.id, held.now())?;
        with.extend(gone.iter().map(|id| Store::item_delete(source, id)));
        let decided = gone.iter().chain(&skipped).chain(changed.iter().map(|one| &one.id));
        with.extend(decided.filter(|id| known.contains(*id)).map(|id| Store::held_delete(source, id)));
        held.commit_part(run, with).await
    }

    /// Nothing follows from what the listing misses. What it shows is there all the
    /// same, and waits for no decision.
    async fn let_be(&self, held: &mut Held<'_>, why: &str, walked: Walked) -> Result<Option<End>, Stop> {
        note_broken(held, self.stream, why);
        let absent: HashSet<&String> = walked.absent.iter().collect();
        let there = walked.held.iter().filter(|one| walked.is_whole && !absent.contains(&one.item));
        let writes = there.map(|one| Store::held_delete(&self.source.id, &one.item)).collect();
        missing::write_all(held, writes, &Place::Done(self.stream).text()?, |_, _| {}).await
    }

    /// Goes through what is stored of this stream, a few items at a time.
    async fn walk(&self, held: &mut Held<'_>, relisting: &Relisting) -> Result<Walked, Stop> {
        let (store, run) = (&held.plane.store, held.run.id);
        let began = held.run.started_at.unwrap_or(held.run.created_at);
        let seen = store.seen(run, self.stream).await?;
        let mut held_before: HashMap<String, HeldItem> =
            store.held(&self.source.id).await?.into_iter().map(|one| (one.item.clone(), one)).collect();
        let mut walked = Walked { stored: 0, absent: Vec::new(), held: Vec::new(), is_whole: seen.parts == relisting.parts as usize };
        for shard in keys::item_shards() {
            let mut after = None;
            loop {
                let some = store.known_in_shard(&self.source.id, &shard, after.take(), STEP).await?;
                after = some.last().map(|known| known.id.clone());
                for known in &some {
                    if !self.is_listed(relisting, known) {
                        continue;
                    }
                    walked.stored += 1;
                    walked.held.extend(held_before.remove(&known.id));
                    // What this run wrote, or somebody else since it began, is not
                    // what was known before.
                    let is_older = known.run != run && known.synced_at < began;
                    if is_older && !seen.has(&known.id) && !is_unread(&held.run, known) {
                        walked.absent.push(known.id.clone());
                    }
                }
                held.heartbeat().await?;
                if some.len() < STEP {
                    break;
                }
            }
        }
        Ok(walked)
    }

    /// Whether an item is one that the listing would have to show.
    fn is_listed(&self, relisting: &Relisting, known: &Known) -> bool {
        let external_id = known.external_id.as_deref().unwrap_or_default();
        let is_shown = relisting.prefix.as_deref().is_none_or(|prefix| parts(external_id).is_some_and(|(its, _)| its == prefix));
        known.kind == kind_of(self.stream) && is_shown && number(self.source, self.stream, external_id).is_some()
    }
}

fn note_broken(held: &mut Held<'_>, stream: Stream, why: &str) {
    let facts = [("stream", stream.as_str().to_owned()), ("because", why.to_owned())];
    held.run.note(held.now(), "listing.incomplete", facts);
}

/// Whether an entry of that number was listed, and could not be read.
fn is_unread(run: &Run, known: &Known) -> bool {
    let number = known.external_id.as_deref().and_then(parts).map(|(_, number)| number);
    number.is_some_and(|number| run.unread.iter().any(|unread| unread == number))
}
