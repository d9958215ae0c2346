//! What a trigger would come to: told briefly by a dry run, and at length by an
//! explanation.

use jiff::{SignedDuration, Timestamp};
use pullcord_forge::Quota;
use serde_json::{Value, json};

use super::{held, id, ids, let_go};
use crate::scenarios::issues::{Given, cooling, given};
use crate::world::{Session, World, fresh};

crate::scenarios![
    a_dry_run_says_which_way_a_trigger_would_go,
    an_explanation_looks_at_everything_and_changes_nothing,
    an_explanation_names_what_is_in_the_way,
    what_is_explained_is_what_happens,
    an_explanation_knows_a_low_quota_and_a_refused_credential,
    an_explanation_estimates_from_what_was_seen,
    whoever_sees_a_source_is_given_an_explanation,
];

const CHECKS: [&str; 7] = ["role", "running", "cooldown", "quota", "confirmation", "credential", "window"];
/// What can be said of a run that is in the way, and of a rule that is.
const WAYS: [&str; 5] =
    ["onConflict=reject", "onConflict=attach", "onConflict=followUp", "onBlocked=park", "onConflict=followUp&onBlocked=park"];

async fn explained(who: &Session<'_>, given: &Given<'_>, query: &str) -> Value {
    who.get(&format!("{}/explain?{query}", given.trigger())).await.is(200)
}

/// What it would be, how that is called, and why.
fn verdict(explanation: &Value) -> (&str, &str, Option<&str>) {
    (explanation["would"].as_str().unwrap(), explanation["outcome"].as_str().unwrap(), explanation["reason"].as_str())
}

fn check<'told>(explanation: &'told Value, name: &str) -> &'told Value {
    let mut checks = explanation["checks"].as_array().unwrap().iter();
    checks.find(|check| check["check"] == name).unwrap_or_else(|| panic!("no check {name} in {explanation:#}"))
}

/// The checks that do not pass.
fn failing(explanation: &Value) -> Vec<&str> {
    let checks = explanation["checks"].as_array().unwrap().iter();
    checks.filter(|check| check["ok"] == false).map(|check| check["check"].as_str().unwrap()).collect()
}

async fn dry(given: &Given<'_>, query: &str) -> Value {
    given.admin.press(&format!("{}?dryRun=true&{query}", given.trigger())).await.is(200)
}

async fn runs(given: &Given<'_>) -> Vec<String> {
    ids(&given.admin.get(&format!("/v1/sources/{}/runs", given.source)).await.is(200))
}

/// A dry run says which of the ways a trigger would go, and to which run it would
/// lead.
async fn a_dry_run_says_which_way_a_trigger_would_go(world: &World) {
    let given = cooling(world).await;
    for query in ["onConflict=followUp", "onBlocked=park"] {
        let told = dry(&given, query).await;
        assert_eq!([&told["outcome"], &told["would"]], ["would_accept", "accept"], "{query}: {told:#}");
    }

    let running = held(world, &given, json!({})).await;
    for (query, would, run) in [
        ("onConflict=attach", "attach", &running["id"]),
        ("onConflict=followUp", "follow_up", &Value::Null),
        // It cools, too: whoever parks obeys that.
        ("onBlocked=park", "park", &Value::Null),
        ("onConflict=restart", "accept", &Value::Null),
    ] {
        let told = dry(&given, query).await;
        assert_eq!([&told["outcome"], &told["would"]], ["would_accept", would], "{query}: {told:#}");
        assert_eq!(&told["run_id"], run, "{query}: {told:#}");
    }
    assert_eq!(runs(&given).await, [id(&running)]);
    let next = given.admin.post(&given.trigger(), json!({"onConflict": "followUp"})).await.is(202);
    assert_eq!(dry(&given, "onConflict=followUp").await["run_id"], next["id"]);
    let_go(world, &given, &running).await;
    given.admin.ended(id(&next)).await;

    let refused = dry(&given, "onConflict=followUp").await;
    assert_eq!([&refused["outcome"], &refused["reason"]], ["would_refuse", "COOLDOWN_ACTIVE"], "{refused:#}");
    let told = dry(&given, "onBlocked=park").await;
    assert_eq!([&told["outcome"], &told["would"]], ["would_accept", "park"], "{told:#}");
    assert_eq!((&told["resumes_at"], &told["run_id"]), (&given.look().await["cooldown_until"], &Value::Null), "{told:#}");
    assert_eq!(runs(&given).await.len(), 2);
    let parked = given.admin.post(&given.trigger(), json!({"onBlocked": "park"})).await.is(202);
    let told = dry(&given, "onBlocked=park").await;
    assert_eq!((told["would"].as_str(), &told["run_id"]), (Some("park"), &parked["id"]), "{told:#}");
    given.admin.press(&format!("/v1/runs/{}/cancel", id(&parked))).await.is(202);
}

