//! Every environment variable, read once.
//!
//! [`VARIABLES`] is the list that the reader, the operating guide and the
//! template are held to; a name that is not in it cannot be read.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::clock::parse_duration;
use crate::model::SourceKind;

/// One environment variable, as the operating guide shows it.
#[derive(Debug)]
pub struct Variable {
    pub name: &'static str,
    /// What holds when it is not set; empty means nothing.
    pub default: &'static str,
    pub meaning: &'static str,
}

const fn variable(name: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable { name, default, meaning }
}

/// Every variable there is, in the order of the operating guide.
pub const VARIABLES: &[Variable] = &[
    variable("PULLCORD_JWT_SECRET", "", "secret of HS256 bearer tokens; `up` makes one in its data folder"),
    variable("PULLCORD_JWKS_URL", "", "where the keys of RS256 and ES256 bearer tokens are published"),
    variable("PULLCORD_JWT_ISSUER", "", "the `iss` a bearer token must have"),
    variable("PULLCORD_JWT_AUDIENCE", "", "the `aud` a bearer token must have"),
    variable("PULLCORD_COOLDOWN_WORKSPACE", "PT15M", "time between manual syncs of a workspace"),
    variable("PULLCORD_COOLDOWN_REPOSITORY", "PT5M", "time between manual syncs of a repository"),
    variable("PULLCORD_COOLDOWN_INTEGRATION", "PT5M", "time between manual syncs of an integration"),
    variable("PULLCORD_COOLDOWN_INDEX", "PT0S", "time between manual syncs of a code index"),
    variable("PULLCORD_COOLDOWN_DOCUMENTS", "PT0S", "time between manual syncs of a folder of documents"),
    variable("PULLCORD_QUOTA_FLOOR", "100", "requests a manual sync must find left at its provider"),
    variable("PULLCORD_LEASE", "PT3M", "how long a worker may stay silent before it is overtaken"),
    variable("PULLCORD_TICK", "PT60S", "time between two ticks of the local process"),
    variable(
        "PULLCORD_ALLOW_HOSTS",
        "",
        "hosts, or host:port, outside the public internet that sources and webhooks may reach, plain http included; a comma list",
    ),
    variable("PULLCORD_DOCUMENT_ROOTS", "", "folders that documents may lie under; a comma list"),
    variable("PULLCORD_GIT_ROOTS", "", "folders that git repositories may lie under; a comma list"),
    variable("PULLCORD_CORS_ORIGINS", "", "origins whose pages may call the API; a comma list, or `*`"),
    variable("PULLCORD_SIGN_IN_AUTHORIZE_URL", "", "where the console sends people to sign in, by OpenID Connect with PKCE"),
    variable("PULLCORD_SIGN_IN_TOKEN_URL", "", "where it turns the code they come back with into a token"),
    variable("PULLCORD_SIGN_IN_CLIENT_ID", "", "the console's client id there"),
    variable("PULLCORD_SIGN_IN_SCOPE", "openid", "what it asks for there"),
    variable(
        "PULLCORD_EVENTS_URL",
        "",
        "where live events are streamed from, `/` for the API itself; without it the console asks again and again",
    ),
    variable("PULLCORD_KEEP_RUNS", "P90D", "how long ended runs and the audit are kept"),
    variable("PULLCORD_KEEP_OPERATIONS", "P7D", "how long operations that ended can be asked for"),
    variable("PULLCORD_KEEP_KEYS", "PT24H", "how long idempotency keys are remembered"),
    variable("PULLCORD_OPEN_WORKSPACES", "false", "whether any signed-in user may create a workspace"),
    variable("PULLCORD_LOG", "info", "what is logged, in the syntax of tracing's filters"),
    variable("PULLCORD_TABLE", "pullcord", "name of the DynamoDB table"),
    variable("PULLCORD_INDEX_TABLE", "pullcord-index", "name of the DynamoDB table that code is searched in"),
    variable("PULLCORD_GIT_CACHE", "/tmp/pullcord-git", "folder that clones are kept in; `up` has one in its data folder"),
    variable("PULLCORD_GIT_CACHE_MIB", "400", "how much of that folder clones may fill before the ones not used for longest go"),
    variable("PULLCORD_QUEUE_URL", "", "address of the SQS queue"),
    variable("PULLCORD_DEAD_LETTER_QUEUE_URL", "", "address of its dead-letter queue, for `redrive`"),
    variable("PULLCORD_KMS_KEY", "", "KMS key that seals credentials; the functions need one, the local process has a key file"),
    variable("PULLCORD_METRICS", "false", "whether metrics are printed in CloudWatch's embedded format"),
    variable("PULLCORD_STREAM", "false", "whether the api binary answers as the streaming function"),
];

