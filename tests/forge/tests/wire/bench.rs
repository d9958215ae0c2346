//! The ground each test stands on: a forge with a clock turned by hand, and a client that sends what a careful one
//! would.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::Timestamp;
use pullcord_forge::{Forge, Options};
use reqwest::{Client, Method, RequestBuilder, Response, redirect};
use serde_json::Value;

/// 2026-11-20T12:00:00Z, a Friday.
pub(crate) const START: i64 = 1_795_176_000;

pub(crate) struct Bench {
    pub(crate) forge: Forge,
    pub(crate) client: Client,
    second: Arc<AtomicI64>,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(|options| options).await
    }

    pub(crate) async fn with(change: impl FnOnce(Options) -> Options) -> Self {
        let second = Arc::new(AtomicI64::new(START));
        let hand = Arc::clone(&second);
        let now = move || Timestamp::from_second(hand.load(Ordering::Relaxed)).unwrap();
        let forge = Forge::start(change(Options::new(Arc::new(now)))).await.unwrap();
        let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        Self { forge, client, second }
    }

    pub(crate) fn wait(&self, seconds: i64) {
        self.second.fetch_add(seconds, Ordering::Relaxed);
    }

    /// A path, or an address as the forge gave it, with everything a request needs but a credential.
    pub(crate) fn anonymous(&self, target: &str) -> RequestBuilder {
        let url = if target.starts_with('/') { self.forge.base_url() + target } else { target.to_owned() };
        self.client.request(Method::GET, url).header("user-agent", "bench").header("x-github-api-version", "2026-03-10")
    }

    pub(crate) async fn get(&self, target: &str) -> Response {
        self.anonymous(target).bearer_auth("first").send().await.unwrap()
    }

    pub(crate) async fn json(&self, target: &str) -> Value {
        value(self.get(target).await).await
    }

    /// Follows `next` to the end and gives the numbers seen, page by page, and the links followed.
    pub(crate) async fn walk(&self, first: &str) -> (Vec<Vec<u64>>, Vec<String>) {
        let (mut pages, mut links, mut target) = (Vec::new(), Vec::new(), first.to_owned());
        loop {
            let response = self.get(&target).await;
            assert_eq!(response.status(), 200, "{target}");
            let next = relation(&response, "next");
            let issues = value(response).await;
            let issues = issues.as_array().unwrap();
            pages.push(issues.iter().map(|issue| issue["number"].as_u64().unwrap()).collect());
            let Some(next) = next else {
                return (pages, links);
            };
            links.push(next.clone());
            target = next;
        }
    }
}

/// The body as JSON.
pub(crate) async fn value(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

pub(crate) fn header(response: &Response, name: &str) -> Option<String> {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
}

pub(crate) fn relation(response: &Response, wanted: &str) -> Option<String> {
    header(response, "link")?.split(", ").find_map(|link| {
        let (url, relation) = link.split_once(">; rel=")?;
        (relation.trim_matches('"') == wanted).then(|| url.trim_start_matches('<').to_owned())
    })
}
