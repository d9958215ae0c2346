//! The streams of a source: read one after the other, and each for itself.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use pullcord_forge::{Behaviour, Fault, Licence};
use serde_json::{Value, json};

use super::{
    Alerts, Bitbucket, GitHub, GitLab, Given, Issues, Mishap, Provider, PullRequests, Stream, alone, assert_counts, assert_done, given, id,
    now,
};
use crate::world::World;

crate::scenarios![
    every_stream_arrives_in_one_run,
    a_source_that_names_no_stream_reads_the_first,
    a_trigger_reads_the_streams_that_it_names,
    what_a_forge_does_not_have_is_a_warning,
    a_stream_that_comes_back_is_synced_again,
    a_handed_over_run_goes_on_with_the_next_stream,
    a_paused_run_goes_on_in_its_stream,
];

/// S2.1, S2.4, S2.7: all that a source names is read in one run, in its order, and
/// nothing is taken for something else.
async fn every_stream_arrives_in_one_run(world: &World) {
    let stories = Provider::ALL.map(async |provider| {
        let given = given(world, provider, provider.streams()).await;
        let known: Vec<(Stream, Vec<u64>)> =
            provider.streams().iter().zip([120, 5, 3]).map(|(stream, count)| (*stream, given.old(world, *stream, count))).collect();
        let all = known.iter().map(|(_, numbers)| numbers.len()).sum();

        let run = given.sync(json!({})).await;

        assert_done(&run, all, 0);
        assert_eq!(run["progress"]["percentage"], 100);
        let mut last = 0;
        for (stream, numbers) in known {
            assert!(given.items(stream).await.into_keys().eq(numbers.iter().copied()), "{provider:?} {stream:?}");
            let path = format!("/v1/sources/{}/items?type={}", given.source, stream.item());
            let listed = given.admin.get(&path).await.is(200)["items"].as_array().unwrap().len();
            assert!(listed > 0 && listed <= numbers.len(), "{provider:?} {stream:?}: {listed}");
            let asked: Vec<u64> = given.requests(stream).iter().map(|entry| entry.sequence).collect();
            assert!(asked.iter().all(|sequence| *sequence > last), "{provider:?} {stream:?} was read before its turn");
            last = *asked.last().unwrap();
        }
        assert_eq!(given.look().await["status"], "synced");
    });
    futures::future::join_all(stories).await;
}

/// Issues, and of Bitbucket, which has none any more, pull requests.
async fn a_source_that_names_no_stream_reads_the_first(world: &World) {
    for (provider, first) in [(GitHub, Issues), (GitLab, Issues), (Bitbucket, PullRequests)] {
        let given = given(world, provider, &[]).await;
        for stream in provider.streams() {
            given.old(world, *stream, 2);
        }

        assert_done(&given.sync(json!({})).await, 2, 0);

        assert_eq!((given.look().await["streams"].clone(), given.items(first).await.len()), (json!([first.name()]), 2));
        let others = provider.streams().iter().filter(|stream| **stream != first);
        assert!(others.map(|stream| given.requests(*stream).len()).all(|asked| asked == 0), "{provider:?}");
    }
}

/// One stream may be synced alone. What it leaves out is no poorer for it.
async fn a_trigger_reads_the_streams_that_it_names(world: &World) {
    for provider in Provider::ALL {
        let given = given(world, provider, provider.streams()).await;
        for stream in provider.streams() {
            given.old(world, *stream, 2);
        }
        let named = provider.streams()[1];

        let run = given.sync(json!({"streams": [named.name()]})).await;

        assert_done(&run, 2, 0);
        assert_eq!(given.items(named).await.len(), 2, "{provider:?}");
        let others: Vec<Stream> = provider.streams().iter().copied().filter(|stream| *stream != named).collect();
        assert!(others.iter().all(|stream| given.requests(*stream).is_empty()), "{provider:?}");
        assert_done(&given.sync(json!({})).await, 2 * others.len(), 0);
    }
}

/// S2.7, S2.123: switched off, not paid for or removed, a stream is a warning with
/// the forge's own reason, never "no data", and the others are synced.
async fn what_a_forge_does_not_have_is_a_warning(world: &World) {
    // GitLab has two lists of alerts, each with its own words for what it has not.
    let table: [(Provider, Stream, Mishap, &str); 7] = [
        (GitHub, Issues, |given| given.repository.disable_issues(), "Issues are disabled for this repo"),
        (GitHub, Alerts, |given| given.repository.disable_alerts(), "Dependabot alerts are disabled for this repository"),
        (GitHub, Alerts, |given| given.repository.set_archived(true), "not available for archived repositories"),
        (GitLab, Alerts, |given| given.repository.set_licence(Licence::Free), ""),
        (GitLab, Alerts, |given| given.repository.set_licence(Licence::Community), ""),
        (Bitbucket, Issues, |given| given.repository.disable_issues(), "Repository has no issue tracker"),
        (Bitbucket, Issues, |given| given.forge.retire_trackers(), "has been deprecated"),
    ];
    for (provider, absent, befall, words) in table {
        let given = alone(world, provider, provider.streams()).await;
        for stream in provider.streams() {
            // So many that even a page which shows none of them says that there are more.
            given.old(world, *stream, if *stream == absent { 120 } else { 3 });
        }
        befall(&given);

        let run = given.sync(json!({})).await;

        let present: Vec<Stream> = provider.streams().iter().copied().filter(|stream| *stream != absent).collect();
        assert_eq!(run["status"], "completed_with_warnings", "{provider:?} {absent:?}: {run:#}");
        assert_counts(&run, 3 * present.len(), 0);
        assert_not_available(&run, absent, words);
        for stream in present {
            assert_eq!(given.items(stream).await.len(), 3, "{provider:?} {stream:?}");
        }
        assert!(given.items(absent).await.is_empty());
        assert_eq!(given.look().await["status"], "synced");
    }
}

