//! The environment of the command line, read once.
//!
//! What the server reads is in core's `config.rs`; this is what a person or a
//! script says to the client. docs/command-line.md is held to [`VARIABLES`].

use std::path::PathBuf;

/// Every variable that the commands read, with what it means.
pub const VARIABLES: &[(&str, &str)] = &[
    ("PULLCORD_URL", "the deployment to talk to"),
    ("PULLCORD_TOKEN", "the bearer token, or API token, to talk with"),
    ("XDG_CONFIG_HOME", "where `pullcord login` keeps its file, in `pullcord/config.json`"),
    ("HOME", "where that is if it is not set: in `.config`"),
    ("NO_COLOR", "set to anything, nothing is coloured"),
];

/// What was found there. Empty is as good as not set.
#[derive(Clone, Default)]
pub struct Environment {
    pub url: Option<String>,
    pub token: Option<String>,
    pub no_color: bool,
    /// The folder of our configuration file.
    pub config: Option<PathBuf>,
}

impl Environment {
    /// That of this process.
    #[expect(clippy::disallowed_methods, reason = "this is the one place of the command line that reads it")]
    pub fn of_process() -> Self {
        Self::read(|name| std::env::var(name).ok())
    }

    pub fn read(get: impl Fn(&'static str) -> Option<String>) -> Self {
        let named = |name: &str| VARIABLES.iter().find(|(known, _)| *known == name).and_then(|(known, _)| get(known));
        let given = |name: &str| named(name).filter(|value| !value.trim().is_empty());
        let home = || Some(PathBuf::from(given("HOME")?).join(".config"));
        let config = given("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home);
        Self {
            url: given("PULLCORD_URL"),
            token: given("PULLCORD_TOKEN").map(|token| token.trim().to_owned()),
            no_color: given("NO_COLOR").is_some(),
            config: config.map(|folder| folder.join("pullcord")),
        }
    }
}
