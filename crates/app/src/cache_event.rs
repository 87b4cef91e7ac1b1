use std::time::Duration;

use roster_domain::ports::FillOutcome;

/// Takes what happens around the caches, for metrics and logs. Called inline: it must be cheap.
pub trait CacheObserver: Send + Sync {
    /// Takes one event.
    fn observe(&self, event: CacheEvent);
}

/// A tier of the read path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tier {
    /// The cache in this process.
    L1,
    /// The shared cache.
    L2,
    /// The system of record.
    Database,
}

/// Something that happened around the caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheEvent {
    /// A read was answered by this tier; for the database, one row or absence of a load.
    Answered(Tier),
    /// The answer of a read was "no such user", known to this tier.
    AnsweredAbsent(Tier),
    /// A read joined a load that was under way.
    Collapsed,
    /// A load from the database was stored in the shared cache, or why not.
    Filled(FillOutcome),
    /// A load was not kept in this process, because the key was invalidated meanwhile.
    TicketRefused,
    /// A read waited for another process's lease.
    LeaseWaited {
        /// How long.
        waited: Duration,
        /// Whether a value was there in the end.
        served: bool,
    },
    /// The shared cache failed; the read or write went on without it.
    SharedCacheFailed {
        /// Whether it ran out of time.
        timed_out: bool,
    },
    /// The shared cache was not asked, because it failed shortly before.
    SharedCacheSkipped,
    /// The breaker in front of the shared cache opened or closed.
    BreakerChanged {
        /// True when calls are skipped from now on.
        open: bool,
    },
    /// An invalidation after a write did not reach the shared cache.
    InvalidationFailed,
    /// The store answered with a row below the floor of the lease.
    StaleSource,
    /// A cached answer said that nothing shows how old it is.
    Unproven,
    /// The watermark was read: how far it was behind the shared cache's time; `None` when it
    /// proves nothing just now.
    Probed {
        /// By the shared cache's clock.
        behind: Option<Duration>,
    },
    /// This process's relay delivered everything that was pending.
    Relayed {
        /// How many changes that were.
        changes: usize,
    },
    /// How old the oldest change was that this round of this process's relay has found pending;
    /// zero while it has found none. `None` when it did not look, because another process's does.
    RelayLag {
        /// By the database's clock.
        lag: Option<Duration>,
    },
    /// A round of the relay ended early.
    RelayFailed,
    /// The relay replaced the cache epoch, so that every value is loaded anew.
    EpochRaised,
    /// The relay met another life of the shared cache than before: a restart or a failover.
    IncarnationSeen,
    /// The auditor compared a cache with the row of a key that changed.
    Audited {
        /// How long after the change.
        after: Duration,
        /// Which cache.
        tier: Tier,
        /// Whether it held the row or nothing.
        agrees: bool,
    },
}
