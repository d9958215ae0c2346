//! The provider simulator: an HTTP server in the process that answers as a forge does on the wire, so that the demo
//! workspace and every test can be refused, limited, redirected and cut off as they would be in earnest.
//!
//! A [`Forge`] owns the data of any number of repositories ([`Repository`]), a script of misbehaviour ([`Fault`]) and a
//! journal of what it was asked ([`Entry`]). One request goes: journal, script, latency, dialect. A dialect is one file
//! (`github.rs`, `gitlab.rs`, `bitbucket.rs`, `xledger.rs`, `dynamics.rs`) that turns the neutral data into what that provider says; a further one is
//! a further file and its arms in `door.rs`. Which one answers, the path tells: `/api/v4` and `/api/graphql` are
//! GitLab's, `/2.0` is Bitbucket's, `/xledger/{customer}` is Xledger's, `/dataverse/{customer}`
//! and `/businesscentral/{customer}` are those of Dynamics 365, and everything else is GitHub's.
//!
//! It makes deliveries of webhooks too ([`Delivery`]), with the headers and the signature of each provider; sending
//! them is the test's.
//!
//! What is absent: writing through the provider's API (tests write through [`Repository`]), filters of the issue list
//! by label, author or milestone, GitHub's GraphQL, `Last-Modified`, and the secondary limit as arithmetic (script it
//! instead).

#![expect(clippy::disallowed_methods, reason = "a forge is the outside world, and waits as that does")]

mod alert;
mod apps;
mod bitbucket;
mod books;
mod control;
mod credentials;
mod delivery;
mod door;
mod dynamics;
mod forge;
mod github;
mod gitlab;
mod grant;
mod index;
mod issue;
mod journal;
mod paging;
mod quota;
mod record;
mod repository;
mod scan;
mod script;
mod seed;
mod serve;
mod state;
mod vulnerability;
mod words;
mod xledger;

pub use alert::{Alert, AlertSeverity, AlertState};
pub use books::{Books, Row};
pub use delivery::{Delivery, Happening, Sender};
pub use forge::{Forge, Options};
pub use grant::{Grant, GrantKind};
pub use issue::{Issue, IssueState};
pub use journal::Entry;
pub use quota::Quota;
pub use repository::Repository;
pub use script::{Behaviour, Fault};
pub use seed::Seed;
pub use vulnerability::{Identifier, Licence, Severity, Vulnerability, VulnerabilityState};

/// Where the forge gets the time from; it never asks the machine.
pub type Clock = std::sync::Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;
