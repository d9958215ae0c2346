//! Microsoft Dynamics 365: Dataverse, and Business Central, which is told by its address.
//! Both speak OData, and its links are opaque: they are followed as they are.
//!
//! Dataverse tracks changes where a table is set to. Then the last page of a list has a
//! link by which later changes are asked for, removals among them; it holds for some
//! days. Where a table tracks nothing, and in Business Central, whose links of the kind
//! are to go, what changed is asked for by its time.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use super::paging::absolute;
use super::records::{Facts, Record, rejected};
use super::verdict::speaks_of;
use super::{Introduced, Page, PageRequest, Provider, Recorded, Reply, Surprise, Unreadable, Verdict, Wanted, entity_prefix, judge};
use crate::clock::Moment;
use crate::model::{EntityName, Item, Source, SourceKind, Stream};
use crate::vault::Credential;

pub(super) struct Dynamics;

/// Rows to a page: it takes up to 5,000, or 20,000 in Business Central.
const ROWS: &str = "odata.maxpagesize=500";
const TRACKED: &str = "odata.track-changes";
/// A link holds no more, in Dataverse's own code.
const EXPIRED: &str = "0x80044352";
const CENTRAL: &str = "api.businesscentral.dynamics.com";

/// Which of the two it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum System {
    Dataverse,
    Central,
}

#[derive(Deserialize)]
struct List {
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    delta: Option<String>,
    value: Option<Vec<Box<RawValue>>>,
}

/// What stands for a record.
enum Shown {
    Record(Box<Item>, Vec<Surprise>),
    Removed(String),
}

