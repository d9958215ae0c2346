//! What a trigger leaves on record: refusals, and lines about runs.

use std::collections::BTreeMap;

use tracing::info;

use super::{Answer, Ask};
use crate::clock::Moment;
use crate::digest::short_name;
use crate::error::{Error, Fault, Refusal};
use crate::model::{Run, SourceId, UserId};
use crate::plane::Plane;
use crate::store::items::{Audit, Idempotency};
use crate::store::{Remembered, Subject};

/// Puts a refusal on record and hands it back.
pub(super) async fn refuse(plane: &Plane, ask: &Ask, subject: &Subject, refusal: Refusal) -> Result<Answer, Error> {
    let now = plane.clock.now();
    let (user, rule) = (ask.asker.user(), refusal.rule());
    let (workspace, source) = (subject.workspace(), subject.source().map(|source| source.id.clone()));
    let named = source.as_ref().map(SourceId::as_str).unwrap_or_default();
    info!(decision = "trigger.refused", workspace = %workspace, source = named, rule, user = %user,
        request = ask.request_id.as_deref().unwrap_or_default(), why = %refusal);
    crate::telemetry::emit(&plane.config, now, &[("Refused", 1.0, "Count")], &[("Rule", rule)]);
    let run = match &refusal {
        Refusal::InProgress { run, .. } => Some(*run),
        _ => None,
    };
    let facts = BTreeMap::from([("rule".to_owned(), rule.to_owned()), ("why".to_owned(), refusal.to_string())]);
    let what = "trigger.refused".to_owned();
    let line = Audit { at: minute(now), who: user.clone(), what, source: source.clone(), run, facts, count: 1 };
    // A workspace has no such name as any source.
    let of = source.map_or_else(String::new, |source| source.to_string());
    plane.store.audit_folded(workspace, &short_name(&format!("{user}\n{rule}\n{of}")), &line).await?;
    Err(refusal.into())
}

/// Remembers a delivery whose change a run will see that has not begun: nothing of
/// the run changes, and it need not even wait any more, since it began after the
/// delivery came. So a thousand of them meet nowhere, and those of a minute are one
/// line.
pub(super) async fn delivered_into(
    plane: &Plane,
    run: &Run,
    (delivery, scope, memory): (&str, &str, &Idempotency),
    now: Moment,
) -> Result<Remembered, Fault> {
    let remembered = plane.store.remember(scope, memory, now).await?;
    if matches!(remembered, Remembered::Done) {
        let facts = BTreeMap::from([("trigger".to_owned(), "webhook".to_owned()), ("delivery".to_owned(), delivery.to_owned())]);
        let line = audit_of(run, &crate::deliver::sender(), "run.joined", minute(now), facts);
        plane.store.audit_folded(&run.workspace, &short_name(&format!("{}\nrun.joined\n{}", line.who, run.id)), &line).await?;
    }
    Ok(remembered)
}

/// Since when the present minute runs.
fn minute(now: Moment) -> Moment {
    Moment(now.0 - now.0.rem_euclid(60_000))
}

/// The lines of the audit about runs that made way for another.
pub(super) fn made_way(displaced: &[(Run, u64)], by: &Run, who: &UserId, at: Moment) -> Vec<(String, Audit)> {
    let line = |old: &Run| {
        let mut facts =
            BTreeMap::from([("replaced_by".to_owned(), by.id.to_string()), ("outcome".to_owned(), old.status.as_str().to_owned())]);
        facts.extend(old.error.as_ref().map(|error| ("error".to_owned(), error.code.clone())));
        (format!("{}#ended", old.id), audit_of(old, who, "run.ended", at, facts))
    };
    displaced.iter().map(|(old, _)| line(old)).collect()
}

/// A line of the audit about a run.
pub fn audit_of(run: &Run, who: &UserId, what: &str, at: Moment, facts: BTreeMap<String, String>) -> Audit {
    Audit { at, who: who.clone(), what: what.to_owned(), source: run.source.clone(), run: Some(run.id), facts, count: 1 }
}
