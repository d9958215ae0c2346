//! Sources: made, changed, removed.

use super::check::{Check, check_path};
use super::fitting::integration_type;
use super::given::CredentialGiven;
use super::looked_at::{self, HealthGiven};
use super::{admin, all_well, checked_id, checked_name, line};
use crate::admission::Surface;
use crate::clock::Moment;
use crate::credential;
use crate::error::Error;
use crate::model::{GitPlace, Limits, ORIGIN, Project, ProjectId, Right, Source, SourceId, SourceKind, Webhook, Work, WorkspaceId, is_id};
use crate::plane::Plane;
use crate::providers;
use crate::status;
use crate::store::{Store, conditions, keys};
use crate::trigger::{Answer, Ask, Asker, trigger};

/// A source that is to be made.
#[derive(Clone, Debug, Default)]
pub struct NewSource {
    pub id: String,
    pub kind: Option<SourceKind>,
    pub name: Option<String>,
    pub project: Option<String>,
    pub provider: Option<String>,
    pub base_url: Option<String>,
    pub repository: Option<String>,
    pub principal: Option<String>,
    pub credential: Option<CredentialGiven>,
    pub streams: Vec<String>,
    /// Of an integration: by what name its workspace knows it, and what it takes.
    pub integration_type: Option<String>,
    pub entities: Vec<String>,
    pub health: Option<HealthGiven>,
    pub monitored: Option<bool>,
    pub path: Option<String>,
    pub patterns: Vec<String>,
    /// Of an index: where its code is, by what name its remote is known, which branches, and
    /// what is left out.
    pub git: Option<GitGiven>,
    pub branches: Vec<String>,
    pub ignore_patterns: Vec<String>,
    pub webhook_active: Option<bool>,
    pub webhook_secret: Option<String>,
}

/// Where code is.
#[derive(Clone, Debug, Default)]
pub struct GitGiven {
    pub url: String,
    pub remote: Option<String>,
}

impl GitGiven {
    fn place(self) -> GitPlace {
        GitPlace { url: self.url, remote: self.remote.unwrap_or_else(|| ORIGIN.to_owned()) }
    }
}

/// What is to change in a source. `None` leaves as it is; an inner `None`
/// takes it away.
#[derive(Clone, Debug, Default)]
pub struct ChangedSource {
    pub name: Option<String>,
    pub base_url: Option<String>,
    pub repository: Option<String>,
    pub principal: Option<Option<String>>,
    pub credential: Option<Option<CredentialGiven>>,
    pub streams: Option<Vec<String>>,
    pub entities: Option<Vec<String>>,
    pub health: Option<Option<HealthGiven>>,
    pub monitored: Option<bool>,
    pub path: Option<String>,
    pub patterns: Option<Vec<String>>,
    pub git: Option<GitGiven>,
    pub branches: Option<Vec<String>>,
    pub ignore_patterns: Option<Vec<String>>,
    pub webhook_active: Option<Option<bool>>,
    pub webhook_secret: Option<Option<String>>,
}

/// The documents source of a project: its id is the project's.
pub(super) fn documents(workspace: &WorkspaceId, project: &ProjectId, name: &str, path: String, limits: Limits, now: Moment) -> Source {
    Source {
        id: SourceId::known(project.as_str()),
        workspace: workspace.clone(),
        kind: SourceKind::Documents,
        name: name.to_owned(),
        project: Some(project.clone()),
        provider: None,
        integration_type: None,
        base_url: None,
        repository: None,
        principal: None,
        streams: Vec::new(),
        monitored: true,
        path: Some(path),
        patterns: Vec::new(),
        git: None,
        branches: Vec::new(),
        ignore_patterns: Vec::new(),
        webhook: Webhook::default(),
        credential: None,
        credential_changed_at: None,
        credential_check: None,
        schedule: None,
        health: None,
        limits,
        settings_version: 1,
        created_at: now,
        deleted_at: None,
        version: 1,
    }
}

