//! The embedded engines, behind the real AWS SDK clients.
//!
//! The SDK speaks HTTP to whatever it is given; here that is a function call
//! into an engine in this process. So the code under it is the code of the
//! cloud, to the last byte of a request, without a port or a socket.

use std::path::Path;
use std::sync::Arc;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType, ScalarAttributeType,
    SearchSchemaElement, SearchSchemaElementType, TimeToLiveSpecification, VectorAttributeDefinition, VectorDistanceFunction, VectorIndex,
};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use dynoxide::{Database, DynoxideError};
use pullcord_core::config::Config;
use pullcord_core::index::embed;
use pullcord_core::store::keys::{DUE_INDEX, LISTED_INDEX, MEANING_INDEX, TREE, VECTOR};
use serde::Serialize;
use serde::de::DeserializeOwned;
use winterbaume_core::MockAws;
use winterbaume_sqs::SqsService;

/// The embedded table engine, as the SDK's way out.
#[derive(Clone)]
pub struct TableEngine {
    database: Arc<Database>,
}

impl std::fmt::Debug for TableEngine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TableEngine")
    }
}

impl TableEngine {
    /// Keeps its rows in a file.
    pub fn in_file(path: &Path) -> Result<Self, String> {
        let path = path.to_str().ok_or("the data folder's name is not UTF-8")?;
        Ok(Self { database: Arc::new(Database::new(path).map_err(|why| why.to_string())?) })
    }

    /// Keeps its rows in memory.
    pub fn in_memory() -> Result<Self, String> {
        Ok(Self { database: Arc::new(Database::memory().map_err(|why| why.to_string())?) })
    }

    /// The engine itself, for whoever looks at rows without a client.
    pub fn database(&self) -> &Database {
        &self.database
    }

    fn answer(&self, request: &HttpRequest) -> (u16, String) {
        let operation = request.headers().get("x-amz-target").and_then(|target| target.split('.').nth(1)).unwrap_or_default();
        let body = request.body().bytes().unwrap_or_default();
        match self.perform(operation, body) {
            Ok(reply) => (200, reply),
            Err(error) => (error.status_code(), error.to_json()),
        }
    }

    /// The operations that the store uses, and those that make its table.
    fn perform(&self, operation: &str, body: &[u8]) -> Result<String, DynoxideError> {
        let database = &*self.database;
        match operation {
            "GetItem" => call(body, |request| database.get_item(request)),
            "BatchGetItem" => call(body, |request| database.batch_get_item(request)),
            "Query" => call(body, |request| database.query(request)),
            "PutItem" => call(body, |request| database.put_item(request)),
            "UpdateItem" => call(body, |request| database.update_item(request)),
            "DeleteItem" => call(body, |request| database.delete_item(request)),
            "TransactWriteItems" => call(body, |request| database.transact_write_items(request)),
            "CreateTable" => call(body, |request| database.create_table(request)),
            "DescribeTable" => call(body, |request| database.describe_table(request)),
            "UpdateTimeToLive" => call(body, |request| database.update_time_to_live(request)),
            "SearchVectors" => call(body, |request| database.search_vectors(request)),
            "Scan" => call(body, |request| database.scan(request)),
            other => Err(DynoxideError::ValidationException(format!("the embedded table does not know {other}"))),
        }
    }
}

fn call<Asked: DeserializeOwned, Reply: Serialize>(
    body: &[u8],
    perform: impl FnOnce(Asked) -> Result<Reply, DynoxideError>,
) -> Result<String, DynoxideError> {
    let unreadable = |why: serde_json::Error| DynoxideError::SerializationException(why.to_string());
    let reply = perform(serde_json::from_slice(body).map_err(unreadable)?)?;
    serde_json::to_string(&reply).map_err(unreadable)
}

impl HttpConnector for TableEngine {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (status, body) = self.answer(&request);
        let reply = StatusCode::try_from(status)
            .map(|status| HttpResponse::new(status, SdkBody::from(body)))
            .map_err(|why| ConnectorError::other(why.into(), None));
        HttpConnectorFuture::ready(reply)
    }
}

