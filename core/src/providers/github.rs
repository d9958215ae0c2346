//! GitHub's REST API, as of version 2026-03-10: what its streams have in common.

mod alerts;
mod issues;
mod pulls;

use serde::Deserialize;
use serde_json::Value;

use super::address::{has_two_plain_parts, repository_url};
use super::{Introduced, Limit, Page, PageRequest, Provider, Reply, Unreadable, Wanted};
use crate::clock::Moment;
use crate::model::{Source, Stream};
use crate::vault::Credential;

/// GitHub.com and GitHub Enterprise.
pub(super) struct GitHub;

/// A label is an object now and was a text once.
#[derive(Deserialize)]
#[serde(untagged)]
enum Label {
    Named { name: String },
    Text(String),
}

#[derive(Deserialize)]
struct User {
    login: String,
}

impl Provider for GitHub {
    fn name(&self) -> &'static str {
        "github"
    }

    fn default_base_url(&self) -> &'static str {
        "https://api.github.com"
    }

    fn streams(&self) -> &'static [Stream] {
        &[Stream::Issues, Stream::Alerts, Stream::PullRequests]
    }

    fn check_repository(&self, repository: &str) -> Result<(), &'static str> {
        if has_two_plain_parts(repository) { Ok(()) } else { Err("must be owner/name") }
    }

    fn begin(&self, source: &Source, stream: Stream, wanted: Wanted) -> PageRequest {
        let every_state = wanted.include_closed || wanted.knows_items || wanted.since.is_some();
        let (list, back_to) = match stream {
            Stream::Issues => (issues::list(every_state, wanted.since), None),
            Stream::Alerts => (alerts::list(every_state), wanted.since),
            Stream::PullRequests => (pulls::list(every_state), wanted.since),
        };
        PageRequest {
            stream,
            url: address(source, &list),
            headers: vec![("accept".into(), "application/vnd.github+json".into()), ("x-github-api-version".into(), "2026-03-10".into())],
            body: None,
            number: 1,
            overlap: Vec::new(),
            back_to,
            single: false,
        }
    }

    fn single(&self, source: &Source, stream: Stream, id: &str) -> PageRequest {
        let list = self.begin(source, stream, Wanted::default());
        let base = list.url.split('?').next().unwrap_or_default();
        PageRequest { url: format!("{base}/{id}"), single: true, ..list }
    }

    fn authorize(&self, credential: &Credential) -> Vec<(&'static str, String)> {
        vec![("authorization", format!("Bearer {}", credential.token))]
    }

    /// What has not changed is free to whoever has a name.
    fn is_free(&self, reply: &Reply) -> bool {
        reply.status == 304
    }

    /// The one address that costs nothing. It does not say whose credential it is;
    /// the one that does costs a request.
    fn probe(&self, source: &Source) -> PageRequest {
        let list = self.begin(source, Stream::Issues, Wanted::default());
        PageRequest { url: format!("{}/rate_limit", base(source)), single: true, ..list }
    }

    fn introduce(&self, reply: &Reply) -> Introduced {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let core = &body["resources"]["core"];
        let limit = core["remaining"].as_u64().map(|remaining| Limit {
            remaining,
            limit: core["limit"].as_u64(),
            resets_at: core["reset"].as_i64().map(|seconds| Moment(seconds.saturating_mul(1000))),
        });
        Introduced { login: None, limit }
    }

    fn read(&self, source: &Source, asked: &PageRequest, reply: &Reply) -> Result<Page, Unreadable> {
        let what = asked.stream.as_str().replace('_', " ");
        let unreadable = |why: &dyn std::fmt::Display| Unreadable(format!("not a list of {what}: {why}"));
        let entries = match serde_json::from_slice(&reply.body).map_err(|why| unreadable(&why))? {
            Value::Array(entries) => entries,
            one @ Value::Object(_) if asked.single => vec![one],
            _ => return Err(unreadable(&"it is something else")),
        };
        match asked.stream {
            Stream::Issues => issues::read(source, asked, reply, entries),
            Stream::Alerts => Ok(alerts::read(source, asked, reply, entries)),
            Stream::PullRequests => Ok(pulls::read(source, asked, reply, entries)),
        }
    }
}

/// Where the API is.
fn base(source: &Source) -> &str {
    source.base_url.as_deref().unwrap_or(GitHub.default_base_url()).trim_end_matches('/')
}

/// Where a list of a source's repository is.
fn address(source: &Source, list: &str) -> String {
    format!("{}/repos/{}/{list}", base(source), source.repository.as_deref().unwrap_or_default())
}

fn external_id(source: &Source, kind: &str, number: u64, html_url: Option<&str>) -> String {
    format!("github:{}:{kind}:{number}", repository_url(source, html_url, "https://github.com"))
}

/// When an entry changed, if that can be read.
fn changed(entry: &Value) -> Option<Moment> {
    entry["updated_at"].as_str().and_then(Moment::parse)
}

fn moment(text: Option<&str>) -> Option<Moment> {
    text.and_then(Moment::parse)
}

fn names(labels: Vec<Label>) -> Vec<String> {
    let name = |label| match label {
        Label::Named { name } | Label::Text(name) => name,
    };
    labels.into_iter().map(name).collect()
}

fn logins(users: Vec<User>) -> Vec<String> {
    users.into_iter().map(|user| user.login).collect()
}

#[cfg(test)]
#[path = "github_tests.rs"]
mod tests;
