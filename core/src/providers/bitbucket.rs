//! Bitbucket Cloud's REST API 2.0: pull requests, and the issues that it had until
//! August 2026.

mod hook;
mod pages;
mod shapes;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::address::has_two_plain_parts;
use super::entries::read_each;
use super::verdict::speaks_of;
use super::{Delivery, Introduced, Page, PageRequest, Provider, Reply, Sent, Unreadable, Verdict, Wanted, judge, limit_of};
use crate::clock::Moment;
use crate::model::{Source, Stream};
use crate::vault::Credential;

/// bitbucket.org. Bitbucket Data Center has another API.
pub(super) struct Bitbucket;

const HOME: &str = "https://bitbucket.org";
/// What became of the issues.
const TRACKER_IS_GONE: &str = "Atlassian removed Bitbucket's issue tracker and its API in August 2026, and nothing takes its place";

impl Provider for Bitbucket {
    fn name(&self) -> &'static str {
        "bitbucket"
    }

    fn default_base_url(&self) -> &'static str {
        "https://api.bitbucket.org/2.0"
    }

    fn streams(&self) -> &'static [Stream] {
        &[Stream::PullRequests, Stream::Issues]
    }

    fn check_repository(&self, repository: &str) -> Result<(), &'static str> {
        if has_two_plain_parts(repository) { Ok(()) } else { Err("must be workspace/repo_slug") }
    }

    fn repository_url(&self, source: &Source) -> String {
        super::address::repository_url(source, None, HOME)
    }

    /// Oldest change first: what changes during the run moves to the end, where it
    /// is met again.
    ///
    /// States stand in `q`, because the parameter `state` is passed over where there
    /// is a `q`. A list of pull requests leaves out who reviews them unless it is
    /// asked for.
    fn begin(&self, source: &Source, stream: Stream, wanted: Wanted) -> PageRequest {
        let every_state = wanted.include_closed || wanted.knows_items || wanted.since.is_some();
        let mut query = Serializer::new(String::new());
        query.append_pair("pagelen", pages::size(stream)).append_pair("sort", "updated_on");
        if stream == Stream::PullRequests {
            query.append_pair("fields", "+values.reviewers");
        }
        if let Some(filter) = pages::filter(pages::states(stream, every_state), wanted.since) {
            query.append_pair("q", &filter);
        }
        PageRequest {
            stream,
            url: format!("{}?{}", list(source, stream), query.finish()),
            headers: vec![("accept".into(), "application/json".into())],
            body: None,
            number: 1,
            overlap: Vec::new(),
            back_to: None,
            single: false,
        }
    }

    fn single(&self, source: &Source, stream: Stream, id: &str) -> PageRequest {
        let list_request = self.begin(source, stream, Wanted::default());
        PageRequest { url: format!("{}/{id}", list(source, stream)), single: true, ..list_request }
    }

    /// An access token is sent as it is. A person's API token is the password to
    /// their email address, and only both together have a colon.
    fn authorize(&self, credential: &Credential) -> Vec<(&'static str, String)> {
        let token = &credential.token;
        let shown = if token.contains(':') { format!("Basic {}", STANDARD.encode(token)) } else { format!("Bearer {token}") };
        vec![("authorization", shown)]
    }

    /// Tokens of a repository, a project or a workspace may not ask who they are.
    fn probe(&self, source: &Source) -> PageRequest {
        let list = self.begin(source, Stream::PullRequests, Wanted::default());
        PageRequest { url: format!("{}/2.0/user", root(source)), single: true, ..list }
    }

    fn introduce(&self, reply: &Reply) -> Introduced {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let names = ["username", "nickname", "display_name"];
        Introduced { login: names.iter().find_map(|name| body[*name].as_str()).map(str::to_owned), limit: limit_of(reply) }
    }

    fn read(&self, source: &Source, asked: &PageRequest, reply: &Reply) -> Result<Page, Unreadable> {
        let listing = pages::Listing::of(asked, reply)?;
        let next = pages::next(asked, &listing)?;
        // Later pages state what is left since their first entry.
        let total = listing.size.as_u64().filter(|_| asked.number == 1 && !asked.single);
        let unread = listing.values.into_iter().filter(|entry| !pages::was_read(asked, entry)).collect();
        let page = match asked.stream {
            Stream::Issues | Stream::Alerts | Stream::Entity(_) => read_each(unread, "id", |issue| Some(shapes::issue(source, issue))),
            Stream::PullRequests => read_each(unread, "id", |pull| Some(shapes::pull_request(source, pull))),
        };
        Ok(Page { next, total, ..page })
    }

    /// Beyond what forges have in common: which permission is missing stands in the
    /// details, and the issue tracker is gone.
    ///
    /// How much is left of a limit is not told to those who have a token, only that
    /// it is little (`X-RateLimit-NearLimit`); nothing can be reckoned with that.
    fn judge(&self, asked: &PageRequest, reply: &Reply) -> Verdict {
        let is_tracker = asked.stream == Stream::Issues;
        match judge(reply) {
            Verdict::Denied(why) => Verdict::Denied(match permissions(reply) {
                Some(permissions) => format!("{why} (needs {permissions})"),
                None => why,
            }),
            Verdict::Unavailable(why) if is_tracker && reply.status == 410 => Verdict::Unavailable(in_its_words(TRACKER_IS_GONE, &why)),
            Verdict::Missing(why) if is_tracker && speaks_of(&why, &["issue tracker"]) => {
                Verdict::Unavailable(in_its_words(TRACKER_IS_GONE, &why))
            }
            // Nobody has written down how Bitbucket says that the tracker is gone.
            // Only where it speaks of the repository itself is it known not to.
            Verdict::Missing(why) if is_tracker && !is_of_repository(&why) => {
                let unsure = format!("{TRACKER_IS_GONE}; the repository may be missing as well, or hidden from this credential");
                Verdict::Unavailable(in_its_words(&unsure, &why))
            }
            other => other,
        }
    }

    fn is_genuine(&self, secret: &str, sent: &Sent, _now: Moment) -> bool {
        hook::is_genuine(secret, sent)
    }

    fn delivery(&self, sent: &Sent) -> Result<Delivery, Unreadable> {
        hook::read(sent)
    }
}

