//! Every stored shape.
//!
//! A row is a struct of the model, its key, its kind and version, and what the
//! indexes need. Absent values are left out of the row, not stored as null: an
//! index takes no null for a key, and a reader gives the default.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::keys::{self, Key};
use crate::clock::Moment;
use crate::error::Fault;
use crate::model::{Gate, Item, Owner, Results, Run, RunError, RunId, RunStatus, Sealed, SourceId, Stream, UserId, WorkspaceId};

pub type Row = HashMap<String, AttributeValue>;

/// The version of rows this build writes; it reads this one and the one before.
pub const ROW_VERSION: u32 = 1;

/// Which run an idempotency key started, or a delivery; some deliveries start none.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Idempotency {
    #[serde(default)]
    pub run: Option<RunId>,
    pub owner: Owner,
    pub body_hash: String,
    pub expires_at: Moment,
}

/// Where a run lives, for whoever only has its id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunPointer {
    pub owner: Owner,
}

/// What a provider last said is left for a principal, and what of it is lent to
/// workers. Before the first reply nobody knows; only what is lent counts then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    pub remaining: u64,
    #[serde(default)]
    pub limit: Option<u64>,
    /// Unset if no end of the window is known.
    #[serde(default)]
    pub resets_at: Option<Moment>,
    /// When a reply was last heard of; unset if none was in this window.
    #[serde(default)]
    pub seen_at: Option<Moment>,
    /// The provider answers and does not tell what is left.
    #[serde(default)]
    pub untold: bool,
    /// Requests that workers reserved and have not accounted for.
    #[serde(default)]
    pub reserved: u64,
    /// How many of them find out what is left, and when the last of these was sent.
    #[serde(default)]
    pub probing: u64,
    #[serde(default)]
    pub probed_at: Option<Moment>,
    /// When a worker that spent was last told what is left.
    #[serde(default)]
    pub spent_at: Option<Moment>,
    /// Grows when what was reserved is forgotten: a lot of an earlier era is not
    /// given back any more.
    #[serde(default)]
    pub era: u64,
    /// Who wrote the row, to know one's own write whose answer was lost.
    #[serde(default)]
    pub by: String,
    #[serde(default)]
    pub version: u64,
}

impl Quota {
    /// Whether it says what is left.
    pub fn is_told(&self) -> bool {
        self.seen_at.is_some() && !self.untold
    }
}

/// The key by which fingerprints of credentials are made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeploymentKey {
    pub key: String,
}

/// A token that was minted with the key of an app, for all who keep that key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MintedToken {
    pub sealed: Sealed,
    pub good_until: Moment,
}

/// Who did what, when, and on which facts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Audit {
    pub at: Moment,
    pub who: UserId,
    pub what: String,
    #[serde(default)]
    pub source: Option<SourceId>,
    #[serde(default)]
    pub run: Option<RunId>,
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
    /// How often the same was refused within its minute.
    #[serde(default = "once")]
    pub count: u64,
}

fn once() -> u64 {
    1
}

/// An item with what only the table knows of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredItem {
    #[serde(flatten)]
    pub item: Item,
    /// The id it was made with by hand. Of all others the id follows from the
    /// external id.
    #[serde(default)]
    pub id: Option<String>,
    pub source: SourceId,
    /// When a run wrote it last, and which: none as long as nothing was read of it.
    #[serde(default)]
    pub synced_at: Option<Moment>,
    #[serde(default)]
    pub run: Option<RunId>,
}

impl StoredItem {
    /// What callers know it by. It stays when the item is linked, and the key does
    /// not.
    pub fn id(&self) -> String {
        self.id.clone().unwrap_or_else(|| self.item.id())
    }
}

/// Where an item that was made by hand went when it was linked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedItem {
    pub item: String,
}

/// Items of one title that were made by hand and are not linked yet, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TitlePointer {
    pub items: Vec<String>,
    pub version: u64,
}

/// An entry of a forge that somebody linked by hand, and that no run has asked for
/// since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadLink {
    pub id: String,
    pub at: Moment,
}

/// Which item an idempotency key made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyedItem {
    pub item: String,
    pub source: SourceId,
    pub body_hash: String,
    pub expires_at: Moment,
}

/// One of the runs that a workspace may have under way at the same time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Slot {
    pub run: RunId,
    pub owner: Owner,
    pub version: u64,
}

/// A run that waits for a slot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Waiting {
    pub run: RunId,
    pub owner: Owner,
}

/// An item that the last complete listing missed, and that is kept until a
/// person says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldItem {
    pub item: String,
    pub since: Moment,
    pub run: RunId,
    /// Someone said that it stays. It is not asked about again until it reappears.
    #[serde(default)]
    pub discarded: bool,
    /// The stream that its provider says it is gone from, where no listing missed it.
    #[serde(default)]
    pub said_of: Option<Stream>,
}

/// What signs a workspace's webhooks, sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookSecret {
    pub current: Sealed,
    /// The one before, and until when it signs too.
    #[serde(default)]
    pub previous: Option<Sealed>,
    #[serde(default)]
    pub previous_until: Option<Moment>,
    pub made_at: Moment,
    pub version: u64,
}

/// Something that one hook of a run is to be told. It is there until it was told, or
/// given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub run: RunId,
    pub owner: Owner,
    pub workspace: WorkspaceId,
    pub hook: String,
    /// The version that the run got by it.
    pub number: u64,
    pub at: Moment,
    /// What is sent, as it was then.
    pub body: String,
    #[serde(default)]
    pub tries: u32,
    /// When it is tried next.
    pub next_at: Moment,
    /// Somebody is at it, and will have been until then.
    #[serde(default)]
    pub busy_until: Option<Moment>,
    /// When the tick is to send a message for it.
    pub due_at: Moment,
    pub version: u64,
}

