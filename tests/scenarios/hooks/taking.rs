//! What is delivered, and what comes of it.

use std::collections::BTreeMap;
use std::time::Duration;

use pullcord_forge::{Happening, Sender};
use serde_json::{Value, json};

use super::{given, given_of, given_with, now, run_of, turn};
use crate::world::World;

crate::scenarios![
    a_delivery_of_every_forge_starts_a_run,
    alerts_are_delivered_too,
    whatever_happens_to_an_issue_is_seen,
    what_the_source_does_not_read_only_counts,
    gitlab_signs_where_it_has_a_signing_token,
    a_delivery_counts_once,
    of_twenty_that_are_the_same_one_counts,
];

/// What changed at the forge is here without anybody having asked for it, and
/// it is on record who did.
async fn a_delivery_of_every_forge_starts_a_run(world: &World) {
    for sender in [Sender::GitHub, Sender::GitLab, Sender::Bitbucket] {
        let stream = if sender == Sender::Bitbucket { "pull_requests" } else { "issues" };
        let given = given_of(world, sender, &[stream]).await;
        let number = given.repository.add_issue(|issue| issue.pull_request = stream == "pull_requests");
        let happening = if stream == "issues" { Happening::IssueOpened(number) } else { Happening::PullRequestOpened(number) };
        let delivery = given.delivery(happening);

        let answer = given.send(&delivery).await.is(202);

        assert_eq!((answer["outcome"].as_str(), answer["status"].as_str()), (Some("accepted"), Some("queued")), "{answer:#}");
        let run = given.admin().ended(run_of(&answer)).await;
        assert_eq!([&run["status"], &run["trigger"], &run["triggered_by"]], ["completed", "webhook", "webhook"], "{run:#}");
        assert_eq!(run["results"]["created"], 1, "{sender:?}");
        let items = given.admin().items(&given.source).await;
        assert_eq!(items[0]["title"], json!(given.repository.issue(number).unwrap().title), "{sender:?}");

        let audit = given.admin().get(&format!("/v1/runs/{}/audit", run_of(&answer))).await.is(200);
        let created = &audit["audit"][0];
        let facts = [&created["what"], &created["who"], &created["facts"]["trigger"], &created["facts"]["delivery"]];
        assert_eq!(facts, [&json!("run.created"), &json!("webhook"), &json!("webhook"), &answer["delivery"]], "{audit:#}");
        let id = match sender {
            Sender::GitHub => "x-github-delivery",
            Sender::GitLab => "idempotency-key",
            Sender::Bitbucket => "x-request-uuid",
        };
        assert_eq!(answer["delivery"].as_str(), delivery.header(id), "{answer:#}");
        let webhook = &given.look().await["webhook"];
        assert_eq!([&webhook["active"], &webhook["is_active"], &webhook["secret_set"]], [&json!(null), &json!(true), &json!(true)]);
    }
}

