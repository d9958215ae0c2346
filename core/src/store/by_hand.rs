//! Items that people make by hand, and what becomes of them when they are linked.
//!
//! Such an item lies apart from what comes from a forge, and a pointer under its
//! title says that it is not linked yet. Linking moves it to the key that follows
//! from its external id, where every sync finds it with one read, and leaves behind
//! where it went. It keeps its id.

use std::collections::HashMap;

use super::conditions::{self, Range, Write};
use super::items::{KeyedItem, LinkedItem, StoredItem, TitlePointer, UnreadLink, decode, encode, encode_item, expire, text};
use super::keys::{self, Key};
use super::table::{Commit, Query};
use super::{Store, items};
use crate::clock::Moment;
use crate::error::Fault;
use crate::model::{SourceId, Stream};

/// What has to be known of a source to make an item by hand.
#[derive(Clone, Debug, Default)]
pub struct Namesakes {
    pub pointer: TitlePointer,
    /// Whether anything was ever made by hand here.
    pub marked: bool,
}

/// How a change of items by hand ended.
#[derive(Debug)]
pub enum Handled {
    Done,
    /// There is an item of this external id already.
    Taken(Box<StoredItem>),
    /// Something was changed by another meanwhile.
    Again,
}

impl Store {
    /// Whether anything was ever made by hand in a source. It stays so: too often
    /// costs a read, too seldom an item twice.
    pub async fn has_by_hand(&self, source: &SourceId) -> Result<bool, Fault> {
        Ok(self.table.get(&keys::has_by_hand(source)).await?.is_some())
    }

    /// Those of these titles that are not linked yet, by the key of their title.
    pub async fn titled(&self, source: &SourceId, titles: &[&str]) -> Result<HashMap<Key, TitlePointer>, Fault> {
        let mut wanted: Vec<Key> = titles.iter().map(|title| keys::title(source, title)).collect();
        wanted.sort_by(|one, other| one.sk.cmp(&other.sk));
        wanted.dedup();
        self.table.get_many(&wanted).await?.into_iter().map(|row| Ok((items::key_of(&row), decode(row)?))).collect()
    }

    pub async fn namesakes(&self, source: &SourceId, title: &str) -> Result<Namesakes, Fault> {
        let mut found = Namesakes::default();
        for row in self.table.get_many(&[keys::title(source, title), keys::has_by_hand(source)]).await? {
            match text(&row, "kind") {
                "title" => found.pointer = decode(row)?,
                _ => found.marked = true,
            }
        }
        Ok(found)
    }

    /// An item by the id that callers know it by, wherever it went.
    pub async fn item(&self, source: &SourceId, id: &str) -> Result<Option<StoredItem>, Fault> {
        let Some(row) = self.table.get_many(&[keys::by_hand(source, id), keys::item(source, id)]).await?.pop() else { return Ok(None) };
        if text(&row, "kind") != "linked" {
            return decode(row).map(Some);
        }
        let LinkedItem { item } = decode(row)?;
        Ok(self.items_by_id(source, &[item]).await?.pop())
    }

    pub async fn keyed_item(&self, scope: &str, now: Moment) -> Result<Option<KeyedItem>, Fault> {
        let found: Option<KeyedItem> = self.table.get(&keys::idempotency(scope)).await?.map(decode).transpose()?;
        Ok(found.filter(|found| found.expires_at >= now))
    }

