//! What the caches of a system hold before it is measured.

use std::time::Duration;

use uuid::Uuid;

use crate::Result;
use crate::system::{Kind, System};

/// Empties the caches of a system: Redis, and what the service has in its memory.
pub(crate) async fn empty(system: &System) -> Result<()> {
    if let Some(redis) = &system.redis {
        let client = redis::Client::open(redis.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("FLUSHALL").exec_async(&mut connection).await?;
    }
    if matches!(system.kind, Kind::Service | Kind::Unbatched) {
        let epoch = system.url("/v1/admin/cache/epoch");
        let raised = system.client()?.post(epoch).send().await?;
        raised.error_for_status()?;
        // What proves how old answers are went with the rest, and comes again.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

/// Puts the same answer into Redis for each of these users.
pub(crate) async fn put_all(url: &str, ids: &[Uuid], body: &str) -> Result<()> {
    let client = redis::Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    for share in ids.chunks(1_000) {
        let mut pipe = redis::pipe();
        for id in share {
            pipe.set(format!("user:{id}"), body).ignore();
        }
        pipe.exec_async(&mut connection).await?;
    }
    Ok(())
}
