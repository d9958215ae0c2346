//! A run on its way: bars on a terminal, plain lines otherwise.
//!
//! A bar has a length only if the API states a total; without one it goes to and
//! fro, and the counts say how far the run is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use pullcord_core::clock::Moment;

use crate::output::{Line, Screen, Tone};
use crate::replies::{Child, Run, at};
use crate::summary;
use crate::table::cut;
use crate::text::{moment, number, readable, relative, shown, words};

/// A bar takes a quarter of the line, within bounds.
const WIDEST: usize = 24;
const NARROWEST: usize = 8;
const LONGEST_NAME: usize = 24;
/// How long a rate has to be looked at before it is told.
const PACE_AFTER: Duration = Duration::from_secs(1);
/// Plain lines come no more often, unless something else than counts changed.
const EVERY: Duration = Duration::from_secs(10);
/// What the lines of a workspace's sources leave of the screen.
const OTHER_LINES: usize = 4;

/// How a run is shown while it goes on.
pub enum Progress {
    Bars(Box<Bars>),
    Lines(Lines),
    Silent,
}

impl Progress {
    pub fn on(screen: &Screen) -> Self {
        match (screen.bars, screen.json) {
            (true, _) => Self::Bars(Box::new(Bars::new(screen.clone()))),
            (false, true) => Self::Silent,
            (false, false) => Self::Lines(Lines { screen: screen.clone(), last: None, told: BTreeMap::new(), pace: Pace::default() }),
        }
    }

    pub fn run(&mut self, run: &Run, now: Moment) {
        match self {
            Self::Bars(bars) => bars.run(run, now),
            Self::Lines(lines) => lines.run(run, now),
            Self::Silent => {}
        }
    }

    pub fn children(&mut self, children: &[Child], now: Moment) {
        match self {
            Self::Bars(bars) => bars.children(children, now),
            Self::Lines(lines) => lines.children(children),
            Self::Silent => {}
        }
    }

    /// Something happened on the way.
    pub fn note(&self, screen: &Screen, line: Line) {
        match self {
            Self::Bars(bars) => bars.all.suspend(|| screen.note(line)),
            Self::Lines(_) | Self::Silent => screen.note(line),
        }
    }

    /// Takes the bars away: what is said next stands where they were.
    pub fn clear(&self) {
        if let Self::Bars(bars) = self {
            // Each by itself, or its own ticking would draw it again.
            for (bar, _) in bars.of_run.iter().chain(bars.of_children.values()) {
                bar.finish_and_clear();
            }
            drop(bars.all.clear());
        }
    }
}

/// How fast items come, by what was seen.
#[derive(Debug, Default)]
struct Pace {
    since: Option<(Moment, u64)>,
}

impl Pace {
    /// Items a second, once that can be said.
    fn of(&mut self, run: &Run, now: Moment) -> Option<u64> {
        let done = run.progress.processed;
        if run.status != "running" || run.is_of_workspace() || self.since.is_some_and(|(_, first)| done < first) {
            self.since = None;
            return None;
        }
        let (since, first) = *self.since.get_or_insert((now, done));
        let took = now.since(since);
        let rate = (done - first) as f64 / took.as_secs_f64();
        (took >= PACE_AFTER && done > first).then_some(rate.round() as u64)
    }
}

