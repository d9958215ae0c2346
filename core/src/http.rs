//! The one outgoing client.
//!
//! It alone sends a request that carries a credential, so the rules stand here:
//! no redirect is followed by itself, no address outside the public internet is
//! reached unless the operator listed it, every request has a deadline, and no
//! error names the credential.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use thiserror::Error;
use url::Url;

use crate::config::Config;
use crate::providers::Reply;

mod address;

pub use address::{Allowed, judge_address};
use address::{Lookup, NotPublic, PublicOnly};

/// No reply that we ask for is longer.
const LONGEST_REPLY: usize = 16 * 1024 * 1024;
/// The receiver of a webhook has no longer than this.
const LONGEST_NOTICE: Duration = Duration::from_secs(5);
const USER_AGENT: &str = concat!("pullcord/", env!("CARGO_PKG_VERSION"));

/// Why a request got no whole reply.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unanswered {
    #[error("the address {0} is not allowed; an operator can list it in PULLCORD_ALLOW_HOSTS")]
    Forbidden(String),
    #[error("no answer within {0} seconds")]
    TooLate(u64),
    #[error("the connection failed: {0}")]
    Broken(String),
    #[error("the reply is longer than {} MiB", LONGEST_REPLY / 1024 / 1024)]
    TooLong,
}

/// How something is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// By a POST if there is a body, else by a GET.
    #[default]
    ByBody,
    Head,
}

/// Who is asked. Whoever receives webhooks is named by callers and not by admins,
/// and has less leave and less time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Whom {
    #[default]
    Source,
    Receiver,
}

/// A request with its credential: what is really sent.
#[derive(Clone, Default)]
pub struct Outgoing {
    pub whom: Whom,
    pub method: Method,
    pub url: String,
    pub headers: Vec<(String, String)>,
    /// With a body it is a POST, without one a GET.
    pub body: Option<String>,
    pub secret_headers: Vec<(&'static str, String)>,
}

/// Sends one request. An argument, so that a simulated history needs no socket.
pub type Transport = Arc<dyn Fn(Outgoing) -> BoxFuture<'static, Result<Reply, Unanswered>> + Send + Sync>;

/// A reply whose body is read as it comes, however long it is. Each piece of it has the
/// deadline that a whole reply has elsewhere.
pub struct Streamed {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: BoxStream<'static, Result<Bytes, Unanswered>>,
}

/// Opens a reply.
pub type Opening = Arc<dyn Fn(Outgoing) -> BoxFuture<'static, Result<Streamed, Unanswered>> + Send + Sync>;

/// The outgoing client.
#[derive(Clone)]
pub struct Http {
    transport: Transport,
    opening: Opening,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Http")
    }
}

impl Http {
    /// One whose replies all come whole.
    pub fn new(transport: Transport) -> Self {
        let whole = transport.clone();
        let opening: Opening = Arc::new(move |outgoing| {
            let reply = whole(outgoing);
            Box::pin(async move {
                let Reply { status, headers, body } = reply.await?;
                Ok(Streamed { status, headers, body: futures::stream::iter([Ok(body.into())]).boxed() })
            })
        });
        Self { transport, opening }
    }

    /// The client that reaches the network.
    pub fn network(config: &Config) -> Result<Self, String> {
        Self::network_by(config, address::lookup())
    }

    /// The same, with names looked up by somebody.
    fn network_by(config: &Config, lookup: Lookup) -> Result<Self, String> {
        let longest = config.request_deadline();
        let mut sources = Allowed::for_sources(config);
        // The operator named this address, which is leave enough.
        sources.list(config.jwks_url.as_deref());
        let receivers = Allowed::for_receivers(config);
        let whole = Guarded::new(sources.clone(), receivers.clone(), lookup.clone(), |builder| builder.timeout(longest))?;
        let streamed = Guarded::new(sources, receivers, lookup, |builder| builder.connect_timeout(longest).read_timeout(longest))?;
        let transport: Transport = Arc::new(move |outgoing| {
            let client = whole.client(&outgoing);
            let deadline = match outgoing.whom {
                Whom::Source => longest,
                Whom::Receiver => longest.min(LONGEST_NOTICE),
            };
            Box::pin(async move { send(&client?, outgoing, deadline).await })
        });
        let opening: Opening = Arc::new(move |outgoing| {
            let client = streamed.client(&outgoing);
            Box::pin(async move { open(&client?, outgoing, longest, None).await })
        });
        Ok(Self { transport, opening })
    }

