//! Who may look at a run, and how: while it goes on, in lists, and on record.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{held, id, ids, let_go};
use crate::scenarios::issues::given;
use crate::world::{Answer, World, fresh};

crate::scenarios![
    a_reader_waits_for_news,
    events_follow_a_run_to_its_end,
    runs_are_listed_newest_first,
    a_run_is_on_record,
    viewers_read_and_strangers_see_nothing,
];

/// S1.62, S4.17: with the version they have, readers are answered when there is a
/// newer one, and not before.
async fn a_reader_waits_for_news(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let run = held(world, &given, json!({})).await;
    let path = format!("/v1/runs/{}", id(&run));
    let version = given.admin.get(&path).await.is(200)["version"].as_u64().unwrap();

    let asked = world.clock.now();
    let same = given.admin.get(&format!("{path}?wait=PT1S&after={version}")).await.is(200);
    assert_eq!(same["version"], version);
    assert!(world.clock.now().since(asked) >= Duration::from_millis(950), "the answer was not held");

    let before = given.admin.get(&format!("{path}?wait=PT20S&after={}", version - 1)).await.is(200);
    assert_eq!(before["version"], version);

    let asked = world.clock.now();
    let wait = format!("{path}?wait=PT20S&after={version}");
    let (news, ()) = futures::join!(given.admin.get(&wait), async { world.forge.release() });
    assert!(news.is(200)["version"].as_u64() > Some(version));
    assert!(world.clock.now().since(asked) < Duration::from_secs(15), "the news came late");

    // What has ended has no news to wait for.
    let ended = given.admin.ended(id(&run)).await;
    let asked = world.clock.now();
    assert_eq!(given.admin.get(&format!("{path}?wait=PT20S&after={}", ended["version"])).await.is(200), ended);
    assert!(world.clock.now().since(asked) < Duration::from_secs(15));
    for wrong in ["wait=PT26S", "wait=soon", "after=later", "until=PT5S"] {
        given.admin.get(&format!("{path}?{wrong}")).await.problem(400, "VALIDATION_FAILED");
    }
}

/// S1.62, S1.85: events follow a run until it ends, and go on after the
/// last one that was seen.
async fn events_follow_a_run_to_its_end(world: &World) {
    let given = given(world).await;
    given.old(world, 150);
    let run = held(world, &given, json!({})).await;
    let path = format!("/v1/runs/{}/events", id(&run));

    let (answer, ended) = futures::join!(given.admin.get(&path), let_go(world, &given, &run));

    assert!(answer.header("content-type").starts_with("text/event-stream"), "{}", answer.header("content-type"));
    assert_eq!(answer.status, 200);
    let events = events(&answer.text);
    assert!(events.is_sorted_by(|one, other| one.0 < other.0), "{events:?}");
    for (version, shown) in &events {
        assert_eq!((&shown["id"], shown["version"].as_u64()), (&run["id"], Some(*version)));
    }
    assert_eq!(events.last(), Some(&(ended["version"].as_u64().unwrap(), ended.clone())));

    let after = |seen: u64| {
        let request = given.admin.request("GET", &path).header("last-event-id", seen.to_string());
        Answer::of("GET", &path, request)
    };
    let version = ended["version"].as_u64().unwrap();
    assert_eq!(self::events(&after(version - 1).await.text), [(version, ended.clone())]);
    assert_eq!(self::events(&after(version).await.text), []);
    world.nobody().get(&path).await.problem(401, "UNAUTHENTICATED");
}

/// The `run` events of a stream: their ids and what they show.
fn events(text: &str) -> Vec<(u64, Value)> {
    let field = |event: &str, name: &str| {
        let lines = event.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(field, _)| *field == name).map(|(_, value)| value.trim_start().to_owned()).next()
    };
    let runs = text.split("\n\n").filter(|event| field(event, "event").as_deref() == Some("run"));
    runs.map(|event| (field(event, "id").unwrap().parse().unwrap(), serde_json::from_str(&field(event, "data").unwrap()).unwrap()))
        .collect()
}

