//! Between the program and Pullcord lies a network.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::Stdio;

use futures::FutureExt;
use pullcord_forge::{Behaviour, Fault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{given, said};
use crate::tests;

tests![a_press_whose_answer_is_lost_is_one_run, a_network_that_goes_away_is_waited_for];

/// What becomes of what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    Fair,
    /// The next answer does not arrive.
    LosesAnswer,
    /// Nothing passes.
    Down,
}

/// A network in front of an address, and a hold on its weather.
async fn network(url: &str, weather: Weather) -> (String, watch::Sender<Weather>) {
    let target: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (hold, _) = watch::channel(weather);
    let sky = hold.clone();
    tokio::spawn(async move {
        while let Ok((caller, _)) = listener.accept().await {
            tokio::spawn(pass(caller, target, sky.clone()));
        }
    });
    (address, hold)
}

async fn pass(mut caller: TcpStream, target: SocketAddr, sky: watch::Sender<Weather>) {
    let mut server = TcpStream::connect(target).await.unwrap();
    let mut weather = sky.subscribe();
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            _ = weather.wait_for(|weather| *weather == Weather::Down).map(|told| told.is_ok()) => return,
            read = caller.read(&mut asked) => match read {
                Ok(length) if length > 0 => server.write_all(&asked[..length]).await.unwrap(),
                _ => return,
            },
            read = server.read(&mut answered) => match read {
                Ok(length) if length > 0 => {
                    let lost = |weather: &mut Weather| *weather == Weather::LosesAnswer && std::mem::replace(weather, Weather::Fair) == Weather::LosesAnswer;
                    if sky.send_if_modified(lost) {
                        return;
                    }
                    drop(caller.write_all(&answered[..length]).await);
                }
                _ => return,
            },
        }
    }
}

/// The first answer to a trigger never arrives; it is sent again with its key.
async fn a_press_whose_answer_is_lost_is_one_run() {
    let given = given().await;
    let (address, weather) = network(&given.url(), Weather::LosesAnswer).await;
    let mut command = given.command(&["sync", "web"]);
    command.env("PULLCORD_URL", address);
    let run = said(command, "").ends(0).run();
    assert_eq!(*weather.borrow(), Weather::Fair, "an answer was lost");
    let runs = given.admin().get("/v1/sources/web/runs").await.is(200);
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1);
    assert_eq!(runs["runs"][0]["id"], run.as_str());
}

/// Whoever follows a run goes on following when the network is back.
async fn a_network_that_goes_away_is_waited_for() {
    let given = given().await;
    given.world.forge.script(Fault::on("/repos/acme/web/issues", Behaviour::Hang));
    let (address, weather) = network(&given.url(), Weather::Fair).await;
    let run = given.types("sync web").ends(0).run();
    given.admin().until(&run, |run| run["status"] == "running").await;
    let mut command = given.command(&["watch", &run]);
    let mut child = command.env("PULLCORD_URL", address).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut notes = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    // It has looked once, and waits for news.
    notes.find(|line| line.contains("running")).unwrap();
    weather.send_replace(Weather::Down);
    notes.find(|line| line.contains("looking again")).unwrap();
    given.world.forge.release();
    given.admin().ended(&run).await;
    weather.send_replace(Weather::Fair);
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{out}");
    assert!(out.contains("✓ web"), "{out}");
}
