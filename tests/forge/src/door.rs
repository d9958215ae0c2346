//! The way of one request: it is written down, the script has its say, and a dialect answers. What a dialect sees is a
//! plain value, and so is what it gives back, so that a provider's rules can be read without any HTTP machinery.

use std::{borrow::Cow, collections::BTreeMap, io, sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::{Body, to_bytes},
    extract::{ConnectInfo, OriginalUri, Request, State as Shared},
    response::Response,
};
use futures::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use serde::Serialize;
use url::form_urlencoded;

use crate::{
    bitbucket, control,
    credentials::{short_hash, token_of},
    dynamics, github, gitlab,
    journal::Entry,
    script::{Behaviour, Plan},
    serve::Cut,
    state::{State, World},
    xledger,
};

/// The headers a test may ask the journal about; none of them carries a secret.
const WRITTEN_DOWN: [&str; 8] =
    ["accept", "prefer", "host", "if-modified-since", "if-none-match", "user-agent", "x-github-api-version", "accept-encoding"];

/// Long enough for the first half of a body to leave the machine before the connection is closed.
const HALF_WAY: Duration = Duration::from_millis(20);

/// No query of a client is longer; a body that is counts as none.
const LONGEST_BODY: usize = 1 << 20;

/// A request as the dialects see it.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// What absolute addresses begin with, without a slash at the end.
    pub(crate) base: String,
    pub(crate) at: Timestamp,
    pub(crate) request_id: String,
}

impl Asked {
    fn new(request: &Request, original: &OriginalUri, at: Timestamp) -> Self {
        let uri = request.uri();
        let headers = request.headers().clone();
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| uri.authority().map(http::uri::Authority::as_str)).unwrap_or("localhost");
        // Mounted under a prefix, the forge still has to name itself as the client does.
        let prefix = original.path().strip_suffix(uri.path()).unwrap_or_default();
        Self {
            method: request.method().clone(),
            path: uri.path().to_owned(),
            query: uri.query().map(str::to_owned),
            base: format!("http://{host}{prefix}"),
            headers,
            body: Vec::new(),
            at,
            request_id: String::new(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn parameters(&self) -> form_urlencoded::Parse<'_> {
        form_urlencoded::parse(self.query.as_deref().unwrap_or_default().as_bytes())
    }

    /// The last value given, as most servers take it.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        self.parameters().filter(|(key, _)| key == name).last().map(|(_, value)| Cow::into_owned(value))
    }

    fn entry(&self, named_path: String, fault: Option<&Behaviour>) -> Entry {
        let written = |name: &&str| self.header(name).map(|value| ((*name).to_owned(), value.to_owned()));
        Entry {
            sequence: 0,
            at: self.at,
            method: self.method.to_string(),
            path: self.path.clone(),
            named_path,
            query: self.query.clone(),
            body: (!self.body.is_empty()).then(|| String::from_utf8_lossy(&self.body).into_owned()),
            headers: WRITTEN_DOWN.iter().filter_map(written).collect::<BTreeMap<_, _>>(),
            credential: self.header("private-token").or_else(|| self.header("authorization").map(token_of)).map(short_hash),
            status: None,
            fault: fault.map(|behaviour| behaviour.kind().to_owned()),
        }
    }
}

/// What a dialect answers.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Vec::new() }
    }

    pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).unwrap_or_default();
        Self { body, ..Self::empty(status) }.with("content-type", "application/json; charset=utf-8")
    }

    /// A scripted header may be nonsense; such a one is left out.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            self.headers.insert(name, value);
        }
        self
    }

    pub(crate) fn without(mut self, name: HeaderName) -> Self {
        self.headers.remove(name);
        self
    }

    fn response(self, at: Timestamp, body: Body) -> Response {
        let dated = self.with("date", &at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
        let mut response = Response::new(body);
        *response.status_mut() = dated.status;
        *response.headers_mut() = dated.headers;
        response
    }
}

pub(crate) fn router(state: &Arc<State>, with_control: bool) -> Router {
    let provider = Router::new().fallback(admit).with_state(Arc::clone(state));
    if with_control { provider.nest("/_forge", control::router(state)) } else { provider }
}

