//! "Clear all", which one process is told and all have to hear of.

use std::time::Duration;

use roster_soak::{Client, now};

use crate::cluster::{Cluster, PATIENCE, until};
use crate::database::run;
use crate::journal::version;
use crate::tries::{in_some_try, kept};

/// A round of the relay, which takes the new epoch to Redis, and a look at it by the other process.
const HEARD_WITHIN: Duration = Duration::from_secs(1);

/// Rows changed by hand, of which no process hears, are what an operator clears the caches for.
#[tokio::test(flavor = "multi_thread")]
async fn clearing_through_one_process_is_a_miss_in_the_other() {
    const USERS: usize = 8;
    let Some(cluster) = Cluster::start(2, USERS).await else {
        return;
    };
    let mut sql = cluster.database.sql().await;
    let mut journal = cluster.journal();
    let mut operator = Client::new(cluster.nodes[0].address());
    in_some_try(async || {
        cluster.warm(&[0, 1]).await;
        let old = cluster.database.version(&mut sql, cluster.users[0]).await;
        run(&mut sql, "UPDATE users SET version = version + 1").await;
        // Not where the machine stood still, and the caches were emptied for it.
        let mut is_held = true;
        for node in [0, 1] {
            for user in 0..USERS {
                is_held &= version(&journal.read(node, user).await) == Some(old);
            }
        }

        let cleared = operator.send("POST", "/v1/admin/cache/epoch", "").await;
        assert_eq!(cleared.unwrap().status, 204);

        let at = now();
        for user in 0..USERS {
            let own = version(&journal.read(0, user).await);
            assert_eq!(
                own,
                Some(old + 1),
                "who was told answers none of it any more"
            );
        }
        until("the other has heard of it", PATIENCE, async || {
            (version(&journal.read(1, 0).await) == Some(old + 1)).then_some(())
        })
        .await;
        let heard = now() - at;
        println!("clearing: the other process had heard of it after {heard:?}");
        for user in 0..USERS {
            assert_eq!(version(&journal.read(1, user).await), Some(old + 1));
        }
        kept(
            is_held && heard <= HEARD_WITHIN,
            format!("held: {is_held}; heard of after {heard:?}"),
        )
    })
    .await;
}
