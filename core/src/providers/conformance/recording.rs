//! A recording: what was asked, what came, and what is to be made of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::clock::Moment;
use crate::model::{Item, Stream};
use crate::providers::{Page, Reply, Wanted};

pub(super) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/providers/recordings")
}

/// The names of what a folder has in it; none if there is no such folder.
pub(super) fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

/// `denied-by-role` is a case of `denied`.
pub(super) fn kind_of(name: &str) -> &str {
    name.split('-').next().unwrap_or_default()
}

pub(super) fn parsed(body: Option<&str>) -> Value {
    body.and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default()
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recording {
    /// A sentence for whoever reads it.
    #[expect(dead_code, reason = "it is for people")]
    about: String,
    #[serde(default)]
    pub(super) asked: Asked,
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) body: Value,
    /// A body that is no JSON.
    text: Option<String>,
    /// Where in the body the entries stand, if all of them are to become items.
    pub(super) entries: Option<String>,
    /// What the headers say is left.
    pub(super) limit: Option<Value>,
    pub(super) expected: Expected,
}

/// The request it answers: the first of a listing, the one that another recording
/// leads to, or that for an entry alone.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    since: Option<String>,
    /// What an earlier listing gave to ask for changes by.
    resume: Option<String>,
    #[serde(default)]
    include_closed: bool,
    #[serde(default)]
    knows_items: bool,
    pub(super) after: Option<String>,
    pub(super) single: Option<String>,
    /// What the request has to be.
    pub(super) request: Option<Value>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Expected {
    Verdict {
        verdict: String,
        /// `60 seconds`, `until 2026-11-20T05:20:11Z` or `unknown`.
        #[serde(default)]
        wait: String,
        /// Words of the provider that are kept.
        why: String,
    },
    Unreadable {
        unreadable: String,
    },
    Page(ExpectedPage),
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedPage {
    items: Vec<Value>,
    #[serde(default)]
    rejected: Vec<Value>,
    /// What is surprising, and external ids of what is said to be gone.
    #[serde(default)]
    surprises: Vec<Value>,
    #[serde(default)]
    removed: Vec<String>,
    resume: Option<String>,
    next: Value,
    total: Option<u64>,
    /// The next page's number, if it is not one more.
    pub(super) number: Option<u64>,
}

impl Asked {
    pub(super) fn wanted(&self) -> Wanted<'_> {
        let since = self.since.as_deref().map(|since| Moment::parse(since).expect("a time"));
        let (resume, include_closed, knows_items) = (self.resume.as_deref(), self.include_closed, self.knows_items);
        Wanted { since, resume, include_closed, knows_items }
    }
}

impl Recording {
    pub(super) fn reply(&self) -> Reply {
        let text = self.text.clone().or_else(|| (!self.body.is_null()).then(|| self.body.to_string()));
        Reply { status: self.status, headers: self.headers.clone(), body: text.unwrap_or_default().into_bytes() }
    }
}

/// An item as recordings write it: with times as text, and without what it has not.
fn written(item: &Item) -> Value {
    let mut fields = serde_json::to_value(item).expect("plain data");
    for (name, at) in [("created_at", item.created_at), ("updated_at", item.updated_at)] {
        fields[name] = at.map(Moment::rfc3339).into();
    }
    // All of a record is written as what it is, if that can be read.
    if let Some(shown) = item.fields.as_deref().and_then(|shown| serde_json::from_str(shown).ok()) {
        fields["fields"] = shown;
    }
    let fields = fields.as_object_mut().map(std::mem::take).unwrap_or_default();
    Value::Object(
        fields.into_iter().filter(|(_, value)| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty())).collect(),
    )
}

impl ExpectedPage {
    /// A field that an item has and nobody expects.
    pub(super) fn unexpected(&self, page: &Page) -> Option<String> {
        let mut pairs = self.items.iter().zip(page.items.iter().map(written));
        let of = |(expected, found): (&Value, Value)| found.as_object()?.keys().find(|name| expected.get(name.as_str()).is_none()).cloned();
        pairs.find_map(of)
    }

