//! Ten thousand sources that are due in the same minute: how long two ticks, which run
//! at the same time all along, take until each has its run.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use pullcord_tests::bench::Bench;
use pullcord_tests::due;

const MANY: usize = 10_000;
const MOST_SECONDS: f64 = 60.0;

fn main() {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let bench = Bench::new().await;
        due::make(&bench, MANY).await;
        let began = bench.clock.now();
        due::dispatch(&bench.plane).await;
        let took = bench.clock.now().since(began).as_secs_f64();
        let runs = due::runs(&bench.plane, MANY).await;
        println!("{MANY} sources due: all begun in {took:.1} s; sources by their number of runs: {runs:?}");
        if took > MOST_SECONDS || runs.keys().any(|count| *count != 1) {
            println!("promised: each once, in {MOST_SECONDS} s");
        }
    });
}
