//! Writes a page, and with it the place of the next.

use super::Stop;
use super::held::Held;
use super::items::{Changed, Changes, compare, count, parts, writes};
use super::pages::{Reading, fingerprint};
use super::relisting::{self, MOST_UNREAD};
use super::streams::{self, Place};
use super::weather::MOST_TRIES;
use crate::error::Fault;
use crate::model::{Item, Run, Stage, Stream, StreamState};
use crate::providers::Page;

/// What is done with a part.
fn stage_of(part: &[Changed]) -> Stage {
    if part.iter().any(|one| one.is_new) { Stage::Creating } else { Stage::Updating }
}

impl Reading<'_> {
    /// Keeps alerts apart, for whoever shows them so.
    pub(super) fn attribute(&self, run: &mut Run, held: &Held<'_>) {
        if self.stream == Stream::Alerts {
            run.results.were_alerts(&held.run.results);
        }
    }

    /// Writes a page, in as many parts as its changes need. Only the last moves
    /// the run on to the next page; the ones before remember what they counted,
    /// in case the page is read again.
    /// What somebody links by hand at the same moment is compared again as it is then.
    pub(super) async fn commit(&self, held: &mut Held<'_>, page: Page, again: Vec<String>) -> Result<StreamState, Stop> {
        let mut tries = 0;
        loop {
            match self.try_commit(held, &page, &again).await {
                Err(Stop::Outrun(_)) if tries < MOST_TRIES => tries += 1,
                tried => return tried,
            }
        }
    }

    async fn try_commit(&self, held: &mut Held<'_>, page: &Page, again: &[String]) -> Result<StreamState, Stop> {
        let include_closed = held.run.options.include_closed;
        let noted = relisting::noted(&held.run, self.stream, page, held.now())?;
        self.hold_removed(held, page).await?;
        let newest = page.items.iter().filter_map(|item| item.updated_at).max();
        let counted = held.run.counted.clone();
        let found: Vec<Item> = page.items.iter().filter(|item| !counted.contains(&item.id())).cloned().collect();
        let read = found.len() as u64;
        let wanted = |item: &Item| include_closed || !item.is_closed();
        let (store, source) = (&held.plane.store, &self.source.id);
        let comparing = compare(store, source, held.run.id, found, |before, now| before == now, wanted);
        let (mut changes, has_by_hand) = futures::try_join!(comparing, store.has_by_hand(source))?;
        if has_by_hand {
            changes.link_by_title(store, source).await?;
        }
        let Changes { changed, skipped, mut titles } = changes;
        let dropped = read.saturating_sub((changed.len() + skipped.len()) as u64);
        let mut parts = parts(changed);
        let last = parts.pop().unwrap_or_default();
        for part in parts {
            let mut run = held.run.clone();
            run.progress.stage = Some(stage_of(&part));
            run.progress.processed += part.len() as u64;
            run.counted.extend(part.iter().map(|one| one.id.clone()));
            count(&mut run.results, &part);
            self.attribute(&mut run, held);
            let writes = writes(&part, &mut titles, &self.source.id, run.id, held.now())?;
            held.commit_part(run, writes).await?;
        }
        let mut run = held.run.clone();
        run.progress.stage = Some(Stage::Fetching);
        run.progress.page += 1;
        run.progress.processed += last.len() as u64 + skipped.len() as u64 + dropped + page.rejected.len() as u64;
        run.progress.total = page.total.or(run.progress.total).map(|total| total.max(run.progress.processed));
        run.newest_seen = run.newest_seen.max(newest);
        run.counted.clear();
        run.again = again.to_vec();
        for id in page.rejected.iter().filter_map(|rejected| rejected.id.clone()) {
            if run.unread.len() < MOST_UNREAD && !run.unread.contains(&id) {
                run.unread.push(id);
            }
        }
        if let Some(next) = page.next.as_ref().filter(|_| run.progress.page.is_power_of_two()) {
            run.met = Some(fingerprint(next));
        }
        run.results.skipped += skipped.len() as u64;
        run.results.failed += page.rejected.len() as u64;
        for rejected in &page.rejected {
            let message = format!("{} could not be understood and was left out: {}", rejected.which, rejected.why);
            run.warn("ITEM_REJECTED", &message, Some(&rejected.which));
        }
        remark(&mut run, self.stream, page);
        run.resume.clone_from(&page.resume);
        count(&mut run.results, &last);
        self.attribute(&mut run, held);
        let mut with = writes(&last, &mut titles, &self.source.id, run.id, held.now())?;
        if let Some((relisting, seen)) = noted {
            run.relisting = Some(relisting);
            with.extend(seen);
        }
        let mut state = self.state.clone();
        // Who goes on from what the provider gave goes on from it again.
        let is_first = run.since.is_none() && state.resume.is_none();
        if let (Some(next), true) = (&page.next, is_first) {
            // A first run keeps its place where the next run finds it, however
            // this one may end.
            state.cursor = Some(serde_json::to_string(next).map_err(|why| Fault::broken("checkpoint", why))?);
            state.begun_at = state.begun_at.or(Some(streams::reached(&run)));
            with.push(self.remember(&mut state, include_closed)?);
        }
        with.extend(self.whereabouts_write()?);
        run.next_request = page.next.clone().map_or(Place::Done(self.stream), Place::Page).kept()?;
        held.commit_part(run, with).await?;
        Ok(state)
    }
}

/// Says what of a page is not as it used to be, each thing once for all entries.
fn remark(run: &mut Run, stream: Stream, page: &Page) {
    let mut said: Vec<&str> = Vec::new();
    for surprise in &page.surprises {
        if said.contains(&surprise.what.as_str()) {
            continue;
        }
        said.push(&surprise.what);
        let others = page.surprises.iter().filter(|other| other.what == surprise.what).count() - 1;
        let of = if surprise.which.is_empty() { stream.label() } else { &surprise.which };
        let more = if others > 0 { format!(", and so it is of {others} more") } else { String::new() };
        let message = format!("{of}: {}{more}; the rest of it was taken", surprise.what);
        if !run.warnings.iter().any(|warning| warning.code == "FIELD_UNEXPECTED" && warning.message == message) {
            run.warn("FIELD_UNEXPECTED", &message, Some(of));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ItemType;

    /// S2.107: what is new is created, and what changed is updated.
    #[test]
    fn a_part_says_what_is_done_with_it() {
        let changed = |is_new| {
            let item = Item::new(ItemType::Issue, "1".into(), "t".into(), "open".into());
            Changed { id: item.id(), is_new, item, own_id: None, linked_by: None }
        };
        assert_eq!(stage_of(&[changed(false), changed(true)]), Stage::Creating);
        assert_eq!(stage_of(&[changed(false)]), Stage::Updating);
    }
}
