//! Which entries are taken in, and what their items say: the first time, as
//! increments, and when it is confirmed.

use jiff::{SignedDuration, Timestamp};
use pullcord_forge::IssueState;
use serde_json::{Value, json};

use super::{Alerts, Bitbucket, EVERY, GitHub, GitLab, Issues, Provider, PullRequests, Stream, assert_done, given, made, now};
use crate::world::World;

crate::scenarios![
    a_first_sync_takes_everything_open,
    an_increment_asks_for_what_changed,
    what_is_closed_comes_only_when_it_is_confirmed,
    what_is_unchanged_costs_one_request_for_each_stream,
    an_item_says_what_its_forge_says,
    a_pull_request_is_open_or_merged_or_closed,
];

/// S2.1, S2.3–S2.10, S2.16, S2.17, S2.27, S2.31: several pages of any stream become as many
/// items, which are known by their forge, their repository and their number. What is
/// closed stays out.
async fn a_first_sync_takes_everything_open(world: &World) {
    let stories = EVERY.map(async |(provider, stream)| {
        let given = given(world, provider, &[stream]).await;
        let open = given.old(world, stream, 250);
        for number in given.old(world, stream, 3) {
            given.close(stream, number);
        }

        let run = given.sync(json!({})).await;

        assert_done(&run, 250, 0);
        assert!(made(&run) >= 3, "{run:#}");
        let items = given.items(stream).await;
        assert!(items.keys().copied().eq(open), "{provider:?} {stream:?}");
        for item in items.values() {
            assert_eq!((&item["type"], &item["state"]), (&json!(stream.item()), &json!("open")));
            let external = item["externalId"].as_str().unwrap();
            assert!(external.starts_with(&format!("{}:", provider.name())), "{external}");
            assert!(external.contains(&format!("/{}:{}:", given.name, stream.item())), "{external}");
            let older = external.replace(&format!(":{}:", stream.item()), ":");
            assert_eq!(item["customFields"]["externalId"], older);
        }
        assert_eq!(given.look().await["status"], "synced");
    });
    futures::future::join_all(stories).await;
}

/// S2.28: an increment costs what changed, however much there is; and it takes in
/// nothing that was closed before it was ever seen.
async fn an_increment_asks_for_what_changed(world: &World) {
    // GitLab cannot be asked which alerts changed.
    let streams = EVERY.into_iter().filter(|each| *each != (GitLab, Alerts));
    let stories = streams.map(async |(provider, stream)| {
        let given = given(world, provider, &[stream]).await;
        let known = given.old(world, stream, 250);
        given.sync(json!({})).await;
        let (changed, closed) = (&known[..4], &known[4..7]);
        for number in changed {
            given.change(stream, *number);
        }
        for number in closed {
            given.close(stream, *number);
        }
        given.close(stream, given.add(stream, now(world)));

        let run = given.sync(json!({})).await;

        assert_done(&run, 0, 7);
        assert!(made(&run) <= 2, "{run:#}");
        let items = given.items(stream).await;
        assert!(items.keys().eq(&known), "{provider:?} {stream:?}");
        for (number, item) in items {
            assert_eq!(item["state"], if closed.contains(&number) { stream.over() } else { "open" }, "{item:#}");
        }
    });
    futures::future::join_all(stories).await;
}

/// S2.3, S2.110, S2.115: open ones by default; the others once it is confirmed.
async fn what_is_closed_comes_only_when_it_is_confirmed(world: &World) {
    let stories = EVERY.map(async |(provider, stream)| {
        let given = given(world, provider, &[stream]).await;
        given.old(world, stream, 3);
        let closed = given.old(world, stream, 2);
        for number in &closed {
            given.close(stream, *number);
        }
        assert_done(&given.sync(json!({})).await, 3, 0);

        let refused = given.admin.post(&given.trigger(), json!({"includeClosed": true})).await.problem(409, "CONFIRMATION_REQUIRED");
        assert_eq!(refused["reasons"], json!(["INCLUDE_CLOSED"]));
        let run = given.sync(json!({"includeClosed": true, "confirmed": true})).await;

        assert_done(&run, 2, 0);
        let items = given.items(stream).await;
        assert!(closed.iter().all(|number| items[number]["state"] == stream.over()), "{items:#?}");
    });
    futures::future::join_all(stories).await;
}

