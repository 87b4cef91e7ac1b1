//! What was asked and answered, and whether the guarantee allows it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use roster_soak::{
    Client, Finals, History, Query, Read, ReadOutcome, Tier, Write, WriteOutcome, check, now,
};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// One client of all processes, who records what is answered.
pub(crate) struct Journal {
    number: usize,
    users: Vec<Uuid>,
    clients: Vec<Client>,
    pub(crate) history: History,
}

impl Journal {
    pub(crate) fn new(users: &[Uuid], nodes: impl IntoIterator<Item = SocketAddr>) -> Self {
        // Apart from those of a load, which count from 0.
        static NUMBERS: AtomicUsize = AtomicUsize::new(1_000);
        Self {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            users: users.to_vec(),
            clients: nodes.into_iter().map(Client::new).collect(),
            history: History::default(),
        }
    }

    /// A read of whatever the caches hold.
    pub(crate) async fn read(&mut self, node: usize, user: usize) -> Read {
        self.read_from(node, user, 0).await
    }

    /// A read that takes nothing below a version.
    pub(crate) async fn read_from(&mut self, node: usize, user: usize, min_version: u64) -> Read {
        let query = Query {
            min_version,
            strong: false,
        };
        let sent = now();
        let answer = self.clients[node].read(self.users[user], query).await;
        let read = Read {
            sent,
            answered: now(),
            node,
            life: 0,
            client: self.number,
            key: user,
            min_version,
            strong: false,
            outcome: ReadOutcome::of(&answer),
        };
        self.history.reads.push(read.clone());
        read
    }

    /// A write of a value that nobody else writes.
    pub(crate) async fn write(&mut self, node: usize, user: usize) -> Write {
        // Apart from those of a load, which count from 1.
        static VALUES: AtomicU64 = AtomicU64::new(1_000_000_000);
        let value = VALUES.fetch_add(1, Ordering::Relaxed);
        let sent = now();
        let answer = self.clients[node].write(self.users[user], value).await;
        let write = Write {
            sent,
            answered: now(),
            node,
            life: 0,
            key: user,
            value,
            outcome: WriteOutcome::of(&answer),
        };
        self.history.writes.push(write.clone());
        write
    }

    /// The same, which must be acknowledged; answers its version.
    pub(crate) async fn must_write(&mut self, node: usize, user: usize) -> u64 {
        let write = self.write(node, user).await;
        match write.outcome {
            WriteOutcome::Done(version) => version,
            other => panic!("a write was answered with {other:?}"),
        }
    }

    /// Reads every user through every one of these processes, one after the other, in a task of
    /// its own until it is told to end.
    pub(crate) fn watching(mut self, nodes: Vec<usize>) -> Watch {
        let stop = Arc::new(AtomicBool::default());
        let told = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            while !told.load(Ordering::Relaxed) {
                for user in 0..self.users.len() {
                    for node in &nodes {
                        self.read(*node, user).await;
                    }
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            self.history
        });
        Watch { stop, task }
    }
}

/// Reads that go on beside a test.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    task: JoinHandle<History>,
}

impl Watch {
    /// Ends them, and answers what they saw.
    pub(crate) async fn end(self) -> History {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

/// Nothing in the history is forbidden by the guarantee.
pub(crate) fn assert_kept(history: &History, finals: &Finals) {
    let verdict = check(history, finals);
    let shown = verdict.violations.iter().take(3);
    let shown: Vec<String> = shown
        .flat_map(|violation| history.excerpt(violation))
        .collect();
    assert!(
        verdict.violations.is_empty(),
        "{:?} in {} operations\n{}",
        verdict.counts(),
        history.len(),
        shown.join("\n")
    );
}

/// What the clients of one load saw, who are then no longer taken for those of another one.
pub(crate) fn renumbered(mut history: History) -> History {
    static LOADS: AtomicUsize = AtomicUsize::new(1);
    let load = LOADS.fetch_add(1, Ordering::Relaxed);
    for read in &mut history.reads {
        read.client += load * 1_000_000;
    }
    history
}

/// When the last read of these users was sent that was answered with a version below this one,
/// whatever it claimed; `None` when there was none.
pub(crate) fn last_below(history: &History, version: impl Fn(usize) -> u64) -> Option<Duration> {
    let old = history.reads.iter().filter(|read| match read.outcome {
        ReadOutcome::Found { version: found, .. } => found < version(read.key),
        _ => false,
    });
    old.map(|read| read.sent).max()
}

/// The newest version of each user that was acknowledged before a moment.
pub(crate) fn acknowledged_before(history: &History, users: usize, moment: Duration) -> Vec<u64> {
    let mut newest = vec![1; users];
    for write in history.writes.iter().filter(|w| w.answered <= moment) {
        if let WriteOutcome::Done(version) = write.outcome {
            newest[write.key] = newest[write.key].max(version);
        }
    }
    newest
}

/// The bound of an answer from a cache, where it claims one.
pub(crate) fn cached_bound(read: &Read) -> Option<Duration> {
    match read.outcome {
        ReadOutcome::Found {
            tier: Tier::L1 | Tier::L2,
            bound,
            ..
        } => bound,
        _ => None,
    }
}

/// Which tier answered, if one did.
pub(crate) fn tier(read: &Read) -> Option<Tier> {
    match read.outcome {
        ReadOutcome::Found { tier, .. } => Some(tier),
        _ => None,
    }
}

/// The version that was answered, if one was.
pub(crate) fn version(read: &Read) -> Option<u64> {
    match read.outcome {
        ReadOutcome::Found { version, .. } => Some(version),
        _ => None,
    }
}
