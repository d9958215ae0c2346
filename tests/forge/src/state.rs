//! Everything the forge remembers, behind one lock: a request takes it for the time of rendering a page, and a test's
//! edit is seen by the next request whole or not at all.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::{
    Clock,
    apps::Apps,
    books::Book,
    credentials::{Caller, Credentials},
    journal::Journal,
    quota::Quota,
    record::{FIRST_ID, ID_STEP, Record},
    script::Script,
};

/// What the forge keeps beside the world: the clock, and the signals that wake waiting requests and tests.
pub(crate) struct State {
    world: Mutex<World>,
    pub(crate) now: Clock,
    /// Counts requests received.
    pub(crate) arrivals: watch::Sender<u64>,
    /// Counts releases of hanging requests.
    pub(crate) releases: watch::Sender<u64>,
    pub(crate) stopped: watch::Receiver<bool>,
}

impl State {
    pub(crate) fn new(world: World, now: Clock, stopped: watch::Receiver<bool>) -> Self {
        let (arrivals, releases) = (watch::Sender::new(0), watch::Sender::new(0));
        Self { world: Mutex::new(world), now, arrivals, releases, stopped }
    }

    /// A test that panicked in an edit must not make every later request panic as well.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.now)()
    }

    pub(crate) async fn until_stopped(&self) {
        let mut stopped = self.stopped.clone();
        if stopped.wait_for(|stopped| *stopped).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The data. It is changed by handles and read by dialects, never both at once.
pub(crate) struct World {
    pub(crate) records: BTreeMap<u64, Record>,
    /// By name in lower case, because forges do not tell the case of names apart.
    names: HashMap<String, u64>,
    moved: HashMap<String, u64>,
    pub(crate) credentials: Credentials,
    pub(crate) apps: Apps,
    quotas: HashMap<Option<String>, Quota>,
    pub(crate) journal: Journal,
    pub(crate) script: Script,
    pub(crate) latency: Duration,
    pub(crate) hourly_limit: u64,
    pub(crate) anonymous_limit: u64,
    pub(crate) html_base: String,
    pub(crate) trackers_retired: bool,
    /// What the customers of business systems have there, by their names.
    pub(crate) books: BTreeMap<String, Book>,
    revision: u64,
}

/// Where a repository's name leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lead {
    Here(u64),
    Moved(u64),
}

impl World {
    pub(crate) fn new(hourly_limit: u64, anonymous_limit: u64, html_base: String) -> Self {
        Self {
            records: BTreeMap::new(),
            names: HashMap::new(),
            moved: HashMap::new(),
            credentials: Credentials::default(),
            apps: Apps::default(),
            quotas: HashMap::new(),
            journal: Journal::default(),
            script: Script::default(),
            latency: Duration::ZERO,
            hourly_limit,
            anonymous_limit,
            html_base,
            trackers_retired: false,
            books: BTreeMap::new(),
            revision: 0,
        }
    }

    pub(crate) fn lead(&self, full_name: &str) -> Option<Lead> {
        let name = full_name.to_lowercase();
        let moved = || self.moved.get(&name).map(|id| Lead::Moved(*id));
        self.names.get(&name).map(|id| Lead::Here(*id)).or_else(moved)
    }

    /// Finds the repository, by an old name too, or makes it.
    pub(crate) fn record(&mut self, full_name: &str, now: Timestamp) -> &mut Record {
        let id = match self.lead(full_name) {
            Some(Lead::Here(id) | Lead::Moved(id)) => id,
            None => self.records.last_key_value().map_or(FIRST_ID, |(last, _)| last + ID_STEP),
        };
        self.names.entry(full_name.to_lowercase()).or_insert(id);
        self.records.entry(id).or_insert_with(|| Record::new(id, full_name, now))
    }

    pub(crate) fn rename(&mut self, id: u64, full_name: &str) {
        let Some(record) = self.records.get_mut(&id) else {
            return;
        };
        let (owner, name) = full_name.split_once('/').unwrap_or((&record.owner, full_name));
        let old = record.full_name().to_lowercase();
        (record.owner, record.name) = (owner.to_owned(), name.to_owned());
        let new = record.full_name().to_lowercase();
        self.names.remove(&old);
        self.moved.insert(old, id);
        self.moved.remove(&new);
        self.names.insert(new, id);
    }

    /// The repository answers "not found" from now on, under every name it had.
    pub(crate) fn remove(&mut self, id: u64) {
        self.records.remove(&id);
        self.names.retain(|_, named| *named != id);
        self.moved.retain(|_, named| *named != id);
    }

    pub(crate) fn next_revision(&mut self) -> u64 {
        self.revision += 1;
        self.revision
    }

    pub(crate) fn quota(&self, caller: &Caller, now: Timestamp) -> Quota {
        let limit = if *caller == Caller::Anonymous { self.anonymous_limit } else { self.hourly_limit };
        let kept = self.quotas.get(&caller.login().map(str::to_owned));
        kept.map_or_else(|| Quota::full(limit, now), |quota| quota.at(now))
    }

    pub(crate) fn set_quota(&mut self, caller: &Caller, quota: Quota) {
        self.quotas.insert(caller.login().map(str::to_owned), quota);
    }
}
