//! A forge that does not exist, for whoever adds one that does: copy this file and the
//! recordings in `recordings/example/`, and change both. It is held against them like
//! any other provider, and is in no build but that of the tests.

use serde::Deserialize;
use serde_json::Value;

use super::address::{has_two_plain_parts, repository_url};
use super::entries::read_each;
use super::verdict::speaks_of;
use super::{Introduced, Page, PageRequest, Provider, Reply, Unreadable, Verdict, Wanted, judge, limit_of, next_link};
use crate::clock::Moment;
use crate::model::{Item, ItemType, Source, Stream};
use crate::vault::Credential;

/// Where people look at its repositories.
const HOME: &str = "https://forge.example.com";

pub(super) struct Example;

/// What it sends of an issue. A field without which there is no item is not optional:
/// an entry that lacks it is rejected by name.
#[derive(Deserialize)]
struct Issue {
    number: u64,
    title: String,
    body: Option<String>,
    state: State,
    #[serde(default)]
    labels: Vec<Label>,
    user: Option<User>,
    html_url: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
}

/// A state that is not among these is not understood, rather than taken for one.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Open,
    Closed,
}

#[derive(Deserialize)]
struct Label {
    name: String,
}

#[derive(Deserialize)]
struct User {
    login: String,
}

impl Provider for Example {
    fn name(&self) -> &'static str {
        "example"
    }

    fn default_base_url(&self) -> &'static str {
        "https://forge.example.com/api"
    }

    fn streams(&self) -> &'static [Stream] {
        &[Stream::Issues]
    }

    fn check_repository(&self, repository: &str) -> Result<(), &'static str> {
        if has_two_plain_parts(repository) { Ok(()) } else { Err("must be owner/name") }
    }

    fn repository_url(&self, source: &Source) -> String {
        repository_url(source, None, HOME)
    }

    /// Oldest change first: what changes during the run moves to the end, where it is
    /// met again. Its pages are found by cursors.
    fn begin(&self, source: &Source, stream: Stream, wanted: Wanted) -> PageRequest {
        let every_state = wanted.include_closed || wanted.knows_items || wanted.since.is_some();
        let state = if every_state { "all" } else { "open" };
        let since = wanted.since.map(|since| format!("&since={}", since.rfc3339())).unwrap_or_default();
        PageRequest {
            stream,
            url: format!("{}?state={state}&sort=oldest-change&per_page=100{since}", list(source)),
            headers: vec![("accept".into(), "application/json".into())],
            body: None,
            number: 1,
            overlap: Vec::new(),
            back_to: None,
            single: false,
        }
    }

    fn single(&self, source: &Source, stream: Stream, id: &str) -> PageRequest {
        PageRequest { url: format!("{}/{id}", list(source)), single: true, ..self.begin(source, stream, Wanted::default()) }
    }

    fn authorize(&self, credential: &Credential) -> Vec<(&'static str, String)> {
        vec![("authorization", format!("token {}", credential.token))]
    }

    /// Whoever has a good credential is told who they are.
    fn probe(&self, source: &Source) -> PageRequest {
        let list = self.begin(source, Stream::Issues, Wanted::default());
        PageRequest { url: format!("{}/user", base(source)), single: true, ..list }
    }

    fn introduce(&self, reply: &Reply) -> Introduced {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        Introduced { login: body["login"].as_str().map(str::to_owned), limit: limit_of(reply) }
    }

    fn read(&self, source: &Source, asked: &PageRequest, reply: &Reply) -> Result<Page, Unreadable> {
        let unreadable = |why: &dyn std::fmt::Display| Unreadable(format!("not a list of issues: {why}"));
        let entries = match serde_json::from_slice(&reply.body).map_err(|why| unreadable(&why))? {
            Value::Array(entries) => entries,
            one @ Value::Object(_) if asked.single => vec![one],
            _ => return Err(unreadable(&"it is something else")),
        };
        let next = reply.header("link").and_then(next_link).filter(|_| !asked.single);
        // What later pages say may be of what is left.
        let total = reply.header("x-total-count").filter(|_| asked.number == 1 && !asked.single).and_then(|total| total.parse().ok());
        let page = read_each(entries, "number", |issue| Some(item(source, issue)));
        Ok(Page { next: next.map(|link| asked.followed_by(link.to_owned())), total, ..page })
    }

    /// Beyond what forges have in common: it answers 404 where issues are switched off.
    fn judge(&self, _asked: &PageRequest, reply: &Reply) -> Verdict {
        match judge(reply) {
            Verdict::Missing(why) if speaks_of(&why, &["no issue tracker"]) => Verdict::Unavailable(why),
            verdict => verdict,
        }
    }
}

fn base(source: &Source) -> &str {
    source.base_url.as_deref().unwrap_or(Example.default_base_url()).trim_end_matches('/')
}

fn list(source: &Source) -> String {
    format!("{}/repos/{}/issues", base(source), source.repository.as_deref().unwrap_or_default())
}

fn item(source: &Source, issue: Issue) -> Item {
    let moment = |text: Option<String>| Moment::parse(&text?);
    let repository = repository_url(source, issue.html_url.as_deref(), HOME);
    let external_id = format!("example:{repository}:issue:{}", issue.number);
    let state = match issue.state {
        State::Open => "open",
        State::Closed => "closed",
    };
    Item {
        body: issue.body.filter(|body| !body.is_empty()),
        labels: issue.labels.into_iter().map(|label| label.name).collect(),
        author: issue.user.map(|user| user.login),
        url: issue.html_url,
        created_at: moment(issue.created_at),
        updated_at: moment(issue.updated_at),
        ..Item::new(ItemType::Issue, external_id, issue.title, state.to_owned())
    }
}
