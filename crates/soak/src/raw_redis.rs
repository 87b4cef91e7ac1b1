use std::net::SocketAddr;
use std::time::Duration;

use redis::{AsyncConnectionConfig, Value};
use roster_test_services::RedisServer;

use crate::Result;

/// What breaks servers waits for them: on a busy machine one may take longer than the driver's half a second.
const PATIENCE: Duration = Duration::from_secs(10);

/// Gives one command to the server at an address, on a connection of its own.
pub async fn redis_addr(addr: SocketAddr, words: &[&[u8]]) -> Result<Value> {
    let client = redis::Client::open(format!("redis://{addr}"))?;
    let patient = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&patient)
        .await?;
    let (name, arguments) = words.split_first().ok_or("no command")?;
    let mut command = redis::cmd(std::str::from_utf8(name)?);
    for argument in arguments {
        command.arg(*argument);
    }
    Ok(command.query_async(&mut connection).await?)
}

/// Gives one command in words to a server.
pub async fn redis_command(server: &RedisServer, command: &str) -> Result<Value> {
    let words: Vec<&[u8]> = command.split_whitespace().map(str::as_bytes).collect();
    redis_addr(server.addr(), &words).await
}

/// The bytes under a key.
pub async fn redis_bytes(server: &RedisServer, key: &str) -> Result<Option<Vec<u8>>> {
    match redis_addr(server.addr(), &[b"GET", key.as_bytes()]).await? {
        Value::BulkString(bytes) => Ok(Some(bytes)),
        Value::Nil => Ok(None),
        other => Err(format!("{key} holds {other:?}").into()),
    }
}
