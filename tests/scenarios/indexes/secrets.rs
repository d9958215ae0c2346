//! A repository that is not for everybody: its token opens it, and is nowhere to be
//! seen.

use serde_json::{Value, json};

use super::{FILES, Given, counts, given_with, id};
use crate::git_remote::{GitRemote, Wanted};
use crate::world::{World, fresh};

crate::scenarios![
    the_right_token_opens_a_repository,
    the_wrong_token_is_a_failure_that_says_so,
    a_new_token_is_used_by_the_next_sync,
    a_token_goes_nowhere_else,
    an_address_holds_no_secret,
];

/// A repository that wants `wanted`, and a source that knows `known`.
async fn locked<'w>(world: &'w World, wanted: &str, known: Option<&str>) -> Given<'w> {
    let remote = GitRemote::with(&FILES).await;
    remote.wants(Some(Wanted::Token(wanted.to_owned())));
    let more = known.map_or(json!({}), |token| json!({"credential": {"token": token}}));
    given_with(world, remote, more).await
}

/// Nothing that can be asked for shows this.
async fn assert_nowhere(given: &Given<'_>, job: &Value, secret: &str) {
    let paths = [
        given.path(),
        format!("{}/{}", given.trigger(), id(job)),
        format!("/v1/runs/{}", id(job)),
        format!("/v1/runs/{}/audit", id(job)),
        format!("/v1/sources/{}", given.source),
        format!("/v1/sources/{}/runs", given.source),
        format!("/v1/workspaces/{}/audit", given.tenant.slug),
    ];
    let base64 = {
        use base64::Engine;
        base64::prelude::BASE64_STANDARD.encode(secret)
    };
    for path in paths {
        let answer = given.admin.get(&path).await;
        assert!(answer.status == 200 && !answer.text.contains(secret) && !answer.text.contains(&base64), "{path}: {}", answer.text);
    }
}

/// S1.74: its token goes with every request that wants one.
async fn the_right_token_opens_a_repository(world: &World) {
    let token = fresh("a-token-of-nobody-else");
    let given = locked(world, &token, Some(&token)).await;

    let job = given.indexed(json!({"pull_remote": true})).await;

    assert_eq!(counts(&job), [3, 0, 0, 0], "{job:#}");
    assert!(given.remote.asked().iter().any(|asked| asked.authorization.is_some() && asked.status == Some(200)));
    assert!(given.remote.asked().iter().all(|asked| !asked.path.contains(&token) && !asked.query.contains(&token)));
    let shown = given.admin.get(&format!("/v1/sources/{}", given.source)).await.is(200);
    assert_eq!((&shown["credential"]["set"], &shown["credential"]["last4"]), (&json!(true), &json!(token[token.len() - 4..])));
    assert_nowhere(&given, &job, &token).await;
}

/// S1.52: with a wrong one, and with none: not tried again and again, for a remote may
/// lock out who knocks too often.
async fn the_wrong_token_is_a_failure_that_says_so(world: &World) {
    for known in [Some(fresh("a-token-that-is-wrong")), None] {
        let given = locked(world, &fresh("a-token-that-is-right"), known.as_deref()).await;

        let job = given.sync(json!({})).await;

        assert_eq!(job["status"], "failed", "{job:#}");
        let told = job["error"].to_string().to_lowercase();
        assert!(["credential", "token", "sign in", "authent"].iter().any(|word| told.contains(word)), "{job:#}");
        assert!(given.remote.asked().len() <= 4, "{:#?}", given.remote.asked());
        let repository = given.look().await;
        assert_eq!((repository["status"].as_str(), repository["sync_error"].is_string()), (Some("error"), true), "{repository:#}");
        if let Some(secret) = known {
            assert_nowhere(&given, &job, &secret).await;
        }
    }
}

/// S1.52: no more has to be done than to give it.
async fn a_new_token_is_used_by_the_next_sync(world: &World) {
    let token = fresh("a-newer-token");
    let given = locked(world, &token, Some("an-older-token")).await;
    assert_eq!(given.sync(json!({})).await["status"], "failed");

    given.admin.patch(&format!("/v1/sources/{}", given.source), json!({"credential": {"token": token}})).await.is(200);

    assert_eq!(counts(&given.indexed(json!({})).await), [3, 0, 0, 0]);
    assert_eq!(given.look().await["sync_error"], Value::Null);
}

/// Invariants: a remote that sends elsewhere is not followed with a token in hand.
async fn a_token_goes_nowhere_else(world: &World) {
    let (token, other) = (fresh("a-token-of-here"), GitRemote::with(&FILES).await);
    let given = locked(world, &token, Some(&token)).await;
    given.remote.leads_to(&other.url());

    let job = given.sync(json!({})).await;

    assert!(["completed", "failed"].contains(&job["status"].as_str().unwrap()), "{job:#}");
    assert!(other.asked().iter().all(|asked| asked.authorization.is_none()), "{:#?}", other.asked());
    assert_nowhere(&given, &job, &token).await;
}

/// A name and a password in an address would be shown with it.
async fn an_address_holds_no_secret(world: &World) {
    let tenant = world.tenant().await;
    let remote = GitRemote::with(&FILES).await;
    let url = remote.url().replacen("http://", "http://mona:hush-hush@", 1);
    let body = json!({"id": fresh("index"), "kind": "index", "git": {"url": url}});

    let answer = tenant.admin().post(&format!("/v1/workspaces/{}/sources", tenant.slug), body).await;

    assert!(!answer.text.contains("hush-hush"), "{}", answer.text);
    assert!(super::wrong_at(answer).contains("git.url"));
}
