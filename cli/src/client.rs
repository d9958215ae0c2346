//! The API over HTTP.
//!
//! The token goes to the address it is meant for and nowhere else: redirects are
//! not followed. A trigger carries a key, so that it can be sent again when its
//! answer got lost and is one run all the same.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use pullcord_core::chance::Chance;
use pullcord_core::clock::{Clock, Moment};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Method, redirect};
use serde_json::Value;
use url::Url;

use crate::failure::{Failure, Refused};
use crate::settings::{Settings, is_loopback};

/// Longer than any answer is held.
const DEADLINE: Duration = Duration::from_secs(45);
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// How often a request whose answer got lost is sent, if that does no harm.
const TRIES: u32 = 3;
/// Clocks that differ by less are not said to differ: a date has whole seconds.
const SAME: i64 = 2_000;

pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<HeaderValue>,
    clock: Clock,
    chance: Chance,
    /// How many milliseconds the server's clock is ahead of ours.
    ahead: AtomicI64,
}

/// One request.
pub struct Call {
    method: Method,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
    key: Option<String>,
}

/// What came back, if it was a yes.
pub struct Reply {
    pub text: String,
    pub body: Value,
    pub headers: HeaderMap,
}

impl Call {
    fn new<const PARTS: usize>(method: Method, path: [&str; PARTS]) -> Self {
        Self { method, path: path.map(str::to_owned).to_vec(), query: Vec::new(), body: None, key: None }
    }

    pub fn get<const PARTS: usize>(path: [&str; PARTS]) -> Self {
        Self::new(Method::GET, path)
    }

    pub fn post<const PARTS: usize>(path: [&str; PARTS]) -> Self {
        Self::new(Method::POST, path)
    }

    pub fn put<const PARTS: usize>(path: [&str; PARTS]) -> Self {
        Self::new(Method::PUT, path)
    }

    pub fn patch<const PARTS: usize>(path: [&str; PARTS]) -> Self {
        Self::new(Method::PATCH, path)
    }

    pub fn delete<const PARTS: usize>(path: [&str; PARTS]) -> Self {
        Self::new(Method::DELETE, path)
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    #[must_use]
    pub fn with_if(self, name: &'static str, value: Option<&String>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    #[must_use]
    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// With a key that makes it one wish, however often it is sent.
    #[must_use]
    pub fn keyed(mut self, client: &Client) -> Self {
        self.key = Some(client.chance.id(client.clock.now()).to_string());
        self
    }
}

impl Client {
    pub fn new(settings: &Settings, clock: Clock, chance: Chance) -> Result<Self, Failure> {
        let unusable = |_| Failure::Usage("the token has characters that no token has: run pullcord login again".into());
        let bearer = |token: &String| HeaderValue::from_str(&format!("Bearer {token}")).map_err(unusable);
        let token = settings.token.as_ref().map(bearer).transpose()?.map(|mut value| {
            value.set_sensitive(true);
            value
        });
        let agent = concat!("pullcord-cli/", env!("CARGO_PKG_VERSION"));
        let mut http = reqwest::Client::builder()
            .user_agent(agent)
            .redirect(redirect::Policy::none())
            .timeout(DEADLINE)
            .connect_timeout(CONNECT_DEADLINE);
        if is_loopback(&settings.url) {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|why| Failure::unreachable(format!("no client could be made: {why}"), None))?;
        Ok(Self { http, base: settings.url.clone(), token, clock, chance, ahead: AtomicI64::new(0) })
    }

    pub fn base(&self) -> &Url {
        &self.base
    }

    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// What time it is there.
    pub fn now(&self) -> Moment {
        Moment(self.clock.now().0 + self.ahead.load(Ordering::Relaxed))
    }

    /// How many milliseconds the server's clock is ahead of ours; nothing if they agree.
    pub fn ahead(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }

    pub async fn sleep(&self, span: Duration) {
        self.clock.sleep(span).await;
    }

    /// Sends it and reads the answer.
    pub async fn send(&self, call: Call) -> Result<Reply, Failure> {
        let harmless = call.method == Method::GET || call.key.is_some();
        let mut tries = 1;
        loop {
            match self.once(&call).await {
                Ok(reply) => return self.judged(reply).await,
                // It may have arrived: only what can arrive twice is sent again.
                Err(lost) if harmless && tries < TRIES && !lost.is_connect() && !lost.is_timeout() => {
                    self.clock.sleep(Duration::from_millis(300) * tries).await;
                    tries += 1;
                }
                Err(lost) => return Err(self.unreached(&lost)),
            }
        }
    }

    async fn once(&self, call: &Call) -> Result<reqwest::Response, reqwest::Error> {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(&call.path);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let mut request = self.http.request(call.method.clone(), url);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        if let Some(key) = &call.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        request.send().await
    }

    async fn judged(&self, reply: reqwest::Response) -> Result<Reply, Failure> {
        let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
        let text = reply.text().await.map_err(|lost| self.unreached(&lost))?;
        self.learn(&headers);
        let header = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
        let is_json = header(CONTENT_TYPE).contains("json");
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        let stranger =
            |what: &str| Err(Failure::unreachable(format!("{} {what}, so it is not Pullcord", self.base), Some("check the address")));
        match status {
            200..=299 if text.is_empty() || is_json => Ok(Reply { text, body, headers }),
            200..=299 => stranger("answers something else than JSON"),
            300..=399 => stranger(&format!("leads on to {}", header(LOCATION))),
            _ if body["code"].is_string() || body["status"] == "unhealthy" => {
                Err(Failure::Refused(Box::new(Refused { status, problem: body, text, with_token: self.token.is_some() })))
            }
            // A gateway in between has a limit, or a failure, of its own.
            429 | 500.. => {
                Err(Failure::unreachable(format!("{} answers with HTTP {status} and no reason", self.base), Some("try again later")))
            }
            _ => stranger(&format!("answers with HTTP {status} and no problem document")),
        }
    }

    fn learn(&self, headers: &HeaderMap) {
        let theirs = headers.get(DATE).and_then(|date| Moment::parse_http_date(date.to_str().ok()?));
        if let Some(theirs) = theirs {
            let off = theirs.0 + 500 - self.clock.now().0;
            self.ahead.store(if off.abs() > SAME { off } else { 0 }, Ordering::Relaxed);
        }
    }

    /// Why nobody answered, and what to do about it.
    fn unreached(&self, lost: &reqwest::Error) -> Failure {
        let base = &self.base;
        let mut why: &dyn std::error::Error = lost;
        while let Some(deeper) = why.source() {
            why = deeper;
        }
        let reason = if lost.is_timeout() { "it took too long to answer".to_owned() } else { why.to_string() };
        let next = if reason.to_lowercase().contains("certificate") {
            "its certificate is not accepted: check the address, and this machine's clock and certificates"
        } else if is_loopback(base) {
            "start it with pullcord up, or name another address with --url or PULLCORD_URL"
        } else {
            "check the address (--url, PULLCORD_URL, pullcord login) and the network; pullcord doctor looks closer"
        };
        Failure::unreachable(format!("cannot reach {base}: {reason}"), Some(next))
    }
}
