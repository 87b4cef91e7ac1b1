//! The designs that are searched, and how far.

/// How a cache is kept, rule by rule.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a rule that can be left out"
)]
pub(crate) struct Design {
    pub(crate) kind: Kind,
    /// The near cache keeps a reply only under a ticket that still holds.
    pub(crate) guard: bool,
    /// Leases, tombstones and fills know about floors.
    pub(crate) floors: bool,
    /// Rows are read from a replica of the database that may lag.
    pub(crate) lagging_rows: bool,
    /// A lease ends at its deadline, not only with its key.
    pub(crate) deadline: bool,
    /// A change log and a relay deliver what the writer did not.
    pub(crate) relay: bool,
    /// After a failover, everything in the change log is delivered again.
    pub(crate) replay: bool,
    /// When the floor of a write ends, what was asked for before is not kept.
    pub(crate) second_drop: bool,
    /// A load takes nothing below the local floor that was there when it began, also when that has ended since.
    pub(crate) floor_at_start: bool,
    /// A writer takes the lease before its commit and fills in what it wrote; where it gets none, or loses it, it
    /// invalidates.
    pub(crate) write_through: bool,
    /// The properties that the design has to have.
    pub(crate) claims: Claims,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// GET; on a miss read the row and SETEX; after a commit DEL.
    Delete,
    /// After a commit a tombstone; a reader that saw nothing adds only if there still is nothing.
    AddIfAbsent,
    /// A writer stores what it wrote, a reader what it read, each unless a newer version is there.
    NewerWins,
    /// Leases, as the protocol has them.
    Leases,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claims {
    /// When nothing is under way, no tier holds an old version.
    Convergence,
    /// That and fill safety. What a process has written itself may be gone for a moment after a failover.
    Failover,
    /// Convergence, fill safety, and that a process sees its own writes.
    Safety,
    /// Time frees every lease whose holder died.
    Progress,
}

impl Design {
    pub(crate) const fn plain() -> Self {
        Self {
            kind: Kind::Delete,
            guard: false,
            floors: false,
            lagging_rows: false,
            deadline: false,
            relay: false,
            replay: false,
            second_drop: false,
            floor_at_start: false,
            write_through: false,
            claims: Claims::Convergence,
        }
    }

    pub(crate) const fn ours() -> Self {
        Self {
            kind: Kind::Leases,
            guard: true,
            floors: true,
            lagging_rows: false,
            deadline: true,
            relay: true,
            replay: true,
            second_drop: true,
            floor_at_start: true,
            write_through: false,
            claims: Claims::Safety,
        }
    }
}

/// How far a search goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Commits after the start.
    pub(crate) writes: u8,
    /// Which versions of the row are "there is no such row", a bit for each.
    pub(crate) absent: u8,
    /// The node of each load that can be under way at once.
    pub(crate) loads: &'static [usize],
    /// How many of the nodes have a near cache. They do not see each other's, so one is enough to find what can go
    /// wrong with it; the other then stands for all who load and write.
    pub(crate) near_nodes: usize,
    pub(crate) failovers: u8,
    /// Processes that die.
    pub(crate) crashes: u8,
    /// Connections that break, of each node.
    pub(crate) disconnects: bool,
}

impl Bounds {
    /// A row that is there all the time and changes twice, while each of two nodes may load it.
    pub(crate) const fn quick() -> Self {
        Self {
            writes: 2,
            absent: 0,
            loads: &[0, 1],
            near_nodes: 1,
            failovers: 0,
            crashes: 1,
            disconnects: true,
        }
    }

    pub(crate) const fn is_absent(&self, version: u8) -> bool {
        self.absent & (1 << version) != 0
    }
}
