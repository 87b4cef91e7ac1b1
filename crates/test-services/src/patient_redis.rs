use std::net::SocketAddr;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisError};

/// On a busy machine a server may take longer than the second and the half that the driver gives it.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to the Redis at an address that waits 10 s for it and for each of its replies.
pub async fn patient_redis(addr: SocketAddr) -> Result<MultiplexedConnection, RedisError> {
    let patient = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    redis::Client::open(format!("redis://{addr}"))?
        .get_multiplexed_async_connection_with_config(&patient)
        .await
}