/// How far a run is, in words: "fetching · page 3 · 250 of 612 items · 120/s".
fn told(run: &Run, rate: Option<u64>, now: Moment) -> String {
    let progress = &run.progress;
    let mut parts = Vec::new();
    match run.status.as_str() {
        "running" => parts.push(progress.stage.clone().unwrap_or_else(|| "running".into())),
        "paused" | "parked" => parts.push(match at(run.resumes_at.as_deref()) {
            Some(until) => format!("{} until {}", run.status, moment(until, now)),
            None => run.status.clone(),
        }),
        other => parts.push(words(other)),
    }
    if run.status == "queued" {
        parts.extend(run.position.filter(|first| *first > 0).map(|first| format!("about {} come first", number(first))));
    }
    if run.status != "running" {
        parts.extend(run.status_reason.as_deref().map(|reason| readable(reason, now)));
        return parts.join(" · ");
    }
    if progress.page > 0 {
        parts.push(format!("page {}", number(progress.page)));
    }
    let unit = if progress.unit.is_empty() { "items" } else { &progress.unit };
    parts.push(match progress.total {
        Some(total) => format!("{} of {} {unit}", number(progress.processed), number(total)),
        None => format!("{} {unit}", number(progress.processed)),
    });
    parts.extend(rate.map(|rate| format!("{}/s", number(rate))));
    let end = at(run.estimated_completion.as_deref()).filter(|end| *end > now);
    parts.extend(end.map(|end| format!("ends {}", relative(end, now))));
    parts.extend(progress.current.as_deref().filter(|_| !run.is_of_workspace()).map(|current| cut(current, 40)));
    parts.join(" · ")
}

/// Bars, redrawn in place.
pub struct Bars {
    screen: Screen,
    all: MultiProgress,
    of_run: Option<(ProgressBar, Pace)>,
    of_children: BTreeMap<String, (ProgressBar, Pace)>,
    ended: BTreeSet<String>,
    most: usize,
    /// How wide the widest name is, so that bars stand one below the other.
    names: usize,
}

/// A name before a bar.
fn name(of: &str, width: usize) -> String {
    format!("{:<width$}", cut(&shown(of), LONGEST_NAME))
}

impl Bars {
    fn new(screen: Screen) -> Self {
        let rows = Term::stderr().size_checked().map_or(24, |(rows, _)| usize::from(rows));
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Self {
            all,
            of_run: None,
            of_children: BTreeMap::new(),
            ended: BTreeSet::new(),
            screen,
            most: rows.saturating_sub(OTHER_LINES).max(1),
            names: 0,
        }
    }

    fn run(&mut self, run: &Run, now: Moment) {
        let (bar, pace) = self.of_run.get_or_insert_with(|| (self.all.add(ProgressBar::no_length()), Pace::default()));
        draw(bar, pace, self.names, run, now);
    }

    /// Those that are under way have a bar, as many as fit; those that ended leave a line.
    fn children(&mut self, children: &[Child], now: Moment) {
        let widest = children.iter().map(|child| name(&child.source, 0).chars().count()).max().unwrap_or(0);
        self.names = self.names.max(widest);
        for child in children {
            let Some(run) = &child.run else {
                self.end(&child.source, summary::refused_child(child));
                continue;
            };
            if run.has_ended() {
                self.end(&child.source, summary::ended_child(run));
            } else if matches!(run.status.as_str(), "running" | "paused" | "cancelling") {
                if !self.of_children.contains_key(&child.source) && self.of_children.len() < self.most {
                    self.of_children.insert(child.source.clone(), (self.all.add(ProgressBar::no_length()), Pace::default()));
                }
                if let Some((bar, pace)) = self.of_children.get_mut(&child.source) {
                    draw(bar, pace, self.names, run, now);
                }
            }
        }
    }

    fn end(&mut self, source: &str, line: Line) {
        if let Some((bar, _)) = self.of_children.remove(source) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
        if self.ended.insert(source.to_owned()) {
            self.all.suspend(|| self.screen.note(line));
        }
    }
}

fn draw(bar: &ProgressBar, pace: &mut Pace, names: usize, run: &Run, now: Moment) {
    let progress = &run.progress;
    // A queued run with a total is not under way, and a bar would say it is.
    let total = progress.total.filter(|total| *total > 0 && run.status != "queued" && run.status != "parked");
    let is_new = bar.prefix().is_empty();
    bar.set_prefix(name(run.subject(), names));
    if is_new {
        bar.enable_steady_tick(Duration::from_millis(120));
    }
    match total {
        Some(total) => {
            bar.set_style(known());
            bar.set_length(total);
            bar.set_position(progress.processed.min(total));
        }
        None => bar.set_style(unknown()),
    }
    let percentage = progress.percentage.filter(|_| total.is_some()).map(|share| format!("{share:>3} % · ")).unwrap_or_default();
    bar.set_message(format!("{percentage}{}", shown(&told(run, pace.of(run, now), now))));
}