/// It says what it looked at and what it found, in sentences and in facts, and
/// leaves no trace. Operators are told the same.
async fn an_explanation_looks_at_everything_and_changes_nothing(world: &World) {
    let given = cooling(world).await;
    given.old(world, 3);
    let path = format!("/v1/workspaces/{}/audit", given.tenant.slug);
    let (before, audit) = (given.look().await, given.admin.get(&path).await.is(200));

    let told = explained(&given.admin, &given, "").await;
    let to_operators = world.ops(json!({"op": "explain", "source": given.source})).await;

    assert_eq!((verdict(&told), &told["until"]), (("accept", "accepted", None), &Value::Null), "{told:#}");
    assert_eq!(verdict(&to_operators), verdict(&told), "{to_operators:#}");
    for explanation in [&told, &to_operators] {
        assert_eq!(explanation["checks"].as_array().unwrap().len(), CHECKS.len());
        for name in CHECKS {
            let check = check(explanation, name);
            let is_a_sentence = check["because"].as_str().is_some_and(|why| why.contains(' '));
            assert!(check["ok"] == true && is_a_sentence && check["facts"].is_object(), "{check:#}");
        }
    }
    assert!(!told.to_string().contains(&given.token));
    assert_eq!(given.look().await, before);
    assert_eq!(given.admin.get(&path).await.is(200), audit);
    assert!(given.requests(world).is_empty() && runs(&given).await.is_empty());
}

/// The first rule that refuses, until when it does, and whether waiting helps.
async fn an_explanation_names_what_is_in_the_way(world: &World) {
    let given = cooling(world).await;
    for query in ["includeClosed=true", "includeClosed=true&onBlocked=park"] {
        let told = explained(&given.admin, &given, query).await;
        assert_eq!(verdict(&told), ("reject", "refused", Some("CONFIRMATION_REQUIRED")), "{told:#}");
        assert_eq!((failing(&told), &told["can_park"]), (vec!["confirmation"], &json!(false)), "{told:#}");
    }
    let told = explained(&given.admin, &given, "includeClosed=true&confirmed=true&full=true").await;
    assert_eq!((verdict(&told), failing(&told)), (("accept", "accepted", None), vec![]), "{told:#}");

    let running = held(world, &given, json!({})).await;
    let told = explained(&given.admin, &given, "").await;
    assert_eq!(verdict(&told), ("reject", "refused", Some("SYNC_IN_PROGRESS")), "{told:#}");
    let check = check(&told, "running");
    assert!(check["ok"] == false && check["facts"].to_string().contains(id(&running)), "{check:#}");
    let_go(world, &given, &running).await;

    let told = explained(&given.admin, &given, "").await;
    assert_eq!(verdict(&told), ("reject", "refused", Some("COOLDOWN_ACTIVE")), "{told:#}");
    assert_eq!((&told["until"], &told["can_park"]), (&given.look().await["cooldown_until"], &json!(true)), "{told:#}");
    assert_eq!(failing(&told), ["cooldown"], "{told:#}");
    let told = explained(&given.admin, &given, "onBlocked=park").await;
    assert_eq!((told["would"].as_str(), told["outcome"].as_str()), (Some("park"), Some("parked")), "{told:#}");
    assert_eq!(told["until"], given.look().await["cooldown_until"], "{told:#}");
}

/// Whatever is asked for, in whichever state: what is explained, what a dry run
/// says and what then is done are the same.
async fn what_is_explained_is_what_happens(world: &World) {
    let given = cooling(world).await;
    let running = held(world, &given, json!({})).await;
    let ask = async |query: &str| {
        let told = explained(&given.admin, &given, query).await;
        let dry = dry(&given, query).await;
        let answer = given.admin.press(&format!("{}?{query}", given.trigger())).await;
        assert_eq!(dry["outcome"] == "would_refuse", told["would"] == "reject", "{query}: {dry:#} {told:#}");
        if answer.status < 300 {
            assert_eq!(told["outcome"], answer.body["outcome"], "{query}: {told:#}");
        } else {
            assert_eq!((verdict(&told).1, &told["reason"]), ("refused", &answer.body["code"]), "{query}: {told:#}");
            assert_eq!(dry["reason"], told["reason"], "{query}");
        }
        answer.body
    };
    let mut next = Value::Null;
    for query in WAYS {
        next = ask(query).await;
    }
    let_go(world, &given, &running).await;
    given.admin.ended(id(&next)).await;

    let mut parked = Value::Null;
    for query in WAYS {
        parked = ask(query).await;
    }
    assert_eq!(parked["outcome"], "parked");
    given.admin.press(&format!("/v1/runs/{}/cancel", id(&parked))).await.is(202);
}

