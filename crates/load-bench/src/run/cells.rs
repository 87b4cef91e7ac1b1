use std::time::Duration;

use tokio::sync::watch;

use super::{Ready, Run};
use crate::Result;
use crate::measured::Measured;
use crate::progress::say;
use crate::sampling::Sampler;
use crate::system::System;
use crate::workload::Workload;

impl Run<'_> {
    /// One system under one workload in one round.
    pub(super) async fn cell(
        &mut self,
        workload: Workload,
        system: &System,
        round: u64,
    ) -> Result<()> {
        let Ready {
            list,
            written,
            connections,
        } = self.ready(workload, system, round).await?;
        let sampler = Sampler::new(system, self.stand, &list.requests, list.expected).await?;
        let (stop, stopped) = watch::channel(false);
        let sampling = tokio::spawn(sampler.run(stopped));
        let before = system.used(self.stand)?;
        let closed = self
            .wrk
            .run(system, &written, connections, self.extent.lasting)
            .await?;
        let after = system.used(self.stand)?;
        stop.send_replace(true);
        let sampled = sampling.await?;
        let name = format!("{} {}", workload.name, workload.variant);
        let wrong = sampled.wrong.iter();
        self.seen
            .wrong
            .extend(wrong.map(|wrong| format!("{name}, {}: {wrong}", system.name)));
        let differs = self.checksums.add(
            (workload.name, workload.variant, round),
            system.kind,
            &system.name,
            sampled.checksum,
        );
        self.seen.wrong.extend(differs);
        if closed.requests == 0 {
            // A cost would be divided by nothing.
            say(&format!("{name}, {}: no answer in time", system.name));
            let failed = closed.failed();
            if failed > 0 {
                let text = format!("{name}, {}: {failed} requests failed", system.name);
                self.seen.wrong.push(text);
            }
            return Ok(());
        }
        if closed.took + Duration::from_millis(500) < self.extent.lasting {
            say(&format!(
                "{name}, {}: everybody was read after {:.1} s, where the cell ends",
                system.name,
                closed.took.as_secs_f64()
            ));
        }
        let per_request = |from: Duration, to: Duration| {
            // What was compared beside the load took its time as well.
            to.saturating_sub(from).as_secs_f64() * 1e6 / (closed.requests + sampled.answers) as f64
        };
        let service_us = per_request(before.service, after.service);
        let postgres_us = per_request(before.postgres, after.postgres);
        let redis_us = per_request(before.redis, after.redis);
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.tell_all(vec![Measured {
            users: self.stand.users,
            workload: workload.name.to_owned(),
            variant: workload.variant.to_owned(),
            system: system.name.clone(),
            round,
            connections,
            requests: closed.requests,
            seconds: closed.took.as_secs_f64(),
            requests_per_second: closed.requests as f64 / closed.took.as_secs_f64(),
            service_us,
            postgres_us,
            redis_us,
            total_us: service_us + postgres_us + redis_us,
            generator_us: closed.generator.as_secs_f64() * 1e6 / closed.requests as f64,
            p50_us: micros(closed.p50),
            p90_us: micros(closed.p90),
            p99_us: micros(closed.p99),
            p999_us: micros(closed.p999),
            max_us: micros(closed.max),
            octets_per_answer: closed.bytes as f64 / closed.requests as f64,
            failed: closed.failed(),
            compared: sampled.answers,
            wrong: sampled.wrong.len() as u64,
            checksum: sampled.checksum.map(|checksum| format!("{checksum:08x}")),
            queries: None,
            resident_mib: system.service.held().unwrap_or_default() as f64 / 1_048_576.0,
        }]);
        if workload.writes() {
            self.stand.clean().await?;
        }
        Ok(())
    }
}
