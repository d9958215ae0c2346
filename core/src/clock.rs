//! The only place that knows what time it is.
//!
//! Leases, cooldowns and schedules are comparisons of moments, so a test that
//! can turn this clock can show every one of them without waiting, and a
//! simulation can give two workers clocks that disagree.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::{Deserialize, Serialize};

/// A point in time, in milliseconds since the Unix epoch. Rows store the number.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub i64);

impl Moment {
    /// The moment `span` later; it stays at the end of time rather than wrap.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The moment `span` earlier.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long from `earlier` to here; zero if it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// RFC 3339 in UTC, as every reply shows it.
    pub fn rfc3339(self) -> String {
        Timestamp::from_millisecond(self.0).map_or_else(|_| self.0.to_string(), |stamp| stamp.to_string())
    }

    /// Reads RFC 3339, with any offset.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<Timestamp>().ok().map(|stamp| Self(stamp.as_millisecond()))
    }

    /// The same moment by the clocks of Central Europe, without saying so.
    pub fn in_central_europe(self) -> String {
        let (Ok(stamp), Some(zone)) = (Timestamp::from_millisecond(self.0), central_europe()) else { return self.rfc3339() };
        stamp.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S").to_string()
    }

    /// Reads a time that is one of Central Europe unless it says otherwise. Of the hour
    /// that is there twice it is the first.
    pub fn from_central_europe(text: &str) -> Option<Self> {
        let local = || text.parse::<DateTime>().ok()?.to_zoned(central_europe()?).ok();
        Self::parse(text).or_else(|| local().map(|zoned| Self(zoned.timestamp().as_millisecond())))
    }

    /// Reads the date of an HTTP header, which is always in GMT.
    pub fn parse_http_date(text: &str) -> Option<Self> {
        jiff::fmt::rfc2822::parse(text).ok().map(|zoned| Self(zoned.timestamp().as_millisecond()))
    }
}

/// The rule by which the clocks of Oslo have gone since 1996. A machine without a
/// database of time zones knows it too.
fn central_europe() -> Option<TimeZone> {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").ok()
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.rfc3339())
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.rfc3339())
    }
}

/// Where a [`Clock`] takes its time from.
#[derive(Clone, Copy, Debug)]
enum Source {
    System,
    /// Follows the runtime's clock, which a test may pause and advance.
    Runtime {
        started: tokio::time::Instant,
        at: Moment,
    },
}

/// A clock that can be carried about; its clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
    turned: Arc<AtomicI64>,
}

impl Clock {
    /// The machine's own time.
    pub fn system() -> Self {
        Self { source: Source::System, turned: Arc::default() }
    }

    /// Time that starts at `at` and passes as the runtime's does.
    #[expect(clippy::disallowed_methods, reason = "the runtime's clock is what it follows")]
    pub fn runtime(at: Moment) -> Self {
        let source = Source::Runtime { started: tokio::time::Instant::now(), at };
        Self { source, turned: Arc::default() }
    }

    /// Turns this clock, and all its clones, by `span`.
    pub fn turn(&self, span: SignedDuration) {
        self.turned.fetch_add(i64::try_from(span.as_millis()).unwrap_or(0), Ordering::SeqCst);
    }

    /// A clock that goes with this one but shows `span` more, or less.
    #[must_use]
    pub fn skewed(&self, span: SignedDuration) -> Self {
        let turned = self.turned.load(Ordering::SeqCst) + i64::try_from(span.as_millis()).unwrap_or(0);
        Self { source: self.source, turned: Arc::new(AtomicI64::new(turned)) }
    }

    /// What time it is.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may ask")]
    pub fn now(&self) -> Moment {
        let read = match self.source {
            Source::System => Moment(Timestamp::now().as_millisecond()),
            Source::Runtime { started, at } => at.plus(started.elapsed()),
        };
        Moment(read.0 + self.turned.load(Ordering::SeqCst))
    }

    /// Lets `span` pass.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may wait")]
    pub async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

/// Reads an ISO 8601 duration such as `PT5M`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    if !text.starts_with('P') {
        return None;
    }
    let span: Span = text.parse().ok()?;
    // Days and weeks are whole ones of 24 hours; months and years have no length.
    let span = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(span).ok()
}

/// Writes an ISO 8601 duration in whole seconds, rounded up: a caller who waits
/// that long must not come too early.
pub fn show_duration(span: Duration) -> String {
    let seconds = i64::try_from(span.as_millis().div_ceil(1000)).unwrap_or(i64::MAX);
    SignedDuration::from_secs(seconds).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_iso_8601_and_round_up() {
        assert_eq!(parse_duration("PT5M"), Some(Duration::from_mins(5)));
        assert_eq!(parse_duration("PT1H30M"), Some(Duration::from_mins(90)));
        assert_eq!(parse_duration("P1DT12H"), Some(Duration::from_hours(36)));
        assert_eq!(parse_duration("P2W"), Some(Duration::from_hours(14 * 24)));
        assert_eq!(parse_duration("P1M"), None);
        assert_eq!(parse_duration("5 minutes"), None);
        assert_eq!(parse_duration("-PT5M"), None);
        assert_eq!(show_duration(Duration::from_millis(179_001)), "PT3M");
        assert_eq!(show_duration(Duration::ZERO), "PT0S");
    }

    #[test]
    fn a_turned_clock_turns_its_clones_and_not_its_skewed_copies() {
        let clock = Clock::system();
        let (twin, skewed) = (clock.clone(), clock.skewed(SignedDuration::from_mins(-3)));
        clock.turn(SignedDuration::from_hours(1));
        // The one that is behind is asked first: time goes on between the two.
        let behind = skewed.now();
        assert!(twin.now().since(behind) >= Duration::from_mins(63));
    }

    #[test]
    fn moments_read_what_providers_send() {
        let at = Moment::parse("2026-11-20T06:10:10+01:00").expect("valid");
        assert_eq!(at.rfc3339(), "2026-11-20T05:10:10Z");
        assert_eq!(Moment::parse_http_date("Fri, 20 Nov 2026 05:10:10 GMT"), Some(at));
    }
}
