//! What is found: the right place first, where it is, and nothing of anybody else's.

use serde_json::{Value, json};

use super::{FILES, found, given, given_with, path_of, wrong_at};
use crate::git_remote::{GitRemote, many_path, word};
use crate::world::World;

crate::scenarios![
    the_right_place_comes_first,
    a_result_says_where_and_what,
    no_more_is_found_than_was_asked_for,
    where_nothing_is_indexed_nothing_is_found,
    a_search_that_makes_no_sense_is_refused,
    one_repository_does_not_find_what_another_has,
    an_identifier_is_found_however_it_is_spelled,
    one_of_a_thousand_is_found,
];

/// Words of a text or of a name lead to it, whatever else is there.
async fn the_right_place_comes_first(world: &World) {
    let given = given(world, &FILES).await;
    given.indexed(json!({})).await;
    let table = [
        ("umbrella", "src/umbrella.rs"),
        ("open_umbrella", "src/umbrella.rs"),
        ("rain in Bergen", "src/umbrella.rs"),
        ("total_of_invoice", "src/invoice.py"),
        ("invoice value added tax", "src/invoice.py"),
        ("crane unloads containers at the quay", "docs/harbour.md"),
    ];
    for (query, path) in table {
        assert_eq!(given.paths(query).await[0], path, "{query}");
    }
}

/// The lines, counted from one, and what stands there.
async fn a_result_says_where_and_what(world: &World) {
    let lead = (1..=400).map(|number| format!("fn filler_{number}() -> u32 {{ {number} }}\n")).collect::<Vec<_>>().concat();
    let text = format!("{lead}/// Feeds the pelican at noon.\npub fn feed_pelican() {{}}\n{lead}");
    let given = given(world, &[("src/pelican.rs", &text), FILES[0]]).await;
    given.indexed(json!({})).await;

    let results = given.search("feed_pelican feeds the pelican at noon", "").await;

    let best = &results[0];
    assert_eq!(path_of(best), "src/pelican.rs");
    let (start, end) = (best["start_line"].as_u64().unwrap(), best["end_line"].as_u64().unwrap());
    assert!(start <= 402 && (401..=802).contains(&end), "{best:#}");
    assert!(end - start < 400, "a place is smaller than a file: {best:#}");
    assert!(best["snippet"].as_str().unwrap().contains("pelican"), "{best:#}");
    let scores: Vec<f64> = results.iter().map(|result| result["score"].as_f64().unwrap()).collect();
    assert!(scores.is_sorted_by(|one, next| one >= next), "{scores:?}");
}

/// Ten unless somebody says otherwise.
async fn no_more_is_found_than_was_asked_for(world: &World) {
    let remote = GitRemote::start().await;
    remote.many("main", 40);
    let given = given_with(world, remote, json!({})).await;
    given.indexed(json!({})).await;

    for (more, most) in [("", 10), ("&limit=1", 1), ("&limit=3", 3), ("&limit=25", 25)] {
        assert_eq!(given.search("weighs a shipment", more).await.len(), most, "{more}");
    }
}

/// Neither before the first sync, nor on a branch that was not indexed.
async fn where_nothing_is_indexed_nothing_is_found(world: &World) {
    let given = given(world, &FILES).await;
    assert_eq!(given.search("umbrella", "").await, Vec::<Value>::new());
    given.indexed(json!({})).await;

    let answer = found(&given.admin, &given.source, "umbrella", "&branch=never-indexed").await;

    assert!([200, 404].contains(&answer.status), "{}", answer.text);
    assert!(answer.status == 404 || answer.body["results"] == json!([]), "{}", answer.text);
}

/// Answers 400 that name the parameter.
async fn a_search_that_makes_no_sense_is_refused(world: &World) {
    let given = given(world, &FILES).await;
    given.indexed(json!({})).await;
    let long = "w".repeat(5_000);
    let table = [
        ("", "q"),
        ("?q=", "q"),
        ("?q=%20%20", "q"),
        (&format!("?q={long}"), "q"),
        ("?q=umbrella&limit=0", "limit"),
        ("?q=umbrella&limit=-1", "query"),
        ("?q=umbrella&limit=1001", "limit"),
        ("?q=umbrella&limit=many", "query"),
        ("?q=umbrella&branch=", "branch"),
        ("?q=umbrella&brunch=main", "brunch"),
    ];
    for (query, at) in table {
        let said = wrong_at(given.admin.get(&format!("{}/search{query}", given.path())).await);
        assert!(said.contains(at), "{query:.40}: {said:?}");
    }
    for query in ["*", "\"", "umbrella OR 1=1", "☂", "a b c d e f g h"] {
        found(&given.admin, &given.source, query, "").await.is(200);
    }
    let nul = found(&given.admin, &given.source, "\0", "").await;
    assert!([200, 400].contains(&nul.status), "{}", nul.text);
}

/// Invariants: neither another workspace's, nor another source's of one's own.
async fn one_repository_does_not_find_what_another_has(world: &World) {
    let one = given(world, &FILES[..1]).await;
    let other = given(world, &FILES[1..]).await;
    one.indexed(json!({})).await;
    other.indexed(json!({})).await;
    let beside = super::made(&one.tenant, &other.remote, json!({})).await;
    let job = one.admin.post(&format!("/api/repositories/{beside}/sync?wait=PT20S"), json!({})).await.is(200);
    assert_eq!(job["status"], "completed", "{job:#}");

    assert!(!one.paths("total_of_invoice").await.contains(&"src/invoice.py".to_owned()));
    assert!(!other.paths("open_umbrella").await.contains(&"src/umbrella.rs".to_owned()));
    let results = found(&one.admin, &beside, "open_umbrella", "&limit=50").await.is(200);
    assert!(results["results"].as_array().unwrap().iter().all(|result| path_of(result) != "src/umbrella.rs"), "{results:#}");
    found(&one.admin, &other.source, "invoice", "").await.problem(404, "NOT_FOUND");
}

/// As one word, as several, and in another case.
async fn an_identifier_is_found_however_it_is_spelled(world: &World) {
    let files = [
        ("a.ts", "export function parseShippingLabel(text: string) { return text }\n"),
        ("b.go", "func HTTPServerRetry(times int) int { return times }\n"),
        ("c.rs", "pub fn moon_phase_of_day(day: u32) -> u32 { day % 29 }\n"),
    ];
    let given = given(world, &files).await;
    given.indexed(json!({})).await;
    let table = [
        ("parseShippingLabel", "a.ts"),
        ("parse shipping label", "a.ts"),
        ("PARSE_SHIPPING_LABEL", "a.ts"),
        ("http server retry", "b.go"),
        ("moonPhaseOfDay", "c.rs"),
        ("moon phase", "c.rs"),
    ];
    for (query, path) in table {
        assert_eq!(given.paths(query).await[0], path, "{query}");
    }
}

/// S1.18: as many as there are, the one with the word is first.
async fn one_of_a_thousand_is_found(world: &World) {
    let remote = GitRemote::start().await;
    remote.many("main", 1_000);
    let given = given_with(world, remote, json!({})).await;
    given.indexed(json!({})).await;

    for number in [0, 7, 123, 456, 789, 999] {
        assert_eq!(path_of(&given.search(&format!("weigh_{}", word(number)), "&limit=1").await[0]), many_path(number));
    }
}
