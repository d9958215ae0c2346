//! The local process and its inside. Every test has a name in a list: what is in
//! none is dead code, and dead code is a warning.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::pin::Pin;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use pullcord_tests::scenarios;
use pullcord_tests::world::World;

mod agreeing;
mod by_hand;
mod command_line;
mod crashes;
mod cutting;
mod due;
mod events;
mod fanning;
mod histories;
mod house;
mod indexing;
mod ledger;
mod mishaps;
mod parked;
mod races;
mod remotes;
mod telling;
mod tokens;
mod volume;

/// A test of one process.
struct Test {
    name: &'static str,
    run: fn() -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Lists the tests of a module by the names of their functions.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub(crate) const TESTS: &[crate::Test] = &[$(crate::Test {
            name: concat!(module_path!(), "::", stringify!($name)),
            run: || Box::pin($name()),
        }),*];
    };
}
use tests;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let told = scenarios::all()
        .map(|scenario| trial(scenario.name, move || Box::pin(async move { (scenario.play)(&World::local().await).await })));
    let inside = [
        agreeing::TESTS,
        by_hand::TESTS,
        command_line::asking::TESTS,
        command_line::harmless::TESTS,
        command_line::looking::TESTS,
        command_line::outages::TESTS,
        command_line::scheduling::TESTS,
        command_line::searching::TESTS,
        command_line::signing_in::TESTS,
        command_line::terminals::TESTS,
        crashes::TESTS,
        cutting::TESTS,
        due::TESTS,
        events::TESTS,
        fanning::TESTS,
        histories::TESTS,
        house::TESTS,
        indexing::TESTS,
        ledger::TESTS,
        mishaps::TESTS,
        parked::TESTS,
        races::TESTS,
        remotes::TESTS,
        telling::TESTS,
        tokens::TESTS,
        volume::TESTS,
    ]
    .into_iter()
    .flatten()
    .map(|test| trial(test.name, test.run));
    libtest_mimic::run(&arguments, told.chain(inside).collect()).exit_code()
}

fn trial(name: &str, run: impl FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + 'static) -> Trial {
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(run());
        runtime.shutdown_background();
        Ok(())
    })
}
