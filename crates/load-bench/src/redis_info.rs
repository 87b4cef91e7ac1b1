//! What Redis says about itself.

use redis::Value;
use roster_soak::{redis_addr, redis_command};
use roster_test_services::RedisServer;
use uuid::Uuid;

use crate::Result;

/// Its counters at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RedisInfo(String);

impl RedisInfo {
    /// Commands that the service gives; those that a script gives are counted with them.
    pub(crate) const COMMANDS: [&'static str; 5] = ["get", "mget", "evalsha", "set", "time"];

    pub(crate) async fn of(server: &RedisServer) -> Result<Self> {
        match redis_command(server, "INFO everything").await? {
            Value::VerbatimString { text, .. } => Ok(Self(text)),
            Value::BulkString(octets) => Ok(Self(String::from_utf8(octets)?)),
            other => Err(format!("INFO is {other:?}").into()),
        }
    }

    /// A number by its name, such as `used_memory`.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.line(name)?.parse().ok()
    }

    /// How often a command was carried out; never is 0.
    pub(crate) fn calls(&self, command: &str) -> u64 {
        self.line(&format!("cmdstat_{command}"))
            .and_then(|line| {
                let calls = line
                    .split(',')
                    .find_map(|part| part.strip_prefix("calls="))?;
                calls.parse().ok()
            })
            .unwrap_or_default()
    }

    fn line(&self, name: &str) -> Option<&str> {
        self.0
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
    }
}

/// Octets that Redis counts for the key of a user, its expiry included.
pub(crate) async fn memory_of(server: &RedisServer, id: Uuid) -> Result<Option<u64>> {
    let key = format!("roster:u:{{{id}}}");
    let words: [&[u8]; 5] = [b"MEMORY", b"USAGE", key.as_bytes(), b"SAMPLES", b"0"];
    match redis_addr(server.addr(), &words).await? {
        Value::Int(octets) => Ok(Some(u64::try_from(octets)?)),
        Value::Nil => Ok(None),
        other => Err(format!("MEMORY USAGE is {other:?}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_calls_are_read() {
        let info = RedisInfo(
            "# Memory\r\nused_memory:1234\r\nused_memory_human:1K\r\n\
             cmdstat_get:calls=7,usec=9,usec_per_call=1.2\r\ncmdstat_getex:calls=8,usec=1\r\n"
                .to_owned(),
        );
        assert_eq!(info.number("used_memory"), Some(1_234));
        assert_eq!(info.number("used"), None);
        assert_eq!((info.calls("get"), info.calls("mget")), (7, 0));
    }
}
