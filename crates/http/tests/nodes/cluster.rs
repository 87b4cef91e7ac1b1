//! Some processes on one database and one Redis.

use std::time::Duration;

use roster_soak::{Client, History, Node, Read, RedisPair, Tier, now, redis_bytes};
use roster_test_services::RedisServer;
use uuid::Uuid;

use crate::database::{Database, waiting};
use crate::journal::{Journal, assert_kept, cached_bound, tier};

/// Longer than anything takes that has no figure of its own.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Redis is waited for, too, and no query is but for a read.
const COUNTED: [&str; 2] = ["--redis-command-timeout=5s", "--cache-audit=false"];

/// What another process loads is waited for, too.
pub(crate) const PATIENT: [&str; 1] = ["--cache-lease-wait=2s"];

/// Some processes, each with a proxy between it and Redis, and the users that they serve.
pub(crate) struct Cluster {
    pub(crate) database: Database,
    pub(crate) redis: RedisPair,
    pub(crate) nodes: Vec<Node>,
    pub(crate) users: Vec<Uuid>,
}

impl Cluster {
    /// On a database of the shared server; `None` where there are no servers.
    pub(crate) async fn start(nodes: usize, users: usize) -> Option<Self> {
        Self::on(Database::shared().await?, nodes, users).await
    }

    /// On a database that counts the statements of each process, with these flags besides; without
    /// audits, so that what is counted is what was asked for.
    pub(crate) async fn counting(nodes: usize, users: usize, flags: &[&str]) -> Option<Self> {
        let database = Database::counting().await?;
        let redis = RedisPair::start(nodes, &[]).await.unwrap()?;
        let mut started = Vec::new();
        for node in 0..nodes {
            let mut options = waiting();
            options.database_url = database.url_of(node).await;
            options.redis_url = redis.url(node);
            let more = COUNTED.iter().chain(flags);
            options.flags.extend(more.map(|flag| (*flag).to_owned()));
            started.push(database.node_with(options));
        }
        Some(Self::of(database, redis, started, users).await)
    }

    async fn on(database: Database, nodes: usize, users: usize) -> Option<Self> {
        let redis = RedisPair::start(nodes, &[]).await.unwrap()?;
        let started = (0..nodes).map(|node| database.node(&redis.url(node)));
        let started = started.collect();
        Some(Self::of(database, redis, started, users).await)
    }

    async fn of(database: Database, redis: RedisPair, nodes: Vec<Node>, users: usize) -> Self {
        let mut cluster = Self {
            database,
            redis,
            nodes,
            users: Vec::new(),
        };
        cluster.users = create(&cluster.nodes[0], users).await;
        cluster
    }

    /// A client of all processes.
    pub(crate) fn journal(&self) -> Journal {
        Journal::new(&self.users, self.nodes.iter().map(Node::address))
    }

    /// Returns when these processes answer every user from memory, with a bound.
    pub(crate) async fn warm(&self, nodes: &[usize]) {
        let mut journal = self.journal();
        for node in nodes {
            for user in 0..self.users.len() {
                hit(&mut journal, *node, user).await;
            }
        }
    }

    /// Starts a process again that was killed, on its old place.
    pub(crate) fn restart(&mut self, node: usize) {
        self.nodes[node] = self.database.node(&self.redis.url(node));
    }

    /// The bytes that Redis holds of a user.
    pub(crate) async fn stored(&self, user: usize) -> Option<Vec<u8>> {
        stored(self.redis.primary(), self.users[user]).await
    }

    /// The sum of a metric of a process over all its labels that contain this text.
    pub(crate) async fn metric(&self, node: usize, name: &str, label: &str) -> u64 {
        metric(&self.nodes[node], name, label).await
    }

    /// The sum of a metric over all processes.
    pub(crate) async fn metric_of_all(&self, name: &str) -> u64 {
        let mut sum = 0;
        for node in &self.nodes {
            sum += metric(node, name, "").await;
        }
        sum
    }

    /// How often each process connected to Redis.
    pub(crate) async fn connects(&self) -> Vec<u64> {
        connects(&self.nodes).await
    }

