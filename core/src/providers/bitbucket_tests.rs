//! What Bitbucket is asked, and by whom. What comes of it is recorded.

use super::*;
use crate::clock::Moment;
use crate::providers::testing::source;

fn begin(stream: Stream, wanted: Wanted) -> PageRequest {
    Bitbucket.begin(&source("bitbucket"), stream, wanted)
}

fn pulls() -> PageRequest {
    begin(Stream::PullRequests, Wanted::default())
}

fn filter_of(request: &PageRequest) -> Option<String> {
    super::super::paging::parameter(&request.url, "q")
}

#[test]
fn a_first_listing_asks_for_open_ones_and_any_other_for_all() {
    let first = pulls();
    assert_eq!(
        first.url,
        "https://api.bitbucket.org/2.0/repositories/acme/web/pullrequests\
         ?pagelen=50&sort=updated_on&fields=%2Bvalues.reviewers&q=state%3D%22OPEN%22"
    );
    let all = r#"(state="OPEN" OR state="MERGED" OR state="DECLINED" OR state="SUPERSEDED")"#;
    let known = Wanted { knows_items: true, ..Wanted::default() };
    assert_eq!(filter_of(&begin(Stream::PullRequests, known)).as_deref(), Some(all));
    let since = Wanted { since: Some(Moment(1_767_225_600_120)), ..Wanted::default() };
    let changed = r#"updated_on>="2026-01-01T00:00:00.12+00:00""#;
    assert_eq!(filter_of(&begin(Stream::PullRequests, since)), Some(format!("{all} AND {changed}")));

    let issues = begin(Stream::Issues, Wanted::default());
    assert!(issues.url.starts_with("https://api.bitbucket.org/2.0/repositories/acme/web/issues?pagelen=100&sort=updated_on&q="));
    assert_eq!(filter_of(&issues).as_deref(), Some(r#"(state="new" OR state="open" OR state="on hold")"#));
    assert_eq!(filter_of(&begin(Stream::Issues, known)), None);
    assert_eq!(filter_of(&begin(Stream::Issues, since)).as_deref(), Some(changed));
    assert_eq!(Bitbucket.streams()[0], Stream::PullRequests);
}

#[test]
fn the_version_may_be_left_out_of_the_base() {
    for base in ["http://127.0.0.1:7000", "http://127.0.0.1:7000/", "http://127.0.0.1:7000/2.0", "http://127.0.0.1:7000/2.0/"] {
        let source = Source { base_url: Some(base.into()), ..source("bitbucket") };
        let single = Bitbucket.single(&source, Stream::Issues, "7");
        assert_eq!(single.url, "http://127.0.0.1:7000/2.0/repositories/acme/web/issues/7", "{base}");
        assert!(single.single);
    }
    assert_eq!(Bitbucket.check_repository("acme/web"), Ok(()));
    assert_eq!(Bitbucket.check_repository("web"), Err("must be workspace/repo_slug"));
}

#[test]
fn a_token_with_an_email_address_is_a_password_and_any_other_a_bearer() {
    let shown = |token: &str| Bitbucket.authorize(&Credential { token: token.into() }).remove(0);
    assert_eq!(shown("mia@example.com:ATATT3x=1"), ("authorization", "Basic bWlhQGV4YW1wbGUuY29tOkFUQVRUM3g9MQ==".into()));
    assert_eq!(shown("ATCTT3x=1"), ("authorization", "Bearer ATCTT3x=1".into()));
}
