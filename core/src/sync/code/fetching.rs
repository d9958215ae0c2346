//! Gets the commits that a run is to index to where it can read them.
//!
//! git blocks, so it works on a thread of its own, which is told to stop when the run is
//! cancelled, lost or out of time. What it reads from the network passes the one outgoing
//! client, and counts as a step: a remote that sends nothing renews no lease.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;

use super::super::held::Held;
use super::super::{End, Stop};
use super::clones::{lock, make_room};
use super::{Aim, Place, planning};
use crate::documents::{self, Unusable};
use crate::error::Fault;
use crate::http::{Http, Outgoing, Streamed, Unanswered};
use crate::index::git::{FETCHED, History, ObjectId, Open, Opened, Pull, Reader, Refused, Repository, Tip, Trouble, Wire};
use crate::model::{CURRENT, GitPlace, IndexOptions, IndexedBranch, Source};
use crate::vault::Kept;

/// How often a worker looks after the thread that fetches.
const LOOK: Duration = Duration::from_secs(1);
/// Commits that are counted at most.
const MOST_COMMITS: usize = 1_000;

/// How often a remote is asked that does not answer as it should, and a clone looked at
/// that another worker is at: one that lost its run leaves it soon.
const TRIES: u32 = 3;
const BUSY_TRIES: u32 = 20;

/// Whether asking again soon may help.
fn may_pass(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Refused(Refused::Status(status)) => *status >= 500,
        Trouble::Refused(Refused::Unreachable(why)) => !matches!(why, Unanswered::Forbidden(_)),
        _ => false,
    }
}

/// A repository, and what is to be indexed of it.
pub(super) struct Fetched {
    pub(super) repository: Repository,
    pub(super) aims: Vec<Aim>,
    /// Commits that are new, and whether these are all; unset if nobody asked.
    pub(super) pulled: Option<(u64, bool)>,
    /// Where the clone is, if it is one, and that nobody else is at it.
    clone: Option<(PathBuf, File)>,
}

impl Fetched {
    /// A clone that turned out to be unreadable is no loss, unless it is kept.
    pub(super) async fn forget(self) -> Result<(), Stop> {
        let Some((folder, lock)) = self.clone else { return Ok(()) };
        super::super::folder::blocking(move || {
            drop(std::fs::remove_dir_all(folder));
            drop(lock);
        })
        .await
    }
}

/// What the thread needs.
struct Errand {
    place: GitPlace,
    folder: PathBuf,
    /// Where folders may lie.
    roots: Vec<PathBuf>,
    open: Open,
    branches: Vec<Option<String>>,
    known: Vec<IndexedBranch>,
    /// What the index shows as this run would make it.
    settled: Vec<Aim>,
    /// What the run set out for before.
    aims: Option<Vec<Aim>>,
    pulls: bool,
    stop: Arc<AtomicBool>,
}

