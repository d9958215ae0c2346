//! The trait and the list of all providers.
//!
//! A provider has no client, no token, no clock and is not async. It says which
//! request begins a stream, and reads a reply into items and the request for
//! the page after it. That request, serialised, is the checkpoint: `Link`
//! headers, body links and cursors are all the same to the engine.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::model::{Item, Source, SourceKind, Stream};
use crate::vault::Credential;

mod address;
mod apps;
mod bitbucket;
#[cfg(test)]
mod conformance;
mod delivery;
mod dynamics;
mod entries;
#[cfg(test)]
mod example;
mod forgejo;
mod github;
mod gitlab;
mod paging;
#[cfg(test)]
mod probing_tests;
mod records;
#[cfg(test)]
mod testing;
mod verdict;
mod xledger;

pub use apps::{Apps, Mint, Minted};
pub use delivery::{Delivery, Named, Origin, Sent};
pub use paging::{absolute, next_link, stays_home};
pub use verdict::{Limit, Verdict, Wait, judge, limit_of, resource_of};

/// Every provider there is, in the order that lists show them.
pub const PROVIDERS: &[&dyn Provider] =
    &[&github::GitHub, &gitlab::GitLab, &bitbucket::Bitbucket, &forgejo::Forgejo, &xledger::Xledger, &dynamics::Dynamics];

/// What the external ids of the records of one entity begin with, up to the last colon.
pub fn entity_prefix(source: &Source, entity: &str) -> String {
    let name = source.provider.as_deref().unwrap_or_default();
    let base = named(name).map(|provider| provider.repository_url(source)).unwrap_or_default();
    format!("{name}:{base}:{entity}")
}

/// The provider of that name.
pub fn named(name: &str) -> Option<&'static dyn Provider> {
    PROVIDERS.iter().copied().find(|provider| provider.name() == name)
}

/// One request to a provider. It has no secret in it and can be stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRequest {
    pub stream: Stream,
    pub url: String,
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    #[serde(default)]
    pub body: Option<String>,
    /// Which page of its run this is, from 1.
    pub number: u64,
    /// Entries of the page before that this one shows once more, with the time of
    /// their last change: seen again unchanged, they are not read again.
    #[serde(default)]
    pub overlap: Vec<(String, Moment)>,
    /// The list has the newest change first and is read down to this moment.
    #[serde(default)]
    pub back_to: Option<Moment>,
    /// Asks for one entry that could not be read before. That it is gone by now is
    /// no failure.
    #[serde(default)]
    pub single: bool,
}

impl PageRequest {
    /// The page after this one, at `url`.
    #[must_use]
    pub fn followed_by(&self, url: String) -> Self {
        Self { url, number: self.number + 1, overlap: Vec::new(), single: false, ..self.clone() }
    }
}

/// What came back. Header names are in lower case.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// What a run wants of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Only what changed since; everything if unset.
    pub since: Option<Moment>,
    /// What the provider itself gave to ask for later changes by, in the last listing
    /// that came to its end. It says more exactly what `since` says.
    pub resume: Option<&'a str>,
    /// New items that are closed already are wanted too.
    pub include_closed: bool,
    /// Items are known that may have been closed: every state has to be listed.
    pub knows_items: bool,
}

/// One page, read.
#[derive(Debug, Default)]
pub struct Page {
    pub items: Vec<Item>,
    pub next: Option<PageRequest>,
    /// Only if the provider stated it.
    pub total: Option<u64>,
    /// Entries that could not be understood: they are named, and do not stop
    /// the page.
    pub rejected: Vec<Rejected>,
    /// The list that it is of is not all there is: what it misses need not be gone.
    pub is_partial: bool,
    /// External ids of what the provider says is gone.
    pub removed: Vec<String>,
    /// What to ask for later changes by. Of the last page only.
    pub resume: Option<String>,
    /// What is not as it used to be, and yet could be read.
    pub surprises: Vec<Surprise>,
}

