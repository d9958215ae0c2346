//! What is to be done about a branch, and the two writes that say so: that a run sets out
//! for a tree, before it touches anything, and that the index shows it, after all.

use super::super::Stop;
use super::super::held::Held;
use super::Aim;
use super::fetching::{Fetched, id};
use crate::error::Fault;
use crate::index::embed;
use crate::index::git::{Entry, Kind, Reader, Trouble};
use crate::index::ignoring::Ignored;
use crate::index::manifest::{Change, Manifest, Work};
use crate::model::{IndexOptions, IndexedBranch, KeptManifest, Run, Source, Strategy};
use crate::store::{Store, keys};

/// The longest path whose pieces fit a key.
const LONGEST_PATH: usize = 900;
/// Names that a warning gives.
const SOME_NAMES: usize = 5;

/// What is to be done about a branch.
pub(super) struct Plan {
    pub(super) branch: IndexedBranch,
    pub(super) aim: Aim,
    pub(super) ignored: String,
    pub(super) target: Manifest,
    pub(super) work: Work,
    pub(super) strategy: Strategy,
    /// Nothing of what is there is taken for good.
    pub(super) anew: bool,
    pub(super) unchanged: u64,
    /// Whether the index may have pieces of files that it should not.
    pub(super) doubts: bool,
}

impl Plan {
    /// Whether the index shows this tree already, so that there is nothing to write.
    pub(super) fn is_settled(&self) -> bool {
        self.work.is_empty() && shows(&self.branch, &self.aim, &self.ignored, self.anew)
    }
}

/// What is left out of a source's trees, and the name of that.
pub(super) fn ignored(source: &Source, options: &IndexOptions) -> (Vec<String>, String) {
    let patterns = [source.ignore_patterns.clone(), options.ignore_patterns.clone()].concat();
    let name = crate::digest::short_name(&patterns.join("\n"));
    (patterns, name)
}

/// Whether a branch's index is what a run would make of it.
pub(super) fn shows(branch: &IndexedBranch, aim: &Aim, ignored: &str, anew: bool) -> bool {
    let kept = branch.manifest.as_ref().filter(|_| !anew && branch.embedder == embed::NAME && branch.begun.is_empty());
    kept.is_some_and(|kept| kept.commit == aim.commit && kept.ignored == ignored)
}

pub(super) async fn plan(
    held: &mut Held<'_>,
    source: &Source,
    options: &IndexOptions,
    fetched: &Fetched,
    aim: &Aim,
    is_first_look: bool,
) -> Result<Plan, Stop> {
    let store = &held.plane.store;
    let branch = store.branch(&source.id, &aim.branch).await?;
    let branch = branch.unwrap_or_else(|| IndexedBranch { branch: aim.branch.clone(), ..IndexedBranch::default() });
    let (patterns, ignored) = ignored(source, options);
    let full = held.run.options.full;
    if let Some(kept) = branch.manifest.as_ref().filter(|_| shows(&branch, aim, &ignored, full)) {
        let (unchanged, strategy) = (kept.files, Strategy::Incremental);
        let (target, work) = (Manifest::default(), Work::new());
        return Ok(Plan { aim: aim.clone(), ignored, target, work, strategy, anew: false, unchanged, doubts: false, branch });
    }
    let before = match &branch.manifest {
        Some(kept) => store.manifest(&source.id, &aim.branch, kept).await?,
        None => None,
    };
    let is_other_embedder = branch.manifest.is_some() && branch.embedder != embed::NAME;
    let mut run = held.run.clone();
    let anew = full || is_other_embedder;
    let (reader, commit) = (fetched.repository.clone(), aim.commit.clone());
    let target = super::super::folder::blocking(move || {
        let set = Ignored::by(&patterns);
        let commit = id(&commit).ok_or_else(|| Trouble::Broken("a checkpoint names no commit".into()))?;
        read(&reader.reader(), commit, &set)
    });
    let (target, left_out) = target.await?.map_err(|why| Fault::broken("git", why.told()))?;
    if is_first_look {
        left_out.warn(&mut run, &aim.branch);
        if is_other_embedder {
            run.warn("EMBEDDER_CHANGED", "what makes vectors of text changed: all of the branch is indexed anew", Some(&aim.branch));
        }
        held.run.warnings = run.warnings;
    }
    let doubted = doubted(store, source, &branch, before.as_ref(), &held.run, aim).await?;
    let doubts = doubted.any();
    let before = before.unwrap_or_default();
    let mut work = before.work(&target, &|path| anew || doubted.has(path, &before));
    let most = before.0.len().max(target.0.len());
    let is_full = anew || branch.manifest.is_none() || (!options.incremental && work.len() * 2 > most);
    if is_full && !anew {
        work = before.work(&target, &|_| true);
    }
    doubted.add_strangers(&before, &target, &mut work);
    let touched = work.iter().filter(|(_, change)| change.blob().is_some()).count();
    let unchanged = (target.0.len() - touched.min(target.0.len())) as u64;
    let strategy = match (is_full, options.incremental) {
        (true, _) => Strategy::Full,
        (false, true) => Strategy::Incremental,
        (false, false) => Strategy::Smart,
    };
    Ok(Plan { aim: aim.clone(), ignored, target, work, strategy, anew, unchanged, doubts, branch })
}

