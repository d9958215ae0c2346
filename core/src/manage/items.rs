//! Items that people make by hand, and link to what a forge has.
//!
//! Whoever may sync a repository may do both. A sync that meets the same entry at
//! the same moment is no danger: both write on the condition that the item is not
//! linked yet, and whoever comes second looks again.

use super::{all_well, line};
use crate::digest::short_name;
use crate::error::{Complaint, Error};
use crate::model::{ExternalId, Item, ItemType, ProjectId, Right, Source, SourceId, Stream};
use crate::plane::Plane;
use crate::providers;
use crate::status::{self, Looked};
use crate::store::items::{KeyedItem, StoredItem, UnreadLink};
use crate::store::{Handled, ItemFilter, conditions, keys};
use crate::trigger::{Asker, IdempotencyKey};

/// How often somebody else may come first before it is given up.
const TRIES: usize = 16;
/// Items of one title that wait to be linked: their pointer is one row.
const MOST_NAMESAKES: usize = 100;
/// What forges take for an issue, or more.
const LONGEST_TITLE: usize = 512;
const LONGEST_BODY: usize = 65_536;
const MOST_LABELS: usize = 100;
const LONGEST_LABEL: usize = 100;
/// Items among which one is sought that shows the address of its repository.
const SHOWN: usize = 100;

/// An item that somebody wants to make.
#[derive(Clone, Debug, Default)]
pub struct NewItem {
    pub title: String,
    pub body: Option<String>,
    pub labels: Vec<String>,
}

/// An item that was made.
#[derive(Debug)]
pub enum Made {
    Now(Box<StoredItem>),
    /// The same request made it before.
    Before(Box<StoredItem>),
}

impl Made {
    pub fn item(self) -> StoredItem {
        match self {
            Self::Now(item) | Self::Before(item) => *item,
        }
    }
}

/// Makes an item by hand.
pub async fn make_item(
    plane: &Plane,
    asker: &Asker,
    project: &ProjectId,
    source: &SourceId,
    new: NewItem,
    key: Option<IdempotencyKey>,
) -> Result<Made, Error> {
    let new = checked(new)?;
    let now = plane.clock.now();
    let id = short_name(&plane.chance.id(now).to_string());
    for _ in 0..TRIES {
        let looked = may_change(plane, asker, project, source).await?;
        if let Some(key) = &key
            && let Some(used) = plane.store.keyed_item(&key.scope, now).await?
        {
            if used.body_hash != key.body_hash {
                return Err(Error::IdempotencyMismatch);
            }
            let made = plane.store.item(&used.source, &used.item).await?;
            return Ok(Made::Before(Box::new(made.ok_or(Error::NotFound("item"))?)));
        }
        let namesakes = plane.store.namesakes(source, &new.title).await?;
        if namesakes.pointer.items.len() >= MOST_NAMESAKES {
            return Err(Error::Conflict(format!("{MOST_NAMESAKES} items of this title were made by hand and are linked to nothing yet")));
        }
        let item = Item {
            body: new.body.clone(),
            labels: new.labels.clone(),
            author: Some(asker.user().to_string()),
            created_at: Some(now),
            updated_at: Some(now),
            ..Item::new(ItemType::Issue, String::new(), new.title.clone(), "open".to_owned())
        };
        let made = StoredItem { item, id: Some(id.clone()), source: source.clone(), synced_at: None, run: None };
        let keyed = key.as_ref().map(|key| {
            let (body_hash, expires_at) = (key.body_hash.clone(), now.plus(plane.config.keep_keys));
            (key.scope.as_str(), KeyedItem { item: id.clone(), source: source.clone(), body_hash, expires_at })
        });
        let facts = [("source", source.to_string()), ("item", id.clone())];
        let also = vec![as_read(&looked.source), line(plane, &looked.source.workspace, asker.user(), "item.made", facts)?];
        match plane.store.make_by_hand(&made, &namesakes, keyed, also, now).await? {
            Handled::Done => return Ok(Made::Now(Box::new(made))),
            Handled::Again | Handled::Taken(_) => {}
        }
    }
    Err(crowded())
}

/// Links an item that was made by hand to an entry of the forge. The next sync asks
/// for that entry, whether it changed or not.
pub async fn link_item(
    plane: &Plane,
    asker: &Asker,
    project: &ProjectId,
    source: &SourceId,
    id: &str,
    external_id: &str,
) -> Result<StoredItem, Error> {
    let wrong = |why: String| Error::invalid("externalId", why);
    let given = ExternalId::parse(external_id).map_err(wrong)?;
    for _ in 0..TRIES {
        let looked = may_change(plane, asker, project, source).await?;
        let repository = address(plane, &looked.source, &given).await?;
        let external_id = given.written(&repository);
        let before = plane.store.item(source, id).await?.ok_or(Error::NotFound("item"))?;
        if before.item.external_id == external_id {
            return Ok(before);
        }
        if !before.item.is_by_hand() {
            return Err(Error::Conflict(format!("this item is linked to {} already", before.item.external_id)));
        }
        let linked =
            StoredItem { item: Item { kind: given.kind, external_id: external_id.clone(), ..before.item.clone() }, ..before.clone() };
        let stream = match given.kind {
            ItemType::Alert => Stream::Alerts,
            ItemType::PullRequest => Stream::PullRequests,
            ItemType::Issue | ItemType::Document | ItemType::Record => Stream::Issues,
        };
        let unread = UnreadLink { id: given.id.clone(), at: plane.clock.now() };
        let facts = [("source", source.to_string()), ("item", id.to_owned()), ("external_id", external_id.clone())];
        let also = vec![as_read(&looked.source), line(plane, &looked.source.workspace, asker.user(), "item.linked", facts)?];
        match plane.store.link_by_hand(&linked, &before.item.title, (stream, &unread), also).await? {
            Handled::Done => return Ok(linked),
            // Our own commit, whose answer was lost on the way.
            Handled::Taken(holder) if holder.id() == id => return Ok(*holder),
            Handled::Taken(holder) => {
                return Err(Error::Conflict(format!("{external_id} is in use by the item {}", holder.id())));
            }
            Handled::Again => {}
        }
    }
    Err(crowded())
}

