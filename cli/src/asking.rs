//! What a person is asked for: secrets, which never stand on a command line, and
//! whether they are sure.

use std::io::{BufRead, IsTerminal, Write};

use console::Term;

use crate::failure::Failure;
use crate::output::can_ask;
use crate::text::shown;

/// A secret: typed unseen, or the next line of standard input.
pub fn secret(what: &str) -> Result<String, Failure> {
    let unread = |why: std::io::Error| Failure::Usage(format!("cannot read the {what}: {why}"));
    let secret = if std::io::stdin().is_terminal() {
        let terminal = Term::stderr();
        if !terminal.is_term() {
            return Err(Failure::Usage(format!("nobody can be asked for the {what}: give it on standard input")));
        }
        terminal.write_str(&format!("{what} (it is not shown): ")).map_err(unread)?;
        terminal.read_secure_line().map_err(unread)?
    } else {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map_err(unread)?;
        line
    };
    let secret = secret.trim().to_owned();
    if secret.is_empty() { Err(Failure::Usage(format!("there was no {what} on standard input"))) } else { Ok(secret) }
}

/// Asks before what cannot be undone; where nobody can be asked, `--yes` has to say so.
pub fn sure(question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !can_ask() {
        return Err(Failure::Usage(format!("{question} Say so with --yes: nobody can be asked here")));
    }
    let mut notes = std::io::stderr();
    drop(write!(notes, "{} [y/N] ", shown(question)));
    drop(notes.flush());
    let mut answer = String::new();
    drop(std::io::stdin().lock().read_line(&mut answer));
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::Usage("nothing was changed".into())),
    }
}
