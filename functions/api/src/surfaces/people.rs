//! The native API: who am I, workspaces, members, tokens, projects.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use pullcord_core::Error;
use pullcord_core::clock::{Moment, parse_duration};
use pullcord_core::manage::{self, ChangedWorkspace, NewProject};
use pullcord_core::model::Role;
use pullcord_core::views::{MemberView, ProjectView, TokenView, WorkspaceView};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ids;
use crate::Api;
use crate::auth::Caller;
use crate::checked::{Checked, Path};
use crate::problem::{Problem, Told};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(me))
        .routes(routes!(workspaces, create_workspace))
        .routes(routes!(workspace, change_workspace))
        .routes(routes!(members))
        .routes(routes!(put_member, delete_member))
        .routes(routes!(tokens, create_token))
        .routes(routes!(delete_token))
        .routes(routes!(projects, create_project))
}

/// Tells a field that is null from one that is not there.
pub(super) fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

fn role(text: &str) -> Result<Role, Error> {
    let known: Vec<&str> = Role::ALL.into_iter().map(Role::as_str).collect();
    Role::parse(text).ok_or_else(|| Error::invalid("role", format!("must be one of {}", known.join(", "))))
}

/// Who the caller is.
#[derive(Serialize, ToSchema)]
struct Me {
    user: String,
    /// Whether they are admins of every workspace.
    operator: bool,
    workspaces: Vec<Membership>,
}

#[derive(Serialize, ToSchema)]
struct Membership {
    workspace: String,
    role: &'static str,
}

/// Who am I?
#[utoipa::path(get, path = "/v1/me", tag = "people", responses((status = 200, body = Me)))]
async fn me(State(api): State<Api>, Caller(asker): Caller) -> Result<Json<Me>, Problem> {
    let person = manage::me(&api.plane, &asker).await.told(api.plane.clock.now())?;
    let operator = person.is_operator();
    let memberships = person.memberships.into_iter().filter(|(workspace, _)| workspace.as_str() != "*");
    let workspaces = memberships.map(|(workspace, role)| Membership { workspace: workspace.to_string(), role: role.as_str() }).collect();
    Ok(Json(Me { user: person.user.to_string(), operator, workspaces }))
}

#[derive(Serialize, ToSchema)]
struct Workspaces {
    workspaces: Vec<WorkspaceView>,
    next_cursor: Option<String>,
}

