//! `pullcord runs`: what ran, newest first.

use clap::Args;
use serde::Deserialize;

use crate::client::Call;
use crate::failure::Failure;
use crate::replies::{Run, at, list};
use crate::session::Session;
use crate::summary::tone;
use crate::table::{Cell, Column, Table};
use crate::text::{number, relative, span, words};

/// Lists runs of a source, or of a workspace, newest first
#[derive(Args)]
pub struct Options {
    /// Only runs of this source
    source: Option<String>,
    /// The workspace; not needed if you are in one only
    #[arg(short, long, conflicts_with = "source")]
    workspace: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
}

pub async fn run(options: Options, session: &Session) -> Result<u8, Failure> {
    let reply = if let Some(source) = &options.source {
        session.listed("runs", options.limit, || Call::get(["v1", "sources", source, "runs"])).await?
    } else {
        let workspace = session.workspace(options.workspace.as_ref()).await?;
        session.listed("runs", options.limit, || Call::get(["v1", "workspaces", &workspace, "runs"])).await?
    };
    session.show(&reply, |screen, body| {
        let now = session.now();
        let mut table = Table::new([
            Column::Whole("RUN"),
            Column::Cut("OF"),
            Column::Cut("STATUS"),
            Column::Cut("BY"),
            Column::Cut("BEGAN"),
            Column::Cut("TOOK"),
            Column::Number("CHANGES"),
        ]);
        let runs: Vec<Run> = list(body, "runs").iter().filter_map(|run| Run::deserialize(run).ok()).collect();
        for run in &runs {
            let began = at(run.started_at.as_deref()).or(at(Some(&run.created_at)));
            let took = at(run.finished_at.as_deref()).zip(at(run.started_at.as_deref())).map(|(end, start)| span(end.since(start)));
            let by =
                if run.trigger == "manual" { run.triggered_by.clone() } else { format!("{} ({})", run.triggered_by, words(&run.trigger)) };
            let of = if run.is_of_workspace() { format!("{} (all)", run.workspace) } else { run.subject().to_owned() };
            let changes = run.results.created + run.results.updated + run.results.deleted;
            table.row([
                Cell::from(&run.id),
                Cell::from(of),
                Cell::toned(tone(&run.status), words(&run.status)),
                Cell::from(by),
                Cell::from(began.map(|began| relative(began, now)).unwrap_or_default()),
                Cell::from(took.unwrap_or_default()),
                Cell::from(number(changes)),
            ]);
        }
        if runs.is_empty() { screen.say("Nothing ran yet.") } else { screen.table(&table) }
    });
    Ok(0)
}
