//! Verbs over the table.
//!
//! Each verb is one read or one commit. Moves are decided elsewhere, by pure
//! functions; a verb writes what was decided if the rows are still as they were
//! read, and otherwise hands back the row that won.

pub mod conditions;
pub mod items;
pub mod keys;
pub mod table;

mod by_hand;
mod code;
mod deliveries;
mod held;
mod ledger;
mod links;
mod listed;
mod minted;
mod moved;
mod notices;
mod parts;
mod schedules;
mod seen;
mod slots;
mod subject;
mod tenants;

pub use by_hand::{Handled, Namesakes};
pub use code::Piece;
pub use deliveries::Remembered;
pub use held::HeldPage;
pub use listed::{ItemFilter, ItemPage};
pub(crate) use notices::{message_id, of_progress};
pub use parts::Parted;
pub(crate) use parts::outrun;
pub use schedules::{ClockDue, Period};
pub use seen::{Known, Seen};
pub use slots::{Claimed, Place};
pub use subject::{Rows, SourceRows, Subject};

use conditions::{Range, Write};
use items::{Audit, Idempotency, Quota, Row, RunPointer, decode, encode, encode_audit, encode_gate, encode_run, expire};
use keys::Key;
use table::{Commit, Lost, Query, Table};

use std::time::Duration;

use crate::admission::{Counted, promote, release};
use crate::clock::Moment;
use crate::error::Fault;
use crate::model::{Gate, Owner, Run, RunId, Source, SourceId, Stream, StreamState, WorkspaceId};

/// The table, as the doors see it.
#[derive(Clone, Debug)]
pub struct Store {
    pub table: Table,
    /// How long runs and their audit are kept.
    pub keep: Duration,
}

/// A run that is to be let in, or to wait at the gate, with all that has to hold.
#[derive(Debug)]
pub struct Admittance<'a> {
    pub run: &'a Run,
    /// The version it had; zero for a new one.
    pub run_seen: u64,
    pub gate: &'a Gate,
    pub gate_seen: u64,
    /// Runs that make way, as they end, and the versions they had.
    pub displaced: &'a [(Run, u64)],
    pub quota: Option<(Key, u64)>,
    pub idempotency: Option<(&'a str, Idempotency)>,
    pub audit: Vec<(String, Audit)>,
    /// Written with it: the source that is to be deleted, say.
    pub also: Vec<Write>,
}

/// How an admittance ended.
#[derive(Debug)]
pub enum Admitted {
    Done,
    /// Another got the gate, or changed it.
    GateLost(Option<Box<Gate>>),
    /// The run that was to make way moved on.
    HolderLost,
    QuotaLow(Quota),
    /// The same idempotency key was used at the same moment.
    KeyTaken(Option<Idempotency>),
    /// Something written along with it was not as expected.
    Lost(&'static str),
}

/// A run that has not ended, as the index knows it.
#[derive(Clone, Debug)]
pub struct OpenRun {
    pub key: Key,
    pub due_at: Moment,
}

impl OpenRun {
    /// A run's id tells when it was made.
    pub fn made_at(&self) -> Option<Moment> {
        self.key.sk.strip_prefix("r#").and_then(RunId::parse).and_then(RunId::made_at)
    }
}

/// How the end of a run was written.
#[derive(Debug)]
pub enum Ended {
    Done {
        /// The run that waited for this end, and holds the gate now.
        promoted: Option<Box<Run>>,
    },
    /// The row that was there instead; none if it is gone.
    Lost(Option<Box<Run>>),
}

/// How it ended that someone joined a run.
#[derive(Debug)]
pub enum Joined {
    Done,
    /// The same idempotency key stands for a run already.
    KeyTaken(Option<Idempotency>),
    /// The run moved on meanwhile.
    RunLost,
}

/// How the writing of a moved row ended.
#[derive(Debug)]
pub enum Saved {
    Done,
    /// The row that was there instead; none if it is gone.
    Lost(Option<Box<Run>>),
}

const RUN: &str = "run";
const GATE: &str = "gate";

impl Store {
    pub fn new(table: Table, keep: Duration) -> Self {
        Self { table, keep }
    }

    fn run_row(&self, run: &Run) -> Result<Row, Fault> {
        encode_run(run, self.keep)
    }