pub(super) async fn fetch(
    held: &mut Held<'_>,
    source: &Source,
    options: &IndexOptions,
    known: Option<&Place>,
) -> Result<Result<Fetched, End>, Stop> {
    let Some(place) = source.git.clone() else {
        return Ok(Err(End::failed("SOURCE_INCOMPLETE", "this source says nothing of where its code is", None)));
    };
    let folder = match folder_of(held, source, &place) {
        Ok(folder) => folder,
        Err(end) => return Ok(Err(end)),
    };
    let authorization = match authorization(held, source).await? {
        Ok(authorization) => authorization,
        Err(end) => return Ok(Err(end)),
    };
    let named = if options.branches.is_empty() { &source.branches } else { &options.branches };
    let branch = |name: &String| Some(name.clone()).filter(|name| name != CURRENT);
    let branches = if named.is_empty() { vec![None] } else { named.iter().map(branch).collect() };
    let (bytes, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let indexed = held.plane.store.branches(&source.id).await?;
    let (_, ignored) = planning::ignored(source, options);
    let aim = |branch: &IndexedBranch| {
        let commit = branch.manifest.as_ref()?.commit.clone();
        let aim = Aim { branch: branch.branch.clone(), commit };
        planning::shows(branch, &aim, &ignored, held.run.options.full).then_some(aim)
    };
    let errand = Arc::new(Errand {
        settled: indexed.iter().filter_map(aim).collect(),
        open: opening(held.plane.http.clone(), authorization, bytes.clone()),
        branches,
        known: indexed,
        aims: known.map(|place| place.aims.clone()),
        pulls: options.pull_remote,
        stop: stop.clone(),
        folder,
        roots: held.plane.config.git_roots.clone(),
        place,
    });
    let kept_in = held.plane.config.git_cache.clone();
    let most = held.plane.config.git_cache_mib * 1024 * 1024;
    let mut tries = 0;
    let found = loop {
        let (errand, kept_in) = (errand.clone(), kept_in.clone());
        let work = move || {
            let found = errand.run();
            make_room(&kept_in, most, &errand.folder);
            found
        };
        let found = watched(held, &stop, &bytes, work).await?;
        let patience = match &found {
            Err(Trouble::Busy) => BUSY_TRIES,
            Err(trouble) if may_pass(trouble) => TRIES,
            _ => break found,
        };
        tries += 1;
        if tries >= patience || held.time_is_up_after(LOOK) {
            break found;
        }
        held.nap(LOOK / 2 + held.plane.chance.jitter(LOOK / 2)).await?;
        stop.store(false, Ordering::Relaxed);
    };
    let url = source.git.as_ref().map(|place| place.url.clone());
    Ok(found.map_err(|trouble| match trouble {
        Trouble::Busy => End::TimeUp,
        Trouble::Interrupted if held.time_is_up() => too_long(url),
        trouble => ended(trouble, url),
    }))
}

/// Where the repository is, or is to be cloned to.
fn folder_of(held: &Held<'_>, source: &Source, place: &GitPlace) -> Result<PathBuf, End> {
    let config = &held.plane.config;
    if place.is_folder() {
        return documents::resolve(&place.url, &config.git_roots).map_err(|why| match why {
            Unusable::NotFound => End::failed("PATH_NOT_FOUND", "there is no such folder", Some(place.url.clone())),
            Unusable::NotAllowed => {
                let why = "the folder is not under those that PULLCORD_GIT_ROOTS allows";
                End::failed("PATH_NOT_ALLOWED", why, Some(place.url.clone()))
            }
        });
    }
    let which = crate::digest::short_name(&place.url);
    Ok(config.git_cache.join(format!("{}-{}", source.id, which.get(..12).unwrap_or(&which))))
}

/// The header that shows a source's credential. Every forge takes a token for a password,
/// and this user for anybody's; whoever needs another name writes it before a colon.
async fn authorization(held: &Held<'_>, source: &Source) -> Result<Result<Option<String>, End>, Stop> {
    let Some(sealed) = &source.credential else { return Ok(Ok(None)) };
    match held.plane.vault.open(sealed, &source.workspace, &source.id).await {
        Ok(Kept::Token(credential)) => {
            let token = credential.token;
            let pair = if token.contains(':') { token } else { format!("x-token-auth:{token}") };
            Ok(Ok(Some(format!("Basic {}", STANDARD.encode(pair)))))
        }
        Ok(Kept::App(_)) => {
            Ok(Err(End::failed("CREDENTIAL_UNUSABLE", "git is fetched with a token, and not with the key of an app", None)))
        }
        Err(Fault::Broken { why, .. }) => Ok(Err(End::failed("CREDENTIAL_UNREADABLE", why, None))),
        Err(fault) => Err(fault.into()),
    }
}

/// Sends what git asks, from its thread.
fn opening(http: Http, authorization: Option<String>, bytes: Arc<AtomicU64>) -> Open {
    let handle = tokio::runtime::Handle::current();
    Arc::new(move |url, headers, body| {
        let body = body.map(String::from_utf8).transpose().map_err(|_| Unanswered::Broken("git asked for what is no text".into()))?;
        let secret_headers = authorization.iter().map(|value| ("authorization", value.clone())).collect();
        let outgoing = Outgoing { url: url.to_owned(), headers, body, secret_headers, ..Outgoing::default() };
        let Streamed { status, headers, body } = handle.block_on(http.open(outgoing))?;
        let body = Box::new(Arriving { handle: handle.clone(), body, left: Bytes::new(), bytes: bytes.clone() });
        Ok(Opened { status, headers: headers.into_iter().collect(), body })
    })
}

/// A body, as a thread reads it that may wait.
struct Arriving {
    handle: tokio::runtime::Handle,
    body: BoxStream<'static, Result<Bytes, Unanswered>>,
    left: Bytes,
    bytes: Arc<AtomicU64>,
}

impl Read for Arriving {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.left.is_empty() {
            match self.handle.block_on(self.body.next()) {
                Some(Ok(piece)) => self.left = piece,
                Some(Err(why)) => return Err(std::io::Error::other(why)),
                None => return Ok(0),
            }
        }
        let count = self.left.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.left.split_to(count));
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Tells the thread to stop when nobody waits for it any more.
struct StopWithMe<'a>(&'a AtomicBool);

