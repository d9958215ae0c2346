//! What can be said of an index along with a trigger, on either surface.

use pullcord_core::Error;
use pullcord_core::error::Complaint;
use pullcord_core::manage::{check_branches, check_ignored};
use pullcord_core::model::IndexOptions;

/// As a body says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct CodeAsked {
    pub(in super::super) incremental: Option<bool>,
    pub(in super::super) pull_remote: Option<bool>,
    pub(in super::super) remote: Option<String>,
    pub(in super::super) branch: Option<String>,
    pub(in super::super) branches: Option<Vec<String>>,
    pub(in super::super) ignore_patterns: Option<Vec<String>>,
}

impl CodeAsked {
    /// What it comes to, or all that is wrong with it, as far as that can be told without
    /// the source.
    pub(in super::super) fn options(self) -> Result<IndexOptions, Error> {
        let ignore_patterns = self.ignore_patterns.unwrap_or_default();
        let mut complaints = check_ignored(&ignore_patterns);
        let at_branch = |why: String| Complaint { at: "branch".to_owned(), why };
        let branches = match (self.branch, self.branches) {
            (Some(_), Some(_)) => {
                complaints.push(at_branch("is a branches of one: give one of the two".to_owned()));
                Vec::new()
            }
            (Some(branch), None) => {
                let one = vec![branch];
                complaints.extend(check_branches(&one).into_iter().map(|complaint| at_branch(complaint.why)));
                one
            }
            (None, branches) => {
                let branches = branches.unwrap_or_default();
                complaints.extend(check_branches(&branches));
                branches
            }
        };
        let incremental = self.incremental.unwrap_or(true);
        let pull_remote = self.pull_remote.unwrap_or_default();
        let options = IndexOptions { incremental, pull_remote, remote: self.remote, branches, ignore_patterns };
        if complaints.is_empty() { Ok(options) } else { Err(Error::Invalid(complaints)) }
    }
}