    /// A line of the audit, as it is stored.
    pub fn audit_row(&self, workspace: &WorkspaceId, id: &str, audit: &Audit) -> Result<Row, Fault> {
        encode_audit(workspace, id, audit, self.keep)
    }

    /// A source, its gate and its newest runs: one query.
    pub async fn source_rows(&self, id: &SourceId) -> Result<Option<SourceRows>, Fault> {
        let rows = self.rows(&Owner::Source(id.clone())).await?;
        Ok(rows.and_then(|Rows { subject, gate, latest }| match subject {
            Subject::Source(source) => Some(SourceRows { source: *source, gate, latest }),
            Subject::Workspace(_) => None,
        }))
    }

    /// What is to be synced, its gate and its newest runs: one query.
    pub async fn rows(&self, of: &Owner) -> Result<Option<Rows>, Fault> {
        let query = Query {
            home: conditions::Home::Main,
            index: None,
            hash: keys::owner_partition(of),
            range: Range::Between("r#".into(), "~~".into()),
            limit: Some(4),
            newest_first: true,
        };
        let (mut subject, mut gate, mut latest) = (None, None, Vec::new());
        for row in self.table.query(query).await? {
            match items::text(&row, "kind") {
                "source" => subject = Some(Subject::Source(decode(row)?)),
                "workspace" => subject = Some(Subject::Workspace(decode(row)?)),
                "gate" | "workspace_gate" => gate = Some(decode::<Gate>(row)?),
                _ => latest.push(decode::<Run>(row)?),
            }
        }
        Ok(subject.map(|subject| Rows { subject, gate: gate.unwrap_or_default(), latest }))
    }

    pub async fn gate(&self, owner: &Owner) -> Result<Gate, Fault> {
        self.table.get(&keys::gate(owner)).await?.map(decode).transpose().map(Option::unwrap_or_default)
    }

    pub async fn run(&self, owner: &Owner, id: RunId) -> Result<Option<Run>, Fault> {
        self.table.get(&keys::run(owner, id)).await?.map(decode).transpose()
    }

    /// A run of which only the id is known.
    pub async fn find_run(&self, id: RunId) -> Result<Option<Run>, Fault> {
        match self.table.get(&keys::run_pointer(id)).await? {
            Some(row) => self.run(&decode::<RunPointer>(row)?.owner, id).await,
            None => Ok(None),
        }
    }

    pub async fn idempotency(&self, scope: &str, now: Moment) -> Result<Option<Idempotency>, Fault> {
        let row = self.table.get(&keys::idempotency(scope)).await?;
        let found: Option<Idempotency> = row.map(decode).transpose()?;
        Ok(found.filter(|found| found.expires_at >= now))
    }

    /// Lets a run in: one transaction.
    pub async fn admit(&self, admittance: Admittance<'_>, now: Moment) -> Result<Admitted, Fault> {
        let Admittance { run, run_seen, gate, gate_seen, displaced, quota, idempotency, audit, also } = admittance;
        let mut writes = vec![
            conditions::put_over(GATE, encode_gate(&run.owner, gate)?, gate_seen),
            conditions::put_over(RUN, self.run_row(run)?, run_seen),
        ];
        if run_seen == 0 {
            let mut pointer = encode("run_pointer", &keys::run_pointer(run.id), &RunPointer { owner: run.owner.clone() })?;
            expire(&mut pointer, run.created_at.plus(self.keep));
            writes.push(conditions::put("pointer", pointer));
        }
        let begun = Some(run).filter(|_| run_seen == 0);
        for told in begun.into_iter().chain(displaced.iter().map(|(displaced, _)| displaced)) {
            writes.extend(notices::of(told, now)?);
        }
        for (displaced, seen) in displaced {
            writes.push(conditions::put_over("displaced", self.run_row(displaced)?, *seen));
        }
        if let Some((key, floor)) = quota {
            writes.push(conditions::quota_left("quota", key, floor, now));
        }
        if let Some((scope, idempotency)) = &idempotency {
            writes.push(conditions::put_unless_live("idempotency", idempotency_row(scope, idempotency)?, now));
        }
        for (id, audit) in &audit {
            writes.push(conditions::put("audit", self.audit_row(&run.workspace, id, audit)?));
        }
        writes.extend(also);
        let Commit::Lost(Lost { what, row }) = self.table.commit(writes).await? else { return Ok(Admitted::Done) };
        Ok(match what {
            GATE => {
                let winner: Option<Gate> = row.map(decode).transpose()?;
                let places = |gate: &Gate| (gate.holder == Some(run.id), gate.next == Some(run.id), gate.parked == Some(run.id));
                if winner.as_ref().is_some_and(|winner| places(winner) == places(gate)) {
                    // Our own commit, whose answer was lost on the way.
                    return Ok(Admitted::Done);
                }
                Admitted::GateLost(winner.map(Box::new))
            }
            RUN if run_seen == 0 => Admitted::Done,
            "displaced" => Admitted::HolderLost,
            "quota" => Admitted::QuotaLow(row.map(decode).transpose()?.unwrap_or_default()),
            "idempotency" => Admitted::KeyTaken(row.map(decode).transpose()?),
            other => Admitted::Lost(other),
        })
    }

