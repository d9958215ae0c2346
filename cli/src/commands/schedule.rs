//! `pullcord schedule`: when a source syncs by itself.

use clap::{ArgGroup, Args};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pullcord_core::clock::{Moment, parse_duration};
use serde_json::{Map, Value, json};

use super::sync::span;
use crate::client::Call;
use crate::failure::{Failure, REFUSED, headline};
use crate::output::{Line, Screen, Tone};
use crate::replies::{at, list, text as field};
use crate::session::Session;
use crate::text::{self, quoted, readable, relative};

/// Shows when a source syncs by itself, sets it, or ends it
#[derive(Args)]
#[command(group = ArgGroup::new("rhythm").args(["every", "cron"]))]
pub struct Options {
    source: String,
    /// Sync every so often, counted from now: 1h, PT1H
    #[arg(long, value_name = "TIME", value_parser = span)]
    every: Option<SignedDuration>,
    /// Sync when the clock says so: minute, hour, day of the month, month, day of the week
    #[arg(long, value_name = "CRON")]
    cron: Option<String>,
    /// Whose clock: a name like Europe/Oslo; UTC if none is given
    #[arg(long, value_name = "ZONE", requires = "rhythm")]
    timezone: Option<String>,
    /// Begin nothing by itself then, as "0 22 * * * for 8h" or "… for 8h in Europe/Oslo"; can be given more than once
    #[arg(long, value_name = "WINDOW", requires = "rhythm", value_parser = Window::read)]
    deny: Vec<Window>,
    /// Begin something by itself only then; can be given more than once
    #[arg(long, value_name = "WINDOW", requires = "rhythm", value_parser = Window::read)]
    allow: Vec<Window>,
    /// Warm a worker up half a minute before
    #[arg(long, requires = "rhythm")]
    prewarm: bool,
    /// Show the next times that this would have, and change nothing
    #[arg(long, requires = "rhythm")]
    dry_run: bool,
    /// Sync only when asked to
    #[arg(long, conflicts_with = "rhythm")]
    remove: bool,
}

/// A time in which something may or may not begin, as it is typed.
#[derive(Clone)]
struct Window {
    cron: String,
    lasts: SignedDuration,
    timezone: Option<String>,
}

impl Window {
    fn read(text: &str) -> Result<Self, String> {
        let wrong = || "write it like \"0 22 * * * for 8h\" or \"0 22 * * * for 8h in Europe/Oslo\"".to_owned();
        let (cron, rest) = text.split_once(" for ").ok_or_else(wrong)?;
        let (lasts, timezone) = match rest.split_once(" in ") {
            Some((lasts, timezone)) => (lasts, Some(timezone.trim().to_owned())),
            None => (rest, None),
        };
        Ok(Self { cron: cron.trim().to_owned(), lasts: span(lasts.trim()).map_err(|_| wrong())?, timezone })
    }

    fn body(&self, rule: &str) -> Value {
        let mut body = json!({"rule": rule, "cron": self.cron, "duration": self.lasts.to_string()});
        if let Some(timezone) = &self.timezone {
            body["timezone"] = json!(timezone);
        }
        body
    }
}

impl Options {
    /// The schedule that was typed, if one was.
    fn body(&self) -> Option<Value> {
        let mut body = Map::new();
        match (&self.every, &self.cron) {
            (Some(every), _) => body.insert("every".into(), json!(every.to_string())),
            (None, Some(cron)) => body.insert("cron".into(), json!(cron)),
            (None, None) => return None,
        };
        if let Some(timezone) = &self.timezone {
            body.insert("timezone".into(), json!(timezone));
        }
        let windows: Vec<Value> =
            self.deny.iter().map(|window| window.body("deny")).chain(self.allow.iter().map(|window| window.body("allow"))).collect();
        if !windows.is_empty() {
            body.insert("windows".into(), json!(windows));
        }
        if self.prewarm {
            body.insert("prewarm".into(), json!(true));
        }
        Some(Value::Object(body))
    }
}

