//! Pushes: what the process may keep, and how it hears that it must not any more.
//!
//! A cache without pushes says so in every reply, and then most cases say nothing.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use roster_domain::ports::{
    AcquireRequest, Acquired, CachePush, ConnectionEpoch, FillOutcome, FillRequest, Invalidation,
    InvalidationSink,
};

use super::{ID, TTL, acquire, invalidate, lease, served, store, user, value};
use crate::CacheFixture;
use crate::samples::version;

pub async fn a_reply_without_a_push_is_not_tracked(fixture: &dyn CacheFixture) {
    let heard = Heard::of(fixture);
    store(fixture, 1).await;
    let reply = fixture.cache().get_many(fixture.namespace(), &[ID]).await;
    let connection = reply.unwrap().connection;
    if connection == ConnectionEpoch::UNTRACKED {
        assert_eq!(*heard.pushes.lock().unwrap(), []);
    } else {
        let connected = CachePush::Connected(connection);
        assert!(heard.pushes.lock().unwrap().contains(&connected));
    }
}

pub async fn an_acquisition_is_stamped_as_a_look_up_is(fixture: &dyn CacheFixture) {
    let _heard = Heard::of(fixture);
    let (cache, namespace) = (fixture.cache(), fixture.namespace());
    let found = cache.get_many(namespace, &[ID]).await.unwrap();
    let request = AcquireRequest {
        lease: lease(ID, 1),
        hold_for: TTL,
        unusable: None,
        likely_absent: false,
    };
    let acquired = cache.acquire_many(namespace, &[request]).await.unwrap();
    assert_eq!(acquired.connection, found.connection);
}

pub async fn a_change_after_a_tracked_reply_is_pushed(fixture: &dyn CacheFixture) {
    let heard = Heard::of(fixture);
    store(fixture, 1).await;
    if heard.is_tracked(fixture).await {
        assert!(invalidate(fixture, 2).await);
        heard.assert_pushed().await;
    }
}

pub async fn a_change_by_another_connection_is_pushed(fixture: &dyn CacheFixture) {
    let heard = Heard::of(fixture);
    store(fixture, 1).await;
    if heard.is_tracked(fixture).await {
        invalidate_elsewhere(fixture, 2).await;
        heard.assert_pushed().await;
    }
}

pub async fn a_key_that_was_read_again_is_pushed_again(fixture: &dyn CacheFixture) {
    let heard = Heard::of(fixture);
    store(fixture, 1).await;
    for floor in 2..5 {
        if heard.is_tracked(fixture).await {
            invalidate_elsewhere(fixture, floor).await;
            heard.assert_pushed().await;
        }
    }
}

pub async fn a_waiter_hears_of_the_fill(fixture: &dyn CacheFixture) {
    let heard = Heard::of(fixture);
    let (elsewhere, namespace) = (fixture.elsewhere().await, fixture.namespace());
    let request = AcquireRequest {
        lease: lease(ID, 1),
        hold_for: TTL,
        unusable: None,
        likely_absent: false,
    };
    let granted = elsewhere.acquire_many(namespace, &[request]).await;
    assert!(matches!(
        granted.unwrap().reply[..],
        [Acquired::Granted { .. }]
    ));
    if !heard.is_tracked(fixture).await {
        return;
    }
    // Whatever was read before was pushed by this.
    invalidate_elsewhere(fixture, 1).await;
    heard.assert_pushed().await;
    let request = AcquireRequest {
        lease: lease(ID, 1),
        hold_for: TTL,
        unusable: None,
        likely_absent: false,
    };
    elsewhere.acquire_many(namespace, &[request]).await.unwrap();
    let waiting = acquire(fixture, 2).await;
    assert!(matches!(waiting, Acquired::Wait { .. }), "{waiting:?}");
    heard.forget();
    let fill = FillRequest {
        lease: lease(ID, 1),
        filling: value(1),
        ttl: TTL,
    };
    let filled = elsewhere.fill_many(namespace, &[fill]).await.unwrap();
    assert_eq!(filled, [FillOutcome::Stored]);
    heard.assert_pushed().await;
}

