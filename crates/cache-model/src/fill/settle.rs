//! One state for those of which one can do all that the others can.
//!
//! Each rule here either keeps what can happen exactly as it is, or leaves a state that the original reaches as well
//! and from which at least as much goes wrong: then nothing that is broken is missed, and nothing is made up. They are
//! for designs with leases that read the primary; the tests take a rule from the design and see it found all the same.

use super::Fill;
use super::state::{Cell, Channel, Entry, Item, Load, NODES, Phase, Relay, State, Write};

impl Fill {
    /// Gives a state its one form, where that is asked for.
    pub(super) fn settle(&self, state: &mut State) {
        if !self.settled {
            return;
        }
        if state.failovers == self.bounds.failovers {
            state.copy = Cell::Empty;
        }
        for cell in [&mut state.cell, &mut state.copy] {
            // Time may pass at any moment, and a lease that is overdue can do all that one in time can.
            if let Cell::Lease { overdue, .. } = cell {
                *overdue = true;
            }
        }
        for load in 0..self.bounds.loads.len() {
            self.settle_load(state, load);
        }
        if self.is_last(state) {
            self.forget_what_stays_true(state);
            if can_forget_redis(state) {
                self.forget_redis(state);
            }
        }
        for node in 0..NODES {
            self.forget_pushes(state, node);
        }
        if self.is_over(state) {
            *state = State {
                row: state.row,
                failovers: self.bounds.failovers,
                told_old: state.told_old,
                ..State::new()
            };
        }
    }

    pub(super) fn is_last(&self, state: &State) -> bool {
        state.row > self.bounds.writes
    }

    /// Nothing old is anywhere, and nothing grows old any more.
    pub(super) fn is_over(&self, state: &State) -> bool {
        self.settled
            && self.has_forgotten_redis(state)
            && state.loads.iter().all(|load| load.phase == Phase::Idle)
            && state
                .nodes
                .iter()
                .all(|node| node.near.is_none() && node.channel.first().is_none())
    }

    /// After the last write, from here on only what is in the nodes can be old.
    pub(super) fn has_forgotten_redis(&self, state: &State) -> bool {
        self.settled
            && self.is_last(state)
            && state.cell == Cell::Empty
            && state.failovers == self.bounds.failovers
    }

    fn settle_load(&self, state: &mut State, load: usize) {
        let holds =
            |cell| matches!(cell, Cell::Lease { holder: Some(by), .. } if usize::from(by) == load);
        let is_lost = !holds(state.cell) && !holds(state.copy);
        let acknowledged = state.nodes[self.node_of(load)].acknowledged;
        let this = &mut state.loads[load];
        match this.phase {
            Phase::Idle => return,
            // Its fill will be refused, and then it ends.
            Phase::Granted { .. } | Phase::Read { .. } if is_lost => {
                *this = Load::new();
                return;
            }
            _ => {}
        }
        // Whoever may join makes it owe more, and nothing else.
        if this.joinable {
            this.owed = this.owed.max(acknowledged);
        }
        if self.bounds.absent == 0 {
            match &mut this.phase {
                // Only an absence is stored under the floor of its lease.
                Phase::Granted { floor } | Phase::Read { floor, .. } => *floor = 0,
                Phase::Idle | Phase::Asked | Phase::Got(_) => {}
            }
        }
        match this.phase {
            // It will read the row as it is then, which is all that can be owed.
            Phase::Granted { .. } if !this.joinable => this.owed = 0,
            Phase::Read { content, .. } if !this.joinable && this.owed <= content => this.owed = 0,
            _ => {}
        }
    }

    /// After the last write, the row as it is can be in no answer that is wrong.
    fn forget_what_stays_true(&self, state: &mut State) {
        let row = state.row;
        for index in 0..self.bounds.loads.len() {
            let node = self.node_of(index);
            let load = &mut state.loads[index];
            if let Phase::Granted { floor } = load.phase {
                load.phase = Phase::Read {
                    floor,
                    content: row,
                };
            }
            match load.phase {
                Phase::Read { content, .. } if content == row => {
                    load.owed = 0;
                    load.joinable = false;
                    load.since = 0;
                }
                // The floor of nobody is above it, so it will be taken.
                Phase::Got(Some(entry)) if entry.content == row && !entry.absence => {
                    if load.ticket {
                        state.nodes[node].near = None;
                    }
                    state.loads[index] = Load::new();
                }
                _ => {}
            }
        }
        for node in &mut state.nodes {
            node.near = node.near.filter(|entry| entry.content < row);
        }
    }

