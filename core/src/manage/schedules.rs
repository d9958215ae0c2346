//! When a source syncs by itself.

use std::time::Duration;

use super::check::Check;
use super::{all_well, line};
use crate::calendar;
use crate::clock::{Moment, parse_duration, show_duration};
use crate::error::Error;
use crate::model::{Rhythm, Right, Schedule, Source, SourceId, Window, WindowRule};
use crate::plane::Plane;
use crate::status;
use crate::store::{Period, Store};
use crate::trigger::Asker;

/// A schedule as somebody writes it.
#[derive(Clone, Debug, Default)]
pub struct ScheduleGiven {
    pub every: Option<String>,
    pub cron: Option<String>,
    pub timezone: Option<String>,
    pub windows: Vec<WindowGiven>,
    pub prewarm: bool,
}

#[derive(Clone, Debug)]
pub struct WindowGiven {
    pub rule: WindowRule,
    pub cron: String,
    pub duration: String,
    pub timezone: Option<String>,
}

/// Sets the schedule of a source; or only says what it would be.
pub async fn set_schedule(plane: &Plane, asker: &Asker, id: &SourceId, given: &ScheduleGiven, is_trial: bool) -> Result<Schedule, Error> {
    loop {
        let before = administered(plane, asker, id).await?;
        let now = plane.clock.now();
        let schedule = read(plane, given, before.schedule.as_ref(), now)?;
        if is_trial {
            return Ok(schedule);
        }
        let known = plane.store.period(id).await?;
        let seen = known.as_ref().map_or(0, |period| period.version);
        let same = |known: &&Period| (&known.schedule.rhythm, &known.schedule.timezone) == (&schedule.rhythm, &schedule.timezone);
        // A period that is due and was not begun yet is not passed over by that.
        let overdue = known.as_ref().filter(same).map(|known| known.due_at).filter(|due| *due <= now);
        let due_at = overdue.or_else(|| calendar::next(&schedule, now)).ok_or_else(|| Error::invalid("cron", "never comes"))?;
        let (source, workspace) = (id.clone(), before.workspace.clone());
        // What was read of a schedule that is gone is not taken for this one.
        let version = (seen + 1).max(u64::try_from(now.0).unwrap_or(0));
        let period = Period { source, workspace, schedule: schedule.clone(), due_at, warmed_for: None, version };
        let mut changed = before.clone();
        changed.schedule = Some(schedule.clone());
        changed.version += 1;
        let facts = [("source", id.to_string()), ("rhythm", told(&schedule)), ("next", due_at.rfc3339())];
        let audit = line(plane, &before.workspace, asker.user(), "schedule.set", facts)?;
        let with = vec![Store::period_write(&period, seen)?, audit];
        if plane.store.change_source(&changed, before.version, None, with).await? {
            return Ok(schedule);
        }
    }
}

/// Takes the schedule of a source away, if it has one.
pub async fn clear_schedule(plane: &Plane, asker: &Asker, id: &SourceId) -> Result<(), Error> {
    loop {
        let before = administered(plane, asker, id).await?;
        if before.schedule.is_none() {
            return Ok(());
        }
        let mut changed = before.clone();
        changed.schedule = None;
        changed.version += 1;
        let audit = line(plane, &before.workspace, asker.user(), "schedule.cleared", [("source", id.to_string())])?;
        if plane.store.change_source(&changed, before.version, None, vec![Store::period_delete(id), audit]).await? {
            return Ok(());
        }
    }
}

async fn administered(plane: &Plane, asker: &Asker, id: &SourceId) -> Result<Source, Error> {
    let looked = status::source(plane, asker, id).await?;
    if looked.role.may(Right::Administer) {
        Ok(looked.source)
    } else {
        Err(Error::Forbidden(format!("a {} may not change schedules", looked.role)))
    }
}

fn told(schedule: &Schedule) -> String {
    match &schedule.rhythm {
        Rhythm::Every(every) => show_duration(Duration::from_millis(*every)),
        Rhythm::Cron(cron) => format!("{cron} {}", schedule.timezone),
    }
}

fn read(plane: &Plane, given: &ScheduleGiven, before: Option<&Schedule>, now: Moment) -> Result<Schedule, Error> {
    let mut check = Check { plane, complaints: Vec::new() };
    let timezone = given.timezone.clone().unwrap_or_else(|| "UTC".to_owned());
    if let Err(why) = calendar::check_timezone(&timezone) {
        check.complain("timezone", why);
    }
    let rhythm = match (&given.every, &given.cron) {
        (Some(every), None) => match parse_duration(every) {
            Some(every) if (calendar::SHORTEST_EVERY..=calendar::LONGEST_EVERY).contains(&every) => Some(Rhythm::Every(millis(every))),
            _ => {
                check.complain("every", "must be a duration from PT1M to P366D, like PT1H");
                None
            }
        },
        (None, Some(cron)) => match calendar::check(cron, &timezone) {
            Ok(()) => Some(Rhythm::Cron(cron.split_whitespace().collect::<Vec<_>>().join(" "))),
            // That of the time zone is told already.
            Err(_) if !check.complaints.is_empty() => None,
            Err(why) => {
                check.complain("cron", why);
                None
            }
        },
        _ => {
            check.complain("every", "either every or cron has to be given, and not both");
            None
        }
    };
    if given.windows.len() > calendar::MOST_WINDOWS {
        check.complain("windows", format!("there may be {} at most", calendar::MOST_WINDOWS));
    }
    let windows =
        given.windows.iter().enumerate().filter_map(|(place, window)| self::window(&mut check, place, window, &timezone)).collect();
    all_well(check.complaints)?;
    let rhythm = rhythm.unwrap_or(Rhythm::Every(millis(calendar::LONGEST_EVERY)));
    // What stays the same goes on counting from where it did.
    let anchor = before.filter(|before| before.rhythm == rhythm).map_or(now, |before| before.anchor);
    let schedule = Schedule { rhythm, timezone, windows, prewarm: given.prewarm, anchor };
    if calendar::upcoming(&schedule, now, 1).is_empty() {
        return Err(Error::invalid("windows", "leave none of the next times: nothing would ever begin"));
    }
    Ok(schedule)
}

fn window(check: &mut Check<'_>, place: usize, given: &WindowGiven, timezone: &str) -> Option<Window> {
    let own = given.timezone.as_deref();
    if let Some(Err(why)) = own.map(calendar::check_timezone) {
        check.complain(&format!("windows[{place}].timezone"), why);
        return None;
    }
    if let Err(why) = calendar::check(&given.cron, own.unwrap_or(timezone)) {
        check.complain(&format!("windows[{place}].cron"), why);
    }
    let lasts = parse_duration(&given.duration).filter(|lasts| !lasts.is_zero() && *lasts <= calendar::LONGEST_WINDOW);
    if lasts.is_none() {
        check.complain(&format!("windows[{place}].duration"), "must be a duration up to P31D, like PT8H");
    }
    Some(Window { rule: given.rule, cron: given.cron.clone(), lasts: millis(lasts?), timezone: given.timezone.clone() })
}

fn millis(span: Duration) -> u64 {
    span.as_millis() as u64
}
