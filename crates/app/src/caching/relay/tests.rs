use mockall::Sequence;
use roster_adapters_memory::{ManualClock, SequentialIds, TokioSpawner};
use roster_domain::ports::{
    CacheMoment, CacheNamespace, MockCacheRelay, MockChangeLog, MockRelayRound, RoundStart,
    Watermark,
};

use super::*;
use crate::caching::near_cache::NearCache;

const RETENTION: Duration = Duration::from_mins(2);

struct Deaf;

impl CacheObserver for Deaf {
    fn observe(&self, _: CacheEvent) {}
}

fn at(secs: u64) -> Timestamp {
    Timestamp::UNIX_EPOCH.plus(Duration::from_secs(secs))
}

fn relay(cache: MockCacheRelay, change_log: MockChangeLog) -> Relay {
    let runtime = Runtime {
        clock: Arc::new(ManualClock::default()),
        ids: Arc::new(SequentialIds::default()),
        tasks: Arc::new(TokioSpawner),
    };
    let change_log: Arc<dyn ChangeLog> = Arc::new(change_log);
    let near = Arc::new(NearCache::counting(Arc::clone(&runtime.clock)));
    Relay {
        cache: Arc::new(cache),
        change_log: Arc::clone(&change_log),
        namespace: Arc::new(Namespace::new(change_log, near, runtime.clone())),
        retention: RETENTION,
        holder: LeaseToken([7; 16]),
        seen: Mutex::default(),
        bell: Arc::default(),
        observer: Arc::new(Deaf),
        runtime,
    }
}

/// A cache whose watermark has this snapshot, and that takes one of `set`, if any.
fn cache(snapshot: Option<u64>, set: Option<(u64, u128)>) -> MockCacheRelay {
    let begun = RoundStart {
        incarnation: Incarnation {
            clock: "clock".to_owned(),
            history: "history".to_owned(),
        },
        watermark: snapshot.map(|snapshot| Watermark {
            clock: "clock".to_owned(),
            at: CacheMoment(1),
            snapshot_at: at(snapshot),
            epoch: 0,
        }),
        now: CacheMoment(2),
    };
    let mut cache = MockCacheRelay::new();
    cache.expect_begin_round().return_once(move |_, _| {
        let mut round = MockRelayRound::new();
        round.expect_begun().return_const(begun);
        round.expect_invalidate_many().returning(|_| Ok(()));
        if let Some((snapshot, epoch)) = set {
            round
                .expect_set_watermark()
                .once()
                .withf(move |snapshot_at, of| (*snapshot_at, *of) == (at(snapshot), epoch))
                .returning(|_, _| Ok(true));
        }
        Ok(Some(Box::new(round)))
    });
    cache
}

/// A change log that is looked at at these moments, and whose epoch is counted up so often.
fn change_log(looks: &'static [u64], raises: u128) -> MockChangeLog {
    let namespace = |epoch| CacheNamespace { database: 1, epoch };
    let mut log = MockChangeLog::new();
    log.expect_namespace().returning(move || Ok(namespace(0)));
    log.expect_acknowledge().returning(|_, _| Ok(()));
    let mut order = Sequence::new();
    for (epoch, look) in (0..).zip(looks) {
        log.expect_pending()
            .once()
            .in_sequence(&mut order)
            .returning(move |_, _| {
                Ok(PendingChanges {
                    at: at(*look),
                    namespace: namespace(epoch),
                    changes: Vec::new(),
                })
            });
        if epoch < raises {
            log.expect_raise_epoch()
                .once()
                .in_sequence(&mut order)
                .withf(move |from, _| *from == epoch)
                .returning(move |from, _| Ok(namespace(from + 1)));
        }
    }
    log
}

#[tokio::test]
async fn a_young_watermark_raises_no_epoch() {
    let relay = relay(
        cache(Some(1_000), Some((1_060, 0))),
        change_log(&[1_060], 0),
    );
    relay.round(None).await.unwrap();
}

#[tokio::test]
async fn a_watermark_older_than_half_the_retention_raises_the_epoch() {
    let relay = relay(
        cache(Some(1_000), Some((1_062, 1))),
        change_log(&[1_061, 1_062], 1),
    );
    relay.round(None).await.unwrap();
}

/// Held up between the raise and its next look, a relay may find rows purged that were written
/// after the raise: a watermark over that gap would vouch for values that lack them.
#[tokio::test]
async fn a_look_too_long_after_a_raise_raises_again() {
    let relay = relay(
        cache(None, Some((1_070, 2))),
        change_log(&[1_000, 1_061, 1_070], 2),
    );
    relay.round(None).await.unwrap();
}

#[tokio::test]
async fn a_round_that_is_held_up_each_time_ends() {
    let relay = relay(cache(None, None), change_log(&[1_000, 1_061, 1_122], 3));
    let ended = relay.round(None).await;
    assert!(matches!(ended, Err(RelayError::Store(_))), "{ended:?}");
}
