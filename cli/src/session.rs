//! What every command receives: the API, the screen, and what both were told.

use pullcord_core::chance::Chance;
use pullcord_core::clock::{Clock, Moment};
use serde_json::Value;

use crate::client::{Call, Client, Reply};
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output::Screen;
use crate::replies::{list, text};
use crate::settings::Settings;
use crate::text::quoted;

pub struct Session {
    pub client: Client,
    pub screen: Screen,
    pub settings: Settings,
    pub environment: Environment,
}

/// No reply has more entries.
const PAGE: u64 = 100;

impl Session {
    pub fn begin(url: Option<&str>, environment: Environment, screen: Screen) -> Result<Self, Failure> {
        let settings = Settings::find(url, &environment)?;
        let client = Client::new(&settings, Clock::system(), Chance::system())?;
        Ok(Self { client, screen, settings, environment })
    }

    /// A command of ours as it is typed to reach the same deployment.
    pub fn command(&self, words: &str) -> String {
        match self.settings.option() {
            Some(url) => format!("pullcord --url {} {words}", quoted(url)),
            None => format!("pullcord {words}"),
        }
    }

    pub async fn send(&self, call: Call) -> Result<Reply, Failure> {
        self.client.send(call).await
    }

    pub fn now(&self) -> Moment {
        self.client.now()
    }

    /// Shows a reply: as it is with `--json`, and else by `show`.
    pub fn show(&self, reply: &Reply, show: impl FnOnce(&Screen, &Value)) {
        if self.screen.json { self.screen.json(&reply.text) } else { show(&self.screen, &reply.body) }
    }

    /// A list, by its cursors, until it ends or there are `most` of it. One page stays as it came.
    pub async fn listed(&self, name: &str, most: u64, call: impl Fn() -> Call) -> Result<Reply, Failure> {
        let page = |left: u64| call().with("limit", left.min(PAGE).to_string());
        let mut first = self.send(page(most)).await?;
        let mut found = list(&first.body, name).to_vec();
        let mut cursor = first.body["next_cursor"].clone();
        let mut pages = 1;
        while let Some(place) = cursor.as_str().filter(|_| (found.len() as u64) < most) {
            let next = self.send(page(most - found.len() as u64).with("cursor", place)).await?;
            // A place that leads to itself would lead nowhere for ever.
            if next.body["next_cursor"] == cursor {
                break;
            }
            found.extend_from_slice(list(&next.body, name));
            cursor = next.body["next_cursor"].clone();
            pages += 1;
        }
        if pages > 1 {
            first.body[name] = Value::Array(found);
            first.body["next_cursor"] = cursor;
            first.text = first.body.to_string();
        }
        Ok(first)
    }

    /// The workspace that was named, or the only one there is.
    pub async fn workspace(&self, named: Option<&String>) -> Result<String, Failure> {
        if let Some(named) = named {
            return Ok(named.clone());
        }
        let reply = self.send(Call::get(["v1", "workspaces"])).await?;
        let slugs: Vec<&str> = list(&reply.body, "workspaces").iter().map(|one| text(one, "slug")).collect();
        match slugs[..] {
            [only] => Ok(only.to_owned()),
            [] => Err(Failure::Usage("you are in no workspace: an operator makes one with pullcord workspace create".into())),
            _ => Err(Failure::Usage(format!("say which workspace with -w: {}", slugs.join(", ")))),
        }
    }

    /// Whether a name is that of a run rather than of a source.
    pub fn is_run(name: &str) -> bool {
        name.len() == 36
            && name.split('-').map(str::len).eq([8, 4, 4, 4, 12])
            && name.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
    }

    /// The run that was named, or what runs or waits of the source that was.
    pub async fn run_of(&self, name: &str) -> Result<String, Failure> {
        if Self::is_run(name) {
            return Ok(name.to_owned());
        }
        let source = self.send(Call::get(["v1", "sources", name])).await?.body;
        let found = ["current_run", "follow_up_run", "parked_run"].into_iter().find_map(|field| source[field].as_str());
        found
            .map(str::to_owned)
            .ok_or_else(|| Failure::Usage(format!("nothing runs or waits of {name}: pullcord runs {name} lists what did")))
    }
}
