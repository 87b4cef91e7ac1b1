use roster_adapters_memory::{ManualClock, SequentialIds, TokioSpawner};
use roster_domain::Timestamp;
use roster_domain::ports::{
    CacheError, CacheNamespace, Clock as _, ConnectionEpoch, MockChangeLog, MockUserCache,
    MockUserRepository, SeenBytes, Stamped,
};

use super::*;
use crate::batching::MOST_IN_A_BATCH;
use crate::caching::test_users::{id, user};

use Holding::{Absence, Nothing, Version};

const fn version(number: u64) -> Holding {
    Version(UserVersion::new(number))
}

#[test]
fn a_tier_may_hold_what_the_row_was_since_then() {
    let at = |number| Some(UserVersion::new(number));
    for (holding, then, now, expected) in [
        (Nothing, at(3), at(3), true),
        (version(3), at(3), at(3), true),
        (version(2), at(3), at(3), false),
        (version(4), at(3), at(5), true),
        (version(6), at(3), at(5), false),
        (version(3), at(3), None, true),
        (version(2), at(3), None, false),
        (version(3), None, None, false),
        (version(4), None, at(4), true),
        (Absence, at(3), at(3), false),
        (Absence, at(3), at(5), true),
        (Absence, at(3), None, true),
        (Absence, None, None, true),
    ] {
        assert_eq!(
            agrees(holding, then, now),
            expected,
            "{holding:?} {then:?} {now:?}"
        );
    }
}

/// What the tiers and the row hold of the one user, as a test has it.
#[derive(Clone, Copy)]
struct Held {
    /// `None` when it cannot be read.
    shared: Option<Holding>,
    row: Option<u64>,
    /// How often the row was read.
    reads: usize,
}

/// An auditor of one user, with tiers and a row that a test sets, and a clock that it moves.
struct Scene {
    clock: Arc<ManualClock>,
    near: Arc<NearCache>,
    held: Arc<Mutex<Held>>,
    heard: Arc<Heard>,
    auditor: Auditor,
    /// By the clock.
    began: Duration,
}

#[derive(Default)]
struct Heard(Mutex<Vec<(u64, Tier, bool)>>);

impl CacheObserver for Heard {
    fn observe(&self, event: CacheEvent) {
        if let CacheEvent::Audited {
            after,
            tier,
            agrees,
        } = event
        {
            lock(&self.0).push((after.as_secs(), tier, agrees));
        }
    }
}

impl Scene {
    /// The row is at this version, and no tier holds anything.
    fn new(notes: bool, row: Option<u64>) -> Self {
        let clock = Arc::new(ManualClock::default());
        let runtime = Runtime {
            clock: Arc::clone(&clock) as _,
            ids: Arc::new(SequentialIds::default()),
            tasks: Arc::new(TokioSpawner),
        };
        let near = Arc::new(NearCache::tracked(1 << 20, Arc::clone(&runtime.clock)));
        near.connected(ConnectionEpoch(1));
        let held = Arc::new(Mutex::new(Held {
            shared: Some(Nothing),
            row,
            reads: 0,
        }));
        let users = Users(Arc::new(rows(Arc::clone(&held))));
        let mut change_log = MockChangeLog::new();
        change_log.expect_namespace().returning(|| {
            Ok(CacheNamespace {
                database: 1,
                epoch: 2,
            })
        });
        let namespace = Namespace::new(Arc::new(change_log), Arc::clone(&near), runtime.clone());
        let heard = Arc::new(Heard::default());
        let auditor = Auditor::new(
            notes,
            Arc::new(Batched::new(users, 1, MOST_IN_A_BATCH, runtime.clone())),
            Arc::new(shared(Arc::clone(&held))),
            Arc::new(namespace),
            Arc::clone(&near),
            Arc::clone(&heard) as _,
            runtime,
        );
        Self {
            began: clock.monotonic(),
            clock,
            near,
            held,
            heard,
            auditor,
        }
    }

    fn set_row(&self, version: Option<u64>) {
        lock(&self.held).row = version;
    }

    fn set(&self, tier: Tier, holding: Holding) {
        if tier == Tier::L2 {
            lock(&self.held).shared = Some(holding);
            return;
        }
        self.near.changed(id(1));
        let content = match holding {
            Nothing => return,
            Absence => Kept::Absent {
                floor: UserVersion::NONE,
            },
            Version(version) => Kept::User(user(1, version.get())),
        };
        let (ticket, ttl) = (self.near.ticket(id(1)), Duration::from_mins(1));
        let kept = self
            .near
            .insert(id(1), ticket, ConnectionEpoch(1), content, ttl);
        assert!(kept);
    }

    /// The user changes and is noted.
    async fn changed(&self) {
        self.auditor.note(id(1));
        assert_eq!(self.looks().await, []);
    }

    /// A round; what it found.
    async fn looks(&self) -> Vec<(u64, Tier, bool)> {
        self.auditor.round().await.unwrap();
        std::mem::take(&mut *lock(&self.heard.0))
    }

    /// Moves the clock to this long after the change and looks.
    async fn looks_at(&self, after: Duration) -> Vec<(u64, Tier, bool)> {
        let due = self.began + after;
        self.clock
            .advance(due.saturating_sub(self.clock.monotonic()));
        self.looks().await
    }
}

fn rows(held: Arc<Mutex<Held>>) -> MockUserRepository {
    let mut users = MockUserRepository::new();
    users.expect_find_many().returning(move |_| {
        let mut held = lock(&held);
        held.reads += 1;
        let found = held.row.map(|version| (*user(1, version)).clone());
        Ok(found.into_iter().collect())
    });
    users
}

