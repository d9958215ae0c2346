//! What can be seen of the code index from below: its rows, after everything that can happen to a run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pullcord::engines::TableEngine;
use pullcord_tests::git_remote::{GitRemote, many_path};
use pullcord_tests::program::Program;
use serde_json::{Value, json};

use crate::tests;

tests![an_index_is_whole_whenever_its_worker_dies, what_did_not_change_is_not_written, a_clone_that_is_broken_is_made_anew,];

const FILES: usize = 600;
const SYNC: &str = "/v1/sources/code/sync";

/// Everything that can be searched, by its keys, as it lies in the file.
fn rows(data: &Path) -> BTreeMap<String, String> {
    let engine = TableEngine::in_file(&data.join("table.sqlite")).unwrap();
    let (mut rows, mut start) = (BTreeMap::new(), None);
    loop {
        let request = json!({"TableName": "pullcord-index", "ExclusiveStartKey": start});
        let page = engine.database().scan(serde_json::from_value(request).unwrap()).unwrap();
        let page = serde_json::to_value(page).unwrap();
        for row in page["Items"].as_array().unwrap() {
            let key = format!("{} {}", row["PK"]["S"].as_str().unwrap(), row["SK"]["S"].as_str().unwrap());
            rows.insert(key, row.to_string());
        }
        start = Some(page["LastEvaluatedKey"].clone()).filter(|key| !key.is_null());
        if start.is_none() {
            return rows;
        }
    }
}

async fn given(data: &Path, remote: &GitRemote) -> Program {
    let process = Program::start(data);
    process.call("POST", "/v1/workspaces", json!({"slug": "acme", "name": "Acme"})).await;
    let source = json!({"id": "code", "kind": "index", "git": {"url": remote.url()}, "branches": ["main"]});
    process.call("POST", "/v1/workspaces/acme/sources", source).await;
    process
}

/// A sync whose worker is killed as soon as its run has come so far; its end, told by the next process.
async fn killed(data: &Path, process: Program, body: Value, version: u64) -> (Program, Value) {
    let run = process.call("POST", SYNC, body).await;
    let id = run["id"].as_str().unwrap().to_owned();
    let mut seen = run;
    while seen["version"].as_u64().unwrap() < version && seen["finished_at"].is_null() {
        let after = seen["version"].as_u64().unwrap();
        seen = process.call("GET", &format!("/v1/runs/{id}?wait=PT20S&after={after}"), Value::Null).await;
    }
    process.kill();
    let process = Program::start(data);
    let ended = process.ended(&id).await;
    assert_eq!(ended["status"], "completed", "killed at {version}: {ended:#}");
    (process, ended)
}

/// What a process that nothing happened to makes of the same commit.
async fn clean(remote: &GitRemote) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let process = given(folder.path(), remote).await;
    let run = process.synced("code", json!({})).await;
    assert_eq!(run["status"], "completed", "{run:#}");
    process.kill();
    rows(folder.path())
}

/// S1.52, S1.61: killed at ten moments of a full index and ten of an incremental one, each time something else has changed
/// meanwhile: what can be searched is, row by row, what a clean run makes of it.
async fn an_index_is_whole_whenever_its_worker_dies() {
    let remote = GitRemote::start().await;
    remote.many("main", FILES);
    let folder = tempfile::tempdir().unwrap();
    let mut process = given(folder.path(), &remote).await;
    for moment in 1..=10 {
        let (next, _) = killed(folder.path(), process, json!({"full": true}), moment).await;
        process = next;
    }
    for moment in 1..=10_u64 {
        change(&remote, moment);
        let (next, _) = killed(folder.path(), process, json!({}), moment).await;
        process = next;
        if moment % 5 == 0 {
            process.kill();
            assert_same(&rows(folder.path()), &clean(&remote).await, moment);
            process = Program::start(folder.path());
        }
    }
}

