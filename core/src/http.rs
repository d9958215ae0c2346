//! The one outgoing client.
//!
//! It alone sends a request that carries a credential, so the rules stand here:
//! no redirect is followed by itself, no address outside the public internet is
//! reached unless the operator listed it, every request has a deadline, and no
//! error names the credential.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
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

/// The outgoing client.
#[derive(Clone)]
pub struct Http {
    transport: Transport,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Http")
    }
}

impl Http {
    pub fn new(transport: Transport) -> Self {
        Self { transport }
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
        let plain =
            || reqwest::Client::builder().user_agent(USER_AGENT).redirect(reqwest::redirect::Policy::none()).timeout(longest).no_proxy();
        let open = plain().build().map_err(|why| why.to_string())?;
        let guarded = plain().dns_resolver(Arc::new(PublicOnly(lookup))).build().map_err(|why| why.to_string())?;
        Ok(Self::new(Arc::new(move |outgoing| {
            let (allowed, deadline) = match outgoing.whom {
                Whom::Source => (sources.clone(), longest),
                Whom::Receiver => (receivers.clone(), longest.min(LONGEST_NOTICE)),
            };
            let (open, guarded) = (open.clone(), guarded.clone());
            Box::pin(async move {
                let url = Url::parse(&outgoing.url).map_err(|why| Unanswered::Broken(why.to_string()))?;
                let client = if allowed.lists(&url) { open } else { guarded };
                judge_address(&url, &allowed).map_err(Unanswered::Forbidden)?;
                send(&client, outgoing, deadline).await
            })
        })))
    }

    pub async fn send(&self, outgoing: Outgoing) -> Result<Reply, Unanswered> {
        (self.transport)(outgoing).await
    }
}

async fn send(client: &reqwest::Client, outgoing: Outgoing, deadline: Duration) -> Result<Reply, Unanswered> {
    let failed = |why: reqwest::Error| {
        if why.is_timeout() {
            return Unanswered::TooLate(deadline.as_secs());
        }
        let forbidden = std::iter::successors(std::error::Error::source(&why), |error| error.source())
            .find_map(|error| error.downcast_ref::<NotPublic>());
        match forbidden {
            Some(NotPublic(name)) => Unanswered::Forbidden(name.clone()),
            None => Unanswered::Broken(describe(&why)),
        }
    };
    let method = match (outgoing.method, &outgoing.body) {
        (Method::Head, _) => reqwest::Method::HEAD,
        (Method::ByBody, Some(_)) => reqwest::Method::POST,
        (Method::ByBody, None) => reqwest::Method::GET,
    };
    let mut request = client.request(method, &outgoing.url).timeout(deadline);
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
    let reply = request.send().await.map_err(failed)?;
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
    let mut body = Vec::new();
    let mut chunks = reply.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk.map_err(failed)?);
        if body.len() > LONGEST_REPLY {
            return Err(Unanswered::TooLong);
        }
    }
    Ok(Reply { status, headers, body })
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
