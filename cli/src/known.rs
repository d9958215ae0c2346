//! What help says of sets that grow: each from the one list that there is. The
//! server judges what is typed, for it may know more than this program.

use pullcord_core::model::{ItemType, Role, Stream};
use pullcord_core::providers::PROVIDERS;

/// "a, b or c".
fn any_of<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    match names.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => names.concat(),
    }
}

pub fn providers() -> String {
    any_of(PROVIDERS.iter().map(|provider| provider.name()))
}

pub fn streams() -> String {
    any_of(Stream::ALL.iter().map(Stream::as_str))
}

pub fn item_types() -> String {
    any_of(ItemType::ALL.map(ItemType::as_str))
}

pub fn roles() -> String {
    any_of(Role::ALL.map(Role::as_str))
}
