//! What goes away: files between two syncs, which are counted or held, and whole
//! sources.

use std::fs;

use serde_json::{Value, json};

use super::{at, documents, folder_of, paths, press, run, state, status, synced, underway};
use crate::world::{World, write};

crate::scenarios![
    a_second_sync_counts_exactly_what_changed,
    many_deletions_are_held,
    few_deletions_are_done,
    held_deletions_end_when_the_files_come_back,
    a_deleted_source_is_gone_at_once_and_its_id_stays_taken,
    a_source_is_deleted_from_under_its_sync,
];

/// S4.3, S4.9, S4.12, S4.26, S4.39: a sync from synced counts what is new, what
/// changed, what stayed and what is gone. A file that was only touched stayed.
async fn a_second_sync_counts_exactly_what_changed(world: &World) {
    let tenant = world.tenant().await;
    let folder = world.folder(&[("a.md", "# A"), ("b.md", "# B"), ("c.md", "# C"), ("d.md", "# D"), ("deep/e.md", "# E")]);
    let project = tenant.project(&folder).await;
    let developer = tenant.join("dev", "member").await;
    let none = json!({"created": 0, "updated": 0, "skipped": 0, "deleted": 0, "held_deletions": 0, "failed": 0});
    let counted = |some: Value| {
        let mut all = none.clone();
        all.as_object_mut().unwrap().extend(some.as_object().unwrap().clone());
        all
    };
    assert_eq!(run(&developer, &project).await["results"], counted(json!({"created": 5})));
    let first = status(&developer, &project).await;

    write(&folder, "a.md", "# A, revised");
    fs::remove_file(folder.join("b.md")).unwrap();
    fs::remove_file(folder.join("c.md")).unwrap();
    write(&folder, "d.md", "# D");
    write(&folder, "deep/f.md", "# F");
    let second = run(&developer, &project).await;
    assert_eq!(second["results"], counted(json!({"created": 1, "updated": 1, "skipped": 2, "deleted": 2})));
    assert_eq!(paths(&developer, &project).await, ["a.md", "d.md", "deep/e.md", "deep/f.md"]);
    assert_eq!(documents(&developer, &project).await[0]["title"], "A, revised");
    let after = status(&developer, &project).await;
    assert_eq!(state(&after), ("synced", 4));
    assert!(at(&first["last_synced_at"]) < at(&after["last_synced_at"]), "{first} {after}");

    assert_eq!(run(&developer, &project).await["results"], counted(json!({"skipped": 4})));
}

/// A project with `there` documents of which then `gone` went, after the sync
/// that met this: its status, its run, and how many documents are listed.
async fn bereft(world: &World, there: usize, gone: usize) -> (Value, Value, usize) {
    let tenant = world.tenant().await;
    let folder = folder_of(world, there);
    let project = tenant.project(&folder).await;
    let admin = tenant.admin();
    assert_eq!(state(&synced(&admin, &project).await), ("synced", there as u64));
    for number in 0..gone {
        fs::remove_file(folder.join(format!("{number:04}.md"))).unwrap();
    }
    let run = run(&admin, &project).await;
    (admin.settled(&project).await, run, paths(&admin, &project).await.len())
}

/// S4.28: over ten deletions that are over a fifth of what was there look like
/// an accident. They are held, and the sync warns.
async fn many_deletions_are_held(world: &World) {
    for (there, gone) in [(12, 12), (54, 11)] {
        let (status, run, listed) = bereft(world, there, gone).await;
        assert_eq!((state(&status), &status["held_deletions"]), (("synced", there as u64), &json!(gone)), "{gone} of {there}");
        assert_eq!(listed, there);
        assert_eq!((&run["results"]["deleted"], &run["results"]["held_deletions"]), (&json!(0), &json!(gone)), "{gone} of {there}");
        assert_eq!((&run["status"], run["warnings"].as_array().unwrap().len()), (&json!("completed_with_warnings"), 1), "{run}");
    }
}

