//! Plays simulated histories: `sim [HISTORIES] [STEPS] [FIRST SEED]`, or one seed
//! again with its log: `sim replay SEED [STEPS]`.

use std::process::ExitCode;

use pullcord_tests::sim::{Fault, MOVES, play, play_all};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    if arguments.first().is_some_and(|first| first == "replay") {
        let played = play(number(1, 0), number(2, 200) as usize, &[]);
        println!("{}", played.log.join("\n"));
        println!("{}", played.violation.as_deref().unwrap_or("no violation"));
        return if played.violation.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    let (count, steps, first) = (number(0, 10_000), number(1, 200) as usize, number(2, 0));
    let half = count / 2;
    // Two threads for two cores; each history has its own runtime.
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| play_all(first, half, steps));
        let other = scope.spawn(|| play_all(first + half, count - half, steps));
        (one.join(), other.join())
    });
    let (Ok((mut coverage, found)), Ok((more, also))) = (one, other) else { return ExitCode::FAILURE };
    coverage.faults.add(&more.faults);
    coverage.moves.add(&more.moves);
    println!("faults injected:");
    coverage.faults.0.iter().for_each(|(what, times)| println!("{times:>10} {what}"));
    println!("moves taken:");
    coverage.moves.0.iter().for_each(|(what, times)| println!("{times:>10} {what}"));
    if let Some(played) = found.or(also) {
        println!("{}", played.log.join("\n"));
        println!("seed {} breaks an invariant after {} steps, without {:?}:", played.seed, played.steps, played.without);
        println!("{}", played.violation.unwrap_or_default());
        return ExitCode::FAILURE;
    }
    let never: Vec<String> =
        Fault::ALL.iter().map(|fault| format!("{fault:?}")).filter(|fault| !coverage.faults.0.contains_key(fault)).collect();
    let unmet: Vec<&&str> = MOVES.iter().filter(|name| !coverage.moves.0.contains_key(**name)).collect();
    if !never.is_empty() || !unmet.is_empty() {
        println!("{count} histories are too tame: never injected {never:?}, never met {unmet:?}");
        return ExitCode::FAILURE;
    }
    println!("{count} histories of {steps} steps from seed {first}: no violation");
    ExitCode::SUCCESS
}