/// The one warning of a run says which stream is not there, and why.
#[track_caller]
fn assert_not_available(run: &Value, stream: Stream, words: &str) {
    let [warning] = &run["warnings"].as_array().unwrap()[..] else { panic!("not one warning: {run:#}") };
    assert_eq!(warning["code"], "STREAM_NOT_AVAILABLE", "{run:#}");
    let message = warning["message"].as_str().unwrap();
    assert!(message.contains(stream.name()) && message.contains(words), "{message}");
}

/// While a stream is away its items stay as they were; when it is back, what
/// changed meanwhile is found.
async fn a_stream_that_comes_back_is_synced_again(world: &World) {
    let table: [(Provider, Stream, Mishap, Mishap); 3] = [
        (GitHub, Alerts, |given| given.repository.disable_alerts(), |given| given.repository.enable_alerts()),
        (GitLab, Alerts, |given| given.repository.set_licence(Licence::Community), |given| given.repository.set_licence(Licence::Ultimate)),
        (Bitbucket, Issues, |given| given.repository.disable_issues(), |given| given.repository.enable_issues()),
    ];
    for (provider, stream, befall, mend) in table {
        let given = given(world, provider, provider.streams()).await;
        let known = given.old(world, stream, 3);
        assert_done(&given.sync(json!({})).await, 3, 0);
        let before = given.items(stream).await;
        befall(&given);
        given.change(stream, known[0]);
        given.close(stream, known[1]);

        let run = given.sync(json!({})).await;

        assert_not_available(&run, stream, "");
        assert_eq!(given.items(stream).await, before, "{provider:?}");

        mend(&given);
        let new = given.add(stream, now(world));
        assert_done(&given.sync(json!({})).await, 1, 2);
        let states: BTreeMap<u64, Value> =
            given.items(stream).await.into_iter().map(|(number, item)| (number, item["state"].clone())).collect();
        let expected = [(known[0], json!("open")), (known[1], json!("closed")), (known[2], json!("open")), (new, json!("open"))];
        assert_eq!(states, BTreeMap::from(expected), "{provider:?}");
    }
}

/// A worker whose time is up at the end of a stream leaves the next one to the next
/// worker, which does not begin again.
async fn a_handed_over_run_goes_on_with_the_next_stream(world: &World) {
    if !world.is_local() {
        return;
    }
    for provider in Provider::ALL {
        let given = given(world, provider, provider.streams()).await;
        for stream in provider.streams() {
            given.old(world, *stream, 3);
        }
        let first = given.listing(provider.streams()[0]);
        given.forge.script(Fault::on(&first, Behaviour::Hang));
        let accepted = given.admin.press(&given.trigger()).await.is(202);
        given.forge.wait_for(&first, 1).await;
        world.clock.turn(SignedDuration::from_secs(200));
        given.forge.release();

        let run = given.admin.ended(id(&accepted)).await;

        assert_done(&run, 3 * provider.streams().len(), 0);
        assert_eq!(claims(&given, &run).await, 2, "{provider:?}");
        assert!(provider.streams().iter().all(|stream| given.requests(*stream).len() == 1), "{provider:?}: {run:#}");
    }
}

/// How many workers took a run up.
async fn claims(given: &Given<'_>, run: &Value) -> usize {
    let record = given.admin.get(&format!("/v1/runs/{}/audit", id(run))).await.is(200);
    record["audit"].as_array().unwrap().iter().filter(|line| line["what"] == "run.claimed").count()
}

/// S2.13: a run that had to wait in one stream has done with those before it.
async fn a_paused_run_goes_on_in_its_stream(world: &World) {
    for provider in Provider::ALL {
        let given = alone(world, provider, provider.streams()).await;
        for stream in provider.streams() {
            given.old(world, *stream, 3);
        }
        let (first, second) = (provider.streams()[0], provider.streams()[1]);
        let headers = BTreeMap::from([("retry-after".to_owned(), "120".to_owned())]);
        given.forge.script(Fault::on(given.listing(second), Behaviour::Reply { status: 429, headers, body: "Retry later".into() }));
        let accepted = given.admin.press(&given.trigger()).await.is(202);

        let paused = given.admin.until(id(&accepted), |run| run["status"] == "paused").await;

        assert_eq!((&paused["results"]["created"], given.items(first).await.len()), (&json!(3), 3), "{provider:?}: {paused:#}");
        if !world.is_local() {
            given.admin.press(&format!("/v1/runs/{}/cancel", id(&accepted))).await.is(202);
            continue;
        }
        world.clock.turn(SignedDuration::from_mins(10));
        world.tick().await;
        assert_done(&given.admin.ended(id(&accepted)).await, 3 * provider.streams().len(), 0);
        assert_eq!((given.requests(first).len(), given.requests(second).len()), (1, 2), "{provider:?}");
    }
}
