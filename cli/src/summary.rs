//! What a run came to, and what to do about it.

use std::time::Duration;

use crate::advice;
use crate::output::{Line, Screen, Tone};
use crate::replies::{Child, Results, Run, Trouble, at};
use crate::text::{count, number, quoted, span};

/// Of one kind of warning no more are shown.
const MOST_ALIKE: usize = 5;

/// The tone of a status.
pub fn tone(status: &str) -> Tone {
    match status {
        "completed" | "synced" => Tone::Good,
        "completed_with_warnings" | "paused" | "parked" | "cancelled" | "cancelling" => Tone::Warn,
        "failed" | "error" => Tone::Bad,
        "queued" | "never_synced" => Tone::Faint,
        _ => Tone::Plain,
    }
}

/// The end of a run, with everything that a person should know or do.
pub fn tell(screen: &Screen, run: &Run) {
    screen.say(headline(run));
    if !run.is_of_workspace() {
        screen.say(counts(&run.results));
    }
    if let Some(error) = &run.error {
        trouble(screen, Tone::Bad, "error", error, run, true);
    }
    warnings(screen, run);
    if run.results.held_deletions > 0 {
        held(screen, run);
    }
    if run.status == "failed" && run.error.as_ref().is_none_or(|error| !error.code.starts_with("CREDENTIAL")) {
        screen.say(Line::new().faint("  try again:   ").plain(format!("pullcord retry {}", run.id)));
    }
}

fn took(run: &Run) -> Option<Duration> {
    Some(at(run.finished_at.as_deref())?.since(at(run.started_at.as_deref())?))
}

fn headline(run: &Run) -> Line {
    let took = took(run).map(|took| format!(" in {}", span(took))).unwrap_or_default();
    let (tone, sign, said) = match run.status.as_str() {
        "completed" | "completed_with_warnings" => (tone(&run.status), "✓", format!(": {}{took}", outcome(run))),
        "failed" => (Tone::Bad, "✗", format!(" failed{took}; what was done until then stays")),
        "cancelled" => (Tone::Warn, "■", format!(" was cancelled{took}; what was done until then stays")),
        other => (Tone::Plain, "·", format!(" is {other}")),
    };
    Line::new().then(tone, format!("{sign} ")).strong(run.subject()).plain(said)
}

fn outcome(run: &Run) -> String {
    if let Some(children) = run.children.as_ref().filter(|_| run.is_of_workspace()) {
        let failed = if children.failed > 0 { format!(", {} failed", number(children.failed)) } else { String::new() };
        return format!("{} of {} synced{failed}", number(children.done.saturating_sub(children.failed)), count(children.total, "source"));
    }
    let Results { created, updated, deleted, .. } = run.results;
    match (run.work.as_str(), created + updated + deleted) {
        ("discard_deletions", _) => "what was held is kept".into(),
        (_, 0) => "nothing had changed".into(),
        (_, changes) => count(changes, "change"),
    }
}

fn counts(results: &Results) -> Line {
    let named = [
        ("created", results.created, Tone::Plain),
        ("updated", results.updated, Tone::Plain),
        ("unchanged", results.skipped, Tone::Plain),
        ("deleted", results.deleted, Tone::Plain),
        ("failed", results.failed, Tone::Bad),
    ];
    let mut line = Line::new().plain(" ");
    for (name, value, tone) in named {
        let tone = if value == 0 { Tone::Faint } else { tone };
        line = line.then(tone, format!(" {name} {} ", number(value)));
    }
    line
}

fn trouble(screen: &Screen, tone: Tone, kind: &str, trouble: &Trouble, run: &Run, advise: bool) {
    let place = trouble.at.as_ref().map(|at| format!(" (at {at})")).unwrap_or_default();
    let line = Line::new().then(tone, format!("  {kind} ")).then(tone, &trouble.code).plain(": ").plain(&trouble.message);
    screen.say(line.faint(place));
    let next = advise.then(|| advice::of_trouble(&trouble.code, run.source.as_deref(), &run.id)).flatten();
    if let Some(next) = next {
        screen.say(Line::new().faint("  what to do:  ").plain(next));
    }
}

/// Warnings, those of one code together.
fn warnings(screen: &Screen, run: &Run) {
    let mut codes: Vec<&str> = run.warnings.iter().map(|warning| warning.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    // What is held is told with its own commands.
    for code in codes.into_iter().filter(|code| *code != "DELETIONS_HELD" || run.results.held_deletions == 0) {
        let alike: Vec<&Trouble> = run.warnings.iter().filter(|warning| warning.code == code).collect();
        let last = alike.len().min(MOST_ALIKE) - 1;
        for (place, warning) in alike.iter().take(MOST_ALIKE).enumerate() {
            trouble(screen, Tone::Warn, "warning", warning, run, place == last);
        }
        if alike.len() > MOST_ALIKE {
            screen.say(Line::new().faint(format!("  and {} more of this kind", number((alike.len() - MOST_ALIKE) as u64))));
        }
    }
}

fn held(screen: &Screen, run: &Run) {
    let source = quoted(run.subject());
    let held = count(run.results.held_deletions, "removal");
    screen.say(Line::new().then(Tone::Warn, format!("  held back: {held}, for so much at once looks like an accident")));
    for (what, command) in [("look:        ", ""), ("remove them: ", " approve"), ("keep them:   ", " discard")] {
        screen.say(Line::new().faint(format!("  {what}")).plain(format!("pullcord held {source}{command}")));
    }
}

/// A source of a workspace run that has ended, on one line.
pub fn ended_child(run: &Run) -> Line {
    let line = headline(run);
    match &run.error {
        Some(error) => line.plain(": ").plain(&error.code).plain(": ").plain(&error.message),
        None if run.warnings.is_empty() => line,
        None => line.then(Tone::Warn, format!(", {}", count(run.warnings.len() as u64, "warning"))),
    }
}

/// A source of a workspace run that could not be begun.
pub fn refused_child(child: &Child) -> Line {
    let line = Line::new().then(Tone::Bad, "✗ ").strong(&child.source);
    match &child.refused {
        Some(trouble) => line.plain(" was refused: ").plain(&trouble.code).plain(": ").plain(&trouble.message),
        None => line.plain(" has no run any more"),
    }
}
