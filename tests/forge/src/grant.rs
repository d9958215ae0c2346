//! What a credential is and may do, at the forges that tell one kind from another. GitHub's and GitLab's dialects do not
//! ask; one without a grant may do what such a credential usually may.

use serde::{Deserialize, Serialize};

use crate::record::Record;

/// The kind of a Bitbucket credential and its scopes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    #[serde(flatten)]
    pub kind: GrantKind,
    pub scopes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum GrantKind {
    /// Sees one private repository.
    RepositoryToken { repository: String },
    /// Sees the private repositories of a workspace; projects are not told apart here.
    ProjectToken { workspace: String },
    /// Sees the private repositories of a workspace, or all of them.
    WorkspaceToken { workspace: Option<String> },
    /// A person's token, sent as a password with the person's email, or with any.
    ApiToken { email: Option<String> },
}

impl Grant {
    /// A token for one repository, `workspace/name`. This one and the next two are sent as `Bearer`.
    pub fn repository(full_name: &str) -> Self {
        Self { kind: GrantKind::RepositoryToken { repository: full_name.to_owned() }, scopes: classic() }
    }

    pub fn project(workspace: &str) -> Self {
        Self { kind: GrantKind::ProjectToken { workspace: workspace.to_owned() }, scopes: classic() }
    }

    pub fn workspace(workspace: &str) -> Self {
        Self { kind: GrantKind::WorkspaceToken { workspace: Some(workspace.to_owned()) }, scopes: classic() }
    }

    /// A person's token, which is accepted as `Basic` with this email and in no other way.
    pub fn api_token(email: &str) -> Self {
        Self { kind: GrantKind::ApiToken { email: Some(email.to_owned()) }, scopes: granular() }
    }

    /// With these scopes only: `issue` or `read:issue:bitbucket`, as the kind has them.
    #[must_use]
    pub fn with_scopes(self, scopes: &[&str]) -> Self {
        Self { scopes: scopes.iter().map(ToString::to_string).collect(), ..self }
    }

    /// What a credential without a grant counts as, by the way it was sent.
    pub(crate) fn assumed(is_basic: bool) -> Self {
        if is_basic {
            Self { kind: GrantKind::ApiToken { email: None }, scopes: granular() }
        } else {
            Self { kind: GrantKind::WorkspaceToken { workspace: None }, scopes: classic() }
        }
    }

    pub(crate) fn is_api_token(&self) -> bool {
        matches!(self.kind, GrantKind::ApiToken { .. })
    }

    /// The email is that of a `Basic` credential; a `Bearer` one has none.
    pub(crate) fn is_sent_rightly(&self, email: Option<&str>) -> bool {
        match &self.kind {
            GrantKind::ApiToken { email: None } => email.is_some(),
            GrantKind::ApiToken { email: Some(expected) } => email.is_some_and(|email| email.eq_ignore_ascii_case(expected)),
            _ => email.is_none(),
        }
    }

    /// Public repositories are everyone's. What a person may see is the repository's to say.
    pub(crate) fn reaches(&self, record: &Record) -> bool {
        let is_owner = |workspace: &str| record.owner.eq_ignore_ascii_case(workspace);
        !record.private
            || match &self.kind {
                GrantKind::RepositoryToken { repository } => record.full_name().eq_ignore_ascii_case(repository),
                GrantKind::ProjectToken { workspace } => is_owner(workspace),
                GrantKind::WorkspaceToken { workspace } => workspace.as_deref().is_none_or(is_owner),
                GrantKind::ApiToken { .. } => true,
            }
    }
}

/// Such tokens belong to no account, so this is not among their scopes.
fn classic() -> Vec<String> {
    ["repository", "pullrequest", "issue"].map(str::to_owned).to_vec()
}

fn granular() -> Vec<String> {
    ["user", "repository", "pullrequest", "issue"].map(|thing| format!("read:{thing}:bitbucket")).to_vec()
}
