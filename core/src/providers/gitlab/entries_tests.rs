//! What is asked of GitLab's issues and merge requests, and how they are known. What
//! comes of it is recorded.

use serde_json::json;

use crate::clock::Moment;
use crate::model::Stream;
use crate::providers::gitlab::GitLab;
use crate::providers::gitlab::tests::{first, of, reply, source};
use crate::providers::{Provider, Wanted};

#[test]
fn a_project_that_goes_by_its_number_keeps_it() {
    let entry = json!({"iid": 1, "title": "It squeaks", "state": "opened", "web_url": "https://gitlab.com/new/site/-/issues/1",
        "references": {"full": "new/site#1"}});
    let page = GitLab.read(&of("278964"), &first(Stream::Issues), &reply(200, &[], json!([entry]))).expect("a page");
    assert_eq!(page.items[0].external_id, "gitlab:https://gitlab.com/projects/278964:issue:1");
}

#[test]
fn what_is_wanted_decides_what_is_asked() {
    let since = Moment::parse("2026-01-01T00:00:05.250Z");
    let query = |stream, wanted| GitLab.begin(&source(), stream, wanted).url.split_once('?').expect("a query").1.to_owned();
    let all = "order_by=updated_at&sort=asc&per_page=100&scope=all&state=all";
    let closed = Wanted { include_closed: true, ..Wanted::default() };
    let known = Wanted { knows_items: true, ..Wanted::default() };
    for wanted in [closed, known] {
        assert_eq!(query(Stream::Issues, wanted), format!("pagination=keyset&{all}"));
    }
    let changed = query(Stream::Issues, Wanted { since, ..Wanted::default() });
    assert_eq!(changed, format!("pagination=keyset&{all}&updated_after=2026-01-01T00%3A00%3A05.25Z"));
    assert_eq!(query(Stream::PullRequests, closed), all);
    assert_eq!(query(Stream::PullRequests, Wanted::default()), all.replace("=all", "=opened").replace("scope=opened", "scope=all"));
}
