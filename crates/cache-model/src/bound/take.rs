//! What the steps of readers, writers and servers do. Those of the relay are in `relay.rs`.

use super::Bound;
use super::rules::Rule;
use super::state::{Age, Cell, Change, Entry, Item, Load, Proof, Role, State};
use super::step::Step;

impl Bound {
    /// The state after a step, canonical or not.
    pub(super) fn take(&self, before: &State, step: Step) -> State {
        let mut state = before.clone();
        match step {
            Step::Tick => self.tick(&mut state),
            Step::Commit { age } => commit(&mut state, age),
            Step::Load {
                load,
                server,
                epoch,
            } => {
                state.put(server, Cell::lease(load));
                state.loads[load] = Load::Read(Entry {
                    version: state.row,
                    epoch,
                });
            }
            Step::Fill { load, server } => self.fill(&mut state, load, server),
            Step::Abandon { load } => end(&mut state, load),
            Step::Get => {
                let reply = match state.servers[usize::from(state.reader.server)].cell {
                    Cell::Kept(entry) => Some(entry),
                    Cell::Empty | Cell::Lease { .. } => None,
                };
                state.reader.tracked = true;
                state.reader.ticket = true;
                state.reader.send(Item::Reply(reply));
            }
            Step::Probe => {
                let proof = self.probe(&state);
                if self.has(Rule::ProbeInOrder) {
                    state.reader.send(Item::Probe(proof));
                } else {
                    state.reader.proof = tighter(state.reader.proof, proof);
                }
            }
            Step::Receive => self.receive(&mut state),
            Step::Hold => state.reader.held = state.reader.near,
            Step::Reconnect => {
                let reader = &mut state.reader;
                reader.server = 1 - reader.server;
                let lost = std::mem::take(&mut reader.channel);
                if !self.has(Rule::ProbeOfThisEra) {
                    let is_probe = |item: &Item| matches!(item, Item::Probe(_));
                    lost.into_iter()
                        .flatten()
                        .filter(is_probe)
                        .for_each(|probe| reader.send(probe));
                }
                reader.tracked = false;
                self.void(&mut state);
            }
            Step::Evict { server } => state.put(server, Cell::Empty),
            Step::EvictMark { server } => state.servers[server].mark = None,
            Step::Replicate => copy_data(&mut state),
            Step::Promote => {
                let old = state.primary();
                state.promotions += 1;
                state.servers[old].role = Role::Deposed;
                state.servers[1 - old].role = Role::Primary;
                state.servers[1 - old].label = state.promotions + 1;
            }
            Step::SetBack => self.step_back(&mut state),
            Step::Demote => {
                let server = 1 - state.primary();
                state.servers[server].role = Role::Replica;
                if usize::from(state.reader.server) == server {
                    state.reader.tracked = false;
                    state.reader.send(Item::Everything);
                }
                copy_data(&mut state);
            }
            Step::Open { relay, .. }
            | Step::Start { relay, .. }
            | Step::Judge { relay }
            | Step::FindGap { relay }
            | Step::Raise { relay }
            | Step::Pending { relay }
            | Step::Deliver { relay }
            | Step::SetMark { relay }
            | Step::Mistake { relay, .. }
            | Step::Move { relay }
            | Step::Break { relay } => self.take_of_relay(&mut state, relay, step),
        }
        state
    }

    fn fill(&self, state: &mut State, load: usize, server: usize) {
        let Load::Read(mut entry) = state.loads[load] else {
            return;
        };
        if !self.has(Rule::EpochBeforeRow) {
            entry.epoch = 0;
        }
        if state.servers[server].cell == Cell::lease(load) {
            state.put(server, Cell::Kept(entry));
        }
        end(state, load);
    }

    /// What the server that the reader is connected to says of its data.
    pub(super) fn probe(&self, state: &State) -> Option<Proof> {
        let server = state.reader.server;
        let asked = state.servers[usize::from(server)];
        if asked.role == Role::Replica && self.has(Rule::PrimaryAlone) {
            return None;
        }
        let mark = asked.mark?;
        if self.has(Rule::OneClock) && mark.clock != server {
            return None;
        }
        let bound = mark.at + self.ahead(server, mark.clock);
        (bound >= 0 || !self.has(Rule::NotOfTheFuture)).then(|| Proof {
            bound: bound.clamp(0, self.bounds.oldest),
            epoch: mark.epoch,
        })
    }