/// What lies in a tree and is not indexed.
#[derive(Default)]
struct LeftOut {
    links: Vec<String>,
    submodules: Vec<String>,
    unnamed: usize,
    too_long: Vec<String>,
}

impl LeftOut {
    fn warn(&self, run: &mut Run, branch: &str) {
        let mut tell = |code: &str, count: usize, what: &str, names: &[String]| {
            if count > 0 {
                let some = names.iter().take(SOME_NAMES).cloned().collect::<Vec<_>>().join(", ");
                let more = if count > SOME_NAMES { ", …" } else { "" };
                run.warn(code, &format!("{count} {what} of {branch} {some}{more}"), Some(branch));
            }
        };
        tell("LINKS_SKIPPED", self.links.len(), "symbolic links are not followed, of the tree", &self.links);
        tell(
            "SUBMODULES_SKIPPED",
            self.submodules.len(),
            "submodules are not indexed, which are repositories of their own,",
            &self.submodules,
        );
        tell("NAMES_SKIPPED", self.unnamed, "files are left out whose names are no text", &[]);
        tell("NAMES_SKIPPED", self.too_long.len(), "files are left out whose paths are too long", &self.too_long);
    }
}

fn read(reader: &Reader, commit: crate::index::git::ObjectId, ignored: &Ignored) -> Result<(Manifest, LeftOut), Trouble> {
    let (mut manifest, mut left_out) = (Manifest::default(), LeftOut::default());
    for Entry { path, kind, blob } in reader.entries(commit)? {
        let Some(path) = path else {
            left_out.unnamed += 1;
            continue;
        };
        if ignored.has(&path) {
            continue;
        }
        match kind {
            Kind::Link => left_out.links.push(path),
            Kind::Submodule => left_out.submodules.push(path),
            Kind::File if path.len() > LONGEST_PATH => left_out.too_long.push(path),
            Kind::File => {
                let blob = blob.as_slice().try_into().map_err(|_| Trouble::Unsupported("its objects are named by SHA-256".into()))?;
                manifest.0.insert(path, blob);
            }
        }
    }
    Ok((manifest, left_out))
}

/// What runs that never ended may have written.
struct Doubted {
    /// What these set out for; none if that cannot be known any more.
    begun: Option<Vec<Manifest>>,
}

impl Doubted {
    fn has(&self, path: &str, before: &Manifest) -> bool {
        self.begun.as_ref().is_none_or(|begun| begun.iter().any(|one| one.differs_at(before, path)))
    }

    fn any(&self) -> bool {
        self.begun.as_ref().is_none_or(|begun| !begun.is_empty())
    }

    /// Adds files that only such a run knew of, and may have written pieces of.
    fn add_strangers(&self, before: &Manifest, target: &Manifest, work: &mut Work) {
        let strangers = self.begun.iter().flatten().flat_map(|one| one.0.keys());
        let mut strangers: Vec<&String> = strangers.filter(|path| !before.0.contains_key(*path) && !target.0.contains_key(*path)).collect();
        strangers.sort_unstable();
        strangers.dedup();
        work.extend(strangers.into_iter().map(|path| (path.clone(), Change::Stray)));
    }
}