impl Provider for Dynamics {
    fn name(&self) -> &'static str {
        "dynamics"
    }

    fn kind(&self) -> SourceKind {
        SourceKind::Integration
    }

    /// Nobody's: everyone has their own.
    fn default_base_url(&self) -> &'static str {
        "https://yourorg.crm.dynamics.com"
    }

    fn needs_base_url(&self) -> bool {
        true
    }

    fn check_base_url(&self, base_url: &str) -> Result<(), &'static str> {
        let url = Url::parse(base_url).map_err(|_| "is no address")?;
        if url.host_str() == Some(CENTRAL) && !url.path().contains("/companies(") {
            return Err("must lead to a company: https://api.businesscentral.dynamics.com/v2.0/{environment}/api/v2.0/companies({id})");
        }
        Ok(())
    }

    fn streams(&self) -> &'static [Stream] {
        &[]
    }

    fn recorded(&self) -> Vec<Recorded> {
        const COMPANY: &str =
            "https://api.businesscentral.dynamics.com/v2.0/production/api/v2.0/companies(f64eba74-dacd-4854-a584-1834f68cfc3a)";
        let all = [("accounts", None), ("contacts", None), ("customers", Some(COMPANY)), ("items", Some(COMPANY))];
        let stream = |name| EntityName::parse(name).ok().map(Stream::Entity);
        all.into_iter().filter_map(|(name, base_url)| Some(Recorded { stream: stream(name)?, base_url })).collect()
    }

    fn check_repository(&self, _repository: &str) -> Result<(), &'static str> {
        Err("has no meaning for Dynamics")
    }

    fn repository_url(&self, source: &Source) -> String {
        source.base_url.as_deref().unwrap_or(self.default_base_url()).trim_end_matches('/').to_owned()
    }

    fn begin(&self, source: &Source, stream: Stream, wanted: Wanted) -> PageRequest {
        let list = format!("{}/{}", root(source), stream.label());
        let since = |field: &str| wanted.since.map(|since| format!("{list}?$filter={field}%20{}", since.rfc3339()));
        match (system(source), wanted.resume) {
            (System::Dataverse, Some(link)) => get(source, stream, link.to_owned(), true),
            (System::Dataverse, None) => match since("modifiedon%20ge") {
                Some(url) => get(source, stream, url, false),
                None => get(source, stream, list, true),
            },
            (System::Central, _) => get(source, stream, since("lastModifiedDateTime%20gt").unwrap_or(list), false),
        }
    }

    fn single(&self, source: &Source, stream: Stream, id: &str) -> PageRequest {
        PageRequest { single: true, ..get(source, stream, format!("{}/{}({id})", root(source), stream.label()), false) }
    }

    fn authorize(&self, credential: &Credential) -> Vec<(&'static str, String)> {
        vec![("authorization", format!("Bearer {}", credential.token))]
    }

    /// Its limits hold for five minutes, and how much is left of them is told for
    /// debugging only.
    fn window(&self) -> std::time::Duration {
        std::time::Duration::from_mins(5)
    }

    fn probe(&self, source: &Source) -> PageRequest {
        let url = match system(source) {
            System::Dataverse => format!("{}/WhoAmI()", root(source)),
            System::Central => root(source),
        };
        PageRequest { single: true, ..get(source, Stream::Issues, url, false) }
    }

    fn introduce(&self, reply: &Reply) -> Introduced {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        Introduced { login: body["UserId"].as_str().map(str::to_owned), limit: None }
    }

    /// That there is no such table, or no such company, says nothing of a record.
    fn gone(&self, asked: &PageRequest, reply: &Reply) -> Option<String> {
        match self.judge(asked, reply) {
            Verdict::Missing(why) if reply.status == 404 && !speaks_of(&why, &["segment", "company"]) => Some(format!("404 {why}")),
            _ => None,
        }
    }

    fn read(&self, source: &Source, asked: &PageRequest, reply: &Reply) -> Result<Page, Unreadable> {
        if let Some(next) = otherwise(asked, reply) {
            return Ok(Page { next: Some(next), ..Page::default() });
        }
        let unreadable = |why: &dyn std::fmt::Display| Unreadable(format!("not a list of records: {why}"));
        let (entity, system) = (asked.stream.label(), system(source));
        let prefix = entity_prefix(source, entity);
        if asked.single {
            let whole: Box<RawValue> = serde_json::from_slice(&reply.body).map_err(|why| unreadable(&why))?;
            return match shown(system, &prefix, entity, &whole).map_err(|why| unreadable(&why))? {
                Shown::Record(item, surprises) => Ok(Page { items: vec![*item], surprises, ..Page::default() }),
                Shown::Removed(_) => Err(unreadable(&"it is said to be removed")),
            };
        }
        let List { next, delta, value } = serde_json::from_slice(&reply.body).map_err(|why| unreadable(&why))?;
        let entries = value.ok_or_else(|| unreadable(&"it has no records"))?;
        let mut page = Page::default();
        for (position, entry) in entries.iter().enumerate() {
            match shown(system, &prefix, entity, entry) {
                Ok(Shown::Record(item, surprises)) => {
                    page.items.push(*item);
                    page.surprises.extend(surprises);
                }
                Ok(Shown::Removed(id)) => page.removed.push(format!("{prefix}:{id}")),
                Err(why) => page.rejected.push(rejected(entity, position, None, why)),
            }
        }
        // A link from the root on is the one kind that has to be completed.
        let whole = |link: String| if link.contains("://") { Some(link) } else { absolute(&asked.url, &link) };
        page.next = next.and_then(whole).map(|link| asked.followed_by(link));
        page.resume = delta.and_then(whole).filter(|_| page.next.is_none());
        Ok(page)
    }

    fn judge(&self, asked: &PageRequest, reply: &Reply) -> Verdict {
        if otherwise(asked, reply).is_some() {
            return Verdict::Readable;
        }
        let code = code_of(reply);
        let with_code = |why: String| if code.is_empty() { why } else { format!("{why} ({code})") };
        match judge(reply) {
            Verdict::Unavailable(why) | Verdict::Rejected(why)
                if is_tracked(asked) && !asked.single && (reply.status == 410 || code == EXPIRED) =>
            {
                Verdict::Expired(with_code(why))
            }
            Verdict::Throttled { wait, why } => Verdict::Throttled { wait, why: with_code(why) },
            Verdict::Denied(why) => Verdict::Denied(with_code(why)),
            Verdict::Missing(why) => Verdict::Missing(with_code(why)),
            Verdict::Rejected(why) => Verdict::Rejected(with_code(why)),
            verdict => verdict,
        }
    }
}

fn system(source: &Source) -> System {
    let url = Url::parse(&Dynamics.repository_url(source)).ok();
    let is_central = url.is_some_and(|url| url.host_str() == Some(CENTRAL) || url.path().contains("/companies("));
    if is_central { System::Central } else { System::Dataverse }
}

/// What the address of a list begins with.
fn root(source: &Source) -> String {
    let base = Dynamics.repository_url(source);
    match system(source) {
        System::Dataverse if !base.contains("/api/data/") => format!("{base}/api/data/v9.2"),
        _ => base,
    }
}

fn get(source: &Source, stream: Stream, url: String, tracked: bool) -> PageRequest {
    let prefer = if tracked { format!("{ROWS},{TRACKED}") } else { ROWS.to_owned() };
    let own: &[(&str, &str)] = match system(source) {
        System::Dataverse => &[("odata-version", "4.0"), ("odata-maxversion", "4.0")],
        // What is only read may be read from a copy, which does not hold up others.
        System::Central => &[("data-access-intent", "ReadOnly")],
    };
    let common = [("accept", "application/json"), ("prefer", prefer.as_str())];
    PageRequest {
        stream,
        url,
        headers: common.iter().chain(own).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: None,
        number: 1,
        overlap: Vec::new(),
        back_to: None,
        single: false,
    }
}

