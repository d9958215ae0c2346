//! What Bitbucket Cloud's webhook tells.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::shapes::Site;
use crate::{
    delivery::{Happening, Told},
    record::Record,
    state::World,
};

pub(crate) fn tell(world: &World, record: &Record, happening: Happening, now: Timestamp) -> Told {
    let site = Site::public(world);
    let issue = |number: u64| record.issue(number).map(|issue| site.issue(record, issue));
    let changes = || json!({ "status": { "old": "new", "new": "open" } });
    let (event, more) = match happening {
        Happening::Ping | Happening::Pushed | Happening::Starred | Happening::AlertFound(_) => {
            ("repo:push", json!({ "push": { "changes": [] }, "date": now.to_string() }))
        }
        Happening::IssueOpened(number) => ("issue:created", json!({ "issue": issue(number) })),
        Happening::IssueEdited(number) | Happening::IssueClosed(number) => {
            ("issue:updated", json!({ "issue": issue(number), "changes": changes() }))
        }
        Happening::PullRequestOpened(number) => {
            let pull = record.issue(number).map(|pull| site.pull_request(record, pull));
            ("pullrequest:created", json!({ "pullrequest": pull }))
        }
    };
    let mut body = json!({ "repository": site.repository(record, record.has_issues), "actor": site.user("octo-demo") });
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    Told { event: event.to_owned(), body }
}
