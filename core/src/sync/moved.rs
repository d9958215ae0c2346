//! A repository that was renamed or handed over is somewhere else, and its old address
//! says where. A run goes there, says so, and has the next ones begin there.
//!
//! What is remembered is the part in which the two addresses differ, from the origin
//! on: `/repos/acme/web` is `/repositories/7`. So it holds for every list of the
//! repository, whatever is asked of it, and providers need not know of it. The source
//! keeps the name that it was given, and its items keep their ids.

use url::Url;

use super::held::Held;
use super::pages::Reading;
use super::weather::redacted;
use crate::error::Fault;
use crate::model::Moved;
use crate::providers::PageRequest;
use crate::store::Store;
use crate::store::conditions::Write;

const MOVED: &str = "REPOSITORY_MOVED";

/// What is known of where a repository is by now.
#[derive(Default)]
pub(super) struct Whereabouts {
    moved: Option<Moved>,
    /// That it is known, or is so no more, is yet to be written.
    is_news: bool,
}

impl Whereabouts {
    pub(super) fn known(moved: Option<Moved>) -> Self {
        Self { moved, is_news: false }
    }

    pub(super) fn written(&mut self) {
        self.is_news = false;
    }
}

impl Reading<'_> {
    /// A request as it is asked of where the repository is by now.
    pub(super) fn placed(&self, request: PageRequest) -> PageRequest {
        match self.whereabouts.moved.as_ref().and_then(|moved| replaced(moved, &request.url)) {
            Some(url) => PageRequest { url, ..request },
            None => request,
        }
    }

    /// Goes on at another address of the same origin. That something moved for good
    /// is said, and remembered as soon as a page was read there.
    pub(super) fn follow(&mut self, held: &mut Held<'_>, request: &mut PageRequest, to: String, status: u16) {
        // An entry of its own may be in another repository by now.
        let is_for_all = matches!(status, 301 | 308) && !request.single;
        let found = difference(&request.url, &to).filter(|_| is_for_all);
        request.url = to;
        let Some(found) = found else { return };
        let moved = match self.whereabouts.moved.take() {
            // It moved once more.
            Some(known) => match replaced(&found, &known.to) {
                Some(to) => Moved { from: known.from, to },
                None => found,
            },
            None => found,
        };
        let shown = |address: &str| redacted(address, self.secret());
        let (from, to) = (shown(&moved.from), shown(&moved.to));
        let is_said = held.run.warnings.iter().any(|warning| warning.code == MOVED && warning.at.as_deref() == Some(&to));
        if !is_said {
            let message = format!("the repository moved from {from} to {to}: it is asked for there from now on, and keeps its name here");
            held.run.warn(MOVED, &message, Some(&to));
            tracing::info!(decision = "repository.moved", workspace = %held.run.workspace, source = %self.source.id, run = %held.run.id, from, to);
        }
        // Whoever came back is where its name says.
        self.whereabouts = Whereabouts { moved: Some(moved).filter(|moved| moved.from != moved.to), is_news: true };
    }

    /// There is nothing where an earlier run found the repository: it is asked for by
    /// its name once more. Whether there is any use in that.
    pub(super) fn returns(&mut self, request: &PageRequest) -> bool {
        let is_there = |moved: &Moved| within(&moved.to, &request.url).is_some();
        let returns =
            request.number == 1 && !request.single && !self.whereabouts.is_news && self.whereabouts.moved.as_ref().is_some_and(is_there);
        if returns {
            self.whereabouts = Whereabouts { moved: None, is_news: true };
        }
        returns
    }

    /// The write of what is new about it.
    pub(super) fn whereabouts_write(&self) -> Result<Option<Write>, Fault> {
        let whereabouts = &self.whereabouts;
        whereabouts.is_news.then(|| Store::moved_write(&self.source.id, whereabouts.moved.as_ref())).transpose()
    }
}

