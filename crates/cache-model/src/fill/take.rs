//! What each step does.

use super::Fill;
use super::design::Kind;
use super::redis::{Acquired, Filled};
use super::state::{Cell, Entry, Item, LOADS, Load, Node, Phase, Relay, State, Version, Write};
use super::step::Step;

impl Fill {
    /// The state after a step; the same state when the step is not possible.
    pub(super) fn take(&self, before: &State, step: Step) -> State {
        let mut state = before.clone();
        match step {
            Step::Reserve { node } => {
                let seen = state.kept();
                state.acquire(&self.design, writer(node), seen);
                state.nodes[node].write = Write::Reserved;
            }
            Step::Withdraw { node } => {
                state.forget_token(writer(node));
                state.nodes[node].write = Write::None;
            }
            Step::Commit { node } => self.commit(&mut state, node),
            Step::RaiseFloor { node } => self.raise_floor(&mut state, node),
            Step::Invalidate { node } => self.invalidate(&mut state, node),
            Step::Acknowledge { node } => self.acknowledge(&mut state, node),
            Step::GiveUp { node } => self.give_up(&mut state, node),
            Step::Get { load } => self.get(&mut state, load),
            Step::Join { load } => join(&mut state, self.node_of(load), load),
            Step::Receive { node } => self.receive(&mut state, node),
            Step::Take { load } => self.take_reply(&mut state, load),
            Step::Claim { load } => self.claim(&mut state, load),
            Step::Acquire { load } => self.acquire(&mut state, load),
            Step::Read { load } => self.read(&mut state, load),
            Step::Fill { load } => self.fill(&mut state, load),
            Step::Abandon { load } => end(&mut state, load),
            Step::RelayRead => {
                state.relay = Relay::Read {
                    pending: state.pending,
                };
            }
            Step::RelayDeliver => self.relay_deliver(&mut state),
            Step::RelayAcknowledge => {
                if let Relay::Delivered { pending } = state.relay {
                    state.pending &= !pending;
                }
                state.relay = Relay::Idle;
            }
            Step::RelayCrash => state.relay = Relay::Idle,
            Step::Evict => state.put(Cell::Empty),
            Step::LeaseTime => state.pass_lease_time(),
            Step::Replicate => state.copy = state.cell,
            Step::Failover => self.fail_over(&mut state),
            Step::RowReplicate => state.lagging_row += 1,
            Step::Disconnect { node } => disconnect(&mut state.nodes[node]),
            Step::Crash { node } => self.crash(&mut state, node),
        }
        state
    }

    fn commit(&self, state: &mut State, node: usize) {
        state.row += 1;
        if !self.design.lagging_rows {
            state.lagging_row = state.row;
        }
        if self.design.relay {
            state.pending |= 1 << state.row;
        }
        let version = state.row;
        state.nodes[node].write = if self.design.kind == Kind::Leases {
            Write::Committed(version)
        } else {
            // There is nothing in the process to take care of.
            Write::Floored {
                version,
                answered: false,
            }
        };
    }

    fn raise_floor(&self, state: &mut State, node: usize) {
        if let Write::Committed(version) = state.nodes[node].write {
            state.nodes[node].floor = state.nodes[node].floor.max(version);
            self.drop_near(state, node);
            state.nodes[node].write = Write::Floored {
                version,
                answered: false,
            };
        }
    }

    /// Removes the near entry of a node, voids its tickets and lets nobody join the loads under way.
    fn drop_near(&self, state: &mut State, node: usize) {
        state.nodes[node].near = None;
        for load in self.loads_of(node) {
            state.loads[load].ticket = false;
            state.loads[load].joinable = false;
        }
    }

    fn invalidate(&self, state: &mut State, node: usize) {
        let Write::Floored { version, answered } = state.nodes[node].write else {
            return;
        };
        let written = self.entry(version, version);
        let is_filled = self.design.write_through
            && state.fill(&self.design, writer(node), written) == Filled::Stored;
        if !is_filled {
            self.apply(state, version);
        }
        state.nodes[node].write = Write::Applied { version, answered };
    }

