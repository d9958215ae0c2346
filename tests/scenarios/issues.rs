//! Issues of a forge: what is taken in, what stays out, and how a run meets a
//! provider's bad days.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use pullcord_forge::{Behaviour, Entry, Fault, Forge, Issue, IssueState, Quota, Repository, Seed};
use serde_json::{Value, json};

use crate::world::{Session, Tenant, World, fresh};

crate::scenarios![
    a_first_sync_takes_every_open_issue,
    links_are_followed_as_they_are,
    pull_requests_are_left_out,
    closed_issues_come_only_when_it_is_confirmed,
    an_increment_writes_what_changed,
    an_unchanged_source_is_asked_by_the_same_url,
    a_full_sync_asks_for_everything_again,
    items_are_filtered,
    paging_yields_each_item_once,
    an_unreadable_entry_does_not_stop_its_page,
    neither_an_empty_nor_a_short_page_ends_a_sync,
    a_credential_never_follows_a_link_elsewhere,
    a_page_that_leads_to_itself_ends_the_sync,
    refusals_are_told_apart,
    issues_that_are_switched_off_are_not_no_issues,
    a_renamed_repository_is_followed,
    a_hiccup_is_tried_again,
    a_provider_that_stays_down_is_given_up_visibly,
    a_short_limit_is_waited_for,
    a_limit_of_unknown_length_pauses_the_run,
    a_used_up_quota_pauses_the_run_until_its_reset,
    a_low_quota_refuses_manual_triggers,
    an_active_webhook_asks_for_confirmation,
    a_new_credential_lifts_the_cooldown,
    a_source_in_error_is_synced_again,
    a_backfill_goes_on_where_it_stopped,
    a_reset_backfill_begins_again,
    a_backfill_is_not_reset_under_a_run_or_by_anyone,
    what_was_closed_while_a_backfill_stood_still_is_closed_here,
    nothing_is_missed_while_pages_shift,
    a_credential_travels_in_one_header,
];

/// A repository of the forge that nobody else knows, with a source of it.
pub(super) struct Given<'w> {
    pub(super) tenant: Tenant<'w>,
    pub(super) admin: Session<'w>,
    pub(super) repository: Repository,
    /// owner/name
    pub(super) name: String,
    /// Where the forge lists its issues; what faults are scripted on.
    pub(super) issues: String,
    pub(super) source: String,
    /// A credential of its own, and with it a quota of its own.
    pub(super) token: String,
}

/// Syncs of this source need not wait for each other.
pub(super) async fn given(world: &World) -> Given<'_> {
    let given = cooling(world).await;
    let settings = json!({"cooldowns": {"repository": "PT0S"}});
    given.admin.patch(&format!("/v1/workspaces/{}", given.tenant.slug), settings).await.is(200);
    given
}

/// A manual sync of this source cools down, as it does unless an admin says otherwise.
pub(super) async fn cooling(world: &World) -> Given<'_> {
    let tenant = world.tenant().await;
    let name = format!("acme/{}", fresh("web"));
    let token = fresh("token-of");
    let repository = world.forge.repository(&name);
    let source = tenant.repository_with(&name, json!({"credential": {"token": token}})).await;
    Given { admin: tenant.admin(), issues: format!("/repos/{name}/issues"), tenant, repository, name, source, token }
}

impl Given<'_> {
    /// Issues as they were made days ago, so that no overlap of increments meets
    /// them.
    pub(super) fn old(&self, world: &World, count: u64) {
        for place in 0..count {
            let at = past(world, SignedDuration::from_hours(48 + i64::try_from(count - place).unwrap()));
            self.repository.add_issue(|issue| (issue.created_at, issue.updated_at) = (at, at));
        }
    }

    pub(super) fn trigger(&self) -> String {
        format!("/v1/sources/{}/sync", self.source)
    }

    pub(super) async fn sync(&self, body: Value) -> Value {
        self.admin.sync(&self.source, body).await
    }

    pub(super) async fn look(&self) -> Value {
        self.admin.get(&format!("/v1/sources/{}", self.source)).await.is(200)
    }

    /// The items by number.
    pub(super) async fn items(&self) -> BTreeMap<u64, Value> {
        let items = self.admin.items(&self.source).await;
        let count = items.len();
        let by_number: BTreeMap<u64, Value> = items.into_iter().map(|item| (number(&item), item)).collect();
        assert_eq!(by_number.len(), count, "an item is there twice");
        by_number
    }

    pub(super) fn requests(&self, world: &World) -> Vec<Entry> {
        world.forge.requests_to(&self.issues)
    }
}

/// What the provider calls an item.
pub(super) fn number(item: &Value) -> u64 {
    item["externalId"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap()
}

/// Nothing but open issues.
pub(super) fn open(count: u64) -> Seed {
    Seed { closed_percent: 0, ..Seed::of(count) }
}

fn now(world: &World) -> Timestamp {
    Timestamp::from_millisecond(world.clock.now().0).unwrap()
}

fn past(world: &World, ago: SignedDuration) -> Timestamp {
    now(world) - ago
}

/// Created, updated, skipped and failed.
fn counts(run: &Value) -> [u64; 4] {
    ["created", "updated", "skipped", "failed"].map(|name| run["results"][name].as_u64().unwrap())
}

/// One parameter of a request's query, as it was sent.
fn parameter<'entry>(entry: &'entry Entry, name: &str) -> Option<&'entry str> {
    let pairs = entry.query.as_deref().unwrap_or_default().split('&');
    pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// A page of the forge as the test wants it.
fn page(entries: &Value, next: Option<&str>) -> Behaviour {
    let mut headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
    headers.extend(next.map(|next| ("link".to_owned(), format!("<{next}>; rel=\"next\""))));
    Behaviour::Reply { status: 200, headers, body: entries.to_string() }
}

