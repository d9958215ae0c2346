//! Boots the simulator as a process of its own, for tests against a deployed stack: `forge --listen 127.0.0.1:PORT`.

#![expect(clippy::disallowed_methods, reason = "a forge is the outside world, and has its own time")]

use std::{net::SocketAddr, process::ExitCode, sync::Arc};

use pullcord_forge::{Forge, Options};

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let listen: SocketAddr = match (arguments.next().as_deref(), arguments.next().map(|address| address.parse())) {
        (None, _) => ([127, 0, 0, 1], 0).into(),
        (Some("--listen"), Some(Ok(address))) => address,
        _ => {
            eprintln!("usage: forge [--listen 127.0.0.1:PORT]");
            return ExitCode::from(2);
        }
    };
    let options = Options { listen, control: true, ..Options::new(Arc::new(jiff::Timestamp::now)) };
    let forge = match Forge::start(options).await {
        Ok(forge) => forge,
        Err(error) => {
            eprintln!("forge: cannot listen on {listen}: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("ready {}", forge.base_url());
    // The handle has to be held for as long as the process lasts: dropping it stops the server.
    std::future::pending::<()>().await;
    drop(forge);
    ExitCode::SUCCESS
}
