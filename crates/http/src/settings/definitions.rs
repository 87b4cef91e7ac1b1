//! The table of all settings.

use super::kind::Kind;

/// One setting: everything that is known about it before anybody chose a value.
#[derive(Debug)]
pub(super) struct Definition {
    /// Its key in the file; a dot separates the table.
    pub(super) key: &'static str,
    /// Its flag, without the dashes.
    pub(super) flag: &'static str,
    /// Its variables, the first over the later ones. Names without `ROSTER_` are shared with
    /// other programs.
    pub(super) variables: &'static [&'static str],
    /// What it is when nobody says; `None` when it is not there then.
    pub(super) default: Option<&'static str>,
    /// What it takes.
    pub(super) kind: Kind,
    /// What it is for.
    pub(super) help: &'static str,
}

macro_rules! definitions {
    ($($name:ident: $key:literal, --$flag:literal, [$($variable:literal),+], $default:expr, $kind:expr, $help:literal;)+) => {
        $(pub(super) const $name: Definition = Definition {
            key: $key,
            flag: $flag,
            variables: &[$($variable),+],
            default: $default,
            kind: $kind,
            help: $help,
        };)+

        /// All of them, in the order of `roster config`.
        pub(super) const ALL: &[&Definition] = &[$(&$name),+];
    };
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;

definitions! {
    LISTEN: "listen", --"listen", ["ROSTER_LISTEN"], Some("127.0.0.1:8080"), Kind::Address,
        "Where the API listens; port 0 takes any free one";
    METRICS_LISTEN: "metrics_listen", --"metrics-listen", ["ROSTER_METRICS_LISTEN"], Some("127.0.0.1:9464"), Kind::AddressOrOff,
        "Where Prometheus reads /metrics";
    DATA_DIR: "data_dir", --"data-dir", ["ROSTER_DATA_DIR"], Some("roster-data"), Kind::Path,
        "Where the SQLite file of the embedded mode lives; made when it is not there";

    AUTH_MODE: "auth.mode", --"auth", ["ROSTER_AUTH"], Some("required"), Kind::AuthMode,
        "Whether callers need a token; `off` lets everybody do everything, and is for a loopback address alone";
    AUTH_LOCAL_KEY: "auth.local_key", --"auth-local-key", ["ROSTER_AUTH_LOCAL_KEY"], None, Kind::FileOrNone,
        "The file with the service's own key, made when it is not there; without it token-key.pem in the data folder, unless there are issuers";
    AUTH_ISSUERS: "auth.issuers", --"auth-issuers", ["ROSTER_AUTH_ISSUERS"], None, Kind::Issuers,
        "Whose tokens are accepted: tables [[auth.issuers]] of the file, or the same as JSON";

    DATABASE_URL: "database.url", --"database-url", ["ROSTER_DATABASE_URL", "DATABASE_URL"], None, Kind::PostgresUrl,
        "PostgreSQL; without it everything is kept in the data folder";
    DATABASE_DIRECT_URL: "database.direct_url", --"database-direct-url", ["ROSTER_DATABASE_DIRECT_URL"], None, Kind::PostgresUrl,
        "PostgreSQL for `roster migrate`, where the other address is a connection pooler";
    DATABASE_MAX_CONNECTIONS: "database.max_connections", --"database-max-connections", ["ROSTER_DATABASE_MAX_CONNECTIONS"], None,
        Kind::Count { min: 1, max: 1_000 },
        "Connections to PostgreSQL at the most; without it twice the processors, but at least 8";
    DATABASE_ACQUIRE_TIMEOUT: "database.acquire_timeout", --"database-acquire-timeout", ["ROSTER_DATABASE_ACQUIRE_TIMEOUT"], Some("250ms"),
        Kind::Duration { min: 10, max: 60 * SECOND },
        "How long a request waits for a connection";
    DATABASE_STATEMENT_TIMEOUT: "database.statement_timeout", --"database-statement-timeout", ["ROSTER_DATABASE_STATEMENT_TIMEOUT"], Some("1s"),
        Kind::Duration { min: 10, max: 10 * 60 * SECOND },
        "How long one statement of a request may run";
    DATABASE_BATCH: "database.batch", --"database-batch", ["ROSTER_DATABASE_BATCH"], Some("64"),
        Kind::Count { min: 1, max: 64 },
        "Reads of a kind that go to a store together at the most, while others are on their way; 1 sends each by itself";
    DATABASE_START_WAIT: "database.start_wait", --"database-start-wait", ["ROSTER_DATABASE_START_WAIT"], Some("10s"),
        Kind::Duration { min: 0, max: HOUR },
        "How long a start waits for a database that cannot be reached yet";

    REDIS_URL: "redis.url", --"redis-url", ["ROSTER_REDIS_URL", "REDIS_URL"], None, Kind::RedisUrl,
        "The shared cache, for PostgreSQL only";
    REDIS_KEY_PREFIX: "redis.key_prefix", --"redis-key-prefix", ["ROSTER_REDIS_KEY_PREFIX"], Some("roster"), Kind::KeyPrefix,
        "What every key in Redis begins with";
    REDIS_CONNECT_TIMEOUT: "redis.connect_timeout", --"redis-connect-timeout", ["ROSTER_REDIS_CONNECT_TIMEOUT"], Some("250ms"),
        Kind::Duration { min: 10, max: 60 * SECOND },
        "How long connecting to Redis may take";
    REDIS_COMMAND_TIMEOUT: "redis.command_timeout", --"redis-command-timeout", ["ROSTER_REDIS_COMMAND_TIMEOUT"], Some("20ms"),
        Kind::Duration { min: 1, max: 10 * SECOND },
        "How long a request waits for Redis before it goes on without";
    REDIS_RELAY_TIMEOUT: "redis.relay_timeout", --"redis-relay-timeout", ["ROSTER_REDIS_RELAY_TIMEOUT"], Some("250ms"),
        Kind::Duration { min: 10, max: 10 * SECOND },
        "How long the relay of changes waits for Redis; no request waits for it";

    CACHE_VALUE_TTL: "cache.value_ttl", --"cache-value-ttl", ["ROSTER_CACHE_VALUE_TTL"], Some("1h"),
        Kind::Duration { min: SECOND, max: 30 * DAY },
        "How long a cached user is kept";
    CACHE_ABSENT_TTL: "cache.absent_ttl", --"cache-absent-ttl", ["ROSTER_CACHE_ABSENT_TTL"], Some("30s"),
        Kind::Duration { min: SECOND, max: DAY },
        "How long it is remembered that a user is not there";
    CACHE_TOMBSTONE_TTL: "cache.tombstone_ttl", --"cache-tombstone-ttl", ["ROSTER_CACHE_TOMBSTONE_TTL"], Some("30s"),
        Kind::Duration { min: SECOND, max: DAY },
        "How long Redis remembers which versions of a changed user are stale";
    CACHE_LEASE_TTL: "cache.lease_ttl", --"cache-lease-ttl", ["ROSTER_CACHE_LEASE_TTL"], Some("2s"),
        Kind::Duration { min: 100, max: 60 * SECOND },
        "After how long another process may load a user that one began to load; longer than a statement may run";
    CACHE_LEASE_WAIT: "cache.lease_wait", --"cache-lease-wait", ["ROSTER_CACHE_LEASE_WAIT"], Some("50ms"),
        Kind::Duration { min: 1, max: 10 * SECOND },
        "How long a read waits for another process that loads the same user, before it asks the database itself";
    CACHE_AUDIT: "cache.audit", --"cache-audit", ["ROSTER_CACHE_AUDIT"], Some("true"),
        Kind::Flag,
        "Whether a sample of the changed users is compared in every tier afterwards";
    CACHE_MEMORY: "cache.memory", --"cache-memory", ["ROSTER_CACHE_MEMORY"], Some("64MiB"),
        Kind::Octets { min: MIB, max: 64 * GIB },
        "How much the cache in this process may hold";
    CACHE_CHANGE_LOG_RETENTION: "cache.change_log_retention", --"cache-change-log-retention", ["ROSTER_CACHE_CHANGE_LOG_RETENTION"], Some("2m"),
        // A row is as old as its transaction, and half of the time must be longer than any of those.
        Kind::Duration { min: 100 * SECOND, max: DAY },
        "How long PostgreSQL keeps the log of changed users; at least twice the 50s that a transaction may take";

    HTTP_REQUEST_DEADLINE: "http.request_deadline", --"http-request-deadline", ["ROSTER_HTTP_REQUEST_DEADLINE"], Some("2s"),
        Kind::Duration { min: 10, max: 10 * 60 * SECOND },
        "How long a request may take before it is answered with 504";
    HTTP_DASHBOARD_DEADLINE: "http.dashboard_deadline", --"http-dashboard-deadline", ["ROSTER_HTTP_DASHBOARD_DEADLINE"], Some("800ms"),
        Kind::Duration { min: 1, max: 10 * 60 * SECOND },
        "How long a section of a dashboard may take before it is reported as failed";
    HTTP_MAX_BODY: "http.max_body", --"http-max-body", ["ROSTER_HTTP_MAX_BODY"], Some("64KiB"),
        Kind::Octets { min: KIB, max: 16 * MIB },
        "How large the body of a request may be";
    HTTP_HEADER_TIMEOUT: "http.header_timeout", --"http-header-timeout", ["ROSTER_HTTP_HEADER_TIMEOUT"], Some("10s"),
        Kind::Duration { min: 100, max: HOUR },
        "How long the head of a request may take from its first octet";
    HTTP_IDLE_TIMEOUT: "http.idle_timeout", --"http-idle-timeout", ["ROSTER_HTTP_IDLE_TIMEOUT"], Some("75s"),
        Kind::Duration { min: 100, max: DAY },
        "How long a connection may be open without a request; longer than that of a proxy in front. One that nobody uses may go earlier while http.max_connections are open and one more waits";
    HTTP_STALL_TIMEOUT: "http.stall_timeout", --"http-stall-timeout", ["ROSTER_HTTP_STALL_TIMEOUT"], Some("10s"),
        Kind::Duration { min: 100, max: HOUR },
        "How long a body may stand still on its way, or an answer that the client does not take";
    HTTP_STALL_OCTETS: "http.stall_octets", --"http-stall-octets", ["ROSTER_HTTP_STALL_OCTETS"], Some("1KiB"),
        Kind::Octets { min: 1, max: MIB },
        "With fewer octets in http.stall_timeout a body stands still, and an answer is not taken";
    HTTP_MAX_IN_FLIGHT: "http.max_in_flight", --"http-max-in-flight", ["ROSTER_HTTP_MAX_IN_FLIGHT"], Some("1024"),
        Kind::Count { min: 1, max: 1_000_000 },
        "Requests under way at the most that memory cannot answer; fewer while they take too long";
    HTTP_TARGET_LATENCY: "http.target_latency", --"http-target-latency", ["ROSTER_HTTP_TARGET_LATENCY"], Some("200ms"),
        Kind::Duration { min: 1, max: 60 * SECOND },
        "Up to here no request counts as late, and above only if it takes twice what is usual for its route";
    HTTP_MAX_STREAMS: "http.max_streams", --"http-max-streams", ["ROSTER_HTTP_MAX_STREAMS"], Some("4"),
        Kind::Count { min: 1, max: 1_000 },
        "Imports and exports under way at the most";
    HTTP_MAX_IMPORT: "http.max_import", --"http-max-import", ["ROSTER_HTTP_MAX_IMPORT"], Some("32MiB"),
        Kind::Octets { min: KIB, max: 64 * GIB },
        "How large the body of an import may be";
    HTTP_ALLOWED_HOSTS: "http.allowed_hosts", --"http-allowed-hosts", ["ROSTER_HTTP_ALLOWED_HOSTS"], None, Kind::HostNames,
        "Names that requests may call the service by; on a loopback address beside its own, elsewhere any if there are none";
    HTTP_MAX_CONNECTIONS: "http.max_connections", --"http-max-connections", ["ROSTER_HTTP_MAX_CONNECTIONS"], Some("20000"),
        Kind::Count { min: 1, max: 1_000_000 },
        "Open connections at the most; further ones wait to be accepted";
    HTTP_DRAIN_GRACE: "http.drain_grace", --"http-drain-grace", ["ROSTER_HTTP_DRAIN_GRACE"], Some("500ms"),
        Kind::Duration { min: 0, max: 10 * 60 * SECOND },
        "How long new connections are still taken after SIGTERM, until a load balancer has seen /readyz";
    HTTP_DRAIN_LIMIT: "http.drain_limit", --"http-drain-limit", ["ROSTER_HTTP_DRAIN_LIMIT"], Some("10s"),
        Kind::Duration { min: 0, max: HOUR },
        "How long requests in flight may then go on";

    HTTP_IDEMPOTENCY_RETENTION: "http.idempotency_retention", --"http-idempotency-retention", ["ROSTER_HTTP_IDEMPOTENCY_RETENTION"], Some("24h"),
        Kind::Duration { min: 60 * SECOND, max: 30 * DAY },
        "How long the answer of a write with an Idempotency-Key is kept for those who repeat it";
    HTTP_REQUIRE_IF_MATCH: "http.require_if_match", --"http-require-if-match", ["ROSTER_HTTP_REQUIRE_IF_MATCH"], Some("false"), Kind::Flag,
        "Whether a change of a user without If-Match is refused with 428";
    QUOTAS_REQUESTS: "quotas.requests", --"quota-requests", ["ROSTER_QUOTAS_REQUESTS"], Some("none"), Kind::Rate,
        "How many requests one caller may make";
    QUOTAS_LOOKUPS: "quotas.lookups", --"quota-lookups", ["ROSTER_QUOTAS_LOOKUPS"], Some("100/s"), Kind::Rate,
        "How many look-ups by address one caller may make";
    QUOTAS_STRONG_READS: "quotas.strong_reads", --"quota-strong-reads", ["ROSTER_QUOTAS_STRONG_READS"], Some("1000/s"), Kind::Rate,
        "How many reads of the primary one caller may force";
    QUOTAS_REFUSED: "quotas.refused", --"quota-refused", ["ROSTER_QUOTAS_REFUSED"], Some("100/s"), Kind::Rate,
        "How many requests without a token that is accepted one address may make";

    LOG_FILTER: "log.filter", --"log", ["ROSTER_LOG", "RUST_LOG"], Some("info"), Kind::LogFilter,
        "What is logged";
    LOG_FORMAT: "log.format", --"log-format", ["ROSTER_LOG_FORMAT"], Some("auto"), Kind::LogFormat,
        "How it is logged: `auto` is text on a terminal and JSON elsewhere";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_there_once() {
        let mut names = BTreeSet::new();
        for definition in ALL {
            assert!(
                names.insert(definition.key.to_owned()),
                "{} twice",
                definition.key
            );
            for variable in definition.variables {
                assert!(names.insert((*variable).to_owned()), "{variable} twice");
            }
            assert!(
                names.insert(format!("--{}", definition.flag)),
                "--{} twice",
                definition.flag
            );
            assert!(definition.variables[0].starts_with("ROSTER_"));
        }
    }
}
