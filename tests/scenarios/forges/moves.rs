//! Where repositories are: deep in groups, somewhere else by now, or at an address
//! that is none of their forge's.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use pullcord_forge::{Behaviour, Fault};
use serde_json::json;

use super::{Alerts, Bitbucket, GitHub, GitLab, Issues, Provider, PullRequests, Stream, assert_done, assert_failed, given, given_at, now};
use crate::world::{World, fresh};

crate::scenarios![
    a_project_in_nested_groups_is_one_project,
    a_repository_that_moved_keeps_its_items,
    a_credential_never_follows_a_page_elsewhere,
];

/// GitLab's groups have groups in them. All of them are part of the project's name.
async fn a_project_in_nested_groups_is_one_project(world: &World) {
    let name = format!("acme/platform/{}/web", fresh("team"));
    let given = given_at(world, &world.forge, GitLab, &name, GitLab.streams()).await;
    for stream in GitLab.streams() {
        given.old(world, *stream, 3);
    }
    // Another project has the same name in another group.
    world.forge.repository(&name.replace("/platform/", "/")).seed_issues(10);

    assert_done(&given.sync(json!({})).await, 9, 0);

    for stream in GitLab.streams() {
        let items = given.items(*stream).await;
        let is_of_it = |external: &str| external.starts_with("gitlab:") && external.contains(&format!("/{name}:{}:", stream.item()));
        assert!(items.len() == 3 && items.values().all(|item| is_of_it(item["externalId"].as_str().unwrap())), "{items:#?}");
    }
}

/// S2.123: the old address answers 301 to one of the same origin. What was known
/// under the old name is the same items under the new one.
async fn a_repository_that_moved_keeps_its_items(world: &World) {
    // GitLab's alerts are asked for by a name, and an old one leads nowhere.
    let table: [(Provider, &[Stream], &str); 3] = [
        (GitHub, &[Issues, Alerts, PullRequests], "acme"),
        (GitLab, &[Issues, PullRequests], "acme/platform"),
        (Bitbucket, &[PullRequests, Issues], "acme"),
    ];
    for (provider, streams, place) in table {
        let given = given(world, provider, streams).await;
        let changing: Vec<(Stream, u64)> = streams.iter().map(|stream| (*stream, given.old(world, *stream, 3)[1])).collect();
        given.sync(json!({})).await;
        let identities = async || {
            let items = given.admin.items(&given.source).await;
            items.iter().map(|item| (item["externalId"].to_string(), item["id"].to_string())).collect::<BTreeMap<_, _>>()
        };
        let before = identities().await;
        given.repository.rename(&format!("{place}/{}", fresh("moved")));
        for (stream, number) in &changing {
            given.change(*stream, *number);
        }

        let run = given.sync(json!({})).await;

        // Where an unchanged entry is shown now may be written as well.
        let results = ["created", "failed"].map(|name| run["results"][name].as_u64().unwrap());
        assert_eq!((run["status"].as_str(), results), (Some("completed"), [0, 0]), "{run:#}");
        assert!(run["results"]["updated"].as_u64() >= Some(streams.len() as u64), "{run:#}");
        assert_eq!(identities().await, before, "{provider:?}");
        let struck: Vec<u16> = streams.iter().flat_map(|stream| given.requests(*stream)).filter_map(|entry| entry.status).collect();
        assert!(struck.contains(&301), "{provider:?}: {struck:?}");
        // And so from now on.
        given.add(streams[0], now(world) - SignedDuration::from_secs(1));
        let again = given.sync(json!({})).await;
        assert_eq!((again["status"].as_str(), &again["results"]["created"]), (Some("completed"), &json!(1)), "{again:#}");
    }
}

/// S2.123: whether the next page is named in a header or in the body, the
/// credential goes to no other origin.
async fn a_credential_never_follows_a_page_elsewhere(world: &World) {
    let elsewhere = crate::world::forge(&world.clock).await;
    for (provider, stream) in [(GitLab, Issues), (GitLab, PullRequests), (Bitbucket, PullRequests), (GitHub, Alerts)] {
        let given = given(world, provider, &[stream]).await;
        let away = format!("{}{}?page=2", elsewhere.base_url(), given.listing(stream));
        let body = if provider == Bitbucket { json!({"values": [], "pagelen": 50, "next": away}) } else { json!([]) };
        let headers = [("content-type".to_owned(), "application/json".to_owned()), ("link".to_owned(), format!("<{away}>; rel=\"next\""))];
        let page = Behaviour::Reply { status: 200, headers: BTreeMap::from(headers), body: body.to_string() };
        given.forge.script(Fault::on(given.listing(stream), page));

        assert_failed(&given, &given.sync(json!({})).await, "PAGE_LEFT_ORIGIN", "");

        assert!(elsewhere.journal().is_empty(), "{:?}", elsewhere.journal());
    }
    elsewhere.stop().await;
}
