//! What Redis does, script by script, in one step each.

use super::design::{Claims, Design};
use super::state::{Cell, Entry, Item, Phase, State, Version};

/// What an ACQUIRE answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acquired {
    Granted { floor: Version },
    Found(Entry),
    Wait,
}

/// What a FILL answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    Stored,
    Refused,
    StaleSource,
}

impl State {
    /// Stores in the key, and tells those who have read it.
    pub(crate) fn put(&mut self, cell: Cell) {
        self.cell = cell;
        for node in &mut self.nodes {
            if node.tracked {
                node.tracked = false;
                node.channel.send(Item::Push);
            }
        }
    }

    /// What a GET would answer, as far as it is a row or an absence.
    pub(crate) fn kept(&self) -> Option<Entry> {
        match self.cell {
            Cell::Kept(entry) => Some(entry),
            Cell::Empty | Cell::Tombstone { .. } | Cell::Lease { .. } => None,
        }
    }

    /// INVALIDATE.
    pub(crate) fn invalidate(&mut self, design: &Design, floor: Version) {
        for load in &mut self.loads {
            let matters = match load.phase {
                // What is read from the primary from now on cannot be older.
                Phase::Granted { .. } => design.lagging_rows,
                Phase::Read { content, .. } => floor > content,
                Phase::Idle | Phase::Asked | Phase::Got(_) => false,
            };
            if matters {
                load.since = load.since.max(floor);
            }
        }
        let number = match self.cell {
            Cell::Empty => 0,
            Cell::Kept(Entry { number, .. })
            | Cell::Tombstone { floor: number }
            | Cell::Lease { floor: number, .. } => number,
        };
        let is_absence = self.kept().is_some_and(|entry| entry.absence);
        if number >= floor && !is_absence {
            return;
        }
        let floor = if design.floors { floor.max(number) } else { 0 };
        self.put(Cell::Tombstone { floor });
    }

    /// ACQUIRE by somebody who cannot use `seen`.
    pub(crate) fn acquire(&mut self, design: &Design, by: u8, seen: Option<Entry>) -> Acquired {
        let (floor, outlives) = match self.cell {
            Cell::Kept(entry) if Some(entry) != seen => return Acquired::Found(entry),
            Cell::Lease { overdue, .. } if !(overdue && design.deadline) => return Acquired::Wait,
            Cell::Kept(Entry { absence: true, .. }) | Cell::Empty => (0, false),
            Cell::Kept(Entry { number, .. }) => (number, false),
            Cell::Tombstone { floor } => (floor, true),
            Cell::Lease {
                floor, outlives, ..
            } => (floor, outlives),
        };
        self.put(Cell::Lease {
            floor,
            holder: Some(by),
            overdue: false,
            // Otherwise an eviction does the same as the end of a key.
            outlives: outlives || design.claims != Claims::Progress,
        });
        Acquired::Granted { floor }
    }

    /// FILL with what the holder of a lease has read.
    pub(crate) fn fill(&mut self, design: &Design, by: u8, read: Entry) -> Filled {
        let Cell::Lease { floor, holder, .. } = self.cell else {
            return Filled::Refused;
        };
        if holder != Some(by) {
            return Filled::Refused;
        }
        if design.floors && read.number < floor {
            self.put(Cell::Tombstone { floor });
            return Filled::StaleSource;
        }
        let load = self.loads.get(usize::from(by));
        let overtaken = load.is_some_and(|load| load.since > read.content);
        self.put(Cell::Kept(Entry { overtaken, ..read }));
        Filled::Stored
    }

    /// The token of a load or a write that has ended is nobody's.
    pub(crate) fn forget_token(&mut self, of: u8) {
        for cell in [&mut self.cell, &mut self.copy] {
            if let Cell::Lease { holder, .. } = cell
                && *holder == Some(of)
            {
                *holder = None;
            }
        }
    }

    /// The lease time passes.
    pub(crate) fn pass_lease_time(&mut self) {
        if let Cell::Lease {
            overdue, outlives, ..
        } = &mut self.cell
        {
            if *outlives {
                *overdue = true;
            } else {
                self.put(Cell::Empty);
            }
        }
    }
}
