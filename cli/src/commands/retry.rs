//! `pullcord retry`: asks for the same sync again.

use clap::Args;

use super::sync::answered;
use crate::client::Call;
use crate::failure::Failure;
use crate::session::Session;

/// Asks for the same sync again; of a workspace run, only for what failed
#[derive(Args)]
pub struct Options {
    run: String,
    /// Follow the new run to its end
    #[arg(long)]
    wait: bool,
}

pub async fn run(options: Options, session: &Session) -> Result<u8, Failure> {
    let reply = session.send(Call::post(["v1", "runs", &options.run, "retry"])).await?;
    answered(session, reply, options.wait).await
}
