//! Dataverse and Business Central as far as they list records: OData with opaque links, which have to come back to the
//! letter, preferences that have to be said on every page, and Dataverse's lists of changes.

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    books::{Book, Row, Table},
    door::{Answer, Asked},
    state::World,
};

const DATAVERSE: &str = "/dataverse/";
const CENTRAL: &str = "/businesscentral/";
const COMPANY: &str = "companies(00000000-0000-4000-8000-00000000c0de)";

pub(crate) fn owns(path: &str) -> bool {
    path.starts_with(DATAVERSE) || path.starts_with(CENTRAL)
}

/// The limits of both. Only Dataverse says how long they last.
pub(crate) fn limited(asked: &Asked, retry_after: Option<u64>) -> Answer {
    if asked.path.starts_with(CENTRAL) {
        return refused(429, "Application_TooManyRequests", "Too many requests reached. Actual (6000). Maximum (6000).");
    }
    let answer = refused(429, "0x80072322", "Number of requests exceeded the limit of 6000 over time window of 300 seconds.");
    match retry_after {
        Some(seconds) => answer.with("retry-after", &seconds.to_string()),
        None => answer,
    }
}

pub(crate) fn answer(world: &World, asked: &Asked) -> Answer {
    let token = asked.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    if token.and_then(|token| world.credentials.identify(Some(token))).is_none() {
        return if asked.path.starts_with(CENTRAL) {
            refused(401, "Authentication_InvalidCredentials", "The server has rejected the client credentials.")
        } else {
            Answer::empty(StatusCode::UNAUTHORIZED)
        };
    }
    if asked.method != http::Method::GET {
        return Answer::empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    let is_central = asked.path.starts_with(CENTRAL);
    let rest = asked.path.strip_prefix(if is_central { CENTRAL } else { DATAVERSE }).unwrap_or_default();
    let (customer, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let root = if is_central { format!("api/v2.0/{COMPANY}") } else { "api/data/v9.2/".to_owned() };
    let Some(rest) = rest.strip_prefix(&root) else { return unknown(rest) };
    let rest = rest.trim_start_matches('/');
    if rest.is_empty() && is_central {
        return Answer::json(StatusCode::OK, &json!({ "id": COMPANY, "name": "CRONUS" }));
    }
    if rest == "WhoAmI()" {
        return Answer::json(StatusCode::OK, &json!({ "UserId": id(7), "BusinessUnitId": id(1), "OrganizationId": id(2) }));
    }
    let (entity, key) = match rest.split_once('(') {
        Some((entity, key)) => (entity, key.strip_suffix(')')),
        None => (rest, None),
    };
    let found = world.books.get(customer).and_then(|book| Some((book, book.tables.get(entity)?)));
    let Some((book, table)) = found else { return unknown(entity) };
    if table.denied {
        let text = format!("Principal user (Id={}) is missing prvRead privilege for {entity}", id(7));
        return refused(403, if is_central { "Internal_Denied" } else { "0x80040220" }, &text);
    }
    let call = Call { asked, book, table, entity, is_central };
    match key {
        Some(key) => call.one(key),
        None => call.list(),
    }
}

fn refused(status: u16, code: &str, message: &str) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer::json(status, &json!({ "error": { "code": code, "message": message } }))
}

fn unknown(segment: &str) -> Answer {
    refused(404, "0x8006088a", &format!("Resource not found for the segment '{segment}'."))
}

fn malformed(why: &str) -> Answer {
    refused(400, "0x80060888", why)
}

fn id(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// What a list shows: a row as it is, or that one is gone.
enum Entry<'a> {
    Row(&'a Row),
    Gone(u64),
}

/// What a link stands for: which list, from which entry on, in pages of which size.
#[derive(Clone, Copy)]
struct Token {
    /// Only what changed after this write; everything if none.
    changes: Option<u64>,
    offset: usize,
    size: usize,
    generation: u64,
}

struct Call<'a> {
    asked: &'a Asked,
    book: &'a Book,
    table: &'a Table,
    entity: &'a str,
    is_central: bool,
}

impl Call<'_> {
    fn one(&self, key: &str) -> Answer {
        match self.table.rows.values().find(|row| id(row.number) == key) {
            Some(row) => Answer::json(StatusCode::OK, &Value::Object(self.shown(row))),
            None if self.is_central => refused(404, "Internal_EntityWithSystemIdNotFound", "The record does not exist."),
            None => refused(404, "0x80040217", &format!("{} With Id = {key} Does Not Exist", singular(self.entity))),
        }
    }

    fn list(&self) -> Answer {
        let prefer = self.asked.header("prefer").unwrap_or_default();
        let asked_size = prefer.split(',').find_map(|one| one.trim().strip_prefix("odata.maxpagesize=")?.parse::<usize>().ok());
        let size = asked_size.unwrap_or(5_000).min(self.book.most_rows);
        let tracks = prefer.contains("odata.track-changes") && !self.is_central;
        let query = self.asked.query.as_deref().unwrap_or_default();
        let since = match (query.split_once("$filter="), tracks && self.table.tracked) {
            (Some(_), true) => return malformed("The \"$filter\" query parameter isn't supported when Change Tracking is enabled."),
            (Some((_, filter)), false) => match self.since(filter.split('&').next().unwrap_or_default()) {
                Some(since) => Some(since),
                None => return malformed("The query is not understood"),
            },
            (None, _) => None,
        };
        let mut token = Token { changes: None, offset: 0, size, generation: self.book.generation };
        if let Some((_, text)) = query.split_once("$skiptoken=").or_else(|| query.split_once("$deltatoken=")) {
            token = match Token::read(text) {
                Some(token) if query.contains("$deltatoken=") => Token { size, ..token },
                Some(token) if token.size == size => token,
                _ => return malformed("Malformed token, or another preference than on the page before"),
            };
            if token.changes.is_some() && token.generation != self.book.generation {
                let text = "Version stamp associated with the client has expired. Please perform a full sync.";
                return refused(400, "0x80044352", text);
            }
        }
        self.page(token, since, tracks && self.table.tracked)
    }

    fn page(&self, token: Token, since: Option<Timestamp>, tracks: bool) -> Answer {
        let mut entries: Vec<Entry<'_>> = match token.changes {
            None => self.table.rows.values().map(Entry::Row).collect(),
            Some(after) => {
                let mut changed: Vec<&Row> = self.table.rows.values().filter(|row| row.revision > after).collect();
                changed.sort_by_key(|row| row.revision);
                let gone = self.table.removed.iter().filter(|(_, revision)| *revision > after).map(|(number, _)| Entry::Gone(*number));
                changed.into_iter().map(Entry::Row).chain(gone).collect()
            }
        };
        if let Some(since) = since {
            entries.retain(|entry| matches!(entry, Entry::Row(row) if row.updated_at >= since));
        }
        let context = format!("{}/$metadata#{}", self.asked.base, self.entity);
        let shown: Vec<Value> = entries
            .iter()
            .skip(token.offset)
            .take(token.size)
            .map(|entry| match entry {
                Entry::Row(row) => Value::Object(self.shown(row)),
                Entry::Gone(number) => {
                    json!({ "@odata.context": format!("{context}/$deletedEntity"), "id": id(*number), "reason": "deleted" })
                }
            })
            .collect();
        let mut body = json!({ "@odata.context": context, "value": shown });
        let place = format!("{}{}", self.asked.base, self.asked.path);
        let offset = token.offset + token.size;
        if offset < entries.len() {
            let kept: String =
                self.asked.query.iter().flat_map(|query| query.split('&')).filter(|part| part.starts_with("$filter=")).collect();
            let kept = if kept.is_empty() { kept } else { format!("{kept}&") };
            body["@odata.nextLink"] = format!("{place}?{kept}$skiptoken={}", Token { offset, ..token }.write()).into();
        } else if tracks {
            let latest =
                self.table.rows.values().map(|row| row.revision).chain(self.table.removed.iter().map(|(_, revision)| *revision)).max();
            let changes = latest.max(token.changes).or(Some(0));
            body["@odata.deltaLink"] = format!("{place}?$deltatoken={}", Token { changes, offset: 0, ..token }.write()).into();
        }
        Answer::json(StatusCode::OK, &body).with("odata-version", "4.0")
    }

    fn since(&self, filter: &str) -> Option<Timestamp> {
        let filter = filter.replace("%20", " ");
        let begin = if self.is_central { "lastModifiedDateTime gt " } else { "modifiedon ge " };
        filter.strip_prefix(begin)?.replace("%3A", ":").parse().ok()
    }

    fn shown(&self, row: &Row) -> Map<String, Value> {
        let mut shown = if self.is_central {
            json!({ "id": id(row.number), "number": row.code, "displayName": row.name, "lastModifiedDateTime": row.updated_at.to_string() })
        } else {
            json!({ format!("{}id", singular(self.entity)): id(row.number), "name": row.name, "accountnumber": row.code, "statecode": 0,
                "createdon": row.created_at.to_string(), "modifiedon": row.updated_at.to_string(), "versionnumber": row.revision })
        };
        shown["@odata.etag"] = format!("W/\"{}\"", row.revision).into();
        let mut shown = shown.as_object_mut().map(std::mem::take).unwrap_or_default();
        shown.extend(row.fields.clone());
        shown.retain(|name, _| !self.table.lacks.contains(name));
        shown
    }
}

fn singular(entity: &str) -> String {
    entity.strip_suffix("ies").map_or_else(|| entity.trim_end_matches('s').to_owned(), |stem| format!("{stem}y"))
}

/// What a link says, in a way that only comes back whole if nobody writes it anew: with escapes in both kinds of letters.
const COOKIE: (&str, &str) = ("%3ccookie%20of=%22", "%22%2F%2f%3E");

impl Token {
    fn write(self) -> String {
        let changes = self.changes.map_or_else(|| "all".to_owned(), |changes| changes.to_string());
        format!("{}{changes}!{}!{}!{}{}", COOKIE.0, self.offset, self.size, self.generation, COOKIE.1)
    }

    fn read(text: &str) -> Option<Self> {
        let text = text.strip_prefix(COOKIE.0)?.strip_suffix(COOKIE.1)?;
        let parts: Vec<&str> = text.split('!').collect();
        let [changes, offset, size, generation] = parts[..] else { return None };
        let changes = if changes == "all" { None } else { Some(changes.parse().ok()?) };
        Some(Self { changes, offset: offset.parse().ok()?, size: size.parse().ok()?, generation: generation.parse().ok()? })
    }
}