/// An issue as GitHub shows it, with no more than has to be there.
fn entry(name: &str, number: u64) -> Value {
    json!({"number": number, "title": format!("Made up {number}"), "body": null, "state": "open", "labels": [], "assignees": [],
        "user": {"login": "octo-demo"}, "html_url": format!("https://github.com/{name}/issues/{number}"),
        "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z"})
}

/// What an issue of the forge must look like here.
fn as_item(issue: &Issue, name: &str) -> Value {
    let (url, number) = (format!("https://github.com/{name}"), issue.number);
    json!({"type": "issue", "externalId": format!("github:{url}:issue:{number}"), "customFields": {"externalId": format!("github:{url}:{number}")},
        "title": issue.title, "body": issue.body, "state": issue.state, "labels": issue.labels, "assignees": issue.assignees,
        "author": issue.author, "url": format!("{url}/issues/{number}"), "severity": null, "priority": null,
        "createdAt": issue.created_at.to_string(), "updatedAt": issue.updated_at.to_string()})
}

/// An item must be what is expected, in every field that is.
#[track_caller]
fn assert_item(item: &Value, issue: &Issue, name: &str) {
    let expected = as_item(issue, name);
    let shown: serde_json::Map<String, Value> =
        expected.as_object().unwrap().keys().map(|field| (field.clone(), item[field].clone())).collect();
    assert_eq!(Value::Object(shown), expected);
    assert!(item["id"].is_string() && item["syncedAt"].as_str().unwrap().parse::<Timestamp>().is_ok(), "{item:#}");
}

/// S2.3, S2.5, S2.15–S2.21, S2.27, S2.31, S2.81, S2.114, S2.115, S2.122: three
/// pages of issues, one after the other, become items that say the same.
async fn a_first_sync_takes_every_open_issue(world: &World) {
    let given = given(world).await;
    given.repository.seed(&open(249));
    given.repository.add_issue(|issue| {
        issue.title = "  <script>alert(\"naïve\")</script> — 日本語 🎉 & more  ".into();
        issue.body = None;
        issue.labels = vec!["needs: triage".into(), "P1/urgent".into()];
    });

    let run = given.sync(json!({})).await;

    assert_eq!(run["status"], "completed", "{run:#}");
    assert_eq!((counts(&run), run["calls"]["made"].as_u64()), ([250, 0, 0, 0], Some(3)));
    assert_eq!(run["progress"]["percentage"], 100);
    let items = given.items().await;
    let issues = given.repository.issues();
    assert_eq!(items.len(), issues.len());
    for issue in issues {
        assert_item(&items[&issue.number], &issue, &given.name);
    }
    let requests = given.requests(world);
    assert_eq!(requests.len(), 3);
    assert_eq!((parameter(&requests[0], "state"), parameter(&requests[0], "per_page")), (Some("open"), Some("100")));
    let source = given.look().await;
    assert!(source["status"] == "synced" && source["last_synced_at"].is_string() && source["current_run"].is_null(), "{source:#}");
}

/// S2.5: large repositories refuse page numbers that a client made up.
async fn links_are_followed_as_they_are(world: &World) {
    let given = given(world).await;
    given.repository.seed(&open(250));
    given.repository.set_large_above(0);

    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed"), [250, 0, 0, 0]));
    assert!(given.requests(world)[1..].iter().all(|request| parameter(request, "after").is_some()));
}

/// S2.18: GitHub lists pull requests among issues.
async fn pull_requests_are_left_out(world: &World) {
    let given = given(world).await;
    given.repository.seed(&Seed { pull_request_percent: 30, ..open(100) });

    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed"), [70, 0, 0, 0]));
    let expected = given.repository.issues().into_iter().filter(|issue| !issue.pull_request).map(|issue| issue.number);
    assert!(given.items().await.into_keys().eq(expected));
}

/// S2.3, S2.110, S2.115: open ones by default; closed ones once it is confirmed.
async fn closed_issues_come_only_when_it_is_confirmed(world: &World) {
    let given = given(world).await;
    given.repository.seed(&Seed::of(100));
    assert_eq!(counts(&given.sync(json!({})).await), [75, 0, 0, 0]);

    let refused = given.admin.post(&given.trigger(), json!({"includeClosed": true})).await.problem(409, "CONFIRMATION_REQUIRED");
    assert_eq!((&refused["requiresConfirmation"], &refused["reasons"]), (&json!(true), &json!(["INCLUDE_CLOSED"])));
    let run = given.sync(json!({"includeClosed": true, "confirmed": true})).await;

    assert_eq!(run["results"]["created"], 25);
    let items = given.items().await;
    for issue in given.repository.issues() {
        assert_item(&items[&issue.number], &issue, &given.name);
    }
    assert_eq!(given.requests(world).iter().map(|entry| parameter(entry, "state")).collect::<Vec<_>>(), [Some("open"), Some("all")]);
}

