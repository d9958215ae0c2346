//! A git repository: where its branches are, and what lies in their trees.
//!
//! All of it blocks, and is called where that harms nobody. A repository of somebody
//! else's is kept as a bare clone, as shallow as it was asked for; what was cut off is
//! fetched when commits are to be counted. A folder that is a repository itself is read
//! as it is, and nothing of its user's is moved.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use gix::bstr::ByteSlice;
use gix::objs::tree::EntryKind;
use gix::remote::fetch::Shallow;
use gix_transport::client::blocking_io::http::Transport;

mod wire;

pub use gix::ObjectId;
pub use wire::{Open, Opened, Refused, Wire};

/// Where branches are kept in a clone.
pub const FETCHED: &str = "refs/fetched/";

/// Why a repository cannot be worked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    Refused(Refused),
    /// Somebody asked to stop.
    Interrupted,
    /// There is no such branch; these are there.
    NoBranch {
        wanted: String,
        there: Vec<String>,
    },
    /// The repository has no commit yet.
    Empty,
    /// Its HEAD names no branch.
    NoHead,
    /// Somebody else is at this clone.
    Busy,
    /// It is not done here, and why.
    Unsupported(String),
    Broken(String),
}

impl Trouble {
    /// As the log and a run say it.
    pub fn told(&self) -> String {
        match self {
            Self::Broken(why) | Self::Unsupported(why) => why.clone(),
            Self::Interrupted => "it was interrupted".to_owned(),
            Self::Busy => "another worker is at this clone".to_owned(),
            Self::Empty => "the repository has no commit yet".to_owned(),
            Self::NoHead => "the repository's HEAD names no branch: name one".to_owned(),
            Self::NoBranch { wanted, there } => format!("there is no branch {wanted}; there are {}", there.join(", ")),
            Self::Refused(Refused::Status(status)) => format!("the remote answered {status}"),
            Self::Refused(Refused::Moved(_)) => "the repository is elsewhere now".to_owned(),
            Self::Refused(Refused::Unreachable(why)) => why.to_string(),
        }
    }
}

/// A branch and the commit that it points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    pub branch: String,
    pub commit: ObjectId,
}

/// What lies at a path of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    Link,
    Submodule,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// None if the name is not text.
    pub path: Option<String>,
    pub kind: Kind,
    pub blob: ObjectId,
}

/// How much history is fetched with a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// The last commit alone.
    None,
    /// Commits since that second, of the Unix clock.
    Since(i64),
    /// As much as there is here.
    All,
}

/// What is asked of a remote.
#[derive(Clone, Debug)]
pub struct Pull {
    pub url: String,
    /// None is the branch that its HEAD names.
    pub branches: Vec<Option<String>>,
    pub history: History,
    /// Where its branches are kept here.
    pub into: String,
}

/// A repository that several threads may read.
#[derive(Clone)]
pub struct Repository(gix::ThreadSafeRepository);

/// The same in one of them.
pub struct Reader(gix::Repository);

/// What could not be done. gix says much more: its errors hold what it read, a file's content or an address with a
/// password, and people see what is said of a run.
const OPEN: &str = "it cannot be opened as a repository of git";
const ASK: &str = "its remote cannot be asked, or says what git does not";
const BRANCHES: &str = "its branches cannot be read";
const TREE: &str = "a tree of it cannot be read";
const FILE: &str = "a file of it cannot be read";
const HISTORY: &str = "its history cannot be read";

fn broken<Error>(what: &'static str) -> impl Fn(Error) -> Trouble {
    move |_| Trouble::Broken(what.to_owned())
}

impl Repository {
    /// The bare clone in that folder; an empty one is made where there is none. Nobody else
    /// may be at it.
    pub fn kept(folder: &Path) -> Result<Self, Trouble> {
        let options = gix::open::Options::isolated();
        if folder.join("HEAD").is_file() {
            unlock(folder);
            return gix::ThreadSafeRepository::open_opts(folder, options).map(Self).map_err(broken(OPEN));
        }
        std::fs::create_dir_all(folder).map_err(|why| Trouble::Broken(format!("the folder for clones cannot be used: {}", why.kind())))?;
        let made = gix::ThreadSafeRepository::init_opts(folder, gix::create::Kind::Bare, gix::create::Options::default(), options);
        made.map(Self).map_err(broken(OPEN))
    }

