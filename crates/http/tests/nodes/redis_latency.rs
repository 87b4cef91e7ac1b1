//! What a broken Redis adds to a read.

use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use roster_soak::{Client, Node, NodeOptions, Query, RedisPair, now};
use roster_test_services::Fault;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::cluster::{PATIENCE, create, hit, metric, until};
use crate::database::{Database, waiting};
use crate::journal::Journal;
use crate::measure::quantile;
use crate::tries::{in_some_try, kept};

/// What a read may take longer than one of a process without any Redis, in the first second.
const AT_FIRST: Duration = Duration::from_millis(60);
/// The same afterwards.
const LATER: Duration = Duration::from_millis(1);
/// From the end of the fault on.
pub(crate) const USED_WITHIN: Duration = Duration::from_secs(2);
/// How long each fault is looked at.
const SECONDS: u64 = 3;
const USERS: usize = 200;
/// For a hundred reads of one user that arrive within some reads' time.
const MOST_QUERIES: u64 = 20;

/// What Redis is broken by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    AbsentAtStart,
    Killed,
    Hung,
    Slow,
    Reset,
    Sliced,
}

impl Broken {
    pub(crate) const ALL: [Self; 6] = [
        Self::AbsentAtStart,
        Self::Killed,
        Self::Hung,
        Self::Slow,
        Self::Reset,
        Self::Sliced,
    ];

    /// Breaks it for the first process, or for all.
    pub(crate) fn begin(self, redis: &RedisPair) {
        match self {
            Self::AbsentAtStart => redis.proxy(0).set(Fault::Refuse),
            Self::Killed => redis.primary().kill(),
            Self::Hung => redis.primary().pause(),
            // In each direction.
            Self::Slow => redis.proxy(0).set(Fault::Delay(Duration::from_millis(100))),
            Self::Reset => redis.proxy(0).set(Fault::Cut),
            Self::Sliced => redis.proxy(0).set(Fault::Slice(16)),
        }
    }

    /// What goes on for as long as it is broken; never ends.
    pub(crate) async fn go_on(self, redis: &RedisPair) -> Infallible {
        if self != Self::Reset {
            return pending().await;
        }
        loop {
            tokio::time::sleep(Duration::from_millis(250)).await;
            redis.proxy(0).set(Fault::Cut);
        }
    }

    pub(crate) async fn mend(self, redis: &RedisPair) {
        match self {
            Self::Killed => redis.primary().restart().await.unwrap(),
            Self::Hung => redis.primary().resume(),
            _ => redis.proxy(0).set(Fault::Pass),
        }
    }
}

/// The process under test and one without Redis are asked in turns, so that both see the same
/// machine: the difference is what Redis adds.
#[tokio::test(flavor = "multi_thread")]
async fn f01_a_broken_redis_answers_every_request_and_adds_little() {
    let Some(database) = Database::counting().await else {
        return;
    };
    let Some(redis) = RedisPair::start(1, &[]).await.unwrap() else {
        return;
    };
    let (own, other) = (database.url_of(0).await, database.url_of(1).await);
    let reference = database.node_with(NodeOptions {
        database_url: other,
        redis_url: "none".to_owned(),
        ..waiting()
    });
    let users = create(&reference, USERS).await;
    let fleet = Fleet {
        database,
        redis,
        own,
        reference,
        users,
    };
    for broken in Broken::ALL {
        // What the machine does besides adds to one of the two processes by chance.
        in_some_try(async || {
            let figures = fleet.look_at(broken).await?;
            println!("f01: {figures}");
            kept(
                figures.is_kept(),
                format!(
                    "{figures}; promised are {AT_FIRST:?}, then {LATER:?}, at most {MOST_QUERIES} \
                     queries, and {USED_WITHIN:?}"
                ),
            )
        })
        .await;
    }
}

/// What is the same for every fault.
struct Fleet {
    database: Database,
    redis: RedisPair,
    /// The URL of the process under test.
    own: String,
    /// The process without Redis.
    reference: Node,
    users: Vec<Uuid>,
}

