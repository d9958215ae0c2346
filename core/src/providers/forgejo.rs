//! Forgejo, at Codeberg or on one's own server: issues and pull requests. It has no
//! security alerts.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::address::{has_two_plain_parts, repository_url};
use super::entries::read_each;
use super::paging::cut_at;
use super::{Delivery, Introduced, Named, Page, PageRequest, Provider, Reply, Sent, Unreadable, Wanted, limit_of, next_link};
use crate::clock::Moment;
use crate::model::{Item, ItemType, Source, Stream};
use crate::vault::Credential;

/// Where the repositories are of a source that names no other place.
const HOME: &str = "https://codeberg.org";

/// Below the address that people know a server by.
const API: &str = "/api/v1";

/// The most that a server gives unless it was set up otherwise. What is more than it
/// gives is cut down, and its links count in what it gave.
const PAGE_SIZE: u32 = 50;

pub(super) struct Forgejo;

/// An issue or a pull request: what is read of them is the same.
#[derive(Deserialize)]
struct Entry {
    number: u64,
    title: String,
    body: Option<String>,
    state: State,
    /// A pull request is closed once it is merged.
    merged: Option<bool>,
    labels: Option<Vec<Label>>,
    assignees: Option<Vec<User>>,
    user: Option<User>,
    /// Who wrote what was taken over from another forge. `user` is who took it over.
    original_author: Option<String>,
    html_url: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
    /// What an issue that is a pull request has besides.
    pull_request: Option<IgnoredAny>,
}

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

