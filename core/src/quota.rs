//! What may be spent of a provider's quota? Arithmetic over a row of the ledger.
//!
//! A provider says with every reply how much is left until a window ends. Workers
//! that share a credential must not all spend the same rest, so each reserves a
//! small lot before it asks, and gives back what it did not spend. One rule keeps
//! the promise: a request is made only while at least the floor of its class is
//! left, counting everything that is reserved as spent. Where the truth cannot be
//! known, what is assumed is less.

use std::time::Duration;

use crate::admission::lowered;
use crate::clock::Moment;
use crate::model::Trigger;
use crate::planted::{Bug, is_planted};
use crate::store::items::Quota;

/// What a provider counts that tells of one kind of requests only.
pub const CORE: &str = "core";
/// Requests that are reserved at once, and with which everything begins.
pub const LOT: u64 = 10;
/// A limit under this is too small to be shared out: all stop at the floor, and
/// lots are a twentieth of it, for a lost worker takes one along.
const SMALL: u64 = 1_000;
/// Requests that may be under way, of all workers together, while nobody knows what
/// is left, or nobody was told lately: others may have spent meanwhile.
const PROBES: u64 = 4;
/// How long a word is taken for the truth by those who begin.
const FRESH: Duration = Duration::from_mins(1);
/// A worker that asked into the dark and was not heard of for so long is lost.
const LOST: Duration = Duration::from_mins(3);
/// So little above its floor a worker looks twice when less is left than it thought.
const NEAR: u64 = 200;
/// Ends of one window that providers tell may differ by so much.
const SAME: Duration = Duration::from_secs(10);
/// A window of which a provider still speaks lasts so long at least, whatever our
/// clock says.
const GRACE: Duration = Duration::from_secs(5);
/// No window is longer: an end further off is no end that can be waited for.
const LONGEST: Duration = Duration::from_hours(25);

/// Who goes first when little is left: each leaves room for those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// What a webhook set off, and how everything begins that a person asked for:
    /// whoever is let in with the floor left gets to do something.
    First,
    /// What a person asked for.
    Manual,
    Scheduled,
    /// Whatever reads everything there is: it has time.
    Backfill,
}

impl Class {
    /// The share of the limit that is left to others, beyond the floor itself.
    fn share(self, limit: u64) -> u64 {
        match self {
            _ if limit < SMALL => 0,
            Self::First => 0,
            Self::Manual => limit / 100,
            Self::Scheduled => limit / 20,
            Self::Backfill => limit / 5,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Manual => "manual",
            Self::Scheduled => "scheduled",
            Self::Backfill => "backfill",
        }
    }
}

/// The class of a run's next request: by who set it off, whether it reads
/// everything, and how many requests it made before.
pub fn class(trigger: Trigger, whole: bool, made: u64) -> Class {
    let by_machine = matches!(trigger, Trigger::Schedule | Trigger::Webhook);
    match trigger {
        _ if !by_machine && made < LOT => Class::First,
        _ if whole => Class::Backfill,
        Trigger::Webhook => Class::First,
        Trigger::Schedule => Class::Scheduled,
        Trigger::Manual | Trigger::Ops | Trigger::FollowUp | Trigger::Parked | Trigger::Workspace => Class::Manual,
    }
}

/// How many requests must be left for one of this class to be made. A whole window
/// always suffices for a lot, so that a floor over the limit slows down and does
/// not block.
pub fn floor(class: Class, base: u64, limit: Option<u64>) -> u64 {
    if is_planted(Bug::NoFloor) {
        return 1;
    }
    let above = lowered(base, limit) + class.share(limit.unwrap_or(0));
    above.min(limit.map_or(u64::MAX, |limit| (limit + 1).saturating_sub(largest_lot(Some(limit))))).max(1)
}

fn largest_lot(limit: Option<u64>) -> u64 {
    limit.filter(|limit| *limit < SMALL).map_or(LOT, |limit| (limit / 20).clamp(1, LOT))
}

/// What a provider said is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    pub remaining: u64,
    pub limit: Option<u64>,
    pub resets_at: Option<Moment>,
    pub heard_at: Moment,
}

/// What one worker did since it last wrote to the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// The lot that it had, in which era it was reserved, and whether to find out.
    pub lot: u64,
    pub era: u64,
    pub is_probe: bool,
    /// The last word it heard.
    pub word: Option<Word>,
    /// Requests since then to which there was no word.
    pub unheard: u64,
    /// There were replies, and none said what is left.
    pub silence: Option<Moment>,
}

/// The row after a worker tells what it did and gives its lot back.
pub fn settle(known: &Quota, spent: &Spent, now: Moment) -> Quota {
    let mut told = spent.word.map_or_else(|| known.clone(), |word| hear(known, word, now));
    if let (None, Some(at)) = (spent.word, spent.silence) {
        told = untold(&told, at, now);
    }
    if told.era == spent.era {
        told.reserved = told.reserved.saturating_sub(spent.lot);
        told.probing = told.probing.saturating_sub(u64::from(spent.is_probe));
    }
    if let Some(word) = spent.word.filter(|_| spent.lot > 0 && is_open(&told, now)) {
        told.spent_at = told.spent_at.max(Some(word.heard_at));
        told.probing = 0;
    }
    if is_open(&told, now) {
        told.remaining = told.remaining.saturating_sub(spent.unheard);
    }
    told
}

