//! Workspaces, members, tokens, projects and sources.
//!
//! Each change is one transaction with its line of the audit. Whatever is wrong
//! with a request is said all at once.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Moment;
use crate::digest::{sha256_hex, url_text};
use crate::error::{Complaint, Error, Fault};
use crate::model::{
    ID_RULE, Limits, Member, Person, Project, ProjectId, Right, Role, Source, Token, UserId, Workspace, WorkspaceId, is_id,
};
use crate::plane::Plane;
use crate::status;
use crate::store::conditions::{self, Write};
use crate::store::items::Audit;
use crate::store::keys;
use crate::trigger::Asker;

mod check;
mod code;
mod fitting;
mod given;
mod items;
mod looked_at;
mod notices;
mod schedules;
mod sources;

pub use check::is_integration_type;
pub use code::{check_branches, check_ignored};
pub use given::CredentialGiven;
pub use items::{Made, NewItem, link_item, make_item};
pub use looked_at::HealthGiven;
pub(crate) use looked_at::unknown;
pub use notices::new_webhook_secret;
pub use schedules::{ScheduleGiven, WindowGiven, clear_schedule, set_schedule};
pub use sources::{ChangedSource, GitGiven, NewSource, change_source, create_source, decide_held, delete_source, reset_backfill};

/// What every API token begins with, so that a leaked one can be recognised.
pub const TOKEN_PREFIX: &str = "pct_";
/// Sources whose copies of a workspace's limits are written side by side.
const SIDE_BY_SIDE: usize = 16;

/// The caller, if they may administer this workspace.
async fn admin(plane: &Plane, asker: &Asker, workspace: &WorkspaceId) -> Result<Person, Error> {
    let person = asker.person(&plane.store).await?;
    let role = status::role(&person, workspace, "workspace")?;
    if role.may(Right::Administer) { Ok(person) } else { Err(Error::Forbidden(format!("a {role} may not administer this workspace"))) }
}

/// The line of the audit that goes with a change.
fn line<const COUNT: usize>(
    plane: &Plane,
    workspace: &WorkspaceId,
    who: &UserId,
    what: &str,
    facts: [(&str, String); COUNT],
) -> Result<Write, Fault> {
    let now = plane.clock.now();
    let facts = facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>();
    let source = facts.get("source").map(crate::model::SourceId::known);
    let audit = Audit { at: now, who: who.clone(), what: what.to_owned(), source, run: None, facts, count: 1 };
    tracing::info!(decision = what, workspace = %workspace, user = %who);
    Ok(conditions::put("audit", plane.store.audit_row(workspace, &plane.chance.id(now).to_string(), &audit)?))
}

/// A slug or id as a caller wrote it.
fn checked_id(at: &str, id: &str, complaints: &mut Vec<Complaint>) {
    if !is_id(id) {
        complaints.push(Complaint { at: at.to_owned(), why: ID_RULE.to_owned() });
    }
}

fn checked_name(at: &str, name: &str, complaints: &mut Vec<Complaint>) {
    if name.trim().is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
        complaints.push(Complaint { at: at.to_owned(), why: "must be 1 to 200 characters without control characters".to_owned() });
    }
}

fn all_well(complaints: Vec<Complaint>) -> Result<(), Error> {
    if complaints.is_empty() { Ok(()) } else { Err(Error::Invalid(complaints)) }
}

/// Who the caller is, and where they belong.
pub async fn me(plane: &Plane, asker: &Asker) -> Result<Person, Error> {
    Ok(asker.person(&plane.store).await?)
}

pub async fn create_workspace(plane: &Plane, asker: &Asker, slug: &str, name: &str) -> Result<Workspace, Error> {
    let person = asker.person(&plane.store).await?;
    if person.user.as_str().starts_with(TOKEN_USER) {
        return Err(Error::Forbidden("an API token belongs to its workspace and may not create others".into()));
    }
    if !person.is_operator() && !plane.config.open_workspaces {
        return Err(Error::Forbidden("only operators of this deployment may create workspaces".into()));
    }
    let mut complaints = Vec::new();
    checked_id("slug", slug, &mut complaints);
    checked_name("name", name, &mut complaints);
    all_well(complaints)?;
    let now = plane.clock.now();
    let workspace =
        Workspace { slug: WorkspaceId::known(slug), name: name.to_owned(), created_at: now, limits: Limits::default(), version: 1 };
    // Operators are admins everywhere; anyone else becomes one here.
    let admin = (!person.is_operator()).then(|| Member {
        workspace: workspace.slug.clone(),
        user: person.user.clone(),
        role: Role::Admin,
        added_at: now,
    });
    let audit = line(plane, &workspace.slug, &person.user, "workspace.created", [])?;
    if plane.store.create_workspace(&workspace, admin.as_ref(), audit).await? {
        Ok(workspace)
    } else {
        Err(Error::Conflict(format!("the slug {slug} is taken")))
    }
}

