//! Merging, conditions and conflicts of updates.

use std::sync::Arc;

use mockall::Sequence;
use roster_adapters_memory::{MemoryStore, MemoryUsers};
use roster_app::{Freshness, UserError};
use roster_domain::ports::{MockUserRepository, WriteError, Written};
use roster_domain::{Edit, UserPatch, UserVersion};

use crate::support::{cache_mock, draft, embedded, id, renamed, shared, unavailable, user};

fn with_metadata(patch: &str) -> UserPatch {
    UserPatch {
        metadata: Edit::Set(patch.parse().unwrap()),
        ..UserPatch::default()
    }
}

#[tokio::test]
async fn metadata_is_merged_and_can_be_emptied() {
    let (service, _) = embedded(Arc::new(MemoryUsers::new(MemoryStore::default())));
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
    let (service, _) = embedded(Arc::new(MemoryUsers::new(MemoryStore::default())));
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
async fn a_merge_is_tried_three_times_and_then_given_up() {
    let mut users = MockUserRepository::new();
    let mut order = Sequence::new();
    for version in 1..=3 {
        users
            .expect_find_many()
            .once()
            .in_sequence(&mut order)
            .returning(move |_| Ok(vec![user(1, version)]));
        users
            .expect_replace()
            .once()
            .in_sequence(&mut order)
            .withf(move |replacement, _| replacement.expected == UserVersion::new(version))
            .returning(move |_, _| {
                Err(WriteError::VersionMismatch {
                    current: UserVersion::new(version + 1),
                })
            });
    }
    let (service, _) = embedded(Arc::new(users));

    let refusal = service
        .update(id(1), with_metadata(r#"{"a":1}"#), None)
        .await
        .unwrap_err();

    assert!(matches!(refusal, UserError::Contended), "{refusal:?}");
}

#[tokio::test]
async fn a_condition_is_never_retried() {
    let mut users = MockUserRepository::new();
    users
        .expect_find_many()
        .once()
        .returning(|_| Ok(vec![user(1, 4)]));
    users.expect_replace().once().returning(|_, _| {
        Err(WriteError::VersionMismatch {
            current: UserVersion::new(5),
        })
    });
    let (service, _) = embedded(Arc::new(users));

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
async fn a_condition_that_fails_before_the_merge_writes_nothing() {
    let mut users = MockUserRepository::new();
    users
        .expect_find_many()
        .once()
        .returning(|_| Ok(vec![user(1, 4)]));
    let (service, _) = embedded(Arc::new(users));

    let expected = Some(UserVersion::new(3));
    let refusal = service
        .update(id(1), with_metadata(r#"{"a":1}"#), expected)
        .await
        .unwrap_err();

    assert!(
        matches!(refusal, UserError::VersionMismatch { current } if current == UserVersion::new(4))
    );
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
