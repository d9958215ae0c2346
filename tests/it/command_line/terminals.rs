//! A real terminal: tmux draws what the program writes, and its screen is read.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use jiff::SignedDuration;
use pullcord_core::clock::Clock;
use pullcord_forge::Seed;
use pullcord_tests::world::fresh;
use serde_json::json;

use super::{Given, given, said};
use crate::tests;
use pullcord_tests::program::program;

tests![
    a_bar_goes_to_and_fro_and_ends_in_counts,
    a_total_that_is_stated_fills_a_bar,
    each_child_has_a_bar_of_its_own,
    ctrl_c_ends_the_looking_and_not_the_run,
    tables_fit_the_terminal,
    colours_are_for_terminals_that_want_them,
];

/// A tmux server of its own, gone with the test.
struct Terminal {
    /// In the home of whoever types, and gone with it.
    socket: PathBuf,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.tmux(&["kill-server"]));
    }
}

impl Terminal {
    /// Types a command in a terminal of this size.
    fn open(given: &Given, columns: u16, rows: u16, typed: &str, more: &[(&str, &str)]) -> Self {
        let terminal = Self { socket: given.home.path().join(fresh("tmux")) };
        let line = format!("{} {typed}; echo \"ended with $?\"; exec sleep 600", program().display());
        let mut command = terminal.command();
        command.args(["-f", "/dev/null", "new-session", "-d", "-x", &columns.to_string(), "-y", &rows.to_string(), &line]);
        let command = command.current_dir(given.home.path()).env_clear().envs(given.surroundings()).envs(more.iter().copied());
        let output = command.output().expect("tmux is there: `make test` and .ci/run install it");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        terminal
    }

    fn command(&self) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-u", "-S"]).arg(&self.socket);
        command
    }

    fn tmux(&self, words: &[&str]) -> std::io::Result<std::process::Output> {
        self.command().args(words).output()
    }

    /// What is to be seen, with its colours or without.
    fn screen(&self, colours: bool) -> String {
        let words: &[&str] = if colours { &["capture-pane", "-p", "-e"] } else { &["capture-pane", "-p"] };
        let text = String::from_utf8(self.tmux(words).unwrap().stdout).unwrap();
        text.lines().filter(|line| !line.trim().is_empty()).flat_map(|line| [line, "\n"]).collect()
    }

    /// The screen, once it is as wanted.
    async fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        for _ in 0..1_200 {
            let screen = self.screen(false);
            if wanted(&screen) {
                return screen;
            }
            Clock::system().sleep(Duration::from_millis(50)).await;
        }
        panic!("{what} was never seen; the screen has\n{}", self.screen(false));
    }
}

/// A forge that takes its time.
async fn slow() -> Given {
    let given = given().await;
    given.cools_for("PT0S").await;
    given.world.forge.repository("acme/web").seed(&Seed { closed_percent: 0, ..Seed::of(600) });
    given.world.forge.set_latency(Duration::from_millis(700));
    given
}

/// The line of a bar, and how many of its cells are filled.
fn bar<'s>(screen: &'s str, of: &str) -> Option<(&'s str, usize)> {
    let line = screen.lines().find(|line| line.starts_with(of) && line.contains('─'))?;
    Some((line, line.matches('━').count()))
}

async fn a_bar_goes_to_and_fro_and_ends_in_counts() {
    let given = slow().await;
    let terminal = Terminal::open(&given, 100, 24, "sync web --wait", &[]);
    let first = terminal.until("a page", |screen| screen.contains("fetching · page 2")).await;
    let (line, block) = bar(&first, "web ").unwrap();
    // No total is known: a block that moves, counts and a rate, and no share.
    assert!(block > 1 && !line.contains('%') && !line.contains(" of "), "{line}");
    let other = terminal
        .until("a move", |screen| bar(screen, "web ").is_some_and(|(now, _)| !now.starts_with(&line.chars().take(28).collect::<String>())))
        .await;
    assert_eq!(bar(&other, "web ").unwrap().1, block, "{other}");
    terminal.until("a rate", |screen| screen.contains("/s")).await;
    let end = terminal.until("the end", |screen| screen.contains("ended with")).await;
    assert!(end.contains("ended with 0") && end.contains("✓ web: ") && end.contains("created "), "{end}");
    assert!(bar(&end, "web ").is_none(), "the bar is gone: {end}");
}

