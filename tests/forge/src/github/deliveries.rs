//! What GitHub's webhook tells.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Version, alerts, pulls,
    shapes::{Repository, Site},
};
use crate::{
    delivery::{Happening, Told},
    record::Record,
    state::World,
};

/// Deliveries show addresses of the public API, whoever gets them.
const API: &str = "https://api.github.com";
/// Payloads follow the newest version.
const VERSION: Version = Version::March2026;

pub(crate) fn tell(world: &World, record: &Record, happening: Happening, now: Timestamp) -> Told {
    let site = Site::of(record, API, &world.html_base);
    let open = record.issues().filter(|issue| issue.state == crate::issue::IssueState::Open).count() as u64;
    let common = json!({
        "repository": Repository::of(record, open, API, &world.html_base),
        "sender": site.user("octo-demo"),
    });
    let issue = |number: u64| record.issue(number).map(|issue| json!(site.issue(issue, VERSION)));
    let pull = |number: u64| {
        let places = pulls::Places { record, base: API, html_base: &world.html_base };
        record.issue(number).map(|pull| json!(pulls::shape(&site, &places, pull, VERSION)))
    };
    let (event, more) = match happening {
        Happening::Ping => ("ping", ping(record)),
        Happening::Pushed => ("push", json!({ "ref": "refs/heads/main", "forced": false, "commits": [] })),
        Happening::Starred => ("star", json!({ "action": "created", "starred_at": now })),
        Happening::IssueOpened(number) => ("issues", json!({ "action": "opened", "issue": issue(number) })),
        Happening::IssueEdited(number) => {
            let changes = json!({ "title": { "from": "What it was called before" } });
            ("issues", json!({ "action": "edited", "issue": issue(number), "changes": changes }))
        }
        Happening::IssueClosed(number) => ("issues", json!({ "action": "closed", "issue": issue(number) })),
        Happening::PullRequestOpened(number) => {
            ("pull_request", json!({ "action": "opened", "number": number, "pull_request": pull(number) }))
        }
        Happening::AlertFound(number) => {
            let alert = record.alerts.get(number).map(|alert| alerts::shape(world, API, VERSION, record, alert));
            ("dependabot_alert", json!({ "action": "created", "alert": alert }))
        }
    };
    let mut body = more;
    if let (Value::Object(body), Value::Object(common)) = (&mut body, common) {
        body.extend(common);
    }
    Told { event: event.to_owned(), body }
}

fn ping(record: &Record) -> Value {
    let config = json!({ "content_type": "json", "insecure_ssl": "0", "secret": "********", "url": "https://example.com/v1/hooks/web" });
    json!({
        "zen": "Design for failure.",
        "hook_id": 432_955_597,
        "hook": {
            "type": "Repository", "id": 432_955_597, "name": "web", "active": true, "events": ["issues", "pull_request"],
            "config": config, "url": format!("{API}/repos/{}/hooks/432955597", record.full_name()),
        },
    })
}
