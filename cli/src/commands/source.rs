//! `pullcord source`: what can be synced.

use clap::{Args, Subcommand, ValueEnum};
use jiff::SignedDuration;
use pullcord_core::clock::parse_duration;
use serde_json::{Map, Value, json};

use super::schedule::rhythm;
use super::sync::span;
use crate::asking::{secret, sure};
use crate::client::Call;
use crate::failure::Failure;
use crate::following;
use crate::known::{providers, streams};
use crate::output::{Line, Screen, Tone};
use crate::replies::{Run, at, list, text};
use crate::session::Session;
use crate::summary::tone;
use crate::table::{Cell, Column, Table};
use crate::text::{moment, number, quoted, relative, words};

/// Lists, shows, adds, changes and removes sources
#[derive(Subcommand)]
pub enum Command {
    /// Lists the sources of a workspace, and how each is
    List {
        /// Not needed if you are in one only
        #[arg(short, long)]
        workspace: Option<String>,
    },
    /// Shows one, with everything that is known of it
    Show { source: String },
    /// Adds a repository of a forge, an integration, the code of a repository, or a folder of documents
    Add(Box<Add>),
    /// Changes one
    Set(Box<Change>),
    /// Deletes one with all that it holds
    Rm {
        source: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Wait until it is gone
        #[arg(long)]
        wait: bool,
    },
}

/// What a source can be given, and be given anew.
#[derive(Args, Default)]
struct Given {
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// The provider's API, where it is not the usual one
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Of a repository: owner/name
    #[arg(long, value_name = "OWNER/NAME")]
    repository: Option<String>,
    /// Whose quota it counts against, where several tokens share one
    #[arg(long)]
    principal: Option<String>,
    /// Ask for the token of the provider, or read it from standard input
    #[arg(long)]
    credential: bool,
    /// Ask for the secret of its webhook, or read it from standard input
    #[arg(long)]
    webhook_secret: bool,
    #[arg(long = "stream", value_name = "STREAM", help = format!("A stream to sync: {}; can be given more than once", streams()))]
    streams: Vec<String>,
    /// Whether a sync of the workspace takes it in
    #[arg(long, value_name = "BOOL")]
    monitored: Option<bool>,
    /// Of an integration: what it takes, as its vendor names it; can be given more than once
    #[arg(long = "entity", value_name = "ENTITY")]
    entities: Vec<String>,
    /// Of an integration: what is looked at between its runs
    #[arg(long, value_name = "URL")]
    health_url: Option<String>,
    /// Of an integration: how often it is looked at: 30m, PT30M
    #[arg(long, value_name = "TIME", value_parser = span)]
    health_every: Option<SignedDuration>,
    /// Of an index: what git clones over HTTPS, or a folder that the deployment allows
    #[arg(long, value_name = "URL")]
    git: Option<String>,
    /// Of an index: a branch that is taken; can be given more than once
    #[arg(long = "branch", value_name = "BRANCH")]
    branches: Vec<String>,
    /// Of an index: what is left out, as in a .gitignore; can be given more than once
    #[arg(long = "ignore", value_name = "PATTERN")]
    ignore_patterns: Vec<String>,
    /// Of documents: their folder
    #[arg(long, value_name = "FOLDER")]
    path: Option<String>,
    /// Of documents: which files, as **/*.md; can be given more than once
    #[arg(long = "pattern", value_name = "GLOB")]
    patterns: Vec<String>,
}

#[derive(Args)]
pub struct Add {
    /// Its id: small letters, digits, dots, dashes and underscores
    id: String,
    /// Not needed if you are in one only
    #[arg(short, long)]
    workspace: Option<String>,
    /// repository, integration, index or documents; told by --repository, --entity, --git and --path
    #[arg(long)]
    kind: Option<String>,
    #[arg(long, help = format!("Where it is: {}", providers()))]
    provider: Option<String>,
    /// Of an integration: by what name its workspace has one only; its provider's, if none is given
    #[arg(long, value_name = "TYPE")]
    integration_type: Option<String>,
    /// The project it belongs to
    #[arg(long)]
    project: Option<String>,
    #[command(flatten)]
    given: Given,
}

