//! The same jobs by other doors: native runs, workspaces, schedules' words.

use serde_json::{Value, json};

use super::{FILES, MOST_LOOKS, counts, given, given_with, id, made, passes, with, wrong_at};
use crate::git_remote::GitRemote;
use crate::world::{World, fresh};

crate::scenarios![
    a_job_is_a_run,
    a_run_is_a_job,
    both_doors_lead_to_one_sync,
    a_workspace_indexes_what_it_monitors,
    a_broken_repository_does_not_stop_the_workspace,
    a_failed_job_is_asked_for_again,
    this_surface_knows_no_cooldown,
    an_index_is_made_of_what_it_needs,
    a_path_lies_under_the_roots,
];

/// S1.7, S1.35: the job's id is the run's, and both tell the same.
async fn a_job_is_a_run(world: &World) {
    let given = given(world, &FILES).await;
    let held = given.held(json!({})).await;
    let path = format!("/v1/runs/{}", id(&held));

    let run = given.admin.get(&path).await.is(200);

    let expected = json!({"id": id(&held), "workspace": given.tenant.slug, "source": given.source, "kind": "index", "status": "running",
        "trigger": "manual", "triggered_by": given.tenant.name("admin"), "finished_at": null, "error": null});
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(run.get(field), Some(value), "{field}");
    }
    assert_eq!(run["created_at"], held["created_at"]);
    let source = given.admin.get(&format!("/v1/sources/{}", given.source)).await.is(200);
    assert_eq!((source["status"].as_str(), &source["current_run"]), (Some("syncing"), &held["job_id"]));

    given.let_go(&held).await;
    let run = given.admin.get(&path).await.is(200);
    assert_eq!((run["status"].as_str(), &run["progress"]["unit"]), (Some("completed"), &json!("files")), "{run:#}");
    assert_eq!((&run["results"]["created"], &run["results"]["failed"]), (&json!(3), &json!(0)), "{run:#}");
    assert_eq!((&run["progress"]["percentage"], &run["progress"]["processed"]), (&json!(100), &json!(3)), "{run:#}");
    let source = given.admin.get(&format!("/v1/sources/{}", given.source)).await.is(200);
    assert_eq!((source["status"].as_str(), &source["current_run"]), (Some("synced"), &Value::Null));
    assert!(source["last_synced_at"].is_string() && source["credential"]["set"] != json!(true), "{source:#}");
}

/// S1.2, S1.44: the native door takes this surface's options, and its run is a job here.
async fn a_run_is_a_job(world: &World) {
    let given = given(world, &FILES).await;
    let native = format!("/v1/sources/{}/sync", given.source);
    given.indexed(json!({})).await;
    let body = json!({"full_reindex": true, "branches": ["main"], "ignore_patterns": ["docs/"], "pull_remote": true});

    let accepted = given.admin.post(&native, body.clone()).await.is(202);

    assert_eq!((accepted["outcome"].as_str(), accepted["kind"].as_str()), (Some("accepted"), Some("index")), "{accepted:#}");
    let run = accepted["id"].as_str().unwrap();
    let job = given.ended(run).await;
    assert_eq!((job["job_id"].as_str(), job["status"].as_str()), (Some(run), Some("completed")), "{job:#}");
    for (name, value) in body.as_object().unwrap() {
        assert_eq!(job["options"].get(name), Some(value), "{name} of {job:#}");
    }
    // `full` is the native word for it.
    let full = given.admin.sync(&given.source, json!({"full": true})).await;
    assert!(given.job(full["id"].as_str().unwrap()).await["result"]["chunks_cleared"].as_u64() >= Some(2), "{full:#}");
    for wrong in [json!({"remote": "elsewhere"}), json!({"branch": "main", "branches": ["main"]}), json!({"branches": "main"})] {
        wrong_at(given.admin.post(&native, wrong).await);
    }
    // What is an index's is no other kind's.
    let other = given.tenant.repository(&format!("acme/{}", fresh("web"))).await;
    wrong_at(given.admin.post(&format!("/v1/sources/{other}/sync"), json!({"full_reindex": true})).await);
}

