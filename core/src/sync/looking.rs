//! Asks a provider for single items, to learn which of them are gone.

use std::collections::HashSet;

use super::held::Held;
use super::missing::Decided;
use super::pages::{Met, Reading, astray};
use super::{End, Stop};
use crate::model::{EntityName, Item, ItemType, Source, Stream};
use crate::providers::{PageRequest, Wanted, entity_prefix};
use crate::store::items::StoredItem;

/// Items asked for before what was learned is written.
pub(super) const MOST_ASKED: usize = 10;
/// Pages without an entry that may stand before the first with one.
const MOST_EMPTY: usize = 4;

/// What became of some items that were asked for.
#[derive(Default)]
pub(super) struct Looked {
    /// Those that were asked for.
    pub(super) ids: Vec<String>,
    /// Those of them that the provider says are gone.
    pub(super) gone: Vec<String>,
    /// What it has under the numbers of others.
    pub(super) there: Vec<Item>,
    /// The list itself is not as it was: nobody can tell what is gone.
    pub(super) in_vain: bool,
}

/// What stands under a number.
enum Found {
    Gone,
    There(Box<Item>),
    /// Something else, or nothing that can be read.
    Unclear,
}

impl Reading<'_> {
    /// What was held, asked for once more before it is removed.
    pub(super) async fn look_again(&mut self, held: &mut Held<'_>, ids: Vec<String>) -> Result<Result<Decided, End>, Stop> {
        let items = held.plane.store.items_by_id(&self.source.id, &ids).await?;
        let stored: HashSet<String> = items.iter().map(|stored| stored.item.id()).collect();
        let looked = match self.look_at(held, items).await? {
            Ok(looked) => looked,
            Err(end) => return Ok(Err(end)),
        };
        if looked.in_vain {
            let why = "the list that these items were on cannot be read any more: nothing can be known to be gone from it";
            return Ok(Err(End::failed("STREAM_NOT_AVAILABLE", why, None)));
        }
        let asked: HashSet<&String> = looked.ids.iter().collect();
        let gone: HashSet<&String> = looked.gone.iter().collect();
        let decided: Vec<String> = ids.into_iter().filter(|id| asked.contains(id) || !stored.contains(id)).collect();
        let kept = decided.iter().filter(|id| !gone.contains(id)).cloned().collect();
        Ok(Ok(Decided { ids: decided, kept }))
    }

    /// Asks for items by their numbers, one after the other, as far as time allows;
    /// and, unless all are there, whether the lists that they were on still are.
    pub(super) async fn look_at(&mut self, held: &mut Held<'_>, mut items: Vec<StoredItem>) -> Result<Result<Looked, End>, Stop> {
        items.sort_by_key(|stored| stored.item.id());
        let (mut looked, mut lists) = (Looked::default(), Vec::new());
        for StoredItem { item, .. } in items {
            let (id, stream) = (item.id(), stream_of(&item));
            let asked = stream.and_then(|stream| Some((stream, number(self.source, stream, &item.external_id)?)));
            if let Some((stream, number)) = asked {
                self.stream = stream;
                match self.look_for(held, &id, number).await? {
                    Ok(Found::There(found)) => looked.there.push(*found),
                    Ok(Found::Gone) => {
                        looked.gone.push(id.clone());
                        lists.push(stream);
                    }
                    // It may be the list that is not to be had.
                    Ok(Found::Unclear) => lists.push(stream),
                    Err(end) => {
                        self.purse.settle(held.plane).await;
                        return Ok(Err(end));
                    }
                }
            }
            looked.ids.push(id);
            // There must be time for one more, and for the list.
            if held.time_is_up_after(held.plane.config.request_deadline()) {
                break;
            }
        }
        lists.sort();
        lists.dedup();
        for stream in lists {
            self.stream = stream;
            match self.is_there(held).await? {
                Ok(is_there) => looked.in_vain |= !is_there,
                Err(end) => {
                    self.purse.settle(held.plane).await;
                    return Ok(Err(end));
                }
            }
        }
        self.purse.settle(held.plane).await;
        Ok(Ok(looked))
    }

    /// Asks for one item by its number.
    async fn look_for(&mut self, held: &mut Held<'_>, id: &str, number: &str) -> Result<Result<Found, End>, Stop> {
        let mut request = self.placed(self.provider.single(self.source, self.stream, number));
        loop {
            let fetched = self.ask(held, &request).await;
            if let Some(why) = self.gone(held, &request, &fetched).await? {
                held.run.tries = 0;
                if why.starts_with("301") {
                    held.run.note(held.now(), "item.transferred", [("number", number.to_owned())]);
                }
                return Ok(Ok(Found::Gone));
            }
            match self.read(held, &mut request, fetched).await? {
                Met::Again => {}
                Met::End(end) => return Ok(Err(end)),
                Met::Over => return Ok(Ok(Found::Unclear)),
                Met::Page(page) => {
                    held.run.tries = 0;
                    let found = page.items.into_iter().find(|item| item.id() == id);
                    return Ok(Ok(found.map_or(Found::Unclear, |item| Found::There(Box::new(item)))));
                }
            }
        }
    }

    /// Whether the present stream's list can be read, and is where it was.
    async fn is_there(&mut self, held: &mut Held<'_>) -> Result<Result<bool, End>, Stop> {
        let wanted = Wanted { include_closed: true, ..Wanted::default() };
        let mut request: PageRequest = self.placed(self.provider.begin(self.source, self.stream, wanted));
        for _ in 0..MOST_EMPTY {
            let asked = request.url.clone();
            let page = loop {
                let fetched = self.ask(held, &request).await;
                match self.read(held, &mut request, fetched).await? {
                    Met::Again => {}
                    Met::Page(page) => break page,
                    Met::Over => return Ok(Ok(false)),
                    Met::End(end) => return Ok(Err(end)),
                }
            };
            held.run.tries = 0;
            if request.url != asked {
                return Ok(Ok(false));
            }
            let shows = !page.items.is_empty() || !page.rejected.is_empty();
            let Some(next) = page.next.filter(|_| !shows) else { return Ok(Ok(true)) };
            if let Some(end) = astray(&held.run, &request, Some(&next)) {
                return Ok(Err(end));
            }
            request = next;
        }
        Ok(Ok(true))
    }
}

