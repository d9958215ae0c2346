//! GitLab's REST v4, and of its GraphQL what lists vulnerabilities: where they are,
//! who may ask, and what the streams have in common.

mod entries;
mod graph;
mod hook;
mod refusals;
mod vulnerabilities;

use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::verdict::gone;
use super::{Delivery, Introduced, Page, PageRequest, Provider, Reply, Sent, Unreadable, Verdict, Wanted, limit_of};
use crate::clock::Moment;
use crate::model::{ItemType, Source, Stream};
use crate::vault::Credential;

const REST: &str = "/api/v4";
const DEFAULT_BASE: &str = "https://gitlab.com/api/v4";

/// GitLab.com and GitLab on machines of one's own.
pub(super) struct GitLab;

impl Provider for GitLab {
    fn name(&self) -> &'static str {
        "gitlab"
    }

    fn default_base_url(&self) -> &'static str {
        DEFAULT_BASE
    }

    fn streams(&self) -> &'static [Stream] {
        &[Stream::Issues, Stream::Alerts, Stream::PullRequests]
    }

    fn check_repository(&self, repository: &str) -> Result<(), &'static str> {
        let plain = |part: &str| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && !part.starts_with('-')
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        if repository.strip_suffix(".git").is_some() {
            return Err("must be the project's path without .git");
        }
        if is_number(repository) || (repository.contains('/') && repository.split('/').all(plain)) {
            return Ok(());
        }
        Err("must be group/project with all groups in between, or the project's number")
    }

    fn repository_url(&self, source: &Source) -> String {
        repository_url(source, Shown::default())
    }

    fn begin(&self, source: &Source, stream: Stream, wanted: Wanted) -> PageRequest {
        let every_state = wanted.include_closed || wanted.knows_items || wanted.since.is_some();
        match stream {
            Stream::Alerts => vulnerabilities::begin(source, every_state),
            Stream::Issues | Stream::PullRequests | Stream::Entity(_) => {
                get(stream, entries::list(source, stream, every_state, wanted.since))
            }
        }
    }

    fn single(&self, source: &Source, stream: Stream, id: &str) -> PageRequest {
        let request = match stream {
            Stream::Alerts => vulnerabilities::single(source, id),
            Stream::Issues | Stream::PullRequests | Stream::Entity(_) => get(stream, entries::alone(source, stream, id)),
        };
        PageRequest { single: true, ..request }
    }

    /// Tokens of people, projects and groups have a header of their own. It does not
    /// take those of OAuth, which are told by their form.
    fn authorize(&self, credential: &Credential) -> Vec<(&'static str, String)> {
        let token = &credential.token;
        if is_of_oauth(token) { vec![("authorization", format!("Bearer {token}"))] } else { vec![("private-token", token.clone())] }
    }

    /// GraphQL has no status for it: where an alert was, it shows nothing.
    fn gone(&self, asked: &PageRequest, reply: &Reply) -> Option<String> {
        match self.judge(asked, reply) {
            Verdict::Missing(why) if reply.status == 200 && asked.body.is_some() => Some(why),
            verdict => gone(verdict, reply),
        }
    }

    fn read(&self, source: &Source, asked: &PageRequest, reply: &Reply) -> Result<Page, Unreadable> {
        match asked.stream {
            Stream::Alerts => vulnerabilities::read(source, asked, reply),
            Stream::Issues | Stream::PullRequests | Stream::Entity(_) => entries::read(source, asked, reply),
        }
    }

    /// Who has a token that may only read a repository is not told who they are.
    fn probe(&self, source: &Source) -> PageRequest {
        PageRequest { single: true, ..get(Stream::Issues, format!("{}{REST}/user", site(source))) }
    }

    fn introduce(&self, reply: &Reply) -> Introduced {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        Introduced { login: body["username"].as_str().map(str::to_owned), limit: limit_of(reply) }
    }

    /// What GitLab says is left, it says of a minute.
    fn window(&self) -> Duration {
        Duration::from_mins(1)
    }

    fn judge(&self, _asked: &PageRequest, reply: &Reply) -> Verdict {
        refusals::judge(reply)
    }

    fn is_genuine(&self, secret: &str, sent: &Sent, now: Moment) -> bool {
        hook::is_genuine(secret, sent, now)
    }

    fn delivery(&self, sent: &Sent) -> Result<Delivery, Unreadable> {
        hook::read(sent)
    }
}

/// 64 hexadecimal digits, or a JWT; no other token looks like either.
fn is_of_oauth(token: &str) -> bool {
    let is_hexadecimal = token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    is_hexadecimal || (token.starts_with("eyJ") && token.split('.').count() == 3)
}

/// A project goes by its path, or by its number, which stays when it moves.
fn is_number(repository: &str) -> bool {
    !repository.is_empty() && repository.bytes().all(|byte| byte.is_ascii_digit())
}

/// Where a GitLab is, path prefix and all, whichever of its addresses the base URL
/// is: what people open, or what programs ask.
fn site(source: &Source) -> &str {
    let base = source.base_url.as_deref().unwrap_or(DEFAULT_BASE).trim_end_matches('/');
    base.strip_suffix(REST).unwrap_or(base).trim_end_matches('/')
}

/// Where a source's project is in REST. Nothing in a name that was checked needs to
/// be encoded but the slash.
fn project(source: &Source) -> String {
    format!("{}{REST}/projects/{}", site(source), configured(source).replace('/', "%2F"))
}

fn configured(source: &Source) -> &str {
    source.repository.as_deref().unwrap_or_default()
}

fn get(stream: Stream, url: String) -> PageRequest {
    PageRequest {
        stream,
        url,
        headers: vec![("accept".into(), "application/json".into())],
        body: None,
        number: 1,
        overlap: Vec::new(),
        back_to: None,
        single: false,
    }
}

fn external_id(source: &Source, kind: ItemType, id: &str, shown: Shown) -> String {
    format!("gitlab:{}:{}:{id}", repository_url(source, shown), kind.as_str())
}

/// Where GitLab shows something to people.
#[derive(Clone, Copy, Default)]
struct Shown<'a> {
    web_url: Option<&'a str>,
    /// The project's path as it is now.
    full_path: Option<&'a str>,
}

/// The address people know a project by. What stands before the project's path is
/// taken from where an entry is shown; the name is the configured one, which stays
/// when GitLab's changes.
fn repository_url(source: &Source, shown: Shown) -> String {
    let name = configured(source);
    let shown_project = shown.web_url.map(|url| url.split_once("/-/").map_or(url, |(project, _)| project));
    let before = |path: &str| without_path(shown_project?, path);
    let root = shown.full_path.and_then(before).or_else(|| before(name)).unwrap_or_else(|| site(source));
    if is_number(name) { format!("{root}/projects/{name}") } else { format!("{root}/{name}") }
}

/// The address before a project's path. GitLab does not mind capitals in paths.
fn without_path<'a>(address: &'a str, path: &str) -> Option<&'a str> {
    let (root, end) = address.split_at_checked(address.len().checked_sub(path.len())?)?;
    root.strip_suffix('/').filter(|_| end.eq_ignore_ascii_case(path))
}

/// A parameter of an address that has a value there.
fn parameter(address: &Url, name: &str) -> Option<String> {
    address.query_pairs().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.into_owned())
}

fn moment(text: Option<&str>) -> Option<Moment> {
    text.and_then(Moment::parse)
}

#[cfg(test)]
#[path = "gitlab_tests.rs"]
mod tests;
