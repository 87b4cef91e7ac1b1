//! Merging, conditions and conflicts of updates.

use std::sync::Arc;

use async_trait::async_trait;
use mockall::Sequence;
use roster_adapters_memory::MemoryStore;
use roster_app::{ActivityService, Answered, Freshness, KeysInUse, NotificationService, UserError};
use roster_domain::ports::{
    KeptAnswer, MockActivityRepository, MockNotificationRepository, MockUserRepository,
    MockUserWrites, Once, Performed, StoreError, UserWrites, Write, WriteError, WriteRefusal,
    Written,
};
use roster_domain::{Edit, Fingerprint, KeySlot, MarkRead, Timestamp, UserPatch, UserVersion};

use crate::support::{
    cache_mock, draft, embedded, embedded_on, embedded_with, id, renamed, runtime, settle, shared,
    shared_with, unavailable, user,
};

fn with_metadata(patch: &str) -> UserPatch {
    UserPatch {
        metadata: Edit::Set(patch.parse().unwrap()),
        ..UserPatch::default()
    }
}

#[tokio::test]
async fn metadata_is_merged_and_can_be_emptied() {
    let service = embedded_on(&MemoryStore::default());
    service.create(draft(1)).await.unwrap();
    service
        .update(id(1), with_metadata(r#"{"a":1,"b":{"c":2}}"#), None)
        .await
        .unwrap();
    let merged = service
        .update(id(1), with_metadata(r#"{"a":null,"b":{"d":3}}"#), None)
        .await
        .unwrap();
    assert_eq!(merged.metadata.as_str(), r#"{"b":{"c":2,"d":3}}"#);
    assert_eq!(merged.version, UserVersion::new(3));

    let unchanged = service
        .update(id(1), with_metadata(r#"{"b":{"c":2}}"#), None)
        .await
        .unwrap();
    assert_eq!(unchanged.version, UserVersion::new(3));

    let patch = UserPatch {
        metadata: Edit::Clear,
        ..UserPatch::default()
    };
    assert!(
        service
            .update(id(1), patch, None)
            .await
            .unwrap()
            .metadata
            .is_empty()
    );
}

#[tokio::test]
async fn metadata_that_would_grow_too_long_is_refused_and_nothing_changes() {
    let service = embedded_on(&MemoryStore::default());
    service.create(draft(1)).await.unwrap();
    let half = format!(r#"{{"a":"{}"}}"#, "x".repeat(9_000));
    service
        .update(id(1), with_metadata(&half), None)
        .await
        .unwrap();

    let refusal = service
        .update(id(1), with_metadata(&half.replace("\"a\"", "\"b\"")), None)
        .await
        .unwrap_err();

    assert!(
        matches!(
            refusal,
            UserError::Invalid {
                member: "metadata",
                ..
            }
        ),
        "{refusal:?}"
    );
    assert_eq!(
        service
            .get(id(1), Freshness::CACHED)
            .await
            .unwrap()
            .user
            .version,
        UserVersion::new(2)
    );
}

#[tokio::test]
async fn a_change_of_other_tables_is_one_write_without_a_read_before_it() {
    let mut writes = MockUserWrites::new();
    writes
        .expect_perform()
        .once()
        .withf(|write, _, once| {
            let expected = Some(UserVersion::new(4));
            matches!(write, Write::Update { expected: given, .. } if *given == expected)
                && once.is_none()
        })
        .returning(|_, _, _| {
            let current = UserVersion::new(5);
            Err(WriteError::VersionMismatch { current }.into())
        });
    let users = Arc::new(MockUserRepository::new());
    let (service, _) = embedded_with(users, Arc::new(writes));

    let expected = Some(UserVersion::new(4));
    let refusal = service
        .update(id(1), with_metadata(r#"{"a":1}"#), expected)
        .await
        .unwrap_err();

    assert!(
        matches!(refusal, UserError::VersionMismatch { current } if current == UserVersion::new(5))
    );
}

#[tokio::test]
async fn a_replay_invalidates_the_user_that_it_speaks_of() {
    let mut writes = MockUserWrites::new();
    writes.expect_perform().once().returning(|_, _, _| {
        Ok(Performed::Replayed(KeptAnswer {
            user: id(7),
            version: Some(UserVersion::new(3)),
            octets: b"kept".to_vec(),
        }))
    });
    let mut cache = cache_mock();
    cache
        .expect_invalidate_many()
        .once()
        .withf(|stale| stale[0].id == id(7) && stale[0].floor == UserVersion::new(3))
        .returning(|_| Ok(vec![true]));
    let (service, _) = shared_with(
        Arc::new(MockUserRepository::new()),
        Arc::new(writes),
        Arc::new(cache),
    );

    // The id of the draft is a new one with every request.
    let answered = service.create_once(draft(1), once()).await.unwrap();

    let Answered::Before(kept) = answered else {
        panic!("done again: {answered:?}");
    };
    assert_eq!(kept.octets, b"kept");
}

#[tokio::test]
async fn a_key_in_use_is_refused_at_once_and_free_when_its_caller_goes_away() {
    let mut writes = MockUserWrites::new();
    let mut order = Sequence::new();
    let asked = |write: &Write| write.user() == id(1);
    writes
        .expect_perform()
        .once()
        .in_sequence(&mut order)
        .withf(move |write, _, _| asked(write))
        .returning(|_, _, _| Ok(Performed::Absent));
    let held = Arc::new(Held {
        inner: writes,
        gate: tokio::sync::Semaphore::new(0),
    });
    let keys = KeysInUse::new(Arc::clone(&held) as Arc<dyn UserWrites>);
    let write = Write::MarkRead {
        user: id(1),
        which: MarkRead::All,
    };
    let perform = || keys.perform(&write, Timestamp::UNIX_EPOCH, Some(once()));
    {
        let first = perform();
        futures::pin_mut!(first);
        assert!(futures::poll!(&mut first).is_pending());
        let second = perform().await;
        assert!(
            matches!(second, Err(WriteRefusal::KeyInProgress)),
            "{second:?}"
        );
        let unkeyed = keys.perform(&write, Timestamp::UNIX_EPOCH, None);
        futures::pin_mut!(unkeyed);
        assert!(futures::poll!(&mut unkeyed).is_pending(), "no key, no rule");
    }
    held.gate.add_permits(1);
    assert_eq!(perform().await.unwrap(), Performed::Absent);
}

/// Its transaction is not left half way, and whoever repeats it finds its answer.
#[tokio::test]
async fn a_keyed_write_to_a_feed_goes_on_when_its_caller_goes_away() {
    let (told, mut done) = tokio::sync::mpsc::unbounded_channel();
    let mut writes = MockUserWrites::new();
    writes
        .expect_perform()
        .times(2)
        .returning(move |write, _, _| {
            told.send(write.user()).unwrap();
            Ok(Performed::Absent)
        });
    let held = Arc::new(Held {
        inner: writes,
        gate: tokio::sync::Semaphore::new(0),
    });
    let writes = || Arc::clone(&held) as Arc<dyn UserWrites>;
    let notifications = Arc::new(MockNotificationRepository::new());
    let notifications = NotificationService::new(notifications, writes(), runtime());
    let activities = Arc::new(MockActivityRepository::new());
    let activities = ActivityService::new(activities, writes(), runtime());
    {
        let marking = notifications.mark_read_once(id(1), MarkRead::All, once());
        let appending = activities.append_once(id(2), Vec::new(), once());
        futures::pin_mut!(marking, appending);
        assert!(futures::poll!(&mut marking).is_pending());
        assert!(futures::poll!(&mut appending).is_pending());
    }
    held.gate.add_permits(1);
    settle().await;
    assert_eq!([done.try_recv(), done.try_recv()], [Ok(id(1)), Ok(id(2))]);
}

/// Writes that wait until they are let go.
struct Held {
    inner: MockUserWrites,
    gate: tokio::sync::Semaphore,
}

#[async_trait]
impl UserWrites for Held {
    async fn perform(
        &self,
        write: &Write,
        at: Timestamp,
        once: Option<Once>,
    ) -> Result<Performed, WriteRefusal> {
        let _open = self.gate.acquire().await.unwrap();
        self.inner.perform(write, at, once).await
    }

    async fn forget_answers(&self, moment: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.inner.forget_answers(moment, limit).await
    }
}

fn once() -> Once {
    Once {
        slot: KeySlot::new([1; 32]),
        request: Fingerprint::new([2; 32]),
        keep: |_, _| b"kept".to_vec(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_may_have_happened_is_followed_by_a_forced_read() {
    let (mut cache, mut users) = (cache_mock(), MockUserRepository::new());
    users
        .expect_patch()
        .once()
        .returning(|_, _, _, _| Err(WriteError::Store(unavailable())));
    users
        .expect_find_many()
        .once()
        .returning(|_| Ok(vec![user(1, 2)]));
    cache.expect_get_many().once().returning(|_, _| {
        Ok(crate::support::stamped(vec![crate::support::value(user(
            1, 1,
        ))]))
    });
    let (told, mut told_floor) = tokio::sync::mpsc::unbounded_channel();
    cache
        .expect_invalidate_many()
        .times(2)
        .returning(move |floors| {
            told.send(floors[0].floor).unwrap();
            Ok(vec![true])
        });
    let (service, _) = shared(Arc::new(users), Arc::new(cache));

    let refusal = service
        .update(id(1), renamed("New"), None)
        .await
        .unwrap_err();

    assert!(matches!(refusal, UserError::Store(_)), "{refusal:?}");
    for _ in 0..2 {
        assert_eq!(told_floor.recv().await, Some(UserVersion::new(2)));
    }
}

/// A store that is away is not asked once for every write that failed meanwhile.
#[tokio::test(start_paused = true)]
async fn writes_of_one_user_that_may_have_happened_share_the_forced_reads() {
    const WRITES: usize = 20;
    let mut users = MockUserRepository::new();
    users
        .expect_patch()
        .times(WRITES)
        .returning(|_, _, _, _| Err(WriteError::Store(unavailable())));
    let (told, mut asked) = tokio::sync::mpsc::unbounded_channel();
    let mut reads = 0;
    users.expect_find_many().times(3).returning(move |ids| {
        told.send(ids.len()).unwrap();
        reads += 1;
        if reads < 3 {
            return Err(unavailable());
        }
        Ok(vec![user(1, 2)])
    });
    let (service, _) = embedded(Arc::new(users));

    for _ in 0..WRITES {
        let refused = service.update(id(1), renamed("New"), None).await;
        assert!(matches!(refused, Err(UserError::Store(_))));
    }

    for _ in 0..3 {
        assert_eq!(asked.recv().await, Some(1));
    }
    // A read more would fail the test.
    tokio::time::sleep(std::time::Duration::from_mins(1)).await;
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_stop_the_invalidation() {
    let (mut cache, mut users) = (cache_mock(), MockUserRepository::new());
    users.expect_patch().once().returning(|_, _, _, _| {
        Ok(Some(Written {
            user: user(1, 2),
            changed: true,
        }))
    });
    let (told, invalidated) = tokio::sync::oneshot::channel();
    let told = std::sync::Mutex::new(Some(told));
    cache.expect_invalidate_many().once().returning(move |_| {
        told.lock().unwrap().take().unwrap().send(()).unwrap();
        Ok(vec![true])
    });
    let (service, _) = shared(Arc::new(users), Arc::new(cache));

    {
        let update = service.update(id(1), renamed("New"), None);
        futures::pin_mut!(update);
        assert!(futures::poll!(&mut update).is_pending());
    }

    invalidated.await.unwrap();
}
