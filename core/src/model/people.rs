//! Workspaces and the people in them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Limits, ProjectId, SourceId, SourceKind, UserId, WorkspaceId};
use crate::clock::Moment;

/// The tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Workspace {
    pub slug: WorkspaceId,
    pub name: String,
    pub created_at: Moment,
    /// What this workspace says otherwise than the deployment.
    #[serde(default)]
    pub limits: Limits,
    pub version: u64,
}

/// What a member may do, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Viewer,
    Member,
    Coordinator,
    #[serde(alias = "owner")]
    Maintainer,
    Admin,
}

/// Something a role may allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    Read,
    SyncWorkspace,
    SyncIndex,
    SyncIssues,
    SyncIntegration,
    SyncDocuments,
    Administer,
}

impl Right {
    pub const ALL: [Self; 7] =
        [Self::Read, Self::SyncWorkspace, Self::SyncIndex, Self::SyncIssues, Self::SyncIntegration, Self::SyncDocuments, Self::Administer];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::SyncWorkspace => "sync_workspace",
            Self::SyncIndex => "sync_index",
            Self::SyncIssues => "sync_issues",
            Self::SyncIntegration => "sync_integration",
            Self::SyncDocuments => "sync_documents",
            Self::Administer => "administer",
        }
    }
}

impl Role {
    pub const ALL: [Self; 5] = [Self::Viewer, Self::Member, Self::Coordinator, Self::Maintainer, Self::Admin];

    /// The one table of who may do what.
    pub fn may(self, right: Right) -> bool {
        match right {
            Right::Read => true,
            Right::SyncWorkspace | Right::Administer => self == Self::Admin,
            Right::SyncIndex => matches!(self, Self::Admin | Self::Maintainer),
            Right::SyncIntegration => matches!(self, Self::Admin | Self::Coordinator),
            Right::SyncIssues | Right::SyncDocuments => self != Self::Viewer,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Coordinator => "coordinator",
            Self::Maintainer => "maintainer",
            Self::Admin => "admin",
        }
    }

    /// Reads a role; `owner` is another word for maintainer.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "owner" {
            return Some(Self::Maintainer);
        }
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Right {
    /// The right to start, cancel or retry a run of this kind of source.
    pub fn to_sync(kind: SourceKind) -> Self {
        match kind {
            SourceKind::Repository => Self::SyncIssues,
            SourceKind::Index => Self::SyncIndex,
            SourceKind::Integration => Self::SyncIntegration,
            SourceKind::Documents => Self::SyncDocuments,
        }
    }
}

/// Someone with a role in a workspace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Member {
    pub workspace: WorkspaceId,
    pub user: UserId,
    pub role: Role,
    pub added_at: Moment,
}

/// Who asks, and what the table says they are. Built from verified identity and
/// rows, never from a parameter.
#[derive(Clone, Debug)]
pub struct Person {
    pub user: UserId,
    pub memberships: Vec<(WorkspaceId, Role)>,
}

impl Person {
    /// The deployment itself: schedules, and invocations that IAM let through.
    pub fn deployment(user: &str) -> Self {
        Self { user: UserId::known(user), memberships: vec![(WorkspaceId::deployment(), Role::Admin)] }
    }

    pub fn is_operator(&self) -> bool {
        self.memberships.iter().any(|(workspace, _)| *workspace == WorkspaceId::deployment())
    }

    /// The role in a workspace; operators are admins everywhere.
    pub fn role_in(&self, workspace: &WorkspaceId) -> Option<Role> {
        if self.is_operator() {
            return Some(Role::Admin);
        }
        self.memberships.iter().find(|(of, _)| of == workspace).map(|(_, role)| *role)
    }
}

/// A named token that scripts present instead of a person's. The row has its
/// hash, never the token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Token {
    pub id: String,
    pub workspace: WorkspaceId,
    pub name: String,
    pub role: Role,
    pub hash: String,
    pub created_at: Moment,
    pub created_by: UserId,
    #[serde(default)]
    pub expires_at: Option<Moment>,
}

/// A body of work that sources belong to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Project {
    pub id: ProjectId,
    pub workspace: WorkspaceId,
    pub name: String,
    pub created_at: Moment,
    /// Its documents source, which has the same id.
    #[serde(default)]
    pub documents: Option<SourceId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S3.5: the table of roles, line by line as the contract prints it.
    #[test]
    fn rights_are_those_of_the_table() {
        use Role::{Admin, Coordinator, Maintainer, Member, Viewer};
        let table: [(Right, &[Role]); 7] = [
            (Right::Read, &[Admin, Maintainer, Coordinator, Member, Viewer]),
            (Right::SyncWorkspace, &[Admin]),
            (Right::SyncIndex, &[Admin, Maintainer]),
            (Right::SyncIssues, &[Admin, Maintainer, Coordinator, Member]),
            (Right::SyncIntegration, &[Admin, Coordinator]),
            (Right::SyncDocuments, &[Admin, Maintainer, Coordinator, Member]),
            (Right::Administer, &[Admin]),
        ];
        for (right, allowed) in table {
            for role in Role::ALL {
                assert_eq!(role.may(right), allowed.contains(&role), "{role} {right:?}");
            }
        }
    }

    #[test]
    fn operators_are_admins_everywhere_and_members_only_at_home() {
        let home = WorkspaceId::known("acme");
        let member = Person { user: UserId::known("mia"), memberships: vec![(home.clone(), Role::Member)] };
        assert_eq!(member.role_in(&home), Some(Role::Member));
        assert_eq!(member.role_in(&WorkspaceId::known("other")), None);
        assert_eq!(Person::deployment("schedule").role_in(&home), Some(Role::Admin));
        assert_eq!(Role::parse("owner"), Some(Role::Maintainer));
        assert_eq!(Role::parse("root"), None);
    }
}