/// Where nothing changed, each stream is asked once and nothing is written. What a
/// forge can validate it answers with a 304.
async fn what_is_unchanged_costs_one_request_for_each_stream(world: &World) {
    let stories = [(GitHub, 3), (GitLab, 2), (Bitbucket, 0)].map(async |(provider, validated)| {
        let given = given(world, provider, provider.streams()).await;
        for stream in provider.streams() {
            given.old(world, *stream, 3);
        }
        given.sync(json!({})).await;
        given.sync(json!({})).await;
        let before = given.admin.items(&given.source).await;

        let run = given.sync(json!({})).await;

        assert_done(&run, 0, 0);
        assert_eq!((made(&run), &run["calls"]["not_modified"]), (provider.streams().len() as u64, &json!(validated)), "{run:#}");
        assert_eq!(given.admin.items(&given.source).await, before, "unchanged items were written");
    });
    futures::future::join_all(stories).await;
}

/// S2.114: in the words of its forge, as far as it has them.
async fn an_item_says_what_its_forge_says(world: &World) {
    let table: [(Provider, Stream, &str); 6] = [
        (GitHub, Issues, "/issues/"),
        (GitHub, PullRequests, "/pull/"),
        (GitLab, Issues, "/-/work_items/"),
        (GitLab, PullRequests, "/-/merge_requests/"),
        (Bitbucket, PullRequests, "/pull-requests/"),
        (Bitbucket, Issues, "/issues/"),
    ];
    for (provider, stream, place) in table {
        let given = given(world, provider, &[stream]).await;
        let number = given.add(stream, now(world) - SignedDuration::from_hours(50));
        given.repository.edit_issue(number, |issue| {
            issue.title = "<b>\"naïve\"</b> — 日本語 🎉 & more".into();
            issue.body = Some("One line\n\nand another: `a < b`".into());
            issue.labels = vec!["needs: triage".into(), "P1/urgent".into()];
            (issue.author, issue.assignees) = ("mona-demo".into(), vec!["benl".into()]);
        });
        let issue = given.repository.issue(number).unwrap();

        given.sync(json!({})).await;

        let item = &given.items(stream).await[&number];
        let said = [&item["title"], &item["body"], &item["author"]];
        assert_eq!(said, [&json!(issue.title), &json!(issue.body), &json!(issue.author)], "{provider:?} {stream:?}");
        if provider != Bitbucket {
            assert_eq!([&item["labels"], &item["assignees"]], [&json!(issue.labels), &json!(issue.assignees)], "{provider:?} {stream:?}");
        }
        let url = item["url"].as_str().unwrap();
        assert!(url.contains(&format!("/{}{place}{number}", given.name)), "{url}");
        let second = |time: &Value| time.as_str().unwrap().parse::<Timestamp>().unwrap().as_second();
        let times = [second(&item["createdAt"]), second(&item["updatedAt"])];
        assert_eq!(times, [issue.created_at.as_second(), issue.updated_at.as_second()]);
    }
}

/// A pull request that was closed either came in or did not.
async fn a_pull_request_is_open_or_merged_or_closed(world: &World) {
    let stories = Provider::ALL.map(async |provider| {
        let given = given(world, provider, &[PullRequests]).await;
        let [open, merged, declined] = given.old(world, PullRequests, 3)[..] else { panic!("three were made") };
        given.sync(json!({})).await;
        given.close(PullRequests, merged);
        given.repository.edit_issue(declined, |pull| {
            (pull.state, pull.state_reason) = (IssueState::Closed, Some("declined".into()));
        });

        let run = given.sync(json!({})).await;

        assert_done(&run, 0, 2);
        let items = given.items(PullRequests).await;
        let states = [open, merged, declined].map(|number| items[&number]["state"].as_str().unwrap());
        assert_eq!(states, ["open", "merged", "closed"], "{provider:?}");
    });
    futures::future::join_all(stories).await;
}
