//! What the world does to calls: it delays, refuses, loses and garbles them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use axum::body::Body;
use pullcord_core::clock::{Clock, Moment};
use pullcord_core::http::{Http, Outgoing, Unanswered};
use pullcord_core::model::RunId;
use pullcord_core::providers::Reply;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tower::ServiceExt;

use super::toll::Toll;

/// Everything that can be done to a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    TableRefused,
    TableAnswerLost,
    SendRefused,
    SendAnswerLost,
    MessageDropped,
    MessageTwice,
    WorkerCrashed,
    WorkerStalled,
    ClockSkewed,
    ServerError,
    Garbage,
    HalfBody,
    LimitWithTime,
    LimitWithoutTime,
    PermissionMissing,
    RemoteEdited,
    CredentialRotated,
    SettingsChanged,
    ProcessRestarted,
    TwoTicks,
    TenCallers,
    FolderEdited,
    FolderEmptied,
    FolderRestored,
    QuotaSpent,
}

impl Fault {
    pub const ALL: [Self; 25] = [
        Self::TableRefused,
        Self::TableAnswerLost,
        Self::SendRefused,
        Self::SendAnswerLost,
        Self::MessageDropped,
        Self::MessageTwice,
        Self::WorkerCrashed,
        Self::WorkerStalled,
        Self::ClockSkewed,
        Self::ServerError,
        Self::Garbage,
        Self::HalfBody,
        Self::LimitWithTime,
        Self::LimitWithoutTime,
        Self::PermissionMissing,
        Self::RemoteEdited,
        Self::CredentialRotated,
        Self::SettingsChanged,
        Self::ProcessRestarted,
        Self::TwoTicks,
        Self::TenCallers,
        Self::FolderEdited,
        Self::FolderEmptied,
        Self::FolderRestored,
        Self::QuotaSpent,
    ];
}

/// How often each thing happened.
#[derive(Clone, Debug, Default)]
pub struct Tally(pub BTreeMap<String, u64>);

impl Tally {
    pub(super) fn count(&mut self, what: &str) {
        *self.0.entry(what.to_owned()).or_default() += 1;
    }

    pub fn add(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            *self.0.entry(what.clone()).or_default() += times;
        }
    }
}

/// The weather of one history. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Weather {
    inner: Arc<Mutex<Inner>>,
    pub(super) clock: Clock,
}

#[derive(Debug)]
struct Inner {
    chance: StdRng,
    /// Out of a hundred calls, so many go wrong.
    rough: u32,
    /// Kinds of faults that this history does not know.
    without: Vec<Fault>,
    faults: Tally,
    numbers: u64,
    log: Vec<(Moment, String)>,
}

impl Weather {
    pub(super) fn new(seed: u64, clock: Clock, without: &[Fault]) -> Self {
        let mut chance = StdRng::seed_from_u64(seed);
        let rough = [0, 1, 1, 2, 4, 8][chance.random_range(0..6)];
        // Each history goes without some kinds of faults: what one of them would
        // hide, another shows.
        let spared = Fault::ALL.into_iter().filter(|_| chance.random_range(0..100) < 25).collect::<Vec<_>>();
        let without = without.iter().copied().chain(spared).collect();
        let inner = Inner { chance, rough, without, faults: Tally::default(), numbers: 0, log: Vec::new() };
        Self { inner: Arc::new(Mutex::new(inner)), clock }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock().unwrap())
    }

    /// A number below `end`.
    pub(super) fn below(&self, end: usize) -> usize {
        self.with(|inner| inner.chance.random_range(0..end.max(1)))
    }

    pub(super) fn percent(&self, chance: u32) -> bool {
        self.with(|inner| inner.chance.random_range(0..100) < chance)
    }

    /// Whether this fault happens now; it is counted if it does.
    pub(super) fn strikes(&self, fault: Fault, percent: u32) -> bool {
        self.with(|inner| {
            let strikes = inner.chance.random_range(0..100) < percent && !inner.without.contains(&fault);
            if strikes {
                inner.faults.count(&format!("{fault:?}"));
            }
            strikes
        })
    }

    fn rough(&self) -> u32 {
        self.with(|inner| inner.rough)
    }

    /// From now on nothing goes wrong.
    pub(super) fn calm(&self) {
        self.with(|inner| inner.without = Fault::ALL.to_vec());
    }

    /// A number that was not given before.
    fn number(&self) -> u64 {
        self.with(|inner| {
            inner.numbers += 1;
            inner.numbers
        })
    }

    pub(super) fn faults(&self) -> Tally {
        self.with(|inner| inner.faults.clone())
    }

    /// A line of the history, with its time.
    pub(super) fn note(&self, line: impl Into<String>) {
        let (at, line) = (self.clock.now(), line.into());
        self.with(|inner| inner.log.push((at, line)));
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.with(|inner| inner.log.iter().map(|(at, line)| format!("{at} {line}")).collect())
    }

    async fn pass(&self, most: u64) {
        let span = self.with(|inner| inner.chance.random_range(0..=most));
        self.clock.sleep(Duration::from_millis(span)).await;
    }
}

