//! How a repository is served: smart HTTP by git's own backend, and who is let in.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lambda_http::http::request::Parts;
use pullcord_core::clock::Clock;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{fed, git};

/// How long a test waits for requests that do not come.
const MOST: Duration = Duration::from_mins(1);

/// What has to be shown at the door.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// A token as the forges take it: as a bearer, or as either half of a basic
    /// credential.
    Token(String),
    /// A name and a password.
    Basic(String, String),
}

impl Wanted {
    fn is_met_by(&self, authorization: &str) -> bool {
        let (scheme, value) = authorization.split_once(' ').unwrap_or_default();
        let basic = || {
            let decoded = BASE64_STANDARD.decode(value).ok().and_then(|decoded| String::from_utf8(decoded).ok())?;
            decoded.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned()))
        };
        match (self, scheme.to_ascii_lowercase().as_str()) {
            (Self::Token(token), "bearer" | "token") => value == token,
            (Self::Token(token), "basic") => basic().is_some_and(|(name, password)| name == *token || password == *token),
            (Self::Basic(name, password), "basic") => basic() == Some((name.clone(), password.clone())),
            _ => false,
        }
    }
}

/// One request as it came in.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: String,
    pub authorization: Option<String>,
    pub user_agent: Option<String>,
    /// `None` while it is being answered.
    pub status: Option<u16>,
}

impl Asked {
    /// Whether objects were asked for, or the list of branches in the newer protocol.
    pub fn is_for_a_pack(&self) -> bool {
        self.method == "POST" && self.path.ends_with("/git-upload-pack")
    }
}

/// The door of a repository.
pub(super) struct Door {
    root: PathBuf,
    wanted: Mutex<Option<Wanted>>,
    /// A status, and how often.
    failure: Mutex<Option<(u16, usize)>>,
    moved: Mutex<Option<String>>,
    held: watch::Sender<bool>,
    journal: watch::Sender<Vec<Asked>>,
}

impl Door {
    pub(super) fn of(root: &Path) -> Self {
        let (held, journal) = (watch::Sender::new(false), watch::Sender::new(Vec::new()));
        Self { root: root.to_owned(), wanted: Mutex::default(), failure: Mutex::default(), moved: Mutex::default(), held, journal }
    }

    pub(super) fn wants(&self, wanted: Option<Wanted>) {
        *self.wanted.lock().unwrap() = wanted;
    }

    pub(super) fn fails_with(&self, status: Option<u16>, times: usize) {
        *self.failure.lock().unwrap() = status.map(|status| (status, times));
    }

    pub(super) fn leads_to(&self, url: &str) {
        *self.moved.lock().unwrap() = Some(url.to_owned());
    }

    fn failure(&self) -> Option<u16> {
        let mut failure = self.failure.lock().unwrap();
        let (status, times) = (*failure)?;
        *failure = (times > 1).then(|| (status, times - 1));
        Some(status)
    }

    pub(super) fn hold(&self, hold: bool) {
        self.held.send_replace(hold);
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.journal.borrow().clone()
    }

    /// Once what was asked is as wanted.
    pub(super) async fn once(&self, wanted: impl Fn(&[Asked]) -> bool) {
        let (mut changes, clock) = (self.journal.subscribe(), Clock::system());
        tokio::select! {
            found = changes.wait_for(|asked| wanted(asked)) => drop(found.unwrap()),
            () = clock.sleep(MOST) => panic!("nobody asked: {:#?}", self.asked()),
        }
    }

    fn note(&self, parts: &Parts) -> usize {
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let asked = Asked {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            authorization: header("authorization"),
            user_agent: header("user-agent"),
            status: None,
        };
        let mut place = 0;
        self.journal.send_modify(|journal| {
            place = journal.len();
            journal.push(asked);
        });
        place
    }

    fn refusal(&self, parts: &Parts) -> Option<Response> {
        if let Some(status) = self.failure() {
            return Some(plain(status, "as the test wants it"));
        }
        if let Some(url) = self.moved.lock().unwrap().as_ref() {
            let below = parts.uri.path().split_once(".git").unwrap_or_default().1;
            let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            let mut moved = plain(302, "somewhere else");
            moved.headers_mut().insert("location", format!("{url}{below}{query}").parse().unwrap());
            return Some(moved);
        }
        let wanted = self.wanted.lock().unwrap().clone()?;
        let shown = parts.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        (!wanted.is_met_by(shown)).then(|| {
            let mut refused = plain(401, "who is it?");
            refused.headers_mut().insert("www-authenticate", "Basic realm=\"git\"".parse().unwrap());
            refused
        })
    }
}

/// A listener, for as long as it is kept.
pub(super) struct Serving {
    address: SocketAddr,
    stopped: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Serving {
    /// At this address, or at one that is free.
    pub(super) async fn start(door: Arc<Door>, address: Option<SocketAddr>) -> Self {
        let listener = TcpListener::bind(address.unwrap_or_else(|| "127.0.0.1:0".parse().unwrap())).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(door);
        let (stopped, mut stops) = watch::channel(false);
        let stop = async move { drop(stops.wait_for(|stopped| *stopped).await) };
        let task = tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stop).await.unwrap() });
        Self { address, stopped, task }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Once nobody is connected any more, and nobody can be.
    pub(super) async fn end(&mut self) {
        self.stopped.send_replace(true);
        (&mut self.task).await.unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stopped.send_replace(true);
        self.task.abort();
    }
}

async fn answer(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let place = door.note(&parts);
    // A door that is gone holds nobody.
    let _ = door.held.subscribe().wait_for(|held| !held).await;
    let response = if let Some(refusal) = door.refusal(&parts) {
        refusal
    } else {
        let root = door.root.clone();
        tokio::task::spawn_blocking(move || backend(&root, &parts, body.to_vec())).await.unwrap()
    };
    door.journal.send_modify(|journal| journal[place].status = Some(response.status().as_u16()));
    response
}

/// Lets git's own backend answer, which speaks CGI.
fn backend(root: &Path, parts: &Parts, body: Vec<u8>) -> Response {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut command = git(root);
    command.arg("http-backend").env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("REQUEST_METHOD", parts.method.as_str()).env("PATH_INFO", parts.uri.path());
    command.env("QUERY_STRING", parts.uri.query().unwrap_or_default()).env("CONTENT_TYPE", header("content-type"));
    command.env("CONTENT_LENGTH", body.len().to_string()).env("REMOTE_ADDR", "127.0.0.1");
    command.env("HTTP_CONTENT_ENCODING", header("content-encoding"));
    // Its own name for it, and the one that it hands on.
    command.env("HTTP_GIT_PROTOCOL", header("git-protocol")).env("GIT_PROTOCOL", header("git-protocol"));
    // Whether it read everything is its own affair.
    let (output, _) = fed(&mut command, body);
    replied(&output.stdout).unwrap_or_else(|| plain(500, &String::from_utf8_lossy(&output.stderr)))
}

/// What a CGI program wrote, as the reply it means.
fn replied(written: &[u8]) -> Option<Response> {
    let end = written.windows(4).position(|window| window == b"\r\n\r\n")?;
    let mut response = Response::builder();
    for line in std::str::from_utf8(&written[..end]).ok()?.lines() {
        let (name, value) = line.split_once(": ")?;
        response = if name == "Status" { response.status(value.get(..3)?) } else { response.header(name, value) };
    }
    response.body(Body::from(written[end + 4..].to_vec())).ok()
}

fn plain(status: u16, text: &str) -> Response {
    Response::builder().status(status).header("content-type", "text/plain").body(Body::from(text.to_owned())).unwrap()
}