/// What one process was told.
#[derive(Clone, Debug)]
pub struct Config {
    pub jwt_secret: Option<String>,
    pub jwks_url: Option<String>,
    pub jwt_issuer: Option<String>,
    pub jwt_audience: Option<String>,
    pub cooldown_workspace: Duration,
    pub cooldown_repository: Duration,
    pub cooldown_integration: Duration,
    pub cooldown_index: Duration,
    pub cooldown_documents: Duration,
    pub quota_floor: u64,
    pub lease: Duration,
    pub tick: Duration,
    pub allow_hosts: Vec<String>,
    /// What sources may reach besides: no variable, but the local process's leave for
    /// loopback.
    pub source_hosts: Vec<String>,
    pub document_roots: Vec<PathBuf>,
    pub git_roots: Vec<PathBuf>,
    pub cors_origins: Vec<String>,
    pub sign_in_authorize_url: Option<String>,
    pub sign_in_token_url: Option<String>,
    pub sign_in_client_id: Option<String>,
    pub sign_in_scope: String,
    pub events_url: Option<String>,
    pub keep_runs: Duration,
    pub keep_operations: Duration,
    pub keep_keys: Duration,
    pub open_workspaces: bool,
    pub log: String,
    pub table: String,
    pub index_table: String,
    pub git_cache: PathBuf,
    pub git_cache_mib: u64,
    pub queue_url: String,
    pub dead_letter_queue_url: Option<String>,
    pub kms_key: Option<String>,
    pub metrics: bool,
    pub stream: bool,
}

impl Config {
    /// Reads the process's environment.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn from_environment() -> Result<Self, String> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads variables from `get`; complains of all that cannot be understood
    /// in one message.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let mut reader = Reader { values: BTreeMap::new(), complaints: Vec::new() };
        for variable in VARIABLES {
            let given = get(variable.name).filter(|value| !value.is_empty());
            reader.values.insert(variable.name, given.unwrap_or_else(|| variable.default.to_owned()));
        }
        let config = reader.config();
        if reader.complaints.is_empty() { Ok(config) } else { Err(reader.complaints.join("; ")) }
    }

    /// The cooldown of a kind of source, unless its workspace says otherwise.
    pub fn cooldown(&self, kind: SourceKind) -> Duration {
        match kind {
            SourceKind::Repository => self.cooldown_repository,
            SourceKind::Integration => self.cooldown_integration,
            SourceKind::Index => self.cooldown_index,
            SourceKind::Documents => self.cooldown_documents,
        }
    }

    /// The longest an outgoing request may take: a third of the lease, so that a
    /// worker always hears from it in time to renew, and at most a minute.
    pub fn request_deadline(&self) -> Duration {
        (self.lease / 3).min(Duration::from_mins(1))
    }
}

struct Reader {
    values: BTreeMap<&'static str, String>,
    complaints: Vec<String>,
}

