//! Get, query and commit over the AWS SDK.
//!
//! A commit that loses a race is an outcome: it says which write lost and
//! returns the row that beat it. Conflicts between transactions and throttling
//! say nothing about the row, so they are tried again here, with jitter.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use super::conditions::{Action, Condition, Home, Range, Write, key_condition};
use super::items::Row;
use super::keys::Key;
use crate::chance::Chance;
use crate::clock::Clock;
use crate::config::Config;
use crate::error::Fault;

mod searching;

/// A transaction takes at most so many writes.
pub const MOST_WRITES: usize = 100;
const TRIES: u32 = 8;

/// The table, and what it takes to try again.
#[derive(Clone, Debug)]
pub struct Table {
    client: Client,
    name: String,
    index_name: String,
    clock: Clock,
    chance: Chance,
}

/// How a commit ended.
#[derive(Debug)]
pub enum Commit {
    Done,
    Lost(Lost),
}

/// The write that lost, and the row that was there instead.
#[derive(Debug)]
pub struct Lost {
    pub what: &'static str,
    pub row: Option<Row>,
}

/// A question to the table or to one of its indexes.
#[derive(Debug)]
pub struct Query {
    pub home: Home,
    pub index: Option<&'static str>,
    pub hash: String,
    pub range: Range,
    pub limit: Option<usize>,
    pub newest_first: bool,
}

impl Query {
    pub fn partition(hash: String, range: Range) -> Self {
        Self { home: Home::Main, index: None, hash, range, limit: None, newest_first: false }
    }
}

/// What one try at a commit came to.
enum Tried {
    Done,
    Lost(Lost),
    Again(String),
}

impl Table {
    pub fn new(client: Client, config: &Config, clock: Clock, chance: Chance) -> Self {
        Self { client, name: config.table.clone(), index_name: config.index_table.clone(), clock, chance }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    fn named(&self, home: Home) -> &str {
        match home {
            Home::Main => &self.name,
            Home::Index => &self.index_name,
        }
    }

    /// Reads one row as it is now.
    pub async fn get(&self, key: &Key) -> Result<Option<Row>, Fault> {
        let call = || self.client.get_item().table_name(&self.name).set_key(Some(attributes(key))).consistent_read(true).send();
        Ok(self.read(call).await?.item)
    }

    /// Reads many rows as they are now; those that are not there are left out.
    pub async fn get_many(&self, keys: &[Key]) -> Result<Vec<Row>, Fault> {
        self.get_many_of(Home::Main, keys).await
    }

    pub async fn get_many_of(&self, home: Home, keys: &[Key]) -> Result<Vec<Row>, Fault> {
        let name = self.named(home);
        let mut rows = Vec::with_capacity(keys.len());
        for some in keys.chunks(100) {
            let mut wanted: Vec<Row> = some.iter().map(attributes).collect();
            let mut tries = 0;
            while !wanted.is_empty() {
                let request = KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(true).build();
                let request = request.map_err(|why| Fault::broken("table", why))?;
                let call = || self.client.batch_get_item().request_items(name, request.clone()).send();
                let reply = self.read(call).await?;
                rows.extend(reply.responses.unwrap_or_default().remove(name).unwrap_or_default());
                let left = reply.unprocessed_keys.unwrap_or_default().remove(name);
                wanted = left.map(|left| left.keys).unwrap_or_default();
                if !wanted.is_empty() {
                    self.pause(&mut tries, "rows were left unread").await?;
                }
            }
        }
        Ok(rows)
    }

    /// Reads the rows that match, following pages up to the limit.
    pub async fn query(&self, query: Query) -> Result<Vec<Row>, Fault> {
        let Condition { expression, names, values } = key_condition(query.index, &query.hash, &query.range);
        let mut rows = Vec::new();
        let mut start: Option<Row> = None;
        loop {
            let left = query.limit.map(|limit| i32::try_from(limit - rows.len()).unwrap_or(i32::MAX));
            let from = start.take();
            let call = || {
                self.client
                    .query()
                    .table_name(self.named(query.home))
                    .set_index_name(query.index.map(str::to_owned))
                    .key_condition_expression(&expression)
                    .set_expression_attribute_names(Some(names.clone()))
                    .set_expression_attribute_values(Some(values.clone()))
                    .consistent_read(query.index.is_none())
                    .scan_index_forward(!query.newest_first)
                    .set_limit(left)
                    .set_exclusive_start_key(from.clone())
                    .send()
            };
            let reply = self.read(call).await?;
            rows.extend(reply.items.unwrap_or_default());
            start = reply.last_evaluated_key;
            if start.is_none() || query.limit.is_some_and(|limit| rows.len() >= limit) {
                return Ok(rows);
            }
        }
    }

    /// Does all writes or none.
    pub async fn commit(&self, mut writes: Vec<Write>) -> Result<Commit, Fault> {
        let mut tries = 0;
        loop {
            let tried = match writes.as_mut_slice() {
                [] => return Ok(Commit::Done),
                [one] if !matches!(one.action, Action::Check(_)) => Box::pin(self.write_one(one)).await?,
                many => Box::pin(self.write_all(many)).await?,
            };
            match tried {
                Tried::Done => return Ok(Commit::Done),
                Tried::Lost(lost) => return Ok(Commit::Lost(lost)),
                Tried::Again(why) => self.pause(&mut tries, &why).await?,
            }
        }
    }

    /// Reads, and reads again while the table is throttled.
    async fn read<Reply, Error, Called>(&self, call: impl Fn() -> Called) -> Result<Reply, Fault>
    where
        Called: Future<Output = Result<Reply, SdkError<Error>>>,
        Error: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mut tries = 0;
        loop {
            // Boxed: the SDK's futures are large, and every door holds several.
            match Box::pin(call()).await {
                Ok(reply) => return Ok(reply),
                Err(error) if is_conflict(error.code()) => self.pause(&mut tries, error.code().unwrap_or("throttled")).await?,
                Err(error) => return Err(fault(&error)),
            }
        }
    }

