//! The five stories of a sync on demand, from its answer to what can be searched.

use serde_json::{Value, json};

use super::{FILES, Given, at, counts, given, given_with, id, names, says};
use crate::git_remote::{GitRemote, many_contents, many_path, word};
use crate::world::World;

crate::scenarios![
    a_trigger_is_accepted_and_the_index_follows,
    a_second_trigger_names_the_first,
    a_full_reindex_is_of_the_named_branches_only,
    eight_changes_of_a_thousand_files_are_eight,
    what_is_pulled_is_counted_and_indexed,
];

/// S1.1–S1.8, S1.35–S1.43, S1.49, S1.51, S1.74, S1.75, S1.78, S1.85: a maintainer
/// asks with no body, is answered at once, and finds the code when the job is done.
async fn a_trigger_is_accepted_and_the_index_follows(world: &World) {
    let given = given(world, &FILES).await;
    let maintainer = given.tenant.join("mia", "maintainer").await;
    assert_eq!(given.look().await["status"], "never_synced");
    given.remote.hold();

    let accepted = maintainer.press(&given.trigger()).await.is(202);

    assert!(id(&accepted).len() == 36 && id(&accepted).as_bytes()[14] == b'7', "{accepted:#}");
    assert_eq!((accepted["status"].as_str(), accepted["repository_id"].as_str()), (Some("queued"), Some(given.source.as_str())));
    let nothing_yet = json!({"percentage": 0, "files_processed": 0, "files_total": null, "current_file": null});
    for (field, value) in nothing_yet.as_object().unwrap() {
        assert_eq!(accepted["progress"].get(field), Some(value), "{field} of {accepted:#}");
    }
    assert!(at(&accepted["created_at"]).as_millisecond() <= world.clock.now().0, "{accepted:#}");
    assert!(at(&accepted["estimated_completion"]) >= at(&accepted["created_at"]), "{accepted:#}");
    given.remote.wait_for(1).await;
    let during = given.look().await;
    assert_eq!((during["status"].as_str(), current(&during)), (Some("syncing"), Some(id(&accepted))), "{during:#}");
    assert_eq!(given.job(id(&accepted)).await["status"], "running");

    let job = given.let_go(&accepted).await;

    assert_eq!((job["status"].as_str(), counts(&job)), (Some("completed"), [3, 0, 0, 0]), "{job:#}");
    assert_eq!((&job["progress"]["percentage"], &job["progress"]["files_processed"]), (&json!(100), &json!(3)), "{job:#}");
    assert_eq!(names(&job["result"]["branches"]), ["main"]);
    let after = given.look().await;
    assert_eq!((after["status"].as_str(), &after["sync_error"], current(&after)), (Some("synced"), &Value::Null, None));
    assert!(at(&after["last_synced_at"]) >= at(&accepted["created_at"]), "{after:#}");
    assert_eq!(given.stands("main").await, (given.remote.head("main"), 3));
    assert_eq!(given.paths("open the umbrella when it rains").await[0], "src/umbrella.rs");
}

/// The job that a repository says is its current one.
fn current(repository: &Value) -> Option<&str> {
    repository["current_job"]["job_id"].as_str().or(repository["current_job"].as_str())
}

/// S1.9–S1.12, S1.48, S1.70, S1.80: while a job runs, whoever asks is told which one and
/// how far it is.
async fn a_second_trigger_names_the_first(world: &World) {
    let given = given(world, &FILES).await;
    let first = given.held(json!({})).await;

    let answers = futures::future::join_all((0..10).map(|_| given.ask(json!({"force": false})))).await;

    for answer in answers {
        let problem = answer.problem(409, "SYNC_IN_PROGRESS");
        says(&problem, "Sync already in progress");
        assert_eq!((problem["job_id"].as_str(), &problem["progress"]["percentage"]), (Some(id(&first)), &json!(0)), "{problem:#}");
        for field in ["files_processed", "files_total", "current_file"] {
            assert!(problem["progress"].get(field).is_some(), "{field} of {problem:#}");
        }
    }
    assert_eq!(given.let_go(&first).await["status"], "completed");
    assert_eq!(given.indexed(json!({})).await["status"], "completed");
}

/// S1.13–S1.16: two of three branches are cleared and indexed anew; the third is as it
/// was, though its remote went on.
async fn a_full_reindex_is_of_the_named_branches_only(world: &World) {
    let given = given_with(world, three_branches().await, json!({"branches": ["main", "develop", "release"]})).await;
    let all = ["main", "develop", "release"];
    given.indexed(json!({"branches": all})).await;
    let (released, _) = given.stands("release").await;
    for branch in all {
        given.remote.commit(branch, &[(&format!("src/late_{branch}.rs"), Some("/// Paints the lighthouse.\npub fn paint() {}\n"))], "Late");
    }

    let accepted = given.accepted(json!({"force": true, "full_reindex": true, "branches": ["main", "develop"]})).await;

    assert!(at(&accepted["estimated_completion"]) >= at(&accepted["created_at"]), "{accepted:#}");
    let job = given.ended(id(&accepted)).await;
    assert_eq!((job["status"].as_str(), names(&job["result"]["branches"])), (Some("completed"), vec!["develop", "main"]), "{job:#}");
    let result = &job["result"];
    assert!(result["chunks_cleared"].as_u64() >= Some(3) && result["chunks_embedded"].as_u64() >= Some(4), "{job:#}");
    for branch in ["main", "develop"] {
        assert_eq!(given.stands(branch).await.0, given.remote.head(branch));
        assert!(given.paths_of("paint the lighthouse", branch).await.contains(&format!("src/late_{branch}.rs")));
    }
    assert_eq!(given.stands("release").await.0, released);
    assert!(!given.paths_of("paint the lighthouse", "release").await.contains("src/late_release.rs"));
    assert!(given.paths_of("open the umbrella when it rains", "release").await.contains("src/umbrella.rs"));
}

