//! Counters, gauges and histograms, and how Prometheus reads them.
//!
//! Every handle is made before it is used, so that counting allocates nothing. The recorder is
//! this value's own and not the process's: tests and servers beside each other do not mix.

mod cache;
mod capacity;
mod name;
mod redis;
mod refused_tokens;
mod requests;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder as _};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use roster_domain::Timestamp;

pub use capacity::CapacityMetrics;
pub use name::{Kind, Metric};
pub use redis::{RedisConnection, RedisMetrics};
pub(crate) use refused_tokens::RefusedTokens;

use cache::CacheMetrics;
use requests::RequestMetrics;

/// All of them.
pub struct Metrics {
    recorder: PrometheusRecorder,
    requests: RequestMetrics,
    cache: CacheMetrics,
    redis: RedisMetrics,
    connections: Gauge,
    accepted: Counter,
    /// Asked before each rendering, for what is counted elsewhere.
    probes: Mutex<Vec<Probe>>,
}

/// Sets gauges to what they are just now.
type Probe = Box<dyn Fn() + Send>;

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let recorder = name::described(PrometheusBuilder::new()).build_recorder();
        name::describe(&recorder);
        let cache = CacheMetrics::new(&recorder);
        let redis = RedisMetrics::new(&recorder);
        gauge(
            &recorder,
            Metric::BuildInfo,
            &[("version", env!("CARGO_PKG_VERSION"))],
        )
        .set(1.0);
        Self {
            requests: RequestMetrics::default(),
            cache,
            redis,
            connections: gauge(&recorder, Metric::HttpConnections, &[]),
            accepted: counter(&recorder, Metric::HttpConnectionsAccepted, &[]),
            probes: Mutex::default(),
            recorder,
        }
    }

    /// Counts an answered request. `route` is the pattern that matched, one of a fixed set.
    pub fn request_finished(
        &self,
        route: &str,
        method: &Method,
        status: StatusCode,
        took: Duration,
    ) {
        self.requests
            .finished(&self.recorder, route, method, status, took);
    }

    /// Counts a connection for as long as the answer lives.
    pub fn connection_opened(&self) -> OpenConnection {
        self.accepted.increment(1);
        self.connections.increment(1.0);
        OpenConnection(self.connections.clone())
    }

    /// Says when the process started.
    pub fn started(&self, at: Timestamp) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a moment to the microsecond has 51 bits until 2041"
        )]
        let seconds = at.unix_micros() as f64 / 1e6;
        gauge(&self.recorder, Metric::ProcessStart, &[]).set(seconds);
    }

    /// What the connection to Redis counts.
    pub fn redis(&self) -> &RedisMetrics {
        &self.redis
    }

    /// Tokens that are not accepted, by what is wrong with them.
    pub(crate) fn refused_tokens(&self) -> RefusedTokens {
        RefusedTokens::new(&self.recorder)
    }

    /// Counts stored values that were passed over for this reason.
    pub fn payloads_refused(&self, fault: &'static str) -> Counter {
        counter(
            &self.recorder,
            Metric::RedisPayloadsRefused,
            &[("fault", fault)],
        )
    }

    /// Sets the gauges of the connection pool before each rendering; `read` answers how many
    /// connections are open, and how many of them idle.
    pub fn watch_database_pool(&self, read: impl Fn() -> (u32, u32) + Send + 'static) {
        let busy = gauge(
            &self.recorder,
            Metric::DatabaseConnections,
            &[("state", "busy")],
        );
        let idle = gauge(
            &self.recorder,
            Metric::DatabaseConnections,
            &[("state", "idle")],
        );
        self.watch(move || {
            let (open, unused) = read();
            busy.set(f64::from(open.saturating_sub(unused)));
            idle.set(f64::from(unused));
        });
    }

    /// What is counted of requests that find no place.
    pub fn capacity(&self) -> CapacityMetrics {
        CapacityMetrics::new(&self.recorder)
    }

    /// Requests that a quota refuses.
    pub fn quota_exceeded(&self, quota: &'static str) -> Counter {
        counter(
            &self.recorder,
            Metric::HttpQuotaExceeded,
            &[("quota", quota)],
        )
    }

    /// Sets the gauges of the places before each rendering; `read` answers how many are taken
    /// and how many there are.
    pub fn watch_capacity(&self, read: impl Fn() -> (usize, usize) + Send + 'static) {
        let taken = gauge(&self.recorder, Metric::HttpInFlight, &[]);
        let limit = gauge(&self.recorder, Metric::HttpInFlightLimit, &[]);
        let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        self.watch(move || {
            let (now, most) = read();
            taken.set(number(now));
            limit.set(number(most));
        });
    }

    /// Everything in Prometheus' text format.
    pub fn render(&self) -> String {
        for probe in self
            .probes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            probe();
        }
        self.recorder.handle().render()
    }

    /// Folds what histograms have collected; without it they grow until they are rendered.
    pub fn run_upkeep(&self) {
        self.recorder.handle().run_upkeep();
    }

    fn watch(&self, probe: impl Fn() + Send + 'static) {
        self.probes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Box::new(probe));
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// A connection that is counted as open until this is dropped.
pub struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

