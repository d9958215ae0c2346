//! The one outgoing client.
//!
//! It alone sends a request that carries a credential, so the rules stand here:
//! no redirect is followed by itself, no address outside the public internet is
//! reached unless the operator listed it, every request has a deadline, and no
//! error names the credential.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;
use url::{Host, Url};

use crate::config::Config;
use crate::providers::Reply;

/// No reply that we ask for is longer.
const LONGEST_REPLY: usize = 16 * 1024 * 1024;
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

/// A request with its credential: what is really sent.
#[derive(Clone, Default)]
pub struct Outgoing {
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
        let deadline = config.request_deadline();
        let mut allowed = Allowed::of(config);
        // The operator named this address, which is leave enough.
        allowed.0.extend(config.jwks_url.as_deref().and_then(|url| Url::parse(url).ok()).map(|url| authority(&url)));
        let whole = Guarded::new(&allowed, |builder| builder.timeout(deadline))?;
        let streamed = Guarded::new(&allowed, |builder| builder.connect_timeout(deadline).read_timeout(deadline))?;
        let transport: Transport = Arc::new(move |outgoing| {
            let client = whole.client(&outgoing.url);
            Box::pin(async move { send(&client?, outgoing, deadline).await })
        });
        let opening: Opening = Arc::new(move |outgoing| {
            let client = streamed.client(&outgoing.url);
            Box::pin(async move { open(&client?, outgoing, deadline).await })
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
    allowed: Allowed,
    listed: reqwest::Client,
    public: reqwest::Client,
}

impl Guarded {
    fn new(allowed: &Allowed, timed: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder) -> Result<Self, String> {
        let plain = || timed(reqwest::Client::builder().user_agent(USER_AGENT).redirect(reqwest::redirect::Policy::none()).no_proxy());
        let listed = plain().build().map_err(|why| why.to_string())?;
        let public = plain().dns_resolver(Arc::new(PublicOnly)).build().map_err(|why| why.to_string())?;
        Ok(Self { allowed: allowed.clone(), listed, public })
    }

    /// The client that may reach an address, if one may.
    fn client(&self, url: &str) -> Result<reqwest::Client, Unanswered> {
        let url = Url::parse(url).map_err(|why| Unanswered::Broken(why.to_string()))?;
        judge_address(&url, &self.allowed).map_err(Unanswered::Forbidden)?;
        Ok(if self.allowed.lists(&url) { self.listed.clone() } else { self.public.clone() })
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
    let Streamed { status, headers, body: mut chunks } = open(client, outgoing, deadline).await?;
    let mut body = Vec::new();
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk?);
        if body.len() > LONGEST_REPLY {
            return Err(Unanswered::TooLong);
        }
    }
    Ok(Reply { status, headers, body })
}

async fn open(client: &reqwest::Client, outgoing: Outgoing, deadline: Duration) -> Result<Streamed, Unanswered> {
    let method = match (outgoing.method, &outgoing.body) {
        (Method::Head, _) => reqwest::Method::HEAD,
        (Method::ByBody, Some(_)) => reqwest::Method::POST,
        (Method::ByBody, None) => reqwest::Method::GET,
    };
    let mut request = client.request(method, &outgoing.url);
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

/// What the operator listed, as host or host:port.
#[derive(Clone, Debug, Default)]
pub struct Allowed(Vec<String>);

impl Allowed {
    pub fn of(config: &Config) -> Self {
        Self(config.allow_hosts.iter().map(|host| host.to_ascii_lowercase()).collect())
    }

    fn lists(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        let with_port = authority(url);
        self.0.iter().any(|listed| *listed == host || *listed == with_port)
    }
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
    format!("{host}:{}", url.port_or_known_default().unwrap_or_default())
}

/// Judges what can be judged of an address without asking anyone.
pub fn judge_address(url: &Url, allowed: &Allowed) -> Result<(), String> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address with a user name or password in it".into());
    }
    if allowed.lists(url) && matches!(url.scheme(), "http" | "https") {
        return Ok(());
    }
    if url.scheme() != "https" {
        return Err(format!("{}://{} (https only)", url.scheme(), url.host_str().unwrap_or_default()));
    }
    match url.host() {
        Some(Host::Ipv4(address)) if !is_public(address.into()) => Err(address.to_string()),
        Some(Host::Ipv6(address)) if !is_public(address.into()) => Err(address.to_string()),
        Some(Host::Domain(name)) if is_local_name(name) => Err(name.to_owned()),
        Some(_) => Ok(()),
        None => Err("an address without a host".into()),
    }
}

fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let last = name.rsplit('.').next().unwrap_or_default();
    matches!(last, "localhost" | "internal" | "local") || name == "metadata"
}

/// Whether an address is one of the public internet.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Addresses that wrap one of version 4 are judged by what they wrap.
    if let Some(v4) = address.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    let segments = address.segments();
    let tail = || Ipv4Addr::from((u32::from(segments[6]) << 16) | u32::from(segments[7]));
    if segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        return is_public_v4(tail());
    }
    if segments[0] == 0x2002 {
        return is_public_v4(Ipv4Addr::from((u32::from(segments[1]) << 16) | u32::from(segments[2])));
    }
    // Only 2000::/3 is given out; documentation and Teredo lie within it.
    (segments[0] & 0xe000) == 0x2000 && !(segments[0] == 0x2001 && (segments[1] == 0xdb8 || segments[1] == 0))
}

#[derive(Debug, Error)]
#[error("{0} leads to an address that is not public")]
struct NotPublic(String);

/// Resolves names to public addresses only, at the moment of connecting, so that
/// a name cannot change its mind after it was judged.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            if found.iter().any(|address| !is_public(address.ip())) {
                return Err(Box::new(NotPublic(host)) as Box<dyn std::error::Error + Send + Sync>);
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Invariant 10: every spelling of an address that is not public is refused.
    #[test]
    fn addresses_outside_the_public_internet_are_refused() {
        let refused = [
            "http://api.github.com/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://a.localhost/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:a9fe:a9fe]/",
            "https://169.254.169.254/latest",
            "https://10.1.2.3/",
            "https://172.16.0.1/",
            "https://192.168.1.1/",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://[fe80::1]/",
            "https://[fc00::1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://224.0.0.1/",
            "https://metadata.google.internal/",
            "https://me:secret@api.github.com/",
            "ftp://api.github.com/",
            "https://[::]/",
        ];
        for text in refused {
            let url = Url::parse(text).expect(text);
            assert!(judge_address(&url, &Allowed::default()).is_err(), "{text}");
        }
        for text in ["https://api.github.com/", "https://8.8.8.8/", "https://[2606:4700::1111]/"] {
            assert!(judge_address(&Url::parse(text).expect(text), &Allowed::default()).is_ok(), "{text}");
        }
        let allowed = Allowed(vec!["127.0.0.1:8080".into(), "forge.internal".into()]);
        for (text, good) in [("http://127.0.0.1:8080/x", true), ("http://127.0.0.1:8081/x", false), ("https://forge.internal/x", true)] {
            assert_eq!(judge_address(&Url::parse(text).expect(text), &allowed).is_ok(), good, "{text}");
        }
    }
}