/// The three files on three branches.
async fn three_branches() -> GitRemote {
    let remote = GitRemote::with(&FILES).await;
    remote.branch("develop", "main");
    remote.branch("release", "main");
    remote
}

/// S1.18–S1.21, S1.42, S1.55, S1.72, S1.79: of a thousand files those that changed are
/// touched, in less time: five new, three other, one gone, and one by another name, which
/// is one gone and one new.
async fn eight_changes_of_a_thousand_files_are_eight(world: &World) {
    let (given, first) = thousand(world).await;
    let added: Vec<String> = (1_000..1_005).map(many_path).collect();
    let fives: Vec<String> = (1_000..1_005).map(many_contents).collect();
    let mut changes: Vec<(&str, Option<&str>)> =
        added.iter().zip(&fives).map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    let modified: Vec<String> = [3, 500, 998].map(many_path).to_vec();
    changes.extend(modified.iter().map(|path| (path.as_str(), Some("/// Feeds the pelican at noon.\npub fn feed() {}\n"))));
    let (gone, from) = (many_path(77), many_path(640));
    changes.push((&gone, None));
    given.remote.commit("main", &changes, "Ten changes");
    given.remote.rename("main", &from, "src/renamed.rs");

    let accepted = given.accepted(json!({})).await;

    assert!(accepted["progress"]["files_total"].is_u64(), "a manifest is there: {accepted:#}");
    let job = given.ended(id(&accepted)).await;
    assert_eq!((job["status"].as_str(), counts(&job)), (Some("completed"), [6, 3, 2, 995]), "{job:#}");
    let result = &job["result"];
    let embedded = result["chunks_embedded"].as_u64().unwrap();
    // What was only renamed may be known by its contents.
    assert!((8..=9).contains(&embedded) && result["chunks_kept"].as_u64() >= Some(995), "{job:#}");
    assert!(took(&given, &job).await < took(&given, &first).await, "{first:#} {job:#}");
    assert_eq!(given.stands("main").await, (given.remote.head("main"), 1_004));
    assert_eq!(given.paths(&word(1_003)).await[0], many_path(1_003));
    assert!(given.paths("feed the pelican at noon").await[..3].iter().all(|path| modified.contains(path)));
    assert!(!given.paths(&word(77)).await.contains(&gone));
    let renamed = given.paths(&word(640)).await;
    assert!(renamed[0] == "src/renamed.rs" && !renamed.contains(&from), "{renamed:?}");
    assert_eq!(given.paths(&word(123)).await[0], many_path(123));
}

/// A thousand files that were indexed.
async fn thousand(world: &World) -> (Given<'_>, Value) {
    let remote = GitRemote::start().await;
    remote.many("main", 1_000);
    let given = given_with(world, remote, json!({})).await;
    let job = given.indexed(json!({})).await;
    assert_eq!(counts(&job), [1_000, 0, 0, 0], "{job:#}");
    (given, job)
}

/// How long the worker was at it.
async fn took(given: &Given<'_>, job: &Value) -> jiff::SignedDuration {
    let run = given.admin.get(&format!("/v1/runs/{}", id(job))).await.is(200);
    at(&run["finished_at"]).duration_since(at(&run["started_at"]))
}

/// S1.22–S1.25: what the remote has that the index had not is fetched first, counted
/// in commits, and found.
async fn what_is_pulled_is_counted_and_indexed(world: &World) {
    let given = given(world, &FILES).await;
    given.indexed(json!({})).await;
    for number in 1..=3 {
        given.remote.commit("main", &[(&format!("src/whale_{number}.rs"), Some("/// Counts the whales.\npub fn count() {}\n"))], "A whale");
    }
    let body = json!({"pull_remote": true, "remote": "origin", "branch": "main"});
    given.remote.hold();
    let before = given.remote.asked().len();
    let accepted = given.accepted(body.clone()).await;
    given.remote.wait_for(before + 1).await;
    let during = given.job(id(&accepted)).await;
    assert!(during["pulled_commits"].is_null() && during["result"]["pulled_commits"].is_null(), "{during:#}");

    let job = given.let_go(&accepted).await;

    assert_eq!((job["status"].as_str(), &job["result"]["pulled_commits"]), (Some("completed"), &json!(3)), "{job:#}");
    assert_eq!(counts(&job), [3, 0, 0, 3]);
    assert!(given.paths("count the whales").await[0].starts_with("src/whale_"));
    assert_eq!(given.indexed(body).await["result"]["pulled_commits"], 0);
}
