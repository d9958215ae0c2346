//! `pullcord audit`: what is on record.

use clap::Args;

use crate::client::Call;
use crate::failure::Failure;
use crate::output::Tone;
use crate::replies::{at, list, text};
use crate::session::Session;
use crate::table::{Cell, Column, Table};
use crate::text::{clock, words};

/// Lists what is on record: who did what, newest first
#[derive(Args)]
pub struct Options {
    /// The workspace; not needed if you are in one only
    #[arg(short, long)]
    workspace: Option<String>,
    /// The whole life of one run, oldest first
    #[arg(long, value_name = "RUN", conflicts_with = "workspace")]
    run: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "run")]
    limit: u64,
}

pub async fn run(options: Options, session: &Session) -> Result<u8, Failure> {
    let reply = if let Some(run) = &options.run {
        session.send(Call::get(["v1", "runs", run, "audit"])).await?
    } else {
        let workspace = session.workspace(options.workspace.as_ref()).await?;
        session.listed("audit", options.limit, || Call::get(["v1", "workspaces", &workspace, "audit"])).await?
    };
    session.show(&reply, |screen, body| {
        let mut table =
            Table::new([Column::Whole("WHEN"), Column::Cut("WHO"), Column::Cut("WHAT"), Column::Cut("OF"), Column::Cut("FACTS")]);
        for line in list(body, "audit") {
            let of = line["source"].as_str().or(line["run"].as_str()).unwrap_or_default();
            let facts = line["facts"].as_object().into_iter().flatten();
            let facts: Vec<String> = facts.map(|(name, fact)| format!("{name}={}", fact.as_str().unwrap_or_default())).collect();
            let times = line["count"].as_u64().filter(|times| *times > 1).map(|times| format!(" ({times} times)")).unwrap_or_default();
            table.row([
                Cell::from(at(line["at"].as_str()).map(|at| clock(at, session.now())).unwrap_or_default()),
                Cell::from(text(line, "who")),
                Cell::from(format!("{}{times}", words(text(line, "what")))),
                Cell::from(of),
                Cell::toned(Tone::Faint, facts.join(" ")),
            ]);
        }
        if list(body, "audit").is_empty() { screen.say("Nothing is on record.") } else { screen.table(&table) }
    });
    Ok(0)
}