/// An external id, parted into what it begins with and the provider's own id.
pub(super) fn parts(external_id: &str) -> Option<(&str, &str)> {
    external_id.rsplit_once(':').filter(|(_, id)| !id.is_empty())
}

/// The number of an item, if it is one that the provider has in this repository; the
/// id of a record, if it is one of this entity there. What has none was not made by a
/// provider.
pub(super) fn number<'id>(source: &Source, stream: Stream, external_id: &'id str) -> Option<&'id str> {
    let (prefix, number) = parts(external_id)?;
    if let Some(entity) = stream.entity() {
        return (prefix == entity_prefix(source, entity)).then_some(number);
    }
    let (provider, of) = (source.provider.as_deref()?, source.repository.as_deref()?);
    let kind = kind_of(stream).as_str();
    let rest = prefix.strip_prefix(provider)?.strip_prefix(':')?.strip_suffix(kind)?.strip_suffix(':')?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && rest.strip_suffix(of)?.ends_with('/')).then_some(number)
}

pub(super) fn kind_of(stream: Stream) -> ItemType {
    match stream {
        Stream::Issues => ItemType::Issue,
        Stream::Alerts => ItemType::Alert,
        Stream::PullRequests => ItemType::PullRequest,
        Stream::Entity(_) => ItemType::Record,
    }
}

/// The stream that an item is of.
pub(super) fn stream_of(item: &Item) -> Option<Stream> {
    match &item.entity {
        Some(entity) => EntityName::parse(entity).ok().map(Stream::Entity),
        None => Stream::ALL.into_iter().find(|stream| kind_of(*stream) == item.kind),
    }
}
