//! A stream that is listed anew, from its first page to its last, so that what the
//! listing misses may be gone.

use serde::{Deserialize, Serialize};

/// What a run knows of such a listing so far. What it has seen lies in rows of its
/// own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relisting {
    /// Rows that say what was seen.
    #[serde(default)]
    pub parts: u32,
    /// Why what it misses proves nothing, if so.
    #[serde(default)]
    pub broken: Option<String>,
    /// What the external ids of its entries begin with.
    #[serde(default)]
    pub prefix: Option<String>,
    /// What the run had created and held before it came to this stream.
    #[serde(default)]
    pub created_before: u64,
    #[serde(default)]
    pub held_before: u64,
}

impl Relisting {
    /// The first reason is the one that is told.
    pub fn breaks(&mut self, why: &str) {
        self.broken.get_or_insert_with(|| why.to_owned());
    }
}
