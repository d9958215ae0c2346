//! A sync of a workspace: a run for each source that it takes in, through the same
//! door as every other, and what comes of them.
//!
//! Its children are begun in slices, so that no call has to last; then it looks at
//! them now and again, holding nothing in between.

use std::time::Duration;

use futures::FutureExt;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::held::Held;
use super::{End, Stop};
use crate::admission::{Counted, OnBlocked, OnConflict, Surface};
use crate::error::{Error, Fault};
use crate::model::{Children, Owner, Person, Results, Run, RunError, RunId, RunOptions, RunStatus, Source, SourceId};
use crate::store::conditions::Write;
use crate::store::items::Link;
use crate::trigger::{Answer, Ask, Asker, IdempotencyKey, monitored, trigger};

/// Sources that one slice begins or stops, and how many of them side by side.
const SLICE: usize = 25;
const SIDE_BY_SIDE: usize = 8;
/// Links written with one part.
const PART: usize = 90;
/// Between two looks at the children: soon where there are few, and ever later while
/// nothing changes.
const FIRST_LOOK: u64 = 2;
const FIRST_LOOK_AT_MANY: u64 = 15;
const LAST_LOOK: Duration = Duration::from_mins(2);

/// Where a workspace run goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// The children up to this source are begun.
    After(Option<String>),
    /// All of them are.
    Looking,
}

impl Stage {
    fn of(run: &Run) -> Result<Self, Fault> {
        let kept = run.next_request.as_deref().map(serde_json::from_str);
        kept.transpose().map(|stage| stage.unwrap_or(Self::After(None))).map_err(|why| Fault::broken("checkpoint", why))
    }

    fn kept(&self) -> Result<Option<String>, Fault> {
        serde_json::to_string(self).map(Some).map_err(|why| Fault::broken("checkpoint", why))
    }
}

pub(super) async fn sync(held: &mut Held<'_>) -> Result<End, Stop> {
    if held.run.status == RunStatus::Cancelling {
        return stop(held).await;
    }
    while let Stage::After(after) = Stage::of(&held.run)? {
        begin_some(held, after.as_deref()).await?;
        if held.time_is_up() {
            return Ok(End::TimeUp);
        }
    }
    look(held).await
}

/// Begins the children that come next.
async fn begin_some(held: &mut Held<'_>, after: Option<&str>) -> Result<(), Stop> {
    let mut run = held.run.clone();
    if run.children.is_none() {
        let total = all(held).await?.len() as u64;
        run.children = Some(Children { total, ..Children::default() });
        run.progress.total = Some(total);
        if total == 0 {
            run.warn("NOTHING_MONITORED", "no repository of this workspace is monitored: there is nothing to sync", None);
        }
    }
    let (some, last) = next(held, after).await?;
    let (plane, parent) = (held.plane, &held.run);
    let mut links = Vec::new();
    for together in some.chunks(SIDE_BY_SIDE) {
        links.extend(try_join_all(together.iter().map(|source| begin(plane, parent, source).boxed())).await?);
    }
    run.next_request = last.map_or(Stage::Looking, |last| Stage::After(Some(last))).kept()?;
    count(&mut run, &links, false);
    let writes = writes(held, &links)?;
    held.commit_part(run, writes).await
}

/// Every source that this run takes in.
async fn all(held: &Held<'_>) -> Result<Vec<SourceId>, Fault> {
    match held.run.options.retry_of {
        Some(before) => failed(held, before).await,
        None => Ok(monitored(held.plane, &held.run.workspace).await?.into_iter().map(|source| source.id).collect()),
    }
}

async fn failed(held: &Held<'_>, before: RunId) -> Result<Vec<SourceId>, Fault> {
    let links = held.plane.store.links(before, None, None).await?;
    Ok(links.into_iter().filter(Link::has_failed).map(|link| link.source).collect())
}

