//! Two releases share one Redis.

use std::time::Duration;

use redis::Value;
use roster_soak::{Tier, now, redis_addr};

use crate::cluster::{Cluster, PATIENCE, head, hit, key, until};
use crate::database::run;
use crate::journal::{tier, version};
use crate::tries::{in_some_try, kept};

/// Where the frame of a stored value says which schema its payload has.
const SCHEMA: std::ops::Range<usize> = 17..19;
/// Where it has its checksum, of everything else.
const CHECKSUM: std::ops::Range<usize> = 79..83;
const HEAD: usize = 83;

/// An invalidation of either release by the other.
const HEARD_WITHIN: Duration = Duration::from_secs(1);

/// A value as the next release would store it: the same frame, another schema, and a payload
/// that this one cannot read.
fn of_the_next_release(stored: &[u8], version: u64) -> Vec<u8> {
    let payload = b"whatever a later release writes";
    let mut value = format!("V{version:016x}").into_bytes();
    value.extend(&stored[17..75]);
    let schema = u16::from_be_bytes(stored[SCHEMA].try_into().unwrap()) + 1;
    value[SCHEMA].copy_from_slice(&schema.to_be_bytes());
    value.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
    let mut crc = crc32fast::Hasher::new();
    crc.update(&value);
    crc.update(payload);
    value.resize(CHECKSUM.end, 0);
    value[CHECKSUM].copy_from_slice(&crc.finalize().to_be_bytes());
    assert_eq!(value.len(), HEAD);
    value.extend(payload);
    value
}

/// Processes of this release, beside one of the next that is played by this test.
#[tokio::test(flavor = "multi_thread")]
async fn t10_processes_beside_a_newer_release_neither_read_nor_replace_its_values() {
    let Some(cluster) = Cluster::start(2, 1).await else {
        return;
    };
    cluster.warm(&[0, 1]).await;
    let (name, server) = (key(cluster.users[0]), cluster.redis.primary());
    let put = async |bytes: &[u8]| {
        let set: &[&[u8]] = &[b"SET", name.as_bytes(), bytes];
        assert_eq!(redis_addr(server.addr(), set).await.unwrap(), Value::Okay);
    };
    let ours = cluster.stored(0).await.unwrap();
    assert_eq!(head(Some(&ours)), Some(('V', 1)));
    let theirs = of_the_next_release(&ours, 1);

    // It fills again and again; these read the database and leave what it stored alone.
    let mut journal = cluster.journal();
    for _ in 0..20 {
        put(&theirs).await;
        for node in [0, 1] {
            until("its push has arrived", PATIENCE, async || {
                let read = journal.read(node, 0).await;
                assert_eq!(version(&read), Some(1), "{:?}", read.outcome);
                (tier(&read) == Some(Tier::Database)).then_some(())
            })
            .await;
        }
        assert_eq!(cluster.stored(0).await.as_deref(), Some(&theirs[..]));
    }
    let refused = async |label| {
        let name = "roster_redis_payloads_refused_total";
        cluster.metric(0, name, label).await + cluster.metric(1, name, label).await
    };
    assert!(refused("newer_schema").await >= 40);

    // A write of this release ends its value, and is kept as ours.
    assert_eq!(journal.must_write(0, 0).await, 2);
    for node in [0, 1] {
        assert_eq!(version(&hit(&mut journal, node, 0).await), Some(2));
    }
    assert_eq!(head(cluster.stored(0).await.as_deref()), Some(('V', 2)));

    // A write of the other release: row and change log, then its invalidation.
    let mut sql = cluster.database.sql().await;
    let user = cluster.users[0];
    let write = format!(
        "WITH written AS (UPDATE users SET version = version + 1, name = 'value 7'
                          WHERE id = '{user}' RETURNING id, version)
         INSERT INTO user_changes (user_id, version, changed_at) SELECT id, version, now() FROM written"
    );
    in_some_try(async || {
        run(&mut sql, &write).await;
        let written = cluster.database.version(&mut sql, user).await;
        put(format!("T{written:016x}").as_bytes()).await;
        let told = now();
        for node in [0, 1] {
            until("its invalidation is heard", PATIENCE, async || {
                let read = journal.read(node, 0).await;
                (version(&read) == Some(written)).then_some(())
            })
            .await;
        }
        let heard = now() - told;
        for node in [0, 1] {
            assert_eq!(version(&hit(&mut journal, node, 0).await), Some(written));
        }
        kept(heard <= HEARD_WITHIN, format!("heard after {heard:?}"))
    })
    .await;
    for fault in ["torn", "foreign", "unreadable", "older_schema"] {
        assert_eq!(refused(fault).await, 0, "{fault}");
    }
    println!(
        "t10: {} values of the newer release were passed over",
        refused("newer_schema").await
    );
}