pub async fn workspaces(plane: &Plane, asker: &Asker) -> Result<Vec<(Workspace, Role)>, Error> {
    let person = asker.person(&plane.store).await?;
    let found = if person.is_operator() {
        plane.store.all_workspaces().await?
    } else {
        let ids: Vec<_> = person.memberships.iter().map(|(workspace, _)| workspace.clone()).collect();
        plane.store.workspaces(&ids).await?
    };
    let mut visible: Vec<_> = found
        .into_iter()
        .filter_map(|workspace| {
            let role = person.role_in(&workspace.slug)?;
            Some((workspace, role))
        })
        .collect();
    visible.sort_by(|one, other| one.0.slug.cmp(&other.0.slug));
    Ok(visible)
}

pub async fn workspace(plane: &Plane, asker: &Asker, slug: &WorkspaceId) -> Result<(Workspace, Role), Error> {
    let (workspace, person) = futures::try_join!(plane.store.workspace(slug), asker.person(&plane.store))?;
    let role = status::role(&person, slug, "workspace")?;
    Ok((workspace.ok_or(Error::NotFound("workspace"))?, role))
}

/// What is to change in a workspace. `None` leaves as it is; an inner `None`
/// goes back to the deployment's.
#[derive(Clone, Debug, Default)]
pub struct ChangedWorkspace {
    pub name: Option<String>,
    pub cooldowns: BTreeMap<String, Option<Duration>>,
    pub quota_floor: Option<Option<u64>>,
    pub max_concurrent_runs: Option<Option<u64>>,
}

pub async fn change_workspace(plane: &Plane, asker: &Asker, slug: &WorkspaceId, change: ChangedWorkspace) -> Result<Workspace, Error> {
    let person = admin(plane, asker, slug).await?;
    let mut complaints = Vec::new();
    if let Some(name) = &change.name {
        checked_name("name", name, &mut complaints);
    }
    if change.max_concurrent_runs.flatten().is_some_and(|most| !(1..=10_000).contains(&most)) {
        complaints.push(Complaint { at: "max_concurrent_runs".into(), why: "must be from 1 to 10000, or null for no limit".into() });
    }
    all_well(complaints)?;
    let changed = loop {
        let mut workspace = plane.store.workspace(slug).await?.ok_or(Error::NotFound("workspace"))?;
        let seen = workspace.version;
        apply(&mut workspace, &change)?;
        workspace.version += 1;
        let audit = line(
            plane,
            slug,
            &person.user,
            "workspace.changed",
            [("limits", serde_json::to_string(&workspace.limits).unwrap_or_default())],
        )?;
        if plane.store.change_workspace(&workspace, seen, audit).await? {
            break workspace;
        }
    };
    copy_limits(plane, &changed).await?;
    if change.max_concurrent_runs.is_some() {
        pass_slots_on(plane, &changed).await?;
    }
    Ok(changed)
}

/// Whoever waits for a slot may find one now. As many are woken as there may be
/// slots; who finds none waits on.
async fn pass_slots_on(plane: &Plane, workspace: &Workspace) -> Result<(), Error> {
    for _ in 0..workspace.limits.max_concurrent_runs.unwrap_or(u64::MAX) {
        let Some(run) = plane.store.next_waiting(&workspace.slug).await? else { break };
        crate::sync::send(plane, &run, Duration::ZERO).await;
    }
    Ok(())
}

