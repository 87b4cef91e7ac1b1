//! The steps, and where the code does each.

use crate::code::Code;

/// One atomic step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// All clocks go on.
    Tick,
    /// A transaction that began so many ticks ago commits the next version and its row of the change log, and is
    /// acknowledged at once.
    Commit {
        age: i8,
    },
    /// A load is granted the lease, and reads the row; the epoch that its process knows may be an older one.
    Load {
        load: usize,
        server: usize,
        epoch: u8,
    },
    Fill {
        load: usize,
        server: usize,
    },
    /// A load ends without a word.
    Abandon {
        load: usize,
    },
    /// The reader's tracked GET.
    Get,
    Probe,
    /// The reader takes the next thing that Redis sent.
    Receive,
    /// The reader takes what it holds near, and looks for a proof later.
    Hold,
    /// The reader loses its connection and opens one to the other server.
    Reconnect,
    /// A relay opens its first connection; only where it reads the server's label no more after that.
    Open {
        relay: usize,
        server: usize,
    },
    Start {
        relay: usize,
        server: usize,
    },
    /// A relay looks how old the watermark is.
    Judge {
        relay: usize,
    },
    /// It reads what is pending, and finds that rows may have been purged since the watermark.
    FindGap {
        relay: usize,
    },
    /// It raises the epoch, if that is still the one of its snapshot.
    Raise {
        relay: usize,
    },
    /// It reads what is pending.
    Pending {
        relay: usize,
    },
    /// It invalidates that, and says so in the change log.
    Deliver {
        relay: usize,
    },
    SetMark {
        relay: usize,
    },
    /// The process of the relay takes an older epoch for the one of now; only where it does not matter what the
    /// snapshot says.
    Mistake {
        relay: usize,
        epoch: u8,
    },
    /// The round goes on with another connection.
    Move {
        relay: usize,
    },
    /// An error ends the round.
    Break {
        relay: usize,
    },
    Evict {
        server: usize,
    },
    EvictMark {
        server: usize,
    },
    /// The replica catches up.
    Replicate,
    Promote,
    /// The clock of the first server is stepped back.
    SetBack,
    /// What was the primary drops its data and follows the new one.
    Demote,
}

impl Step {
    pub(crate) const fn code(self) -> Code {
        use Code::{Function, Script, World};
        match self {
            Self::Commit { .. } => Function("crates/adapters-postgres/src/user_writes.rs", "patch"),
            Self::Load { .. } => Function("crates/app/src/caching/lease_flow/filling.rs", "load"),
            Self::Fill { .. } => Script("crates/adapters-redis/src/scripts/fill.lua"),
            Self::Get => Function("crates/app/src/caching/lease_flow.rs", "look_up"),
            Self::Probe => Function("crates/app/src/caching/watermark.rs", "probe"),
            Self::Receive => Function("crates/app/src/caching/near_cache.rs", "changed"),
            Self::Hold => Function("crates/app/src/caching/watermark.rs", "bound"),
            Self::Start { .. } => Script("crates/adapters-redis/src/scripts/relay_start.lua"),
            Self::Judge { .. } | Self::FindGap { .. } | Self::Pending { .. } => {
                Function("crates/app/src/caching/relay.rs", "pending")
            }
            Self::Raise { .. } => {
                Function("crates/adapters-postgres/src/change_log.rs", "raise_epoch")
            }
            Self::Deliver { .. } => Function("crates/app/src/caching/relay.rs", "round"),
            Self::SetMark { .. } => Script("crates/adapters-redis/src/scripts/set_watermark.lua"),
            Self::Tick
            | Self::Abandon { .. }
            | Self::Reconnect
            | Self::Open { .. }
            | Self::Mistake { .. }
            | Self::Move { .. }
            | Self::Break { .. }
            | Self::Evict { .. }
            | Self::EvictMark { .. }
            | Self::Replicate
            | Self::Promote
            | Self::SetBack
            | Self::Demote => World,
        }
    }
}
