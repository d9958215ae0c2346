//! What every door receives: the table, the queue, and everything that would
//! otherwise be ambient.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;

use crate::chance::Chance;
use crate::clock::Clock;
use crate::config::Config;
use crate::http::Http;
use crate::queue::Queue;
use crate::store::Store;
use crate::store::table::Table;
use crate::vault::Vault;

/// A call to AWS that hangs must not outlive the invocation that made it.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(6);
const LONGEST_CALL: Duration = Duration::from_secs(20);

/// One deployment, seen from one process.
#[derive(Clone, Debug)]
pub struct Plane {
    pub config: Config,
    pub clock: Clock,
    pub chance: Chance,
    pub store: Store,
    pub queue: Queue,
    pub http: Http,
    pub vault: Vault,
}

impl Plane {
    /// The plane of a function in the cloud. Region, endpoint and identity are
    /// the SDK's to find.
    pub async fn in_the_cloud(config: Config) -> Result<Self, String> {
        let bounded = TimeoutConfig::builder().operation_attempt_timeout(LONGEST_ATTEMPT).operation_timeout(LONGEST_CALL).build();
        let shared = aws_config::defaults(aws_config::BehaviorVersion::latest()).timeout_config(bounded).load().await;
        let key = config.kms_key.clone().ok_or("PULLCORD_KMS_KEY is not set: credentials could not be sealed")?;
        let vault = Vault::Kms { client: aws_sdk_kms::Client::new(&shared), key };
        let (table, queue) = (aws_sdk_dynamodb::Client::new(&shared), aws_sdk_sqs::Client::new(&shared));
        Self::assemble(config, Clock::system(), Chance::system(), table, queue, vault)
    }

    /// Puts a plane together from clients that were made for it.
    pub fn assemble(
        config: Config,
        clock: Clock,
        chance: Chance,
        table: aws_sdk_dynamodb::Client,
        queue: aws_sdk_sqs::Client,
        vault: Vault,
    ) -> Result<Self, String> {
        let table = Table::new(table, &config, clock.clone(), chance.clone());
        let queue = Queue::new(queue, &config.queue_url);
        let http = Http::network(&config)?;
        Ok(Self { store: Store::new(table, config.keep_runs), queue, http, vault, config, clock, chance })
    }
}