    /// What was read of the first server's clock is later than it would be now.
    fn step_back(&self, state: &mut State) {
        state.stepped = true;
        for mark in state.servers.iter_mut().filter_map(|s| s.mark.as_mut()) {
            if mark.clock == 0 {
                mark.at -= self.bounds.step_back;
            }
        }
        for round in state.relays.iter_mut().filter_map(|r| r.round.as_mut()) {
            if round.server == 0 {
                round.began -= self.bounds.step_back;
            }
        }
    }

    pub(super) fn receive(&self, state: &mut State) {
        match state.reader.receive() {
            Some(Item::Push) => {
                state.reader.near = None;
                state.reader.ticket = false;
            }
            Some(Item::Everything) => self.void(state),
            Some(Item::Probe(proof)) => {
                state.reader.proof = tighter(state.reader.proof, proof);
            }
            Some(Item::Reply(Some(entry))) => {
                if state.reader.ticket {
                    state.reader.near = Some(entry);
                }
                state.reader.ticket = false;
                if !self.has(Rule::ProofFirst) {
                    state.reader.held = Some(entry);
                } else if self.lies(state, entry) {
                    state.lied = true;
                }
            }
            Some(Item::Reply(None)) => state.reader.ticket = false,
            None => {}
        }
    }

    /// Whether an answer with this entry and the proof of now would lie.
    pub(super) fn lies(&self, state: &State, entry: Entry) -> bool {
        state.reader.proof.is_some_and(|proof| {
            let speaks = proof.epoch == entry.epoch || !self.has(Rule::SameEpoch);
            speaks && self.is_beyond(state, entry, proof.bound + self.step_of(state))
        })
    }

    pub(super) fn is_beyond(&self, state: &State, entry: Entry, bound: Age) -> bool {
        // At the end of the scale, nothing is known of how old.
        bound < self.bounds.oldest + self.step_of(state) && state.is_beyond(entry.version, bound)
    }

    /// By how much a clock was stepped back, and so by how much a bound may be too small.
    fn step_of(&self, state: &State) -> Age {
        if state.stepped {
            self.bounds.step_back
        } else {
            0
        }
    }

    /// The data or the connection is gone.
    fn void(&self, state: &mut State) {
        state.reader.near = None;
        state.reader.ticket = false;
        if self.has(Rule::ProofEnds) {
            state.reader.proof = None;
        }
    }

    /// How much the clock of one server is ahead of another's.
    pub(super) fn ahead(&self, server: u8, of: u8) -> i8 {
        self.bounds.clocks[usize::from(server)] - self.bounds.clocks[usize::from(of)]
    }
}

/// The latest, unless the one before says more of the same values: what was taken before it may still be attached.
pub(super) fn tighter(before: Option<Proof>, latest: Option<Proof>) -> Option<Proof> {
    match (before, latest) {
        (Some(before), Some(latest))
            if before.epoch == latest.epoch && before.bound < latest.bound =>
        {
            Some(before)
        }
        (before, latest) => latest.or(before),
    }
}

fn commit(state: &mut State, age: Age) {
    let version = usize::from(state.row) - 1;
    state.row += 1;
    state.acknowledged[version] = 0;
    state.log[version] = Some(Change { age, applied_to: 0 });
}

/// The data of the primary, whole, at the other server.
fn copy_data(state: &mut State) {
    let primary = state.primary();
    let source = state.servers[primary];
    if state.servers[1 - primary].cell != source.cell {
        state.put(1 - primary, source.cell);
    }
    state.servers[1 - primary].mark = source.mark;
    state.servers[1 - primary].label = source.label;
}

pub(super) fn end(state: &mut State, load: usize) {
    state.loads[load] = Load::Idle;
    for server in &mut state.servers {
        // A lease that nobody holds is worth as much as nothing.
        if server.cell == Cell::lease(load) {
            server.cell = Cell::Empty;
        }
    }
}

pub(super) fn small(index: usize) -> u8 {
    u8::try_from(index).unwrap_or(u8::MAX)
}
