use metrics::{Recorder as _, SharedString};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};

macro_rules! metrics {
    ($($(#[doc = $doc:literal])+ $variant:ident = $kind:ident $name:literal $help:literal;)+) => {
        /// Every metric there is. No label of any holds an id, a name, an address or a token.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Metric {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Metric {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name in Prometheus.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What Prometheus shows beside it.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)+ }
            }

            /// What it is.
            pub const fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)+ }
            }
        }
    };
}

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How many observations lie below which bounds.
    Histogram,
}

metrics! {
    /// Labels `route`, `method`, `status`.
    HttpRequests = Counter "roster_http_requests_total" "Answered requests.";
    /// Labels `route`, `method`.
    HttpRequestDuration = Histogram "roster_http_request_duration_seconds" "From the head of a request to the head of its answer.";
    /// Label `reason`.
    TokensRefused = Counter "roster_tokens_refused_total" "Requests whose token was not accepted, by what is wrong with it.";
    /// No labels.
    HttpConnections = Gauge "roster_http_connections" "Open connections.";
    /// No labels.
    HttpConnectionsAccepted = Counter "roster_http_connections_accepted_total" "Connections taken since the start.";

    /// No labels.
    HttpInFlight = Gauge "roster_http_in_flight" "Requests under way that memory could not answer.";
    /// No labels.
    HttpInFlightLimit = Gauge "roster_http_in_flight_limit" "How many of them the process takes on just now.";
    /// Label `class` (`write`, `read`, `stream`).
    HttpRefused = Counter "roster_http_refused_total" "Requests that were refused because too many were under way.";
    /// Label `quota` (`requests`, `lookups`, `strong-reads`, `refused`).
    HttpQuotaExceeded = Counter "roster_http_quota_exceeded_total" "Requests that were refused because their caller had made too many.";

    /// Labels `tier` (`l1`, `l2`, `database`), `result` (`found`, `absent`).
    CacheAnswers = Counter "roster_cache_answers_total" "Reads of a user by the tier that answered.";
    /// No labels.
    CacheCollapsed = Counter "roster_cache_collapsed_total" "Reads that joined a load that was under way.";
    /// Label `outcome` (`stored`, `refused`, `stale_source`).
    CacheFills = Counter "roster_cache_fills_total" "Loads by what the shared cache did with them.";
    /// No labels.
    CacheTicketsRefused = Counter "roster_cache_tickets_refused_total" "Loads that were not kept in the process, because the user changed meanwhile.";
    /// Label `served` (`true`, `false`).
    CacheLeaseWaits = Counter "roster_cache_lease_waits_total" "Reads that waited for the load of another process, by whether it served them.";
    /// No labels.
    CacheLeaseWaitDuration = Histogram "roster_cache_lease_wait_seconds" "How long reads waited for the load of another process.";
    /// Label `reason` (`timed_out`, `unavailable`).
    CacheFailures = Counter "roster_cache_failures_total" "Calls of the shared cache that failed; the request went on without.";
    /// No labels.
    CacheSkipped = Counter "roster_cache_skipped_total" "Calls of the shared cache that were left out, because it had just failed.";
    /// No labels.
    CacheBreakerOpen = Gauge "roster_cache_breaker_open" "1 while calls of the shared cache are left out.";
    /// No labels.
    CacheInvalidationsFailed = Counter "roster_cache_invalidations_failed_total" "Invalidations after a write that did not reach the shared cache in time.";
    /// No labels.
    CacheStaleSources = Counter "roster_cache_stale_sources_total" "Rows that were older than what the cache knew.";

    /// No labels.
    CacheUnproven = Counter "roster_cache_unproven_total" "Cached answers that came without a bound on their age.";
    /// No labels.
    CacheWatermarkProbes = Counter "roster_cache_watermark_probes_total" "Times the watermark was read.";
    /// No labels.
    CacheWatermarkUnproven = Counter "roster_cache_watermark_unproven_total" "Times the watermark was read, or asked for, and proved nothing.";
    /// No labels.
    CacheWatermarkAge = Gauge "roster_cache_watermark_age_seconds" "How far the watermark was behind the shared cache's clock when it last proved something.";
    /// No labels.
    CacheRelayLag = Gauge "roster_cache_relay_lag_seconds" "How old the oldest change was that the last round of this process's relay found undelivered.";
    /// No labels.
    RelayRounds = Counter "roster_relay_rounds_total" "Rounds of this process's relay that delivered all that was pending.";
    /// No labels.
    RelayChanges = Counter "roster_relay_changes_total" "Changes that this process's relay delivered to the shared cache.";
    /// No labels.
    RelayFailures = Counter "roster_relay_failures_total" "Rounds of this process's relay that ended early.";
    /// No labels.
    RelayIncarnations = Counter "roster_relay_incarnations_total" "Lives of the shared cache that this process's relay met, the first included.";
    /// No labels.
    CacheEpochsRaised = Counter "roster_cache_epochs_raised_total" "Times this process made everything that is cached a miss.";
    /// Labels `after_seconds` (`1`, `10`, `60`), `tier` (`l1`, `l2`), `agrees` (`true`, `false`).
    CacheAudits = Counter "roster_cache_audits_total" "Keys that were looked at in a cache some time after a change, by whether it held the row or nothing.";

    /// No labels.
    RedisConnected = Gauge "roster_redis_connected" "1 while there is a connection to Redis.";
    /// Label `event` (`connected`, `disconnected`, `connect_failed`, `timed_out`).
    RedisEvents = Counter "roster_redis_events_total" "What happened to the connection to Redis.";
    /// Label `fault`.
    RedisPayloadsRefused = Counter "roster_redis_payloads_refused_total" "Stored values that were passed over as a miss.";

    /// Label `state` (`busy`, `idle`).
    DatabaseConnections = Gauge "roster_database_connections" "Open connections to PostgreSQL.";

    /// Label `version`.
    BuildInfo = Gauge "roster_build_info" "1; the label says which release this is.";
    /// No labels.
    ProcessStart = Gauge "process_start_time_seconds" "When the process started, in seconds since 1970.";
}

/// From a hit in the process to the deadline of a request, in seconds.
const BUCKETS: [f64; 15] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0,
    5.0,
];

/// The builder with the bounds of every histogram. Without them the exporter would render
/// summaries, which cannot be added up over processes.
pub(super) fn described(builder: PrometheusBuilder) -> PrometheusBuilder {
    Metric::ALL
        .iter()
        .filter(|metric| metric.kind() == Kind::Histogram)
        .fold(builder, |builder, metric| {
            // Refused for no bounds at all, which these are not; the builder is gone then.
            builder
                .set_buckets_for_metric(Matcher::Full(metric.name().to_owned()), &BUCKETS)
                .unwrap_or_default()
        })
}

/// Gives every metric its help text.
pub(super) fn describe(recorder: &PrometheusRecorder) {
    for metric in Metric::ALL {
        let help = SharedString::const_str(metric.help());
        let name = metric.name().into();
        match metric.kind() {
            Kind::Counter => recorder.describe_counter(name, None, help),
            Kind::Gauge => recorder.describe_gauge(name, None, help),
            Kind::Histogram => recorder.describe_histogram(name, None, help),
        }
    }
}
