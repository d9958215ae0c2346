//! A forge has bad moments while its pages are read, and things change meanwhile.

use std::collections::BTreeMap;

use pullcord_forge::{Behaviour, Fault};
use serde_json::{Value, json};

use super::{Bitbucket, EVERY, GitLab, Issues, PullRequests, Stream, alone, assert_done, given, id, made};
use crate::world::World;

crate::scenarios![a_hiccup_in_the_middle_costs_a_try, nothing_is_missed_while_pages_shift, an_unreadable_entry_does_not_stop_its_page,];

/// S2.77, S2.123: a page that breaks off, is no page at all or does not come is
/// asked for again. Every entry is there once.
async fn a_hiccup_in_the_middle_costs_a_try(world: &World) {
    let stories = EVERY.map(async |(provider, stream)| {
        for hiccup in [Behaviour::status(502), Behaviour::Garbage, Behaviour::HalfBody, Behaviour::Reset] {
            let given = given(world, provider, &[stream]).await;
            let known = given.old(world, stream, 120);
            let kind = hiccup.kind();
            given.forge.script(Fault::on(given.listing(stream), hiccup).nth(2));

            let run = given.sync(json!({})).await;

            assert_done(&run, 120, 0);
            let struck: Vec<String> = given.requests(stream).into_iter().filter_map(|entry| entry.fault).collect();
            assert_eq!(struck, [kind], "{provider:?} {stream:?}");
            assert!(given.items(stream).await.into_keys().eq(known), "{provider:?} {stream:?} {kind}");
        }
    });
    futures::future::join_all(stories).await;
}

/// S2.17, S2.81, S2.123: while pages are read, entries change, are closed and move
/// to other pages. None that stays open may be missed.
async fn nothing_is_missed_while_pages_shift(world: &World) {
    let stories = EVERY.map(async |(provider, stream)| {
        let given = alone(world, provider, &[stream]).await;
        let known = given.old(world, stream, 120);
        given.forge.script(Fault::on(given.listing(stream), Behaviour::Hang).nth(2));
        let accepted = given.admin.press(&given.trigger()).await.is(202);
        given.forge.wait_for(&given.listing(stream), 2).await;
        // Whichever end the listing began at, one of them was on its first page.
        let closed = [known[1], known[118]];
        for number in closed {
            given.close(stream, number);
        }
        for number in [known[0], known[119]] {
            given.change(stream, number);
        }
        given.forge.release();

        assert_eq!(given.admin.ended(id(&accepted)).await["status"], "completed", "{provider:?} {stream:?}");
        given.sync(json!({})).await;

        let items = given.items(stream).await;
        let missed: Vec<&u64> = known.iter().filter(|number| !items.contains_key(number) && !closed.contains(number)).collect();
        assert!(missed.is_empty(), "{provider:?} {stream:?}: {missed:?}");
        for (number, item) in items {
            assert_eq!(item["state"], if closed.contains(&number) { stream.over() } else { "open" }, "{item:#}");
        }
    });
    futures::future::join_all(stories).await;
}

/// An entry that cannot be understood is counted, named and left out; the others
/// are taken in.
async fn an_unreadable_entry_does_not_stop_its_page(world: &World) {
    for (provider, stream) in [(GitLab, Issues), (GitLab, PullRequests), (Bitbucket, PullRequests), (Bitbucket, Issues)] {
        let given = given(world, provider, &[stream]).await;
        let entry = |number| if provider == GitLab { of_gitlab(&given.name, number) } else { of_bitbucket(&given.name, stream, number) };
        let mut broken = entry(2);
        (broken["title"], broken["state"]) = (Value::Null, json!(7));
        let entries = json!([entry(1), broken, entry(3)]);
        let body = if provider == GitLab { entries } else { json!({"values": entries, "pagelen": 50}) };
        let headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
        given.forge.script(Fault::on(given.listing(stream), Behaviour::Reply { status: 200, headers, body: body.to_string() }));

        let run = given.sync(json!({})).await;

        let results = ["created", "updated", "failed"].map(|name| run["results"][name].as_u64().unwrap());
        assert_eq!((run["status"].as_str(), results), (Some("completed_with_warnings"), [2, 0, 1]), "{run:#}");
        let warnings = run["warnings"].as_array().unwrap();
        assert!(warnings.len() == 1 && warnings[0]["message"].as_str().unwrap().contains('2'), "{warnings:?}");
        assert!(given.items(stream).await.into_keys().eq([1, 3]), "{provider:?} {stream:?}");
        assert_eq!((made(&run), given.look().await["status"].as_str()), (1, Some("synced")));
    }
}

/// An issue or a merge request, with no more than has to be there.
fn of_gitlab(name: &str, number: u64) -> Value {
    let author = json!({"id": 5, "username": "mona-demo", "name": "Mona"});
    json!({"id": 7_000_000 + number, "iid": number, "title": format!("Made up {number}"), "description": null, "state": "opened",
        "labels": [], "assignees": [], "author": author, "web_url": format!("http://gitlab.test/{name}/-/issues/{number}"),
        "created_at": "2026-01-02T03:04:05.000Z", "updated_at": "2026-01-02T03:04:05.000Z", "closed_at": null})
}

/// An issue or a pull request, with no more than has to be there.
fn of_bitbucket(name: &str, stream: Stream, number: u64) -> Value {
    let state = if stream == Issues { "open" } else { "OPEN" };
    let person = json!({"type": "user", "display_name": "mona-demo", "nickname": "mona-demo"});
    let html = json!({"href": format!("https://bitbucket.org/{name}/pull-requests/{number}")});
    json!({"id": number, "title": format!("Made up {number}"), "description": "", "content": {"raw": ""}, "summary": {"raw": ""},
        "state": state, "author": person, "reporter": person, "assignee": null, "kind": "bug", "priority": "major",
        "links": {"html": html},
        "created_on": "2026-01-02T03:04:05.000000+00:00", "updated_on": "2026-01-02T03:04:05.000000+00:00"})
}
