//! Boots the command line.

fn main() -> std::process::ExitCode {
    pullcord::command_line::run()
}
