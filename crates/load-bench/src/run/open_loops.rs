use std::sync::Arc;

use hdrhistogram::Histogram;

use super::{Latencies, Run};
use crate::Result;
use crate::open_loop::{self, Open, Pace};
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
            let mut all: Vec<Option<Open>> = self.systems.iter().map(|_| None).collect();
            for round in 1..=self.extent.rounds {
                for (system, all) in self.systems.iter().zip(&mut all) {
                    self.warm(system, &hot).await?;
                    let pace = Pace {
                        rate,
                        connections: self.extent.connections,
                        lasting: self.extent.lasting,
                    };
                    let open = open_loop::run(system, &requests, pace).await?;
                    let at = |quantile| open.latencies.value_at_quantile(quantile);
                    say(&format!(
                        "open loop {rate}/s {:<18} round {round}: p50 {} µs, p99 {} µs, {} failed",
                        system.name,
                        at(0.5),
                        at(0.99),
                        open.failed
                    ));
                    match all {
                        None => *all = Some(open),
                        Some(all) => {
                            all.latencies.add(open.latencies)?;
                            all.failed += open.failed;
                        }
                    }
                }
            }
            for (system, open) in self.systems.iter().zip(all) {
                let Some(open) = open else { continue };
                self.seen.latencies.push(Latencies {
                    system: system.name.clone(),
                    rate,
                    failed: open.failed,
                    points: points(&open.latencies),
                });
            }
        }
        Ok(())
    }
}

/// Quantiles that at least ten latencies are beyond.
fn points(latencies: &Histogram<u64>) -> Vec<(f64, u64)> {
    [0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999]
        .into_iter()
        .filter(|quantile| latencies.len() as f64 * (1.0 - quantile) >= 10.0)
        .map(|quantile| (quantile, latencies.value_at_quantile(quantile)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_that_few_are_beyond_is_not_told() {
        let mut latencies = Histogram::new(3).unwrap();
        for micros in 1..=1_000 {
            latencies.record(micros).unwrap();
        }
        let told: Vec<f64> = points(&latencies).iter().map(|(at, _)| *at).collect();
        assert_eq!(told, [0.5, 0.75, 0.9, 0.95, 0.99]);
    }
}