    pub(super) fn check(&self, page: &Page, about: &str) {
        let items: Vec<Value> = page.items.iter().map(written).collect();
        let rejected: Vec<Value> =
            page.rejected.iter().map(|one| serde_json::json!({"id": one.id, "which": one.which, "why": one.why})).collect();
        let surprises: Vec<Value> = page.surprises.iter().map(|one| serde_json::json!({"which": one.which, "why": one.what})).collect();
        let next = page.next.as_ref().map_or(Value::Null, |next| {
            let overlap: Vec<&str> = next.overlap.iter().map(|(entry, _)| entry.as_str()).collect();
            serde_json::json!({"url": next.url, "body": parsed(next.body.as_deref()), "overlap": overlap})
        });
        for (what, expected, found) in [
            ("its items", Value::from(self.items.clone()), Value::from(items)),
            ("what is rejected", Value::from(self.rejected.clone()), Value::from(rejected)),
            ("the next page", self.next.clone(), next),
            ("the total", Value::from(self.total), Value::from(page.total)),
            ("what is surprising", Value::from(self.surprises.clone()), Value::from(surprises)),
            ("what is gone", Value::from(self.removed.clone()), Value::from(page.removed.clone())),
            ("what to ask for changes by", Value::from(self.resume.clone()), Value::from(page.resume.clone())),
        ] {
            subset(&expected, &found).unwrap_or_else(|why| panic!("{about}: {what}: {why}\nall of it: {found:#}"));
        }
    }
}

/// Whether everything that is expected is there. Objects may have more fields;
/// lists may not have more entries. Of `why` a part is enough.
pub(super) fn subset(expected: &Value, found: &Value) -> Result<(), String> {
    let differs = || Err(format!("{found} is not {expected}"));
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => expected.iter().try_for_each(|(name, expected)| {
            let found = found.get(name).unwrap_or(&Value::Null);
            let says = |part: &str| found.as_str().is_some_and(|found| found.contains(part));
            if name == "why" && expected.as_str().is_some_and(says) {
                return Ok(());
            }
            subset(expected, found).map_err(|why| format!("{name}: {why}"))
        }),
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            expected.iter().zip(found).try_for_each(|(expected, found)| subset(expected, found))
        }
        _ if expected == found => Ok(()),
        _ => differs(),
    }
}

/// Every place in a value, as JSON pointers: itself, its fields, theirs.
pub(super) fn places_in(value: &Value) -> Vec<String> {
    let within = |name: &str, value: &Value| -> Vec<String> {
        places_in(value).into_iter().map(|place| format!("/{}{place}", name.replace('~', "~0").replace('/', "~1"))).collect()
    };
    let mut places = vec![String::new()];
    match value {
        Value::Object(fields) => places.extend(fields.iter().flat_map(|(name, value)| within(name, value))),
        Value::Array(entries) => places.extend(entries.iter().enumerate().flat_map(|(at, value)| within(&at.to_string(), value))),
        _ => {}
    }
    places
}

/// What was recorded of a stream, by name. What its provider's streams have in
/// common is in it.
#[derive(Clone)]
pub(super) struct Recordings {
    of: String,
    by_name: BTreeMap<String, Recording>,
    impossible: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Impossible { impossible: String },
    Recording(Box<Value>),
}

impl Recordings {
    pub(super) fn of(provider: &str, stream: Stream) -> Self {
        let (mut by_name, mut impossible) = (BTreeMap::new(), BTreeSet::new());
        let of = format!("{provider}/{}", stream.label());
        for folder in [folder().join(provider).join("any"), folder().join(&of)] {
            for name in names_in(&folder) {
                let path = folder.join(&name);
                let text = fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
                let name = name.trim_end_matches(".json").to_owned();
                let read = |text: &str| match serde_json::from_str(text)? {
                    File::Impossible { impossible } => Ok::<_, serde_json::Error>(Err(impossible)),
                    File::Recording(recording) => serde_json::from_value::<Recording>(*recording).map(Ok),
                };
                match read(&text).unwrap_or_else(|why| panic!("{} is no recording: {why}", path.display())) {
                    Ok(recording) => drop(by_name.insert(name, recording)),
                    Err(why) => assert!(!why.is_empty() && impossible.insert(name), "{}: why?", path.display()),
                }
            }
        }
        Self { of, by_name, impossible }
    }

    pub(super) fn get(&self, name: &str) -> &Recording {
        self.by_name.get(name).unwrap_or_else(|| panic!("core/src/providers/recordings/{}/{name}.json is missing", self.of))
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.by_name.keys().cloned().collect()
    }

    /// The kinds of what there is, or cannot be.
    pub(super) fn kinds(&self) -> BTreeSet<&str> {
        self.by_name.keys().map(|name| kind_of(name)).chain(self.impossible()).collect()
    }

    pub(super) fn impossible(&self) -> impl Iterator<Item = &str> {
        self.impossible.iter().map(|name| kind_of(name))
    }
}