/// S2.28, S2.20, S2.123: an increment asks for what changed, of every state;
/// writes that and nothing else; and takes in no closed issue it never saw.
async fn an_increment_writes_what_changed(world: &World) {
    let given = given(world).await;
    given.old(world, 5);
    let long_ago = past(world, SignedDuration::from_hours(100));
    let unseen = given.repository.add_issue(|issue| (issue.state, issue.updated_at) = (IssueState::Closed, long_ago));
    assert_eq!(counts(&given.sync(json!({})).await), [5, 0, 0, 0]);
    let before = given.items().await;

    given.repository.edit_issue(1, |issue| issue.title = "Another title".into());
    given.repository.close_issue(2);
    let new = given.repository.add_issue(|issue| issue.title = "A new one".into());
    given.repository.add_issue(|issue| issue.state = IssueState::Closed);
    given.repository.edit_issue(unseen, |issue| issue.title = "Closed all along".into());
    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), counts(&run)[..2].to_vec(), counts(&run)[3]), (Some("completed"), vec![1, 2], 0));
    let asked = given.requests(world).pop().unwrap();
    assert_eq!(parameter(&asked, "state"), Some("all"));
    let since: Timestamp = parameter(&asked, "since").unwrap().replace("%3A", ":").parse().unwrap();
    assert!(since < now(world) && since > past(world, SignedDuration::from_mins(30)), "{since}");
    let items = given.items().await;
    assert!(items.keys().copied().eq([1, 2, 3, 4, 5, new]));
    for (number, item) in &items {
        assert_item(item, &given.repository.issue(*number).unwrap(), &given.name);
    }
    assert_eq!((&items[&1]["title"], &items[&2]["state"]), (&json!("Another title"), &json!("closed")));
    assert_eq!([&items[&3], &items[&4], &items[&5]], [&before[&3], &before[&4], &before[&5]], "unchanged items were written");

    // What changed lately is met again and skipped.
    assert_eq!(counts(&given.sync(json!({})).await), [0, 0, 3, 0]);
}

/// Nothing changed: nothing is written, and the next run asks the same.
async fn an_unchanged_source_is_asked_by_the_same_url(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    given.sync(json!({})).await;
    let first = given.look().await;

    let (second, third) = (given.sync(json!({})).await, given.sync(json!({})).await);

    assert_eq!([second["status"].as_str(), third["status"].as_str()], [Some("completed"); 2]);
    assert_eq!((counts(&second), counts(&third)), ([0; 4], [0; 4]));
    let requests = given.requests(world);
    assert!(requests[1].query.as_deref().unwrap().contains("since="));
    assert_eq!(requests[1].query, requests[2].query);
    let source = given.look().await;
    assert_eq!(source["last_synced_at"], first["last_synced_at"], "nothing was found");
    let checked = |source: &Value| source["last_checked_at"].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(checked(&source) > checked(&first));
}

/// A validator goes with the second request, and 304 is the answer.
#[expect(dead_code, reason = "requests carry no validator yet")]
async fn an_unchanged_source_costs_no_quota(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    given.sync(json!({})).await;
    given.sync(json!({})).await;
    let left = world.forge.quota(Some(&given.token)).remaining;

    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), &run["calls"]), (Some("completed"), &json!({"made": 1, "not_modified": 1})));
    assert_eq!(world.forge.quota(Some(&given.token)).remaining, left);
}

/// `full` asks for everything, however little changed.
async fn a_full_sync_asks_for_everything_again(world: &World) {
    let given = given(world).await;
    given.old(world, 120);
    given.sync(json!({})).await;

    let run = given.sync(json!({"full": true})).await;

    assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed"), [0, 0, 120, 0]));
    let asked = given.requests(world).split_off(2);
    assert_eq!((asked.len(), parameter(&asked[0], "since")), (2, None));
}

/// Items can be asked for by type, state, words of the title and time of change.
async fn items_are_filtered(world: &World) {
    let given = given(world).await;
    given.repository.seed(&Seed::of(100));
    given.sync(json!({"includeClosed": true, "confirmed": true})).await;
    let issues = given.repository.issues();
    let list = async |query: String| {
        let answer = given.admin.get(&format!("/v1/sources/{}/items?limit=100&{query}", given.source)).await.is(200);
        let mut numbers: Vec<u64> = answer["items"].as_array().unwrap().iter().map(number).collect();
        numbers.sort_unstable();
        numbers
    };
    let those = |wanted: &dyn Fn(&Issue) -> bool| issues.iter().filter(|issue| wanted(issue)).map(|issue| issue.number).collect::<Vec<_>>();

    assert_eq!(list("type=issue".into()).await.len(), 100);
    for state in [IssueState::Open, IssueState::Closed] {
        let word = json!(state);
        assert_eq!(list(format!("state={}", word.as_str().unwrap())).await, those(&|issue| issue.state == state));
    }
    let word = issues[7].title.split(' ').next_back().unwrap().to_lowercase();
    let mut query = form(&[("q", &word)]);
    assert_eq!(list(query.clone()).await, those(&|issue| issue.title.to_lowercase().contains(&word)));
    query.push_str("&state=open");
    assert_eq!(list(query).await, those(&|issue| issue.title.to_lowercase().contains(&word) && issue.state == IssueState::Open));
    let middle = issues[50].updated_at - SignedDuration::from_millis(500);
    assert_eq!(list(form(&[("updated_since", &middle.to_string())])).await, those(&|issue| issue.updated_at > middle));
    for wrong in ["type=potato", "updated_since=yesterday", "limit=0", "limit=101", "cursor=%21", "colour=red"] {
        let answer = given.admin.get(&format!("/v1/sources/{}/items?{wrong}", given.source)).await;
        assert!(!answer.problem(400, "VALIDATION_FAILED")["errors"].as_array().unwrap().is_empty());
    }
}

/// A query with its values encoded.
fn form(pairs: &[(&str, &str)]) -> String {
    reqwest::Url::parse_with_params("http://x/", pairs).unwrap().query().unwrap().to_owned()
}

/// A list in pages has everything, newest change first, and nothing twice.
async fn paging_yields_each_item_once(world: &World) {
    let given = given(world).await;
    given.repository.seed(&open(110));
    given.sync(json!({})).await;

    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = given.admin.get(&format!("/v1/sources/{}/items?limit=25{cursor}", given.source)).await.is(200);
        let items = answer["items"].as_array().unwrap();
        assert!(items.len() <= 25);
        seen.extend(items.iter().map(|item| (item["updatedAt"].as_str().unwrap().to_owned(), number(item))));
        match answer["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }

    assert!(seen.is_sorted_by(|one, other| one.0 >= other.0), "newest change first");
    let mut numbers: Vec<u64> = seen.into_iter().map(|(_, number)| number).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(1..=110));
}

