//! Simulated histories: the real doors, store and worker over the embedded table
//! in process, under a scheduler that does everything to them that the world may
//! do, and a clock that passes only when everyone waits.
//!
//! A history is made from a seed and repeats exactly. After every step, and at
//! the end, the invariants must hold; at the end, with the weather calm again,
//! every run must have ended and everything that is remote must be here.

mod actions;
mod history;
mod invariants;
mod mirror;
mod table;
mod toll;
mod weather;

pub use history::{Played, play, quiet_plane};
pub use weather::{Fault, Tally};

/// What is added up over many histories.
#[derive(Debug, Default)]
pub struct Coverage {
    pub faults: Tally,
    pub moves: Tally,
}

/// Moves that have to be met among enough histories, or the simulation has
/// become too tame.
pub const MOVES: &[&str] = &[
    "begins as queued",
    "begins as following",
    "begins as parked",
    "begins by its schedule",
    "queued -> running",
    "queued -> cancelled",
    "running -> completed",
    "running -> paused",
    "running -> cancelling",
    "running -> cancelled",
    "running -> failed",
    "paused -> running",
    "paused -> cancelled",
    "cancelling -> cancelled",
    "following -> queued",
    "following -> cancelled",
    "parked -> queued",
    "parked -> following",
    "parked -> cancelled",
    "parked again",
    "held back",
    "slot taken at last",
    "fenced",
    "revived",
    "taken over",
    "worker overtaken",
    "handed over",
    "buried",
    "given up",
    "deletions done",
    "deletions held",
    "deletions approved",
    "deletions discarded",
    "source deleted",
];

/// Plays histories from `first` on; the first that breaks an invariant, if any.
pub fn play_all(first: u64, count: u64, steps: usize) -> (Coverage, Option<Played>) {
    let mut coverage = Coverage::default();
    for seed in first..first + count {
        let played = play(seed, steps, &[]);
        coverage.faults.add(&played.faults);
        coverage.moves.add(&played.moves);
        if played.violation.is_some() {
            return (coverage, Some(shrunk(played)));
        }
    }
    (coverage, None)
}

/// The same violation with fewer steps and fewer kinds of faults, if it can be
/// had.
pub fn shrunk(mut found: Played) -> Played {
    let (mut low, mut high) = (1, found.steps);
    while low < high {
        let middle = usize::midpoint(low, high);
        let shorter = play(found.seed, middle, &found.without);
        if shorter.violation.is_some() {
            high = middle;
            found = shorter;
        } else {
            low = middle + 1;
        }
    }
    for fault in Fault::ALL {
        let mut without = found.without.clone();
        without.push(fault);
        let calmer = play(found.seed, found.steps, &without);
        if calmer.violation.is_some() {
            found = calmer;
        }
    }
    found
}
