//! One history: a seeded scheduler, its world, and its end.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpClient, SharedHttpClient};
use futures::FutureExt;
use pullcord::engines::{TableEngine, make_tables};
use pullcord_core::Plane;
use pullcord_core::admission::Surface;
use pullcord_core::chance::Chance;
use pullcord_core::clock::{Clock, Moment};
use pullcord_core::config::Config;
use pullcord_core::http::{Http, Unanswered};
use pullcord_core::manage::{self, ChangedWorkspace, CredentialGiven, NewSource, ScheduleGiven};
use pullcord_core::model::{Person, RunOptions, SourceId, SourceKind, WorkspaceId};
use pullcord_core::queue::Queue;
use pullcord_core::store::Store;
use pullcord_core::store::table::Table;
use pullcord_core::trigger::{Ask, Asker, trigger};
use pullcord_core::vault::Vault;
use pullcord_forge::{Forge, Repository, Seed};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::invariants::Watch;
use super::mirror;
use super::table::Rows;
use super::toll::Toll;
use super::weather::{Fault, Message, Messages, QueueWay, TableWay, Tally, Touched, Weather, http};

/// A token that must never be seen again.
pub(super) const CANARY: &str = "canary-of-the-simulation";
/// Requests that the token has an hour, of which some are kept.
pub(super) const HOURLY_LIMIT: u64 = 5_000;
const FLOOR: u64 = 100;
/// Files that a folder may have.
pub(super) const FILES: usize = 20;

/// A history, and what it came to.
#[derive(Debug)]
pub struct Played {
    pub seed: u64,
    pub steps: usize,
    pub without: Vec<Fault>,
    pub violation: Option<String>,
    pub faults: Tally,
    pub moves: Tally,
    pub log: Vec<String>,
}

/// Plays one history.
pub fn play(seed: u64, steps: usize, without: &[Fault]) -> Played {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut history = History::begin(seed, without).await;
        let violation = history.play(steps).await.err();
        let (faults, log) = (history.weather.faults(), history.weather.log());
        let moves = std::mem::take(&mut history.watch.moves);
        Played { seed, steps, without: without.to_vec(), violation, faults, moves, log }
    })
}

/// How a history is, all along.
pub(super) struct Manner {
    /// How long the queue hides a message that was received, and how often it
    /// tries.
    pub(super) visibility: Duration,
    pub(super) most_receives: u32,
    /// Workers hardly ever get anything done.
    pub(super) deadly: bool,
    /// Runs of the workspace that may be under way.
    pub(super) slots: Option<u64>,
    /// The sources sync by themselves, too.
    pub(super) scheduled: bool,
}

pub(super) struct History {
    pub(super) weather: Weather,
    pub(super) manner: Manner,
    pub(super) messages: Messages,
    pub(super) letters: Vec<Message>,
    pub(super) plane: Plane,
    pub(super) calm: Plane,
    pub(super) watch: Watch,
    pub(super) forge: axum::Router,
    pub(super) repositories: Vec<Repository>,
    /// How many issues went from each of them.
    pub(super) gone: Vec<u64>,
    pub(super) sources: Vec<SourceId>,
    pub(super) documents: SourceId,
    pub(super) folder: TempDir,
    /// What some task saw that must not be.
    pub(super) seen: Arc<Mutex<Vec<Stale>>>,
    pub(super) workers: Vec<(JoinHandle<()>, String)>,
    pub(super) others: Vec<JoinHandle<()>>,
    panicked: Vec<String>,
    pub(super) toll: Toll,
}

/// A message that found its run in other hands.
pub(super) type Stale = (SourceId, pullcord_core::model::RunId, u64);

pub(super) fn asker() -> Asker {
    Asker::Known(Person::deployment("simulation"))
}

fn config(folder: &Path) -> Config {
    let mut config = crate::world::config(&[("PULLCORD_ALLOW_HOSTS", "forge.invalid")]);
    config.queue_url = "http://queue.invalid/1/pullcord".into();
    config.document_roots = vec![folder.to_owned()];
    config
}

