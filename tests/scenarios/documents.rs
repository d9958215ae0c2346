//! Folders of documents: surface 3.5.
//!
//! S4.19, a table that does not answer, is a matter for the bench.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::world::{Answer, Session, World, write};

pub mod deleting;
pub mod ending;
pub mod held;
pub mod listing;
pub mod triggering;

crate::scenarios![the_service_says_that_it_is_healthy,];

/// A file without an end in sight that takes no room: whoever reads it is busy
/// until this is dropped. What is left is an empty document.
struct Boulder(PathBuf);

impl Boulder {
    const NAME: &str = "zz-boulder.md";

    fn before(folder: &Path) -> Self {
        let path = folder.join(Self::NAME);
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        Self(path)
    }
}

impl Drop for Boulder {
    fn drop(&mut self) {
        drop(File::create(&self.0));
    }
}

async fn press(who: &Session<'_>, project: &str) -> Answer {
    who.press(&format!("/api/v1/projects/{project}/sync")).await
}

async fn status(who: &Session<'_>, project: &str) -> Value {
    who.get(&format!("/api/v1/projects/{project}")).await.is(200)
}

/// The project's status after a sync.
async fn synced(who: &Session<'_>, project: &str) -> Value {
    press(who, project).await.is(202);
    who.settled(project).await
}

/// The project's runs, newest first.
async fn runs(who: &Session<'_>, project: &str) -> Vec<Value> {
    let listed = who.get(&format!("/v1/sources/{project}/runs")).await.is(200);
    listed["runs"].as_array().unwrap().clone()
}

/// The project's newest run after a sync.
async fn run(who: &Session<'_>, project: &str) -> Value {
    press(who, project).await.is(202);
    let newest = runs(who, project).await.remove(0);
    who.ended(newest["id"].as_str().unwrap()).await
}

/// A sync that is under way and stays so until its boulder is dropped; its run.
async fn underway(who: &Session<'_>, project: &str, folder: &Path) -> (String, Boulder) {
    let boulder = Boulder::before(folder);
    press(who, project).await.is(202);
    let newest = runs(who, project).await.remove(0)["id"].as_str().unwrap().to_owned();
    who.until(&newest, |run| run["status"] == "running").await;
    (newest, boulder)
}

/// Every document of a project, sorted by path.
async fn documents(who: &Session<'_>, project: &str) -> Vec<Value> {
    let (mut documents, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = who.get(&format!("/api/v1/projects/{project}/documents?limit=100{cursor}")).await.is(200);
        documents.extend(page["documents"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    documents.sort_by_key(|document| document["path"].as_str().unwrap().to_owned());
    documents
}

async fn paths(who: &Session<'_>, project: &str) -> Vec<String> {
    documents(who, project).await.iter().map(|document| document["path"].as_str().unwrap().to_owned()).collect()
}

/// A folder of so many documents.
fn folder_of(world: &World, count: usize) -> PathBuf {
    let folder = world.folder(&[]);
    for number in 0..count {
        write(&folder, &format!("{number:04}.md"), &format!("# Document {number}"));
    }
    folder
}

fn state(status: &Value) -> (&str, u64) {
    (status["sync_status"].as_str().unwrap(), status["document_count"].as_u64().unwrap())
}

fn at(time: &Value) -> jiff::Timestamp {
    let text = time.as_str().unwrap();
    assert!(text.ends_with('Z'), "{text}");
    text.parse().unwrap()
}

/// S4.18, S4.41: whoever asks, without a token too, is told that all is well.
async fn the_service_says_that_it_is_healthy(world: &World) {
    let mut health = world.nobody().get("/api/v1/system/health").await.is(200);
    let version = health.as_object_mut().unwrap().remove("version").unwrap();
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    assert_eq!(health, json!({"status": "healthy", "database": "connected", "queue": "connected"}));
}