impl Drop for StopWithMe<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn watched<T: Send + 'static>(
    held: &mut Held<'_>,
    stop: &AtomicBool,
    bytes: &AtomicU64,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Stop> {
    let _stops = StopWithMe(stop);
    let mut thread = tokio::task::spawn_blocking(work);
    let (clock, mut heard) = (held.plane.clock.clone(), 0);
    loop {
        tokio::select! {
            done = &mut thread => return done.map_err(|why| Stop::Fault(Fault::broken("git", why))),
            () = clock.sleep(LOOK) => {}
        }
        let by_now = bytes.load(Ordering::Relaxed);
        if by_now > heard {
            heard = by_now;
            held.heartbeat().await?;
        }
        held.heed().await?;
        if held.time_is_up() {
            stop.store(true, Ordering::Relaxed);
        }
    }
}

impl Errand {
    fn run(&self) -> Result<Fetched, Trouble> {
        if self.place.is_folder() {
            return self.own();
        }
        let lock = lock(&self.folder)?;
        let found = self.kept(&lock);
        let found = match found {
            // A clone that cannot be read is no loss.
            Err(Trouble::Broken(_)) if self.folder.exists() => {
                std::fs::remove_dir_all(&self.folder)
                    .map_err(|why| Trouble::Broken(format!("its clone cannot be removed: {}", why.kind())))?;
                self.kept(&lock)
            }
            found => found,
        };
        found.map(|fetched| Fetched { clone: Some((self.folder.clone(), lock)), ..fetched })
    }

    /// A clone of somebody else's.
    fn kept(&self, _lock: &File) -> Result<Fetched, Trouble> {
        let repository = Repository::kept(&self.folder)?;
        let reader = repository.reader();
        if let Some(aims) = self.aims.as_ref().filter(|aims| aims.iter().all(|aim| self.has(&reader, aim))) {
            return Ok(Fetched { aims: aims.clone(), pulled: None, repository, clone: None });
        }
        let since = self.known.iter().filter(|branch| self.wants(branch)).map(|branch| branch.made_at).min();
        let history = since.filter(|_| self.pulls).map_or(History::None, History::Since);
        let wire = Wire::new(self.open.clone());
        let pull = Pull { url: self.place.url.clone(), branches: self.branches.clone(), history, into: FETCHED.to_owned() };
        let settled = |tip: &Tip| self.has(&reader, &aim(tip)) && (history == History::None || self.is_indexed(tip));
        let tips = reader.pull(&pull, &wire, &settled, &self.stop)?;
        self.fetched(repository, &tips)
    }

