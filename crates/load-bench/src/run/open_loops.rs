use std::sync::Arc;

use super::{Latencies, Run};
use crate::Result;
use crate::open_loop::{self, Pace};
use crate::progress::say;
use crate::requests::{Request, zipf};
use crate::workload::Workload;

impl Run<'_> {
    /// W1 at rates of its own, for latencies that count.
    pub(super) async fn open_loops(&mut self) -> Result<()> {
        let hot = Workload::hot(self.stand, Workload::HOT);
        let drawn = zipf(&hot, 50_000, 1)?;
        let requests: Arc<[Request]> = drawn.into_iter().map(Request::user).collect();
        for rate in [2_000, 5_000, 10_000] {
            for system in self.systems {
                self.warm(system, &hot).await?;
                let pace = Pace {
                    rate,
                    connections: self.extent.connections,
                    lasting: self.extent.lasting,
                };
                let open = open_loop::run(system, &requests, pace).await?;
                let points: Vec<_> = [0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999]
                    .map(|quantile| (quantile, open.latencies.value_at_quantile(quantile)))
                    .to_vec();
                say(&format!(
                    "open loop {rate}/s {:<18} p50 {} µs, p99 {} µs, p99.9 {} µs, {} failed",
                    system.name, points[0].1, points[4].1, points[6].1, open.failed
                ));
                self.seen.latencies.push(Latencies {
                    system: system.name.clone(),
                    rate,
                    failed: open.failed,
                    points,
                });
            }
        }
        Ok(())
    }
}