    async fn pause(&self, tries: &mut u32, why: &str) -> Result<(), Fault> {
        *tries += 1;
        if *tries >= TRIES {
            return Err(Fault::unavailable("table", why));
        }
        let most = Duration::from_millis(20 << *tries);
        self.clock.sleep(self.chance.jitter(most)).await;
        Ok(())
    }

    async fn write_one(&self, write: &Write) -> Result<Tried, Fault> {
        let all_old = ReturnValuesOnConditionCheckFailure::AllOld;
        let Condition { expression, names, values } = write.condition.clone().unwrap_or_default();
        let (names, values) = (filled(names), filled(values));
        let conditional = Some(expression).filter(|expression| !expression.is_empty());
        macro_rules! sent {
            ($call:expr) => {
                match $call.set_expression_attribute_names(names).set_expression_attribute_values(values).send().await {
                    Ok(_) => Ok(Tried::Done),
                    Err(error) => {
                        let row = error.as_service_error().and_then(|service| match service {
                            service if service.code() == Some("ConditionalCheckFailedException") => Some(old_row(service)),
                            _ => None,
                        });
                        match row {
                            Some(row) => Ok(Tried::Lost(Lost { what: write.what, row })),
                            None if is_conflict(error.code()) => Ok(Tried::Again(error.code().unwrap_or("conflict").to_owned())),
                            None => Err(fault(&error)),
                        }
                    }
                }
            };
        }
        match &write.action {
            Action::Put(row) => {
                let call = self.client.put_item().table_name(self.named(write.home)).set_item(Some(row.clone()));
                sent!(call.set_condition_expression(conditional).return_values_on_condition_check_failure(all_old))
            }
            Action::Delete(key) => {
                let call = self.client.delete_item().table_name(self.named(write.home)).set_key(Some(attributes(key)));
                sent!(call.set_condition_expression(conditional).return_values_on_condition_check_failure(all_old))
            }
            Action::Update(key, update) => {
                let call = self.client.update_item().table_name(self.named(write.home)).set_key(Some(attributes(key)));
                sent!(call.update_expression(update).set_condition_expression(conditional))
            }
            Action::Check(_) => Err(Fault::broken("table", "a check alone writes nothing")),
        }
    }