/// A message as the queue keeps it.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) id: u64,
    pub(super) body: String,
    pub(super) visible_at: Moment,
    pub(super) receives: u32,
}

/// The queue: it delivers at least once, late, twice and out of order.
pub(super) type Messages = Arc<Mutex<Vec<Message>>>;

/// Runs whose rows were written since the last look.
pub(super) type Touched = Arc<Mutex<BTreeSet<RunId>>>;

/// The way out of the table client: the engine, in this weather.
#[derive(Clone, Debug)]
pub(super) struct TableWay {
    pub(super) engine: SharedHttpClient,
    pub(super) weather: Weather,
    pub(super) touched: Touched,
}

/// The runs that a request names as rows. Looking at no others is what makes
/// looking after every step affordable.
fn named(request: &HttpRequest) -> Vec<RunId> {
    let reads = ["GetItem", "Query"].iter().any(|read| request.headers().get("x-amz-target").is_some_and(|target| target.ends_with(read)));
    let body = std::str::from_utf8(request.body().bytes().unwrap_or_default()).unwrap_or_default();
    let rows = body.split("\"r#").skip(1).filter(|_| !reads);
    rows.filter_map(|rest| RunId::parse(rest.get(..36)?)).collect()
}

impl HttpClient for TableWay {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let engine = self.engine.http_connector(settings, components);
        SharedHttpConnector::new(TableConnector { engine, weather: self.weather.clone(), touched: self.touched.clone() })
    }
}

#[derive(Debug)]
struct TableConnector {
    engine: SharedHttpConnector,
    weather: Weather,
    touched: Touched,
}

impl HttpConnector for TableConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (engine, weather, touched) = (self.engine.clone(), self.weather.clone(), self.touched.clone());
        HttpConnectorFuture::new(async move {
            weather.pass(20).await;
            if weather.strikes(Fault::TableRefused, weather.rough()) {
                let codes = ["TransactionConflictException", "ThrottlingException", "InternalServerError", "AccessDeniedException"];
                return Ok(refusal(codes[weather.below(codes.len())]));
            }
            let named = named(&request);
            if !named.is_empty() {
                touched.lock().unwrap().extend(named);
            }
            let answer = engine.call(request).await;
            // Whoever is stopped here has written and does not know it.
            weather.pass(20).await;
            if weather.strikes(Fault::TableAnswerLost, weather.rough()) {
                return Ok(refusal("InternalServerError"));
            }
            answer
        })
    }
}

fn refusal(code: &str) -> HttpResponse {
    let status = if code == "InternalServerError" { 500 } else { 400 };
    let body = format!(r#"{{"__type":"com.amazonaws#{code}","message":"the weather"}}"#);
    HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))
}

/// The way out of the queue client.
#[derive(Clone, Debug)]
pub(super) struct QueueWay {
    pub(super) messages: Messages,
    pub(super) weather: Weather,
}

