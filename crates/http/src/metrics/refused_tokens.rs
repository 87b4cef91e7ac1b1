use metrics::Counter;
use metrics_exporter_prometheus::PrometheusRecorder;

use super::{Metric, counter};
use crate::authentication::Reason;

/// One counter for each reason.
pub(crate) struct RefusedTokens(Vec<(Reason, Counter)>);

impl RefusedTokens {
    pub(super) fn new(recorder: &PrometheusRecorder) -> Self {
        let count = |reason: Reason| {
            let labels = [("reason", reason.name())];
            (reason, counter(recorder, Metric::TokensRefused, &labels))
        };
        Self(Reason::ALL.into_iter().map(count).collect())
    }

    /// Counts one.
    pub(crate) fn count(&self, reason: Reason) {
        let counter = self.0.iter().find(|(known, _)| *known == reason);
        if let Some((_, counter)) = counter {
            counter.increment(1);
        }
    }
}