/// A row that only says that something is there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listing {
    pub id: String,
}

/// Makes a row of `value`.
pub fn encode<T: Serialize>(kind: &str, key: &Key, value: &T) -> Result<Row, Fault> {
    let mut row: Row = serde_dynamo::to_item(value).map_err(|why| Fault::broken("row", format!("{kind}: {why}")))?;
    row.retain(|_, value| !value.is_null());
    row.insert("PK".into(), AttributeValue::S(key.pk.clone()));
    row.insert("SK".into(), AttributeValue::S(key.sk.clone()));
    row.insert("kind".into(), AttributeValue::S(kind.into()));
    row.insert("v".into(), AttributeValue::N(ROW_VERSION.to_string()));
    Ok(row)
}

/// Reads a row back.
pub fn decode<T: DeserializeOwned>(row: Row) -> Result<T, Fault> {
    let version = row.get("v").and_then(|v| v.as_n().ok()).and_then(|v| v.parse::<u32>().ok()).unwrap_or(0);
    if version > ROW_VERSION {
        return Err(Fault::broken("row", format!("its version {version} is newer than this build")));
    }
    let name = format!("{}/{}", text(&row, "PK"), text(&row, "SK"));
    serde_dynamo::from_item(row).map_err(|why| Fault::broken("row", format!("{name}: {why}")))
}

/// A text attribute; empty if it is not there.
pub fn text<'row>(row: &'row Row, name: &str) -> &'row str {
    row.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

/// The key of a row that was read.
pub fn key_of(row: &Row) -> Key {
    Key { pk: text(row, "PK").to_owned(), sk: text(row, "SK").to_owned() }
}

/// When the index says that a run is due.
pub fn due_at(row: &Row) -> Moment {
    let due = row.get("due_at").and_then(|value| value.as_n().ok()).and_then(|value| value.parse().ok());
    Moment(due.unwrap_or(0))
}

/// A source that a workspace run took in, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub source: SourceId,
    /// None if its sync was refused.
    #[serde(default)]
    pub run: Option<RunId>,
    /// It was started for this, and not found under way.
    #[serde(default)]
    pub own: bool,
    /// Why there is no run.
    #[serde(default)]
    pub refused: Option<RunError>,
    /// How its run ended, once that was seen.
    #[serde(default)]
    pub ended: Option<RunStatus>,
    #[serde(default)]
    pub error: Option<RunError>,
    #[serde(default)]
    pub results: Results,
    /// It was told to stop.
    #[serde(default)]
    pub told: bool,
}

impl Link {
    /// Whether nothing more is to be expected of it.
    pub fn is_over(&self) -> bool {
        self.run.is_none() || self.ended.is_some()
    }

    /// Whether it came to its end without having done its work.
    pub fn has_failed(&self) -> bool {
        let did = matches!(self.ended, Some(RunStatus::Completed | RunStatus::CompletedWithWarnings));
        self.is_over() && !did
    }
}

pub fn encode_run(run: &Run, keep: Duration) -> Result<Row, Fault> {
    let mut row = encode("run", &keys::run(&run.owner, run.id), run)?;
    if let Some(due) = run.due_at() {
        fall_due(&mut row, keys::due_shard(run.id), due);
    }
    list(&mut row, keys::listed_runs(&run.workspace), run.created_at, &run.id.to_string());
    if let Some(finished) = run.finished_at {
        expire(&mut row, finished.plus(keep));
    }
    Ok(row)
}

/// Puts a row into the index of what is due.
pub fn fall_due(row: &mut Row, shard: String, at: Moment) {
    row.insert("due_shard".into(), AttributeValue::S(shard));
    row.insert("due_at".into(), AttributeValue::N(at.0.to_string()));
}

pub fn encode_gate(owner: &Owner, gate: &Gate) -> Result<Row, Fault> {
    let kind = match owner {
        Owner::Source(_) => "gate",
        Owner::Workspace(_) => "workspace_gate",
    };
    encode(kind, &keys::gate(owner), gate)
}

pub fn encode_item(stored: &StoredItem) -> Result<Row, Fault> {
    let (id, key) = (stored.id(), stored.item.id());
    let mut row = if stored.item.is_by_hand() {
        encode("by_hand", &keys::by_hand(&stored.source, &id), stored)?
    } else {
        encode("item", &keys::item(&stored.source, &key), stored)?
    };
    let at = stored.item.updated_at.or(stored.synced_at).unwrap_or(Moment(0));
    list(&mut row, keys::listed_item(&stored.source, &id), at, &id);
    Ok(row)
}

pub fn encode_audit(workspace: &WorkspaceId, id: &str, audit: &Audit, keep: Duration) -> Result<Row, Fault> {
    let mut row = encode("audit", &keys::audit(workspace, audit.at, id), audit)?;
    if let Some(run) = audit.run {
        list(&mut row, keys::listed_audit(run), audit.at, id);
    }
    expire(&mut row, audit.at.plus(keep));
    Ok(row)
}

fn list(row: &mut Row, listed_in: String, at: Moment, id: &str) {
    row.insert("listed_in".into(), AttributeValue::S(listed_in));
    row.insert("listed_at".into(), AttributeValue::S(format!("{}#{id}", keys::sortable(at))));
}

/// Lets the table tidy a row away some time after `at`. Nothing depends on it.
pub fn expire(row: &mut Row, at: Moment) {
    row.insert("ttl".into(), AttributeValue::N((at.0 / 1000).to_string()));
}
