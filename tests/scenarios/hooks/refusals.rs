//! What is not taken in, and who is told what.

use aws_lc_rs::hmac;
use pullcord_forge::{Delivery, Happening, Sender};
use serde_json::{Value, json};

use super::{Given, given, given_of, run_of, send};
use crate::scenarios::people::audit;
use crate::world::{Answer, World, fresh};

crate::scenarios![
    what_is_not_proved_is_not_told_apart,
    a_wrong_signature_writes_nothing,
    another_repositorys_delivery_is_refused,
    a_renamed_repository_is_known_by_its_id,
    a_delivery_that_is_too_long_is_refused,
    what_is_no_delivery_says_why,
    nobody_signs_in_as_the_webhook,
];

/// A delivery of GitHub's with this body.
fn signed(given: &Given<'_>, body: &str) -> Delivery {
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, given.secret.as_bytes()), body.as_bytes());
    let digits = pullcord_core::digest::hex(signature.as_ref());
    let delivery = given.delivery(Happening::IssueOpened(1)).with("x-hub-signature-256", &format!("sha256={digits}"));
    Delivery { body: body.to_owned(), ..delivery }
}

/// All that somebody who proves nothing can see of an answer.
fn seen(answer: Answer) -> (u16, Vec<String>, Value) {
    let mut headers: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
    headers.sort();
    let mut body = answer.problem(404, "NOT_FOUND");
    body["request_id"] = Value::Null;
    (404, headers, body)
}

/// No such source, one without a secret, one that can have none, a wrong signature,
/// or none: a stranger cannot tell.
async fn what_is_not_proved_is_not_told_apart(world: &World) {
    for sender in [Sender::GitHub, Sender::GitLab, Sender::Bitbucket] {
        let given = given_of(world, sender, &[if sender == Sender::Bitbucket { "pull_requests" } else { "issues" }]).await;
        let number = given.repository.add_issue(|issue| issue.pull_request = sender == Sender::Bitbucket);
        let happening = if sender == Sender::Bitbucket { Happening::PullRequestOpened(number) } else { Happening::IssueOpened(number) };
        let delivery = given.delivery(happening);
        let by = |secret: Option<&str>| given.repository.delivery(sender, happening, secret);
        let secretless = given.tenant.repository(&given.name).await;
        let documents = given.tenant.project(&world.folder(&[("a.md", "# A")])).await;
        let other = super::given(world).await;
        let mut changed = delivery.clone();
        changed.body.push(' ');

        let expected = seen(send(world, &fresh("none"), &delivery).await);
        for (source, delivery, what) in [
            (&secretless, &delivery, "a source without a secret"),
            (&documents, &delivery, "a folder of documents"),
            (&other.source, &delivery, "another source's secret"),
            (&given.source, &by(Some("wrong")), "a wrong secret"),
            (&given.source, &by(None), "no proof"),
            (&"Not-An-Id".to_owned(), &delivery, "an id that nobody can have"),
        ] {
            assert_eq!(seen(send(world, source, delivery).await), expected, "{sender:?}: {what}");
        }
        if sender != Sender::GitLab {
            assert_eq!(seen(given.send(&changed).await), expected, "{sender:?}: a changed body");
        }
        // A bearer token does not make up for it.
        let path = format!("/v1/hooks/{}", given.source);
        given.admin().post(&path, json!({})).await.problem(404, "NOT_FOUND");
        given.admin().delete(&format!("/v1/sources/{}", given.source)).await.is(202);
        assert_eq!(seen(given.send(&delivery).await), expected, "{sender:?}: a deleted source");
    }
}

/// Neither a run, nor a line of the audit, nor anything to be seen of the source.
async fn a_wrong_signature_writes_nothing(world: &World) {
    let given = given(world).await;
    let number = given.open_issue();
    let (source, lines) = (given.look().await, audit(&given.tenant).await);

    for _ in 0..10 {
        let forged = given.repository.delivery(given.sender, Happening::IssueOpened(number), Some("a guess"));
        given.send(&forged).await.problem(404, "NOT_FOUND");
    }

    assert_eq!((given.look().await, audit(&given.tenant).await), (source, lines));
    assert!(given.runs().await.is_empty());
    // And a delivery that was once sent without proof can still be sent with it.
    let delivery = given.delivery(Happening::IssueOpened(number));
    given.send(&delivery.clone().without("x-hub-signature-256")).await.problem(404, "NOT_FOUND");
    given.send(&delivery).await.is(202);
}