/// The workspaces that the caller can see.
#[utoipa::path(get, path = "/v1/workspaces", tag = "people", responses((status = 200, body = Workspaces)))]
async fn workspaces(State(api): State<Api>, Caller(asker): Caller) -> Result<Json<Workspaces>, Problem> {
    let found = manage::workspaces(&api.plane, &asker).await.told(api.plane.clock.now())?;
    let workspaces = found.iter().map(|(workspace, role)| WorkspaceView::of(workspace, Some(*role))).collect();
    Ok(Json(Workspaces { workspaces, next_cursor: None }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewWorkspace {
    slug: String,
    name: String,
}

/// Makes a workspace.
#[utoipa::path(post, path = "/v1/workspaces", tag = "people", request_body = NewWorkspace, responses((status = 201, body = WorkspaceView)))]
async fn create_workspace(
    State(api): State<Api>,
    Caller(asker): Caller,
    Checked { value, .. }: Checked<NewWorkspace>,
) -> Result<(StatusCode, Json<WorkspaceView>), Problem> {
    let made = manage::create_workspace(&api.plane, &asker, &value.slug, &value.name).await.told(api.plane.clock.now())?;
    Ok((StatusCode::CREATED, Json(WorkspaceView::of(&made, Some(Role::Admin)))))
}

/// One workspace.
#[utoipa::path(get, path = "/v1/workspaces/{workspace}", tag = "people", params(("workspace" = String, Path)), responses((status = 200, body = WorkspaceView)))]
async fn workspace(State(api): State<Api>, Caller(asker): Caller, Path(slug): Path<String>) -> Result<Json<WorkspaceView>, Problem> {
    let now = api.plane.clock.now();
    let slug = ids::workspace(&slug).told(now)?;
    let (workspace, role) = manage::workspace(&api.plane, &asker, &slug).await.told(now)?;
    Ok(Json(WorkspaceView::of(&workspace, Some(role))))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WorkspaceChange {
    name: Option<String>,
    #[schema(inline)]
    cooldowns: Option<CooldownChange>,
    /// Requests that a manual sync must find left; null for the deployment's.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u64>)]
    quota_floor: Option<Option<u64>>,
    /// Null for no limit.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 10_000)]
    max_concurrent_runs: Option<Option<u64>>,
}

/// ISO 8601 durations; null for the deployment's.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CooldownChange {
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    workspace: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    repository: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    integration: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    index: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    documents: Option<Option<String>>,
}

impl WorkspaceChange {
    fn understood(self) -> Result<ChangedWorkspace, Error> {
        let mut cooldowns = BTreeMap::new();
        let mut complaints = Vec::new();
        if let Some(change) = self.cooldowns {
            let CooldownChange { workspace, repository, integration, index, documents } = change;
            let named = [
                ("workspace", workspace),
                ("repository", repository),
                ("integration", integration),
                ("index", index),
                ("documents", documents),
            ];
            for (name, value) in named {
                match value {
                    None => {}
                    Some(None) => drop(cooldowns.insert(name.to_owned(), None)),
                    Some(Some(text)) => match parse_duration(&text) {
                        Some(span) => drop(cooldowns.insert(name.to_owned(), Some(span))),
                        None => complaints.push(pullcord_core::error::Complaint {
                            at: format!("cooldowns.{name}"),
                            why: "must be an ISO 8601 duration such as PT5M".into(),
                        }),
                    },
                }
            }
        }
        if !complaints.is_empty() {
            return Err(Error::Invalid(complaints));
        }
        let Self { name, quota_floor, max_concurrent_runs, .. } = self;
        Ok(ChangedWorkspace { name, cooldowns, quota_floor, max_concurrent_runs })
    }
}

/// Changes a workspace's settings.
#[utoipa::path(patch, path = "/v1/workspaces/{workspace}", tag = "people", params(("workspace" = String, Path)), request_body = WorkspaceChange, responses((status = 200, body = WorkspaceView)))]
async fn change_workspace(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(slug): Path<String>,
    Checked { value, .. }: Checked<WorkspaceChange>,
) -> Result<Json<WorkspaceView>, Problem> {
    let now = api.plane.clock.now();
    let slug = ids::workspace(&slug).told(now)?;
    let change = value.understood().told(now)?;
    let changed = manage::change_workspace(&api.plane, &asker, &slug, change).await.told(now)?;
    Ok(Json(WorkspaceView::of(&changed, Some(Role::Admin))))
}

#[derive(Serialize, ToSchema)]
struct Members {
    members: Vec<MemberView>,
    next_cursor: Option<String>,
}

/// The members of a workspace.
#[utoipa::path(get, path = "/v1/workspaces/{workspace}/members", tag = "people", params(("workspace" = String, Path)), responses((status = 200, body = Members)))]
async fn members(State(api): State<Api>, Caller(asker): Caller, Path(slug): Path<String>) -> Result<Json<Members>, Problem> {
    let now = api.plane.clock.now();
    let slug = ids::workspace(&slug).told(now)?;
    let found = manage::members(&api.plane, &asker, &slug).await.told(now)?;
    Ok(Json(Members { members: found.iter().map(MemberView::from).collect(), next_cursor: None }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RoleGiven {
    /// admin, maintainer (or owner), coordinator, member or viewer
    role: String,
}

/// Gives a user a role.
#[utoipa::path(put, path = "/v1/workspaces/{workspace}/members/{user}", tag = "people", params(("workspace" = String, Path), ("user" = String, Path)), request_body = RoleGiven, responses((status = 200, body = MemberView)))]
async fn put_member(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path((slug, user)): Path<(String, String)>,
    Checked { value, .. }: Checked<RoleGiven>,
) -> Result<Json<MemberView>, Problem> {
    let now = api.plane.clock.now();
    let slug = ids::workspace(&slug).told(now)?;
    let role = role(&value.role).told(now)?;
    let member = manage::put_member(&api.plane, &asker, &slug, &user, role).await.told(now)?;
    Ok(Json(MemberView::from(&member)))
}

/// Takes a user's role away.
#[utoipa::path(delete, path = "/v1/workspaces/{workspace}/members/{user}", tag = "people", params(("workspace" = String, Path), ("user" = String, Path)), responses((status = 204)))]
async fn delete_member(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path((slug, user)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let now = api.plane.clock.now();
    let slug = ids::workspace(&slug).told(now)?;
    manage::delete_member(&api.plane, &asker, &slug, &ids::user(&user)).await.told(now)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize, ToSchema)]
struct Tokens {
    tokens: Vec<TokenView>,
    next_cursor: Option<String>,
}

/// The API tokens of a workspace, without the tokens.
#[utoipa::path(get, path = "/v1/workspaces/{workspace}/tokens", tag = "people", params(("workspace" = String, Path)), responses((status = 200, body = Tokens)))]
async fn tokens(State(api): State<Api>, Caller(asker): Caller, Path(slug): Path<String>) -> Result<Json<Tokens>, Problem> {
    let now = api.plane.clock.now();
    let slug = ids::workspace(&slug).told(now)?;
    let found = manage::tokens(&api.plane, &asker, &slug).await.told(now)?;
    Ok(Json(Tokens { tokens: found.iter().map(TokenView::from).collect(), next_cursor: None }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewToken {
    name: String,
    role: String,
    /// When it ends, in RFC 3339; never if absent.
    expires: Option<String>,
}

/// Makes an API token. It is shown in this answer and never again.
#[utoipa::path(post, path = "/v1/workspaces/{workspace}/tokens", tag = "people", params(("workspace" = String, Path)), request_body = NewToken, responses((status = 201, body = TokenView)))]
async fn create_token(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(slug): Path<String>,
    Checked { value, .. }: Checked<NewToken>,
) -> Result<(StatusCode, Json<TokenView>), Problem> {
    let now = api.plane.clock.now();
    let slug = ids::workspace(&slug).told(now)?;
    let role = role(&value.role).told(now)?;
    let unreadable = || Error::invalid("expires", "must be a time in RFC 3339, such as 2027-01-31T00:00:00Z");
    let expires = value.expires.as_deref().map(|text| Moment::parse(text).ok_or_else(unreadable)).transpose().told(now)?;
    let (token, secret) = manage::create_token(&api.plane, &asker, &slug, &value.name, role, expires).await.told(now)?;
    Ok((StatusCode::CREATED, Json(TokenView { token: Some(secret), ..TokenView::from(&token) })))
}

/// Revokes an API token.
#[utoipa::path(delete, path = "/v1/workspaces/{workspace}/tokens/{id}", tag = "people", params(("workspace" = String, Path), ("id" = String, Path)), responses((status = 204)))]
async fn delete_token(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path((slug, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let now = api.plane.clock.now();
    let slug = ids::workspace(&slug).told(now)?;
    manage::delete_token(&api.plane, &asker, &slug, &id).await.told(now)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize, ToSchema)]
struct Projects {
    projects: Vec<ProjectView>,
    next_cursor: Option<String>,
}

/// The projects of a workspace.
#[utoipa::path(get, path = "/v1/workspaces/{workspace}/projects", tag = "people", params(("workspace" = String, Path)), responses((status = 200, body = Projects)))]
async fn projects(State(api): State<Api>, Caller(asker): Caller, Path(slug): Path<String>) -> Result<Json<Projects>, Problem> {
    let now = api.plane.clock.now();
    let slug = ids::workspace(&slug).told(now)?;
    let found = manage::projects(&api.plane, &asker, &slug).await.told(now)?;
    Ok(Json(Projects { projects: found.iter().map(ProjectView::from).collect(), next_cursor: None }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProjectGiven {
    id: String,
    name: String,
    /// A folder of documents; with one, the project has its documents source.
    path: Option<String>,
}

/// Makes a project, with its documents source if a folder is given.
#[utoipa::path(post, path = "/v1/workspaces/{workspace}/projects", tag = "people", params(("workspace" = String, Path)), request_body = ProjectGiven, responses((status = 201, body = ProjectView)))]
async fn create_project(
    State(api): State<Api>,
    Caller(asker): Caller,
    Path(slug): Path<String>,
    Checked { value, .. }: Checked<ProjectGiven>,
) -> Result<(StatusCode, Json<ProjectView>), Problem> {
    let now = api.plane.clock.now();
    let slug = ids::workspace(&slug).told(now)?;
    let ProjectGiven { id, name, path } = value;
    let made = manage::create_project(&api.plane, &asker, &slug, NewProject { id, name, path }).await.told(now)?;
    Ok((StatusCode::CREATED, Json(ProjectView::from(&made))))
}
