//! What can be synced, as a trigger meets it.

use crate::model::{Gate, Limits, Owner, Run, Source, SourceKind, Workspace, WorkspaceId};

/// What can be synced: a source, or a workspace as a whole.
#[derive(Clone, Debug)]
pub enum Subject {
    Source(Box<Source>),
    Workspace(Box<Workspace>),
}

impl Subject {
    pub fn owner(&self) -> Owner {
        match self {
            Self::Source(source) => Owner::Source(source.id.clone()),
            Self::Workspace(workspace) => Owner::Workspace(workspace.slug.clone()),
        }
    }

    pub fn workspace(&self) -> &WorkspaceId {
        match self {
            Self::Source(source) => &source.workspace,
            Self::Workspace(workspace) => &workspace.slug,
        }
    }

    pub fn source(&self) -> Option<&Source> {
        match self {
            Self::Source(source) => Some(source),
            Self::Workspace(_) => None,
        }
    }

    pub fn kind(&self) -> Option<SourceKind> {
        self.source().map(|source| source.kind)
    }

    pub fn limits(&self) -> &Limits {
        match self {
            Self::Source(source) => &source.limits,
            Self::Workspace(workspace) => &workspace.limits,
        }
    }

    pub fn is_deleted(&self) -> bool {
        self.source().is_some_and(|source| source.deleted_at.is_some())
    }
}

/// What a trigger has to know, read in one query.
#[derive(Clone, Debug)]
pub struct Rows {
    pub subject: Subject,
    pub gate: Gate,
    /// The newest runs, newest first.
    pub latest: Vec<Run>,
}

/// What is to be known of a source, read in one query.
#[derive(Clone, Debug)]
pub struct SourceRows {
    pub source: Source,
    pub gate: Gate,
    /// The newest runs, newest first.
    pub latest: Vec<Run>,
}

impl SourceRows {
    pub fn owner(&self) -> Owner {
        Owner::Source(self.source.id.clone())
    }
}
