//! Every row's key: this file is the data model.
//!
//! Within a source's or a workspace's partition the configuration and the gate
//! sort last and the runs just before them, newest last. So the last few rows
//! of a partition are everything a trigger has to know, in one query. Whatever
//! else lives there must sort below `r`.

use crate::clock::Moment;
use crate::digest::short_name;
use crate::model::{Owner, ProjectId, RunId, SourceId, Stream, UserId, WorkspaceId};

mod code;
pub use code::{
    BRANCHES, MEANING_INDEX, TREE, VECTOR, branch, branches_partition, chunk, chunk_partition, chunk_partitions, chunks_of, manifest,
    manifest_of, tree,
};

/// The primary key of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub pk: String,
    pub sk: String,
}

fn key(pk: String, sk: impl Into<String>) -> Key {
    Key { pk, sk: sk.into() }
}

/// One kind of row, as docs/data.md lists it.
#[derive(Debug)]
pub struct RowKind {
    pub kind: &'static str,
    pub pk: &'static str,
    pub sk: &'static str,
}

const fn row(kind: &'static str, pk: &'static str, sk: &'static str) -> RowKind {
    RowKind { kind, pk, sk }
}

/// Every kind of row there is.
pub const ROWS: &[RowKind] = &[
    row("workspace", "W#{workspace}", "~C"),
    row("workspace_gate", "W#{workspace}", "~G"),
    row("member", "W#{workspace}", "M#{user}"),
    row("membership", "U#{user}", "M#{workspace}"),
    row("project_listing", "W#{workspace}", "P#{project}"),
    row("source_listing", "W#{workspace}", "S#{source}"),
    row("integration", "W#{workspace}", "I#{integration_type}"),
    row("token_listing", "W#{workspace}", "T#{id}"),
    row("workspace_listing", "W#*", "L#{workspace}"),
    row("quota", "W#{workspace}", "Q#{host}#{principal}#{resource}"),
    row("webhook_secret", "W#{workspace}", "H"),
    row("minted", "W#{workspace}", "K#{fingerprint}#{host}"),
    row("deployment_key", "W#*", "K"),
    row("project", "P#{project}", "~C"),
    row("source", "S#{source}", "~C"),
    row("gate", "S#{source}", "~G"),
    row("stream", "S#{source}", "F#{stream}#{open|all}"),
    row("moved", "S#{source}", "F#moved"),
    row("period", "S#{source}", "D"),
    row("health", "S#{source}", "E"),
    row("run", "S#{source} or W#{workspace}", "r#{run}"),
    row("run_pointer", "R#{run}", "R"),
    row("link", "R#{run}", "C#{source}"),
    row("notice", "R#{run}", "N#{hook}#{number}"),
    row("held", "H#{source}", "{item}"),
    row("seen", "L#{run}", "{stream}#{part}"),
    row("slot", "W#{workspace}", "N#s#{number}"),
    row("waiting", "W#{workspace}", "N#w#{run}"),
    row("item", "I#{source}#{shard}", "{item}"),
    row("by_hand", "B#{source}", "i#{id}"),
    row("linked", "B#{source}", "i#{id}"),
    row("title", "B#{source}", "t#{title}"),
    row("unread_link", "B#{source}", "u#{stream}#{id}"),
    row("has_by_hand", "B#{source}", "~"),
    row("branch", "X#{source}", "b:{branch}"),
    row("manifest", "X#{source}", "m:{branch}:{attempt}:{part}"),
    row("chunk", "{source}:{branch}:{shard}, in the index table", "{path}//{number}"),
    row("audit", "A#{workspace}", "{time}#{id}"),
    row("token", "T#{sha256 of the token}", "T"),
    row("idempotency", "K#{hash}", "K"),
];

/// The index of what is due, in as many shards as keep one tick's writes from
/// meeting on one partition.
pub const DUE_INDEX: &str = "due";
pub const DUE_SHARDS: u8 = 8;
/// The index of what is listed by time: items of a source, audit of a run, runs
/// of a workspace.
pub const LISTED_INDEX: &str = "listed";
pub const LISTED_SHARDS: u8 = 8;

pub fn workspace(id: &WorkspaceId) -> Key {
    key(workspace_partition(id), "~C")
}

/// Where operators find every workspace.
pub fn workspace_listing(id: &WorkspaceId) -> Key {
    key(workspace_partition(&WorkspaceId::deployment()), format!("L#{id}"))
}

pub fn workspace_partition(id: &WorkspaceId) -> String {
    format!("W#{id}")
}

pub fn member(workspace: &WorkspaceId, user: &UserId) -> Key {
    key(workspace_partition(workspace), format!("M#{user}"))
}

pub fn membership(user: &UserId, workspace: &WorkspaceId) -> Key {
    key(user_partition(user), format!("M#{workspace}"))
}

pub fn user_partition(user: &UserId) -> String {
    format!("U#{user}")
}

