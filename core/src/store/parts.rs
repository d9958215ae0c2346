//! A part of a run's work, written with the run row or not at all.

use super::conditions::{self, Write};
use super::items::decode;
use super::table::{Commit, Lost};
use super::{RUN, Store};
use crate::error::Fault;
use crate::model::Run;

/// How the writing of a run's part ended.
#[derive(Debug)]
pub enum Parted {
    Done,
    Lost(Option<Box<Run>>),
    /// The run is as it was, but another changed something of what its part was to
    /// change.
    Outrun(&'static str),
}

impl Store {
    /// Writes a run with a part of its work, of which others may have changed
    /// something.
    pub async fn save_part(&self, run: &Run, seen: u64, with: Vec<Write>) -> Result<Parted, Fault> {
        let mut writes = vec![conditions::put_over(RUN, self.run_row(run)?, seen)];
        writes.extend(with);
        match self.table.commit(writes).await? {
            Commit::Done => Ok(Parted::Done),
            Commit::Lost(Lost { what: RUN, row }) => Ok(Parted::Lost(row.map(decode).transpose()?)),
            Commit::Lost(lost) => Ok(Parted::Outrun(lost.what)),
        }
    }
}

/// That something changed under a run's part, to whoever cannot do it anew.
pub(crate) fn outrun(what: &str) -> Fault {
    Fault::unavailable("table", format!("{what} changed under a run's part"))
}
