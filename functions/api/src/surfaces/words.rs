//! What each surface calls the status of a run: the one table.

use pullcord_core::model::RunStatus;

/// A status, in the words of the surfaces that have their own for it.
pub(super) struct Words {
    pub(super) issues: &'static str,
    pub(super) integrations: &'static str,
    pub(super) code: &'static str,
}

pub(super) fn words(status: RunStatus) -> Words {
    let (issues, integrations, code) = match status {
        RunStatus::Queued | RunStatus::Parked => ("pending", "pending", "queued"),
        RunStatus::Running | RunStatus::Cancelling => ("in_progress", "running", "running"),
        RunStatus::Paused => ("paused", "paused", "running"),
        RunStatus::Completed | RunStatus::CompletedWithWarnings => ("completed", "succeeded", "completed"),
        RunStatus::Failed => ("failed", "failed", "failed"),
        RunStatus::Cancelled => ("cancelled", "cancelled", "cancelled"),
    };
    Words { issues, integrations, code }
}
