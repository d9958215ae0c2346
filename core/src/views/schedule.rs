//! A schedule, as callers see it.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::calendar;
use crate::clock::{Moment, show_duration};
use crate::model::{Rhythm, Schedule, Window};

/// When a source syncs by itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ScheduleView {
    pub every: Option<String>,
    pub cron: Option<String>,
    pub timezone: String,
    pub windows: Vec<WindowView>,
    pub prewarm: bool,
    /// The next times that no window denies.
    pub upcoming: Vec<String>,
    /// Why none begins now, if a window is in the way.
    pub denied_now: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WindowView {
    /// deny or allow
    pub rule: &'static str,
    pub cron: String,
    pub duration: String,
    pub timezone: Option<String>,
}

/// So many of the next times are shown.
const NEXT: usize = 5;

impl ScheduleView {
    pub fn of(schedule: &Schedule, now: Moment) -> Self {
        let (every, cron) = match &schedule.rhythm {
            Rhythm::Every(every) => (Some(show_duration(Duration::from_millis(*every))), None),
            Rhythm::Cron(cron) => (None, Some(cron.clone())),
        };
        Self {
            every,
            cron,
            timezone: schedule.timezone.clone(),
            windows: schedule.windows.iter().map(WindowView::of).collect(),
            prewarm: schedule.prewarm,
            upcoming: calendar::upcoming(schedule, now, NEXT).into_iter().map(Moment::rfc3339).collect(),
            denied_now: calendar::denied(schedule, now),
        }
    }
}

impl WindowView {
    fn of(window: &Window) -> Self {
        let duration = show_duration(Duration::from_millis(window.lasts));
        Self { rule: window.rule.as_str(), cron: window.cron.clone(), duration, timezone: window.timezone.clone() }
    }
}
