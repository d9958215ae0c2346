//! A trigger that was refused: why, since when, until when, and the very command
//! that would do instead.

use pullcord_core::clock::Moment;

use crate::failure::{Refused, headline};
use crate::output::{Line, Screen};
use crate::replies::{Run, at};
use crate::text::{moment, number};

/// The commands that ask the same again with one more wish.
pub struct Instead {
    pub watch: String,
    pub park: String,
    pub follow_up: String,
    pub force: String,
    pub confirm: String,
    pub override_cooldown: String,
}

/// Says it; false if it is no refusal of this kind.
pub fn tell(screen: &Screen, refused: &Refused, running: Option<&Run>, instead: &Instead, now: Moment) -> bool {
    let time = |name: &str| at(refused.field(name));
    match refused.code() {
        "COOLDOWN_ACTIVE" => {
            headline(screen, "refused: it was synced by hand a short while ago, and rests so that nobody wears out its provider");
            fact(screen, "since", time("since"), now);
            fact(screen, "until", time("next_allowed_at"), now);
            ways(screen, &[("run by itself then", &instead.park), ("pass over it, as an admin", &instead.override_cooldown)]);
        }
        "RATE_LIMIT_LOW" => {
            let quota = &refused.problem["quota"];
            let left = quota["remaining"].as_u64().unwrap_or(0);
            let of = quota["limit"].as_u64().map(|limit| format!(" of {}", number(limit))).unwrap_or_default();
            let until = time("next_allowed_at");
            headline(
                screen,
                &format!("refused: only {}{of} requests are left at the provider, kept for what is more urgent", number(left)),
            );
            fact(screen, "until", until, now);
            if until.is_some() {
                ways(screen, &[("run by itself then", &instead.park)]);
            }
        }
        "SYNC_IN_PROGRESS" => {
            let share = refused.problem["progress"]["percentage"].as_u64().map(|share| format!(", {share} % done")).unwrap_or_default();
            headline(screen, &format!("refused: a sync is running already{share}"));
            fact(screen, "since", running.and_then(|run| at(run.started_at.as_deref()).or(at(Some(&run.created_at)))), now);
            fact(screen, "until about", running.and_then(|run| at(run.estimated_completion.as_deref())), now);
            ways(
                screen,
                &[
                    ("follow it", &instead.watch),
                    ("run once more after it", &instead.follow_up),
                    ("stop it and begin anew", &instead.force),
                ],
            );
        }
        "CONFIRMATION_REQUIRED" => {
            headline(screen, "refused: this sync has to be confirmed");
            for reason in refused.problem["reasons"].as_array().into_iter().flatten().filter_map(|reason| reason.as_str()) {
                screen.note(Line::new().plain("  ").plain(because(reason)));
            }
            ways(screen, &[("sync all the same", &instead.confirm)]);
        }
        _ => return false,
    }
    true
}

/// Why something has to be confirmed.
fn because(reason: &str) -> &str {
    match reason {
        "WEBHOOK_ACTIVE" => "its webhook delivers changes by itself: a sync by hand most likely finds nothing and costs quota",
        "INCLUDE_CLOSED" => "closed items are wanted too: that can be many more than the open ones, and they stay",
        other => other,
    }
}

fn fact(screen: &Screen, name: &str, at: Option<Moment>, now: Moment) {
    if let Some(at) = at {
        screen.note(Line::new().faint(format!("  {name:<12}")).plain(moment(at, now)));
    }
}

fn ways(screen: &Screen, ways: &[(&str, &String)]) {
    let widest = ways.iter().map(|(what, _)| what.len()).max().unwrap_or(0);
    for (what, command) in ways {
        screen.note(Line::new().faint(format!("  {:<width$}  ", format!("{what}:"), width = widest + 1)).strong(command));
    }
}

/// What a dry run came to.
pub fn would(screen: &Screen, body: &serde_json::Value, now: Moment) {
    let until = at(body["resumes_at"].as_str().or(body["next_allowed_at"].as_str()));
    let when = until.map(|until| format!(" at {}", moment(until, now))).unwrap_or_default();
    let run = body["run_id"].as_str().unwrap_or_default();
    let said = match (body["outcome"].as_str(), body["would"].as_str()) {
        (Some("would_refuse"), _) => {
            let may = until.map(|until| format!("; it may run at {}", moment(until, now))).unwrap_or_default();
            let reason = match body["reason"].as_str().unwrap_or_default() {
                "COOLDOWN_ACTIVE" => "it was synced by hand a short while ago",
                "RATE_LIMIT_LOW" => "the provider's quota is nearly used up",
                "SYNC_IN_PROGRESS" => "a sync is running already",
                "CONFIRMATION_REQUIRED" => "it has to be confirmed (--confirm)",
                other => other,
            };
            format!("It would be refused: {reason}{may}")
        }
        (_, Some("attach")) => format!("It would join run {run}, which is under way"),
        (_, Some("follow_up")) => "It would run once more after the run that is under way".to_owned(),
        (_, Some("park")) => format!("It would wait, and run by itself{when}"),
        (Some("fresh"), _) => "Nothing would run: it is fresh enough".to_owned(),
        _ => "It would be accepted and run now".to_owned(),
    };
    screen.say(said);
    screen.say(Line::new().faint("Nothing was changed."));
}
