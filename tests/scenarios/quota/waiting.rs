//! Who may not spend waits for the window's end, and says so; who comes first goes
//! on meanwhile.

use jiff::Timestamp;
use serde_json::json;

use super::{FLOOR, given, id, pages};
use crate::world::World;

crate::scenarios![
    a_run_stops_at_the_floor_and_goes_on_in_the_next_window,
    a_backfill_makes_way_for_what_people_ask_for,
    what_has_not_changed_costs_nothing,
];

/// With a hundred and three left, four requests are made and not a fifth.
async fn a_run_stops_at_the_floor_and_goes_on_in_the_next_window(world: &World) {
    let given = given(world).await;
    let source = given.source(&pages(6)).await;
    let resets_at = given.leave(FLOOR + 3);
    let accepted = given.admin.press(&format!("/v1/sources/{source}/sync")).await.is(202);

    let paused = given.admin.until(id(&accepted), |run| run["status"] == "paused").await;

    assert_eq!((given.left(), &paused["progress"]["page"]), (FLOOR - 1, &json!(4)), "{paused:#}");
    let resumes_at: Timestamp = paused["resumes_at"].as_str().unwrap().parse().unwrap();
    assert!(resumes_at >= resets_at && resumes_at < resets_at + jiff::SignedDuration::from_mins(1), "{paused:#}");
    let why = paused["status_reason"].as_str().unwrap();
    assert!(why.contains("99") && why.contains("kept for people"), "{why}");
    assert_eq!(given.look(&source).await["quota"]["remaining"], 99);
    if given.window_ends(&[paused]).await {
        let ended = given.admin.ended(id(&accepted)).await;
        assert_eq!((ended["status"].as_str(), &ended["progress"]["page"]), (Some("completed"), &json!(6)), "{ended:#}");
        assert!(ended["calls"]["made"] == 6 && ended["status_reason"].is_null(), "{ended:#}");
    }
}

/// Whatever reads everything leaves a fifth of the limit to others, once it has
/// begun: a person's sync of another source on the same token is done meanwhile.
async fn a_backfill_makes_way_for_what_people_ask_for(world: &World) {
    let given = given(world).await;
    let (large, small) = (given.source(&pages(12)).await, given.source(&pages(2)).await);
    given.leave(1_000);
    let accepted = given.admin.press(&format!("/v1/sources/{large}/sync")).await.is(202);
    let paused = given.admin.until(id(&accepted), |run| run["status"] == "paused").await;
    assert_eq!((&paused["progress"]["page"], given.left()), (&json!(10), 990), "{paused:#}");
    assert!(paused["status_reason"].as_str().unwrap().contains("increments"), "{paused:#}");

    assert_eq!(given.admin.sync(&small, json!({})).await["status"], "completed");

    assert_eq!(given.left(), 988);
    if given.window_ends(&[paused]).await {
        assert_eq!(given.admin.ended(id(&accepted)).await["status"], "completed");
    }
}

/// What a run reserves and need not spend comes back: after a few runs that find
/// nothing new, the ledger knows what the forge knows.
async fn what_has_not_changed_costs_nothing(world: &World) {
    let given = given(world).await;
    let source = given.source(&pages(1)).await;
    given.leave(FLOOR + 1);
    given.admin.sync(&source, json!({})).await;

    for _ in 0..3 {
        let run = given.admin.sync(&source, json!({})).await;
        assert_eq!((run["status"].as_str(), &run["calls"]["not_modified"]), (Some("completed"), &json!(1)), "{run:#}");
        assert_eq!((given.left(), &given.look(&source).await["quota"]["remaining"]), (FLOOR, &json!(FLOOR)));
    }
}