    /// Makes an item by hand: with it go its place under its title, the mark of its
    /// source, and what else has to be or to hold.
    pub async fn make_by_hand(
        &self,
        made: &StoredItem,
        namesakes: &Namesakes,
        key: Option<(&str, KeyedItem)>,
        also: Vec<Write>,
        now: Moment,
    ) -> Result<Handled, Fault> {
        let mut pointer = namesakes.pointer.clone();
        pointer.items.push(made.id());
        let mut writes = vec![conditions::put_new("item", encode_item(made)?)];
        writes.push(title_write(&keys::title(&made.source, &made.item.title), &mut pointer)?);
        if !namesakes.marked {
            let row = encode("has_by_hand", &keys::has_by_hand(&made.source), &HashMap::<String, String>::new())?;
            writes.push(conditions::put("mark", row));
        }
        if let Some((scope, keyed)) = key {
            let mut row = encode("idempotency", &keys::idempotency(scope), &keyed)?;
            expire(&mut row, keyed.expires_at);
            writes.push(conditions::put_unless_live("idempotency", row, now));
        }
        writes.extend(also);
        Ok(match self.table.commit(writes).await? {
            Commit::Done => Handled::Done,
            // The id is nobody else's: our own commit, whose answer was lost on the way.
            Commit::Lost(lost) if lost.what == "item" => Handled::Done,
            Commit::Lost(_) => Handled::Again,
        })
    }

    /// Links an item that was made by hand, as it is now with its external id.
    pub async fn link_by_hand(
        &self,
        linked: &StoredItem,
        title: &str,
        unread: (Stream, &UnreadLink),
        also: Vec<Write>,
    ) -> Result<Handled, Fault> {
        let key = keys::title(&linked.source, title);
        let mut pointer = self.titled(&linked.source, &[title]).await?.remove(&key).unwrap_or_default();
        pointer.items.retain(|id| *id != linked.id());
        let unread_key = keys::unread_link(&linked.source, unread.0, &unread.1.id);
        let mut writes = Self::link_writes(linked)?;
        writes.push(title_write(&key, &mut pointer)?);
        writes.push(conditions::put("unread", encode("unread_link", &unread_key, unread.1)?));
        writes.extend(also);
        Ok(match self.table.commit(writes).await? {
            Commit::Done => Handled::Done,
            Commit::Lost(lost) if lost.what == "item" => match lost.row.map(decode::<StoredItem>).transpose()? {
                Some(holder) => Handled::Taken(Box::new(holder)),
                None => Handled::Again,
            },
            Commit::Lost(_) => Handled::Again,
        })
    }

    /// The item under the key of its external id, which must be free, and where it
    /// went, over what must still be there.
    pub fn link_writes(linked: &StoredItem) -> Result<Vec<Write>, Fault> {
        let went = encode("linked", &keys::by_hand(&linked.source, &linked.id()), &LinkedItem { item: linked.item.id() })?;
        Ok(vec![conditions::put_new("item", encode_item(linked)?), conditions::put_over_kind("by_hand", went, "by_hand")])
    }

    /// Takes items out from under their title. The pointer is as it will be stored
    /// afterwards.
    pub fn title_write_without(key: &Key, pointer: &mut TitlePointer, linked: &[&str]) -> Result<Write, Fault> {
        pointer.items.retain(|id| !linked.contains(&id.as_str()));
        title_write(key, pointer)
    }

    /// What was linked by hand of a stream and not asked for since.
    pub async fn unread_links(&self, source: &SourceId, stream: Stream, most: usize) -> Result<Vec<UnreadLink>, Fault> {
        let range = Range::BeginsWith(keys::unread_links(stream));
        let query = Query { limit: Some(most), ..Query::partition(keys::by_hand_partition(source), range) };
        self.table.query(query).await?.into_iter().map(decode).collect()
    }

    pub fn unread_link_delete(source: &SourceId, stream: Stream, id: &str) -> Write {
        conditions::delete("unread", keys::unread_link(source, stream, id))
    }

    /// Forgets everything about what was made by hand in a source.
    pub async fn forget_by_hand(&self, source: &SourceId) -> Result<(), Fault> {
        while self.delete_some(keys::by_hand_partition(source), Range::All).await? {}
        Ok(())
    }
}

/// The write of a pointer over the one that was read; one that points to nothing
/// any more is taken away.
fn title_write(key: &Key, pointer: &mut TitlePointer) -> Result<Write, Fault> {
    let seen = pointer.version;
    pointer.version += 1;
    if pointer.items.is_empty() {
        pointer.version = 0;
        return Ok(conditions::delete_unchanged("title", key.clone(), seen));
    }
    Ok(conditions::put_over("title", encode("title", key, pointer)?, seen))
}
