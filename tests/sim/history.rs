//! One history: a seeded scheduler, and everything it can do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpClient, SharedHttpClient};
use jiff::SignedDuration;
use pullcord::engines::{TableEngine, make_table};
use pullcord_core::admission::{OnConflict, Surface};
use pullcord_core::chance::Chance;
use pullcord_core::clock::{Clock, Moment};
use pullcord_core::manage::{self, ChangedSource, NewSource};
use pullcord_core::model::{Person, RunOptions, SourceId, SourceKind, WorkspaceId};
use pullcord_core::queue::Job;
use pullcord_core::sync::{bury, sync};
use pullcord_core::trigger::{Ask, Asker, trigger};
use pullcord_core::vault::{Credential, Vault};
use pullcord_core::{Plane, cancel, schedule};
use pullcord_forge::{Forge, Repository, Seed};
use tokio::task::JoinHandle;

use super::invariants::Watch;
use super::weather::{Fault, Message, Messages, QueueWay, TableWay, Tally, Weather, http};

/// How long the queue hides a message that was received.
const VISIBILITY: Duration = Duration::from_mins(10);
const MOST_RECEIVES: u32 = 5;
/// A token that must never be seen again.
const CANARY: &str = "canary-of-the-simulation";

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
        Played { seed, steps, without: without.to_vec(), violation, faults, moves: history.watch.moves.clone(), log }
    })
}

struct History {
    weather: Weather,
    messages: Messages,
    letters: Vec<Message>,
    plane: Plane,
    watch: Watch,
    forge: axum::Router,
    repositories: Vec<Repository>,
    sources: Vec<SourceId>,
    workers: Vec<(JoinHandle<()>, String)>,
    others: Vec<JoinHandle<()>>,
    _forge: Forge,
}

fn asker() -> Asker {
    Asker::Known(Person::deployment("simulation"))
}

fn plane(clock: &Clock, seed: u64, table: impl HttpClient + 'static, queue: impl HttpClient + 'static) -> Plane {
    let mut config = crate::world::config(&[("PULLCORD_ALLOW_HOSTS", "forge.invalid")]);
    config.queue_url = "http://queue.invalid/1/pullcord".into();
    let table = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::new("local-1"))
        .credentials_provider(aws_sdk_dynamodb::config::Credentials::new("local", "local", None, None, "local"))
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
    Plane::assemble(config, clock.clone(), Chance::seeded(seed), table, queue, Vault::File { key: [7; 32] }).unwrap()
}

impl History {
    async fn begin(seed: u64, without: &[Fault]) -> Self {
        let clock = Clock::runtime(Moment::parse("2026-11-20T06:00:00Z").unwrap());
        let weather = Weather::new(seed, clock.clone(), without);
        let engine = SharedHttpClient::new(TableEngine::in_memory().unwrap());
        let messages: Messages = Arc::new(Mutex::new(Vec::new()));
        let calm = plane(
            &clock,
            seed,
            engine.clone(),
            QueueWay { messages: messages.clone(), weather: Weather::new(seed, clock.clone(), &Fault::ALL) },
        );
        make_table(calm.store.table.client(), &calm.config).await.unwrap();
        let now = {
            let clock = clock.clone();
            move || jiff::Timestamp::from_millisecond(clock.now().0).unwrap()
        };
        let forge = Forge::detached(pullcord_forge::Options { hourly_limit: 1_000_000, ..pullcord_forge::Options::new(Arc::new(now)) });
        let mut repositories = Vec::new();
        let mut sources = Vec::new();
        manage::create_workspace(&calm, &asker(), "acme", "Acme").await.unwrap();
        for name in ["web", "api"] {
            let repository = forge.repository(&format!("acme/{name}"));
            repository.seed(&Seed { closed_percent: 20, pull_request_percent: 10, ..Seed::of(10 + weather.below(25) as u64) });
            repository.set_links_by_cursor(weather.percent(50));
            let new = NewSource {
                id: name.into(),
                kind: Some(SourceKind::Repository),
                provider: Some("github".into()),
                base_url: Some("http://forge.invalid".into()),
                repository: Some(format!("acme/{name}")),
                credential: Some(Credential { token: CANARY.into() }),
                ..NewSource::default()
            };
            manage::create_source(&calm, &asker(), &WorkspaceId::known("acme"), new).await.unwrap();
            repositories.push(repository);
            sources.push(SourceId::known(name));
        }
        let rough = plane(
            &clock,
            seed + 1,
            TableWay { engine, weather: weather.clone() },
            QueueWay { messages: messages.clone(), weather: weather.clone() },
        );
        let router = forge.router();
        let http = http(router.clone(), &weather, rough.config.request_deadline(), false);
        let plane = Plane { http, ..rough };
        let watch = Watch::over(calm, weather.clone());
        Self {
            weather,
            messages,
            letters: Vec::new(),
            plane,
            watch,
            forge: router,
            repositories,
            sources,
            workers: Vec::new(),
            others: Vec::new(),
            _forge: forge,
        }
    }

