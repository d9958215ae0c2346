//! What is reported of runs: how they began, and how they ended.

use std::time::Duration;

use tracing::{info, warn};

use super::source_of;
use crate::clock::Moment;
use crate::model::{Run, RunStatus, SourceKind};
use crate::moves;
use crate::plane::Plane;

/// How late a run of a schedule is, when it begins.
pub(super) fn report_drift(plane: &Plane, run: &Run, drift: Duration) {
    let kind = run.kind.map_or("workspace", SourceKind::as_str);
    crate::telemetry::emit(&plane.config, plane.clock.now(), &[("Drift", drift.as_secs_f64(), "Seconds")], &[("Kind", kind)]);
    if drift > moves::MOST_DRIFT {
        warn!(decision = "schedule.drift", workspace = %run.workspace, source = source_of(run), run = %run.id, seconds = drift.as_secs(),
            "it began later than its schedule says");
    }
}

pub(crate) fn report_end(plane: &Plane, ended: &Run, now: Moment) {
    // Neither what it waited for before it began, nor its pauses.
    let took = now.since(ended.started_at.unwrap_or(now)).saturating_sub(Duration::from_millis(ended.waited));
    info!(decision = "run.ended", workspace = %ended.workspace, source = source_of(ended), run = %ended.id, epoch = ended.epoch,
        outcome = ended.status.as_str(), error = ended.error.as_ref().map_or("", |error| error.code.as_str()),
        seconds = took.as_secs(), created = ended.results.created, updated = ended.results.updated,
        request = ended.request_id.as_deref().unwrap_or_default());
    let failed = if ended.status == RunStatus::Failed { 1.0 } else { 0.0 };
    let incremental = if ended.since.is_some() { 1.0 } else { 0.0 };
    let metrics = [
        ("RunsEnded", 1.0, "Count"),
        ("RunDuration", took.as_secs_f64(), "Seconds"),
        ("FailureRate", failed, "None"),
        ("IncrementalShare", incremental, "None"),
        ("ProviderCalls", ended.calls.made as f64, "Count"),
        ("NotModifiedShare", ended.calls.not_modified as f64 / ended.calls.made.max(1) as f64, "None"),
    ];
    let kind = ended.kind.map_or("workspace", SourceKind::as_str);
    let dimensions = [("Kind", kind), ("Trigger", ended.trigger.as_str()), ("Outcome", ended.status.as_str())];
    crate::telemetry::emit(&plane.config, now, &metrics, &dimensions);
}
