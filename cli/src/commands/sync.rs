//! `pullcord sync`: asks for a sync of a source, or of a whole workspace.

use clap::Args;
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use crate::client::{Call, Reply};
use crate::failure::{Failure, REFUSED};
use crate::following;
use crate::output::{Line, Tone};
use crate::refusal::{self, Instead};
use crate::replies::{Run, at};
use crate::session::Session;
use crate::text::{moment, quoted};

/// Syncs a source, or with --all every monitored repository of a workspace
#[derive(Args, Clone, Default)]
pub struct Options {
    /// The source to sync
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    source: Option<String>,
    /// Sync the workspace: each source that is monitored
    #[arg(long)]
    all: bool,
    /// The workspace of --all; not needed if you are in one only
    #[arg(short, long, requires = "all")]
    workspace: Option<String>,
    /// Follow the run to its end; the exit code says how it ended
    #[arg(long)]
    wait: bool,
    /// Ask the provider for everything again, not only for what changed
    #[arg(long)]
    full: bool,
    /// Say what would happen, and change nothing
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    /// If it may not run now, let it run by itself as soon as it may
    #[arg(long)]
    park: bool,
    /// If a run is under way, run once more after it
    #[arg(long, group = "conflict")]
    follow_up: bool,
    /// If a run is under way, take that one
    #[arg(long, group = "conflict")]
    attach: bool,
    /// If a run is under way, cancel it and begin anew
    #[arg(long, group = "conflict")]
    force: bool,
    /// Start nothing if it was synced within this time: 10m, PT10M
    #[arg(long, value_name = "TIME", value_parser = span)]
    max_age: Option<SignedDuration>,
    /// Sync only this stream; can be given more than once
    #[arg(long = "stream", value_name = "STREAM", conflicts_with = "all")]
    streams: Vec<String>,
    /// Read closed items too
    #[arg(long, conflicts_with = "all")]
    include_closed: bool,
    /// Yes, although a webhook delivers already, or closed items are wanted
    #[arg(long, conflicts_with = "all")]
    confirm: bool,
    /// Pass over the cooldown, as an admin; the reason is put on record
    #[arg(long, value_name = "REASON")]
    override_cooldown: Option<String>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// "10m", "1h 30m" or ISO 8601.
pub(super) fn span(text: &str) -> Result<SignedDuration, String> {
    let span = text.parse::<SignedDuration>().ok().filter(SignedDuration::is_positive);
    span.ok_or_else(|| "write it like 10m, 1h30m or PT10M".to_owned())
}

pub async fn run(options: Options, session: &Session) -> Result<u8, Failure> {
    let call = match &options.source {
        Some(source) => Call::post(["v1", "sources", source, "sync"]),
        None => Call::post(["v1", "workspaces", &session.workspace(options.workspace.as_ref()).await?, "sync"]),
    };
    match session.send(call.body(options.body()).keyed(&session.client)).await {
        Ok(reply) => answered(session, reply, options.wait).await,
        Err(Failure::Refused(refused)) => {
            let running = match refused.field("run_id") {
                Some(run) => session.send(Call::get(["v1", "runs", run])).await.ok().and_then(|reply| Run::read(&reply.body).ok()),
                None => None,
            };
            if refusal::tell(
                &session.screen,
                &refused,
                running.as_ref(),
                &options.instead(session, refused.field("run_id").unwrap_or_default()),
                session.now(),
            ) {
                if session.screen.json {
                    session.screen.json(&refused.text);
                }
                return Err(Failure::Told(refused.exit()));
            }
            Err(Failure::Refused(refused))
        }
        Err(other) => Err(other),
    }
}

/// What became of a wish: follows it with `--wait`, and says how to follow it without.
pub(super) async fn answered(session: &Session, reply: Reply, wait: bool) -> Result<u8, Failure> {
    let outcome = reply.body["outcome"].as_str().unwrap_or_default().to_owned();
    match outcome.as_str() {
        "would_accept" | "would_refuse" => {
            session.show(&reply, |screen, body| refusal::would(screen, body, session.now()));
            return Ok(if outcome == "would_refuse" { REFUSED } else { 0 });
        }
        "fresh" => {
            let synced = at(reply.body["last_synced_at"].as_str()).map(|at| moment(at, session.now())).unwrap_or_default();
            session.show(&reply, |screen, _| screen.say(format!("It is fresh enough: synced at {synced}. Nothing was started.")));
            return Ok(0);
        }
        _ => {}
    }
    let run = Run::read(&reply.body)?;
    let said = began(session, &run, &outcome);
    if wait {
        session.screen.note(said);
        return following::to_the_end(session, &run.id).await;
    }
    session.show(&reply, |screen, _| {
        screen.say(said);
        screen.say(Line::new().faint("follow it:  ").plain(session.command(&format!("watch {}", run.id))));
    });
    Ok(0)
}

fn began(session: &Session, run: &Run, outcome: &str) -> Line {
    let until = at(run.resumes_at.as_deref()).map(|at| format!(" at {}", moment(at, session.now()))).unwrap_or_default();
    let said = match outcome {
        "attached" => " is being synced already; this is that run".to_owned(),
        "follow_up" => " runs once more when the run that is under way has ended".to_owned(),
        "parked" => format!(" waits, and runs by itself{until}"),
        _ if run.has_ended() => format!(": the same run as before, which ended {}", run.status),
        _ => {
            let end = at(run.estimated_completion.as_deref()).map(|end| format!("; done at about {}", moment(end, session.now())));
            format!(": accepted{}", end.unwrap_or_default())
        }
    };
    Line::new().then(Tone::Good, "→ ").strong(run.subject()).plain(said).faint(format!("  run {}", run.id))
}

impl Options {
    /// The body of the request: what was said, and nothing that was not.
    fn body(&self) -> Value {
        let mut body = Map::new();
        let mut say = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
        let flags = [
            ("full", self.full),
            ("includeClosed", self.include_closed),
            ("confirmed", self.confirm),
            ("force", self.force),
            ("dryRun", self.dry_run),
        ];
        for (name, _) in flags.into_iter().filter(|(_, said)| *said) {
            say(name, json!(true));
        }
        if self.attach || self.follow_up {
            say("onConflict", json!(if self.attach { "attach" } else { "followUp" }));
        }
        if self.park {
            say("onBlocked", json!("park"));
        }
        if !self.streams.is_empty() {
            say("streams", json!(self.streams));
        }
        if let Some(age) = &self.max_age {
            say("maxAge", json!(age.to_string()));
        }
        if let Some(reason) = &self.override_cooldown {
            say("overrideCooldown", json!({"reason": reason}));
        }
        if let Some(reason) = &self.reason {
            say("reason", json!(reason));
        }
        Value::Object(body)
    }