/// The sources that come after one of them: at most a slice of those that are taken
/// in; and the last that was looked at, if more come after it.
async fn next(held: &Held<'_>, after: Option<&str>) -> Result<(Vec<SourceId>, Option<String>), Fault> {
    let store = &held.plane.store;
    let (mut ids, is_retry) = match held.run.options.retry_of {
        Some(before) => (failed(held, before).await?, true),
        None => (store.source_ids(&held.run.workspace).await?, false),
    };
    ids.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    ids.retain(|id| after.is_none_or(|after| id.as_str() > after));
    let mut rest = ids.chunks(SLICE).peekable();
    while let Some(some) = rest.next() {
        let taken: Vec<SourceId> = if is_retry {
            some.to_vec()
        } else {
            let found = store.sources(some).await?;
            let mut found: Vec<Source> = found.into_iter().map(|(source, _)| source).filter(Source::is_monitored).collect();
            found.sort_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
            found.into_iter().map(|source| source.id).collect()
        };
        let last = some.last().filter(|_| rest.peek().is_some()).map(ToString::to_string);
        if !taken.is_empty() || last.is_none() {
            return Ok((taken, last));
        }
    }
    Ok((Vec::new(), None))
}

/// What makes a child that was begun twice the same one.
fn key_of(parent: RunId, source: &SourceId) -> IdempotencyKey {
    IdempotencyKey { scope: format!("child of {parent}\n{source}"), body_hash: String::new() }
}

/// Asks for a child. What is under way already does for it; what may not run now
/// waits by itself; what cannot run at all keeps nobody else from it.
async fn begin(plane: &crate::plane::Plane, parent: &Run, source: &SourceId) -> Result<Link, Fault> {
    let by = Asker::Known(Person::deployment(parent.triggered_by.as_str()));
    let ask = Ask {
        parent: Some(parent.id),
        options: RunOptions { full: parent.options.full, ..RunOptions::default() },
        confirmed: true,
        on_conflict: OnConflict::Attach,
        on_blocked: OnBlocked::Park,
        idempotency: Some(key_of(parent.id, source)),
        request_id: parent.request_id.clone(),
        ..Ask::sync(source.clone(), by, Surface::Child)
    };
    let refused = |code: &str, message: String| RunError { code: code.to_owned(), message, at: None };
    let (run, refused) = match Box::pin(trigger(plane, ask)).await {
        Ok(Answer::Accepted(run) | Answer::Attached(run) | Answer::FollowUp(run) | Answer::Parked(run) | Answer::Repeated(run)) => {
            (Some(run), None)
        }
        Ok(Answer::Fresh { .. } | Answer::Would(_)) => (None, None),
        Err(Error::Refused(refusal)) => (None, Some(refused(refusal.rule(), refusal.to_string()))),
        Err(Error::Fault(fault)) => return Err(fault),
        Err(other) => (None, Some(refused("NOT_STARTED", other.to_string()))),
    };
    let own = run.as_ref().is_some_and(|run| run.parent == Some(parent.id));
    Ok(Link {
        source: source.clone(),
        run: run.map(|run| run.id),
        own,
        refused,
        ended: None,
        error: None,
        results: Results::default(),
        told: false,
    })
}

/// Looks at the children, and ends with the last of them.
async fn look(held: &mut Held<'_>) -> Result<End, Stop> {
    let mut links = held.plane.store.links(held.run.id, None, None).await?;
    let open: Vec<(Owner, RunId)> =
        links.iter().filter(|link| !link.is_over()).filter_map(|link| Some((Owner::Source(link.source.clone()), link.run?))).collect();
    let runs = held.plane.store.runs_by_id(&open).await?;
    let mut changed = Vec::new();
    for link in links.iter_mut().filter(|link| !link.is_over()) {
        let run = runs.iter().find(|run| Some(run.id) == link.run);
        match run {
            Some(run) if run.status.is_terminal() => {
                (link.ended, link.error, link.results) = (Some(run.status), run.error.clone(), run.results.clone());
            }
            Some(_) => continue,
            None => link.ended = Some(RunStatus::Cancelled),
        }
        changed.push(link.clone());
    }
    let is_over = links.iter().all(Link::is_over);
    if !changed.is_empty() {
        let mut run = held.run.clone();
        count(&mut run, &links, true);
        for part in changed.chunks(PART) {
            let writes = writes(held, part)?;
            held.commit_part(Run { version: held.run.version, part_no: held.run.part_no, ..run.clone() }, writes).await?;
        }
    }
    if !is_over {
        return Ok(End::LookAgain { after: pause(links.len() as u64, held.run.tries) });
    }
    let failed: Vec<&Link> = links.iter().filter(|link| link.has_failed()).collect();
    if !links.is_empty() && failed.len() == links.len() {
        let first = failed.first().map(|link| why(link)).unwrap_or_default();
        let message = format!("none of its {} sources could be synced; of the first: {first}", links.len());
        return Ok(End::failed("CHILDREN_FAILED", message, failed.first().map(|link| link.source.to_string())));
    }
    for link in failed {
        held.run.warn("CHILD_FAILED", &why(link), Some(link.source.as_str()));
    }
    Ok(End::Done { counted: Counted::default(), with: Vec::new() })
}

