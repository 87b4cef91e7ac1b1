//! Whether a user may act: a second behind the truth at the most, where a store answers.

use std::sync::Arc;

use roster_adapters_memory::MemoryUserCache;
use roster_app::{Freshness, Standing};
use roster_domain::ports::{CacheError, CacheLookup, MockUserRepository, UserRepository as _};
use roster_domain::{ProfilePatch, Timestamp, User, UserVersion};

use crate::support::{
    CountedUsers, PausedClock, cache_mock, coalescing, draft, embedded, id, seen, shared, stamped,
    unavailable, user, value,
};

fn deactivation() -> ProfilePatch {
    ProfilePatch {
        is_active: Some(false),
        ..ProfilePatch::default()
    }
}

fn inactive() -> User {
    User {
        is_active: false,
        ..user(1, 7)
    }
}

#[tokio::test]
async fn alone_with_its_store_a_process_need_not_ask_it() {
    let users = CountedUsers::new();
    let (service, _) = embedded(Arc::clone(&users) as _);
    service.create(draft(1)).await.unwrap();
    assert_eq!(service.standing(id(1)).await, Standing::Good);
    let reads = users.reads();
    for _ in 0..100 {
        assert_eq!(service.standing(id(1)).await, Standing::Good);
    }
    assert_eq!(users.reads(), reads);
    let patch = roster_domain::UserPatch {
        profile: deactivation(),
        ..roster_domain::UserPatch::default()
    };
    service.update(id(1), patch, None).await.unwrap();
    assert_eq!(service.standing(id(1)).await, Standing::Revoked);
    service.delete(id(1), None).await.unwrap();
    assert_eq!(service.standing(id(1)).await, Standing::Revoked);
    assert_eq!(service.standing(id(2)).await, Standing::Revoked);
}

#[tokio::test]
async fn a_row_that_was_just_read_is_not_read_again() {
    let users = CountedUsers::new();
    let (service, _) = coalescing(Arc::clone(&users) as _);
    service.create(draft(1)).await.unwrap();
    let before = users.reads();
    assert_eq!(service.standing(id(1)).await, Standing::Good);
    assert_eq!(users.reads(), before + 1);
}

#[tokio::test]
async fn a_cached_row_that_nothing_proves_is_asked_of_the_primary() {
    let users = CountedUsers::new();
    let cache = Arc::new(MemoryUserCache::new(PausedClock::new()));
    let (service, _) = shared(Arc::clone(&users) as _, cache);
    service.create(draft(1)).await.unwrap();
    service.get(id(1), Freshness::CACHED).await.unwrap();
    assert_eq!(service.standing(id(1)).await, Standing::Good);
    // Somebody else changes the row, and this process has not heard of it.
    users
        .patch(id(1), &deactivation(), None, Timestamp::UNIX_EPOCH)
        .await
        .unwrap();
    assert_eq!(service.standing(id(1)).await, Standing::Revoked);
}

fn absence() -> CacheLookup {
    CacheLookup::Absent {
        floor: UserVersion::NONE,
        seen: seen(b"absence"),
    }
}

#[tokio::test]
async fn a_cached_absence_that_nothing_proves_is_asked_of_the_primary() {
    let users = CountedUsers::new();
    let cache = Arc::new(MemoryUserCache::new(PausedClock::new()));
    let (service, _) = shared(Arc::clone(&users) as _, Arc::clone(&cache) as _);
    assert_eq!(service.standing(id(1)).await, Standing::Revoked);
    // Somebody else makes the user, and this process has not heard of it.
    let (elsewhere, _) = coalescing(Arc::clone(&users) as _);
    elsewhere.create(draft(1)).await.unwrap();
    assert!(service.get(id(1), Freshness::CACHED).await.is_err());
    assert_eq!(service.standing(id(1)).await, Standing::Good);
}

/// A service whose primary is away, and whose shared cache holds this.
async fn with_both_uncertain(held: Result<CacheLookup, CacheError>) -> Standing {
    let mut users = MockUserRepository::new();
    users.expect_find_many().returning(|_| Err(unavailable()));
    let mut cache = cache_mock();
    cache.expect_get_many().returning(move |_, _| match &held {
        Ok(held) => Ok(stamped(vec![held.clone()])),
        Err(_) => Err(CacheError::Unavailable("gone".into())),
    });
    cache
        .expect_acquire_many()
        .returning(|_, _| Err(CacheError::Unavailable("gone".into())));
    let (service, _) = shared(Arc::new(users), Arc::new(cache));
    service.standing(id(1)).await
}

#[tokio::test]
async fn without_the_primary_an_old_row_can_only_speak_against_it() {
    for (held, standing) in [
        (value(user(1, 7)), Standing::Unknown),
        (value(inactive()), Standing::Revoked),
        // It may be from before the user was made.
        (absence(), Standing::Unknown),
    ] {
        assert_eq!(with_both_uncertain(Ok(held)).await, standing);
    }
    let away = CacheError::Unavailable("gone".into());
    assert_eq!(with_both_uncertain(Err(away)).await, Standing::Unknown);
}
