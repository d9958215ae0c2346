//! Xledger's GraphQL: every entity is a connection, read from cursor to cursor.
//!
//! It answers 200 to nearly everything and says in `errors` what it means. Its times are
//! those of Central Europe, where its clocks are, and say so nowhere.
//!
//! A field that an entity does not have spoils the whole answer. So a query that meets
//! one is asked again without it: what is known of entities here may be older than what
//! is asked, and of most of them little is known.

mod entities;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use self::entities::{is_known, query, without};
use super::records::{Facts, Record, id_of, rejected};
use super::verdict::{message_of, speaks_of};
use super::{Introduced, Page, PageRequest, Provider, Recorded, Reply, Surprise, Unreadable, Verdict, Wait, Wanted, entity_prefix, judge};
use crate::clock::Moment;
use crate::model::{EntityName, Source, SourceKind, Stream};
use crate::vault::Credential;

pub(super) struct Xledger;

/// Rows to a page. It takes up to 10,000, and not every entity in the time it gives.
const ROWS: u64 = 1_000;
/// A page that takes too long is halved, down to this.
const FEWEST_ROWS: u64 = 10;
/// How far before the moment of the last look changes are asked for: its vendor allows
/// that much for clocks that disagree.
const OVERLAP: Duration = Duration::from_mins(15);

/// An answer, as far as it is the same for all entities.
#[derive(Deserialize)]
struct Answer {
    data: Option<BTreeMap<String, Option<Connection>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    edges: Option<Vec<Box<RawValue>>>,
    page_info: Option<PageInfo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
}

/// What to do about an answer that is no page.
enum Meaning {
    Is(Verdict),
    /// Ask for fewer rows.
    Fewer,
    /// Ask without these fields.
    Without(Vec<String>),
    /// Ask for everything: nobody can ask this entity for what changed.
    Unfiltered,
}

impl Provider for Xledger {
    fn name(&self) -> &'static str {
        "xledger"
    }

    fn kind(&self) -> SourceKind {
        SourceKind::Integration
    }

    fn default_base_url(&self) -> &'static str {
        "https://www.xledger.net"
    }

    fn streams(&self) -> &'static [Stream] {
        &[]
    }

    fn recorded(&self) -> Vec<Recorded> {
        let names = ["projects", "timesheets"].into_iter().filter_map(|name| EntityName::parse(name).ok());
        names.map(|name| Recorded { stream: Stream::Entity(name), base_url: None }).collect()
    }

    fn check_repository(&self, _repository: &str) -> Result<(), &'static str> {
        Err("has no meaning for Xledger")
    }

    fn repository_url(&self, source: &Source) -> String {
        let base = source.base_url.as_deref().unwrap_or(self.default_base_url()).trim_end_matches('/');
        base.strip_suffix("/graphql").unwrap_or(base).to_owned()
    }

    fn begin(&self, source: &Source, stream: Stream, wanted: Wanted) -> PageRequest {
        let since = wanted.since.map(|since| since.minus(OVERLAP).in_central_europe());
        let (more, filter) = if since.is_some() { (", $since: DateTimeString", ", filter: {modifiedAt_gte: $since}") } else { ("", "") };
        let arguments = format!("first: $first, after: $after{filter}");
        let mut variables = json!({"first": ROWS, "after": null});
        if let Some(since) = since {
            variables["since"] = since.into();
        }
        ask(source, stream, &query(stream.label(), &format!("$first: Int, $after: String{more}"), &arguments), &variables)
    }

    fn single(&self, source: &Source, stream: Stream, id: &str) -> PageRequest {
        let text = query(stream.label(), "$ids: [Int64String!]", "first: 1, filter: {dbId_in: $ids}");
        let id = id.parse::<u64>().map_or_else(|_| json!(id), |id| json!(id));
        PageRequest { single: true, ..ask(source, stream, &text, &json!({"ids": [id]})) }
    }

    fn authorize(&self, credential: &Credential) -> Vec<(&'static str, String)> {
        vec![("authorization", format!("token {}", credential.token))]
    }

    fn probe(&self, source: &Source) -> PageRequest {
        PageRequest { single: true, ..ask(source, Stream::Issues, "query { __typename }", &json!({})) }
    }

    fn introduce(&self, _reply: &Reply) -> Introduced {
        Introduced::default()
    }

    /// Where a record was, it shows an empty list.
    fn gone(&self, asked: &PageRequest, reply: &Reply) -> Option<String> {
        let is_page = asked.single && self.judge(asked, reply) == Verdict::Readable && meaning(asked, reply).is_none();
        let connection = connection(asked, reply).ok().filter(|_| is_page)?;
        connection.edges.is_some_and(|edges| edges.is_empty()).then(|| "Xledger shows nothing under this id".to_owned())
    }

    fn read(&self, source: &Source, asked: &PageRequest, reply: &Reply) -> Result<Page, Unreadable> {
        match meaning(asked, reply) {
            None => {}
            Some(Meaning::Is(_)) => return Err(Unreadable("it is no page".into())),
            Some(change) => return asked_otherwise(asked, change),
        }
        let Connection { edges, page_info } = connection(asked, reply)?;
        let (edges, page_info) = edges.zip(page_info).ok_or_else(|| unreadable("it has no edges, or does not say whether more follow"))?;
        let mut page = Page::default();
        let mut after = None;
        let entity = asked.stream.label();
        let prefix = entity_prefix(source, entity);
        for (position, edge) in edges.iter().enumerate() {
            let edge: BTreeMap<String, Box<RawValue>> = serde_json::from_str(edge.get()).unwrap_or_default();
            let cursor = edge.get("cursor").and_then(|cursor| text_of(cursor));
            after = cursor.or(after);
            match item(&prefix, edge.get("node").map(AsRef::as_ref)) {
                Ok((item, surprises)) => {
                    page.items.push(item);
                    page.surprises.extend(surprises);
                }
                // Cursors are ids, where they are numbers.
                Err(why) => page.rejected.push(rejected(entity, position, edge.get("cursor").and_then(|cursor| id_of(cursor)), why)),
            }
        }
        if page_info.has_next_page && !asked.single {
            let after = after.ok_or_else(|| unreadable("more are said to follow, and not from where"))?;
            let body =
                changed(asked, |_, variables| variables["after"] = after.into()).ok_or_else(|| unreadable("it cannot be asked on"))?;
            page.next = Some(PageRequest { body: Some(body), ..asked.followed_by(asked.url.clone()) });
        }
        Ok(page)
    }

    fn judge(&self, asked: &PageRequest, reply: &Reply) -> Verdict {
        match meaning(asked, reply) {
            Some(Meaning::Is(verdict)) => verdict,
            Some(_) => Verdict::Readable,
            None => judge(reply),
        }
    }
}

