//! What the commands read of the API's replies. Fields that are not there are
//! as good as empty, so that a client and a server of different age understand
//! each other.

use pullcord_core::clock::Moment;
use serde::Deserialize;
use serde_json::Value;

use crate::failure::Failure;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Run {
    pub id: String,
    pub workspace: String,
    pub source: Option<String>,
    pub work: String,
    pub status: String,
    pub status_reason: Option<String>,
    pub position: Option<u64>,
    pub trigger: String,
    pub triggered_by: String,
    pub created_at: String,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub resumes_at: Option<String>,
    pub progress: Progress,
    pub results: Results,
    pub estimated_completion: Option<String>,
    pub error: Option<Trouble>,
    pub warnings: Vec<Trouble>,
    pub children: Option<Children>,
    pub version: u64,
    /// Of an answer to a trigger.
    pub outcome: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Progress {
    pub percentage: Option<u64>,
    pub processed: u64,
    pub total: Option<u64>,
    pub unit: String,
    pub stage: Option<String>,
    pub current: Option<String>,
    pub page: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Results {
    pub created: u64,
    pub updated: u64,
    pub skipped: u64,
    pub deleted: u64,
    pub held_deletions: u64,
    pub failed: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Trouble {
    pub code: String,
    pub message: String,
    #[serde(rename = "where")]
    pub at: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Children {
    pub total: u64,
    pub done: u64,
    pub failed: u64,
}

/// A source that a workspace run took in.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Child {
    pub source: String,
    pub run: Option<Run>,
    pub own: bool,
    pub refused: Option<Trouble>,
}

impl Run {
    pub fn read(body: &Value) -> Result<Self, Failure> {
        Self::deserialize(body).map_err(|why| {
            Failure::unreachable(format!("the answer is no run that this version understands ({why})"), Some("update this program"))
        })
    }

    pub fn has_ended(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "completed_with_warnings" | "failed" | "cancelled")
    }

    pub fn is_well(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "completed_with_warnings")
    }

    /// What it is a run of.
    pub fn subject(&self) -> &str {
        self.source.as_deref().unwrap_or(&self.workspace)
    }

    pub fn is_of_workspace(&self) -> bool {
        self.source.is_none()
    }
}

/// A time of a reply.
pub fn at(text: Option<&str>) -> Option<Moment> {
    text.and_then(Moment::parse)
}

/// A field that is text.
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The entries of a list.
pub fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map(Vec::as_slice).unwrap_or_default()
}
