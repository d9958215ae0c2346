//! Idempotency keys: what is sent again is the same request.

use std::collections::BTreeSet;

use pullcord_forge::{Behaviour, Fault};
use serde_json::json;

use super::{held, id, ids, keyed, let_go};
use crate::scenarios::issues::given;
use crate::world::{World, fresh};

crate::scenarios![
    the_same_key_is_the_same_request,
    the_same_key_at_once_is_one_run,
    a_key_is_one_persons_own,
    refusals_are_not_remembered,
    an_attached_run_is_remembered,
];

/// Idempotency: the same key and body name the same run, even after its end; how
/// long the caller waits does not matter, anything else does.
async fn the_same_key_is_the_same_request(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let (path, body) = (given.trigger(), json!({"full": true}));
    let run = keyed(&given.admin, &path, "monday", &json!({"full": true, "wait": "PT20S"})).await.is(200);
    assert_eq!(run["status"], "completed");

    for (path, body) in
        [(path.clone(), body.clone()), (path.clone(), json!({"wait": "PT5S", "full": true})), (format!("{path}?wait=PT1S"), body.clone())]
    {
        let answer = keyed(&given.admin, &path, "monday", &body).await;
        assert!([200, 202].contains(&answer.status), "{}", answer.text);
        assert_eq!((&answer.body["id"], &answer.body["version"]), (&run["id"], &run["version"]), "rendered anew");
    }
    for (path, body) in [
        (path.clone(), json!({"full": false})),
        (path.clone(), json!({"full": true, "reason": "another"})),
        (format!("{path}?onConflict=attach"), body.clone()),
    ] {
        keyed(&given.admin, &path, "monday", &body).await.problem(422, "IDEMPOTENCY_MISMATCH");
    }
    let tuesday = keyed(&given.admin, &path, "tuesday", &body).await.is(202);
    assert_ne!(tuesday["id"], run["id"]);
    given.admin.ended(id(&tuesday)).await;
    assert_eq!(given.requests(world).len(), 2);
    keyed(&given.admin, &path, &"k".repeat(256), &body).await.problem(400, "VALIDATION_FAILED");
}

/// S0.24: a request that was sent twenty times at once is one request.
async fn the_same_key_at_once_is_one_run(world: &World) {
    let given = given(world).await;
    world.forge.script(Fault::on(&given.issues, Behaviour::Hang));
    let (path, body) = (given.trigger(), json!({}));

    let answers = futures::future::join_all((0..20).map(|_| keyed(&given.admin, &path, "once", &body))).await;

    let named: BTreeSet<String> = answers.into_iter().map(|answer| id(&answer.is(202)).to_owned()).collect();
    assert_eq!(named.len(), 1);
    world.forge.wait_for(&given.issues, 1).await;
    world.forge.release();
    given.admin.ended(named.first().unwrap()).await;
    assert_eq!(ids(&given.admin.get(&format!("/v1/sources/{}/runs", given.source)).await.is(200)).len(), 1);
}

/// A key belongs to one person, one path and one method.
async fn a_key_is_one_persons_own(world: &World) {
    let given = given(world).await;
    let name = format!("acme/{}", fresh("second"));
    world.forge.repository(&name);
    let second = given.tenant.repository(&name).await;
    let (mia, tom) = (given.tenant.join("mia", "member").await, given.tenant.join("tom", "member").await);
    let held_answer = json!({"wait": "PT20S"});

    let answers = [
        keyed(&mia, &given.trigger(), "key", &held_answer).await.is(200),
        keyed(&tom, &given.trigger(), "key", &held_answer).await.is(200),
        keyed(&mia, &format!("/v1/sources/{second}/sync"), "key", &held_answer).await.is(200),
    ];

    let named: BTreeSet<&str> = answers.iter().map(id).collect();
    assert_eq!(named.len(), 3);
    assert_eq!(
        (&answers[0]["triggered_by"], &answers[1]["triggered_by"]),
        (&json!(given.tenant.name("mia")), &json!(given.tenant.name("tom")))
    );
}

/// Only answers that name a run of one's own are remembered.
async fn refusals_are_not_remembered(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let run = held(world, &given, json!({})).await;
    let (path, body) = (given.trigger(), json!({}));
    keyed(&given.admin, &path, "patient", &body).await.problem(409, "SYNC_IN_PROGRESS");
    keyed(&given.admin, &path, "closed", &json!({"includeClosed": true})).await.problem(409, "CONFIRMATION_REQUIRED");
    let_go(world, &given, &run).await;
    assert_eq!(keyed(&given.admin, &path, "recent", &json!({"maxAge": "PT1H"})).await.is(200)["status"], "fresh");

    for (key, body) in [("patient", body.clone()), ("closed", body.clone()), ("recent", body)] {
        let accepted = keyed(&given.admin, &path, key, &body).await.is(202);
        assert_ne!(accepted["id"], run["id"]);
        given.admin.ended(id(&accepted)).await;
    }
}

/// An answer that names a run is remembered, and `attached` names one.
async fn an_attached_run_is_remembered(world: &World) {
    let given = given(world).await;
    let run = held(world, &given, json!({})).await;
    let (path, body) = (given.trigger(), json!({"onConflict": "attach"}));
    assert_eq!(keyed(&given.admin, &path, "join", &body).await.is(200)["id"], run["id"]);
    let_go(world, &given, &run).await;

    let answer = keyed(&given.admin, &path, "join", &body).await;

    assert_eq!((answer.status, &answer.body["id"]), (200, &run["id"]), "{}", answer.text);
}