/// S1.9, S1.11: there is one job at a time, whoever asked where.
async fn both_doors_lead_to_one_sync(world: &World) {
    let given = given(world, &FILES).await;
    let native = format!("/v1/sources/{}/sync", given.source);
    let held = given.held(json!({})).await;

    let refused = given.admin.press(&native).await.problem(409, "SYNC_IN_PROGRESS");
    assert_eq!(refused["run_id"], held["job_id"], "{refused:#}");
    given.admin.press(&format!("/v1/runs/{}/cancel", id(&held))).await.is(202);
    assert_eq!(given.let_go(&held).await["status"], "cancelled");

    assert_eq!(given.admin.sync(&given.source, json!({})).await["status"], "completed");
    let repository = given.look().await;
    assert_eq!(repository["status"], "synced", "{repository:#}");
    assert_eq!(given.paths("open the umbrella when it rains").await[0], "src/umbrella.rs");
}

/// The run of the whole workspace, once it has ended, and its children.
async fn refreshed(world: &World, given: &super::Given<'_>) -> (Value, Vec<Value>) {
    let path = format!("/api/workspaces/{}/sync/trigger", given.tenant.slug);
    let accepted = given.admin.post(&path, json!({"scope": "WORKSPACE"})).await.is(202);
    let run = accepted["runId"].as_str().unwrap();
    for _ in 0..MOST_LOOKS {
        let found = given.admin.get(&format!("/v1/runs/{run}?wait=PT1S")).await.is(200);
        if found["finished_at"].is_string() {
            let children = given.admin.get(&format!("/v1/runs/{run}/children")).await.is(200);
            return (found, children["children"].as_array().unwrap().clone());
        }
        passes(world, 1).await;
    }
    panic!("run {run} never ended");
}

/// S0.16: indexes have their turn beside the repositories of forges, unless nobody
/// monitors them; each branch of a source is taken in.
async fn a_workspace_indexes_what_it_monitors(world: &World) {
    let remote = GitRemote::with(&FILES).await;
    remote.branch("develop", "main");
    let given = given_with(world, remote, json!({"branches": ["main", "develop"]})).await;
    let forge = format!("acme/{}", fresh("web"));
    world.forge.repository(&forge);
    let repository = given.tenant.repository(&forge).await;
    let unmonitored = made(&given.tenant, &given.remote, json!({"monitored": false})).await;

    let (run, children) = refreshed(world, &given).await;

    assert_eq!(run["status"], "completed", "{run:#}");
    let mut sources: Vec<&str> = children.iter().map(|child| child["source"].as_str().unwrap()).collect();
    sources.sort_unstable();
    let mut expected = [given.source.as_str(), repository.as_str()];
    expected.sort_unstable();
    assert_eq!(sources, expected);
    assert_eq!(given.look().await["status"], "synced");
    for branch in ["main", "develop"] {
        assert_eq!(given.stands(branch).await, (given.remote.head(branch), 3));
    }
    let left = given.admin.get(&format!("/api/repositories/{unmonitored}")).await.is(200);
    assert_eq!(left["status"], "never_synced");
    let child = children.iter().find(|child| child["source"] == json!(given.source)).unwrap();
    assert_eq!(given.job(child["run"]["id"].as_str().unwrap()).await["status"], "completed");
}

/// S0.16: the others go on.
async fn a_broken_repository_does_not_stop_the_workspace(world: &World) {
    let given = given(world, &FILES).await;
    let broken = GitRemote::with(&FILES).await;
    broken.fails_with(404);
    let beside = made(&given.tenant, &broken, json!({})).await;

    let (run, children) = refreshed(world, &given).await;

    assert_eq!((run["status"].as_str(), children.len()), (Some("completed_with_warnings"), 2), "{run:#}");
    assert_eq!(run["children"], json!({"total": 2, "done": 2, "failed": 1}), "{run:#}");
    assert_eq!(given.look().await["status"], "synced");
    assert_eq!(given.admin.get(&format!("/api/repositories/{beside}")).await.is(200)["status"], "error");
}

