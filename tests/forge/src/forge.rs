//! The forge as tests and the demo hold it: started with one call, and gone when the last handle is.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::Router;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    Clock,
    books::Books,
    credentials::Caller,
    door,
    grant::Grant,
    journal::Entry,
    quota::Quota,
    repository::Repository,
    script::Fault,
    serve,
    state::{State, World},
};

/// How long [`Forge::stop`] waits for answers that are being sent.
const GRACE: Duration = Duration::from_secs(1);

/// What is fixed for a forge's life. Take [`Options::new`] and change what differs.
#[derive(Clone)]
pub struct Options {
    pub now: Clock,
    /// Port 0 is any free one.
    pub listen: SocketAddr,
    /// Requests an hour for each login.
    pub hourly_limit: u64,
    /// Requests an hour for everyone without a token together.
    pub anonymous_limit: u64,
    /// What addresses meant for people begin with; a GitLab's begin as those it is asked under do.
    pub html_base: String,
    /// Whether tests in another process may steer it under `/_forge`.
    pub control: bool,
}

impl Options {
    pub fn new(now: Clock) -> Self {
        Self {
            now,
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            hourly_limit: 5_000,
            anonymous_limit: 60,
            html_base: "https://github.com".to_owned(),
            control: false,
        }
    }
}

/// A handle that is cheap to clone. Dropping the last one stops the server.
#[derive(Clone)]
pub struct Forge {
    state: Arc<State>,
    life: Arc<Life>,
    address: SocketAddr,
    control: bool,
}

/// The server lasts as long as this; the server itself holds only the state.
struct Life {
    stopped: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.stopped.send_replace(true);
    }
}

impl Forge {
    /// Binds the address and serves in a task of the present runtime.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let forge = Self { address: listener.local_addr()?, ..Self::detached(options) };
        let state = Arc::clone(&forge.state);
        let task = serve::serve(listener, forge.router(), async move {
            state.until_stopped().await;
        });
        *forge.life.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        Ok(forge)
    }

    /// A forge without a socket, to be mounted elsewhere through [`Self::router`]; its address is unspecified.
    pub fn detached(options: Options) -> Self {
        let (stopped, receiver) = watch::channel(false);
        let world = World::new(options.hourly_limit, options.anonymous_limit, options.html_base);
        Self {
            state: Arc::new(State::new(world, options.now, receiver)),
            life: Arc::new(Life { stopped, task: Mutex::default() }),
            address: (Ipv4Addr::UNSPECIFIED, 0).into(),
            control: options.control,
        }
    }

    /// All it answers, also for mounting under a prefix of another server.
    pub fn router(&self) -> Router {
        door::router(&self.state, self.control)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops serving: the port refuses connections when this returns, and requests that hang are let go. The data can
    /// still be read.
    pub async fn stop(&self) {
        self.life.stopped.send_replace(true);
        let task = self.life.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut task) = task
            && tokio::time::timeout(GRACE, &mut task).await.is_err()
        {
            task.abort();
        }
    }

    /// Finds the repository `owner/name`, by an old name too, or makes an empty public one.
    pub fn repository(&self, full_name: &str) -> Repository {
        let now = self.state.now();
        let id = self.state.world().record(full_name, now).id;
        Repository { state: Arc::clone(&self.state), id }
    }

    /// What a customer of the business systems has there.
    pub fn books(&self, customer: &str) -> Books {
        self.state.world().books.entry(customer.to_owned()).or_default();
        Books { state: Arc::clone(&self.state), customer: customer.to_owned() }
    }

    /// Adds a fault at the end of the queue.
    pub fn script(&self, fault: Fault) {
        self.state.world().script.push(fault);
    }

    pub fn clear_script(&self) {
        self.state.world().script.clear();
    }

    /// The faults that were given a number of times and have not struck that often: at a test's end there should be
    /// none.
    pub fn faults_left(&self) -> Vec<Fault> {
        self.state.world().script.left()
    }

    /// Lets the requests that hang now have their true answer.
    pub fn release(&self) {
        self.state.releases.send_modify(|count| *count += 1);
    }

    /// Every request from now on waits this long, in tokio's time.
    pub fn set_latency(&self, latency: Duration) {
        self.state.world().latency = latency;
    }

    /// Sets what the token's login, or everyone without a token, has left. A window whose reset is past is full.
    pub fn set_quota(&self, token: Option<&str>, quota: Quota) {
        let mut world = self.state.world();
        let caller = Caller::of(token, &world.credentials);
        world.set_quota(&caller, quota);
    }

    pub fn quota(&self, token: Option<&str>) -> Quota {
        let world = self.state.world();
        world.quota(&Caller::of(token, &world.credentials), self.state.now())
    }

    /// Registers a token. From the first on only registered ones are accepted; tokens of one login share a quota.
    pub fn allow_token(&self, token: &str, login: &str) {
        self.state.world().credentials.allow(token, login);
    }

    /// From now on the token has only these scopes (`read_api`, `read_user`, ...) at GitLab, and what needs another answers
    /// 403. Bitbucket's scopes are part of a [`Grant`].
    pub fn restrict_token(&self, token: &str, scopes: &[&str]) {
        self.state.world().credentials.restrict(token, scopes);
    }

    /// Says what kind of Bitbucket credential a token is and what its scopes are, and registers it.
    pub fn grant_token(&self, token: &str, grant: Grant) {
        self.state.world().credentials.grant(token, grant);
    }

    /// From now on asking Bitbucket for issues is answered 410, as it is since their removal in August 2026.
    pub fn retire_trackers(&self) {
        self.state.world().trackers_retired = true;
    }

    /// Makes a GitHub App, or gives one another key, and installs it. The key, in PEM, is shown this once.
    pub fn make_app(&self, app: &str, installation: &str) -> String {
        self.state.world().apps.make(app, installation)
    }

    /// The installation gets no tokens from now on; those it has stay good.
    pub fn suspend_installation(&self, installation: &str) {
        self.state.world().apps.suspend(installation);
    }

    /// The token answers 401 from now on.
    pub fn revoke_token(&self, token: &str) {
        self.state.world().credentials.revoke(token);
    }

    /// Everything asked so far, oldest first.
    pub fn journal(&self) -> Vec<Entry> {
        self.state.world().journal.entries().cloned().collect()
    }

    /// The requests to a path, or to all that begin with what is before a `*`. The numbered address of a repository
    /// (`/repositories/{id}/...`) counts as its named one.
    pub fn requests_to(&self, pattern: &str) -> Vec<Entry> {
        self.state.world().journal.entries().filter(|entry| entry.is_to(pattern)).cloned().collect()
    }

    pub fn clear_journal(&self) {
        self.state.world().journal.clear();
    }

    /// Waits until the journal has so many requests to these paths. They are written down before they are answered, so
    /// this also finds those that hang.
    pub async fn wait_for(&self, pattern: &str, count: usize) {
        let mut arrivals = self.state.arrivals.subscribe();
        let arrived = || {
            let world = self.state.world();
            world.journal.entries().filter(|entry| entry.is_to(pattern)).count()
        };
        while arrived() < count {
            // The sender lives in the state, which this handle holds.
            let _ = arrivals.changed().await;
        }
    }
}