fn apply(workspace: &mut Workspace, change: &ChangedWorkspace) -> Result<(), Error> {
    if let Some(name) = &change.name {
        workspace.name.clone_from(name);
    }
    for (name, span) in &change.cooldowns {
        let limits = &mut workspace.limits;
        let limit = match name.as_str() {
            "workspace" => &mut limits.workspace,
            "repository" => &mut limits.repository,
            "integration" => &mut limits.integration,
            "index" => &mut limits.index,
            "documents" => &mut limits.documents,
            other => return Err(Error::invalid(format!("cooldowns.{other}"), "is no kind of cooldown")),
        };
        *limit = span.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
    }
    if let Some(floor) = change.quota_floor {
        workspace.limits.quota_floor = floor;
    }
    if let Some(most) = change.max_concurrent_runs {
        workspace.limits.max_concurrent_runs = most;
    }
    Ok(())
}

/// Writes a workspace's limits into its sources, where triggers read them. Asked
/// for again, it does the same again.
async fn copy_limits(plane: &Plane, workspace: &Workspace) -> Result<(), Error> {
    use futures::{StreamExt, TryStreamExt};
    let ids = plane.store.source_ids(&workspace.slug).await?;
    let copies = futures::stream::iter(ids).map(|id| async move {
        loop {
            let Some(mut source) = plane.store.source(&id).await? else { return Ok(()) };
            let seen = source.version;
            if source.limits == workspace.limits {
                return Ok(());
            }
            // If the workspace was changed again meanwhile, that change copies.
            let as_read = conditions::unchanged("workspace", keys::workspace(&workspace.slug), workspace.version);
            if plane.store.workspace(&workspace.slug).await?.is_none_or(|now| now.version != workspace.version) {
                return Ok(());
            }
            source.limits = workspace.limits.clone();
            source.version += 1;
            if plane.store.change_source(&source, seen, None, vec![as_read]).await? {
                return Ok::<(), Error>(());
            }
        }
    });
    copies.buffer_unordered(SIDE_BY_SIDE).try_collect().await
}

pub async fn members(plane: &Plane, asker: &Asker, workspace: &WorkspaceId) -> Result<Vec<Member>, Error> {
    admin(plane, asker, workspace).await?;
    Ok(plane.store.members(workspace).await?)
}

pub async fn put_member(plane: &Plane, asker: &Asker, workspace: &WorkspaceId, user: &str, role: Role) -> Result<Member, Error> {
    let person = admin(plane, asker, workspace).await?;
    if plane.store.workspace(workspace).await?.is_none() {
        return Err(Error::NotFound("workspace"));
    }
    grant(plane, &person.user, workspace, user, role).await
}

/// Gives a user a role. With workspace `*` it makes an operator; only whoever
/// may invoke the ops function can ask that.
pub async fn grant(plane: &Plane, by: &UserId, workspace: &WorkspaceId, user: &str, role: Role) -> Result<Member, Error> {
    if !is_user(user) || user.contains(['/', '?', '#']) {
        return Err(Error::invalid("user", "must be the `sub` of a user: 1 to 256 characters, without / ? #"));
    }
    let member = Member { workspace: workspace.clone(), user: UserId::known(user), role, added_at: plane.clock.now() };
    let audit = line(plane, workspace, by, "member.put", [("user", user.to_owned()), ("role", role.to_string())])?;
    plane.store.put_member(&member, audit).await?;
    Ok(member)
}

pub async fn delete_member(plane: &Plane, asker: &Asker, workspace: &WorkspaceId, user: &UserId) -> Result<(), Error> {
    let person = admin(plane, asker, workspace).await?;
    if user.as_str().len() > 256 {
        return Err(Error::NotFound("member"));
    }
    let audit = line(plane, workspace, &person.user, "member.deleted", [("user", user.to_string())])?;
    if plane.store.delete_member(workspace, user, audit).await? { Ok(()) } else { Err(Error::NotFound("member")) }
}

/// Whether a name can be a person's. Those that stand on record for tokens and for
/// the deployment itself cannot.
pub fn is_user(name: &str) -> bool {
    let reserved = name.starts_with(TOKEN_USER) || matches!(name, "pullcord" | "ops" | "webhook" | "schedule");
    (1..=256).contains(&name.len()) && !name.chars().any(char::is_control) && !reserved
}

/// How the user of an API token is called on record. No `sub` may look like it.
const TOKEN_USER: &str = "token:";