pub async fn create_source(plane: &Plane, asker: &Asker, workspace: &WorkspaceId, new: NewSource) -> Result<Source, Error> {
    let person = admin(plane, asker, workspace).await?;
    let limits = plane.store.workspace(workspace).await?.ok_or(Error::NotFound("workspace"))?.limits;
    let mut check = Check { plane, complaints: Vec::new() };
    checked_id("id", &new.id, &mut check.complaints);
    for (at, name) in [("name", &new.name), ("principal", &new.principal), ("project", &new.project)] {
        if let Some(name) = name {
            checked_name(at, name, &mut check.complaints);
        }
    }
    let kind = new.kind;
    let streams = check.fits(&new);
    let health = new.health.as_ref().map(|given| check.health(given));
    let project = match &new.project {
        Some(id) if is_id(id) => plane.store.project(&ProjectId::known(id)).await?.filter(|project| project.workspace == *workspace),
        _ => None,
    };
    if let (Some(id), None) = (&new.project, &project) {
        check.complain("project", format!("there is no project {id} in this workspace"));
    }
    all_well(check.complaints)?;
    let id = SourceId::known(&new.id);
    let credential = match new.credential.as_ref().and_then(CredentialGiven::kept) {
        Some(kept) => Some(credential::seal(plane, &kept, workspace, &id).await?),
        None => None,
    };
    let secret = match &new.webhook_secret {
        Some(secret) => Some(plane.vault.seal_secret(secret, workspace, &id).await?),
        None => None,
    };
    let integration_type = integration_type(&new);
    let source = Source {
        name: new.name.unwrap_or_else(|| new.repository.clone().unwrap_or_else(|| new.id.clone())),
        workspace: workspace.clone(),
        kind: kind.unwrap_or(SourceKind::Documents),
        project: project.as_ref().map(|project| project.id.clone()),
        integration_type,
        provider: new.provider,
        base_url: new.base_url,
        repository: new.repository,
        principal: new.principal,
        streams,
        monitored: new.monitored.unwrap_or(true),
        path: new.path,
        patterns: new.patterns,
        git: new.git.map(GitGiven::place),
        branches: new.branches,
        ignore_patterns: new.ignore_patterns,
        webhook: Webhook { active: new.webhook_active, secret },
        credential_changed_at: credential.is_some().then(|| plane.clock.now()),
        credential_check: None,
        schedule: None,
        health,
        credential,
        limits,
        settings_version: 1,
        created_at: plane.clock.now(),
        deleted_at: None,
        version: 1,
        id,
    };
    let audit = line(plane, workspace, &person.user, "source.created", [("source", source.id.to_string())])?;
    let namesake = match source.kind {
        SourceKind::Documents => Some(namesake(plane, &source).await?),
        _ => None,
    };
    match plane.store.create_source(&source, namesake.as_ref().map(|(project, is_new)| (project, *is_new)), audit).await? {
        None => {
            credential::look_at(plane, &source).await;
            Ok(source)
        }
        Some("project") => Err(Error::Conflict(format!("the project id {} is taken", source.id))),
        Some("integration") => {
            let kind = source.integration_type.unwrap_or_default();
            Err(Error::Conflict(format!("this workspace has an integration of type {kind} already")))
        }
        Some(_) => Err(Error::Conflict(format!("the source id {} is taken", source.id))),
    }
}

/// The project of the same id, through which a folder of documents is seen; and
/// whether it is yet to be made.
async fn namesake(plane: &Plane, source: &Source) -> Result<(Project, bool), Error> {
    let id = ProjectId::known(source.id.as_str());
    let documents = Some(source.id.clone());
    match plane.store.project(&id).await? {
        Some(project) if project.workspace == source.workspace => Ok((Project { documents, ..project }, false)),
        Some(_) => Err(Error::Conflict(format!("the project id {id} is taken"))),
        None => {
            let (workspace, name, created_at) = (source.workspace.clone(), source.name.clone(), source.created_at);
            Ok((Project { id, workspace, name, created_at, documents }, true))
        }
    }
}

