//! What is wrong with what somebody says of a repository whose code is to be indexed.

use gix::bstr::BStr;
use url::Url;

use super::check::Check;
use super::sources::GitGiven;
use crate::documents::{self, Unusable};
use crate::error::Complaint;
use crate::http::{Allowed, judge_address};
use crate::model::CURRENT;

/// Branches of one source: each has rows of its own.
const MOST_BRANCHES: usize = 20;
const LONGEST_BRANCH: usize = 200;
const MOST_PATTERNS: usize = 100;
const LONGEST_PATTERN: usize = 200;

impl Check<'_> {
    pub(super) fn git(&mut self, given: &GitGiven) {
        if let Some(remote) = given.remote.as_ref().filter(|remote| !is_remote(remote)) {
            self.complain("git.remote", format!("\"{remote}\" is no name of a remote"));
        }
        if given.url.starts_with('/') {
            return self.folder(&given.url);
        }
        let Ok(url) = Url::parse(&given.url) else {
            return self.complain("git.url", "must be an address like https://github.com/acme/web.git, or an absolute path");
        };
        if !matches!(url.scheme(), "https" | "http") {
            return self.complain("git.url", format!("{} is not spoken here: give the address that git clones over HTTPS", url.scheme()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            self.complain("git.url", "must have no query or fragment");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return self.complain("git.url", "must have no user or password: give them as the credential, as user:password");
        }
        if let Err(what) = judge_address(&url, &Allowed::for_sources(&self.plane.config)) {
            self.complain("git.url", format!("may not be reached: {what}; an operator can list it in PULLCORD_ALLOW_HOSTS"));
        }
    }

    /// One that is not there may come yet; one outside the allowed folders never will do.
    fn folder(&mut self, path: &str) {
        let roots = &self.plane.config.git_roots;
        if roots.is_empty() {
            self.complain("git.url", "this deployment allows no folders: an operator can mount one and list it in PULLCORD_GIT_ROOTS");
        } else if path.contains('\0') {
            self.complain("git.url", "has a character that no path can have");
        } else if documents::resolve(path, roots) == Err(Unusable::NotAllowed) {
            self.complain("git.url", "does not lie under the folders that PULLCORD_GIT_ROOTS allows");
        }
    }

    pub(super) fn branches(&mut self, names: &[String]) {
        self.complaints.extend(check_branches(names));
    }

    pub(super) fn ignored(&mut self, patterns: &[String]) {
        self.complaints.extend(check_ignored(patterns));
    }
}

fn is_remote(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=100).contains(&name.len()) && name.bytes().all(plain)
}

/// What is wrong with names of branches.
pub fn check_branches(names: &[String]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut complain = |at: String, why: String| complaints.push(Complaint { at, why });
    if names.len() > MOST_BRANCHES {
        complain("branches".to_owned(), format!("must be at most {MOST_BRANCHES}"));
    }
    for (place, name) in names.iter().enumerate() {
        let at = format!("branches[{place}]");
        if names[..place].contains(name) {
            complain(at, format!("names {name} twice"));
        } else if name != CURRENT && !is_branch(name) {
            complain(at, format!("\"{name}\" is no name of a branch"));
        }
    }
    complaints
}

fn is_branch(name: &str) -> bool {
    let full = format!("refs/heads/{name}");
    name.len() <= LONGEST_BRANCH && gix::validate::reference::name(BStr::new(&full)).is_ok()
}

/// What is wrong with patterns of what is left out.
pub fn check_ignored(patterns: &[String]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    if patterns.len() > MOST_PATTERNS {
        complaints.push(Complaint { at: "ignore_patterns".to_owned(), why: format!("must be at most {MOST_PATTERNS}") });
    }
    for (place, pattern) in patterns.iter().enumerate() {
        if pattern.len() > LONGEST_PATTERN || pattern.chars().any(char::is_control) {
            let why = format!("must be at most {LONGEST_PATTERN} bytes without control characters");
            complaints.push(Complaint { at: format!("ignore_patterns[{place}]"), why });
        }
    }
    complaints
}
