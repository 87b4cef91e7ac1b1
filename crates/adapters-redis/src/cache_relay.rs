use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::{Cmd, Pipeline, Value};
use roster_domain::Timestamp;
use roster_domain::ports::{
    CacheError, CacheRelay, Invalidation, Probe, RelayClaim, RelayRound, RoundStart, Stamped,
    Watermark,
};

use self::replies::{Begun, Marks, read_probe, read_start};
use crate::connection::{Connection, Link};
use crate::invalidation::{Invalidator, changed};
use crate::key::Keys;
use crate::replies::{millis, unexpected};
use crate::scripts::{self, Lua};
use crate::{RedisUserCache, watermark};

mod replies;

/// [`CacheRelay`] on the connection of a [`RedisUserCache`], with one watermark for each
/// database beside its values.
///
/// Every call is one script, so what it reads is of one moment: which process answers
/// (`run_id`) and which history its data has (`master_replid`), the watermark, and the server's
/// time. A server that is no primary any more, or another one than the connection was made to,
/// fails the call and has the connection left.
#[derive(Debug)]
pub struct RedisCacheRelay {
    connection: Arc<Connection>,
    keys: Keys,
    limit: Duration,
    invalidator: Invalidator,
}

impl RedisCacheRelay {
    /// On the connection of this cache.
    pub fn new(cache: &RedisUserCache) -> Self {
        Self {
            connection: cache.connection(),
            keys: cache.keys().clone(),
            limit: cache.relay_limit,
            invalidator: cache.invalidator.clone(),
        }
    }

    fn marks(&self, database: u128) -> Marks<'_> {
        Marks {
            connection: &self.connection,
            database,
        }
    }
}

#[async_trait]
impl CacheRelay for RedisCacheRelay {
    async fn begin_round(
        &self,
        database: u128,
        claim: Option<RelayClaim>,
    ) -> Result<Option<Box<dyn RelayRound>>, CacheError> {
        let link = self.connection.link()?;
        let keys = [self.keys.watermark(database), self.keys.relay(database)];
        let hold_for = claim.map(|claim| millis(claim.hold_for));
        let mut arguments: Vec<&[u8]> = Vec::new();
        if let (Some(claim), Some(hold_for)) = (&claim, &hold_for) {
            arguments.extend([&claim.holder.0[..], hold_for.as_bytes()]);
        }
        let [watermark, relay] = &keys;
        let call = scripts::RELAY_START.call(&[watermark, relay], &arguments);
        let reply = run(
            &self.connection,
            &link,
            self.limit,
            &scripts::RELAY_START,
            call,
        );
        let Some(begun) = read_start(self.marks(database), &link, reply.await?)? else {
            return Ok(None);
        };
        let Begun { start, unreadable } = begun;
        Ok(Some(Box::new(Round {
            connection: Arc::clone(&self.connection),
            link,
            limit: self.limit,
            invalidator: self.invalidator.clone(),
            database,
            watermark: watermark.clone(),
            start,
            unreadable,
        })))
    }

    async fn probe(&self, database: u128) -> Result<Stamped<Probe>, CacheError> {
        let link = self.connection.link()?;
        let call = scripts::PROBE.call(&[&self.keys.watermark(database)], &[]);
        let reply = run(&self.connection, &link, self.limit, &scripts::PROBE, call).await?;
        Ok(Stamped {
            connection: link.epoch(),
            reply: read_probe(self.marks(database), &link, reply)?,
        })
    }
}

/// One round, bound to one life of the connection.
struct Round {
    connection: Arc<Connection>,
    link: Link,
    limit: Duration,
    invalidator: Invalidator,
    database: u128,
    /// The key of the watermark.
    watermark: Vec<u8>,
    start: RoundStart,
    /// What was stored there and was no watermark: it must not stand in the way of one.
    unreadable: Option<Vec<u8>>,
}

#[async_trait]
impl RelayRound for Round {
    fn begun(&self) -> &RoundStart {
        &self.start
    }

    async fn invalidate_many(&self, invalidations: &[Invalidation]) -> Result<(), CacheError> {
        let calls = self.invalidator.calls(invalidations);
        if calls.is_empty() {
            return Ok(());
        }
        let run = |mut link: Link| async move { scripts::INVALIDATE.run(&mut link, &calls).await };
        let link = self.link.clone();
        let replies = self.connection.run_on(link, self.limit, run).await?;
        if replies.len() != invalidations.len() {
            return Err(unexpected("invalidate"));
        }
        replies
            .iter()
            .try_for_each(|reply| changed(reply).map(drop))
    }

    async fn set_watermark(&self, snapshot_at: Timestamp, epoch: u128) -> Result<bool, CacheError> {
        let incarnation = &self.start.incarnation;
        let new = Watermark {
            clock: incarnation.clock.clone(),
            at: self.start.now,
            snapshot_at,
            epoch,
        };
        let new = watermark::encode(self.database, &new);
        let mut arguments: Vec<&[u8]> = vec![
            incarnation.clock.as_bytes(),
            incarnation.history.as_bytes(),
            &new,
        ];
        arguments.extend(self.unreadable.as_deref());
        let call = scripts::SET_WATERMARK.call(&[&self.watermark], &arguments);
        let (connection, link) = (&self.connection, &self.link);
        match run(connection, link, self.limit, &scripts::SET_WATERMARK, call).await? {
            Value::Int(0) => Ok(false),
            Value::Int(1) => Ok(true),
            _ => Err(unexpected("set_watermark")),
        }
    }
}

impl fmt::Debug for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Round")
            .field("start", &self.start)
            .finish_non_exhaustive()
    }
}

/// Runs one script on one life of the connection.
async fn run(
    connection: &Connection,
    link: &Link,
    limit: Duration,
    script: &Lua,
    call: Cmd,
) -> Result<Value, CacheError> {
    let mut pipeline = Pipeline::with_capacity(1);
    pipeline.add_command(call);
    let run = |mut link: Link| async move { script.run(&mut link, &pipeline).await };
    let mut replies = connection.run_on(link.clone(), limit, run).await?;
    replies.pop().ok_or_else(|| unexpected("script"))
}
