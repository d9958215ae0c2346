//! Workspaces and the people in them, as callers see them.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::shown;
use crate::model::{Member, Project, Token, Workspace};

/// A workspace.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WorkspaceView {
    pub slug: String,
    pub name: String,
    pub created_at: String,
    /// The caller's role in it.
    pub role: Option<&'static str>,
    /// ISO 8601 durations; absent ones are the deployment's.
    pub cooldowns: BTreeMap<&'static str, String>,
    pub quota_floor: Option<u64>,
    pub max_concurrent_runs: Option<u64>,
}

impl WorkspaceView {
    pub fn of(workspace: &Workspace, role: Option<crate::model::Role>) -> Self {
        let limits = &workspace.limits;
        let named = [
            ("workspace", limits.workspace),
            ("repository", limits.repository),
            ("integration", limits.integration),
            ("index", limits.index),
            ("documents", limits.documents),
        ];
        let span = |millis| crate::clock::show_duration(std::time::Duration::from_millis(millis));
        Self {
            slug: workspace.slug.to_string(),
            name: workspace.name.clone(),
            created_at: workspace.created_at.rfc3339(),
            role: role.map(crate::model::Role::as_str),
            cooldowns: named.into_iter().filter_map(|(name, value)| Some((name, span(value?)))).collect(),
            quota_floor: limits.quota_floor,
            max_concurrent_runs: workspace.limits.max_concurrent_runs,
        }
    }
}

/// A member.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MemberView {
    pub workspace: String,
    pub user: String,
    pub role: &'static str,
    pub added_at: String,
}

impl From<&Member> for MemberView {
    fn from(member: &Member) -> Self {
        Self {
            workspace: member.workspace.to_string(),
            user: member.user.to_string(),
            role: member.role.as_str(),
            added_at: member.added_at.rfc3339(),
        }
    }
}

/// An API token, without the token.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TokenView {
    pub id: String,
    pub name: String,
    pub role: &'static str,
    pub created_at: String,
    pub created_by: String,
    pub expires_at: Option<String>,
    /// Shown once, in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl From<&Token> for TokenView {
    fn from(token: &Token) -> Self {
        Self {
            id: token.id.clone(),
            name: token.name.clone(),
            role: token.role.as_str(),
            created_at: token.created_at.rfc3339(),
            created_by: token.created_by.to_string(),
            expires_at: shown(token.expires_at),
            token: None,
        }
    }
}

/// A project.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProjectView {
    pub id: String,
    pub workspace: String,
    pub name: String,
    pub created_at: String,
    /// Its documents source, if it has one.
    pub documents: Option<String>,
}

impl From<&Project> for ProjectView {
    fn from(project: &Project) -> Self {
        Self {
            id: project.id.to_string(),
            workspace: project.workspace.to_string(),
            name: project.name.clone(),
            created_at: project.created_at.rfc3339(),
            documents: project.documents.as_ref().map(ToString::to_string),
        }
    }
}
