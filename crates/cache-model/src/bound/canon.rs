//! Time, and the one form of states that differ in nothing that matters.

use super::Bound;
use super::rules::{Bounds, Rule};
use super::state::{
    Age, Cell, Entry, Epoch, Item, Label, Load, Proof, Role, SERVERS, Server, State,
};
use super::take::{end, small};

impl Bound {
    /// All clocks go on by one; what is too old for the change log is purged from it.
    pub(super) fn tick(&self, state: &mut State) {
        let (oldest, past) = (self.bounds.oldest, self.longest_gap() + 1);
        for acknowledged in &mut state.acknowledged[..usize::from(state.row) - 1] {
            grow(acknowledged, oldest + self.bounds.step_back);
        }
        for slot in &mut state.log {
            if let Some(change) = slot {
                change.age += 1;
                if change.age > self.bounds.retention {
                    *slot = None;
                }
            }
        }
        for mark in state.servers.iter_mut().filter_map(|s| s.mark.as_mut()) {
            grow(&mut mark.at, self.oldest_time());
            grow(&mut mark.snapshot, past);
        }
        for round in state.relays.iter_mut().filter_map(|r| r.round.as_mut()) {
            grow(&mut round.began, self.oldest_time());
            if let Some(since) = &mut round.since {
                grow(since, past);
            }
            if round.has_read() {
                grow(&mut round.snapshot, past);
            }
        }
        for item in state.reader.channel.iter_mut().flatten() {
            // What is counted from the reply on does not grow older before that.
            if let (Item::Probe(Some(proof)), true) = (item, self.has(Rule::NoteBeforeProbe)) {
                grow(&mut proof.bound, oldest);
            }
        }
        if let Some(proof) = &mut state.reader.proof {
            grow(&mut proof.bound, oldest);
        }
    }

    /// Where times of several clocks are mixed, they are told apart a little longer.
    fn oldest_time(&self) -> Age {
        let mixes = [
            Rule::OneClock,
            Rule::TimeOfThisConnection,
            Rule::OneConnection,
        ];
        let apart = (self.bounds.clocks[0] - self.bounds.clocks[1]).abs();
        self.bounds.oldest
            + self.bounds.step_back
            + if mixes.iter().all(|rule| self.has(*rule)) {
                0
            } else {
                2 * apart
            }
    }

    /// Receives what is received at once, and gives the state its one form.
    pub(super) fn settle(&self, state: &mut State) {
        while self.bounds.prompt
            && matches!(
                state.reader.channel[0],
                Some(Item::Reply(_) | Item::Probe(_))
            )
        {
            self.receive(state);
        }
        self.forget_server(state);
        self.forget_labels(state);
        self.forget_foreign_times(state);
        self.forget_times(state);
        if state.row > self.bounds.writes {
            self.forget_what_stays_true(state);
        }
        if self.reduced {
            self.reduce(state);
        }
        if self.has(Rule::SameEpoch) {
            forget_epochs(state);
        }
        forget_items(state);
        if self.is_over(state) {
            *state = State {
                row: state.row,
                lied: state.lied,
                ..State::new(&Bounds {
                    warm: false,
                    ..self.bounds
                })
            };
            return;
        }
        // Those of a counterexample keep their names for its reader.
        if self.reduced || self.without.is_none() {
            state.relays[..self.bounds.relays].sort_unstable();
            sort_loads(state);
        }
        number_epochs(state);
    }

    /// Nothing old is anywhere, and nothing grows old any more.
    pub(super) fn is_over(&self, state: &State) -> bool {
        state.row > self.bounds.writes
            && state.reader.near.is_none()
            && state.reader.held.is_none()
            && !state
                .reader
                .awaits(|item| matches!(item, Item::Reply(Some(_))))
            && state.loads.iter().all(|load| *load == Load::Idle)
            && !state
                .servers
                .iter()
                .any(|server| matches!(server.cell, Cell::Kept(_)))
    }

    /// After the last write, the row as it is can be in no answer that lies.
    fn forget_what_stays_true(&self, state: &mut State) {
        let row = state.row;
        let old = |entry: &Entry| entry.version < row;
        for server in &mut state.servers {
            if let Cell::Kept(entry) = &server.cell
                && !old(entry)
            {
                server.cell = Cell::Empty;
            }
        }
        let reader = &mut state.reader;
        reader.near = reader.near.filter(old);
        reader.held = reader.held.filter(old);
        for item in reader.channel.iter_mut().flatten() {
            if let Item::Reply(entry) = item {
                *entry = entry.filter(old);
            }
        }
        if !self.has(Rule::RowAges) {
            return;
        }
        for load in 0..state.loads.len() {
            let is_old = matches!(&state.loads[load], Load::Read(entry) if old(entry));
            let lease = Cell::lease(load);
            if !is_old || state.servers.iter().all(|server| server.cell != lease) {
                end(state, load);
            }
        }
    }

    /// A round for data that is gone can only invalidate a little more: its watermark is refused.
    fn forget_labels(&self, state: &mut State) {
        let labels = state.servers.map(|server| server.label);
        // One that is never read again may be used for as long as there are relays.
        let is_kept = !self.forgets_labels();
        let is_there = |label: Label| is_kept || labels.contains(&label);
        for change in state.log.iter_mut().flatten() {
            if !is_there(change.applied_to) {
                change.applied_to = 0;
            }
        }
        for relay in &mut state.relays {
            relay.round = relay.round.filter(|round| is_there(round.label));
        }
    }

