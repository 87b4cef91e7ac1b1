use std::sync::OnceLock;

use roster_adapters_memory::{ManualClock, SequentialIds, TokioSpawner};
use roster_domain::ports::{ConnectionEpoch, MockUserCache};

use super::*;
use crate::caching::near_cache::Kept;
use crate::caching::test_users::{id, user};

struct Deaf;

impl CacheObserver for Deaf {
    fn observe(&self, _: CacheEvent) {}
}

/// The cache may have answered it with the old value before it took the invalidation, and
/// once the floor is gone nothing else refuses that.
#[tokio::test]
async fn what_was_asked_for_while_an_invalidation_was_on_its_way_is_not_kept() {
    let runtime = Runtime {
        clock: Arc::new(ManualClock::default()),
        ids: Arc::new(SequentialIds::default()),
        tasks: Arc::new(TokioSpawner),
    };
    let connection = ConnectionEpoch(1);
    let near = Arc::new(NearCache::tracked(1 << 20, Arc::clone(&runtime.clock)));
    near.connected(connection);
    let asked_meanwhile = Arc::new(OnceLock::new());
    let mut shared = MockUserCache::new();
    shared.expect_invalidate_many().once().returning({
        let (near, asked) = (Arc::clone(&near), Arc::clone(&asked_meanwhile));
        move |_| {
            asked.set(near.ticket(id(1))).unwrap();
            Ok(vec![true])
        }
    });
    let invalidator = Arc::new(Invalidator {
        near: Arc::clone(&near),
        shared: Some(Arc::new(shared)),
        pending: Arc::default(),
        limit: Duration::from_millis(20),
        retention: Duration::from_mins(2),
        bell: Arc::default(),
        auditor: None,
        observer: Arc::new(Deaf),
        runtime,
        redelivering: AtomicBool::new(false),
    });

    invalidator.invalidate(id(1), UserVersion::new(2)).await;

    let keep = |ticket| {
        let old = Kept::User(user(1, 1));
        near.insert(id(1), ticket, connection, old, Duration::from_secs(1))
    };
    assert!(!keep(*asked_meanwhile.get().unwrap()));
    assert!(keep(near.ticket(id(1))));
}
