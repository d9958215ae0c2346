//! What a trigger is asked, and what it answers.

use std::time::Duration;

use crate::admission::{OnBlocked, OnConflict, Surface};
use crate::clock::Moment;
use crate::error::{Fault, Refusal};
use crate::model::{Owner, Person, ProjectId, Run, RunId, RunOptions, SourceId, SourceKind, UserId, Work, WorkspaceId};
use crate::notify::Address;
use crate::store::Store;

/// Who asks.
#[derive(Clone, Debug)]
pub enum Asker {
    /// A verified user, whose roles are yet to be read.
    User(UserId),
    /// Someone whose roles are known: an API token, an operator's invocation.
    Known(Person),
}

impl Asker {
    pub fn user(&self) -> &UserId {
        match self {
            Self::User(user) => user,
            Self::Known(person) => &person.user,
        }
    }

    /// What the table says of them.
    pub async fn person(&self, store: &Store) -> Result<Person, Fault> {
        match self {
            Self::User(user) => Ok(Person { user: user.clone(), memberships: store.memberships(user).await? }),
            Self::Known(person) => Ok(person.clone()),
        }
    }
}

/// A key that makes a repeated request the same request.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// User, method, path and the key itself.
    pub scope: String,
    pub body_hash: String,
}

/// A wish for a run.
#[derive(Clone, Debug)]
pub struct Ask {
    /// What is to be synced: a source, or all of a workspace.
    pub of: Owner,
    pub asker: Asker,
    pub surface: Surface,
    /// The kind the source must be of, where the surface is for one kind only.
    pub kind: Option<SourceKind>,
    /// The project the source must belong to, where the surface names one.
    pub project: Option<ProjectId>,
    /// The workspace run on whose behalf this is asked.
    pub parent: Option<RunId>,
    pub work: Work,
    pub options: RunOptions,
    /// Who is to be told how the run goes.
    pub progress_webhook: Option<Address>,
    pub confirmed: bool,
    pub on_conflict: OnConflict,
    pub on_blocked: OnBlocked,
    pub max_age: Option<Duration>,
    pub dry_run: bool,
    pub override_cooldown: Option<String>,
    pub reason: Option<String>,
    pub idempotency: Option<IdempotencyKey>,
    /// The period of its schedule that the source is due for.
    pub scheduled_for: Option<Moment>,
    /// How long its message waits before a worker sees it.
    pub delay: Duration,
    /// The delivery of a webhook that asks, as its forge calls it.
    pub delivery: Option<String>,
    pub request_id: Option<String>,
}

impl Ask {
    pub fn sync(source: SourceId, asker: Asker, surface: Surface) -> Self {
        Self::of(Owner::Source(source), asker, surface)
    }

    /// A sync of everything in a workspace that is monitored.
    pub fn workspace(workspace: WorkspaceId, asker: Asker, surface: Surface) -> Self {
        Self::of(Owner::Workspace(workspace), asker, surface)
    }

    fn of(of: Owner, asker: Asker, surface: Surface) -> Self {
        Self {
            of,
            asker,
            surface,
            kind: None,
            project: None,
            parent: None,
            work: Work::Sync,
            options: RunOptions::default(),
            progress_webhook: None,
            confirmed: false,
            on_conflict: OnConflict::Reject,
            on_blocked: OnBlocked::Reject,
            max_age: None,
            dry_run: false,
            override_cooldown: None,
            reason: None,
            idempotency: None,
            scheduled_for: None,
            delay: Duration::ZERO,
            delivery: None,
            request_id: None,
        }
    }
}

/// What became of a wish that was not refused.
#[derive(Debug)]
pub enum Answer {
    Accepted(Box<Run>),
    Attached(Box<Run>),
    /// It begins when the run that is under way has ended.
    FollowUp(Box<Run>),
    /// It begins by itself when what is in its way has ended.
    Parked(Box<Run>),
    /// The same request was answered before.
    Repeated(Box<Run>),
    /// The source is fresher than was asked for.
    Fresh {
        last_synced_at: Moment,
    },
    /// Nothing was done, as asked; this is what would have been.
    Would(Would),
}

/// What a trigger would have come to.
#[derive(Debug)]
pub enum Would {
    Accept,
    Attach(RunId),
    FollowUp {
        after: RunId,
        /// The run that waits for that already.
        run: Option<RunId>,
    },
    Park {
        until: Moment,
        run: Option<RunId>,
    },
    Refuse(Refusal),
}
