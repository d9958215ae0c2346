//! The streams of a run, one after the other: where each begins, what it remembers
//! when it is done, and which comes next.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::held::Held;
use super::pages::{NOT_AVAILABLE, Reading};
use super::{End, Stop, relisting};
use crate::admission::Counted;
use crate::clock::Moment;
use crate::error::Fault;
use crate::model::{Run, Source, SourceKind, Stream, StreamState, Validator};
use crate::planted::{Bug, is_planted};
use crate::providers::{PageRequest, Wanted, stays_home};
use crate::store::Store;
use crate::store::conditions::Write;

/// How far back an increment looks past the end of the one before, for clocks
/// that disagree.
const OVERLAP: Duration = Duration::from_mins(5);
/// Entries that were linked by hand and that one run asks for on their own.
const MOST_UNREAD_LINKS: usize = 20;

/// Where a run goes on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    Page(PageRequest),
    /// All pages of this stream are read, and what it misses is few enough: what comes
    /// after this item is yet to be asked for.
    Missing {
        stream: Stream,
        after: String,
    },
    /// All pages of this stream are read; what it remembers is yet to be written.
    Done(Stream),
    /// The same of a run's only stream, as the build before this one kept it.
    Finished,
}

impl Place {
    pub(super) fn stream(&self) -> Option<Stream> {
        match self {
            Self::Page(request) => Some(request.stream),
            Self::Done(stream) | Self::Missing { stream, .. } => Some(*stream),
            Self::Finished => None,
        }
    }

    /// Where a run stands, unless it has yet to begin.
    pub(super) fn of(run: &Run) -> Result<Option<Self>, Fault> {
        run.next_request.as_deref().map(serde_json::from_str).transpose().map_err(|why| Fault::broken("checkpoint", why))
    }

    /// The checkpoint that it is.
    pub(super) fn kept(&self) -> Result<Option<String>, Fault> {
        self.text().map(Some)
    }

    pub(super) fn text(&self) -> Result<String, Fault> {
        serde_json::to_string(self).map_err(|why| Fault::broken("checkpoint", why))
    }
}

/// The streams that a run reads, in order.
pub(super) fn wanted(run: &Run, source: &Source) -> Vec<Stream> {
    let all = if run.options.streams.is_empty() { &source.streams } else { &run.options.streams };
    if all.is_empty() { vec![Stream::Issues] } else { all.clone() }
}

