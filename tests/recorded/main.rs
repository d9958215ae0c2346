//! What GitHub really sent, as others recorded it: our provider reads all of it, and
//! the simulated forge answers in the same shape.
//!
//! The recordings are other projects', so they are fetched (`make recorded`) and not
//! kept here; what is in them is in their hands, and only its form is looked at.

mod reading;
mod shapes;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;

/// A reply, and what it answered.
struct Recorded {
    /// Where it was recorded: package and file.
    file: String,
    method: String,
    url: String,
    status: u16,
    /// By names in lower case.
    headers: BTreeMap<String, String>,
    body: String,
}

static ALL: LazyLock<Vec<Recorded>> = LazyLock::new(load);

fn load() -> Vec<Recorded> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/recorded/replies.jsonl");
    let text = fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}\nrun `make recorded`, which fetches it", path.display()));
    text.lines().map(|line| Recorded::of(&serde_json::from_str(line).expect("a reply"))).collect()
}

impl Recorded {
    fn of(line: &Value) -> Self {
        let text = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("no {name} in {line}")).to_owned();
        let headers = line["headers"].as_object().expect("headers");
        Self {
            file: text("file"),
            method: text("method"),
            url: text("url"),
            status: u16::try_from(line["status"].as_u64().expect("a status")).expect("a status"),
            headers: headers.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect(),
            body: text("body"),
        }
    }

    /// The path, without the query.
    fn path(&self) -> &str {
        let after = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let path = after.find('/').map_or("", |at| &after[at..]);
        path.split('?').next().unwrap_or_default()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}
