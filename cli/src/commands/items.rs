//! `pullcord items`: what a source holds.

use clap::Args;
use pullcord_core::clock::Moment;
use serde_json::Value;

use crate::client::Call;
use crate::failure::Failure;
use crate::known::item_types;
use crate::output::{Line, Tone};
use crate::replies::{at, list, text};
use crate::session::Session;
use crate::table::{Cell, Column, Table};
use crate::text::relative;

/// Lists what a source holds, newest change first
#[derive(Args)]
pub struct Options {
    source: String,
    #[arg(long = "type", value_name = "TYPE", help = format!("Only {}", item_types()))]
    kind: Option<String>,
    /// open or closed, or what else its provider calls it
    #[arg(long)]
    state: Option<String>,
    /// Only what changed since: 2027-01-31, 2027-01-31T06:00:00Z, or how long ago, as 2h
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only what has this in its title
    #[arg(short, long = "query", value_name = "TEXT")]
    query: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
}

pub async fn run(options: Options, session: &Session) -> Result<u8, Failure> {
    let since = options.since.as_deref().map(|text| moment(text, session.now())).transpose()?;
    let call = || {
        Call::get(["v1", "sources", &options.source, "items"])
            .with_if("type", options.kind.as_ref())
            .with_if("state", options.state.as_ref())
            .with_if("updated_since", since.as_ref())
            .with_if("q", options.query.as_ref())
    };
    let reply = session.listed("items", options.limit, call).await?;
    session.show(&reply, |screen, body| {
        let listed = list(body, "items");
        if listed.is_empty() {
            screen.say("There is nothing like that.");
            return;
        }
        screen.table(&table_of(listed, session.now()));
        if body["next_cursor"].is_string() {
            screen.note(Line::new().faint(format!("these are {}; --limit shows more", listed.len())));
        }
    });
    Ok(0)
}

/// When: a day, a time, or how long ago.
fn moment(text: &str, now: Moment) -> Result<String, Failure> {
    if let Some(at) = Moment::parse(text).or_else(|| Moment::parse(&format!("{text}T00:00:00Z"))) {
        return Ok(at.rfc3339());
    }
    let ago = super::sync::span(text).ok().and_then(|span| span.try_into().ok());
    let ago = ago.ok_or_else(|| Failure::Usage(format!("--since {text}: write it like 2027-01-31, 2027-01-31T06:00:00Z or 2h")))?;
    Ok(now.minus(ago).rfc3339())
}

/// Items as a table.
pub(super) fn table_of(items: &[Value], now: Moment) -> Table {
    let mut table = Table::new([
        Column::Cut("TYPE"),
        Column::Whole("ID"),
        Column::Cut("STATE"),
        Column::Cut("TITLE"),
        Column::Cut("LABELS"),
        Column::Cut("CHANGED"),
    ]);
    for item in items {
        let state = text(item, "state");
        let labels: Vec<&str> = list(item, "labels").iter().filter_map(Value::as_str).collect();
        let priority = item["priority"].as_str().map(|priority| format!("[{priority}] ")).unwrap_or_default();
        let changed = at(item["updatedAt"].as_str()).map(|at| relative(at, now)).unwrap_or_default();
        table.row([
            Cell::from(text(item, "type")),
            Cell::from(name_of(item)),
            Cell::toned(if state == "open" { Tone::Good } else { Tone::Faint }, state),
            Cell::from(format!("{priority}{}", text(item, "title"))),
            Cell::toned(Tone::Faint, labels.join(", ")),
            Cell::toned(Tone::Faint, changed),
        ]);
    }
    table
}

/// What its provider calls it, or where it lies; else our own id.
fn name_of(item: &Value) -> String {
    let number = item["externalId"].as_str().and_then(|id| id.rsplit(':').next()).map(|number| format!("#{number}"));
    let path = item["path"].as_str().map(str::to_owned);
    path.or(number).unwrap_or_else(|| text(item, "id").to_owned())
}
