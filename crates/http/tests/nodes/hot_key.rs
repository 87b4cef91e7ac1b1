//! Everybody wants the same user.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use roster_soak::{Client, Hot, Node, Query, now};
use sqlx::PgConnection;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::sleep;
use uuid::Uuid;

use crate::cluster::{Cluster, PATIENCE, PATIENT, hit, until};
use crate::database::Database;
use crate::journal::version;
use crate::measure::is_soak;
use crate::tries::{in_some_try, kept};

/// Many read one user while it is written again and again; then the same while the database is slow.
#[tokio::test(flavor = "multi_thread")]
async fn t09_one_key_under_writes_and_reads_has_one_database_read_and_starves_nobody() {
    const NODES: usize = 2;
    let Some(cluster) = Cluster::counting(NODES, 1, &UNHURRIED).await else {
        return;
    };
    cluster.warm(&[0, 1]).await;
    let user = cluster.users[0];
    let addresses: Vec<_> = cluster.nodes.iter().map(Node::address).collect();
    let span = Duration::from_secs(if is_soak() { 60 } else { 4 });
    in_some_try(async || {
        let (reads_alone, writes_alone) = alone(&addresses, user).await;
        let mut looks = Looks::new(&cluster.database, NODES).await;
        let seen = Hot::FULL
            .run(&addresses, user, looks.during(span))
            .await
            .unwrap();
        let figures = format!(
            "{:.0} writes/s of {writes_alone:.0} alone, {:.0} reads/s of {reads_alone:.0} alone; \
             {seen:?}; {looks}",
            seen.write_rate(),
            seen.read_rate(),
        );
        println!("t09: {figures}");
        assert_eq!(seen.went_back, 0, "{figures}");
        // What the protocol is built for, or what the machine bears: a cold key costs more than a
        // warm one.
        let (fewest_reads, fewest_writes) = (reads_alone / 25.0, writes_alone / 6.0);
        let is_carried = seen.read_rate() >= fewest_reads.max(100.0)
            && seen.write_rate() >= fewest_writes.max(20.0);
        // On a busy machine everybody waits, and nobody much longer than the others.
        let goes = seen.reads / Hot::FULL.at_once / Hot::FULL.readers;
        let usual = seen.elapsed / u32::try_from(goes.max(1)).unwrap();
        let longest = Duration::from_secs(1).max(4 * usual);
        let is_fair =
            seen.longest_wait <= longest && seen.fewest * Hot::FULL.readers * 2 >= seen.reads;
        kept(is_carried && is_fair && looks.crowded == 0, figures)
    })
    .await;

    // A read of a tenth of a millisecond is hardly ever met by another, so here it takes longer.
    cluster.database.slow_user_reads(NODES, SLOW).await;
    let mut journal = cluster.journal();
    in_some_try(async || {
        let mut looks = Looks::new(&cluster.database, NODES).await;
        let slow = FOR_SLOW
            .run(&addresses, user, looks.during(span / 2))
            .await
            .unwrap();
        let figures = format!("{slow:?}; {looks}");
        println!("t09, where a read takes {SLOW:?}: {figures}");
        assert_eq!(slow.went_back, 0, "{figures}");
        for node in 0..NODES {
            until("memory holds the last version", PATIENCE, async || {
                let read = hit(&mut journal, node, 0).await;
                (version(&read) == Some(slow.last_version)).then_some(())
            })
            .await;
        }
        // A read that has waited for 50 ms waits no longer. Without turnstiles it is one look in
        // five.
        kept(looks.busy > 10 && looks.crowded * 7 <= looks.busy, figures)
    })
    .await;
}

/// What more than a machine bears is refused by belongs to other tests: here everybody is to wait.
const UNHURRIED: [&str; 1] = ["--http-target-latency=2s"];

/// What a read of a user takes in a database that is slow.
const SLOW: Duration = Duration::from_millis(8);

/// So much that one read after another is enough, and each write finds one under way.
const FOR_SLOW: Hot = Hot {
    reads_per_second: 2_000,
    writes_per_second: 100,
    ..Hot::FULL
};

