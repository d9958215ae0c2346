//! `pullcord completions`: what a shell has to know to complete our commands.

use clap::{Args, Command};
use clap_complete::{Shell, generate};

/// Prints completions for a shell
#[derive(Args)]
#[command(after_help = "bash:  pullcord completions bash > ~/.local/share/bash-completion/completions/pullcord
zsh:   pullcord completions zsh > \"${fpath[1]}/_pullcord\"
fish:  pullcord completions fish > ~/.config/fish/completions/pullcord.fish")]
pub struct Options {
    shell: Shell,
}

pub fn run(options: &Options, command: &mut Command) {
    generate(options.shell, command, "pullcord", &mut std::io::stdout());
}
