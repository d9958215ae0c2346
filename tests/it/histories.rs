//! A few simulated histories with every test run; `make sim` plays thousands.

use pullcord_tests::sim::play_all;

use crate::tests;

tests![histories_hold];

/// Invariants 1 to 6, 9 and 10, over histories that nobody wrote.
async fn histories_hold() {
    // A history has a runtime of its own, which cannot stand inside this one.
    let (coverage, found) = std::thread::spawn(|| play_all(1, 10, 150)).join().unwrap();
    println!("faults {:?}\nmoves {:?}", coverage.faults.0, coverage.moves.0);
    if let Some(played) = found {
        let log = played.log.join("\n");
        panic!("{log}\nseed {} after {} steps without {:?}: {}", played.seed, played.steps, played.without, played.violation.unwrap());
    }
}
