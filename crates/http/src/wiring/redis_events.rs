use std::sync::Arc;

use metrics::Counter;
use roster_adapters_redis::{PayloadFault, RedisEvent, RedisObserver};

use crate::metrics::{Metrics, RedisConnection};

/// Counts what the Redis adapter tells.
pub(super) struct CountedRedis {
    metrics: Arc<Metrics>,
    faults: [(PayloadFault, Counter); PayloadFault::ALL.len()],
}

impl CountedRedis {
    pub(super) fn new(metrics: &Arc<Metrics>) -> Self {
        Self {
            metrics: Arc::clone(metrics),
            faults: PayloadFault::ALL
                .map(|fault| (fault, metrics.payloads_refused(fault.as_str()))),
        }
    }
}

impl RedisObserver for CountedRedis {
    fn observe(&self, event: RedisEvent) {
        let connection = match event {
            RedisEvent::Connected => RedisConnection::Connected,
            RedisEvent::Disconnected => RedisConnection::Disconnected,
            RedisEvent::ConnectFailed => RedisConnection::ConnectFailed,
            RedisEvent::TimedOut => RedisConnection::TimedOut,
            RedisEvent::Refused(fault) => {
                if let Some((_, counter)) = self.faults.iter().find(|(known, _)| *known == fault) {
                    counter.increment(1);
                }
                return;
            }
        };
        self.metrics.redis().connection(connection);
    }
}