fn plane(
    config: Config,
    clock: &Clock,
    seed: u64,
    http: Http,
    table: impl HttpClient + 'static,
    queue: impl HttpClient + 'static,
) -> Plane {
    let table = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::new("local-1"))
        // Nobody here looks at signatures, and no stream stalls.
        .allow_no_auth()
        .stalled_stream_protection(aws_sdk_dynamodb::config::StalledStreamProtectionConfig::disabled())
        .retry_config(aws_sdk_dynamodb::config::retry::RetryConfig::disabled())
        .endpoint_url("http://table.invalid")
        .http_client(table)
        .build();
    let queue = aws_sdk_sqs::Config::builder()
        .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
        .region(aws_sdk_sqs::config::Region::new("us-east-1"))
        .credentials_provider(aws_sdk_sqs::config::Credentials::new("local", "local", None, None, "local"))
        .retry_config(aws_sdk_sqs::config::retry::RetryConfig::disabled())
        .endpoint_url("http://queue.invalid")
        .http_client(queue)
        .build();
    let (table, queue) = (aws_sdk_dynamodb::Client::from_conf(table), aws_sdk_sqs::Client::from_conf(queue));
    let chance = Chance::seeded(seed);
    Plane {
        store: Store::new(Table::new(table, &config, clock.clone(), chance.clone()), config.keep_runs),
        queue: Queue::new(queue, &config.queue_url),
        http,
        vault: Vault::File { key: [7; 32] },
        clock: clock.clone(),
        chance,
        config,
    }
}

/// A way out that leads nowhere.
fn nowhere() -> Http {
    Http::new(Arc::new(|_| Box::pin(async { Err(Unanswered::Broken("there is nothing outside".to_owned())) })))
}

/// A plane over an empty table in memory, with a workspace `acme`: messages lie in
/// a queue that nobody reads, and the clock passes as that of the runtime does.
pub async fn quiet_plane(seed: u64) -> Plane {
    let clock = Clock::runtime(Moment::parse("2026-11-20T06:00:00Z").unwrap());
    let quiet = QueueWay { messages: Messages::default(), weather: Weather::new(seed, clock.clone(), &Fault::ALL) };
    let engine = SharedHttpClient::new(TableEngine::in_memory().unwrap());
    let plane = plane(config(Path::new("/")), &clock, seed, nowhere(), engine, quiet);
    make_tables(plane.store.table.client(), &plane.config).await.unwrap();
    manage::create_workspace(&plane, &asker(), "acme", "Acme").await.unwrap();
    plane
}

/// A folder in memory, where the machine has such a place.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

