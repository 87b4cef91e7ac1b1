use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tokio::time::sleep;

use crate::{FaultKind, History, Load, Node, Plan, RedisPair, Result, Stop, Verdict, World, check};

/// What a run came to.
pub struct Outcome {
    /// All that was asked.
    pub history: History,
    /// What of it is not allowed.
    pub verdict: Verdict,
}

impl Outcome {
    /// How often each fault was.
    pub fn faults(&self) -> BTreeMap<FaultKind, usize> {
        let mut counts = BTreeMap::new();
        for broken in &self.history.faults {
            *counts.entry(broken.kind).or_default() += 1;
        }
        counts
    }
}

/// Loads the processes while things break, lets it all settle, and checks the history. `None`
/// where the servers are not to be had. Needs a runtime of several threads.
pub async fn run(binary: &Path, plan: &Plan) -> Result<Option<Outcome>> {
    let Some(world) = World::start(binary).await? else {
        return Ok(None);
    };
    let Some(redis) = RedisPair::start(plan.nodes, &plan.redis).await? else {
        return Ok(None);
    };
    let mut nodes = Vec::new();
    for node in 0..plan.nodes {
        nodes.push(world.node(&redis.url(node))?);
    }
    let keys = world.users(&nodes[0], plan.keys).await?;
    let mut load = Load::new(keys, nodes.iter().map(Node::address));
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
    let (history, quiet) = tokio::join!(load.run(&stop), breaking);
    limit.abort();
    let mut history = history?;
    history.extend(quiet?);
    history.extend(load.quiet(&world).await?);
    history.redis_keeps = !plan.faults.kinds.iter().any(|kind| kind.forgets());
    let finals = world.finals(load.keys()).await?;
    let verdict = check(&history, &finals);
    Ok(Some(Outcome { history, verdict }))
}
