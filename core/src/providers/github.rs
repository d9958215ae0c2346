//! GitHub's REST API, as of version 2026-03-10.

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{Page, PageRequest, Provider, Rejected, Reply, Unreadable, Wanted, next_link};
use crate::clock::Moment;
use crate::model::{Item, ItemType, Source, Stream};
use crate::vault::Credential;

/// GitHub.com and GitHub Enterprise.
pub(super) struct GitHub;

#[derive(Deserialize)]
struct Issue {
    number: u64,
    title: String,
    body: Option<String>,
    state: String,
    #[serde(default)]
    labels: Vec<Label>,
    #[serde(default)]
    assignees: Vec<User>,
    user: Option<User>,
    html_url: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
    /// Present if the entry is a pull request, which GitHub lists among issues.
    pull_request: Option<Value>,
}

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
        &[Stream::Issues]
    }

    fn check_repository(&self, repository: &str) -> Result<(), &'static str> {
        let plain = |part: &str| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        match repository.split('/').collect::<Vec<_>>()[..] {
            [owner, name] if plain(owner) && plain(name) => Ok(()),
            _ => Err("must be owner/name"),
        }
    }

    /// Oldest change first: what changes during the run moves to the end, where
    /// it is met again.
    fn begin(&self, source: &Source, stream: Stream, wanted: Wanted) -> PageRequest {
        let base = source.base_url.as_deref().unwrap_or(self.default_base_url()).trim_end_matches('/');
        let repository = source.repository.as_deref().unwrap_or_default();
        let state = if wanted.include_closed || wanted.knows_items || wanted.since.is_some() { "all" } else { "open" };
        let since = wanted.since.map(|since| format!("&since={}", since.rfc3339())).unwrap_or_default();
        PageRequest {
            stream,
            url: format!("{base}/repos/{repository}/issues?state={state}&sort=updated&direction=asc&per_page=100{since}"),
            headers: vec![("accept".into(), "application/vnd.github+json".into()), ("x-github-api-version".into(), "2026-03-10".into())],
            body: None,
            number: 1,
            overlap: Vec::new(),
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

    fn read(&self, source: &Source, asked: &PageRequest, reply: &Reply) -> Result<Page, Unreadable> {
        let unreadable = |why: &dyn std::fmt::Display| Unreadable(format!("not a list of issues: {why}"));
        let entries = match serde_json::from_slice(&reply.body).map_err(|why| unreadable(&why))? {
            Value::Array(entries) => entries,
            one @ Value::Object(_) if asked.single => vec![one],
            _ => return Err(unreadable(&"it is something else")),
        };
        let mut page = Page { next: next_page(asked, reply, &entries)?, ..Page::default() };
        for (position, entry) in entries.into_iter().enumerate() {
            let id = entry.get("number").filter(|number| number.is_u64()).map(ToString::to_string);
            let which = entry.get("number").map_or_else(|| format!("entry {position}"), |number| format!("#{number}"));
            match serde_json::from_value::<Issue>(entry) {
                Ok(issue) if issue.pull_request.is_some() || was_read(asked, &issue) => {}
                Ok(issue) => page.items.push(item(source, issue)),
                Err(why) => page.rejected.push(Rejected { id, which, why: why.to_string() }),
            }
        }
        Ok(page)
    }
}

/// The request for the next page, if there is one.
///
/// A link with a cursor is followed as it is. A link with a page number counts
/// rows, and rows move while they are counted: an issue that is changed or closed
/// leaves its place, all later ones move up, and the first of the next page slips
/// into the page that was read. So instead of the second page, the first one is
/// asked for of what changed since the last entry. Only if a whole page changed in
/// one second is the link followed all the same.
fn next_page(asked: &PageRequest, reply: &Reply, entries: &[Value]) -> Result<Option<PageRequest>, Unreadable> {
    let Some(link) = reply.header("link").and_then(next_link) else { return Ok(None) };
    let unreadable = |why: &dyn std::fmt::Display| Unreadable(format!("the next page's address cannot be read: {why}"));
    let linked = Url::parse(link).map_err(|why| unreadable(&why))?;
    let counts_rows = !linked.query_pairs().any(|(name, _)| name == "after");
    let changed = |entry: &Value| entry["updated_at"].as_str().and_then(Moment::parse);
    let newest = entries.iter().filter_map(changed).max();
    let since = linked.query_pairs().find(|(name, _)| name == "since").and_then(|(_, since)| Moment::parse(&since));
    let Some(newest) = newest.filter(|newest| counts_rows && since.is_none_or(|since| *newest > since)) else {
        return Ok(Some(asked.followed_by(link.to_owned())));
    };
    let mut url = linked.clone();
    let kept: Vec<(String, String)> = linked.query_pairs().into_owned().filter(|(name, _)| name != "page" && name != "since").collect();
    url.query_pairs_mut().clear().extend_pairs(kept).append_pair("since", &newest.rfc3339());
    let overlap =
        entries.iter().filter(|entry| changed(entry) == Some(newest)).map(|entry| (entry["number"].to_string(), newest)).collect();
    Ok(Some(PageRequest { overlap, ..asked.followed_by(url.into()) }))
}

/// Whether the page before this one showed the issue as it is here.
fn was_read(asked: &PageRequest, issue: &Issue) -> bool {
    let changed = issue.updated_at.as_deref().and_then(Moment::parse);
    asked.overlap.iter().any(|(number, at)| *number == issue.number.to_string() && changed == Some(*at))
}

fn item(source: &Source, issue: Issue) -> Item {
    let moment = |text: Option<String>| text.as_deref().and_then(Moment::parse);
    Item {
        kind: ItemType::Issue,
        external_id: format!("github:{}:issue:{}", repository_url(source, issue.html_url.as_deref()), issue.number),
        title: issue.title,
        body: issue.body.filter(|body| !body.is_empty()),
        state: issue.state,
        labels: issue
            .labels
            .into_iter()
            .map(|label| match label {
                Label::Named { name } | Label::Text(name) => name,
            })
            .collect(),
        assignees: issue.assignees.into_iter().map(|user| user.login).collect(),
        author: issue.user.map(|user| user.login),
        url: issue.html_url,
        severity: None,
        priority: None,
        created_at: moment(issue.created_at),
        updated_at: moment(issue.updated_at),
        path: None,
        sha256: None,
        size: None,
    }
}

/// The address people know a repository by. Its host is the one that issues are
/// shown on; its name is the configured one, which stays when GitHub's changes.
fn repository_url(source: &Source, html_url: Option<&str>) -> String {
    let origin = html_url.and_then(|url| Url::parse(url).ok()).map(|url| url.origin().ascii_serialization());
    let origin = origin.unwrap_or_else(|| "https://github.com".to_owned());
    format!("{origin}/{}", source.repository.as_deref().unwrap_or_default())
}

#[cfg(test)]
#[path = "github_tests.rs"]
mod tests;