/// S2.74: lists of runs, by source and by workspace, in pages that have each once.
async fn runs_are_listed_newest_first(world: &World) {
    let given = given(world).await;
    let name = format!("acme/{}", fresh("second"));
    world.forge.repository(&name);
    let second = given.tenant.repository(&name).await;
    let mut made = Vec::new();
    for source in [&given.source, &second, &given.source, &second, &given.source] {
        made.push((source, given.admin.sync(source, json!({})).await["id"].as_str().unwrap().to_owned()));
    }
    made.reverse();
    let of_first = made.iter().filter(|(source, _)| **source == given.source).map(|(_, run)| run.clone());
    let lists = [
        (format!("/v1/sources/{}/runs", given.source), of_first.collect::<Vec<_>>()),
        (format!("/v1/workspaces/{}/runs", given.tenant.slug), made.iter().map(|(_, run)| run.clone()).collect()),
    ];

    for (path, expected) in lists {
        let (mut listed, mut cursor) = (Vec::new(), String::new());
        loop {
            let answer = given.admin.get(&format!("{path}?limit=2{cursor}")).await.is(200);
            assert!(ids(&answer).len() <= 2);
            listed.extend(ids(&answer));
            match answer["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(listed, expected, "{path}");
        for wrong in ["limit=0", "limit=101", "cursor=%21", "page=2"] {
            given.admin.get(&format!("{path}?{wrong}")).await.problem(400, "VALIDATION_FAILED");
        }
    }
}

/// S0.31, S1.64: who asked for a run, who stopped it, and how it ended.
async fn a_run_is_on_record(world: &World) {
    let given = given(world).await;
    let mia = given.tenant.join("mia", "member").await;
    let completed = mia.sync(&given.source, json!({"reason": "before the demo"})).await;
    let run = held(world, &given, json!({})).await;
    mia.press(&format!("/v1/runs/{}/cancel", id(&run))).await.is(202);
    let cancelled = let_go(world, &given, &run).await;
    let read = async |run: &Value| {
        let answer = given.admin.get(&format!("/v1/runs/{}/audit", id(run))).await.is(200);
        let lines = answer["audit"].as_array().unwrap().clone();
        assert!(lines.iter().all(|line| line["run"] == run["id"] && line["source"] == *given.source), "{answer:#}");
        assert!(lines.is_sorted_by_key(|line| line["at"].as_str().unwrap().parse::<Timestamp>().unwrap()), "{answer:#}");
        lines
    };
    let line = |lines: &[Value], what: &str| {
        lines.iter().find(|line| line["what"] == what).unwrap_or_else(|| panic!("{what}: {lines:#?}")).clone()
    };

    let lines = read(&completed).await;
    let created = line(&lines, "run.created");
    assert_eq!((&created["who"], &created["at"]), (&json!(given.tenant.name("mia")), &completed["created_at"]));
    assert!(created["facts"].to_string().contains("before the demo"), "{created:#}");
    assert!(line(&lines, "run.ended")["facts"].to_string().contains("completed"), "{lines:#?}");

    let lines = read(&cancelled).await;
    assert_eq!(line(&lines, "run.created")["who"], given.tenant.name("admin"));
    assert!(lines.iter().any(|line| line["who"] == given.tenant.name("mia")), "{lines:#?}");
    assert!(line(&lines, "run.ended")["facts"].to_string().contains("cancelled"), "{lines:#?}");

    // The workspace's audit has the same lines, and refusals; it is for admins.
    let refused = held(world, &given, json!({})).await;
    mia.press(&given.trigger()).await.problem(409, "SYNC_IN_PROGRESS");
    let_go(world, &given, &refused).await;
    let path = format!("/v1/workspaces/{}/audit", given.tenant.slug);
    let audit = given.admin.get(&path).await.is(200)["audit"].as_array().unwrap().clone();
    assert!(audit.contains(&created));
    assert!(audit.iter().any(|line| line["what"] == "trigger.refused" && line["who"] == given.tenant.name("mia")), "{audit:#?}");
    mia.get(&path).await.problem(403, "FORBIDDEN");
}

/// S0.18, S3.14: viewers read all there is of a run; to anyone else it
/// does not exist.
async fn viewers_read_and_strangers_see_nothing(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let run = given.sync(json!({})).await;
    let viewer = given.tenant.join("viewer", "viewer").await;
    let elsewhere = world.tenant().await;
    let (source, run) = (format!("/v1/sources/{}", given.source), format!("/v1/runs/{}", id(&run)));
    let (runs, items, audit, events) =
        (format!("{source}/runs"), format!("{source}/items"), format!("{run}/audit"), format!("{run}/events"));
    let all = format!("/v1/workspaces/{}/runs", given.tenant.slug);

    for path in [&source, &run, &runs, &items, &audit, &events, &all] {
        assert_eq!(viewer.get(path).await.status, 200, "{path}");
        for stranger in [world.user(&fresh("stranger")), elsewhere.admin()] {
            stranger.get(path).await.problem(404, "NOT_FOUND");
        }
        world.nobody().get(path).await.problem(401, "UNAUTHENTICATED");
    }
    let unknown = world.user(&fresh("stranger")).get("/v1/runs/01890a5d-ac96-774b-bcce-b302099a8057").await.problem(404, "NOT_FOUND");
    let hidden = elsewhere.admin().get(&run).await.problem(404, "NOT_FOUND");
    assert_eq!((&unknown["detail"], &unknown["title"]), (&hidden["detail"], &hidden["title"]), "one can tell what exists");
}