    /// The user's own, of which nothing is moved but what it knows of its remote.
    fn own(&self) -> Result<Fetched, Trouble> {
        let repository = Repository::own(&self.folder, &self.roots)?;
        let reader = repository.reader();
        if let Some(aims) = self.aims.as_ref().filter(|aims| aims.iter().all(|aim| self.has(&reader, aim))) {
            return Ok(Fetched { aims: aims.clone(), pulled: None, repository, clone: None });
        }
        if !self.pulls {
            let tips = reader.heads(&self.branches)?;
            return self.fetched(repository, &tips);
        }
        let name = &self.place.remote;
        let url = reader.remote(name).ok_or_else(|| Trouble::Unsupported(format!("the repository has no remote {name}")))?;
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(Trouble::Unsupported(format!("its remote {name} is not reached over HTTP, which is all that is spoken here")));
        }
        let into = format!("refs/remotes/{name}/");
        let pull = Pull { url, branches: self.branches.clone(), history: History::All, into };
        let tips = reader.pull(&pull, &Wire::new(self.open.clone()), &|tip| reader.has(tip.commit), &self.stop)?;
        self.fetched(repository, &tips)
    }

    fn fetched(&self, repository: Repository, tips: &[Tip]) -> Result<Fetched, Trouble> {
        let reader = repository.reader();
        let mut pulled = None;
        for tip in tips.iter().filter(|_| self.pulls) {
            let Some(before) = self.known.iter().find(|known| known.branch == tip.branch).and_then(indexed) else { continue };
            let (count, all) = reader.commits(before, tip.commit, MOST_COMMITS)?;
            let (sum, so_far) = pulled.unwrap_or((0, true));
            pulled = Some((sum + count as u64, so_far && all));
        }
        let aims = tips.iter().map(aim).collect();
        Ok(Fetched { repository, aims, pulled, clone: None })
    }

    /// Whether what is needed of a commit is here.
    fn has(&self, reader: &Reader, aim: &Aim) -> bool {
        self.settled.contains(aim) || id(&aim.commit).is_some_and(|id| reader.has(id))
    }

    fn wants(&self, branch: &IndexedBranch) -> bool {
        branch.manifest.is_some() && self.branches.iter().any(|wanted| wanted.as_ref().is_none_or(|wanted| *wanted == branch.branch))
    }

    fn is_indexed(&self, tip: &Tip) -> bool {
        self.known.iter().any(|known| known.branch == tip.branch && indexed(known) == Some(tip.commit))
    }
}

fn aim(tip: &Tip) -> Aim {
    Aim { branch: tip.branch.clone(), commit: tip.commit.to_string() }
}

/// The commit that a branch's index shows.
fn indexed(branch: &IndexedBranch) -> Option<ObjectId> {
    branch.manifest.as_ref().and_then(|manifest| id(&manifest.commit))
}

pub(super) fn id(commit: &str) -> Option<ObjectId> {
    ObjectId::from_hex(commit.as_bytes()).ok()
}

fn too_long(url: Option<String>) -> End {
    End::failed("FETCH_TOO_LONG", "the repository could not be fetched in the time that a worker has", url.map(|url| shown(&url)))
}

/// An address as it may be shown.
fn shown(url: &str) -> String {
    // What is no whole address is one of the same host, or none at all.
    let Ok(mut url) = url::Url::parse(url) else { return url.split(['?', '#']).next().unwrap_or_default().to_owned() };
    url.set_query(None);
    url.set_fragment(None);
    // An address that cannot have a user has none to be shown.
    let _ = (url.set_username(""), url.set_password(None));
    url.to_string()
}

/// What a person is told of it.
fn ended(trouble: Trouble, url: Option<String>) -> End {
    let (code, message) = match &trouble {
        Trouble::Refused(Refused::Status(401)) => ("CREDENTIAL_REJECTED", "the remote does not accept the credential".to_owned()),
        Trouble::Refused(Refused::Status(403)) => ("PERMISSION_MISSING", "the credential may not read this repository".to_owned()),
        Trouble::Refused(Refused::Status(404 | 410)) => {
            ("REPOSITORY_NOT_FOUND", "there is no such repository, or the credential may not see it".to_owned())
        }
        Trouble::Refused(Refused::Status(_)) => ("REMOTE_FAILED", trouble.told()),
        Trouble::Refused(Refused::Moved(to)) => ("REPOSITORY_MOVED", format!("the repository is elsewhere now: {}", shown(to))),
        Trouble::Refused(Refused::Unreachable(why @ Unanswered::Forbidden(_))) => ("ADDRESS_NOT_ALLOWED", why.to_string()),
        Trouble::Refused(Refused::Unreachable(why)) => ("REMOTE_UNREACHABLE", why.to_string()),
        Trouble::NoBranch { .. } | Trouble::NoHead => ("BRANCH_NOT_FOUND", trouble.told()),
        Trouble::Empty => ("REPOSITORY_EMPTY", trouble.told()),
        Trouble::Busy => ("CLONE_BUSY", trouble.told()),
        Trouble::Interrupted => ("FETCH_INTERRUPTED", trouble.told()),
        Trouble::Unsupported(_) => ("NOT_SUPPORTED", trouble.told()),
        Trouble::Broken(_) => ("REPOSITORY_UNREADABLE", trouble.told()),
    };
    End::failed(code, message, url.map(|url| shown(&url)))
}