    /// Whether a label that no server has any more is no round's either.
    pub(super) fn forgets_labels(&self) -> bool {
        let rules = [
            Rule::LabelOfThisRound,
            Rule::HistoryAtTheEnd,
            Rule::PendingForEachHistory,
        ];
        rules.iter().all(|rule| self.has(*rule))
    }

    /// What a server holds that can never be the primary again, and that nobody asks. One that was deposed may as
    /// well learn so: what relays do there raises epochs at the worst, and those of the primary do as much.
    fn forget_server(&self, state: &mut State) {
        let other = 1 - state.primary();
        let is_asked = !self.has(Rule::PrimaryAlone) || usize::from(state.reader.server) == other;
        if state.promotions < self.bounds.promotions || is_asked {
            return;
        }
        let label = state.servers[1 - other].label;
        state.servers[other] = Server {
            role: Role::Replica,
            label,
            cell: Cell::Empty,
            mark: None,
        };
    }

    /// What a watermark of another server's clock says of the time: nothing, until its data is that server's again.
    fn forget_foreign_times(&self, state: &mut State) {
        if !self.has(Rule::OneClock) {
            return;
        }
        let left = self.bounds.promotions - state.promotions;
        let (time, strays) = (self.oldest_time(), !self.has(Rule::PrimaryAlone));
        for (index, server) in state.servers.iter_mut().enumerate() {
            let comes_back = match server.role {
                Role::Primary => left >= 1,
                Role::Replica => left >= 2 || strays,
                Role::Deposed => false,
            };
            if let Some(mark) = &mut server.mark
                && usize::from(mark.clock) != index
                && !comes_back
            {
                mark.at = time;
                mark.epoch = 0;
            }
        }
    }

    /// What is too old to say anything.
    fn forget_times(&self, state: &mut State) {
        let gap = self.longest_gap();
        for server in &mut state.servers {
            server.mark = server
                .mark
                .filter(|mark| mark.at < self.oldest_time() || mark.snapshot <= gap);
        }
        for round in state.relays.iter_mut().filter_map(|r| r.round.as_mut()) {
            round.since = round.since.filter(|since| *since <= gap);
        }
        let says = |proof: &Proof| proof.bound < self.bounds.oldest;
        let reader = &mut state.reader;
        reader.proof = reader.proof.filter(says);
        for item in reader.channel.iter_mut().flatten() {
            if let Item::Probe(proof) = item {
                *proof = proof.filter(says);
            }
        }
        reader.tracked &= reader.ticket || reader.near.is_some();
    }
}

fn grow(age: &mut Age, most: Age) {
    *age = (*age + 1).min(most);
}

/// Forgets values of an epoch that nothing will speak of, and proofs of one that no value has.
///
/// The current epoch is never forgotten: both can still come.
fn forget_epochs(state: &mut State) {
    let mut spoken = 1_u64;
    for mark in state.servers.iter().filter_map(|server| server.mark) {
        spoken |= bit(mark.epoch);
    }
    for round in state.relays.iter().filter_map(|relay| relay.round) {
        spoken |= bit(round.epoch);
    }
    spoken |= state.reader.proof.map_or(0, |proof| bit(proof.epoch));
    for item in state.reader.channel.iter().flatten() {
        if let Item::Probe(Some(proof)) = item {
            spoken |= bit(proof.epoch);
        }
    }
    let matters = |entry: &Entry| spoken & bit(entry.epoch) != 0;
    for server in 0..SERVERS {
        if let Cell::Kept(entry) = state.servers[server].cell
            && !matters(&entry)
        {
            state.servers[server].cell = Cell::Empty;
        }
    }
    let reader = &mut state.reader;
    reader.near = reader.near.filter(matters);
    reader.held = reader.held.filter(matters);
    for item in reader.channel.iter_mut().flatten() {
        if let Item::Reply(entry) = item {
            *entry = entry.filter(matters);
        }
    }
    for load in &mut state.loads {
        if let Load::Read(entry) = load
            && !matters(entry)
        {
            // It still holds its lease.
            entry.epoch = Epoch::MAX;
        }
    }
}

/// There are fewer epochs than places that mention one.
fn bit(epoch: Epoch) -> u64 {
    1_u64.checked_shl(u32::from(epoch)).unwrap_or(0)
}

/// Drops what would change nothing when it is received.
fn forget_items(state: &mut State) {
    let reader = &mut state.reader;
    reader.forget(|item| *item == Item::Probe(None));
    if !reader.ticket {
        reader.forget(|item| *item == Item::Reply(None));
        if reader.near.is_none() {
            reader.forget(|item| *item == Item::Push);
        }
    }
}

/// Loads are alike: who has read comes first, in an order of what was read.
fn sort_loads(state: &mut State) {
    if rank(state.loads[0]) < rank(state.loads[1]) {
        state.loads.swap(0, 1);
        for server in &mut state.servers {
            if let Cell::Lease { load } = &mut server.cell {
                *load = 1 - *load;
            }
        }
    }
}

fn rank(load: Load) -> Option<(u8, u8)> {
    match load {
        Load::Idle => None,
        Load::Read(entry) => Some((entry.version, entry.epoch)),
    }
}

/// Numbers the epochs but the current one in the order of their first mention.
fn number_epochs(state: &mut State) {
    let (mut seen, mut count) = ([0; 32], 1);
    state.each_epoch(|epoch| {
        if *epoch != Epoch::MAX {
            let known = seen[..count].iter().position(|seen| seen == epoch);
            *epoch = small(known.unwrap_or_else(|| {
                seen[count] = *epoch;
                count += 1;
                count - 1
            }));
        }
    });
}
