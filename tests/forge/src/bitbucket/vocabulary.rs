//! What Bitbucket calls things: the neutral issue's state, kind and priority in its words, and its way to write a moment.

use jiff::Timestamp;

use crate::issue::{Issue, IssueState};

/// An issue's `state_reason` that is one of these words is its state; other reasons are translated.
const ENDS: [&str; 5] = ["resolved", "invalid", "duplicate", "wontfix", "closed"];

pub(super) fn issue_state(issue: &Issue) -> &'static str {
    let reason = issue.state_reason.as_deref();
    match (issue.state, reason) {
        (IssueState::Open, Some("on hold")) => "on hold",
        (IssueState::Open, Some("new")) => "new",
        (IssueState::Open, Some(_)) => "open",
        (IssueState::Open, None) => {
            if issue.assignees.is_empty() {
                "new"
            } else {
                "open"
            }
        }
        (IssueState::Closed, None | Some("completed")) => "resolved",
        (IssueState::Closed, Some("not_planned")) => "wontfix",
        (IssueState::Closed, Some(reason)) => ENDS.into_iter().find(|end| *end == reason).unwrap_or("closed"),
    }
}

pub(super) fn pull_request_state(pull: &Issue) -> &'static str {
    match (pull.state, pull.state_reason.as_deref()) {
        (IssueState::Open, _) => "OPEN",
        (IssueState::Closed, Some("superseded")) => "SUPERSEDED",
        (IssueState::Closed, _) if pull.is_merged() => "MERGED",
        (IssueState::Closed, _) => "DECLINED",
    }
}

/// There are no labels at Bitbucket; those that name a kind do.
pub(super) fn kind(issue: &Issue) -> &'static str {
    let kinds = [("bug", "bug"), ("enhancement", "enhancement"), ("proposal", "proposal"), ("task", "task"), ("maintenance", "task")];
    let named = kinds.into_iter().find(|(label, _)| issue.labels.iter().any(|one| one == label));
    named.map_or("bug", |(_, kind)| kind)
}

/// From a label like `priority: high`.
pub(super) fn priority(issue: &Issue) -> &'static str {
    match issue.labels.iter().find_map(|label| label.strip_prefix("priority: ")) {
        Some("trivial") => "trivial",
        Some("minor" | "low") => "minor",
        Some("critical" | "high") => "critical",
        Some("blocker") => "blocker",
        _ => "major",
    }
}

/// Bitbucket keeps time to the microsecond. The forge keeps seconds, so the number goes where the microseconds are:
/// what happened in one second is then told apart, in the order in which lists have it.
pub(super) fn moment(at: Timestamp, number: u64) -> Timestamp {
    let micros = (number % 1_000_000) as i32;
    Timestamp::new(at.as_second(), micros * 1_000).unwrap_or(at)
}

pub(super) fn written(moment: Timestamp) -> String {
    format!("{}.{:06}+00:00", moment.strftime("%Y-%m-%dT%H:%M:%S"), moment.subsec_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_795_176_000, 0);

    fn issue(state: IssueState, reason: Option<&str>) -> Issue {
        let mut issue = Issue { state, state_reason: reason.map(str::to_owned), ..Issue::blank(7, NOW) };
        issue.settle();
        issue
    }

    #[test]
    fn every_state_can_be_had() {
        let table = [
            (IssueState::Open, None, "new"),
            (IssueState::Open, Some("new"), "new"),
            (IssueState::Open, Some("reopened"), "open"),
            (IssueState::Open, Some("on hold"), "on hold"),
            (IssueState::Closed, None, "resolved"),
            (IssueState::Closed, Some("not_planned"), "wontfix"),
            (IssueState::Closed, Some("invalid"), "invalid"),
            (IssueState::Closed, Some("duplicate"), "duplicate"),
            (IssueState::Closed, Some("wontfix"), "wontfix"),
            (IssueState::Closed, Some("closed"), "closed"),
            (IssueState::Closed, Some("for no reason"), "closed"),
        ];
        for (state, reason, expected) in table {
            assert_eq!(issue_state(&issue(state, reason)), expected, "{state:?} {reason:?}");
        }
        let assigned = Issue { assignees: vec!["benl".to_owned()], ..issue(IssueState::Open, None) };
        assert_eq!(issue_state(&assigned), "open");
    }

    #[test]
    fn a_moment_has_six_digits_and_an_offset() {
        assert_eq!(written(moment(NOW, 7)), "2026-11-20T12:00:00.000007+00:00");
        assert_eq!(written(moment(NOW, 123_456)), "2026-11-20T12:00:00.123456+00:00");
    }
}
