//! What there is at one moment. Times are ages, so that states that differ in the date alone are one.

use super::rules::Bounds;

/// Ticks since something happened; negative where a clock says that it has not happened yet.
pub(crate) type Age = i8;
/// The current epoch of the database is 0; others are numbered as they are met.
pub(crate) type Epoch = u8;
/// Which history a server's data belongs to; 0 stands for none that is still there.
pub(crate) type Label = u8;
/// Versions of the row; 1 is what the database starts with.
pub(crate) type Version = u8;

pub(crate) const SERVERS: usize = 2;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) row: Version,
    /// When each version after the first was acknowledged.
    pub(crate) acknowledged: [Age; 2],
    /// The change log's rows of those versions.
    pub(crate) log: [Option<Change>; 2],
    pub(crate) servers: [Server; SERVERS],
    pub(crate) promotions: u8,
    /// The clock of the first server was stepped back.
    pub(crate) stepped: bool,
    pub(crate) reader: Reader,
    pub(crate) loads: [Load; 2],
    pub(crate) relays: [Relay; 2],
    /// Somebody was given a bound that was not true.
    pub(crate) lied: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Change {
    /// Since its transaction began.
    pub(crate) age: Age,
    pub(crate) applied_to: Label,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    pub(crate) role: Role,
    pub(crate) label: Label,
    pub(crate) cell: Cell,
    pub(crate) mark: Option<Mark>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Primary,
    /// Was the primary, and does not know yet that it is not.
    Deposed,
    Replica,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Cell {
    /// Nothing, or a tombstone: the primary is what is read, so a floor decides nothing.
    Empty,
    Lease {
        load: u8,
    },
    Kept(Entry),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) version: Version,
    pub(crate) epoch: Epoch,
}

/// The watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Mark {
    /// The server whose clock `at` is of.
    pub(crate) clock: u8,
    /// `r0`, as old as that server's clock says.
    pub(crate) at: Age,
    /// The database's time of the snapshot.
    pub(crate) snapshot: Age,
    pub(crate) epoch: Epoch,
}

