//! What a source's provider lists: each kind of thing is a stream, with a place, a
//! watermark and warnings of its own.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What the name of a stream that is an entity begins with.
const PREFIX: &str = "entity:";
/// The longest name of an entity.
const LONGEST: usize = 100;

/// One kind of thing a provider lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    Issues,
    /// What is known to be unsafe: alerts, vulnerabilities, findings.
    Alerts,
    PullRequests,
    /// Records of a business system, of a kind that whoever made the source named. No
    /// forge is ever asked for one.
    Entity(EntityName),
}

impl Stream {
    /// Those that repositories have. Entities have no end.
    pub const ALL: [Self; 3] = [Self::Issues, Self::Alerts, Self::PullRequests];

    pub fn as_str(&self) -> &str {
        match self {
            Self::Issues => "issues",
            Self::Alerts => "alerts",
            Self::PullRequests => "pull_requests",
            Self::Entity(name) => name.stream(),
        }
    }

    /// What people call it.
    pub fn label(&self) -> &str {
        self.entity().unwrap_or(self.as_str())
    }

    /// The entity that it is of, if it is one.
    pub fn entity(&self) -> Option<&str> {
        match self {
            Self::Entity(name) => Some(name.as_str()),
            Self::Issues | Self::Alerts | Self::PullRequests => None,
        }
    }

    /// The stream of that name.
    pub fn parse(text: &str) -> Option<Self> {
        let entity = || text.strip_prefix(PREFIX).and_then(|name| EntityName::parse(name).ok()).map(Self::Entity);
        Self::ALL.into_iter().find(|stream| stream.as_str() == text).or_else(entity)
    }
}

impl Serialize for Stream {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Stream {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom(format!("there is no stream {text}")))
    }
}

/// The name of an entity: one that GraphQL and OData take as it is. It is short and
/// kept in place, so that a stream is as plain a value as it always was.
#[derive(Clone, Copy)]
pub struct EntityName {
    length: u8,
    /// The name as that of a stream, which begins with [`PREFIX`].
    bytes: [u8; PREFIX.len() + LONGEST],
}

impl EntityName {
    /// Reads a name, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let first = text.bytes().next().unwrap_or_default();
        let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_plain || text.len() > LONGEST || !(first.is_ascii_alphabetic() || first == b'_') || text.starts_with("__") {
            return Err(format!(
                "must be 1 to {LONGEST} letters, digits and underscores, and begin with a letter or one underscore, as projects does"
            ));
        }
        let mut bytes = [0; PREFIX.len() + LONGEST];
        let length = PREFIX.len() + text.len();
        bytes[..PREFIX.len()].copy_from_slice(PREFIX.as_bytes());
        bytes[PREFIX.len()..length].copy_from_slice(text.as_bytes());
        Ok(Self { length: length as u8, bytes })
    }

    pub fn as_str(&self) -> &str {
        &self.stream()[PREFIX.len()..]
    }

    fn stream(&self) -> &str {
        // It was plain text when it was made.
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or(PREFIX)
    }
}

impl PartialEq for EntityName {
    fn eq(&self, other: &Self) -> bool {
        self.stream() == other.stream()
    }
}

impl Eq for EntityName {}

impl PartialOrd for EntityName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for EntityName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.stream().cmp(other.stream())
    }
}

impl Hash for EntityName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.stream().hash(state);
    }
}

impl fmt::Debug for EntityName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What rows say already is read as it was written.
    #[test]
    fn a_stream_is_stored_by_its_name() {
        for (stream, name) in Stream::ALL.into_iter().zip(["issues", "alerts", "pull_requests"]) {
            assert_eq!(serde_json::to_string(&stream).unwrap(), format!("\"{name}\""));
            assert_eq!(serde_json::from_str::<Stream>(&format!("\"{name}\"")).unwrap(), stream);
        }
        let projects = Stream::Entity(EntityName::parse("projects").unwrap());
        assert_eq!(serde_json::to_string(&projects).unwrap(), "\"entity:projects\"");
        assert_eq!(serde_json::from_str::<Stream>("\"entity:projects\"").unwrap(), projects);
        assert_eq!((projects.entity(), projects.label(), projects.as_str()), (Some("projects"), "projects", "entity:projects"));
        assert_ne!(projects, Stream::Entity(EntityName::parse("project").unwrap()));
        for text in ["stars", "projects", "entity:", "entity:a b", ""] {
            assert!(Stream::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_name_of_an_entity_needs_no_quotes_anywhere() {
        let longest = "e".repeat(100);
        for name in ["projects", "glObject1", "cr123_books", "_new", "X", &longest] {
            assert_eq!(EntityName::parse(name).unwrap().as_str(), name);
        }
        let long = "e".repeat(101);
        for name in ["", "1st", "a b", "a-b", "a/b", "a?$top=1", "a(1)", "a{b}", "ä", "a\n", "a\0", "__schema", "projects\u{202e}", &long]
        {
            assert!(EntityName::parse(name).is_err(), "{name:?}");
        }
    }
}
