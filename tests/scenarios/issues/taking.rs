//! Which issues are taken in: the first time, as increments, in full, and when it is
//! confirmed.

use jiff::{SignedDuration, Timestamp};
use pullcord_forge::{IssueState, Seed};
use serde_json::{Value, json};

use super::{assert_item, counts, given, now, open, parameter, past};
use crate::world::World;

crate::scenarios![
    a_first_sync_takes_every_open_issue,
    pull_requests_are_left_out,
    closed_issues_come_only_when_it_is_confirmed,
    an_active_webhook_asks_for_confirmation,
    an_increment_writes_what_changed,
    an_unchanged_source_is_asked_by_the_same_url,
    an_unchanged_source_costs_no_quota,
    a_validator_never_hides_a_change,
    a_full_sync_asks_for_everything_again,
    what_was_closed_before_a_full_sync_is_closed_here,
];

/// S2.3, S2.5, S2.17–S2.21, S2.27, S2.31, S2.81, S2.114, S2.115: three
/// pages of issues, one after the other, become items that say the same.
async fn a_first_sync_takes_every_open_issue(world: &World) {
    let given = given(world).await;
    given.repository.seed(&open(249));
    given.repository.add_issue(|issue| {
        issue.title = "  <script>alert(\"naïve\")</script> — 日本語 🎉 & more  ".into();
        issue.body = None;
        issue.labels = vec!["needs: triage".into(), "P1/urgent".into()];
    });

    let run = given.sync(json!({})).await;

    assert_eq!(run["status"], "completed", "{run:#}");
    assert_eq!((counts(&run), run["calls"]["made"].as_u64()), ([250, 0, 0, 0], Some(3)));
    assert_eq!(run["progress"]["percentage"], 100);
    let items = given.items().await;
    let issues = given.repository.issues();
    assert_eq!(items.len(), issues.len());
    for issue in issues {
        assert_item(&items[&issue.number], &issue, &given.name);
    }
    let requests = given.requests(world);
    assert_eq!(requests.len(), 3);
    assert_eq!((parameter(&requests[0], "state"), parameter(&requests[0], "per_page")), (Some("open"), Some("100")));
    let source = given.look().await;
    assert!(source["status"] == "synced" && source["last_synced_at"].is_string() && source["current_run"].is_null(), "{source:#}");
}

/// GitHub lists pull requests among issues.
async fn pull_requests_are_left_out(world: &World) {
    let given = given(world).await;
    given.repository.seed(&Seed { pull_request_percent: 30, ..open(100) });

    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed"), [70, 0, 0, 0]));
    let expected = given.repository.issues().into_iter().filter(|issue| !issue.pull_request).map(|issue| issue.number);
    assert!(given.items().await.into_keys().eq(expected));
}

/// S2.3, S2.110, S2.115: open ones by default; closed ones once it is confirmed.
async fn closed_issues_come_only_when_it_is_confirmed(world: &World) {
    let given = given(world).await;
    given.repository.seed(&Seed::of(100));
    assert_eq!(counts(&given.sync(json!({})).await), [75, 0, 0, 0]);

    let refused = given.admin.post(&given.trigger(), json!({"includeClosed": true})).await.problem(409, "CONFIRMATION_REQUIRED");
    assert_eq!((&refused["requiresConfirmation"], &refused["reasons"]), (&json!(true), &json!(["INCLUDE_CLOSED"])));
    let run = given.sync(json!({"includeClosed": true, "confirmed": true})).await;

    assert_eq!(run["results"]["created"], 25);
    let items = given.items().await;
    for issue in given.repository.issues() {
        assert_item(&items[&issue.number], &issue, &given.name);
    }
    assert_eq!(given.requests(world).iter().map(|entry| parameter(entry, "state")).collect::<Vec<_>>(), [Some("open"), Some("all")]);
}

/// S2.1, S2.110: where webhooks work, a manual sync has to be meant.
async fn an_active_webhook_asks_for_confirmation(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let set = async |active: Value| {
        let path = format!("/v1/sources/{}", given.source);
        given.admin.patch(&path, json!({"webhook": {"active": active}})).await.is(200);
    };
    let refused = async |body: Value| {
        let problem = given.admin.post(&given.trigger(), body).await.problem(409, "CONFIRMATION_REQUIRED");
        assert_eq!(problem["requiresConfirmation"], true);
        problem["reasons"].clone()
    };
    set(json!(true)).await;

    assert_eq!(refused(json!({})).await, json!(["WEBHOOK_ACTIVE"]));
    assert_eq!(refused(json!({"includeClosed": true})).await, json!(["WEBHOOK_ACTIVE", "INCLUDE_CLOSED"]));
    assert_eq!(given.look().await["status"], "never_synced");
    assert_eq!(given.sync(json!({"confirmed": true})).await["status"], "completed");

    set(json!(false)).await;
    assert_eq!(given.sync(json!({})).await["status"], "completed");
}

