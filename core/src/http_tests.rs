//! What the outgoing client refuses, seen from a listener that would have answered.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A listener on loopback that answers everything with this, and how often it was
/// reached.
async fn listener(answer: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, reached) = (listener.local_addr().expect("bound"), Arc::new(AtomicUsize::new(0)));
    let count = reached.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut asked = [0; 2048];
            let _ = stream.read(&mut asked).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, reached)
}

fn config(changes: &[(&str, String)]) -> Config {
    Config::read(|name| changes.iter().find(|(changed, _)| *changed == name).map(|(_, value)| value.clone())).expect("a configuration")
}

/// Answers with these addresses, one after the other, and counts the questions.
fn answering(addresses: Vec<SocketAddr>) -> (Lookup, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let lookup: Lookup = Arc::new(move |_| {
        let place = count.fetch_add(1, Ordering::SeqCst).min(addresses.len() - 1);
        let found = Ok(vec![addresses[place]]);
        Box::pin(async move { found })
    });
    (lookup, asked)
}

fn to(url: String, whom: Whom) -> Outgoing {
    Outgoing { whom, url, ..Outgoing::default() }
}

/// Invariant 10: a name is looked up once for a request, and what was judged is what
/// is connected to. One that is public first and loopback then reaches nobody.
#[tokio::test]
async fn a_name_that_changes_its_mind_is_refused() {
    let (address, reached) = listener("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    // Of the part of the internet that is given to nobody yet: nobody answers there.
    let public = SocketAddr::from(([0x2d00, 0, 0, 0, 0, 0, 0, 1], 1));
    let (lookup, asked) = answering(vec![public, address]);
    let http = Http::network_by(&config(&[("PULLCORD_LEASE", "PT1S".into())]), lookup).expect("a client");
    let url = format!("https://rebinds.example.com:{}/", address.port());

    let first = http.send(to(url.clone(), Whom::Source)).await;
    assert!(matches!(first, Err(Unanswered::TooLate(_) | Unanswered::Broken(_))), "{first:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    for whom in [Whom::Source, Whom::Receiver] {
        let then = http.send(to(url.clone(), whom)).await;
        assert_eq!(then.err(), Some(Unanswered::Forbidden("rebinds.example.com".into())));
    }
    assert_eq!((asked.load(Ordering::SeqCst), reached.load(Ordering::SeqCst)), (3, 0));
}

/// A redirect is an answer like any other: nobody follows it by itself.
#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (behind, reached) = listener("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let answer = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: http://{behind}/\r\ncontent-length: 0\r\n\r\n");
    let (address, _) = listener(answer.leak()).await;
    let http = Http::network(&config(&[("PULLCORD_ALLOW_HOSTS", address.to_string())])).expect("a client");
    for whom in [Whom::Source, Whom::Receiver] {
        assert_eq!(http.send(to(format!("http://{address}/"), whom)).await.map(|reply| reply.status), Ok(307));
        // And whoever goes there by hand is judged again.
        let there = http.send(to(format!("http://{behind}/"), whom)).await;
        assert!(matches!(there, Err(Unanswered::Forbidden(_))), "{there:?}");
    }
    assert_eq!(reached.load(Ordering::SeqCst), 0);
}

/// What only sources may reach, loopback under `up`, no receiver may.
#[tokio::test]
async fn receivers_have_less_leave_than_sources() {
    let (address, reached) = listener("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let mut config = config(&[]);
    config.source_hosts.push("127.0.0.1".into());
    let http = Http::network(&config).expect("a client");
    let url = format!("http://{address}/");
    assert_eq!(http.send(to(url.clone(), Whom::Source)).await.map(|reply| reply.status), Ok(200));
    assert!(matches!(http.send(to(url, Whom::Receiver)).await, Err(Unanswered::Forbidden(_))));
    assert_eq!(reached.load(Ordering::SeqCst), 1);
}
