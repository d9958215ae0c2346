//! What one slice may spend of its provider's quota, in the hands of its worker.
//!
//! Nothing is asked without something in the purse. It is filled from the ledger
//! by small lots; what replies say goes back with the next visit, and what was not
//! spent when the slice ends. A worker that is lost takes its lot with it, which
//! is forgotten when the window ends.

use std::time::Duration;

use super::held::Held;
use super::{End, LONGEST_NAP, Stop};
use crate::admission::lowered;
use crate::clock::Moment;
use crate::error::Fault;
use crate::model::{Run, Source};
use crate::plane::Plane;
use crate::providers::{Provider, Reply, limit_of, resource_of};
use crate::quota::{self, Class, Drawn, Spent, Word};
use crate::store::items::Quota;
use crate::store::keys::Key;
use crate::trigger::{floor_of, quota_key_of};

/// A window so short only sets the pace: who waits for its end waits moments, and
/// nobody is refused for it.
const PACED: Duration = Duration::from_mins(5);
/// Races lost in a row before the ledger counts as out of reach.
const MOST_RACES: u32 = 40;
/// How often a worker looks whether another knows by now what is left.
const MOST_LOOKS: u32 = 7;
const LOOK: Duration = Duration::from_millis(400);
/// What waits for a window's end does not come back all at once.
const SCATTER: Duration = Duration::from_secs(30);
/// How soon a run looks again for what others had reserved and may give back, or
/// for what nobody knew.
const AGAIN: Duration = Duration::from_mins(2);

pub(crate) struct Purse {
    provider: &'static dyn Provider,
    /// Unset where requests are counted nowhere.
    source: Source,
    base: u64,
    resource: String,
    mark: String,
    /// The row as this worker knows it.
    known: Option<Quota>,
    left: u64,
    spent: Spent,
    /// The provider tells no limits: nothing is reserved.
    unlimited: bool,
    /// The last reply was counted by another of the provider's limits.
    turned: Option<(String, Word)>,
}

impl Purse {
    pub(crate) fn new(plane: &Plane, source: &Source, provider: &'static dyn Provider) -> Self {
        Self {
            provider,
            base: floor_of(plane, &source.limits),
            source: source.clone(),
            resource: quota::CORE.to_owned(),
            mark: crate::digest::hex(&plane.chance.bytes::<8>()),
            known: None,
            left: 0,
            spent: Spent::default(),
            unlimited: false,
            turned: None,
        }
    }

    fn is_paced(&self) -> bool {
        self.provider.window() <= PACED
    }

    fn key(&self) -> Option<Key> {
        quota_key_of(&self.source, &self.resource).filter(|_| !self.is_paced())
    }

    /// Takes one request out, if that needs nobody's leave.
    pub(super) fn take(&mut self, run: &Run, now: Moment) -> bool {
        if self.key().is_none() {
            return self.pace(now).is_none();
        }
        let class = class_of(run);
        let told = self.spent.word.filter(|word| word.resets_at.is_some_and(|at| at > now));
        // Others spend, too, of whom the ledger knows nothing.
        let is_low = told.zip(self.known.as_ref()).is_some_and(|(word, known)| {
            let floor = quota::floor(class, self.base, word.limit);
            quota::is_surprising(known, &word, floor)
        });
        if self.turned.is_some() || (!self.unlimited && (self.left == 0 || is_low)) {
            return false;
        }
        self.left = self.left.saturating_sub(1);
        self.spent.unheard += 1;
        true
    }