pub async fn a_value_found_instead_of_a_lease_is_tracked(fixture: &dyn CacheFixture) {
    let heard = Heard::of(fixture);
    store(fixture, 1).await;
    if !heard.is_tracked(fixture).await {
        return;
    }
    store_elsewhere(fixture, 2).await;
    heard.assert_pushed().await;
    let found = acquire(fixture, 1).await;
    assert!(matches!(found, Acquired::Found(_)), "{found:?}");
    heard.forget();
    invalidate_elsewhere(fixture, 3).await;
    heard.assert_pushed().await;
}

pub async fn an_eviction_is_pushed(fixture: &dyn CacheFixture) {
    let heard = Heard::of(fixture);
    store(fixture, 1).await;
    if heard.is_tracked(fixture).await {
        fixture.cache().evict_many(&[ID]).await.unwrap();
        heard.assert_pushed().await;
    }
}

pub async fn a_reply_comes_after_the_pushes_of_what_it_knows(fixture: &dyn CacheFixture) {
    let heard = Heard::of(fixture);
    store(fixture, 1).await;
    for version in 2..20 {
        if !heard.is_tracked(fixture).await {
            return;
        }
        store_elsewhere(fixture, version).await;
        let reply = fixture.cache().get_many(fixture.namespace(), &[ID]).await;
        // At once: nothing ran since the reply that could have brought the push.
        let pushed = heard.is_pushed();
        assert!(pushed, "a reply of version {version} overtook its push");
        let reply = reply.unwrap().reply;
        assert_eq!(served(&reply[0]), Some(user(version)));
    }
}

async fn invalidate_elsewhere(fixture: &dyn CacheFixture, floor: u64) {
    let invalidation = Invalidation {
        id: ID,
        floor: version(floor),
    };
    let elsewhere = fixture.elsewhere().await;
    let changed = elsewhere.invalidate_many(&[invalidation]).await;
    assert_eq!(changed.unwrap(), [true]);
}

async fn store_elsewhere(fixture: &dyn CacheFixture, version: u64) {
    invalidate_elsewhere(fixture, version).await;
    let (elsewhere, namespace) = (fixture.elsewhere().await, fixture.namespace());
    let request = AcquireRequest {
        lease: lease(ID, 8),
        hold_for: TTL,
        unusable: None,
        likely_absent: false,
    };
    elsewhere.acquire_many(namespace, &[request]).await.unwrap();
    let fill = FillRequest {
        lease: lease(ID, 8),
        filling: value(version),
        ttl: TTL,
    };
    let filled = elsewhere.fill_many(namespace, &[fill]).await.unwrap();
    assert_eq!(filled, [FillOutcome::Stored]);
}

#[derive(Default)]
struct Heard {
    pushes: Mutex<Vec<CachePush>>,
}

impl InvalidationSink for Heard {
    fn push(&self, push: CachePush) {
        self.pushes.lock().unwrap().push(push);
    }
}

impl Heard {
    fn of(fixture: &dyn CacheFixture) -> Arc<Self> {
        let heard = Arc::new(Self::default());
        fixture
            .cache()
            .subscribe(Arc::<Self>::clone(&heard) as Arc<dyn InvalidationSink>);
        heard
    }

    /// Reads [`ID`], and forgets what was heard until then; false without pushes.
    async fn is_tracked(&self, fixture: &dyn CacheFixture) -> bool {
        let reply = fixture.cache().get_many(fixture.namespace(), &[ID]).await;
        self.forget();
        reply.unwrap().connection != ConnectionEpoch::UNTRACKED
    }

    fn forget(&self) {
        self.pushes.lock().unwrap().clear();
    }

    fn is_pushed(&self) -> bool {
        let changed =
            |push: &CachePush| matches!(push, CachePush::Changed(ids) if ids.contains(&ID));
        self.pushes.lock().unwrap().iter().any(changed)
    }

    /// A push comes by itself, and perhaps after the reply of another connection.
    async fn assert_pushed(&self) {
        for _ in 0..500 {
            if self.is_pushed() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("nothing was pushed within a second");
    }
}
