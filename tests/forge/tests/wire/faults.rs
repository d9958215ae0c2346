//! Scripted misbehaviour as a client meets it, and the end of the server.

use std::time::{Duration, Instant};

use pullcord_forge::{Behaviour, Fault};

use crate::bench::{Bench, header};

const ISSUES: &str = "/repos/acme/web/issues";

async fn seeded() -> Bench {
    let bench = Bench::new().await;
    bench.forge.repository("acme/web").seed_issues(100);
    bench
}

#[tokio::test]
async fn the_third_page_fails_once_and_then_the_walk_goes_on() {
    let bench = seeded().await;
    bench.forge.script(Fault::on(ISSUES, Behaviour::status(502)).nth(3));
    let mut target = format!("{ISSUES}?state=all");
    for _ in 0..2 {
        target = crate::bench::relation(&bench.get(&target).await, "next").unwrap();
    }
    assert_eq!(bench.forge.faults_left().len(), 1);
    let failed = bench.get(&target).await;
    assert_eq!((failed.status().as_u16(), header(&failed, "x-ratelimit-limit")), (502, None));
    assert_eq!(bench.get(&target).await.status(), 200);
    assert!(bench.forge.faults_left().is_empty());
    assert_eq!(bench.forge.requests_to(ISSUES)[2].fault.as_deref(), Some("reply"));
}

#[tokio::test]
async fn garbage_is_no_json_under_a_good_status() {
    let bench = seeded().await;
    bench.forge.script(Fault::on("*", Behaviour::Garbage));
    let response = bench.get(ISSUES).await;
    assert_eq!(response.status(), 200);
    let text = response.text().await.unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_err());
}

#[tokio::test]
async fn half_a_body_ends_before_its_length() {
    let bench = seeded().await;
    bench.forge.script(Fault::on(ISSUES, Behaviour::HalfBody));
    let mut response = bench.get(ISSUES).await;
    let promised: usize = header(&response, "content-length").unwrap().parse().unwrap();
    let mut received = 0;
    let broken = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => received += chunk.len(),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broken);
    assert_eq!(received, promised / 2);
    assert_eq!(bench.get(ISSUES).await.status(), 200);
}

#[tokio::test]
async fn a_reset_is_an_error_of_the_connection() {
    let bench = seeded().await;
    bench.forge.script(Fault::on(ISSUES, Behaviour::Reset));
    let error = bench.anonymous(ISSUES).send().await.unwrap_err();
    assert!(format!("{error:?}").contains("ConnectionReset"), "{error:?}");
    assert_eq!(bench.forge.requests_to(ISSUES)[0].status, None);
    assert_eq!(bench.get(ISSUES).await.status(), 200);
}

#[tokio::test]
async fn a_hanging_request_is_answered_when_released() {
    let bench = seeded().await;
    bench.forge.script(Fault::on(ISSUES, Behaviour::Hang).times(2));
    let given_up = bench.anonymous(ISSUES).timeout(Duration::from_millis(60)).send().await.unwrap_err();
    assert!(given_up.is_timeout());
    let request = tokio::spawn(bench.anonymous(ISSUES).send());
    bench.forge.wait_for(ISSUES, 2).await;
    assert!(!request.is_finished());
    bench.forge.release();
    assert_eq!(request.await.unwrap().unwrap().status(), 200);
    let statuses: Vec<_> = bench.forge.requests_to(ISSUES).iter().map(|entry| entry.status).collect();
    assert_eq!(statuses, [None, Some(200)]);
}

#[tokio::test]
async fn delays_and_latency_add_up() {
    let bench = seeded().await;
    bench.forge.set_latency(Duration::from_millis(40));
    bench.forge.script(Fault::on(ISSUES, Behaviour::delay(Duration::from_millis(50))));
    bench.forge.script(Fault::on(ISSUES, Behaviour::status(500)));
    let begun = Instant::now();
    assert_eq!(bench.get(ISSUES).await.status(), 500);
    assert!(begun.elapsed() >= Duration::from_millis(90));
    bench.forge.set_latency(Duration::ZERO);
}

#[tokio::test]
async fn stopping_lets_hanging_requests_go_and_closes_the_port() {
    let bench = seeded().await;
    bench.forge.script(Fault::on(ISSUES, Behaviour::Hang).forever());
    let request = tokio::spawn(bench.anonymous(ISSUES).send());
    bench.forge.wait_for(ISSUES, 1).await;
    bench.forge.stop().await;
    assert!(request.await.unwrap().is_ok());
    assert!(bench.anonymous(ISSUES).send().await.unwrap_err().is_connect());
    assert_eq!(bench.forge.requests_to(ISSUES).len(), 1);
}

#[tokio::test]
async fn dropping_the_last_handle_stops_the_server() {
    let Bench { forge, client, .. } = Bench::new().await;
    let (url, second) = (forge.base_url(), forge.clone());
    drop(forge);
    assert_eq!(client.get(&url).send().await.unwrap().status(), 403);
    drop(second);
    let mut refused = false;
    for _ in 0..100 {
        refused = client.get(&url).send().await.is_err();
        if refused {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(refused);
}
