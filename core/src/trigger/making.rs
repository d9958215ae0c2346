//! The run that a trigger makes, if it is let in.

use super::attempt::{Attempt, FIRST_SEND};
use crate::admission::OnConflict;
use crate::estimate;
use crate::model::{Run, RunId, RunStatus, SourceKind, Work};
use crate::store::Rows;

impl Attempt<'_> {
    pub(super) fn new_run(&self, rows: &Rows, id: RunId) -> Run {
        let Self { ask, now, .. } = *self;
        let (workspace, source) = (rows.subject.workspace(), rows.subject.source());
        let kind = rows.subject.kind();
        let is_sync = ask.work == Work::Sync;
        let whole = ask.options.full || rows.gate.last_synced_at.is_none() || matches!(kind, None | Some(SourceKind::Documents));
        let cost = estimate::cost(&rows.gate.past, whole);
        // How many files an index has is known, whatever the last run touched of them.
        let known = rows.gate.item_count.filter(|_| kind == Some(SourceKind::Index));
        Run {
            id,
            owner: rows.subject.owner(),
            workspace: workspace.clone(),
            source: source.map(|source| source.id.clone()),
            kind,
            integration_type: source.and_then(|source| source.integration_type.clone()),
            parent: ask.parent,
            work: ask.work,
            status: RunStatus::Queued,
            trigger: ask.surface.trigger(),
            triggered_by: ask.asker.user().clone(),
            reason: ask.reason.clone().or_else(|| ask.override_cooldown.clone()),
            request_id: ask.request_id.clone(),
            options: ask.options.clone(),
            next_send_at: Some(now.plus(FIRST_SEND)),
            expected: cost.took.filter(|_| is_sync),
            last_count: known.or(cost.items).filter(|_| is_sync),
            usual: cost.usual.filter(|_| is_sync),
            scheduled_for: ask.scheduled_for,
            forced: ask.on_conflict == OnConflict::Restart,
            created_at: now,
            ..Run::blank(id, workspace.clone())
        }
    }
}
