//! `pullcord watch`: follows a run to its end.

use clap::Args;

use crate::failure::Failure;
use crate::following;
use crate::session::Session;

/// Follows a run to its end; the exit code says how it ended
#[derive(Args)]
pub struct Options {
    /// The run, or a source of which something runs or waits
    run: String,
}

pub async fn run(options: Options, session: &Session) -> Result<u8, Failure> {
    let run = session.run_of(&options.run).await?;
    following::to_the_end(session, &run).await
}
