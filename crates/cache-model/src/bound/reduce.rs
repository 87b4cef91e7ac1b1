//! What nothing else depends on happens at once, and what decides nothing any more is forgotten.
//!
//! Each rule here leaves a state that is reached anyway, and from which as much can go wrong as before: the tests search
//! both ways, find for each state one that has as much to lie with, and find the same designs broken.

use super::Bound;
use super::rules::Rule;
use super::state::{Cell, Epoch, Item, Load, Round, SERVERS, Stage, State};
use super::take::{end, tighter};
use crate::protocol::Protocol as _;

impl Bound {
    pub(super) fn reduce(&self, state: &mut State) {
        for round in state.relays.iter_mut().filter_map(|r| r.round.as_mut()) {
            self.go_on(round);
        }
        // What a load has read tells a lie by itself where its age is not counted.
        if self.has(Rule::RowAges) {
            self.end_loads(state);
        }
        self.forget_log(state);
        self.ask_at_once(state);
        self.forget_redis(state);
        self.forget_proof(state);
    }

    /// Nothing is delivered where nothing is pending, and an epoch is not raised that somebody else has raised.
    fn go_on(&self, round: &mut Round) {
        match round.stage {
            // Where `r0` is noted after the delivery, it matters when that is.
            Stage::Read if round.pending == 0 && self.has(Rule::SnapshotAfterTime) => {
                round.stage = Stage::Delivered;
            }
            Stage::Gap if round.epoch != 0 => {
                self.go_on_after_raise(round);
            }
            Stage::Started | Stage::Gap | Stage::Judged | Stage::Read | Stage::Delivered => {}
        }
    }

    /// A load without its lease stores nothing, and one that has it fills at once: whatever takes the lease away takes
    /// away what it would have stored, and is told to those who have read that.
    fn end_loads(&self, state: &mut State) {
        let fills = self.has(Rule::EpochBeforeRow);
        for load in 0..self.bounds.loads {
            let Load::Read(entry) = state.loads[load] else {
                continue;
            };
            let lease = Cell::lease(load);
            if fills && entry.epoch != Epoch::MAX {
                for server in 0..SERVERS {
                    if state.servers[server].cell == lease {
                        state.put(server, Cell::Kept(entry));
                    }
                }
            }
            if fills || state.servers.iter().all(|server| server.cell != lease) {
                end(state, load);
            }
        }
    }

    /// What was delivered to the last history is pending no more.
    fn forget_log(&self, state: &mut State) {
        if state.promotions < self.bounds.promotions || !self.forgets_labels() {
            return;
        }
        let labels = state.servers.map(|server| server.label);
        for slot in &mut state.log {
            *slot = slot.filter(|change| labels.iter().any(|label| *label != change.applied_to));
        }
    }

    /// An entry and a tighter proof can only make more answers lie, and may be asked for at any moment.
    ///
    /// Not a proof of another epoch, which would take the place of the one that is there.
    fn ask_at_once(&self, state: &mut State) {
        let asks = self.bounds.prompt && self.has(Rule::ProofFirst);
        if !asks || state.reader.channel[0].is_some() {
            return;
        }
        if let Cell::Kept(entry) = state.servers[usize::from(state.reader.server)].cell {
            state.reader.near = Some(entry);
            state.reader.tracked = true;
        }
        let Some(proof) = self.probe(state) else {
            return;
        };
        let before = state.reader.proof;
        let says = proof.bound < self.bounds.oldest;
        if says && before.is_none_or(|before| before.epoch == proof.epoch) {
            state.reader.proof = tighter(before, Some(proof));
        }
    }