    async fn play(&mut self, steps: usize) -> Result<(), String> {
        for step in 0..steps {
            self.step().await;
            // Counting every item takes longest, and what is wrong stays wrong.
            self.watch.look(&self.sources, step % 10 == 9).await?;
        }
        self.calm_down().await?;
        self.watch.nothing_is_left(&self.sources).await?;
        self.catch_up().await?;
        for (source, repository) in self.sources.iter().zip(&self.repositories) {
            self.watch.mirrors(source, repository).await?;
        }
        self.watch.hides(CANARY).await
    }

    async fn step(&mut self) {
        match self.weather.below(100) {
            0..18 => self.trigger(),
            18..50 => self.deliver(),
            50..62 => self.tick(),
            62..68 => self.cancel().await,
            68..74 => self.crash(),
            74..84 => self.edit(),
            84..86 => self.change(),
            86..87 => self.restart().await,
            _ => {}
        }
        let span = match self.weather.below(20) {
            0 => Duration::from_mins(4 + self.weather.below(20) as u64),
            1..4 => Duration::from_secs(self.weather.below(120) as u64),
            _ => Duration::from_millis(self.weather.below(900) as u64),
        };
        self.weather.clock.sleep(span).await;
        self.reap();
    }

    fn reap(&mut self) {
        self.workers.retain(|(worker, _)| !worker.is_finished());
        self.others.retain(|other| !other.is_finished());
    }

    fn trigger(&mut self) {
        let callers = if self.weather.strikes(Fault::TenCallers, 10) { 10 } else { 1 };
        let source = self.sources[self.weather.below(self.sources.len())].clone();
        for _ in 0..callers {
            let on_conflict = [OnConflict::Reject, OnConflict::Reject, OnConflict::Attach, OnConflict::Restart][self.weather.below(4)];
            let options = RunOptions { full: self.weather.percent(10), include_closed: self.weather.percent(10), ..RunOptions::default() };
            let surface = if self.weather.percent(50) { Surface::Projects } else { Surface::Native };
            let ask = Ask { on_conflict, options, confirmed: true, ..Ask::sync(source.clone(), asker(), surface) };
            let (plane, weather) = (self.plane.clone(), self.weather.clone());
            self.others.push(tokio::spawn(async move {
                let answer = trigger(&plane, ask).await;
                weather.note(format!("trigger {on_conflict:?}: {}", short(&format!("{answer:?}"))));
            }));
        }
    }

    /// Gives some visible message to a worker, whichever it is.
    fn deliver(&mut self) {
        let now = self.weather.clock.now();
        let mut messages = self.messages.lock().unwrap();
        let visible: Vec<usize> = (0..messages.len()).filter(|at| messages[*at].visible_at <= now).collect();
        if visible.is_empty() {
            return;
        }
        let at = visible[self.weather.below(visible.len())];
        if self.weather.strikes(Fault::MessageDropped, 3) {
            messages.remove(at);
            return;
        }
        messages[at].receives += 1;
        messages[at].visible_at = now.plus(VISIBILITY);
        let message = messages[at].clone();
        if message.receives > MOST_RECEIVES {
            messages.remove(at);
            self.letters.push(message);
            return;
        }
        drop(messages);
        let job = Job::decode(&message.body).unwrap();
        let skew = if self.weather.strikes(Fault::ClockSkewed, 8) { self.weather.below(240) as i64 - 120 } else { 0 };
        let stalls = self.weather.strikes(Fault::WorkerStalled, 4);
        let clock = self.weather.clock.skewed(SignedDuration::from_secs(skew));
        let http = http(self.forge.clone(), &self.weather, self.plane.config.request_deadline(), stalls);
        let plane = Plane { clock: clock.clone(), http, ..self.plane.clone() };
        let deadline = if self.weather.percent(20) { clock.now() } else { clock.now().plus(Duration::from_mins(5)) };
        let (messages, weather) = (self.messages.clone(), self.weather.clone());
        let body = message.body.clone();
        let worker = tokio::spawn(async move {
            let outcome = sync(&plane, &job, deadline).await;
            weather.note(format!("worked: {}", short(&format!("{outcome:?}"))));
            // What succeeded is deleted, unless the queue forgets that.
            if outcome.is_ok() && !weather.strikes(Fault::MessageTwice, 10) {
                messages.lock().unwrap().retain(|other| other.body != body || other.receives == 0);
            }
        });
        self.workers.push((worker, message.body));
    }

