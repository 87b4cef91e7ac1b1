//! One, two and three processes on one Redis and one database: how soon a change is seen through
//! the others, and what it costs when they hold the user and when they do not.

mod coherence;
mod cost;

use std::path::Path;
use std::time::Duration;

use roster_soak::{Client, now};
use roster_test_services::RedisServer;
use serde_json::Value;
use uuid::Uuid;

use crate::Result;
use crate::cpu::Tree;
use crate::crowd;
use crate::extent::Extent;
use crate::figures::{Case, Figure};
use crate::progress::say;
use crate::stand::Stand;
use crate::system::System;

pub(crate) use coherence::{BEYOND_BOUND, case as coherence_case};
pub(crate) use cost::{TOTAL, case as cost_case};

/// As `--only` names it.
pub(crate) const NAME: &str = "fleet";
/// Processes of the largest fleet.
pub(crate) const MOST: usize = 3;
/// Longer than a relay rests between two rounds.
const MOMENT: Duration = Duration::from_millis(300);
/// A relay that has not caught up by then never will.
const PATIENCE: Duration = Duration::from_mins(1);

/// Processes that share everything.
struct Fleet {
    redis: RedisServer,
    nodes: Vec<System>,
}

/// Processor time so far.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    first: Duration,
    others: Duration,
    redis: Duration,
    postgres: Duration,
}

/// Figures, and answers that were wrong, in words.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) figures: Vec<Figure>,
    pub(crate) wrong: Vec<String>,
}

impl Fleet {
    fn start(stand: &Stand, binary: &Path, count: usize) -> Result<Self> {
        let redis = RedisServer::try_start(&[])?;
        let nodes = (1..=count)
            .map(|number| {
                let name = format!("node {number}");
                System::service(
                    &name,
                    binary,
                    stand,
                    &["--cache-memory", "128MiB"],
                    Some(&redis),
                )
            })
            .collect::<Result<_>>()?;
        Ok(Self { redis, nodes })
    }

    /// Has so many processes read these users, so that they keep them.
    async fn warm(&self, nodes: &[System], ids: &[Uuid]) -> Result<()> {
        for node in nodes {
            crowd::read(node.address, ids).await?;
        }
        Ok(())
    }

    /// How many changes the relays of all processes have delivered so far; nothing while a round
    /// is under way that does not end.
    async fn relayed(&self) -> Result<Option<u64>> {
        let mut all = 0;
        for node in &self.nodes {
            let answer = Client::new(node.address).get("/v1/admin/cache").await?;
            let status: Value = serde_json::from_str(&answer.body)?;
            let shared = &status["shared"];
            let relayed = shared["relayed"].as_u64();
            all += relayed.ok_or_else(|| answer.body.clone())?;
            // It is set at the end of a round.
            let behind = shared["watermark_behind_seconds"].as_f64();
            if behind.is_none_or(|behind| behind > 2.0 * MOMENT.as_secs_f64()) {
                return Ok(None);
            }
        }
        Ok(Some(all))
    }

    /// Waits until the relays have nothing more to deliver; answers how much that was so far.
    async fn quiet(&self) -> Result<u64> {
        let begun = now();
        let mut last = None;
        loop {
            tokio::time::sleep(MOMENT).await;
            let relayed = self.relayed().await?;
            match relayed {
                Some(relayed) if Some(relayed) == last => return Ok(relayed),
                _ => last = relayed,
            }
            if now().saturating_sub(begun) > PATIENCE {
                return Err("the relays do not come to an end".into());
            }
        }
    }

    fn used(&self, stand: &Stand) -> Result<Used> {
        let mut used = Used {
            redis: Tree(self.redis.pid()).used()?,
            postgres: stand.postgres().used()?,
            ..Used::default()
        };
        for (number, node) in self.nodes.iter().enumerate() {
            let of = if number == 0 {
                &mut used.first
            } else {
                &mut used.others
            };
            *of += node.service.used()?;
        }
        Ok(used)
    }
}

/// Every size of fleet in every round.
pub(crate) async fn run(stand: &Stand, binary: &Path, extent: &Extent) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    for round in 1..=extent.rounds {
        stand.compact_changes().await?;
        for count in 1..=MOST {
            let fleet = Fleet::start(stand, binary, count)?;
            let case = Case {
                users: stand.users,
                experiment: NAME,
                name: "",
                round,
            };
            // First, while no process holds anything.
            let costs = cost::measure(&fleet, stand, extent, &case).await?;
            let (figures, wrong) = coherence::measure(&fleet, stand, extent, &case).await?;
            outcome.wrong.extend(wrong);
            for figure in costs.iter().chain(&figures) {
                say(&format!(
                    "{NAME} {}, round {round}: {} {:.2} {}",
                    figure.case, figure.name, figure.value, figure.unit
                ));
            }
            outcome.figures.extend(costs);
            outcome.figures.extend(figures);
        }
    }
    Ok(outcome)
}
