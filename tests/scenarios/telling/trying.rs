//! A receiver that does not take what it is told is told again, and no run waits for
//! it.

use std::collections::BTreeSet;
use std::time::Duration;

use pullcord_core::clock::Moment;
use serde_json::json;

use super::told;
use crate::receiver::{Manner, Received, Receiver, kinds};
use crate::world::World;

crate::scenarios![what_was_not_taken_is_told_again, a_receiver_that_hangs_holds_up_no_run, a_redirect_is_not_followed];

/// The two messages of the same kind that came, which are the same message.
fn twice<'received>(received: &'received [Received], kind: &str) -> [&'received Received; 2] {
    let same: Vec<&Received> = received.iter().filter(|one| one.kind() == kind).collect();
    let same: [&Received; 2] = same.try_into().unwrap_or_else(|_| panic!("{:?}", kinds(received)));
    assert_eq!((same[0].header("webhook-id"), &same[0].text), (same[1].header("webhook-id"), &same[1].text));
    same
}

/// The types of the messages, in the order in which each came first.
fn first_tries(received: &[Received]) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    received.iter().filter(|one| seen.insert(one.header("webhook-id").to_owned())).map(Received::kind).collect()
}

fn sent(one: &Received) -> i64 {
    one.header("webhook-timestamp").parse().unwrap()
}

/// S1.53: the same message, signed anew, a while later; what came after it did not wait.
async fn what_was_not_taken_is_told_again(world: &World) {
    let told = told(world).await;
    told.receiver.script(Manner::Status(500));
    let run = told.ask(json!({})).await;
    let received = told.receiver.until(|received| received.len() == 4).await;

    assert_eq!(first_tries(&received), ["run.queued", "run.running", "run.completed"]);
    assert!(received.iter().all(|one| one.job() == run && one.is_signed_by(&told.secret)));
    let [first, again] = twice(&received, "run.queued");
    assert!(sent(again) >= sent(first) + 3, "{first:#?} {again:#?}");
    assert_ne!(first.header("webhook-signature"), again.header("webhook-signature"));
}

/// The receiver has five seconds; the run does not notice.
async fn a_receiver_that_hangs_holds_up_no_run(world: &World) {
    let told = told(world).await;
    told.receiver.script(Manner::Hang);
    let run = told.ask(json!({})).await;
    let ended = told.given.admin.ended(&run).await;
    assert_eq!(ended["status"], "completed");

    let received = told.receiver.until(|received| received.len() == 4).await;
    let [first, again] = twice(&received, "run.queued");
    let between = again.at.since(first.at);
    assert!(between >= Duration::from_secs(8), "{between:?}");
    assert_eq!(first_tries(&received), ["run.queued", "run.running", "run.completed"]);
    // That it runs was told after the first try was over, and by then it had run.
    let running = received.iter().find(|one| one.kind() == "run.running").unwrap();
    assert!(running.at.since(first.at) >= Duration::from_secs(5), "{received:#?}");
    assert!(Moment::parse(ended["finished_at"].as_str().unwrap()).unwrap() < running.at, "{ended:#} {running:#?}");
}

/// Nobody is told of a run because somebody else said so.
async fn a_redirect_is_not_followed(world: &World) {
    let told = told(world).await;
    let elsewhere = Receiver::start().await;
    told.receiver.script(Manner::Redirect(elsewhere.hook()));
    told.ask(json!({})).await;
    let received = told.receiver.until(|received| received.len() == 4).await;
    twice(&received, "run.queued");
    assert!(elsewhere.received().is_empty());
}
