//! Wall clocks that are wrong.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use roster_soak::{
    History, Node, NodeOptions, ReadOutcome, WriteOutcome, now, redis_addr, redis_bytes,
};
use roster_test_services::{RedisServer, find_faketime, or_skip};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::cluster::{PATIENCE, at, create, hit, until};
use crate::database::{Database, waiting};
use crate::journal::{Journal, assert_kept, cached_bound};
use crate::tries::{in_some_try, kept};

const STEP: Duration = Duration::from_secs(5);
/// No answer may be older than this, whatever the clocks say.
const STALE_FOR: Duration = Duration::from_millis(500);
/// From the end of the step on.
const RECOVERED_WITHIN: Duration = Duration::from_secs(1);
/// Between two looks at Redis there are some milliseconds. With more than this it stood still, or
/// the machine did, of which the figures do not speak.
const STILL: Duration = Duration::from_millis(250);

/// What makes a program see another wall clock than the machine's; monotonic time stays true.
fn clock(library: &Path) -> Vec<(String, String)> {
    let library = library.to_str().unwrap();
    [
        // Redis comes with an allocator that asks for the time before the clock can be told.
        ("LD_PRELOAD", format!("{library}:libc.so.6")),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

fn with(clock: &[(String, String)], name: &str, value: &str) -> Vec<(String, String)> {
    let one = (name.to_owned(), value.to_owned());
    clock.iter().cloned().chain([one]).collect()
}

/// One process an hour ahead, one an hour behind, one right; and Redis steps back.
#[tokio::test(flavor = "multi_thread")]
async fn t13_wrong_clocks_and_a_redis_that_steps_back_make_nothing_stale() {
    let Some(library) = or_skip(find_faketime()) else {
        return;
    };
    let Some(database) = Database::shared().await else {
        return;
    };
    let clock = clock(&library);
    let folder = tempfile::tempdir().unwrap();
    let offset = folder.path().join("clock-of-redis");
    fs::write(&offset, "+0\n").unwrap();
    let of_redis = with(&clock, "FAKETIME_TIMESTAMP_FILE", offset.to_str().unwrap());
    let Some(redis) = or_skip(RedisServer::try_start_in(&[], &of_redis)) else {
        return;
    };
    let node = |hours: &str| {
        database.node_with(NodeOptions {
            redis_url: redis.url(),
            env: with(&clock, "FAKETIME", hours),
            ..waiting()
        })
    };
    let nodes = ["+1h", "-1h", "+0"].map(node);
    let users = create(&nodes[0], 3).await;
    let born = [
        born(&nodes[0], users[0]).await,
        born(&nodes[1], create_late(&nodes[1]).await).await,
    ];
    assert!(
        born[0] - born[1] > time::Duration::minutes(110),
        "the clocks of the processes are not wrong: {born:?}"
    );

    let journal = || Journal::new(&users, nodes.iter().map(Node::address));
    let write_for = async |writer: &mut Journal, until: Duration| {
        while now() < until {
            for node in 0..3 {
                writer.must_write(node, node).await;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    };
    let mut all = History::default();
    let mut back = Duration::ZERO;
    in_some_try(async || {
        let mut writer = journal();
        for node in 0..3 {
            hit(&mut writer, node, 0).await;
        }
        let watch = journal().watching(vec![0, 1, 2]);
        let watermarks = watermarks(redis.clone(), database.watermark_key().await);
        write_for(&mut writer, now() + Duration::from_millis(500)).await;

        let before = redis_time(&redis).await;
        back += STEP;
        fs::write(&offset, format!("-{}s\n", back.as_secs())).unwrap();
        let stepped = now();
        assert!(
            redis_time(&redis).await < before,
            "the clock of Redis did not step back"
        );
        write_for(&mut writer, stepped + STEP - Duration::from_millis(500)).await;
        let grown = writer.read(2, 2).await;
        let grown = cached_bound(&grown).unwrap_or(Duration::MAX);

        // Its time has passed the watermark again.
        at(stepped + STEP).await;
        for node in 0..3 {
            until("bounds are as before", PATIENCE, async || {
                let read = writer.read(node, 0).await;
                (cached_bound(&read) < Some(STALE_FOR) && cached_bound(&read).is_some())
                    .then_some(())
            })
            .await;
        }
        let recovered = (now() - stepped).saturating_sub(STEP);
        write_for(&mut writer, now() + Duration::from_millis(300)).await;
        let (watermarks, longest) = watermarks.end();
        let mut history = watch.end().await;
        history.extend(writer.history);
        let stale = stale_for(&history);
        let told = format!(
            "{} operations, no answer older than {stale:?}; a bound of {grown:?} before the end of \
             the step, recovered {recovered:?} after it; {} watermarks, {longest:?} between looks",
            history.len(),
            watermarks.len()
        );
        println!("t13: {told}");
        all.extend(history);
        assert!(
            watermarks.len() > 5 && watermarks.is_sorted(),
            "{watermarks:?}"
        );
        let nothing_new = STEP - Duration::from_secs(1);
        assert!(
            grown >= nothing_new,
            "a bound of {grown:?} while the clock of Redis proves nothing"
        );
        let in_time = stale <= STALE_FOR && recovered <= RECOVERED_WITHIN;
        assert!(in_time || longest > STILL, "{told}");
        kept(in_time, told)
    })
    .await;
    assert_kept(&all, &database.rows(&users).await);
}

/// The oldest that any answer was: sent so long after a newer version was acknowledged.
fn stale_for(history: &History) -> Duration {
    let mut worst = Duration::ZERO;
    for read in &history.reads {
        let ReadOutcome::Found { version, .. } = read.outcome else {
            panic!("a read was answered with {:?}", read.outcome);
        };
        let newer = history.writes.iter().filter(|write| {
            write.key == read.key && matches!(write.outcome, WriteOutcome::Done(v) if v > version)
        });
        if let Some(first) = newer.map(|write| write.answered).min() {
            worst = worst.max(read.sent.saturating_sub(first));
        }
    }
    worst
}

/// When a process says that it made a user, by its own clock.
async fn born(node: &Node, user: Uuid) -> OffsetDateTime {
    let mut client = roster_soak::Client::new(node.address());
    let answer = client.get(&format!("/v1/users/{user}")).await.unwrap();
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    OffsetDateTime::parse(body["created_at"].as_str().unwrap(), &Rfc3339).unwrap()
}

/// A user made by another process than the first ones.
async fn create_late(node: &Node) -> Uuid {
    let mut client = roster_soak::Client::new(node.address());
    client.create(1_000).await.unwrap()
}

/// The server's time in microseconds.
async fn redis_time(redis: &RedisServer) -> u64 {
    let redis::Value::Array(parts) = redis_addr(redis.addr(), &[b"TIME"]).await.unwrap() else {
        panic!("no time");
    };
    let number = |part: &redis::Value| match part {
        redis::Value::BulkString(digits) => {
            std::str::from_utf8(digits).unwrap().parse::<u64>().unwrap()
        }
        other => panic!("{other:?}"),
    };
    number(&parts[0]) * 1_000_000 + number(&parts[1])
}

/// What the watermark is, each time that it has changed, until it is told to end.
fn watermarks(redis: RedisServer, key: String) -> Watermarks {
    let seen = Arc::new(Mutex::new((Vec::new(), Duration::ZERO)));
    let looks = Arc::clone(&seen);
    let task = tokio::spawn(async move {
        let mut last = now();
        loop {
            let stored = redis_bytes(&redis, &key).await.unwrap();
            let digits = std::str::from_utf8(&stored.unwrap()[2..18])
                .unwrap()
                .to_owned();
            let at = u64::from_str_radix(&digits, 16).unwrap();
            {
                let mut looks = looks.lock().unwrap();
                let (list, longest) = &mut *looks;
                if list.last() != Some(&at) {
                    list.push(at);
                }
                *longest = (*longest).max(now() - last);
                last = now();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    Watermarks { seen, task }
}

/// Looks at the watermark until it is asked what it saw.
struct Watermarks {
    /// And the longest time between two looks.
    seen: Arc<Mutex<(Vec<u64>, Duration)>>,
    task: JoinHandle<()>,
}

impl Watermarks {
    fn end(self) -> (Vec<u64>, Duration) {
        self.task.abort();
        self.seen.lock().unwrap().clone()
    }
}
