//! What the forge was asked, for tests to read back. Credentials appear as a hash only.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::Serialize;

use crate::script::matches;

/// A demo runs for days: the oldest entries go when there are more than this.
const CAPACITY: usize = 100_000;

/// One request as it came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Counted from 1 over the forge's life.
    pub sequence: u64,
    pub at: Timestamp,
    pub method: String,
    /// The path as it was sent, without its query.
    pub path: String,
    /// The path by the repository's name of that time, where it was asked for by number.
    pub named_path: String,
    pub query: Option<String>,
    /// What was posted, for a GraphQL query says everything there.
    pub body: Option<String>,
    /// The headers a test may ask about, in lower case.
    pub headers: BTreeMap<String, String>,
    /// A short stable hash of the token.
    pub credential: Option<String>,
    /// `None` while it is being answered, and for ever where the client got no answer.
    pub status: Option<u16>,
    /// The kind of the scripted fault that struck.
    pub fault: Option<String>,
}

impl Entry {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Whether a pattern as in [`crate::Fault::on`] means this request.
    pub fn is_to(&self, pattern: &str) -> bool {
        matches(pattern, &self.path) || matches(pattern, &self.named_path)
    }
}

#[derive(Default)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    last: u64,
}

impl Journal {
    /// Writes an entry down and gives it its number.
    pub(crate) fn open(&mut self, entry: Entry) -> u64 {
        self.last += 1;
        if self.entries.len() == CAPACITY {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { sequence: self.last, ..entry });
        self.last
    }

    /// Adds the status; an entry that was cleared meanwhile stays cleared.
    pub(crate) fn close(&mut self, sequence: u64, status: u16) {
        let place = self.entries.binary_search_by_key(&sequence, |entry| entry.sequence);
        if let Some(entry) = place.ok().and_then(|place| self.entries.get_mut(place)) {
            entry.status = Some(status);
        }
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}
