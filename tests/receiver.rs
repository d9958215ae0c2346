//! A receiver of webhooks on a port of loopback, told to misbehave. How it checks
//! signatures is written from the convention and from nothing of ours.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pullcord_core::clock::{Clock, Moment};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How a receiver answers, once; else it is content.
#[derive(Clone, Debug)]
pub enum Manner {
    Status(u16),
    /// Goes elsewhere, to this address.
    Redirect(String),
    /// Never says a word.
    Hang,
}

/// A message that came.
#[derive(Clone, Debug)]
pub struct Received {
    pub at: Moment,
    pub method: String,
    /// Path and query.
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub text: String,
    pub body: Value,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap()
    }

    pub fn job(&self) -> &str {
        self.body["job_id"].as_str().unwrap()
    }

    /// Whether one of its signatures is by this secret.
    pub fn is_signed_by(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        assert!(key.len() >= 24, "the convention asks for 24 bytes at least");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let signed = format!("{}.{}.{}", self.header("webhook-id"), self.header("webhook-timestamp"), self.text);
        let signatures = self.header("webhook-signature").split(' ').filter_map(|one| one.strip_prefix("v1,"));
        signatures.into_iter().any(|one| hmac::verify(&key, signed.as_bytes(), &STANDARD.decode(one).unwrap()).is_ok())
    }
}

#[derive(Default)]
struct State {
    received: Vec<Received>,
    manners: VecDeque<Manner>,
}

pub struct Receiver {
    url: String,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        let router = Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let state = shared.clone();
            async move { receive(&state, &method, &uri, &headers, &body).await }
        });
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, state, task }
    }

    /// An address of it, with what must never be seen in its query.
    pub fn hook(&self) -> String {
        format!("{}/hook?token=canary-in-the-query", self.url)
    }

    /// The same, as it may be shown.
    pub fn shown(&self) -> String {
        format!("{}/hook", self.url)
    }

    /// How it answers the next that comes.
    pub fn script(&self, manner: Manner) {
        self.state.lock().unwrap().manners.push_back(manner);
    }

    pub fn received(&self) -> Vec<Received> {
        self.state.lock().unwrap().received.clone()
    }

    /// What it received, as soon as that is as wanted.
    pub async fn until(&self, wanted: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        for _ in 0..2_400 {
            let received = self.received();
            if wanted(&received) {
                return received;
            }
            Clock::system().sleep(Duration::from_millis(25)).await;
        }
        panic!("it never came: {:#?}", kinds(&self.received()));
    }

    /// What it received, once it was told of an end of this run.
    pub async fn told_to_the_end(&self, run: &str) -> Vec<Received> {
        let ends = ["run.completed", "run.failed", "run.cancelled"];
        self.until(|received| received.iter().any(|one| one.job() == run && ends.contains(&one.kind()))).await
    }
}

/// The types of what came, in the order in which it came.
pub fn kinds(received: &[Received]) -> Vec<&str> {
    received.iter().map(Received::kind).collect()
}

async fn receive(state: &Mutex<State>, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let (body, method) = (serde_json::from_str(&text).unwrap_or_default(), method.to_string());
    let one = Received { at: Clock::system().now(), method, path: uri.to_string(), headers, text, body };
    let manner = {
        let mut state = state.lock().unwrap();
        state.received.push(one);
        state.manners.pop_front()
    };
    match manner {
        None => StatusCode::NO_CONTENT.into_response(),
        Some(Manner::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Manner::Redirect(to)) => (StatusCode::TEMPORARY_REDIRECT, [("location", to)]).into_response(),
        Some(Manner::Hang) => std::future::pending().await,
    }
}
