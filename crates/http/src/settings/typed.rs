//! The settings that the rest of the program works with.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use roster_app::{CachePolicy, DashboardPolicy};

use super::access::{AccessSettings, access};
use super::definitions as of;
use super::resolver::Resolver;
use super::{EffectiveSettings, SecretUrl};

const REDIS_SCHEMES: [&str; 5] = ["redis", "valkey", "unix", "redis+unix", "valkey+unix"];
const POSTGRES_SCHEMES: [&str; 2] = ["postgres", "postgresql"];

/// Everything that was chosen.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The API.
    pub http: HttpSettings,
    /// Where `/metrics` listens; `None` when it does not.
    pub metrics_listen: Option<SocketAddr>,
    /// Who is let in.
    pub access: AccessSettings,
    /// Where users are kept.
    pub store: StoreSettings,
    /// The caches in front of the store.
    pub cache: CachePolicy,
    /// The dashboard.
    pub dashboard: DashboardPolicy,
    /// Logs.
    pub log: LogSettings,
    /// All of it, for people.
    pub effective: EffectiveSettings,
}

/// The API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// After this long a request is answered with 504.
    pub request_deadline: Duration,
    /// How many octets the body of a request may have.
    pub max_body: usize,
    /// How many octets the path and query of a request may have.
    pub max_url: usize,
    /// How many octets the header fields of a request may have.
    pub max_headers: usize,
    /// How long the head of a request may take from its first octet.
    pub header_timeout: Duration,
    /// Names that requests may call the service by, beside its own on a loopback address.
    pub allowed_hosts: Vec<String>,
    /// How long a connection may be open without a request.
    pub idle_timeout: Duration,
    /// How long a body may stand still, and an answer that its client does not take.
    pub stall_timeout: Duration,
    /// With fewer octets in that time a body stands still.
    pub stall_octets: u64,
    /// Requests under way at the most that memory cannot answer.
    pub max_in_flight: usize,
    /// How long a request may take before it can count as late.
    pub target_latency: Duration,
    /// Imports and exports under way at the most.
    pub max_streams: usize,
    /// How many octets the body of an import may have.
    pub max_import: u64,
    /// How much one caller may ask for.
    pub quotas: QuotaSettings,
    /// Open connections at the most.
    pub max_connections: usize,
    /// How long new connections are taken once the process has begun to stop.
    pub drain_grace: Duration,
    /// How long requests in flight may go on after that.
    pub drain_limit: Duration,
    /// How long the answer of a write under a key is kept.
    pub idempotency_retention: Duration,
    /// Whether a change of a user needs `If-Match`.
    pub require_if_match: bool,
}

/// How much one caller may ask for; `None` is as much as it likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaSettings {
    /// All requests.
    pub requests: Option<Rate>,
    /// Look-ups by address.
    pub lookups: Option<Rate>,
    /// Reads that must ask the primary.
    pub strong_reads: Option<Rate>,
    /// Requests that are not let in, of one address.
    pub refused: Option<Rate>,
}

/// So many in so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub requests: NonZeroU32,
    /// In how many seconds.
    pub seconds: u32,
}

impl Default for HttpSettings {
    /// What it is when nobody says, on any free port of the loopback address.
    fn default() -> Self {
        let mut resolver = Resolver::new(super::sources::AllGiven::new(), Vec::new());
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            ..http(&mut resolver)
        }
    }
}

/// Where users are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreSettings {
    /// A file of this process alone.
    Embedded(EmbeddedSettings),
    /// A database server, for any number of processes.
    Distributed(Box<DistributedSettings>),
}

/// A SQLite file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedSettings {
    /// The folder that it is in.
    pub data_dir: PathBuf,
}

/// PostgreSQL, and Redis in front of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistributedSettings {
    /// The system of record.
    pub database: DatabaseSettings,
    /// The shared cache.
    pub redis: Option<RedisSettings>,
}

/// PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseSettings {
    /// Where it is.
    pub url: SecretUrl,
    /// Where it is without a pooler, for migrations; `url` when there is none.
    pub direct_url: Option<SecretUrl>,
    /// Connections at the most; what serves this machine best when there is no number.
    pub max_connections: Option<u32>,
    /// How long a request waits for a connection.
    pub acquire_timeout: Duration,
    /// How long a statement may run.
    pub statement_timeout: Duration,
    /// How long a start waits for a database that cannot be reached.
    pub start_wait: Duration,
}

/// Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisSettings {
    /// Where it is.
    pub url: SecretUrl,
    /// What every key begins with.
    pub key_prefix: String,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long a command may take.
    pub command_timeout: Duration,
    /// How long a call of the relay may take.
    pub relay_timeout: Duration,
    /// How long a floor is remembered after an invalidation.
    pub tombstone_ttl: Duration,
}

/// Logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// What is logged: a level, or directives of targets and levels.
    pub filter: String,
    /// How.
    pub format: LogFormat,
}

impl LogSettings {
    /// Whether the lines are JSON, where they go to a terminal or not.
    pub fn is_json(&self, terminal: bool) -> bool {
        match self.format {
            LogFormat::Json => true,
            LogFormat::Text => false,
            LogFormat::Auto => !terminal,
        }
    }
}

/// How logs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
    /// Lines for people on a terminal, JSON elsewhere.
    #[default]
    Auto,
}

pub(super) fn build(resolver: &mut Resolver) -> Settings {
    let value_ttl = resolver.duration(&of::CACHE_VALUE_TTL);
    let batch = resolver.count(&of::DATABASE_BATCH) as usize;
    let http = http(resolver);
    let data_dir = resolver.text(&of::DATA_DIR);
    let settings = Settings {
        metrics_listen: resolver.address_or_off(&of::METRICS_LISTEN),
        access: access(resolver, &http, &data_dir),
        http,
        store: store(resolver, data_dir),
        cache: CachePolicy {
            value_ttl,
            l1_ttl: value_ttl,
            absent_ttl: resolver.duration(&of::CACHE_ABSENT_TTL),
            lease_ttl: resolver.duration(&of::CACHE_LEASE_TTL),
            lease_wait: resolver.duration(&of::CACHE_LEASE_WAIT),
            audit: resolver.flag(&of::CACHE_AUDIT),
            batch,
            l1_octets: resolver.octets(&of::CACHE_MEMORY),
            change_log_retention: resolver.duration(&of::CACHE_CHANGE_LOG_RETENTION),
            ..CachePolicy::default()
        },
        dashboard: DashboardPolicy {
            section_deadline: resolver.duration(&of::HTTP_DASHBOARD_DEADLINE),
            section_batch: batch,
            ..DashboardPolicy::default()
        },
        log: LogSettings {
            filter: resolver.text(&of::LOG_FILTER),
            format: resolver.log_format(&of::LOG_FORMAT),
        },
        effective: EffectiveSettings::default(),
    };
    leases_outlive_loads(resolver, &settings);
    Settings {
        effective: resolver.take_effective(),
        ..settings
    }
}

fn http(resolver: &mut Resolver) -> HttpSettings {
    HttpSettings {
        listen: resolver.address(&of::LISTEN),
        request_deadline: resolver.duration(&of::HTTP_REQUEST_DEADLINE),
        max_body: resolver
            .octets(&of::HTTP_MAX_BODY)
            .try_into()
            .unwrap_or(usize::MAX),
        // What the contract of the API promises; a setting would make it two contracts.
        max_url: 8 * 1024,
        max_headers: 32 * 1024,
        header_timeout: resolver.duration(&of::HTTP_HEADER_TIMEOUT),
        allowed_hosts: resolver.host_names(&of::HTTP_ALLOWED_HOSTS),
        idle_timeout: resolver.duration(&of::HTTP_IDLE_TIMEOUT),
        stall_timeout: resolver.duration(&of::HTTP_STALL_TIMEOUT),
        stall_octets: resolver.octets(&of::HTTP_STALL_OCTETS),
        max_in_flight: count(resolver, &of::HTTP_MAX_IN_FLIGHT),
        target_latency: resolver.duration(&of::HTTP_TARGET_LATENCY),
        max_streams: count(resolver, &of::HTTP_MAX_STREAMS),
        max_import: resolver.octets(&of::HTTP_MAX_IMPORT),
        quotas: QuotaSettings {
            requests: resolver.rate(&of::QUOTAS_REQUESTS),
            lookups: resolver.rate(&of::QUOTAS_LOOKUPS),
            strong_reads: resolver.rate(&of::QUOTAS_STRONG_READS),
            refused: resolver.rate(&of::QUOTAS_REFUSED),
        },
        max_connections: count(resolver, &of::HTTP_MAX_CONNECTIONS),
        drain_grace: resolver.duration(&of::HTTP_DRAIN_GRACE),
        drain_limit: resolver.duration(&of::HTTP_DRAIN_LIMIT),
        idempotency_retention: resolver.duration(&of::HTTP_IDEMPOTENCY_RETENTION),
        require_if_match: resolver.flag(&of::HTTP_REQUIRE_IF_MATCH),
    }
}

