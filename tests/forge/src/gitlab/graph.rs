//! GitLab's GraphQL as far as it lists vulnerabilities: what is checked before a query is read, and the order in which
//! a query is refused. From the reading on, every refusal is an `errors` in a 200.

mod check;
pub(crate) mod parse;
mod resolve;
mod schema;
pub(crate) mod tree;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::{
    check::Check,
    resolve::Resolve,
    tree::{Document, Field, Operation},
};
use super::{Call, refusals, reply, shapes, shows_vulnerabilities};
use crate::{
    credentials::Caller,
    door::Answer,
    record::Record,
    state::{Lead, World},
    vulnerability::{Licence, Vulnerability},
};

/// Characters, not bytes.
const LONGEST_QUERY: usize = 10_000;

/// The most faults of one query that are told.
const FAULTS_TOLD: usize = 5;

#[derive(Deserialize)]
struct Posted {
    #[serde(default)]
    query: String,
    #[serde(default)]
    variables: Value,
    #[serde(default, rename = "operationName")]
    operation_name: Option<String>,
}

/// How complicated and how deep a query may be, which those who are signed in may more.
struct Limits {
    complexity: u64,
    depth: u64,
}

impl Limits {
    fn of(caller: &Caller) -> Self {
        match caller {
            Caller::Anonymous => Self { complexity: 200, depth: 15 },
            Caller::User { .. } => Self { complexity: 250, depth: 20 },
        }
    }
}

pub(super) fn answer(world: &World, call: &Call<'_>) -> Answer {
    if call.asked.method != Method::POST {
        return refusals::graph(StatusCode::NOT_FOUND, "Not found!");
    }
    let Ok(posted) = serde_json::from_slice::<Posted>(&call.asked.body) else {
        return reply(StatusCode::BAD_REQUEST, &json!({ "status": 400, "error": "Bad Request" }));
    };
    if posted.query.chars().count() > LONGEST_QUERY {
        return refusals::graph(StatusCode::UNPROCESSABLE_ENTITY, "Query too large");
    }
    let answer = perform(world, call, &posted).unwrap_or_else(|mut faults| {
        faults.truncate(FAULTS_TOLD);
        json!({ "errors": faults })
    });
    reply(StatusCode::OK, &answer).with("content-type", "application/json; charset=utf-8")
}

/// The error is what is wrong with the query as a whole, which then gives no data at all.
fn perform(world: &World, call: &Call<'_>, posted: &Posted) -> Result<Value, Vec<Value>> {
    if posted.query.trim().is_empty() {
        return Err(vec![json!({ "message": "No query string was present" })]);
    }
    let document = Document::read(&posted.query).map_err(|fault| {
        let place = json!({ "line": fault.spot.line, "column": fault.spot.column });
        vec![json!({ "message": fault.message, "locations": [place] })]
    })?;
    let operation = document.operation(posted.operation_name.as_deref()).map_err(|message| vec![json!({ "message": message })])?;
    let variables = variables(&posted.variables);
    let graph = Graph { world, call, document: &document, variables: operation.fill(&variables) };
    let check = Check::of(&graph, operation)?;
    let faults = operation.missing(&variables);
    if !faults.is_empty() {
        return Err(faults);
    }
    let limits = Limits::of(call.caller);
    let told = |what: &str, is: u64, most: u64| {
        (is > most).then(|| json!({ "message": format!("Query has {what} of {is}, which exceeds max {what} of {most}") }))
    };
    let faults = [told("complexity", check.complexity, limits.complexity), told("depth", check.depth, limits.depth)];
    let faults: Vec<Value> = faults.into_iter().flatten().collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut resolve = Resolve { graph: &graph, score: check.complexity, limit: limits.complexity, faults: Vec::new() };
    let data = resolve.query(&operation.selections);
    let mut whole = Map::new();
    whole.insert("data".to_owned(), data);
    if !resolve.faults.is_empty() {
        whole.insert("errors".to_owned(), Value::Array(resolve.faults));
    }
    Ok(Value::Object(whole))
}

/// They come as an object, or as a text that is one.
fn variables(given: &Value) -> Map<String, Value> {
    match given {
        Value::Object(values) => values.clone(),
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        _ => Map::new(),
    }
}

/// All that is known while a query is looked at.
struct Graph<'a> {
    world: &'a World,
    call: &'a Call<'a>,
    document: &'a Document,
    /// With their defaults.
    variables: Map<String, Value>,
}

impl Graph<'_> {
    /// The project a field names. Old paths lead nowhere here, and what may not be seen is not there.
    fn project(&self, field: &Field) -> Option<&Record> {
        let path = field.argument("fullPath")?.value(&self.variables)?;
        match self.world.lead(path.as_str()?)? {
            Lead::Here(id) => self.world.records.get(&id).filter(|record| record.is_visible_to(self.call.caller)),
            Lead::Moved(_) => None,
        }
    }

    /// The vulnerability a field names by its identity, for those who may see it.
    fn vulnerability(&self, field: &Field) -> Option<(&Record, &Vulnerability)> {
        let id = field.argument("id")?.value(&self.variables)?;
        let identity: u64 = id.as_str()?.strip_prefix("gid://gitlab/Vulnerability/")?.parse().ok()?;
        let number = shapes::number_of(identity);
        let is_of = |record: &&Record| shapes::identity(record, number) == identity && record.is_visible_to(self.call.caller);
        let record = self.world.records.values().find(is_of).filter(|record| shows_vulnerabilities(record, self.call.caller))?;
        Some((record, record.security.all().find(|found| found.number == number)?))
    }

    /// Whether the forge this project is on was built without vulnerabilities.
    fn is_without_vulnerabilities(&self, field: &Field) -> bool {
        self.project(field).is_some_and(|record| record.security.licence == Licence::Community)
    }
}

/// What begins the path of a fault in a query.
fn title(operation: &Operation) -> String {
    operation.name.as_ref().map_or_else(|| operation.kind.clone(), |name| format!("{} {name}", operation.kind))
}
