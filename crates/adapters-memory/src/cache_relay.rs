use std::sync::Arc;

use async_trait::async_trait;
use roster_domain::Timestamp;
use roster_domain::ports::{
    CacheError, CacheRelay, ConnectionEpoch, Invalidation, Probe, RelayClaim, RelayRound,
    RoundStart, Stamped, Watermark,
};

use crate::MemoryUserCache;
use crate::user_cache::Shared;

/// [`CacheRelay`] in memory: the watermarks lie beside the values of a [`MemoryUserCache`],
/// under the same lock, and go as they go.
pub struct MemoryCacheRelay {
    shared: Arc<Shared>,
}

impl MemoryCacheRelay {
    /// For the values of this cache.
    pub fn new(cache: &MemoryUserCache) -> Self {
        Self {
            shared: cache.shared(),
        }
    }
}

#[async_trait]
impl CacheRelay for MemoryCacheRelay {
    async fn begin_round(
        &self,
        database: u128,
        claim: Option<RelayClaim>,
    ) -> Result<Option<Box<dyn RelayRound>>, CacheError> {
        Ok(self.shared.with(|keys| {
            if let Some(RelayClaim { holder, hold_for }) = claim
                && !keys.claim(database, holder, hold_for)
            {
                return None;
            }
            let begun = RoundStart {
                incarnation: keys.incarnation(),
                watermark: keys.watermark(database),
                now: keys.time(),
            };
            let round: Box<dyn RelayRound> = Box::new(MemoryRound {
                shared: Arc::clone(&self.shared),
                database,
                connection: keys.life(),
                begun,
            });
            Some(round)
        }))
    }

    async fn probe(&self, database: u128) -> Result<Stamped<Probe>, CacheError> {
        Ok(self.shared.with(|keys| Stamped {
            connection: keys.connection(),
            reply: Probe {
                clock: keys.incarnation().clock,
                now: keys.time(),
                watermark: keys.watermark(database),
            },
        }))
    }
}

/// One round of [`MemoryCacheRelay`].
struct MemoryRound {
    shared: Arc<Shared>,
    database: u128,
    connection: ConnectionEpoch,
    begun: RoundStart,
}

#[async_trait]
impl RelayRound for MemoryRound {
    fn begun(&self) -> &RoundStart {
        &self.begun
    }

    async fn invalidate_many(&self, invalidations: &[Invalidation]) -> Result<(), CacheError> {
        self.shared.with(|keys| {
            if keys.life() != self.connection {
                return Err(lost());
            }
            for each in invalidations {
                keys.invalidate(each);
            }
            Ok(())
        })
    }

    async fn set_watermark(&self, snapshot_at: Timestamp, epoch: u128) -> Result<bool, CacheError> {
        let RoundStart {
            incarnation, now, ..
        } = &self.begun;
        let watermark = Watermark {
            clock: incarnation.clock.clone(),
            at: *now,
            snapshot_at,
            epoch,
        };
        self.shared.with(|keys| {
            if keys.life() != self.connection {
                return Err(lost());
            }
            Ok(keys.set_watermark(self.database, incarnation, watermark))
        })
    }
}

fn lost() -> CacheError {
    CacheError::Unavailable("the connection of this round is lost".into())
}
