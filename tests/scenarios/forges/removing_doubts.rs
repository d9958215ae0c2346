//! What only seems to be gone from a forge stays.

use pullcord_forge::{Behaviour, Fault};
use serde_json::{Value, json};

use super::removing::{decided, full, held, outcome, singles, synced};
use super::{Alerts, GitHub, Given, Issues, assert_failed};
use crate::world::{World, fresh};

crate::scenarios![
    what_slipped_by_is_still_there,
    nothing_is_removed_of_a_repository_that_disappeared,
    nothing_is_removed_of_a_list_that_was_switched_off,
    nothing_is_removed_after_an_entry_that_nobody_can_tell,
    an_entry_that_cannot_be_read_is_there,
    nothing_is_removed_while_the_forge_does_not_say_so,
    what_was_transferred_is_gone_and_told_of,
    nothing_is_removed_of_a_repository_that_moved,
    items_of_another_repository_are_left_alone,
    a_decision_removes_nothing_of_a_repository_that_disappeared,
];

/// A forge whose next list of issues leaves out these.
fn left_out(given: &Given<'_>, numbers: &[u64]) {
    let issues = given.repository.issues();
    let shown = issues.iter().filter(|issue| !numbers.contains(&issue.number));
    let page: Vec<Value> = shown.map(|issue| super::super::issues::shown(&given.name, issue)).collect();
    given.forge.script(Fault::on(given.listing(Issues), Behaviour::json(200, &json!(page))));
}

/// S2.123: rows move while a list is read. An entry that slipped by is asked for by
/// its number, and is then an entry like any other.
async fn what_slipped_by_is_still_there(world: &World) {
    let (given, numbers) = synced(world, GitHub, Issues, 12).await;
    given.change(Issues, numbers[4]);
    given.remove(Issues, &numbers[..1]);
    left_out(&given, &numbers[4..6]);

    let run = full(&given).await;

    assert_eq!((outcome(&run), singles(&given, Issues)), ((1, 0, "completed"), 3), "{run:#}");
    assert_eq!((&run["results"]["updated"], &run["results"]["skipped"]), (&json!(1), &json!(10)), "{run:#}");
    let items = given.items(Issues).await;
    assert_eq!(items.len(), 11);
    assert!(items[&numbers[4]]["title"].as_str().unwrap().ends_with(", edited"), "{items:#?}");
}

/// Invariant 7: where the repository itself is not to be seen, everything in it
/// seems to be gone.
async fn nothing_is_removed_of_a_repository_that_disappeared(world: &World) {
    let (given, numbers) = synced(world, GitHub, Issues, 12).await;
    left_out(&given, &numbers[..3]);
    let missing = || Behaviour::json(404, &json!({"message": "Not Found"}));
    given.forge.script(Fault::on(format!("{}/*", given.listing(Issues)), missing()).times(3));
    given.forge.script(Fault::on(given.listing(Issues), missing()));

    let run = full(&given).await;

    assert_failed(&given, &run, "REPOSITORY_NOT_FOUND", "");
    assert_eq!((outcome(&run), given.items(Issues).await.len()), ((0, 0, "failed"), 12));
    assert!(given.forge.faults_left().is_empty());
    assert_eq!(outcome(&full(&given).await), (0, 0, "completed"));
}

/// Invariant 7: nor is a list that was switched off a list without entries.
async fn nothing_is_removed_of_a_list_that_was_switched_off(world: &World) {
    let (given, numbers) = synced(world, GitHub, Alerts, 5).await;
    given.forge.script(Fault::on(given.listing(Alerts), Behaviour::json(200, &json!([]))));
    let missing = Behaviour::json(404, &json!({"message": "Not Found"}));
    given.forge.script(Fault::on(format!("{}/*", given.listing(Alerts)), missing).times(5));
    given.repository.disable_alerts();

    let run = full(&given).await;

    assert_eq!((outcome(&run), given.items(Alerts).await.len()), ((0, 0, "completed_with_warnings"), numbers.len()), "{run:#}");
    assert_eq!(run["warnings"][0]["code"], "STREAM_NOT_AVAILABLE");
}

/// Invariant 7: an entry of which not even the number can be read may be any of
/// those that are missing.
async fn nothing_is_removed_after_an_entry_that_nobody_can_tell(world: &World) {
    let (given, numbers) = synced(world, GitHub, Issues, 3).await;
    given.remove(Issues, &numbers[..1]);
    let page = json!([{"title": "Which am I?"}]);
    given.forge.script(Fault::on(given.listing(Issues), Behaviour::json(200, &page)));

    let run = full(&given).await;

    assert_eq!((outcome(&run), &run["results"]["failed"]), ((0, 0, "completed_with_warnings"), &json!(1)), "{run:#}");
    assert_eq!((given.items(Issues).await.len(), singles(&given, Issues)), (3, 0));
    let audit = given.admin.get(&format!("/v1/runs/{}/audit", super::id(&run))).await.is(200);
    assert!(audit.to_string().contains("listing.incomplete"), "{audit:#}");
    assert_eq!(outcome(&full(&given).await), (1, 0, "completed"));
}

