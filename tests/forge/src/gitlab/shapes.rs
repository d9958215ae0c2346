//! GitLab's JSON. The structs of what is listed borrow, because a page is a hundred of them.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::{
    credentials::fingerprint,
    index::{Order, Which},
    issue::{Issue as Known, IssueState},
    record::Record,
};

/// Identities count over all projects; here each project has a block of them to itself, so that a number can be read
/// back from an identity.
const STEP: u64 = 1_000_000;

pub(super) fn identity(record: &Record, number: u64) -> u64 {
    (7_000 + record.ordinal()) * STEP + number
}

pub(super) fn number_of(identity: u64) -> u64 {
    identity % STEP
}

pub(super) fn encoded(part: &str) -> String {
    form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>().replace('+', "%20")
}

pub(super) fn project_path(id: u64) -> String {
    format!("{}projects/{id}", super::REST)
}

/// The forge tells milliseconds; edits here are made on whole seconds.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

#[derive(Serialize)]
pub(super) struct User<'a> {
    id: u64,
    username: &'a str,
    public_email: Option<()>,
    name: String,
    state: &'static str,
    locked: bool,
    avatar_url: Option<()>,
    web_url: String,
}

impl<'a> User<'a> {
    pub(super) fn of(login: &'a str, base: &str) -> Self {
        Self {
            id: user_id(login),
            username: login,
            public_email: None,
            name: login.replace('-', " "),
            state: "active",
            locked: false,
            avatar_url: None,
            web_url: format!("{base}/{login}"),
        }
    }
}

/// People have numbers too; theirs follows from the login.
pub(super) fn user_id(login: &str) -> u64 {
    fingerprint(login.bytes()) % 30_000_000 + 1_000_000
}

/// The user as the user alone is shown it.
pub(super) fn whole_user(login: &str, base: &str) -> Value {
    let email = format!("{login}@example.com");
    let mut whole = json!(User::of(login, base));
    let private = json!({
        "created_at": "2021-03-04T05:06:07.089Z", "bio": "", "location": "", "job_title": "", "bot": false, "external": false,
        "email": email, "commit_email": email, "confirmed_at": "2021-03-04T05:07:11.512Z", "two_factor_enabled": true,
        "can_create_group": true, "can_create_project": true, "private_profile": false, "projects_limit": 100_000,
        "identities": [], "theme_id": 3, "color_scheme_id": 1,
    });
    if let (Value::Object(whole), Value::Object(private)) = (&mut whole, private) {
        whole.extend(private);
    }
    whole
}

#[derive(Serialize)]
struct References {
    short: String,
    relative: String,
    full: String,
}

#[derive(Serialize)]
struct TimeStats {
    time_estimate: u64,
    total_time_spent: u64,
    human_time_estimate: Option<()>,
    human_total_time_spent: Option<()>,
}

#[derive(Serialize)]
struct TaskCompletion {
    count: u64,
    completed_count: u64,
}

/// What issues and merge requests have in common.
#[derive(Serialize)]
pub(super) struct Common<'a> {
    id: u64,
    iid: u64,
    project_id: u64,
    title: &'a str,
    description: Option<&'a str>,
    state: &'static str,
    created_at: String,
    updated_at: String,
    closed_at: Option<String>,
    closed_by: Option<User<'a>>,
    labels: &'a [String],
    milestone: Option<()>,
    assignees: Vec<User<'a>>,
    author: User<'a>,
    assignee: Option<User<'a>>,
    user_notes_count: u64,
    upvotes: u64,
    downvotes: u64,
    imported: bool,
    imported_from: &'static str,
    discussion_locked: Option<()>,
    web_url: String,
    references: References,
    time_stats: TimeStats,
    task_completion_status: TaskCompletion,
}

#[derive(Serialize)]
struct Links {
    #[serde(rename = "self")]
    itself: String,
    notes: String,
    award_emoji: String,
    project: String,
    closed_as_duplicate_of: Option<()>,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "it has a type twice, and only one is a word of the language")]