/// S4.28: up to ten deletions, and up to a fifth of what was there, are done.
async fn few_deletions_are_done(world: &World) {
    for (there, gone) in [(20, 2), (10, 10), (55, 11), (100, 11)] {
        let (status, run, listed) = bereft(world, there, gone).await;
        assert_eq!((state(&status), listed), (("synced", (there - gone) as u64), there - gone), "{gone} of {there}");
        assert_eq!(status["held_deletions"], 0, "{gone} of {there}");
        assert_eq!((&run["results"]["deleted"], &run["results"]["held_deletions"]), (&json!(gone), &json!(0)), "{gone} of {there}");
        assert_eq!((&run["status"], &run["warnings"]), (&json!("completed"), &json!([])), "{gone} of {there}");
    }
}

/// S4.28: every listing judges anew; what is held does not add up, and ends when
/// the files are back.
async fn held_deletions_end_when_the_files_come_back(world: &World) {
    let tenant = world.tenant().await;
    let folder = folder_of(world, 12);
    let project = tenant.project(&folder).await;
    let admin = tenant.admin();
    synced(&admin, &project).await;
    let away = folder.with_extension("away");
    fs::rename(&folder, &away).unwrap();
    write(&folder, "new.md", "# New");
    for created in [1, 0] {
        let run = run(&admin, &project).await;
        assert_eq!((&run["results"]["created"], &run["results"]["held_deletions"]), (&json!(created), &json!(12)));
        let source = admin.get(&format!("/v1/sources/{project}")).await.is(200);
        assert_eq!(source["held_deletions"], 12);
    }

    fs::remove_dir_all(&folder).unwrap();
    fs::rename(&away, &folder).unwrap();
    let after = synced(&admin, &project).await;
    assert_eq!((state(&after), &after["held_deletions"]), (("synced", 12), &json!(0)));
}

/// S4.23: a deleted source is hidden before its rows are gone; its id stays
/// taken for ever.
async fn a_deleted_source_is_gone_at_once_and_its_id_stays_taken(world: &World) {
    let tenant = world.tenant().await;
    let folder = folder_of(world, 120);
    let project = tenant.project(&folder).await;
    let admin = tenant.admin();
    synced(&admin, &project).await;
    let (source, workspace) = (format!("/v1/sources/{project}"), format!("/v1/workspaces/{}", tenant.slug));

    let deletion = admin.delete(&source).await.is(202);
    for path in [source.clone(), format!("{source}/items"), format!("{source}/runs")] {
        admin.get(&path).await.problem(404, "NOT_FOUND");
    }
    admin.delete(&source).await.problem(404, "NOT_FOUND");
    admin.press(&format!("{source}/sync")).await.problem(404, "NOT_FOUND");
    assert_eq!(admin.get(&format!("{workspace}/sources")).await.is(200)["sources"], json!([]));
    assert_eq!(state(&status(&admin, &project).await), ("never_synced", 0));
    press(&admin, &project).await.problem(409, "NO_SOURCE");
    assert_eq!(paths(&admin, &project).await, Vec::<String>::new());

    let deletion = admin.ended(deletion["id"].as_str().unwrap()).await;
    assert_eq!((&deletion["status"], &deletion["results"]["deleted"]), (&json!("completed"), &json!(120)));
    let again = json!({"id": project, "kind": "documents", "path": folder.to_str().unwrap()});
    admin.post(&format!("{workspace}/sources"), again).await.problem(409, "CONFLICT");
}

/// S4.11, S4.23: deleting a source cancels the sync that is under way.
async fn a_source_is_deleted_from_under_its_sync(world: &World) {
    let tenant = world.tenant().await;
    let folder = world.folder(&[("a.md", "# A")]);
    let project = tenant.project(&folder).await;
    let admin = tenant.admin();
    synced(&admin, &project).await;
    let (run, boulder) = underway(&admin, &project, &folder).await;

    let deletion = admin.delete(&format!("/v1/sources/{project}")).await.is(202);
    assert_eq!(admin.ended(&run).await["status"], "cancelled");
    assert_eq!(admin.ended(deletion["id"].as_str().unwrap()).await["results"]["deleted"], 1);
    drop(boulder);
    assert_eq!(admin.ended(&run).await["results"]["created"], 0);
}