impl History {
    async fn begin(seed: u64, without: &[Fault]) -> Self {
        let clock = Clock::runtime(Moment::parse("2026-11-20T06:00:00Z").unwrap());
        let weather = Weather::new(seed, clock.clone(), without);
        let folder = folder();
        let table = TableEngine::in_memory().unwrap();
        let engine = SharedHttpClient::new(table.clone());
        let messages: Messages = Arc::new(Mutex::new(Vec::new()));
        let nothing = Weather::new(seed, clock.clone(), &Fault::ALL);
        let quiet = QueueWay { messages: messages.clone(), weather: nothing };
        let calm = plane(config(folder.path()), &clock, seed, nowhere(), engine.clone(), quiet);
        make_tables(calm.store.table.client(), &calm.config).await.unwrap();
        let now = {
            let clock = clock.clone();
            move || jiff::Timestamp::from_millisecond(clock.now().0).unwrap()
        };
        let forge = Forge::detached(pullcord_forge::Options { hourly_limit: HOURLY_LIMIT, ..pullcord_forge::Options::new(Arc::new(now)) });
        let manner = Manner {
            visibility: Duration::from_secs([20, 120, 600][weather.below(3)]),
            most_receives: 1 + weather.below(5) as u32,
            deadly: weather.percent(10),
            slots: [None, None, Some(1), Some(2)][weather.below(4)],
            scheduled: weather.percent(40),
        };
        let acme = WorkspaceId::known("acme");
        manage::create_workspace(&calm, &asker(), "acme", "Acme").await.unwrap();
        if manner.slots.is_some() {
            let change = ChangedWorkspace { max_concurrent_runs: Some(manner.slots), ..ChangedWorkspace::default() };
            manage::change_workspace(&calm, &asker(), &acme, change).await.unwrap();
        }
        let (mut repositories, mut sources) = (Vec::new(), Vec::new());
        for name in ["web", "api"] {
            let repository = forge.repository(&format!("acme/{name}"));
            repository.seed(&Seed { closed_percent: 20, pull_request_percent: 10, ..Seed::of(8 + weather.below(18) as u64) });
            repository.set_links_by_cursor(weather.percent(50));
            let new = NewSource {
                id: name.into(),
                kind: Some(SourceKind::Repository),
                provider: Some("github".into()),
                base_url: Some("http://forge.invalid".into()),
                repository: Some(format!("acme/{name}")),
                credential: Some(CredentialGiven::token(CANARY)),
                ..NewSource::default()
            };
            manage::create_source(&calm, &asker(), &acme, new).await.unwrap();
            repositories.push(repository);
            sources.push(SourceId::known(name));
        }
        let path = Some(folder.path().to_str().unwrap().to_owned());
        let new = NewSource { id: "docs".into(), kind: Some(SourceKind::Documents), path, ..NewSource::default() };
        manage::create_source(&calm, &asker(), &acme, new).await.unwrap();
        let documents = SourceId::known("docs");
        sources.push(documents.clone());
        if manner.scheduled {
            for source in &sources {
                let every = ScheduleGiven { every: Some("PT7M".to_owned()), ..ScheduleGiven::default() };
                manage::set_schedule(&calm, &asker(), source, &every, false).await.unwrap();
            }
        }
        let rows = Rows::of(table, &calm.config.table);
        let touched = Touched::default();
        let watch = Watch::over(rows, touched.clone(), weather.clone(), calm.config.lease, manner.slots);
        let rough = plane(
            config(folder.path()),
            &clock,
            seed + 1,
            nowhere(),
            TableWay { engine, weather: weather.clone(), touched: touched.clone() },
            QueueWay { messages: messages.clone(), weather: weather.clone() },
        );
        let router = forge.router();
        let toll = Toll { forge, token: CANARY, floor: FLOOR, broken: Arc::default() };
        let http = http(router.clone(), toll.clone(), &weather, rough.config.request_deadline(), false);
        let history = Self {
            manner,
            messages,
            letters: Vec::new(),
            plane: Plane { http, ..rough },
            calm,
            watch,
            forge: router,
            gone: vec![0; repositories.len()],
            repositories,
            sources,
            documents,
            folder,
            seen: Arc::default(),
            workers: Vec::new(),
            others: Vec::new(),
            panicked: Vec::new(),
            weather,
            toll,
        };
        (0..FILES).for_each(|number| history.write_file(number));
        history
    }

    async fn play(&mut self, steps: usize) -> Result<(), String> {
        for step in 0..steps {
            self.step().await;
            // Counting every item takes longest, and what is wrong stays wrong.
            self.look(step % 40 == 39)?;
        }
        self.calm_down().await?;
        self.watch.nothing_is_left(&self.sources)?;
        // Whatever was spent is there again.
        self.weather.clock.sleep(Duration::from_mins(61)).await;
        self.catch_up(&[false, false]).await?;
        // Looked at before everything is listed anew, which would mend what increments missed.
        for (source, repository) in self.sources.iter().zip(&self.repositories) {
            mirror::present(&self.watch.rows, source, repository)?;
        }
        self.catch_up(&[true]).await?;
        for ((source, repository), gone) in self.sources.iter().zip(&self.repositories).zip(&self.gone) {
            mirror::issues(&self.watch.rows, source, repository, self.watch.deleted(source), *gone)?;
        }
        if self.sources.contains(&self.documents) {
            mirror::documents(&self.watch.rows, &self.documents, self.folder.path())?;
        }
        if self.watch.rows.show(CANARY) { Err("a row shows the credential".to_owned()) } else { Ok(()) }
    }

