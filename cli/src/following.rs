//! Follows a run to its end.
//!
//! It asks for the run with `wait` and `after`: the answer comes when there is
//! news, through every gateway. A network that goes away for a while is waited
//! for; Ctrl-C ends the looking, never the run.

use std::time::Duration;

use crate::client::{Call, Reply};
use crate::failure::{FAILED, Failure, INTERRUPTED, headline};
use crate::output::{Line, Tone};
use crate::progress::Progress;
use crate::replies::{Child, Run, list};
use crate::session::Session;
use crate::summary;
use serde::Deserialize;

/// How long one look is held open.
const LOOK: &str = "PT20S";
/// Of a workspace run: its children move while it itself does not.
const SHORT_LOOK: &str = "PT1S";
/// How often in a row nobody may answer.
const MOST_LOST: u32 = 20;

/// Follows, shows the end, and says by the exit code whether it is a good one.
pub async fn to_the_end(session: &Session, id: &str) -> Result<u8, Failure> {
    let mut progress = Progress::on(&session.screen);
    let ended = tokio::select! {
        ended = ended(session, id, &mut progress) => ended,
        _ = tokio::signal::ctrl_c() => {
            progress.clear();
            session.screen.note(Line::new().plain("The run goes on. Follow it again with: ").strong(session.command(&format!("watch {id}"))));
            session.screen.note(Line::new().faint(format!("To stop it: {}", session.command(&format!("cancel {id}")))));
            return Err(Failure::Told(INTERRUPTED));
        }
    };
    progress.clear();
    let (reply, run) = ended.inspect_err(|failure| {
        if matches!(failure, Failure::Unreachable { .. }) {
            headline(
                &session.screen,
                &format!("the run goes on where it is; follow it again with: {}", session.command(&format!("watch {id}"))),
            );
        }
    })?;
    session.show(&reply, |screen, _| summary::tell(screen, &run));
    // A workspace run is not done while one of its sources failed.
    let failed = run.children.as_ref().map_or(0, |children| children.failed);
    Ok(if run.is_well() && failed == 0 { 0 } else { FAILED })
}

async fn ended(session: &Session, id: &str, progress: &mut Progress) -> Result<(Reply, Run), Failure> {
    let mut after: Option<(u64, &str)> = None;
    let mut lost = 0;
    loop {
        let call = Call::get(["v1", "runs", id]);
        let call = match after {
            Some((version, look)) => call.with("wait", look).with("after", version.to_string()),
            None => call,
        };
        match session.send(call).await {
            Ok(reply) => {
                lost = 0;
                let run = Run::read(&reply.body)?;
                progress.run(&run, session.now());
                if run.is_of_workspace() {
                    progress.children(&children(session, id).await?, session.now());
                }
                if run.has_ended() {
                    return Ok((reply, run));
                }
                after = Some((run.version, if run.is_of_workspace() { SHORT_LOOK } else { LOOK }));
            }
            // The first look shows whether there is anything to follow at all.
            Err(Failure::Unreachable { why, .. }) if after.is_some() && lost < MOST_LOST => {
                lost += 1;
                if lost == 1 {
                    progress.note(&session.screen, Line::new().then(Tone::Warn, format!("{why}; looking again")));
                }
                session.client.sleep(Duration::from_millis(500 * u64::from(lost.min(10)))).await;
            }
            Err(other) => return Err(other),
        }
    }
}

async fn children(session: &Session, id: &str) -> Result<Vec<Child>, Failure> {
    let reply = session.listed("children", u64::MAX, || Call::get(["v1", "runs", id, "children"])).await?;
    Ok(list(&reply.body, "children").iter().filter_map(|child| Child::deserialize(child).ok()).collect())
}