fn columns() -> usize {
    Term::stderr().size_checked().map_or(80, |(_, columns)| usize::from(columns))
}

fn width() -> usize {
    (columns() / 4).clamp(NARROWEST, WIDEST)
}

fn known() -> ProgressStyle {
    style(&format!("{{prefix:.bold}} {{bar:{}.green/dim}} {{wide_msg}}", width())).progress_chars("━╸─")
}

/// A block that goes to and fro: something happens, and nobody knows how much is left.
fn unknown() -> ProgressStyle {
    let width = width();
    let block = width / 6 + 1;
    let ways = (0..=width - block).chain((1..width - block).rev());
    let mut frames: Vec<String> =
        ways.map(|left| format!("{}{}{}", "─".repeat(left), "━".repeat(block), "─".repeat(width - block - left))).collect();
    frames.push("━".repeat(width));
    let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    style("{prefix:.bold} {spinner:.cyan} {wide_msg}").tick_strings(&frames)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Lines, for logs.
pub struct Lines {
    screen: Screen,
    last: Option<(String, Option<String>, Moment, u64)>,
    told: BTreeMap<String, String>,
    pace: Pace,
}

impl Lines {
    fn run(&mut self, run: &Run, now: Moment) {
        let rate = self.pace.of(run, now);
        if run.has_ended() {
            return;
        }
        let share = run.progress.percentage.unwrap_or(0) / 10;
        let is_news = self.last.as_ref().is_none_or(|(status, stage, at, tenth)| {
            *status != run.status || *stage != run.progress.stage || now.since(*at) >= EVERY || *tenth != share
        });
        if is_news {
            self.screen.note(Line::new().strong(run.subject()).plain(": ").plain(told(run, rate, now)));
            self.last = Some((run.status.clone(), run.progress.stage.clone(), now, share));
        }
    }

    fn children(&mut self, children: &[Child]) {
        for child in children {
            let (state, line) = match &child.run {
                None => ("refused", summary::refused_child(child)),
                Some(run) if run.has_ended() => (run.status.as_str(), summary::ended_child(run)),
                Some(run) => (run.status.as_str(), Line::new().strong(&child.source).plain(": ").then(Tone::Faint, words(&run.status))),
            };
            if self.told.get(&child.source).map(String::as_str) != Some(state) {
                self.screen.note(line);
                self.told.insert(child.source.clone(), state.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replies;

    fn running(processed: u64, total: Option<u64>) -> Run {
        let progress =
            replies::Progress { processed, total, page: 3, stage: Some("fetching".into()), unit: "items".into(), ..Default::default() };
        Run { status: "running".into(), source: Some("web".into()), progress, ..Run::default() }
    }

    #[test]
    fn a_rate_is_what_was_seen_and_nothing_before() {
        let (mut pace, start) = (Pace::default(), Moment(1_000_000));
        assert_eq!(pace.of(&running(100, None), start), None);
        assert_eq!(pace.of(&running(150, None), start.plus(Duration::from_millis(500))), None);
        assert_eq!(pace.of(&running(300, None), start.plus(Duration::from_secs(2))), Some(100));
        // A run that begins again is timed again.
        assert_eq!(pace.of(&running(20, None), start.plus(Duration::from_secs(3))), None);
    }

    #[test]
    fn a_total_is_told_only_if_it_was_stated() {
        let now = Moment(0);
        assert_eq!(told(&running(250, Some(612)), Some(120), now), "fetching · page 3 · 250 of 612 items · 120/s");
        assert_eq!(told(&running(1_250, None), None, now), "fetching · page 3 · 1,250 items");
    }

    #[test]
    fn what_waits_says_for_what() {
        let waiting =
            Run { status: "queued".into(), position: Some(3), status_reason: Some("waits for a worker".into()), ..Run::default() };
        assert_eq!(told(&waiting, None, Moment(0)), "queued · about 3 come first · waits for a worker");
    }
}
