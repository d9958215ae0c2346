//! `pullcord held`: removals that look like an accident, and what is to become of
//! them.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::items::table_of;
use super::sync::answered;
use crate::client::Call;
use crate::failure::Failure;
use crate::output::{Line, Tone};
use crate::replies::list;
use crate::session::Session;
use crate::text::{count, number, quoted};

/// Lists removals that are held back, and decides on them
#[derive(Args)]
pub struct Options {
    source: String,
    /// approve removes what is held; discard keeps it
    decision: Option<Decision>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", requires = "decision")]
    reason: Option<String>,
    /// Follow the run that carries it out
    #[arg(long, requires = "decision")]
    wait: bool,
    /// How many to list at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Decision {
    Approve,
    Discard,
}

pub async fn run(options: Options, session: &Session) -> Result<u8, Failure> {
    let path = ["v1", "sources", &options.source, "held-deletions"];
    if let Some(decision) = options.decision {
        let decision = match decision {
            Decision::Approve => "approve",
            Decision::Discard => "discard",
        };
        let mut body = json!({"decision": decision});
        if let Some(reason) = &options.reason {
            body["reason"] = json!(reason);
        }
        let reply = session.send(Call::post(path).body(body)).await?;
        return answered(session, reply, options.wait).await;
    }
    let reply = session.listed("items", options.limit, || Call::get(path)).await?;
    session.show(&reply, |screen, body| {
        let listed = list(body, "items");
        if listed.is_empty() {
            screen.say("Nothing is held back.");
            return;
        }
        let all = body["count"].as_u64().unwrap_or(listed.len() as u64);
        screen.say(
            Line::new()
                .then(Tone::Warn, format!("{} held back: they are missing at the source, and kept until you decide.", count(all, "item"))),
        );
        screen.table(&table_of(listed, session.now()));
        if all > listed.len() as u64 {
            screen.say(Line::new().faint(format!("{} more; --limit shows more", number(all - listed.len() as u64))));
        }
        let source = quoted(&options.source);
        screen.say(Line::new().faint("remove them: ").plain(format!("pullcord held {source} approve")));
        screen.say(Line::new().faint("keep them:   ").plain(format!("pullcord held {source} discard")));
    });
    Ok(0)
}