impl Provider for Forgejo {
    fn name(&self) -> &'static str {
        "forgejo"
    }

    fn default_base_url(&self) -> &'static str {
        HOME
    }

    fn streams(&self) -> &'static [Stream] {
        &[Stream::Issues, Stream::PullRequests]
    }

    fn check_repository(&self, repository: &str) -> Result<(), &'static str> {
        if has_two_plain_parts(repository) { Ok(()) } else { Err("must be owner/name") }
    }

    /// A server that is not asked where it shows itself names its next pages at another
    /// origin. So the configured address is the one that people know, and nothing of a
    /// reply is needed to tell it, nor the path that some servers are below.
    fn repository_url(&self, source: &Source) -> String {
        repository_url(source, None, home(source))
    }

    /// Pages are counted by rows, newest first if nothing else is asked for, and every
    /// state is listed, so that nothing leaves the list: what comes meanwhile moves rows
    /// only towards the pages that are yet to be read.
    ///
    /// Issues can be asked for what changed since. They are not sorted by change for
    /// that: older servers take no `sort`, and do not say so. Pull requests
    /// have no `since`, but have always been sorted, so they are read from the newest
    /// change down.
    fn begin(&self, source: &Source, stream: Stream, wanted: Wanted) -> PageRequest {
        let since = wanted.since.map(Moment::rfc3339);
        let (narrowed, back_to) = match (stream, since) {
            (Stream::PullRequests, None) => (String::new(), None),
            (Stream::PullRequests, Some(_)) => ("&sort=recentupdate".to_owned(), wanted.since),
            (_, None) => ("&type=issues".to_owned(), None),
            (_, Some(since)) => (format!("&type=issues&since={since}"), None),
        };
        PageRequest {
            stream,
            url: format!("{}?limit={PAGE_SIZE}&page=1&state=all{narrowed}", list(source, stream)),
            headers: vec![("accept".into(), "application/json".into())],
            body: None,
            number: 1,
            overlap: Vec::new(),
            back_to,
            single: false,
        }
    }

    fn single(&self, source: &Source, stream: Stream, id: &str) -> PageRequest {
        let url = format!("{}/{id}", list(source, stream));
        PageRequest { url, single: true, ..self.begin(source, stream, Wanted::default()) }
    }

    fn authorize(&self, credential: &Credential) -> Vec<(&'static str, String)> {
        vec![("authorization", format!("token {}", credential.token))]
    }

    /// A token that may not read its user is refused with 403, one that is none with 401.
    fn probe(&self, source: &Source) -> PageRequest {
        let list = self.begin(source, Stream::Issues, Wanted::default());
        PageRequest { url: format!("{}{API}/user", home(source)), single: true, ..list }
    }

    /// Forgejo itself has no limit. Who stands in front of it may tell of theirs.
    fn introduce(&self, reply: &Reply) -> Introduced {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        Introduced { login: body["login"].as_str().map(str::to_owned), limit: limit_of(reply) }
    }

    fn read(&self, source: &Source, asked: &PageRequest, reply: &Reply) -> Result<Page, Unreadable> {
        let unreadable = |why: &dyn std::fmt::Display| Unreadable(format!("not a list of {}: {why}", asked.stream.as_str()));
        let mut entries = match serde_json::from_slice(&reply.body).map_err(|why| unreadable(&why))? {
            Value::Array(entries) => entries,
            one @ Value::Object(_) if asked.single => vec![one],
            _ => return Err(unreadable(&"it is something else")),
        };
        let is_over = cut_at(asked.back_to, &mut entries, |entry| Moment::parse(entry["updated_at"].as_str()?));
        let next = reply.header("link").and_then(next_link).filter(|_| !asked.single && !is_over);
        // Of what changed since a moment nobody knows how much it is before it is read.
        let counts = asked.number == 1 && !asked.single && asked.back_to.is_none();
        let total = reply.header("x-total-count").filter(|_| counts).and_then(|total| total.parse().ok());
        let page = read_each(entries, "number", |entry| item(source, asked.stream, entry));
        Ok(Page { next: next.map(|link| asked.followed_by(link.to_owned())), total, ..page })
    }

    /// Forgejo signs with every name that forges have for it; this one says with what.
    /// The signature is that of the JSON, also where it is sent as a form, so those are
    /// nobody's.
    fn is_genuine(&self, secret: &str, sent: &Sent, _now: Moment) -> bool {
        sent.is_signed("x-hub-signature-256", secret)
    }

    /// What is tried out at the forge comes as an event `push`, which concerns nothing.
    fn delivery(&self, sent: &Sent) -> Result<Delivery, Unreadable> {
        let (id, event) = (sent.name("x-forgejo-delivery")?, sent.name("x-forgejo-event")?);
        let body = sent.json()?;
        let concerns = match event.as_str() {
            "issue_comment" if body["is_pull"] == true => Some(Stream::PullRequests),
            "issues" | "issue_comment" => Some(Stream::Issues),
            // Reviews have events of their own.
            event if event.starts_with("pull_request") => Some(Stream::PullRequests),
            _ => None,
        };
        Ok(Delivery { id, event, repository: Named::of(&body["repository"], "id", "full_name"), concerns })
    }
}

/// The address that people know the server by. Some write the one of its API instead.
fn home(source: &Source) -> &str {
    let base = source.base_url.as_deref().unwrap_or(HOME).trim_end_matches('/');
    base.strip_suffix(API).unwrap_or(base).trim_end_matches('/')
}

fn list(source: &Source, stream: Stream) -> String {
    let list = if stream == Stream::PullRequests { "pulls" } else { "issues" };
    format!("{}{API}/repos/{}/{list}", home(source), source.repository.as_deref().unwrap_or_default())
}

