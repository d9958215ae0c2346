//! At the end of a history, in calm weather: what is there is here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pullcord_core::model::SourceId;
use pullcord_core::store::items::StoredItem;
use pullcord_forge::{IssueState, Repository};

use super::table::Rows;

/// Everything open that is remote is here as it is there, and what is here and closed
/// there is closed. What is here and not there is held, or was decided to stay; and
/// no more was ever removed than went there.
pub(super) fn issues(rows: &Rows, source: &SourceId, repository: &Repository, deleted: u64, gone: u64) -> Result<(), String> {
    let (items, held) = (rows.items(source), rows.held(source));
    let is_held: BTreeSet<&str> = held.iter().map(|one| one.item.as_str()).collect();
    let by_number = by_number(&items);
    present(rows, source, repository)?;
    let all = repository.issues();
    let remote: BTreeSet<String> = all.iter().filter(|issue| !issue.pull_request).map(|issue| issue.number.to_string()).collect();
    for (number, stored) in &by_number {
        match (remote.contains(*number), is_held.contains(stored.item.id().as_str())) {
            (true, true) => return Err(format!("{source}: issue {number} is there and held")),
            (false, false) => return Err(format!("{source}: issue {number} is not there, and not held")),
            _ => {}
        }
    }
    if deleted > gone {
        return Err(format!("{source}: {deleted} items were removed, and {gone} went there"));
    }
    let (undecided, gate) = (held.iter().filter(|one| !one.discarded).count() as u64, rows.gate(source));
    if gate.held_deletions != undecided {
        return Err(format!("{source}: {undecided} items are held, and its gate says {gate:?}"));
    }
    Ok(())
}

fn by_number(items: &[StoredItem]) -> BTreeMap<&str, &StoredItem> {
    items.iter().filter_map(|stored| Some((stored.item.external_id.rsplit(':').next()?, stored))).collect()
}

/// What is open at the forge is here, and whatever is here is as it is there.
pub(super) fn present(rows: &Rows, source: &SourceId, repository: &Repository) -> Result<(), String> {
    let items = rows.items(source);
    let by_number = by_number(&items);
    let all = repository.issues();
    for issue in all.iter().filter(|issue| !issue.pull_request) {
        let state = if issue.state == IssueState::Open { "open" } else { "closed" };
        match by_number.get(issue.number.to_string().as_str()) {
            None if state == "closed" => {}
            None => return Err(format!("{source}: issue {} is open there and not here: {issue:?}", issue.number)),
            Some(stored) if stored.item.title != issue.title || stored.item.state != state => {
                return Err(format!("{source}: issue {} is {issue:?} there and {:?} here", issue.number, stored.item));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Every file is here as it is there. What is here and not there is held, or was
/// decided to stay; and nothing else is held.
pub(super) fn documents(rows: &Rows, source: &SourceId, folder: &Path) -> Result<(), String> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        files.insert(name, pullcord_core::digest::sha256_hex(&std::fs::read(path).unwrap()));
    }
    let items = rows.items(source);
    let held = rows.held(source);
    let is_held: BTreeSet<&str> = held.iter().map(|one| one.item.as_str()).collect();
    let mut here = BTreeSet::new();
    for stored in &items {
        let path = stored.item.path.clone().unwrap();
        match files.get(&path) {
            Some(sum) if stored.item.sha256.as_ref() != Some(sum) => return Err(format!("{source}: {path} is not as it is there")),
            Some(_) if is_held.contains(stored.item.id().as_str()) => return Err(format!("{source}: {path} is there and held")),
            None if !is_held.contains(stored.item.id().as_str()) => return Err(format!("{source}: {path} is not there, and not held")),
            _ => {}
        }
        here.insert(path);
    }
    if let Some(missing) = files.keys().find(|name| !here.contains(*name)) {
        return Err(format!("{source}: {missing} is there and not here"));
    }
    let ids: BTreeSet<String> = items.iter().map(|stored| stored.item.id()).collect();
    if let Some(left) = held.iter().find(|one| !ids.contains(&one.item)) {
        return Err(format!("{source}: {left:?} is held and not here"));
    }
    let (undecided, gate) = (held.iter().filter(|one| !one.discarded).count() as u64, rows.gate(source));
    if gate.held_deletions != undecided || gate.item_count != Some(items.len() as u64) {
        return Err(format!("{source}: {undecided} of {} items are held, and its gate says {gate:?}", items.len()));
    }
    Ok(())
}