fn counter(
    recorder: &PrometheusRecorder,
    metric: Metric,
    labels: &[(&'static str, &'static str)],
) -> Counter {
    recorder.register_counter(&key(metric, labels), &METADATA)
}

fn gauge(
    recorder: &PrometheusRecorder,
    metric: Metric,
    labels: &[(&'static str, &'static str)],
) -> Gauge {
    recorder.register_gauge(&key(metric, labels), &METADATA)
}

fn histogram(
    recorder: &PrometheusRecorder,
    metric: Metric,
    labels: &[(&'static str, &'static str)],
) -> Histogram {
    recorder.register_histogram(&key(metric, labels), &METADATA)
}

fn key(metric: Metric, labels: &[(&'static str, &'static str)]) -> Key {
    let labels: Vec<Label> = labels
        .iter()
        .map(|(name, value)| Label::from_static_parts(name, value))
        .collect();
    Key::from_parts(metric.name(), labels)
}

const METADATA: Metadata<'static> = Metadata::new("roster", Level::INFO, None);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use roster_app::{CacheEvent, CacheObserver as _, Tier};

    use super::*;
    use crate::authentication::Reason;
    use crate::capacity::Class;

    #[test]
    fn what_happened_is_rendered() {
        let metrics = Metrics::new();
        let took = Duration::from_millis(3);
        for _ in 0..2 {
            metrics.request_finished("/v1/users/{id}", &Method::GET, StatusCode::OK, took);
        }
        metrics.request_finished("unmatched", &Method::GET, StatusCode::NOT_FOUND, took);
        metrics.observe(CacheEvent::Answered(Tier::L1));
        metrics.watch_database_pool(|| (8, 6));
        let open = metrics.connection_opened();
        let text = metrics.render();
        for line in [
            "roster_http_requests_total{route=\"/v1/users/{id}\",method=\"GET\",status=\"200\"} 2",
            "roster_http_requests_total{route=\"unmatched\",method=\"GET\",status=\"404\"} 1",
            "roster_http_request_duration_seconds_bucket{route=\"/v1/users/{id}\",method=\"GET\",le=\"0.0025\"} 0",
            "roster_http_request_duration_seconds_bucket{route=\"/v1/users/{id}\",method=\"GET\",le=\"0.005\"} 2",
            "roster_cache_answers_total{tier=\"l1\",result=\"found\"} 1",
            "roster_cache_answers_total{tier=\"l1\",result=\"absent\"} 0",
            "roster_database_connections{state=\"busy\"} 2",
            "roster_http_connections 1",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "no line {line} in\n{text}"
            );
        }
        drop(open);
        assert!(metrics.render().contains("roster_http_connections 0\n"));
    }

    #[test]
    fn audits_are_told_by_horizon_tier_and_what_was_found() {
        let metrics = Metrics::new();
        let mut expected = Vec::new();
        let mut times = 0;
        for seconds in [1, 10, 60] {
            for (tier, name) in [(Tier::L1, "l1"), (Tier::L2, "l2")] {
                for agrees in [true, false] {
                    times += 1;
                    for _ in 0..times {
                        metrics.observe(CacheEvent::Audited {
                            after: Duration::from_secs(seconds),
                            tier,
                            agrees,
                        });
                    }
                    expected.push(format!(
                        "roster_cache_audits_total{{after_seconds=\"{seconds}\",tier=\"{name}\",agrees=\"{agrees}\"}} {times}"
                    ));
                }
            }
        }
        let text = metrics.render();
        let found = text
            .lines()
            .filter(|line| line.starts_with("roster_cache_audits_total"));
        let mut found: Vec<_> = found.collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_name_has_a_help_text_and_a_prefix() {
        let metrics = Arc::new(Metrics::new());
        metrics.request_finished("/", &Method::GET, StatusCode::OK, Duration::ZERO);
        metrics.started(Timestamp::UNIX_EPOCH);
        metrics.watch_database_pool(|| (0, 0));
        metrics.watch_capacity(|| (0, 1));
        metrics.capacity().refused(Class::Read);
        metrics.quota_exceeded("lookups").increment(1);
        metrics.payloads_refused("torn").increment(1);
        metrics.refused_tokens().count(Reason::Time);
        let text = metrics.render();
        for metric in Metric::ALL {
            assert!(
                text.contains(&format!("# HELP {} ", metric.name())),
                "{} is not rendered",
                metric.name()
            );
            assert!(metric.name().starts_with("roster_") || *metric == Metric::ProcessStart);
            assert_eq!(
                metric.kind() == Kind::Counter,
                metric.name().ends_with("_total"),
                "{}",
                metric.name()
            );
        }
    }
}
