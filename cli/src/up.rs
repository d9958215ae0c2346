//! The local process: API, worker, scheduler, table and queue in one.
//!
//! The handlers, routers and loops are those of the functions in the cloud. What
//! is local is here: where the rows live, who delivers messages, and who ticks.

use std::fs::File;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use clap::Args;
use futures::FutureExt;
use pullcord_core::chance::Chance;
use pullcord_core::clock::Clock;
use pullcord_core::config::Config;
use pullcord_core::digest::url_text;
use pullcord_core::model::{Role, UserId, WorkspaceId};
use pullcord_core::vault::{Vault, write_private};
use pullcord_core::{Plane, manage, schedule, telemetry};
use pullcord_forge::Forge;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::demo;
use crate::engines::{TableEngine, make_queues, make_tables, queue_client, queue_engine, table_client};

/// How long Ctrl-C lets work go on.
const DRAIN: Duration = Duration::from_secs(10);
/// How long the local administrator's token holds: it is made anew at each start.
const TOKEN_DAYS: i64 = 365;

#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 picks one and prints it
    #[arg(long, default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,
    /// Where all state is kept
    #[arg(long, default_value = ".pullcord")]
    pub data: PathBuf,
    /// Start without the demo workspace and its simulated forge
    #[arg(long)]
    pub no_demo: bool,
    /// Batches worked on side by side
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,
}

/// A running local process.
pub struct Local {
    pub address: SocketAddr,
    pub plane: Arc<Plane>,
    /// The bearer token of the local administrator.
    pub admin_token: String,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    _forge: Option<Forge>,
    _lock: File,
}

/// Runs until Ctrl-C.
pub fn run(options: Options) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime.map_err(|why| why.to_string()).and_then(|runtime| {
        let config = configured(Config::from_environment()?);
        telemetry::start(&config);
        runtime.block_on(async {
            let local = start(&options, config, Clock::system()).await?;
            greet(&options, &local);
            stopped().await;
            local.stop().await;
            Ok(())
        })
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("pullcord: {why}");
            ExitCode::from(2)
        }
    }
}

/// What a laptop allows that a deployment does not: its own addresses for sources,
/// and the folder it was started in.
#[must_use]
pub fn configured(mut config: Config) -> Config {
    config.source_hosts.extend(["127.0.0.1", "localhost", "[::1]"].map(str::to_owned));
    // One process can stream; no gateway holds anything back.
    config.events_url.get_or_insert_with(|| "/".to_owned());
    if config.document_roots.is_empty() {
        config.document_roots.extend(std::env::current_dir());
    }
    if config.git_roots.is_empty() {
        config.git_roots.extend(std::env::current_dir());
    }
    config
}

