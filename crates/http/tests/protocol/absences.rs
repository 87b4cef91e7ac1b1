//! Users that are not there: cached absences, and many of them.

use std::time::Duration;

use roster_app::{CachePolicy, Freshness, Held, UserError};
use roster_domain::UserId;
use roster_domain::ports::FillOutcome;
use uuid::Uuid;

use crate::support::{Making, Node, World, at_least, draft, is_soak};

async fn an_unknown_id(world: &World, nodes: &[&Node]) -> UserId {
    let id = UserId::new(nodes[0].runtime.ids.next_id());
    for node in nodes {
        assert_eq!(node.version(id).await, None);
        // The copy in the process comes after the answer.
        while node.inspect(id).await.l1 != Held::Absent {
            assert_eq!(node.version(id).await, None);
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(world.tag(id).await, Some('N'));
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn t11_a_cached_absence_does_not_outlive_the_insert() {
    let world = world!();
    let (one, other) = (world.node().await, world.node().await);
    let id = an_unknown_id(&world, &[&one, &other]).await;

    one.service.create(draft(id)).await.unwrap();
    assert_eq!(one.version(id).await, Some(1));
    let answer = other.service.get(id, at_least(1)).await.unwrap();
    assert_eq!(answer.user.version.get(), 1);
    other.settle().await;
    assert_eq!(other.version(id).await, Some(1));
    assert_eq!((one.warm(id).await, other.warm(id).await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn t11_an_absence_whose_fill_is_under_way_does_not_outlive_the_insert() {
    let world = world!();
    let (one, other) = (world.quiet_node().await, world.quiet_node().await);
    let id = UserId::new(one.runtime.ids.next_id());
    other.cache.before_fill.stop_next(1);
    let reading = other.reading(id);
    other.cache.before_fill.stopped(1).await;
    one.service.create(draft(id)).await.unwrap();
    other.cache.before_fill.open();

    assert!(matches!(reading.await.unwrap(), Err(UserError::NotFound)));
    other.landed(id).await;
    assert_eq!(other.cache.fills(), [FillOutcome::Refused]);
    other.settle().await;
    for node in [&one, &other] {
        assert_eq!(node.version(id).await, Some(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t11_a_user_deleted_while_its_fill_is_under_way_is_absent_afterwards() {
    let world = world!();
    let (one, other) = (world.quiet_node().await, world.quiet_node().await);
    let id = one.create().await.id;
    other.cache.before_fill.stop_next(1);
    let reading = other.reading(id);
    other.cache.before_fill.stopped(1).await;
    one.service.delete(id, None).await.unwrap();
    other.cache.before_fill.open();

    // It asked before the deletion was acknowledged.
    assert_eq!(reading.await.unwrap().unwrap().user.version.get(), 1);
    other.landed(id).await;
    assert_eq!(other.cache.fills(), [FillOutcome::Refused]);
    other.settle().await;
    for node in [&one, &other] {
        assert_eq!(node.version(id).await, None);
        let strong = node.service.get(id, Freshness::STRONG).await;
        assert!(matches!(strong, Err(UserError::NotFound)));
    }
    assert_eq!(world.tag(id).await, Some('N'));

    // And the absence does not outlive its end.
    assert_eq!(
        one.service.restore(id, None).await.unwrap().version.get(),
        3
    );
    other.settle().await;
    for node in [&one, &other] {
        assert_eq!(node.version(id).await, Some(3));
    }
}

const BATCH: usize = 250;
const L1_OCTETS: u64 = 1024 * 1024;
/// How long Redis keeps an absence here; by default it would hold a million of them.
const ABSENT_TTL: Duration = Duration::from_secs(2);
/// What the process may grow by once its cache is full, and Redis once it has
/// forgotten, in octets.
const GROWTH: u64 = 8 * 1024 * 1024;
/// What Redis may hold for one absence, its name, lifetime and readers included, in octets.
const OCTETS_PER_ABSENCE: u64 = 600;

/// In a process of its own, because the memory of one is measured.
#[test]
fn t11_random_ids_do_not_grow_the_process() {
    const NAME: &str = "absences::t11_random_ids_do_not_grow_the_process";
    const ALONE: &str = "ROSTER_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        let workers = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        return workers.unwrap().block_on(ask_for_random_ids());
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.contains("1 passed"), "{said}");
    println!("{said}");
}

async fn ask_for_random_ids() {
    let world = world!(own_redis);
    let policy = CachePolicy {
        l1_octets: L1_OCTETS,
        absent_ttl: ABSENT_TTL,
        ..Making::default().policy
    };
    let node = world
        .node_with(Making {
            policy,
            records: false,
            ..Making::default()
        })
        .await;
    let ids = if is_soak() { 1_000_000 } else { 40_000 };
    let batches = ids / BATCH;
    let mut resident = Vec::new();
    let empty = redis_octets(&world).await;
    for batch in 1..=batches {
        let ids: Vec<UserId> = (0..BATCH).map(|_| random_id(&node)).collect();
        // The second read puts them into memory.
        for _ in 0..2 {
            let answers = node.service.get_many(&ids, Freshness::CACHED).await;
            assert!(answers.unwrap().iter().all(Option::is_none));
        }
        let l1 = node.service.cache_overview().l1.unwrap();
        assert!(l1.octets <= L1_OCTETS, "{l1:?}");
        if batch % (batches / 8) == 0 {
            resident.push(resident_octets());
            let stored = redis_octets(&world).await.saturating_sub(empty);
            let keys: u64 = world.redis(&["DBSIZE"]).await;
            println!("{keys} keys of {stored} octets in Redis");
            let most = keys * OCTETS_PER_ABSENCE + GROWTH;
            assert!(stored <= most, "{keys} keys take {stored} octets in Redis");
        }
    }
    let l1 = node.service.cache_overview().l1.unwrap();
    assert!(l1.octets > L1_OCTETS / 2, "nothing was kept: {l1:?}");
    // By the second of eight looks the machinery is warm.
    let grown = resident[7].saturating_sub(resident[1]);
    println!("{ids} ids, {grown} octets more, by eighths: {resident:?}");
    assert!(grown <= GROWTH, "the process grew by {grown} octets");
    redis_forgets(&world, empty).await;
}

/// Keys whose time is over stay until Redis comes across them.
async fn redis_forgets(world: &World, empty: u64) {
    let wait = async {
        loop {
            let keys: u64 = world.redis(&["DBSIZE"]).await;
            let more = redis_octets(world).await.saturating_sub(empty);
            if keys < 100 && more <= GROWTH {
                println!("in Redis {more} octets more and {keys} keys afterwards");
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let within = ABSENT_TTL + Duration::from_secs(30);
    let outcome = tokio::time::timeout(within, wait).await;
    outcome.expect("Redis did not forget the absences");
}

fn random_id(node: &Node) -> UserId {
    UserId::new(Uuid::from_bytes(node.runtime.ids.random_token()))
}

/// What Redis keeps in memory.
async fn redis_octets(world: &World) -> u64 {
    let info: String = world.redis(&["INFO", "memory"]).await;
    let used = info
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"));
    used.unwrap().trim().parse().unwrap()
}

/// What this process has in memory.
fn resident_octets() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() * 1024
}
