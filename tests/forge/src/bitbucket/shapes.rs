//! Bitbucket's JSON. Values are made as they are written, because most of what it says are links, objects within
//! objects, and things that are always null.

use serde_json::{Value, json};

use super::vocabulary::{issue_state, kind, moment, priority, pull_request_state, written};
use crate::{credentials::fingerprint, door::Asked, issue::Issue, record::Record, state::World};

/// Where people are sent, unless the forge was told of another place than its first dialect's.
const HOME: &str = "https://bitbucket.org";

/// The addresses all objects of one answer share.
pub(super) struct Site<'a> {
    /// With the version.
    api: String,
    home: &'a str,
}

impl<'a> Site<'a> {
    pub(super) fn of(world: &'a World, asked: &Asked) -> Self {
        let home = if world.html_base == "https://github.com" { HOME } else { &world.html_base };
        Self { api: format!("{}/2.0", asked.base), home }
    }

    /// As deliveries show it, whoever asked.
    pub(super) fn public(world: &'a World) -> Self {
        let home = if world.html_base == "https://github.com" { HOME } else { &world.html_base };
        Self { api: "https://api.bitbucket.org/2.0".to_owned(), home }
    }

    pub(super) fn user(&self, login: &str) -> Value {
        let identity = identity("user", login);
        let encoded = identity.replace('{', "%7B").replace('}', "%7D");
        json!({
            "type": "user",
            "uuid": identity,
            "account_id": format!("712020:{}", identity.trim_matches(['{', '}'])),
            "display_name": login,
            "nickname": login,
            "links": {
                "self": link(format!("{}/users/{encoded}", self.api)),
                "html": link(format!("{}/{encoded}/", self.home)),
                "avatar": link(format!("https://secure.gravatar.com/avatar/{:016x}", fingerprint(login.bytes()))),
            },
        })
    }

    /// As other objects mention it.
    fn mention(&self, record: &Record) -> Value {
        let name = record.full_name();
        json!({
            "type": "repository",
            "uuid": repository_identity(record),
            "full_name": name,
            "name": record.name,
            "links": {
                "self": link(format!("{}/repositories/{name}", self.api)),
                "html": link(format!("{}/{name}", self.home)),
            },
        })
    }

    pub(super) fn repository(&self, record: &Record, has_issues: bool) -> Value {
        let (name, owner) = (record.full_name(), &record.owner);
        let mut repository = self.mention(record);
        let mut workspace = json!({ "type": "workspace", "uuid": workspace_identity(owner), "name": owner, "slug": owner });
        workspace["links"] = json!({ "self": link(format!("{}/workspaces/{owner}", self.api)) });
        let rest = json!({
            "slug": record.name,
            "description": "",
            "scm": "git",
            "website": "",
            "is_private": record.private,
            "fork_policy": if record.private { "no_public_forks" } else { "allow_forks" },
            "language": "rust",
            "size": 191_411,
            "has_issues": has_issues,
            "has_wiki": false,
            "parent": null,
            "mainbranch": { "type": "branch", "name": "main" },
            "workspace": workspace,
            "owner": { "type": "team", "uuid": workspace_identity(owner), "username": owner, "display_name": owner },
            "project": { "type": "project", "uuid": identity("project", owner), "key": "PROJ", "name": "Project" },
            "created_on": written(moment(record.created_at, record.id)),
            "updated_on": written(moment(record.updated_at, record.id)),
        });
        for (key, value) in rest.as_object().into_iter().flatten() {
            repository[key] = value.clone();
        }
        repository["links"]["issues"] = link(format!("{}/repositories/{name}/issues", self.api));
        repository["links"]["pullrequests"] = link(format!("{}/repositories/{name}/pullrequests", self.api));
        repository
    }