/// S2.96: and so are vulnerabilities. A source that reads several streams reads them
/// all, since it counts as fresh afterwards.
async fn alerts_are_delivered_too(world: &World) {
    for sender in [Sender::GitHub, Sender::GitLab] {
        let given = given_of(world, sender, &["issues", "alerts"]).await;
        given.open_issue();
        let number = match sender {
            Sender::GitHub => given.repository.add_alert(|_| {}),
            _ => given.repository.add_vulnerability(|_| {}),
        };

        let answer = given.tell(Happening::AlertFound(number)).await.is(202);

        assert_eq!(given.admin().ended(run_of(&answer)).await["status"], "completed", "{sender:?}");
        let mut kinds = BTreeMap::<String, u64>::new();
        for item in given.admin().items(&given.source).await {
            *kinds.entry(item["type"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        assert_eq!(kinds, BTreeMap::from([("alert".to_owned(), 1), ("issue".to_owned(), 1)]), "{sender:?}");
    }
}

/// Made, changed, closed.
async fn whatever_happens_to_an_issue_is_seen(world: &World) {
    let given = given(world).await;
    let number = given.open_issue();
    let item = async |answer: Value| {
        assert_eq!(given.admin().ended(run_of(&answer)).await["status"], "completed");
        given.admin().items(&given.source).await.remove(0)
    };
    assert_eq!(item(given.tell(Happening::IssueOpened(number)).await.is(202)).await["state"], "open");
    given.repository.edit_issue(number, |issue| issue.title = "Another title".into());
    assert_eq!(item(given.tell(Happening::IssueEdited(number)).await.is(202)).await["title"], "Another title");
    given.repository.close_issue(number);
    assert_eq!(item(given.tell(Happening::IssueClosed(number)).await.is(202)).await["state"], "closed");
}

/// A ping, a star, a push, a stream that the source does not read: they show that
/// the webhook works, and start nothing.
async fn what_the_source_does_not_read_only_counts(world: &World) {
    for happening in [Happening::Ping, Happening::Starred, Happening::Pushed, Happening::PullRequestOpened(1), Happening::AlertFound(1)] {
        let given = given(world).await;
        assert_eq!(given.look().await["webhook"]["last_delivery_at"], Value::Null);

        let answer = given.tell(happening).await.is(200);

        assert_eq!((answer["outcome"].as_str(), &answer["run_id"]), (Some("counted"), &Value::Null), "{happening:?}: {answer:#}");
        assert!(given.runs().await.is_empty(), "{happening:?}");
        let source = given.look().await;
        assert_eq!((source["status"].as_str(), &source["webhook"]["is_active"]), (Some("never_synced"), &json!(true)), "{happening:?}");
        let at: jiff::Timestamp = source["webhook"]["last_delivery_at"].as_str().unwrap().parse().unwrap();
        assert!((now(world) - at).get_seconds().abs() < 60, "{at}");
    }
}

/// GitLab's newer way: id, time and body are signed. A signature holds for minutes.
async fn gitlab_signs_where_it_has_a_signing_token(world: &World) {
    let token = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let given = given_with(world, Sender::GitLab, &["issues"], "PT0S", token).await;
    let number = given.open_issue();
    let delivery = given.delivery(Happening::IssueOpened(number));
    assert!(delivery.header("webhook-signature").is_some() && delivery.header("x-gitlab-token").is_none());

    given.send(&delivery.clone().with("webhook-id", "another")).await.problem(404, "NOT_FOUND");
    given.send(&delivery.clone().without("webhook-signature").with("x-gitlab-token", token)).await.problem(404, "NOT_FOUND");
    if world.is_local() {
        let old = given.delivery(Happening::IssueOpened(number));
        turn(world, Duration::from_secs(301));
        given.send(&old).await.problem(404, "NOT_FOUND");
    }
    let answer = given.tell(Happening::IssueOpened(number)).await.is(202);
    assert_eq!(given.admin().ended(run_of(&answer)).await["results"]["created"], 1);
}

/// What is sent again is answered, names the run that it started, and starts
/// nothing more; for three days.
async fn a_delivery_counts_once(world: &World) {
    let given = given(world).await;
    let number = given.open_issue();
    let (opened, starred) = (given.delivery(Happening::IssueOpened(number)), given.delivery(Happening::Starred));
    let first = given.send(&opened).await.is(202);
    given.admin().ended(run_of(&first)).await;
    given.send(&starred).await.is(200);

    let again = given.send(&opened).await.is(200);

    assert_eq!((again["outcome"].as_str(), &again["run_id"]), (Some("repeated"), &first["run_id"]), "{again:#}");
    let again = given.send(&starred).await.is(200);
    assert_eq!((again["outcome"].as_str(), &again["run_id"]), (Some("repeated"), &Value::Null), "{again:#}");
    assert_eq!(given.runs().await.len(), 1);

    // The same id at another source is another delivery.
    let other = super::given(world).await;
    let opened_there = other.repository.delivery(Sender::GitHub, Happening::IssueOpened(other.open_issue()), Some(&other.secret));
    let id = opened.header("x-github-delivery").unwrap();
    other.send(&opened_there.with("x-github-delivery", id)).await.is(202);

    if world.is_local() {
        let before = given.look().await["webhook"]["last_delivery_at"].clone();
        turn(world, Duration::from_hours(71));
        assert_eq!(given.send(&opened).await.is(200)["outcome"], "repeated");
        assert_eq!(given.look().await["webhook"]["last_delivery_at"], before, "what is repeated shows nothing new");
        turn(world, Duration::from_hours(2));
        assert_eq!(given.send(&opened).await.is(202)["outcome"], "accepted");
    }
}

/// And at the same instant, too.
async fn of_twenty_that_are_the_same_one_counts(world: &World) {
    let given = given(world).await;
    let delivery = given.delivery(Happening::IssueOpened(given.open_issue()));

    let answers = futures::future::join_all((0..20).map(|_| given.send(&delivery))).await;

    let mut accepted = 0;
    for answer in answers {
        accepted += u32::from(answer.status == 202);
        let answer = answer.body;
        assert!(["accepted", "repeated"].contains(&answer["outcome"].as_str().unwrap_or_default()), "{answer:#}");
    }
    assert_eq!(accepted, 1);
    assert_eq!(given.runs().await.len(), 1);
}
