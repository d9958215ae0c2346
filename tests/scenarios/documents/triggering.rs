//! A sync of a folder is asked for: what is accepted, what is refused, and what the
//! status says meanwhile.

use serde_json::{Value, json};

use super::{Boulder, at, paths, press, runs, state, status, synced, underway};
use crate::world::{Answer, World, fresh};

crate::scenarios![
    a_trigger_is_accepted_at_once,
    an_unknown_project_is_not_found,
    a_project_without_a_folder_has_nothing_to_sync,
    a_documents_source_is_a_project_of_its_id,
    a_source_of_another_kind_is_no_project,
    a_sync_goes_from_never_synced_over_syncing_to_synced,
    while_a_sync_runs_every_other_trigger_is_refused,
    the_native_surface_meets_the_same_sync,
    a_repeated_request_is_the_same_sync,
    the_options_of_a_trigger_hold_here_too,
    this_surface_knows_no_cooldown,
];

/// S4.1, S4.2, S4.3, S4.30, S4.43: a project that was never synced is synced on
/// demand, by whoever asked.
async fn a_trigger_is_accepted_at_once(world: &World) {
    let tenant = world.tenant().await;
    let project = tenant.project(&world.folder(&[("a.md", "# A"), ("deep/b.md", "no heading")])).await;
    let developer = tenant.join("dev", "member").await;

    let answer = press(&developer, &project).await;
    assert_eq!(answer.is(202), json!({"slug": project, "sync_status": "syncing", "message": "Sync started"}));

    assert_eq!(state(&developer.settled(&project).await), ("synced", 2));
    let run = &runs(&developer, &project).await[0];
    assert_eq!((&run["trigger"], &run["triggered_by"]), (&json!("manual"), &json!(tenant.name("dev"))));
}

/// S4.1, S4.23, S4.31: a slug that names nothing is not found.
async fn an_unknown_project_is_not_found(world: &World) {
    let tenant = world.tenant().await;
    let developer = tenant.join("dev", "member").await;
    let path = format!("/api/v1/projects/{}", fresh("nothing"));

    developer.press(&format!("{path}/sync")).await.problem(404, "NOT_FOUND");
    developer.get(&path).await.problem(404, "NOT_FOUND");
    developer.get(&format!("{path}/documents")).await.problem(404, "NOT_FOUND");
}

/// S4.5, S4.20, S4.21, S4.22: a project can be made without a folder; it was
/// never synced and cannot be.
async fn a_project_without_a_folder_has_nothing_to_sync(world: &World) {
    let tenant = world.tenant().await;
    let (admin, project) = (tenant.admin(), fresh("plan"));
    admin.post(&format!("/v1/workspaces/{}/projects", tenant.slug), json!({"id": project, "name": "A plan"})).await.is(201);

    let shown = status(&admin, &project).await;
    assert_eq!((&shown["slug"], &shown["name"]), (&json!(project), &json!("A plan")));
    assert_eq!(state(&shown), ("never_synced", 0));
    assert_eq!((&shown["sync_error"], &shown["last_synced_at"]), (&Value::Null, &Value::Null));

    press(&admin, &project).await.problem(409, "NO_SOURCE");
    assert_eq!(status(&admin, &project).await, shown);
    assert_eq!(paths(&admin, &project).await, Vec::<String>::new());
}

/// S4.1, S4.17: the id of a documents source is a project's slug, however it was
/// made.
async fn a_documents_source_is_a_project_of_its_id(world: &World) {
    let tenant = world.tenant().await;
    let (admin, id) = (tenant.admin(), fresh("docs"));
    let body = json!({"id": id, "kind": "documents", "path": world.folder(&[("a.md", "# A")]).to_str().unwrap()});
    admin.post(&format!("/v1/workspaces/{}/sources", tenant.slug), body).await.is(201);

    assert_eq!(state(&status(&admin, &id).await), ("never_synced", 0));
    assert_eq!(state(&synced(&admin, &id).await), ("synced", 1));
}

/// S4.23: what is not a folder of documents is no project, so that nobody gets
/// around its cooldown here.
async fn a_source_of_another_kind_is_no_project(world: &World) {
    let tenant = world.tenant().await;
    let source = tenant.repository(&format!("acme/{}", fresh("other"))).await;

    press(&tenant.admin(), &source).await.problem(404, "NOT_FOUND");
    assert_eq!(runs(&tenant.admin(), &source).await, Vec::<Value>::new());
}

/// S4.4, S4.5, S4.6, S4.7, S4.11, S4.12, S4.17, S4.20, S4.22, S4.33, S4.34,
/// S4.36, S4.44: the answer does not wait for the sync, the status follows it,
/// and its end is on record. How far it is, is the run's to say.
async fn a_sync_goes_from_never_synced_over_syncing_to_synced(world: &World) {
    let tenant = world.tenant().await;
    let folder = world.folder(&[("a.md", "# A")]);
    let project = tenant.project(&folder).await;
    let developer = tenant.join("dev", "member").await;
    assert_eq!(state(&status(&developer, &project).await), ("never_synced", 0));

    let (run, boulder) = underway(&developer, &project, &folder).await;
    let during = status(&developer, &project).await;
    assert_eq!((&during["sync_status"], &during["last_synced_at"]), (&json!("syncing"), &Value::Null));
    assert!(during.get("percentage").is_none() && during.get("progress").is_none(), "{during}");

    drop(boulder);
    let after = developer.settled(&project).await;
    assert_eq!(state(&after), ("synced", 2));
    let run = developer.ended(&run).await;
    assert!(at(&run["created_at"]) <= at(&after["last_synced_at"]), "{after} {run}");
    assert!(at(&after["last_synced_at"]).as_millisecond() <= world.clock.now().0, "{after}");
    assert_eq!((&run["status"], &run["progress"]["percentage"]), (&json!("completed"), &json!(100)));
}

