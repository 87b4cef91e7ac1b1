//! Hearing of changes. A cache without pushes says so in every reply.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use roster_domain::ports::{CachePush, ConnectionEpoch, InvalidationSink};

use super::{ID, invalidate, store};
use crate::CacheFixture;

pub async fn a_reply_without_a_push_is_not_tracked(fixture: &dyn CacheFixture) {
    let heard = subscribe(fixture);
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

pub async fn a_change_after_a_tracked_reply_is_pushed(fixture: &dyn CacheFixture) {
    let heard = subscribe(fixture);
    store(fixture, 1).await;
    let reply = fixture.cache().get_many(fixture.namespace(), &[ID]).await;
    if reply.unwrap().connection == ConnectionEpoch::UNTRACKED {
        return;
    }
    heard.pushes.lock().unwrap().clear();
    assert!(invalidate(fixture, 2).await);
    // A push comes by itself, and perhaps after the reply of another connection.
    for _ in 0..500 {
        let changed =
            |push: &CachePush| matches!(push, CachePush::Changed(ids) if ids.contains(&ID));
        if heard.pushes.lock().unwrap().iter().any(changed) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("nothing was pushed within a second");
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

fn subscribe(fixture: &dyn CacheFixture) -> Arc<Heard> {
    let heard = Arc::new(Heard::default());
    fixture
        .cache()
        .subscribe(Arc::<Heard>::clone(&heard) as Arc<dyn InvalidationSink>);
    heard
}