async fn admit(
    Shared(state): Shared<Arc<State>>,
    original: OriginalUri,
    connection: Option<Extension<ConnectInfo<Cut>>>,
    request: Request,
) -> Response {
    let mut asked = Asked::new(&request, &original, state.now());
    asked.body = to_bytes(request.into_body(), LONGEST_BODY).await.unwrap_or_default().into();
    // Before the request is written down, so that a test which saw it there cannot release it too early.
    let mut releases = state.releases.subscribe();
    let (sequence, plan) = receive(&state, &mut asked);
    if !plan.delay.is_zero() {
        tokio::select! { () = tokio::time::sleep(plan.delay) => {}, () = state.until_stopped() => {} }
    }
    if plan.behaviour == Some(Behaviour::Reset) {
        return reset(connection.map(|Extension(ConnectInfo(cut))| cut), asked.at);
    }
    if plan.behaviour == Some(Behaviour::Hang) {
        tokio::select! { _ = releases.changed() => {}, () = state.until_stopped() => {} }
    }
    let half = plan.behaviour == Some(Behaviour::HalfBody);
    let mut answer = {
        let mut world = state.world();
        let answer = perform(&mut world, &asked, plan.behaviour);
        world.journal.close(sequence, answer.status.as_u16());
        answer
    };
    let body = std::mem::take(&mut answer.body);
    if half {
        let answer = answer.with(header::CONTENT_LENGTH.as_str(), &body.len().to_string());
        return answer.response(asked.at, half_of(body));
    }
    answer.response(asked.at, Body::from(body))
}

fn receive(state: &State, asked: &mut Asked) -> (u64, Plan) {
    let mut world = state.world();
    let named_path = github::named_path(&world, &asked.path)
        .or_else(|| gitlab::named_path(&world, &asked.path))
        .or_else(|| bitbucket::named_path(&world, &asked.path))
        .unwrap_or_else(|| asked.path.clone());
    let mut plan = world.script.take(&[&asked.path, &named_path]);
    plan.delay += world.latency;
    let entry = asked.entry(named_path, plan.behaviour.as_ref());
    let sequence = world.journal.open(entry);
    asked.request_id = format!("F0{:02X}:{sequence:06X}", sequence % 251);
    drop(world);
    state.arrivals.send_modify(|count| *count += 1);
    (sequence, plan)
}

fn perform(world: &mut World, asked: &Asked, behaviour: Option<Behaviour>) -> Answer {
    match behaviour {
        Some(Behaviour::Reply { status, headers, body }) => {
            let answer = Answer::empty(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
            let answer = headers.iter().fold(answer, |answer, (name, value)| answer.with(name, value));
            Answer { body: body.into_bytes(), ..answer }
        }
        Some(Behaviour::Garbage) => {
            let text = "[{\"id\": 1, \"title\": \"cut\u{fffd}<html><body>Unicorn!";
            Answer { body: text.as_bytes().to_vec(), ..Answer::empty(StatusCode::OK) }
                .with("content-type", "application/json; charset=utf-8")
        }
        Some(Behaviour::SecondaryLimit { retry_after, .. }) if dynamics::owns(&asked.path) => dynamics::limited(asked, retry_after),
        Some(Behaviour::SecondaryLimit { .. }) if xledger::owns(&asked.path) => xledger::limited(),
        Some(Behaviour::SecondaryLimit { status, retry_after }) if gitlab::owns(&asked.path) => {
            gitlab::secondary_limit(world, asked, status, retry_after)
        }
        Some(Behaviour::SecondaryLimit { status, retry_after }) if bitbucket::speaks(asked) => {
            bitbucket::limited(world, asked, status, retry_after)
        }
        // A dialect is told by its own prefix and has its arms here and above; what no other one takes is GitHub's.
        _ if dynamics::owns(&asked.path) => dynamics::answer(world, asked),
        _ if xledger::owns(&asked.path) => xledger::answer(world, asked),
        _ if gitlab::owns(&asked.path) => gitlab::answer(world, asked),
        _ if bitbucket::speaks(asked) => bitbucket::answer(world, asked),
        Some(Behaviour::SecondaryLimit { status, retry_after }) => github::secondary_limit(world, asked, status, retry_after),
        None | Some(Behaviour::HalfBody | Behaviour::Hang | Behaviour::Delay { .. } | Behaviour::Reset) => github::answer(world, asked),
    }
}

/// On a connection of its own the forge resets it; mounted elsewhere it can but break off before the first byte.
fn reset(cut: Option<Cut>, at: Timestamp) -> Response {
    if let Some(cut) = cut {
        cut.now();
    }
    let broken = futures::stream::once(async { Err::<Vec<u8>, _>(broken_off()) });
    Answer::empty(StatusCode::OK).with(header::CONTENT_LENGTH.as_str(), "1").response(at, Body::from_stream(broken))
}

/// A body that ends in an error, upon which the server closes the connection.
fn half_of(mut body: Vec<u8>) -> Body {
    body.truncate(body.len() / 2);
    let broken = futures::stream::once(async {
        tokio::time::sleep(HALF_WAY).await;
        Err(broken_off())
    });
    Body::from_stream(futures::stream::once(async { Ok(body) }).chain(broken))
}

fn broken_off() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}
