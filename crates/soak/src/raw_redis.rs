use std::net::SocketAddr;

use redis::Value;
use roster_test_services::{RedisServer, patient_redis};

use crate::Result;

/// Gives one command to the server at an address, on a connection of its own.
pub async fn redis_addr(addr: SocketAddr, words: &[&[u8]]) -> Result<Value> {
    let mut connection = patient_redis(addr).await?;
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
