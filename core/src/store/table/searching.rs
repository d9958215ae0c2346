//! Rows that are near to a vector, and how many rows there are.

use aws_sdk_dynamodb::types::{AttributeValue, Select};

use super::{Query, Table};
use crate::error::Fault;
use crate::store::conditions::{Condition, key_condition, of_tree};
use crate::store::items::Row;
use crate::store::keys::{self, Key};

impl Table {
    /// How many rows match.
    pub async fn count(&self, query: Query) -> Result<u64, Fault> {
        let Condition { expression, names, values } = key_condition(query.index, &query.hash, &query.range);
        let (mut count, mut start) = (0, None::<Row>);
        loop {
            let from = start.take();
            let call = || {
                self.client
                    .query()
                    .table_name(self.named(query.home))
                    .select(Select::Count)
                    .key_condition_expression(&expression)
                    .set_expression_attribute_names(Some(names.clone()))
                    .set_expression_attribute_values(Some(values.clone()))
                    .set_exclusive_start_key(from.clone())
                    .send()
            };
            let reply = self.read(call).await?;
            count += u64::try_from(reply.count).unwrap_or_default();
            start = reply.last_evaluated_key;
            if start.is_none() {
                return Ok(count);
            }
        }
    }

    /// The rows of a tree that are nearest to a vector, nearest first, as their keys and how
    /// far off they are.
    pub async fn search(&self, tree: &str, vector: &[f32], most: i32) -> Result<Vec<(Key, f64)>, Fault> {
        let Condition { expression, names, values } = of_tree(tree);
        let wanted: Vec<AttributeValue> = vector.iter().map(|number| AttributeValue::N(number.to_string())).collect();
        let call = || {
            self.client
                .search_vectors()
                .table_name(&self.index_name)
                .index_name(keys::MEANING_INDEX)
                .search_condition_expression(&expression)
                .set_expression_attribute_names(Some(names.clone()))
                .set_expression_attribute_values(Some(values.clone()))
                .set_search_vector(Some(wanted.clone()))
                .top_k(most)
                .send()
        };
        let found = self.read(call).await?.search_results.unwrap_or_default();
        let key = |row: &Row| Some(Key { pk: row.get("PK")?.as_s().ok()?.clone(), sk: row.get("SK")?.as_s().ok()?.clone() });
        Ok(found.iter().filter_map(|one| Some((key(one.item.as_ref()?)?, one.score))).collect())
    }
}