    /// Takes one request out, with a visit to the ledger if need be. How the slice
    /// ends if nothing is to be had.
    pub(super) async fn draw(&mut self, held: &mut Held<'_>) -> Result<Option<End>, Stop> {
        for look in 0..MOST_LOOKS {
            let now = held.now();
            if self.take(&held.run, now) {
                return Ok(None);
            }
            if self.key().is_none() {
                match self.pace(now) {
                    Some(until) => match wait(held, until).await? {
                        None => continue,
                        end => return Ok(end),
                    },
                    None => continue,
                }
            }
            self.turn(held.plane).await;
            let class = class_of(&held.run);
            match self.visit(held.plane, Some(class)).await? {
                Some(Drawn::Unlimited) => self.unlimited = true,
                // Others ask, or have reserved what they may not need.
                Some(Drawn::Unknown | Drawn::Kept { is_lent: true, .. }) if look + 1 < MOST_LOOKS => {
                    self.known = None;
                    let span = LOOK + held.plane.chance.jitter(LOOK);
                    if held.time_is_up_after(span) {
                        return Ok(Some(End::TimeUp));
                    }
                    held.nap(span).await?;
                }
                None | Some(Drawn::Lot { .. } | Drawn::Unknown) => {}
                Some(Drawn::Kept { until, is_lent, floor }) => {
                    let left = self.known.as_ref().map_or(0, |known| known.remaining);
                    let soon = if is_lent { until.min(now.plus(AGAIN)) } else { until };
                    let until = soon.plus(held.plane.chance.jitter(SCATTER));
                    let why = kept(left, floor, class, is_lent);
                    return Ok(Some(End::Paused { until, why }));
                }
            }
        }
        let until = held.now().plus(AGAIN + held.plane.chance.jitter(SCATTER));
        let why = "nobody knows yet what is left of the provider's quota, and others are asking already".to_owned();
        Ok(Some(End::Paused { until, why }))
    }

    /// Hears what a reply says of the quota, and whether it cost anything.
    pub(super) fn hear(&mut self, reply: &Reply, now: Moment) {
        // Whoever is not let in is counted with those without a name, and told of theirs.
        if reply.status == 401 {
            return self.unspend();
        }
        let Some(limit) = limit_of(reply) else {
            if reply.status < 400 {
                self.spent.silence = Some(now);
            }
            return;
        };
        let word = Word { remaining: limit.remaining, limit: limit.limit, resets_at: limit.resets_at, heard_at: now };
        let resource = resource_of(reply);
        if self.provider.is_free(reply) || resource != self.resource {
            self.unspend();
        }
        if resource == self.resource { self.tell(word) } else { self.turned = Some((resource, word)) }
    }

    /// The last request did not count here.
    fn unspend(&mut self) {
        self.left += self.spent.unheard.min(1);
        self.spent.unheard = self.spent.unheard.saturating_sub(1);
    }

    /// What the provider said is left.
    pub(crate) fn tell(&mut self, word: Word) {
        if self.known.as_ref().is_some_and(|known| quota::is_of_later_window(known, &word)) {
            // What was reserved was of the window before.
            self.left = 0;
        }
        if self.unlimited && word.resets_at.is_some() {
            (self.unlimited, self.left) = (false, 0);
        }
        (self.spent.word, self.spent.unheard) = (Some(word), 0);
    }

    /// Turns to the limit that counted the last request: so will it the next. The
    /// lot of the one before goes back.
    async fn turn(&mut self, plane: &Plane) {
        let Some((resource, word)) = self.turned.take() else { return };
        self.settle_here(plane).await;
        self.resource = resource;
        (self.known, self.left, self.spent, self.unlimited) = (None, 0, Spent::default(), false);
        self.tell(word);
    }

    /// Until when whoever goes at its provider's pace has to wait.
    fn pace(&self, now: Moment) -> Option<Moment> {
        let word = self.spent.word.filter(|_| self.is_paced())?;
        let resets_at = word.resets_at.filter(|at| *at > now && at.since(now) <= PACED)?;
        (word.remaining < lowered(self.base, word.limit)).then_some(resets_at)
    }

    /// Gives back what was not spent and tells what was heard. The ledger is advice
    /// to others then: failing to write it must not fail this run.
    pub(crate) async fn settle(&mut self, plane: &Plane) {
        self.turn(plane).await;
        self.settle_here(plane).await;
    }