pub fn project(id: &ProjectId) -> Key {
    key(format!("P#{id}"), "~C")
}

pub fn project_listing(workspace: &WorkspaceId, id: &ProjectId) -> Key {
    key(workspace_partition(workspace), format!("P#{id}"))
}

pub fn source(id: &SourceId) -> Key {
    key(source_partition(id), "~C")
}

pub fn source_partition(id: &SourceId) -> String {
    format!("S#{id}")
}

pub fn source_listing(workspace: &WorkspaceId, id: &SourceId) -> Key {
    key(workspace_partition(workspace), format!("S#{id}"))
}

/// Which source of a workspace is its integration of a type. It is there before the
/// source is, and until the last row of the source is gone.
pub fn integration(workspace: &WorkspaceId, kind: &str) -> Key {
    key(workspace_partition(workspace), format!("I#{kind}"))
}

pub fn token_listing(workspace: &WorkspaceId, id: &str) -> Key {
    key(workspace_partition(workspace), format!("T#{id}"))
}

pub fn token(hash: &str) -> Key {
    key(format!("T#{hash}"), "T")
}

pub fn owner_partition(owner: &Owner) -> String {
    match owner {
        Owner::Source(id) => source_partition(id),
        Owner::Workspace(id) => workspace_partition(id),
    }
}

pub fn gate(owner: &Owner) -> Key {
    key(owner_partition(owner), "~G")
}

pub fn run(owner: &Owner, id: RunId) -> Key {
    key(owner_partition(owner), format!("r#{id}"))
}

pub fn run_pointer(id: RunId) -> Key {
    key(run_partition(id), "R")
}

/// What belongs to a run and is not its row.
pub fn run_partition(id: RunId) -> String {
    format!("R#{id}")
}

/// How the children of a workspace run begin.
pub const LINKS: &str = "C#";

pub fn link(parent: RunId, source: &SourceId) -> Key {
    key(run_partition(parent), format!("{LINKS}{source}"))
}

pub fn stream(source: &SourceId, stream: Stream, include_closed: bool) -> Key {
    let which = if include_closed { "all" } else { "open" };
    key(source_partition(source), format!("F#{}#{which}", stream.as_str()))
}

pub fn moved(source: &SourceId) -> Key {
    key(source_partition(source), "F#moved")
}

pub fn quota(workspace: &WorkspaceId, host: &str, principal: &str, resource: &str) -> Key {
    key(workspace_partition(workspace), format!("Q#{host}#{principal}#{resource}"))
}

/// What signs a workspace's webhooks.
pub fn webhook_secret(workspace: &WorkspaceId) -> Key {
    key(workspace_partition(workspace), "H")
}

/// What one hook is still to be told of a run, in the order in which it happened.
pub fn notices(hook: &str) -> String {
    format!("N#{hook}#")
}

pub fn notice(run: RunId, hook: &str, number: u64) -> Key {
    key(run_partition(run), format!("{}{number:010}", notices(hook)))
}

/// Where what is to be told of a run stands in the index of what is due.
pub fn notice_shard(run: RunId) -> String {
    notice_shards().nth(usize::from(run.0.as_bytes()[15] % DUE_SHARDS)).unwrap_or_default()
}

pub fn notice_shards() -> impl Iterator<Item = String> {
    (0..DUE_SHARDS).map(|shard| format!("N#{shard}"))
}

/// The token that was minted last with a key.
pub fn minted(workspace: &WorkspaceId, fingerprint: &str) -> Key {
    key(workspace_partition(workspace), format!("K#{fingerprint}"))
}

/// Where the deployment keeps the key of its fingerprints.
pub fn deployment_key() -> Key {
    key(workspace_partition(&WorkspaceId::deployment()), "K")
}

/// How the slots of a workspace begin, and the runs that wait for one.
pub const SLOTS: &str = "N#s#";
pub const WAITING: &str = "N#w#";

pub fn slot(workspace: &WorkspaceId, number: u64) -> Key {
    key(workspace_partition(workspace), format!("N#s#{number:06}"))
}

/// Run ids grow with time, so whoever waits longest stands first.
pub fn waiting(workspace: &WorkspaceId, run: RunId) -> Key {
    key(workspace_partition(workspace), format!("N#w#{run}"))
}

pub fn held(source: &SourceId, item: &str) -> Key {
    key(held_partition(source), item)
}

pub fn held_partition(source: &SourceId) -> String {
    format!("H#{source}")
}

/// What a run that lists a stream anew has seen of it, a part for each page.
pub fn seen(run: RunId, stream: Stream, part: u32) -> Key {
    key(seen_partition(run), format!("{}{part:06}", seen_of(stream)))
}

pub fn seen_partition(run: RunId) -> String {
    format!("L#{run}")
}

/// How the parts of one stream begin.
pub fn seen_of(stream: Stream) -> String {
    format!("{}#", stream.as_str())
}