/// Makes an API token. The token itself is in the answer and nowhere else.
pub async fn create_token(
    plane: &Plane,
    asker: &Asker,
    workspace: &WorkspaceId,
    name: &str,
    role: Role,
    expires_at: Option<Moment>,
) -> Result<(Token, String), Error> {
    let person = admin(plane, asker, workspace).await?;
    if person.user.as_str().starts_with(TOKEN_USER) {
        // Else a token that ends could make one that does not.
        return Err(Error::Forbidden("an API token may not make API tokens: a person has to".into()));
    }
    let now = plane.clock.now();
    let mut complaints = Vec::new();
    checked_name("name", name, &mut complaints);
    if expires_at.is_some_and(|at| at <= now) {
        complaints.push(Complaint { at: "expires".into(), why: "must lie in the future".into() });
    }
    all_well(complaints)?;
    let secret = format!("{TOKEN_PREFIX}{}", url_text(&plane.chance.bytes::<32>()));
    let token = Token {
        id: plane.chance.id(now).to_string(),
        workspace: workspace.clone(),
        name: name.to_owned(),
        role,
        hash: sha256_hex(secret.as_bytes()),
        created_at: now,
        created_by: person.user.clone(),
        expires_at,
    };
    let audit = line(plane, workspace, &person.user, "token.created", [("name", name.to_owned()), ("role", role.to_string())])?;
    plane.store.put_token(&token, audit).await?;
    Ok((token, secret))
}

pub async fn tokens(plane: &Plane, asker: &Asker, workspace: &WorkspaceId) -> Result<Vec<Token>, Error> {
    admin(plane, asker, workspace).await?;
    Ok(plane.store.tokens(workspace).await?)
}

pub async fn delete_token(plane: &Plane, asker: &Asker, workspace: &WorkspaceId, id: &str) -> Result<(), Error> {
    let person = admin(plane, asker, workspace).await?;
    if id.len() > 64 {
        return Err(Error::NotFound("token"));
    }
    let audit = line(plane, workspace, &person.user, "token.deleted", [("id", id.to_owned())])?;
    if plane.store.delete_token(workspace, id, audit).await? { Ok(()) } else { Err(Error::NotFound("token")) }
}

/// Whoever an API token speaks for, if it is one that holds.
pub async fn token_bearer(plane: &Plane, secret: &str) -> Result<Person, Error> {
    let unknown = Error::Unauthenticated("this API token is not known, was revoked, or has expired");
    let Some(token) = plane.store.token(&sha256_hex(secret.as_bytes())).await? else { return Err(unknown) };
    if token.expires_at.is_some_and(|at| at <= plane.clock.now()) {
        return Err(unknown);
    }
    Ok(Person { user: UserId::known(format!("{TOKEN_USER}{}", token.id)), memberships: vec![(token.workspace, token.role)] })
}

/// A project that is to be made.
#[derive(Clone, Debug)]
pub struct NewProject {
    pub id: String,
    pub name: String,
    /// A folder of documents, which becomes its documents source.
    pub path: Option<String>,
}

pub async fn create_project(plane: &Plane, asker: &Asker, workspace: &WorkspaceId, new: NewProject) -> Result<Project, Error> {
    let person = admin(plane, asker, workspace).await?;
    let limits = plane.store.workspace(workspace).await?.ok_or(Error::NotFound("workspace"))?.limits;
    let mut complaints = Vec::new();
    checked_id("id", &new.id, &mut complaints);
    checked_name("name", &new.name, &mut complaints);
    if let Some(path) = &new.path {
        check::check_path(plane, path, &mut complaints);
    }
    all_well(complaints)?;
    let now = plane.clock.now();
    let id = ProjectId::known(&new.id);
    let documents: Option<Source> = new.path.map(|path| sources::documents(workspace, &id, &new.name, path, limits, now));
    let project = Project {
        id,
        workspace: workspace.clone(),
        name: new.name,
        created_at: now,
        documents: documents.as_ref().map(|source| source.id.clone()),
    };
    let audit = line(plane, workspace, &person.user, "project.created", [("project", project.id.to_string())])?;
    match plane.store.create_project(&project, documents.as_ref(), audit).await? {
        None => Ok(project),
        Some("source") => Err(Error::Conflict(format!("there is a source with the id {} already", project.id))),
        Some(_) => Err(Error::Conflict(format!("the project id {} is taken", project.id))),
    }
}

pub async fn projects(plane: &Plane, asker: &Asker, workspace: &WorkspaceId) -> Result<Vec<Project>, Error> {
    status::role(&asker.person(&plane.store).await?, workspace, "workspace")?;
    Ok(plane.store.projects(workspace).await?)
}