/// Starts everything and returns when it answers.
pub async fn start(options: &Options, mut config: Config, clock: Clock) -> Result<Local, String> {
    let data = &options.data;
    let failed = |what: &str, why: &dyn std::fmt::Display| format!("{what} {}: {why}", data.display());
    std::fs::create_dir_all(data).map_err(|why| failed("cannot make the data folder", &why))?;
    let lock = lock(data)?;
    let chance = Chance::system();
    let secret = match &config.jwt_secret {
        Some(secret) => secret.clone(),
        None => kept_secret(&data.join("jwt-secret"), &chance).map_err(|why| failed("cannot keep a secret in", &why))?,
    };
    config.jwt_secret = Some(secret.clone());
    if !options.no_demo {
        config.document_roots.push(data.join(demo::FOLDER));
    }
    config.git_cache = data.join("git");
    let vault = Vault::from_file(&data.join("key"), &chance).map_err(|why| failed("cannot keep the key in", &why))?;

    let queues = queue_client(queue_engine());
    let slice = slice(&config);
    let (queue_url, letters_url) = make_queues(&queues, slice.as_secs() * 6).await?;
    config.queue_url = queue_url;
    config.dead_letter_queue_url = Some(letters_url.clone());
    let table = table_client(TableEngine::in_file(&data.join("table.sqlite"))?);
    make_tables(&table, &config).await?;
    let plane = Arc::new(Plane::assemble(config, clock, chance, table, queues, vault)?);

    let said = |why: &dyn std::fmt::Display| why.to_string();
    let admin = UserId::known("admin");
    let operators = plane.store.memberships(&admin).await.map_err(|why| said(&why))?;
    if operators.is_empty() {
        let everywhere = WorkspaceId::deployment();
        manage::grant(&plane, &admin, &everywhere, admin.as_str(), Role::Admin).await.map_err(|why| said(&why))?;
    }
    schedule::expire_leases(&plane).await.map_err(|why| said(&why))?;
    let admin_token = mint(&plane, &secret, admin.as_str())?;
    write_private(&data.join("admin-token"), admin_token.as_bytes()).map_err(|why| failed("cannot write the token to", &why))?;

    let listener = TcpListener::bind(options.listen).await.map_err(|why| format!("cannot listen on {}: {why}", options.listen))?;
    let address = listener.local_addr().map_err(|why| said(&why))?;
    let forge = if options.no_demo { None } else { Some(demo::seed(&plane, data).await?) };

    let (stop, stopping) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let router = pullcord_api::router(plane.clone());
    let mut until = stopping.clone();
    tasks.spawn(async move {
        let shutdown = async move { drop(until.wait_for(|stop| *stop).await) };
        if let Err(why) = axum::serve(listener, router).with_graceful_shutdown(shutdown).await {
            tracing::error!(decision = "server.failed", error = %why);
        }
    });
    for _ in 0..options.workers {
        tasks.spawn(deliver(plane.clone(), plane.queue.url().to_owned(), "pullcord", slice, stopping.clone()));
    }
    tasks.spawn(deliver(plane.clone(), letters_url, "pullcord-dead-letters", slice, stopping.clone()));
    tasks.spawn(tick(plane.clone(), stopping));
    Ok(Local { address, plane, admin_token, stop, tasks, _forge: forge, _lock: lock })
}

impl Local {
    /// Lets what is under way come to its next checkpoint, and stops.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let drained = async { while self.tasks.join_next().await.is_some() {} };
        tokio::select! {
            () = drained => {}
            () = self.plane.clock.sleep(DRAIN) => tracing::warn!(decision = "drain.cut", "work was cut off; it goes on at the next start"),
        }
        self.tasks.shutdown().await;
    }

    /// What a client puts before a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// How long one delivery may work: long enough for several requests that each
/// take as long as they may.
fn slice(config: &Config) -> Duration {
    (config.request_deadline() * 4).max(Duration::from_secs(5))
}

