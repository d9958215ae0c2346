//! The program as a person or a script uses it: what they type, what they see,
//! and what it ends with.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pullcord_forge::Seed;
use pullcord_tests::world::{Session, World};
use serde_json::{Value, json};
use tempfile::TempDir;

use pullcord_tests::program::program;

pub(crate) mod asking;
pub(crate) mod harmless;
pub(crate) mod looking;
pub(crate) mod outages;
pub(crate) mod scheduling;
pub(crate) mod searching;
pub(crate) mod signing_in;
pub(crate) mod terminals;

/// Someone at a keyboard, in a home of their own, and a Pullcord they can reach.
struct Given {
    world: World,
    home: TempDir,
    token: String,
}

/// What a command printed, and what it ended with.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

/// A workspace acme with a repository of a hundred and twenty issues that has never been synced.
async fn given() -> Given {
    given_with(&[]).await
}

async fn given_with(changes: &[(&str, &str)]) -> Given {
    let world = World::local_with(changes).await;
    let token = std::fs::read_to_string(world.data().join("admin-token")).unwrap();
    let given = Given { world, home: tempfile::tempdir().unwrap(), token };
    given.admin().post("/v1/workspaces", json!({"slug": "acme", "name": "Acme"})).await.is(201);
    given.world.forge.repository("acme/web").seed(&Seed { closed_percent: 0, ..Seed::of(120) });
    given.source("web", "acme/web", json!({"name": "The website"})).await;
    given
}

impl Given {
    fn admin(&self) -> Session<'_> {
        self.world.session(&self.token)
    }

    fn url(&self) -> String {
        self.world.url().to_owned()
    }

    /// A source of the workspace, whose credential was looked at.
    async fn source(&self, id: &str, repository: &str, more: Value) {
        let mut body = json!({"id": id, "kind": "repository", "provider": "github", "repository": repository,
            "base_url": self.world.forge.base_url(), "credential": {"token": "a-token-of-the-forge"}});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.admin().post("/v1/workspaces/acme/sources", body).await.is(201);
        self.admin().looked_at(id).await;
    }

    async fn cools_for(&self, repository: &str) {
        self.admin().patch("/v1/workspaces/acme", json!({"cooldowns": {"repository": repository, "workspace": repository}})).await.is(200);
    }

    /// Our program, with nothing of this process's surroundings.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(words).current_dir(self.home.path()).env_clear().envs(self.surroundings());
        command
    }

    fn surroundings(&self) -> Vec<(&'static str, String)> {
        let path = "/usr/local/bin:/usr/bin:/bin".to_owned();
        let home = self.home.path().display().to_string();
        vec![
            ("PATH", path),
            ("HOME", home),
            ("TZ", "UTC".into()),
            ("LC_ALL", "C.UTF-8".into()),
            ("PULLCORD_URL", self.url()),
            ("PULLCORD_TOKEN", self.token.clone()),
        ]
    }

    /// Types a command.
    fn types(&self, words: &str) -> Said {
        said(self.command(&words.split(' ').collect::<Vec<_>>()), "")
    }

    fn config(&self) -> PathBuf {
        self.home.path().join(".config/pullcord/config.json")
    }

    /// What was said, with what differs from run to run named instead.
    fn steady(&self, text: &str) -> String {
        let known = [
            (self.url(), "http://pullcord"),
            (self.world.forge.base_url(), "http://forge"),
            (self.home.path().display().to_string(), "HOME"),
            (env!("CARGO_PKG_VERSION").to_owned(), "<version>"),
        ];
        let text = known.iter().fold(text.to_owned(), |text, (found, name)| text.replace(found, name));
        text.lines().map(|line| steady_line(line).trim_end().to_owned() + "\n").collect()
    }
}

fn said(mut command: Command, typed: &str) -> Said {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that reads nothing has closed it by now.
    drop(child.stdin.take().unwrap().write_all(typed.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

impl Said {
    #[track_caller]
    fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }

    /// What it printed, as JSON.
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why}: {}", self.out))
    }

    /// The id of the run that is named first.
    #[track_caller]
    fn run(&self) -> String {
        let all = format!("{}\n{}", self.out, self.err);
        all.split_whitespace().find(|word| is_id(word)).unwrap_or_else(|| panic!("no run in {all}")).to_owned()
    }

    /// The command that is offered for something.
    #[track_caller]
    fn offered(&self, what: &str) -> String {
        let all = format!("{}\n{}", self.out, self.err);
        let line = all.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("no {what} in {all}"));
        line.split_once("pullcord ").unwrap().1.trim().to_owned()
    }
}

fn is_id(word: &str) -> bool {
    word.len() == 36 && word.matches('-').count() == 4
}

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Ids, times and spans by their names; several spaces as two, since a column is
/// as wide as what stands in it.
fn steady_line(line: &str) -> String {
    let indent = &line[..line.len() - line.trim_start().len()];
    let mut told: Vec<String> = Vec::new();
    let words: Vec<&str> = line.trim_start().split(' ').collect();
    let mut place = 0;
    while place < words.len() {
        let word = words[place];
        let core = word.trim_matches(['(', ')', ',', '.', ';', ':']);
        let next = words.get(place + 1).map_or("", |next| next.trim_matches(['(', ')', ',', '.', ';', ':']));
        let (name, taken, last) = match () {
            () if is_id(core) => ("<id>", 1, word),
            () if core.len() == 8 && core.split(':').map(str::len).eq([2, 2, 2]) => ("<clock>", 1, word),
            () if WEEKDAYS.contains(&core) && next.parse::<jiff::civil::Date>().is_ok() => ("<day> <date>", 2, words[place + 1]),
            () if core.len() >= 20 && core.parse::<jiff::Timestamp>().is_ok() => ("<time>", 1, word),
            () if core == "just" && next == "now" => ("<span> ago", 2, words[place + 1]),
            () if core == "a" && next == "moment" => ("<span>", 2, words[place + 1]),
            () if core.parse::<f64>().is_ok() && ["ms", "s", "min", "h", "d"].contains(&next) => ("<span>", 2, words[place + 1]),
            () => (word, 1, ""),
        };
        if last.is_empty() {
            told.push(word.to_owned());
        } else {
            let before = &word[..word.len() - word.trim_start_matches('(').len()];
            let after = &last[last.trim_end_matches([')', ',', '.', ';', ':']).len()..];
            told.push(format!("{before}{name}{after}"));
        }
        place += taken;
    }
    let mut line = told.join(" ");
    while line.contains("   ") {
        line = line.replace("   ", "  ");
    }
    format!("{indent}{line}")
}

/// Compares with what was said before, which lies in `said/`. With
/// PULLCORD_TESTS_WRITE set, that is what is said from now on.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "whoever changes a text on purpose says so")]
fn is_as_before(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/command_line/said").join(name);
    if std::env::var_os("PULLCORD_TESTS_WRITE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(before == text, "{name} was\n{before}\nand is\n{text}\nset PULLCORD_TESTS_WRITE=1 if that is meant");
}
