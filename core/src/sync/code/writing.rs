//! Files of a tree into pieces that can be searched.
//!
//! One thread reads and cuts files, and makes vectors of what is surely new, while what it
//! made before is written. A vector is used again where the same text had one: in the file
//! as it was, or where it was before it was renamed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use super::super::held::Held;
use super::super::{End, Stop};
use super::fetching::Fetched;
use super::planning::Plan;
use super::{Place, written};
use crate::error::Fault;
use crate::index::chunk::chunks;
use crate::index::embed::embed;
use crate::index::git::{ObjectId, Reader, Trouble};
use crate::index::manifest::{Change, Work};
use crate::model::{Indexing, Run, Source, Stage};
use crate::store::conditions::Write;
use crate::store::{Piece, Store, keys};

/// Longer files are data, as a rule, and nothing that anyone looks for.
const LONGEST_FILE: u64 = 1024 * 1024;
/// Writes to a part, beside the run's own; a transaction takes a hundred.
const MOST_WRITES: usize = 95;
/// How a file begins that says where a large one is.
const POINTER: &str = "version https://git-lfs.github.com/spec/";
/// Files whose rows are read at once.
const AT_ONCE: usize = 32;
/// Files that lie ready at most.
const READY: usize = 256;
/// Progress is shown at least so often.
const SHOWN_EVERY: Duration = Duration::from_millis(700);

/// A file, ready to be written.
struct Ready {
    path: String,
    change: Change,
    pieces: Vec<Piece>,
    /// It is not searched, and why.
    skipped: Option<&'static str>,
    is_pointer: bool,
}

/// A file's writes, and what they come to.
struct Counted {
    path: String,
    /// How many pieces it had.
    had: usize,
    writes: Vec<Write>,
    count: Box<dyn FnOnce(&mut Indexing) + Send>,
    skipped: Option<&'static str>,
    is_pointer: bool,
}

/// Tells the thread that nobody takes its files any more.
struct StopWithMe(Arc<AtomicBool>);

impl Drop for StopWithMe {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(super) async fn write(
    held: &mut Held<'_>,
    source: &Source,
    fetched: &Fetched,
    place: &mut Place,
    plan: &Plan,
) -> Result<Option<End>, Stop> {
    let tree = keys::tree(&source.id, &plan.aim.branch);
    let rest: Work = plan.work.iter().skip(place.paths_done).cloned().collect();
    let (sender, mut ready) = mpsc::channel(READY);
    let stop = Arc::new(AtomicBool::new(false));
    let _stops = StopWithMe(stop.clone());
    let (repository, anew) = (fetched.repository.clone(), plan.anew);
    let thread = tokio::task::spawn_blocking(move || read_all(&repository.reader(), rest, anew, &sender, &stop));
    let first = plan.work.get(place.paths_done).map(|(path, _)| path.clone());
    let begun = first.zip(place.had);
    let mut writer = Writer { tree, plan, begun, writes: Vec::new(), run: held.run.clone(), shown_at: held.now() };
    let mut group = Vec::with_capacity(AT_ONCE);
    while ready.recv_many(&mut group, AT_ONCE).await > 0 {
        let some = std::mem::take(&mut group);
        let counted = futures::future::try_join_all(some.into_iter().map(|file| writer.counted(&held.plane.store, file))).await?;
        for file in counted {
            writer.take(held, place, file).await?;
        }
        if held.now().since(writer.shown_at) >= SHOWN_EVERY {
            writer.flush(held, place).await?;
            if held.time_is_up() {
                return Ok(Some(End::TimeUp));
            }
        }
    }
    match thread.await.map_err(|why| Fault::broken("git", why))? {
        Ok(()) => {}
        Err(Trouble::Interrupted) => return Ok(Some(End::TimeUp)),
        Err(why) => return Err(Fault::broken("git", why.told()).into()),
    }
    writer.flush(held, place).await?;
    Ok(None)
}

fn read_all(reader: &Reader, work: Work, anew: bool, sender: &mpsc::Sender<Ready>, stop: &AtomicBool) -> Result<(), Trouble> {
    for (path, change) in work {
        if stop.load(Ordering::Relaxed) {
            return Err(Trouble::Interrupted);
        }
        let (mut pieces, mut skipped, mut is_pointer) = (Vec::new(), None, false);
        if let Some(blob) = change.blob() {
            match text(reader, ObjectId::Sha1(blob))? {
                Ok(text) => {
                    is_pointer = text.starts_with(POINTER);
                    let is_new = anew || matches!(change, Change::Added(_));
                    pieces = (0..).zip(chunks(&text)).map(|(number, chunk)| piece(&path, number, &chunk, is_new)).collect();
                }
                Err(why) => skipped = Some(why),
            }
        }
        if sender.blocking_send(Ready { path, change, pieces, skipped, is_pointer }).is_err() {
            return Err(Trouble::Interrupted);
        }
    }
    Ok(())
}

/// What a file says, or why it is not searched.
fn text(reader: &Reader, blob: ObjectId) -> Result<Result<String, &'static str>, Trouble> {
    if reader.size(blob)? > LONGEST_FILE {
        return Ok(Err("too long"));
    }
    let bytes = reader.read(blob)?;
    if bytes.contains(&0) {
        return Ok(Err("binary"));
    }
    Ok(String::from_utf8(bytes).map_err(|_| "not UTF-8"))
}

