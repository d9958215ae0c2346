//! Which addresses may be reached: what can be told from the address itself, and
//! what only shows when its name is looked up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;
use url::{Host, Url};

use crate::config::Config;

/// What the operator listed, as host or host:port.
#[derive(Clone, Debug, Default)]
pub struct Allowed(Vec<String>);

impl Allowed {
    /// Whoever gives a source is an admin.
    pub fn for_sources(config: &Config) -> Self {
        Self::these(config.allow_hosts.iter().chain(&config.source_hosts))
    }

    /// Whoever may ask for a sync can name a receiver.
    pub fn for_receivers(config: &Config) -> Self {
        Self::these(&config.allow_hosts)
    }

    fn these<'host>(hosts: impl IntoIterator<Item = &'host String>) -> Self {
        Self(hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect())
    }

    /// Adds the host and port of an address.
    pub(super) fn list(&mut self, url: Option<&str>) {
        self.0.extend(url.and_then(|url| Url::parse(url).ok()).map(|url| authority(&url)));
    }

    pub(super) fn lists(&self, url: &Url) -> bool {
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

/// Names that lead nowhere in the public internet: those without a dot among them,
/// `metadata` and `instance-data` say, and what clouds call their metadata otherwise.
fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let (_, last) = name.rsplit_once('.').unwrap_or_default();
    matches!(last, "" | "localhost" | "localdomain" | "internal" | "intranet" | "local" | "lan" | "home" | "corp" | "arpa")
        || matches!(name.as_str(), "metadata.goog" | "metadata.tencentyun.com" | "metadata.packet.net")
}

/// Whether an address is one of the public internet.
fn is_public(address: IpAddr) -> bool {
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
        || (a == 198 && (b == 18 || b == 19))
        // What Azure answers its own machines from.
        || address == Ipv4Addr::new(168, 63, 129, 16))
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
    // Only 2000::/3 is given out. Within it lie documentation, and what is for
    // protocols and no host: Teredo, benchmarks and others.
    let is_documentation = (segments[0] == 0x2001 && segments[1] == 0xdb8) || (segments[0] == 0x3fff && segments[1] < 0x1000);
    let is_for_protocols = segments[0] == 0x2001 && segments[1] < 0x200;
    (segments[0] & 0xe000) == 0x2000 && !is_documentation && !is_for_protocols
}

/// How the addresses of a name are found. An argument, so that a test can answer.
pub(super) type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// The system's own.
pub(super) fn lookup() -> Lookup {
    Arc::new(|host| Box::pin(async move { Ok(tokio::net::lookup_host((host.as_str(), 0)).await?.collect()) }))
}

#[derive(Debug, Error)]
#[error("{0} leads to an address that is not public")]
pub(super) struct NotPublic(pub(super) String);

/// Resolves names to public addresses only, at the moment of connecting. What is
/// judged is what is connected to: a name cannot change its mind in between.
pub(super) struct PublicOnly(pub(super) Lookup);

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let found = (self.0)(host.clone());
        Box::pin(async move {
            let found = found.await?;
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
            // Other spellings of loopback, and of the same in other scripts.
            "https://127.0.1/",
            "https://127.0.0.1./",
            "https://0x7f000001/",
            "https://0X7F.0.0.1/",
            "https://017700000001/",
            "https://%31%32%37.0.0.1/",
            "https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
            "https://127\u{3002}0.0.1/",
            "https://0/",
            "https://[0:0:0:0:0:0:0:1]/",
            "https://[::ffff:7f00:1]/",
            "https://[::127.0.0.1]/",
            // Metadata, by address and by name.
            "https://2852039166/",
            "https://0xa9fea9fe/",
            "https://[fd00:ec2::254]/",
            "https://100.100.100.200/",
            "https://168.63.129.16/",
            "https://metadata/",
            "https://METADATA.goog./",
            "https://instance-data/latest",
            "https://kubernetes/",
            "https://printer.lan/",
            // What is given to nobody.
            "https://192.0.0.8/",
            "https://192.0.2.1/",
            "https://198.51.100.1/",
            "https://203.0.113.1/",
            "https://198.18.0.1/",
            "https://198.19.255.255/",
            "https://100.127.255.255/",
            "https://239.255.255.255/",
            "https://240.0.0.1/",
            "https://255.255.255.255/",
            "https://172.31.255.255/",
            "https://[fdff::1]/",
            "https://[febf::1]/",
            "https://[ff02::1]/",
            "https://[2001:db8::1]/",
            "https://[3fff::1]/",
            "https://[2001::1]/",
            "https://[2001:2::1]/",
            "https://[64:ff9b:1::1]/",
            "https://[5f00::1]/",
        ];
        for text in refused {
            let url = Url::parse(text).expect(text);
            assert!(judge_address(&url, &Allowed::default()).is_err(), "{text}");
        }
        let public = [
            "https://api.github.com/",
            "https://8.8.8.8/",
            "https://172.32.0.1/",
            "https://100.128.0.1/",
            "https://[2606:4700::1111]/",
            "https://[2001:4860:4860::8888]/",
            "https://[::ffff:8.8.8.8]/",
            "https://localhost.example.com/",
        ];
        for text in public {
            assert!(judge_address(&Url::parse(text).expect(text), &Allowed::default()).is_ok(), "{text}");
        }
        let allowed = Allowed(vec!["127.0.0.1:8080".into(), "forge.internal".into()]);
        for (text, good) in [("http://127.0.0.1:8080/x", true), ("http://127.0.0.1:8081/x", false), ("https://forge.internal/x", true)] {
            assert_eq!(judge_address(&Url::parse(text).expect(text), &allowed).is_ok(), good, "{text}");
        }
    }
}
