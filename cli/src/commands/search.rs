//! `pullcord search`: places in the code that is indexed.

use clap::Args;
use serde_json::Value;

use crate::client::Call;
use crate::failure::Failure;
use crate::output::{Line, Screen, Tone};
use crate::replies::{list, text};
use crate::session::Session;

/// Searches the code of an index, best place first
#[derive(Args)]
pub struct Options {
    source: String,
    /// What is looked for, in words or names
    #[arg(required = true)]
    question: Vec<String>,
    /// Of which branch; the first that the source names, if none is given
    #[arg(long)]
    branch: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    limit: u64,
    /// Only where, and not what stands there
    #[arg(long)]
    brief: bool,
}

pub async fn run(options: Options, session: &Session) -> Result<u8, Failure> {
    let question = options.question.join(" ");
    let call = Call::get(["api", "repositories", &options.source, "search"])
        .with_if("q", Some(&question))
        .with_if("branch", options.branch.as_ref())
        .with("limit", options.limit.to_string());
    let reply = session.send(call).await?;
    session.show(&reply, |screen, body| {
        let found = list(body, "results");
        if found.is_empty() {
            screen.say("There is nothing like that.");
        }
        for (number, place) in found.iter().enumerate() {
            if number > 0 && !options.brief {
                screen.say("");
            }
            shown(screen, place, options.brief);
        }
    });
    Ok(0)
}

/// A place as editors and terminals understand it, and what stands there.
fn shown(screen: &Screen, place: &Value, brief: bool) {
    let line = place["start_line"].as_u64().unwrap_or(1);
    screen.say(Line::new().then(Tone::Good, format!("{}:{line}", text(place, "path"))));
    if brief {
        return;
    }
    for (line, text) in (line..).zip(text(place, "snippet").lines()) {
        screen.say(Line::new().faint(format!("{line:>6}  ")).plain(text));
    }
}
