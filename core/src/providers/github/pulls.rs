//! GitHub's pull requests.
//!
//! The list knows no `since` and no cursor, and counts rows, which move while they
//! are counted. In which direction a list is read is chosen so that a pull request
//! that stays as it is can be met twice, but cannot slip by. (One that changes
//! meanwhile is met by the next run, which looks from before the start of this one.)
//!
//! *Every state, newest change first.* What changes moves to the top, what is new
//! comes in there, and nothing ever leaves, since a pull request cannot be deleted.
//! So rows move down, towards the pages that are yet to be read. A run that knows
//! since when it wants to look stops where it has come back to that moment.
//!
//! *Open ones only.* Those that are closed leave the list, and all that come after
//! them move up. Read from the front, the first row of the next page would slip
//! into the page that was read, and since it did not change nobody would ask for it
//! again. So this list is asked for with the oldest change first, where rows only
//! ever move up, and its pages are read from the last to the first: there too rows
//! move towards the pages that are yet to be read. The first page is needed twice,
//! to learn which is the last, and then in its turn.

use serde::Deserialize;
use serde_json::Value;

use super::{Label, State, User, address, changed, external_id, logins, moment, names};
use crate::model::{Item, ItemType, Source};
use crate::providers::entries::read_each;
use crate::providers::paging::{cut_at, linked, parameter};
use crate::providers::{Page, PageRequest, Reply};

#[derive(Deserialize)]
struct PullRequest {
    number: u64,
    title: String,
    body: Option<String>,
    state: State,
    #[serde(default)]
    labels: Vec<Label>,
    #[serde(default)]
    assignees: Vec<User>,
    user: Option<User>,
    html_url: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
    merged_at: Option<String>,
}

pub(super) fn list(every_state: bool) -> String {
    let (state, direction) = if every_state { ("all", "desc") } else { ("open", "asc") };
    format!("pulls?state={state}&sort=updated&direction={direction}&per_page=100")
}

pub(super) fn read(source: &Source, asked: &PageRequest, reply: &Reply, mut entries: Vec<Value>) -> Page {
    let turn = turn(asked, reply.header("link").unwrap_or_default());
    let is_over = cut_at(asked.back_to, &mut entries, changed);
    let follow = |link: &str| Some(asked.followed_by(link.to_owned()));
    let next = match turn {
        Turn::End => None,
        Turn::Follow(_) if is_over => None,
        Turn::Follow(link) => follow(link),
        // What is on this page is read in its turn.
        Turn::ToLast(link) => return Page { next: follow(link), ..Page::default() },
        Turn::Anew => follow(&address(source, &list(false))).map(|begin| PageRequest { number: 1, ..begin }),
        Turn::Otherwise => return Page { next: follow(&address(source, &list(true))), ..Page::default() },
    };
    Page { next, ..read_each(entries, "number", |pull| Some(item(source, pull))) }
}

/// Where to go from a page.
enum Turn<'a> {
    End,
    /// The next one in the direction of reading.
    Follow(&'a str),
    /// The list has several pages: to the last of them.
    ToLast(&'a str),
    /// The list became so short that this page is no longer one of it, and it does
    /// not say which is.
    Anew,
    /// There is no way to the last page. The list of every state can be read from
    /// the front.
    Otherwise,
}

fn turn<'a>(asked: &PageRequest, links: &'a str) -> Turn<'a> {
    let asked_for = |name: &str| parameter(&asked.url, name);
    let next = linked(links, "next");
    // Cursors do not count, should they come here too as they came to other lists.
    let by_cursor = asked_for("after").is_some() || next.is_some_and(|next| parameter(next, "after").is_some());
    let from_the_front = asked_for("direction").is_none_or(|direction| direction == "desc");
    if asked.single || by_cursor || from_the_front {
        return next.map_or(Turn::End, Turn::Follow);
    }
    match (asked.number, next, linked(links, "last"), linked(links, "prev")) {
        (1, None, ..) => Turn::End,
        (1, _, Some(last), _) => Turn::ToLast(last),
        (1, _, None, _) => Turn::Otherwise,
        (_, _, _, Some(previous)) => Turn::Follow(previous),
        (.., None) if asked_for("page").is_none_or(|page| page == "1") => Turn::End,
        (.., None) => Turn::Anew,
    }
}

fn item(source: &Source, pull: PullRequest) -> Item {
    let external_id = external_id(source, "pull_request", pull.number, pull.html_url.as_deref());
    let state = if pull.merged_at.is_some() { "merged" } else { pull.state.as_str() };
    Item {
        body: pull.body.filter(|body| !body.is_empty()),
        labels: names(pull.labels),
        assignees: logins(pull.assignees),
        author: pull.user.map(|user| user.login),
        url: pull.html_url,
        created_at: moment(pull.created_at.as_deref()),
        updated_at: moment(pull.updated_at.as_deref()),
        ..Item::new(ItemType::PullRequest, external_id, pull.title, state.to_owned())
    }
}