/// The repository, if it is this project's and the caller may change what it holds.
async fn may_change(plane: &Plane, asker: &Asker, project: &ProjectId, source: &SourceId) -> Result<Looked, Error> {
    let looked = status::repository(plane, asker, project, source).await?;
    if looked.role.may(Right::SyncIssues) {
        return Ok(looked);
    }
    Err(Error::Forbidden(format!("a {} may not make or link items", looked.role)))
}

/// The address of the repository that an external id speaks of, as syncs write it:
/// as the items show it that are there, or else as the configuration tells, or where
/// the forge is asked.
async fn address(plane: &Plane, source: &Source, given: &ExternalId) -> Result<String, Error> {
    let provider = source.provider.as_deref().and_then(providers::named).ok_or(Error::NotFound("repository"))?;
    let wrong = |why: String| Err(Error::invalid("externalId", why));
    if given.provider != provider.name() {
        return wrong(format!("is one of {}, and this repository is at {}", given.provider, provider.name()));
    }
    let told = provider.repository_url(source);
    let asked = source.base_url.as_deref().and_then(|base| url::Url::parse(base).ok()).map(|base| base.origin().ascii_serialization());
    let asked = asked.map(|origin| format!("{origin}/{}", source.repository.as_deref().unwrap_or_default()));
    let items = plane.store.items(&source.id, &ItemFilter::default(), None, SHOWN).await?.items;
    let shown = items.iter().find_map(|stored| {
        let read = stored.synced_at.and_then(|_| stored.item.external_id.strip_prefix(provider.name()))?;
        read.strip_prefix(':')?.rsplitn(3, ':').nth(2).map(str::to_owned)
    });
    if ![Some(&told), asked.as_ref(), shown.as_ref()].into_iter().flatten().any(|known| given.is_of(known)) {
        return wrong(format!("is one of another repository than {}", shown.unwrap_or(told)));
    }
    Ok(shown.unwrap_or_else(|| asked.filter(|asked| given.is_of(asked)).unwrap_or(told)))
}

/// Holds if the source is still as it was read: neither deleted nor moved.
fn as_read(source: &Source) -> conditions::Write {
    conditions::unchanged("source", keys::source(&source.id), source.version)
}

fn crowded() -> Error {
    crate::error::Fault::unavailable("items", "others came first every time").into()
}

/// The item as it will be stored, or everything that is wrong with it.
fn checked(new: NewItem) -> Result<NewItem, Error> {
    let mut complaints = Vec::new();
    let mut complain = |at: &str, why: String| complaints.push(Complaint { at: at.to_owned(), why });
    let title = new.title.trim().to_owned();
    if title.is_empty() || title.chars().count() > LONGEST_TITLE || title.chars().any(char::is_control) {
        complain("title", format!("must be 1 to {LONGEST_TITLE} characters without control characters"));
    }
    let body = new.body.filter(|body| !body.is_empty());
    if body.as_ref().is_some_and(|body| body.chars().count() > LONGEST_BODY) {
        complain("body", format!("must have at most {LONGEST_BODY} characters"));
    }
    let mut labels: Vec<String> = Vec::new();
    for (place, label) in new.labels.iter().enumerate() {
        let label = label.trim();
        if label.is_empty() || label.chars().count() > LONGEST_LABEL || label.chars().any(char::is_control) {
            complain(&format!("labels[{place}]"), format!("must be 1 to {LONGEST_LABEL} characters without control characters"));
        }
        if !labels.iter().any(|known| known == label) {
            labels.push(label.to_owned());
        }
    }
    if labels.len() > MOST_LABELS {
        complain("labels", format!("must be at most {MOST_LABELS}"));
    }
    all_well(complaints)?;
    Ok(NewItem { title, body, labels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_at_once() {
        let new = NewItem { title: " \t".into(), body: Some("b".repeat(LONGEST_BODY + 1)), labels: vec!["ok".into(), String::new()] };
        let Err(Error::Invalid(complaints)) = checked(new) else { panic!("it is taken") };
        assert_eq!(complaints.iter().map(|one| one.at.as_str()).collect::<Vec<_>>(), ["title", "body", "labels[1]"]);
        let many = NewItem { title: "t".into(), body: None, labels: (0..=MOST_LABELS).map(|number| number.to_string()).collect() };
        assert!(checked(many).is_err());
    }

    #[test]
    fn what_is_taken_is_tidied() {
        let new = NewItem { title: "  Fix it ".into(), body: Some(String::new()), labels: vec![" bug".into(), "bug ".into(), "ui".into()] };
        let Ok(NewItem { title, body, labels }) = checked(new) else { panic!("it is refused") };
        assert_eq!((title.as_str(), body, labels), ("Fix it", None, vec!["bug".to_owned(), "ui".to_owned()]));
        assert!(checked(NewItem { title: "é".repeat(LONGEST_TITLE), ..NewItem::default() }).is_ok());
        assert!(checked(NewItem { title: "é".repeat(LONGEST_TITLE + 1), ..NewItem::default() }).is_err());
    }
}