/// S4.15, S4.16, S4.32, S4.42: of triggers in quick succession the first is
/// accepted and the rest are refused until it is done.
async fn while_a_sync_runs_every_other_trigger_is_refused(world: &World) {
    let tenant = world.tenant().await;
    let folder = world.folder(&[]);
    let project = tenant.project(&folder).await;
    let developer = tenant.join("dev", "member").await;

    let boulder = Boulder::before(&folder);
    let answers = futures::future::join_all((0..20).map(|_| press(&developer, &project))).await;
    let (accepted, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 202);
    assert_eq!((accepted.len(), refused.len()), (1, 19));
    for answer in refused {
        let problem = answer.problem(409, "SYNC_IN_PROGRESS");
        assert_eq!(problem["message"], "Sync already running for this project");
    }
    press(&developer, &project).await.problem(409, "SYNC_IN_PROGRESS");

    drop(boulder);
    assert_eq!(state(&developer.settled(&project).await), ("synced", 1));
    assert_eq!(state(&synced(&developer, &project).await), ("synced", 1));
    assert_eq!(runs(&developer, &project).await.len(), 2);
}

/// S1.9, S1.11: a project's sync is that of its source: a trigger of the
/// native surface is told which run it meets.
async fn the_native_surface_meets_the_same_sync(world: &World) {
    let tenant = world.tenant().await;
    let folder = world.folder(&[]);
    let project = tenant.project(&folder).await;
    let admin = tenant.admin();
    let (run, boulder) = underway(&admin, &project, &folder).await;

    let native = format!("/v1/sources/{project}/sync");
    assert_eq!(admin.press(&native).await.problem(409, "SYNC_IN_PROGRESS")["run_id"], json!(run));
    let attached = admin.post(&native, json!({"onConflict": "attach"})).await.is(200);
    assert_eq!((&attached["id"], &attached["outcome"]), (&json!(run), &json!("attached")));
    let source = admin.get(&format!("/v1/sources/{project}")).await.is(200);
    assert_eq!((&source["status"], &source["current_run"]), (&json!("syncing"), &json!(run)));

    drop(boulder);
    assert_eq!(admin.ended(&run).await["status"], "completed");
}

/// S4.16: a request that is sent again with its key is the same request and not
/// a second trigger.
async fn a_repeated_request_is_the_same_sync(world: &World) {
    let tenant = world.tenant().await;
    let folder = world.folder(&[]);
    let project = tenant.project(&folder).await;
    let developer = tenant.join("dev", "member").await;
    let path = format!("/api/v1/projects/{project}/sync");
    let boulder = Boulder::before(&folder);

    let ask = || Answer::of("POST", &path, developer.request("POST", &path).header("idempotency-key", "once"));
    let first = ask().await.is(202);
    assert_eq!(ask().await.is(202), first);

    drop(boulder);
    developer.settled(&project).await;
    assert_eq!(runs(&developer, &project).await.len(), 1);
}

/// S4.1: the options of every trigger, in the body or the query, with the
/// outcome in the answer.
async fn the_options_of_a_trigger_hold_here_too(world: &World) {
    let tenant = world.tenant().await;
    let folder = world.folder(&[("a.md", "# A")]);
    let project = tenant.project(&folder).await;
    let developer = tenant.join("dev", "member").await;
    let path = format!("/api/v1/projects/{project}/sync");

    let would = developer.post(&path, json!({"dryRun": true})).await.is(200);
    assert_eq!((&would["slug"], &would["outcome"]), (&json!(project), &json!("would_accept")));
    assert_eq!(runs(&developer, &project).await, Vec::<Value>::new());

    let waited = developer.press(&format!("{path}?wait=PT20S")).await.is(200);
    assert_eq!((&waited["sync_status"], &waited["outcome"]), (&json!("synced"), &json!("accepted")));
    let fresh = developer.post(&path, json!({"maxAge": "PT1H"})).await.is(200);
    assert_eq!(fresh["outcome"], "fresh");

    let (_, boulder) = underway(&developer, &project, &folder).await;
    let attached = developer.press(&format!("{path}?onConflict=attach")).await.is(200);
    assert_eq!((&attached["sync_status"], &attached["outcome"]), (&json!("syncing"), &json!("attached")));
    drop(boulder);
}

/// S4.9, S4.26: this surface neither obeys a cooldown nor starts one.
async fn this_surface_knows_no_cooldown(world: &World) {
    let tenant = world.tenant().await;
    let project = tenant.project(&world.folder(&[])).await;
    let admin = tenant.admin();
    admin.patch(&format!("/v1/workspaces/{}", tenant.slug), json!({"cooldowns": {"documents": "PT1H"}})).await.is(200);

    synced(&admin, &project).await;
    admin.sync(&project, json!({})).await;
    admin.press(&format!("/v1/sources/{project}/sync")).await.problem(429, "COOLDOWN_ACTIVE");
    assert_eq!(state(&synced(&admin, &project).await), ("synced", 0));
}
