//! Bugs that are planted to see that the simulation finds them.
//!
//! Without the feature `planted`, which no shipped build has, nothing is planted
//! and nothing of this is left in the program.

/// A rule that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A worker writes on though another holds its run.
    NoEpochCheck,
    /// Neither parts nor heartbeats extend the lease.
    NoLeaseExtension,
    /// A cooldown stays though its run did nothing.
    NoRefund,
    /// The watermark is the moment of the end, not of the start.
    LateWatermark,
    /// The message of a hand-over is sent before its row is written.
    EarlyHandOver,
    /// A dead letter buries its run, whoever went on with it.
    BuriesTheLiving,
    /// However much is missing is removed.
    NoFuse,
    /// Workers spend whatever their provider has left.
    NoFloor,
    /// A period is no key: whoever finds it due begins it.
    PeriodTwice,
}

impl Bug {
    pub const ALL: [Self; 9] = [
        Self::NoEpochCheck,
        Self::NoLeaseExtension,
        Self::NoRefund,
        Self::LateWatermark,
        Self::EarlyHandOver,
        Self::BuriesTheLiving,
        Self::NoFuse,
        Self::NoFloor,
        Self::PeriodTwice,
    ];
}

#[cfg(not(feature = "planted"))]
pub(crate) const fn is_planted(_: Bug) -> bool {
    false
}

#[cfg(feature = "planted")]
mod ground {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::Bug;

    static PLANTED: AtomicU8 = AtomicU8::new(u8::MAX);

    /// Plants one bug in this process, instead of any other.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.store(bug.map_or(u8::MAX, |bug| bug as u8), Ordering::SeqCst);
    }

    pub(crate) fn is_planted(bug: Bug) -> bool {
        PLANTED.load(Ordering::Relaxed) == bug as u8
    }
}

#[cfg(feature = "planted")]
pub(crate) use ground::is_planted;
#[cfg(feature = "planted")]
pub use ground::plant;
