//! "Clear all", which one process is told and all have to hear of.

use std::time::Duration;

use roster_soak::{Client, now};

use crate::cluster::{Cluster, PATIENCE, until};
use crate::database::run;
use crate::journal::version;

/// A round of the relay, which takes the new epoch to Redis, and a look at it by the other process.
const HEARD_WITHIN: Duration = Duration::from_secs(1);

/// Rows changed by hand, of which no process hears, are what an operator clears the caches for.
#[tokio::test(flavor = "multi_thread")]
async fn clearing_through_one_process_is_a_miss_in_the_other() {
    const USERS: usize = 8;
    let Some(cluster) = Cluster::start(2, USERS).await else {
        return;
    };
    cluster.warm(&[0, 1]).await;
    let mut sql = cluster.database.sql().await;
    run(&mut sql, "UPDATE users SET version = version + 1").await;
    let mut journal = cluster.journal();
    for node in [0, 1] {
        for user in 0..USERS {
            assert_eq!(version(&journal.read(node, user).await), Some(1));
        }
    }

    let mut operator = Client::new(cluster.nodes[0].address());
    let cleared = operator.send("POST", "/v1/admin/cache/epoch", "").await;
    assert_eq!(cleared.unwrap().status, 204);

    let at = now();
    for user in 0..USERS {
        let own = version(&journal.read(0, user).await);
        assert_eq!(own, Some(2), "who was told answers none of it any more");
    }
    until("the other has heard of it", PATIENCE, async || {
        (version(&journal.read(1, 0).await) == Some(2)).then_some(())
    })
    .await;
    let heard = now() - at;
    println!("clearing: the other process had heard of it after {heard:?}");
    for user in 0..USERS {
        assert_eq!(version(&journal.read(1, user).await), Some(2));
    }
    assert!(heard <= HEARD_WITHIN, "{heard:?}");
}
