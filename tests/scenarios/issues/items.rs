//! What was taken in can be asked for: filtered, and in pages.

use jiff::SignedDuration;
use pullcord_forge::{Issue, IssueState, Seed};
use serde_json::json;

use super::{given, number, open};
use crate::world::World;

crate::scenarios![items_are_filtered, paging_yields_each_item_once,];

/// Items can be asked for by type, state, words of the title and time of change.
async fn items_are_filtered(world: &World) {
    let given = given(world).await;
    given.repository.seed(&Seed::of(100));
    given.sync(json!({"includeClosed": true, "confirmed": true})).await;
    let issues = given.repository.issues();
    let list = async |query: String| {
        let answer = given.admin.get(&format!("/v1/sources/{}/items?limit=100&{query}", given.source)).await.is(200);
        let mut numbers: Vec<u64> = answer["items"].as_array().unwrap().iter().map(number).collect();
        numbers.sort_unstable();
        numbers
    };
    let those = |wanted: &dyn Fn(&Issue) -> bool| issues.iter().filter(|issue| wanted(issue)).map(|issue| issue.number).collect::<Vec<_>>();

    assert_eq!(list("type=issue".into()).await.len(), 100);
    for state in [IssueState::Open, IssueState::Closed] {
        let word = json!(state);
        assert_eq!(list(format!("state={}", word.as_str().unwrap())).await, those(&|issue| issue.state == state));
    }
    let word = issues[7].title.split(' ').next_back().unwrap().to_lowercase();
    let mut query = form(&[("q", &word)]);
    assert_eq!(list(query.clone()).await, those(&|issue| issue.title.to_lowercase().contains(&word)));
    query.push_str("&state=open");
    assert_eq!(list(query).await, those(&|issue| issue.title.to_lowercase().contains(&word) && issue.state == IssueState::Open));
    let middle = issues[50].updated_at - SignedDuration::from_millis(500);
    assert_eq!(list(form(&[("updated_since", &middle.to_string())])).await, those(&|issue| issue.updated_at > middle));
    for wrong in ["type=potato", "updated_since=yesterday", "limit=0", "limit=101", "cursor=%21", "colour=red"] {
        let answer = given.admin.get(&format!("/v1/sources/{}/items?{wrong}", given.source)).await;
        assert!(!answer.problem(400, "VALIDATION_FAILED")["errors"].as_array().unwrap().is_empty());
    }
}

/// A query with its values encoded.
fn form(pairs: &[(&str, &str)]) -> String {
    reqwest::Url::parse_with_params("http://x/", pairs).unwrap().query().unwrap().to_owned()
}

/// A list in pages has everything, newest change first, and nothing twice.
async fn paging_yields_each_item_once(world: &World) {
    let given = given(world).await;
    given.repository.seed(&open(110));
    given.sync(json!({})).await;

    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = given.admin.get(&format!("/v1/sources/{}/items?limit=25{cursor}", given.source)).await.is(200);
        let items = answer["items"].as_array().unwrap();
        assert!(items.len() <= 25);
        seen.extend(items.iter().map(|item| (item["updatedAt"].as_str().unwrap().to_owned(), number(item))));
        match answer["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }

    assert!(seen.is_sorted_by(|one, other| one.0 >= other.0), "newest change first");
    let mut numbers: Vec<u64> = seen.into_iter().map(|(_, number)| number).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(1..=110));
}
