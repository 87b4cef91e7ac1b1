//! PostgreSQL is gone.

use std::time::Duration;

use roster_soak::{
    Client, History, Node, NodeOptions, ReadOutcome, RedisPair, Write, WriteOutcome, now,
};
use roster_test_services::{Fault, FaultProxy};
use url::Url;

use crate::cluster::{PATIENCE, connects, create, hit, until};
use crate::database::Database;
use crate::journal::{Journal, assert_kept, cached_bound};
use crate::measure::is_soak;
use crate::tries::{in_some_try, kept};

/// A request is answered within its deadline of a second, and the answer has to arrive, however
/// busy the machine is.
const REFUSED_WITHIN: Duration = Duration::from_millis(2_200);
/// From the end of the fault on.
const RECOVERED_WITHIN: Duration = Duration::from_secs(5);
const ROUNDING: Duration = Duration::from_millis(1);
/// A bound above this is one that has grown.
const ORDINARY: Duration = Duration::from_millis(600);
const USERS: usize = 4;

/// Warm reads go on and say how old they may be; writes are refused at once.
#[tokio::test(flavor = "multi_thread")]
async fn f06_without_its_database_warm_reads_go_on_and_writes_are_refused() {
    let Some(database) = Database::shared().await else {
        return;
    };
    let Some(redis) = RedisPair::start(2, &[]).await.unwrap() else {
        return;
    };
    let mut url = Url::parse(database.url()).unwrap();
    let server = (
        url.host_str().unwrap().to_owned(),
        url.port().unwrap_or(5432),
    );
    let mut addresses = tokio::net::lookup_host(server).await.unwrap();
    let proxy = FaultProxy::start(addresses.next().unwrap());
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(proxy.addr().port())).unwrap();
    let node = |node: usize| {
        database.node_with(NodeOptions {
            database_url: url.to_string(),
            redis_url: redis.url(node),
            flags: [
                "--redis-command-timeout=500ms",
                "--http-request-deadline=1s",
            ]
            .map(str::to_owned)
            .to_vec(),
            ..NodeOptions::default()
        })
    };
    let nodes = [node(0), node(1)];
    let users = create(&nodes[0], USERS).await;
    let journal = || Journal::new(&users, nodes.iter().map(Node::address));
    let mut history = History::default();
    let mut number = 0;
    // Down, and hung: its connections open and nothing comes back.
    for fault in [Fault::Refuse, Fault::BlackHole] {
        in_some_try(async || {
            let mut recording = journal();
            for node in [0, 1] {
                for user in 0..USERS {
                    hit(&mut recording, node, user).await;
                }
            }
            let gone_for = Duration::from_secs(if is_soak() { 65 } else { 4 });
            let watch = journal().watching(vec![0, 1]);
            let before = connects(&nodes).await;

            proxy.set(fault);
            let broken = now();
            let (mut refused, mut late) = (Vec::new(), 0);
            while now() - broken < gone_for {
                let (node, user) = (number % 2, number % USERS);
                let mut client = Client::new(nodes[node].address());
                let (value, sent) = (2_000_000_000 + number as u64, now());
                let answer = client.write(users[user], value).await;
                let answered = now();
                let told = answer.as_ref().unwrap();
                let is_refused = told.status == 503 || told.status == 504;
                assert!(is_refused, "{fault:?}: {} {}", told.status, told.body);
                // What is down refuses at once, unless the machine stands still.
                late += usize::from(told.status == 504 && fault == Fault::Refuse);
                assert!(told.retry_after || told.status == 504, "{}", told.body);
                refused.push(answered - sent);
                recording.history.writes.push(Write {
                    sent,
                    answered,
                    node,
                    life: 0,
                    key: user,
                    value,
                    outcome: WriteOutcome::of(&answer),
                });
                number += 1;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let mended = now();
            proxy.set(Fault::Pass);

            until("a write is acknowledged again", PATIENCE, async || {
                let write = recording.write(0, 0).await;
                matches!(write.outcome, WriteOutcome::Done(_)).then_some(())
            })
            .await;
            for node in [0, 1] {
                until("the bound is as before", PATIENCE, async || {
                    let read = recording.read(node, 1).await;
                    cached_bound(&read)
                        .is_some_and(|bound| bound < ORDINARY)
                        .then_some(())
                })
                .await;
            }
            let recovered = now() - mended;
            let seen = watch.end().await;
            let during = seen
                .reads
                .iter()
                .filter(|read| read.sent > broken && read.answered < mended);
            let (mut answers, mut oldest) = (0, Duration::ZERO);
            // Where the machine stood still, a process may have given up its connection to Redis,
            // and what it held with that.
            let was_lost = connects(&nodes).await != before;
            let mut unanswered = 0;
            for read in during {
                let found = matches!(read.outcome, ReadOutcome::Found { .. });
                unanswered += usize::from(!found);
                assert!(
                    found || was_lost,
                    "{fault:?}: {:?} gone, a warm read was answered after {:?} with {:?}",
                    read.sent - broken,
                    read.answered - read.sent,
                    read.outcome
                );
                if let Some(bound) = cached_bound(read) {
                    let gone = read.sent - broken;
                    assert!(
                        bound + ROUNDING >= gone,
                        "{gone:?} gone: {:?}",
                        read.outcome
                    );
                    oldest = oldest.max(bound);
                }
                answers += usize::from(found);
            }
            let slowest = refused.iter().max().unwrap();
            let told = format!(
                "{fault:?} for {gone_for:?}: {answers} warm reads, {unanswered} more failed, \
                 bounds up to {oldest:?}; {} writes refused, {late} of them too late, \
                 the slowest in {slowest:?}; recovered after {recovered:?}",
                refused.len()
            );
            println!("f06: {told}");
            let in_time = *slowest <= REFUSED_WITHIN && recovered <= RECOVERED_WITHIN && late == 0;
            history.extend(seen);
            history.extend(recording.history);
            kept(in_time && answers > 100 && unanswered == 0, told)
        })
        .await;
    }
    // What was refused may have happened all the same, and is settled by then.
    assert_kept(&history, &database.rows(&users).await);
}
