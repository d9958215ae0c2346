//! Look: one run, many runs, a source and what it holds.
//!
//! Looking needs a role in the workspace; without one there is nothing to see,
//! and it looks the same as if it did not exist.

use std::time::Duration;

use crate::clock::Moment;
use crate::error::{Error, Fault};
use crate::estimate;
use crate::model::{
    Gate, Owner, Person, Project, ProjectId, Right, Role, Run, RunId, RunStatus, Source, SourceId, SourceKind, WorkspaceId,
};
use crate::plane::Plane;
use crate::store::items::{Audit, Link, Quota, StoredItem};
use crate::store::keys::Key;
use crate::store::{HeldPage, ItemFilter, ItemPage};
use crate::trigger::{Asker, quota_key};

mod run_log;

pub use run_log::{Logged, run_log};

/// Between two looks at a run that someone waits for: soon at first, and never
/// more than half a second late.
const FIRST_LOOK: Duration = Duration::from_millis(40);
const LAST_LOOK: Duration = Duration::from_millis(500);
/// Runs among which a queued one's place is sought.
const MOST_LOOKED_AT: usize = 100;

/// The caller's role in a workspace that they can see.
pub fn role(person: &Person, workspace: &WorkspaceId, what: &'static str) -> Result<Role, Error> {
    person.role_in(workspace).ok_or(Error::NotFound(what))
}

/// A source with its gate, for whoever may see it.
#[derive(Debug)]
pub struct Looked {
    pub source: Source,
    pub gate: Gate,
    pub role: Role,
    pub quota: Option<Quota>,
    /// How its other side is, where that is looked at.
    pub health: Option<crate::model::Health>,
    /// The run that holds it ought to have been heard of.
    pub stalled: bool,
}

pub async fn source(plane: &Plane, asker: &Asker, id: &SourceId) -> Result<Looked, Error> {
    let (rows, person) = futures::try_join!(plane.store.source_rows(id), asker.person(&plane.store))?;
    let rows = rows.filter(|rows| rows.source.deleted_at.is_none()).ok_or(Error::NotFound("source"))?;
    let role = role(&person, &rows.source.workspace, "source")?;
    let quota = match quota_key(&rows.source) {
        Some(key) => plane.store.quota(&key).await?,
        None => None,
    };
    let health = match &rows.source.health {
        Some(_) => plane.store.health(id).await?,
        None => None,
    };
    let holder = crate::trigger::holder(plane, &Owner::Source(id.clone()), &rows.gate, &rows.latest).await?;
    let stalled = holder.is_some_and(|run| estimate::is_stalled(&run, plane.config.lease, plane.clock.now()));
    Ok(Looked { source: rows.source, gate: rows.gate, role, quota, health, stalled })
}

/// The sources of a workspace, with their gates, whether they are stalled, and
/// what is left at their providers.
pub async fn sources(plane: &Plane, asker: &Asker, workspace: &WorkspaceId) -> Result<Vec<(Source, Gate, bool, Option<Quota>)>, Error> {
    let person = asker.person(&plane.store).await?;
    role(&person, workspace, "workspace")?;
    let ids = plane.store.source_ids(workspace).await?;
    let found = plane.store.sources(&ids).await?;
    let found: Vec<(Source, Gate)> = found.into_iter().filter(|(source, _)| source.deleted_at.is_none()).collect();
    let held = found.iter().filter_map(|(source, gate)| Some((Owner::Source(source.id.clone()), gate.holder?))).collect::<Vec<_>>();
    let now = plane.clock.now();
    let stalled: Vec<RunId> = plane
        .store
        .runs_by_id(&held)
        .await?
        .iter()
        .filter(|run| estimate::is_stalled(run, plane.config.lease, now))
        .map(|run| run.id)
        .collect();
    let quotas = quotas(plane, &found).await?;
    let told = found.into_iter().map(|(source, gate)| {
        let is_stalled = gate.holder.is_some_and(|run| stalled.contains(&run));
        let quota = quota_key(&source).and_then(|key| quotas.iter().find(|(of, _)| *of == key)).and_then(|(_, quota)| quota.clone());
        (source, gate, is_stalled, quota)
    });
    Ok(told.collect())
}

/// What is left of each quota that sources share, asked for once.
async fn quotas(plane: &Plane, found: &[(Source, Gate)]) -> Result<Vec<(Key, Option<Quota>)>, Fault> {
    let mut keys: Vec<Key> = Vec::new();
    for key in found.iter().filter_map(|(source, _)| quota_key(source)) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let left = futures::future::try_join_all(keys.iter().map(|key| plane.store.quota(key))).await?;
    Ok(keys.into_iter().zip(left).collect())
}

