//! Xledger's GraphQL as far as it lists entities: connections by cursor, `modifiedAt_gte` in the time of Central Europe,
//! and every refusal an error in a 200.

use http::{Method, StatusCode};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    books::{Row, Table},
    door::{Answer, Asked},
    gitlab::graph::tree::{Choice, Document, Field, Selection},
    state::World,
};

const PREFIX: &str = "/xledger/";

#[derive(Deserialize)]
struct Posted {
    query: String,
    #[serde(default)]
    variables: Map<String, Value>,
}

pub(crate) fn owns(path: &str) -> bool {
    path.starts_with(PREFIX)
}

/// The refusal of bursts.
pub(crate) fn limited() -> Answer {
    refused("Too many requests in a short time", Some("BAD_REQUEST.BURST_RATE_LIMIT_REACHED"))
}

pub(crate) fn answer(world: &World, asked: &Asked) -> Answer {
    let Some((customer, "graphql")) = asked.path.strip_prefix(PREFIX).and_then(|rest| rest.split_once('/')) else {
        return Answer::json(StatusCode::NOT_FOUND, &json!({ "message": "Not found" }));
    };
    if asked.method != Method::POST {
        return Answer::empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    let Some(token) = asked.header("authorization").and_then(|value| value.strip_prefix("token ")) else {
        return refused("Bad format for API Token. Expected header: \"Authorization: token <your-token>\"", None);
    };
    if world.credentials.identify(Some(token)).is_none() {
        return refused("Invalid API Token", None);
    }
    let Ok(posted) = serde_json::from_slice::<Posted>(&asked.body) else { return refused("Syntax error", None) };
    let document = match Document::read(&posted.query) {
        Ok(document) => document,
        Err(fault) => return refused(&fault.message, None),
    };
    let Ok(operation) = document.operation(None) else { return refused("An operation is required", None) };
    let undeclared = posted.variables.keys().find(|name| !operation.variables.iter().any(|declared| declared.name == **name));
    if let Some(name) = undeclared {
        return refused(&format!("Variable ${name} is not declared"), None);
    }
    let mut data = Map::new();
    for field in fields(&operation.selections) {
        if field.name == "__typename" {
            data.insert(field.name.clone(), json!("Query"));
            continue;
        }
        let table = world.books.get(customer).and_then(|book| Some((book, book.tables.get(&field.name)?)));
        let Some((book, table)) = table else {
            return refused(&format!("Cannot query field `{}` on type `Query`.", field.name), None);
        };
        match connection(field, table, book.most_rows, &posted.variables) {
            Ok(connection) => drop(data.insert(field.name.clone(), connection)),
            Err(why) => return refused(&why, None),
        }
    }
    Answer::json(StatusCode::OK, &json!({ "data": data }))
}

fn refused(message: &str, code: Option<&str>) -> Answer {
    let mut error = json!({ "message": message });
    if let Some(code) = code {
        error["code"] = code.into();
    }
    Answer::json(StatusCode::OK, &json!({ "errors": [error] }))
}

fn fields(selections: &[Selection]) -> impl Iterator<Item = &Field> {
    selections.iter().filter_map(|selection| match &selection.choice {
        Choice::Field(field) => Some(field),
        _ => None,
    })
}

fn selected<'a>(field: &'a Field, name: &str) -> Option<&'a Field> {
    fields(&field.selections).find(|field| field.name == name)
}

fn connection(field: &Field, table: &Table, most: usize, variables: &Map<String, Value>) -> Result<Value, String> {
    if table.denied {
        return Err(format!("You do not have permission to query {}", field.name));
    }
    let argument = |name: &str| field.argument(name).and_then(|value| value.value(variables)).unwrap_or_default();
    let after = argument("after").as_str().map_or(Ok(0), |cursor| cursor.parse::<u64>().map_err(|_| "Invalid cursor".to_owned()))?;
    let first = argument("first").as_u64().ok_or("Argument `first` is required")?;
    let filter = argument("filter");
    let since = filter["modifiedAt_gte"].as_str().map(|text| from_central_europe(text).ok_or("Invalid DateTimeString")).transpose()?;
    let ids: Option<Vec<u64>> = filter["dbId_in"].as_array().map(|ids| ids.iter().filter_map(Value::as_u64).collect());
    let node = selected(field, "edges").and_then(|edges| selected(edges, "node")).ok_or("nothing is selected")?;
    let unknown: Vec<String> = fields(&node.selections)
        .filter(|field| table.lacks.contains(&field.name))
        .map(|field| format!("Cannot query field `{}` on type `Node`.", field.name))
        .collect();
    if let Some(unknown) = unknown.first() {
        return Err(unknown.clone());
    }
    let wanted = |row: &&Row| {
        row.number > after && since.is_none_or(|since| row.updated_at >= since) && ids.as_ref().is_none_or(|ids| ids.contains(&row.number))
    };
    let size = usize::try_from(first).unwrap_or(most).min(most);
    let found: Vec<&Row> = table.rows.values().filter(wanted).take(size + 1).collect();
    let edges: Vec<Value> =
        found.iter().take(size).map(|row| json!({ "cursor": row.number.to_string(), "node": shown(node, row) })).collect();
    Ok(json!({ "edges": edges, "pageInfo": { "hasNextPage": found.len() > size } }))
}

fn shown(node: &Field, row: &Row) -> Value {
    let value = |name: &str| match name {
        _ if row.fields.contains_key(name) => row.fields[name].clone(),
        "dbId" => json!(row.number),
        "code" => json!(row.code),
        "description" => json!(row.name),
        "createdAt" => json!(in_central_europe(row.created_at)),
        "modifiedAt" => json!(in_central_europe(row.updated_at)),
        _ => Value::Null,
    };
    Value::Object(fields(&node.selections).map(|field| (field.name.clone(), value(&field.name))).collect())
}

fn oslo() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap_or(TimeZone::UTC)
}

fn in_central_europe(at: Timestamp) -> String {
    at.to_zoned(oslo()).strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

fn from_central_europe(text: &str) -> Option<Timestamp> {
    Some(text.parse::<DateTime>().ok()?.to_zoned(oslo()).ok()?.timestamp())
}
