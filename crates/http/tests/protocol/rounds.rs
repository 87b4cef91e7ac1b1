//! Many short races of a read and a write through two whole nodes.

use futures::future::join_all;
use roster_domain::UserId;

use crate::support::{Node, is_soak};

/// Keys that are raced for side by side.
const KEYS: usize = 20;

/// One node reads a user a few times while the other writes it; answers the new version.
async fn race(reader: &Node, writer: &Node, id: UserId) -> u64 {
    let reads = async {
        for _ in 0..3 {
            reader.version(id).await;
        }
    };
    let (written, ()) = tokio::join!(writer.write(id), reads);
    written
}

#[tokio::test(flavor = "multi_thread")]
async fn t02_after_quiet_the_reader_answers_the_row() {
    let world = world!();
    let rounds = if is_soak() { 20_000 } else { 2_000 };
    let reader = world.node().await;
    let writer = world.node().await;
    let mut ids = Vec::new();
    for _ in 0..KEYS {
        ids.push(writer.create().await.id);
    }
    let mut kept = 0;
    for _ in 0..rounds / KEYS {
        let raced = ids.iter().map(|id| race(&reader, &writer, *id));
        let written = join_all(raced).await;
        reader.settle().await;
        for (id, written) in ids.iter().zip(written) {
            let near = reader.near_version(*id).await;
            kept += usize::from(near.is_some());
            assert!(
                near.is_none_or(|near| near == written),
                "{near:?} {written}"
            );
            assert_eq!(reader.version(*id).await, Some(written));
        }
    }
    assert!(kept > 0, "nothing was ever kept, so nothing was raced for");
}
