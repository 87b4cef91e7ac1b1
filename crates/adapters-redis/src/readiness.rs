use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use roster_domain::ports::{BoxError, Readiness};

use crate::RedisUserCache;
use crate::connection::Connection;

const LIMIT: Duration = Duration::from_millis(500);

/// Whether the cache's connection answers. It opens none of its own, so it says what the
/// requests see.
#[derive(Debug)]
pub struct RedisReadiness {
    connection: Arc<Connection>,
}

impl RedisReadiness {
    /// For the connection of this cache.
    pub fn new(cache: &RedisUserCache) -> Self {
        Self {
            connection: cache.connection(),
        }
    }
}

#[async_trait]
impl Readiness for RedisReadiness {
    async fn check(&self) -> Result<(), BoxError> {
        let ping = |mut link: crate::connection::Link| async move {
            link.send(&redis::cmd("PING")).await.map(drop)
        };
        let pong = self.connection.run(LIMIT, ping).await;
        pong.map(drop).map_err(Into::into)
    }
}