    fn instead(&self, session: &Session, run: &str) -> Instead {
        self.instead_by(run, |words| session.command(words))
    }

    fn instead_by(&self, run: &str, typed: impl Fn(&str) -> String) -> Instead {
        let with = |change: fn(&mut Self)| {
            let mut options = self.clone();
            change(&mut options);
            typed(&options.words())
        };
        // Of these three only one can be wished for.
        let alone = Self { force: false, attach: false, follow_up: false, ..self.clone() };
        Instead {
            watch: typed(&format!("watch {run}")),
            park: with(|options| options.park = true),
            confirm: with(|options| options.confirm = true),
            override_cooldown: with(|options| options.override_cooldown = Some("WHY".into())),
            follow_up: typed(&Self { follow_up: true, ..alone.clone() }.words()),
            force: typed(&Self { force: true, ..alone }.words()),
        }
    }

    /// These options as they are typed.
    fn words(&self) -> String {
        let mut words = vec!["sync".to_owned()];
        words.extend(self.source.as_deref().map(quoted));
        words.extend(self.all.then(|| "--all".to_owned()));
        let named = |name: &str, value: &str| format!("--{name} {}", quoted(value));
        let flags = [
            ("wait", self.wait),
            ("full", self.full),
            ("dry-run", self.dry_run),
            ("park", self.park),
            ("follow-up", self.follow_up),
            ("attach", self.attach),
            ("force", self.force),
            ("include-closed", self.include_closed),
            ("confirm", self.confirm),
        ];
        words.extend(self.workspace.as_deref().map(|workspace| format!("-w {}", quoted(workspace))));
        words.extend(flags.into_iter().filter(|(_, said)| *said).map(|(name, _)| format!("--{name}")));
        words.extend(self.max_age.map(|age| named("max-age", &age.to_string())));
        words.extend(self.streams.iter().map(|stream| named("stream", stream)));
        words.extend(self.override_cooldown.as_deref().map(|reason| named("override-cooldown", reason)));
        words.extend(self.reason.as_deref().map(|reason| named("reason", reason)));
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_name(words: &str) -> String {
        format!("pullcord {words}")
    }

    #[test]
    fn a_refused_command_is_given_back_with_one_more_wish() {
        let asked =
            Options { source: Some("web".into()), wait: true, attach: true, reason: Some("it's late".into()), ..Options::default() };
        assert_eq!(asked.instead_by("RUN", by_name).park, r"pullcord sync web --wait --park --attach --reason 'it'\''s late'");
        assert_eq!(asked.instead_by("RUN", by_name).follow_up, r"pullcord sync web --wait --follow-up --reason 'it'\''s late'");
        let all = Options { all: true, workspace: Some("acme".into()), ..Options::default() };
        assert_eq!(all.instead_by("RUN", by_name).park, "pullcord sync --all -w acme --park");
        assert_eq!(all.body(), json!({}));
    }

    #[test]
    fn spans_are_written_as_people_do_or_as_the_api_does() {
        for text in ["10m", "PT10M", "600s"] {
            assert_eq!(span(text).unwrap().to_string(), "PT10M", "{text}");
        }
        assert!(span("soon").is_err() && span("-5m").is_err());
    }
}