    /// When every process has connected to Redis again since these were counted.
    pub(crate) async fn reconnected(&self, before: &[u64]) -> Duration {
        until("every process has connected again", PATIENCE, async || {
            let connects = self.connects().await;
            let all = connects
                .iter()
                .zip(before)
                .all(|(now, before)| now > before);
            all.then(now)
        })
        .await
    }

    /// Users of which one of these processes answers something else than the row, when nobody writes.
    pub(crate) async fn disagreements(
        &self,
        journal: &mut Journal,
        nodes: &[usize],
    ) -> Vec<String> {
        let rows = self.database.rows(&self.users).await;
        let mut wrong = Vec::new();
        for (user, (version, _)) in rows.0.iter().enumerate() {
            for node in nodes {
                let read = journal.read(*node, user).await;
                if crate::journal::version(&read) != Some(*version) {
                    wrong.push(format!("row at {version}, {:?}", read.outcome));
                }
            }
        }
        wrong
    }

    /// Nothing in the history is forbidden by the guarantee.
    pub(crate) async fn assert_kept(&self, history: &History) {
        assert_kept(history, &self.database.rows(&self.users).await);
    }
}

/// New users, at version 1 with value 0.
pub(crate) async fn create(through: &Node, count: usize) -> Vec<Uuid> {
    let mut client = Client::new(through.address());
    let mut users = Vec::new();
    for number in 0..count {
        // What was refused may be there all the same, so each try has an address of its own.
        let mut addresses = (number..).step_by(1_000_000);
        let made = until("a user is made", PATIENCE, async || {
            client.create(addresses.next()?).await.ok()
        });
        users.push(made.await);
    }
    users
}

/// Reads until a process answers from memory, with a bound; that answer.
pub(crate) async fn hit(journal: &mut Journal, node: usize, user: usize) -> Read {
    until("a process answers from memory", PATIENCE, async || {
        let read = journal.read(node, user).await;
        (tier(&read) == Some(Tier::L1) && cached_bound(&read).is_some()).then_some(read)
    })
    .await
}

/// The key of a user.
pub(crate) fn key(user: Uuid) -> String {
    format!("roster:u:{{{user}}}")
}

/// The bytes that one server holds of a user.
pub(crate) async fn stored(server: &RedisServer, user: Uuid) -> Option<Vec<u8>> {
    redis_bytes(server, &key(user)).await.unwrap()
}

/// The tag and the number in front of stored bytes.
pub(crate) fn head(stored: Option<&[u8]>) -> Option<(char, u64)> {
    let stored = stored?;
    let digits = std::str::from_utf8(stored.get(1..17)?).ok()?;
    Some((char::from(stored[0]), u64::from_str_radix(digits, 16).ok()?))
}

/// How often each of these connected to Redis.
pub(crate) async fn connects(nodes: &[Node]) -> Vec<u64> {
    let mut connects = Vec::new();
    for node in nodes {
        let label = "event=\"connected\"";
        connects.push(metric(node, "roster_redis_events_total", label).await);
    }
    connects
}

/// The sum of a metric of a process over all its labels that contain this text.
pub(crate) async fn metric(node: &Node, name: &str, label: &str) -> u64 {
    let page = Client::new(node.metrics_address()).get("/metrics").await;
    let page = page.unwrap().body;
    let lines = page.lines().filter(|line| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with([' ', '{']) && rest.contains(label))
    });
    // A gauge may have a point in it.
    let values = lines.filter_map(|line| {
        line.rsplit_once(' ')?
            .1
            .split('.')
            .next()?
            .parse::<u64>()
            .ok()
    });
    values.sum()
}

/// Asks again until there is an answer, and no longer than this.
pub(crate) async fn until<T>(
    what: &str,
    limit: Duration,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> T {
    let start = now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(
            now() - start < limit,
            "it did not come true within {limit:?} that {what}"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Returns at a moment of the test's clock, at once if it has passed.
pub(crate) async fn at(moment: Duration) {
    tokio::time::sleep(moment.saturating_sub(now())).await;
}
