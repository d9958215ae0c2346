//! The table as it is, read from the engine itself: no client, no weather, and no
//! row read twice that did not change.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use dynoxide::types::AttributeValue as Stored;
use pullcord::engines::TableEngine;
use pullcord_core::model::{Gate, Owner, Run, RunId, SourceId};
use pullcord_core::store::items::{HeldItem, Row, StoredItem, decode};
use pullcord_core::store::keys::{self, Key};
use serde_json::json;

const ALL: &str = "ALL_ATTRIBUTES";

type Item = HashMap<String, Stored>;

pub(super) struct Rows {
    engine: TableEngine,
    name: String,
}

impl Rows {
    pub(super) fn of(engine: TableEngine, name: &str) -> Self {
        Self { engine, name: name.to_owned() }
    }

    fn query(&self, hash: &str, select: &str) -> (usize, Vec<Item>) {
        let asked = json!({"TableName": self.name, "KeyConditionExpression": "PK = :hash", "Select": select,
            "ExpressionAttributeValues": {":hash": {"S": hash}}});
        let found = self.engine.database().query(serde_json::from_value(asked).unwrap()).unwrap();
        (found.count, found.items.unwrap_or_default())
    }

    fn get(&self, key: &Key) -> Option<Item> {
        let asked = json!({"TableName": self.name, "Key": {"PK": {"S": key.pk}, "SK": {"S": key.sk}}});
        self.engine.database().get_item(serde_json::from_value(asked).unwrap()).unwrap().item
    }

    pub(super) fn run(&self, source: &SourceId, run: RunId) -> Option<Run> {
        let row = self.get(&keys::run(&Owner::Source(source.clone()), run))?;
        Some(decode(converted(row)).unwrap())
    }

    pub(super) fn gate(&self, source: &SourceId) -> Gate {
        let row = self.get(&keys::gate(&Owner::Source(source.clone())));
        row.map(|row| decode(converted(row)).unwrap()).unwrap_or_default()
    }

    pub(super) fn count_items(&self, source: &SourceId) -> u64 {
        let count = |shard: String| self.query(&keys::item_partition(source, &shard), "COUNT").0 as u64;
        keys::item_shards().map(count).sum()
    }

    pub(super) fn items(&self, source: &SourceId) -> Vec<StoredItem> {
        let rows = keys::item_shards().flat_map(|shard| self.query(&keys::item_partition(source, &shard), ALL).1);
        rows.map(|row| decode(converted(row)).unwrap()).collect()
    }

    pub(super) fn held(&self, source: &SourceId) -> Vec<HeldItem> {
        let rows = self.query(&keys::held_partition(source), ALL).1;
        rows.into_iter().map(|row| decode(converted(row)).unwrap()).collect()
    }

    /// Whether any row anywhere has this text in it.
    pub(super) fn show(&self, text: &str) -> bool {
        let all = self.engine.database().scan(serde_json::from_value(json!({"TableName": self.name})).unwrap()).unwrap();
        all.items.unwrap_or_default().iter().any(|row| format!("{row:?}").contains(text))
    }
}

fn converted(item: Item) -> Row {
    item.into_iter().map(|(name, value)| (name, value_of(value))).collect()
}

fn value_of(value: Stored) -> AttributeValue {
    match value {
        Stored::S(text) => AttributeValue::S(text),
        Stored::N(number) => AttributeValue::N(number),
        Stored::BOOL(flag) => AttributeValue::Bool(flag),
        Stored::NULL(null) => AttributeValue::Null(null),
        Stored::L(list) => AttributeValue::L(list.into_iter().map(value_of).collect()),
        Stored::M(map) => AttributeValue::M(map.into_iter().map(|(name, value)| (name, value_of(value))).collect()),
        other => panic!("no row has a value like {other:?}"),
    }
}
