//! Every condition and expression; nowhere else is one written.
//!
//! Nearly all writes are "put this row if it is still the one I read", since
//! the moves themselves are decided by pure functions over what was read. The
//! row that refused comes back, and the decision is made again on it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::items::Row;
use super::keys::Key;
use crate::clock::Moment;

/// Something that must hold for a write to be done.
#[derive(Clone, Debug, Default)]
pub struct Condition {
    pub expression: String,
    pub names: HashMap<String, String>,
    pub values: Row,
}

/// Which of the two tables a row is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Home {
    #[default]
    Main,
    /// What can be searched.
    Index,
}

/// One write of a commit. `what` names it when it is the one that lost.
#[derive(Clone, Debug)]
pub struct Write {
    pub what: &'static str,
    pub action: Action,
    pub condition: Option<Condition>,
    pub home: Home,
}

impl Write {
    fn main(what: &'static str, action: Action, condition: Option<Condition>) -> Self {
        Self { what, action, condition, home: Home::Main }
    }

    /// The same in the table that is searched.
    #[must_use]
    pub fn in_index(self) -> Self {
        Self { home: Home::Index, ..self }
    }
}

#[derive(Clone, Debug)]
pub enum Action {
    Put(Row),
    Delete(Key),
    Check(Key),
    Update(Key, String),
}

/// Puts a row, whatever was there.
pub fn put(what: &'static str, row: Row) -> Write {
    Write::main(what, Action::Put(row), None)
}

/// Puts a row that must be the first of its key.
pub fn put_new(what: &'static str, row: Row) -> Write {
    Write::main(what, Action::Put(row), Some(condition("attribute_not_exists(PK)", [])))
}

/// Puts a row over the one that was read, which had `seen` for its version;
/// zero means that there was none.
pub fn put_over(what: &'static str, row: Row, seen: u64) -> Write {
    if seen == 0 {
        return put_new(what, row);
    }
    Write::main(what, Action::Put(row), Some(version_is(seen)))
}

/// Puts a row if there is none, or an expired one.
pub fn put_unless_live(what: &'static str, row: Row, now: Moment) -> Write {
    let lapsed = condition("attribute_not_exists(PK) OR expires_at < :now", [(":now", number(now.0))]);
    Write::main(what, Action::Put(row), Some(lapsed))
}

/// Puts a row over one of this kind, which is not changed otherwise.
pub fn put_over_kind(what: &'static str, row: Row, kind: &str) -> Write {
    let mut built = condition("#kind = :kind", [(":kind", string(kind))]);
    built.names.insert("#kind".into(), "kind".into());
    Write::main(what, Action::Put(row), Some(built))
}

/// Deletes a row that is still as it was read.
pub fn delete_unchanged(what: &'static str, key: Key, seen: u64) -> Write {
    Write::main(what, Action::Delete(key), Some(version_is(seen)))
}

/// Deletes a row, whatever it was.
pub fn delete(what: &'static str, key: Key) -> Write {
    Write::main(what, Action::Delete(key), None)
}

/// Deletes a row that must be there.
pub fn delete_existing(what: &'static str, key: Key) -> Write {
    Write::main(what, Action::Delete(key), Some(condition("attribute_exists(PK)", [])))
}

/// Holds if the row is still as it was read.
pub fn unchanged(what: &'static str, key: Key, seen: u64) -> Write {
    Write::main(what, Action::Check(key), Some(version_is(seen)))
}

/// Holds if a provider has at least `floor` requests left, or is not known to
/// have fewer: a window that has ended counts as full, an unknown one as enough.
pub fn quota_left(what: &'static str, key: Key, floor: u64, now: Moment) -> Write {
    let enough = condition(
        "attribute_not_exists(PK) OR attribute_not_exists(resets_at) OR remaining >= :floor OR resets_at <= :now",
        [(":floor", number(floor)), (":now", number(now.0))],
    );
    Write::main(what, Action::Check(key), Some(enough))
}

/// Puts a row of the ledger over the one that was read. Rows of earlier builds had
/// no version.
pub fn put_over_ledger(what: &'static str, row: Row, seen: u64) -> Write {
    let unversioned = || {
        let mut built = condition("attribute_not_exists(#version)", []);
        built.names.insert("#version".into(), "version".into());
        built
    };
    Write::main(what, Action::Put(row), Some(if seen == 0 { unversioned() } else { version_is(seen) }))
}

/// Adds one to a folded audit row, making it on the first time.
pub fn count_audit(what: &'static str, key: Key, row: &Row) -> Write {
    let mut update = Condition::default();
    let mut sets = Vec::new();
    for (position, (name, value)) in row.iter().filter(|(name, _)| !matches!(name.as_str(), "PK" | "SK" | "count")).enumerate() {
        update.names.insert(format!("#n{position}"), name.clone());
        update.values.insert(format!(":v{position}"), value.clone());
        sets.push(format!("#n{position} = if_not_exists(#n{position}, :v{position})"));
    }
    update.names.insert("#count".into(), "count".into());
    update.values.insert(":one".into(), number(1));
    let expression = format!("SET {} ADD #count :one", sets.join(", "));
    Write::main(what, Action::Update(key, expression), Some(update))
}

/// Which rows of a partition a query wants.
#[derive(Clone, Debug)]
pub enum Range {
    All,
    BeginsWith(String),
    /// Those that begin with the first and sort below the second.
    Between(String, String),
    Below(String),
    Above(String),
    /// What is due by a moment.
    DueBy(Moment),
}

/// The key condition of a query of the table or of an index.
pub fn key_condition(index: Option<&str>, hash: &str, range: &Range) -> Condition {
    let (hash_name, range_name) = match index {
        None => ("PK", "SK"),
        Some(super::keys::DUE_INDEX) => ("due_shard", "due_at"),
        Some(_) => ("listed_in", "listed_at"),
    };
    let tail = match range {
        Range::All => "",
        Range::BeginsWith(_) => " AND begins_with(#range, :from)",
        Range::Between(..) => " AND #range BETWEEN :from AND :to",
        Range::Below(_) => " AND #range < :to",
        Range::Above(_) => " AND #range > :from",
        Range::DueBy(_) => " AND #range <= :to",
    };
    let mut built = condition(&format!("#hash = :hash{tail}"), [(":hash", string(hash))]);
    built.names.insert("#hash".into(), hash_name.into());
    if !tail.is_empty() {
        built.names.insert("#range".into(), range_name.into());
    }
    match range {
        Range::All => {}
        Range::BeginsWith(from) | Range::Above(from) => drop(built.values.insert(":from".into(), string(from))),
        Range::Between(from, to) => {
            built.values.insert(":from".into(), string(from));
            built.values.insert(":to".into(), string(to));
        }
        Range::Below(to) => drop(built.values.insert(":to".into(), string(to))),
        Range::DueBy(by) => drop(built.values.insert(":to".into(), number(by.0))),
    }
    built
}

/// The rows of one branch, where a search looks.
pub fn of_tree(tree: &str) -> Condition {
    let mut built = condition("#tree = :tree", [(":tree", string(tree))]);
    built.names.insert("#tree".into(), super::keys::TREE.into());
    built
}

fn version_is(seen: u64) -> Condition {
    let mut built = condition("#version = :seen", [(":seen", number(seen))]);
    built.names.insert("#version".into(), "version".into());
    built
}

fn condition<const COUNT: usize>(expression: &str, values: [(&str, AttributeValue); COUNT]) -> Condition {
    let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Condition { expression: expression.to_owned(), names: HashMap::new(), values }
}

fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn string(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}