/// S2.28, S2.20, S2.123: an increment asks for what changed, of every state;
/// writes that and nothing else; and takes in no closed issue it never saw.
async fn an_increment_writes_what_changed(world: &World) {
    let given = given(world).await;
    given.old(world, 5);
    let long_ago = past(world, SignedDuration::from_hours(100));
    let unseen = given.repository.add_issue(|issue| (issue.state, issue.updated_at) = (IssueState::Closed, long_ago));
    assert_eq!(counts(&given.sync(json!({})).await), [5, 0, 0, 0]);
    let before = given.items().await;

    given.repository.edit_issue(1, |issue| issue.title = "Another title".into());
    given.repository.close_issue(2);
    let new = given.repository.add_issue(|issue| issue.title = "A new one".into());
    given.repository.add_issue(|issue| issue.state = IssueState::Closed);
    given.repository.edit_issue(unseen, |issue| issue.title = "Closed all along".into());
    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), counts(&run)[..2].to_vec(), counts(&run)[3]), (Some("completed"), vec![1, 2], 0));
    let asked = given.requests(world).pop().unwrap();
    assert_eq!(parameter(&asked, "state"), Some("all"));
    let since: Timestamp = parameter(&asked, "since").unwrap().replace("%3A", ":").parse().unwrap();
    assert!(since < now(world) && since > past(world, SignedDuration::from_mins(30)), "{since}");
    let items = given.items().await;
    assert!(items.keys().copied().eq([1, 2, 3, 4, 5, new]));
    for (number, item) in &items {
        assert_item(item, &given.repository.issue(*number).unwrap(), &given.name);
    }
    assert_eq!((&items[&1]["title"], &items[&2]["state"]), (&json!("Another title"), &json!("closed")));
    assert_eq!([&items[&3], &items[&4], &items[&5]], [&before[&3], &before[&4], &before[&5]], "unchanged items were written");

    // What changed lately is met again and skipped, if not even the list is as it was.
    let [created, updated, skipped, failed] = counts(&given.sync(json!({})).await);
    assert_eq!(([created, updated, failed], skipped == 3 || skipped == 0), ([0; 3], true));
}

/// Nothing changed: nothing is written, and the next run asks the same.
async fn an_unchanged_source_is_asked_by_the_same_url(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    given.sync(json!({})).await;
    let first = given.look().await;

    let (second, third) = (given.sync(json!({})).await, given.sync(json!({})).await);

    assert_eq!([second["status"].as_str(), third["status"].as_str()], [Some("completed"); 2]);
    assert_eq!((counts(&second), counts(&third)), ([0; 4], [0; 4]));
    let requests = given.requests(world);
    assert!(requests[1].query.as_deref().unwrap().contains("since="));
    assert_eq!(requests[1].query, requests[2].query);
    let source = given.look().await;
    assert_eq!(source["last_synced_at"], first["last_synced_at"], "nothing was found");
    let checked = |source: &Value| source["last_checked_at"].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(checked(&source) > checked(&first));
}

/// `full` asks for everything, however little changed.
async fn a_full_sync_asks_for_everything_again(world: &World) {
    let given = given(world).await;
    given.old(world, 120);
    given.sync(json!({})).await;

    let run = given.sync(json!({"full": true})).await;

    assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed"), [0, 0, 120, 0]));
    let asked = given.requests(world).split_off(2);
    assert_eq!((asked.len(), parameter(&asked[0], "since")), (2, None));
}

/// S2.123: nor may a full sync hide what was closed before it.
async fn what_was_closed_before_a_full_sync_is_closed_here(world: &World) {
    if !world.is_local() {
        return;
    }
    let given = given(world).await;
    given.old(world, 3);
    given.sync(json!({})).await;
    given.repository.close_issue(1);
    given.repository.edit_issue(2, |issue| issue.title = "Changed at the same time".into());
    world.clock.turn(SignedDuration::from_mins(30));

    given.sync(json!({"full": true})).await;
    given.sync(json!({})).await;

    assert_eq!(given.items().await[&1]["state"], "closed");
}

/// What was validated is asked for with its validator: the answer is a 304, which
/// the forge does not count, and nothing is written.
async fn an_unchanged_source_costs_no_quota(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    given.sync(json!({})).await;
    given.sync(json!({})).await;
    let left = world.forge.quota(Some(&given.token)).remaining;
    let items = given.items().await;

    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), &run["calls"]["made"], &run["calls"]["not_modified"]), (Some("completed"), &json!(1), &json!(1)));
    assert_eq!(counts(&run), [0; 4], "{run:#}");
    assert_eq!((world.forge.quota(Some(&given.token)).remaining, given.items().await), (left, items));
    let full = given.sync(json!({"full": true})).await;
    assert_eq!((&full["calls"]["not_modified"], &full["results"]["skipped"]), (&json!(0), &json!(3)), "{full:#}");
}

/// A list of several pages may change on a later one, and another credential may
/// see another list: neither is asked for by what the first page was known by.
async fn a_validator_never_hides_a_change(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    for _ in 0..3 {
        given.sync(json!({})).await;
    }
    given.repository.edit_issue(2, |issue| issue.title = "Edited since".into());

    let run = given.sync(json!({})).await;
    assert_eq!((&run["calls"]["not_modified"], &run["results"]["updated"]), (&json!(0), &json!(1)), "{run:#}");

    for _ in 0..3 {
        given.sync(json!({})).await;
    }
    let credential = json!({"credential": {"token": "another-token-of-the-forge"}});
    given.admin.patch(&format!("/v1/sources/{}", given.source), credential).await.is(200);
    let run = given.sync(json!({})).await;
    assert_eq!((&run["calls"]["made"], &run["calls"]["not_modified"]), (&json!(1), &json!(0)), "{run:#}");
}