/// Something that is not as its provider promises, and that is taken as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surprise {
    /// The entry that it is about; empty if it is about all of them.
    pub which: String,
    pub what: String,
}

/// An entry that could not be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The provider's id of it, if that much could be read.
    pub id: Option<String>,
    pub which: String,
    pub why: String,
}

/// A reply that is not what the provider promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

/// What the reply to a probe says of a credential.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Introduced {
    pub login: Option<String>,
    pub limit: Option<Limit>,
}

/// A stream that replies were recorded of, and where, if not at the provider's own
/// address.
#[derive(Clone, Copy, Debug)]
pub struct Recorded {
    pub stream: Stream,
    pub base_url: Option<&'static str>,
}

/// A forge or a vendor, on the wire.
pub trait Provider: Send + Sync {
    fn name(&self) -> &'static str;

    fn default_base_url(&self) -> &'static str;

    /// The kind of source that it is the provider of.
    fn kind(&self) -> SourceKind {
        SourceKind::Repository
    }

    /// Whether every customer has an address of their own there.
    fn needs_base_url(&self) -> bool {
        false
    }

    /// What is wrong with an address of it, beyond what is wrong with any.
    fn check_base_url(&self, _base_url: &str) -> Result<(), &'static str> {
        Ok(())
    }

    /// The streams it can list; the first is that of a source that names none. One
    /// whose streams are entities has no such list.
    fn streams(&self) -> &'static [Stream];

    /// What is held against recordings.
    fn recorded(&self) -> Vec<Recorded> {
        self.streams().iter().map(|stream| Recorded { stream: *stream, base_url: None }).collect()
    }

    /// What is wrong with the name of a repository, if anything is.
    fn check_repository(&self, repository: &str) -> Result<(), &'static str>;

    /// The address people know a source's repository by, as far as its configuration
    /// tells.
    fn repository_url(&self, source: &Source) -> String;

    /// The request for a stream's first page.
    fn begin(&self, source: &Source, stream: Stream, wanted: Wanted) -> PageRequest;

    /// The request for one entry alone, which is not part of a listing.
    fn single(&self, source: &Source, stream: Stream, id: &str) -> PageRequest;

    /// The headers that show a credential.
    fn authorize(&self, credential: &Credential) -> Vec<(&'static str, String)>;

    /// Items, and the request for the next page.
    fn read(&self, source: &Source, asked: &PageRequest, reply: &Reply) -> Result<Page, Unreadable>;

    /// How long the window is for which its limit holds.
    fn window(&self) -> Duration {
        Duration::from_hours(1)
    }

    /// Why the one entry that was asked for by its number is gone for good, if the
    /// reply says so. What is only switched off or hidden is not gone. That the
    /// repository itself is there is for the engine to see.
    fn gone(&self, asked: &PageRequest, reply: &Reply) -> Option<String> {
        verdict::gone(self.judge(asked, reply), reply)
    }

    /// Whether a request that was answered so counts against no limit.
    fn is_free(&self, _reply: &Reply) -> bool {
        false
    }

    /// A request that costs next to nothing and is answered to whoever has a
    /// credential that is accepted.
    fn probe(&self, source: &Source) -> PageRequest;

    /// Whose credential it is and what is left, as far as the reply to a probe says.
    fn introduce(&self, reply: &Reply) -> Introduced;

    /// How tokens are minted, where there are apps.
    fn apps(&self) -> Option<&'static dyn Apps> {
        None
    }

    /// What a reply to that request means, before anyone reads it.
    fn judge(&self, _asked: &PageRequest, reply: &Reply) -> Verdict {
        judge(reply)
    }

    /// Whether a delivery was sent by somebody who knows the webhook's secret. One
    /// whose provider delivers nothing is nobody's.
    fn is_genuine(&self, _secret: &str, _sent: &Sent, _now: Moment) -> bool {
        false
    }

    /// What a genuine delivery says.
    fn delivery(&self, _sent: &Sent) -> Result<Delivery, Unreadable> {
        Err(Unreadable(format!("is no delivery: {} sends none", self.name())))
    }
}