#[derive(Args)]
pub struct Change {
    source: String,
    /// Take its credential away
    #[arg(long, conflicts_with = "credential")]
    no_credential: bool,
    /// Take the secret of its webhook away
    #[arg(long, conflicts_with = "webhook_secret")]
    no_webhook_secret: bool,
    /// Have nobody look at it between its runs any more
    #[arg(long, conflicts_with_all = ["health_url", "health_every"])]
    no_health: bool,
    /// Whether its webhook delivers; auto judges by what arrives
    #[arg(long, value_name = "WHETHER")]
    webhook_active: Option<Whether>,
    #[command(flatten)]
    given: Given,
}

#[derive(Clone, Copy, ValueEnum)]
enum Whether {
    Yes,
    No,
    Auto,
}

pub async fn run(command: Command, session: &Session) -> Result<u8, Failure> {
    match command {
        Command::List { workspace } => {
            let workspace = session.workspace(workspace.as_ref()).await?;
            let reply = session.send(Call::get(["v1", "workspaces", &workspace, "sources"])).await?;
            session.show(&reply, |screen, body| listed(screen, list(body, "sources"), session));
        }
        Command::Show { source } => {
            let reply = session.send(Call::get(["v1", "sources", &source])).await?;
            session.show(&reply, |screen, body| shown(screen, body, session));
        }
        Command::Add(add) => {
            let workspace = session.workspace(add.workspace.as_ref()).await?;
            let reply = session.send(Call::post(["v1", "workspaces", &workspace, "sources"]).body(add.body()?)).await?;
            session.show(&reply, |screen, body| {
                shown(screen, body, session);
                screen.say(Line::new().faint("sync it:  ").plain(format!("pullcord sync {} --wait", quoted(text(body, "id")))));
            });
        }
        Command::Set(change) => {
            let reply = session.send(Call::patch(["v1", "sources", &change.source]).body(change.body()?)).await?;
            session.show(&reply, |screen, body| shown(screen, body, session));
        }
        Command::Rm { source, yes, wait } => {
            sure(&format!("Delete {source} with everything that it holds?"), yes)?;
            let reply = session.send(Call::delete(["v1", "sources", &source])).await?;
            let run = Run::read(&reply.body)?;
            if wait {
                return following::to_the_end(session, &run.id).await;
            }
            session.show(&reply, |screen, _| screen.say(format!("{source} is deleted; its rows are being removed by run {}.", run.id)));
        }
    }
    Ok(0)
}

impl Given {
    /// What was said, as fields of a body; secrets are asked for now.
    fn body(&self) -> Result<Map<String, Value>, Failure> {
        let mut body = Map::new();
        let texts = [
            ("name", &self.name),
            ("base_url", &self.base_url),
            ("repository", &self.repository),
            ("principal", &self.principal),
            ("path", &self.path),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                body.insert(name.to_owned(), json!(value));
            }
        }
        if let Some(git) = &self.git {
            body.insert("git".into(), json!({"url": git}));
        }
        let lists = [
            ("streams", &self.streams),
            ("entities", &self.entities),
            ("branches", &self.branches),
            ("ignore_patterns", &self.ignore_patterns),
            ("patterns", &self.patterns),
        ];
        for (name, values) in lists {
            if !values.is_empty() {
                body.insert(name.to_owned(), json!(values));
            }
        }
        if let Some(url) = &self.health_url {
            body.entry("health").or_insert_with(|| json!({}))["url"] = json!(url);
        }
        if let Some(every) = &self.health_every {
            body.entry("health").or_insert_with(|| json!({}))["every"] = json!(every.to_string());
        }
        if let Some(monitored) = self.monitored {
            body.insert("monitored".into(), json!(monitored));
        }
        if self.credential {
            body.insert("credential".into(), json!({"token": secret("credential")?}));
        }
        if self.webhook_secret {
            body.insert("webhook".into(), json!({"secret": secret("secret of the webhook")?}));
        }
        Ok(body)
    }
}

