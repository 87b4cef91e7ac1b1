use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use crate::{FaultKind, Faults, History, Load, RedisPair, Result, Stop, Verdict, World, check};

/// How long a run is and what breaks in it.
pub struct Plan {
    /// How many processes.
    pub nodes: usize,
    /// How many users are read and written.
    pub keys: usize,
    /// How many clients.
    pub clients: usize,
    /// After how many operations it ends.
    pub operations: u64,
    /// After how long it ends, whichever is first.
    pub limit: Duration,
    /// How long a client rests after an operation.
    pub pause: Duration,
    /// What breaks.
    pub faults: Faults,
}

impl Plan {
    /// Three processes, and all faults at random.
    pub fn new(operations: u64, limit: Duration, seed: u64) -> Self {
        Self {
            nodes: 3,
            keys: 12,
            clients: 24,
            operations,
            limit,
            pause: Duration::ZERO,
            faults: Faults::all(seed),
        }
    }
}

/// After everything is mended: what the processes need to reach Redis again (at most 2 s), and a round.
const SETTLES_WITHIN: Duration = Duration::from_millis(2_500);

/// Loads the processes while things break, lets it all settle, and checks the history. `None`
/// where the servers are not to be had.
pub async fn run(
    binary: &Path,
    plan: &Plan,
) -> Result<Option<(History, Verdict, BTreeMap<FaultKind, usize>)>> {
    let Some(world) = World::start(binary).await? else {
        return Ok(None);
    };
    let Some(redis) = RedisPair::start(plan.nodes, &[]).await? else {
        return Ok(None);
    };
    let mut nodes = Vec::new();
    for node in 0..plan.nodes {
        nodes.push(world.node(&redis.url(node))?);
    }
    let keys = world.users(&nodes[0], plan.keys).await?;
    let mut load = Load::new(keys, nodes.iter().map(crate::Node::address));
    load.clients = plan.clients;
    load.pause = plan.pause;
    load.seed = plan.faults.seed;
    let load = Arc::new(load);
    let stop = Stop::after(plan.operations);
    let limit = tokio::spawn({
        let (stop, limit) = (Arc::clone(&stop), plan.limit);
        async move {
            sleep(limit).await;
            stop.tell();
        }
    });
    let breaking = async {
        let broken = plan
            .faults
            .run(&world, &redis, &mut nodes, &load, &stop)
            .await;
        if broken.is_err() {
            stop.tell();
        }
        broken
    };
    let (history, broken) = tokio::join!(load.run(&stop), breaking);
    limit.abort();
    broken?;
    let mut history = history?;
    sleep(SETTLES_WITHIN).await;
    history.extend(load.settled(3).await);
    let finals = world.finals(load.keys()).await?;
    let verdict = check(&history, &finals);
    let faults = plan
        .faults
        .done
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    Ok(Some((history, verdict, faults)))
}