    /// After the last write, and with nothing older in Redis or on its way there, nothing that is asked for can be
    /// old. What the node holds is, until it receives the push that is on its way; a proof comes behind that.
    fn forget_redis(&self, state: &mut State) {
        let row = state.row;
        let in_order = self.has(Rule::ProofFirst) && self.has(Rule::ProbeInOrder);
        let is_old = |cell| matches!(cell, Cell::Kept(entry) if entry.version < row);
        if !in_order
            || row <= self.bounds.writes
            || state.loads.iter().any(|load| *load != Load::Idle)
            || state.servers.iter().any(|server| is_old(server.cell))
            || self.broken(state).is_some()
        {
            return;
        }
        state.log = Default::default();
        for server in &mut state.servers {
            server.cell = Cell::Empty;
            server.mark = None;
        }
        for relay in &mut state.relays {
            relay.round = None;
        }
        let reader = &mut state.reader;
        if self.bounds.prompt {
            // Nothing but a push is waited for.
            reader.near = None;
            reader.proof = None;
            reader.channel = Default::default();
        }
        let is_push = |item: &Option<Item>| matches!(item, Some(Item::Push | Item::Everything));
        let behind = reader.channel.iter().rposition(is_push);
        reader.channel[behind.map_or(0, |last| last + 1)..].fill(None);
        reader.ticket &= reader.awaits(|item| matches!(item, Item::Reply(_)));
    }

