use std::collections::HashMap;
use std::time::Duration;

use super::{Finals, History, Write, WriteOutcome};

/// What is known of the writes, by user.
pub(super) struct Ledger {
    keys: Vec<Entry>,
}

/// A process from one start to its end.
type Life = (usize, u32);

/// What is known of the writes of one user.
#[derive(Default)]
pub(super) struct Entry {
    /// The row's version and value in the end.
    pub(super) last: (u64, Option<u64>),
    /// The write of each value.
    by_value: HashMap<u64, usize>,
    /// The write of each version that was acknowledged.
    pub(super) by_version: HashMap<u64, usize>,
    /// How many writes there are of which nobody knows whether they happened.
    pub(super) unsure: u64,
    acknowledged: Timeline,
    /// By the process that acknowledged it.
    own: HashMap<Life, Timeline>,
}

/// By the time of the acknowledgement: that time, the newest version so far, and its write.
#[derive(Default)]
struct Timeline(Vec<(Duration, u64, usize)>);

impl Ledger {
    pub(super) fn of(history: &History, finals: &Finals) -> Self {
        let mut keys: Vec<Entry> = finals
            .0
            .iter()
            .map(|last| Entry {
                last: *last,
                ..Entry::default()
            })
            .collect();
        for (index, write) in history.writes.iter().enumerate() {
            let entry = &mut keys[write.key];
            entry.by_value.insert(write.value, index);
            let WriteOutcome::Done(version) = write.outcome else {
                entry.unsure += 1;
                continue;
            };
            entry.by_version.entry(version).or_insert(index);
            let acknowledged = (write.answered, version, index);
            entry.acknowledged.0.push(acknowledged);
            let own = entry.own.entry((write.node, write.life)).or_default();
            own.0.push(acknowledged);
        }
        for entry in &mut keys {
            entry.acknowledged.settle();
            entry.own.values_mut().for_each(Timeline::settle);
        }
        Self { keys }
    }

    pub(super) fn entry(&self, key: usize) -> &Entry {
        &self.keys[key]
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (usize, &Entry)> {
        self.keys.iter().enumerate()
    }
}

impl Entry {
    /// The newest version that was acknowledged before a moment, and its write.
    pub(super) fn acknowledged_before(&self, moment: Duration) -> Option<(u64, usize)> {
        self.acknowledged.before(moment)
    }

    /// The same of what one process acknowledged itself.
    pub(super) fn own_before(&self, life: Life, moment: Duration) -> Option<(u64, usize)> {
        self.own.get(&life)?.before(moment)
    }

    /// The write whose acknowledgement first made a version old.
    pub(super) fn first_above(&self, version: u64) -> Option<usize> {
        let newest = &self.acknowledged.0;
        let first = newest.partition_point(|(_, newest, _)| *newest <= version);
        newest.get(first).map(|(.., write)| *write)
    }

    /// The write of a value.
    pub(super) fn write_of<'h>(&self, history: &'h History, value: u64) -> Option<&'h Write> {
        self.by_value.get(&value).map(|at| &history.writes[*at])
    }
}

impl Timeline {
    /// Puts it in the order of time, each with the newest version so far.
    fn settle(&mut self) {
        self.0.sort_unstable();
        let mut most = (0, 0);
        for (_, version, write) in &mut self.0 {
            if *version > most.0 {
                most = (*version, *write);
            }
            (*version, *write) = most;
        }
    }

    fn before(&self, moment: Duration) -> Option<(u64, usize)> {
        let end = self.0.partition_point(|(at, ..)| *at < moment);
        let (_, version, write) = self.0.get(end.checked_sub(1)?)?;
        Some((*version, *write))
    }
}
