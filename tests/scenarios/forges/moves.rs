//! Where repositories are: deep in groups, somewhere else by now, or at an address
//! that is none of their forge's.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use pullcord_forge::{Behaviour, Fault};
use serde_json::{Value, json};

use super::{
    Alerts, Bitbucket, GitHub, GitLab, Given, Issues, Provider, PullRequests, Stream, assert_done, assert_failed, given, given_at, now,
};
use crate::world::{World, fresh};

crate::scenarios![
    a_project_in_nested_groups_is_one_project,
    a_repository_that_moved_keeps_its_items,
    a_repository_may_move_again_and_come_back,
    another_name_forgets_where_the_repository_went,
    a_place_that_is_gone_is_given_up_for_the_name,
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
/// under the old name is the same items under the new one; the run says where it went,
/// and the ones after it go there at once.
async fn a_repository_that_moved_keeps_its_items(world: &World) {
    let table: [(Provider, &[Stream], &str); 3] = [
        (GitHub, &[Issues, Alerts, PullRequests], "acme"),
        (GitLab, &[Issues, Alerts, PullRequests], "acme/platform"),
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
        assert_eq!((run["status"].as_str(), results), (Some("completed_with_warnings"), [0, 0]), "{run:#}");
        assert!(run["results"]["updated"].as_u64() >= Some(streams.len() as u64), "{run:#}");
        assert_eq!(identities().await, before, "{provider:?}");
        let warnings = run["warnings"].as_array().unwrap();
        assert_eq!(warnings.iter().map(|warning| warning["code"].as_str().unwrap()).collect::<Vec<_>>(), ["REPOSITORY_MOVED"], "{run:#}");
        let said = warnings[0]["message"].as_str().unwrap();
        assert!(said.contains(&given.root()) && said.contains(warnings[0]["where"].as_str().unwrap()), "{said}");
        assert_eq!(redirects(&given), 1, "{provider:?}: one stream tells the others");
        // And so from now on, with nothing to say and no way round.
        given.add(streams[0], now(world) - SignedDuration::from_secs(1));
        for created in [1, 0] {
            assert_done(&given.sync(json!({})).await, created, 0);
        }
        let whole = given.sync(json!({"full": true, "includeClosed": true, "confirmed": true})).await;
        assert_eq!((whole["status"].as_str(), whole["results"]["created"].as_u64()), (Some("completed"), Some(0)), "{whole:#}");
        assert_eq!(redirects(&given), 1, "{provider:?}");
        assert_eq!(given.look().await["repository"], given.name.as_str());
    }
}

/// Redirects at the name that the source was made with.
fn redirects(given: &Given<'_>) -> usize {
    given.forge.requests_to(&format!("{}*", given.root())).iter().filter(|entry| entry.status == Some(301)).count()
}

/// A second move is followed from where the first one led, and one back home too. A
/// place at which nothing is any more is given up for the name.
async fn a_repository_may_move_again_and_come_back(world: &World) {
    for (provider, stream) in [(GitHub, Issues), (Bitbucket, PullRequests)] {
        let given = given(world, provider, &[stream]).await;
        given.old(world, stream, 2);
        given.sync(json!({})).await;
        let codes = |run: &Value| -> Vec<String> {
            run["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].as_str().unwrap().to_owned()).collect()
        };
        // GitHub's repositories are found by a number, which stays.
        let mut moves = 0;
        for name in [format!("acme/{}", fresh("second")), format!("acme/{}", fresh("third")), given.name.clone()] {
            given.repository.rename(&name);
            given.add(stream, now(world) - SignedDuration::from_secs(1));
            let run = given.sync(json!({})).await;
            assert_eq!(run["results"]["created"], 1, "{run:#}");
            moves += usize::from(!codes(&run).is_empty());
            assert_done(&given.sync(json!({})).await, 0, 0);
        }
        assert_eq!(moves, if provider == GitHub { 1 } else { 3 }, "{provider:?}");
    }
}

/// Whoever gives a source another repository means what is there, wherever the one
/// before it went.
async fn another_name_forgets_where_the_repository_went(world: &World) {
    let given = given(world, GitHub, &[Issues]).await;
    given.old(world, Issues, 2);
    given.repository.rename(&format!("acme/{}", fresh("moved")));
    assert_eq!(given.sync(json!({})).await["warnings"][0]["code"], "REPOSITORY_MOVED");
    let other = format!("acme/{}", fresh("other"));
    world.forge.repository(&other).add_issue(|_| ());
    let path = format!("/v1/sources/{}", given.source);
    given.admin.patch(&path, json!({"repository": other})).await.is(200);
    assert_done(&given.sync(json!({})).await, 1, 0);
    given.admin.patch(&path, json!({"repository": given.name})).await.is(200);
    let back = given.sync(json!({"full": true})).await;
    assert_eq!(back["warnings"][0]["code"], "REPOSITORY_MOVED", "it is asked for by its name again: {back:#}");
}

/// What was taken down after it moved is not there, and its name may be another's now.
async fn a_place_that_is_gone_is_given_up_for_the_name(world: &World) {
    let given = given(world, GitHub, &[Issues]).await;
    given.old(world, Issues, 2);
    given.repository.rename(&format!("acme/{}", fresh("moved")));
    given.sync(json!({})).await;
    given.repository.remove();

    assert_failed(&given, &given.sync(json!({})).await, "REPOSITORY_NOT_FOUND", "");

    world.forge.repository(&given.name).seed_issues(3);
    let run = given.sync(json!({"full": true})).await;
    assert_eq!((run["status"].as_str(), run["results"]["failed"].as_u64()), (Some("completed"), Some(0)), "{run:#}");
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
