//! Pullcord as its users meet it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jsonwebtoken::{EncodingKey, Header};
use pullcord::up::{self, Local, Options};
use pullcord_core::clock::Clock;
use pullcord_core::config::Config;
use pullcord_forge::Forge;
use serde_json::{Value, json};
use tempfile::TempDir;

pub use crate::session::{Answer, Session};

/// The secret of every world's bearer tokens.
pub const SECRET: &str = "known-to-everybody-and-only-for-the-emulator";

/// A running Pullcord, a forge it can reach and a folder it may read.
pub struct World {
    pub forge: Forge,
    pub clock: Clock,
    kind: Kind,
    client: reqwest::Client,
    url: String,
    host: Option<String>,
    documents: PathBuf,
    folder: TempDir,
}

enum Kind {
    Local(Box<Local>),
    Deployed(Deployed),
}

/// A stack on the emulator, and how its functions are invoked.
#[derive(Clone, Debug)]
pub struct Deployed {
    pub endpoint: String,
    pub api_host: String,
    pub ops: String,
    pub scheduler: String,
    pub documents: PathBuf,
}

static NAMES: AtomicU32 = AtomicU32::new(0);

/// A name nobody else uses, in this process or another.
pub fn fresh(prefix: &str) -> String {
    let number = NAMES.fetch_add(1, Ordering::SeqCst);
    format!("{prefix}-{:x}-{number}", std::process::id())
}

/// A forge whose clock is this one.
pub async fn forge(clock: &Clock) -> Forge {
    let clock = clock.clone();
    let now = move || jiff::Timestamp::from_millisecond(clock.now().0).unwrap();
    Forge::start(pullcord_forge::Options::new(Arc::new(now))).await.unwrap()
}

/// The configuration of tests: nobody ticks but the test, unless it says so.
pub fn config(changes: &[(&str, &str)]) -> Config {
    Config::read(|name| {
        let given = changes.iter().rev().find(|(changed, _)| *changed == name).map(|(_, value)| (*value).to_owned());
        given.or_else(|| match name {
            "PULLCORD_JWT_SECRET" => Some(SECRET.to_owned()),
            "PULLCORD_TICK" => Some("PT12H".to_owned()),
            // As the deployed stack has it.
            "PULLCORD_ALLOW_HOSTS" => Some("127.0.0.1".to_owned()),
            _ => None,
        })
    })
    .unwrap()
}

impl World {
    /// The local process, inside this one.
    pub async fn local() -> Self {
        Self::local_with(&[]).await
    }

    pub async fn local_with(changes: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let documents = folder.path().join("documents");
        std::fs::create_dir_all(&documents).unwrap();
        let clock = Clock::system();
        let forge = forge(&clock).await;
        let local = start(&folder.path().join("data"), &documents, changes, &clock).await;
        let url = local.url();
        Self { forge, clock, kind: Kind::Local(Box::new(local)), client: client(), url, host: None, documents, folder }
    }

    /// A stack that was deployed before.
    pub async fn deployed(stack: Deployed) -> Self {
        let clock = Clock::system();
        let forge = forge(&clock).await;
        let (url, host) = (stack.endpoint.clone(), Some(stack.api_host.clone()));
        let folder = tempfile::tempdir().unwrap();
        let documents = stack.documents.clone();
        Self { forge, clock, kind: Kind::Deployed(stack), client: client(), url, host, documents, folder }
    }

    pub fn is_local(&self) -> bool {
        matches!(self.kind, Kind::Local(_))
    }

    /// The plane of the local process.
    pub fn plane(&self) -> Arc<pullcord_core::Plane> {
        match &self.kind {
            Kind::Local(local) => local.plane.clone(),
            Kind::Deployed(_) => panic!("a deployed stack has no plane here"),
        }
    }

    /// Stops the local process as Ctrl-C does and starts it again on its data.
    pub async fn restarted(mut self, changes: &[(&str, &str)]) -> Self {
        let Kind::Local(local) = self.kind else { panic!("only the local process can be restarted") };
        local.stop().await;
        let local = start(&self.folder.path().join("data"), &self.documents, changes, &self.clock).await;
        self.url = local.url();
        self.kind = Kind::Local(Box::new(local));
        self
    }