pub fn idempotency(scope: &str) -> Key {
    key(format!("K#{}", short_name(scope)), "K")
}

/// The scope under which a delivery is remembered as an idempotency key is: they can
/// not meet, since those begin with a user and none is called so.
pub fn delivery_scope(source: &SourceId, delivery: &str) -> String {
    format!("webhook\ndelivery\n{source}\n{delivery}")
}

/// An item's partition follows from its id, so that a thousand writes of one
/// source in a second spread over sixteen.
pub fn item(source: &SourceId, item: &str) -> Key {
    key(item_partition(source, item.get(..1).unwrap_or("0")), item)
}

pub fn item_partition(source: &SourceId, shard: &str) -> String {
    format!("I#{source}#{shard}")
}

/// Everything about what was made by hand has a partition of its own, so that no
/// listing of a forge is ever compared with it, and nothing there is removed by one.
pub fn by_hand_partition(source: &SourceId) -> String {
    format!("B#{source}")
}

/// An item that was made by hand; once it is linked, where it went.
pub fn by_hand(source: &SourceId, id: &str) -> Key {
    key(by_hand_partition(source), format!("i#{id}"))
}

/// Those of one title that are not linked yet.
pub fn title(source: &SourceId, title: &str) -> Key {
    key(by_hand_partition(source), format!("t#{}", short_name(&crate::model::folded(title))))
}

/// How what was linked by hand and not read since begins, of one stream.
pub fn unread_links(stream: Stream) -> String {
    format!("u#{}#", stream.as_str())
}

pub fn unread_link(source: &SourceId, stream: Stream, id: &str) -> Key {
    key(by_hand_partition(source), format!("{}{id}", unread_links(stream)))
}

/// Whether anything was ever made by hand.
pub fn has_by_hand(source: &SourceId) -> Key {
    key(by_hand_partition(source), "~")
}

/// The sixteen shards of a source's items.
pub fn item_shards() -> impl Iterator<Item = String> {
    "0123456789abcdef".chars().map(String::from)
}

pub fn audit_partition(workspace: &WorkspaceId) -> String {
    format!("A#{workspace}")
}

pub fn audit(workspace: &WorkspaceId, at: Moment, id: &str) -> Key {
    key(audit_partition(workspace), format!("{}#{id}", sortable(at)))
}

/// A moment as text that sorts as time does, for every time until the year 5138.
pub fn sortable(at: Moment) -> String {
    format!("{:014}", at.0.max(0))
}

/// Where a run stands in the index of what is due.
pub fn due_shard(run: RunId) -> String {
    due_shards().nth(usize::from(run.0.as_bytes()[15] % DUE_SHARDS)).unwrap_or_default()
}

pub fn due_shards() -> impl Iterator<Item = String> {
    (0..DUE_SHARDS).map(|shard| format!("D#{shard}"))
}

/// The next period of a source with a schedule.
pub fn period(source: &SourceId) -> Key {
    key(source_partition(source), "D")
}

/// How the other side of a source is.
pub fn health(source: &SourceId) -> Key {
    key(source_partition(source), "E")
}

/// Where a source's next period stands in the index of what is due.
pub fn period_shard(source: &SourceId) -> String {
    let mixed = source.as_str().bytes().fold(0_u8, |mixed, byte| mixed.wrapping_mul(31).wrapping_add(byte));
    period_shards().nth(usize::from(mixed % DUE_SHARDS)).unwrap_or_default()
}

pub fn period_shards() -> impl Iterator<Item = String> {
    (0..DUE_SHARDS).map(|shard| format!("P#{shard}"))
}

/// Where the runs of a workspace are listed.
pub fn listed_runs(workspace: &WorkspaceId) -> String {
    format!("W#{workspace}#runs")
}

/// Where the audit of a run is listed.
pub fn listed_audit(run: RunId) -> String {
    format!("R#{run}#audit")
}

/// Where an item is listed; sharded, since a full index partition holds up
/// writes to the table.
pub fn listed_item(source: &SourceId, item: &str) -> String {
    let digit = item.get(1..2).and_then(|digit| u8::from_str_radix(digit, 16).ok()).unwrap_or(0);
    format!("I#{source}#{}", digit % LISTED_SHARDS)
}

pub fn listed_items(source: &SourceId) -> impl Iterator<Item = String> {
    (0..LISTED_SHARDS).map(move |shard| format!("I#{source}#{shard}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_trigger_reads_sorts_last() {
        let source = SourceId::known("web");
        let owner = Owner::Source(source.clone());
        let runs = run(&owner, RunId(uuid::Uuid::max())).sk;
        assert!(runs < super::source(&source).sk && super::source(&source).sk < gate(&owner).sk);
        assert!(stream(&source, Stream::Issues, true).sk.as_str() < "r");
    }

    #[test]
    fn times_sort_as_text() {
        assert!(sortable(Moment(999)) < sortable(Moment(1_000_000_000_000)));
    }
}
