//! Take a run back, or ask for it again.

use std::collections::BTreeMap;

use crate::admission::{OnConflict, Surface};
use crate::error::Error;
use crate::model::{Right, Role, Run, RunId, SourceKind, Work};
use crate::moves::{self, Cancel};
use crate::plane::Plane;
use crate::status;
use crate::store::Saved;
use crate::store::conditions;
use crate::trigger::{Answer, Ask, Asker, audit_of, trigger};

/// Stops a run: at once if nobody works on it, else at its next page. A run that
/// has ended stays as it ended.
pub async fn cancel(plane: &Plane, asker: &Asker, id: RunId) -> Result<Run, Error> {
    let (mut run, role) = status::run_and_role(plane, asker, id).await?;
    allow(role, &run)?;
    if run.work == Work::Delete && !run.status.is_terminal() {
        return Err(Error::Conflict("a deletion that has begun cannot be cancelled".into()));
    }
    loop {
        let now = plane.clock.now();
        let saved = match moves::cancel(&run, now) {
            Cancel::Already => return Ok(run),
            Cancel::Ended(ended) => {
                let saved = crate::sync::end_run(plane, &run, &ended, crate::admission::Counted::default(), &[], asker.user()).await?;
                (saved, ended)
            }
            Cancel::Asked(asked) => {
                let line = audit_of(&asked, asker.user(), "run.cancel_requested", now, BTreeMap::new());
                let row = plane.store.audit_row(&asked.workspace, &format!("{}#cancel", asked.id), &line)?;
                (plane.store.save_run(&asked, run.version, vec![conditions::put("audit", row)]).await?, asked)
            }
        };
        match saved {
            (Saved::Done, moved) => {
                tracing::info!(decision = "run.cancel", workspace = %moved.workspace, run = %moved.id, status = moved.status.as_str(), user = %asker.user());
                return Ok(moved);
            }
            (Saved::Lost(Some(won)), _) => run = *won,
            (Saved::Lost(None), _) => return Err(Error::NotFound("run")),
        }
    }
}

/// Asks for the same sync again, through the same door as the first time.
pub async fn retry(plane: &Plane, asker: &Asker, id: RunId, surface: Surface, request_id: Option<String>) -> Result<Answer, Error> {
    let run = status::run(plane, asker, id).await?;
    let source = run.source.clone().filter(|_| run.work == Work::Sync);
    let source = source.ok_or_else(|| Error::Conflict("only a sync of a source can be asked for again".into()))?;
    if !run.status.is_terminal() {
        return Err(Error::Conflict(format!("this run is {}: it can be asked for again once it has ended", run.status.as_str())));
    }
    let ask = Ask {
        options: run.options.clone(),
        confirmed: true,
        on_conflict: OnConflict::Reject,
        reason: Some(format!("retry of {}", run.id)),
        request_id,
        ..Ask::sync(source, asker.clone(), surface)
    };
    trigger(plane, ask).await
}

fn allow(role: Role, run: &Run) -> Result<(), Error> {
    let right = match (run.work, run.kind) {
        (Work::Delete, _) => Right::Administer,
        (_, Some(kind)) => Right::to_sync(kind),
        (_, None) => Right::SyncWorkspace,
    };
    if role.may(right) {
        return Ok(());
    }
    let kind = run.kind.map_or("workspace", SourceKind::as_str);
    Err(Error::Forbidden(format!("a {role} may not cancel a run of kind {kind}")))
}