/// About how many queued runs of its workspace come before a queued one.
pub async fn position(plane: &Plane, run: &Run) -> Result<Option<u64>, Fault> {
    if run.status != RunStatus::Queued {
        return Ok(None);
    }
    let newest = plane.store.runs_in(&run.workspace, None, MOST_LOOKED_AT).await?;
    let before =
        newest.iter().filter(|(_, other)| other.status == RunStatus::Queued && other.follows.is_none() && other.id < run.id).count();
    Ok(Some(before as u64))
}

/// What waits for a decision on its removal.
pub async fn held(plane: &Plane, asker: &Asker, id: &SourceId, after: Option<&str>, limit: usize) -> Result<(u64, HeldPage), Error> {
    let looked = source(plane, asker, id).await?;
    Ok((looked.gate.held_deletions, plane.store.held_page(id, after, limit).await?))
}

pub async fn run(plane: &Plane, asker: &Asker, id: RunId) -> Result<Run, Error> {
    run_and_role(plane, asker, id).await.map(|(run, _)| run)
}

/// A run, and what the caller is in its workspace.
pub async fn run_and_role(plane: &Plane, asker: &Asker, id: RunId) -> Result<(Run, Role), Error> {
    let (run, person) = futures::try_join!(plane.store.find_run(id), asker.person(&plane.store))?;
    let run = run.ok_or(Error::NotFound("run"))?;
    let role = role(&person, &run.workspace, "run")?;
    Ok((run, role))
}

/// Waits until a run is newer than `after`, or has ended, or time is up.
pub async fn newer(plane: &Plane, run: Run, after: u64, until: Moment) -> Result<Run, Fault> {
    wait(plane, run, until, |run| run.version > after || run.status.is_terminal()).await
}

/// Waits until a run has ended, or time is up.
pub async fn ended(plane: &Plane, run: Run, until: Moment) -> Result<Run, Fault> {
    wait(plane, run, until, |run| run.status.is_terminal()).await
}

/// Waits until a run is as somebody wishes it, or time is up.
pub async fn watched(plane: &Plane, run: Run, until: Moment, enough: impl Fn(&Run) -> bool) -> Result<Run, Fault> {
    wait(plane, run, until, enough).await
}

async fn wait(plane: &Plane, mut run: Run, until: Moment, enough: impl Fn(&Run) -> bool) -> Result<Run, Fault> {
    let mut pause = FIRST_LOOK;
    while !enough(&run) {
        let left = until.since(plane.clock.now());
        if left.is_zero() {
            break;
        }
        plane.clock.sleep(pause.min(left)).await;
        pause = (pause * 2).min(LAST_LOOK);
        run = plane.store.run(&run.owner, run.id).await?.unwrap_or(run);
    }
    Ok(run)
}

pub async fn runs_of_source(plane: &Plane, asker: &Asker, id: &SourceId, before: Option<RunId>, limit: usize) -> Result<Vec<Run>, Error> {
    source(plane, asker, id).await?;
    Ok(plane.store.runs_of(&Owner::Source(id.clone()), before, limit).await?)
}

