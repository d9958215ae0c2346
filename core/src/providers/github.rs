//! GitHub's REST API, as of version 2026-03-10: what its streams have in common.

mod alerts;
mod app;
mod hook;
mod issues;
mod pulls;

use serde::Deserialize;
use serde_json::Value;

use super::address::{has_two_plain_parts, repository_url};
use super::verdict::gone;
use super::{Apps, Delivery, Introduced, Limit, Page, PageRequest, Provider, Reply, Sent, Unreadable, Wanted};
use crate::clock::Moment;
use crate::model::{Source, Stream};
use crate::vault::Credential;

/// GitHub.com and GitHub Enterprise.
pub(super) struct GitHub;

const HOME: &str = "https://github.com";

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

/// A state that is neither is not understood, rather than taken for one of them.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Open,
    Closed,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
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

    /// A server of one's own is asked under `/api/v3` of where people open it, and one
    /// in GitHub's cloud under `api.`.
    fn repository_url(&self, source: &Source) -> String {
        let base = source.base_url.as_deref().unwrap_or(self.default_base_url()).trim_end_matches('/');
        let own =
            base.strip_suffix("/api/v3").map(str::to_owned).or_else(|| Some(format!("https://{}", base.strip_prefix("https://api.")?)));
        repository_url(source, own.as_deref(), HOME)
    }

    fn begin(&self, source: &Source, stream: Stream, wanted: Wanted) -> PageRequest {
        let every_state = wanted.include_closed || wanted.knows_items || wanted.since.is_some();
        let (list, back_to) = match stream {
            Stream::Issues | Stream::Entity(_) => (issues::list(every_state, wanted.since), None),
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

    /// An issue that was transferred lives on elsewhere and is not of this repository
    /// any more. Where the repository itself moved, the engine asks nobody.
    fn gone(&self, asked: &PageRequest, reply: &Reply) -> Option<String> {
        let to = reply.header("location").filter(|_| reply.status == 301 && asked.stream == Stream::Issues);
        match to.filter(|to| issues::is_one(to)) {
            Some(_) => Some("301 it was transferred to another repository".to_owned()),
            None => gone(self.judge(asked, reply), reply),
        }
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
            Stream::Issues | Stream::Entity(_) => issues::read(source, asked, reply, entries),
            Stream::Alerts => Ok(alerts::read(source, asked, reply, entries)),
            Stream::PullRequests => Ok(pulls::read(source, asked, reply, entries)),
        }
    }

    fn apps(&self) -> Option<&'static dyn Apps> {
        Some(&app::GitHubApps)
    }

    fn is_genuine(&self, secret: &str, sent: &Sent, _now: Moment) -> bool {
        hook::is_genuine(secret, sent)
    }

    fn delivery(&self, sent: &Sent) -> Result<Delivery, Unreadable> {
        hook::read(sent)
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
    format!("github:{}:{kind}:{number}", repository_url(source, html_url, HOME))
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
mod tests {
    use super::super::testing::source;
    use super::*;

    /// Where people open the repository, without having seen anything of it.
    #[test]
    fn the_address_of_a_repository_follows_from_that_of_the_api() {
        let table = [
            (None, "https://github.com/acme/web"),
            (Some("https://api.github.com"), "https://github.com/acme/web"),
            (Some("https://api.acme.ghe.com/"), "https://acme.ghe.com/acme/web"),
            (Some("https://git.acme.org/api/v3"), "https://git.acme.org/acme/web"),
            (Some("http://127.0.0.1:4000"), "https://github.com/acme/web"),
        ];
        for (base_url, address) in table {
            let source = Source { base_url: base_url.map(str::to_owned), ..source("github") };
            assert_eq!(GitHub.repository_url(&source), address);
        }
    }

    #[test]
    fn repositories_are_owner_and_name() {
        for good in ["acme/web", "a-b/c.d_e"] {
            assert_eq!(GitHub.check_repository(good), Ok(()), "{good}");
        }
        assert!(GitHub.check_repository("a/b/c").is_err());
    }

    /// Invariant 7: an issue that was transferred is gone from here. Nothing else that
    /// GitHub sends elsewhere is.
    #[test]
    fn an_issue_that_was_transferred_is_gone() {
        let gone = |stream, status, to: &str| {
            let asked = GitHub.single(&source("github"), stream, "17");
            let reply = Reply { status, headers: [("location".to_owned(), to.to_owned())].into(), ..Reply::default() };
            GitHub.gone(&asked, &reply)
        };
        let elsewhere = "https://api.github.com/repositories/8/issues/3";
        assert_eq!(gone(Stream::Issues, 301, elsewhere).as_deref(), Some("301 it was transferred to another repository"));
        assert_eq!(gone(Stream::Issues, 302, elsewhere), None);
        assert_eq!(gone(Stream::PullRequests, 301, elsewhere), None);
        for other in
            ["https://api.github.com/repositories/8/issues", "https://github.com/login", "https://api.github.com/repositories/8", ""]
        {
            assert_eq!(gone(Stream::Issues, 301, other), None, "{other}");
        }
        assert!(gone(Stream::Issues, 404, "").is_some() && gone(Stream::Issues, 410, "").is_some());
    }
}