    /// What a write, or the relay after it, does to Redis.
    fn apply(&self, state: &mut State, version: Version) {
        match self.design.kind {
            Kind::Leases => state.invalidate(&self.design, version),
            Kind::Delete => state.put(Cell::Empty),
            Kind::AddIfAbsent => state.put(Cell::Tombstone { floor: 0 }),
            Kind::NewerWins => {
                if state.kept().is_none_or(|entry| entry.number < version) {
                    state.put(Cell::Kept(self.entry(version, version)));
                }
            }
        }
    }

    fn acknowledge(&self, state: &mut State, node: usize) {
        let Write::Applied { version, .. } = state.nodes[node].write else {
            return;
        };
        if self.design.second_drop {
            self.drop_near(state, node);
        }
        let node = &mut state.nodes[node];
        if node.floor <= version {
            node.floor = 0;
        }
        node.acknowledged = node.acknowledged.max(version);
        node.write = Write::None;
    }

    fn give_up(&self, state: &mut State, node: usize) {
        let node = &mut state.nodes[node];
        let (Write::Floored { version, answered } | Write::Applied { version, answered }) =
            &mut node.write
        else {
            return;
        };
        *answered = true;
        node.acknowledged = node.acknowledged.max(*version);
        if self.design.kind != Kind::Leases {
            // Only the relay, where there is one, tries again.
            node.write = Write::None;
        }
    }

    fn get(&self, state: &mut State, load: usize) {
        let node = self.node_of(load);
        let found = state.kept();
        let started = self.started(state, load);
        if self.has_near(node) {
            state.loads[load] = started;
            state.nodes[node].tracked = true;
            let reply = Item::Reply {
                load: small(load),
                cell: found,
            };
            state.nodes[node].channel.send(reply);
        } else if found.is_none() || self.design.kind == Kind::Leases {
            state.loads[load] = Load {
                phase: Phase::Got(found),
                ..started
            };
        }
    }

    /// A load as it begins: what it starts from is taken before it asks.
    fn started(&self, state: &State, load: usize) -> Load {
        let node = self.node_of(load);
        Load {
            phase: Phase::Asked,
            ticket: self.has_near(node),
            joinable: true,
            owed: state.nodes[node].acknowledged,
            least: if self.design.floor_at_start {
                state.nodes[node].floor
            } else {
                0
            },
            since: 0,
        }
    }

    /// Takes the lease of a key that is absent. Otherwise nothing is known of what is there, nor is it tracked: the
    /// script is asked next.
    fn claim(&self, state: &mut State, load: usize) {
        if state.loads[load].phase == Phase::Idle {
            state.loads[load] = Load {
                phase: Phase::Got(None),
                ..self.started(state, load)
            };
        }
        if state.cell == Cell::Empty {
            self.acquire(state, load);
        }
    }

    fn receive(&self, state: &mut State, node: usize) {
        match state.nodes[node].channel.receive() {
            Some(Item::Reply { load, cell }) => {
                state.loads[usize::from(load)].phase = Phase::Got(cell);
            }
            // A push for the key, and the loss of the connection, mean the same to this one key.
            Some(Item::Push | Item::Gone) => {
                state.nodes[node].near = None;
                for load in self.loads_of(node) {
                    state.loads[load].ticket = false;
                }
            }
            None => {}
        }
    }

    fn take_reply(&self, state: &mut State, load: usize) {
        let Phase::Got(Some(entry)) = state.loads[load].phase else {
            return;
        };
        let node = self.node_of(load);
        if self.has_near(node) && (state.loads[load].ticket || !self.design.guard) {
            state.nodes[node].near = Some(entry);
        }
        answer(state, load, entry.content);
    }