impl Add {
    fn body(&self) -> Result<Value, Failure> {
        let given = &self.given;
        let told = [
            (given.repository.is_some(), "repository"),
            (given.path.is_some(), "documents"),
            (!given.entities.is_empty(), "integration"),
            (given.git.is_some(), "index"),
        ];
        let mut told = told.iter().filter(|(is_told, _)| *is_told).map(|(_, kind)| (*kind).to_owned());
        // Two that contradict each other tell nothing.
        let told = told.next().filter(|_| told.next().is_none());
        let kind = self.kind.clone().or(told);
        let what = "say what it is: --provider and --repository, --provider and --entity, --git, or --path";
        let kind = kind.ok_or_else(|| Failure::Usage(what.into()))?;
        let mut body = self.given.body()?;
        body.insert("id".into(), json!(self.id));
        body.insert("kind".into(), json!(kind));
        for (name, value) in [("provider", &self.provider), ("project", &self.project), ("integration_type", &self.integration_type)] {
            if let Some(value) = value {
                body.insert(name.to_owned(), json!(value));
            }
        }
        Ok(Value::Object(body))
    }
}

impl Change {
    fn body(&self) -> Result<Value, Failure> {
        let mut body = Value::Object(self.given.body()?);
        if self.no_credential {
            body["credential"] = Value::Null;
        }
        if self.no_webhook_secret {
            body["webhook"]["secret"] = Value::Null;
        }
        if self.no_health {
            body["health"] = Value::Null;
        }
        if let Some(active) = self.webhook_active {
            body["webhook"]["active"] = match active {
                Whether::Yes => json!(true),
                Whether::No => json!(false),
                Whether::Auto => Value::Null,
            };
        }
        if body.as_object().is_none_or(Map::is_empty) {
            return Err(Failure::Usage("say what to change: pullcord source set --help lists what can be".into()));
        }
        Ok(body)
    }
}

/// What it is a copy of.
fn place(source: &Value) -> String {
    let provider = source["provider"].as_str().unwrap_or_else(|| text(source, "kind"));
    // An integration is named by its type where that is not its provider's name.
    let of_type = source["integration_type"].as_str().filter(|kind| *kind != provider);
    let of = source["repository"].as_str().or(source["path"].as_str()).or(of_type).unwrap_or_default();
    format!("{provider} {of}")
}

fn listed(screen: &Screen, sources: &[Value], session: &Session) {
    if sources.is_empty() {
        screen.say("There are no sources yet: pullcord source add --help says how to add one.");
        return;
    }
    let now = session.now();
    let mut table = Table::new([
        Column::Whole("SOURCE"),
        Column::Cut("NAME"),
        Column::Cut("OF"),
        Column::Cut("STATUS"),
        Column::Cut("SYNCED"),
        Column::Number("ITEMS"),
        Column::Number("QUOTA"),
    ]);
    for source in sources {
        let status = text(source, "status");
        let said = if source["stalled"] == true { "stalled".to_owned() } else { words(status) };
        let synced = at(source["last_synced_at"].as_str()).map_or_else(|| "never".into(), |at| relative(at, now));
        table.row([
            Cell::from(text(source, "id")),
            Cell::from(text(source, "name")),
            Cell::from(place(source)),
            Cell::toned(tone(status), said),
            Cell::from(synced),
            Cell::from(source["item_count"].as_u64().map(number).unwrap_or_default()),
            Cell::from(source["quota"]["remaining"].as_u64().map(number).unwrap_or_default()),
        ]);
    }
    screen.table(&table);
}

