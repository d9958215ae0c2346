//! Where GitLab is, who may ask it, and how its projects are named.

use super::*;
use crate::providers::testing;
pub(super) use crate::providers::testing::reply;

pub(super) fn source() -> Source {
    Source { repository: Some("acme/tools/web".into()), ..testing::source("gitlab") }
}

pub(super) fn of(repository: &str) -> Source {
    Source { repository: Some(repository.into()), ..source() }
}

pub(super) fn first(stream: Stream) -> PageRequest {
    GitLab.begin(&source(), stream, Wanted::default())
}

#[test]
fn every_spelling_of_a_base_url_means_the_same_server() {
    for (base, site) in [
        (None, "https://gitlab.com"),
        (Some("https://gitlab.com/api/v4"), "https://gitlab.com"),
        (Some("https://git.example.com"), "https://git.example.com"),
        (Some("https://git.example.com/"), "https://git.example.com"),
        (Some("https://git.example.com/api/v4"), "https://git.example.com"),
        (Some("https://git.example.com/api/v4/"), "https://git.example.com"),
        (Some("https://example.com:8443/git"), "https://example.com:8443/git"),
        (Some("https://example.com:8443/git/"), "https://example.com:8443/git"),
        (Some("https://example.com:8443/git/api/v4"), "https://example.com:8443/git"),
    ] {
        let source = Source { base_url: base.map(str::to_owned), ..source() };
        let begin = |stream| GitLab.begin(&source, stream, Wanted::default()).url;
        let issues = format!(
            "{site}/api/v4/projects/acme%2Ftools%2Fweb/issues?pagination=keyset&order_by=updated_at&sort=asc&per_page=100&scope=all&state=opened"
        );
        assert_eq!(begin(Stream::Issues), issues, "{base:?}");
        assert_eq!(begin(Stream::Alerts), format!("{site}/api/graphql"), "{base:?}");
    }
}

#[test]
fn projects_have_groups_within_groups_or_a_number() {
    for good in ["acme/web", "acme/tools/web", "a/b/c/d/e", "a-b/c.d_e", "278964"] {
        assert_eq!(GitLab.check_repository(good), Ok(()), "{good}");
    }
    let bad = ["", "acme", "acme/", "/web", "/acme/web", "acme//web", "../web", "acme/..", "acme/./web", "a b/c", "acme/web?x"];
    for bad in bad.into_iter().chain(["acme/web#x", "acme/%2e", "acme%2Fweb", "acme/web/-/issues", "acme/web.git", "-1", "acme/wéb"]) {
        assert!(GitLab.check_repository(bad).is_err(), "{bad}");
    }
}

#[test]
fn only_tokens_of_oauth_are_bearers() {
    let header = |token: &str| {
        let [(name, value)] = GitLab.authorize(&Credential { token: token.to_owned() }).try_into().expect("one header");
        (name, value)
    };
    let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln";
    let hexadecimal = "0123456789abcdef".repeat(4);
    for token in ["glpat-abcDEF123_-", "glpat-bzox.01.120abc", "9koXpg98eAheJpvBs5tK", "0123456789abcdef", &"g".repeat(64)] {
        assert_eq!(header(token), ("private-token", token.to_owned()));
    }
    for token in [jwt, &hexadecimal] {
        assert_eq!(header(token), ("authorization", format!("Bearer {token}")));
    }
}

#[test]
fn a_project_is_named_as_it_was_configured_at_the_address_that_people_see() {
    let table = [
        // As it is, behind a prefix, in other capitals.
        ("acme/web", "https://gitlab.com/acme/web/-/work_items/1", None, "https://gitlab.com/acme/web"),
        ("acme/web", "https://example.com/git/acme/web/-/issues/1", None, "https://example.com/git/acme/web"),
        ("Acme/Web", "https://gitlab.com/acme/web/-/issues/1", None, "https://gitlab.com/Acme/Web"),
        // Moved since: the name stays, the address before it is still right.
        ("acme/web", "https://example.com/git/new/home/site/-/issues/1", Some("new/home/site"), "https://example.com/git/acme/web"),
        // Known by its number, which people can open as well.
        ("42", "https://example.com/git/acme/web/-/issues/1", Some("acme/web"), "https://example.com/git/projects/42"),
        // Nothing to go by but the base URL.
        ("acme/web", "https://elsewhere.example.com/what", None, "https://gitlab.com/acme/web"),
        ("42", "https://elsewhere.example.com/acme/web/-/issues/1", None, "https://gitlab.com/projects/42"),
    ];
    for (configured, web_url, full_path, expected) in table {
        assert_eq!(repository_url(&of(configured), Shown { web_url: Some(web_url), full_path }), expected, "{configured} {web_url}");
    }
    assert_eq!(repository_url(&source(), Shown::default()), "https://gitlab.com/acme/tools/web");
}

#[test]
fn one_entry_is_asked_for_by_its_number() {
    let single = |stream| GitLab.single(&source(), stream, "17");
    assert_eq!(single(Stream::Issues).url, "https://gitlab.com/api/v4/projects/acme%2Ftools%2Fweb/issues/17");
    assert_eq!(single(Stream::PullRequests).url, "https://gitlab.com/api/v4/projects/acme%2Ftools%2Fweb/merge_requests/17");
    assert!(single(Stream::Alerts).body.is_some_and(|body| body.contains(r#""id":"gid://gitlab/Vulnerability/17""#)));
    assert!([Stream::Issues, Stream::Alerts, Stream::PullRequests].into_iter().all(|stream| single(stream).single));
}
