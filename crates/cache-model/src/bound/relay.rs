//! What the steps of a relay's round do.

use super::Bound;
use super::rules::Rule;
use super::state::{Age, Cell, Change, Mark, Round, Stage, State};
use super::step::Step;
use super::take::small;

impl Bound {
    pub(super) fn take_of_relay(&self, state: &mut State, relay: usize, step: Step) {
        if let Step::Open { server, .. } = step {
            state.relays[relay].opened = Some(state.servers[server].label);
            return;
        }
        if let Step::Start { server, .. } = step {
            state.relays[relay].round = Some(start(state, relay, server));
            return;
        }
        let Some(mut round) = state.relays[relay].round else {
            return;
        };
        let mut goes_on = true;
        match step {
            Step::Judge { .. } => round.stage = Stage::Judged,
            Step::FindGap { .. } => {
                round.stage = Stage::Gap;
                round.since = Some(0);
                round.epoch = 0;
                if !self.has(Rule::SnapshotAfterRaise) {
                    round.pending = self.pending(state, relay, &round);
                }
            }
            Step::Raise { .. } => {
                if round.epoch == 0 {
                    raise(state);
                }
                self.go_on_after_raise(&mut round);
            }
            Step::Pending { .. } => {
                round.stage = Stage::Read;
                round.snapshot = 0;
                round.epoch = 0;
                round.since = None;
                round.pending = self.pending(state, relay, &round);
                if !self.has(Rule::AcknowledgeLast) {
                    acknowledge(state, &round);
                }
            }
            Step::Deliver { .. } => {
                goes_on = deliver(state, &round);
                round.stage = Stage::Delivered;
                round.pending = 0;
                if !self.has(Rule::SnapshotAfterTime) {
                    round.began = 0;
                }
            }
            Step::SetMark { .. } => {
                self.set_mark(state, &round);
                goes_on = false;
            }
            Step::Mistake { epoch, .. } => round.epoch = epoch,
            Step::Move { .. } => {
                let before = round.server;
                round.server = 1 - before;
                let server = &state.servers[usize::from(round.server)];
                round.label = server.label;
                round.began += self.ahead(round.server, before);
                if round.stage == Stage::Started {
                    round.since = server.mark.map(|mark| mark.snapshot);
                }
            }
            _ => goes_on = false,
        }
        state.relays[relay].round = goes_on.then_some(round);
    }

    /// Where a round goes on once the epoch is raised.
    pub(super) fn go_on_after_raise(&self, round: &mut Round) {
        round.epoch = 0;
        round.stage = if !self.has(Rule::SnapshotAfterRaise) {
            round.snapshot = round.since.take().unwrap_or(self.longest_gap() + 1);
            Stage::Read
        } else if self.has(Rule::JudgeBySnapshot) && self.has(Rule::JudgeAfterRaise) {
            Stage::Started
        } else {
            Stage::Judged
        };
    }

    /// Whether the change log surely reaches back to what the watermark, or the raise, speaks of.
    pub(super) fn is_gapless(&self, round: &Round) -> bool {
        round.since.is_some_and(|age| age <= self.longest_gap())
    }

    /// How much later a snapshot may be than the one before.
    pub(super) fn longest_gap(&self) -> Age {
        if self.has(Rule::HalfTheRetention) {
            self.bounds.half()
        } else {
            self.bounds.retention
        }
    }

    /// The versions whose rows are there and pending for the round's incarnation.
    fn pending(&self, state: &State, relay: usize, round: &Round) -> u8 {
        let mut pending = 0;
        for (index, change) in state.log.iter().enumerate() {
            let is_pending = |change: Change| {
                if self.has(Rule::PendingForEachHistory) {
                    change.applied_to != round.label
                } else {
                    change.applied_to == 0
                }
            };
            if change.is_some_and(is_pending) {
                pending |= 1 << index;
            }
        }
        if !self.has(Rule::EveryRow) {
            let others = state.relays.iter().enumerate();
            for (_, other) in others.filter(|(other, _)| *other != relay) {
                pending &= !other.round.map_or(0, |round| round.pending);
            }
        }
        pending
    }

    fn set_mark(&self, state: &mut State, round: &Round) {
        let server = &mut state.servers[usize::from(round.server)];
        let compares = self.has(Rule::LabelOfThisRound) && self.has(Rule::HistoryAtTheEnd);
        if !server.writes() || (compares && server.label != round.label) {
            return;
        }
        // At the end of the scale, either may be the older one.
        let is_older = |mark: Mark| {
            mark.at < round.began || (mark.at == round.began && mark.at < self.bounds.oldest)
        };
        // One of another epoch is replaced whatever it says.
        let refuses =
            |mark: Mark| mark.clock == round.server && mark.epoch == round.epoch && is_older(mark);
        if self.has(Rule::NeverBack) && server.mark.is_some_and(refuses) {
            return;
        }
        let mark = Some(Mark {
            clock: round.server,
            at: round.began,
            snapshot: round.snapshot,
            epoch: round.epoch,
        });
        server.mark = mark;
        if !self.has(Rule::MarkBesideValues) {
            state.servers[1 - usize::from(round.server)].mark = mark;
        }
    }
}

fn start(state: &State, relay: usize, server: usize) -> Round {
    let opened = state.relays[relay].opened;
    Round {
        stage: Stage::Started,
        server: small(server),
        label: opened.unwrap_or(state.servers[server].label),
        began: 0,
        since: state.servers[server].mark.map(|mark| mark.snapshot),
        snapshot: 0,
        epoch: 0,
        pending: 0,
    }
}

/// Invalidates what is pending, and says so in the change log; false when the server takes no writes.
fn deliver(state: &mut State, round: &Round) -> bool {
    let server = usize::from(round.server);
    if round.pending == 0 {
        return true;
    }
    if !state.servers[server].writes() {
        return false;
    }
    let floor = small(round.pending.ilog2() as usize) + 2;
    match state.servers[server].cell {
        Cell::Kept(entry) if entry.version >= floor => {}
        Cell::Empty => {}
        // That a lease under a floor as high would stay is left out: it only fills less.
        Cell::Kept(_) | Cell::Lease { .. } => state.put(server, Cell::Empty),
    }
    acknowledge(state, round);
    true
}

fn acknowledge(state: &mut State, round: &Round) {
    for (index, change) in state.log.iter_mut().enumerate() {
        if let Some(change) = change
            && round.pending & (1 << index) != 0
        {
            change.applied_to = round.label;
        }
    }
}

/// Gives the current epoch a number, and so makes 0 a new one.
fn raise(state: &mut State) {
    let highest = state.last_epoch();
    state.each_epoch(|epoch| {
        if *epoch == 0 {
            *epoch = highest + 1;
        }
    });
}
