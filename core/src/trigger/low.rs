//! Is too little left at a provider to begin?

use std::collections::HashSet;

use super::{monitored, quota_key};
use crate::admission::lowered;
use crate::clock::Moment;
use crate::error::Fault;
use crate::model::WorkspaceId;
use crate::plane::Plane;
use crate::store::Subject;
use crate::store::items::Quota;
use crate::store::keys::Key;

/// Whether too little is left. A window that has ended is full; one of which no
/// end is known refuses nobody.
pub(super) fn is_low(quota: &Quota, floor: u64, now: Moment) -> bool {
    let open = quota.resets_at.is_some_and(|at| at > now);
    open && quota.remaining < lowered(floor, quota.limit)
}

/// What is left for what is to be synced, if that is too little.
pub(super) async fn quota_of(plane: &Plane, subject: &Subject, floor: u64, now: Moment) -> Result<Option<Quota>, Fault> {
    let source = match subject {
        Subject::Source(source) => source,
        Subject::Workspace(workspace) => return of_all(plane, &workspace.slug, floor, now).await,
    };
    let Some(key) = quota_key(source) else { return Ok(None) };
    Ok(plane.store.quota(&key).await?.filter(|quota| is_low(quota, floor, now)))
}

/// The quota that recovers first, if that of every source is too low to begin.
async fn of_all(plane: &Plane, workspace: &WorkspaceId, floor: u64, now: Moment) -> Result<Option<Quota>, Fault> {
    let monitored = monitored(plane, workspace).await?;
    let keys: Option<HashSet<Key>> = monitored.iter().map(quota_key).collect();
    let Some(keys) = keys.filter(|keys| !keys.is_empty()) else { return Ok(None) };
    let quotas = plane.store.quotas(&keys.iter().cloned().collect::<Vec<_>>()).await?;
    let low: Vec<Quota> = quotas.into_iter().filter(|quota| is_low(quota, floor, now)).collect();
    Ok(if low.len() == keys.len() { low.into_iter().min_by_key(|quota| quota.resets_at) } else { None })
}
