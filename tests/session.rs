//! Someone who calls the API, and what they are told.

use std::time::Duration;

use pullcord_core::clock::Clock;
use serde_json::Value;

use crate::world::World;

/// Someone who calls the API.
#[derive(Clone)]
pub struct Session<'w> {
    world: &'w World,
    token: Option<String>,
}

impl<'w> Session<'w> {
    pub(crate) fn new(world: &'w World, token: Option<String>) -> Self {
        Self { world, token }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(body)).await
    }

    /// A POST without a body.
    pub async fn press(&self, path: &str) -> Answer {
        self.send("POST", path, None).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None).await
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let request = self.request(method, path);
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        };
        Answer::of(method, path, request).await
    }

    /// A request to be dressed further; send it with [`Answer::of`].
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let mut request = self.world.request(method, path);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request
    }

    /// Syncs a source and waits for its end.
    pub async fn sync(&self, source: &str, body: Value) -> Value {
        let accepted = self.post(&format!("/v1/sources/{source}/sync"), body).await.is(202);
        self.ended(accepted["id"].as_str().unwrap()).await
    }

    /// The run, once it has ended.
    pub async fn ended(&self, run: &str) -> Value {
        self.until(run, |run| ["completed", "completed_with_warnings", "failed", "cancelled"].contains(&run["status"].as_str().unwrap()))
            .await
    }

    /// The run, once it is as wanted.
    pub async fn until(&self, run: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut after = 0;
        for _ in 0..2_000 {
            let found = self.get(&format!("/v1/runs/{run}?wait=PT20S&after={after}")).await.is(200);
            if wanted(&found) {
                return found;
            }
            assert!(found["finished_at"].is_null(), "the run ended otherwise: {found:#}");
            after = found["version"].as_u64().unwrap();
        }
        panic!("run {run} never got there");
    }

    /// The source, once it is as wanted.
    pub async fn until_source(&self, source: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..1_200 {
            let found = self.get(&format!("/v1/sources/{source}")).await.is(200);
            if wanted(&found) {
                return found;
            }
            Clock::system().sleep(Duration::from_millis(25)).await;
        }
        panic!("source {source} never got there");
    }

    /// The source, once its provider was asked about its credential.
    pub async fn looked_at(&self, source: &str) -> Value {
        self.until_source(source, |source| source["credential"]["checked_at"].is_string()).await
    }

    /// Every item of a source.
    pub async fn items(&self, source: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/v1/sources/{source}/items?limit=100{cursor}")).await.is(200);
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// A project's status, once its sync is over.
    pub async fn settled(&self, project: &str) -> Value {
        for _ in 0..600 {
            let found = self.get(&format!("/api/v1/projects/{project}")).await.is(200);
            if found["sync_status"] != "syncing" {
                return found;
            }
            Clock::system().sleep(Duration::from_millis(50)).await;
        }
        panic!("project {project} is still syncing");
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    pub body: Value,
    asked: String,
}

impl Answer {
    pub async fn of(method: &str, path: &str, request: reqwest::RequestBuilder) -> Self {
        let reply = request.send().await.unwrap_or_else(|why| panic!("{method} {path}: {why:?}"));
        let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
        let text = reply.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, headers, text, body, asked: format!("{method} {path}") }
    }

    /// The body, if the status is this one.
    #[track_caller]
    pub fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{} answered {}", self.asked, self.text);
        self.body
    }

    /// The body of a problem with this status and code.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{} answered {}", self.asked, self.text);
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.asked);
        let slug = self.body["type"].as_str().and_then(|kind| kind.rsplit('/').next()).unwrap_or_default();
        assert!(pullcord_api::problem::PROBLEMS.iter().any(|kind| kind.slug == slug && kind.code == code), "{}", self.text);
        assert_eq!(self.body["request_id"].as_str(), Some(self.header("x-request-id")), "{}", self.text);
        self.body
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