fn piece(path: &str, number: u32, chunk: &crate::index::chunk::Chunk<'_>, is_new: bool) -> Piece {
    Piece {
        path: path.to_owned(),
        number,
        start_line: chunk.start_line,
        end_line: chunk.end_line,
        text: chunk.text.to_owned(),
        hash: crate::digest::short_name(chunk.text),
        vector: if is_new { embed(chunk.text) } else { Vec::new() },
    }
}

struct Writer<'a> {
    tree: String,
    plan: &'a Plan,
    /// The file that another worker was at, and how many pieces it had before.
    begun: Option<(String, usize)>,
    /// What is not committed yet, and the run as it is then.
    writes: Vec<Write>,
    run: Run,
    shown_at: crate::clock::Moment,
}

impl Writer<'_> {
    /// What a file takes, compared with what is there.
    async fn counted(&self, store: &Store, file: Ready) -> Result<Counted, Fault> {
        let Ready { path, change, mut pieces, skipped, is_pointer } = file;
        let is_new = matches!(change, Change::Added(_) | Change::Renamed(..));
        let old = if self.plan.doubts || !is_new { store.pieces(&self.tree, &path).await? } else { Vec::new() };
        let mut vectors: HashMap<String, Vec<f32>> = HashMap::new();
        if !self.plan.anew {
            if let Change::Renamed(_, from) = &change {
                vectors.extend(store.pieces(&self.tree, from).await?.into_iter().map(|piece| (piece.hash, piece.vector)));
            }
            vectors.extend(old.iter().map(|piece| (piece.hash.clone(), piece.vector.clone())));
        }
        let begun = self.begun.as_ref().filter(|(begun, _)| *begun == path);
        let had = begun.map_or(old.len(), |(_, had)| *had);
        let mut embedded = 0;
        for piece in &mut pieces {
            if let Some(vector) = vectors.get(&piece.hash) {
                piece.vector.clone_from(vector);
                continue;
            }
            embedded += 1;
            if piece.vector.is_empty() {
                piece.vector = embed(&piece.text);
            }
        }
        let mut writes = Vec::new();
        for piece in &pieces {
            if self.plan.anew || !old.contains(piece) {
                writes.push(Store::piece_write(&self.tree, piece)?);
            }
        }
        let written = writes.len();
        let surplus = old.iter().filter(|piece| piece.number as usize >= pieces.len());
        writes.extend(surplus.map(|piece| Store::piece_delete(&self.tree, &path, piece.number)));
        let stay = if self.plan.anew { 0 } else { pieces.len() - written };
        let cleared = had.saturating_sub(stay) as u64;
        let grown = pieces.len() as i64 - had as i64;
        let count = move |indexing: &mut Indexing| {
            match change {
                Change::Added(_) => indexing.files_added += 1,
                Change::Modified(_) => indexing.files_modified += 1,
                Change::Renamed(..) => {
                    indexing.files_added += 1;
                    indexing.files_renamed += 1;
                }
                Change::Removed | Change::Left => indexing.files_removed += 1,
                Change::Again(_) => indexing.files_unchanged += 1,
                Change::Stray => {}
            }
            indexing.chunks_embedded += embedded;
            indexing.embedded_here += embedded;
            indexing.grown_here += grown;
            indexing.chunks_cleared += cleared;
            indexing.files_skipped += u64::from(skipped.is_some());
        };
        Ok(Counted { path, had, writes, count: Box::new(count), skipped, is_pointer })
    }

    /// Adds a file to the part, and commits what is full. A file of very many pieces is
    /// counted with its last part: it is begun again if it does not come to that.
    async fn take(&mut self, held: &mut Held<'_>, place: &mut Place, file: Counted) -> Result<(), Stop> {
        let Counted { path, had, mut writes, count, skipped, is_pointer } = file;
        if self.writes.len() + writes.len() > MOST_WRITES {
            self.flush(held, place).await?;
        }
        while writes.len() > MOST_WRITES {
            let rest = writes.split_off(MOST_WRITES);
            self.writes = std::mem::replace(&mut writes, rest);
            place.had = Some(had);
            self.flush(held, place).await?;
        }
        self.writes.extend(writes);
        (place.paths_done, place.had) = (place.paths_done + 1, None);
        if let Some(indexing) = self.run.indexing.as_deref_mut() {
            count(indexing);
            let results = &mut self.run.results;
            (results.created, results.deleted) = (indexing.files_added, indexing.files_removed);
            (results.updated, results.skipped) = (indexing.files_modified, indexing.files_unchanged);
        }
        if let Some(why) = skipped {
            self.run.warn("FILE_SKIPPED", &format!("{path} is {why}, and not searched"), Some(&path));
        }
        if is_pointer {
            self.run.warn(
                "POINTER_INDEXED",
                &format!("{path} says where a large file is; that is searched, and not the file"),
                Some(&path),
            );
        }
        self.run.progress.processed += 1;
        self.run.progress.stage = Some(Stage::Updating);
        self.run.progress.current = Some(path);
        Ok(())
    }

    /// Commits what was taken since the last part.
    async fn flush(&mut self, held: &mut Held<'_>, place: &Place) -> Result<(), Stop> {
        self.shown_at = held.now();
        if self.writes.is_empty() && self.run.progress == held.run.progress {
            return Ok(());
        }
        let mut run = held.run.clone();
        (run.indexing, run.results, run.warnings) = (self.run.indexing.clone(), self.run.results.clone(), self.run.warnings.clone());
        run.progress = self.run.progress.clone();
        run.next_request = Some(written(place)?);
        held.commit_part(run, std::mem::take(&mut self.writes)).await
    }
}