    fn tick(&mut self) {
        let ticks = if self.weather.strikes(Fault::TwoTicks, 20) { 2 } else { 1 };
        for _ in 0..ticks {
            let plane = self.plane.clone();
            self.others.push(tokio::spawn(async move { drop(schedule::tick(&plane).await) }));
        }
        for letter in std::mem::take(&mut self.letters) {
            let plane = self.plane.clone();
            let job = Job::decode(&letter.body).unwrap();
            self.others.push(tokio::spawn(async move { drop(bury(&plane, &job).await) }));
        }
    }

    async fn cancel(&mut self) {
        let Some(run) = self.watch.some_open_run(&self.weather).await else { return };
        let plane = self.plane.clone();
        self.weather.note(format!("cancel {run}"));
        self.others.push(tokio::spawn(async move { drop(cancel::cancel(&plane, &asker(), run).await) }));
    }

    fn crash(&mut self) {
        if !self.workers.is_empty() && self.weather.strikes(Fault::WorkerCrashed, 100) {
            let (worker, body) = self.workers.remove(self.weather.below(self.workers.len()));
            worker.abort();
            self.weather.note(format!("a worker crashes: {body}"));
        }
    }

    /// Someone works on the issues meanwhile.
    fn edit(&mut self) {
        if !self.weather.strikes(Fault::RemoteEdited, 100) {
            return;
        }
        let repository = &self.repositories[self.weather.below(self.repositories.len())];
        let number = 1 + self.weather.below(repository.issues().len()) as u64;
        let title = format!("Edited at {}", self.weather.clock.now());
        match self.weather.below(4) {
            0 => drop(repository.add_issue(|issue| issue.title = title)),
            1 => drop(repository.close_issue(number)),
            _ => drop(repository.edit_issue(number, |issue| issue.title = title)),
        }
    }

    fn change(&mut self) {
        let source = self.sources[self.weather.below(self.sources.len())].clone();
        let change = if self.weather.strikes(Fault::CredentialRotated, 50) {
            ChangedSource { credential: Some(Some(Credential { token: CANARY.into() })), ..ChangedSource::default() }
        } else if self.weather.strikes(Fault::SettingsChanged, 100) {
            ChangedSource { name: Some(format!("Renamed at {}", self.weather.clock.now())), ..ChangedSource::default() }
        } else {
            return;
        };
        let plane = self.plane.clone();
        self.others.push(tokio::spawn(async move { drop(manage::change_source(&plane, &asker(), &source, change).await) }));
    }

    /// The local process is killed and started again: its queue is gone.
    async fn restart(&mut self) {
        if !self.weather.strikes(Fault::ProcessRestarted, 100) {
            return;
        }
        self.weather.note("the process restarts");
        for (worker, _) in self.workers.drain(..) {
            worker.abort();
        }
        for other in self.others.drain(..) {
            other.abort();
        }
        self.weather.clock.sleep(Duration::from_millis(1)).await;
        self.messages.lock().unwrap().clear();
        self.letters.clear();
        self.watch.restarted().await;
    }

    /// The weather turns calm. Within a day everything that was begun has ended.
    async fn calm_down(&mut self) -> Result<(), String> {
        self.weather.note("calm");
        self.weather.calm();
        for _ in 0..240 {
            self.tick();
            for _ in 0..6 {
                self.deliver();
                self.weather.clock.sleep(Duration::from_secs(20)).await;
            }
            self.weather.clock.sleep(Duration::from_mins(4)).await;
            self.reap();
            self.watch.look(&self.sources, true).await?;
            if self.workers.is_empty() && self.others.is_empty() && self.watch.all_ended().await {
                return Ok(());
            }
        }
        Err(format!("stuck: {}", self.watch.open_runs().await))
    }

    /// Syncs every source twice more in calm weather: what is unfinished is
    /// finished, and then what happened meanwhile is caught up with.
    async fn catch_up(&mut self) -> Result<(), String> {
        for _ in 0..2 {
            for source in self.sources.clone() {
                let ask = Ask { confirmed: true, ..Ask::sync(source.clone(), asker(), Surface::Projects) };
                trigger(&self.plane, ask).await.map_err(|why| format!("a calm trigger of {source} was refused: {why:?}"))?;
            }
            self.calm_down().await?;
        }
        Ok(())
    }
}

fn short(text: &str) -> String {
    text.chars().take(160).collect()
}
