//! `pullcord doctor`: looks at everything that has to be right between here and a
//! sync, and says of each what to do.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::source::credential;
use crate::client::Call;
use crate::failure::{Failure, REFUSED, UNREACHABLE};
use crate::output::{Line, Tone};
use crate::replies::{list, text};
use crate::session::Session;
use crate::settings::{file, is_loopback, is_open_to_others};
use crate::text::{quoted, span};

/// Looks at everything that has to be right, and says what to do about what is not
#[derive(Args)]
pub struct Options {}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Well,
    /// It works, and somebody should know.
    Odd,
    Wrong,
}

/// What was found, in order.
struct Findings<'s> {
    session: &'s Session,
    checks: Vec<Value>,
    worst: u8,
    odd: bool,
}

impl Findings<'_> {
    fn add(&mut self, check: &str, verdict: Verdict, because: impl Into<String>, next: Option<String>) {
        let because = because.into();
        if !self.session.screen.json {
            let (tone, sign) = match verdict {
                Verdict::Well => (Tone::Good, "✓"),
                Verdict::Odd => (Tone::Warn, "!"),
                Verdict::Wrong => (Tone::Bad, "✗"),
            };
            self.session.screen.say(Line::new().then(tone, sign).plain(format!(" {check:<11} ")).plain(&because));
            if let Some(next) = &next {
                self.session.screen.say(Line::new().faint(format!("  {:<11} what to do: ", "")).plain(next));
            }
        }
        self.odd |= verdict == Verdict::Odd;
        if verdict == Verdict::Wrong {
            self.worst = self.worst.max(REFUSED);
        }
        self.checks.push(json!({"check": check, "ok": verdict != Verdict::Wrong, "because": because, "what_to_do": next}));
    }

    fn well(&mut self, check: &str, because: impl Into<String>) {
        self.add(check, Verdict::Well, because, None);
    }

    fn wrong(&mut self, check: &str, because: impl Into<String>, next: impl Into<String>) {
        self.add(check, Verdict::Wrong, because, Some(next.into()));
    }

    fn odd(&mut self, check: &str, because: impl Into<String>, next: impl Into<String>) {
        self.add(check, Verdict::Odd, because, Some(next.into()));
    }
}

pub async fn run(_options: Options, session: &Session) -> Result<u8, Failure> {
    let mut found = Findings { session, checks: Vec::new(), worst: 0, odd: false };
    settings(&mut found);
    if reachable(&mut found).await {
        tls(&mut found);
        clocks(&mut found);
        if let Some(me) = token(&mut found).await {
            roles(&mut found, &me).await?;
        }
    }
    if session.screen.json {
        session.screen.value(&json!({"url": session.client.base().as_str(), "ok": found.worst == 0, "checks": found.checks}));
    } else if found.worst == 0 {
        let said = if found.odd { "Nothing is in the way; what is marked with ! may deserve a look." } else { "All is well." };
        session.screen.say(Line::new().then(Tone::Good, said));
    }
    Ok(found.worst)
}

fn settings(found: &mut Findings<'_>) {
    let settings = &found.session.settings;
    found.well("address", format!("{} ({})", settings.url, settings.url_from));
    if let Some(path) = file(&found.session.environment).filter(|path| is_open_to_others(path)) {
        let path = path.display().to_string();
        found.wrong("file", format!("others can read {path}, which has a token"), format!("chmod 600 {}", quoted(&path)));
    }
}

async fn reachable(found: &mut Findings<'_>) -> bool {
    let before = found.session.now();
    match found.session.send(Call::get(["api", "v1", "system", "health"])).await {
        Ok(reply) if reply.body["version"].is_string() => {
            let took = found.session.now().since(before);
            let took = if took < Duration::from_mins(1) { span(took) } else { String::from("a while") };
            found.well("reachable", format!("Pullcord {}, {}, in {took}", text(&reply.body, "version"), text(&reply.body, "status")));
            true
        }
        Err(Failure::Refused(refused)) if refused.problem["status"] == "unhealthy" => {
            found.wrong("reachable", "it answers, but its table or queue does not", "try again soon; an operator finds more in its log");
            found.worst = UNREACHABLE;
            true
        }
        other => {
            let (why, next) = match other {
                Err(Failure::Unreachable { why, next }) => (why, next),
                _ => (format!("{} answers, but not as Pullcord does", found.session.client.base()), None),
            };
            found.wrong("reachable", why, next.as_deref().unwrap_or("check the address"));
            found.worst = UNREACHABLE;
            false
        }
    }
}