/// Changes a source. A change that may make a refused or failed sync succeed
/// lifts its cooldown.
pub async fn change_source(plane: &Plane, asker: &Asker, id: &SourceId, change: ChangedSource) -> Result<Source, Error> {
    loop {
        let looked = status::source(plane, asker, id).await?;
        if !looked.role.may(Right::Administer) {
            return Err(Error::Forbidden(format!("a {} may not change sources", looked.role)));
        }
        let (before, gate) = (looked.source, looked.gate);
        let mut source = before.clone();
        apply(plane, &mut source, &change)?;
        if let Some(credential) = &change.credential {
            (source.credential_changed_at, source.credential_check) = (Some(plane.clock.now()), None);
            source.credential = match credential.as_ref().and_then(CredentialGiven::kept) {
                Some(kept) => Some(credential::seal(plane, &kept, &source.workspace, id).await?),
                None => None,
            };
        }
        if let Some(secret) = &change.webhook_secret {
            source.webhook.secret = match secret {
                Some(secret) => Some(plane.vault.seal_secret(secret, &source.workspace, id).await?),
                None => None,
            };
        }
        source.version += 1;
        let settles = |source: &Source| {
            let code = (source.git.clone(), source.branches.clone(), source.ignore_patterns.clone());
            (source.base_url.clone(), source.repository.clone(), source.path.clone(), source.patterns.clone(), source.streams.clone(), code)
        };
        let moves = (&source.base_url, &source.repository, &source.path, &source.git)
            != (&before.base_url, &before.repository, &before.path, &before.git);
        if let (true, Some(run)) = (moves, gate.holder) {
            // A run that went on elsewhere would take one for the other.
            let holder = plane.store.run(&crate::model::Owner::Source(id.clone()), run).await?.map(Box::new);
            return Err(crate::error::Refusal::InProgress { run, holder }.into());
        }
        let lifts = change.credential.is_some() || settles(&source) != settles(&before) || source.principal != before.principal;
        let mut freed = gate.clone();
        if lifts {
            source.settings_version += 1;
            freed.settings_version = source.settings_version;
            (freed.cool_until, freed.cool_run, freed.cool_since) = (None, None, None);
            if moves {
                // Those were deliveries of another repository.
                (freed.last_delivery_at, freed.repository_id) = (None, None);
            }
            freed.version += 1;
        }
        let audit = line(plane, &source.workspace, asker.user(), "source.changed", [("source", id.to_string())])?;
        let with_gate = lifts.then_some((&freed, gate.version));
        // What was seen of the old place says nothing of the new one.
        let mut with = if moves { Store::forgotten_streams(&before) } else { Store::forgotten_entities(&before, &source) };
        with.push(audit);
        if source.health != before.health {
            with.push(looked_at::write(plane, &source).await?);
        }
        if plane.store.change_source(&source, before.version, with_gate, with).await? {
            if change.credential.is_some() || source.base_url != before.base_url {
                credential::look_at(plane, &source).await;
            }
            return Ok(source);
        }
    }
}

