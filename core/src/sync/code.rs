//! The engine for the code of git repositories.
//!
//! A run finds out where the branches are, compares their trees with what is indexed,
//! and touches the files that differ. Their pieces are written in the transaction that
//! moves the run on, as items are; which tree the index shows changes in one write when
//! a branch is done. What a run set out for is on record before it touches anything, so
//! that whoever comes after one that never ended knows what to doubt.

use serde::{Deserialize, Serialize};

use super::held::Held;
use super::{End, Stop};
use crate::admission::Counted;
use crate::error::Fault;
use crate::model::{IndexOptions, Indexing, Source, Stage, Strategy};

mod clones;
mod fetching;
mod planning;
mod removing;
mod writing;

use fetching::Fetched;
use planning::Plan;
pub(super) use removing::remove;

/// Where a run is.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Place {
    /// Branches and the commits that they were at when it began.
    aims: Vec<Aim>,
    /// Branches that are done, and paths of the next one.
    branches_done: usize,
    paths_done: usize,
    /// Of the path after those, if it was begun: how many pieces it had.
    #[serde(default)]
    had: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Aim {
    branch: String,
    commit: String,
}

pub(super) async fn sync(held: &mut Held<'_>, source: &Source) -> Result<End, Stop> {
    let options = held.run.options.index.as_deref().cloned().unwrap_or_default();
    let known: Option<Place> = match held.run.next_request.as_deref().map(serde_json::from_str) {
        Some(Ok(place)) => Some(place),
        Some(Err(why)) => return Err(Fault::broken("checkpoint", why).into()),
        None => None,
    };
    held.run.progress.stage = Some(Stage::Fetching);
    let fetched = match Box::pin(fetching::fetch(held, source, &options, known.as_ref())).await? {
        Ok(fetched) => fetched,
        Err(end) => return Ok(end),
    };
    let place = match known {
        Some(place) if fetched.aims == place.aims => place,
        known => begin(held, &options, &fetched, known.as_ref()).await?,
    };
    match Box::pin(branches(held, source, &options, &fetched, place)).await {
        // Another try would read the same.
        Err(Stop::Fault(Fault::Broken { part: "git", why })) => {
            fetched.forget().await?;
            Ok(End::failed("REPOSITORY_UNREADABLE", why, None))
        }
        ended => ended,
    }
}

/// Notes what the run sets out for. One that lost its commits on the way, since the
/// remote has them no more, sets out anew.
async fn begin(held: &mut Held<'_>, options: &IndexOptions, fetched: &Fetched, lost: Option<&Place>) -> Result<Place, Stop> {
    let mut run = held.run.clone();
    if lost.is_some() {
        run.warn("BRANCH_MOVED", "a branch moved while it was indexed; it was begun again where it is now", None);
    }
    let place = Place { aims: fetched.aims.clone(), branches_done: 0, paths_done: 0, had: None };
    let strategy = match (run.options.full, options.incremental) {
        (true, _) => Strategy::Full,
        (false, true) => Strategy::Incremental,
        (false, false) => Strategy::Smart,
    };
    let branches = place.aims.iter().map(|aim| aim.branch.clone()).collect();
    let mut indexing = Indexing::begun(strategy, branches);
    (indexing.pulled_commits, indexing.pulled_at_least) = fetched.pulled.map_or((None, false), |(count, all)| (Some(count), !all));
    run.indexing = Some(Box::new(indexing));
    run.results = crate::model::Results::default();
    run.next_request = Some(written(&place)?);
    held.commit_part(run, Vec::new()).await?;
    Ok(place)
}

/// Goes through the branches that are left.
async fn branches(held: &mut Held<'_>, source: &Source, options: &IndexOptions, fetched: &Fetched, mut place: Place) -> Result<End, Stop> {
    let mut plans = Vec::new();
    for (number, aim) in place.aims.clone().iter().enumerate().skip(place.branches_done) {
        let is_first_look = number > place.branches_done || place.paths_done == 0;
        plans.push(Box::pin(planning::plan(held, source, options, fetched, aim, is_first_look)).await?);
    }
    let left: u64 = plans.iter().map(|plan| plan.work.len() as u64).sum();
    held.run.progress.total = Some(held.run.progress.processed + left - (place.paths_done as u64).min(left));
    for plan in plans {
        if let Some(end) = Box::pin(branch(held, source, fetched, &mut place, plan)).await? {
            return Ok(end);
        }
    }
    let files = files(held, source).await?;
    // What was asked of the provider counts as requests; of pages there are none.
    held.run.progress.stage = None;
    Ok(End::Done { counted: Counted { items: Some(files), held_deletions: None }, with: Vec::new() })
}

/// Brings one branch to where it is to be. How the slice ends, if not with that.
async fn branch(held: &mut Held<'_>, source: &Source, fetched: &Fetched, place: &mut Place, plan: Plan) -> Result<Option<End>, Stop> {
    if let Some(indexing) = held.run.indexing.as_deref_mut().filter(|_| place.paths_done == 0) {
        indexing.files_unchanged += plan.unchanged;
        (indexing.embedded_here, indexing.grown_here) = (0, 0);
        if plan.is_settled() {
            indexing.chunks_kept += plan.branch.chunks;
        }
        if plan.strategy == Strategy::Full {
            indexing.strategy = Strategy::Full;
        }
    }
    let next = |place: &mut Place| (place.branches_done, place.paths_done, place.had) = (place.branches_done + 1, 0, None);
    if plan.is_settled() {
        next(place);
        return Ok(None);
    }
    let begun = planning::set_out(held, source, plan).await?;
    if let Some(end) = Box::pin(writing::write(held, source, fetched, place, &begun)).await? {
        return Ok(Some(end));
    }
    next(place);
    planning::arrive(held, source, fetched, written(place)?, begun).await?;
    Ok(None)
}

/// Files of all branches that are indexed.
async fn files(held: &Held<'_>, source: &Source) -> Result<u64, Stop> {
    let branches = held.plane.store.branches(&source.id).await?;
    Ok(branches.iter().filter_map(|branch| branch.manifest.as_ref()).map(|manifest| manifest.files).sum())
}

fn written(place: &Place) -> Result<String, Stop> {
    serde_json::to_string(place).map_err(|why| Stop::Fault(Fault::broken("checkpoint", why)))
}
