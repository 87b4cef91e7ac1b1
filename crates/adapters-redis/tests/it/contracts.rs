//! The behaviour suites of the ports.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use roster_adapters_redis::{RedisReadiness, RedisUserCache};
use roster_domain::UserId;
use roster_domain::ports::{Readiness, UserCache};
use roster_port_contracts::{CacheFixture, ReadinessFixture};
use roster_test_services::RedisServer;

use crate::support::{Bench, cache, patient, until};

#[async_trait]
impl CacheFixture for Bench {
    fn cache(&self) -> Arc<dyn UserCache> {
        Arc::<RedisUserCache>::clone(&self.cache)
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

roster_port_contracts::user_cache!(Bench::start);

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
