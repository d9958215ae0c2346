//! From what was typed to the command that does it, and from what came of it to
//! an exit code.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::commands::{
    audit, cancel, completions, doctor, explain, held, items, login, member, reset_backfill, retry, runs, schedule, search, source, sync,
    token, watch, workspace,
};
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output::Screen;
use crate::session::Session;
use crate::up;

const AFTER: &str = "Exit codes: 0 done, 1 the run failed, 2 not understood, 3 refused, 4 nobody answered, 130 stopped by Ctrl-C.
Where to: --url, else PULLCORD_URL, else what `pullcord login` stored, else http://127.0.0.1:3000.
Who: PULLCORD_TOKEN, else what `pullcord login` stored for that address, else .pullcord/admin-token for a local one.";

/// Syncing on demand: never stuck, never a dead end
#[derive(Parser)]
#[command(name = "pullcord", version, after_help = AFTER, max_term_width = 120)]
struct Arguments {
    #[command(flatten)]
    always: Always,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(clap::Args)]
struct Always {
    /// The deployment to talk to
    #[arg(long, global = true, value_name = "URL", display_order = 900)]
    url: Option<String>,
    /// Print what the API answered, as it is
    #[arg(long, global = true, display_order = 901)]
    json: bool,
    /// No colours, as with NO_COLOR
    #[arg(long, global = true, display_order = 902)]
    no_color: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Runs everything here: API, worker, scheduler, table and queue
    Up(up::Options),
    Sync(sync::Options),
    Watch(watch::Options),
    Runs(runs::Options),
    Cancel(cancel::Options),
    Retry(retry::Options),
    Explain(explain::Options),
    Held(held::Options),
    ResetBackfill(reset_backfill::Options),
    Schedule(schedule::Options),
    #[command(subcommand)]
    Source(source::Command),
    Items(items::Options),
    Search(search::Options),
    #[command(subcommand)]
    Workspace(workspace::Command),
    #[command(subcommand)]
    Member(member::Command),
    #[command(subcommand)]
    Token(token::Command),
    Audit(audit::Options),
    Login(login::Options),
    Doctor(doctor::Options),
    Completions(completions::Options),
}

/// Every command, as it is typed.
pub fn names() -> Vec<String> {
    let command = Arguments::command();
    let named = |command: &clap::Command| command.get_subcommands().map(|one| one.get_name().to_owned()).collect::<Vec<_>>();
    let of = |name: String| match command.find_subcommand(&name).map(named).unwrap_or_default() {
        none if none.is_empty() => vec![name],
        some => some.into_iter().map(|one| format!("{name} {one}")).collect(),
    };
    named(&command).into_iter().flat_map(of).collect()
}

/// Whether these words, the first of which is our name, would be understood.
pub fn understood(words: &[String]) -> Result<(), String> {
    Arguments::try_parse_from(words).map(drop).map_err(|why| why.to_string())
}

/// Does what was typed.
pub fn run() -> ExitCode {
    let Arguments { always, command } = Arguments::parse();
    match command {
        Command::Up(options) => return up::run(options),
        Command::Completions(options) => {
            completions::run(&options, &mut Arguments::command());
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let environment = Environment::of_process();
    let screen = Screen::new(always.json, always.no_color || environment.no_color);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.map_err(|why| Failure::unreachable(why.to_string(), None)).and_then(|runtime| {
        let done = runtime.block_on(async {
            match command {
                Command::Login(options) => login::run(options, always.url.as_deref(), environment, screen.clone()).await,
                other => asked(other, &Session::begin(always.url.as_deref(), environment, screen.clone())?).await,
            }
        });
        // A prompt or a name that is being looked up must not hold up the end.
        runtime.shutdown_background();
        done
    });
    ExitCode::from(done.unwrap_or_else(|failure| failure.tell(&screen)))
}

async fn asked(command: Command, session: &Session) -> Result<u8, Failure> {
    match command {
        Command::Sync(options) => sync::run(options, session).await,
        Command::Watch(options) => watch::run(options, session).await,
        Command::Runs(options) => runs::run(options, session).await,
        Command::Cancel(options) => cancel::run(options, session).await,
        Command::Retry(options) => retry::run(options, session).await,
        Command::Explain(options) => explain::run(options, session).await,
        Command::Held(options) => held::run(options, session).await,
        Command::ResetBackfill(options) => reset_backfill::run(options, session).await,
        Command::Schedule(options) => schedule::run(options, session).await,
        Command::Source(command) => source::run(command, session).await,
        Command::Items(options) => items::run(options, session).await,
        Command::Search(options) => search::run(options, session).await,
        Command::Workspace(command) => workspace::run(command, session).await,
        Command::Member(command) => member::run(command, session).await,
        Command::Token(command) => token::run(command, session).await,
        Command::Audit(options) => audit::run(options, session).await,
        Command::Doctor(options) => doctor::run(options, session).await,
        // They need nobody to talk to, or find out first whom.
        Command::Up(_) | Command::Completions(_) | Command::Login(_) => Ok(0),
    }
}
