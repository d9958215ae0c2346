//! A first run that broke off: it is taken up again, or reset.

use jiff::SignedDuration;
use pullcord_forge::{Behaviour, Fault};
use serde_json::{Value, json};

use super::{Given, counts, given, parameter};
use crate::world::{World, fresh};

crate::scenarios![
    a_backfill_goes_on_where_it_stopped,
    a_reset_backfill_begins_again,
    a_reset_without_a_cursor_resets_nothing,
    increments_move_on_after_a_reset_backfill,
    a_backfill_is_not_reset_under_a_run_or_by_anyone,
    what_was_closed_while_a_backfill_stood_still_is_closed_here,
];

/// 250 issues of which a first run takes two pages, and fails; with how many it
/// took.
async fn a_stopped_backfill(world: &World) -> (Given<'_>, u64) {
    let given = given(world).await;
    given.old(world, 250);
    world.forge.script(Fault::on(&given.issues, Behaviour::status(401)).nth(3));
    let run = given.sync(json!({})).await;
    let [created, rest @ ..] = counts(&run);
    assert_eq!((run["status"].as_str(), rest), (Some("failed"), [0; 3]));
    assert!((190..=200).contains(&created), "{created}");
    (given, created)
}

/// S0.14, S2.123: a first run that broke off is not begun again.
async fn a_backfill_goes_on_where_it_stopped(world: &World) {
    let (given, taken) = a_stopped_backfill(world).await;

    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed"), [250 - taken, 0, 0, 0]));
    let asked = given.requests(world);
    assert_eq!((asked.len(), &asked[3].query), (4, &asked[2].query));
    assert_eq!(given.items().await.len(), 250);
}

/// S0.11–S0.15, S0.31: unless an admin wants it begun again.
async fn a_reset_backfill_begins_again(world: &World) {
    let (given, taken) = a_stopped_backfill(world).await;
    let path = format!("/v1/sources/{}/reset-backfill", given.source);

    let reset = given.admin.press(&path).await.is(200);
    let run = given.sync(json!({})).await;

    let previous = reset.as_object().unwrap().values().find_map(Value::as_str).unwrap();
    let asked = given.requests(world);
    assert!(reset["reset"] == true && previous.contains(asked[2].query.as_deref().unwrap()), "{reset:#}");
    assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed"), [250 - taken, 0, taken, 0]));
    // From the first page; and of every state, since some are known that may be closed by now.
    let anew = asked[0].query.as_ref().map(|query| query.replace("state=open", "state=all"));
    assert_eq!((asked.len(), &asked[3].query), (6, &anew));
    let audit = given.admin.get(&format!("/v1/workspaces/{}/audit", given.tenant.slug)).await.is(200);
    let line = audit["audit"].as_array().unwrap().iter().find(|line| line["what"] == "backfill.reset").unwrap().clone();
    assert_eq!((line["who"].as_str(), line["source"].as_str()), (Some(&*given.tenant.name("admin")), Some(&*given.source)));

    // A backfill that came to its end has no cursor.
    let again = given.admin.press(&path).await.is(200);
    assert!(again["reset"] == false && again.as_object().unwrap().values().any(Value::is_null), "{again:#}");
}

/// A reset that found no cursor has reset nothing: the next run is an increment.
async fn a_reset_without_a_cursor_resets_nothing(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    given.sync(json!({})).await;

    assert_eq!(given.admin.press(&format!("/v1/sources/{}/reset-backfill", given.source)).await.is(200)["reset"], false);
    given.sync(json!({})).await;

    assert!(parameter(&given.requests(world)[1], "since").is_some());
}

/// S0.14: after a reset, increments look at what is new and not ever further back.
async fn increments_move_on_after_a_reset_backfill(world: &World) {
    if !world.is_local() {
        return;
    }
    let (given, _) = a_stopped_backfill(world).await;
    given.admin.press(&format!("/v1/sources/{}/reset-backfill", given.source)).await.is(200);
    for number in 4..=250 {
        given.repository.delete_issue(number);
    }
    for title in ["One", "Two", "Three"] {
        world.clock.turn(SignedDuration::from_hours(1));
        given.repository.edit_issue(1, |issue| issue.title = title.into());
        assert_eq!(given.sync(json!({})).await["status"], "completed");
    }

    let asked = given.requests(world);
    assert!(parameter(&asked[5], "since") > parameter(&asked[4], "since"), "{:?}", asked[5].query);
}

/// S0.32: a reset is for admins, and not while a run is under way.
async fn a_backfill_is_not_reset_under_a_run_or_by_anyone(world: &World) {
    let given = given(world).await;
    let path = format!("/v1/sources/{}/reset-backfill", given.source);
    for role in ["maintainer", "coordinator", "member", "viewer"] {
        given.tenant.join(role, role).await.press(&path).await.problem(403, "FORBIDDEN");
    }
    world.user(&fresh("stranger")).press(&path).await.problem(404, "NOT_FOUND");
    world.forge.script(Fault::on(&given.issues, Behaviour::Hang));
    let run = given.admin.press(&given.trigger()).await.is(202);
    world.forge.wait_for(&given.issues, 1).await;

    assert_eq!(given.admin.press(&path).await.problem(409, "SYNC_IN_PROGRESS")["run_id"], run["id"]);

    world.forge.release();
    given.admin.ended(run["id"].as_str().unwrap()).await;
}

/// S2.123: closed remotely becomes closed here, also if it happened while an
/// unfinished first run waited to be taken up.
async fn what_was_closed_while_a_backfill_stood_still_is_closed_here(world: &World) {
    if !world.is_local() {
        return;
    }
    let (given, _) = a_stopped_backfill(world).await;
    world.clock.turn(SignedDuration::from_mins(1));
    given.repository.close_issue(250);
    given.repository.close_issue(1);
    world.clock.turn(SignedDuration::from_mins(30));

    given.sync(json!({})).await;
    given.sync(json!({})).await;

    let items = given.items().await;
    assert_eq!(items[&1]["state"], "closed");
}
