use metrics::{Counter, Gauge, Histogram};
use metrics_exporter_prometheus::PrometheusRecorder;
use roster_app::{CacheEvent, CacheObserver, Tier};
use roster_domain::ports::FillOutcome;

use super::{Metric, Metrics, counter, gauge, histogram};

/// What the use cases tell about the caches.
pub(super) struct CacheMetrics {
    /// By tier, as in [`tier_place`].
    found: [Counter; 3],
    absent: [Counter; 3],
    collapsed: Counter,
    stored: Counter,
    fill_refused: Counter,
    fill_stale: Counter,
    tickets_refused: Counter,
    lease_served: Counter,
    lease_not_served: Counter,
    lease_waits: Histogram,
    timed_out: Counter,
    unavailable: Counter,
    skipped: Counter,
    breaker_open: Gauge,
    invalidations_failed: Counter,
    stale_sources: Counter,
}

impl CacheMetrics {
    pub(super) fn new(recorder: &PrometheusRecorder) -> Self {
        let count = |metric, label: &'static str, value: &'static str| {
            counter(recorder, metric, &[(label, value)])
        };
        let plain = |metric| counter(recorder, metric, &[]);
        let answers = |result| {
            ["l1", "l2", "database"].map(|tier| {
                counter(
                    recorder,
                    Metric::CacheAnswers,
                    &[("tier", tier), ("result", result)],
                )
            })
        };
        Self {
            found: answers("found"),
            absent: answers("absent"),
            collapsed: plain(Metric::CacheCollapsed),
            stored: count(Metric::CacheFills, "outcome", "stored"),
            fill_refused: count(Metric::CacheFills, "outcome", "refused"),
            fill_stale: count(Metric::CacheFills, "outcome", "stale_source"),
            tickets_refused: plain(Metric::CacheTicketsRefused),
            lease_served: count(Metric::CacheLeaseWaits, "served", "true"),
            lease_not_served: count(Metric::CacheLeaseWaits, "served", "false"),
            lease_waits: histogram(recorder, Metric::CacheLeaseWaitDuration, &[]),
            timed_out: count(Metric::CacheFailures, "reason", "timed_out"),
            unavailable: count(Metric::CacheFailures, "reason", "unavailable"),
            skipped: plain(Metric::CacheSkipped),
            breaker_open: gauge(recorder, Metric::CacheBreakerOpen, &[]),
            invalidations_failed: plain(Metric::CacheInvalidationsFailed),
            stale_sources: plain(Metric::CacheStaleSources),
        }
    }
}

impl CacheObserver for Metrics {
    fn observe(&self, event: CacheEvent) {
        let cache = &self.cache;
        let counter = match event {
            CacheEvent::Answered(tier) => &cache.found[tier_place(tier)],
            CacheEvent::AnsweredAbsent(tier) => &cache.absent[tier_place(tier)],
            CacheEvent::Collapsed => &cache.collapsed,
            CacheEvent::Filled(FillOutcome::Stored) => &cache.stored,
            CacheEvent::Filled(FillOutcome::Refused) => &cache.fill_refused,
            CacheEvent::Filled(FillOutcome::StaleSource) => &cache.fill_stale,
            CacheEvent::TicketRefused => &cache.tickets_refused,
            CacheEvent::LeaseWaited { waited, served } => {
                cache.lease_waits.record(waited);
                if served {
                    &cache.lease_served
                } else {
                    &cache.lease_not_served
                }
            }
            CacheEvent::SharedCacheFailed { timed_out: true } => &cache.timed_out,
            CacheEvent::SharedCacheFailed { timed_out: false } => &cache.unavailable,
            CacheEvent::SharedCacheSkipped => &cache.skipped,
            CacheEvent::BreakerChanged { open } => {
                cache.breaker_open.set(if open { 1.0 } else { 0.0 });
                return;
            }
            CacheEvent::InvalidationFailed => &cache.invalidations_failed,
            CacheEvent::StaleSource => &cache.stale_sources,
        };
        counter.increment(1);
    }
}

fn tier_place(tier: Tier) -> usize {
    match tier {
        Tier::L1 => 0,
        Tier::L2 => 1,
        Tier::Database => 2,
    }
}
