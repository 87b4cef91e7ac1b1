//! The bound of an answer (section 7 of the protocol): two servers, of which a failover makes the other the primary,
//! relays, and one node whose answers are looked at.
//!
//! A writer's own invalidation is left out: the relay's does the same, later.

mod canon;
mod cases;
mod reduce;
mod relay;
mod rules;
mod state;
mod step;
mod take;
mod tell;

pub(crate) use self::cases::cases;
use self::rules::{Bounds, Rule};

use self::state::{Cell, Item, Load, Role, SERVERS, Stage, State};
use self::step::Step;
use crate::code::Code;
use crate::protocol::Protocol;

/// The protocol within bounds, perhaps with one rule less.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    pub(crate) bounds: Bounds,
    pub(crate) without: Option<Rule>,
    /// Whether what nothing else depends on happens at once. A counterexample tells all.
    pub(crate) reduced: bool,
}

impl Protocol for Bound {
    type State = State;
    type Step = Step;

    fn start(&self) -> State {
        let mut start = State::new(&self.bounds);
        self.settle(&mut start);
        start
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        if self.is_over(state) {
            return;
        }
        steps.push(Step::Tick);
        if state.row <= self.bounds.writes {
            steps.extend((0..=self.bounds.half()).map(|age| Step::Commit { age }));
        }
        for load in 0..self.bounds.loads {
            self.steps_of_load(state, load, steps);
        }
        self.steps_of_reader(state, steps);
        for relay in 0..self.bounds.relays {
            self.steps_of_relay(state, relay, steps);
        }
        self.steps_of_servers(state, steps);
    }

    fn next(&self, state: &State, step: Step) -> State {
        let mut next = self.take(state, step);
        self.settle(&mut next);
        next
    }

    fn broken(&self, state: &State) -> Option<&'static str> {
        let reader = &state.reader;
        let lies = state.lied
            || reader.near.is_some_and(|entry| self.lies(state, entry))
            || reader.held.is_some_and(|entry| self.lies(state, entry));
        // What the database answers is as old as its statement, and a row read then has all that was acknowledged
        // before: nothing is left to search, unless its age is not counted.
        let row_lies = |load: &Load| match load {
            Load::Read(entry) => self.is_beyond(state, *entry, 0),
            Load::Idle => false,
        };
        let rows_lie = !self.has(Rule::RowAges) && state.loads.iter().any(row_lies);
        (lies || rows_lie).then_some("bounded staleness")
    }

    fn tell(&self, before: &State, step: Step, after: &State) -> String {
        tell::tell(self, before, step, after)
    }

    fn code(&self, step: Step) -> Code {
        step.code()
    }
}

impl Bound {
    pub(super) fn has(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    fn steps_of_load(&self, state: &State, load: usize, steps: &mut Vec<Step>) {
        for server in 0..SERVERS {
            let target = &state.servers[server];
            match state.loads[load] {
                Load::Idle if target.writes() && state.row <= self.bounds.writes => {
                    let last = if self.bounds.late_epochs {
                        state.last_epoch()
                    } else {
                        0
                    };
                    steps.extend((0..=last).map(|epoch| Step::Load {
                        load,
                        server,
                        epoch,
                    }));
                }
                Load::Read(_) if target.writes() && target.cell == Cell::lease(load) => {
                    steps.push(Step::Fill { load, server });
                }
                Load::Idle | Load::Read(_) => {}
            }
        }
        if state.loads[load] != Load::Idle {
            steps.push(Step::Abandon { load });
        }
    }

    fn steps_of_reader(&self, state: &State, steps: &mut Vec<Step>) {
        let reader = &state.reader;
        if !reader.awaits(|item| matches!(item, Item::Reply(_))) {
            steps.push(Step::Get);
        }
        if !reader.awaits(|item| matches!(item, Item::Probe(_))) {
            steps.push(Step::Probe);
        }
        if reader.channel[0].is_some() {
            steps.push(Step::Receive);
        }
        if !self.has(Rule::ProofFirst) && reader.near.is_some() && reader.held.is_none() {
            steps.push(Step::Hold);
        }
        let other = &state.servers[1 - usize::from(reader.server)];
        if other.role == Role::Primary || !self.has(Rule::PrimaryAlone) {
            steps.push(Step::Reconnect);
        }
    }

    fn steps_of_relay(&self, state: &State, relay: usize, steps: &mut Vec<Step>) {
        let Some(round) = &state.relays[relay].round else {
            for server in 0..SERVERS {
                let is_known = state.relays[relay].opened.is_some();
                if !self.has(Rule::LabelOfThisRound) && !is_known {
                    steps.push(Step::Open { relay, server });
                } else if state.servers[server].writes() {
                    steps.push(Step::Start { relay, server });
                }
            }
            return;
        };
        let is_gapless = !self.has(Rule::RaiseAfterGap) || self.is_gapless(round);
        match round.stage {
            Stage::Started if !is_gapless => steps.push(Step::FindGap { relay }),
            Stage::Started if self.has(Rule::JudgeBySnapshot) => {
                steps.push(Step::Pending { relay });
            }
            Stage::Started => steps.push(Step::Judge { relay }),
            Stage::Gap => steps.push(Step::Raise { relay }),
            Stage::Judged => steps.push(Step::Pending { relay }),
            Stage::Read => steps.push(Step::Deliver { relay }),
            Stage::Delivered => steps.push(Step::SetMark { relay }),
        }
        if !self.has(Rule::DeliverBeforeMark) && round.stage == Stage::Read {
            steps.push(Step::SetMark { relay });
        }
        if !self.has(Rule::EpochOfSnapshot) && round.stage == Stage::Delivered {
            let older = 1..=state.last_epoch();
            steps.extend(older.map(|epoch| Step::Mistake { relay, epoch }));
        }
        let moves = match round.stage {
            Stage::Started => !self.has(Rule::TimeOfThisConnection),
            Stage::Read | Stage::Delivered => !self.has(Rule::OneConnection),
            Stage::Gap | Stage::Judged => false,
        };
        if moves && state.servers[1 - usize::from(round.server)].writes() {
            steps.push(Step::Move { relay });
        }
        // One that dies before it has done anything was never there, and one that has may die before it goes on.
        let is_late = self.reduced
            && self.has(Rule::AcknowledgeLast)
            && matches!(round.stage, Stage::Gap | Stage::Read);
        if !is_late {
            steps.push(Step::Break { relay });
        }
    }

    fn steps_of_servers(&self, state: &State, steps: &mut Vec<Step>) {
        if self.bounds.evictions {
            for (server, holds) in state.servers.iter().enumerate() {
                if !holds.writes() {
                    // A replica evicts nothing by itself.
                    continue;
                }
                if holds.cell != Cell::Empty {
                    steps.push(Step::Evict { server });
                }
                if holds.mark.is_some() {
                    steps.push(Step::EvictMark { server });
                }
            }
        }
        if self.bounds.step_back != 0 && !state.stepped {
            steps.push(Step::SetBack);
        }
        let (primary, other) = (state.primary(), 1 - state.primary());
        if state.servers[other].role == Role::Deposed {
            steps.push(Step::Demote);
            return;
        }
        let (source, copy) = (&state.servers[primary], &state.servers[other]);
        let can_follow = state.promotions < self.bounds.promotions;
        let is_asked = !self.has(Rule::PrimaryAlone) || usize::from(state.reader.server) == other;
        if (can_follow || is_asked) && (source.cell, source.mark) != (copy.cell, copy.mark) {
            steps.push(Step::Replicate);
        }
        if can_follow {
            steps.push(Step::Promote);
        }
    }
}
