//! Our provider on what GitHub sent, from 2012 on.

use std::collections::BTreeSet;

use pullcord_core::clock::Moment;
use pullcord_core::model::{Limits, Source, SourceId, SourceKind, Stream, Webhook, WorkspaceId};
use pullcord_core::providers::{PageRequest, Provider, Reply, Verdict, Wait, Wanted, named, next_link};
use serde_json::Value;

use super::{ALL, Recorded};

fn github() -> &'static dyn Provider {
    named("github").expect("it is in the list")
}

fn source(repository: &str) -> Source {
    Source {
        id: SourceId::known("web"),
        workspace: WorkspaceId::known("acme"),
        kind: SourceKind::Repository,
        name: "web".into(),
        project: None,
        provider: Some("github".into()),
        integration_type: None,
        base_url: None,
        repository: Some(repository.to_owned()),
        principal: None,
        streams: Vec::new(),
        monitored: true,
        path: None,
        patterns: Vec::new(),
        git: None,
        branches: Vec::new(),
        ignore_patterns: Vec::new(),
        webhook: Webhook::default(),
        credential: None,
        credential_check: None,
        schedule: None,
        health: None,
        credential_changed_at: None,
        limits: Limits::default(),
        settings_version: 1,
        created_at: Moment(0),
        deleted_at: None,
        version: 1,
    }
}

fn reply(recorded: &Recorded) -> Reply {
    Reply { status: recorded.status, headers: recorded.headers.clone(), body: recorded.body.clone().into_bytes() }
}

/// The request of ours that a reply would have answered, if it is one that we make: a
/// list or an entry of a repository.
fn asked(recorded: &Recorded) -> Option<(Source, PageRequest)> {
    let parts: Vec<&str> = recorded.path().trim_matches('/').split('/').collect();
    let (repository, list) = match parts[..] {
        ["repos", owner, name, ref list @ ..] => (format!("{owner}/{name}"), list.join("/")),
        ["repositories", _, ref list @ ..] => ("acme/web".to_owned(), list.join("/")),
        _ => return None,
    };
    let (list, number) = match list.rsplit_once('/') {
        Some((list, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => (list.to_owned(), Some(number.to_owned())),
        _ => (list, None),
    };
    let stream = match list.as_str() {
        "issues" => Stream::Issues,
        "pulls" => Stream::PullRequests,
        "dependabot/alerts" => Stream::Alerts,
        _ => return None,
    };
    let source = source(&repository);
    let wanted = Wanted { include_closed: true, ..Wanted::default() };
    let request = match number {
        Some(number) => github().single(&source, stream, &number),
        None => PageRequest { url: recorded.url.clone(), ..github().begin(&source, stream, wanted) },
    };
    Some((source, request)).filter(|_| recorded.method == "GET")
}

/// S2.3: what was listed is read to the last entry, whatever GitHub's age.
#[test]
fn every_list_that_github_sent_is_read() {
    let (mut pages, mut entries, mut streams) = (0, 0, BTreeSet::new());
    for recorded in ALL.iter().filter(|recorded| recorded.status == 200) {
        let Some((source, request)) = asked(recorded) else { continue };
        let about = format!("{} {}", recorded.file, recorded.url);
        assert_eq!(github().judge(&request, &reply(recorded)), Verdict::Readable, "{about}");
        let page = github().read(&source, &request, &reply(recorded)).unwrap_or_else(|why| panic!("{about}: {}", why.0));
        let listed = match recorded.json() {
            Value::Array(listed) => listed,
            one => vec![one],
        };
        // Pull requests are among the issues; and one recording has null for an entry.
        let is_pull = |entry: &&Value| request.stream == Stream::Issues && !entry["pull_request"]["html_url"].is_null();
        let nulls = listed.iter().filter(|entry| entry.is_null()).count();
        assert_eq!(page.rejected.len(), nulls, "{about}: {:?}", page.rejected);
        let pulls = listed.iter().filter(is_pull).count();
        assert_eq!(page.items.len() + pulls + nulls, listed.len(), "{about}");
        assert!(page.items.iter().all(|item| ["open", "closed", "merged"].contains(&item.state.as_str())), "{about}");
        assert!(page.items.iter().all(|item| item.updated_at.is_some() && !item.external_id.ends_with(':')), "{about}");
        let ids: BTreeSet<String> = page.items.iter().map(pullcord_core::model::Item::id).collect();
        assert_eq!(ids.len(), page.items.len(), "{about}");
        let more = recorded.headers.get("link").and_then(|link| next_link(link)).is_some();
        assert_eq!(page.next.is_some(), more && !request.single, "{about}: {:?}", page.next);
        (pages, entries) = (pages + 1, entries + page.items.len());
        streams.insert((request.stream, request.single));
    }
    assert!(pages > 100 && entries > 1000, "{pages} pages with {entries} entries");
    for stream in Stream::ALL {
        assert!(streams.contains(&(stream, false)), "no list of {stream:?} is among them: {streams:?}");
    }
}

/// Whatever it was that GitHub did not give: what it means follows from the reply.
#[test]
fn every_refusal_that_github_sent_is_understood() {
    let request = github().begin(&source("acme/web"), Stream::Issues, Wanted::default());
    let mut seen = BTreeSet::new();
    for recorded in ALL.iter().filter(|recorded| recorded.status >= 300) {
        let verdict = github().judge(&request, &reply(recorded));
        let words = recorded.body.to_ascii_lowercase();
        let is_limit = words.contains("rate limit")
            || words.contains("abuse")
            || recorded.headers.get("x-ratelimit-remaining").is_some_and(|left| left == "0");
        let location = recorded.headers.get("location");
        let is_meant = match (recorded.status, &verdict) {
            (301 | 302 | 307, Verdict::Moved(to)) => Some(to) == location,
            (304, Verdict::Unchanged)
            | (401, Verdict::Unauthenticated(_))
            | (404, Verdict::Missing(_))
            | (500..=599, Verdict::Retry(_)) => true,
            (403, Verdict::Throttled { wait, .. }) => is_limit && *wait != Wait::For(std::time::Duration::ZERO),
            (403, Verdict::Denied(why)) => !is_limit && !why.is_empty(),
            (400 | 409 | 422, Verdict::Rejected(why)) => why.len() > 4,
            _ => false,
        };
        assert!(is_meant, "{} {}: {} is taken for {verdict:?}", recorded.file, recorded.url, recorded.status);
        seen.insert((recorded.status, format!("{verdict:?}").split(['(', ' ']).next().unwrap_or_default().to_owned()));
    }
    for (status, kind) in
        [(301, "Moved"), (304, "Unchanged"), (403, "Throttled"), (403, "Denied"), (404, "Missing"), (422, "Rejected"), (502, "Retry")]
    {
        assert!(seen.contains(&(status, kind.to_owned())), "no {status} that is {kind} is among them: {seen:?}");
    }
}
