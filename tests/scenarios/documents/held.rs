//! Deletions that are held until someone decides: what is shown of them, who
//! decides, and what becomes of what.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{folder_of, paths, run, state, status, synced, underway};
use crate::world::{Session, Tenant, World, fresh, write};

crate::scenarios![
    what_is_held_can_be_looked_at,
    held_deletions_are_done_once_approved,
    discarded_deletions_are_not_spoken_of_again,
    what_was_discarded_counts_no_more,
    what_came_back_is_not_deleted,
    what_is_there_is_not_deleted_though_it_was_approved,
    what_an_incomplete_listing_shows_is_not_held,
    each_listing_judges_anew_what_is_held,
    who_may_sync_may_decide,
    a_sync_that_is_under_way_decides_first,
    of_many_decisions_one_is_taken,
    a_decision_mends_no_error,
];

/// A project with so many documents of which these then went, which is held.
async fn withholding(world: &World, tenant: &Tenant<'_>, there: usize, gone: Range<usize>) -> (PathBuf, String) {
    let folder = folder_of(world, there);
    let project = tenant.project(&folder).await;
    synced(&tenant.admin(), &project).await;
    let count = gone.len();
    remove(&folder, gone);
    let run = run(&tenant.admin(), &project).await;
    assert_eq!((&run["results"]["held_deletions"], run["warnings"][0]["code"].as_str()), (&json!(count), Some("DELETIONS_HELD")));
    assert_eq!(run["status"], "completed_with_warnings");
    (folder, project)
}

fn remove(folder: &Path, numbers: Range<usize>) {
    for name in names(numbers) {
        fs::remove_file(folder.join(name)).unwrap();
    }
}

/// Puts files back as they were.
fn put_back(folder: &Path, numbers: Range<usize>) {
    for number in numbers {
        write(folder, &format!("{number:04}.md"), &format!("# Document {number}"));
    }
}

fn names(numbers: Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("{number:04}.md")).collect()
}

fn place(project: &str) -> String {
    format!("/v1/sources/{project}/held-deletions")
}

async fn source(who: &Session<'_>, project: &str) -> Value {
    who.get(&format!("/v1/sources/{project}")).await.is(200)
}

/// How many deletions are held, of which both the source and the list must know.
async fn held(who: &Session<'_>, project: &str) -> u64 {
    let (source, list) = (source(who, project).await, who.get(&place(project)).await.is(200));
    assert_eq!(source["held_deletions"], list["count"]);
    assert_eq!(list["items"].as_array().unwrap().is_empty(), list["count"] == 0, "{list:#}");
    list["count"].as_u64().unwrap()
}

/// The run that a decision comes to, once it has ended.
async fn decided(who: &Session<'_>, project: &str, decision: &str) -> Value {
    let accepted = who.post(&place(project), json!({"decision": decision})).await.is(202);
    assert_eq!(accepted["work"], json!(format!("{decision}_deletions")), "{accepted:#}");
    let ended = who.ended(accepted["id"].as_str().unwrap()).await;
    assert_eq!((ended["status"].as_str(), &ended["warnings"]), (Some("completed"), &json!([])), "{ended:#}");
    ended
}

/// Created, deleted and held by a run that has ended, and how it ended.
fn outcome(run: &Value) -> (u64, u64, u64, &str) {
    let [created, deleted, held] = ["created", "deleted", "held_deletions"].map(|name| run["results"][name].as_u64().unwrap());
    (created, deleted, held, run["status"].as_str().unwrap())
}