impl Fleet {
    /// Breaks Redis, looks, and mends it; fails where there is too little to look at.
    async fn look_at(&self, broken: Broken) -> Result<Figures, String> {
        let Self {
            database,
            redis,
            reference,
            users,
            ..
        } = self;
        if broken == Broken::AbsentAtStart {
            broken.begin(redis);
        }
        // A new one each time, with nothing in its memory.
        let subject = database.node_with(NodeOptions {
            database_url: self.own.clone(),
            redis_url: redis.url(0),
            ..waiting()
        });
        if broken != Broken::AbsentAtStart {
            connected(&subject).await;
            broken.begin(redis);
        }
        let addresses = [subject.address(), reference.address()];
        let asking = tokio::spawn(compare(addresses, users.clone()));
        let pairs = tokio::select! {
            pairs = asking => pairs.unwrap(),
            never = broken.go_on(redis) => match never {},
        };
        database.count_anew().await;
        let at_once = stampede(&subject, users[0]).await;
        let queries = database.user_reads(1).await[0];

        broken.mend(redis).await;
        let mended = now();
        let mut journal = Journal::new(users, [subject.address()]);
        hit(&mut journal, 0, 1).await;
        let recovered = now() - mended;
        let first = |pair: &&Pair| pair.at < Duration::from_secs(1);
        let later = |pair: &&Pair| pair.at >= Duration::from_secs(1);
        Ok(Figures {
            broken,
            first: Latencies::of(pairs.iter().filter(first))?,
            later: Latencies::of(pairs.iter().filter(later))?,
            at_once,
            queries,
            recovered,
        })
    }
}

/// What one look came to.
struct Figures {
    broken: Broken,
    first: Latencies,
    later: Latencies,
    at_once: usize,
    queries: u64,
    recovered: Duration,
}

impl Figures {
    fn is_kept(&self) -> bool {
        self.first.added() <= AT_FIRST
            && self.later.added() <= LATER
            && self.queries <= MOST_QUERIES
            && self.recovered <= USED_WITHIN
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            broken,
            first,
            later,
            at_once,
            queries,
            recovered,
        } = self;
        write!(
            f,
            "{broken:?}: added p99 {:?} in the first second ({} reads, {:?} without Redis), then {:?} \
             ({} reads, {:?} without); {at_once} at once by {queries} queries; used again after \
             {recovered:?}",
            first.added(),
            first.reads,
            first.reference,
            later.added(),
            later.reads,
            later.reference,
        )
    }
}

/// What the slowest hundredth of some reads took of either process.
struct Latencies {
    reads: usize,
    subject: Duration,
    reference: Duration,
}

impl Latencies {
    /// Of so many reads that a slowest hundredth is there.
    fn of<'p>(pairs: impl Iterator<Item = &'p Pair>) -> Result<Self, String> {
        let (subject, reference): (Vec<_>, Vec<_>) =
            pairs.map(|pair| (pair.subject, pair.reference)).unzip();
        kept(subject.len() > 100, format!("only {} reads", subject.len()))?;
        // One read a second tries whether Redis is back, however few there are.
        let reads = u32::try_from(subject.len()).unwrap();
        let share = (1.0 - 3.0 / f64::from(reads)).min(0.99);
        Ok(Self {
            reads: subject.len(),
            subject: quantile(&subject, share),
            reference: quantile(&reference, share),
        })
    }

    fn added(&self) -> Duration {
        self.subject.saturating_sub(self.reference)
    }
}

/// One read of each of two processes: when, and how long either took.
struct Pair {
    at: Duration,
    subject: Duration,
    reference: Duration,
}

/// Asks both in turns; every request must be answered.
async fn compare(addresses: [SocketAddr; 2], users: Vec<Uuid>) -> Vec<Pair> {
    let [mut subject, mut reference] = addresses.map(Client::new);
    let (start, mut pairs) = (now(), Vec::new());
    while now() - start < Duration::from_secs(SECONDS) {
        let user = users[pairs.len() % users.len()];
        let at = now() - start;
        let mut took = [Duration::ZERO; 2];
        for (client, took) in [&mut subject, &mut reference].into_iter().zip(&mut took) {
            let sent = now();
            answered(client, user).await;
            *took = now() - sent;
        }
        let [subject, reference] = took;
        pairs.push(Pair {
            at,
            subject,
            reference,
        });
    }
    pairs
}

/// A read that must be answered.
async fn answered(client: &mut Client, user: Uuid) {
    let answer = client.read(user, Query::default()).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// Many reads of one user at once, by connections that are open; answers how many.
async fn stampede(node: &Node, user: Uuid) -> usize {
    const CALLERS: usize = 100;
    let barrier = Arc::new(Barrier::new(CALLERS));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let mut client = Client::new(node.address());
        let barrier = Arc::clone(&barrier);
        callers.spawn(async move {
            // Where it fails, the read opens a connection.
            let _ = client.get("/livez").await;
            barrier.wait().await;
            answered(&mut client, user).await;
        });
    }
    callers.join_all().await.len()
}

/// Returns when a process is connected to Redis.
async fn connected(node: &Node) {
    until("the process is connected to Redis", PATIENCE, async || {
        (metric(node, "roster_redis_connected", "").await == 1).then_some(())
    })
    .await;
}
