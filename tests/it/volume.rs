//! Much that is there and little that changed: what a run asks for and writes follows
//! the change.

use std::time::Duration;

use pullcord_core::admission::Surface;
use pullcord_core::manage::{self, CredentialGiven, NewSource};
use pullcord_core::model::{Owner, Person, Run, RunOptions, RunStatus, SourceId, SourceKind, Stream, WorkspaceId};
use pullcord_core::store::keys;
use pullcord_core::trigger::{Answer, Ask, Asker, trigger};
use pullcord_forge::{Forge, Repository, Seed};
use pullcord_tests::bench::Bench;
use pullcord_tests::world;

use crate::tests;

tests![seven_changes_of_ten_thousand_cost_two_pages_and_seven_writes, nothing_changed_costs_a_request_per_stream_and_no_write];

struct Given {
    bench: Bench,
    forge: Forge,
    repository: Repository,
    source: SourceId,
}

fn asker() -> Asker {
    Asker::Known(Person::deployment("test"))
}

async fn given(provider: &str, prefix: &str, streams: &[Stream]) -> Given {
    let bench = Bench::new().await;
    let forge = world::forge(&bench.clock).await;
    let repository = forge.repository("acme/web");
    manage::create_workspace(&bench.plane, &asker(), "acme", "Acme").await.unwrap();
    let new = NewSource {
        id: "web".into(),
        kind: Some(SourceKind::Repository),
        provider: Some(provider.into()),
        repository: Some("acme/web".into()),
        base_url: Some(format!("{}{prefix}", forge.base_url())),
        streams: streams.iter().map(|stream| stream.as_str().to_owned()).collect(),
        credential: Some(CredentialGiven::token("a-token")),
        ..NewSource::default()
    };
    manage::create_source(&bench.plane, &asker(), &WorkspaceId::known("acme"), new).await.unwrap();
    Given { bench, forge, repository, source: SourceId::known("web") }
}

impl Given {
    async fn synced(&self) -> Run {
        self.bench.pass(Duration::from_mins(20));
        let ask = Ask { options: RunOptions::default(), ..Ask::sync(self.source.clone(), asker(), Surface::Native) };
        let Answer::Accepted(run) = trigger(&self.bench.plane, ask).await.unwrap() else { panic!("not accepted") };
        self.bench.work().await;
        let run = self.bench.plane.store.run(&run.owner, run.id).await.unwrap().unwrap();
        assert_eq!(run.status, RunStatus::Completed, "{run:#?}");
        run
    }

    /// How many items that run wrote.
    async fn written_by(&self, run: &Run) -> usize {
        let mut count = 0;
        for shard in keys::item_shards() {
            let items = self.bench.plane.store.items_in_shard(&self.source, &shard).await.unwrap();
            count += items.iter().filter(|stored| stored.run == Some(run.id)).count();
        }
        count
    }
}

/// Seven changed of ten thousand: at most two pages are asked for, and seven
/// items written.
async fn seven_changes_of_ten_thousand_cost_two_pages_and_seven_writes() {
    let given = given("github", "", &[Stream::Issues]).await;
    given.repository.seed(&Seed { closed_percent: 0, ..Seed::of(10_000) });
    let first = given.synced().await;
    assert_eq!((first.results.created, given.written_by(&first).await), (10_000, 10_000), "{first:#?}");
    // What changed shortly before the first run is looked at once more by the second.
    given.synced().await;
    for number in [1, 77, 1_000, 4_999, 5_000, 9_999, 10_000] {
        assert!(given.repository.edit_issue(number, |issue| issue.title.push_str(", edited")));
    }
    given.forge.clear_journal();

    let run = given.synced().await;

    let requests = given.forge.journal().len();
    assert!(requests <= 2 && run.calls.made as usize == requests, "{requests} requests: {run:#?}");
    assert_eq!((run.results.updated, run.results.created, given.written_by(&run).await), (7, 0, 7), "{run:#?}");
}

/// Nothing changed: one request per stream, answered 304 where the forge does that,
/// and no item written. The source was looked at, and is as fresh as it was.
async fn nothing_changed_costs_a_request_per_stream_and_no_write() {
    let all = [Stream::Issues, Stream::PullRequests, Stream::Alerts];
    // Which lists are known by a validator. GitLab's alerts are asked for by a POST,
    // and Bitbucket gives none.
    let table: [(&str, &str, &[Stream], u64); 3] =
        [("github", "", &all, 3), ("gitlab", "/api/v4", &all, 2), ("bitbucket", "/2.0", &[Stream::PullRequests], 0)];
    for (provider, prefix, streams, unchanged) in table {
        let given = given(provider, prefix, streams).await;
        given.repository.seed(&Seed { closed_percent: 0, pull_request_percent: 50, ..Seed::of(40) });
        given.repository.seed_alerts(5);
        given.repository.seed_vulnerabilities(5);
        given.bench.pass(Duration::from_hours(24));
        for _ in 0..3 {
            given.synced().await;
        }
        let owner = Owner::Source(given.source.clone());
        let before = given.bench.plane.store.gate(&owner).await.unwrap();
        given.forge.clear_journal();

        let run = given.synced().await;

        let requests = given.forge.journal().len();
        assert_eq!((requests, run.calls.made), (streams.len(), streams.len() as u64), "{provider}: {run:#?}");
        assert_eq!(run.calls.not_modified, unchanged, "{provider}: {run:#?}");
        assert_eq!((run.results.created, run.results.updated, given.written_by(&run).await), (0, 0, 0), "{provider}: {run:#?}");
        let after = given.bench.plane.store.gate(&owner).await.unwrap();
        assert_eq!(after.last_synced_at, before.last_synced_at, "{provider}");
        assert!(after.last_checked_at > before.last_checked_at, "{provider}");
    }
}
