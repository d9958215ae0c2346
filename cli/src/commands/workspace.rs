//! `pullcord workspace`: tenants and their limits.

use clap::{Args, Subcommand};
use pullcord_core::clock::parse_duration;
use serde_json::{Map, Value, json};

use super::sync::span;
use crate::client::Call;
use crate::failure::Failure;
use crate::output::{Line, Screen};
use crate::replies::{list, text};
use crate::session::Session;
use crate::table::{Cell, Column, Table};
use crate::text::number;

/// Lists, shows, makes and changes workspaces
#[derive(Subcommand)]
pub enum Command {
    /// Lists the workspaces you are in
    List,
    /// Shows one, with its limits
    Show {
        /// Not needed if you are in one only
        workspace: Option<String>,
    },
    /// Makes one; for operators
    Create {
        slug: String,
        /// What people call it; else the slug
        #[arg(long)]
        name: Option<String>,
    },
    /// Changes one
    Set(Change),
}

#[derive(Args)]
pub struct Change {
    workspace: String,
    #[arg(long)]
    name: Option<String>,
    /// The time between manual syncs of a kind: repository=10m; default gives back the deployment's.
    /// Kinds: workspace, repository, integration, index, documents
    #[arg(long = "cooldown", value_name = "KIND=TIME")]
    cooldowns: Vec<String>,
    /// Requests that a manual sync must find left at the provider, or default
    #[arg(long, value_name = "NUMBER")]
    quota_floor: Option<String>,
    /// Runs that may be under way at once, or none for no limit
    #[arg(long, value_name = "NUMBER")]
    max_concurrent_runs: Option<String>,
}

pub async fn run(command: Command, session: &Session) -> Result<u8, Failure> {
    let reply = match command {
        Command::List => {
            let reply = session.send(Call::get(["v1", "workspaces"])).await?;
            session.show(&reply, listed);
            return Ok(0);
        }
        Command::Show { workspace } => {
            let workspace = session.workspace(workspace.as_ref()).await?;
            session.send(Call::get(["v1", "workspaces", &workspace])).await?
        }
        Command::Create { slug, name } => {
            let name = name.unwrap_or_else(|| slug.clone());
            session.send(Call::post(["v1", "workspaces"]).body(json!({"slug": slug, "name": name}))).await?
        }
        Command::Set(change) => {
            let body = change.body()?;
            session.send(Call::patch(["v1", "workspaces", &change.workspace]).body(body)).await?
        }
    };
    session.show(&reply, shown);
    Ok(0)
}

fn listed(screen: &Screen, body: &Value) {
    let mut table = Table::new([Column::Whole("WORKSPACE"), Column::Cut("NAME"), Column::Cut("YOUR ROLE")]);
    for one in list(body, "workspaces") {
        table.row([Cell::from(text(one, "slug")), Cell::from(text(one, "name")), Cell::from(text(one, "role"))]);
    }
    if list(body, "workspaces").is_empty() { screen.say("You are in no workspace.") } else { screen.table(&table) }
}

fn shown(screen: &Screen, body: &Value) {
    let fact = |name: &str, value: String| screen.say(Line::new().faint(format!("{name:<22}")).plain(value));
    screen.say(Line::new().strong(text(body, "slug")).plain("  ").plain(text(body, "name")));
    fact("your role", text(body, "role").to_owned());
    for kind in ["workspace", "repository", "integration", "index", "documents"] {
        let time = body["cooldowns"][kind].as_str().and_then(parse_duration).map(crate::text::span);
        fact(&format!("cooldown {kind}"), time.unwrap_or_else(|| "the deployment's".into()));
    }
    fact("quota floor", body["quota_floor"].as_u64().map_or_else(|| "the deployment's".into(), number));
    fact("max concurrent runs", body["max_concurrent_runs"].as_u64().map_or_else(|| "no limit".into(), number));
}

impl Change {
    fn body(&self) -> Result<Value, Failure> {
        let mut body = Map::new();
        if let Some(name) = &self.name {
            body.insert("name".into(), json!(name));
        }
        let mut cooldowns = Map::new();
        for said in &self.cooldowns {
            let wrong = || Failure::Usage(format!("--cooldown {said}: write it like repository=10m or repository=default"));
            let (kind, time) = said.split_once('=').ok_or_else(wrong)?;
            let time = match time {
                "default" => Value::Null,
                "0" | "none" => json!("PT0S"),
                time => json!(span(time).map_err(|_| wrong())?.to_string()),
            };
            cooldowns.insert(kind.to_owned(), time);
        }
        if !cooldowns.is_empty() {
            body.insert("cooldowns".into(), Value::Object(cooldowns));
        }
        for (name, said) in [("quota_floor", &self.quota_floor), ("max_concurrent_runs", &self.max_concurrent_runs)] {
            let Some(said) = said else { continue };
            let value = match said.as_str() {
                "default" | "none" => Value::Null,
                number => json!(number.parse::<u64>().map_err(|_| Failure::Usage(format!("{number:?} is no number")))?),
            };
            body.insert(name.to_owned(), value);
        }
        if body.is_empty() {
            return Err(Failure::Usage("say what to change: pullcord workspace set --help lists what can be".into()));
        }
        Ok(Value::Object(body))
    }
}
