//! Writes while Redis is broken.

use std::time::Duration;

use roster_soak::{History, ReadOutcome, now};

use crate::cluster::{Cluster, PATIENCE, hit, until};
use crate::journal::{Journal, version};
use crate::redis_latency::{Broken, USED_WITHIN};
use crate::tries::{in_some_try, kept};

/// A request is answered within the usual deadline, though these have a longer one, and the answer
/// has to arrive.
const DEADLINE: Duration = Duration::from_millis(2_200);
/// How long each fault is written through.
const SPAN: Duration = Duration::from_secs(1);
const USERS: usize = 6;

/// Every write succeeds, is read back by whoever presents its version, and is seen through the other
/// process no later than that says.
#[tokio::test(flavor = "multi_thread")]
async fn f01_writes_while_redis_is_broken_are_answered_and_read_back() {
    let Some(mut cluster) = Cluster::start(2, USERS).await else {
        return;
    };
    let mut history = History::default();
    for broken in Broken::ALL {
        in_some_try(async || {
            if broken == Broken::AbsentAtStart {
                broken.begin(&cluster.redis);
                cluster.restart(0);
            } else {
                cluster.warm(&[0, 1]).await;
                broken.begin(&cluster.redis);
            }
            let watch = cluster.journal().watching(vec![0, 1]);
            let mut journal = cluster.journal();
            let written = tokio::select! {
                written = write_through(&mut journal) => written,
                never = broken.go_on(&cluster.redis) => match never {},
            };

            broken.mend(&cluster.redis).await;
            let mended = now();
            hit(&mut journal, 0, 0).await;
            let used = now() - mended;
            until("nothing is stale any more", PATIENCE, async || {
                let stale = cluster.disagreements(&mut journal, &[0, 1]).await;
                stale.is_empty().then_some(())
            })
            .await;
            let fresh = now() - mended;
            let stale = cluster.disagreements(&mut journal, &[0, 1]).await;
            assert!(stale.is_empty(), "{broken:?}: stale again: {stale:?}");

            let seen = watch.end().await;
            for read in &seen.reads {
                let found = matches!(read.outcome, ReadOutcome::Found { .. });
                assert!(found, "{broken:?}: {:?}", read.outcome);
            }
            let slowest = written.iter().max().unwrap();
            let told = format!(
                "{broken:?}: {} writes, the slowest in {slowest:?}, each read back; {} reads; \
                 used again after {used:?}, nothing stale after {fresh:?}",
                written.len(),
                seen.reads.len(),
            );
            println!("f01: {told}");
            history.extend(seen);
            history.extend(journal.history);
            let in_time = *slowest <= DEADLINE && used.max(fresh) <= USED_WITHIN;
            kept(in_time && written.len() > 5, told)
        })
        .await;
    }
    cluster.assert_kept(&history).await;
}

/// Writes through the process whose Redis is broken and reads each of them back, through that one
/// by its version, and through the other one as it comes; how long each write took.
async fn write_through(journal: &mut Journal) -> Vec<Duration> {
    let (start, mut took) = (now(), Vec::new());
    while now() - start < SPAN {
        let user = took.len() % USERS;
        let sent = now();
        let written = journal.must_write(0, user).await;
        took.push(now() - sent);
        let own = journal.read_from(0, user, written).await;
        assert_eq!(version(&own), Some(written), "{:?}", own.outcome);
        journal.read(1, user).await;
    }
    took
}