    /// A folder that documents may lie in, of a name of its own.
    pub fn folder(&self, files: &[(&str, &str)]) -> PathBuf {
        let folder = self.documents.join(fresh("folder"));
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            write(&folder, name, text);
        }
        folder
    }

    /// Where its API is.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A request to this world, without a token.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.url));
        match &self.host {
            Some(host) => request.header("host", host),
            None => request,
        }
    }

    /// Someone who signed in. What they may do is in the table.
    pub fn user(&self, name: &str) -> Session<'_> {
        self.session(&token(name, self.clock.now().0 / 1000 + 36_000))
    }

    /// A caller with this very bearer token.
    pub fn session(&self, token: &str) -> Session<'_> {
        Session::new(self, Some(token.to_owned()))
    }

    pub fn nobody(&self) -> Session<'_> {
        Session::new(self, None)
    }

    /// The first operator.
    pub fn operator(&self) -> Session<'_> {
        self.user("admin")
    }

    /// Invokes the ops function.
    pub async fn ops(&self, event: Value) -> Value {
        match &self.kind {
            Kind::Local(local) => pullcord_ops::handle(&local.plane, event).await.unwrap(),
            Kind::Deployed(stack) => self.invoke(stack, &stack.ops, event).await,
        }
    }

    /// A minute has passed.
    pub async fn tick(&self) -> Value {
        match &self.kind {
            Kind::Local(local) => pullcord_scheduler::handle(&local.plane, &json!({})).await.unwrap(),
            Kind::Deployed(stack) => self.invoke(stack, &stack.scheduler, json!({})).await,
        }
    }

    async fn invoke(&self, stack: &Deployed, function: &str, event: Value) -> Value {
        let signature = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=x";
        let url = format!("{}/2015-03-31/functions/{function}/invocations", stack.endpoint);
        let request = self.client.post(url).header("authorization", signature).body(event.to_string());
        let reply = request.send().await.unwrap();
        let failed = reply.headers().contains_key("x-amz-function-error");
        let text = reply.text().await.unwrap();
        assert!(!failed, "{function} failed: {text}");
        serde_json::from_str(&text).unwrap_or_else(|why| panic!("{function} answered {text}: {why}"))
    }

    /// A workspace of its own with an admin of its own.
    pub async fn tenant(&self) -> Tenant<'_> {
        let slug = fresh("ws");
        self.operator().post("/v1/workspaces", json!({"slug": slug, "name": "A tenant"})).await.is(201);
        let tenant = Tenant { world: self, slug };
        tenant.join("admin", "admin").await;
        tenant
    }
}

async fn start(data: &Path, documents: &Path, changes: &[(&str, &str)], clock: &Clock) -> Local {
    let mut config = up::configured(config(changes));
    config.document_roots = vec![documents.to_owned()];
    let options = Options { listen: "127.0.0.1:0".parse().unwrap(), data: data.to_owned(), no_demo: true, workers: 4 };
    Box::pin(up::start(&options, config, clock.clone())).await.unwrap()
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_mins(1)).no_proxy().build().unwrap()
}

/// A bearer token for `name` that holds until `exp`, in seconds.
pub fn token(name: &str, exp: i64) -> String {
    let claims = json!({"sub": name, "exp": exp, "role": "admin"});
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

/// Writes a file and the folders it needs.
pub fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A workspace and the people in it.
pub struct Tenant<'w> {
    pub world: &'w World,
    pub slug: String,
}

impl<'w> Tenant<'w> {
    /// Someone of this workspace only; their names end in its slug.
    pub fn user(&self, name: &str) -> Session<'w> {
        self.world.user(&self.name(name))
    }

    pub fn name(&self, name: &str) -> String {
        format!("{name}@{}", self.slug)
    }

    pub fn admin(&self) -> Session<'w> {
        self.user("admin")
    }

    pub async fn join(&self, name: &str, role: &str) -> Session<'w> {
        let path = format!("/v1/workspaces/{}/members/{}", self.slug, self.name(name));
        self.world.operator().put(&path, json!({"role": role})).await.is(200);
        self.user(name)
    }

    /// A project whose documents lie in `folder`; its slug.
    pub async fn project(&self, folder: &Path) -> String {
        let id = fresh("docs");
        let body = json!({"id": id, "name": "Documents", "path": folder.to_str().unwrap()});
        self.admin().post(&format!("/v1/workspaces/{}/projects", self.slug), body).await.is(201);
        id
    }

    /// A source that is this repository of the world's forge; its id.
    pub async fn repository(&self, repository: &str) -> String {
        self.repository_with(repository, json!({})).await
    }

    /// The look at its credential is over: what a test says of the forge from now on
    /// is not known to anybody.
    pub async fn repository_with(&self, repository: &str, more: Value) -> String {
        let id = fresh("repo");
        let mut body = json!({"id": id, "kind": "repository", "provider": "github", "repository": repository,
            "base_url": self.world.forge.base_url(), "credential": {"token": "a-token-of-the-forge"}});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.admin().post(&format!("/v1/workspaces/{}/sources", self.slug), body.clone()).await.is(201);
        if body["credential"].is_object() {
            self.admin().looked_at(body["id"].as_str().unwrap()).await;
        }
        id
    }
}