/// S1.52: a retry has the wishes of the job it repeats.
async fn a_failed_job_is_asked_for_again(world: &World) {
    let given = given(world, &FILES).await;
    given.remote.fails_with(404);
    let failed = given.sync(json!({"branch": "main", "ignore_patterns": ["docs/"]})).await;
    assert_eq!(failed["status"], "failed", "{failed:#}");
    given.remote.recovers();

    let again = given.admin.press(&format!("/v1/runs/{}/retry", id(&failed))).await.is(202);

    let job = given.ended(again["id"].as_str().unwrap()).await;
    assert_eq!((job["status"].as_str(), counts(&job)), (Some("completed"), [2, 0, 0, 0]), "{job:#}");
    assert_eq!(job["options"], failed["options"]);
    assert_eq!(given.job(id(&failed)).await, failed);
}

/// S1.48: whoever changed something may have it indexed at once, as often as they
/// like.
async fn this_surface_knows_no_cooldown(world: &World) {
    let given = given(world, &FILES).await;
    for _ in 0..3 {
        given.indexed(json!({})).await;
    }
    let source = given.admin.get(&format!("/v1/sources/{}", given.source)).await.is(200);
    assert_eq!(source["cooldown_until"], Value::Null, "{source:#}");
}

/// Answers 400 that name what an index lacks, and what it cannot have.
async fn an_index_is_made_of_what_it_needs(world: &World) {
    let tenant = world.tenant().await;
    let (admin, sources) = (tenant.admin(), format!("/v1/workspaces/{}/sources", tenant.slug));
    let git = json!({"url": "https://git.example.com/acme/web.git"});
    let table = [
        (json!({"git": null}), "git"),
        (json!({"git": {}}), "git"),
        (json!({"git": {"url": ""}}), "git.url"),
        (json!({"git": {"url": "ftp://git.example.com/acme/web.git"}}), "git.url"),
        (json!({"git": {"url": "ext::sh -c whoami"}}), "git.url"),
        (json!({"git": {"url": "--upload-pack=whoami"}}), "git.url"),
        (json!({"git": {"url": "https://10.0.0.7/acme/web.git"}}), "git.url"),
        (json!({"git": {"url": "https://169.254.169.254/acme/web.git"}}), "git.url"),
        (json!({"branches": "main"}), "branches"),
        (json!({"branches": [""]}), "branches"),
        (json!({"ignore_patterns": "*.pyc"}), "ignore_patterns"),
        (json!({"repository": "acme/web"}), "repository"),
        (json!({"path": "/srv"}), "path"),
    ];
    for (change, at) in table {
        let body = with(json!({"id": fresh("index"), "kind": "index", "git": git}), change);
        let said = wrong_at(admin.post(&sources, body.clone()).await);
        assert!(said.iter().any(|said| said.starts_with(at)), "{body}: {said:?}");
    }
    assert_eq!(admin.get(&sources).await.is(200)["sources"], json!([]));

    let remote = GitRemote::with(&FILES).await;
    let source = made(&tenant, &remote, json!({"branches": ["main"], "ignore_patterns": ["*.pyc"]})).await;
    let shown = admin.get(&format!("/v1/sources/{source}")).await.is(200);
    let expected = json!({"kind": "index", "git": {"url": remote.url(), "remote": "origin"}, "branches": ["main"], "ignore_patterns": ["*.pyc"],
        "monitored": true, "status": "never_synced"});
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(shown.get(field), Some(value), "{field} of {shown:#}");
    }
}

/// A path that no root allows is refused when it is given, and nothing is said of what
/// lies there.
async fn a_path_lies_under_the_roots(world: &World) {
    let tenant = world.tenant().await;
    let sources = format!("/v1/workspaces/{}/sources", tenant.slug);
    for path in ["/nowhere/acme/web", "/etc", "/", "/proc/self/root", "file:///etc"] {
        let body = json!({"id": fresh("index"), "kind": "index", "git": {"url": path}});
        let said = wrong_at(tenant.admin().post(&sources, body).await);
        assert!(said.contains("git.url"), "{path}: {said:?}");
    }
}