    fn forget_redis(&self, state: &mut State) {
        state.cell = Cell::Empty;
        state.copy = Cell::Empty;
        state.failovers = self.bounds.failovers;
        state.pending = 0;
        state.relay = Relay::Idle;
        let row = state.row;
        let old = |entry: &Option<Entry>| entry.is_some_and(|entry| entry.content < row);
        for load in &mut state.loads {
            match load.phase {
                Phase::Got(found) if old(&found) => {}
                Phase::Idle | Phase::Asked => {}
                Phase::Got(_) | Phase::Granted { .. } | Phase::Read { .. } => *load = Load::new(),
            }
        }
        for node in &mut state.nodes {
            node.tracked = false;
            if node.write == Write::Reserved {
                node.write = Write::None;
            }
            let mut left = Channel::default();
            while let Some(item) = node.channel.receive() {
                match item {
                    Item::Reply { load, cell } if !old(&cell) => {
                        state.loads[usize::from(load)] = Load::new();
                    }
                    Item::Push | Item::Gone | Item::Reply { .. } => left.send(item),
                }
            }
            node.channel = left;
        }
    }

    /// A push has nothing to take away.
    fn forget_pushes(&self, state: &mut State, node: usize) {
        let loads = &state.loads;
        let has_ticket = self.loads_of(node).any(|load| loads[load].ticket);
        let node = &mut state.nodes[node];
        let is_void = node.near.is_none() && !has_ticket;
        if is_void {
            node.tracked = false;
        }
        let mut left = Channel::default();
        while let Some(item) = node.channel.receive() {
            if item != Item::Push || !is_void {
                left.send(item);
            }
        }
        node.channel = left;
    }
}

/// Redis holds nothing old, and nobody is about to store anything old there.
fn can_forget_redis(state: &State) -> bool {
    let old = |entry: &Entry| entry.content < state.row;
    let is_old = |cell: &Cell| matches!(cell, Cell::Kept(entry) if old(entry));
    let brings =
        |load: &Load| matches!(load.phase, Phase::Read { content, .. } if content < state.row);
    ![state.cell, state.copy].iter().any(is_old) && !state.loads.iter().any(brings)
}

#[cfg(test)]
mod tests {
    use super::super::design::{Bounds, Claims, Design};
    use super::Fill;
    use crate::search::search;

    const OURS: Design = Design::ours();
    const ONE: Bounds = Bounds {
        writes: 1,
        crashes: 0,
        disconnects: false,
        ..Bounds::quick()
    };

    const ONE_LOAD: Bounds = Bounds { loads: &[0], ..ONE };
    /// What the failed over replica brings back is loaded by the one, and written by the other.
    const FAILOVER: Bounds = Bounds {
        failovers: 1,
        loads: &[1],
        ..ONE
    };
    const BOTH_NEAR: Bounds = Bounds {
        near_nodes: 2,
        ..ONE
    };
    const DIES: Bounds = Bounds { crashes: 1, ..ONE };
    const DIES_ALONE: Bounds = Bounds {
        crashes: 1,
        ..ONE_LOAD
    };
    const OWN_FAILOVER: Bounds = Bounds {
        loads: &[0],
        ..FAILOVER
    };

    fn broken(design: Design, bounds: Bounds, settled: bool) -> Option<&'static str> {
        let fill = Fill {
            design,
            bounds,
            settled,
        };
        let found = search(&fill, 100_000_000);
        assert!(found.exhausted || found.violation.is_some());
        found.violation.map(|violation| violation.property)
    }

    fn ours_but(change: fn(&mut Design)) -> Design {
        let mut design = OURS;
        change(&mut design);
        design
    }

    fn write_through_but(change: fn(&mut Design)) -> Design {
        let mut design = ours_but(|design| design.write_through = true);
        change(&mut design);
        design
    }

    /// In designs that lack a rule, and in none that lacks nothing.
    #[test]
    fn what_is_broken_is_found_all_the_same() {
        let no_guard = ours_but(|design| design.guard = false);
        let no_replay = ours_but(|design| {
            design.replay = false;
            design.claims = Claims::Failover;
        });
        let designs = [
            ("ours", OURS, ONE),
            ("a process dies", OURS, DIES_ALONE),
            ("no guard", no_guard, ONE),
            ("no guard, two near caches", no_guard, BOTH_NEAR),
            (
                "no second drop",
                ours_but(|design| design.second_drop = false),
                ONE,
            ),
            (
                "no floor at the start",
                ours_but(|design| design.floor_at_start = false),
                ONE,
            ),
            ("no floors", ours_but(|design| design.floors = false), ONE),
            ("no relay", ours_but(|design| design.relay = false), DIES),
            ("no replay", no_replay, FAILOVER),
            ("own writes over a failover", OURS, OWN_FAILOVER),
            ("write-through", write_through_but(|_| {}), ONE_LOAD),
            (
                "write-through, no guard",
                write_through_but(|design| design.guard = false),
                ONE,
            ),
            (
                "write-through, no floor at the start",
                write_through_but(|design| design.floor_at_start = false),
                ONE,
            ),
        ];
        let mut found = Vec::new();
        for (name, design, bounds) in designs {
            let as_it_is = broken(design, bounds, false);
            let settled = broken(design, bounds, true);
            // Where two are broken, another may be met first.
            assert_eq!(settled.is_some(), as_it_is.is_some(), "{name}");
            found.push((name, as_it_is, settled));
        }
        let wrong = found.iter().filter(|(_, broken, _)| broken.is_some());
        assert!(wrong.count() >= 6, "{found:?}");
    }
}