/// Nothing of a pull request that is met among issues.
fn item(source: &Source, stream: Stream, entry: Entry) -> Option<Item> {
    let moment = |text: Option<String>| Moment::parse(&text?);
    let kind = match stream {
        Stream::PullRequests => ItemType::PullRequest,
        _ if entry.pull_request.is_some() => return None,
        _ => ItemType::Issue,
    };
    let external_id = format!("forgejo:{}:{}:{}", Forgejo.repository_url(source), kind.as_str(), entry.number);
    let state = match (entry.state, entry.merged) {
        (State::Open, _) => "open",
        (State::Closed, Some(true)) => "merged",
        (State::Closed, _) => "closed",
    };
    let author = entry.original_author.filter(|name| !name.is_empty());
    Some(Item {
        body: entry.body.filter(|body| !body.is_empty()),
        labels: entry.labels.into_iter().flatten().map(|label| label.name).collect(),
        assignees: entry.assignees.into_iter().flatten().map(|user| user.login).collect(),
        author: author.or_else(|| entry.user.map(|user| user.login)),
        url: entry.html_url,
        created_at: moment(entry.created_at),
        updated_at: moment(entry.updated_at),
        ..Item::new(kind, external_id, entry.title, state.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::testing;

    const SECRET: &str = "It's a Secret to Everybody";
    const BODY: &str = r#"{"action":"opened","number":7,"repository":{"id":4711,"full_name":"acme/web"}}"#;

    #[test]
    fn a_server_is_found_by_either_of_its_addresses() {
        for (base_url, home) in [
            (None, "https://codeberg.org"),
            (Some("https://git.acme.com"), "https://git.acme.com"),
            (Some("https://git.acme.com/"), "https://git.acme.com"),
            (Some("https://acme.com/git"), "https://acme.com/git"),
            (Some("https://acme.com/git/api/v1/"), "https://acme.com/git"),
        ] {
            let source = Source { base_url: base_url.map(str::to_owned), ..testing::source("forgejo") };
            assert_eq!(Forgejo.repository_url(&source), format!("{home}/acme/web"));
            assert_eq!(Forgejo.probe(&source).url, format!("{home}/api/v1/user"));
            assert_eq!(Forgejo.single(&source, Stream::PullRequests, "7").url, format!("{home}/api/v1/repos/acme/web/pulls/7"));
        }
    }

    #[test]
    fn whose_a_credential_is_is_read() {
        let introduced = |body: &str| Forgejo.introduce(&testing::reply(200, &[], body));
        assert_eq!(introduced(r#"{"id":7,"login":"mia"}"#), Introduced { login: Some("mia".to_owned()), limit: None });
        assert_eq!(introduced("<html>"), Introduced::default());
    }

    #[test]
    fn a_delivery_is_genuine_if_its_body_is_signed() {
        let good = "sha256=4c30b211006851896cb4c2e497071996ae9b101ca69950c82024b88aaf804016";
        let is_genuine = |headers: &[(&str, &str)], secret: &str, body: &str| {
            Forgejo.is_genuine(secret, &testing::sent(headers, body), testing::moment("2026-11-20T00:00:00Z"))
        };
        assert!(is_genuine(&[("x-hub-signature-256", good)], SECRET, BODY));
        assert!(!is_genuine(&[("x-hub-signature-256", good)], "another", BODY));
        assert!(!is_genuine(&[("x-hub-signature-256", good)], SECRET, &BODY.replace("4711", "4712")));
        // What a webhook without a secret sends.
        assert!(!is_genuine(&[("x-hub-signature-256", "sha256="), ("x-forgejo-signature", "")], SECRET, BODY));
        assert!(!is_genuine(&[], SECRET, BODY));
    }

    #[test]
    fn a_delivery_says_what_it_concerns() {
        let read = |event: &str, body: &str| {
            Forgejo.delivery(&testing::sent(&[("x-forgejo-delivery", "f6266f16"), ("x-forgejo-event", event)], body))
        };
        let repository = Some(Named { id: Some("4711".to_owned()), name: "acme/web".to_owned() });
        let expected = Delivery { id: "f6266f16".to_owned(), event: "issues".to_owned(), repository, concerns: Some(Stream::Issues) };
        assert_eq!(read("issues", BODY), Ok(expected));
        for (event, body, concerns) in [
            ("issue_comment", r#"{"is_pull":false}"#, Some(Stream::Issues)),
            ("issue_comment", r#"{"is_pull":true}"#, Some(Stream::PullRequests)),
            ("pull_request", BODY, Some(Stream::PullRequests)),
            ("pull_request_approved", BODY, Some(Stream::PullRequests)),
            ("push", BODY, None),
            ("release", "{}", None),
        ] {
            assert_eq!(read(event, body).map(|delivery| delivery.concerns), Ok(concerns), "{event}");
        }
        assert!(read("", BODY).is_err() && read("issues", "[]").is_err());
        assert!(Forgejo.delivery(&testing::sent(&[("x-forgejo-event", "issues")], BODY)).is_err());
    }
}