/// The webhook of one repository that leads to the source of another.
async fn another_repositorys_delivery_is_refused(world: &World) {
    for sender in [Sender::GitHub, Sender::GitLab, Sender::Bitbucket] {
        let given = given_of(world, sender, &[if sender == Sender::Bitbucket { "pull_requests" } else { "issues" }]).await;
        let other = world.forge.repository(&format!("{}-other", given.name));
        let number = other.add_issue(|issue| issue.pull_request = sender == Sender::Bitbucket);
        for happening in [Happening::IssueOpened(number), Happening::PullRequestOpened(number), Happening::Pushed] {
            let answer = given.send(&other.delivery(sender, happening, Some(&given.secret))).await.problem(400, "VALIDATION_FAILED");

            let why = answer["errors"][0]["why"].as_str().unwrap();
            assert!(why.contains(&other.full_name()) && why.contains(&given.name), "{answer:#}");
        }
        assert!(given.runs().await.is_empty());
        assert_eq!(given.look().await["webhook"]["last_delivery_at"], Value::Null);
    }
}

/// Its webhook goes on, and says what there is to do.
async fn a_renamed_repository_is_known_by_its_id(world: &World) {
    for sender in [Sender::GitHub, Sender::GitLab, Sender::Bitbucket] {
        let given = given_of(world, sender, &[if sender == Sender::Bitbucket { "pull_requests" } else { "issues" }]).await;
        let number = given.repository.add_issue(|issue| issue.pull_request = sender == Sender::Bitbucket);
        let happening = if sender == Sender::Bitbucket { Happening::PullRequestOpened(number) } else { Happening::IssueOpened(number) };
        let first = given.tell(Happening::Pushed).await.is(200);
        assert!(first.get("note").is_none(), "{first:#}");
        let name = format!("{}-by-another-name", given.name);

        given.repository.rename(&name);

        let answer = given.tell(happening).await.is(202);
        assert!(answer["note"].as_str().unwrap().contains(&name), "{answer:#}");
        assert!(!run_of(&answer).is_empty());
    }
}

/// It says what to do; a shorter one is taken.
async fn a_delivery_that_is_too_long_is_refused(world: &World) {
    let given = given(world).await;
    let body = |length: usize| json!({"repository": {"id": 1, "full_name": given.name}, "padding": "x".repeat(length)}).to_string();

    let refused = given.send(&signed(&given, &body(256 * 1024))).await.problem(413, "PAYLOAD_TOO_LARGE");

    assert!(refused["detail"].as_str().unwrap().contains("a delivery may have at most 256 KiB"), "{refused:#}");
    given.send(&signed(&given, &body(250 * 1024))).await.is(202);
}

/// Who proves to be the forge is told what is wrong.
async fn what_is_no_delivery_says_why(world: &World) {
    let given = given(world).await;
    for (delivery, why) in [
        (signed(&given, "zen"), "not JSON"),
        (signed(&given, "[]"), "not a JSON object"),
        (signed(&given, "{}"), "not named"),
        (signed(&given, "{}").without("x-github-event"), "x-github-event"),
        (signed(&given, "{}").without("x-github-delivery"), "x-github-delivery"),
    ] {
        let answer = given.send(&delivery).await.problem(400, "VALIDATION_FAILED");
        assert!(answer["errors"][0]["why"].as_str().unwrap().contains(why), "{why}: {answer:#}");
    }
    assert!(given.runs().await.is_empty());
}

/// The name under which deliveries are put on record is nobody's.
async fn nobody_signs_in_as_the_webhook(world: &World) {
    let given = given(world).await;
    world.user("webhook").get("/v1/me").await.problem(401, "UNAUTHENTICATED");
    let members = format!("/v1/workspaces/{}/members/webhook", given.tenant.slug);
    given.admin().put(&members, json!({"role": "admin"})).await.problem(400, "VALIDATION_FAILED");
}
