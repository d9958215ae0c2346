//! `pullcord token`: API tokens, for scripts.

use clap::Subcommand;
use pullcord_core::clock::Moment;
use serde_json::json;

use super::sync::span;
use crate::client::Call;
use crate::failure::Failure;
use crate::known::roles;
use crate::output::{Line, Tone};
use crate::replies::{at, list, text};
use crate::session::Session;
use crate::table::{Cell, Column, Table};
use crate::text::relative;

/// Lists, makes and revokes API tokens of a workspace
#[derive(Subcommand)]
pub enum Command {
    /// Lists tokens, without the tokens themselves
    List {
        /// Not needed if you are in one only
        #[arg(short, long)]
        workspace: Option<String>,
    },
    /// Makes one and shows it, this once
    Create {
        /// What it is for
        name: String,
        #[arg(help = format!("What it may do: {}", roles()))]
        role: String,
        #[arg(short, long)]
        workspace: Option<String>,
        /// When it ends: 90d, 2027-01-31, 2027-01-31T00:00:00Z; never if left out
        #[arg(long, value_name = "WHEN")]
        expires: Option<String>,
    },
    /// Revokes one, by the id that the list shows
    Revoke {
        id: String,
        #[arg(short, long)]
        workspace: Option<String>,
    },
}

pub async fn run(command: Command, session: &Session) -> Result<u8, Failure> {
    match command {
        Command::List { workspace } => {
            let workspace = session.workspace(workspace.as_ref()).await?;
            let reply = session.send(Call::get(["v1", "workspaces", &workspace, "tokens"])).await?;
            session.show(&reply, |screen, body| {
                let now = session.now();
                let mut table = Table::new([
                    Column::Whole("ID"),
                    Column::Cut("NAME"),
                    Column::Cut("ROLE"),
                    Column::Cut("MADE BY"),
                    Column::Cut("ENDS"),
                ]);
                for token in list(body, "tokens") {
                    let ends = at(token["expires_at"].as_str());
                    let is_over = ends.is_some_and(|ends| ends <= now);
                    table.row([
                        Cell::from(text(token, "id")),
                        Cell::from(text(token, "name")),
                        Cell::from(text(token, "role")),
                        Cell::from(text(token, "created_by")),
                        Cell::toned(
                            if is_over { Tone::Bad } else { Tone::Plain },
                            ends.map_or_else(|| "never".into(), |ends| relative(ends, now)),
                        ),
                    ]);
                }
                if list(body, "tokens").is_empty() { screen.say("There are no tokens.") } else { screen.table(&table) }
            });
        }
        Command::Create { name, role, workspace, expires } => {
            let workspace = session.workspace(workspace.as_ref()).await?;
            let mut body = json!({"name": name, "role": role});
            if let Some(expires) = expires {
                body["expires"] = json!(end(&expires, session.now())?);
            }
            let reply = session.send(Call::post(["v1", "workspaces", &workspace, "tokens"]).body(body)).await?;
            session.show(&reply, |screen, body| {
                // The token alone is the result, so that a script can take it.
                screen.note(Line::new().faint("This is the token; it is shown this once:"));
                screen.say(text(body, "token"));
                screen.note(Line::new().faint(format!("To revoke it: pullcord token revoke {} -w {workspace}", text(body, "id"))));
            });
        }
        Command::Revoke { id, workspace } => {
            let workspace = session.workspace(workspace.as_ref()).await?;
            let reply = session.send(Call::delete(["v1", "workspaces", &workspace, "tokens", &id])).await?;
            session.show(&reply, |screen, _| screen.say(format!("{id} is revoked.")));
        }
    }
    Ok(0)
}

/// When: a day, a time, or how long from now.
fn end(text: &str, now: Moment) -> Result<String, Failure> {
    if let Some(at) = Moment::parse(text).or_else(|| Moment::parse(&format!("{text}T00:00:00Z"))) {
        return Ok(at.rfc3339());
    }
    let days = text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok()).map(|days| jiff::SignedDuration::from_hours(days * 24));
    let span = days.or_else(|| span(text).ok()).and_then(|span| span.try_into().ok());
    span.map(|span| now.plus(span).rfc3339()).ok_or_else(|| Failure::Usage(format!("--expires {text}: write it like 90d or 2027-01-31")))
}
