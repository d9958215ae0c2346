//! A security alert about a dependency, in no provider's words, and the test's hand on a repository's alerts.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{credentials::Caller, credentials::fingerprint, issue::whole_seconds, repository::Repository};

/// The letters advisories are named with: none that is mistaken for another one.
const LETTERS: &[u8; 20] = b"23456789cfghjmpqrvwx";

const PACKAGES: [(&str, &str, &str); 5] = [
    ("npm", "minimist", "package-lock.json"),
    ("pip", "requests", "requirements.txt"),
    ("rust", "tokio", "Cargo.lock"),
    ("maven", "com.example:parser", "pom.xml"),
    ("go", "example.com/yaml", "go.mod"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    Open,
    Dismissed,
    Fixed,
    AutoDismissed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertSeverity {
    Low,
    Medium,
    High,
    Critical,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Counted from 1 in each repository; a change made to it in a closure is ignored.
    pub number: u64,
    pub state: AlertState,
    pub severity: AlertSeverity,
    pub ecosystem: String,
    pub package: String,
    pub manifest_path: String,
    pub ghsa_id: String,
    pub cve_id: Option<String>,
    pub summary: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// When it was dismissed or fixed.
    pub closed_at: Option<Timestamp>,
    pub(crate) revision: u64,
}

impl Alert {
    fn blank(number: u64, now: Timestamp) -> Self {
        let (ecosystem, package, manifest_path) = PACKAGES[number as usize % PACKAGES.len()];
        Self {
            number,
            state: AlertState::Open,
            severity: AlertSeverity::High,
            ecosystem: ecosystem.to_owned(),
            package: package.to_owned(),
            manifest_path: manifest_path.to_owned(),
            ghsa_id: advisory(number),
            cve_id: Some(format!("CVE-2026-{}", 10_000 + number)),
            summary: format!("{package} trusts what it was sent (case {number})"),
            created_at: now,
            updated_at: now,
            closed_at: None,
            revision: 0,
        }
    }

    fn settle(&mut self) {
        match self.state {
            AlertState::Open => self.closed_at = None,
            AlertState::Dismissed | AlertState::Fixed | AlertState::AutoDismissed => {
                self.closed_at.get_or_insert(self.updated_at);
            }
        }
        self.created_at = whole_seconds(self.created_at);
        self.updated_at = whole_seconds(self.updated_at);
        self.closed_at = self.closed_at.map(whole_seconds);
    }
}

/// An identity as the advisory database gives them, the same each time for the same number.
fn advisory(number: u64) -> String {
    let mut rest = fingerprint(number.to_be_bytes());
    let mut block = || {
        (0..4).fold(String::from("-"), |mut block, _| {
            block.push(char::from(LETTERS[(rest % 20) as usize]));
            rest /= 20;
            block
        })
    };
    format!("GHSA{}{}{}", block(), block(), block())
}

/// The alerts of one repository. Nobody is told of any until someone turns them on, as at the real forge.
#[derive(Default)]
pub(crate) struct Alerts {
    pub(crate) enabled: bool,
    /// The logins or tokens that may read them; empty is everyone who is signed in and sees the repository.
    readers: BTreeSet<String>,
    known: Vec<Alert>,
    /// Numbers of those that are no more.
    removed: BTreeSet<u64>,
}

impl Alerts {
    pub(crate) fn are_open_to(&self, caller: &Caller) -> bool {
        let names = [caller.login(), caller.token()];
        self.readers.is_empty() || names.into_iter().flatten().any(|name| self.readers.contains(name))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Alert> {
        self.known.iter().filter(|alert| !self.removed.contains(&alert.number))
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Alert> {
        self.known.get(usize::try_from(number.checked_sub(1)?).ok()?).filter(|alert| !self.removed.contains(&alert.number))
    }

    fn add(&mut self, fill: impl FnOnce(&mut Alert), now: Timestamp, revision: u64) -> u64 {
        let number = self.known.len() as u64 + 1;
        let mut alert = Alert::blank(number, now);
        fill(&mut alert);
        (alert.number, alert.revision) = (number, revision);
        alert.settle();
        self.enabled = true;
        self.known.push(alert);
        number
    }

    fn edit(&mut self, number: u64, change: impl FnOnce(&mut Alert), now: Timestamp, revision: u64) -> bool {
        let place = number.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        let Some(alert) = place.and_then(|place| self.known.get_mut(place)) else {
            return false;
        };
        alert.updated_at = now;
        change(alert);
        (alert.number, alert.revision) = (number, revision);
        alert.settle();
        true
    }

    /// An alert an hour, the youngest made now; of each ten one is fixed, one dismissed, and every severity is there.
    fn seed(&mut self, count: u64, now: Timestamp, revision: u64) {
        for place in 0..count {
            let age = SignedDuration::from_hours((count - place - 1) as i64);
            let made = now.saturating_sub(age).unwrap_or(now);
            let fill = |alert: &mut Alert| {
                alert.severity =
                    [AlertSeverity::Critical, AlertSeverity::High, AlertSeverity::Medium, AlertSeverity::Low][place as usize % 4];
                alert.state = match place % 10 {
                    4 => AlertState::Fixed,
                    9 => AlertState::Dismissed,
                    _ => AlertState::Open,
                };
            };
            self.add(fill, made, revision);
        }
        self.enabled = true;
    }
}

impl Repository {
    /// Adds an alert made now, turns alerts on, and gives its number. The closure must not call the forge, whose lock
    /// is held.
    pub fn add_alert(&self, fill: impl FnOnce(&mut Alert)) -> u64 {
        self.write(|record, now, revision| record.alerts.add(fill, now, revision)).unwrap_or_default()
    }

    /// Changes an alert and sets `updated_at` from the clock, unless the closure sets it. `false` where there is none.
    /// The closure must not call the forge, whose lock is held.
    pub fn edit_alert(&self, number: u64, change: impl FnOnce(&mut Alert)) -> bool {
        self.write(|record, now, revision| record.alerts.edit(number, change, now, revision)).unwrap_or_default()
    }

    /// From now on the alert is in no list, and its number answers 404.
    pub fn remove_alert(&self, number: u64) -> bool {
        self.write(|record, _, _| record.alerts.get(number).is_some() && record.alerts.removed.insert(number)).unwrap_or_default()
    }

    /// Adds that many alerts of all severities, most of them open, and turns alerts on; the same ones each time.
    pub fn seed_alerts(&self, count: u64) {
        self.write(|record, now, revision| record.alerts.seed(count, now, revision));
    }

    pub fn alert(&self, number: u64) -> Option<Alert> {
        self.read(|record| record.alerts.get(number).cloned()).flatten()
    }

    pub fn alerts(&self) -> Vec<Alert> {
        self.read(|record| record.alerts.iter().cloned().collect()).unwrap_or_default()
    }

    pub fn enable_alerts(&self) {
        self.write(|record, _, _| record.alerts.enabled = true);
    }

    /// From now on asking for them is refused with 403, as it is before the first alert.
    pub fn disable_alerts(&self) {
        self.write(|record, _, _| record.alerts.enabled = false);
    }

    /// Refuses them (403) to all but these tokens or logins; none named is everyone who is signed in.
    pub fn restrict_alerts(&self, readers: &[&str]) {
        self.write(|record, _, _| record.alerts.readers = readers.iter().map(ToString::to_string).collect());
    }
}

/// What may be said of an alert from another process; the rest stays as it is.
#[derive(Deserialize)]
pub(crate) struct AlertChange {
    state: Option<AlertState>,
    severity: Option<AlertSeverity>,
    ecosystem: Option<String>,
    package: Option<String>,
    summary: Option<String>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
}

impl AlertChange {
    pub(crate) fn apply(self, alert: &mut Alert) {
        alert.state = self.state.unwrap_or(alert.state);
        alert.severity = self.severity.unwrap_or(alert.severity);
        alert.created_at = self.created_at.unwrap_or(alert.created_at);
        alert.updated_at = self.updated_at.unwrap_or(alert.updated_at);
        let texts = [(&mut alert.ecosystem, self.ecosystem), (&mut alert.package, self.package), (&mut alert.summary, self.summary)];
        for (field, text) in texts {
            if let Some(text) = text {
                *field = text;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_advisory_is_named_the_same_each_time_and_unlike_its_neighbours() {
        let names: BTreeSet<String> = (1..=1_000).map(advisory).collect();
        assert_eq!(names.len(), 1_000);
        assert_eq!(advisory(7), advisory(7));
        assert_eq!(advisory(1).len(), "GHSA-2345-6789-cfgh".len());
    }
}