fn is_tracked(asked: &PageRequest) -> bool {
    asked.headers.iter().any(|(name, value)| name == "prefer" && value.contains(TRACKED))
}

/// How a list is asked for instead that cannot be had as it was asked for: a table that
/// tracks no changes is read without, and one whose records know no time is read whole.
fn otherwise(asked: &PageRequest, reply: &Reply) -> Option<PageRequest> {
    if !matches!(reply.status, 400 | 501) || asked.single {
        return None;
    }
    let (list, query) = asked.url.split_once('?').unwrap_or((&asked.url, ""));
    let body: Value = serde_json::from_slice(&reply.body).ok()?;
    let why = body["error"]["message"].as_str()?;
    if is_tracked(asked) && query.is_empty() && speaks_of(why, &["change tracking", "track-changes"]) {
        let mut next = asked.followed_by(asked.url.clone());
        next.headers.iter_mut().filter(|(name, _)| name == "prefer").for_each(|(_, value)| ROWS.clone_into(value));
        return Some(next);
    }
    let knows_no_time = query.starts_with("$filter=") && speaks_of(why, &["could not find a property named"]);
    knows_no_time.then(|| asked.followed_by(list.to_owned()))
}

fn code_of(reply: &Reply) -> String {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    body["error"]["code"].as_str().unwrap_or_default().to_owned()
}

fn shown(system: System, prefix: &str, entity: &str, raw: &RawValue) -> Result<Shown, String> {
    let mut record = Record::read(raw)?;
    let context = record.said("@odata.context").unwrap_or_default();
    if context.ends_with("/$deletedEntity") || record.names().any(|name| name == "@removed" || name == "@odata.removed") {
        let id = record.said("id").or_else(|| record.said("@id")).or_else(|| record.said("@odata.id")).unwrap_or_default();
        // It is the id, or the address of what had it.
        let id = id.rsplit_once('(').and_then(|(_, id)| id.strip_suffix(')')).unwrap_or(&id).to_owned();
        return if is_guid(&id) { Ok(Shown::Removed(id)) } else { Err("it is said to be removed, and not which it is".into()) };
    }
    let (id, facts) = match system {
        System::Dataverse => (key(&record, entity).and_then(|key| record.id(&key)), of_dataverse(&mut record)),
        System::Central => (record.id("id"), of_central(&mut record)),
    };
    let id = id.filter(|id| is_guid(id)).ok_or("it has no id")?;
    let (item, surprises) = record.item(prefix, &id, facts)?;
    Ok(Shown::Record(Box::new(item), surprises))
}

/// The field that has a row's id. It is called as the table is, in the singular; those
/// of all activities are called alike, and some plurals nobody can guess.
fn key(record: &Record, entity: &str) -> Option<String> {
    let is_plural = |stem: &str| {
        let of_y = stem.strip_suffix('y').map(|stem| format!("{stem}ies"));
        [format!("{stem}s"), format!("{stem}es"), stem.to_owned()].contains(&entity.to_owned()) || of_y.as_deref() == Some(entity)
    };
    let named = record.names().find(|name| name.strip_suffix("id").is_some_and(is_plural) || *name == "activityid");
    if let Some(name) = named {
        return Some(name.to_owned());
    }
    let is_id = |name: &&str| name.ends_with("id") && !name.starts_with('_') && record.said(name).is_some_and(|id| is_guid(&id));
    let mut ids = record.names().filter(is_id);
    ids.next().filter(|_| ids.next().is_none()).map(str::to_owned)
}

fn of_dataverse(record: &mut Record) -> Facts {
    let own = record.names().find(|name| name.ends_with("_name")).map(str::to_owned);
    let names = ["name", "fullname", "subject", "title", "displayname"].map(str::to_owned).into_iter().chain(own);
    let title = names.collect::<Vec<_>>().into_iter().find_map(|name| record.text(&name));
    Facts {
        title,
        state: if record.number("statecode").unwrap_or(0) == 0 { "active" } else { "inactive" },
        created_at: record.moment("createdon", Moment::parse),
        updated_at: record.moment("modifiedon", Moment::parse),
        url: None,
    }
}

fn of_central(record: &mut Record) -> Facts {
    Facts {
        title: ["displayName", "name", "description", "number", "code"].into_iter().find_map(|name| record.text(name)),
        state: "active",
        created_at: None,
        updated_at: record.moment("lastModifiedDateTime", Moment::parse),
        url: None,
    }
}

fn is_guid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

#[cfg(test)]
#[path = "dynamics_tests.rs"]
mod tests;