pub async fn run(options: Options, session: &Session) -> Result<u8, Failure> {
    let path = ["v1", "sources", &options.source, "schedule"];
    let source = quoted(&options.source);
    if options.remove {
        let reply = session.send(Call::delete(path)).await?;
        session.show(&reply, |screen, _| screen.say(format!("{} syncs only when it is asked to.", options.source)));
        return Ok(0);
    }
    let Some(body) = options.body() else {
        let reply = session.send(Call::get(path)).await.map_err(|failure| without_schedule(failure, &options.source, session))?;
        session.show(&reply, |screen, body| {
            shown(screen, body, &options.source, "syncs", session.now());
            screen.say(Line::new().faint("end it:     ").plain(format!("pullcord schedule {source} --remove")));
        });
        return Ok(0);
    };
    let call = Call::put(path).body(body);
    let reply = session.send(if options.dry_run { call.with("dryRun", "true") } else { call }).await?;
    session.show(&reply, |screen, body| {
        let how = if options.dry_run { "would sync" } else { "syncs" };
        shown(screen, body, &options.source, how, session.now());
        if options.dry_run {
            screen.say(Line::new().faint("Nothing was changed."));
        }
    });
    Ok(0)
}

/// A source that is there and has none is told apart from one that is not there.
fn without_schedule(failure: Failure, source: &str, session: &Session) -> Failure {
    match &failure {
        Failure::Refused(refused) if refused.status == 404 && refused.detail() == "schedule not found" && !session.screen.json => {
            headline(&session.screen, &format!("{source} has no schedule: it syncs only when it is asked to"));
            let set = format!("pullcord schedule {} --every 1h", quoted(source));
            session.screen.note(Line::new().faint("  set one:  ").plain(set));
            Failure::Told(REFUSED)
        }
        _ => failure,
    }
}

/// How often, in words; nothing where there is no schedule.
pub(super) fn rhythm(schedule: &Value) -> String {
    match (schedule["cron"].as_str(), schedule["every"].is_string()) {
        (Some(cron), _) => format!("at {cron} ({})", field(schedule, "timezone")),
        (None, true) => format!("every {}", lasts(&schedule["every"])),
        (None, false) => String::new(),
    }
}

fn lasts(value: &Value) -> String {
    value.as_str().and_then(parse_duration).map(text::span).unwrap_or_default()
}

fn shown(screen: &Screen, body: &Value, source: &str, how: &str, now: Moment) {
    screen.say(Line::new().strong(source).plain(format!(" {how} by itself ")).plain(rhythm(body)));
    let fact = |name: &str, tone: Tone, value: String| screen.say(Line::new().faint(format!("{name:<12}")).then(tone, value));
    for window in list(body, "windows") {
        let name = if field(window, "rule") == "allow" { "only from" } else { "not from" };
        let zone = window["timezone"].as_str().map(|zone| format!(" ({zone})")).unwrap_or_default();
        fact(name, Tone::Plain, format!("{} for {}{zone}", field(window, "cron"), lasts(&window["duration"])));
    }
    if body["prewarm"] == true {
        fact("prewarm", Tone::Plain, "a worker is warmed up half a minute before".into());
    }
    if let Some(why) = body["denied_now"].as_str() {
        fact("now", Tone::Warn, readable(why, now));
    }
    let of_clock = body["cron"].is_string().then(|| field(body, "timezone"));
    let upcoming = list(body, "upcoming").iter().filter_map(|time| at(time.as_str()));
    for (place, time) in upcoming.enumerate() {
        fact(if place == 0 { "next" } else { "" }, Tone::Plain, wall(time, of_clock, now));
    }
}

/// A time as the schedule's clock on the wall has it, since its hours are of that one; what is
/// counted has none, and comes at some second.
fn wall(at: Moment, timezone: Option<&str>, now: Moment) -> String {
    let zone = timezone.and_then(|name| TimeZone::get(name).ok()).unwrap_or_else(TimeZone::system);
    let format = if timezone.is_some() { "%a %Y-%m-%d %H:%M" } else { "%a %Y-%m-%d %H:%M:%S" };
    let clock = Timestamp::from_millisecond(at.0).unwrap_or_default().to_zoned(zone).strftime(format).to_string();
    format!("{clock} ({})", relative(at, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_read_as_people_write_it() {
        let body = |text: &str| Window::read(text).map(|window| window.body("deny"));
        assert_eq!(body("0 22 * * * for 8h"), Ok(json!({"rule": "deny", "cron": "0 22 * * *", "duration": "PT8H"})));
        let zoned = json!({"rule": "deny", "cron": "0 22 * * *", "duration": "PT1H30M", "timezone": "Europe/Oslo"});
        assert_eq!(body("0 22 * * * for PT1H30M in Europe/Oslo"), Ok(zoned));
        for wrong in ["0 22 * * *", "0 22 * * * for ever", "8h"] {
            assert!(body(wrong).is_err_and(|why| why.contains("for 8h")), "{wrong}");
        }
    }
}