pub(super) struct Issue<'a> {
    #[serde(flatten)]
    common: Common<'a>,
    #[serde(rename = "type")]
    kind: &'static str,
    issue_type: &'static str,
    severity: &'static str,
    confidential: bool,
    merge_requests_count: u64,
    start_date: Option<()>,
    due_date: Option<()>,
    has_tasks: bool,
    task_status: &'static str,
    moved_to_id: Option<()>,
    service_desk_reply_to: Option<()>,
    #[serde(rename = "_links")]
    links: Links,
    /// Only where one issue is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    subscribed: Option<bool>,
}

#[derive(Serialize)]
pub(super) struct MergeRequest<'a> {
    #[serde(flatten)]
    common: Common<'a>,
    merged_by: Option<User<'a>>,
    merge_user: Option<User<'a>>,
    merged_at: Option<String>,
    target_branch: &'static str,
    source_branch: String,
    source_project_id: u64,
    target_project_id: u64,
    reviewers: [User<'a>; 0],
    draft: bool,
    work_in_progress: bool,
    merge_when_pipeline_succeeds: bool,
    merge_status: &'static str,
    detailed_merge_status: &'static str,
    sha: String,
    merge_commit_sha: Option<String>,
    squash_commit_sha: Option<()>,
    should_remove_source_branch: Option<()>,
    force_remove_source_branch: bool,
    prepared_at: String,
    reference: String,
    squash: bool,
    squash_on_merge: bool,
    has_conflicts: bool,
    blocking_discussions_resolved: bool,
}

/// The addresses all rows of one answer share.
pub(super) struct Site<'a> {
    pub(super) record: &'a Record,
    pub(super) base: &'a str,
    api: String,
    pub(super) web: String,
}

impl<'a> Site<'a> {
    pub(super) fn of(record: &'a Record, base: &'a str) -> Self {
        let api = format!("{base}{}", project_path(record.id));
        Self { record, base, api, web: format!("{base}/{}", record.full_name()) }
    }

