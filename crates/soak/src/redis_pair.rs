use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use roster_test_services::{Fault, FaultProxy, RedisServer, or_skip};
use tokio::time::{sleep, timeout};

use crate::{Result, redis_addr, redis_command};

/// Two Redis servers, one the replica of the other, and a proxy for each process in front of the
/// one that is the primary.
pub struct RedisPair {
    servers: [RedisServer; 2],
    primary: AtomicUsize,
    /// What the replica hears its primary through.
    link: FaultProxy,
    proxies: Vec<FaultProxy>,
}

impl RedisPair {
    const PATIENCE: Duration = Duration::from_secs(10);
    const POLL: Duration = Duration::from_millis(5);

    /// Two servers and so many proxies; `None` where there is no Redis to be had.
    pub async fn start(proxies: usize, extra: &[&str]) -> Result<Option<Self>> {
        let pair = RedisServer::try_start(extra)
            .and_then(|first| Ok([first, RedisServer::try_start(extra)?]));
        let Some(servers) = or_skip(pair) else {
            return Ok(None);
        };
        let proxies = (0..proxies).map(|_| FaultProxy::start(servers[0].addr()));
        let pair = Self {
            proxies: proxies.collect(),
            link: FaultProxy::start(servers[0].addr()),
            primary: AtomicUsize::new(0),
            servers,
        };
        pair.follow().await?;
        Ok(Some(pair))
    }

    /// The one that is written to.
    pub fn primary(&self) -> &RedisServer {
        &self.servers[self.primary.load(Ordering::Relaxed)]
    }

    /// The other one.
    pub fn replica(&self) -> &RedisServer {
        &self.servers[1 - self.primary.load(Ordering::Relaxed)]
    }

    /// What one process reaches the primary through.
    pub fn proxy(&self, node: usize) -> &FaultProxy {
        &self.proxies[node]
    }

    /// The URL of one process's proxy.
    pub fn url(&self, node: usize) -> String {
        format!("redis://{}", self.proxies[node].addr())
    }

    /// From now on the replica hears nothing more.
    pub fn cut_link(&self) {
        self.link.set(Fault::BlackHole);
    }

    /// Makes the replica the primary, with the data that it has, and sends every process there.
    pub async fn switch(&self) -> Result<()> {
        self.replica().promote().await?;
        let promoted = self.replica().addr();
        for proxy in &self.proxies {
            proxy.retarget(promoted);
        }
        self.primary.fetch_xor(1, Ordering::Relaxed);
        Ok(())
    }

    /// The replica hears its primary, and has all its data.
    pub async fn follow(&self) -> Result<()> {
        self.link.retarget(self.primary().addr());
        let port = self.link.addr().port();
        redis_command(self.replica(), &format!("REPLICAOF 127.0.0.1 {port}")).await?;
        timeout(Self::PATIENCE, self.in_sync()).await?
    }

    /// Waits until a mark that the primary is given now has reached the replica.
    async fn in_sync(&self) -> Result<()> {
        static MARKS: AtomicUsize = AtomicUsize::new(0);
        let mark = MARKS.fetch_add(1, Ordering::Relaxed).to_string();
        redis_command(self.primary(), &format!("SET mark {mark}")).await?;
        loop {
            let seen = redis_addr(self.replica().addr(), &[b"GET", b"mark"]).await;
            if matches!(seen, Ok(redis::Value::BulkString(seen)) if seen == mark.as_bytes()) {
                return Ok(());
            }
            sleep(Self::POLL).await;
        }
    }
}
