//! Each forge says no in its own words: what a person has to do about it is told
//! apart all the same.

use pullcord_forge::Grant;
use serde_json::json;

use super::{
    Alerts, Bitbucket, EVERY, GitHub, GitLab, Given, Issues, Mishap, Provider, PullRequests, Stream, alone, assert_done, assert_failed,
    given, made,
};
use crate::world::World;

crate::scenarios![
    a_revoked_token_is_a_rejected_credential,
    what_may_not_be_seen_is_not_found,
    a_missing_scope_is_named,
    a_credential_travels_in_one_header,
];

/// S2.116: a token that is not accepted any more fails the run at once,
/// whichever stream was asked for, and what was there stays.
async fn a_revoked_token_is_a_rejected_credential(world: &World) {
    let stories = EVERY.map(async |(provider, stream)| {
        // The others speak of a token, or of a Token.
        let words = if provider == GitHub { "Bad credentials" } else { "oken" };
        refused(world, provider, stream, |given| given.forge.revoke_token(&given.token), "CREDENTIAL_REJECTED", words).await;
    });
    futures::future::join_all(stories).await;
}

/// S2.116, S2.123: a repository that is hidden from the credential is not an empty
/// one. Every forge says that it does not exist.
async fn what_may_not_be_seen_is_not_found(world: &World) {
    let stories = EVERY.map(async |(provider, stream)| {
        let hide = |given: &Given<'_>| given.repository.make_private(&["somebody-else"]);
        refused(world, provider, stream, hide, "REPOSITORY_NOT_FOUND", "").await;
    });
    futures::future::join_all(stories).await;
}

/// What befalls a source that was synced before makes its next run fail with this
/// code, after one request; GitLab's GraphQL knows no project without saying why, so
/// that REST is asked, too.
async fn refused(world: &World, provider: Provider, stream: Stream, befall: Mishap, code: &str, words: &str) {
    let given = given(world, provider, &[stream]).await;
    given.old(world, stream, 3);
    assert_done(&given.sync(json!({})).await, 3, 0);
    befall(&given);

    let run = given.sync(json!({})).await;

    assert_failed(&given, &run, code, words);
    let requests = if (provider, stream, code) == (GitLab, Stream::Alerts, "REPOSITORY_NOT_FOUND") { 2 } else { 1 };
    assert_eq!((made(&run), given.items(stream).await.len()), (requests, 3), "{provider:?} {stream:?}: {run:#}");
    let source = given.look().await;
    assert_eq!((source["status"].as_str(), &source["sync_error"]), (Some("error"), &run["error"]["message"]));
}

/// S2.13, S2.116: a credential that is accepted and may not do this lacks
/// something, and the forge says what.
async fn a_missing_scope_is_named(world: &World) {
    let restrict = |given: &Given<'_>| given.forge.restrict_token(&given.token, &["read_user"]);
    let grant = |given: &Given<'_>| given.forge.grant_token(&given.token, Grant::workspace("acme").with_scopes(&["repository"]));
    let table: [(Provider, Stream, Mishap, &str); 5] = [
        (GitHub, Alerts, |given| given.repository.restrict_alerts(&["somebody-else"]), "vulnerability_alerts"),
        (GitLab, Issues, restrict, "read_api"),
        (GitLab, PullRequests, restrict, "read_api"),
        (Bitbucket, PullRequests, grant, "privilege scopes"),
        (Bitbucket, Issues, grant, "privilege scopes"),
    ];
    for (provider, stream, befall, words) in table {
        let given = alone(world, provider, &[stream]).await;
        given.old(world, stream, 3);
        befall(&given);

        let run = given.sync(json!({})).await;

        assert_failed(&given, &run, "PERMISSION_MISSING", words);
        assert_eq!(made(&run), 1, "{run:#}");
        assert_eq!(given.look().await["status"], "error");
    }
}

/// Invariants: the credential is in the header for it and nowhere else, and
/// every request says who asks.
async fn a_credential_travels_in_one_header(world: &World) {
    let stories = EVERY.map(async |(provider, stream)| {
        let given = given(world, provider, &[stream]).await;
        given.old(world, stream, 120);

        let run = given.sync(json!({})).await;

        let requests = given.requests(stream);
        assert_eq!(requests.len() as u64, made(&run), "{provider:?} {stream:?}");
        for entry in requests {
            assert!(entry.credential.is_some(), "{entry:?}");
            assert!(entry.header("user-agent").is_some_and(|agent| agent.starts_with("pullcord/")), "{entry:?}");
            assert!(!serde_json::to_string(&entry).unwrap().contains(&given.token), "{entry:?}");
        }
        for path in [format!("/v1/sources/{}", given.source), format!("/v1/sources/{}/runs", given.source)] {
            let answer = given.admin.get(&path).await;
            assert!(answer.status == 200 && !answer.text.contains(&given.token), "{}", answer.text);
        }
    });
    futures::future::join_all(stories).await;
}