/// The node whose answers are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Reader {
    pub(crate) server: u8,
    pub(crate) near: Option<Entry>,
    /// Redis will push when the key changes.
    pub(crate) tracked: bool,
    /// A GET is on its way, and the ticket taken for it still holds.
    pub(crate) ticket: bool,
    pub(crate) proof: Option<Proof>,
    /// What Redis has sent and the node has not read, in order.
    pub(crate) channel: [Option<Item>; 8],
    /// An answer without its bound yet; only where the proof is taken after the value.
    pub(crate) held: Option<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Proof {
    /// The bound of an answer given now.
    pub(crate) bound: Age,
    pub(crate) epoch: Epoch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Item {
    Push,
    /// The server dropped all its data.
    Everything,
    Reply(Option<Entry>),
    Probe(Option<Proof>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Load {
    Idle,
    /// It has read the row, and had the lease before.
    Read(Entry),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Relay {
    pub(crate) round: Option<Round>,
    /// The label of the server that it was connected to first; only where it is never read again.
    pub(crate) opened: Option<Label>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Round {
    pub(crate) stage: Stage,
    pub(crate) server: u8,
    pub(crate) label: Label,
    /// `r0`, as old as the server's clock says.
    pub(crate) began: Age,
    /// The snapshot of the watermark that was found, or that which has shown the gap: what the log must reach back to.
    pub(crate) since: Option<Age>,
    pub(crate) snapshot: Age,
    pub(crate) epoch: Epoch,
    /// The versions that were pending, a bit for each.
    pub(crate) pending: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Stage {
    Started,
    /// A snapshot has shown that the change log may not reach back to the watermark.
    Gap,
    /// The watermark was judged before the snapshot, or the raise is taken for enough; only where it is so.
    Judged,
    Read,
    Delivered,
}

impl State {
    /// Nothing is stored yet, and nobody knows since when; or a value and a watermark are, as at any moment of a long
    /// run.
    pub(crate) fn new(bounds: &Bounds) -> Self {
        let server = |role| Server {
            role,
            label: 1,
            cell: if bounds.warm {
                Cell::Kept(Entry {
                    version: 1,
                    epoch: 0,
                })
            } else {
                Cell::Empty
            },
            mark: bounds.warm.then_some(Mark {
                clock: 0,
                at: 0,
                snapshot: 0,
                epoch: 0,
            }),
        };
        let relay = Relay {
            round: None,
            opened: None,
        };
        Self {
            row: 1,
            acknowledged: [bounds.oldest; 2],
            log: [None; 2],
            servers: [server(Role::Primary), server(Role::Replica)],
            promotions: 0,
            stepped: false,
            reader: Reader {
                server: 0,
                near: None,
                tracked: false,
                ticket: false,
                proof: None,
                channel: [None; 8],
                held: None,
            },
            loads: [Load::Idle; 2],
            relays: [relay; 2],
            lied: false,
        }
    }

    /// Every epoch that is mentioned, always in the same order.
    pub(crate) fn each_epoch(&mut self, mut visit: impl FnMut(&mut Epoch)) {
        for server in &mut self.servers {
            if let Cell::Kept(entry) = &mut server.cell {
                visit(&mut entry.epoch);
            }
            if let Some(mark) = &mut server.mark {
                visit(&mut mark.epoch);
            }
        }
        for load in &mut self.loads {
            if let Load::Read(entry) = load {
                visit(&mut entry.epoch);
            }
        }
        for round in self.relays.iter_mut().filter_map(|r| r.round.as_mut()) {
            if round.has_epoch() {
                visit(&mut round.epoch);
            }
        }
        let reader = &mut self.reader;
        for entry in [&mut reader.near, &mut reader.held].into_iter().flatten() {
            visit(&mut entry.epoch);
        }
        if let Some(proof) = &mut reader.proof {
            visit(&mut proof.epoch);
        }
        for item in reader.channel.iter_mut().flatten() {
            match item {
                Item::Reply(Some(entry)) => visit(&mut entry.epoch),
                Item::Probe(Some(proof)) => visit(&mut proof.epoch),
                Item::Push | Item::Everything | Item::Reply(None) | Item::Probe(None) => {}
            }
        }
    }

    /// The highest number of an epoch.
    pub(crate) fn last_epoch(&self) -> Epoch {
        let mut last = 0;
        self.clone().each_epoch(|epoch| {
            if *epoch != Epoch::MAX {
                last = last.max(*epoch);
            }
        });
        last
    }

    pub(crate) fn primary(&self) -> usize {
        usize::from(self.servers[1].role == Role::Primary)
    }

    /// Stores in the key of a server, and tells the reader if it has read it there.
    pub(crate) fn put(&mut self, server: usize, cell: Cell) {
        self.servers[server].cell = cell;
        if self.reader.tracked && usize::from(self.reader.server) == server {
            self.reader.tracked = false;
            self.reader.send(Item::Push);
        }
    }

    /// A newer version than this was acknowledged longer than `bound` ago.
    pub(crate) fn is_beyond(&self, version: Version, bound: Age) -> bool {
        let next = usize::from(version) - 1;
        version < self.row && self.acknowledged[next] > bound
    }
}

impl Cell {
    /// The lease of a load.
    pub(crate) fn lease(load: usize) -> Self {
        Self::Lease {
            load: u8::try_from(load).unwrap_or(u8::MAX),
        }
    }
}

impl Server {
    pub(crate) fn writes(&self) -> bool {
        self.role != Role::Replica
    }
}

impl Round {
    /// Its snapshot is what the watermark will speak of.
    pub(crate) fn has_read(&self) -> bool {
        matches!(self.stage, Stage::Read | Stage::Delivered)
    }

    /// It knows the epoch that came with a snapshot.
    pub(crate) fn has_epoch(&self) -> bool {
        self.has_read() || self.stage == Stage::Gap
    }
}

impl Reader {
    pub(crate) fn send(&mut self, item: Item) {
        match self.channel.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => *slot = Some(item),
            None => unreachable!("more in flight than a node can ask for"),
        }
    }

    pub(crate) fn receive(&mut self) -> Option<Item> {
        let first = self.channel[0].take();
        self.channel.rotate_left(1);
        first
    }

    /// Drops what would change nothing when it is received.
    pub(crate) fn forget(&mut self, is_void: fn(&Item) -> bool) {
        let before = std::mem::take(&mut self.channel);
        let mut last = None;
        for item in before.into_iter().flatten().filter(|item| !is_void(item)) {
            // A second push in a row has nothing left to take away.
            if item != Item::Push || last != Some(Item::Push) {
                self.send(item);
            }
            last = Some(item);
        }
    }

    pub(crate) fn awaits(&self, matches: fn(&Item) -> bool) -> bool {
        self.channel.iter().flatten().any(matches)
    }
}
