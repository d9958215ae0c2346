//! What a customer of a business system has there, in no vendor's words, and the test's hand on it. The dialects render
//! it: Xledger's nodes, Dataverse's rows and Business Central's are the same records.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{issue::whole_seconds, state::State};

/// A record of an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Counted from 1 in each entity and never used again; a change made to it in a closure is ignored.
    pub number: u64,
    pub code: String,
    pub name: String,
    /// What it has besides, by the vendor's own names; what stands here goes before everything else.
    pub fields: Map<String, Value>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub(crate) revision: u64,
}

/// All records of one entity.
pub(crate) struct Table {
    pub(crate) rows: BTreeMap<u64, Row>,
    /// What was removed, and when in the order of writes.
    pub(crate) removed: Vec<(u64, u64)>,
    pub(crate) tracked: bool,
    pub(crate) denied: bool,
    /// Fields that are no part of it, though a client may ask for them.
    pub(crate) lacks: BTreeSet<String>,
    last: u64,
}

impl Default for Table {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), removed: Vec::new(), tracked: true, denied: false, lacks: BTreeSet::new(), last: 0 }
    }
}

/// What one customer has.
pub(crate) struct Book {
    pub(crate) tables: BTreeMap<String, Table>,
    /// Links of earlier generations hold no more.
    pub(crate) generation: u64,
    /// However many a client asks for, a page has no more.
    pub(crate) most_rows: usize,
}

impl Default for Book {
    fn default() -> Self {
        Self { tables: BTreeMap::new(), generation: 1, most_rows: 5_000 }
    }
}

/// A cheap handle on what one customer has.
#[derive(Clone)]
pub struct Books {
    pub(crate) state: Arc<State>,
    pub(crate) customer: String,
}

impl Books {
    /// Adds a record made now and gives its number. The closure may set everything but the number; it must not call the
    /// forge, whose lock is held.
    pub fn add(&self, entity: &str, fill: impl FnOnce(&mut Row)) -> u64 {
        self.write(entity, |table, now, revision| {
            table.last += 1;
            let number = table.last;
            let (code, name) = (format!("{}{number:03}", &entity[..1].to_uppercase()), format!("{entity} number {number}"));
            let mut row = Row { number, code, name, fields: Map::new(), created_at: now, updated_at: now, revision };
            fill(&mut row);
            table.settle(Row { number, revision, ..row });
            number
        })
    }

    /// Changes a record and sets its time from the clock, unless the closure sets it. `false` where there is none.
    pub fn edit(&self, entity: &str, number: u64, change: impl FnOnce(&mut Row)) -> bool {
        self.write(entity, |table, now, revision| {
            let Some(mut row) = table.rows.get(&number).cloned() else { return false };
            row.updated_at = now;
            change(&mut row);
            table.settle(Row { number, revision, ..row });
            true
        })
    }

    pub fn remove(&self, entity: &str, number: u64) -> bool {
        self.write(entity, |table, _, revision| {
            table.removed.push((number, revision));
            table.rows.remove(&number).is_some()
        })
    }

    /// Dataverse tracks changes of a table unless told not to.
    pub fn set_tracked(&self, entity: &str, tracked: bool) {
        self.write(entity, |table, _, _| table.tracked = tracked);
    }

    /// Nobody may read the entity from now on.
    pub fn set_denied(&self, entity: &str, denied: bool) {
        self.write(entity, |table, _, _| table.denied = denied);
    }

    /// The entity has no such field from now on.
    pub fn drop_field(&self, entity: &str, field: &str) {
        self.write(entity, |table, _, _| table.lacks.insert(field.to_owned()));
    }

    /// Links to ask for changes by that were given until now hold no more.
    pub fn expire_links(&self) {
        self.state.world().books.entry(self.customer.clone()).or_default().generation += 1;
    }

    pub fn set_most_rows(&self, most: usize) {
        self.state.world().books.entry(self.customer.clone()).or_default().most_rows = most;
    }

    fn write<T>(&self, entity: &str, change: impl FnOnce(&mut Table, Timestamp, u64) -> T) -> T {
        let now = whole_seconds(self.state.now());
        let mut world = self.state.world();
        let revision = world.next_revision();
        let book = world.books.entry(self.customer.clone()).or_default();
        change(book.tables.entry(entity.to_owned()).or_default(), now, revision)
    }
}

impl Table {
    fn settle(&mut self, row: Row) {
        let times = (whole_seconds(row.created_at), whole_seconds(row.updated_at));
        self.rows.insert(row.number, Row { created_at: times.0, updated_at: times.1, ..row });
    }
}