fn shown(screen: &Screen, source: &Value, session: &Session) {
    let now = session.now();
    let id = quoted(text(source, "id"));
    let fact = |name: &str, tone: Tone, value: String| {
        if !value.is_empty() {
            screen.say(Line::new().faint(format!("{name:<12}")).then(tone, value));
        }
    };
    let time = |name: &str| at(source[name].as_str()).map(|at| moment(at, now)).unwrap_or_default();
    let strings = |name: &str| list(source, name).iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
    screen.say(Line::new().strong(text(source, "id")).plain("  ").plain(text(source, "name")));
    fact("of", Tone::Plain, format!("{} {}", place(source), text(source, "base_url")));
    fact("workspace", Tone::Plain, text(source, "workspace").to_owned());
    fact("project", Tone::Plain, text(source, "project").to_owned());
    fact("status", tone(text(source, "status")), words(text(source, "status")));
    fact("error", Tone::Bad, text(source, "sync_error").to_owned());
    if source["stalled"] == true {
        fact("stalled", Tone::Warn, "its run ought to have been heard of; it is revived by itself".into());
    }
    fact("synced", Tone::Plain, time("last_synced_at"));
    for (name, field) in [("running", "current_run"), ("follow-up", "follow_up_run"), ("parked", "parked_run")] {
        fact(name, Tone::Plain, source[field].as_str().map(|run| format!("{run}  (pullcord watch {run})")).unwrap_or_default());
    }
    fact("next run", Tone::Plain, time("next_run_at"));
    fact("cools until", Tone::Warn, time("cooldown_until"));
    fact("items", Tone::Plain, source["item_count"].as_u64().map(number).unwrap_or_default());
    fact("streams", Tone::Plain, strings("streams"));
    fact("patterns", Tone::Plain, strings("patterns"));
    fact("schedule", Tone::Plain, rhythm(&source["schedule"]));
    let health = &source["health"];
    let looked = health["every"].as_str().and_then(parse_duration).map(|every| format!("looked at every {}", crate::text::span(every)));
    let state = health["state"].as_str().map(|state| format!("{}, ", words(state))).unwrap_or_default();
    fact(
        "other side",
        if state == "unhealthy, " { Tone::Bad } else { Tone::Plain },
        looked.map(|every| state + &every).unwrap_or_default(),
    );
    fact("monitored", Tone::Plain, if source["monitored"] == true { "yes" } else { "no" }.into());
    let (told, how) = credential(source);
    fact("credential", how, told);
    let webhook = &source["webhook"];
    let delivered = at(webhook["last_delivery_at"].as_str()).map(|at| format!(", last delivery {}", relative(at, now))).unwrap_or_default();
    fact("webhook", Tone::Plain, if webhook["is_active"] == true { format!("active{delivered}") } else { String::new() });
    let quota = &source["quota"];
    let left = quota["remaining"].as_u64().map(|left| {
        let of = quota["limit"].as_u64().map(|limit| format!(" of {}", number(limit))).unwrap_or_default();
        let full = at(quota["resets_at"].as_str()).map(|at| format!(", full again {}", relative(at, now))).unwrap_or_default();
        format!("{}{of} requests left{full}", number(left))
    });
    fact("quota", Tone::Plain, left.unwrap_or_default());
    let held = source["held_deletions"].as_u64().filter(|held| *held > 0);
    fact("held back", Tone::Warn, held.map(|held| format!("{} (pullcord held {id})", number(held))).unwrap_or_default());
}

/// Whether a credential is there and its provider accepts it, and how good that is.
pub(super) fn credential(source: &Value) -> (String, Tone) {
    let credential = &source["credential"];
    let why = credential["why"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
    let login = credential["login"].as_str().map(|login| format!(" as {login}")).unwrap_or_default();
    match (credential["set"] == true, credential["accepted"].as_bool()) {
        (false, _) => (String::new(), Tone::Plain),
        (true, Some(true)) => (format!("accepted{login}{why}"), Tone::Good),
        (true, Some(false)) => (format!("not accepted{why}"), Tone::Bad),
        (true, None) => (format!("set; whether it is accepted is not known yet{why}"), Tone::Faint),
    }
}
