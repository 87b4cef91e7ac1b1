//! What nothing else depends on happens at once, and what decides nothing any more is forgotten.
//!
//! Each rule here leaves a state from which the same can happen as before: the tests search both ways and find the same
//! states once the rule is applied to them, and the same designs broken.

use super::Bound;
use super::rules::Rule;
use super::state::{Cell, Item, Load, Round, Stage, State};
use super::take::end;

impl Bound {
    pub(super) fn reduce(&self, state: &mut State) {
        for round in state.relays.iter_mut().filter_map(|r| r.round.as_mut()) {
            self.go_on(round);
        }
        // What a load has read tells a lie by itself where its age is not counted.
        if self.has(Rule::RowAges) {
            self.end_loads(state);
        }
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
                round.stage = self.after_raise();
                round.epoch = 0;
            }
            Stage::Started | Stage::Gap | Stage::Judged | Stage::Read | Stage::Delivered => {}
        }
    }

    /// A load without its lease stores nothing.
    fn end_loads(&self, state: &mut State) {
        for load in 0..self.bounds.loads {
            let lease = Cell::lease(load);
            if state.servers.iter().all(|server| server.cell != lease) {
                end(state, load);
            }
        }
    }

    /// A proof of an epoch that no value has, and that none will have.
    fn forget_proof(&self, state: &mut State) {
        let Some(proof) = state.reader.proof else {
            return;
        };
        if proof.epoch == 0 || self.bounds.late_epochs {
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
    use std::collections::HashSet;

    use super::super::cases::cases;
    use super::super::rules::Bounds;
    use super::super::state::State;
    use super::Bound;
    use crate::case::Subject;
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
            assert_eq!(with_all.difference(&at_once).next(), None, "{name}: missed");
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
            if bound.without.is_none() {
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
        assert_eq!(count, 13);
    }
}
