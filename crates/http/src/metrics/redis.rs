use metrics::{Counter, Gauge};
use metrics_exporter_prometheus::PrometheusRecorder;

use super::{Metric, counter, gauge};

/// What is counted about Redis.
pub struct RedisMetrics {
    connected: Gauge,
    /// In the order of [`RedisConnection`].
    events: [Counter; 4],
}

/// What happened to the connection to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedisConnection {
    /// It is ready.
    Connected,
    /// It was lost or given up.
    Disconnected,
    /// It could not be made.
    ConnectFailed,
    /// A call ran out of its time.
    TimedOut,
}

impl RedisMetrics {
    pub(super) fn new(recorder: &PrometheusRecorder) -> Self {
        let event = |name| counter(recorder, Metric::RedisEvents, &[("event", name)]);
        Self {
            connected: gauge(recorder, Metric::RedisConnected, &[]),
            events: ["connected", "disconnected", "connect_failed", "timed_out"].map(event),
        }
    }

    /// Counts what happened to the connection.
    pub fn connection(&self, event: RedisConnection) {
        let place = match event {
            RedisConnection::Connected => {
                self.connected.set(1.0);
                0
            }
            RedisConnection::Disconnected => {
                self.connected.set(0.0);
                1
            }
            RedisConnection::ConnectFailed => 2,
            RedisConnection::TimedOut => 3,
        };
        self.events[place].increment(1);
    }
}
