//! The arithmetic of the hourly allowance, apart from whose it is.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// What one principal may still ask for in this window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    pub limit: u64,
    pub remaining: u64,
    pub resets_at: Timestamp,
}

impl Quota {
    /// A window that begins now with nothing used.
    pub fn full(limit: u64, now: Timestamp) -> Self {
        Self { limit, remaining: limit, resets_at: now.saturating_add(WINDOW).unwrap_or(Timestamp::MAX) }
    }

    /// The same quota looked at now: a window that has run out is followed by a full one.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        if now < self.resets_at { self } else { Self::full(self.limit, now) }
    }

    #[must_use]
    pub fn less_one(self) -> Self {
        Self { remaining: self.remaining.saturating_sub(1), ..self }
    }

    pub fn used(&self) -> u64 {
        self.limit.saturating_sub(self.remaining)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_runs_down_and_is_full_again_from_its_reset_on() {
        let start = Timestamp::constant(1_790_000_000, 0);
        let quota = Quota::full(2, start).less_one().less_one().less_one();
        assert_eq!((quota.remaining, quota.used()), (0, 2));
        let last_second = start + SignedDuration::from_secs(3_599);
        assert_eq!(quota.at(last_second), quota);
        let reset = start + SignedDuration::from_secs(3_600);
        assert_eq!(quota.at(reset), Quota::full(2, reset));
    }
}