/// A folder's documents are counted before they are read.
async fn a_total_that_is_stated_fills_a_bar() {
    let given = given().await;
    let files: Vec<(String, String)> = (0..3_000).map(|place| (format!("{place}.md"), format!("# Page {place}\n"))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let folder = given.world.folder(&files);
    given.types(&format!("source add papers --path {}", folder.display())).ends(0);
    let terminal = Terminal::open(&given, 100, 24, "sync papers --wait", &[]);
    let seen = terminal.until("a share", |screen| screen.contains(" % · ")).await;
    let (line, _) = bar(&seen, "papers ").unwrap();
    assert!(line.contains(" of 3,000 documents"), "{line}");
    let end = terminal.until("the end", |screen| screen.contains("ended with")).await;
    assert!(end.contains("✓ papers: 3,000 changes"), "{end}");
}

async fn each_child_has_a_bar_of_its_own() {
    let given = slow().await;
    for id in ["api", "docs"] {
        given.world.forge.repository(&format!("acme/{id}")).seed(&Seed { closed_percent: 0, ..Seed::of(600) });
        given.source(id, &format!("acme/{id}"), json!({})).await;
    }
    let terminal = Terminal::open(&given, 100, 24, "sync --all --wait", &[]);
    let seen = terminal.until("three bars", |screen| ["web ", "api ", "docs "].iter().all(|of| bar(screen, of).is_some())).await;
    assert!(seen.contains("of 3 sources"), "{seen}");
    let begins = |of: &str| bar(&seen, of).unwrap().0.chars().position(|cell| cell == '─' || cell == '━').unwrap();
    assert!(["acme ", "web ", "api ", "docs "].map(begins).iter().all(|place| *place == 5), "one below the other: {seen}");
    terminal.until("their ends", |screen| ["web", "api", "docs"].iter().all(|of| screen.contains(&format!("✓ {of}: ")))).await;
    // The workspace run looks at its children when it comes due, and nothing ticks here by itself.
    for _ in 0..60 {
        given.world.clock.turn(SignedDuration::from_secs(20));
        given.world.tick().await;
        if terminal.screen(false).contains("ended with") {
            break;
        }
        Clock::system().sleep(Duration::from_millis(250)).await;
    }
    let end = terminal.until("the end", |screen| screen.contains("ended with")).await;
    assert!(end.contains("✓ acme: 3 of 3 sources synced") && end.contains("ended with 0"), "{end}");
}

async fn ctrl_c_ends_the_looking_and_not_the_run() {
    let given = slow().await;
    let terminal = Terminal::open(&given, 100, 24, "sync web --wait", &[]);
    terminal.until("a page", |screen| screen.contains("fetching · page")).await;
    terminal.tmux(&["send-keys", "C-c"]).unwrap();
    let end = terminal.until("the end", |screen| screen.contains("ended with")).await;
    assert!(end.contains("The run goes on") && end.contains("ended with 130"), "{end}");
    let command = end.lines().find_map(|line| line.split_once("Follow it again with: pullcord ")).unwrap().1.trim().to_owned();
    given.world.forge.set_latency(Duration::ZERO);
    let followed = given.types(&command).ends(0);
    assert!(followed.out.contains("✓ web"), "{}", followed.out);
}

async fn tables_fit_the_terminal() {
    let given = given().await;
    given.types("sync web --wait").ends(0);
    given.types("source set web --name A_name_that_goes_on_for_longer_than_anybody_would_want_to_read").ends(0);
    for columns in [50, 72, 100] {
        for words in ["items web --limit 6", "source list", "runs"] {
            let terminal = Terminal::open(&given, columns, 40, words, &[]);
            let seen = terminal.until("the end", |screen| screen.contains("ended with")).await;
            assert!(seen.lines().count() > 2, "{seen}");
            // What had to be broken is one line here, and longer than the terminal is wide.
            let whole = String::from_utf8(terminal.tmux(&["capture-pane", "-p", "-J"]).unwrap().stdout).unwrap();
            let widest = whole.lines().map(|line| line.trim_end().chars().count()).max().unwrap();
            assert!(widest <= usize::from(columns), "{words} at {columns}:\n{whole}");
        }
    }
}

async fn colours_are_for_terminals_that_want_them() {
    let given = given().await;
    given.types("sync web --wait").ends(0);
    let coloured = |typed: &str, more: &[(&str, &str)]| Terminal::open(&given, 100, 24, typed, more);
    for (typed, more, wanted) in [
        ("source list", &[][..], true),
        ("source list --no-color", &[][..], false),
        ("source list", &[("NO_COLOR", "1")][..], false),
        ("sync web", &[][..], true),
        ("sync web --no-color", &[][..], false),
    ] {
        let terminal = coloured(typed, more);
        terminal.until("the end", |screen| screen.contains("ended with")).await;
        let screen = terminal.screen(true);
        assert_eq!(screen.contains("\u{1b}[3") || screen.contains("\u{1b}[2m"), wanted, "{typed} {more:?}: {screen:?}");
    }
    let piped = said(given.command(&["source", "list"]), "").ends(0);
    assert!(!piped.out.contains('\u{1b}'));
}