    pub async fn send(&self, outgoing: Outgoing) -> Result<Reply, Unanswered> {
        (self.transport)(outgoing).await
    }

    /// Sends a request and leaves the body of its reply to be read.
    pub async fn open(&self, outgoing: Outgoing) -> Result<Streamed, Unanswered> {
        (self.opening)(outgoing).await
    }
}

/// Two clients: one for what the operator listed, and one for the public internet.
struct Guarded {
    sources: Allowed,
    receivers: Allowed,
    listed: reqwest::Client,
    public: reqwest::Client,
}

impl Guarded {
    fn new(
        sources: Allowed,
        receivers: Allowed,
        lookup: Lookup,
        timed: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Result<Self, String> {
        let plain = || timed(reqwest::Client::builder().user_agent(USER_AGENT).redirect(reqwest::redirect::Policy::none()).no_proxy());
        let listed = plain().build().map_err(|why| why.to_string())?;
        let public = plain().dns_resolver(Arc::new(PublicOnly(lookup))).build().map_err(|why| why.to_string())?;
        Ok(Self { sources, receivers, listed, public })
    }

    /// The client that may reach an address, if one may.
    fn client(&self, outgoing: &Outgoing) -> Result<reqwest::Client, Unanswered> {
        let allowed = match outgoing.whom {
            Whom::Source => &self.sources,
            Whom::Receiver => &self.receivers,
        };
        let url = Url::parse(&outgoing.url).map_err(|why| Unanswered::Broken(why.to_string()))?;
        judge_address(&url, allowed).map_err(Unanswered::Forbidden)?;
        Ok(if allowed.lists(&url) { self.listed.clone() } else { self.public.clone() })
    }
}

/// Why nothing came, or no more.
fn failed(why: &reqwest::Error, deadline: Duration) -> Unanswered {
    if why.is_timeout() {
        return Unanswered::TooLate(deadline.as_secs());
    }
    let forbidden =
        std::iter::successors(std::error::Error::source(why), |error| error.source()).find_map(|error| error.downcast_ref::<NotPublic>());
    match forbidden {
        Some(NotPublic(name)) => Unanswered::Forbidden(name.clone()),
        None => Unanswered::Broken(describe(why)),
    }
}

async fn send(client: &reqwest::Client, outgoing: Outgoing, deadline: Duration) -> Result<Reply, Unanswered> {
    let Streamed { status, headers, body: mut chunks } = open(client, outgoing, deadline, Some(deadline)).await?;
    let mut body = Vec::new();
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk?);
        if body.len() > LONGEST_REPLY {
            return Err(Unanswered::TooLong);
        }
    }
    Ok(Reply { status, headers, body })
}

/// Opens a reply. `whole` is how long all of it may take.
async fn open(client: &reqwest::Client, outgoing: Outgoing, deadline: Duration, whole: Option<Duration>) -> Result<Streamed, Unanswered> {
    let method = match (outgoing.method, &outgoing.body) {
        (Method::Head, _) => reqwest::Method::HEAD,
        (Method::ByBody, Some(_)) => reqwest::Method::POST,
        (Method::ByBody, None) => reqwest::Method::GET,
    };
    let mut request = client.request(method, &outgoing.url);
    if let Some(whole) = whole {
        request = request.timeout(whole);
    }
    for (name, value) in &outgoing.headers {
        request = request.header(name, value);
    }
    for (name, value) in outgoing.secret_headers {
        let mut value = reqwest::header::HeaderValue::from_str(&value)
            .map_err(|_| Unanswered::Broken("the credential cannot stand in a header".into()))?;
        value.set_sensitive(true);
        request = request.header(name, value);
    }
    if let Some(body) = outgoing.body {
        request = request.body(body);
    }
    let reply = request.send().await.map_err(|why| failed(&why, deadline))?;
    let status = reply.status().as_u16();
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in reply.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        // A header that comes twice means what one with both values means.
        match headers.get_mut(name.as_str()) {
            Some(before) => *before = format!("{before}, {value}"),
            None => drop(headers.insert(name.as_str().to_owned(), value.into_owned())),
        }
    }
    let body = reply.bytes_stream().map(move |piece| piece.map_err(|why| failed(&why, deadline))).boxed();
    Ok(Streamed { status, headers, body })
}

/// The innermost reason, without the URL: a query may hold what should not be
/// shown.
fn describe(error: &reqwest::Error) -> String {
    std::iter::successors(std::error::Error::source(error), |error| error.source())
        .last()
        .map_or_else(|| "the request could not be sent".to_owned(), ToString::to_string)
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