    /// The repository that a folder is, with its work tree or bare. All of it has to lie under one of the roots: git's
    /// own files may lead elsewhere, and whoever may write them need not be allowed to read there.
    pub fn own(folder: &Path, roots: &[PathBuf]) -> Result<Self, Trouble> {
        // What is pulled into it may be noted in its own log of references, in somebody's name.
        let options = gix::open::Options::isolated().config_overrides(["user.name=pullcord", "user.email=pullcord@localhost"]);
        let opened = gix::ThreadSafeRepository::open_opts(folder, options).map(Self).map_err(broken(OPEN))?;
        let local = opened.0.to_thread_local();
        stays_under(roots, local.git_dir())?;
        stays_under(roots, local.common_dir())?;
        Ok(opened)
    }

    pub fn reader(&self) -> Reader {
        Reader(self.0.to_thread_local())
    }
}

/// Nothing in a folder of git may lead out of the roots: no link, and no list of other places for objects.
fn stays_under(roots: &[PathBuf], folder: &Path) -> Result<(), Trouble> {
    let elsewhere = || Trouble::Unsupported("parts of the repository lie outside the folders that PULLCORD_GIT_ROOTS allows".to_owned());
    let roots: Vec<PathBuf> = roots.iter().filter_map(|root| root.canonicalize().ok()).collect();
    let is_under = |path: &Path| path.canonicalize().is_ok_and(|real| roots.iter().any(|root| real.starts_with(root)));
    if !is_under(folder) || folder.join("objects/info/alternates").exists() {
        return Err(elsewhere());
    }
    let mut links = walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok).filter(walkdir::DirEntry::path_is_symlink);
    if links.all(|link| is_under(link.path())) { Ok(()) } else { Err(elsewhere()) }
}

/// A process that was killed leaves its locks, and nobody else is at this clone.
fn unlock(folder: &Path) {
    let locks = walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok);
    for lock in locks.filter(|entry| entry.file_type().is_file() && entry.path().extension().is_some_and(|end| end == "lock")) {
        // What cannot be removed is met again where it is in the way.
        drop(std::fs::remove_file(lock.path()));
    }
}

impl Reader {
    /// Asks a remote where branches are, and fetches what is not `known`.
    pub fn pull(&self, pull: &Pull, wire: &Wire, known: &dyn Fn(&Tip) -> bool, stop: &AtomicBool) -> Result<Vec<Tip>, Trouble> {
        let pulled = self.pulled(pull, wire, known, stop);
        pulled.map_err(|trouble| match (trouble, wire.refused()) {
            _ if stop.load(std::sync::atomic::Ordering::Relaxed) => Trouble::Interrupted,
            (Trouble::Broken(_), Some(refused)) => Trouble::Refused(refused),
            (trouble, _) => trouble,
        })
    }

    fn pulled(&self, pull: &Pull, wire: &Wire, known: &dyn Fn(&Tip) -> bool, stop: &AtomicBool) -> Result<Vec<Tip>, Trouble> {
        let url = gix::url::parse(pull.url.as_bytes().as_bstr()).map_err(broken(ASK))?;
        let remote = || Ok(self.0.remote_at(url.clone()).map_err(broken(ASK))?.with_fetch_tags(gix::remote::fetch::Tags::None));
        let asking = |specs: Vec<String>| {
            let specs = specs.iter().map(String::as_str);
            remote()?.with_refspecs(specs, gix::remote::Direction::Fetch).map_err(broken(ASK))
        };
        let transport = || Transport::new_http(wire.clone(), url.clone(), gix_transport::Protocol::V2, false);
        let all = vec![format!("+refs/heads/*:{}*", pull.into), "+HEAD:refs/fetched-head".to_owned()];
        let (map, _) = asking(all)?
            .to_connection_with_transport(transport())
            .ref_map(gix::progress::Discard, gix::remote::ref_map::Options::default())
            .map_err(broken(ASK))?;
        let tips = tips(&map.remote_refs, &pull.branches)?;
        if tips.iter().all(known) {
            return Ok(tips);
        }
        let shallow = match pull.history {
            History::None => Shallow::DepthAtRemote(NonZeroU32::MIN),
            History::Since(second) => Shallow::Since { cutoff: gix::date::Time::new(second, 0) },
            History::All => Shallow::NoChange,
        };
        asking(tips.iter().map(|tip| format!("+refs/heads/{0}:{1}{0}", tip.branch, pull.into)).collect())?
            .to_connection_with_transport(transport())
            .prepare_fetch(gix::progress::Discard, gix::remote::ref_map::Options::default())
            .map_err(broken(ASK))?
            .with_shallow(shallow)
            .receive(gix::progress::Discard, stop)
            .map_err(broken(ASK))?;
        Ok(tips)
    }

