//! `pullcord explain`: what a sync would come to now, rule by rule.

use clap::Args;
use pullcord_core::clock::parse_duration;
use serde_json::Value;

use crate::client::Call;
use crate::failure::Failure;
use crate::output::{Line, Screen, Tone};
use crate::replies::{at, list, text};
use crate::session::Session;
use crate::text::{count, moment, quoted, readable, span};

/// Says what a sync would come to now, and on which facts; it changes nothing
#[derive(Args)]
pub struct Options {
    source: String,
    /// As if asked for everything again
    #[arg(long)]
    full: bool,
    /// As if closed items were wanted too
    #[arg(long)]
    include_closed: bool,
    /// As if it was confirmed
    #[arg(long)]
    confirm: bool,
}

pub async fn run(options: Options, session: &Session) -> Result<u8, Failure> {
    let flags = [("full", options.full), ("includeClosed", options.include_closed), ("confirmed", options.confirm)];
    let call = Call::get(["v1", "sources", &options.source, "sync", "explain"]);
    let call = flags.into_iter().filter(|(_, said)| *said).fold(call, |call, (name, _)| call.with(name, "true"));
    let reply = session.send(call).await?;
    session.show(&reply, |screen, body| shown(screen, body, &options.source, session));
    Ok(0)
}

fn shown(screen: &Screen, body: &Value, source: &str, session: &Session) {
    let now = session.now();
    let (tone, said) = match text(body, "would") {
        "accept" => (Tone::Good, "A sync would be accepted now"),
        "park" => (Tone::Warn, "A sync would wait, and run by itself"),
        _ => (Tone::Bad, "A sync would be refused now"),
    };
    let until = at(body["until"].as_str()).map(|until| format!(", until {}", moment(until, now))).unwrap_or_default();
    let reason = body["reason"].as_str().map(|reason| format!(" ({reason})")).unwrap_or_default();
    screen.say(Line::new().then(tone, said).plain(reason).plain(until));
    for check in list(body, "checks") {
        let (tone, sign) = if check["ok"] == true { (Tone::Good, "✓") } else { (Tone::Bad, "✗") };
        let because = readable(text(check, "because"), now);
        screen.say(Line::new().plain("  ").then(tone, sign).plain(format!(" {:<13}", text(check, "check"))).plain(because));
    }
    let estimate = &body["estimate"];
    let requests = estimate["requests"].as_u64().map(|requests| count(requests, "request"));
    let took = estimate["duration"].as_str().and_then(parse_duration).map(span);
    match (requests, took) {
        (None, None) => screen.say(Line::new().faint("  What it would cost is not known yet.")),
        (requests, took) => {
            let parts: Vec<String> = requests.into_iter().chain(took).collect();
            screen.say(Line::new().faint("  it would take about ").plain(parts.join(" and ")));
        }
    }
    if text(body, "would") == "reject" && body["can_park"] == true {
        screen.say(Line::new().faint("  to let it run as soon as it may:  ").plain(format!("pullcord sync {} --park", quoted(source))));
    }
}
