//! Take a run back, or ask for it again.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::admission::{OnConflict, Surface};
use crate::error::{Error, Fault};
use crate::model::{Owner, Right, Role, Run, RunId, RunOptions, SourceKind, UserId, Work};
use crate::moves::{self, Cancel};
use crate::plane::Plane;
use crate::status;
use crate::store::Saved;
use crate::store::conditions;
use crate::store::items::Link;
use crate::trigger::{Answer, Ask, Asker, audit_of, trigger};

/// Stops a run: at once if nobody works on it, else at its next page. A run that
/// has ended stays as it ended.
pub async fn cancel(plane: &Plane, asker: &Asker, id: RunId) -> Result<Run, Error> {
    let (run, role) = status::run_and_role(plane, asker, id).await?;
    allow(role, &run)?;
    if run.work == Work::Delete && !run.status.is_terminal() {
        return Err(Error::Conflict("a deletion that has begun cannot be cancelled".into()));
    }
    Box::pin(stop(plane, run, asker.user())).await?.ok_or(Error::NotFound("run"))
}

/// Stops a run, whoever may want that; none if it is gone.
pub(crate) async fn stop(plane: &Plane, mut run: Run, by: &UserId) -> Result<Option<Run>, Fault> {
    loop {
        let now = plane.clock.now();
        let saved = match moves::cancel(&run, now) {
            Cancel::Already => return Ok(Some(run)),
            Cancel::Ended(ended) => {
                let saved = crate::sync::end_run(plane, &run, &ended, crate::admission::Counted::default(), &[], by).await?;
                (saved, ended)
            }
            Cancel::Asked(asked) => {
                let line = audit_of(&asked, by, "run.cancel_requested", now, BTreeMap::new());
                let row = plane.store.audit_row(&asked.workspace, &format!("{}#cancel", asked.id), &line)?;
                (plane.store.save_run(&asked, run.version, vec![conditions::put("audit", row)]).await?, asked)
            }
        };
        match saved {
            (Saved::Done, moved) => {
                tracing::info!(decision = "run.cancel", workspace = %moved.workspace, run = %moved.id, status = moved.status.as_str(), user = %by);
                if moved.has_children() && !moved.status.is_terminal() {
                    crate::sync::send(plane, &moved, Duration::ZERO).await;
                }
                return Ok(Some(moved));
            }
            (Saved::Lost(Some(won)), _) => run = *won,
            (Saved::Lost(None), _) => return Ok(None),
        }
    }
}

/// Asks for the same sync again, through the same door as the first time.
pub async fn retry(plane: &Plane, asker: &Asker, id: RunId, surface: Surface, request_id: Option<String>) -> Result<Answer, Error> {
    let (run, role) = status::run_and_role(plane, asker, id).await?;
    allow(role, &run)?;
    if run.work != Work::Sync {
        return Err(Error::Conflict("only a sync can be asked for again".into()));
    }
    if !run.status.is_terminal() {
        return Err(Error::Conflict(format!("this run is {}: it can be asked for again once it has ended", run.status.as_str())));
    }
    let again = match &run.owner {
        Owner::Source(source) => Ask { options: run.options.clone(), ..Ask::sync(source.clone(), asker.clone(), surface) },
        Owner::Workspace(workspace) => {
            if !plane.store.links(id, None, None).await?.iter().any(Link::has_failed) {
                return Err(Error::Conflict("none of its children failed: there is nothing to ask for again".into()));
            }
            let options = RunOptions { retry_of: Some(id), ..run.options.clone() };
            Ask { options, ..Ask::workspace(workspace.clone(), asker.clone(), surface) }
        }
    };
    let ask = Ask { confirmed: true, on_conflict: OnConflict::Reject, reason: Some(format!("retry of {}", run.id)), request_id, ..again };
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
    Err(Error::Forbidden(format!("a {role} may not cancel a run of kind {kind}, nor ask for it again")))
}