impl Reader {
    fn config(&mut self) -> Config {
        Config {
            jwt_secret: self.optional("PULLCORD_JWT_SECRET"),
            jwks_url: self.optional("PULLCORD_JWKS_URL"),
            jwt_issuer: self.optional("PULLCORD_JWT_ISSUER"),
            jwt_audience: self.optional("PULLCORD_JWT_AUDIENCE"),
            cooldown_workspace: self.duration("PULLCORD_COOLDOWN_WORKSPACE"),
            cooldown_repository: self.duration("PULLCORD_COOLDOWN_REPOSITORY"),
            cooldown_integration: self.duration("PULLCORD_COOLDOWN_INTEGRATION"),
            cooldown_index: self.duration("PULLCORD_COOLDOWN_INDEX"),
            cooldown_documents: self.duration("PULLCORD_COOLDOWN_DOCUMENTS"),
            quota_floor: self.number("PULLCORD_QUOTA_FLOOR"),
            lease: self.positive("PULLCORD_LEASE"),
            tick: self.positive("PULLCORD_TICK"),
            allow_hosts: self.list("PULLCORD_ALLOW_HOSTS"),
            source_hosts: Vec::new(),
            document_roots: self.list("PULLCORD_DOCUMENT_ROOTS").into_iter().map(PathBuf::from).collect(),
            git_roots: self.list("PULLCORD_GIT_ROOTS").into_iter().map(PathBuf::from).collect(),
            cors_origins: self.list("PULLCORD_CORS_ORIGINS"),
            sign_in_authorize_url: self.optional("PULLCORD_SIGN_IN_AUTHORIZE_URL"),
            sign_in_token_url: self.optional("PULLCORD_SIGN_IN_TOKEN_URL"),
            sign_in_client_id: self.optional("PULLCORD_SIGN_IN_CLIENT_ID"),
            sign_in_scope: self.text("PULLCORD_SIGN_IN_SCOPE"),
            events_url: self.optional("PULLCORD_EVENTS_URL"),
            keep_runs: self.positive("PULLCORD_KEEP_RUNS"),
            keep_operations: self.positive("PULLCORD_KEEP_OPERATIONS"),
            keep_keys: self.positive("PULLCORD_KEEP_KEYS"),
            open_workspaces: self.flag("PULLCORD_OPEN_WORKSPACES"),
            log: self.text("PULLCORD_LOG"),
            table: self.text("PULLCORD_TABLE"),
            index_table: self.text("PULLCORD_INDEX_TABLE"),
            git_cache: PathBuf::from(self.text("PULLCORD_GIT_CACHE")),
            git_cache_mib: self.number("PULLCORD_GIT_CACHE_MIB"),
            queue_url: self.text("PULLCORD_QUEUE_URL"),
            dead_letter_queue_url: self.optional("PULLCORD_DEAD_LETTER_QUEUE_URL"),
            kms_key: self.optional("PULLCORD_KMS_KEY"),
            metrics: self.flag("PULLCORD_METRICS"),
            stream: self.flag("PULLCORD_STREAM"),
        }
    }

    fn text(&self, name: &str) -> String {
        self.values.get(name).cloned().unwrap_or_default()
    }

    fn optional(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|value| !value.is_empty())
    }

    fn list(&self, name: &str) -> Vec<String> {
        self.text(name).split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    fn flag(&mut self, name: &str) -> bool {
        let value = self.text(name);
        self.understood(name, &value, "true or false", value.parse().ok()).unwrap_or_default()
    }

    fn number(&mut self, name: &str) -> u64 {
        let value = self.text(name);
        self.understood(name, &value, "a whole number", value.parse().ok()).unwrap_or_default()
    }

    fn duration(&mut self, name: &str) -> Duration {
        let value = self.text(name);
        self.understood(name, &value, "an ISO 8601 duration such as PT5M", parse_duration(&value)).unwrap_or_default()
    }

    fn positive(&mut self, name: &str) -> Duration {
        let value = self.text(name);
        let span = parse_duration(&value).filter(|span| !span.is_zero());
        self.understood(name, &value, "an ISO 8601 duration longer than nothing", span).unwrap_or_default()
    }

    fn understood<T>(&mut self, name: &str, value: &str, wanted: &str, read: Option<T>) -> Option<T> {
        if read.is_none() {
            self.complaints.push(format!("{name} must be {wanted}, not \"{value}\""));
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S3.34: a request to a provider has a whole minute.
    #[test]
    fn defaults_are_those_of_the_list_and_every_mistake_is_named() {
        let config = Config::read(|_| None).expect("defaults are valid");
        assert_eq!(config.cooldown_workspace, Duration::from_mins(15));
        assert_eq!(config.request_deadline(), Duration::from_mins(1));

        let complaint = Config::read(|name| match name {
            "PULLCORD_LEASE" => Some("PT0S".into()),
            "PULLCORD_QUOTA_FLOOR" => Some("many".into()),
            _ => None,
        })
        .expect_err("two mistakes");
        assert!(complaint.contains("PULLCORD_LEASE") && complaint.contains("PULLCORD_QUOTA_FLOOR"), "{complaint}");
    }
}
