//! The steps, and where the code does each.

use crate::code::Code;

/// One atomic step. `node` and `load` are indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A writer takes the lease before it commits.
    Reserve {
        node: usize,
    },
    /// It changes nothing after all.
    Withdraw {
        node: usize,
    },
    /// A node commits the next version and its row of the change log.
    Commit {
        node: usize,
    },
    /// It raises its local floor and drops its near entry.
    RaiseFloor {
        node: usize,
    },
    /// Its invalidation reaches Redis.
    Invalidate {
        node: usize,
    },
    /// It learns so, lets the floor go and answers, if it has not yet.
    Acknowledge {
        node: usize,
    },
    /// It answers without having learnt so.
    GiveUp {
        node: usize,
    },
    /// A tracked GET under a new ticket.
    Get {
        load: usize,
    },
    /// A caller joins a load under way.
    Join {
        load: usize,
    },
    /// A node reads the next thing that Redis sent.
    Receive {
        node: usize,
    },
    /// A load answers with what its GET found, and keeps it by its ticket.
    Take {
        load: usize,
    },
    /// A load asks for the lease by a plain command that changes nothing where something is stored: after a GET that
    /// found nothing, or without one, on the guess that nothing is there.
    Claim {
        load: usize,
    },
    Acquire {
        load: usize,
    },
    /// The row is read from the database.
    Read {
        load: usize,
    },
    Fill {
        load: usize,
    },
    /// A load ends without a word.
    Abandon {
        load: usize,
    },
    RelayRead,
    RelayDeliver,
    RelayAcknowledge,
    RelayCrash,
    /// The key is evicted, or its time is up.
    Evict,
    LeaseTime,
    /// The replica of Redis catches up.
    Replicate,
    Failover,
    /// The replica of the database catches up.
    RowReplicate,
    /// A connection breaks.
    Disconnect {
        node: usize,
    },
    /// A process dies, and starts again with nothing.
    Crash {
        node: usize,
    },
}

impl Step {
    pub(crate) const fn code(self) -> Code {
        use Code::{Function, Script, World};
        match self {
            Self::Commit { .. } => Function("crates/adapters-postgres/src/user_writes.rs", "patch"),
            Self::RaiseFloor { .. } => {
                Function("crates/app/src/caching/invalidator.rs", "invalidate")
            }
            Self::Invalidate { .. } | Self::RelayDeliver => {
                Script("crates/adapters-redis/src/scripts/invalidate.lua")
            }
            Self::Acknowledge { .. } | Self::GiveUp { .. } => {
                Function("crates/app/src/caching/invalidator.rs", "deliver")
            }
            Self::Get { .. } => Function("crates/app/src/caching/lease_flow.rs", "look_up"),
            Self::Join { .. } => Function("crates/app/src/caching/flights.rs", "board"),
            Self::Receive { .. } => Function("crates/app/src/caching/near_cache.rs", "changed"),
            Self::Take { .. } => Function("crates/app/src/caching/near_cache.rs", "insert"),
            Self::Claim { .. } => Function("crates/adapters-redis/src/user_cache.rs", "claim"),
            Self::Acquire { .. } => Script("crates/adapters-redis/src/scripts/acquire.lua"),
            Self::Read { .. } => Function("crates/app/src/caching/lease_flow/filling.rs", "load"),
            Self::Fill { .. } => Script("crates/adapters-redis/src/scripts/fill.lua"),
            Self::RelayRead | Self::RelayAcknowledge => {
                Function("crates/app/src/caching/relay.rs", "round")
            }
            Self::Reserve { .. }
            | Self::Withdraw { .. }
            | Self::Abandon { .. }
            | Self::RelayCrash
            | Self::Evict
            | Self::LeaseTime
            | Self::Replicate
            | Self::Failover
            | Self::RowReplicate
            | Self::Disconnect { .. }
            | Self::Crash { .. } => World,
        }
    }
}