fn unreadable(why: &str) -> Unreadable {
    Unreadable(format!("not a list of records: {why}"))
}

fn ask(source: &Source, stream: Stream, query: &str, variables: &Value) -> PageRequest {
    let headers = [("accept", "application/json"), ("content-type", "application/json")];
    PageRequest {
        stream,
        url: format!("{}/graphql", Xledger.repository_url(source)),
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: Some(json!({"query": query, "variables": variables}).to_string()),
        number: 1,
        overlap: Vec::new(),
        back_to: None,
        single: false,
    }
}

/// The body of a request, with something in its query or its variables changed.
fn changed(asked: &PageRequest, change: impl FnOnce(&mut String, &mut Value)) -> Option<String> {
    let mut body: Value = serde_json::from_str(asked.body.as_deref()?).ok()?;
    let mut text = body["query"].as_str()?.to_owned();
    change(&mut text, body.get_mut("variables")?);
    body["query"] = text.into();
    Some(body.to_string())
}

fn variable(asked: &PageRequest, name: &str) -> Value {
    let body: Value = asked.body.as_deref().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
    body["variables"][name].clone()
}

/// The same once more, in another way.
fn asked_otherwise(asked: &PageRequest, change: Meaning) -> Result<Page, Unreadable> {
    let (body, surprise) = match change {
        Meaning::Is(_) => (None, None),
        Meaning::Fewer => {
            let rows = variable(asked, "first").as_u64().unwrap_or(ROWS) / 2;
            (changed(asked, |_, variables| variables["first"] = rows.max(FEWEST_ROWS).into()), None)
        }
        Meaning::Without(fields) => {
            let body = changed(asked, |query, _| *query = without(query, &fields));
            (body, Some(format!("it has no {} there, which is left out", fields.join(", "))))
        }
        Meaning::Unfiltered => {
            let body = changed(asked, |query, variables| {
                *query = query.replace(", filter: {modifiedAt_gte: $since}", "").replace(", $since: DateTimeString", "");
                variables.as_object_mut().map(|variables| variables.remove("since"));
            });
            (body, None)
        }
    };
    let body = body.filter(|body| asked.body.as_ref() != Some(body)).ok_or_else(|| unreadable("it cannot be asked otherwise"))?;
    let next = PageRequest { body: Some(body), single: asked.single, ..asked.followed_by(asked.url.clone()) };
    // That an unknown entity lacks something usual surprises nobody.
    let surprises = surprise.filter(|_| is_known(asked.stream.label())).map(|what| Surprise { which: String::new(), what });
    Ok(Page { next: Some(next), surprises: surprises.into_iter().collect(), ..Page::default() })
}

fn connection(asked: &PageRequest, reply: &Reply) -> Result<Connection, Unreadable> {
    let answer: Answer = serde_json::from_slice(&reply.body).map_err(|why| unreadable(&why.to_string()))?;
    let found = answer.data.and_then(|mut data| data.remove(asked.stream.label()));
    found.flatten().ok_or_else(|| unreadable("it has none of this entity"))
}

