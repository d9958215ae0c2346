//! `pullcord reset-backfill`: forgets where a first run stopped.

use clap::Args;

use crate::asking::sure;
use crate::client::Call;
use crate::failure::Failure;
use crate::output::Line;
use crate::session::Session;
use crate::text::quoted;

/// Forgets where an unfinished first run stopped, so that the next begins it again
#[derive(Args)]
pub struct Options {
    source: String,
    /// Without asking whether it is meant
    #[arg(long)]
    yes: bool,
}

pub async fn run(options: Options, session: &Session) -> Result<u8, Failure> {
    sure(&format!("Forget where the first run of {} stopped? The next one reads everything again.", options.source), options.yes)?;
    let reply = session.send(Call::post(["v1", "sources", &options.source, "reset-backfill"])).await?;
    session.show(&reply, |screen, body| {
        if body["reset"] == true {
            screen.say("Forgotten. The next run begins at the beginning.");
            screen.say(Line::new().faint("begin now:  ").plain(format!("pullcord sync {}", quoted(&options.source))));
        } else {
            screen.say("There was nothing to forget: no first run of it is unfinished.");
        }
    });
    Ok(0)
}
