//! A change that no relay gets rid of.

use roster_soak::Client;
use serde_json::Value;

use crate::cluster::{Cluster, PATIENCE, until};
use crate::database::run;

const LAG: &str = "roster_cache_relay_lag_seconds";

/// What a process says to its operator: how old the oldest undelivered change is.
async fn told(cluster: &Cluster, node: usize) -> Value {
    let mut operator = Client::new(cluster.nodes[node].address());
    let status = operator.get("/v1/admin/cache").await.unwrap();
    let status: Value = serde_json::from_str(&status.body).unwrap();
    status["shared"]["relay_lag_seconds"].clone()
}

/// It is found in round after round, and is older each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_cannot_be_acknowledged_shows_by_its_age() {
    const NODES: [usize; 2] = [0, 1];
    let Some(cluster) = Cluster::start(NODES.len(), 1).await else {
        return;
    };
    let mut sql = cluster.database.sql().await;
    run(
        &mut sql,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
         AS $$BEGIN RAISE EXCEPTION 'a test keeps this row as it is'; END$$",
    )
    .await;
    run(
        &mut sql,
        "CREATE TRIGGER refuse BEFORE UPDATE ON user_changes FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .await;
    run(
        &mut sql,
        "INSERT INTO user_changes (user_id, version, changed_at)
         VALUES ('00000000-0000-0000-0000-000000000000', 1, now() - interval '30 seconds')",
    )
    .await;
    // A relay that fails keeps no other from looking.
    for age in [30, 32] {
        for node in NODES {
            until("a process shows the age", PATIENCE, async || {
                (cluster.metric(node, LAG, "").await >= age).then_some(())
            })
            .await;
        }
    }
    for node in NODES {
        let told = told(&cluster, node).await.as_f64();
        assert!(told >= Some(32.0), "{told:?}");
    }

    run(&mut sql, "DROP TRIGGER refuse ON user_changes").await;
    until(
        "one relays and the other stands back",
        PATIENCE,
        async || {
            let mut all = [told(&cluster, 0).await, told(&cluster, 1).await];
            all.sort_by_key(Value::is_null);
            (all[0].as_f64() == Some(0.0) && all[1].is_null()).then_some(())
        },
    )
    .await;
    assert_eq!(cluster.metric_of_all(LAG).await, 0);
}
