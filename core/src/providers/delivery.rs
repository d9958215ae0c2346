//! What a forge sends by itself: a delivery of its webhook.
//!
//! Whether it is genuine is judged over the very bytes that came, before any of
//! them is read. What it says of the things that changed is not taken from it: it
//! only tells that something did, and the run that it starts asks the forge.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::Unreadable;
use crate::digest::{from_hex, hmac_sha256, is_same_secret, sha256_hex};
use crate::model::Stream;

/// The longest id or event that a forge is believed to give.
const LONGEST_NAME: usize = 200;

/// A delivery as it came. Header names are in lower case. Printing one shows nothing
/// of it: a header may be the secret itself.
#[derive(Clone, Default)]
pub struct Sent {
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl fmt::Debug for Sent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sent({} bytes)", self.body.len())
    }
}

/// A genuine delivery, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The same each time that the forge sends it.
    pub id: String,
    /// In the forge's own words.
    pub event: String,
    /// Of which repository it is, if it says so.
    pub repository: Option<Named>,
    /// What may have changed. None for a ping, and for what no stream lists.
    pub concerns: Option<Stream>,
}

/// A repository as its forge calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// It stays when the name changes.
    pub id: Option<String>,
    pub name: String,
}

/// Whose delivery it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The repository that was configured.
    Configured,
    /// The same one under another name.
    Renamed,
    Foreign,
}

impl Named {
    /// Whether this is the repository `configured`, which deliveries said is known by
    /// the id `known`. Forges do not tell the case of names apart.
    pub fn origin(&self, configured: &str, known: Option<&str>) -> Origin {
        let id = self.id.as_deref();
        if self.name.eq_ignore_ascii_case(configured) || id == Some(configured) {
            Origin::Configured
        } else if id.is_some() && id == known {
            Origin::Renamed
        } else {
            Origin::Foreign
        }
    }

    /// As a body tells it in these two fields of one object.
    pub(super) fn of(repository: &Value, id: &str, name: &str) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|number| number.to_string()));
        Some(Self { id: text(&repository[id]).filter(|id| id.len() <= LONGEST_NAME), name: text(&repository[name])? })
    }
}

impl Sent {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Whether a header has the body's signature, as `sha256=` and hexadecimal digits.
    pub(super) fn is_signed(&self, header: &str, secret: &str) -> bool {
        let signature = self.header(header).and_then(|value| from_hex(value.strip_prefix("sha256=")?));
        signature.is_some_and(|signature| is_same_secret(&signature, &hmac_sha256(secret.as_bytes(), &[&self.body])))
    }

    /// A name that a header must have.
    pub(super) fn name(&self, header: &'static str) -> Result<String, Unreadable> {
        let plain = |name: &&str| (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        let name = self.header(header).map(str::trim).filter(plain);
        name.map(str::to_owned).ok_or_else(|| Unreadable(format!("is no delivery: the header {header} is missing, or is not a name")))
    }

    /// The body as JSON. A form has it in its field `payload`.
    pub(super) fn json(&self) -> Result<Value, Unreadable> {
        let is_form = self.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let form = if is_form { url::form_urlencoded::parse(&self.body).find(|(name, _)| name == "payload") } else { None };
        let read = match &form {
            Some((_, payload)) => serde_json::from_str(payload),
            None => serde_json::from_slice(&self.body),
        };
        match read {
            Ok(body @ Value::Object(_)) => Ok(body),
            Ok(_) => Err(Unreadable("is not a JSON object".to_owned())),
            Err(why) => Err(Unreadable(format!("is not JSON: {why}"))),
        }
    }

    /// What the body is known by, where nothing better is.
    pub(super) fn digest(&self) -> String {
        sha256_hex(&self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(id: Option<&str>, name: &str) -> Named {
        Named { id: id.map(str::to_owned), name: name.to_owned() }
    }

    /// A repository that was renamed is known by its id, once a delivery told it.
    #[test]
    fn a_repository_is_known_by_its_name_or_by_its_id() {
        for (delivered, known, expected) in [
            (named(Some("7"), "acme/web"), None, Origin::Configured),
            (named(None, "Acme/Web"), Some("8"), Origin::Configured),
            // Made anew under the same name.
            (named(Some("9"), "acme/web"), Some("7"), Origin::Configured),
            (named(Some("7"), "acme/site"), Some("7"), Origin::Renamed),
            (named(Some("7"), "acme/site"), None, Origin::Foreign),
            (named(Some("8"), "acme/site"), Some("7"), Origin::Foreign),
            (named(None, "acme/site"), None, Origin::Foreign),
            (named(None, "acme/web2"), Some("7"), Origin::Foreign),
        ] {
            assert_eq!(delivered.origin("acme/web", known), expected, "{delivered:?} {known:?}");
        }
        assert_eq!(named(Some("42"), "group/web").origin("42", None), Origin::Configured);
    }

    #[test]
    fn nothing_of_a_delivery_is_printed() {
        let headers = BTreeMap::from([("x-gitlab-token".to_owned(), "canary".to_owned())]);
        let sent = Sent { headers, body: b"canary".to_vec() };
        assert_eq!(format!("{sent:?}"), "Sent(6 bytes)");
    }
}