fn shared(held: Arc<Mutex<Held>>) -> MockUserCache {
    let seen = || SeenBytes((*b"value").into());
    let mut cache = MockUserCache::new();
    cache.expect_get_many().returning(move |_, _| {
        let found = match lock(&held).shared.ok_or(CacheError::TimedOut)? {
            Nothing => CacheLookup::Floor {
                floor: UserVersion::new(9),
                unusable: None,
            },
            Absence => CacheLookup::Absent {
                floor: UserVersion::NONE,
                seen: seen(),
            },
            Version(version) => CacheLookup::Value {
                user: user(1, version.get()),
                expires_at: Timestamp::UNIX_EPOCH,
                seen: seen(),
            },
        };
        Ok(Stamped {
            connection: ConnectionEpoch(1),
            reply: vec![found],
        })
    });
    cache
}

/// What a horizon is expected to find in either tier.
fn found(after: Duration, l1: bool, l2: bool) -> [(u64, Tier, bool); 2] {
    let after = after.as_secs();
    [(after, Tier::L1, l1), (after, Tier::L2, l2)]
}

/// A lie in either tier, at one of the horizons, is found there and nowhere else, and not before.
#[tokio::test]
async fn each_horizon_looks_at_each_tier_when_it_is_due() {
    const JUST_BEFORE: Duration = Duration::from_millis(1);
    for lies_at in HORIZONS {
        for (l1, l2) in [(true, true), (false, true), (true, false), (false, false)] {
            let scene = Scene::new(true, Some(2));
            scene.changed().await;
            for after in HORIZONS {
                let holds = |is_true: bool| version(if is_true { 2 } else { 1 });
                let (l1, l2) = if after == lies_at {
                    (l1, l2)
                } else {
                    (true, true)
                };
                scene.set(Tier::L1, holds(l1));
                scene.set(Tier::L2, holds(l2));
                assert_eq!(scene.looks_at(after.saturating_sub(JUST_BEFORE)).await, []);
                assert_eq!(scene.looks_at(after).await, found(after, l1, l2));
                assert_eq!(scene.looks().await, [], "a change is looked at once");
            }
        }
    }
}

#[tokio::test]
async fn tiers_that_hold_nothing_agree_at_every_horizon() {
    let scene = Scene::new(true, Some(2));
    scene.changed().await;
    for after in HORIZONS {
        assert_eq!(scene.looks_at(after).await, found(after, true, true));
    }
}

/// What a tier holds of a user whose row went from one version to another after the change was
/// noted, and whether that is no lie, in either tier and at every horizon.
async fn expect(then: Option<u64>, now: Option<u64>, cases: &[(Holding, bool)]) {
    for (holding, agrees) in cases {
        for tier in [Tier::L1, Tier::L2] {
            let scene = Scene::new(true, then);
            scene.changed().await;
            scene.set_row(now);
            for after in HORIZONS {
                scene.set(tier, *holding);
                let (l1, l2) = match tier {
                    Tier::L1 => (*agrees, true),
                    _ => (true, *agrees),
                };
                let looked = scene.looks_at(after).await;
                assert_eq!(looked, found(after, l1, l2), "{holding:?} in {tier:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_row_that_changed_meanwhile_makes_no_lie_of_what_it_was() {
    let (stale, unreached) = (version(1), version(6));
    let past = [(stale, false), (version(2), true), (version(4), true)];
    let cases = [(version(5), true), (unreached, false), (Absence, true)];
    expect(Some(2), Some(5), &[past, cases].concat()).await;
}

#[tokio::test]
async fn a_user_who_is_gone_again_may_be_held_as_the_row_was_and_not_as_before() {
    let cases = [(version(1), false), (version(2), true), (Absence, true)];
    expect(Some(2), None, &cases).await;
}

#[tokio::test]
async fn a_user_who_was_gone_at_the_change_is_held_by_nobody_afterwards() {
    expect(None, None, &[(version(1), false), (Absence, true)]).await;
}

#[tokio::test]
async fn a_user_who_is_there_is_absent_nowhere() {
    expect(Some(2), Some(2), &[(Absence, false), (version(3), false)]).await;
}

/// It is no disagreement, and no agreement either.
#[tokio::test]
async fn what_cannot_be_read_is_not_counted() {
    let scene = Scene::new(true, Some(2));
    scene.changed().await;
    scene.set(Tier::L1, version(1));
    lock(&scene.held).shared = None;
    assert_eq!(scene.looks_at(HORIZONS[0]).await, []);
    lock(&scene.held).shared = Some(version(2));
    let (after, lies) = (HORIZONS[1], found(HORIZONS[1], false, true));
    assert_eq!(scene.looks_at(after).await, lies);
}

#[tokio::test]
async fn ten_changes_a_second_are_noted_at_the_most() {
    let scene = Scene::new(true, Some(2));
    for _ in 0..30 {
        scene.auditor.note(id(1));
        scene.clock.advance(Duration::from_millis(50));
    }
    assert_eq!(scene.looks().await, []);
    let noted = lock(&scene.auditor.samples)[0].len();
    assert_eq!(noted, 15);
}

#[tokio::test]
async fn one_that_notes_nothing_makes_no_query() {
    let scene = Scene::new(false, Some(2));
    scene.changed().await;
    scene.set(Tier::L1, version(1));
    for after in HORIZONS {
        assert_eq!(scene.looks_at(after).await, []);
    }
    assert_eq!(lock(&scene.held).reads, 0);
}
