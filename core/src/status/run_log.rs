//! The runs of integrations, as a log that people ask questions of.
//!
//! Nothing is gone through from end to end: a run is found by its id, and the runs of
//! an integration stand in its partition by their age.

use std::collections::BTreeSet;

use futures::future::try_join_all;

use super::visible;
use crate::error::{Error, Fault};
use crate::model::{Owner, Person, Run, RunId, SourceId, SourceKind, Work, WorkspaceId, is_id};
use crate::plane::Plane;
use crate::store::Store;
use crate::trigger::Asker;

/// Runs of one integration read in one go, and looked at for one answer.
const AT_ONCE: usize = 100;
const LOOKED_AT: usize = 2_000;

/// Which runs are asked for. What is not named is not asked about.
#[derive(Clone, Debug, Default)]
pub struct Logged {
    pub runs: Option<Vec<RunId>>,
    pub workspaces: Option<Vec<WorkspaceId>>,
    pub integration_types: Option<Vec<String>>,
    pub oldest_first: bool,
    /// So many are enough.
    pub most: usize,
}

/// The runs of integrations that the caller may see and `wants` lets pass. Those of
/// workspaces that are not theirs are just not there.
pub async fn run_log(plane: &Plane, asker: &Asker, logged: &Logged, wants: impl Fn(&Run) -> bool) -> Result<Vec<Run>, Error> {
    let person = asker.person(&plane.store).await?;
    let takes = |run: &Run| {
        let is_one = run.kind == Some(SourceKind::Integration) && run.work == Work::Sync;
        is_one && person.role_in(&run.workspace).is_some() && wants(run)
    };
    let mut found = match &logged.runs {
        Some(ids) => by_id(plane, ids, takes).await?,
        None => of_integrations(plane, &person, logged, takes).await?,
    };
    found.sort_by_key(|run| (run.created_at, run.id));
    if !logged.oldest_first {
        found.reverse();
    }
    found.truncate(logged.most);
    Ok(found)
}

async fn by_id(plane: &Plane, ids: &[RunId], takes: impl Fn(&Run) -> bool) -> Result<Vec<Run>, Fault> {
    let ids: BTreeSet<RunId> = ids.iter().copied().collect();
    let found = try_join_all(ids.into_iter().map(|id| plane.store.find_run(id))).await?;
    Ok(found.into_iter().flatten().filter(|run| takes(run)).collect())
}

async fn of_integrations(plane: &Plane, person: &Person, logged: &Logged, takes: impl Fn(&Run) -> bool) -> Result<Vec<Run>, Fault> {
    let workspaces: BTreeSet<WorkspaceId> = match &logged.workspaces {
        Some(named) => named.iter().filter(|workspace| is_id(workspace.as_str()) && person.role_in(workspace).is_some()).cloned().collect(),
        None => visible(plane, person).await?.into_iter().collect(),
    };
    let mut found = Vec::new();
    for workspace in workspaces {
        let sources = integrations(&plane.store, &workspace, logged.integration_types.as_deref()).await?;
        found.extend(try_join_all(sources.into_iter().map(|source| of_one(&plane.store, source, logged, &takes))).await?);
    }
    Ok(found.into_iter().flatten().collect())
}

async fn integrations(store: &Store, workspace: &WorkspaceId, kinds: Option<&[String]>) -> Result<BTreeSet<SourceId>, Fault> {
    let Some(kinds) = kinds else { return Ok(store.integrations(workspace).await?.into_iter().collect()) };
    let kinds = kinds.iter().filter(|kind| crate::manage::is_integration_type(kind));
    Ok(try_join_all(kinds.map(|kind| store.integration(workspace, kind))).await?.into_iter().flatten().collect())
}

/// Runs of one integration, until there are enough.
async fn of_one(store: &Store, source: SourceId, logged: &Logged, takes: impl Fn(&Run) -> bool) -> Result<Vec<Run>, Fault> {
    let owner = Owner::Source(source);
    let (mut found, mut place, mut looked_at) = (Vec::new(), None, 0);
    while found.len() < logged.most && looked_at < LOOKED_AT {
        let page = store.runs_from(&owner, place, AT_ONCE, !logged.oldest_first).await?;
        looked_at += page.len();
        place = page.last().map(|run| run.id);
        let is_last = page.len() < AT_ONCE;
        found.extend(page.into_iter().filter(|run| takes(run)));
        if is_last {
            break;
        }
    }
    Ok(found)
}