impl Reading<'_> {
    /// The first request of the present stream: where an unfinished first run
    /// stopped, or what changed since the last one, or everything.
    pub(super) fn begin(&mut self, run: &mut Run) -> PageRequest {
        run.relisting = relisting::begun(run, self.knows_items);
        let stored = self.state.cursor.as_deref().filter(|_| !run.options.full && self.state.watermark.is_none());
        let stored = stored.and_then(|cursor| serde_json::from_str::<PageRequest>(cursor).ok());
        run.again.clone_from(&self.state.failed);
        run.again.extend(self.unread_links.iter().map(|link| link.id.clone()));
        run.again.sort();
        run.again.dedup();
        if let Some(request) = stored.filter(|request| self.is_home(request)) {
            (self.resumed, run.resume, run.removals) = (true, None, 0);
            return self.placed(request);
        }
        run.since = self.state.watermark.filter(|_| !run.options.full);
        (run.resume, run.removals) = (None, 0);
        self.first_page(run)
    }

    pub(super) fn first_page(&self, run: &Run) -> PageRequest {
        let resume = self.state.resume.as_deref().filter(|_| !run.options.full && !self.lists_anew);
        let (include_closed, knows_items) = (run.options.include_closed, self.knows_items);
        let wanted = Wanted { since: run.since, resume: resume.filter(|resume| self.is_here(resume)), include_closed, knows_items };
        self.placed(self.provider.begin(self.source, self.stream, wanted))
    }

    /// Whether a stored request goes where the source is now. The credential must
    /// not go to where it was before.
    pub(super) fn is_home(&self, request: &PageRequest) -> bool {
        self.is_here(&request.url)
    }

    fn is_here(&self, url: &str) -> bool {
        let home = self.provider.begin(self.source, self.stream, Wanted::default());
        stays_home(&home.url, url)
    }

    /// What the stream was to be gone on with holds no more: it is listed from its
    /// beginning. What was removed meanwhile is told by nobody any more, so it is found
    /// as a full run finds it.
    pub(super) fn list_anew(&mut self, run: &mut Run, why: &str) -> PageRequest {
        let entity = self.stream.label();
        let message = format!("{entity}: what was to be asked for changes by holds no more ({why}), so all of it was listed anew");
        run.warn("STREAM_LISTED_ANEW", &message, Some(entity));
        self.lists_anew = true;
        (run.since, run.resume, run.removals) = (None, None, 0);
        run.relisting = relisting::begun_anew(run, self.knows_items);
        self.first_page(run)
    }

    /// What a request is known by to the validator that it may be answered with: a
    /// validator holds for a credential, and for the whole of a list that had one
    /// page only. A run that asks for everything wants no short answer.
    pub(super) fn validated(&self, run: &Run, request: &PageRequest) -> Option<String> {
        let alone = request.number == 1 && !request.single && !run.options.full;
        let credential = self.source.credential.as_ref().map(|sealed| sealed.fingerprint.as_str()).unwrap_or_default();
        alone.then(|| crate::digest::short_name(&format!("{}\n{}", super::pages::fingerprint(request), credential)))
    }

    /// The validator to send along with a request.
    pub(super) fn validator(&self, run: &Run, request: &PageRequest) -> Option<&str> {
        let known = self.state.validator.as_ref()?;
        (self.validated(run, request)? == known.request).then_some(known.tag.as_str())
    }

    pub(super) fn remember(&self, state: &mut StreamState, include_closed: bool) -> Result<Write, Fault> {
        let seen = state.version;
        state.version += 1;
        Store::stream_write(&self.source.id, self.stream, include_closed, state, seen)
    }

    /// All pages of the present stream are read. The watermark moves if anything
    /// newer than it was seen, to the moment from which the next increment has to
    /// look. Then the next stream's first request, or the end.
    pub(super) async fn finish(&mut self, held: &mut Held<'_>) -> Result<Result<PageRequest, End>, Stop> {
        if let Some(end) = Box::pin(self.relisted(held)).await? {
            return Ok(Err(end));
        }
        if let Some(end) = Box::pin(self.settle_removals(held)).await? {
            return Ok(Err(end));
        }
        let mut with = self.finished(&held.run)?;
        with.extend(self.asked_for(&held.run));
        with.extend(self.whereabouts_write()?);
        let all = wanted(&held.run, self.source);
        let here = all.iter().position(|stream| *stream == self.stream);
        let Some(next) = here.and_then(|here| all.get(here + 1)).copied() else {
            if let Some(why) = nothing_was_there(&held.run, &all) {
                return Ok(Err(End::failed(NOT_AVAILABLE, why, None)));
            }
            let decides = held.run.options.full || self.source.kind == SourceKind::Integration;
            let held_deletions = if decides { Some(self.undecided(held).await?) } else { None };
            return Ok(Err(End::Done { counted: Counted { items: None, held_deletions }, with }));
        };
        self.turn_to(held, next).await?;
        let mut run = held.run.clone();
        (run.since, run.newest_seen, run.provider_date, run.met) = (None, None, None, None);
        (run.again, run.unread, run.counted) = (Vec::new(), Vec::new(), Vec::new());
        (run.resume, run.removals) = (None, 0);
        run.progress.total = None;
        let request = self.begin(&mut run);
        run.next_request = Place::Page(request.clone()).kept()?;
        held.commit_part(run, with).await?;
        self.whereabouts.written();
        if held.time_is_up() {
            return Ok(Err(End::TimeUp));
        }
        Ok(Ok(request))
    }

    /// How much of this source waits for a decision, whichever listing missed it.
    async fn undecided(&self, held: &Held<'_>) -> Result<u64, Stop> {
        let all = held.plane.store.held(&self.source.id).await?;
        Ok(all.iter().filter(|one| !one.discarded).count() as u64)
    }

    /// Turns to a stream: what it remembers, and what is known of it.
    pub(super) async fn turn_to(&mut self, held: &Held<'_>, stream: Stream) -> Result<(), Stop> {
        let store = &held.plane.store;
        self.stream = stream;
        let state = store.stream_state(&self.source.id, stream, held.run.options.include_closed);
        let (state, has_by_hand) = futures::try_join!(state, store.has_by_hand(&self.source.id))?;
        self.state = state;
        self.unread_links = if has_by_hand { store.unread_links(&self.source.id, stream, MOST_UNREAD_LINKS).await? } else { Vec::new() };
        self.knows_items = self.state.watermark.is_some() || store.has_items(&self.source.id).await?;
        (self.resumed, self.lists_anew, self.unavailable, self.fresh) = (false, false, false, None);
        Ok(())
    }

    /// What was linked by hand before this run began has been asked for by it.
    fn asked_for(&self, run: &Run) -> impl Iterator<Item = Write> {
        let asked = self.unread_links.iter().filter(|link| !self.unavailable && link.at <= run.created_at);
        asked.map(|link| Store::unread_link_delete(&self.source.id, self.stream, &link.id))
    }

    /// What the stream remembers of this run, if that is anything new.
    fn finished(&self, run: &Run) -> Result<Vec<Write>, Fault> {
        let mut state = self.state.clone();
        if self.unavailable {
            // Where it stopped is no place to go on from, should it be there one day.
            state.cursor = None;
            let changed = state != self.state;
            return if changed { Ok(vec![self.remember(&mut state, run.options.include_closed)?]) } else { Ok(Vec::new()) };
        }
        // A first run that was taken up by another has seen nothing of what
        // happened since the first of them began.
        let reached = state.begun_at.map_or(reached(run), |begun| begun.min(reached(run)));
        let saw_newer = run.newest_seen.is_some_and(|newest| state.watermark.is_none_or(|watermark| newest > watermark));
        if saw_newer && state.watermark.is_none_or(|watermark| reached > watermark) {
            state.watermark = Some(reached);
        }
        state.failed.clone_from(&run.unread);
        (state.cursor, state.begun_at) = (None, None);
        state.resume.clone_from(&run.resume);
        if let Some(fresh) = &self.fresh {
            // Where the watermark moved, the next run asks something else.
            state.validator = fresh.clone().filter(|_| state.watermark == self.state.watermark);
        }
        if state == self.state {
            return Ok(Vec::new());
        }
        Ok(vec![self.remember(&mut state, run.options.include_closed)?])
    }

    /// Notes with what a request was answered that can be asked for again.
    pub(super) fn note_validator(&mut self, run: &Run, request: &PageRequest, tag: Option<&str>, is_last: bool) {
        if let Some(known) = self.validated(run, request) {
            let tag = tag.filter(|_| is_last && run.again.is_empty());
            self.fresh = Some(tag.map(|tag| Validator { request: known, tag: tag.to_owned() }));
        }
    }
}

/// Why an integration has failed of which no entity could be read at all: it must not
/// look as if there were nothing.
fn nothing_was_there(run: &Run, wanted: &[Stream]) -> Option<String> {
    let absent = |stream: &Stream| {
        let of_it = |code: &str, at: Option<&str>| code == NOT_AVAILABLE && at == Some(stream.label());
        run.warnings.iter().find(|warning| of_it(&warning.code, warning.at.as_deref()))
    };
    let first = wanted.iter().filter(|stream| stream.entity().is_some()).find_map(absent)?;
    wanted.iter().all(|stream| absent(stream).is_some()).then(|| format!("none of its entities can be read: {}", first.message))
}

/// The moment from which the run after this one has to look: this one's start,
/// by whichever clock was behind, and a little before.
pub(super) fn reached(run: &Run) -> Moment {
    if let (true, Some(end)) = (is_planted(Bug::LateWatermark), run.last_progress_at) {
        return end;
    }
    let started = run.started_at.unwrap_or(run.created_at);
    run.provider_date.map_or(started, |date| date.min(started)).minus(OVERLAP)
}
