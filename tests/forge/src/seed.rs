//! Makes issues that read like a real project's, from word lists and arithmetic on the number: the same name, number
//! and time always give the same issue, and no two titles of one repository are alike before some 100,000.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    credentials::fingerprint,
    issue::{Issue, IssueState},
    record::Record,
    words,
};

/// How many issues to make, and of which kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed {
    pub count: u64,
    /// Of each hundred, exactly so many are closed.
    #[serde(default = "closed_percent")]
    pub closed_percent: u64,
    /// Of each hundred, exactly so many are pull requests.
    #[serde(default)]
    pub pull_request_percent: u64,
    /// The oldest was made so many days ago, unless the repository has younger ones already.
    #[serde(default = "days")]
    pub days: i64,
}

fn closed_percent() -> u64 {
    25
}

fn days() -> i64 {
    240
}

impl Seed {
    /// A quarter closed, no pull requests, made over the last eight months.
    pub fn of(count: u64) -> Self {
        Self { count, closed_percent: closed_percent(), pull_request_percent: 0, days: days() }
    }

    pub(crate) fn issues(&self, record: &Record, now: Timestamp, revision: u64) -> Vec<Issue> {
        let salt = fingerprint(record.full_name().bytes());
        let oldest = now.saturating_sub(SignedDuration::from_hours(self.days * 24)).unwrap_or(now);
        let first = record.next_number();
        let previous = first.checked_sub(1).and_then(|number| record.issue(number)).map(|issue| issue.created_at);
        let from = previous.map_or(oldest, |previous| previous.max(oldest)).min(now).as_second();
        let span = (now.as_second() - from) as u64;
        (0..self.count)
            .map(|place| {
                let chance = scatter(salt ^ (first + place));
                let step = span / self.count;
                let made = from + (span * place / self.count) as i64 + (chance % step.max(1)) as i64;
                let made = Timestamp::from_second(made).unwrap_or(now);
                self.issue(first + place, salt, chance, made, now, revision)
            })
            .collect()
    }

    fn issue(&self, number: u64, salt: u64, chance: u64, made: Timestamp, now: Timestamp, revision: u64) -> Issue {
        let text = words::compose(number, salt);
        // Steps that share no divisor with a hundred visit each place of it once, so the shares come out exact.
        let closed = (number * 37 + 11) % 100 < self.closed_percent;
        let pull_request = (number * 61 + 29) % 100 < self.pull_request_percent;
        // Most issues are touched soon after they were made and few for long.
        let late = chance % 1_000;
        let age = (now.as_second() - made.as_second()) as u64;
        let touched = made.as_second() + (age * (late * late * late / 1_000_000) / 1_000) as i64;
        let mut issue = Issue {
            title: if pull_request && text.labels.iter().any(|label| label == "bug") { format!("Fix: {}", text.title) } else { text.title },
            body: Some(text.body),
            state: if closed { IssueState::Closed } else { IssueState::Open },
            labels: text.labels,
            assignees: words::people(chance >> 10, (chance >> 20) % 3),
            author: words::person(chance >> 30).to_owned(),
            comments: (chance >> 40) % 9 * late / 1_000,
            pull_request,
            updated_at: Timestamp::from_second(touched).unwrap_or(made),
            revision,
            ..Issue::blank(number, made)
        };
        if closed && !pull_request && chance.is_multiple_of(7) {
            issue.state_reason = Some("not_planned".to_owned());
        }
        issue.settle();
        issue
    }
}

/// A number that looks like chance and is the same each time (the finaliser of SplitMix64).
fn scatter(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn made(seed: Seed) -> Vec<Issue> {
        let now = Timestamp::constant(1_795_000_000, 0);
        let record = Record::new(1, "acme/web", now);
        let issues = seed.issues(&record, now, 1);
        assert!(issues.iter().all(|issue| issue.created_at <= issue.updated_at && issue.updated_at <= now));
        assert!(issues.is_sorted_by_key(|issue| issue.created_at));
        issues
    }

    #[test]
    fn seeding_repeats_itself() {
        assert_eq!(made(Seed::of(300)), made(Seed::of(300)));
    }

    #[test]
    fn shares_are_exact_in_each_hundred() {
        let issues = made(Seed { pull_request_percent: 20, closed_percent: 30, ..Seed::of(1_000) });
        assert_eq!(issues.iter().filter(|issue| issue.pull_request).count(), 200);
        assert_eq!(issues.iter().filter(|issue| issue.state == IssueState::Closed).count(), 300);
    }

    #[test]
    fn a_hundred_thousand_titles_are_all_different() {
        let issues = made(Seed::of(100_000));
        let titles: BTreeSet<&str> = issues.iter().map(|issue| issue.title.as_str()).collect();
        assert_eq!(titles.len(), issues.len());
    }
}
