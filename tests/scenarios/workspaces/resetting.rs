//! A first run that broke off is begun again, if an admin wants it so.

use pullcord_forge::{Behaviour, Fault};
use serde_json::{Value, json};

use super::{Given, Watched, given, number, wrong_at};
use crate::world::{Answer, World, fresh};

crate::scenarios![
    a_backfill_that_broke_off_begins_again,
    where_nothing_is_stored_nothing_is_reset,
    a_backfill_is_not_reset_under_a_run,
    a_reset_says_what_is_wrong_with_it,
    only_admins_reset_and_only_their_own,
];

fn path(given: &Given<'_>) -> String {
    format!("/api/workspaces/{}/sync/reset-backfill", given.tenant.slug)
}

async fn reset(given: &Given<'_>, repository: Value) -> Answer {
    given.admin.post(&path(given), json!({"repositoryId": repository})).await
}

/// 250 issues of which a first run takes two pages, and fails at the third.
async fn broken_off(given: &Given<'_>) -> Watched {
    let web = given.repository(250).await;
    given.tenant.world.forge.script(Fault::on(&web.issues, Behaviour::status(401)).nth(3));
    assert_eq!(given.admin.sync(&web.source, json!({})).await["status"], "failed");
    web
}

/// The queries with which the forge was asked for issues, one after the other.
fn queries(given: &Given<'_>, watched: &Watched) -> Vec<String> {
    let asked = given.tenant.world.forge.requests_to(&watched.issues);
    asked.into_iter().map(|entry| entry.query.unwrap_or_default()).collect()
}

/// S0.11, S0.12, S0.13, S0.14, S0.31: the place that is forgotten is told, and who
/// wanted it so is on record.
async fn a_backfill_that_broke_off_begins_again(world: &World) {
    let given = given(world).await;
    let web = broken_off(&given).await;

    let told = reset(&given, json!(web.source)).await.is(200);

    let previous = told["previousCursor"].as_str().unwrap();
    assert_eq!((&told["reset"], told.as_object().unwrap().len()), (&json!(true), 2), "{told:#}");
    assert!(previous.contains(&queries(&given, &web)[2]), "{told:#}");
    let line = given.line(|line| line["what"] == "backfill.reset").await;
    assert_eq!((&line["who"], &line["source"]), (&json!(given.tenant.name("admin")), &json!(web.source)), "{line:#}");

    let run = given.admin.sync(&web.source, json!({})).await;
    assert_eq!(run["status"], "completed", "{run:#}");
    let asked = queries(&given, &web);
    // From the first page; and of every state, since some are known that may be closed by now.
    assert_eq!((asked.len(), &asked[3]), (6, &asked[0].replace("state=open", "state=all")));
    assert_eq!(given.admin.items(&web.source).await.len(), 250);
    assert_eq!(reset(&given, json!(web.source)).await.is(200), json!({"reset": false, "previousCursor": null}));
}

/// S0.15: neither before the first run, nor after one that came to its end, nor a
/// second time, by whatever name; and in the native API it is the same.
async fn where_nothing_is_stored_nothing_is_reset(world: &World) {
    let given = given(world).await;
    let number = number();
    let web = given.made(&fresh("token-of"), 1, json!({"id": number.to_string()})).await;
    let native = |watched: &Watched| format!("/v1/sources/{}/reset-backfill", watched.source);
    let nothing = json!({"reset": false, "previousCursor": null});

    for _ in 0..2 {
        for name in [json!(number), json!(number.to_string()), json!(web.name)] {
            assert_eq!(reset(&given, name.clone()).await.is(200), nothing, "{name}");
        }
        assert_eq!(given.admin.press(&native(&web)).await.is(200), json!({"reset": false, "previous_cursor": null}));
        given.admin.sync(&web.source, json!({})).await;
    }

    let [here, there] = [broken_off(&given).await, broken_off(&given).await];
    assert_eq!(reset(&given, json!(here.name)).await.is(200)["reset"], true);
    assert_eq!(given.admin.press(&native(&here)).await.is(200)["reset"], false);
    assert_eq!(given.admin.press(&native(&there)).await.is(200)["reset"], true);
    assert_eq!(reset(&given, json!(there.source)).await.is(200), nothing);
}

/// S0.14: what is being taken up is not pulled away, and goes on where it stopped.
async fn a_backfill_is_not_reset_under_a_run(world: &World) {
    let given = given(world).await;
    let web = broken_off(&given).await;
    let running = given.held_elsewhere(&web).await;

    let refused = reset(&given, json!(web.source)).await.problem(409, "SYNC_IN_PROGRESS");

    assert!(refused.to_string().contains(&running), "{refused:#}");
    world.forge.release();
    assert_eq!(given.ended(&running).await["status"], "completed");
    let asked = queries(&given, &web);
    assert_eq!((asked.len(), &asked[3]), (4, &asked[2]));
}

/// S0.12: a mistake is named.
async fn a_reset_says_what_is_wrong_with_it(world: &World) {
    let given = given(world).await;
    let web = given.repository(1).await;
    let table = [
        (json!({}), "repositoryId"),
        (json!({"repositoryId": null}), "repositoryId"),
        (json!({"repositoryId": true}), "repositoryId"),
        (json!({"repositoryId": {"id": 123}}), "repositoryId"),
        (json!({"repositoryId": [123]}), "repositoryId"),
        (json!({"repositoryId": web.source, "scope": "REPOSITORY"}), "scope"),
        (json!({"repositoryId": web.source, "dryRun": true}), "dryRun"),
    ];
    for (body, place) in table {
        assert_eq!(wrong_at(given.admin.post(&path(&given), body.clone()).await), [place], "{body}");
    }
    given.admin.press(&path(&given)).await.problem(400, "VALIDATION_FAILED");
}

/// S0.18, S0.32, S0.41: no other role may, nobody may elsewhere, and what was kept
/// is still there afterwards.
async fn only_admins_reset_and_only_their_own(world: &World) {
    let (given, elsewhere) = (given(world).await, given(world).await);
    let web = broken_off(&given).await;
    let documents = given.tenant.project(&world.folder(&[("a.md", "# A")])).await;
    let body = json!({"repositoryId": web.source});

    for role in ["maintainer", "coordinator", "member", "viewer"] {
        given.tenant.join(role, role).await.post(&path(&given), body.clone()).await.problem(403, "FORBIDDEN");
    }
    for stranger in [world.user(&fresh("stranger")), elsewhere.admin.clone()] {
        stranger.post(&path(&given), body.clone()).await.problem(404, "NOT_FOUND");
    }
    world.nobody().post(&path(&given), json!({})).await.problem(401, "UNAUTHENTICATED");
    let nowhere = format!("/api/workspaces/{}/sync/reset-backfill", fresh("none"));
    given.admin.post(&nowhere, body).await.problem(404, "NOT_FOUND");
    for name in [json!(web.source), json!(web.name)] {
        reset(&elsewhere, name).await.problem(404, "NOT_FOUND");
    }
    for name in [json!(number()), json!(fresh("none")), json!(format!("acme/{}", fresh("none"))), json!(documents)] {
        reset(&given, name).await.problem(404, "NOT_FOUND");
    }

    assert_eq!(reset(&given, json!(web.source)).await.is(200)["reset"], true);
}