    fn acquire(&self, state: &mut State, load: usize) {
        let Phase::Got(seen) = state.loads[load].phase else {
            return;
        };
        state.loads[load].phase = match self.design.kind {
            Kind::Leases => match state.acquire(&self.design, small(load), seen) {
                Acquired::Granted { floor } => {
                    // From here on it keeps nothing near.
                    state.loads[load].ticket = false;
                    state.loads[load].least = 0;
                    Phase::Granted { floor }
                }
                Acquired::Found(entry) => {
                    let node = self.node_of(load);
                    state.nodes[node].tracked = self.has_near(node);
                    Phase::Got(Some(entry))
                }
                Acquired::Wait => return,
            },
            Kind::Delete | Kind::AddIfAbsent | Kind::NewerWins => Phase::Granted { floor: 0 },
        };
    }

    fn read(&self, state: &mut State, load: usize) {
        if let Phase::Granted { floor } = state.loads[load].phase {
            let content = if self.design.lagging_rows {
                state.lagging_row
            } else {
                state.row
            };
            state.loads[load].phase = Phase::Read { floor, content };
            if state.loads[load].since <= content {
                state.loads[load].since = 0;
            }
        }
    }

    fn fill(&self, state: &mut State, load: usize) {
        let Phase::Read { floor, content } = state.loads[load].phase else {
            return;
        };
        let entry = self.entry(content, floor);
        let stored = match self.design.kind {
            Kind::Leases => state.fill(&self.design, small(load), entry) == Filled::Stored,
            Kind::Delete => true,
            Kind::AddIfAbsent => state.cell == Cell::Empty,
            Kind::NewerWins => state.kept().is_none_or(|kept| kept.number < content),
        };
        if self.design.kind != Kind::Leases && stored {
            state.put(Cell::Kept(entry));
        }
        if stored {
            answer(state, load, content);
        } else {
            // Who asked before the row was read may have it; who came later starts again.
            end(state, load);
        }
    }

    fn relay_deliver(&self, state: &mut State) {
        if let Relay::Read { pending } = state.relay {
            self.apply(state, small(pending.ilog2() as usize));
            state.relay = Relay::Delivered { pending };
        }
    }

    fn fail_over(&self, state: &mut State) {
        state.failovers += 1;
        state.cell = state.copy;
        for node in &mut state.nodes[..self.bounds.near_nodes] {
            disconnect(node);
        }
        for load in &mut state.loads {
            load.since = 0;
        }
        if self.design.replay {
            // What was applied before was applied to another incarnation; so says the row, too.
            state.pending = ((1 << (state.row + 1)) - 1) & !0b11;
            state.relay = Relay::Idle;
        } else if matches!(state.relay, Relay::Read { .. }) {
            state.relay = Relay::Idle;
        }
    }

    fn crash(&self, state: &mut State, node: usize) {
        state.crashes += 1;
        state.nodes[node] = Node::new();
        state.forget_token(writer(node));
        for load in self.loads_of(node) {
            end(state, load);
        }
    }

    /// What a fill stores for a version, under a lease of this floor.
    fn entry(&self, content: Version, floor: Version) -> Entry {
        let absence = self.bounds.is_absent(content);
        Entry {
            content,
            number: if absence { floor } else { content },
            absence,
            overtaken: false,
        }
    }
}

fn join(state: &mut State, node: usize, load: usize) {
    state.loads[load].owed = state.nodes[node].acknowledged;
}

fn answer(state: &mut State, load: usize, content: Version) {
    if content < state.loads[load].owed {
        state.told_old = true;
    }
    end(state, load);
}

fn end(state: &mut State, load: usize) {
    state.loads[load] = Load::new();
    state.forget_token(small(load));
}

fn disconnect(node: &mut Node) {
    if !node.channel.is_lost() {
        node.tracked = false;
        node.channel.send(Item::Gone);
    }
}

/// The token of a node's write, beside those of the loads.
fn writer(node: usize) -> u8 {
    small(LOADS + node)
}

fn small(index: usize) -> u8 {
    u8::try_from(index).unwrap_or(u8::MAX)
}
