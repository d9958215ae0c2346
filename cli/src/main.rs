//! Boots the command line.

use clap::{Parser, Subcommand};
use pullcord::up::{self, Options};

/// Syncing on demand: never stuck, never a dead end.
#[derive(Parser)]
#[command(name = "pullcord", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs everything here: API, worker, scheduler, table and queue
    Up(Options),
}

fn main() -> std::process::ExitCode {
    let Arguments { command: Command::Up(options) } = Arguments::parse();
    up::run(options)
}