    /// Writes a run as a move left it, with whatever belongs to the move.
    pub async fn save_run(&self, run: &Run, seen: u64, with: Vec<Write>) -> Result<Saved, Fault> {
        match self.save_part(run, seen, with).await? {
            Parted::Done => Ok(Saved::Done),
            Parted::Lost(won) => Ok(Saved::Lost(won)),
            Parted::Outrun(what) => Err(outrun(what)),
        }
    }

    /// Ends a run and frees its gate, or hands it to the run that waited for this:
    /// one transaction. The gate may be changed by others meanwhile (settings,
    /// say); then it is released as it is now.
    pub async fn end_run(&self, run: &Run, seen: u64, counted: Counted, with: &[Write], now: Moment) -> Result<Ended, Fault> {
        loop {
            let gate = self.gate(&run.owner).await?;
            let mut writes = vec![conditions::put_over(RUN, self.run_row(run)?, seen)];
            let mut promoted = None;
            if let Some(mut freed) = release(&gate, run, counted, now) {
                if let (None, Some(next)) = (freed.holder, freed.next) {
                    freed.next = None;
                    let next = self.run(&run.owner, next).await?.filter(|next| !next.status.is_terminal());
                    if let Some(next) = next {
                        freed = promote(&freed, next.id, now);
                        let moved = crate::moves::promote(&next, now);
                        writes.push(conditions::put_over("next", self.run_row(&moved)?, next.version));
                        promoted = Some(Box::new(moved));
                    }
                }
                writes.push(conditions::put_over(GATE, encode_gate(&run.owner, &freed)?, gate.version));
            }
            writes.extend_from_slice(with);
            writes.extend(notices::of(run, now)?);
            match self.table.commit(writes).await? {
                Commit::Done => return Ok(Ended::Done { promoted }),
                Commit::Lost(Lost { what: RUN, row }) => return Ok(Ended::Lost(row.map(decode).transpose()?)),
                Commit::Lost(Lost { what: GATE | "next", .. }) => {}
                Commit::Lost(lost) => return Err(Fault::unavailable("table", format!("{} changed under a run's end", lost.what))),
            }
        }
    }

    /// Every run that has not ended, as the index knows it: whoever is due longest
    /// stands first.
    pub async fn open(&self) -> Result<Vec<OpenRun>, Fault> {
        let shards =
            keys::due_shards().map(|hash| self.table.query(Query { index: Some(keys::DUE_INDEX), ..Query::partition(hash, Range::All) }));
        let rows = futures::future::try_join_all(shards).await?.into_iter().flatten();
        let mut open: Vec<OpenRun> = rows.map(|row| OpenRun { key: items::key_of(&row), due_at: items::due_at(&row) }).collect();
        open.sort_by(|one, other| (one.due_at, &one.key.sk).cmp(&(other.due_at, &other.key.sk)));
        Ok(open)
    }

    /// The rows of some of them. Indexes lag: one may have ended meanwhile.
    pub async fn open_runs(&self, open: &[OpenRun]) -> Result<Vec<Run>, Fault> {
        let keys: Vec<Key> = open.iter().map(|one| one.key.clone()).collect();
        Ok(readable(self.table.get_many(&keys).await?).into_iter().filter(|run| !run.status.is_terminal()).collect())
    }

    pub async fn stream_state(&self, source: &SourceId, stream: Stream, include_closed: bool) -> Result<StreamState, Fault> {
        let row = self.table.get(&keys::stream(source, stream, include_closed)).await?;
        row.map(decode).transpose().map(Option::unwrap_or_default)
    }

