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
    unproven: Counter,
    probes: Counter,
    unproven_probes: Counter,
    watermark_age: Gauge,
    relay_lag: Gauge,
    relay_rounds: Counter,
    relay_changes: Counter,
    relay_failures: Counter,
    incarnations: Counter,
    epochs_raised: Counter,
    /// By horizon, as in [`AUDITED`], and tier, as in [`tier_place`]: agrees, differs.
    audits: [[[Counter; 2]; 2]; 3],
}

/// The horizons of the auditor in seconds, and how they are labelled.
const AUDITED: [(u64, &str); 3] = [(1, "1"), (10, "10"), (60, "60")];

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
            unproven: plain(Metric::CacheUnproven),
            probes: plain(Metric::CacheWatermarkProbes),
            unproven_probes: plain(Metric::CacheWatermarkUnproven),
            watermark_age: gauge(recorder, Metric::CacheWatermarkAge, &[]),
            relay_lag: gauge(recorder, Metric::CacheRelayLag, &[]),
            relay_rounds: plain(Metric::RelayRounds),
            relay_changes: plain(Metric::RelayChanges),
            relay_failures: plain(Metric::RelayFailures),
            incarnations: plain(Metric::RelayIncarnations),
            epochs_raised: plain(Metric::CacheEpochsRaised),
            audits: AUDITED.map(|(_, after)| {
                ["l1", "l2"].map(|tier| {
                    ["true", "false"].map(|agrees| {
                        let labels = [("after_seconds", after), ("tier", tier), ("agrees", agrees)];
                        counter(recorder, Metric::CacheAudits, &labels)
                    })
                })
            }),
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
            CacheEvent::Unproven => &cache.unproven,
            CacheEvent::Probed { behind } => {
                match behind {
                    Some(behind) => cache.watermark_age.set(behind.as_secs_f64()),
                    None => cache.unproven_probes.increment(1),
                }
                &cache.probes
            }
            CacheEvent::Relayed { changes } => {
                cache.relay_changes.increment(changes as u64);
                &cache.relay_rounds
            }
            CacheEvent::RelayLag { lag } => {
                cache.relay_lag.set(lag.unwrap_or_default().as_secs_f64());
                return;
            }
            CacheEvent::RelayFailed => &cache.relay_failures,
            CacheEvent::EpochRaised => &cache.epochs_raised,
            CacheEvent::IncarnationSeen => &cache.incarnations,
            CacheEvent::Audited {
                after,
                tier,
                agrees,
            } => {
                let horizon = AUDITED.iter().position(|(s, _)| *s == after.as_secs());
                let tiers = horizon.map(|horizon| &cache.audits[horizon]);
                let Some(counts) = tiers.and_then(|tiers| tiers.get(tier_place(tier))) else {
                    return;
                };
                &counts[usize::from(!agrees)]
            }
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
