use std::sync::Arc;

use roster_domain::Invalid;
use roster_domain::ports::SeedBatch;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::SeedPlan;

/// How many users a batch has: large enough that a round trip is nothing beside it, small
/// enough that progress is seen and a failed batch is not much.
const BATCH: u64 = 5_000;
/// How many batches wait for the store, so that neither side waits for the other and the
/// memory stays flat.
const AHEAD: usize = 4;

/// The batches of a plan, in order, made on a thread of its own ahead of whoever takes them.
/// One thread makes users several times as fast as a store takes them. It ends when the
/// receiver is dropped.
pub fn batches(plan: Arc<SeedPlan>) -> mpsc::Receiver<Result<SeedBatch, Invalid>> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    spawn_blocking(move || {
        let mut start = 0;
        while start < plan.users() {
            let end = plan.users().min(start + BATCH);
            let batch = plan.batch(start..end);
            let failed = batch.is_err();
            if sender.blocking_send(batch).is_err() || failed {
                break;
            }
            start = end;
        }
    });
    receiver
}