    /// A proof of an epoch that no value has, and that none will have.
    fn forget_proof(&self, state: &mut State) {
        let Some(proof) = state.reader.proof else {
            return;
        };
        if proof.epoch == 0 || self.bounds.late_epochs || !self.has(Rule::SameEpoch) {
            return;
        }
        let stored = state.servers.iter().filter_map(|server| match server.cell {
            Cell::Kept(entry) => Some(entry),
            Cell::Empty | Cell::Lease { .. } => None,
        });
        let loaded = state.loads.iter().filter_map(|load| match load {
            Load::Read(entry) => Some(*entry),
            Load::Idle => None,
        });
        let reader = &state.reader;
        let sent = reader.channel.iter().filter_map(|item| match item {
            Some(Item::Reply(entry)) => *entry,
            _ => None,
        });
        let has_it = stored
            .chain(loaded)
            .chain(sent)
            .chain(reader.near)
            .chain(reader.held)
            .any(|entry| entry.epoch == proof.epoch);
        if !has_it {
            state.reader.proof = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::super::cases::cases;
    use super::super::rules::Bounds;
    use super::super::state::{Cell, Item, Proof, Reader, SERVERS, State};
    use super::Bound;
    use crate::case::{Subject, Verdict};
    use crate::protocol::Protocol as _;
    use crate::search::search;

    const PROMPT: Bounds = Bounds {
        prompt: true,
        ..Bounds::quick()
    };
    const FAILOVER: Bounds = Bounds {
        promotions: 1,
        loads: 0,
        oldest: 2,
        warm: true,
        ..PROMPT
    };

    /// All that is reached, and whether something is broken anywhere.
    fn reached(bound: Bound) -> (HashSet<State>, bool) {
        let start = bound.start();
        let mut seen = HashSet::from([start.clone()]);
        let (mut left, mut steps, mut is_broken) = (vec![start], Vec::new(), false);
        while let Some(state) = left.pop() {
            is_broken |= bound.broken(&state).is_some();
            steps.clear();
            bound.steps(&state, &mut steps);
            for step in steps.drain(..) {
                let next = bound.next(&state, step);
                if seen.insert(next.clone()) {
                    left.push(next);
                }
            }
        }
        (seen, is_broken)
    }

    /// The one form of each; a push that is dropped may leave something in front that is received at once.
    fn forms(bound: Bound, states: HashSet<State>) -> HashSet<State> {
        let form = |mut state: State| {
            loop {
                let before = state.clone();
                bound.settle(&mut state);
                if state == before {
                    return state;
                }
            }
        };
        states.into_iter().map(form).collect()
    }

    /// What two states must have in common, of which one can do all that the other can: not what is stored, and not
    /// what the reader holds and is sent.
    fn common(state: &State) -> State {
        let mut state = state.clone();
        let server = state.reader.server;
        state.reader = State::new(&PROMPT).reader;
        state.reader.server = server;
        for server in &mut state.servers {
            server.cell = Cell::Empty;
        }
        state
    }

    /// Whether one state has a value, an entry and a proof wherever the other has one, and promises no more pushes.
    fn has_as_much(one: &State, other: &State) -> bool {
        let stores = |server: usize| {
            let other = other.servers[server].cell;
            other == Cell::Empty || one.servers[server].cell == other
        };
        let sent =
            |reader: &Reader| -> Vec<Item> { reader.channel.into_iter().flatten().collect() };
        let (one, other) = (&one.reader, &other.reader);
        (0..SERVERS).all(stores)
            && proves_as_much(one.proof, other.proof)
            && (other.near.is_none() || one.near == other.near)
            && (one.ticket || !other.ticket)
            && brings_as_much(&sent(one), &sent(other))
    }

    fn proves_as_much(one: Option<Proof>, other: Option<Proof>) -> bool {
        match (one, other) {
            (Some(one), Some(other)) => one.epoch == other.epoch && one.bound <= other.bound,
            (_, None) => true,
            (None, Some(_)) => false,
        }
    }

    fn brings_as_much(one: &[Item], other: &[Item]) -> bool {
        if let ([Item::Reply(_), one @ ..], _) = (one, other)
            && brings_as_much(one, other)
        {
            return true;
        }
        if let (_, [Item::Push | Item::Reply(None), other @ ..]) = (one, other)
            && brings_as_much(one, other)
        {
            return true;
        }
        match (one, other) {
            ([], []) => true,
            ([first, one @ ..], [second, other @ ..]) => {
                let is_enough = match (first, second) {
                    (Item::Probe(one), Item::Probe(other)) => proves_as_much(*one, *other),
                    (Item::Reply(_), Item::Reply(None)) => true,
                    _ => first == second,
                };
                is_enough && brings_as_much(one, other)
            }
            _ => false,
        }
    }

    fn bound(bounds: Bounds, reduced: bool) -> Bound {
        Bound {
            bounds,
            without: None,
            reduced,
        }
    }

    /// The states of a search with all steps, each reduced, are those of the search that reduces at once.
    #[test]
    fn the_same_states_are_reached() {
        let small = [
            ("loads", PROMPT),
            ("late replies", Bounds::quick()),
            (
                "late epochs",
                Bounds {
                    late_epochs: true,
                    ..PROMPT
                },
            ),
            ("two loads", Bounds { loads: 2, ..PROMPT }),
            ("a promotion", FAILOVER),
            (
                "two relays",
                Bounds {
                    loads: 0,
                    relays: 2,
                    oldest: 2,
                    warm: true,
                    ..PROMPT
                },
            ),
        ];
        for (name, bounds) in small {
            let (with_all, is_broken) = reached(bound(bounds, false));
            let reduced = bound(bounds, true);
            let (at_once, is_broken_at_once) = reached(reduced);
            assert!(!is_broken && !is_broken_at_once, "{name}");
            println!(
                "{name}: {} states, reduced {}",
                with_all.len(),
                at_once.len()
            );
            assert!(at_once.len() < with_all.len(), "{name}: nothing is reduced");
            let (with_all, at_once) = (forms(reduced, with_all), forms(reduced, at_once));
            let mut alike: HashMap<State, Vec<&State>> = HashMap::new();
            for state in &at_once {
                alike.entry(common(state)).or_default().push(state);
            }
            let is_missed = |state: &&State| {
                let alike = alike.get(&common(state)).into_iter().flatten();
                !alike.into_iter().any(|other| has_as_much(other, state))
            };
            assert_eq!(with_all.iter().find(is_missed), None, "{name}: missed");
            assert_eq!(
                at_once.difference(&with_all).next(),
                None,
                "{name}: made up"
            );
        }
    }

    /// Each design that lacks a rule is found, reduced or not, and by no longer way.
    #[test]
    fn what_is_broken_is_found_all_the_same() {
        let mut count = 0;
        for case in cases() {
            let Subject::Bound(bound) = case.subject else {
                continue;
            };
            if bound.without.is_none() || case.expected == Verdict::Clean {
                continue;
            }
            let steps = |reduced| {
                let found = search(&Bound { reduced, ..bound }, 10_000_000);
                found.violation.map(|violation| violation.steps.len())
            };
            let (as_it_is, at_once) = (steps(false), steps(true));
            assert!(
                as_it_is.is_some() && at_once.is_some(),
                "{}: {as_it_is:?}, {at_once:?}",
                case.name
            );
            assert!(
                at_once <= as_it_is,
                "{}: {as_it_is:?}, {at_once:?}",
                case.name
            );
            count += 1;
        }
        assert_eq!(count, 24);
    }
}