async fn doubted(
    store: &Store,
    source: &Source,
    branch: &IndexedBranch,
    before: Option<&Manifest>,
    run: &Run,
    aim: &Aim,
) -> Result<Doubted, Fault> {
    if branch.manifest.is_some() && before.is_none() {
        return Ok(Doubted { begun: None });
    }
    let mut begun = Vec::new();
    for kept in branch.begun.iter().filter(|kept| !is_of(kept, run, aim)) {
        // One that is not whole was lost before anything was written for it.
        begun.extend(store.manifest(&source.id, &branch.branch, kept).await?);
    }
    Ok(Doubted { begun: Some(begun) })
}

/// Whether a run set out for this itself.
fn is_of(kept: &KeptManifest, run: &Run, aim: &Aim) -> bool {
    kept.run == run.id && kept.commit == aim.commit
}

/// Puts on record what the run sets out for, unless it did before.
pub(super) async fn set_out(held: &mut Held<'_>, source: &Source, mut plan: Plan) -> Result<Plan, Stop> {
    let bytes = plan.target.encode().map_err(|why| Fault::broken("manifest", why))?;
    let last = plan.branch.begun.last().filter(|kept| is_of(kept, &held.run, &plan.aim) && kept.ignored == plan.ignored);
    let kept = if let Some(kept) = last {
        kept.clone()
    } else {
        let id = format!("{}-{}", held.run.id, plan.branch.begun.len());
        let (commit, ignored, files) = (plan.aim.commit.clone(), plan.ignored.clone(), plan.target.0.len() as u64);
        let kept = KeptManifest { id, run: held.run.id, commit, ignored, parts: Store::parts_of(&bytes), files };
        let mut branch = plan.branch.clone();
        branch.begun.push(kept.clone());
        branch.version += 1;
        let write = Store::branch_write(&source.id, &branch, plan.branch.version)?;
        held.commit_part(held.run.clone(), vec![write]).await?;
        plan.branch = branch;
        kept
    };
    if held.plane.store.manifest(&source.id, &plan.aim.branch, &kept).await?.is_none() {
        held.plane.store.keep_manifest(&source.id, &plan.aim.branch, &kept.id, &bytes).await?;
    }
    Ok(plan)
}

/// The index shows the branch's tree from now on.
pub(super) async fn arrive(held: &mut Held<'_>, source: &Source, fetched: &Fetched, place: String, plan: Plan) -> Result<(), Stop> {
    let mut branch = plan.branch.clone();
    let Some(kept) = branch.begun.pop() else { return Err(Fault::broken("branch", "it was never set out for").into()) };
    let forgotten: Vec<KeptManifest> = branch.manifest.take().into_iter().chain(std::mem::take(&mut branch.begun)).collect();
    let repository = fetched.repository.clone();
    let commit = id(&kept.commit);
    let made_at = super::super::folder::blocking(move || commit.and_then(|commit| repository.reader().made_at(commit).ok())).await?;
    branch.manifest = Some(kept);
    branch.made_at = made_at.unwrap_or_default();
    embed::NAME.clone_into(&mut branch.embedder);
    branch.indexed_at = Some(held.now());
    branch.version += 1;
    let mut run = held.run.clone();
    if let Some(indexing) = run.indexing.as_deref_mut() {
        branch.chunks = if plan.doubts {
            held.plane.store.count_pieces(&keys::tree(&source.id, &branch.branch)).await?
        } else {
            branch.chunks.saturating_add_signed(indexing.grown_here)
        };
        indexing.chunks_kept += branch.chunks.saturating_sub(indexing.embedded_here);
    }
    let write = Store::branch_write(&source.id, &branch, plan.branch.version)?;
    run.next_request = Some(place);
    held.commit_part(run, vec![write]).await?;
    for old in forgotten {
        held.plane.store.forget_manifest(&source.id, &branch.branch, &old).await?;
    }
    Ok(())
}