fn tls(found: &mut Findings<'_>) {
    let base = found.session.client.base();
    match (base.scheme(), is_loopback(base)) {
        ("https", _) => found.well("TLS", "the certificate is accepted"),
        (_, true) => found.well("TLS", "not needed: it is on this machine"),
        _ => found.odd("TLS", "none: whoever is on the way can read the token", "use its https:// address"),
    }
}

fn clocks(found: &mut Findings<'_>) {
    match found.session.client.ahead() {
        0 => found.well("clock", "this machine's and the server's agree"),
        ahead => {
            let off = span(Duration::from_millis(ahead.unsigned_abs()));
            let way = if ahead > 0 { "behind" } else { "ahead of" };
            let because = format!("this machine's is {off} {way} the server's");
            let next = "set the clock (timedatectl set-ntp true): times are shown as the server has them, but tokens may be refused";
            if ahead.abs() > 60_000 { found.wrong("clock", because, next) } else { found.odd("clock", because, next) }
        }
    }
}

async fn token(found: &mut Findings<'_>) -> Option<Value> {
    if !found.session.client.has_token() {
        found.wrong("token", "there is none for this address", "pullcord login, or set PULLCORD_TOKEN");
        return None;
    }
    let from = found.session.settings.token_from.clone();
    match found.session.send(Call::get(["v1", "me"])).await {
        Ok(reply) => {
            let operator = if reply.body["operator"] == true { ", an operator: admin of every workspace" } else { "" };
            found.well("token", format!("you are {}{operator} (token of {from})", text(&reply.body, "user")));
            Some(reply.body)
        }
        Err(Failure::Refused(refused)) => {
            let next = if from == "PULLCORD_TOKEN" { "set PULLCORD_TOKEN anew, or unset it" } else { "pullcord login" };
            found.wrong("token", format!("the one of {from} is not accepted: {}", refused.detail()), next);
            None
        }
        Err(Failure::Unreachable { why, .. } | Failure::Usage(why)) => {
            found.wrong("token", why, "try again");
            None
        }
        Err(Failure::Told(_)) => None,
    }
}

async fn roles(found: &mut Findings<'_>, me: &Value) -> Result<(), Failure> {
    let reply = found.session.send(Call::get(["v1", "workspaces"])).await?;
    let workspaces = list(&reply.body, "workspaces");
    if workspaces.is_empty() {
        let next = if me["operator"] == true { "pullcord workspace create" } else { "ask an admin: pullcord member set YOU ROLE" };
        found.odd("role", "you are in no workspace", next);
    }
    for workspace in workspaces {
        let slug = text(workspace, "slug");
        found.well("role", format!("{} in {slug}", text(workspace, "role")));
        match found.session.send(Call::get(["v1", "workspaces", slug, "sources"])).await {
            Ok(reply) => {
                for source in list(&reply.body, "sources") {
                    sources(found, source);
                }
            }
            Err(Failure::Refused(refused)) => {
                found.odd("sources", format!("those of {slug} cannot be listed: {}", refused.detail()), "ask an admin");
            }
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

fn sources(found: &mut Findings<'_>, source: &Value) {
    let id = text(source, "id");
    let (told, tone) = credential(source);
    match tone {
        _ if told.is_empty() => {}
        Tone::Bad => found.wrong("credential", format!("{id}: {told}"), format!("pullcord source set {} --credential", quoted(id))),
        Tone::Good => found.well("credential", format!("{id}: {told}")),
        _ => found.odd("credential", format!("{id}: {told}"), format!("pullcord sync {} finds out", quoted(id))),
    }
    if let Some(error) = source["sync_error"].as_str() {
        found.odd("source", format!("{id}: the last sync failed: {error}"), format!("pullcord runs {}", quoted(id)));
    }
    if source["stalled"] == true {
        found.odd("source", format!("{id}: its run ought to have been heard of"), format!("pullcord watch {}", quoted(id)));
    }
}
