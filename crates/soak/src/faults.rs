use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use roster_test_services::{Fault, RedisServer};
use tokio::time::sleep;

use crate::{Broken, History, Load, Node, RedisPair, Result, Stop, World, now, redis_command};

/// What breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// `kill -9`, and later started empty.
    RedisKilled,
    /// Ended, and started with a dump of a moment before.
    RedisFromDump,
    /// Stopped by SIGSTOP for a while.
    RedisHung,
    /// The replica, which missed what came last, becomes the primary.
    FailedOver,
    /// `CLIENT KILL`, some times in a row.
    ClientsKilled,
    /// `CLIENT KILL` of one process's connection.
    ClientKilled,
    /// `FLUSHALL`.
    Flushed,
    /// `SCRIPT FLUSH`.
    ScriptsFlushed,
    /// One process cannot reach Redis.
    NodeCut,
    /// One process's connection to Redis is half open.
    NodeHalfOpen,
    /// Every piece between one process and Redis is late.
    NodeSlow,
    /// `kill -9` of one process, which starts again.
    NodeKilled,
}

impl FaultKind {
    /// Whether Redis may lose what it acknowledged, other than whole keys.
    pub const fn forgets(self) -> bool {
        matches!(self, Self::FailedOver | Self::RedisFromDump)
    }

    /// Whether a writer's own invalidations may be lost with it, so that only a relay is left.
    pub const fn loses_invalidations(self) -> bool {
        self.forgets() || matches!(self, Self::NodeKilled)
    }

    /// Whether it is about one process.
    pub const fn is_of_one_node(self) -> bool {
        matches!(
            self,
            Self::NodeCut | Self::NodeHalfOpen | Self::NodeSlow | Self::NodeKilled
        )
    }

    /// All of them, but for one client's where those of all are.
    pub const ALL: [Self; 11] = [
        Self::RedisKilled,
        Self::RedisFromDump,
        Self::RedisHung,
        Self::FailedOver,
        Self::ClientsKilled,
        Self::Flushed,
        Self::ScriptsFlushed,
        Self::NodeCut,
        Self::NodeHalfOpen,
        Self::NodeSlow,
        Self::NodeKilled,
    ];
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RedisKilled => "Redis killed, back empty",
            Self::RedisFromDump => "Redis killed, back from a dump",
            Self::RedisHung => "Redis hung (SIGSTOP)",
            Self::FailedOver => "failover to a replica that lags",
            Self::ClientsKilled => "CLIENT KILL of all, five in a row",
            Self::ClientKilled => "CLIENT KILL of one",
            Self::Flushed => "FLUSHALL",
            Self::ScriptsFlushed => "SCRIPT FLUSH",
            Self::NodeCut => "one process cut from Redis",
            Self::NodeHalfOpen => "one process's connection half open",
            Self::NodeSlow => "one process's connection slow by 60 ms",
            Self::NodeKilled => "one process killed, started again",
        })
    }
}

/// Breaks things at random and mends them again.
pub struct Faults {
    /// What may break.
    pub kinds: Vec<FaultKind>,
    /// How long something stays broken.
    pub hold: std::ops::Range<Duration>,
    /// How long everything works in between.
    pub rest: std::ops::Range<Duration>,
    /// After how many of them, right behind the last, all must agree for a moment; and behind
    /// each that loses invalidations. 0 for never.
    pub quiet_after: usize,
    /// After how many of them the load ends; `usize::MAX` where something else ends it.
    pub most: usize,
    /// What the choices follow from.
    pub seed: u64,
}

impl Faults {
    /// These kinds, most for less than a second.
    pub fn of(kinds: &[FaultKind], seed: u64) -> Self {
        Self {
            kinds: kinds.to_vec(),
            hold: Duration::from_millis(30)..Duration::from_millis(900),
            rest: Duration::from_millis(50)..Duration::from_millis(700),
            quiet_after: 5,
            most: usize::MAX,
            seed,
        }
    }

