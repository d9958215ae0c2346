//! One synced thing.

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::digest::short_name;

/// What kind of thing an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemType {
    Issue,
    Alert,
    PullRequest,
    Document,
    /// A record of a business system.
    Record,
}

impl ItemType {
    pub const ALL: [Self; 5] = [Self::Issue, Self::Alert, Self::PullRequest, Self::Document, Self::Record];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Alert => "alert",
            Self::PullRequest => "pull_request",
            Self::Document => "document",
            Self::Record => "record",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// An item in the one shape that all kinds share. What a kind does not have is
/// empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    #[serde(rename = "type")]
    pub kind: ItemType,
    /// `{provider}:{repository url}:{kind}:{provider's id}`, `document:{path}`, or
    /// `{provider}:{base url}:{entity}:{provider's id}`; empty of what somebody made by hand, until it is linked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub external_id: String,
    pub title: String,
    #[serde(default)]
    pub body: Option<String>,
    pub state: String,
    #[serde(default)]
    pub labels: Vec<String>,
    #[serde(default)]
    pub assignees: Vec<String>,
    #[serde(default)]
    pub author: Option<String>,
    #[serde(default)]
    pub url: Option<String>,
    #[serde(default)]
    pub severity: Option<String>,
    #[serde(default)]
    pub priority: Option<String>,
    #[serde(default)]
    pub created_at: Option<Moment>,
    #[serde(default)]
    pub updated_at: Option<Moment>,
    #[serde(default)]
    pub path: Option<String>,
    #[serde(default)]
    pub sha256: Option<String>,
    #[serde(default)]
    pub size: Option<u64>,
    /// Of a record: what it is one of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// Of a record: everything its system shows of it, a JSON object. It is kept as a
    /// text, so that no number loses a digit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<String>,
}

impl Item {
    /// An item of which nothing more is known.
    pub fn new(kind: ItemType, external_id: String, title: String, state: String) -> Self {
        Self {
            kind,
            external_id,
            title,
            body: None,
            state,
            labels: Vec::new(),
            assignees: Vec::new(),
            author: None,
            url: None,
            severity: None,
            priority: None,
            created_at: None,
            updated_at: None,
            path: None,
            sha256: None,
            size: None,
            entity: None,
            fields: None,
        }
    }

    /// Whether it is over: pull requests are either closed or merged.
    pub fn is_closed(&self) -> bool {
        matches!(self.state.as_str(), "closed" | "merged")
    }

    /// The id of an item follows from what it is outside, so that finding it
    /// again is a read by key and never a search.
    pub fn id(&self) -> String {
        short_name(&self.external_id)
    }

    /// Whether it is known here only: somebody made it by hand, and it is linked to
    /// nothing outside.
    pub fn is_by_hand(&self) -> bool {
        self.external_id.is_empty()
    }
}

/// A title as titles are compared: without white space around it and without regard
/// to capitals. To capitals and back again is as near to Unicode's full case folding
/// as the standard library comes: `ß` is `ss`, and a sigma is one wherever it
/// stands. Letters that are only composed differently stay different.
pub fn folded(title: &str) -> String {
    title.trim().to_uppercase().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S2.29, S2.87: which titles are the same.
    #[test]
    fn titles_are_compared_without_capitals_and_edges() {
        let same = [
            ("Fix the login", " fix THE login\t"),
            ("\u{a0}Fix\u{2003}", "fix"),
            ("Straße", "STRASSE"),
            ("ΟΔΟΣ", "οδος"),
            ("οδοσ", "οδος"),
            ("ÆØÅ", "æøå"),
            ("ﬁx", "FIX"),
            ("Ｆｉｘ", "ｆｉｘ"),
            ("修复登录", "修复登录"),
            ("🦀 Crab", "🦀 crab"),
        ];
        for (one, other) in same {
            assert_eq!(folded(one), folded(other), "{one:?} {other:?}");
        }
        let different = [
            ("Fix the login", "Fix  the login"),
            ("Fix the login", "Fix the login."),
            ("é", "e\u{301}"),
            ("Ｆｉｘ", "Fix"),
            ("resume", "résumé"),
            ("I", "ı\u{307}"),
        ];
        for (one, other) in different {
            assert_ne!(folded(one), folded(other), "{one:?} {other:?}");
        }
    }
}
