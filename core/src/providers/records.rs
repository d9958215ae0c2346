//! Records of business systems. What they are made of is for those systems to say: a
//! record is taken as it is shown, and only its id has to be understood.
//!
//! Its fields are kept as they were sent, in the order of their names: so a record that
//! did not change is the same text each time, and no amount loses a digit.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{Rejected, Surprise};
use crate::clock::Moment;
use crate::model::{Item, ItemType};

/// The largest record that is kept: a row of the table has its limits.
const LARGEST: usize = 200_000;
/// As much of a name as is a title.
const LONGEST_TITLE: usize = 500;

/// One record, as it was sent.
pub(super) struct Record {
    fields: BTreeMap<String, Box<RawValue>>,
    surprises: Vec<String>,
}

impl Record {
    pub(super) fn read(raw: &RawValue) -> Result<Self, String> {
        let fields = serde_json::from_str(raw.get()).map_err(|_| "it is no record".to_owned())?;
        Ok(Self { fields, surprises: Vec::new() })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }

    /// What a field says, if it is a text.
    pub(super) fn said(&self, name: &str) -> Option<String> {
        serde_json::from_str::<String>(self.fields.get(name)?.get()).ok()
    }

    /// A whole number or a plain word, which is all that an id can be.
    pub(super) fn id(&self, name: &str) -> Option<String> {
        id_of(self.fields.get(name)?)
    }

    /// A text that is not empty. That a field is something else by now is a surprise.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let raw = self.fields.get(name).filter(|raw| raw.get() != "null")?;
        let Ok(text) = serde_json::from_str::<String>(raw.get()) else {
            self.surprises.push(format!("its {name} is no text"));
            return None;
        };
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A time, as `read` reads it.
    pub(super) fn moment(&mut self, name: &str, read: fn(&str) -> Option<Moment>) -> Option<Moment> {
        let text = self.text(name)?;
        let moment = read(&text);
        if moment.is_none() {
            self.surprises.push(format!("its {name} is no time"));
        }
        moment
    }

    /// A whole number.
    pub(super) fn number(&mut self, name: &str) -> Option<i64> {
        let raw = self.fields.get(name).filter(|raw| raw.get() != "null")?;
        let number = serde_json::from_str(raw.get()).ok();
        if number.is_none() {
            self.surprises.push(format!("its {name} is no number"));
        }
        number
    }

    /// The item that it is, and what is surprising about it.
    pub(super) fn item(self, prefix: &str, id: &str, facts: Facts) -> Result<(Item, Vec<Surprise>), String> {
        let entity = prefix.rsplit_once(':').map_or(prefix, |(_, entity)| entity).to_owned();
        let shown: Vec<String> = self
            .fields
            .iter()
            .filter(|(name, _)| !name.starts_with('@'))
            .map(|(name, value)| format!("{}:{}", serde_json::Value::from(name.as_str()), value.get()))
            .collect();
        let fields = format!("{{{}}}", shown.join(","));
        if fields.len() > LARGEST {
            return Err(format!("it has more than {LARGEST} bytes"));
        }
        let which = format!("{entity} {id}");
        let title = facts.title.unwrap_or_else(|| which.clone()).chars().take(LONGEST_TITLE).collect();
        let item = Item {
            created_at: facts.created_at,
            updated_at: facts.updated_at,
            url: facts.url,
            entity: Some(entity),
            fields: Some(fields),
            ..Item::new(ItemType::Record, format!("{prefix}:{id}"), title, facts.state.to_owned())
        };
        let surprises = self.surprises.into_iter().map(|what| Surprise { which: which.clone(), what });
        Ok((item, surprises.collect()))
    }
}

/// What of a record has a place of its own in an item.
pub(super) struct Facts {
    pub(super) title: Option<String>,
    pub(super) state: &'static str,
    pub(super) created_at: Option<Moment>,
    pub(super) updated_at: Option<Moment>,
    pub(super) url: Option<String>,
}

pub(super) fn id_of(raw: &RawValue) -> Option<String> {
    let text = serde_json::from_str::<String>(raw.get()).unwrap_or_else(|_| raw.get().to_owned());
    let is_text = raw.get().starts_with('"');
    let fits = |byte: u8| byte.is_ascii_digit() || (is_text && (byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    let longest = if is_text { 100 } else { 20 };
    (!text.is_empty() && text.len() <= longest && text.bytes().all(fits)).then_some(text)
}

/// An entry that is no record, as it is named.
pub(super) fn rejected(entity: &str, position: usize, id: Option<String>, why: String) -> Rejected {
    let which = id.as_ref().map_or_else(|| format!("entry {position} of {entity}"), |id| format!("{entity} {id}"));
    Rejected { id, which, why }
}