    fn look(&mut self, counts: bool) -> Result<(), String> {
        if let Some(why) = self.panicked.first() {
            return Err(why.clone());
        }
        if let Some(why) = self.toll.broken.lock().unwrap().take() {
            return Err(why);
        }
        for (source, run, epoch) in std::mem::take(&mut *self.seen.lock().unwrap()) {
            self.watch.stale(&source, run, epoch)?;
        }
        self.watch.look(&self.sources, counts)
    }

    async fn step(&mut self) {
        match self.weather.below(100) {
            // Where nobody intervenes, a run is lost time and again.
            0..18 | 60..66 if self.manner.deadly && self.weather.percent(85) => self.tick(),
            0..18 => self.trigger(),
            18..50 => self.deliver(),
            50..58 => self.tick(),
            60..66 => self.cancel(),
            66..72 => self.crash(),
            72..80 => self.edit_issues(),
            80..86 => self.edit_folder(),
            86..88 => self.change(),
            88 => self.restart().await,
            89..92 => self.decide(),
            92 if self.weather.percent(7) => self.delete(),
            93..95 => self.spend(),
            _ => {}
        }
        let long = if self.manner.deadly { 6 } else { 1 };
        let span = match self.weather.below(20) {
            place if place < long => Duration::from_mins(4 + self.weather.below(20) as u64),
            6..9 => Duration::from_secs(self.weather.below(120) as u64),
            _ => Duration::from_millis(self.weather.below(900) as u64),
        };
        self.weather.clock.sleep(span).await;
        self.reap();
    }

    /// Forgets who is done; one that panicked is not forgotten.
    fn reap(&mut self) {
        let panicked = |task: &mut JoinHandle<()>| match task.now_or_never() {
            Some(Err(why)) if why.is_panic() => Some(why.to_string()),
            _ => None,
        };
        let ended = self.workers.iter_mut().map(|(worker, _)| worker).chain(&mut self.others).filter(|task| task.is_finished());
        self.panicked.extend(ended.filter_map(panicked));
        self.workers.retain(|(worker, _)| !worker.is_finished());
        self.others.retain(|other| !other.is_finished());
    }

    /// The weather turns calm. Within a day everything that was begun has ended.
    async fn calm_down(&mut self) -> Result<(), String> {
        self.weather.note("calm");
        self.weather.calm();
        for source in &self.sources {
            // Nothing would ever be over.
            match manage::clear_schedule(&self.calm, &asker(), source).await {
                Ok(()) | Err(pullcord_core::Error::NotFound(_)) => {}
                Err(why) => return Err(format!("the schedule of {source} stays: {why}")),
            }
        }
        self.manner.deadly = false;
        for _ in 0..240 {
            self.tick();
            for _ in 0..8 {
                self.deliver();
                self.weather.clock.sleep(Duration::from_secs(20)).await;
            }
            self.weather.clock.sleep(Duration::from_mins(4)).await;
            self.reap();
            self.look(false)?;
            if self.workers.is_empty() && self.others.is_empty() && self.watch.all_ended() {
                return self.look(true);
            }
        }
        Err(format!("stuck: {}", self.watch.open_runs()))
    }

    /// Syncs every source a few times more in calm weather: what is unfinished is
    /// finished, and then what happened meanwhile is caught up with; by a full run also
    /// what went.
    async fn catch_up(&mut self, runs: &[bool]) -> Result<(), String> {
        for full in runs.iter().copied() {
            for source in self.sources.clone() {
                let options = RunOptions { full, ..RunOptions::default() };
                let ask = Ask { confirmed: true, options, ..Ask::sync(source.clone(), asker(), Surface::Projects) };
                match trigger(&self.plane, ask).await {
                    Err(pullcord_core::Error::NotFound(_)) => self.sources.retain(|one| *one != source),
                    Err(why) => return Err(format!("a calm trigger of {source} was refused: {why:?}")),
                    Ok(_) => {}
                }
            }
            self.calm_down().await?;
        }
        Ok(())
    }
}
