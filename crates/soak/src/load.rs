use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::RwLock;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    Client, History, Query, Quiet, Read, ReadOutcome, Result, Tier, World, Write, WriteOutcome, now,
};

/// Clients that read and write the same few users through all processes, and record it.
pub struct Load {
    keys: Vec<Uuid>,
    nodes: Vec<Mutex<Place>>,
    /// How many clients there are, each with one request under way at a time.
    pub clients: usize,
    /// Which share of the operations are writes.
    pub writes: f64,
    /// Which share of the reads asks the primary.
    pub strong: f64,
    /// Through which processes writes go; empty for all.
    pub writers: Vec<usize>,
    /// How long a client rests after an operation.
    pub pause: Duration,
    /// What the choices of the clients follow from.
    pub seed: u64,
    next_value: AtomicU64,
    /// Held by each operation, and by who wants none under way.
    turns: RwLock<()>,
}

/// Where a process is, and how often it was started anew.
#[derive(Clone, Copy)]
struct Place {
    address: SocketAddr,
    life: u32,
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
            nodes: nodes
                .into_iter()
                .map(|address| Mutex::new(Place { address, life: 0 }))
                .collect(),
            clients: 16,
            writes: 0.1,
            strong: 0.01,
            writers: Vec::new(),
            pause: Duration::ZERO,
            seed: 1,
            next_value: AtomicU64::new(1),
            turns: RwLock::new(()),
        }
    }

    /// The users.
    pub fn keys(&self) -> &[Uuid] {
        &self.keys
    }

    /// A process was started anew.
    pub fn moved(&self, node: usize, address: SocketAddr) {
        let mut place = self.nodes[node]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        place.address = address;
        place.life += 1;
    }

    fn place(&self, node: usize) -> Place {
        *self.nodes[node]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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

    /// Keeps all clients waiting, and reads every user through every process twice; each answer
    /// must be the last version. Nothing may be broken meanwhile.
    pub async fn quiet(self: &Arc<Self>, world: &World) -> Result<History> {
        let _nobody_else = self.turns.write().await;
        let mut session = Session::new(Arc::clone(self), self.clients);
        tokio::time::sleep(SETTLES_WITHIN).await;
        session.wait_for_proofs().await;
        let rows = world.finals(&self.keys).await?.0;
        let from = now();
        for _ in 0..2 {
            for node in 0..self.nodes.len() {
                for key in 0..self.keys.len() {
                    session.read(node, key, Query::default()).await;
                }
            }
        }
        session.history.quiets.push(Quiet {
            from,
            until: now(),
            versions: rows.into_iter().map(|(version, _)| version).collect(),
        });
        Ok(session.history)
    }
}

/// After everything is mended: what the processes need to reach Redis again (at most 2 s), and a
/// round of the relay.
const SETTLES_WITHIN: Duration = Duration::from_millis(2_500);

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
    /// Far longer than a process needs to know how old its caches are.
    const PATIENCE: Duration = Duration::from_secs(5);

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
            let load = Arc::clone(&self.load);
            let turn = load.turns.read().await;
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
                let query = Query {
                    min_version: if presents { self.seen[key] } else { 0 },
                    strong: self.random.random_bool(self.load.strong),
                };
                self.read(node, key, query).await
            };
            drop(turn);
            if answered == Reply::Lost {
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

    /// Waits until every process answers out of a cache and can say how old that is. On a busy
    /// machine that takes longer; one that never can is asked all the same.
    async fn wait_for_proofs(&mut self) {
        let patience = now() + Self::PATIENCE;
        for node in 0..self.load.nodes.len() {
            while now() < patience && !self.read(node, 0, Query::default()).await.is_proven() {
                tokio::time::sleep(Self::AFTER_LOSS).await;
            }
        }
    }

    async fn read(&mut self, node: usize, key: usize, query: Query) -> Reply {
        let id = self.load.keys[key];
        let (connection, life) = self.connection(node);
        let sent = now();
        let answer = connection.read(id, query).await;
        let answered = now();
        let outcome = ReadOutcome::of(&answer);
        let came = match outcome {
            ReadOutcome::Lost => Reply::Lost,
            ReadOutcome::Found {
                tier: Tier::L1 | Tier::L2,
                bound: Some(_),
                ..
            } => Reply::Proven,
            _ => Reply::Answered,
        };
        if let ReadOutcome::Found { version, .. } = outcome {
            self.seen[key] = self.seen[key].max(version);
        }
        self.history.reads.push(Read {
            sent,
            answered,
            node,
            life,
            client: self.number,
            key,
            min_version: query.min_version,
            strong: query.strong,
            outcome,
        });
        came
    }

    async fn write(&mut self, node: usize, key: usize) -> Reply {
        let id = self.load.keys[key];
        let value = self.load.next_value.fetch_add(1, Ordering::Relaxed);
        let (connection, life) = self.connection(node);
        let sent = now();
        let answer = connection.write(id, value).await;
        let answered = now();
        let outcome = WriteOutcome::of(&answer);
        if let WriteOutcome::Done(version) = outcome {
            self.seen[key] = self.seen[key].max(version);
        }
        self.history.writes.push(Write {
            sent,
            answered,
            node,
            life,
            key,
            value,
            outcome,
        });
        if outcome == WriteOutcome::Lost {
            Reply::Lost
        } else {
            Reply::Answered
        }
    }

    /// The connection to a process in its present life.
    fn connection(&mut self, node: usize) -> (&mut Client, u32) {
        let Place { address, life } = self.load.place(node);
        let connection = &mut self.connections[node];
        if connection.address() != address {
            *connection = Client::new(address);
        }
        (connection, life)
    }
}

/// What became of a request, as far as its client goes on by it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reply {
    Lost,
    Answered,
    /// By a cache that knows how old it is.
    Proven,
}

impl Reply {
    fn is_proven(self) -> bool {
        self == Self::Proven
    }
}