impl HttpClient for QueueWay {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for QueueWay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (messages, weather) = (self.messages.clone(), self.weather.clone());
        let asked: serde_json::Value = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap();
        HttpConnectorFuture::new(async move {
            weather.pass(20).await;
            if weather.strikes(Fault::SendRefused, weather.rough()) {
                return Ok(refusal("AccessDenied"));
            }
            let delay = Duration::from_secs(asked["DelaySeconds"].as_u64().unwrap_or(0));
            let message = Message {
                id: weather.number(),
                body: asked["MessageBody"].as_str().unwrap().to_owned(),
                visible_at: weather.clock.now().plus(delay),
                receives: 0,
            };
            messages.lock().unwrap().push(message);
            weather.pass(20).await;
            if weather.strikes(Fault::SendAnswerLost, weather.rough()) {
                return Ok(refusal("InternalServerError"));
            }
            let body = r#"{"MessageId":"1","MD5OfMessageBody":""}"#;
            Ok(HttpResponse::new(200.try_into().unwrap(), SdkBody::from(body)))
        })
    }
}

/// The way to the forge, whose pages are made small.
pub(super) fn http(forge: axum::Router, toll: Toll, weather: &Weather, deadline: Duration, stalls: bool) -> Http {
    let weather = weather.clone();
    Http::new(Arc::new(move |outgoing| {
        let (forge, toll, weather) = (forge.clone(), toll.clone(), weather.clone());
        Box::pin(async move {
            weather.pass(300).await;
            if stalls && weather.percent(20) {
                // Far past any lease; then it goes on as if nothing were.
                weather.note("a worker stalls");
                weather.clock.sleep(Duration::from_mins(20)).await;
            }
            let answer = answered(forge, &toll, &weather, outgoing, deadline).await;
            weather.pass(100).await;
            answer
        })
    }))
}

async fn answered(
    forge: axum::Router,
    toll: &Toll,
    weather: &Weather,
    outgoing: Outgoing,
    deadline: Duration,
) -> Result<Reply, Unanswered> {
    let rough = weather.rough();
    let said = |status, headers: &[(&str, &str)], body: &str| {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Ok(Reply { status, headers, body: body.as_bytes().to_vec() })
    };
    if weather.strikes(Fault::ServerError, rough) {
        return said(502, &[], "<html>Bad Gateway</html>");
    }
    if weather.strikes(Fault::Garbage, rough) {
        return said(200, &[], "[{\"number\": ");
    }
    if weather.strikes(Fault::HalfBody, rough) {
        weather.clock.sleep(deadline).await;
        return Err(Unanswered::TooLate(deadline.as_secs()));
    }
    if weather.strikes(Fault::LimitWithTime, rough) {
        let after = ["5", "90", "1200", "4000"][weather.below(4)];
        return said(429, &[("retry-after", after)], "Retry later");
    }
    if weather.strikes(Fault::LimitWithoutTime, rough) {
        return said(403, &[], r#"{"message":"You have exceeded a secondary rate limit."}"#);
    }
    if weather.strikes(Fault::PermissionMissing, rough.min(2)) {
        return said(403, &[], r#"{"message":"Resource not accessible by personal access token"}"#);
    }
    let url = url::Url::parse(&outgoing.url).map_err(|why| Unanswered::Broken(why.to_string()))?;
    let query = url.query().unwrap_or_default().replace("per_page=100", "per_page=6");
    let mut request =
        axum::http::Request::get(format!("{}?{query}", url.path())).header("host", "forge.invalid").header("user-agent", "sim");
    for (name, value) in outgoing
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .chain(outgoing.secret_headers.iter().map(|(name, value)| (*name, value)))
    {
        request = request.header(name, value);
    }
    toll.count(url.path());
    let response = forge.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let headers =
        response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap_or_default().to_owned())).collect();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.map_err(|why| Unanswered::Broken(why.to_string()))?;
    Ok(Reply { status, headers, body: body.to_vec() })
}
