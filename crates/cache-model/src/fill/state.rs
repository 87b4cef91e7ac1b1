//! What there is at one moment: a database with one row, a Redis with one key and a copy of it, two nodes, a relay.

pub(crate) const NODES: usize = 2;
/// Loads that can be under way at once.
pub(crate) const LOADS: usize = 3;

/// Versions of the row; 1 is what the database starts with.
pub(crate) type Version = u8;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) row: Version,
    /// What a lagging replica of the database still answers.
    pub(crate) lagging_row: Version,
    /// The versions whose rows of the change log are pending, a bit for each.
    pub(crate) pending: u8,
    pub(crate) cell: Cell,
    /// The replica of Redis: an earlier state of the same key.
    pub(crate) copy: Cell,
    pub(crate) failovers: u8,
    pub(crate) crashes: u8,
    pub(crate) relay: Relay,
    pub(crate) nodes: [Node; NODES],
    pub(crate) loads: [Load; LOADS],
    /// A caller was given less than its own process had acknowledged.
    pub(crate) told_old: bool,
}

/// A row, or that there is none, as a cache holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    /// The version that was read.
    pub(crate) content: Version,
    /// The number that is stored with it: its version, or for an absence the floor of its lease.
    pub(crate) number: Version,
    /// There is no such row.
    pub(crate) absence: bool,
    /// An invalidation above it was applied since its lease was granted: what must never be.
    pub(crate) overtaken: bool,
}

/// What the key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Cell {
    Empty,
    Kept(Entry),
    Tombstone {
        floor: Version,
    },
    Lease {
        floor: Version,
        /// The load or the writer whose token it is; nobody's when that has ended.
        holder: Option<u8>,
        overdue: bool,
        /// The key lives longer than the lease, because it replaced a tombstone.
        outlives: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Relay {
    Idle,
    Read { pending: u8 },
    Delivered { pending: u8 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) near: Option<Entry>,
    /// Versions below it are not taken from any cache.
    pub(crate) floor: Version,
    /// The last of its own writes that was acknowledged.
    pub(crate) acknowledged: Version,
    /// Redis will push when the key changes.
    pub(crate) tracked: bool,
    pub(crate) channel: Channel,
    pub(crate) write: Write,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Write {
    None,
    /// It holds the lease, and has not committed yet.
    Reserved,
    Committed(Version),
    /// The local floor is raised and the near entry gone.
    Floored {
        version: Version,
        answered: bool,
    },
    /// Redis has applied the invalidation; the reply is on its way.
    Applied {
        version: Version,
        answered: bool,
    },
}

/// What Redis has sent over a tracked connection and the node has not read, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Channel {
    items: [Option<Item>; 6],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Item {
    Push,
    Reply {
        load: u8,
        cell: Option<Entry>,
    },
    /// The connection is lost.
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Load {
    pub(crate) phase: Phase,
    /// Its ticket for the near cache still holds.
    pub(crate) ticket: bool,
    /// It began after the latest write of its process, so that callers may join it.
    pub(crate) joinable: bool,
    /// What its callers must at least be given.
    pub(crate) owed: Version,
    /// The local floor when it began.
    pub(crate) least: Version,
    /// The highest invalidation since its lease was granted that is above what it has read; 0 for none.
    pub(crate) since: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    Idle,
    /// A GET is on its way.
    Asked,
    /// What the GET found, if that was a row or an absence.
    Got(Option<Entry>),
    /// It may read the row.
    Granted {
        floor: Version,
    },
    Read {
        floor: Version,
        content: Version,
    },
}

impl Channel {
    /// A second push in a row is left out: the first takes away all that was read before either.
    pub(crate) fn send(&mut self, item: Item) {
        if item == Item::Push && self.last() == Some(Item::Push) {
            return;
        }
        match self.items.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => *slot = Some(item),
            None => unreachable!("more in flight than a node can ask for"),
        }
    }

    pub(crate) fn receive(&mut self) -> Option<Item> {
        let first = self.items[0].take();
        self.items.rotate_left(1);
        first
    }

    fn last(&self) -> Option<Item> {
        self.items.iter().flatten().last().copied()
    }

    pub(crate) fn first(&self) -> Option<Item> {
        self.items[0]
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.items.contains(&Some(Item::Gone))
    }
}

impl Node {
    pub(crate) fn new() -> Self {
        Self {
            near: None,
            floor: 0,
            acknowledged: 0,
            tracked: false,
            channel: Channel::default(),
            write: Write::None,
        }
    }
}

impl Load {
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::Idle,
            ticket: false,
            joinable: false,
            owed: 0,
            least: 0,
            since: 0,
        }
    }
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            row: 1,
            lagging_row: 1,
            pending: 0,
            cell: Cell::Empty,
            copy: Cell::Empty,
            failovers: 0,
            crashes: 0,
            relay: Relay::Idle,
            nodes: [Node::new(); NODES],
            loads: [Load::new(); LOADS],
            told_old: false,
        }
    }

    /// Nothing is in flight and nothing is pending.
    pub(crate) fn is_quiet(&self) -> bool {
        self.pending == 0
            && self.relay == Relay::Idle
            && self.lagging_row == self.row
            && self.loads.iter().all(|load| load.phase == Phase::Idle)
            && self
                .nodes
                .iter()
                .all(|node| node.write == Write::None && node.channel.first().is_none())
    }
}