/// What became of the sources that a workspace run took in, by their ids.
pub async fn children(
    plane: &Plane,
    asker: &Asker,
    id: RunId,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<(Link, Option<Run>)>, Error> {
    run(plane, asker, id).await?;
    let links = plane.store.links(id, after, Some(limit)).await?;
    let ids: Vec<(Owner, RunId)> = links.iter().filter_map(|link| Some((Owner::Source(link.source.clone()), link.run?))).collect();
    let runs = plane.store.runs_by_id(&ids).await?;
    let run_of = |link: &Link| runs.iter().find(|run| Some(run.id) == link.run).cloned();
    Ok(links.into_iter().map(|link| (link.clone(), run_of(&link))).collect())
}

pub async fn runs_in_workspace(
    plane: &Plane,
    asker: &Asker,
    workspace: &WorkspaceId,
    before: Option<String>,
    limit: usize,
) -> Result<Vec<(String, Run)>, Error> {
    role(&asker.person(&plane.store).await?, workspace, "workspace")?;
    Ok(plane.store.runs_in(workspace, before, limit).await?)
}

pub async fn items(
    plane: &Plane,
    asker: &Asker,
    id: &SourceId,
    filter: &ItemFilter,
    after: Option<String>,
    limit: usize,
) -> Result<ItemPage, Error> {
    source(plane, asker, id).await?;
    Ok(plane.store.items(id, filter, after, limit).await?)
}

/// A repository that is this project's.
pub async fn repository(plane: &Plane, asker: &Asker, project: &ProjectId, id: &SourceId) -> Result<Looked, Error> {
    let looked = source(plane, asker, id).await?;
    let is_its = looked.source.project.as_ref() == Some(project) && looked.source.kind == SourceKind::Repository;
    if is_its { Ok(looked) } else { Err(Error::NotFound("repository")) }
}

/// One item of a repository, by the id it is shown with.
pub async fn item(plane: &Plane, asker: &Asker, project: &ProjectId, source: &SourceId, id: &str) -> Result<StoredItem, Error> {
    repository(plane, asker, project, source).await?;
    plane.store.item(source, id).await?.ok_or(Error::NotFound("item"))
}

pub async fn audit_of_run(plane: &Plane, asker: &Asker, id: RunId) -> Result<Vec<Audit>, Error> {
    let run = run(plane, asker, id).await?;
    let mut lines = plane.store.audit_of(id).await?;
    let by = crate::sync::machinery();
    let noted = run.trail.iter().map(|noted| Audit {
        at: noted.at,
        who: by.clone(),
        what: noted.what.clone(),
        source: run.source.clone(),
        run: Some(run.id),
        facts: noted.facts.clone(),
        count: 1,
    });
    lines.extend(noted);
    // What began a run comes first and what ended it last, also within a millisecond.
    let rank = |line: &Audit| match line.what.as_str() {
        "run.created" => 0,
        "run.ended" => 2,
        _ => 1,
    };
    lines.sort_by_key(|line| (line.at, rank(line)));
    Ok(lines)
}

/// What is on record in a workspace. It names people and reasons: for admins.
pub async fn audit_in_workspace(
    plane: &Plane,
    asker: &Asker,
    workspace: &WorkspaceId,
    before: Option<String>,
    limit: usize,
) -> Result<Vec<(String, Audit)>, Error> {
    let role = role(&asker.person(&plane.store).await?, workspace, "workspace")?;
    if !role.may(Right::Administer) {
        return Err(Error::Forbidden(format!("a {role} may not read the audit of a workspace")));
    }
    Ok(plane.store.audit_in(workspace, before, limit).await?)
}

/// A project with the gate of its documents, if it has any.
pub async fn project(plane: &Plane, asker: &Asker, id: &ProjectId) -> Result<(Project, Option<Gate>), Error> {
    let documents = SourceId::known(id.as_str());
    let (project, person, rows) =
        futures::try_join!(plane.store.project(id), asker.person(&plane.store), plane.store.source_rows(&documents))?;
    let project = project.ok_or(Error::NotFound("project"))?;
    role(&person, &project.workspace, "project")?;
    let gate =
        rows.filter(|rows| rows.source.deleted_at.is_none() && project.documents.as_ref() == Some(&rows.source.id)).map(|rows| rows.gate);
    Ok((project, gate))
}

/// The projects of every workspace that the caller belongs to.
pub async fn projects(plane: &Plane, asker: &Asker) -> Result<Vec<(Project, Option<Gate>)>, Error> {
    let person = asker.person(&plane.store).await?;
    let mut found = Vec::new();
    for workspace in visible(plane, &person).await? {
        found.extend(plane.store.projects(&workspace).await?);
    }
    let ids: Vec<SourceId> = found.iter().filter_map(|project| project.documents.clone()).collect();
    let gates = plane.store.sources(&ids).await?;
    let gate_of = |project: &Project| {
        let documents = project.documents.as_ref()?;
        gates.iter().find(|(source, _)| source.id == *documents && source.deleted_at.is_none()).map(|(_, gate)| gate.clone())
    };
    Ok(found
        .into_iter()
        .map(|project| {
            let gate = gate_of(&project);
            (project, gate)
        })
        .collect())
}

/// The workspaces that someone can see.
pub async fn visible(plane: &Plane, person: &Person) -> Result<Vec<WorkspaceId>, Fault> {
    if person.is_operator() {
        return Ok(plane.store.all_workspaces().await?.into_iter().map(|workspace| workspace.slug).collect());
    }
    Ok(person.memberships.iter().map(|(workspace, _)| workspace.clone()).collect())
}

/// Whether table and queue answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    pub table: bool,
    pub queue: bool,
}

pub async fn health(plane: &Plane) -> Health {
    let key = crate::store::keys::workspace(&WorkspaceId::deployment());
    let (table, queue) = futures::join!(plane.store.table.get(&key), plane.queue.is_reachable());
    Health { table: table.is_ok(), queue }
}
