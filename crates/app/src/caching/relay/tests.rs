use mockall::Sequence;
use roster_adapters_memory::{ManualClock, SequentialIds, TokioSpawner};
use roster_domain::UserVersion;
use roster_domain::ports::{
    CacheMoment, CacheNamespace, Invalidation, MockCacheRelay, MockChangeLog, MockRelayRound,
    RoundStart, Watermark,
};

use super::*;
use crate::caching::near_cache::NearCache;
use crate::caching::test_users::id;

const RETENTION: Duration = Duration::from_mins(2);

/// Hears how old the oldest pending change is.
#[derive(Default)]
struct Heard(Mutex<Vec<Option<Duration>>>);

impl CacheObserver for Heard {
    fn observe(&self, event: CacheEvent) {
        if let CacheEvent::RelayLag { lag } = event {
            let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            heard.push(lag);
        }
    }
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
        observer: Arc::new(Heard::default()),
        runtime,
    }
}

fn begun(snapshot: Option<u64>) -> RoundStart {
    RoundStart {
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
    }
}

/// A cache whose watermark has this snapshot, and that takes one of `set`, if any.
fn cache(snapshot: Option<u64>, set: Option<(u64, u128)>) -> MockCacheRelay {
    let begun = begun(snapshot);
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
                    oldest: None,
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

/// A cache that takes no invalidation in the first of its rounds.
fn refusing(rounds: usize) -> MockCacheRelay {
    let mut cache = MockCacheRelay::new();
    let mut begins = 0..;
    cache.expect_begin_round().returning(move |_, _| {
        let refuses = begins.next() < Some(rounds);
        let mut round = MockRelayRound::new();
        round.expect_begun().return_const(begun(Some(1_000)));
        round.expect_invalidate_many().returning(move |_| {
            if refuses {
                return Err(CacheError::TimedOut);
            }
            Ok(())
        });
        round.expect_set_watermark().returning(|_, _| Ok(true));
        Ok(Some(Box::new(round)))
    });
    cache
}

/// A change log that finds so many changes at these moments, of which the oldest is of then.
fn finding(looks: &'static [(u64, usize, u64)]) -> MockChangeLog {
    let namespace = CacheNamespace {
        database: 1,
        epoch: 0,
    };
    let mut log = MockChangeLog::new();
    log.expect_namespace().returning(move || Ok(namespace));
    log.expect_acknowledge().returning(|_, _| Ok(()));
    let mut looks = looks.iter();
    log.expect_pending().returning(move |_, _| {
        let look = looks
            .next()
            .ok_or(StoreError::Unavailable("no more looks".into()))?;
        let (looked_at, changes, oldest) = *look;
        let change = Invalidation {
            id: id(1),
            floor: UserVersion::FIRST,
        };
        Ok(PendingChanges {
            at: at(looked_at),
            namespace,
            changes: vec![change; changes],
            oldest: (changes > 0).then(|| at(oldest)),
        })
    });
    log
}

/// What is not delivered ages from look to look, a further look of a round hides nothing that the
/// first one found, and what is delivered is gone from the next round on.
#[tokio::test]
async fn the_oldest_change_that_a_round_finds_ages_until_it_is_delivered() {
    const FULL: usize = Relay::BATCH as usize;
    let heard = Arc::new(Heard::default());
    let log = finding(&[
        (1_005, 1, 1_002),
        (1_008, 1, 1_002),
        (1_010, FULL, 1_002),
        (1_011, 1, 1_010),
        (1_012, 0, 0),
    ]);
    let relay = Relay {
        observer: Arc::clone(&heard) as _,
        ..relay(refusing(2), log)
    };
    for delivers in [false, false, true, true] {
        assert_eq!(relay.round(None).await.is_ok(), delivers);
    }
    let lags = [3, 6, 8, 8, 0].map(|lag| Some(Duration::from_secs(lag)));
    assert_eq!(*heard.0.lock().unwrap(), lags);
}