/// S4.28: the items themselves, page by page, for whoever may see the source.
async fn what_is_held_can_be_looked_at(world: &World) {
    let tenant = world.tenant().await;
    let (_, project) = withholding(world, &tenant, 20, 0..12).await;
    let viewer = tenant.join("viewer", "viewer").await;

    let (mut listed, mut cursor, mut sizes) = (Vec::new(), String::new(), Vec::new());
    loop {
        let page = viewer.get(&format!("{}?limit=5{cursor}", place(&project))).await.is(200);
        assert_eq!(page["count"], 12);
        let items = page["items"].as_array().unwrap();
        sizes.push(items.len());
        listed.extend(items.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }

    assert!(sizes.iter().all(|size| *size <= 5), "{sizes:?}");
    let items = viewer.items(&project).await;
    assert!(listed.iter().all(|item| items.contains(item)), "an item looks otherwise here: {listed:#?}");
    let mut shown: Vec<&str> = listed.iter().map(|item| item["path"].as_str().unwrap()).collect();
    shown.sort_unstable();
    assert_eq!(shown, names(0..12));
    assert_eq!(held(&viewer, &project).await, 12);
    for wrong in ["limit=0", "limit=101", "cursor=%21", "page=2"] {
        viewer.get(&format!("{}?{wrong}", place(&project))).await.problem(400, "VALIDATION_FAILED");
    }
}

/// S4.28: what is held is deleted when someone says so, and nothing else. That is
/// no sync: no cooldown hinders it, and it starts none.
async fn held_deletions_are_done_once_approved(world: &World) {
    let tenant = world.tenant().await;
    let (_, project) = withholding(world, &tenant, 20, 0..12).await;
    let (admin, developer) = (tenant.admin(), tenant.join("dev", "member").await);
    admin.patch(&format!("/v1/workspaces/{}", tenant.slug), json!({"cooldowns": {"documents": "PT1H"}})).await.is(200);
    admin.sync(&project, json!({})).await;
    let before = source(&admin, &project).await;
    assert!(before["cooldown_until"].is_string(), "{before:#}");

    let run = decided(&developer, &project, "approve").await;

    assert_eq!((outcome(&run), run["triggered_by"].as_str()), ((0, 12, 0, "completed"), Some(&*tenant.name("dev"))));
    assert_eq!(paths(&admin, &project).await, names(12..20));
    let after = source(&admin, &project).await;
    for field in ["status", "sync_error", "cooldown_until", "current_run"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    assert_eq!((held(&admin, &project).await, state(&status(&admin, &project).await)), (0, ("synced", 8)));
}

/// S4.28: what is discarded stays, and no sync speaks of it, until it was there
/// again and goes once more.
async fn discarded_deletions_are_not_spoken_of_again(world: &World) {
    let tenant = world.tenant().await;
    let (folder, project) = withholding(world, &tenant, 20, 0..12).await;
    let admin = tenant.admin();

    assert_eq!(outcome(&decided(&admin, &project, "discard").await), (0, 0, 0, "completed"));

    assert_eq!(held(&admin, &project).await, 0);
    for _ in 0..2 {
        let run = run(&admin, &project).await;
        assert_eq!((outcome(&run), &run["warnings"]), ((0, 0, 0, "completed"), &json!([])));
    }
    assert_eq!(state(&status(&admin, &project).await), ("synced", 20));
    put_back(&folder, 0..12);
    assert_eq!(outcome(&run(&admin, &project).await), (0, 0, 0, "completed"));
    remove(&folder, 0..12);
    assert_eq!(outcome(&run(&admin, &project).await), (0, 0, 12, "completed_with_warnings"));
    assert_eq!((held(&admin, &project).await, paths(&admin, &project).await.len()), (12, 20));
}

/// S4.28: what was discarded neither makes few deletions look like many nor is
/// deleted with others that are approved.
async fn what_was_discarded_counts_no_more(world: &World) {
    let tenant = world.tenant().await;
    let (folder, project) = withholding(world, &tenant, 40, 0..12).await;
    let admin = tenant.admin();
    decided(&admin, &project, "discard").await;

    remove(&folder, 12..15);
    assert_eq!(outcome(&run(&admin, &project).await), (0, 3, 0, "completed"));
    remove(&folder, 15..40);
    assert_eq!(outcome(&run(&admin, &project).await), (0, 0, 25, "completed_with_warnings"));

    assert_eq!(held(&admin, &project).await, 25);
    assert_eq!(outcome(&decided(&admin, &project, "approve").await), (0, 25, 0, "completed"));
    assert_eq!(paths(&admin, &project).await, names(0..12));
}

/// S4.28: who approves means what is gone by the latest listing.
async fn what_came_back_is_not_deleted(world: &World) {
    let tenant = world.tenant().await;
    let (folder, project) = withholding(world, &tenant, 20, 0..14).await;
    let admin = tenant.admin();
    put_back(&folder, 0..2);
    assert_eq!(outcome(&run(&admin, &project).await), (0, 0, 12, "completed_with_warnings"));
    assert_eq!(held(&admin, &project).await, 12);

    assert_eq!(outcome(&decided(&admin, &project, "approve").await), (0, 12, 0, "completed"));

    assert_eq!(paths(&admin, &project).await, [names(0..2), names(14..20)].concat());
    assert_eq!(outcome(&run(&admin, &project).await), (0, 0, 0, "completed"));
}

/// S4.28: nobody means a file that lies there by now, whatever the latest listing
/// missed.
async fn what_is_there_is_not_deleted_though_it_was_approved(world: &World) {
    let tenant = world.tenant().await;
    let (folder, project) = withholding(world, &tenant, 20, 0..14).await;
    let admin = tenant.admin();
    put_back(&folder, 0..2);

    assert_eq!(outcome(&decided(&admin, &project, "approve").await), (0, 12, 0, "completed"));

    assert_eq!((held(&admin, &project).await, paths(&admin, &project).await), (0, [names(0..2), names(14..20)].concat()));
}

/// S4.28: a listing that proves nothing about what is absent still shows what is
/// there.
async fn what_an_incomplete_listing_shows_is_not_held(world: &World) {
    let tenant = world.tenant().await;
    let (folder, project) = withholding(world, &tenant, 20, 0..14).await;
    let admin = tenant.admin();
    let closed = folder.join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(&closed).is_ok() {
        return; // Nothing is closed to root.
    }
    put_back(&folder, 0..2);

    run(&admin, &project).await;

    assert_eq!(held(&admin, &project).await, 12);
}

/// S4.28: if so much came back that few are missing, those few are deleted like
/// any few, and there is nothing left to decide.
async fn each_listing_judges_anew_what_is_held(world: &World) {
    let tenant = world.tenant().await;
    let (folder, project) = withholding(world, &tenant, 20, 0..14).await;
    let admin = tenant.admin();

    put_back(&folder, 0..7);
    assert_eq!(outcome(&run(&admin, &project).await), (0, 7, 0, "completed"));

    assert_eq!((held(&admin, &project).await, paths(&admin, &project).await.len()), (0, 13));
    for decision in ["approve", "discard"] {
        admin.post(&place(&project), json!({"decision": decision})).await.problem(409, "CONFLICT");
    }
}

/// S4.28: to decide is for those who may sync such a source, and for nobody else;
/// and there are two decisions.
async fn who_may_sync_may_decide(world: &World) {
    let (tenant, elsewhere) = (world.tenant().await, world.tenant().await);
    let (_, project) = withholding(world, &tenant, 12, 0..12).await;
    let (path, approve) = (place(&project), json!({"decision": "approve"}));
    tenant.join("viewer", "viewer").await.post(&path, approve.clone()).await.problem(403, "FORBIDDEN");
    for stranger in [elsewhere.admin(), world.user(&fresh("stranger"))] {
        stranger.get(&path).await.problem(404, "NOT_FOUND");
        stranger.post(&path, approve.clone()).await.problem(404, "NOT_FOUND");
    }
    world.nobody().get(&path).await.problem(401, "UNAUTHENTICATED");
    world.nobody().post(&path, approve).await.problem(401, "UNAUTHENTICATED");
    for wrong in [json!({"decision": "maybe"}), json!({"decision": null}), json!({}), json!({"decision": "approve", "really": true})] {
        tenant.admin().post(&path, wrong).await.problem(400, "VALIDATION_FAILED");
    }
    assert_eq!(held(&tenant.admin(), &project).await, 12);

    for role in ["maintainer", "coordinator", "member"] {
        let (_, project) = withholding(world, &tenant, 12, 0..12).await;
        decided(&tenant.join(role, role).await, &project, "discard").await;
        assert_eq!(held(&tenant.admin(), &project).await, 0, "{role}");
    }
}

/// S4.28: while a sync lists the folder anew, there is nothing to decide on yet.
async fn a_sync_that_is_under_way_decides_first(world: &World) {
    let tenant = world.tenant().await;
    let (folder, project) = withholding(world, &tenant, 20, 0..12).await;
    let admin = tenant.admin();
    let (run, boulder) = underway(&admin, &project, &folder).await;

    for decision in ["approve", "discard"] {
        let refused = admin.post(&place(&project), json!({"decision": decision})).await.problem(409, "SYNC_IN_PROGRESS");
        assert_eq!(refused["run_id"], json!(run));
    }

    drop(boulder);
    assert_eq!(outcome(&admin.ended(&run).await), (1, 0, 12, "completed_with_warnings"));
    assert_eq!(outcome(&decided(&admin, &project, "approve").await), (0, 12, 0, "completed"));
}

/// S4.28: who decides at the same instant as others decides alone.
async fn of_many_decisions_one_is_taken(world: &World) {
    let tenant = world.tenant().await;
    let (_, project) = withholding(world, &tenant, 20, 0..12).await;
    let (admin, path) = (tenant.admin(), place(&project));

    let asked = (0..10).map(|number| json!({"decision": if number % 2 == 0 { "approve" } else { "discard" }}));
    let answers = futures::future::join_all(asked.map(|decision| admin.post(&path, decision))).await;

    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 202);
    assert_eq!(taken.len(), 1, "{taken:?}");
    let codes: BTreeSet<&str> = refused.iter().map(|answer| answer.body["code"].as_str().unwrap()).collect();
    assert!(codes.is_subset(&BTreeSet::from(["CONFLICT", "SYNC_IN_PROGRESS"])), "{codes:?}");
    let run = admin.ended(taken[0].body["id"].as_str().unwrap()).await;
    let left = if run["work"] == "approve_deletions" { 8 } else { 20 };
    assert_eq!((held(&admin, &project).await, paths(&admin, &project).await.len()), (0, left), "{run:#}");
}

/// S4.28: a folder that cannot be read says nothing of what is gone from it; and
/// what is decided then mends no error.
async fn a_decision_mends_no_error(world: &World) {
    let tenant = world.tenant().await;
    let (folder, project) = withholding(world, &tenant, 20, 0..12).await;
    let admin = tenant.admin();
    fs::rename(&folder, folder.with_extension("away")).unwrap();
    let before = synced(&admin, &project).await;
    assert_eq!((state(&before), &before["held_deletions"]), (("error", 20), &json!(12)));

    assert_eq!(outcome(&decided(&admin, &project, "approve").await), (0, 12, 0, "completed"));

    let after = status(&admin, &project).await;
    assert_eq!((state(&after), &after["sync_error"]), (("error", 8), &before["sync_error"]));
    assert_eq!(paths(&admin, &project).await, names(12..20));
}