/// The row after a word. Within a window it only falls, for replies overtake each
/// other; a later window replaces it; what is old, or of a window that has ended,
/// changes nothing.
pub fn hear(known: &Quota, word: Word, now: Moment) -> Quota {
    let told = Quota {
        remaining: word.remaining,
        limit: word.limit.or(known.limit),
        resets_at: word.resets_at.filter(|at| at.since(word.heard_at) <= LONGEST).map(|at| at.max(word.heard_at.plus(GRACE))),
        seen_at: known.seen_at.max(Some(word.heard_at)),
        untold: false,
        ..known.clone()
    };
    let anew = || Quota { reserved: 0, era: known.era + 1, ..told.clone() };
    let Some(resets_at) = told.resets_at else {
        return if is_open(known, now) { Quota { remaining: known.remaining.min(word.remaining), ..known.clone() } } else { anew() };
    };
    if resets_at <= now {
        return known.clone();
    }
    match known.resets_at {
        // What was reserved while nobody knew is of this window.
        None if known.seen_at.is_none() => told,
        None => anew(),
        Some(_) if !is_open(known, now) => anew(),
        Some(at) if at.since(resets_at).max(resets_at.since(at)) <= SAME => {
            Quota { remaining: known.remaining.min(word.remaining), resets_at: Some(at), ..told }
        }
        Some(at) if resets_at > at && Some(word.heard_at) >= known.seen_at => anew(),
        // Less than was known is believed, whatever it is of.
        Some(_) if word.remaining < known.remaining => told,
        Some(_) => known.clone(),
    }
}

/// A reply said nothing of what is left: whoever says nothing cannot be reckoned
/// with. Where something is known, it stays.
fn untold(known: &Quota, at: Moment, now: Moment) -> Quota {
    if is_open(known, now) || known.untold {
        return known.clone();
    }
    Quota { untold: true, seen_at: Some(at), resets_at: None, reserved: 0, era: known.era + 1, ..known.clone() }
}

/// What the ledger answers to a worker that wants to make requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// A lot of this size, once the row is written.
    Lot { row: Quota, size: u64, is_probe: bool },
    /// The provider tells no limits.
    Unlimited,
    /// Nobody knows what is left, and enough are asking already: soon one will.
    Unknown,
    /// What is left is kept for others, until the window ends. It may be that part
    /// of it is only lent to workers, and comes back sooner.
    Kept { until: Moment, is_lent: bool, floor: u64 },
}

/// Reserves a lot; a smaller one the less there is, so that many can share it, and
/// one request only where the reply has to tell first.
pub fn draw(known: &Quota, class: Class, base: u64, now: Moment) -> Drawn {
    if known.resets_at.is_none() && known.seen_at.is_some() {
        return Drawn::Unlimited;
    }
    let known = without_the_lost(known, now);
    if let Some(until) = known.resets_at {
        let floor = floor(class, base, known.limit);
        let room = (known.remaining.saturating_sub(known.reserved) + 1).saturating_sub(floor);
        if room == 0 {
            return Drawn::Kept { until, is_lent: known.remaining >= floor, floor };
        }
        if known.spent_at.is_some_and(|at| now.since(at) <= FRESH) {
            let size = largest_lot(known.limit).min(room.div_ceil(2));
            return Drawn::Lot { row: Quota { reserved: known.reserved + size, ..known }, size, is_probe: false };
        }
    }
    if known.probing >= PROBES {
        return Drawn::Unknown;
    }
    let row = Quota { reserved: known.reserved + 1, probing: known.probing + 1, probed_at: Some(now), ..known };
    Drawn::Lot { row, size: 1, is_probe: true }
}

/// The row without what has come to nothing: a window that has ended, and workers
/// that asked and never came back.
fn without_the_lost(known: &Quota, now: Moment) -> Quota {
    let is_lost = known.probed_at.is_none_or(|at| now.since(at) > LOST);
    match known.resets_at {
        Some(at) if at > now => Quota { probing: if is_lost { 0 } else { known.probing }, ..known.clone() },
        None if !is_lost => known.clone(),
        _ => Quota { limit: known.limit, era: known.era + 1, version: known.version, by: known.by.clone(), ..Quota::default() },
    }
}

/// Whether a word is so much less than was to be expected, and so near the floor,
/// that the lot in hand must not be spent on it.
pub fn is_surprising(row: &Quota, word: &Word, floor: u64) -> bool {
    word.remaining < floor || (word.remaining < floor + NEAR && word.remaining < row.remaining.saturating_sub(row.reserved))
}

/// Whether the row knows what is left of a window that has not ended.
fn is_open(known: &Quota, now: Moment) -> bool {
    known.resets_at.is_some_and(|at| at > now)
}

/// Whether a word is of another window than the row that a lot was taken from.
pub fn is_of_later_window(row: &Quota, word: &Word) -> bool {
    let later = |at: Moment| word.resets_at.is_some_and(|resets_at| resets_at.since(at) > SAME);
    row.resets_at.is_some_and(later)
}

#[cfg(test)]
#[path = "quota_tests.rs"]
mod tests;
