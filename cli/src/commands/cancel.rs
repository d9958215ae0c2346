//! `pullcord cancel`: takes a run back.

use clap::Args;

use crate::client::Call;
use crate::failure::Failure;
use crate::output::Line;
use crate::replies::Run;
use crate::session::Session;
use crate::text::words;

/// Stops a run; what was done until then stays
#[derive(Args)]
pub struct Options {
    /// The run, or a source of which something runs or waits
    run: String,
}

pub async fn run(options: Options, session: &Session) -> Result<u8, Failure> {
    let id = session.run_of(&options.run).await?;
    let reply = session.send(Call::post(["v1", "runs", &id, "cancel"])).await?;
    let run = Run::read(&reply.body)?;
    session.show(&reply, |screen, _| {
        let said = match run.status.as_str() {
            "cancelling" => " stops at its next step; what was done until then stays",
            "cancelled" if run.started_at.is_none() => " will not run: it had not begun",
            "cancelled" => " was cancelled; what was done until then stays",
            _ => " had ended before",
        };
        screen.say(Line::new().strong(run.subject()).plain(said).faint(format!("  run {} is {}", run.id, words(&run.status))));
    });
    Ok(0)
}
