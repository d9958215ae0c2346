//! How the sync of a folder can end, beside well: cancelled, lost, without its folder,
//! or late.

use std::fs;

use serde_json::{Value, json};

use super::{folder_of, paths, press, run, state, status, synced, underway};
use crate::world::{World, write};

crate::scenarios![
    a_cancelled_sync_leaves_the_project_as_it_was,
    a_sync_whose_worker_is_lost_gives_way_to_the_next_trigger,
    a_folder_that_is_not_there_is_an_error_in_fixed_words,
    a_folder_that_went_away_takes_nothing_with_it,
    a_new_attempt_clears_the_error,
    an_empty_folder_is_synced_with_no_documents,
    a_folder_of_thousands_is_synced_to_its_end,
];

/// S4.11: a sync that was cancelled leaves the status that it found, an error
/// with its words too.
async fn a_cancelled_sync_leaves_the_project_as_it_was(world: &World) {
    let tenant = world.tenant().await;
    let folder = world.folder(&[]);
    let (broken, new) = (tenant.project(&folder).await, tenant.project(&folder).await);
    let developer = tenant.join("dev", "member").await;
    fs::remove_dir(&folder).unwrap();
    assert_eq!(state(&synced(&developer, &broken).await), ("error", 0));
    fs::create_dir(&folder).unwrap();

    for project in [broken, new] {
        let before = status(&developer, &project).await;
        let (run, boulder) = underway(&developer, &project, &folder).await;
        developer.press(&format!("/v1/runs/{run}/cancel")).await.is(202);
        drop(boulder);
        assert_eq!(developer.ended(&run).await["status"], "cancelled");
        assert_eq!(developer.settled(&project).await, before);
        assert_eq!(state(&synced(&developer, &project).await), ("synced", 1));
    }
}

/// S4.27: once the lease of a lost worker has ended, the next trigger proceeds.
/// What the lost worker does after all changes nothing.
async fn a_sync_whose_worker_is_lost_gives_way_to_the_next_trigger(world: &World) {
    if !world.is_local() {
        return;
    }
    let tenant = world.tenant().await;
    let folder = world.folder(&[("a.md", "# A")]);
    let project = tenant.project(&folder).await;
    let developer = tenant.join("dev", "member").await;
    let (lost, boulder) = underway(&developer, &project, &folder).await;

    // It may have a step to report yet before it meets the boulder.
    let mut answers = Vec::new();
    while answers.last() != Some(&202) && answers.len() < 4 {
        world.clock.turn(jiff::SignedDuration::from_mins(4));
        answers.push(press(&developer, &project).await.status);
    }
    assert_eq!(answers.last(), Some(&202), "{answers:?}");
    let ended = developer.ended(&lost).await;
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("failed"), &json!("LEASE_EXPIRED")));
    assert_eq!(status(&developer, &project).await["sync_status"], "syncing");

    drop(boulder);
    assert_eq!(state(&developer.settled(&project).await), ("synced", 2));
    assert_eq!(developer.ended(&lost).await, ended);
}

/// S4.8, S4.13, S4.24, S4.35, S4.37: a folder that is not there is noticed by
/// the sync, which says so and which it is.
async fn a_folder_that_is_not_there_is_an_error_in_fixed_words(world: &World) {
    let tenant = world.tenant().await;
    let folder = world.folder(&[]).join("yet to come");
    let project = tenant.project(&folder).await;
    let developer = tenant.join("dev", "member").await;

    let run = run(&developer, &project).await;
    assert_eq!(run["status"], "failed");
    assert_eq!(run["error"]["message"], "sdlc-studio path not found");
    assert_eq!(run["error"]["where"], json!(folder.to_str().unwrap()));
    let after = developer.settled(&project).await;
    assert_eq!(state(&after), ("error", 0));
    assert_eq!((&after["sync_error"], &after["last_synced_at"]), (&json!("sdlc-studio path not found"), &Value::Null));
}

/// S4.8, S4.13, S4.24: documents stay as they were when their folder goes away.
async fn a_folder_that_went_away_takes_nothing_with_it(world: &World) {
    let tenant = world.tenant().await;
    let folder = world.folder(&[("a.md", "# A"), ("b.md", "# B")]);
    let project = tenant.project(&folder).await;
    let developer = tenant.join("dev", "member").await;
    let before = synced(&developer, &project).await;

    fs::remove_dir_all(&folder).unwrap();
    let after = synced(&developer, &project).await;
    assert_eq!(state(&after), ("error", 2));
    assert_eq!((&after["sync_error"], &after["last_synced_at"]), (&json!("sdlc-studio path not found"), &before["last_synced_at"]));
    assert_eq!(paths(&developer, &project).await, ["a.md", "b.md"]);
}

/// S4.10, S4.14, S4.21, S4.25, S4.38, S4.40: a sync after an error begins
/// without it and can end well.
async fn a_new_attempt_clears_the_error(world: &World) {
    let tenant = world.tenant().await;
    let folder = world.folder(&[("a.md", "# A")]);
    let project = tenant.project(&folder).await;
    let developer = tenant.join("dev", "member").await;
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(synced(&developer, &project).await["sync_status"], "error");

    write(&folder, "a.md", "# A");
    let (_, boulder) = underway(&developer, &project, &folder).await;
    let during = status(&developer, &project).await;
    assert_eq!((&during["sync_status"], &during["sync_error"]), (&json!("syncing"), &Value::Null));

    drop(boulder);
    let after = developer.settled(&project).await;
    assert_eq!((state(&after), &after["sync_error"]), (("synced", 2), &Value::Null));
}

/// S4.28: a folder with nothing in it is synced.
async fn an_empty_folder_is_synced_with_no_documents(world: &World) {
    let tenant = world.tenant().await;
    let project = tenant.project(&world.folder(&[])).await;

    let after = synced(&tenant.admin(), &project).await;
    assert_eq!((state(&after), &after["sync_error"]), (("synced", 0), &Value::Null));
}

/// S4.29: a sync takes the time it takes.
async fn a_folder_of_thousands_is_synced_to_its_end(world: &World) {
    // The emulated table is slow, and shows nothing more with more.
    let count = if world.is_local() { 50_000 } else { 3_000 };
    let tenant = world.tenant().await;
    let project = tenant.project(&folder_of(world, count)).await;
    let admin = tenant.admin();

    let first = run(&admin, &project).await;
    assert_eq!((&first["status"], &first["results"]["created"]), (&json!("completed"), &json!(count)));
    let progress = &first["progress"];
    assert_eq!((&progress["processed"], &progress["total"], &progress["percentage"]), (&json!(count), &json!(count), &json!(100)));
    assert_eq!(state(&status(&admin, &project).await), ("synced", count as u64));

    assert_eq!(run(&admin, &project).await["results"]["skipped"], count);
    if count < 10_000 {
        assert_eq!(paths(&admin, &project).await.len(), count);
    }
}