/// An entry that cannot be understood is counted, named and left out; the others
/// are taken in.
async fn an_unreadable_entry_does_not_stop_its_page(world: &World) {
    let given = given(world).await;
    let (first, last) = (entry(&given.name, 1), entry(&given.name, 3));
    let entries = json!([first, {"number": 2, "title": null, "state": 7}, last]);
    world.forge.script(Fault::on(&given.issues, page(&entries, None)));

    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed_with_warnings"), [2, 0, 0, 1]));
    let warnings = run["warnings"].as_array().unwrap();
    assert!(warnings.len() == 1 && warnings[0].to_string().contains("#2"), "{warnings:?}");
    assert!(given.items().await.into_keys().eq([1, 3]));
    assert_eq!(given.look().await["status"], "synced");
}

/// Watermarks: what failed is asked for again, however old it is.
#[expect(dead_code, reason = "the watermark moves past what failed, and nothing remembers it")]
async fn what_could_not_be_read_is_asked_for_again(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let (first, last) = (entry(&given.name, 1), entry(&given.name, 3));
    world.forge.script(Fault::on(&given.issues, page(&json!([first, {"number": 2}, last]), None)));
    assert_eq!(counts(&given.sync(json!({})).await), [2, 0, 0, 1]);

    given.sync(json!({})).await;

    assert_item(&given.items().await[&2], &given.repository.issue(2).unwrap(), &given.name);
}

/// S2.5, S2.81: only the absence of a next link ends a sync.
async fn neither_an_empty_nor_a_short_page_ends_a_sync(world: &World) {
    let given = given(world).await;
    given.old(world, 5);
    let again = |mark: &str| format!("{}{}?state=open&per_page=100&{mark}", world.forge.base_url(), given.issues);
    world.forge.script(Fault::on(&given.issues, page(&json!([]), Some(&again("second=1")))));
    world.forge.script(Fault::on(&given.issues, page(&json!([entry(&given.name, 77)]), Some(&again("third=1")))));

    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), counts(&run), run["calls"]["made"].as_u64()), (Some("completed"), [6, 0, 0, 0], Some(3)));
    assert!(given.items().await.into_keys().eq([1, 2, 3, 4, 5, 77]));
}

/// S2.123: neither a next link nor a redirect takes the credential to another
/// origin.
async fn a_credential_never_follows_a_link_elsewhere(world: &World) {
    let elsewhere: Forge = crate::world::forge(&world.clock).await;
    let given = given(world).await;
    elsewhere.repository(&given.name).seed(&open(3));
    let away = format!("{}{}?page=2", elsewhere.base_url(), given.issues);

    world.forge.script(Fault::on(&given.issues, page(&json!([entry(&given.name, 1)]), Some(&away))));
    let run = given.sync(json!({})).await;
    assert_eq!((run["status"].as_str(), run["error"]["code"].as_str()), (Some("failed"), Some("PAGE_LEFT_ORIGIN")));

    let moved = Behaviour::Reply { status: 301, headers: BTreeMap::from([("location".into(), away)]), body: String::new() };
    world.forge.script(Fault::on(&given.issues, moved));
    assert_eq!(given.sync(json!({})).await["status"], "failed");

    assert!(elsewhere.journal().is_empty(), "{:?}", elsewhere.journal());
    assert_eq!(given.look().await["status"], "error");
    elsewhere.stop().await;
}

/// S2.81: a page that names itself as the next one would never end.
async fn a_page_that_leads_to_itself_ends_the_sync(world: &World) {
    let given = given(world).await;
    let itself = format!("{}{}?page=2", world.forge.base_url(), given.issues);
    for number in [1, 2] {
        world.forge.script(Fault::on(&given.issues, page(&json!([entry(&given.name, number)]), Some(&itself))));
    }

    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), run["error"]["code"].as_str()), (Some("failed"), Some("PAGE_REPEATS")), "{run:#}");
    assert_eq!(given.requests(world).len(), 2);
}

/// S2.81: so would two pages that name each other.
#[expect(dead_code, reason = "only a page that leads to itself is noticed; a circle of two goes on until someone cancels")]
async fn pages_that_lead_in_a_circle_end_the_sync(world: &World) {
    let given = given(world).await;
    for (number, place) in (1..=20).zip(["one", "two"].into_iter().cycle()) {
        let next = format!("{}{}?after={place}", world.forge.base_url(), given.issues);
        world.forge.script(Fault::on(&given.issues, page(&json!([entry(&given.name, number)]), Some(&next))));
    }

    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), run["error"]["code"].as_str()), (Some("failed"), Some("PAGE_REPEATS")), "{run:#}");
}

