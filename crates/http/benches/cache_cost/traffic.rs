//! What Redis says it has been asked.

use std::fmt;

use redis::aio::MultiplexedConnection;
use roster_test_services::RedisServer;

/// A connection that looks at the server's own counters.
pub(crate) struct Traffic(MultiplexedConnection);

#[derive(Clone, Copy)]
pub(crate) struct Counts {
    /// Reads from its sockets: each is a message of a client that had waited for the one before.
    pub(crate) round_trips: u64,
    scripts: u64,
    deletes: u64,
}

impl Traffic {
    pub(crate) async fn connect(redis: &RedisServer) -> Self {
        let client = redis::Client::open(redis.url()).expect("the URL is right");
        let connection = client.get_multiplexed_async_connection().await;
        Self(connection.expect("Redis answers"))
    }

    /// The counters; the look itself is in them.
    pub(crate) async fn read(&mut self) -> Counts {
        let stats = self.info("stats").await;
        let commands = self.info("commandstats").await;
        let calls = |command: &str| {
            let prefix = format!("cmdstat_{command}:calls=");
            number(&commands, &prefix)
        };
        Counts {
            round_trips: number(&stats, "total_reads_processed:"),
            scripts: calls("evalsha"),
            deletes: calls("del"),
        }
    }

    async fn info(&mut self, section: &str) -> String {
        redis::cmd("INFO")
            .arg(section)
            .query_async(&mut self.0)
            .await
            .expect("Redis answers")
    }
}

impl Counts {
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            // Both looks ask twice, and the second of a look comes after its count.
            round_trips: self.round_trips.saturating_sub(before.round_trips + 2),
            scripts: self.scripts - before.scripts,
            deletes: self.deletes - before.deletes,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} round trips, {} scripts, {} deletes",
            self.round_trips, self.scripts, self.deletes
        )
    }
}

/// The number after a prefix at the beginning of a line; 0 when there is none.
fn number(text: &str, prefix: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(prefix));
    let digits = line.map(|line| line.split([',', ' ']).next().unwrap_or(line));
    digits.map_or(0, |digits| digits.parse().expect("a number"))
}