fn count(resolver: &mut Resolver, definition: &'static of::Definition) -> usize {
    resolver.count(definition).try_into().unwrap_or(usize::MAX)
}

fn store(resolver: &mut Resolver, data_dir: String) -> StoreSettings {
    let embedded = EmbeddedSettings {
        data_dir: data_dir.into(),
    };
    let url = resolver.url(&of::DATABASE_URL, &POSTGRES_SCHEMES);
    let direct_url = resolver.url(&of::DATABASE_DIRECT_URL, &POSTGRES_SCHEMES);
    let max_connections = resolver.optional_count(&of::DATABASE_MAX_CONNECTIONS);
    let acquire_timeout = resolver.duration(&of::DATABASE_ACQUIRE_TIMEOUT);
    let statement_timeout = resolver.duration(&of::DATABASE_STATEMENT_TIMEOUT);
    let start_wait = resolver.duration(&of::DATABASE_START_WAIT);
    let redis = redis(resolver);
    if let Some(url) = url {
        let database = DatabaseSettings {
            url,
            direct_url,
            max_connections,
            acquire_timeout,
            statement_timeout,
            start_wait,
        };
        return StoreSettings::Distributed(Box::new(DistributedSettings { database, redis }));
    }
    if redis.is_some() && !resolver.is_given_wrongly(&of::DATABASE_URL) {
        let source = resolver.source(&of::REDIS_URL);
        resolver.refuse(format!(
            "{source} names a Redis, but ROSTER_DATABASE_URL names no PostgreSQL: the embedded mode on a SQLite \
             file is one process with a cache of its own, which a shared one would only slow down. \
             Set ROSTER_DATABASE_URL, or ROSTER_REDIS_URL=none"
        ));
    }
    StoreSettings::Embedded(embedded)
}

fn redis(resolver: &mut Resolver) -> Option<RedisSettings> {
    let url = resolver.url(&of::REDIS_URL, &REDIS_SCHEMES);
    let key_prefix = resolver.text(&of::REDIS_KEY_PREFIX);
    let connect_timeout = resolver.duration(&of::REDIS_CONNECT_TIMEOUT);
    let command_timeout = resolver.duration(&of::REDIS_COMMAND_TIMEOUT);
    let relay_timeout = resolver.duration(&of::REDIS_RELAY_TIMEOUT);
    let tombstone_ttl = resolver.duration(&of::CACHE_TOMBSTONE_TTL);
    Some(RedisSettings {
        url: url?,
        key_prefix,
        connect_timeout,
        command_timeout,
        relay_timeout,
        tombstone_ttl,
    })
}

/// A lease that ends before its load has a slow database asked for the same row again and again.
fn leases_outlive_loads(resolver: &mut Resolver, settings: &Settings) {
    let StoreSettings::Distributed(store) = &settings.store else {
        return;
    };
    let (lease, statement) = (settings.cache.lease_ttl, store.database.statement_timeout);
    if store.redis.is_none() || lease > statement {
        return;
    }
    resolver.refuse(format!(
        "database.statement_timeout lets a statement run for {statement:?}, and cache.lease_ttl has another process \
         load the same user after {lease:?}: a slow database would be asked for it by one after the other. Set \
         cache.lease_ttl above database.statement_timeout"
    ));
}