/// What the provider last said is in it: how much it still answers, and whether it
/// accepts the credential.
async fn an_explanation_knows_a_low_quota_and_a_refused_credential(world: &World) {
    let given = given(world).await;
    let resets_at = Timestamp::from_second(world.clock.now().0 / 1000 + 1_800).unwrap();
    world.forge.set_quota(Some(&given.token), Quota { limit: 5_000, remaining: 100, resets_at });
    given.sync(json!({})).await;

    let told = explained(&given.admin, &given, "").await;
    assert_eq!(verdict(&told), ("reject", "refused", Some("RATE_LIMIT_LOW")), "{told:#}");
    assert_eq!((&told["until"], &told["can_park"]), (&json!(resets_at.to_string()), &json!(true)), "{told:#}");
    assert!(check(&told, "quota")["facts"].to_string().contains("99"), "{told:#}");
    assert_eq!(failing(&told), ["quota"], "{told:#}");

    let refused = self::given(world).await;
    world.forge.revoke_token(&refused.token);
    assert_eq!(refused.sync(json!({})).await["error"]["code"], "CREDENTIAL_REJECTED");
    let told = explained(&refused.admin, &refused, "").await;
    assert_eq!(failing(&told), ["credential"], "{told:#}");
    let change = json!({"credential": {"token": fresh("another-token")}});
    refused.admin.patch(&format!("/v1/sources/{}", refused.source), change).await.is(200);
    assert!(failing(&explained(&refused.admin, &refused, "").await).is_empty());
}

/// An estimate is what such runs took before; where there were none there is none.
async fn an_explanation_estimates_from_what_was_seen(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let estimate = explained(&given.admin, &given, "").await["estimate"].clone();
    assert_eq!((&estimate["runs_seen"], &estimate["duration"]), (&json!(0), &Value::Null), "{estimate:#}");

    for _ in 0..4 {
        given.sync(json!({})).await;
    }

    let estimate = explained(&given.admin, &given, "").await["estimate"].clone();
    assert!(estimate["runs_seen"].as_u64().unwrap() >= 3, "{estimate:#}");
    assert_eq!((&estimate["requests"], &estimate["pages"]), (&json!(1), &json!(1)), "{estimate:#}");
    let duration: SignedDuration = estimate["duration"].as_str().unwrap().parse().unwrap();
    assert!(duration >= SignedDuration::ZERO && duration < SignedDuration::from_mins(2), "{estimate:#}");
}

/// A viewer is told that it is the role; to strangers the source does not exist.
async fn whoever_sees_a_source_is_given_an_explanation(world: &World) {
    let given = given(world).await;
    let path = format!("{}/explain", given.trigger());
    for role in ["admin", "maintainer", "coordinator", "member"] {
        let told = given.tenant.join(&format!("a-{role}"), role).await.get(&path).await.is(200);
        assert_eq!((verdict(&told), failing(&told)), (("accept", "accepted", None), vec![]), "{role}: {told:#}");
    }
    let viewer = given.tenant.join("viewer", "viewer").await;
    for query in ["", "onBlocked=park"] {
        let told = explained(&viewer, &given, query).await;
        assert_eq!(verdict(&told), ("reject", "refused", Some("FORBIDDEN")), "{told:#}");
        assert_eq!((failing(&told), &told["can_park"]), (vec!["role"], &json!(false)), "{told:#}");
    }

    world.nobody().get(&path).await.problem(401, "UNAUTHENTICATED");
    let elsewhere = world.tenant().await;
    for stranger in [world.user(&fresh("stranger")), elsewhere.admin()] {
        stranger.get(&path).await.problem(404, "NOT_FOUND");
    }
    for wrong in ["onConflict=shout", "onBlocked=wait", "full=perhaps", "speed=9"] {
        given.admin.get(&format!("{path}?{wrong}")).await.problem(400, "VALIDATION_FAILED");
    }
    given.admin.delete(&format!("/v1/sources/{}", given.source)).await.is(202);
    given.admin.get(&path).await.problem(404, "NOT_FOUND");
}