    /// Forgets what all streams of a source remember.
    pub async fn forget_streams(&self, source: &SourceId) -> Result<(), Fault> {
        while self.delete_some(keys::source_partition(source), Range::BeginsWith("F#".into())).await? {}
        Ok(())
    }

    /// The writes that forget what all streams of a source remember, and where its
    /// repository went.
    pub fn forgotten_streams(source: &Source) -> Vec<Write> {
        let both = |stream: &Stream| [false, true].map(|include_closed| keys::stream(&source.id, *stream, include_closed));
        let entities = source.streams.iter().filter(|stream| stream.entity().is_some());
        let all = Stream::ALL.iter().chain(entities).flat_map(both).chain([keys::moved(&source.id)]);
        all.map(|key| conditions::delete("stream", key)).collect()
    }

    /// The writes that forget what the entities remember that a source takes no more:
    /// nobody knows what will have become of them when they are taken again.
    pub fn forgotten_entities(before: &Source, now: &Source) -> Vec<Write> {
        let gone = before.streams.iter().filter(|stream| stream.entity().is_some() && !now.streams.contains(stream));
        let both = gone.flat_map(|stream| [false, true].map(|include_closed| keys::stream(&before.id, *stream, include_closed)));
        both.map(|key| conditions::delete("stream", key)).collect()
    }

    /// The write of what a stream remembers, over what was read.
    pub fn stream_write(source: &SourceId, stream: Stream, include_closed: bool, state: &StreamState, seen: u64) -> Result<Write, Fault> {
        let row = encode("stream", &keys::stream(source, stream, include_closed), state)?;
        Ok(conditions::put_over("stream", row, seen))
    }

    /// Puts on record that someone joined a run, remembers their key, and widens
    /// what the run is to do, if that is needed over the version it had: one
    /// transaction.
    pub async fn join(
        &self,
        workspace: &WorkspaceId,
        audit: (&str, &Audit),
        key: Option<(&str, Idempotency)>,
        joined: (&Run, Option<u64>),
        now: Moment,
    ) -> Result<Joined, Fault> {
        let mut writes = Vec::new();
        match joined {
            (run, Some(seen)) => writes.push(conditions::put_over(RUN, self.run_row(run)?, seen)),
            // Whoever ended it meanwhile was first.
            (run, None) if run.waits_outside() => writes.push(conditions::unchanged(RUN, keys::run(&run.owner, run.id), run.version)),
            (_, None) => {}
        }
        if let Some((scope, idempotency)) = key {
            writes.push(conditions::put_unless_live("idempotency", idempotency_row(scope, &idempotency)?, now));
        }
        writes.push(conditions::put("audit", self.audit_row(workspace, audit.0, audit.1)?));
        Ok(match self.table.commit(writes).await? {
            Commit::Done => Joined::Done,
            Commit::Lost(Lost { what: RUN, row }) => {
                let winner: Option<Run> = row.map(decode).transpose()?;
                if winner.as_ref() == Some(joined.0) { Joined::Done } else { Joined::RunLost }
            }
            Commit::Lost(lost) => Joined::KeyTaken(lost.row.map(decode).transpose()?),
        })
    }

    /// Counts a refusal: the same one in the same minute is one line.
    pub async fn audit_folded(&self, workspace: &WorkspaceId, id: &str, audit: &Audit) -> Result<(), Fault> {
        let row = self.audit_row(workspace, id, audit)?;
        let write = conditions::count_audit("audit", keys::audit(workspace, audit.at, id), &row);
        self.table.commit(vec![write]).await.map(drop)
    }
}

fn idempotency_row(scope: &str, idempotency: &Idempotency) -> Result<Row, Fault> {
    let mut row = encode("idempotency", &keys::idempotency(scope), idempotency)?;
    expire(&mut row, idempotency.expires_at);
    Ok(row)
}

/// The runs that can be read. One that cannot, from a newer build say, must not
/// keep the tick from all others.
fn readable(rows: Vec<Row>) -> Vec<Run> {
    let read = rows.into_iter().map(decode::<Run>);
    read.filter_map(|run| run.inspect_err(|why| tracing::error!(decision = "row.unreadable", error = %why)).ok()).collect()
}
