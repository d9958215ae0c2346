//! The entries of a list, each read by itself: one that cannot be read is named,
//! and stops none of the others.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Page, Rejected};
use crate::model::Item;

/// Makes a page of entries. `id` is the field that they are known by; what `make`
/// gives nothing for is left out.
pub(super) fn read_each<Entry: DeserializeOwned>(entries: Vec<Value>, id: &str, make: impl Fn(Entry) -> Option<Item>) -> Page {
    let mut page = Page::default();
    for (position, entry) in entries.into_iter().enumerate() {
        let known_by = entry.get(id).filter(|id| id.is_u64() || id.is_string()).cloned();
        match serde_json::from_value(entry) {
            Ok(entry) => page.items.extend(make(entry)),
            Err(why) => page.rejected.push(Rejected {
                id: known_by.as_ref().filter(|id| id.is_u64()).map(ToString::to_string),
                which: known_by.map_or_else(|| format!("entry {position}"), |id| format!("#{id}")),
                why: why.to_string(),
            }),
        }
    }
    page
}
