//! `pullcord member`: who may do what in a workspace.

use clap::Subcommand;
use serde_json::json;

use crate::client::Call;
use crate::failure::Failure;
use crate::known::roles;
use crate::replies::{at, list, text};
use crate::session::Session;
use crate::table::{Cell, Column, Table};
use crate::text::relative;

/// Lists, adds, changes and removes members of a workspace
#[derive(Subcommand)]
pub enum Command {
    /// Lists who is in a workspace
    List {
        /// Not needed if you are in one only
        #[arg(short, long)]
        workspace: Option<String>,
    },
    /// Gives a user a role
    Set {
        /// The user, as the `sub` of their token names them
        user: String,
        #[arg(help = roles())]
        role: String,
        #[arg(short, long)]
        workspace: Option<String>,
    },
    /// Takes a user's role away
    Rm {
        user: String,
        #[arg(short, long)]
        workspace: Option<String>,
    },
}

pub async fn run(command: Command, session: &Session) -> Result<u8, Failure> {
    match command {
        Command::List { workspace } => {
            let workspace = session.workspace(workspace.as_ref()).await?;
            let reply = session.send(Call::get(["v1", "workspaces", &workspace, "members"])).await?;
            session.show(&reply, |screen, body| {
                let mut table = Table::new([Column::Whole("USER"), Column::Cut("ROLE"), Column::Cut("SINCE")]);
                for member in list(body, "members") {
                    let since = at(member["added_at"].as_str()).map(|at| relative(at, session.now())).unwrap_or_default();
                    table.row([Cell::from(text(member, "user")), Cell::from(text(member, "role")), Cell::from(since)]);
                }
                if list(body, "members").is_empty() { screen.say("Nobody is in it but operators.") } else { screen.table(&table) }
            });
        }
        Command::Set { user, role, workspace } => {
            let workspace = session.workspace(workspace.as_ref()).await?;
            let reply = session.send(Call::put(["v1", "workspaces", &workspace, "members", &user]).body(json!({"role": role}))).await?;
            session.show(&reply, |screen, body| {
                screen.say(format!("{} is {} in {}.", text(body, "user"), text(body, "role"), text(body, "workspace")));
            });
        }
        Command::Rm { user, workspace } => {
            let workspace = session.workspace(workspace.as_ref()).await?;
            let reply = session.send(Call::delete(["v1", "workspaces", &workspace, "members", &user])).await?;
            session.show(&reply, |screen, _| screen.say(format!("{user} has no role in {workspace} any more.")));
        }
    }
    Ok(0)
}
