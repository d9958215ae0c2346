//! Periods and windows, over the days on which clocks are put forward and back.

use super::*;

fn cron(text: &str, timezone: &str) -> Schedule {
    Schedule {
        rhythm: Rhythm::Cron(text.to_owned()),
        timezone: timezone.to_owned(),
        windows: Vec::new(),
        prewarm: false,
        anchor: moment("2026-01-01T00:00:00Z"),
    }
}

fn every(millis: u64, anchor: &str) -> Schedule {
    Schedule { rhythm: Rhythm::Every(millis), anchor: moment(anchor), ..cron("* * * * *", "UTC") }
}

fn moment(text: &str) -> Moment {
    Moment::parse(text).unwrap_or_else(|| panic!("{text} is a time"))
}

fn after(schedule: &Schedule, from: &str, count: usize) -> Vec<String> {
    std::iter::successors(next(schedule, moment(from)), |last| next(schedule, *last)).take(count).map(Moment::rfc3339).collect()
}

/// The table of expected starts: both changes of the clocks in two zones.
#[test]
fn periods_on_the_days_when_clocks_change() {
    let table: &[(&str, &str, &str, &[&str])] = &[
        // Oslo goes forward on 29 March 2026 at 02:00 (01:00Z), and back on 25 October at 03:00 (01:00Z).
        ("30 2 * * *", "Europe/Oslo", "2026-03-28T00:00:00Z", &["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]),
        ("0 3 * * *", "Europe/Oslo", "2026-03-28T12:00:00Z", &["2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z"]),
        (
            "0,30 2,3 * * *",
            "Europe/Oslo",
            "2026-03-29T00:00:00Z",
            &["2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:00:00Z"],
        ),
        ("*/15 2 * * *", "Europe/Oslo", "2026-03-29T00:00:00Z", &["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"]),
        ("30 2 * * *", "Europe/Oslo", "2026-10-24T12:00:00Z", &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
        ("0 2,3 * * *", "Europe/Oslo", "2026-10-24T12:00:00Z", &["2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z", "2026-10-26T01:00:00Z"]),
        // Hours that nobody named follow the time that passes.
        ("30 * * * *", "Europe/Oslo", "2026-03-29T00:00:00Z", &["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:30:00Z"]),
        ("30 * * * *", "Europe/Oslo", "2026-10-25T00:00:00Z", &["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"]),
        ("0 */2 * * *", "Europe/Oslo", "2026-03-28T23:30:00Z", &["2026-03-29T02:00:00Z", "2026-03-29T04:00:00Z"]),
        // New York goes forward on 8 March at 02:00 (07:00Z), and back on 1 November at 02:00 (06:00Z).
        ("15 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", &["2026-03-08T07:00:00Z", "2026-03-09T06:15:00Z"]),
        ("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", &["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]),
        (
            "*/30 * * * *",
            "America/New_York",
            "2026-11-01T04:45:00Z",
            &["2026-11-01T05:00:00Z", "2026-11-01T05:30:00Z", "2026-11-01T06:00:00Z", "2026-11-01T06:30:00Z", "2026-11-01T07:00:00Z"],
        ),
        // Clocks in New York have gone back already when Oslo's have, for a week not.
        ("0 6 * * 1-5", "Europe/Oslo", "2026-10-23T12:00:00Z", &["2026-10-26T05:00:00Z"]),
        ("0 6 * * 1-5", "America/New_York", "2026-10-23T12:00:00Z", &["2026-10-26T10:00:00Z"]),
        // Seconds that are put in are none to a computer's clock.
        ("59 23 31 12 *", "UTC", "2016-12-31T23:58:59Z", &["2016-12-31T23:59:00Z", "2017-12-31T23:59:00Z"]),
        ("0 0 1 1 *", "UTC", "2016-12-31T23:59:59Z", &["2017-01-01T00:00:00Z"]),
        // Both days given: either. 0 and 7 are Sunday.
        (
            "0 12 13 * 5",
            "UTC",
            "2026-11-12T13:00:00Z",
            &[
                "2026-11-13T12:00:00Z",
                "2026-11-20T12:00:00Z",
                "2026-11-27T12:00:00Z",
                "2026-12-04T12:00:00Z",
                "2026-12-11T12:00:00Z",
                "2026-12-13T12:00:00Z",
            ],
        ),
        ("0 12 * * 0", "UTC", "2026-11-20T00:00:00Z", &["2026-11-22T12:00:00Z"]),
        ("0 12 * * 7", "UTC", "2026-11-20T00:00:00Z", &["2026-11-22T12:00:00Z"]),
        ("0 0 29 2 *", "UTC", "2026-11-20T00:00:00Z", &["2028-02-29T00:00:00Z"]),
    ];
    for (text, zone, from, expected) in table {
        assert_eq!(&after(&cron(text, zone), from, expected.len()), expected, "{text} in {zone} from {from}");
    }
}

/// However a period is looked for, none is found twice and none is left out.
#[test]
fn periods_only_go_forward() {
    for zone in ["Europe/Oslo", "America/New_York", "Australia/Lord_Howe", "UTC"] {
        for text in ["30 2 * * *", "*/20 1-3 * * *", "7 * * * *", "0 0,2 * * *"] {
            let schedule = cron(text, zone);
            let (mut at, end) = (moment("2026-01-01T00:00:00Z"), moment("2027-01-01T00:00:00Z"));
            while let Some(later) = next(&schedule, at).filter(|later| *later < end) {
                assert!(later > at, "{text} in {zone}: {later} after {at}");
                // Nothing lies between: looking from just before finds the same.
                assert_eq!(next(&schedule, later.minus(Duration::from_secs(1))), Some(later), "{text} in {zone}");
                at = later;
            }
        }
    }
}

#[test]
fn every_counts_from_when_it_was_set() {
    let hourly = every(3_600_000, "2026-11-20T10:07:30Z");
    assert_eq!(after(&hourly, "2026-11-20T10:07:30Z", 2), ["2026-11-20T11:07:30Z", "2026-11-20T12:07:30Z"]);
    assert_eq!(after(&hourly, "2026-11-20T11:07:29Z", 1), ["2026-11-20T11:07:30Z"]);
    assert_eq!(after(&hourly, "2020-01-01T00:00:00Z", 1), ["2026-11-20T11:07:30Z"]);
}

/// A tick that is 40 minutes late begins one, the newest, and knows what it missed.
#[test]
fn a_late_tick_begins_one_period() {
    let table = [
        (cron("0 6 * * *", "UTC"), "2026-11-20T06:00:00Z", "2026-11-20T06:40:00Z", ("2026-11-20T06:00:00Z", 0)),
        (cron("*/10 * * * *", "UTC"), "2026-11-20T06:00:00Z", "2026-11-20T06:40:00Z", ("2026-11-20T06:40:00Z", 4)),
        (cron("*/10 * * * *", "UTC"), "2026-11-20T06:00:00Z", "2026-11-20T06:39:59Z", ("2026-11-20T06:30:00Z", 3)),
        (every(900_000, "2026-11-20T00:00:00Z"), "2026-11-20T06:00:00Z", "2026-11-20T06:40:00Z", ("2026-11-20T06:30:00Z", 2)),
        (cron("30 2 * * *", "Europe/Oslo"), "2026-10-25T00:30:00Z", "2026-10-25T01:40:00Z", ("2026-10-25T00:30:00Z", 0)),
        (cron("0 6 * * *", "UTC"), "2026-11-20T06:00:00Z", "2026-11-23T05:00:00Z", ("2026-11-22T06:00:00Z", 2)),
    ];
    for (schedule, due, now, (newest, missed)) in table {
        assert_eq!(newest_due(&schedule, moment(due), moment(now)), (moment(newest), missed), "{schedule:?} at {now}");
    }
}

#[test]
fn windows_deny_what_lies_in_them_or_outside() {
    let window = |rule, cron: &str, lasts: &str, timezone: Option<&str>| Window {
        rule,
        cron: cron.to_owned(),
        lasts: crate::clock::parse_duration(lasts).expect("a duration").as_millis() as u64,
        timezone: timezone.map(str::to_owned),
    };
    let night = window(WindowRule::Deny, "0 22 * * *", "PT8H", None);
    let work = window(WindowRule::Allow, "0 8 * * 1-5", "PT9H", Some("Europe/Oslo"));
    let table = [
        (vec![], "2026-11-20T23:00:00Z", true),
        (vec![night.clone()], "2026-11-20T21:59:59Z", true),
        (vec![night.clone()], "2026-11-20T22:00:00Z", false),
        (vec![night.clone()], "2026-11-21T05:59:59Z", false),
        (vec![night.clone()], "2026-11-21T06:00:00Z", true),
        (vec![work.clone()], "2026-11-20T06:59:59Z", false),
        (vec![work.clone()], "2026-11-20T07:00:00Z", true),
        (vec![work.clone()], "2026-11-20T16:00:00Z", false),
        (vec![work.clone()], "2026-11-21T12:00:00Z", false),
        // In the summer it begins an hour earlier by this clock.
        (vec![work.clone()], "2026-07-20T06:00:00Z", true),
        // What is denied stays denied, whatever else is allowed.
        (vec![work, window(WindowRule::Deny, "0 12 * * *", "PT1H", None)], "2026-11-20T12:30:00Z", false),
    ];
    for (windows, at, allowed) in table {
        let schedule = Schedule { windows, ..cron("0 * * * *", "UTC") };
        assert_eq!(denied(&schedule, moment(at)).is_none(), allowed, "{at} {:?}", schedule.windows);
    }
    let schedule = Schedule { windows: vec![night], ..cron("0 */3 * * *", "UTC") };
    let shown: Vec<String> = upcoming(&schedule, moment("2026-11-20T17:00:00Z"), 4).into_iter().map(Moment::rfc3339).collect();
    assert_eq!(shown, ["2026-11-20T18:00:00Z", "2026-11-20T21:00:00Z", "2026-11-21T06:00:00Z", "2026-11-21T09:00:00Z"]);
}

/// However many periods lie in a window, the next time after it is found.
#[test]
fn long_windows_are_passed_over() {
    let window = |rule, cron: &str, hours: u64| Window { rule, cron: cron.to_owned(), lasts: hours * 3_600_000, timezone: None };
    let night = Schedule { windows: vec![window(WindowRule::Deny, "0 22 * * *", 8)], ..every(60_000, "2026-11-20T00:00:00Z") };
    let work = Schedule { windows: vec![window(WindowRule::Allow, "0 8 * * 1-5", 9)], ..cron("*/5 * * * *", "UTC") };
    let never = Schedule { windows: vec![window(WindowRule::Deny, "0 5 * * *", 2)], ..cron("0 6 * * *", "UTC") };
    for (schedule, from, expected) in [
        (&night, "2026-11-20T22:10:00Z", vec!["2026-11-21T06:00:00Z", "2026-11-21T06:01:00Z"]),
        (&work, "2026-11-20T17:00:00Z", vec!["2026-11-23T08:00:00Z", "2026-11-23T08:05:00Z"]),
        (&work, "2026-11-23T16:50:00Z", vec!["2026-11-23T16:55:00Z", "2026-11-24T08:00:00Z"]),
        (&never, "2026-11-20T00:00:00Z", vec![]),
    ] {
        let shown: Vec<String> = upcoming(schedule, moment(from), 2).into_iter().map(Moment::rfc3339).collect();
        assert_eq!(shown, expected, "{schedule:?} from {from}");
    }
}

#[test]
fn what_cannot_be_understood_is_told_on_one_line() {
    for (text, zone, part) in [
        ("* * * *", "UTC", "five fields"),
        ("0 6 * * * Europe/Oslo", "UTC", "five fields"),
        ("0 25 * * *", "UTC", "cannot be understood"),
        ("0 6 * * MONDAY", "UTC", "cannot be understood"),
        ("0 0 30 2 *", "UTC", "never comes"),
        ("0 6 * * *", "Mars/Olympus", "no time zone"),
        ("", "UTC", "five fields"),
    ] {
        let why = check(text, zone).expect_err(text);
        assert!(why.contains(part) && !why.contains('\n'), "{text}: {why}");
    }
    assert_eq!(check("*/5 6-18 * jan-jun mon-fri", "Europe/Oslo"), Ok(()));
}