    /// Breaks one thing after another until the load ends; everything works then. Needs a
    /// runtime of several threads.
    ///
    /// Answers what was read in quiet moments. They come right behind a fault: what a failover
    /// lost is not written again then, and only the protocol can mend it.
    pub async fn run(
        &self,
        world: &World,
        redis: &RedisPair,
        nodes: &mut [Node],
        load: &Arc<Load>,
        stop: &Stop,
    ) -> Result<History> {
        let mut random = StdRng::seed_from_u64(self.seed);
        let mut round: Vec<FaultKind> = Vec::new();
        let mut history = History::default();
        let mut times: usize = 0;
        while !stop.is_over() && times < self.most {
            sleep(random.random_range(self.rest.clone())).await;
            if round.is_empty() {
                round.clone_from(&self.kinds);
            }
            // Each as often as any other, in an order that differs.
            let kind = round.swap_remove(random.random_range(0..round.len()));
            let hold = random.random_range(self.hold.clone());
            let node = random.random_range(0..nodes.len());
            let from = now();
            break_once(kind, hold, node, world, redis, nodes, load).await?;
            history.faults.push(Broken {
                from,
                until: now(),
                kind,
                node: kind.is_of_one_node().then_some(node),
            });
            times += 1;
            let is_due = kind.loses_invalidations() || times.is_multiple_of(self.quiet_after);
            if self.quiet_after > 0 && is_due {
                history.extend(load.quiet(world).await?);
            }
        }
        stop.tell();
        Ok(history)
    }
}

async fn break_once(
    kind: FaultKind,
    hold: Duration,
    node: usize,
    world: &World,
    redis: &RedisPair,
    nodes: &mut [Node],
    load: &Load,
) -> Result<()> {
    match kind {
        FaultKind::RedisKilled => {
            redis.primary().kill();
            sleep(hold).await;
            redis.primary().restart().await?;
        }
        FaultKind::RedisFromDump => {
            let dump = redis.primary().dump().await?;
            sleep(hold).await;
            redis.primary().restart_from(&dump).await?;
        }
        FaultKind::RedisHung => {
            redis.primary().pause();
            sleep(hold).await;
            redis.primary().resume();
        }
        FaultKind::FailedOver => {
            // It may just be taking all of what the primary has after a restart.
            redis.follow().await?;
            redis.cut_link();
            sleep(hold).await;
            redis.switch().await?;
        }
        FaultKind::ClientsKilled => {
            for _ in 0..5 {
                redis_command(redis.primary(), "CLIENT KILL TYPE normal").await?;
                sleep(hold / 5).await;
            }
        }
        FaultKind::ClientKilled => kill_one_client(redis.primary(), node).await?,
        FaultKind::Flushed => drop(redis_command(redis.primary(), "FLUSHALL").await?),
        FaultKind::ScriptsFlushed => drop(redis_command(redis.primary(), "SCRIPT FLUSH").await?),
        FaultKind::NodeCut | FaultKind::NodeHalfOpen | FaultKind::NodeSlow => {
            let fault = match kind {
                FaultKind::NodeCut => Fault::Refuse,
                FaultKind::NodeHalfOpen => Fault::BlackHole,
                _ => Fault::Delay(Duration::from_millis(60)),
            };
            redis.proxy(node).set(fault);
            sleep(hold).await;
            redis.proxy(node).set(Fault::Pass);
        }
        FaultKind::NodeKilled => {
            nodes[node].kill();
            nodes[node] = tokio::task::block_in_place(|| world.node(&redis.url(node)))?;
            load.moved(node, nodes[node].address());
        }
    }
    Ok(())
}

/// Ends the connection of a process that has one, which is all that has its name.
async fn kill_one_client(server: &RedisServer, which: usize) -> Result<()> {
    let redis::Value::BulkString(list) = redis_command(server, "CLIENT LIST").await? else {
        return Err("CLIENT LIST is not answered with text".into());
    };
    let list = String::from_utf8(list)?;
    let ours = list.lines().filter(|line| line.contains(" name=roster "));
    let ids: Vec<&str> = ours
        .filter_map(|line| line.strip_prefix("id=")?.split(' ').next())
        .collect();
    if let Some(id) = ids.get(which % ids.len().max(1)) {
        redis_command(server, &format!("CLIENT KILL ID {id}")).await?;
    }
    Ok(())
}
