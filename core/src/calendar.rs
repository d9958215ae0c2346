//! When is it time? Periods and windows of schedules, in time zones whose clocks are
//! put forward and back; pure.
//!
//! Hours that are named are those of the clock on the wall: one that is skipped when
//! clocks go forward begins where the gap ends, and one that comes twice when they
//! go back begins the first time. Hours that are not named (`*`, `*/2`) follow the
//! time that really passes.

use std::time::Duration;

use cronexpr::Crontab;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

use crate::clock::Moment;
use crate::model::{Rhythm, Schedule, Window, WindowRule};

/// More often is asked for by pressing.
pub const SHORTEST_EVERY: Duration = Duration::from_mins(1);
pub const LONGEST_EVERY: Duration = Duration::from_hours(366 * 24);
pub const LONGEST_WINDOW: Duration = Duration::from_hours(31 * 24);
pub const MOST_WINDOWS: usize = 20;
/// Windows that are passed over in a row when the next times are looked for, and missed
/// periods that are counted one by one.
const MOST_JUMPS: usize = 800;
const MOST_COUNTED: usize = 2_000;

/// The first period of a schedule that is later than `after`; none if there will
/// never be one.
pub fn next(schedule: &Schedule, after: Moment) -> Option<Moment> {
    Beat::of(schedule)?.next(after)
}

/// The next periods, as many as asked for, that no window denies.
pub fn upcoming(schedule: &Schedule, after: Moment, most: usize) -> Vec<Moment> {
    let (Some(beat), windows) = (Beat::of(schedule), Windows::of(schedule)) else { return Vec::new() };
    let (mut found, mut after) = (Vec::new(), after);
    for _ in 0..most + MOST_JUMPS {
        let Some(at) = beat.next(after).filter(|_| found.len() < most) else { break };
        after = match windows.opens(at) {
            None => {
                found.push(at);
                at
            }
            // Nothing begins before that, however many periods lie between.
            Some(opens) => Moment(opens.0 - 1).max(at),
        };
    }
    found
}

/// The newest period that is due by now, of those from `due` on, and how many come
/// before it: a late tick begins one, however many it missed.
pub fn newest_due(schedule: &Schedule, due: Moment, now: Moment) -> (Moment, u64) {
    let Some(beat) = Beat::of(schedule) else { return (due, 0) };
    if let Beat::Every { every, .. } = beat {
        let missed = (now.0 - due.0).max(0) / every;
        return (Moment(due.0 + missed * every), missed as u64);
    }
    // Of a clock that stood still for months they are not all counted.
    let later = std::iter::successors(Some(due), |last| beat.next(*last)).take_while(|at| *at <= now).skip(1).take(MOST_COUNTED);
    later.fold((due, 0), |(_, missed), at| (at, missed + 1))
}

/// Why a schedule's period may not begin at `at`, if a window denies it.
pub fn denied(schedule: &Schedule, at: Moment) -> Option<String> {
    let windows = Windows::of(schedule);
    if let Some((window, _)) = windows.0.iter().find(|(window, times)| window.rule == WindowRule::Deny && ends(window, times, at).is_some())
    {
        return Some(format!("a window denies it: {}", describe(window)));
    }
    windows.opens(at).map(|_| "it lies outside the windows that allow it".to_owned())
}

/// The windows of a schedule, read.
struct Windows<'a>(Vec<(&'a Window, Times)>);

impl<'a> Windows<'a> {
    fn of(schedule: &'a Schedule) -> Self {
        let times = |window: &'a Window| Times::of(&window.cron, window.timezone.as_deref().unwrap_or(&schedule.timezone)).ok();
        Self(schedule.windows.iter().filter_map(|window| Some((window, times(window)?))).collect())
    }

    /// If periods are denied at `at`: when that may be over at the earliest.
    fn opens(&self, at: Moment) -> Option<Moment> {
        let of = |rule: WindowRule| self.0.iter().filter(move |(window, _)| window.rule == rule);
        if let Some(end) = of(WindowRule::Deny).filter_map(|(window, times)| ends(window, times, at)).max() {
            return Some(end);
        }
        if of(WindowRule::Allow).next().is_none() || of(WindowRule::Allow).any(|(window, times)| ends(window, times, at).is_some()) {
            return None;
        }
        Some(of(WindowRule::Allow).filter_map(|(_, times)| times.next(at)).min().unwrap_or(Moment(i64::MAX)))
    }
}