/// Delivers messages as an event source mapping does: batches, deletion of what
/// succeeded, and silence about what failed, which the queue then shows again.
async fn deliver(plane: Arc<Plane>, url: String, name: &'static str, slice: Duration, mut stopping: watch::Receiver<bool>) {
    let client = plane.queue.client().clone();
    loop {
        let receiving = client.receive_message().queue_url(&url).max_number_of_messages(10).wait_time_seconds(20).send();
        let received = tokio::select! {
            received = receiving => received,
            _ = stopping.wait_for(|stop| *stop) => return,
        };
        let messages = match received {
            Ok(received) => received.messages.unwrap_or_default(),
            Err(why) => {
                tracing::error!(decision = "receive.failed", error = ?why);
                plane.clock.sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        if messages.is_empty() {
            continue;
        }
        let mut event = SqsEvent::default();
        for message in &messages {
            let mut record = SqsMessage::default();
            record.message_id.clone_from(&message.message_id);
            record.body.clone_from(&message.body);
            record.event_source_arn = Some(format!("arn:aws:sqs:local:000000000000:{name}"));
            event.records.push(record);
        }
        let deadline = plane.clock.now().plus(slice);
        // A cut drops the work where it is: that is what a crash does, and the
        // next start goes on from the last part.
        let response = tokio::select! {
            // What panics is delivered again, as it is when a function crashes.
            response = AssertUnwindSafe(pullcord_worker::handle(&plane, event, deadline)).catch_unwind() => match response {
                Ok(response) => response,
                Err(_) => continue,
            },
            () = cut(&plane, &mut stopping) => return,
        };
        for message in messages {
            let failed = response.batch_item_failures.iter().any(|failure| Some(&failure.item_identifier) == message.message_id.as_ref());
            if !failed {
                let receipt = message.receipt_handle.unwrap_or_default();
                if let Err(why) = client.delete_message().queue_url(&url).receipt_handle(receipt).send().await {
                    tracing::warn!(decision = "delete.failed", error = ?why);
                }
            }
        }
    }
}

/// Ready a little before the drain is over.
async fn cut(plane: &Plane, stopping: &mut watch::Receiver<bool>) {
    if stopping.wait_for(|stop| *stop).await.is_ok() {
        plane.clock.sleep(DRAIN / 2).await;
    }
}

async fn tick(plane: Arc<Plane>, mut stopping: watch::Receiver<bool>) {
    loop {
        if let Err(why) = pullcord_scheduler::handle(&plane, &json!({})).await {
            tracing::error!(decision = "tick.failed", error = %why);
        }
        tokio::select! {
            () = plane.clock.sleep(plane.config.tick) => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

/// Holds the data folder for this process alone, for as long as the file lives.
fn lock(data: &Path) -> Result<File, String> {
    let path = data.join("lock");
    let file = File::create(&path).map_err(|why| format!("cannot lock {}: {why}", path.display()))?;
    file.try_lock().map_err(|_| format!("{} is in use by another pullcord: stop it, or give --data another folder", data.display()))?;
    Ok(file)
}

fn kept_secret(path: &Path, chance: &Chance) -> std::io::Result<String> {
    match std::fs::read_to_string(path) {
        Ok(secret) if secret.trim().len() >= 32 => Ok(secret.trim().to_owned()),
        Ok(_) => Err(std::io::Error::other(format!("{} is no secret of ours: remove it, and a new one is made", path.display()))),
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => {
            let secret = url_text(&chance.bytes::<32>());
            write_private(path, secret.as_bytes())?;
            Ok(secret)
        }
        Err(other) => Err(other),
    }
}

/// A bearer token for a local user.
fn mint(plane: &Plane, secret: &str, user: &str) -> Result<String, String> {
    let now = plane.clock.now().0 / 1000;
    let claims = json!({"sub": user, "iat": now, "exp": now + TOKEN_DAYS * 86_400, "iss": plane.config.jwt_issuer, "aud": plane.config.jwt_audience});
    let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).map_err(|why| why.to_string())
}

fn greet(options: &Options, local: &Local) {
    let url = local.url();
    let token = options.data.join("admin-token");
    println!("Pullcord's console, with its administrator signed in:");
    println!("  {url}/#token={}", local.admin_token);
    println!("Its API is at {url}, described at {url}/docs.");
    println!("The administrator, who may do everything here, has this bearer token, which is also in {}:", token.display());
    println!("{}", local.admin_token);
    if !options.no_demo {
        println!("Try it:");
        println!("  export TOKEN=$(cat {})", token.display());
        for (method, path) in [
            ("POST", format!("/v1/sources/{}/sync?wait=PT20S", demo::SOURCE)),
            ("GET", format!("/v1/sources/{}/items?limit=3", demo::SOURCE)),
            ("POST", format!("/api/v1/projects/{}/sync?wait=PT20S", demo::PROJECT)),
            ("GET", format!("/api/v1/projects/{}/documents", demo::PROJECT)),
        ] {
            println!("  curl -X {method} -H \"authorization: Bearer $TOKEN\" '{url}{path}'");
        }
    }
    println!("ready {url}");
}

async fn stopped() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        let Ok(mut terminated) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
            drop(interrupted.await);
            return;
        };
        tokio::select! {
            _ = interrupted => {}
            _ = terminated.recv() => {}
        }
    }
    #[cfg(not(unix))]
    drop(interrupted.await);
}
