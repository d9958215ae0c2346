//! The words: what a source, a run and an item are.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Moment;

mod code;
mod external;
mod health;
mod item;
mod options;
mod people;
mod progress;
mod relisting;
mod run;
mod schedule;
mod source;
mod stream;

pub use code::{CURRENT, GitPlace, IndexOptions, IndexedBranch, Indexing, KeptManifest, ORIGIN, Strategy};
pub use external::ExternalId;
pub use health::{Health, HealthCheck, HealthState, Look};
pub use item::{Item, ItemType, folded};
pub use options::{Hook, MOST_HOOKS, RunOptions};
pub use people::{Member, Person, Project, Right, Role, Token, Workspace};
pub use progress::{Calls, Children, Counts, Expected, Noted, Progress, Results, RunError, Stage, ToldAt, Warning};
pub use relisting::Relisting;
pub use run::{Run, RunStatus, Trigger, Work};
pub use schedule::{Rhythm, Schedule, Window, WindowRule};
pub use source::{Checked, Gate, Limits, Moved, Past, Sealed, Source, SourceKind, SourceStatus, StreamState, Validator, Webhook};
pub use stream::{EntityName, Stream};

/// A text that names one kind of thing, so that a slug cannot be passed for a
/// user.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes a name that was checked before, or that comes from a row.
            pub fn known(name: impl Into<String>) -> Self {
                Self(name.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

name!(/** The slug of a workspace, the tenant. */ WorkspaceId);
name!(/** The id of a source, unique in the deployment. */ SourceId);
name!(/** The id of a project, unique in the deployment. */ ProjectId);
name!(/** The `sub` of whoever asks. */ UserId);

impl WorkspaceId {
    /// The workspace whose members are operators of the whole deployment.
    pub fn deployment() -> Self {
        Self("*".to_owned())
    }
}

/// What an id may look like.
pub const ID_RULE: &str = "must be 1 to 64 characters of a-z, 0-9, dot, dash and underscore, beginning with a letter or digit";

/// Whether `text` may be an id.
pub fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    (1..=64).contains(&bytes.len()) && plain(bytes[0]) && bytes.iter().all(|&byte| plain(byte) || matches!(byte, b'.' | b'-' | b'_'))
}

/// The id of a run: a UUID of version 7, so that runs sort as they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub Uuid);

impl RunId {
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }

    /// When the run was made, as its id tells.
    pub fn made_at(self) -> Option<Moment> {
        let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
        Some(Moment(i64::try_from(seconds).ok()? * 1000 + i64::from(nanos / 1_000_000)))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Whose gate a run holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    Source(SourceId),
    Workspace(WorkspaceId),
}

impl Owner {
    /// What a caller would call it.
    pub fn what(&self) -> &'static str {
        match self {
            Self::Source(_) => "source",
            Self::Workspace(_) => "workspace",
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(id) => write!(formatter, "source {id}"),
            Self::Workspace(id) => write!(formatter, "workspace {id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plain() {
        for good in ["a", "acme-web", "0.x_y", &"z".repeat(64)] {
            assert!(is_id(good), "{good}");
        }
        for bad in ["", "-a", "A", "a/b", "..", ".a", "a b", "é", "a\0", &"z".repeat(65)] {
            assert!(!is_id(bad), "{bad}");
        }
    }
}