/// S2.13, S2.116, S2.123: an expired token, a missing permission and a vanished
/// repository are different errors, and none of them is "no data".
async fn refusals_are_told_apart(world: &World) {
    let forbidden = |given: &Given<'_>| {
        let body = json!({"message": "Resource not accessible by integration"}).to_string();
        let headers = BTreeMap::from([("x-accepted-github-permissions".to_owned(), "issues=read".to_owned())]);
        world.forge.script(Fault::on(&given.issues, Behaviour::Reply { status: 403, headers, body }));
    };
    let table: [(&(dyn Fn(&Given<'_>) + Sync), _, _); 3] = [
        (&|given| world.forge.revoke_token(&given.token), "CREDENTIAL_REJECTED", "Bad credentials"),
        (&forbidden, "PERMISSION_MISSING", "Resource not accessible by integration"),
        (&|given| given.repository.remove(), "REPOSITORY_NOT_FOUND", "Not Found"),
    ];
    for (befall, code, words) in table {
        let given = given(world).await;
        given.old(world, 3);
        given.sync(json!({})).await;
        befall(&given);

        let run = given.sync(json!({})).await;

        assert_eq!((run["status"].as_str(), run["error"]["code"].as_str()), (Some("failed"), Some(code)));
        assert!(run["error"]["message"].as_str().unwrap().contains(words), "{run:#}");
        assert!(run["error"]["where"].as_str().unwrap().contains(&given.issues), "{run:#}");
        assert!(!run.to_string().contains(&given.token));
        let source = given.look().await;
        assert_eq!((source["status"].as_str(), &source["sync_error"]), (Some("error"), &run["error"]["message"]));
        assert_eq!(given.items().await.len(), 3, "{code}: what was there stays");
        assert_eq!(given.requests(world).len(), 2, "{code}: it was tried again");
    }
}

/// A stream that is switched off is a warning with the provider's own reason.
async fn issues_that_are_switched_off_are_not_no_issues(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    given.sync(json!({})).await;
    given.repository.disable_issues();

    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed_with_warnings"), [0; 4]));
    assert_eq!(run["warnings"][0]["code"], "STREAM_NOT_AVAILABLE");
    assert!(run["warnings"][0]["message"].as_str().unwrap().contains("Issues are disabled for this repo"), "{run:#}");
    assert_eq!((given.items().await.len(), given.look().await["status"].as_str()), (3, Some("synced")));

    given.repository.enable_issues();
    given.repository.edit_issue(1, |issue| issue.title = "Back again".into());
    assert_eq!(counts(&given.sync(json!({})).await), [0, 1, 0, 0]);
}

/// S2.123: a renamed repository answers 301; its issues stay the same items.
async fn a_renamed_repository_is_followed(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    given.sync(json!({})).await;
    given.repository.rename(&format!("acme/{}", fresh("renamed")));
    given.repository.edit_issue(2, |issue| issue.title = "After the move".into());

    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed"), [0, 1, 0, 0]));
    let items = given.items().await;
    assert_eq!((items.len(), items[&2]["title"].as_str()), (3, Some("After the move")));
}

/// S2.77, S2.123: what is over at the next try costs nothing but a try.
async fn a_hiccup_is_tried_again(world: &World) {
    let hiccups = [Behaviour::status(500), Behaviour::status(502), Behaviour::Garbage, Behaviour::HalfBody, Behaviour::Reset];
    let stories = hiccups.into_iter().map(async |hiccup| {
        let given = given(world).await;
        given.old(world, 120);
        let kind = hiccup.kind();
        world.forge.script(Fault::on(&given.issues, hiccup).nth(2));

        let run = given.sync(json!({})).await;

        assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed"), [120, 0, 0, 0]), "{kind}");
        let struck: Vec<_> = given.requests(world).into_iter().filter_map(|entry| entry.fault).collect();
        assert_eq!(struck, [kind]);
        assert_eq!(given.items().await.len(), 120, "{kind}");
    });
    futures::future::join_all(stories).await;
}

/// S2.77, S2.79, S2.117: a provider that stays down gets a minute and more, and
/// that is visible; nobody sleeps meanwhile.
async fn a_provider_that_stays_down_is_given_up_visibly(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    world.forge.script(Fault::on(&given.issues, Behaviour::status(503)).times(5));
    let accepted = given.admin.press(&given.trigger()).await.is(202);
    let id = accepted["id"].as_str().unwrap();

    let paused = given.admin.until(id, |run| run["status"] == "paused").await;
    let resumes_at: Timestamp = paused["resumes_at"].as_str().unwrap().parse().unwrap();
    assert!(resumes_at > now(world) + SignedDuration::from_secs(30), "{paused:#}");
    if !world.is_local() {
        assert_eq!(given.admin.press(&format!("/v1/runs/{id}/cancel")).await.is(202)["status"], "cancelled");
        return;
    }
    let mut run = paused;
    for tries in 3..=5 {
        world.clock.turn(SignedDuration::from_mins(20));
        world.tick().await;
        world.forge.wait_for(&given.issues, tries).await;
        run = given.admin.until(id, |run| run["status"] != "running").await;
    }
    // S2.80: the last error is what the run says.
    assert_eq!((run["status"].as_str(), run["error"]["code"].as_str()), (Some("failed"), Some("PROVIDER_UNAVAILABLE")), "{run:#}");
    assert!(run["error"]["message"].as_str().unwrap().contains("503"), "{run:#}");
    assert_eq!(given.requests(world).len(), 5);
}

/// S2.13, S2.78: a limit that says it lasts a second is waited for, whichever
/// status it comes with.
async fn a_short_limit_is_waited_for(world: &World) {
    let stories = [403, 429].map(async |status| {
        let given = given(world).await;
        given.old(world, 3);
        world.forge.script(Fault::on(&given.issues, Behaviour::SecondaryLimit { status, retry_after: Some(1) }));

        let run = given.sync(json!({})).await;

        assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed"), [3, 0, 0, 0]));
        let at: Vec<Timestamp> = given.requests(world).iter().map(|entry| entry.at).collect();
        assert!(at.len() == 2 && at[1].duration_since(at[0]) >= SignedDuration::from_secs(1), "{at:?}");
    });
    futures::future::join_all(stories).await;
}

/// S2.13, S2.79, S2.117: a limit that does not say how long it lasts is given a
/// minute at least. The run says why it waits and keeps its source.
async fn a_limit_of_unknown_length_pauses_the_run(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    world.forge.script(Fault::on(&given.issues, Behaviour::SecondaryLimit { status: 403, retry_after: None }));
    let began = now(world);
    let accepted = given.admin.press(&given.trigger()).await.is(202);
    let id = accepted["id"].as_str().unwrap();

    let paused = given.admin.until(id, |run| run["status"] == "paused").await;

    let resumes_at: Timestamp = paused["resumes_at"].as_str().unwrap().parse().unwrap();
    assert!(resumes_at >= began + SignedDuration::from_mins(1), "{paused:#}");
    assert!(paused["status_reason"].as_str().unwrap().contains("secondary rate limit"), "{paused:#}");
    assert!(paused["finished_at"].is_null() && paused["lease_until"].is_null(), "{paused:#}");
    let source = given.look().await;
    assert_eq!((source["status"].as_str(), &source["current_run"]), (Some("syncing"), &accepted["id"]));
    assert_eq!(given.admin.press(&given.trigger()).await.problem(409, "SYNC_IN_PROGRESS")["run_id"], accepted["id"]);
    resume(world, &given, id, 3).await;
}

/// S2.12, S2.13: a used-up quota says when it is full again, and until then
/// nothing is asked.
async fn a_used_up_quota_pauses_the_run_until_its_reset(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let resets_at = Timestamp::from_second(now(world).as_second() + 600).unwrap();
    world.forge.set_quota(Some(&given.token), Quota { limit: 5_000, remaining: 0, resets_at });
    let accepted = given.admin.press(&given.trigger()).await.is(202);
    let id = accepted["id"].as_str().unwrap();

    let paused = given.admin.until(id, |run| run["status"] == "paused").await;

    let resumes_at: Timestamp = paused["resumes_at"].as_str().unwrap().parse().unwrap();
    assert!(resumes_at >= resets_at && resumes_at < resets_at + SignedDuration::from_mins(1), "{paused:#}");
    assert!(paused["status_reason"].as_str().unwrap().contains("API rate limit exceeded"), "{paused:#}");
    let quota = &given.look().await["quota"];
    assert_eq!((&quota["remaining"], &quota["resets_at"]), (&json!(0), &json!(resets_at.to_string())));
    assert_eq!(given.requests(world).len(), 1);
    resume(world, &given, id, 3).await;
}

/// Where time can be turned, the paused run goes on by itself; elsewhere it is
/// cancelled, which ends it at once.
async fn resume(world: &World, given: &Given<'_>, id: &str, issues: u64) {
    if world.is_local() {
        world.clock.turn(SignedDuration::from_mins(20));
        world.tick().await;
        let run = given.admin.ended(id).await;
        assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed"), [issues, 0, 0, 0]));
        assert!(run["status_reason"].is_null() && run["resumes_at"].is_null(), "{run:#}");
        assert_eq!(given.look().await["status"], "synced");
    } else {
        assert_eq!(given.admin.press(&format!("/v1/runs/{id}/cancel")).await.is(202)["status"], "cancelled");
        assert_eq!(given.look().await["status"], "never_synced");
    }
}

/// S0.25, S0.26, S2.12: with a hundred requests left a manual sync is accepted,
/// with ninety-nine it is refused.
async fn a_low_quota_refuses_manual_triggers(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let resets_at = Timestamp::from_second(now(world).as_second() + 1_800).unwrap();
    world.forge.set_quota(Some(&given.token), Quota { limit: 5_000, remaining: 101, resets_at });

    given.sync(json!({})).await;
    assert_eq!(given.look().await["quota"]["remaining"], 100);
    given.sync(json!({})).await;
    let answer = given.admin.press(&given.trigger()).await;

    let wait: i64 = answer.header("retry-after").parse().unwrap();
    assert!((1_700..=1_801).contains(&wait), "{wait}");
    let refused = answer.problem(429, "RATE_LIMIT_LOW");
    assert_eq!(refused["quota"], json!({"remaining": 99, "limit": 5_000, "resetAt": resets_at.to_string()}));
    assert_eq!(refused["next_allowed_at"], json!(resets_at.to_string()));
    let would = given.admin.post(&given.trigger(), json!({"dryRun": true})).await.is(200);
    assert_eq!((would["outcome"].as_str(), would["reason"].as_str()), (Some("would_refuse"), Some("RATE_LIMIT_LOW")));
    assert_eq!(given.requests(world).len(), 2);
    if world.is_local() {
        // A window that has reset counts as full.
        world.clock.turn(SignedDuration::from_mins(31));
        assert_eq!(given.sync(json!({})).await["status"], "completed");
    }
}

/// S2.1, S2.110: where webhooks work, a manual sync has to be meant.
async fn an_active_webhook_asks_for_confirmation(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let set = async |active: Value| {
        let path = format!("/v1/sources/{}", given.source);
        given.admin.patch(&path, json!({"webhook": {"active": active}})).await.is(200);
    };
    let refused = async |body: Value| {
        let problem = given.admin.post(&given.trigger(), body).await.problem(409, "CONFIRMATION_REQUIRED");
        assert_eq!(problem["requiresConfirmation"], true);
        problem["reasons"].clone()
    };
    set(json!(true)).await;

    assert_eq!(refused(json!({})).await, json!(["WEBHOOK_ACTIVE"]));
    assert_eq!(refused(json!({"includeClosed": true})).await, json!(["WEBHOOK_ACTIVE", "INCLUDE_CLOSED"]));
    assert_eq!(given.look().await["status"], "never_synced");
    assert_eq!(given.sync(json!({"confirmed": true})).await["status"], "completed");

    set(json!(false)).await;
    assert_eq!(given.sync(json!({})).await["status"], "completed");
}

/// S0.1: after a failure that a new credential may mend, nobody has to wait.
async fn a_new_credential_lifts_the_cooldown(world: &World) {
    let given = cooling(world).await;
    given.old(world, 120);
    world.forge.script(Fault::on(&given.issues, Behaviour::status(401)).nth(2));
    assert_eq!(given.sync(json!({})).await["error"]["code"], "CREDENTIAL_REJECTED");
    given.admin.press(&given.trigger()).await.problem(429, "COOLDOWN_ACTIVE");
    assert!(given.look().await["cooldown_until"].is_string());

    let path = format!("/v1/sources/{}", given.source);
    let token = fresh("another-token");
    let changed = given.admin.patch(&path, json!({"credential": {"token": token}})).await.is(200);

    assert!(changed["cooldown_until"].is_null(), "{changed:#}");
    assert_eq!(changed["credential"], json!({"set": true, "last4": token[token.len() - 4..]}));
    assert_eq!(given.sync(json!({})).await["status"], "completed");
    let used: Vec<_> = given.requests(world).into_iter().map(|entry| entry.credential).collect();
    assert!(used.first() != used.last(), "the old credential was used again");
}

/// S4.10, S4.14: an error is no dead end, and a new attempt clears it.
async fn a_source_in_error_is_synced_again(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    world.forge.script(Fault::on(&given.issues, Behaviour::status(404)));
    given.sync(json!({})).await;
    let failed = given.look().await;
    assert_eq!((failed["status"].as_str(), failed["sync_error"].is_string()), (Some("error"), true));

    world.forge.script(Fault::on(&given.issues, Behaviour::Hang));
    let accepted = given.admin.press(&given.trigger()).await.is(202);
    world.forge.wait_for(&given.issues, 2).await;
    let syncing = given.look().await;
    assert_eq!((syncing["status"].as_str(), &syncing["sync_error"]), (Some("syncing"), &Value::Null));
    world.forge.release();

    given.admin.ended(accepted["id"].as_str().unwrap()).await;
    let synced = given.look().await;
    assert_eq!((synced["status"].as_str(), &synced["sync_error"]), (Some("synced"), &Value::Null));
}

/// 250 issues of which a first run takes two pages, and fails; with how many it
/// took.
async fn a_stopped_backfill(world: &World) -> (Given<'_>, u64) {
    let given = given(world).await;
    given.old(world, 250);
    world.forge.script(Fault::on(&given.issues, Behaviour::status(401)).nth(3));
    let run = given.sync(json!({})).await;
    let [created, rest @ ..] = counts(&run);
    assert_eq!((run["status"].as_str(), rest), (Some("failed"), [0; 3]));
    assert!((190..=200).contains(&created), "{created}");
    (given, created)
}

/// S0.14, S2.123: a first run that broke off is not begun again.
async fn a_backfill_goes_on_where_it_stopped(world: &World) {
    let (given, taken) = a_stopped_backfill(world).await;

    let run = given.sync(json!({})).await;

    assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed"), [250 - taken, 0, 0, 0]));
    let asked = given.requests(world);
    assert_eq!((asked.len(), &asked[3].query), (4, &asked[2].query));
    assert_eq!(given.items().await.len(), 250);
}

/// S0.11–S0.15, S0.31: unless an admin wants it begun again.
async fn a_reset_backfill_begins_again(world: &World) {
    let (given, taken) = a_stopped_backfill(world).await;
    let path = format!("/v1/sources/{}/reset-backfill", given.source);

    let reset = given.admin.press(&path).await.is(200);
    let run = given.sync(json!({})).await;

    let previous = reset.as_object().unwrap().values().find_map(Value::as_str).unwrap();
    let asked = given.requests(world);
    assert!(reset["reset"] == true && previous.contains(asked[2].query.as_deref().unwrap()), "{reset:#}");
    assert_eq!((run["status"].as_str(), counts(&run)), (Some("completed"), [250 - taken, 0, taken, 0]));
    assert_eq!((asked.len(), &asked[3].query), (6, &asked[0].query));
    let audit = given.admin.get(&format!("/v1/workspaces/{}/audit", given.tenant.slug)).await.is(200);
    let line = audit["audit"].as_array().unwrap().iter().find(|line| line["what"] == "backfill.reset").unwrap().clone();
    assert_eq!((line["who"].as_str(), line["source"].as_str()), (Some(&*given.tenant.name("admin")), Some(&*given.source)));

    // A backfill that came to its end has no cursor.
    let again = given.admin.press(&path).await.is(200);
    assert!(again["reset"] == false && again.as_object().unwrap().values().any(Value::is_null), "{again:#}");
}

/// A reset that found no cursor has reset nothing: the next run is an increment.
#[expect(dead_code, reason = "the watermark is dropped, and that is on record, though the answer says reset: false")]
async fn a_reset_without_a_cursor_resets_nothing(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    given.sync(json!({})).await;

    assert_eq!(given.admin.press(&format!("/v1/sources/{}/reset-backfill", given.source)).await.is(200)["reset"], false);
    given.sync(json!({})).await;

    assert!(parameter(&given.requests(world)[1], "since").is_some());
}

/// S0.14: after a reset, increments look at what is new and not ever further back.
#[expect(dead_code, reason = "a reset leaves begun_at, and a next run of one page does not clear it: the watermark stands still for ever")]
async fn increments_move_on_after_a_reset_backfill(world: &World) {
    if !world.is_local() {
        return;
    }
    let (given, _) = a_stopped_backfill(world).await;
    given.admin.press(&format!("/v1/sources/{}/reset-backfill", given.source)).await.is(200);
    for number in 4..=250 {
        given.repository.delete_issue(number);
    }
    for title in ["One", "Two", "Three"] {
        world.clock.turn(SignedDuration::from_hours(1));
        given.repository.edit_issue(1, |issue| issue.title = title.into());
        assert_eq!(given.sync(json!({})).await["status"], "completed");
    }

    let asked = given.requests(world);
    assert!(parameter(&asked[5], "since") > parameter(&asked[4], "since"), "{:?}", asked[5].query);
}

/// S0.32: a reset is for admins, and not while a run is under way.
async fn a_backfill_is_not_reset_under_a_run_or_by_anyone(world: &World) {
    let given = given(world).await;
    let path = format!("/v1/sources/{}/reset-backfill", given.source);
    for role in ["maintainer", "coordinator", "member", "viewer"] {
        given.tenant.join(role, role).await.press(&path).await.problem(403, "FORBIDDEN");
    }
    world.user(&fresh("stranger")).press(&path).await.problem(404, "NOT_FOUND");
    world.forge.script(Fault::on(&given.issues, Behaviour::Hang));
    let run = given.admin.press(&given.trigger()).await.is(202);
    world.forge.wait_for(&given.issues, 1).await;

    assert_eq!(given.admin.press(&path).await.problem(409, "SYNC_IN_PROGRESS")["run_id"], run["id"]);

    world.forge.release();
    given.admin.ended(run["id"].as_str().unwrap()).await;
}

/// S2.123: closed remotely becomes closed here, also if it happened while an
/// unfinished first run waited to be taken up.
async fn what_was_closed_while_a_backfill_stood_still_is_closed_here(world: &World) {
    if !world.is_local() {
        return;
    }
    let (given, _) = a_stopped_backfill(world).await;
    world.clock.turn(SignedDuration::from_mins(1));
    given.repository.close_issue(250);
    given.repository.close_issue(1);
    world.clock.turn(SignedDuration::from_mins(30));

    given.sync(json!({})).await;
    given.sync(json!({})).await;

    let items = given.items().await;
    assert_eq!(items[&1]["state"], "closed");
}

/// S2.123: nor may a full sync hide what was closed before it.
#[expect(dead_code, reason = "a full sync asks for open issues only, yet moves the watermark past what was closed")]
async fn what_was_closed_before_a_full_sync_is_closed_here(world: &World) {
    if !world.is_local() {
        return;
    }
    let given = given(world).await;
    given.old(world, 3);
    given.sync(json!({})).await;
    given.repository.close_issue(1);
    given.repository.edit_issue(2, |issue| issue.title = "Changed at the same time".into());
    world.clock.turn(SignedDuration::from_mins(30));

    given.sync(json!({"full": true})).await;
    given.sync(json!({})).await;

    assert_eq!(given.items().await[&1]["state"], "closed");
}

/// S2.17, S2.81, S2.123: while pages are read, issues change and move to other
/// pages. None may be missed.
async fn nothing_is_missed_while_pages_shift(world: &World) {
    let given = given(world).await;
    given.old(world, 150);
    world.forge.script(Fault::on(&given.issues, Behaviour::Hang).nth(2));
    let accepted = given.admin.press(&given.trigger()).await.is(202);
    world.forge.wait_for(&given.issues, 2).await;
    given.repository.edit_issue(1, |issue| issue.title = "Moves to the end".into());
    given.repository.close_issue(2);
    world.forge.release();

    assert_eq!(given.admin.ended(accepted["id"].as_str().unwrap()).await["status"], "completed");
    given.sync(json!({})).await;

    let items = given.items().await;
    let missed: Vec<u64> = (1..=150).filter(|number| !items.contains_key(number)).collect();
    assert!(missed.is_empty(), "{missed:?}");
}

/// S2.123: an issue that is gone is removed, once a complete listing lacks it and
/// a direct look confirms it.
#[expect(dead_code, reason = "nothing of a forge is deleted yet")]
async fn what_was_deleted_remotely_is_deleted_here(world: &World) {
    let given = given(world).await;
    given.old(world, 3);
    let everything = json!({"full": true, "includeClosed": true, "confirmed": true});
    given.sync(everything.clone()).await;
    given.repository.delete_issue(2);

    let run = given.sync(everything).await;

    assert_eq!(run["results"]["deleted"], 1, "{run:#}");
    assert_eq!(world.forge.requests_to(&format!("{}/2", given.issues)).len(), 1);
    assert!(given.items().await.into_keys().eq([1, 3]));
}

/// S2.116, invariants: the credential is in `Authorization` and nowhere else, and
/// every request says who asks and in which version.
async fn a_credential_travels_in_one_header(world: &World) {
    let given = given(world).await;
    given.old(world, 120);
    given.sync(json!({})).await;
    given.repository.rename(&format!("acme/{}", fresh("renamed")));
    given.sync(json!({})).await;

    let by_number = world.forge.requests_to(&format!("/repositories/{}/*", given.repository.id()));
    let by_name = given.requests(world).into_iter().filter(|entry| !by_number.contains(entry));
    let requests: Vec<Entry> = by_name.chain(by_number.iter().cloned()).collect();
    assert_eq!(requests.len(), 4);
    for entry in requests {
        assert!(entry.credential.is_some(), "{entry:?}");
        assert!(entry.header("user-agent").is_some_and(|agent| agent.starts_with("pullcord/")), "{entry:?}");
        assert_eq!(entry.header("x-github-api-version"), Some("2026-03-10"));
        assert_eq!(entry.header("accept"), Some("application/vnd.github+json"));
        assert!(!serde_json::to_string(&entry).unwrap().contains(&given.token), "{entry:?}");
    }
    let source = format!("/v1/sources/{}", given.source);
    for path in [&source, &format!("{source}/runs"), &format!("/v1/workspaces/{}/audit", given.tenant.slug)] {
        let answer = given.admin.get(path).await;
        assert!(answer.status == 200 && !answer.text.contains(&given.token), "{}", answer.text);
    }
}
