//! An issue as every forge knows it, in no provider's words. The dialects render it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssueState {
    Open,
    Closed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Counted from 1 in each repository and never used again; a change made to it in a closure is ignored.
    pub number: u64,
    pub title: String,
    pub body: Option<String>,
    pub state: IssueState,
    /// Also says which of Bitbucket's states it is in: a word of theirs is shown as it is.
    pub state_reason: Option<String>,
    pub labels: Vec<String>,
    pub assignees: Vec<String>,
    pub author: String,
    pub comments: u64,
    pub pull_request: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    /// Grows with every write anywhere, so that an entity tag can be told without rendering.
    pub(crate) revision: u64,
}

impl Issue {
    pub(crate) fn blank(number: u64, now: Timestamp) -> Self {
        Self {
            number,
            title: format!("Issue {number}"),
            body: None,
            state: IssueState::Open,
            state_reason: None,
            labels: Vec::new(),
            assignees: Vec::new(),
            author: "octo-demo".to_owned(),
            comments: 0,
            pull_request: false,
            created_at: now,
            updated_at: now,
            closed_at: None,
            revision: 0,
        }
    }

    /// A pull request that was closed is merged, unless its `state_reason` is `declined`, `superseded` or `not_planned`.
    pub(crate) fn is_merged(&self) -> bool {
        let refused = matches!(self.state_reason.as_deref(), Some("declined" | "superseded" | "not_planned"));
        self.pull_request && self.state == IssueState::Closed && !refused
    }

    /// Makes the fields agree with each other after a writer has set some of them.
    pub(crate) fn settle(&mut self) {
        match self.state {
            IssueState::Open => self.closed_at = None,
            IssueState::Closed => {
                self.closed_at.get_or_insert(self.updated_at);
                if !self.pull_request {
                    self.state_reason.get_or_insert_with(|| "completed".to_owned());
                }
            }
        }
        // The last two are states of their own at Bitbucket.
        if self.state == IssueState::Open && !matches!(self.state_reason.as_deref(), Some("reopened" | "new" | "on hold")) {
            self.state_reason = None;
        }
        self.created_at = whole_seconds(self.created_at);
        self.updated_at = whole_seconds(self.updated_at);
        self.closed_at = self.closed_at.map(whole_seconds);
    }
}

/// Forges keep time to the second; two edits within one are not told apart by it.
pub(crate) fn whole_seconds(timestamp: Timestamp) -> Timestamp {
    Timestamp::from_second(timestamp.as_second()).unwrap_or(timestamp)
}