/// One of which the number can be read is there, and the others are judged.
async fn an_entry_that_cannot_be_read_is_there(world: &World) {
    let (given, numbers) = synced(world, GitHub, Issues, 3).await;
    given.remove(Issues, &numbers[..1]);
    let page = json!([super::super::issues::shown(&given.name, &given.repository.issue(numbers[1]).unwrap()), {"number": numbers[2]}]);
    given.forge.script(Fault::on(given.listing(Issues), Behaviour::json(200, &page)));

    let run = full(&given).await;

    assert_eq!((outcome(&run), &run["results"]["failed"]), ((1, 0, "completed_with_warnings"), &json!(1)), "{run:#}");
    assert!(given.items(Issues).await.into_keys().eq(numbers[1..].iter().copied()));
}

/// Invariant 7: only 404 and 410 say that something is gone.
async fn nothing_is_removed_while_the_forge_does_not_say_so(world: &World) {
    let refusals = [
        (Behaviour::json(403, &json!({"message": "Resource not accessible by integration"})), 1, "failed"),
        (Behaviour::json(401, &json!({"message": "Bad credentials"})), 1, "failed"),
        (Behaviour::json(451, &json!({"message": "Repository access blocked"})), 1, "failed"),
        (Behaviour::json(410, &json!({"message": "Issues are disabled for this repo"})), 1, "completed_with_warnings"),
        (Behaviour::json(200, &json!({"number": 77, "title": "Another"})), 1, "completed"),
        (Behaviour::status(500), 1, "completed"),
    ];
    for (refusal, times, status) in refusals {
        let (given, numbers) = synced(world, GitHub, Issues, 5).await;
        left_out(&given, &numbers[1..2]);
        given.forge.script(Fault::on(format!("{}/*", given.listing(Issues)), refusal.clone()).times(times));

        let run = full(&given).await;

        assert_eq!(run["results"]["deleted"], 0, "{refusal:?} {run:#}");
        assert_eq!(given.items(Issues).await.len(), 5, "{refusal:?}");
        if status == "failed" {
            assert_eq!(run["status"], status, "{refusal:?} {run:#}");
        }
    }
}

/// GitHub answers for an issue that was transferred with the address of where it is
/// now: it is not of this repository any more.
async fn what_was_transferred_is_gone_and_told_of(world: &World) {
    let (given, numbers) = synced(world, GitHub, Issues, 5).await;
    let other = world.forge.repository(&format!("acme/{}", fresh("other")));
    let number = other.add_issue(|issue| issue.title = "It lives here now".into());
    left_out(&given, &numbers[1..2]);
    let to = format!("{}/repositories/{}/issues/{number}", given.forge.base_url(), other.id());
    let moved = Behaviour::Reply {
        status: 301,
        headers: [("location".to_owned(), to.clone())].into(),
        body: json!({"message": "Moved Permanently", "url": to}).to_string(),
    };
    given.forge.script(Fault::on(format!("{}/{}", given.listing(Issues), numbers[1]), moved));

    let run = full(&given).await;

    assert_eq!((outcome(&run), given.items(Issues).await.len()), ((1, 0, "completed"), 4), "{run:#}");
    let audit = given.admin.get(&format!("/v1/runs/{}/audit", super::id(&run))).await.is(200);
    assert!(audit.to_string().contains("item.transferred"), "{audit:#}");
}

/// Invariant 7: a repository that moved answers for everything in it with another
/// address. A listing that went there proves nothing; the next one, which begins
/// there, does.
async fn nothing_is_removed_of_a_repository_that_moved(world: &World) {
    let (given, numbers) = synced(world, GitHub, Issues, 5).await;
    given.remove(Issues, &numbers[..2]);
    given.repository.rename(&format!("acme/{}", fresh("moved")));

    let run = full(&given).await;

    let moved = "completed_with_warnings";
    assert_eq!((outcome(&run), given.items(Issues).await.len()), ((0, 0, moved), 5), "{run:#}");
    let next = full(&given).await;
    assert_eq!((outcome(&next), given.items(Issues).await.len()), ((2, 0, "completed"), 3), "{next:#}");
}

/// What was synced of a repository that the source had before is not missing from
/// the one that it has now.
async fn items_of_another_repository_are_left_alone(world: &World) {
    let (given, _) = synced(world, GitHub, Issues, 3).await;
    let name = format!("acme/{}", fresh("next"));
    world.forge.repository(&name).add_issue(|_| {});
    given.admin.patch(&format!("/v1/sources/{}", given.source), json!({"repository": name})).await.is(200);

    let run = full(&given).await;

    assert_eq!((outcome(&run), &run["results"]["created"]), ((0, 0, "completed"), &json!(1)), "{run:#}");
    assert_eq!(given.admin.items(&given.source).await.len(), 4);
}

/// S4.28: an approval does not remove what cannot be seen to be gone, and leaves
/// what is held to be decided another day.
async fn a_decision_removes_nothing_of_a_repository_that_disappeared(world: &World) {
    let (given, numbers) = synced(world, GitHub, Issues, 12).await;
    given.remove(Issues, &numbers);
    assert_eq!(outcome(&full(&given).await), (0, 12, "completed_with_warnings"));
    given.repository.disable_issues();
    let run = decided(&given, "approve").await;
    assert_eq!((outcome(&run), held(&given).await, given.items(Issues).await.len()), ((0, 0, "failed"), 12, 12), "{run:#}");
    given.repository.remove();

    let run = decided(&given, "approve").await;

    assert_failed(&given, &run, "REPOSITORY_NOT_FOUND", "");
    assert_eq!((outcome(&run), held(&given).await, given.items(Issues).await.len()), ((0, 0, "failed"), 12, 12), "{run:#}");
}