    pub(super) fn issue(&self, record: &Record, issue: &Issue) -> Value {
        let (name, number) = (record.full_name(), issue.number);
        let url = format!("{}/repositories/{name}/issues/{number}", self.api);
        json!({
            "type": "issue",
            "id": number,
            "repository": self.mention(record),
            "title": issue.title,
            "content": rendered(issue),
            "state": issue_state(issue),
            "kind": kind(issue),
            "priority": priority(issue),
            "reporter": self.user(&issue.author),
            "assignee": issue.assignees.first().map(|login| self.user(login)),
            "component": null,
            "milestone": null,
            "version": null,
            "votes": 0,
            "watches": 1,
            "created_on": written(moment(issue.created_at, number)),
            "updated_on": written(moment(issue.updated_at, number)),
            "edited_on": null,
            "links": {
                "html": link(format!("{}/{name}/issues/{number}/{}", self.home, slug(&issue.title))),
                "comments": link(format!("{url}/comments")),
                "attachments": link(format!("{url}/attachments")),
                "watch": link(format!("{url}/watch")),
                "vote": link(format!("{url}/vote")),
                "self": link(url),
            },
        })
    }

    /// As lists have it: who reviews is told only where one is asked for.
    pub(super) fn pull_request(&self, record: &Record, pull: &Issue) -> Value {
        let (name, number, state) = (record.full_name(), pull.number, pull_request_state(pull));
        let url = format!("{}/repositories/{name}/pullrequests/{number}", self.api);
        let commit = |what: &str| json!({ "type": "commit", "hash": short_hash(&format!("{name} {what} {number}")) });
        let side = |branch: &str, what| json!({ "branch": { "name": branch }, "commit": commit(what), "repository": self.mention(record) });
        json!({
            "type": "pullrequest",
            "id": number,
            "title": pull.title,
            "description": pull.body.as_deref().unwrap_or_default(),
            "summary": rendered(pull),
            "state": state,
            "draft": false,
            "author": self.user(&pull.author),
            "closed_by": (state != "OPEN").then(|| self.user(&pull.author)),
            "merge_commit": pull.is_merged().then(|| commit("merge")),
            "close_source_branch": false,
            "reason": "",
            "comment_count": pull.comments,
            "task_count": 0,
            "source": side(&format!("change-{number}"), "head"),
            "destination": side("main", "base"),
            "created_on": written(moment(pull.created_at, number)),
            "updated_on": written(moment(pull.updated_at, number)),
            "links": {
                "html": link(format!("{}/{name}/pull-requests/{number}", self.home)),
                "comments": link(format!("{url}/comments")),
                "activity": link(format!("{url}/activity")),
                "diff": link(format!("{url}/diff")),
                "self": link(url),
            },
        })
    }
}

fn link(address: String) -> Value {
    json!({ "href": address })
}

/// The text as it was typed, and as a page would show it.
fn rendered(issue: &Issue) -> Value {
    let raw = issue.body.as_deref().unwrap_or_default();
    let text = raw.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let html = if text.is_empty() { text } else { format!("<p>{}</p>", text.replace("\n\n", "</p>\n<p>")) };
    json!({ "type": "rendered", "raw": raw, "markup": "markdown", "html": html })
}

fn slug(title: &str) -> String {
    let words = title.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

pub(super) fn repository_identity(record: &Record) -> String {
    identity("repository", &record.id.to_string())
}

pub(super) fn workspace_identity(owner: &str) -> String {
    identity("workspace", &owner.to_lowercase())
}

/// An identity in braces that looks like a random one and is the same each time.
fn identity(kind: &str, name: &str) -> String {
    let first = fingerprint(format!("{kind} {name}").bytes());
    let second = fingerprint(first.to_be_bytes());
    let (high, middle, low) = (first >> 32, first >> 16 & 0xffff, first & 0x0fff);
    format!("{{{high:08x}-{middle:04x}-4{low:03x}-a{:03x}-{:012x}}}", second >> 52, second & 0xffff_ffff_ffff)
}

fn short_hash(text: &str) -> String {
    format!("{:012x}", fingerprint(text.bytes()) & 0xffff_ffff_ffff)
}
