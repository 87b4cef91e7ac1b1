use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{Client, History, Query, Read, ReadOutcome, Result, Write, WriteOutcome, now};

/// Clients that read and write the same few users through all processes, and record it.
pub struct Load {
    keys: Vec<Uuid>,
    nodes: Vec<Mutex<SocketAddr>>,
    /// How many clients there are, each with one request under way at a time.
    pub clients: usize,
    /// Which share of the operations are writes.
    pub writes: f64,
    /// Through which processes writes go; empty for all.
    pub writers: Vec<usize>,
    /// How long a client rests after an operation.
    pub pause: Duration,
    /// What the choices of the clients follow from.
    pub seed: u64,
    next_value: AtomicU64,
}

/// When a load ends: after so many operations, or when it is told.
#[derive(Debug)]
pub struct Stop {
    left: AtomicU64,
    told: AtomicBool,
}

/// What a load came to.
pub type LoadEnd = Result<History>;

impl Stop {
    /// After so many operations at the latest.
    pub fn after(operations: u64) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicU64::new(operations),
            told: AtomicBool::new(false),
        })
    }

    /// Now.
    pub fn tell(&self) {
        self.told.store(true, Ordering::Relaxed);
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.told.load(Ordering::Relaxed) || self.left.load(Ordering::Relaxed) == 0
    }

    /// Takes one operation; false when there is none left.
    fn take(&self) -> bool {
        !self.told.load(Ordering::Relaxed)
            && self
                .left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    left.checked_sub(1)
                })
                .is_ok()
    }
}

impl Load {
    /// A load on these users, through the processes at these addresses.
    pub fn new(keys: Vec<Uuid>, nodes: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self {
            keys,
            nodes: nodes.into_iter().map(Mutex::new).collect(),
            clients: 16,
            writes: 0.1,
            writers: Vec::new(),
            pause: Duration::ZERO,
            seed: 1,
            next_value: AtomicU64::new(1),
        }
    }

    /// The users.
    pub fn keys(&self) -> &[Uuid] {
        &self.keys
    }

    /// A process was started anew.
    pub fn moved(&self, node: usize, address: SocketAddr) {
        *self.nodes[node]
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = address;
    }

    /// Runs all clients until the end.
    pub async fn run(self: &Arc<Self>, stop: &Arc<Stop>) -> LoadEnd {
        let mut clients = JoinSet::new();
        for number in 0..self.clients {
            let (load, stop) = (Arc::clone(self), Arc::clone(stop));
            clients.spawn(async move { Session::new(load, number).run(&stop).await });
        }
        let mut history = History::default();
        while let Some(recorded) = clients.join_next().await {
            history.extend(recorded?);
        }
        Ok(history)
    }

    /// Reads every user through every process some times, when nothing changes any more; each
    /// answer must be the last version.
    pub async fn settled(self: &Arc<Self>, times: usize) -> History {
        let mut session = Session::new(Arc::clone(self), self.clients);
        let quiet_from = now();
        for _ in 0..times {
            for node in 0..self.nodes.len() {
                for key in 0..self.keys.len() {
                    session.read(node, key, 0).await;
                }
            }
        }
        session.history.quiet_from = Some(quiet_from);
        session.history
    }
}

/// One client, with a connection to each process.
struct Session {
    load: Arc<Load>,
    number: usize,
    random: StdRng,
    connections: Vec<Client>,
    /// The newest version seen of each user.
    seen: Vec<u64>,
    history: History,
}

impl Session {
    /// A process that is down is not asked again at once.
    const AFTER_LOSS: Duration = Duration::from_millis(20);

    fn new(load: Arc<Load>, number: usize) -> Self {
        let nothing = SocketAddr::from(([127, 0, 0, 1], 1));
        Self {
            random: StdRng::seed_from_u64(
                load.seed.wrapping_mul(1_000).wrapping_add(number as u64),
            ),
            connections: load.nodes.iter().map(|_| Client::new(nothing)).collect(),
            seen: vec![0; load.keys.len()],
            history: History::default(),
            number,
            load,
        }
    }

    async fn run(mut self, stop: &Stop) -> History {
        while stop.take() {
            let node = self.random.random_range(0..self.load.nodes.len());
            // The first users are asked for far more often.
            let skewed = self.random.random::<f64>().powi(3);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it lies between 0 and the number of users"
            )]
            let key = (skewed * self.load.keys.len() as f64) as usize;
            let answered = if self.random.random_bool(self.load.writes) {
                let writer = self.writer(node);
                self.write(writer, key).await
            } else {
                // One half of the clients presents what it saw.
                let presents = self.number.is_multiple_of(2) && self.random.random_bool(0.7);
                let min_version = if presents { self.seen[key] } else { 0 };
                self.read(node, key, min_version).await
            };
            if !answered {
                tokio::time::sleep(Self::AFTER_LOSS).await;
            } else if !self.load.pause.is_zero() {
                tokio::time::sleep(self.load.pause).await;
            }
        }
        self.history
    }

    fn writer(&mut self, node: usize) -> usize {
        match self.load.writers.len() {
            0 => node,
            writers => self.load.writers[self.random.random_range(0..writers)],
        }
    }

    async fn read(&mut self, node: usize, key: usize, min_version: u64) -> bool {
        let id = self.load.keys[key];
        let sent = now();
        let query = Query {
            min_version,
            strong: false,
        };
        let answer = self.connection(node).read(id, query).await;
        let outcome = ReadOutcome::of(&answer);
        if let ReadOutcome::Found { version, .. } = outcome {
            self.seen[key] = self.seen[key].max(version);
        }
        let is_lost = outcome == ReadOutcome::Lost;
        self.history.reads.push(Read {
            sent,
            answered: now(),
            node,
            client: self.number,
            key,
            min_version,
            outcome,
        });
        !is_lost
    }

    async fn write(&mut self, node: usize, key: usize) -> bool {
        let id = self.load.keys[key];
        let value = self.load.next_value.fetch_add(1, Ordering::Relaxed);
        let sent = now();
        let answer = self.connection(node).write(id, value).await;
        let outcome = WriteOutcome::of(&answer);
        if let WriteOutcome::Done(version) = outcome {
            self.seen[key] = self.seen[key].max(version);
        }
        self.history.writes.push(Write {
            sent,
            answered: now(),
            node,
            key,
            value,
            outcome,
        });
        outcome != WriteOutcome::Lost
    }

    fn connection(&mut self, node: usize) -> &mut Client {
        let address = *self.load.nodes[node]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let connection = &mut self.connections[node];
        if connection.address() != address {
            *connection = Client::new(address);
        }
        connection
    }
}