fn why(link: &Link) -> String {
    let error = link.error.as_ref().or(link.refused.as_ref());
    let said = error.map(|error| format!("{}: {}", error.code, error.message));
    said.unwrap_or_else(|| link.ended.map_or("it did not begin".to_owned(), |ended| format!("it ended {}", ended.as_str())))
}

/// How long after a look the next one comes, the `looks`th without news.
fn pause(children: u64, looks: u32) -> Duration {
    let first = Duration::from_secs((children / 20).clamp(FIRST_LOOK, FIRST_LOOK_AT_MANY));
    first.saturating_mul(1 << looks.min(10)).min(LAST_LOOK)
}

/// Notes how the children are: these are all of them, or come to those before.
fn count(run: &mut Run, links: &[Link], are_all: bool) {
    let mut children = run.children.unwrap_or_default();
    if are_all {
        (children.done, children.failed, run.results) = (0, 0, Results::default());
        children.total = links.len() as u64;
    }
    children.done += links.iter().filter(|link| link.is_over()).count() as u64;
    children.failed += links.iter().filter(|link| link.has_failed()).count() as u64;
    for link in links {
        run.results.add(&link.results);
    }
    run.progress.processed = children.done;
    run.progress.total = Some(children.total);
    run.children = Some(children);
}

fn writes(held: &Held<'_>, links: &[Link]) -> Result<Vec<Write>, Fault> {
    links.iter().map(|link| held.plane.store.link_write(held.run.id, link, held.now())).collect()
}

/// Somebody wants it to stop: its own children are told so before it ends. Those
/// that it found under way go on.
pub(super) async fn stop(held: &mut Held<'_>) -> Result<End, Stop> {
    if let Stage::After(after) = Stage::of(&held.run)? {
        // A slice that was interrupted may have begun children that no link names.
        for source in next(held, after.as_deref()).await?.0 {
            let key = key_of(held.run.id, &source);
            let used = held.plane.store.idempotency(&key.scope, held.now()).await?;
            if let Some(run) = used.and_then(|used| used.run) {
                tell(held, &source, run).await?;
            }
        }
    }
    loop {
        let links = held.plane.store.links(held.run.id, None, None).await?;
        let to_tell = links.into_iter().filter(|link| link.own && !link.is_over() && !link.told);
        let mut some: Vec<Link> = to_tell.take(SLICE).collect();
        if some.is_empty() {
            return Ok(End::Stopped { why: "cancelled; the runs that it had begun were told to stop".to_owned() });
        }
        for link in &mut some {
            if let Some(run) = link.run {
                tell(held, &link.source, run).await?;
            }
            link.told = true;
        }
        let writes = writes(held, &some)?;
        held.commit_part(held.run.clone(), writes).await?;
        if held.time_is_up() {
            return Ok(End::TimeUp);
        }
    }
}

/// Stops a child, if it is one of this run.
async fn tell(held: &Held<'_>, source: &SourceId, run: RunId) -> Result<(), Fault> {
    let run = held.plane.store.run(&Owner::Source(source.clone()), run).await?;
    if let Some(run) = run.filter(|run| run.parent == Some(held.run.id) && !run.status.is_terminal()) {
        Box::pin(crate::cancel::stop(held.plane, run, &held.run.triggered_by)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Soon where there are few, later where there are many, and ever later while
    /// nothing changes; never more than two minutes.
    #[test]
    fn it_looks_sooner_at_few() {
        let seconds = |children, looks| pause(children, looks).as_secs();
        assert_eq!([0, 1, 2, 3, 6, 60].map(|looks| seconds(3, looks)), [2, 4, 8, 16, 120, 120]);
        assert_eq!([(40, 0), (100, 0), (1_000, 0), (1_000, 2)].map(|(children, looks)| seconds(children, looks)), [2, 5, 15, 60]);
    }
}
