//! Everybody wants the same user.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use roster_soak::{Client, Query, now};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::cluster::{Cluster, hit};
use crate::database::Database;
use crate::measure::{is_soak, rate};

/// What one reader saw.
#[derive(Default)]
struct Seen {
    reads: usize,
    /// Between two of its answers, at the most.
    longest_gap: Duration,
    /// How often a version was below one that it saw before.
    went_back: usize,
}

/// Many read one user while it is written again and again.
#[tokio::test(flavor = "multi_thread")]
async fn t09_one_key_under_writes_and_reads_has_one_database_read_and_starves_nobody() {
    const NODES: usize = 2;
    const READERS: usize = 24;
    const WRITERS: usize = 4;
    /// In one go, as many as wait in a connection.
    const AT_ONCE: usize = 8;
    let Some(cluster) = Cluster::counting(NODES, 1).await else {
        return;
    };
    cluster.warm(&[0, 1]).await;
    let span = Duration::from_secs(if is_soak() { 60 } else { 4 });
    let user = cluster.users[0];
    let stop = Arc::new(AtomicBool::default());
    let written = Arc::new(AtomicU64::new(1));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let client = Client::new(cluster.nodes[writer % NODES].address());
        let (stop, written) = (Arc::clone(&stop), Arc::clone(&written));
        writers.spawn(write(client, user, stop, written));
    }
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        let client = Client::new(cluster.nodes[reader % NODES].address());
        // One half presents what it saw.
        let presents = (reader / NODES).is_multiple_of(2);
        let stop = Arc::clone(&stop);
        readers.spawn(async move { (presents, read(client, user, presents, AT_ONCE, stop).await) });
    }
    let (start, mut sql) = (now(), cluster.database.sql().await);
    let (mut looks, mut most) = (0, vec![0; NODES]);
    while now() - start < span {
        let reading = cluster.database.user_reads_under_way(&mut sql, NODES).await;
        for (most, reading) in most.iter_mut().zip(reading) {
            *most = reading.max(*most);
        }
        looks += 1;
    }
    stop.store(true, Ordering::Relaxed);
    let elapsed = now() - start;
    let writes: usize = writers.join_all().await.into_iter().sum();
    let seen = readers.join_all().await;
    let reads: usize = seen.iter().map(|(_, seen)| seen.reads).sum();
    let gap = seen.iter().map(|(_, seen)| seen.longest_gap).max().unwrap();
    let least = seen.iter().map(|(_, seen)| seen.reads).min().unwrap();
    let back = |presents| {
        let those = seen.iter().filter(|(presented, _)| *presented == presents);
        those.map(|(_, seen)| seen.went_back).sum::<usize>()
    };
    let figures = format!(
        "{:.0} writes/s, {:.0} reads/s; at most {most:?} database reads under way in {looks} looks; \
         the slowest reader got {least} answers, the longest gap was {gap:?}; versions went back {} \
         times for who presents them, {} for others",
        rate(writes, elapsed),
        rate(reads, elapsed),
        back(true),
        back(false),
    );
    println!("t09: {figures}");
    assert!(
        looks > 100 && writes > 100 && reads > 200,
        "no load: {figures}"
    );
    assert!(most.iter().all(|most| *most <= 1), "{figures}");
    // On a busy machine everybody waits, and nobody much longer than the others.
    let goes = reads / AT_ONCE / READERS;
    let usual = elapsed / u32::try_from(goes.max(1)).unwrap();
    assert!(gap <= Duration::from_secs(1).max(4 * usual), "{figures}");
    assert!(least * READERS * 2 >= reads, "{figures}");
    assert_eq!(back(true), 0, "{figures}");
    let last = written.load(Ordering::Relaxed);
    let mut journal = cluster.journal();
    for node in 0..NODES {
        let read = hit(&mut journal, node, 0).await;
        assert_eq!(crate::journal::version(&read), Some(last));
    }
}

async fn write(
    mut client: Client,
    user: Uuid,
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
) -> usize {
    let mut writes = 0;
    while !stop.load(Ordering::Relaxed) {
        let value = u64::from(rand::random::<u32>());
        let answer = client.write(user, value).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        written.fetch_max(answer.version.unwrap(), Ordering::Relaxed);
        writes += 1;
    }
    writes
}

async fn read(
    mut client: Client,
    user: Uuid,
    presents: bool,
    at_once: usize,
    stop: Arc<AtomicBool>,
) -> Seen {
    let (mut seen, mut newest, mut last) = (Seen::default(), 0, now());
    while !stop.load(Ordering::Relaxed) {
        let query = Query {
            min_version: if presents { newest } else { 0 },
            strong: false,
        };
        let answers = client.read_many(user, query, at_once).await.unwrap();
        seen.longest_gap = seen.longest_gap.max(now() - last);
        last = now();
        for answer in answers {
            assert_eq!(answer.status, 200, "{}", answer.body);
            let version = answer.version.unwrap();
            // All of one go were sent before the first was answered, and present the same.
            let least = if presents { query.min_version } else { newest };
            seen.went_back += usize::from(version < least);
            newest = if presents {
                newest.max(version)
            } else {
                version
            };
            seen.reads += 1;
        }
    }
    seen
}

/// A thousand ask at once for a user that no cache holds.
#[tokio::test(flavor = "multi_thread")]
async fn f14_a_stampede_on_a_cold_key_is_one_database_query() {
    const NODES: usize = 3;
    const CALLERS: usize = 999;
    const ROUNDS: usize = 10;
    // One more, by which every process gets its connections.
    let Some(cluster) = Cluster::counting(NODES, ROUNDS + 1).await else {
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
