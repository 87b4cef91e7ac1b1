//! The behaviour suites of the ports.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use roster_adapters_redis::{RedisCacheRelay, RedisReadiness, RedisUserCache};
use roster_domain::UserId;
use roster_domain::ports::{CacheRelay, Readiness, UserCache};
use roster_port_contracts::{CacheFixture, ReadinessFixture, RelayFixture};
use roster_test_services::RedisServer;

use crate::support::{Bench, cache, patient, until};

#[async_trait]
impl CacheFixture for Bench {
    fn cache(&self) -> Arc<dyn UserCache> {
        Arc::<RedisUserCache>::clone(&self.cache)
    }

    async fn elsewhere(&self) -> Arc<dyn UserCache> {
        let other = self.other.get_or_init(async || {
            let settings = patient(&self.server.url());
            cache(settings).await.0
        });
        Arc::<RedisUserCache>::clone(other.await)
    }

    /// The server's clock is nobody's to move.
    async fn advance(&self, duration: Duration) {
        tokio::time::sleep(duration + Duration::from_millis(2)).await;
    }

    async fn flush(&self) {
        let _: () = self.ask("FLUSHALL").await;
    }

    async fn store_foreign(&self, id: UserId, bytes: &[u8]) -> bool {
        let mut set = redis::cmd("SET");
        set.arg(format!("roster:u:{{{id}}}")).arg(bytes);
        set.exec_async(&mut self.raw.clone()).await.unwrap();
        true
    }
}

#[async_trait]
impl RelayFixture for Bench {
    fn relay(&self) -> Arc<dyn CacheRelay> {
        Arc::new(RedisCacheRelay::new(&self.cache))
    }

    async fn reconnect(&self) {
        self.cut().await;
        until(|| self.cache.is_connected()).await;
    }

    /// Nobody can see that it is a replica in between.
    async fn renew_history(&self) -> bool {
        let mut promotion = redis::pipe();
        promotion.atomic();
        promotion.cmd("REPLICAOF").arg("127.0.0.1").arg("1");
        promotion.cmd("REPLICAOF").arg("NO").arg("ONE");
        let promoted = promotion.exec_async(&mut self.raw.clone()).await;
        promoted.unwrap();
        true
    }
}

roster_port_contracts::user_cache!(Bench::start);
roster_port_contracts::cache_relay!(Bench::start);

struct Server(RedisServer, Arc<RedisUserCache>);

async fn server() -> Option<Server> {
    let server = RedisServer::start()?;
    let (cache, _) = cache(patient(&server.url())).await;
    Some(Server(server, cache))
}

#[async_trait]
impl ReadinessFixture for Server {
    fn readiness(&self) -> Arc<dyn Readiness> {
        Arc::new(RedisReadiness::new(&self.1))
    }

    async fn gone(&self) -> Option<Arc<dyn Readiness>> {
        self.0.kill();
        until(|| !self.1.is_connected()).await;
        Some(self.readiness())
    }
}

roster_port_contracts::readiness!(server);