/// Where the API is, without its version, which belongs to the base but may be left
/// out of it.
fn root(source: &Source) -> &str {
    let base = source.base_url.as_deref().unwrap_or(Bitbucket.default_base_url()).trim_end_matches('/');
    base.strip_suffix("/2.0").unwrap_or(base)
}

/// Where a stream's list is.
fn list(source: &Source, stream: Stream) -> String {
    let list = if stream == Stream::PullRequests { "pullrequests" } else { "issues" };
    format!("{}/2.0/repositories/{}/{list}", root(source), source.repository.as_deref().unwrap_or_default())
}

fn in_its_words(sentence: &str, words: &str) -> String {
    if words.is_empty() { sentence.to_owned() } else { format!("{sentence} ({words})") }
}

/// Whether a refusal is about the repository and not about something in it.
fn is_of_repository(message: &str) -> bool {
    speaks_of(message, &["repository"]) && speaks_of(message, &["access", "not exist", "no longer exists", "not found"])
}

/// The permissions a refused request would have needed. The detail is an object
/// here, and a text in other errors.
fn permissions(reply: &Reply) -> Option<String> {
    let body: Value = serde_json::from_slice(&reply.body).ok()?;
    let required = match body.pointer("/error/detail/required")? {
        Value::Array(required) => required.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        other => other.as_str()?.to_owned(),
    };
    Some(required).filter(|required| !required.is_empty())
}

#[cfg(test)]
#[path = "bitbucket_tests.rs"]
mod tests;