    async fn settle_here(&mut self, plane: &Plane) {
        if let Err(why) = self.visit(plane, None).await {
            tracing::warn!(decision = "quota.unrecorded", workspace = %self.source.workspace, source = %self.source.id, error = %why);
        }
    }

    /// One write to the ledger: what was done since the last one, and what is
    /// reserved now. Whoever loses the race decides again on the row that won.
    async fn visit(&mut self, plane: &Plane, wanted: Option<Class>) -> Result<Option<Drawn>, Fault> {
        let Some(key) = self.key() else { return Ok(None) };
        if wanted.is_none() && self.spent == Spent::default() {
            return Ok(None);
        }
        let visited = self.written(plane, &key, wanted).await;
        if visited.is_err() {
            // Whether it was written is not known. What was reserved then is lost,
            // rather than given back twice.
            (self.known, self.left) = (None, 0);
            (self.spent.lot, self.spent.era, self.spent.is_probe) = (0, 0, false);
        }
        visited
    }

    async fn written(&mut self, plane: &Plane, key: &Key, wanted: Option<Class>) -> Result<Option<Drawn>, Fault> {
        let mut known = match self.known.take() {
            Some(known) => known,
            None => plane.store.quota(key).await?.unwrap_or_default(),
        };
        for races in 0..MOST_RACES {
            let now = plane.clock.now();
            let settled = quota::settle(&known, &self.spent, now);
            let drawn = wanted.map(|class| quota::draw(&settled, class, self.base, now));
            let (next, size, is_probe) = match &drawn {
                Some(Drawn::Lot { row, size, is_probe }) => (row.clone(), *size, *is_probe),
                _ => (settled, 0, false),
            };
            let row = Quota { version: known.version + 1, by: self.mark.clone(), ..next };
            let is_news = Quota { version: known.version, by: known.by.clone(), ..row.clone() } != known;
            let won = if is_news { plane.store.save_quota(key, &row, known.version).await? } else { Ok(()) };
            match won {
                Ok(()) => {
                    self.report(plane);
                    let row = if is_news { row } else { known };
                    self.spent = Spent { lot: size, era: row.era, is_probe, ..Spent::default() };
                    (self.left, self.known) = (size, Some(row));
                    return Ok(drawn);
                }
                Err(winner) => known = winner,
            }
            if races > 0 {
                plane.clock.sleep(plane.chance.jitter(Duration::from_millis(10 << races.min(5)))).await;
            }
        }
        Err(Fault::unavailable("table", "the quota ledger changed too often to write to it"))
    }

    fn report(&self, plane: &Plane) {
        let Some(word) = self.spent.word else { return };
        let metric = [("QuotaRemaining", word.remaining as f64, "Count")];
        crate::telemetry::emit(&plane.config, plane.clock.now(), &metric, &[("Provider", self.provider.name())]);
    }
}

fn class_of(run: &Run) -> Class {
    quota::class(run.trigger, run.since.is_none(), run.calls.made)
}

/// Waits for the end of a short window: here if it is short enough, else the run
/// is given back meanwhile.
async fn wait(held: &mut Held<'_>, until: Moment) -> Result<Option<End>, Stop> {
    let until = until.plus(Duration::from_millis(100) + held.plane.chance.jitter(Duration::from_secs(1)));
    let span = until.since(held.now());
    if span <= LONGEST_NAP && !held.time_is_up_after(span) {
        held.nap(span).await?;
        return Ok(None);
    }
    Ok(Some(End::Paused { until, why: "the provider's limit for the present minute is nearly used up".to_owned() }))
}

/// Why a run waits though something is left.
fn kept(left: u64, floor: u64, class: Class, is_lent: bool) -> String {
    if is_lent {
        return format!("of the {left} requests that the provider has left, the others are reserved by runs that go on now");
    }
    let whose = match class {
        Class::First | Class::Manual => "people",
        Class::Scheduled => "people and webhooks",
        Class::Backfill => "people, webhooks and increments",
    };
    format!("the provider has only {left} requests left, and the last {floor} of its quota are kept for {whose}")
}
