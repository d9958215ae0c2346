//! `pullcord login`: stores an address and its token, once they are seen to work.

use std::path::PathBuf;

use clap::Args;
use pullcord_core::chance::Chance;
use pullcord_core::clock::Clock;

use crate::asking::secret;
use crate::client::{Call, Client};
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output::{Line, Screen, Tone};
use crate::replies::text;
use crate::settings::{self, LOCAL_TOKEN, Settings, Stored, is_loopback, local_token};

/// Stores an address and a token, which is asked for or read from standard input
#[derive(Args)]
pub struct Options {
    /// The deployment's address; else that of --url, PULLCORD_URL or the last login
    #[arg(value_name = "URL")]
    to: Option<String>,
    /// Take the token that `pullcord up` left in its data folder
    #[arg(long)]
    local: bool,
    /// That data folder, where it is not .pullcord
    #[arg(long, value_name = "DIR", requires = "local")]
    data: Option<PathBuf>,
}

pub async fn run(options: Options, url: Option<&str>, environment: Environment, screen: Screen) -> Result<u8, Failure> {
    let named = options.to.as_deref().or(url);
    // What was stored before must not decide where a local token goes.
    let known = if options.local { Environment { config: None, ..environment.clone() } } else { environment.clone() };
    let mut settings = Settings::find(named, &known)?;
    settings.token = Some(if options.local {
        if !is_loopback(&settings.url) {
            return Err(Failure::Usage(format!("{} is not on this machine: leave out --local", settings.url)));
        }
        local_token(&options.data.map_or_else(|| LOCAL_TOKEN.into(), |data| data.join("admin-token")))?
    } else {
        screen.note(Line::new().faint("signing in to ").plain(settings.url.as_str()));
        secret("token")?
    });
    let client = Client::new(&settings, Clock::system(), Chance::system())?;
    let reply = client.send(Call::get(["v1", "me"])).await?;
    let stored = Stored { url: settings.url.to_string(), token: settings.token.unwrap_or_default() };
    let path = settings::store(&environment, &stored)?;
    if settings.url.scheme() == "http" && !is_loopback(&settings.url) {
        screen.note(Line::new().then(Tone::Warn, "This address has no TLS: whoever is on the way can read the token."));
    }
    for (name, is_set) in [("PULLCORD_URL", environment.url.is_some()), ("PULLCORD_TOKEN", environment.token.is_some())] {
        if is_set {
            screen.note(Line::new().then(Tone::Warn, format!("{name} is set, and goes before what was stored now.")));
        }
    }
    if screen.json {
        screen.json(&reply.text);
    } else {
        let operator = if reply.body["operator"] == true { ", an operator" } else { "" };
        let who = format!("{}{operator}", text(&reply.body, "user"));
        screen.say(Line::new().then(Tone::Good, "✓ ").plain("signed in to ").plain(settings.url.as_str()).plain(" as ").strong(who));
        screen.say(Line::new().faint(format!("stored in {}, for you alone to read", path.display())));
    }
    Ok(0)
}