    async fn write_all(&self, writes: &[Write]) -> Result<Tried, Fault> {
        let items = writes.iter().map(|write| self.transactional(write)).collect::<Result<Vec<_>, _>>()?;
        let Err(error) = self.client.transact_write_items().set_transact_items(Some(items)).send().await else {
            return Ok(Tried::Done);
        };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
            if is_conflict(error.code()) {
                return Ok(Tried::Again(error.code().unwrap_or("conflict").to_owned()));
            }
            return Err(fault(&error));
        };
        let reasons = cancelled.cancellation_reasons();
        let lost = reasons.iter().zip(writes).find(|(reason, _)| reason.code() == Some("ConditionalCheckFailed"));
        if let Some((reason, write)) = lost {
            let row = reason.item().filter(|row| !row.is_empty()).cloned();
            return Ok(Tried::Lost(Lost { what: write.what, row }));
        }
        let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason.code()).filter(|code| *code != "None").collect();
        let message = reasons.iter().find_map(|reason| reason.message()).unwrap_or_default();
        if codes.is_empty() || codes.contains(&"ValidationError") {
            return Err(Fault::broken("table", format!("transaction refused: {codes:?} {message}")));
        }
        Ok(Tried::Again(codes.join(", ")))
    }

    fn transactional(&self, write: &Write) -> Result<TransactWriteItem, Fault> {
        let all_old = ReturnValuesOnConditionCheckFailure::AllOld;
        let Condition { expression, names, values } = write.condition.clone().unwrap_or_default();
        let (names, values) = (filled(names), filled(values));
        let conditional = Some(expression).filter(|expression| !expression.is_empty());
        let broken = |why| Fault::broken("table", why);
        let item = TransactWriteItem::builder();
        macro_rules! dressed {
            ($builder:expr) => {
                $builder
                    .table_name(self.named(write.home))
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(all_old)
            };
        }
        Ok(match &write.action {
            Action::Put(row) => {
                let put = dressed!(Put::builder()).set_item(Some(row.clone())).set_condition_expression(conditional);
                item.put(put.build().map_err(broken)?).build()
            }
            Action::Delete(key) => {
                let delete = dressed!(Delete::builder()).set_key(Some(attributes(key))).set_condition_expression(conditional);
                item.delete(delete.build().map_err(broken)?).build()
            }
            Action::Check(key) => {
                let check = dressed!(ConditionCheck::builder()).set_key(Some(attributes(key)));
                item.condition_check(check.set_condition_expression(conditional).build().map_err(broken)?).build()
            }
            Action::Update(key, update) => {
                let call = dressed!(Update::builder()).set_key(Some(attributes(key))).update_expression(update);
                item.update(call.set_condition_expression(conditional).build().map_err(broken)?).build()
            }
        })
    }
}

/// The row a refused single write was refused for.
trait OldRow {
    fn old_row(&self) -> Option<Row>;
}

macro_rules! old_row_of {
    ($($error:ty),*) => {$(
        impl OldRow for $error {
            fn old_row(&self) -> Option<Row> {
                match self {
                    Self::ConditionalCheckFailedException(refused) => refused.item().filter(|row| !row.is_empty()).cloned(),
                    _ => None,
                }
            }
        }
    )*};
}

old_row_of!(
    aws_sdk_dynamodb::operation::put_item::PutItemError,
    aws_sdk_dynamodb::operation::delete_item::DeleteItemError,
    aws_sdk_dynamodb::operation::update_item::UpdateItemError
);

fn old_row(error: &impl OldRow) -> Option<Row> {
    error.old_row()
}

fn attributes(key: &Key) -> Row {
    Row::from([("PK".into(), AttributeValue::S(key.pk.clone())), ("SK".into(), AttributeValue::S(key.sk.clone()))])
}

/// The service takes no empty map where a map is optional.
fn filled<K, V>(map: std::collections::HashMap<K, V>) -> Option<std::collections::HashMap<K, V>> {
    Some(map).filter(|map| !map.is_empty())
}

/// Refusals that say nothing about the row: worth trying again at once.
fn is_conflict(code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "TransactionConflictException"
                | "TransactionInProgressException"
                | "ProvisionedThroughputExceededException"
                | "ThrottlingException"
                | "RequestLimitExceeded"
        )
    )
}

/// What a failed call means to us.
fn fault<E>(error: &SdkError<E>) -> Fault
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let why = match error.code() {
        Some(code) => format!("{code}: {}", error.message().unwrap_or_default()),
        None => format!("{}", aws_sdk_dynamodb::error::DisplayErrorContext(error)),
    };
    match error.code() {
        Some("ValidationException" | "AccessDeniedException" | "ResourceNotFoundException") => Fault::broken("table", why),
        _ => Fault::unavailable("table", why),
    }
}