    pub(super) fn issue(&self, issue: &'a Known, alone: bool) -> Issue<'a> {
        let number = issue.number;
        let url = format!("{}/issues/{number}", self.api);
        Issue {
            common: self.common(issue, '#', "work_items"),
            kind: "ISSUE",
            issue_type: "issue",
            severity: "UNKNOWN",
            confidential: false,
            merge_requests_count: 0,
            start_date: None,
            due_date: None,
            has_tasks: true,
            task_status: "0 of 0 checklist items completed",
            moved_to_id: None,
            service_desk_reply_to: None,
            links: Links {
                notes: format!("{url}/notes"),
                award_emoji: format!("{url}/award_emoji"),
                project: self.api.clone(),
                closed_as_duplicate_of: None,
                itself: url,
            },
            subscribed: alone.then_some(false),
        }
    }

    pub(super) fn merge_request(&self, issue: &'a Known) -> MergeRequest<'a> {
        let merged = issue.is_merged();
        let merger = || merged.then(|| User::of(&issue.author, self.base));
        let hash = |salt: &str| {
            let first = fingerprint(issue.title.bytes().chain(salt.bytes()).chain(issue.number.to_be_bytes()));
            format!("{first:016x}{:016x}{:08x}", first.rotate_left(29), issue.number)
        };
        MergeRequest {
            common: self.common(issue, '!', "merge_requests"),
            merged_by: merger(),
            merge_user: merger(),
            merged_at: issue.closed_at.filter(|_| merged).map(moment),
            target_branch: "main",
            source_branch: format!("branch-{}", issue.number),
            source_project_id: self.record.id,
            target_project_id: self.record.id,
            reviewers: [],
            draft: false,
            work_in_progress: false,
            merge_when_pipeline_succeeds: false,
            merge_status: "can_be_merged",
            detailed_merge_status: if issue.state == IssueState::Open { "mergeable" } else { "not_open" },
            sha: hash("head"),
            merge_commit_sha: merged.then(|| hash("merge")),
            squash_commit_sha: None,
            should_remove_source_branch: None,
            force_remove_source_branch: true,
            prepared_at: moment(issue.created_at),
            reference: format!("!{}", issue.number),
            squash: false,
            squash_on_merge: false,
            has_conflicts: false,
            blocking_discussions_resolved: true,
        }
    }

    fn common(&self, issue: &'a Known, sign: char, place: &str) -> Common<'a> {
        let number = issue.number;
        let merged = issue.is_merged();
        let user = |login: &'a String| User::of(login, self.base);
        let closed_at = issue.closed_at.filter(|_| !merged);
        Common {
            id: identity(self.record, number),
            iid: number,
            project_id: self.record.id,
            title: &issue.title,
            description: issue.body.as_deref(),
            state: match issue.state {
                IssueState::Open => "opened",
                IssueState::Closed if merged => "merged",
                IssueState::Closed => "closed",
            },
            created_at: moment(issue.created_at),
            updated_at: moment(issue.updated_at),
            closed_by: closed_at.map(|_| user(&issue.author)),
            closed_at: closed_at.map(moment),
            labels: &issue.labels,
            milestone: None,
            assignees: issue.assignees.iter().map(user).collect(),
            author: user(&issue.author),
            assignee: issue.assignees.first().map(user),
            user_notes_count: issue.comments,
            upvotes: 0,
            downvotes: 0,
            imported: false,
            imported_from: "none",
            discussion_locked: None,
            web_url: format!("{}/-/{place}/{number}", self.web),
            references: References {
                short: format!("{sign}{number}"),
                relative: format!("{sign}{number}"),
                full: format!("{}{sign}{number}", self.record.full_name()),
            },
            time_stats: TimeStats { time_estimate: 0, total_time_spent: 0, human_time_estimate: None, human_total_time_spent: None },
            task_completion_status: TaskCompletion { count: 0, completed_count: 0 },
        }
    }
}

/// The last part of a project's path is its own; what stands before is that of its group.
pub(super) fn parts_of(record: &Record) -> (String, String) {
    let full = record.full_name();
    let (group, own) = full.rsplit_once('/').unwrap_or(("", &full));
    (group.to_owned(), own.to_owned())
}

pub(super) fn open_issues(record: &Record) -> usize {
    record.index_of(false).rows(Which::Open, Order::Created).len()
}

pub(super) fn project(site: &Site<'_>) -> Value {
    let record = site.record;
    let (group, path) = parts_of(record);
    let group_id = fingerprint(group.bytes()) % 9_000_000 + 100_000;
    let access = |enabled: bool| if enabled { "enabled" } else { "disabled" };
    json!({
        "id": record.id,
        "description": null,
        "name": path,
        "name_with_namespace": format!("{} / {path}", group.replace('/', " / ")),
        "path": path,
        "path_with_namespace": record.full_name(),
        "created_at": moment(record.created_at),
        "updated_at": moment(record.updated_at),
        "last_activity_at": moment(record.updated_at),
        "default_branch": "main",
        "tag_list": [],
        "topics": [],
        "http_url_to_repo": format!("{}.git", site.web),
        "web_url": site.web,
        "avatar_url": null,
        "forks_count": 0,
        "star_count": 12,
        "namespace": {
            "id": group_id, "name": group, "path": group, "kind": "group", "full_path": group, "parent_id": null,
            "avatar_url": null, "web_url": format!("{}/groups/{group}", site.base),
        },
        "empty_repo": false,
        "archived": record.archived,
        "visibility": if record.private { "private" } else { "public" },
        "issues_enabled": record.has_issues,
        "issues_access_level": access(record.has_issues),
        "merge_requests_enabled": true,
        "merge_requests_access_level": access(true),
        "open_issues_count": open_issues(record),
        "_links": {
            "self": site.api,
            "issues": format!("{}/issues", site.api),
            "merge_requests": format!("{}/merge_requests", site.api),
        },
    })
}