/// In which part two addresses differ that end alike. None if one lies within the
/// other: what is asked of one could not be told from what is asked of the other.
fn difference(asked: &str, to: &str) -> Option<Moved> {
    let (asked, to) = (Url::parse(asked).ok()?, Url::parse(to).ok()?);
    let parts = |url: &Url| url.path().split('/').map(str::to_owned).collect::<Vec<_>>();
    let (before, after) = (parts(&asked), parts(&to));
    let alike = before.iter().rev().zip(after.iter().rev()).take_while(|(before, after)| before == after).count();
    let root = |url: &Url, parts: &[String]| {
        let differing = parts[..parts.len() - alike].join("/");
        let differing = differing.trim_end_matches('/');
        (!differing.is_empty()).then(|| format!("{}{differing}", url.origin().ascii_serialization()))
    };
    let moved = Moved { from: root(&asked, &before)?, to: root(&to, &after)? };
    (within(&moved.from, &moved.to).is_none() && within(&moved.to, &moved.from).is_none()).then_some(moved)
}

/// The address by which what has moved is asked for now, if it is among that.
fn replaced(moved: &Moved, address: &str) -> Option<String> {
    within(&moved.from, address).map(|rest| format!("{}{rest}", moved.to))
}

/// What follows in an address that lies within another.
fn within<'a>(root: &str, address: &'a str) -> Option<&'a str> {
    address.strip_prefix(root).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(from: &str, to: &str) -> Moved {
        Moved { from: format!("https://api.x{from}"), to: format!("https://api.x{to}") }
    }

    #[test]
    fn what_differs_between_two_addresses_is_where_the_repository_is() {
        let table = [
            ("/repos/acme/web/issues?state=open", "/repositories/7/issues?state=open", Some(("/repos/acme/web", "/repositories/7"))),
            ("/repos/acme/web/dependabot/alerts", "/repositories/7/dependabot/alerts?a=b", Some(("/repos/acme/web", "/repositories/7"))),
            (
                "/api/v4/projects/acme%2Fweb/issues/17",
                "/api/v4/projects/4/issues/17",
                Some(("/api/v4/projects/acme%2Fweb", "/api/v4/projects/4")),
            ),
            ("/api/v4/projects/acme%2Fweb", "/api/v4/projects/4", Some(("/api/v4/projects/acme%2Fweb", "/api/v4/projects/4"))),
            // Another owner: what is after it is the same.
            (
                "/2.0/repositories/acme/web/issues",
                "/2.0/repositories/north/web/issues",
                Some(("/2.0/repositories/acme", "/2.0/repositories/north")),
            ),
            // The same place, spelled otherwise, or a place within it.
            ("/repos/acme/web/issues", "/repos/acme/web/issues/", None),
            ("/repos/acme/web/issues", "/repos/acme/web/issues?page=1", None),
            ("/repos/acme/web", "/v2/repos/acme/web", None),
            ("/repos/acme/web", "/", None),
        ];
        for (asked, to, expected) in table {
            let found = difference(&format!("https://api.x{asked}"), &format!("https://api.x{to}"));
            assert_eq!(found, expected.map(|(from, to)| moved(from, to)), "{asked} {to}");
        }
        assert_eq!(difference("nonsense", "https://api.x/"), None);
    }

    #[test]
    fn every_list_of_the_repository_moves_with_it_and_nothing_else_does() {
        let moved = moved("/repos/acme/web", "/repositories/7");
        let placed = |path: &str| replaced(&moved, &format!("https://api.x{path}")).map(|url| url.replace("https://api.x", ""));
        assert_eq!(placed("/repos/acme/web/pulls?state=all").as_deref(), Some("/repositories/7/pulls?state=all"));
        assert_eq!(placed("/repos/acme/web").as_deref(), Some("/repositories/7"));
        for other in ["/repos/acme/web-site/issues", "/repositories/7/pulls", "/graphql"] {
            assert_eq!(placed(other), None, "{other}");
        }
        assert_eq!(replaced(&moved, "https://api.y/repos/acme/web/issues"), None);
    }
}