/// When a window ends that is open at `at`.
fn ends(window: &Window, times: &Times, at: Moment) -> Option<Moment> {
    let lasts = Duration::from_millis(window.lasts);
    // Of several beginnings the last one counts.
    let mut began = times.next(at.minus(lasts)).filter(|began| *began <= at)?;
    while let Some(later) = times.next(began).filter(|later| *later <= at) {
        began = later;
    }
    Some(began.plus(lasts))
}

fn describe(window: &Window) -> String {
    let lasts = crate::clock::show_duration(Duration::from_millis(window.lasts));
    format!("`{}` for {lasts}", window.cron)
}

/// What is wrong with five fields and a time zone, if anything is.
pub fn check(cron: &str, timezone: &str) -> Result<(), String> {
    Times::of(cron, timezone)?.next(Moment(0)).map(drop).ok_or_else(|| "never comes".to_owned())
}

pub fn check_timezone(timezone: &str) -> Result<(), String> {
    TimeZone::get(timezone).map(drop).map_err(|_| format!("is no time zone: {timezone}; names are like Europe/Oslo, or UTC"))
}

/// A rhythm, read.
enum Beat {
    Every { anchor: i64, every: i64 },
    Cron(Times),
}

impl Beat {
    fn of(schedule: &Schedule) -> Option<Self> {
        match &schedule.rhythm {
            Rhythm::Every(every) => {
                let every = i64::try_from(*every).ok().filter(|every| *every > 0)?;
                Some(Self::Every { anchor: schedule.anchor.0, every })
            }
            Rhythm::Cron(cron) => Times::of(cron, &schedule.timezone).ok().map(Self::Cron),
        }
    }

    fn next(&self, after: Moment) -> Option<Moment> {
        match self {
            Self::Every { anchor, every } => Some(Moment(anchor + ((after.0 - anchor).div_euclid(*every) + 1).max(1) * every)),
            Self::Cron(times) => times.next(after),
        }
    }
}

/// Five fields in a time zone.
struct Times {
    /// As if the clock on the wall were never put forward or back.
    wall: Crontab,
    /// As time really passes.
    real: Crontab,
    zone: TimeZone,
    names_hours: bool,
}

impl Times {
    fn of(cron: &str, timezone: &str) -> Result<Self, String> {
        let fields: Vec<&str> = cron.split_whitespace().collect();
        let [_, hours, ..] = fields.as_slice() else { return Err(FIVE.to_owned()) };
        if fields.len() != 5 || cron.len() > 200 {
            return Err(FIVE.to_owned());
        }
        let zone = TimeZone::get(timezone).map_err(|_| format!("is no time zone: {timezone}"))?;
        let parse = |zone: &str| cronexpr::parse_crontab(&format!("{} {zone}", fields.join(" "))).map_err(|why| one_line(&why.to_string()));
        Ok(Self { wall: parse("UTC")?, real: parse(timezone)?, zone, names_hours: !hours.contains('*') && !hours.contains('/') })
    }

    fn next(&self, after: Moment) -> Option<Moment> {
        let after = Timestamp::from_millisecond(after.0).ok()?;
        if !self.names_hours {
            return Some(Moment(self.real.find_next(after).ok()?.timestamp().as_millisecond()));
        }
        let mut wall = self.zone.to_datetime(after);
        // Where clocks go forward several times of the wall begin at one moment, and
        // where they go back some have begun before.
        loop {
            let as_if = wall.to_zoned(TimeZone::UTC).ok()?.timestamp();
            wall = self.wall.find_next(as_if).ok()?.datetime();
            let ambiguous = self.zone.to_ambiguous_timestamp(wall);
            let begins = match ambiguous.offset() {
                AmbiguousOffset::Gap { before, .. } => {
                    // Read as if clocks had not gone forward yet, it lies after the change.
                    let late = before.to_timestamp(wall).ok()?;
                    self.zone.preceding(late.checked_add(1.second()).ok()?).next()?.timestamp()
                }
                _ => ambiguous.earlier().ok()?,
            };
            if begins > after {
                return Some(Moment(begins.as_millisecond()));
            }
        }
    }
}

const FIVE: &str = "must have five fields: minute, hour, day of the month, month, day of the week";

/// A parser's words, which may draw a picture over several lines.
fn one_line(why: &str) -> String {
    let words: Vec<&str> = why.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    format!("cannot be understood: {}", words.join(" "))
}

#[cfg(test)]
#[path = "calendar_tests.rs"]
mod tests;
