//! Plays simulated histories: `sim [HISTORIES] [STEPS] [FIRST SEED]`; one seed again
//! with its log: `sim replay SEED [STEPS]`; or, in a build with the feature
//! `planted`, one bug after the other until each is found: `sim planted`, or one of
//! them alone: `sim planted NoFloor`.

use std::process::ExitCode;

use pullcord_tests::sim::{Coverage, Fault, MOVES, Played, play, play_all};

/// Histories allocate much and briefly: a fifth of their time is saved by this.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Histories within which a planted bug has to be found.
#[cfg(feature = "planted")]
const SOON: u64 = 2_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    match arguments.first().map(String::as_str) {
        Some("replay") => replay(number(1, 0), number(2, 200) as usize),
        #[cfg(feature = "planted")]
        Some("planted") => planted(arguments.get(1).map(String::as_str)),
        _ => all(number(0, 10_000), number(1, 200) as usize, number(2, 0)),
    }
}

fn replay(seed: u64, steps: usize) -> ExitCode {
    let played = play(seed, steps, &[]);
    println!("{}", played.log.join("\n"));
    println!("{}", played.violation.as_deref().unwrap_or("no violation"));
    if played.violation.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Half of them on either thread; each history has its own runtime.
fn side_by_side(count: u64, steps: usize, first: u64) -> Option<(Coverage, Option<Played>)> {
    let half = count / 2;
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| play_all(first, half, steps));
        let other = scope.spawn(|| play_all(first + half, count - half, steps));
        (one.join(), other.join())
    });
    let (Ok((mut coverage, found)), Ok((more, also))) = (one, other) else { return None };
    coverage.faults.add(&more.faults);
    coverage.moves.add(&more.moves);
    Some((coverage, found.or(also)))
}

fn all(count: u64, steps: usize, first: u64) -> ExitCode {
    let Some((coverage, found)) = side_by_side(count, steps, first) else { return ExitCode::FAILURE };
    println!("faults injected:");
    coverage.faults.0.iter().for_each(|(what, times)| println!("{times:>10} {what}"));
    println!("moves taken:");
    coverage.moves.0.iter().for_each(|(what, times)| println!("{times:>10} {what}"));
    if let Some(played) = found {
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

/// Leaves out one rule after the other: the simulation has to notice each time.
#[cfg(feature = "planted")]
fn planted(only: Option<&str>) -> ExitCode {
    use pullcord_core::planted::{Bug, plant};
    let mut unfound = 0;
    for bug in Bug::ALL.into_iter().filter(|bug| only.is_none_or(|only| format!("{bug:?}") == only)) {
        plant(Some(bug));
        let found = (0..SOON).step_by(20).find_map(|first| Some((first, side_by_side(20, 200, first)?.1?)));
        match found {
            Some((first, played)) => {
                println!("{bug:?}: found within {} histories (seed {}, {} steps)", first + 20, played.seed, played.steps);
                println!("    {}", played.violation.unwrap_or_default().chars().take(160).collect::<String>());
            }
            None => {
                println!("{bug:?}: not found within {SOON} histories");
                unfound += 1;
            }
        }
    }
    plant(None);
    if unfound == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