/// Some files come, change, go and are renamed.
fn change(remote: &GitRemote, moment: u64) {
    let at = |number: u64| many_path(usize::try_from(moment * 20 + number).unwrap());
    let (new, text) = (format!("src/new_{moment}.rs"), format!("/// The {moment}th.\npub fn new_{moment}() {{}}\n"));
    let mut changes: Vec<(String, Option<String>)> = vec![(new, Some(text.clone()))];
    changes.extend((0..8).map(|number| (at(number), Some(format!("{text}// {number}\n")))));
    changes.push((at(9), None));
    let changes: Vec<(&str, Option<&str>)> = changes.iter().map(|(path, text)| (path.as_str(), text.as_deref())).collect();
    remote.commit("main", &changes, "Changes");
    remote.rename("main", &at(10), &format!("src/renamed_{moment}.rs"));
}

fn assert_same(found: &BTreeMap<String, String>, expected: &BTreeMap<String, String>, moment: u64) {
    let keys = |rows: &BTreeMap<String, String>| rows.keys().cloned().collect::<BTreeSet<_>>();
    let (found_keys, expected_keys) = (keys(found), keys(expected));
    let surplus: Vec<_> = found_keys.difference(&expected_keys).collect();
    let missing: Vec<_> = expected_keys.difference(&found_keys).collect();
    assert!(surplus.is_empty() && missing.is_empty(), "after {moment}: too many {surplus:?}, too few {missing:?}");
    for (key, row) in expected {
        assert_eq!(&found[key], row, "after {moment}: {key}");
    }
}

/// S1.18, S1.19: of the files that did not change no row is written again; where nothing changed, none at all.
async fn what_did_not_change_is_not_written() {
    let remote = GitRemote::start().await;
    remote.many("main", FILES);
    let folder = tempfile::tempdir().unwrap();
    let process = given(folder.path(), &remote).await;
    process.synced("code", json!({})).await;
    // What is not as a run would write it shows whether a run wrote it.
    process.kill();
    mark(folder.path());
    let before = rows(folder.path());

    let process = Program::start(folder.path());
    let run = process.synced("code", json!({})).await;
    assert_eq!((&run["results"]["created"], &run["results"]["updated"]), (&json!(0), &json!(0)), "{run:#}");
    change(&remote, 1);
    let run = process.synced("code", json!({})).await;
    process.kill();

    assert_eq!((&run["results"]["created"], &run["results"]["updated"], &run["results"]["deleted"]), (&json!(2), &json!(8), &json!(2)));
    let after = rows(folder.path());
    let unmarked = after.iter().filter(|(_, row)| !row.contains("\"marked\"")).count();
    assert_eq!(unmarked, 10, "one new, eight modified, one renamed");
    let same = after.iter().filter(|(key, row)| before.get(*key) == Some(*row)).count();
    assert_eq!(same, FILES - 10);
}

/// Writes something beside what is in every row.
fn mark(data: &Path) {
    let engine = TableEngine::in_file(&data.join("table.sqlite")).unwrap();
    for row in rows(data).values() {
        let mut row: Value = serde_json::from_str(row).unwrap();
        row["marked"] = json!({"S": "here"});
        let put = json!({"TableName": "pullcord-index", "Item": row});
        engine.database().put_item(serde_json::from_value(put).unwrap()).unwrap();
    }
}

/// A clone is no more than a saving: one that cannot be read is in nobody's way for longer than one run.
async fn a_clone_that_is_broken_is_made_anew() {
    let remote = GitRemote::start().await;
    remote.many("main", 50);
    let folder = tempfile::tempdir().unwrap();
    let process = given(folder.path(), &remote).await;
    process.synced("code", json!({})).await;
    for damage in [&b""[..], b"not a pack", &[0; 4_000]] {
        for file in walkdir::WalkDir::new(folder.path().join("git")) {
            let file = file.unwrap();
            if file.file_type().is_file() && file.path().to_string_lossy().contains("objects") {
                std::fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
                std::fs::write(file.path(), damage).unwrap();
            }
        }

        let broken = process.synced("code", json!({"full": true})).await;
        let run = process.synced("code", json!({"full": true})).await;

        assert!(["completed", "failed"].contains(&broken["status"].as_str().unwrap()), "{broken:#}");
        assert!(broken["error"].is_null() || broken["error"]["code"] == "REPOSITORY_UNREADABLE", "{broken:#}");
        assert_eq!(run["status"], "completed", "{run:#}");
    }
}