impl HttpClient for TableEngine {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// The SDK's table client over some way out: the engine, or a test's wrapping
/// of it.
pub fn table_client(way_out: impl HttpClient + 'static) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::new("local-1"))
        .credentials_provider(aws_sdk_dynamodb::config::Credentials::new("local", "local", None, None, "local"))
        .endpoint_url("http://table.invalid")
        .http_client(way_out)
        .build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

/// The embedded queue engine's way out. Its messages live as long as it does:
/// what is lost with it, the tick sends again.
pub fn queue_engine() -> SharedHttpClient {
    MockAws::builder().with_service(SqsService::new()).build().http_client()
}

/// The SDK's queue client over some way out.
pub fn queue_client(way_out: impl HttpClient + 'static) -> aws_sdk_sqs::Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
        .region(aws_sdk_sqs::config::Region::new("us-east-1"))
        .credentials_provider(aws_sdk_sqs::config::Credentials::new("local", "local", None, None, "local"))
        .http_client(way_out)
        .build();
    aws_sdk_sqs::Client::from_conf(config)
}

/// Makes the tables that are not there: the same keys and indexes as the template's.
pub async fn make_tables(client: &aws_sdk_dynamodb::Client, config: &Config) -> Result<(), String> {
    make_table(client, config).await?;
    make_index_table(client, config).await
}

/// The index by which the second table is searched.
pub fn meaning_index() -> Result<VectorIndex, String> {
    let said = |why: aws_sdk_dynamodb::error::BuildError| why.to_string();
    let schema = SearchSchemaElement::builder().attribute_name(TREE).search_schema_element_type(SearchSchemaElementType::Hash).build();
    VectorIndex::builder()
        .index_name(MEANING_INDEX)
        .vector_attribute(VectorAttributeDefinition::builder().attribute_name(VECTOR).build().map_err(said)?)
        .search_schema(schema.map_err(said)?)
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .dimensions(i64::try_from(embed::DIMENSIONS).map_err(|why| why.to_string())?)
        .distance_function(VectorDistanceFunction::Cosine)
        .build()
        .map_err(said)
}

async fn make_index_table(client: &aws_sdk_dynamodb::Client, config: &Config) -> Result<(), String> {
    if client.describe_table().table_name(&config.index_table).send().await.is_ok() {
        return Ok(());
    }
    let said = |why: aws_sdk_dynamodb::error::BuildError| why.to_string();
    let mut create = client.create_table().table_name(&config.index_table).billing_mode(BillingMode::PayPerRequest);
    for name in ["PK", "SK", TREE] {
        let text = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        create = create.attribute_definitions(text.build().map_err(said)?);
    }
    for (name, kind) in [("PK", KeyType::Hash), ("SK", KeyType::Range)] {
        create = create.key_schema(KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(said)?);
    }
    let made = create.vector_indexes(meaning_index()?).send().await;
    made.map(drop).map_err(|why| format!("the table that is searched could not be made: {why:?}"))
}

async fn make_table(client: &aws_sdk_dynamodb::Client, config: &Config) -> Result<(), String> {
    if client.describe_table().table_name(&config.table).send().await.is_ok() {
        return Ok(());
    }
    let attribute = |name: &str, kind| AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build();
    let element = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let said = |why: aws_sdk_dynamodb::error::BuildError| why.to_string();
    let mut create = client.create_table().table_name(&config.table).billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [
        ("PK", ScalarAttributeType::S),
        ("SK", ScalarAttributeType::S),
        ("due_shard", ScalarAttributeType::S),
        ("due_at", ScalarAttributeType::N),
        ("listed_in", ScalarAttributeType::S),
        ("listed_at", ScalarAttributeType::S),
    ] {
        create = create.attribute_definitions(attribute(name, kind).map_err(said)?);
    }
    create = create.key_schema(element("PK", KeyType::Hash).map_err(said)?).key_schema(element("SK", KeyType::Range).map_err(said)?);
    for (index, hash, range) in [(DUE_INDEX, "due_shard", "due_at"), (LISTED_INDEX, "listed_in", "listed_at")] {
        let index = GlobalSecondaryIndex::builder()
            .index_name(index)
            .key_schema(element(hash, KeyType::Hash).map_err(said)?)
            .key_schema(element(range, KeyType::Range).map_err(said)?)
            .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build());
        create = create.global_secondary_indexes(index.build().map_err(said)?);
    }
    create.send().await.map_err(|why| format!("the table could not be made: {why:?}"))?;
    let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name("ttl").build().map_err(said)?;
    let tidied = client.update_time_to_live().table_name(&config.table).time_to_live_specification(ttl).send().await;
    tidied.map(drop).map_err(|why| format!("the table's time to live could not be set: {why:?}"))
}

/// Makes the queue and its dead-letter queue; their addresses.
pub async fn make_queues(client: &aws_sdk_sqs::Client, visibility_seconds: u64) -> Result<(String, String), String> {
    use aws_sdk_sqs::types::QueueAttributeName::{QueueArn, RedrivePolicy, VisibilityTimeout};
    let said = |why: &dyn std::fmt::Debug| format!("the queues could not be made: {why:?}");
    let visibility = visibility_seconds.to_string();
    let letters = client.create_queue().queue_name("pullcord-dead-letters").attributes(VisibilityTimeout, &visibility).send().await;
    let letters = letters.map_err(|why| said(&why))?.queue_url.unwrap_or_default();
    let described = client.get_queue_attributes().queue_url(&letters).attribute_names(QueueArn).send().await.map_err(|why| said(&why))?;
    let arn = described.attributes.and_then(|mut attributes| attributes.remove(&QueueArn)).unwrap_or_default();
    let policy = serde_json::json!({"deadLetterTargetArn": arn, "maxReceiveCount": 5}).to_string();
    let queue = client.create_queue().queue_name("pullcord").attributes(VisibilityTimeout, visibility).attributes(RedrivePolicy, policy);
    let queue = queue.send().await.map_err(|why| said(&why))?.queue_url.unwrap_or_default();
    Ok((queue, letters))
}