/// What an answer means that has errors. Those about a record of a list that is there
/// all the same leave a hole in it, which is rejected by itself.
fn meaning(asked: &PageRequest, reply: &Reply) -> Option<Meaning> {
    #[derive(Deserialize)]
    struct Faulty {
        errors: Option<Vec<Value>>,
    }
    let errors = serde_json::from_slice::<Faulty>(&reply.body).ok()?.errors.filter(|errors| !errors.is_empty())?;
    let is_of_record = |error: &Value| error["path"].as_array().is_some_and(|path| path.iter().any(|step| step == "edges"));
    if errors.iter().all(is_of_record) && connection(asked, reply).is_ok() {
        return None;
    }
    let words: Vec<&str> = errors.iter().map(|error| error["message"].as_str().unwrap_or("an error without words")).collect();
    let (said, all) = (message_of(reply), words.join("; "));
    let why = if said.is_empty() { all.clone() } else { said };
    let code = |error: &Value| error["code"].as_str().or(error["extensions"]["code"].as_str()).unwrap_or_default().to_owned();
    let coded = |code_wanted: &str| errors.iter().find(|error| code(error).ends_with(code_wanted));
    let throttled = |wait| Some(Meaning::Is(Verdict::Throttled { wait, why: why.clone() }));
    if coded("BURST_RATE_LIMIT_REACHED").is_some() {
        return throttled(Wait::For(Duration::from_secs(5)));
    }
    if coded("CONCURRENCY_LIMIT_REACHED").is_some() {
        return throttled(Wait::For(Duration::from_secs(1)));
    }
    if let Some(error) = coded("INSUFFICIENT_CREDITS") {
        let resets_at = moment_of(&error["extensions"]["resetAt"]);
        return throttled(resets_at.map_or(Wait::For(Duration::from_mins(20)), Wait::Until));
    }
    Some(in_words(asked, &all, why))
}

/// What an error means that has no code for it.
fn in_words(asked: &PageRequest, all: &str, why: String) -> Meaning {
    let entity = asked.stream.label();
    if speaks_of(all, &["query timed out", "timed out", "timeout"]) {
        let may_be_fewer = variable(asked, "first").as_u64().is_some_and(|rows| rows > FEWEST_ROWS);
        return if may_be_fewer { Meaning::Fewer } else { Meaning::Is(Verdict::Retry(why)) };
    }
    if speaks_of(all, &["api token", "unauthorized", "unauthenticated", "not authenticated", "invalid token"]) {
        return Meaning::Is(Verdict::Unauthenticated(why));
    }
    if speaks_of(all, &["permission", "not authorized", "access denied", "forbidden", "no access"]) {
        return Meaning::Is(Verdict::Denied(why));
    }
    let unknown: Vec<String> = all.split("annot query field ").skip(1).filter_map(quoted).collect();
    if unknown.iter().any(|field| field == entity || field == "dbId") {
        return Meaning::Is(Verdict::Unavailable(why));
    }
    if !unknown.is_empty() {
        return Meaning::Without(unknown);
    }
    if all.contains("modifiedAt_gte") && variable(asked, "since").is_string() {
        return Meaning::Unfiltered;
    }
    if speaks_of(all, &["internal server error", "unexpected error", "try again", "maintenance", "unavailable"]) {
        return Meaning::Is(Verdict::Retry(why));
    }
    Meaning::Is(Verdict::Rejected(why))
}

/// The word that stands first in quotes of whatever kind.
fn quoted(text: &str) -> Option<String> {
    let mut rest = text.trim_start().chars();
    rest.next().filter(|quote| "`'\"\u{201c}".contains(*quote))?;
    let word: String = rest.take_while(|character| character.is_ascii_alphanumeric() || *character == '_').collect();
    (!word.is_empty()).then_some(word)
}

fn text_of(raw: &RawValue) -> Option<String> {
    serde_json::from_str::<String>(raw.get()).ok().filter(|text| !text.is_empty()).or_else(|| id_of(raw))
}

/// The end of a limit, however it may be written.
fn moment_of(told: &Value) -> Option<Moment> {
    let of_number = |number: i64| Moment(if number < 100_000_000_000 { number.saturating_mul(1_000) } else { number });
    told.as_str().and_then(Moment::from_central_europe).or_else(|| told.as_i64().map(of_number))
}

fn item(prefix: &str, node: Option<&RawValue>) -> Result<(crate::model::Item, Vec<Surprise>), String> {
    let node = node.filter(|node| node.get() != "null").ok_or("it is not shown")?;
    let mut record = Record::read(node)?;
    let id = record.id("dbId").ok_or("it has no id")?;
    let title = ["description", "name", "text", "code"].into_iter().find_map(|name| record.text(name));
    let facts = Facts {
        title,
        state: "active",
        created_at: record.moment("createdAt", Moment::from_central_europe),
        updated_at: record.moment("modifiedAt", Moment::from_central_europe),
        url: None,
    };
    record.item(prefix, &id, facts)
}

#[cfg(test)]
#[path = "xledger_tests.rs"]
mod tests;
