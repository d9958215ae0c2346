//! A job is stopped, by whoever no longer wants it or by whoever wants another.

use serde_json::{Value, json};

use super::{FILES, counts, given, id};
use crate::world::World;

crate::scenarios![
    a_cancelled_job_is_cancelled_and_nothing_else,
    force_cancels_and_starts_anew,
    of_ten_who_force_one_job_is_left,
    cancelling_what_has_ended_changes_nothing,
    what_was_indexed_stays_when_a_job_is_cancelled,
];

/// S1.57, S1.58, S1.77: it stops, says so, and the repository is what it was before.
async fn a_cancelled_job_is_cancelled_and_nothing_else(world: &World) {
    let given = given(world, &FILES).await;
    let running = given.held(json!({})).await;

    let answer = given.admin.delete(&format!("{}/{}", given.trigger(), id(&running))).await.is(202);

    assert_eq!(answer["job_id"], running["job_id"], "{answer:#}");
    let job = given.let_go(&running).await;
    assert_eq!((job["status"].as_str(), &job["error"]), (Some("cancelled"), &Value::Null), "{job:#}");
    let repository = given.look().await;
    assert_eq!((repository["status"].as_str(), &repository["sync_error"]), (Some("never_synced"), &Value::Null), "{repository:#}");
    assert_eq!((&repository["last_synced_at"], &repository["current_job"]), (&Value::Null, &Value::Null), "{repository:#}");
    let again = given.indexed(json!({})).await;
    assert_eq!(counts(&again), [3, 0, 0, 0], "{again:#}");
}

/// S1.17, S1.48, S1.71: the job that ran ends cancelled, the new one does its work, and
/// the source is never without one.
async fn force_cancels_and_starts_anew(world: &World) {
    let given = given(world, &FILES).await;
    let first = given.held(json!({})).await;

    let second = given.accepted(json!({"force": true})).await;

    assert_ne!(first["job_id"], second["job_id"]);
    assert_eq!((second["status"].as_str(), &second["options"]["force"]), (Some("queued"), &json!(true)), "{second:#}");
    assert_eq!(given.job(id(&first)).await["status"], "cancelled");
    assert_eq!(given.look().await["status"], "syncing");
    let job = given.let_go(&second).await;
    assert_eq!((job["status"].as_str(), counts(&job)), (Some("completed"), [3, 0, 0, 0]), "{job:#}");
    let first = given.job(id(&first)).await;
    assert_eq!((first["status"].as_str(), &first["error"]), (Some("cancelled"), &Value::Null), "{first:#}");
    assert_eq!(given.paths("open the umbrella when it rains").await[0], "src/umbrella.rs");
}

/// S1.17, S1.80: each of them gets a job of its own and takes that of the one before.
async fn of_ten_who_force_one_job_is_left(world: &World) {
    let given = given(world, &FILES).await;
    let first = given.held(json!({})).await;

    let answers = futures::future::join_all((0..10).map(|_| given.ask(json!({"force": true})))).await;
    given.remote.release();

    let mut statuses = vec![given.ended(id(&first)).await["status"].as_str().unwrap().to_owned()];
    for answer in answers {
        // Who lost to another at the same instant may be told so.
        if answer.status == 409 {
            answer.problem(409, "SYNC_IN_PROGRESS");
        } else {
            let accepted = answer.is(202);
            statuses.push(given.ended(id(&accepted)).await["status"].as_str().unwrap().to_owned());
        }
    }
    assert!(statuses.len() > 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| *status == "completed").count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| *status == "cancelled").count(), statuses.len() - 1, "{statuses:?}");
    assert_eq!(given.stands("main").await, (given.remote.head("main"), 3));
}

/// S1.58: an end is an end.
async fn cancelling_what_has_ended_changes_nothing(world: &World) {
    let given = given(world, &FILES).await;
    let job = given.indexed(json!({})).await;

    let answer = given.admin.delete(&format!("{}/{}", given.trigger(), id(&job))).await;

    assert!([200, 202].contains(&answer.status), "{}", answer.text);
    assert_eq!(given.job(id(&job)).await, job);
    assert_eq!(given.look().await["status"], "synced");
}

/// S1.57, S1.58: who searches meanwhile and after finds what was there.
async fn what_was_indexed_stays_when_a_job_is_cancelled(world: &World) {
    let given = given(world, &FILES).await;
    given.indexed(json!({})).await;
    let before = given.look().await;
    given.remote.commit("main", &[("src/umbrella.rs", None), ("src/parasol.rs", Some("/// Opens the parasol in the sun.\n"))], "Summer");

    for body in [json!({}), json!({"full_reindex": true})] {
        let running = given.held(body.clone()).await;
        assert_eq!(given.paths("open the umbrella when it rains").await[0], "src/umbrella.rs", "{body}");
        given.admin.delete(&format!("{}/{}", given.trigger(), id(&running))).await.is(202);
        assert_eq!(given.let_go(&running).await["status"], "cancelled", "{body}");

        let after = given.look().await;
        for field in ["status", "sync_error", "last_synced_at", "indexed_commit", "files", "current_job"] {
            assert_eq!(after.get(field), before.get(field), "{body}: {field}");
        }
        assert_eq!(given.paths("open the umbrella when it rains").await[0], "src/umbrella.rs", "{body}");
    }
    assert_eq!(counts(&given.indexed(json!({})).await), [1, 0, 1, 2]);
}
