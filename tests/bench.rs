//! The inside of one process, with every call tapped.
//!
//! Table and queue are the embedded engines behind the real SDK clients, as in
//! the local process; the test delivers the messages and turns the clock. A tap
//! counts calls and can fail them before or after they took effect.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use pullcord::engines::{TableEngine, make_queues, make_tables, queue_client, queue_engine, table_client};
use pullcord_core::Plane;
use pullcord_core::chance::Chance;
use pullcord_core::clock::Clock;
use pullcord_core::vault::Vault;
use tokio::sync::Notify;

/// What is to happen to a call.
#[derive(Clone, Debug)]
pub enum Mishap {
    /// It is refused with this code and has no effect.
    Refused(&'static str),
    /// It takes effect, but the answer is lost and the caller sees this code.
    AnswerLost(&'static str),
    /// It waits until it is let go, and then takes effect.
    Held(Arc<Notify>),
}

#[derive(Debug, Default)]
struct Tapped {
    calls: Vec<String>,
    mishaps: VecDeque<(String, Mishap)>,
}

/// Sees and disturbs what goes over an SDK client's wire.
#[derive(Clone, Debug)]
pub struct Tap {
    to: SharedHttpClient,
    tapped: Arc<Mutex<Tapped>>,
}

impl Tap {
    fn on(to: impl HttpClient + 'static) -> Self {
        Self { to: SharedHttpClient::new(to), tapped: Arc::default() }
    }

    /// The operations called since the last look.
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.tapped.lock().unwrap().calls)
    }

    /// The next call of this operation meets with a mishap.
    pub fn next(&self, operation: &str, mishap: Mishap) {
        self.tapped.lock().unwrap().mishaps.push_back((operation.to_owned(), mishap));
    }

    /// Whether every mishap happened.
    pub fn is_quiet(&self) -> bool {
        self.tapped.lock().unwrap().mishaps.is_empty()
    }
}

impl HttpClient for Tap {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(TapConnector { to: self.to.http_connector(settings, components), tapped: self.tapped.clone() })
    }
}

#[derive(Debug)]
struct TapConnector {
    to: SharedHttpConnector,
    tapped: Arc<Mutex<Tapped>>,
}

impl HttpConnector for TapConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let operation = request.headers().get("x-amz-target").and_then(|target| target.split('.').nth(1)).unwrap_or_default().to_owned();
        let mishap = {
            let mut tapped = self.tapped.lock().unwrap();
            tapped.calls.push(operation.clone());
            let at = tapped.mishaps.iter().position(|(on, _)| *on == operation);
            at.and_then(|at| tapped.mishaps.remove(at)).map(|(_, mishap)| mishap)
        };
        match mishap {
            None => self.to.call(request),
            Some(Mishap::Refused(code)) => HttpConnectorFuture::ready(Ok(refusal(code))),
            Some(Mishap::Held(go)) => {
                let to = self.to.clone();
                HttpConnectorFuture::new(async move {
                    go.notified().await;
                    to.call(request).await
                })
            }
            Some(Mishap::AnswerLost(code)) => {
                let done = self.to.call(request);
                HttpConnectorFuture::new(async move {
                    drop(done.await);
                    Ok(refusal(code))
                })
            }
        }
    }
}

fn refusal(code: &str) -> HttpResponse {
    let status = if code == "InternalServerError" { 500 } else { 400 };
    let body = format!(r#"{{"__type":"com.amazonaws#{code}","message":"a mishap of the test"}}"#);
    HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))
}

/// One process from inside.
pub struct Bench {
    pub plane: Arc<Plane>,
    pub table: Tap,
    pub queue: Tap,
    pub clock: Clock,
    letters_url: String,
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(changes: &[(&str, &str)]) -> Self {
        let clock = Clock::system();
        let mut config = pullcord::up::configured(crate::world::config(changes));
        let table = Tap::on(TableEngine::in_memory().unwrap());
        let queue = Tap::on(queue_engine());
        let queues = queue_client(queue.clone());
        let (queue_url, letters_url) = make_queues(&queues, 600).await.unwrap();
        config.queue_url = queue_url;
        config.dead_letter_queue_url = Some(letters_url.clone());
        let client = table_client(table.clone());
        make_tables(&client, &config).await.unwrap();
        let vault = Vault::File { key: [7; 32] };
        let plane = Plane::assemble(config, clock.clone(), Chance::seeded(1), client, queues, vault).unwrap();
        table.calls();
        queue.calls();
        Self { plane: Arc::new(plane), table, queue, clock, letters_url }
    }

    /// Takes every visible message off the queue, without working on it.
    pub async fn messages(&self) -> Vec<SqsMessage> {
        self.taken(self.plane.queue.url()).await
    }

    pub async fn dead_letters(&self) -> Vec<SqsMessage> {
        self.taken(&self.letters_url).await
    }

    async fn taken(&self, url: &str) -> Vec<SqsMessage> {
        let client = self.plane.queue.client();
        let mut messages = Vec::new();
        loop {
            let received = client.receive_message().queue_url(url).max_number_of_messages(10).send().await.unwrap();
            let some = received.messages.unwrap_or_default();
            if some.is_empty() {
                return messages;
            }
            for message in some {
                let mut record = SqsMessage::default();
                record.message_id = message.message_id;
                record.body = message.body;
                messages.push(record);
                let receipt = message.receipt_handle.unwrap();
                client.delete_message().queue_url(url).receipt_handle(receipt).send().await.unwrap();
            }
        }
    }

    /// Works on these messages as one batch; the ids of those that failed.
    pub async fn work_on(&self, messages: Vec<SqsMessage>) -> Vec<String> {
        self.work_for(Duration::from_hours(1), messages).await
    }

    /// The same, with so much time.
    pub async fn work_for(&self, time: Duration, messages: Vec<SqsMessage>) -> Vec<String> {
        let mut event = SqsEvent::default();
        event.records = messages;
        let deadline = self.clock.now().plus(time);
        let response = pullcord_worker::handle(&self.plane, event, deadline).await;
        response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }

    /// Works until the queue shows nothing more.
    pub async fn work(&self) {
        loop {
            let messages = self.messages().await;
            if messages.is_empty() {
                return;
            }
            let failed = self.work_on(messages).await;
            assert!(failed.is_empty(), "messages failed: {failed:?}");
        }
    }

    /// Lets time pass without waiting for it.
    pub fn pass(&self, span: Duration) {
        self.clock.turn(jiff::SignedDuration::try_from(span).unwrap());
    }

    /// A message as the queue would deliver it.
    pub fn message(body: &str) -> SqsMessage {
        let mut message = SqsMessage::default();
        message.message_id = Some(crate::world::fresh("message"));
        message.body = Some(body.to_owned());
        message
    }
}
