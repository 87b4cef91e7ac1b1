//! Fill safety, convergence, own writes and progress (sections 2 to 6 of the protocol): one key, two nodes.

mod cases;
mod design;
mod redis;
mod settle;
mod state;
mod step;
mod take;
mod tell;

pub(crate) use self::cases::cases;
use self::design::{Bounds, Claims, Design, Kind};

use self::redis::Acquired;
use self::state::{Cell, Entry, NODES, Phase, Relay, State, Write};
use self::step::Step;
use crate::code::Code;
use crate::protocol::Protocol;

/// A design within bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fill {
    pub(crate) design: Design,
    pub(crate) bounds: Bounds,
    /// Whether states of which one can do all that the others can are one.
    pub(crate) settled: bool,
}

impl Protocol for Fill {
    type State = State;
    type Step = Step;

    fn start(&self) -> State {
        let mut start = State::new();
        self.settle(&mut start);
        start
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        if self.is_over(state) {
            return;
        }
        // What it does now, nothing else depends on: it may as well do it at once.
        if self.settled && matches!(state.relay, Relay::Delivered { .. }) {
            steps.extend([Step::RelayAcknowledge, Step::RelayCrash]);
            return;
        }
        for node in 0..NODES {
            self.steps_of_node(state, node, steps);
        }
        for load in 0..self.bounds.loads.len() {
            self.steps_of_load(state, load, steps);
        }
        match state.relay {
            Relay::Idle if state.pending != 0 => steps.push(Step::RelayRead),
            Relay::Idle => {}
            // One that dies before it has done anything was never there.
            Relay::Read { .. } if self.settled => steps.push(Step::RelayDeliver),
            Relay::Read { .. } => steps.extend([Step::RelayDeliver, Step::RelayCrash]),
            Relay::Delivered { .. } => steps.extend([Step::RelayAcknowledge, Step::RelayCrash]),
        }
        if state.cell != Cell::Empty {
            steps.push(Step::Evict);
        }
        if matches!(state.cell, Cell::Lease { overdue: false, .. }) {
            steps.push(Step::LeaseTime);
        }
        if state.failovers < self.bounds.failovers {
            steps.push(Step::Failover);
            if state.copy != state.cell {
                steps.push(Step::Replicate);
            }
        }
        if state.lagging_row < state.row {
            steps.push(Step::RowReplicate);
        }
    }

    fn next(&self, state: &State, step: Step) -> State {
        let mut next = self.take(state, step);
        self.settle(&mut next);
        next
    }

    fn broken(&self, state: &State) -> Option<&'static str> {
        let claims = self.design.claims;
        if claims == Claims::Progress {
            return self.is_stuck(state).then_some("progress");
        }
        if state.is_quiet() && holds_old(state) {
            return Some("convergence");
        }
        if claims == Claims::Convergence {
            return None;
        }
        if state.kept().is_some_and(|entry| entry.overtaken) {
            return Some("fill safety");
        }
        let hits_old = |node: &state::Node| {
            node.near.is_some_and(|entry| {
                entry.number >= node.floor && entry.content < node.acknowledged
            })
        };
        if claims == Claims::Safety && (state.told_old || state.nodes.iter().any(hits_old)) {
            return Some("own writes");
        }
        None
    }

    fn tell(&self, before: &State, step: Step, after: &State) -> String {
        tell::tell(self, before, step, after)
    }

    fn code(&self, step: Step) -> Code {
        if self.design.kind == Kind::Leases && !self.design.write_through {
            step.code()
        } else {
            Code::World
        }
    }
}

impl Fill {
    fn steps_of_node(&self, state: &State, index: usize, steps: &mut Vec<Step>) {
        let node = &state.nodes[index];
        match node.write {
            Write::None if state.row <= self.bounds.writes => {
                steps.push(Step::Commit { node: index });
                if self.design.write_through && !is_leased(state) {
                    steps.push(Step::Reserve { node: index });
                }
            }
            Write::None => {}
            Write::Reserved => {
                steps.push(Step::Withdraw { node: index });
                if state.row <= self.bounds.writes {
                    steps.push(Step::Commit { node: index });
                }
            }
            Write::Committed(_) => steps.push(Step::RaiseFloor { node: index }),
            Write::Floored { answered, .. } => {
                steps.push(Step::Invalidate { node: index });
                if !answered {
                    steps.push(Step::GiveUp { node: index });
                }
            }
            Write::Applied { answered, .. } => {
                steps.push(Step::Acknowledge { node: index });
                if !answered && self.design.kind == Kind::Leases {
                    steps.push(Step::GiveUp { node: index });
                }
            }
        }
        if node.channel.first().is_some() {
            steps.push(Step::Receive { node: index });
        }
        if self.bounds.disconnects && self.has_near(index) && !node.channel.is_lost() {
            steps.push(Step::Disconnect { node: index });
        }
        if state.crashes < self.bounds.crashes {
            steps.push(Step::Crash { node: index });
        }
    }

    fn steps_of_load(&self, state: &State, index: usize, steps: &mut Vec<Step>) {
        let load = &state.loads[index];
        let node = &state.nodes[self.node_of(index)];
        if load.phase != Phase::Idle && load.joinable && load.owed < node.acknowledged {
            steps.push(Step::Join { load: index });
        }
        match load.phase {
            Phase::Idle => {
                if !node.channel.is_lost() && !self.has_forgotten_redis(state) {
                    steps.push(Step::Get { load: index });
                    if self.design.kind == Kind::Leases {
                        steps.push(Step::Claim { load: index });
                    }
                }
                return;
            }
            Phase::Asked => return,
            Phase::Got(Some(entry)) if entry.number >= node.floor.max(load.least) => {
                steps.push(Step::Take { load: index });
                return;
            }
            Phase::Got(None) if self.design.kind == Kind::Leases && state.cell == Cell::Empty => {
                steps.push(Step::Claim { load: index });
            }
            Phase::Got(_) => steps.push(Step::Acquire { load: index }),
            Phase::Granted { .. } => steps.push(Step::Read { load: index }),
            Phase::Read { .. } => steps.push(Step::Fill { load: index }),
        }
        steps.push(Step::Abandon { load: index });
    }

    /// The holder of the lease is dead, the lease time passes, and still nobody else is granted one.
    fn is_stuck(&self, state: &State) -> bool {
        if !matches!(state.cell, Cell::Lease { holder: None, .. }) {
            return false;
        }
        let mut later = state.clone();
        later.pass_lease_time();
        later.acquire(&self.design, 0, None) == Acquired::Wait
    }

    fn has_near(&self, node: usize) -> bool {
        self.design.kind == Kind::Leases && node < self.bounds.near_nodes
    }

    pub(super) fn node_of(&self, load: usize) -> usize {
        self.bounds.loads[load]
    }

    fn loads_of(&self, node: usize) -> impl Iterator<Item = usize> + use<> {
        let loads = self.bounds.loads;
        (0..loads.len()).filter(move |load| loads[*load] == node)
    }
}

/// Somebody holds the lease, and it is not overdue.
fn is_leased(state: &State) -> bool {
    matches!(state.cell, Cell::Lease { overdue: false, .. })
}

/// A tier holds something older than the row.
fn holds_old(state: &State) -> bool {
    let old = |entry: Entry| entry.content < state.row;
    state.kept().is_some_and(old) || state.nodes.iter().any(|node| node.near.is_some_and(old))
}
