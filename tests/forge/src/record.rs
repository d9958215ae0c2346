//! One repository's data. Every write goes through here, so that the index is never behind the issues.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::{
    alert::Alerts,
    credentials::Caller,
    index::Index,
    issue::{Issue, IssueState, whole_seconds},
    vulnerability::Security,
};

/// Identities begin here and are far apart, as they are where millions of repositories are made.
pub(crate) const FIRST_ID: u64 = 724_712_003;
pub(crate) const ID_STEP: u64 = 7_919;

/// Above this many rows the real forge refuses page numbers that a client makes up.
const LARGE: u64 = 10_000;

pub(crate) struct Record {
    pub(crate) id: u64,
    pub(crate) owner: String,
    pub(crate) name: String,
    pub(crate) private: bool,
    /// The logins or tokens that may see it while it is private; empty is everyone signed in.
    pub(crate) readers: BTreeSet<String>,
    pub(crate) archived: bool,
    pub(crate) has_issues: bool,
    pub(crate) large_above: u64,
    pub(crate) links_by_cursor: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) index: Index,
    /// Issues and pull requests apart, in this order, as most forges list them.
    by_kind: [Index; 2],
    pub(crate) security: Security,
    pub(crate) alerts: Alerts,
    /// By number, from 1; a deleted issue leaves a hole, because its number answers "gone" ever after.
    issues: Vec<Option<Issue>>,
}

impl Record {
    pub(crate) fn new(id: u64, full_name: &str, now: Timestamp) -> Self {
        let (owner, name) = full_name.split_once('/').unwrap_or(("acme", full_name));
        Self {
            id,
            owner: owner.to_owned(),
            name: name.to_owned(),
            private: false,
            readers: BTreeSet::new(),
            archived: false,
            has_issues: true,
            large_above: LARGE,
            links_by_cursor: false,
            created_at: whole_seconds(now),
            updated_at: whole_seconds(now),
            index: Index::default(),
            by_kind: Default::default(),
            security: Security::default(),
            alerts: Alerts::default(),
            issues: Vec::new(),
        }
    }

    pub(crate) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// Which repository of this forge it is, counted from 0.
    pub(crate) fn ordinal(&self) -> u64 {
        self.id.saturating_sub(FIRST_ID) / ID_STEP
    }

    pub(crate) fn is_visible_to(&self, caller: &Caller) -> bool {
        !self.private
            || caller.login().is_some_and(|login| {
                self.readers.is_empty() || self.readers.contains(login) || caller.token().is_some_and(|token| self.readers.contains(token))
            })
    }

    /// The orders of the pull requests alone, or of the issues alone.
    pub(crate) fn index_of(&self, pull_requests: bool) -> &Index {
        &self.by_kind[usize::from(pull_requests)]
    }

    pub(crate) fn issue(&self, number: u64) -> Option<&Issue> {
        self.issues.get(usize::try_from(number.checked_sub(1)?).ok()?)?.as_ref()
    }

    pub(crate) fn issues(&self) -> impl Iterator<Item = &Issue> {
        self.issues.iter().flatten()
    }

    /// Whether the number was given out once and its issue is no more.
    pub(crate) fn is_deleted(&self, number: u64) -> bool {
        (1..self.next_number()).contains(&number) && self.issue(number).is_none()
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.issues.len() as u64 + 1
    }

    pub(crate) fn add(&mut self, fill: impl FnOnce(&mut Issue), now: Timestamp, revision: u64) -> u64 {
        let number = self.next_number();
        let mut issue = Issue::blank(number, now);
        fill(&mut issue);
        issue.number = number;
        issue.revision = revision;
        issue.settle();
        self.index.insert(&issue);
        self.by_kind[usize::from(issue.pull_request)].insert(&issue);
        self.issues.push(Some(issue));
        number
    }

    /// Takes issues that are numbered on from [`Self::next_number`].
    pub(crate) fn append(&mut self, issues: Vec<Issue>) {
        self.index.extend(issues.iter());
        for (index, pull_requests) in self.by_kind.iter_mut().zip([false, true]) {
            index.extend(issues.iter().filter(|issue| issue.pull_request == pull_requests));
        }
        self.issues.extend(issues.into_iter().map(Some));
    }

    /// `updated_at` is the clock's before the closure sees the issue, so that a closure may set another.
    pub(crate) fn edit(&mut self, number: u64, change: impl FnOnce(&mut Issue), now: Timestamp, revision: u64) -> bool {
        let Some(mut issue) = self.take(number) else {
            return false;
        };
        issue.updated_at = now;
        change(&mut issue);
        issue.number = number;
        issue.revision = revision;
        issue.settle();
        self.index.insert(&issue);
        self.by_kind[usize::from(issue.pull_request)].insert(&issue);
        self.issues[number as usize - 1] = Some(issue);
        true
    }

    pub(crate) fn close(&mut self, number: u64, now: Timestamp, revision: u64) -> bool {
        self.edit(number, |issue| issue.state = IssueState::Closed, now, revision)
    }

    pub(crate) fn delete(&mut self, number: u64) -> bool {
        self.take(number).is_some()
    }

    fn take(&mut self, number: u64) -> Option<Issue> {
        let place = usize::try_from(number.checked_sub(1)?).ok()?;
        let issue = self.issues.get_mut(place)?.take()?;
        self.index.remove(&issue);
        self.by_kind[usize::from(issue.pull_request)].remove(&issue);
        Some(issue)
    }
}
