//! Everything that is left to chance: ids, secrets and jitter.
//!
//! Chance is an argument like time, so that a simulated history repeats from
//! its seed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use uuid::Uuid;

use crate::clock::Moment;

/// A source of randomness that can be shared.
#[derive(Clone, Debug)]
pub struct Chance(Arc<Mutex<StdRng>>);

impl Chance {
    /// Seeded by the operating system.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks for real randomness")]
    pub fn system() -> Self {
        Self(Arc::new(Mutex::new(rand::make_rng())))
    }

    /// Repeats itself exactly.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// A UUID of version 7: ids sort as they were made.
    pub fn id(&self, now: Moment) -> Uuid {
        let mut tail = [0; 10];
        self.fill(&mut tail);
        uuid::Builder::from_unix_timestamp_millis(u64::try_from(now.0).unwrap_or(0), &tail).into_uuid()
    }

    /// Bytes for keys and tokens.
    pub fn bytes<const LENGTH: usize>(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        self.fill(&mut bytes);
        bytes
    }

    /// A span between nothing and `most`, to keep many from acting at once.
    pub fn jitter(&self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        let drawn = self.0.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..=most);
        Duration::from_millis(drawn)
    }

    /// A number below `most`; zero if there is none.
    pub fn below(&self, most: usize) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..most.max(1))
    }

    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
    }
}