fn apply(plane: &Plane, source: &mut Source, change: &ChangedSource) -> Result<(), Error> {
    let mut check = Check { plane, complaints: Vec::new() };
    check.change_fits(source.kind, change);
    let provider = source.provider.as_deref().and_then(providers::named);
    if let Some(name) = &change.name {
        checked_name("name", name, &mut check.complaints);
        source.name.clone_from(name);
    }
    if let Some(base_url) = &change.base_url {
        check.base_url(provider, base_url);
        source.base_url = Some(base_url.clone());
    }
    if let Some(repository) = &change.repository {
        check.repository(provider, Some(repository));
        source.repository = Some(repository.clone());
    }
    if let Some(principal) = &change.principal {
        if let Some(principal) = principal {
            checked_name("principal", principal, &mut check.complaints);
        }
        source.principal.clone_from(principal);
    }
    if let Some(health) = &change.health {
        source.health = health.as_ref().map(|given| check.health(given));
    }
    if let Some(Some(credential)) = &change.credential {
        check.credential(provider, credential);
    }
    if let Some(Some(secret)) = &change.webhook_secret {
        check.webhook_secret(secret);
    }
    if let Some(streams) = &change.streams {
        source.streams = check.streams(provider, streams);
    }
    if let Some(entities) = &change.entities {
        source.streams = check.entities(entities);
    }
    if let Some(monitored) = change.monitored {
        source.monitored = monitored;
    }
    if let Some(path) = &change.path {
        check_path(plane, path, &mut check.complaints);
        source.path = Some(path.clone());
    }
    if let Some(patterns) = &change.patterns {
        check.patterns(patterns);
        source.patterns.clone_from(patterns);
    }
    if let Some(git) = &change.git {
        check.git(git);
        source.git = Some(git.clone().place());
    }
    if let Some(branches) = &change.branches {
        check.branches(branches);
        source.branches.clone_from(branches);
    }
    if let Some(patterns) = &change.ignore_patterns {
        check.ignored(patterns);
        source.ignore_patterns.clone_from(patterns);
    }
    if let Some(active) = change.webhook_active {
        source.webhook.active = active;
    }
    all_well(check.complaints)
}

/// Deletes a source: hidden at once, its rows removed by a run of its own. A run
/// that is under way is cancelled.
pub async fn delete_source(plane: &Plane, asker: &Asker, id: &SourceId, request_id: Option<String>) -> Result<Answer, Error> {
    let ask = Ask {
        work: Work::Delete,
        on_conflict: crate::admission::OnConflict::Restart,
        request_id,
        ..Ask::sync(id.clone(), asker.clone(), Surface::Native)
    };
    trigger(plane, ask).await
}

/// Decides on what the last complete listing missed and was held: a run like any
/// other carries it out, since it must not meet a sync.
pub async fn decide_held(
    plane: &Plane,
    asker: &Asker,
    id: &SourceId,
    work: Work,
    reason: Option<String>,
    request_id: Option<String>,
) -> Result<Answer, Error> {
    trigger(plane, Ask { work, reason, request_id, ..Ask::sync(id.clone(), asker.clone(), Surface::Native) }).await
}

/// Forgets where an unfinished first run stopped, so that the next begins it
/// again. The place that was forgotten, if there was one.
pub async fn reset_backfill(plane: &Plane, asker: &Asker, id: &SourceId) -> Result<Option<String>, Error> {
    let looked = status::source(plane, asker, id).await?;
    if !looked.role.may(Right::SyncWorkspace) {
        return Err(Error::Forbidden(format!("a {} may not reset a backfill", looked.role)));
    }
    if let Some(run) = looked.gate.holder {
        let holder = plane.store.run(&crate::model::Owner::Source(id.clone()), run).await?.map(Box::new);
        return Err(crate::error::Refusal::InProgress { run, holder }.into());
    }
    let mut previous = None;
    for stream in &looked.source.streams {
        for include_closed in [false, true] {
            let mut state = plane.store.stream_state(id, *stream, include_closed).await?;
            let seen = state.version;
            let Some(cursor) = state.cursor.take() else { continue };
            (state.watermark, state.begun_at) = (None, None);
            state.version += 1;
            let write = Store::stream_write(id, *stream, include_closed, &state, seen)?;
            let facts = [("source", id.to_string()), ("previous_cursor", cursor.clone())];
            let audit = line(plane, &looked.source.workspace, asker.user(), "backfill.reset", facts)?;
            let owner = crate::model::Owner::Source(id.clone());
            let gate = conditions::unchanged("gate", keys::gate(&owner), looked.gate.version);
            if let crate::store::table::Commit::Lost(_) = plane.store.table.commit(vec![write, audit, gate]).await? {
                // A run came in between: its place is not ours to forget.
                return Err(Error::Conflict("a run began meanwhile: wait for it, then reset again".into()));
            }
            previous = previous.or(Some(cursor));
        }
    }
    Ok(previous)
}
