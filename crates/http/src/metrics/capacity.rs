use metrics::Counter;
use metrics_exporter_prometheus::PrometheusRecorder;

use super::{Metric, counter};
use crate::capacity::Class;

/// Requests that found no place, by what they were.
pub struct CapacityMetrics {
    writes: Counter,
    reads: Counter,
    streams: Counter,
}

impl CapacityMetrics {
    pub(super) fn new(recorder: &PrometheusRecorder) -> Self {
        let of = |class| counter(recorder, Metric::HttpRefused, &[("class", class)]);
        Self {
            writes: of("write"),
            reads: of("read"),
            streams: of("stream"),
        }
    }

    /// Counts a request that was refused.
    pub fn refused(&self, class: Class) {
        match class {
            Class::Health => return,
            Class::Write => &self.writes,
            Class::Read => &self.reads,
            Class::Stream => &self.streams,
        }
        .increment(1);
    }
}