    /// Where branches of this repository itself are.
    pub fn heads(&self, branches: &[Option<String>]) -> Result<Vec<Tip>, Trouble> {
        let current = self.0.head_name().map_err(broken(BRANCHES))?.map(|name| name.shorten().to_str_lossy().into_owned());
        let mut heads = BTreeMap::new();
        for head in self.0.references().map_err(broken(BRANCHES))?.local_branches().map_err(broken(BRANCHES))? {
            let mut head = head.map_err(broken(BRANCHES))?;
            let name = head.name().shorten().to_str_lossy().into_owned();
            heads.insert(name, head.peel_to_id().map_err(broken(BRANCHES))?.detach());
        }
        chosen(heads, current.as_deref(), branches)
    }

    /// The address of one of this repository's remotes, and whether there is one.
    pub fn remote(&self, name: &str) -> Option<String> {
        let remote = self.0.find_remote(name).ok()?;
        remote.url(gix::remote::Direction::Fetch).map(|url| url.to_bstring().to_str_lossy().into_owned())
    }

    pub fn has(&self, commit: ObjectId) -> bool {
        self.0.has_object(commit)
    }

    /// Everything in the tree of a commit, by path.
    pub fn entries(&self, commit: ObjectId) -> Result<Vec<Entry>, Trouble> {
        let tree = self.0.find_commit(commit).map_err(broken(TREE))?.tree().map_err(broken(TREE))?;
        let found = tree.traverse().breadthfirst.files().map_err(broken(TREE))?;
        let entry = |found: gix::traverse::tree::recorder::Entry| {
            let kind = match found.mode.kind() {
                EntryKind::Tree => return None,
                EntryKind::Blob | EntryKind::BlobExecutable => Kind::File,
                EntryKind::Link => Kind::Link,
                EntryKind::Commit => Kind::Submodule,
            };
            Some(Entry { path: String::from_utf8(found.filepath.into()).ok(), kind, blob: found.oid })
        };
        let mut entries: Vec<Entry> = found.into_iter().filter_map(entry).collect();
        entries.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        Ok(entries)
    }

    /// How long a file is.
    pub fn size(&self, blob: ObjectId) -> Result<u64, Trouble> {
        Ok(self.0.find_header(blob).map_err(broken(FILE))?.size())
    }

    pub fn read(&self, blob: ObjectId) -> Result<Vec<u8>, Trouble> {
        Ok(self.0.find_blob(blob).map_err(broken(FILE))?.take_data())
    }

    /// The second at which a commit was made.
    pub fn made_at(&self, commit: ObjectId) -> Result<i64, Trouble> {
        Ok(self.0.find_commit(commit).map_err(broken(HISTORY))?.time().map_err(broken(HISTORY))?.seconds)
    }

    /// How many commits lead from one to another, up to a number; and whether that is
    /// all of them.
    pub fn commits(&self, from: ObjectId, to: ObjectId, most: usize) -> Result<(usize, bool), Trouble> {
        if from == to {
            return Ok((0, true));
        }
        let walk = self.0.rev_walk([to]);
        let walk = if self.has(from) { walk.with_hidden([from]) } else { walk };
        let count = walk.all().map_err(broken(HISTORY))?.take(most + 1).take_while(Result::is_ok).count();
        Ok((count.min(most), count <= most && self.has(from)))
    }
}

/// Where the wanted branches are, of what a remote lists.
fn tips(listed: &[gix::protocol::handshake::Ref], wanted: &[Option<String>]) -> Result<Vec<Tip>, Trouble> {
    use gix::protocol::handshake::Ref;
    let mut heads: BTreeMap<String, ObjectId> = BTreeMap::new();
    let mut current = None;
    for found in listed {
        let (name, target, _) = found.unpack();
        if name == "HEAD" {
            if let Ref::Symbolic { target, .. } | Ref::Unborn { target, .. } = found {
                current = target.strip_prefix(b"refs/heads/").map(|name| name.to_str_lossy().into_owned());
            }
        } else if let (Some(name), Some(target)) = (name.strip_prefix(b"refs/heads/"), target) {
            heads.insert(name.to_str_lossy().into_owned(), target.to_owned());
        }
    }
    chosen(heads, current.as_deref(), wanted)
}

fn chosen(heads: BTreeMap<String, ObjectId>, current: Option<&str>, wanted: &[Option<String>]) -> Result<Vec<Tip>, Trouble> {
    if heads.is_empty() {
        return Err(Trouble::Empty);
    }
    let mut tips: Vec<Tip> = Vec::new();
    for name in wanted {
        let name = name.as_deref().or(current).ok_or(Trouble::NoHead)?;
        let Some(commit) = heads.get(name) else {
            return Err(Trouble::NoBranch { wanted: name.to_owned(), there: heads.keys().take(20).cloned().collect() });
        };
        if !tips.iter().any(|tip| tip.branch == name) {
            tips.push(Tip { branch: name.to_owned(), commit: *commit });
        }
    }
    Ok(tips)
}