/// Reads a second that nothing disturbs, and writes a second that nobody reads.
async fn alone(addresses: &[SocketAddr], user: Uuid) -> (f64, f64) {
    let unwritten = Hot {
        writers: 0,
        ..Hot::FULL
    };
    let unread = Hot {
        readers: 0,
        ..Hot::FULL
    };
    let span = Duration::from_secs(1);
    let reads = unwritten.run(addresses, user, sleep(span)).await.unwrap();
    let writes = unread.run(addresses, user, sleep(span)).await.unwrap();
    (reads.read_rate(), writes.write_rate())
}

/// What was under way in the database, looked at from outside.
struct Looks<'d> {
    database: &'d Database,
    sql: PgConnection,
    nodes: usize,
    count: usize,
    /// Those that found a read of a user under way.
    busy: usize,
    /// Those that found several at once of one process.
    crowded: usize,
}

impl<'d> Looks<'d> {
    async fn new(database: &'d Database, nodes: usize) -> Self {
        Self {
            database,
            sql: database.sql().await,
            nodes,
            count: 0,
            busy: 0,
            crowded: 0,
        }
    }

    async fn during(&mut self, span: Duration) {
        let start = now();
        while now() - start < span {
            let (sql, nodes) = (&mut self.sql, self.nodes);
            let reading = self.database.user_reads_under_way(sql, nodes).await;
            self.count += 1;
            self.busy += usize::from(reading.iter().any(|reads| *reads > 0));
            self.crowded += usize::from(reading.iter().any(|reads| *reads > 1));
        }
    }
}

impl fmt::Display for Looks<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "of {} looks at the database {} found a read under way, and {} several of one process",
            self.count, self.busy, self.crowded
        )
    }
}

/// A thousand ask at once for a user that no cache holds.
#[tokio::test(flavor = "multi_thread")]
async fn f14_a_stampede_on_a_cold_key_is_one_database_query() {
    const NODES: usize = 3;
    const CALLERS: usize = 999;
    const ROUNDS: usize = 10;
    // One more, by which every process gets its connections.
    let Some(cluster) = Cluster::counting(NODES, ROUNDS + 1, &PATIENT).await else {
        return;
    };
    let mut journal = cluster.journal();
    for node in 0..NODES {
        hit(&mut journal, node, ROUNDS).await;
    }
    let mut clients = Vec::new();
    for caller in 0..CALLERS {
        let mut client = Client::new(cluster.nodes[caller % NODES].address());
        assert_eq!(client.get("/livez").await.unwrap().status, 200);
        clients.push(client);
    }
    let (mut rounds, mut slowest) = (Vec::new(), Duration::ZERO);
    for user in &cluster.users[..ROUNDS] {
        let took = at_once(&mut clients, *user, &cluster.database).await;
        rounds.push(cluster.database.user_reads(NODES).await);
        slowest = slowest.max(took);
    }
    println!(
        "f14: queries of each process in rounds of {CALLERS} reads: {rounds:?}; the slowest round \
         took {slowest:?}"
    );
    // Whichever process got the lease made it, and the others waited for that.
    for queries in &rounds {
        assert_eq!(queries.iter().sum::<u64>(), 1, "{rounds:?}");
    }
}

/// Has all of these clients ask for one user at the same time, and counts statements from then
/// on; answers when the last of them was answered.
async fn at_once(clients: &mut Vec<Client>, user: Uuid, database: &Database) -> Duration {
    database.count_anew().await;
    let barrier = Arc::new(Barrier::new(clients.len()));
    let mut asking = JoinSet::new();
    for mut client in clients.drain(..) {
        let barrier = Arc::clone(&barrier);
        asking.spawn(async move {
            barrier.wait().await;
            let sent = now();
            let answer = client.read(user, Query::default()).await.unwrap();
            let told = format!("{} {}", answer.status, answer.body);
            assert_eq!(answer.version, Some(1), "{told}");
            (client, now() - sent)
        });
    }
    let (asked, took): (Vec<_>, Vec<_>) = asking.join_all().await.into_iter().unzip();
    *clients = asked;
    took.into_iter().max().unwrap()
}
